package soffiah

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/google/uuid"
)

// table is the rows of one table, in the order of its columns.
type table struct {
	name    string
	columns []string
	rows    [][]any
}

func (t *table) add(values ...any) { t.rows = append(t.rows, values) }

// app holds the tables of the application database in the order in which they
// can be filled.
type app struct {
	accounts, brands, uploads, posts, comments, feedback, devices, sessions,
	accessLog, usageEvents, cookies, socialMessages table

	images  []image
	avatars map[string]uuid.UUID // by account
	public  []uuid.UUID          // posts that everybody may comment on
	now     time.Time
	serial  int64
}

// volume says how much of everything an account has.
type volume struct{ brands, uploads, posts, comments, feedback, devices, sessions, log, events, cookies, social int }

// team is the number of accounts, the last ones, that are Soffiah's own. Only
// their posts are commented on, so that every other account can be erased
// without touching what somebody else has written.
const team = 3

func (a Account) volume(r *rand.Rand) volume {
	if a.index == 0 {
		return volume{6, 200, 60, 400, 12, 5, 80, 600, 3000, 9, 7}
	}
	return volume{1 + r.IntN(2), r.IntN(4), r.IntN(3), r.IntN(6), r.IntN(2), 1 + r.IntN(2), 1 + r.IntN(4), r.IntN(10), r.IntN(30), r.IntN(4), r.IntN(2)}
}

// newApp makes all rows of the application database.
func newApp(seed uint64, accounts []Account, now time.Time) *app {
	d := &app{now: now, avatars: map[string]uuid.UUID{}}
	d.name()
	// The team first, for the others comment on its posts.
	for i := len(accounts) - 1; i >= 0; i-- {
		a := accounts[i]
		// Numbers of their own: more accounts must not change this one's rows.
		d.account(dice(seed^0xa99, a.index), a, i >= len(accounts)-team)
	}
	return d
}

func (d *app) name() {
	d.accounts = table{name: "accounts", columns: []string{"id", "account_name", "email", "full_name", "phone", "company_name", "business_id", "mailing_address", "password_hash", "language", "storage_prefix", "access_disabled_at", "created_at"}}
	d.brands = table{name: "brands", columns: []string{"id", "account_id", "name", "website", "created_at"}}
	d.uploads = table{name: "uploads", columns: []string{"id", "account_id", "brand_id", "object_key", "file_name", "media_type", "size_bytes", "created_at"}}
	d.posts = table{name: "posts", columns: []string{"id", "account_id", "brand_id", "cover_upload_id", "title", "body", "published_at"}}
	d.comments = table{name: "comments", columns: []string{"id", "post_id", "account_id", "parent_comment_id", "body", "created_at"}}
	d.feedback = table{name: "feedback", columns: []string{"id", "account_id", "rating", "message", "created_at"}}
	d.devices = table{name: "devices", columns: []string{"id", "account_id", "name", "operating_system", "browser", "first_seen_at"}}
	d.sessions = table{name: "sessions", columns: []string{"id", "account_id", "device_id", "token_hash", "ip", "started_at", "last_seen_at"}}
	d.accessLog = table{name: "access_log", columns: []string{"id", "account_id", "session_id", "ip", "user_agent", "method", "path", "status", "at"}}
	d.usageEvents = table{name: "usage_events", columns: []string{"id", "account_id", "event", "feature", "country", "time_zone", "ip", "user_agent", "at"}}
	d.cookies = table{name: "cookies", columns: []string{"id", "account_id", "cookie_id", "purpose", "first_deposited_at"}}
	d.socialMessages = table{name: "social_messages", columns: []string{"id", "account_id", "network", "handle", "message", "at"}}
}

// tables returns the tables in an order in which no row refers to a later one.
func (d *app) tables() []table {
	return []table{d.accounts, d.brands, d.uploads, d.posts, d.comments, d.feedback, d.devices, d.sessions, d.accessLog, d.usageEvents, d.cookies, d.socialMessages}
}

// account makes the rows of one account.
func (d *app) account(r *rand.Rand, a Account, public bool) {
	v := a.volume(r)
	if public {
		v.posts = 8
	}
	var disabled *time.Time
	if !a.disabled.IsZero() {
		disabled = &a.disabled
	}
	d.accounts.add(a.ID, a.AccountName, a.Email, a.FullName, a.Phone, a.CompanyName, a.BusinessID, a.MailingAddress,
		fmt.Sprintf("$argon2id$v=19$m=65536,t=3,p=1$%x", id(r)), a.Language, a.StoragePrefix, disabled, a.created)
	brands := d.brandsOf(r, a, v)
	d.content(r, a, v, brands, public)
	d.commentsOf(r, a, v)
	d.technical(r, a, v)
	for range v.feedback {
		d.feedback.add(id(r), a.ID, 1+r.IntN(5), fmt.Sprintf("%s Reach me at %s. %s", sentence(r), a.Phone, a.FullName), d.since(r, a))
	}
	for range v.social {
		d.socialMessages.add(id(r), a.ID, pick(r, []string{"instagram", "linkedin", "facebook", "youtube"}), "@"+a.AccountName, sentence(r)+" "+a.Email, d.since(r, a))
	}
}

