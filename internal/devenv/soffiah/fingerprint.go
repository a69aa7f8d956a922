package soffiah

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"net/mail"
	"os"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/jackc/pgx/v5"
	"github.com/minio/minio-go/v7"
)

// Fingerprint returns a digest of everything the company holds that does not
// belong to one account: rows, objects, and mails that are neither from nor to
// its address. It stays the same as long as nothing of another person changes.
func (c *Company) Fingerprint(ctx context.Context, exceptAccountID string) (string, error) {
	i := slices.IndexFunc(c.accounts, func(a Account) bool { return a.ID == exceptAccountID })
	if i < 0 {
		return "", fmt.Errorf("taking a fingerprint: there is no account of that id")
	}
	digest := sha256.New()
	for _, database := range []string{appDatabase, billingDatabase} {
		if err := c.digestRows(ctx, digest, database, exceptAccountID); err != nil {
			return "", err
		}
	}
	if err := c.digestObjects(ctx, digest, c.accounts[i].StoragePrefix); err != nil {
		return "", err
	}
	if err := c.digestMails(digest, c.accounts[i].Email); err != nil {
		return "", err
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// digestRows adds the rows of a database that belong to other accounts. A row
// that has been parted from its account belongs to nobody.
func (c *Company) digestRows(ctx context.Context, digest hash.Hash, database, account string) error {
	conn, err := pgx.Connect(ctx, c.server.URL(database))
	if err != nil {
		return fmt.Errorf("taking a fingerprint of %s: %w", database, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
	if err != nil {
		return fmt.Errorf("taking a fingerprint of %s: %w", database, err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("taking a fingerprint of %s: %w", database, err)
	}
	for _, name := range tables {
		owner := "account_id"
		if name == "accounts" {
			owner = "id"
		}
		var sum string
		err := conn.QueryRow(ctx, fmt.Sprintf(`SELECT count(*) || ' ' || coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '')
			FROM %s t WHERE %s <> $1`, pgx.Identifier{name}.Sanitize(), owner), account).Scan(&sum)
		if err != nil {
			return fmt.Errorf("taking a fingerprint of %s: %w", name, err)
		}
		fmt.Fprintf(digest, "%s.%s %s\n", database, name, sum)
	}
	return nil
}

// digestObjects adds the objects outside the prefix.
func (c *Company) digestObjects(ctx context.Context, digest hash.Hash, prefix string) error {
	client, err := objectClient(c.objects)
	if err != nil {
		return err
	}
	for object := range client.ListObjects(ctx, Bucket, minio.ListObjectsOptions{Recursive: true}) {
		if object.Err != nil {
			return fmt.Errorf("taking a fingerprint of the objects: %w", object.Err)
		}
		if !strings.HasPrefix(object.Key, prefix) {
			// The ETag is the MD5 of the content.
			fmt.Fprintf(digest, "%s %d %s\n", object.Key, object.Size, object.ETag)
		}
	}
	return nil
}

// digestMails adds the correspondence that is neither from nor to the address.
func (c *Company) digestMails(digest hash.Hash, address string) error {
	for _, folder := range Folders() {
		files, err := c.mail.Messages(PrivacyAddress, folder)
		if err != nil {
			return fmt.Errorf("taking a fingerprint of the mailbox: %w", err)
		}
		uids := make([]imap.UID, 0, len(files))
		for uid := range files {
			uids = append(uids, uid)
		}
		slices.Sort(uids)
		for _, uid := range uids {
			content, err := os.ReadFile(files[uid])
			if err != nil {
				return fmt.Errorf("taking a fingerprint of a mail: %w", err)
			}
			if !concerns(content, address) {
				fmt.Fprintf(digest, "%s %d %x\n", folder, uid, sha256.Sum256(content))
			}
		}
	}
	return nil
}

// concerns says whether a mail is from or to an address.
func concerns(content []byte, address string) bool {
	message, err := mail.ReadMessage(bytes.NewReader(content))
	if err != nil {
		return false
	}
	for _, field := range []string{"From", "To", "Cc", "Reply-To"} {
		addresses, _ := message.Header.AddressList(field) // none, if it cannot be read
		for _, a := range addresses {
			if strings.EqualFold(a.Address, address) {
				return true
			}
		}
	}
	return false
}
