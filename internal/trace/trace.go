// Package trace finds the data of one person: it follows the data map from
// what is known of the person through the data stores, and says for each
// collection which rows are meant.
//
// What it returns are values, never queries that depend on other rows: once
// found, the targets of one store stay right while another store is erased.
// All values are text, so that a target survives being stored as JSON whatever
// the type of its field; a store turns them into the type of its own column.
package trace

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// Failures on which a caller decides. A person has to mend the configuration;
// trying again does not help.
var (
	// ErrNoStore: the map names a dataset for which no data store is configured.
	ErrNoStore = errors.New("no data store is configured for a dataset of the data map")
	// ErrNoRule: the map names a retention rule that the policy does not have.
	ErrNoRule = errors.New("the policy does not have a retention rule that the data map names")
)

// UnreachableError names collections that hold personal data, or are to be erased,
// and to which no identity at all leads. Their rows could never be found.
type UnreachableError struct {
	Collections []datamap.Address
}

// Error names the collections.
func (e *UnreachableError) Error() string {
	return "no identity leads to " + names(e.Collections) +
		": give a field of each an identity or a reference, or set erasure: leave or skip_processing"
}

// BlockedError names collections of which the map says that they come before
// everything that leads to them, so that their rows could never be found.
type BlockedError struct {
	Collections []datamap.Address
}

// Error names the collections.
func (e *BlockedError) Error() string {
	return "what leads to " + names(e.Collections) + " comes later by the \"after\" of the data map: remove that"
}

// names lists addresses.
func names(all []datamap.Address) string {
	texts := make([]string, len(all))
	for i, a := range all {
		texts[i] = a.String()
	}
	return strings.Join(texts, ", ")
}

// Rules gives the retention rules of a policy.
type Rules interface {
	// Keep returns the rule of that id; its From is not used.
	Keep(ruleID string) (store.Keep, bool)
}

// findBatch is how many values one call of Find is given at most.
const findBatch = 10_000

// Subject is what is known of the data subject whose data is to be found. It is
// personal data.
type Subject struct {
	// Identities are the values by identity key: every row that bears one of them
	// is taken for the subject's.
	Identities map[string][]string
	// Account, if not nil, is the one account that is meant: of its collection no
	// other row is, whatever values they have in common.
	Account *Account
	// Shared are the identity keys whose values others bear too. Rows that only they
	// lead to are counted and left, for a person to look at.
	Shared []string
}

// Account names one account by its collection and primary key.
type Account struct {
	Address datamap.Address
	Key     map[string]string
}

// Trace returns one target for each collection of the map, in an order in which
// each comes after those that led to it. stores are the data stores by dataset key.
//
// A collection with nothing to match has a target without matches. Those that
// other identity keys would have led to are among them; [datamap.Map.Route]
// tells which and why.
func Trace(ctx context.Context, m *datamap.Map, stores map[string]store.Store, rules Rules, subject Subject) ([]store.Target, error) {
	if err := m.Complete(); err != nil {
		return nil, fmt.Errorf("tracing over an incomplete data map: %w", err)
	}
	route := m.Route(known(subject.Identities))
	if err := reachable(route); err != nil {
		return nil, err
	}
	t := tracer{
		stores: stores, rules: rules, subject: subject, found: map[datamap.Point]*set{},
		joined: map[datamap.Address][][]datamap.Edge{}, tuples: map[string]*tuples{}, targets: map[datamap.Address]store.Target{}, followed: map[datamap.Edge]bool{},
		broken: map[datamap.Address][]datamap.Edge{}, shortest: map[datamap.Address]way{}, holders: holders(m),
	}
	for _, e := range route.Broken {
		t.broken[e.To.Address] = append(t.broken[e.To.Address], e)
	}
	for _, step := range route.Steps {
		for _, e := range step.Incoming {
			t.followed[e] = true
		}
		for _, group := range step.Joined {
			t.joined[group[0].From.Address] = append(t.joined[group[0].From.Address], group)
		}
	}
	targets := make([]store.Target, 0, len(route.Steps)+len(route.Unreached))
	for _, step := range route.Steps {
		target, err := t.target(step)
		if err != nil {
			return nil, err
		}
		if err := t.share(ctx, m, step, &target); err != nil {
			return nil, err
		}
		t.targets[target.Address] = target
		if err := t.read(ctx, step, target); err != nil {
			return nil, err
		}
		targets = append(targets, target)
	}
	for _, u := range route.Unreached {
		target, err := t.target(datamap.Step{Collection: u.Collection})
		if err != nil {
			return nil, err
		}
		target.Reached.Needs = u.Identities
		targets = append(targets, target)
	}
	return targets, nil
}

