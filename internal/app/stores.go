package app

import (
	"context"
	"fmt"
	"time"

	"github.com/soffiah/habeas/internal/clearance"
	"github.com/soffiah/habeas/internal/config"
	"github.com/soffiah/habeas/internal/plan"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/imap"
	"github.com/soffiah/habeas/internal/store/mysql"
	"github.com/soffiah/habeas/internal/store/postgres"
	"github.com/soffiah/habeas/internal/store/s3"
	"github.com/soffiah/habeas/internal/vault"
)

// openStores opens every configured data store. Opening does not connect, so
// that a store that is down keeps nothing from starting.
func openStores(ctx context.Context, master *vault.Master, configured []config.Store) ([]plan.Store, error) {
	var opened []plan.Store
	for _, c := range configured {
		s, err := openStore(ctx, master, c)
		if err != nil {
			closeAll(opened)
			return nil, fmt.Errorf("opening the data store %s: %w", c.Name, err)
		}
		opened = append(opened, plan.Store{Store: s, Dataset: c.Dataset, Enabled: c.Mode == config.Enabled})
	}
	return opened, nil
}

// clearances says which of the configured stores may be written to.
func clearances(configured []config.Store, records clearance.Records) *clearance.Service {
	s := &clearance.Service{Records: records}
	for _, c := range configured {
		s.Stores = append(s.Stores, clearance.Store{Name: c.Name, Dataset: c.Dataset, Enabled: c.Mode == config.Enabled})
	}
	return s
}

func openStore(ctx context.Context, master *vault.Master, c config.Store) (store.Store, error) {
	switch c.Kind {
	case config.Postgres:
		return postgres.Open(ctx, c.Name, c.URL.Reveal(), postgres.Options{
			Batch: c.BatchRows, LockTimeout: time.Duration(c.LockSeconds) * time.Second, StatementTimeout: time.Duration(c.StatementSeconds) * time.Second,
			AcceptedTriggers: c.AcceptedTriggers, Secret: secretOf(master, c.Name),
		})
	case config.MySQL:
		return mysql.Open(c.Name, c.URL.Reveal(), mysql.Options{
			Batch: c.BatchRows, LockTimeout: time.Duration(c.LockSeconds) * time.Second, StatementTimeout: time.Duration(c.StatementSeconds) * time.Second,
			AcceptedTriggers: c.AcceptedTriggers, Secret: secretOf(master, c.Name),
		})
	case config.S3:
		return s3.Open(c.Name, s3.Options{
			Endpoint: c.Endpoint, Region: c.Region, Bucket: c.Bucket, AccessKey: c.AccessKey, SecretKey: c.SecretKey.Reveal(),
		})
	case config.IMAPMail:
		return imap.Open(c.Name, imap.Options{
			Address: c.IMAP.Address, Username: c.IMAP.Username, Password: c.IMAP.Password.Reveal(),
			SASL: saslOf(c.IMAP), Security: security(c.IMAP.TLS), Folders: c.Folders,
		})
	}
	return nil, fmt.Errorf("its kind %q is not known", c.Kind)
}

// secretOf is what the pseudonyms of a store are made with: another for each
// store, none without the master key.
func secretOf(master *vault.Master, name string) []byte {
	if master == nil {
		return nil
	}
	return master.Derive("store "+name, 32)
}

func security(t config.TLS) imap.Security {
	switch t {
	case config.TLSNone:
		return imap.Insecure
	case config.TLSStart:
		return imap.StartTLS
	}
	return imap.TLS
}
