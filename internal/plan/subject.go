package plan

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/identity"
	"github.com/soffiah/habeas/internal/trace"
)

// Subject says whose data is to be found: one account, and what else bears its
// mail address or account name, as they were when it was identified and as they
// are now, unless another account bears the same. A business identification or a
// postal address can be shared with colleagues.
func (m Maker) Subject(ctx context.Context, account dsr.Account) (trace.Subject, error) {
	dataset, collection, _ := strings.Cut(account.Collection, ":")
	who := trace.Subject{
		Identities: map[string][]string{},
		Account:    &trace.Account{Address: datamap.Address{Dataset: dataset, Collection: collection}, Key: account.Key},
	}
	present, _, err := trace.Reread(ctx, m.Map, m.ByDataset(), *who.Account)
	if err != nil {
		return who, err
	}
	for _, key := range []string{"email", "account_name"} {
		values := slices.Concat(account.Identities[key], present.Identities[key])
		slices.Sort(values)
		if who.Identities[key] = slices.Compact(values); len(values) == 0 {
			delete(who.Identities, key)
		}
		for _, value := range who.Identities[key] {
			taken, err := m.takenByOthers(ctx, *who.Account, key, value)
			if err != nil {
				return who, err
			}
			if taken && !slices.Contains(who.Shared, key) {
				who.Shared = append(who.Shared, key)
			}
		}
	}
	return who, nil
}

// takenByOthers reports whether another account bears a value, be it that two
// share it or that it has changed hands.
func (m Maker) takenByOthers(ctx context.Context, account trace.Account, key, value string) (bool, error) {
	holders, err := trace.Locate(ctx, m.Map, m.ByDataset(), map[string]string{key: value})
	return slices.ContainsFunc(holders, func(c trace.Candidate) bool {
		return c.Address != account.Address || !maps.Equal(c.Key, account.Key)
	}), err
}

// Subjects returns whose data may be meant by what is given, values by identity
// key: each account that agrees with all of it. candidates counts the accounts
// that agree with any. Where no account does, one value alone is a subject too:
// whatever bears it. Several are none, since they may be several people's, and
// neither is a mailing address.
func (m Maker) Subjects(ctx context.Context, given map[string]string) (found []trace.Subject, candidates int, err error) {
	all, err := trace.Locate(ctx, m.Map, m.ByDataset(), given)
	if err != nil {
		return nil, 0, err
	}
	for _, c := range all {
		if !identity.AgreesFully(identity.Compare(given, c.Identities)) {
			continue
		}
		who, err := m.Subject(ctx, dsr.Account{Identities: c.Identities, Collection: c.Address.String(), Key: c.Key})
		if err != nil {
			return nil, 0, err
		}
		found = append(found, who)
	}
	if _, shared := given[trace.MailingAddress]; len(all) == 0 && len(given) == 1 && !shared {
		who := trace.Subject{Identities: map[string][]string{}}
		for key, value := range given {
			who.Identities[key] = []string{value}
		}
		found = append(found, who)
	}
	return found, len(all), nil
}