// known returns the keys of the identities that have a value, sorted.
func known(identities map[string][]string) []string {
	var keys []string
	for key, values := range identities {
		if slices.ContainsFunc(values, func(v string) bool { return strings.TrimSpace(v) != "" }) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// reachable fails for collections that matter and that no identity leads to, or
// not in time.
func reachable(route datamap.Route) error {
	var lost []datamap.Address
	for _, u := range route.Unreached {
		if len(u.Identities) == 0 && u.Collection.Treatment != dsr.Leave {
			lost = append(lost, u.Collection.Address())
		}
	}
	if len(lost) > 0 {
		return &UnreachableError{lost}
	}
	if len(route.Blocked) > 0 {
		blocked := make([]datamap.Address, len(route.Blocked))
		for i, c := range route.Blocked {
			blocked[i] = c.Address()
		}
		return &BlockedError{blocked}
	}
	return nil
}

// tracer is one walk through the stores.
type tracer struct {
	stores  map[string]store.Store
	rules   Rules
	subject Subject
	// found are the values read so far, by the field they were read from.
	found map[datamap.Point]*set
	// joined are the edges that hold only together, by the collection they leave;
	// tuples the values read for them so far.
	joined map[datamap.Address][][]datamap.Edge
	tuples map[string]*tuples
	// followed are the edges of the route.
	followed map[datamap.Edge]bool
	// holders are the fields at the other ends of references.
	holders map[datamap.Point][]datamap.Point
	// targets are those made so far.
	targets map[datamap.Address]store.Target
	// broken are the edges that are not followed, by the collection they lead to.
	broken map[datamap.Address][]datamap.Edge
	// shortest is the shortest way to each collection reached so far.
	shortest map[datamap.Address]way
}

// target says which rows of a step's collection are meant.
func (t *tracer) target(step datamap.Step) (store.Target, error) {
	c := step.Collection
	target := store.Target{Collection: c, Address: c.Address(), Treatment: c.Treatment}
	if t.stores[c.Dataset.Key] == nil {
		return target, fmt.Errorf("planning %s: %w: add a store for the dataset %s", c.Address(), ErrNoStore, c.Dataset.Key)
	}
	if rule, from, ground, kept := c.Kept(); kept {
		keep, ok := t.rules.Keep(rule)
		if !ok {
			return target, fmt.Errorf("planning %s: %w: %s", c.Address(), ErrNoRule, rule)
		}
		if keep.From = from; ground.Basis != "" {
			keep.Basis = ground.String()
		}
		target.Keep = &keep
	}
	if t.isAccount(c) {
		target.Matches = t.subject.Account.matches()
		for _, m := range target.Matches {
			t.led(&target, link(c, fieldsOf(m), "the account"), nil)
		}
		return target, nil
	}
	target.Reached.Cut = t.cut(step)
	var shared []string
	for _, f := range c.Fields {
		var values set
		for _, seed := range step.Seeds {
			if seed != f {
				continue
			}
			if slices.Contains(t.subject.Shared, f.Identity) {
				shared = append(shared, seeded(c, f)+": another account has the value too")
				continue
			}
			if values.addAll(f, variants(f.Identity, t.subject.Identities[f.Identity]...)) {
				t.led(&target, seeded(c, f), nil)
			}
		}
		for _, e := range step.Incoming {
			if from := t.found[e.From]; e.To.Field == f.Name && from != nil && values.addAll(f, from.order) {
				t.led(&target, edges(c, e), &e.From.Address)
			}
		}
		if len(values.order) > 0 {
			target.Matches = append(target.Matches, match(f, values))
		}
	}
	for _, group := range step.Joined {
		if matches := t.together(c, group); len(matches) > 0 {
			target.Matches = append(target.Matches, matches...)
			t.led(&target, edges(c, group...), &group[0].From.Address)
		}
	}
	if len(shared) > 0 && len(target.Matches) == 0 {
		return t.leave(target, step), nil
	}
	target.Reached.Cut = append(target.Reached.Cut, shared...)
	if c.Rows == datamap.Shared && c.Spared() {
		// Other people's too, says the map: not to be destroyed for one of them.
		target.Treatment, target.Keep, target.Left = dsr.Leave, nil, dsr.SharedRows
	}
	return target, nil
}

// isAccount reports whether c is the collection of the account that is meant.
func (t *tracer) isAccount(c *datamap.Collection) bool {
	return t.subject.Account != nil && t.subject.Account.Address == c.Address() && len(t.subject.Account.Key) > 0
}

// matches means the row of the account and no other.
func (a Account) matches() []store.Match {
	var parts []store.Match
	for _, field := range slices.Sorted(maps.Keys(a.Key)) {
		parts = append(parts, store.Match{Field: field, Values: []any{a.Key[field]}})
	}
	if len(parts) > 1 {
		return []store.Match{{All: parts}}
	}
	return parts
}

// leave makes a target of rows that only shared values lead to: they may be
// somebody else's, so that they are counted and left.
func (t *tracer) leave(target store.Target, step datamap.Step) store.Target {
	target.Treatment, target.Keep, target.Left = dsr.Leave, nil, dsr.SharedIdentity
	for _, f := range step.Seeds {
		var values set
		if values.addAll(f, variants(f.Identity, t.subject.Identities[f.Identity]...)) {
			target.Matches = append(target.Matches, match(f, values))
			t.led(&target, seeded(step.Collection, f), nil)
		}
	}
	return target
}

// read asks the store for the fields of the meant rows that lead on.
func (t *tracer) read(ctx context.Context, step datamap.Step, target store.Target) error {
	if len(step.Leads) == 0 || target.Left != "" {
		// What refers to rows that are others' too is others' too.
		return nil
	}
	s := t.stores[step.Collection.Dataset.Key]
	for _, part := range batches(target) {
		err := s.Find(ctx, part, step.Leads, func(row store.Row) error {
			for _, name := range step.Leads {
				p := datamap.Point{Address: target.Address, Field: name}
				if t.found[p] == nil {
					t.found[p] = &set{}
				}
				t.found[p].addAll(nil, texts(row[name]))
			}
			t.join(target.Address, row)
			return nil
		})
		if err != nil {
			return fmt.Errorf("finding rows of %s: %w", target.Address, err)
		}
	}
	return nil
}

// batches splits a target with many values into several. A row may be meant by
// more than one of them.
func batches(target store.Target) []store.Target {
	total := 0
	for _, m := range target.Matches {
		total += len(m.Values)
		for _, part := range m.All {
			total += len(part.Values)
		}
	}
	if total == 0 {
		return nil
	}
	if total <= findBatch {
		return []store.Target{target}
	}
	var parts []store.Target
	for _, m := range target.Matches {
		for some := range chunks(m) {
			part := target
			part.Matches = []store.Match{some}
			parts = append(parts, part)
		}
	}
	return parts
}

// chunks yields matches of at most so many values that together mean what m does.
func chunks(m store.Match) iter.Seq[store.Match] {
	return func(yield func(store.Match) bool) {
		values := m.Values
		last := len(m.All) - 1
		if last >= 0 {
			values = m.All[last].Values
		}
		for some := range slices.Chunk(values, findBatch) {
			part := m
			if last >= 0 {
				part.All = slices.Clone(m.All)
				part.All[last].Values = some
			} else {
				part.Values = some
			}
			if !yield(part) {
				return
			}
		}
	}
}

// Bind gives targets that were kept as JSON their collections back. It fails
// with [store.ErrSchema] if the map no longer has one of them.
func Bind(m *datamap.Map, targets []store.Target) error {
	for i, t := range targets {
		c, ok := m.Lookup(t.Address)
		if !ok {
			return fmt.Errorf("binding a target: %w: the data map has no collection %s any more", store.ErrSchema, t.Address)
		}
		targets[i].Collection = c
	}
	return nil
}
