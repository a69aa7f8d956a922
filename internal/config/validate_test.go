package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every way in which good settings can be spoiled, and what is said about it.
func TestValidation(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ old, spoilt, want string }{
		{"kind: production", "kind: test", "2: installation.kind: must be one of production, demo"},
		{"url: postgres://habeas@db:5432/habeas", "url: postgres://habeas:pw@db/habeas", "4: database.url: holds a password, which must not stand in this file (put the address in a file and name it in database.url_file, or set HABEAS_DATABASE_URL)"},
		{"url: postgres://habeas@db:5432/habeas", "url: postgres://db/habeas?sslpassword=x", "4: database.url: holds a password, which must not stand in this file (put the address in a file and name it in database.url_file, or set HABEAS_DATABASE_URL)"},
		{"url: postgres://habeas@db:5432/habeas", "url: mysql://db/habeas", "4: database.url: is not the address of a Postgres database (write postgres://user@host:5432/database)"},
		{"url: postgres://habeas@db:5432/habeas", "url: postgres://db/", "4: database.url: is not the address of a Postgres database (write postgres://user@host:5432/database)"},
		{"url: postgres://habeas@db:5432/habeas", "url_file: absent", "4: database.url_file: names a file that does not exist (paths start at the folder of this file)\n3: database.url: is missing (name a file with the address in database.url_file, or set HABEAS_DATABASE_URL)"},
		{"url: postgres://habeas@db:5432/habeas", "url_file: empty", "4: database.url_file: names a file in which nothing stands (write the secret into it, and nothing else)\n3: database.url: is missing (name a file with the address in database.url_file, or set HABEAS_DATABASE_URL)"},
		{"url: postgres://habeas@db:5432/habeas", "url: postgres://db/habeas\n  url_file: app.url", "5: database.url_file: is given beside database.url (keep one of them)"},
		{"address: temporal:7233", "address: temporal", "6: temporal.address: is not host:port (write mail.example.org:465)"},
		{"address: temporal:7233", `address: ""`, "6: temporal.address: is missing (write host:port)"},
		{"namespace: habeas", "namespace: ../x", "7: temporal.namespace: must be a name of letters, digits, dots, dashes and underscores"},
		{"task_queue: habeas", `task_queue: ""`, "8: temporal.task_queue: is missing"},
		{"task_queue: habeas", "task_queue: habeas\n  tls: {server_name: x}", "9: temporal.tls: has settings but is not enabled (write enabled: true, or remove them)"},
		{"task_queue: habeas", "task_queue: habeas\n  tls: {enabled: true, key_file: s3.key}", "9: temporal.tls: has one of cert_file and key_file (give both or neither)"},
		{"task_queue: habeas", "task_queue: habeas\n  tls: {enabled: true, ca_file: .}", "9: temporal.tls.ca_file: names something that is not a file"},
		{"task_queue: habeas", "task_queue: habeas\n  api_key_file: s3.key", "9: temporal.api_key_file: would send the key in clear (write temporal.tls.enabled: true)"},
		{"file: master.key", "file: absent", "10: master_key.file: names a file that does not exist (paths start at the folder of this file)"},
		{"master_key:\n  file: master.key\n", "", "2: master_key.file: is missing (make a key with `habeas key new FILE` and name it here, or set HABEAS_MASTER_KEY)"},
		{"master_key:\n  file: master.key", "master_key: habeas-master-key:v1:AAAA", "9: master_key: holds a master key, which must never stand in this file (this key is no longer secret: make a new one with `habeas key new FILE` and name that file in master_key.file)\n9: master_key.file: is missing (make a key with `habeas key new FILE` and name it here, or set HABEAS_MASTER_KEY)"},
		{"file: master.key", "file: habeas-master-key:v1:AAAA", "10: master_key.file: holds a master key, which must never stand in this file (this key is no longer secret: make a new one with `habeas key new FILE` and name that file in master_key.file)"},
		{"file: master.key", "file: master.key\n  key: habeas-demo-key:v1:AAAA", "11: master_key.key: holds a master key, which must never stand in this file (this key is no longer secret: make a new one with `habeas key new FILE` and name that file in master_key.file)"},
		{`listen: ":8080"`, "listen: 8080", "12: public.listen: is not an address to listen on (write 127.0.0.1:8081, or :8080 for every interface)"},
		{`listen: ":8080"`, "listen: 127.0.0.1:8081", "15: team.listen: is the same as public.listen (strangers must not reach the team's pages: give them an address of their own)"},
		{"  url: https://privacy.soffiah.com\n", "", "11: public.url: is missing (write https://privacy.example.org)"},
		{"url: https://privacy.soffiah.com", "url: http://privacy.soffiah.com", "13: public.url: is not secured (write https://, or use a host of the own network)"},
		{"url: https://privacy.soffiah.com", "url: https://u:p@privacy.soffiah.com", "13: public.url: is not the address of a web server (write https://privacy.example.org)"},
		{"10.0.1.7]", "everyone]", "17: trusted_proxies[1]: is neither an address nor a network (write 10.0.0.7 or 10.0.0.0/24)"},
		{"role: viewer", "role: admin", "20: tokens[0].role: must be one of intake, viewer, handler, approver"},
		{"name: team", "name: The team", "19: tokens[0].name: must be a name of small letters, digits and underscores (such as billing)"},
		{"sha256: aaaa", "sha256: AAAA", "21: tokens[0].sha256: is not a SHA-256 digest of 64 small hex digits (make one with: printf %s \"$TOKEN\" | sha256sum | cut -c1-64)"},
		{"mail:\n", "  - {name: team, role: intake, sha256_file: digest}\nmail:\n", "22: tokens[1].name: is given twice"},
		{"mail:\n", "  - {name: b, role: intake, sha256: " + strings.Repeat("a", 64) + "}\nmail:\n", "22: tokens[1].sha256: is given twice"},
		{"from: Soffiah <info@soffiah.com>", "from: Soffiah", "23: mail.from: is not the sender of a mail (write: Soffiah <privacy@example.org>)"},
		{"from: Soffiah <info@soffiah.com>", `from: "Soffiah <info@soffiah.com>\r\nBcc: x@y.z"`, "23: mail.from: is not the sender of a mail (write: Soffiah <privacy@example.org>)"},
		{"tls: implicit", "tls: ssl", "26: mail.smtp.tls: must be one of implicit, starttls, none"},
		{"tls: implicit", "tls: none", "26: mail.smtp.tls: is none for a server outside of the own network (write implicit or starttls)"},
		{"    password_file: smtp.password\n", "", "24: mail.smtp.password_file: is missing (name a file with the password, or set HABEAS_SMTP_PASSWORD)"},
		{"    username: info\n", "", "24: mail.smtp.username: is missing (there is a password)"},
		{"password_file: smtp.password", "password: smtp-secret", "28: mail.smtp.password: is not a key known here (did you mean password_file?)\n24: mail.smtp.password_file: is missing (name a file with the password, or set HABEAS_SMTP_PASSWORD)"},
		{"address: info@soffiah.com", "address: Info <info@soffiah.com>", "31: mail.mailboxes[0].address: is not a mail address (write privacy@example.org, without a name or brackets)"},
		{"  authserv_ids", "    - {name: privacy, address: INFO@soffiah.com, imap: {address: 'a:1', username: u, password_file: s3.key}}\n  authserv_ids", "36: mail.mailboxes[1].name: is given twice\n36: mail.mailboxes[1].address: is given twice"},
		{"        username: info\n        password_file: imap.password\n", "", "32: mail.mailboxes[0].imap.username: is missing"},
		{"        password_file: imap.password\n", "", "32: mail.mailboxes[0].imap.password_file: is missing (name a file with the password, or set HABEAS_MAILBOX_PRIVACY_PASSWORD)"},
		{"        password_file: imap.password\n", "        password_file: imap.password\n      mark: seen\n", "36: mail.mailboxes[0].mark: must be one of keyword, nothing"},
		{"        password_file: imap.password\n", "        password_file: imap.password\n      junk: [\"\"]\n      move_to: \" \"\n", "36: mail.mailboxes[0].junk[0]: is not the name of a folder (write INBOX)\n37: mail.mailboxes[0].move_to: is not the name of a folder (write INBOX)"},
		{"authserv_ids: [mx.soffiah.com]", "border_hosts: ['*']", "36: mail.border_hosts[0]: must be a name of letters, digits, dots, dashes and underscores"},
		{"authserv_ids: [mx.soffiah.com]", "border_layout: outlook", "36: mail.border_layout: must be one of standard, exchange-online, gmail"},
		{"authserv_ids: [mx.soffiah.com]", "dkim: [{domain: soffiah.com, selector: habeas, key_file: none.pem}]", "36: mail.dkim[0].key_file: names a file that does not exist (paths start at the folder of this file)"},
		{"authserv_ids: [mx.soffiah.com]", "authserv_ids: ['*']", "36: mail.authserv_ids[0]: must be a name of letters, digits, dots, dashes and underscores"},
		{"name: uploads", "name: app", "42: stores[1].name: is given twice"},
		{"dataset: soffiah_uploads", "dataset: soffiah_app", "44: stores[1].dataset: is given twice"},
		{"kind: postgres", "kind: oracle", "39: stores[0].kind: must be one of postgres, mysql, s3, imap\n41: stores[0].url_file: belongs to data stores of kind postgres or mysql (remove it, or correct the kind)"},
		{"mode: observe\n    endpoint", "mode: on\n    endpoint", "45: stores[1].mode: must be one of observe, enabled"},
		{"mode: observe\n    endpoint", "mode: enabled\n    endpoint", "45: stores[1].mode: is for demonstrations (leave it out: an approver who has read a plan enables the store with `habeas store enable uploads`)"},
		{"url_file: app.url", "url: postgres://app:pw@db/app", "41: stores[0].url: holds a password, which must not stand in this file (put the address in a file and name it in stores[0].url_file, or set HABEAS_STORE_APP_URL)"},
		{"url_file: app.url", "bucket: x", "41: stores[0].bucket: belongs to data stores of kind s3 (remove it, or correct the kind)\n38: stores[0].url: is missing (name a file with the address in stores[0].url_file, or set HABEAS_STORE_APP_URL)"},
		{"endpoint: https://s3.eu-west-3.amazonaws.com", "endpoint: s3.eu-west-3.amazonaws.com", "46: stores[1].endpoint: is not the address of a web server (write https://privacy.example.org)"},
		{"    access_key: AKIA\n", "", "42: stores[1].access_key: is missing"},
		{"    secret_key_file: s3.key\n", "", "42: stores[1].secret_key_file: is missing (name a file with the key, or set HABEAS_STORE_UPLOADS_SECRET_KEY)"},
		{"bucket: uploads", "bucket: a/b", "48: stores[1].bucket: must be a name of letters, digits, dots, dashes and underscores"},
		{"bucket: uploads", "bucket: uploads\n    batch_rows: 7", "49: stores[1].batch_rows: belongs to data stores of kind postgres or mysql (remove it, or correct the kind)"},
		{"url_file: app.url", "url_file: app.url\n    accepted_triggers: [copy]", "42: stores[0].accepted_triggers: \"copy\" is not the name of a trigger (write table.trigger)"},
		{"url_file: app.url", "url_file: app.url\n    lock_seconds: 7000", "42: stores[0].lock_seconds: is 7000 (write a number up to 600, or leave it out)"},
		{"folders: [INBOX, Archive]", `folders: [""]`, "59: stores[2].folders[0]: is not the name of a folder (write INBOX)"},
		{"kind: postgres", "kind: mysql", "38: stores[0].url: is not the address of a MySQL or MariaDB database (write mysql://user@host:3306/database)"},
		{"kind: postgres\n    dataset: soffiah_app\n    url_file: app.url", "kind: mysql\n    dataset: soffiah_app\n    url: mysql://app@db.example.org/app?tls=false", "41: stores[0].url: is not secured (leave tls=false out, or use a host of the own network)"},
		{"kind: postgres\n    dataset: soffiah_app\n    url_file: app.url", "kind: mysql\n    dataset: soffiah_app\n    url: mysql://app@10.0.0.1/app?tls=false\n    lock_seconds: 700", "42: stores[0].lock_seconds: is 700 (write a number up to 600, or leave it out)"},
		{"folders: [INBOX, Archive]", "folders: []\n    url_file: app.url", "60: stores[2].url_file: belongs to data stores of kind postgres or mysql (remove it, or correct the kind)"},
		{"datasets: [app.yml]", "datasets: []", "60: datasets: is missing (name at least one dataset file)"},
		{"datasets: [app.yml]", "datasets: [app.yml, app.yml]", "60: datasets[1]: is given twice"},
		{"datasets: [app.yml]", "datasets: [absent.yml]", "60: datasets[0]: names a file that does not exist (paths start at the folder of this file)"},
		{"policies: [policy.yaml]", "policies: ['']", "61: policies[0]: is not the name of a file"},
		{"level: debug", "level: all", "62: log.level: must be one of debug, info, warn, error"},
		{"format: text", "format: xml", "62: log.format: must be one of json, text"},
		{"body_bytes: 4096", "body_bytes: 1", "64: limits.body_bytes: must lie between 1024 and 16777216"},
		{"per_address: 7", "per_address: 0", "65: limits.requests_per_hour_per_address: must lie between 1 and 100000"},
		{"per_email: 3", "per_email: 3\n  mail_acknowledgements_per_hour: 0", "67: limits.mail_acknowledgements_per_hour: must lie between 1 and 100000"},
		{"per_email: 3", "per_email: 3\n  mail_acknowledgements_per_hour_per_domain: 0", "67: limits.mail_acknowledgements_per_hour_per_domain: must lie between 1 and 100000"},
		{"per_email: 3", "per_email: 3\n  mail_unacknowledged_per_hour: 0", "67: limits.mail_unacknowledged_per_hour: must lie between 1 and 100000"},
		{"per_email: 3", "per_email: -1", "66: limits.requests_per_hour_per_email: must lie between 1 and 100000"},
	} {
		t.Run(test.spoilt, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(whole, test.old) {
				t.Fatalf("the settings do not hold %q", test.old)
			}
			_, err := parse(t, strings.Replace(whole, test.old, test.spoilt, 1))
			if err == nil {
				t.Fatal("accepted")
			}
			if diff := cmp.Diff(sortedByLine(test.want), err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// sortedByLine gives the wanted lines the name of the file; they stand in the
// table with the one first that matters.
func sortedByLine(want string) string {
	lines := strings.Split(want, "\n")
	if len(lines) == 2 && line(lines[1]) < line(lines[0]) {
		lines[0], lines[1] = lines[1], lines[0]
	}
	for i := range lines {
		lines[i] = "habeas.yaml:" + lines[i]
	}
	return strings.Join(lines, "\n")
}

func line(problem string) int {
	n := 0
	for _, digit := range problem[:strings.Index(problem, ":")] {
		n = 10*n + int(digit-'0')
	}
	return n
}

func TestEverythingIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := parse(t, "public: {url: https://a.example.org}\ntaem: {}\n", "HABEAS_LOG_LEVEL=loud")
	want := "environment variable HABEAS_LOG_LEVEL: log.level: must be one of debug, info, warn, error\n" +
		"habeas.yaml:1: database.url: is missing (name a file with the address in database.url_file, or set HABEAS_DATABASE_URL)\n" +
		"habeas.yaml:1: master_key.file: is missing (make a key with `habeas key new FILE` and name it here, or set HABEAS_MASTER_KEY)\n" +
		"habeas.yaml:1: mail.from: is not the sender of a mail (write: Soffiah <privacy@example.org>)\n" +
		"habeas.yaml:1: mail.smtp.address: is missing (write host:port)\n" +
		"habeas.yaml:1: mail.mailboxes: is missing (without a mailbox no reply confirms anything: name at least one)\n" +
		"habeas.yaml:1: stores: is missing (without a data store there is nothing to search: name at least one)\n" +
		"habeas.yaml:1: datasets: is missing (name at least one dataset file)\n" +
		"habeas.yaml:1: policies: is missing (name at least one policy file)\n" +
		"habeas.yaml:2: taem: is not a key known here (did you mean team?)"
	if err == nil {
		t.Fatal("accepted")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestOwnNetwork(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "localhost": true, "mail": true, "10.1.2.3": true, "192.168.0.1": true,
		"mail.example.org": false, "8.8.8.8": false, "2001:db8::1": false,
	} {
		if ownNetwork(host) != want {
			t.Errorf("%s: %v", host, !want)
		}
	}
}
