package trace

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/store"
)

// MaxCandidates bounds what [Locate] returns. More agreeing accounts than that
// tell nobody apart.
const MaxCandidates = 20

// MailingAddress is the one identity key that is compared and never searched by:
// several people share an address and write it in many ways.
const MailingAddress = "mailing_address"

// Candidate is an account that agrees with at least one element that a person
// gave. All of it but Address is personal data.
type Candidate struct {
	Address datamap.Address `json:"address"`
	// Key is the account's primary key, by field.
	Key map[string]string `json:"key"`
	// Identities are the values on file, by identity key.
	Identities map[string][]string `json:"identities"`
}

// errEnough ends a search that has found as many candidates as are wanted.
var errEnough = errors.New("enough candidates")

// Locate finds the accounts that agree with any of the elements by which a
// person wants to be identified, to be compared with the other elements by the
// caller. elements are values by identity key, such as email, account_name,
// business_id and mailing_address; the last is never searched by.
//
// Accounts are the rows of the collections that the map marks with subject:
// true; if it marks none, of those that have a primary key and fields of at
// least two identity keys. At most [MaxCandidates] are returned.
func Locate(ctx context.Context, m *datamap.Map, stores map[string]store.Store, elements map[string]string) ([]Candidate, error) {
	var all []Candidate
	seen := map[string]bool{}
	for _, c := range accounts(m) {
		target := search(c, elements)
		if len(target.Matches) == 0 {
			continue
		}
		s := stores[c.Dataset.Key]
		if s == nil {
			return nil, fmt.Errorf("looking for an account in %s: %w: add a store for the dataset %s", c.Address(), ErrNoStore, c.Dataset.Key)
		}
		err := s.Find(ctx, target, wanted(c), func(row store.Row) error {
			if found := candidate(c, row); !seen[found.id()] {
				seen[found.id()] = true
				all = append(all, found)
			}
			if len(all) >= MaxCandidates {
				return errEnough
			}
			return nil
		})
		if errors.Is(err, errEnough) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("looking for an account in %s: %w", c.Address(), err)
		}
	}
	slices.SortFunc(all, func(a, b Candidate) int { return strings.Compare(a.id(), b.id()) })
	return all, nil
}

// Reread reads an account again by its primary key. found is false if it is gone.
func Reread(ctx context.Context, m *datamap.Map, stores map[string]store.Store, account Account) (present Candidate, found bool, err error) {
	c, ok := m.Lookup(account.Address)
	if !ok || stores[account.Address.Dataset] == nil {
		return present, false, fmt.Errorf("reading the account again in %s: %w", account.Address, ErrNoStore)
	}
	target := store.Target{Collection: c, Address: c.Address(), Treatment: c.Treatment}
	target.Matches = account.matches()
	err = stores[account.Address.Dataset].Find(ctx, target, wanted(c), func(row store.Row) error {
		// A store may compare more loosely than we do.
		if read := candidate(c, row); maps.Equal(read.Key, account.Key) {
			present, found = read, true
		}
		return nil
	})
	if err != nil {
		return present, false, fmt.Errorf("reading the account again in %s: %w", account.Address, err)
	}
	return present, found, nil
}

// accounts returns the collections whose rows are data subjects' accounts.
func accounts(m *datamap.Map) []*datamap.Collection {
	var marked, likely []*datamap.Collection
	for _, c := range m.Collections() {
		keys := map[string]bool{}
		for _, f := range c.Fields {
			if f.Identity != "" {
				keys[f.Identity] = true
			}
		}
		switch {
		case c.Skip:
		case c.Subject:
			marked = append(marked, c)
		case len(keys) >= 2 && len(c.PrimaryKey()) > 0:
			likely = append(likely, c)
		}
	}
	if len(marked) > 0 {
		return marked
	}
	return likely
}

// search says which rows of c agree with one of the elements.
func search(c *datamap.Collection, elements map[string]string) store.Target {
	target := store.Target{Collection: c, Address: c.Address(), Treatment: c.Treatment}
	for _, f := range c.Fields {
		if f.Identity == "" || f.Identity == MailingAddress {
			continue
		}
		var values set
		values.addAll(f, variants(f.Identity, elements[f.Identity]))
		if len(values.order) > 0 {
			target.Matches = append(target.Matches, match(f, values))
		}
	}
	return target
}

// wanted returns the fields of c that make up a candidate.
func wanted(c *datamap.Collection) []string {
	var names []string
	for _, f := range c.Fields {
		if f.PrimaryKey || f.Identity != "" {
			names = append(names, f.Name)
		}
	}
	return names
}

// candidate reads a row of c.
func candidate(c *datamap.Collection, row store.Row) Candidate {
	found := Candidate{Address: c.Address(), Key: map[string]string{}, Identities: map[string][]string{}}
	for _, f := range c.Fields {
		values := texts(row[f.Name])
		if f.PrimaryKey {
			found.Key[f.Name] = strings.Join(values, " ")
		}
		if f.Identity != "" {
			found.Identities[f.Identity] = append(found.Identities[f.Identity], values...)
		}
	}
	return found
}

// id tells candidates apart: by primary key, or where there is none by all of
// the values on file.
func (c Candidate) id() string {
	if len(c.Key) > 0 {
		return fmt.Sprintf("%s %q", c.Address, c.Key)
	}
	return fmt.Sprintf("%s %q", c.Address, c.Identities)
}
