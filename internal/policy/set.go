package policy

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/soffiah/habeas/internal/strictyaml"
)

// Errors on which callers decide.
var (
	// ErrNotInForce: no version of the policy was in force at the time asked for.
	ErrNotInForce = errors.New("no version of the policy was in force")
	// ErrNoVersion: the set has no version of that name. Versions under which
	// requests are still open must stay in the configuration.
	ErrNoVersion = errors.New("there is no such version of the policy; restore its file to the configuration")
)

// Set is all versions of one policy, oldest first. It cannot be changed.
type Set struct {
	versions []*Policy
}

// LoadSet reads the files of all versions. The error is [strictyaml.Problems]
// with everything that is wrong in any of them.
func LoadSet(files []string) (*Set, error) {
	var problems strictyaml.Problems
	var versions []*Policy
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			problems = append(problems, strictyaml.Problem{File: name, Text: "cannot be read", Hint: fileHint(err)})
			continue
		}
		p, err := Parse(name, data)
		var wrong strictyaml.Problems
		switch {
		case errors.As(err, &wrong):
			problems = append(problems, wrong...)
		case err != nil:
			return nil, fmt.Errorf("reading the policy %s: %w", name, err)
		default:
			versions = append(versions, p)
		}
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return NewSet(versions...)
}

// NewSet puts versions of one policy together. They must share its name, and
// differ in version and in the day from which they are in force.
func NewSet(versions ...*Policy) (*Set, error) {
	if len(versions) == 0 {
		return nil, errors.New("there is no policy: name at least one file under policies")
	}
	sorted := slices.Clone(versions)
	slices.SortStableFunc(sorted, func(a, b *Policy) int { return a.EffectiveFrom().Compare(b.EffectiveFrom()) })
	byVersion := map[string]bool{}
	for i, p := range sorted {
		switch {
		case p.ID() != sorted[0].ID():
			return nil, fmt.Errorf("the files hold two policies, %q and %q: an installation serves one", sorted[0].ID(), p.ID())
		case byVersion[p.Version()]:
			return nil, fmt.Errorf("version %q of the policy is given twice", p.Version())
		case i > 0 && p.EffectiveFrom().Equal(sorted[i-1].EffectiveFrom()):
			return nil, fmt.Errorf("versions %q and %q of the policy are in force from the same day", sorted[i-1].Version(), p.Version())
		}
		byVersion[p.Version()] = true
	}
	return &Set{sorted}, nil
}

// At returns the version in force at t, or [ErrNotInForce].
func (s *Set) At(t time.Time) (*Policy, error) {
	for _, p := range slices.Backward(s.versions) {
		if !t.Before(p.EffectiveFrom()) {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%w at %s: the first is in force from %s", ErrNotInForce, t.Format(time.RFC3339), s.versions[0].doc.EffectiveFrom)
}

// Version returns the version of the given name, or [ErrNoVersion].
func (s *Set) Version(version string) (*Policy, error) {
	for _, p := range s.versions {
		if p.Version() == version {
			return p, nil
		}
	}
	return nil, fmt.Errorf("version %q: %w", version, ErrNoVersion)
}

// Versions returns all versions, oldest first.
func (s *Set) Versions() []*Policy { return slices.Clone(s.versions) }

func fileHint(err error) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, os.ErrPermission):
		return "give the user of this process the right to read it"
	}
	return ""
}