func (d *app) brandsOf(r *rand.Rand, a Account, v volume) []uuid.UUID {
	var brands []uuid.UUID
	for n := range v.brands {
		brand := id(r)
		brands = append(brands, brand)
		d.brands.add(brand, a.ID, fmt.Sprintf("%s No %d", a.CompanyName, n+1), fmt.Sprintf("https://brand-%s.test/", brand.String()[:8]), d.since(r, a))
	}
	return brands
}

// content makes uploads with their images, and posts.
func (d *app) content(r *rand.Rand, a Account, v volume, brands []uuid.UUID, public bool) {
	var uploads []uuid.UUID
	for n := range v.uploads {
		upload := id(r)
		picture := draw(r, 12)
		key := a.StoragePrefix + "uploads/" + upload.String() + ".png"
		d.images = append(d.images, image{key, picture},
			// No row knows of the preview: only the prefix leads to it.
			image{a.StoragePrefix + "thumbnails/" + upload.String() + ".png", draw(r, 4)})
		d.uploads.add(upload, a.ID, pick(r, brands), key, fmt.Sprintf("%s %s %03d.png", a.FullName, pick(r, subjects), n+1), "image/png", len(picture), d.since(r, a))
		uploads = append(uploads, upload)
	}
	if len(uploads) > 0 && r.IntN(2) == 0 || a.index == 0 {
		d.avatars[a.ID] = uploads[0]
	}
	for range v.posts {
		post := id(r)
		var cover *uuid.UUID
		if len(uploads) > 0 {
			u := pick(r, uploads)
			cover = &u
		}
		d.posts.add(post, a.ID, pick(r, brands), cover, "New: "+pick(r, subjects), sentence(r)+" "+sentence(r)+" By "+a.FullName+".", d.since(r, a))
		if public {
			d.public = append(d.public, post)
		}
	}
}

// commentsOf makes comments on the posts of the team, some of them answers to
// the account's own earlier ones.
func (d *app) commentsOf(r *rand.Rand, a Account, v volume) {
	if len(d.public) == 0 {
		return
	}
	type said struct{ comment, post uuid.UUID }
	var earlier []said
	for range v.comments {
		s := said{comment: id(r), post: pick(r, d.public)}
		var parent *uuid.UUID
		if len(earlier) > 0 && r.IntN(3) == 0 {
			to := pick(r, earlier)
			s.post, parent = to.post, &to.comment
		}
		earlier = append(earlier, s)
		d.comments.add(s.comment, s.post, a.ID, parent, sentence(r), d.since(r, a))
	}
}

// technical makes what the platform records by itself.
func (d *app) technical(r *rand.Rand, a Account, v volume) {
	var devices, sessions []uuid.UUID
	for range v.devices {
		device := id(r)
		devices = append(devices, device)
		d.devices.add(device, a.ID, a.FullName+"'s "+pick(r, []string{"laptop", "phone", "tablet"}), pick(r, []string{"Windows 11", "macOS 15", "Android 16", "iOS 19", "Debian 12"}), pick(r, []string{"Firefox", "Safari", "Chrome"}), d.since(r, a))
	}
	for range v.sessions {
		session, started := id(r), d.since(r, a)
		sessions = append(sessions, session)
		d.sessions.add(session, a.ID, pick(r, devices), fmt.Sprintf("%x%x", id(r), id(r)), address(r), started, started.Add(time.Duration(r.IntN(9000))*time.Second))
	}
	for range v.log {
		session := pick(r, sessions)
		d.accessLog.add(d.next(), a.ID, &session, address(r), agent(r), pick(r, []string{"GET", "GET", "GET", "POST"}), pick(r, []string{"/", "/brands", "/posts", "/settings/" + a.AccountName, "/uploads"}), pick(r, []int{200, 200, 200, 302, 404}), d.since(r, a))
	}
	for range v.events {
		d.usageEvents.add(d.next(), a.ID, pick(r, []string{"view", "click", "create", "share", "export"}), pick(r, []string{"editor", "calendar", "gallery", "reports", "brand-kit"}), pick(r, []string{"FR", "DE", "ES", "BE", "CH"}), "Europe/Paris", address(r), agent(r), d.since(r, a))
	}
	for range v.cookies {
		d.cookies.add(id(r), a.ID, fmt.Sprintf("sf_%x", id(r)), pick(r, []string{"session", "preferences", "statistics", "advertising"}), d.now.AddDate(0, 0, -r.IntN(390)))
	}
}

func (d *app) next() int64 { d.serial++; return d.serial }

// since draws a moment between the creation of an account and now.
func (d *app) since(r *rand.Rand, a Account) time.Time {
	return a.created.Add(time.Duration(r.Int64N(int64(d.now.Sub(a.created)))).Truncate(time.Second))
}

// address draws an address from a range set aside for documentation (RFC 5737).
func address(r *rand.Rand) netip.Addr {
	return netip.AddrFrom4([4]byte{203, 0, 113, byte(r.UintN(256))})
}

func agent(r *rand.Rand) string {
	return fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%[1]d.0", 120+r.IntN(30))
}

var subjects = []string{"autumn catalogue", "shop window", "new packaging", "market stall", "winter lookbook", "team portrait", "letterhead", "poster", "opening night"}

func sentence(r *rand.Rand) string {
	return fmt.Sprintf("The %s %s %s.", pick(r, subjects),
		pick(r, []string{"looks better in", "was finished in", "will be shown in", "should be redone for", "was well received in"}),
		pick(r, []string{"spring", "the second week", "our gallery", "print", "the new colours", "a smaller format"}))
}
