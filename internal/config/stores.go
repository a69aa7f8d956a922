package config

import (
	"fmt"
	"slices"
	"strings"
)

// stores judges the data stores. A setting of another kind than the store's is
// an error: its author believes that it does something.
func (l *loading) stores(kind Kind, stores []Store) {
	if len(stores) == 0 {
		l.Add("stores", "is missing", "without a data store there is nothing to search: name at least one")
	}
	names, datasets := map[string]bool{}, map[string]bool{}
	for i, s := range stores {
		at := fmt.Sprintf("stores[%d].", i)
		l.matches(at+"name", s.Name, nameForm)
		l.once(at+"name", names, s.Name)
		l.matches(at+"dataset", s.Dataset, identifier)
		l.once(at+"dataset", datasets, s.Dataset)
		oneOf(l, at+"mode", s.Mode, Observe, Enabled)
		if s.Mode == Enabled && kind != Demo {
			l.Add(at+"mode", "is for demonstrations", "leave it out: an approver who has read a plan enables the store with `habeas store enable "+s.Name+"`")
		}
		oneOf(l, at+"kind", s.Kind, Postgres, MySQL, S3, IMAPMail)
		l.settingsOf(at, s)
		variable := "HABEAS_STORE_" + capitals(s.Name)
		switch s.Kind {
		case Postgres:
			l.postgresURL(at, variable+"_URL", s.URL)
			l.bounds(at, s)
		case MySQL:
			l.mysqlURL(at, variable+"_URL", s.URL)
			l.bounds(at, s)
		case S3:
			l.objectStore(at, variable+"_SECRET_KEY", s)
		case IMAPMail:
			l.imap(at+"imap.", variable+"_PASSWORD", &stores[i].IMAP)
			l.folders(at+"folders", s.Folders)
		}
	}
}

// bounds judges what bounds an erasure.
func (l *loading) bounds(at string, s Store) {
	for _, trigger := range s.AcceptedTriggers {
		if table, name, ok := strings.Cut(trigger, "."); !ok || table == "" || name == "" {
			l.Add(at+"accepted_triggers", fmt.Sprintf("%q is not the name of a trigger", trigger), "write table.trigger")
		}
	}
	for _, bound := range []struct {
		key       string
		value, to int
	}{{"batch_rows", s.BatchRows, 100_000}, {"lock_seconds", s.LockSeconds, 600}, {"statement_seconds", s.StatementSeconds, 86_400}} {
		if bound.value < 0 || bound.value > bound.to {
			l.Add(at+bound.key, fmt.Sprintf("is %d", bound.value), fmt.Sprintf("write a number up to %d, or leave it out", bound.to))
		}
	}
}

func (l *loading) objectStore(at, variable string, s Store) {
	l.webAddress(at+"endpoint", s.Endpoint)
	l.matches(at+"bucket", s.Bucket, identifier)
	if s.AccessKey == "" {
		l.Add(at+"access_key", "is missing", "")
	}
	if s.SecretKey == "" {
		l.Add(at+"secret_key_file", "is missing", "name a file with the key, or set "+variable)
	}
}

// settingsOf refuses settings that belong to another kind of store.
func (l *loading) settingsOf(at string, s Store) {
	sql := []StoreKind{Postgres, MySQL}
	settings := []struct {
		key   string
		set   bool
		kinds []StoreKind
	}{
		{"url", s.URL != "" && s.URLFile == "", sql},
		{"url_file", s.URLFile != "", sql},
		{"accepted_triggers", len(s.AcceptedTriggers) > 0, sql},
		{"batch_rows", s.BatchRows != 0, sql},
		{"lock_seconds", s.LockSeconds != 0, sql},
		{"statement_seconds", s.StatementSeconds != 0, sql},
		{"endpoint", s.Endpoint != "", []StoreKind{S3}},
		{"region", s.Region != "", []StoreKind{S3}},
		{"bucket", s.Bucket != "", []StoreKind{S3}},
		{"access_key", s.AccessKey != "", []StoreKind{S3}},
		{"secret_key_file", s.SecretKey != "" || s.SecretKeyFile != "", []StoreKind{S3}},
		{"imap", s.IMAP != IMAP{}, []StoreKind{IMAPMail}},
		{"folders", len(s.Folders) > 0, []StoreKind{IMAPMail}},
	}
	for _, setting := range settings {
		if setting.set && !slices.Contains(setting.kinds, s.Kind) {
			names := make([]string, len(setting.kinds))
			for i, kind := range setting.kinds {
				names[i] = string(kind)
			}
			l.Add(at+setting.key, "belongs to data stores of kind "+strings.Join(names, " or "), "remove it, or correct the kind")
		}
	}
}
