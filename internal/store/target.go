package store

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/soffiah/habeas/internal/dsr"
)

// Validate reports, as an [ErrSchema], a target that no store can serve: one
// that is not bound to its collection, names fields that the collection does
// not have, or lacks the rule under which its rows are retained.
func (t Target) Validate() error {
	if t.Collection == nil {
		return fmt.Errorf("%s: %w: the target is not bound to a collection of the data map", t.Address, ErrSchema)
	}
	for _, m := range t.Matches {
		parts := m.All
		if len(parts) == 0 {
			parts = []Match{m}
		} else if m.Field != "" || len(m.Values) > 0 {
			return fmt.Errorf("%s: %w: a match is both of one field and of several", t.Address, ErrSchema)
		}
		for _, part := range parts {
			if len(m.All) > 0 && len(part.All) > 0 || t.Collection.Field(part.Field) == nil {
				return fmt.Errorf("%s: %w: the data map has no field %s", t.Address, ErrSchema, part.Field)
			}
		}
	}
	treatments := []dsr.Treatment{dsr.Delete, dsr.Anonymise, dsr.Archive, dsr.Retain, dsr.Leave}
	if !slices.Contains(treatments, t.Treatment) {
		return fmt.Errorf("%s: %w: the treatment %q is not known", t.Address, ErrSchema, t.Treatment)
	}
	if t.Treatment == dsr.Archive && t.Collection.Dataset.Collection(t.Collection.ArchiveTo) == nil {
		return fmt.Errorf("%s: %w: rows are to be archived to a collection that the data map does not have", t.Address, ErrSchema)
	}
	if t.Treatment != dsr.Retain {
		return nil
	}
	if t.Keep == nil || t.Collection.Field(t.Keep.From) == nil {
		return fmt.Errorf("%s: %w: rows are to be retained without a rule or without the field that dates them", t.Address, ErrSchema)
	}
	return t.Keep.Validate()
}

// Basis is why rows of the target stay, empty if nothing keeps them.
func (t Target) Basis() string {
	if t.Keep == nil {
		return ""
	}
	return t.Keep.Basis
}

// Texts returns the values of the match as texts, each once and without empty
// ones: an empty text is shared by all who have none. A target that rested as
// JSON has numbers where it had integers; both come out alike.
func (m Match) Texts() []string {
	all := make([]string, 0, len(m.Values))
	for _, v := range m.Values {
		s := ""
		switch v := v.(type) {
		case nil:
		case string:
			s = v
		case float64:
			s = strconv.FormatFloat(v, 'f', -1, 64)
		default:
			s = fmt.Sprint(v)
		}
		if s != "" {
			all = append(all, s)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
