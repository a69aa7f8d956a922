package mysql_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/mysql"
	"github.com/soffiah/habeas/internal/store/mysql/mysqltest"
	"github.com/soffiah/habeas/internal/store/storetest"
)

// TestCollations: whatever a column's collation takes for the same, a match finds
// what is the same byte by byte, or in lower case if it folds.
func TestCollations(t *testing.T) {
	t.Parallel()
	values := []string{"Ada", "ADA", "ada", "àda", "ada ", "straße", "strasse", "STRASSE"}
	for name, typ := range map[string]string{
		"general": "varchar(20) COLLATE utf8mb4_general_ci", "unicode": "varchar(20) COLLATE utf8mb4_unicode_ci", "octets": "varchar(20) COLLATE utf8mb4_bin",
		"no blanks": "varchar(20) COLLATE utf8mb4_unicode_nopad_ci", "german": "varchar(20) COLLATE latin1_german2_ci", "cased": "varchar(20) COLLATE latin1_general_cs",
		"old": "varchar(20) COLLATE utf8mb3_general_ci", "text": "text", "wide": "varchar(20) COLLATE ucs2_general_ci",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := mysqltest.New(t, "CREATE TABLE people (id int PRIMARY KEY AUTO_INCREMENT, nick "+typ+", KEY (nick(10)))")
			for _, v := range values {
				d.Exec(t, "INSERT INTO people (nick) VALUES (?)", v)
			}
			m := mapOf(t, "\n      - {name: people, habeas: {erasure: delete}, fields: [{name: id}, {name: nick, data_categories: [user.account.username]}]}\n")
			c, s := m.Collections()[0], open(t, d, mysql.Options{})
			for _, filler := range []int{0, 200} { // few values and many
				for _, test := range []struct {
					value string
					fold  bool
					want  []string
				}{
					{"ada", false, []string{"ada"}},
					{"ada ", false, []string{"ada "}},
					{"ÀDA", false, nil},
					{"ÀDA", true, []string{"àda"}},
					{"aDa", true, []string{"ADA", "Ada", "ada"}},
					{"straße", false, []string{"straße"}},
					{"Strasse", true, []string{"STRASSE", "strasse"}},
					{"🐎", false, nil},
					{"?", true, nil},
				} {
					match := store.Match{Field: "nick", Values: []any{test.value}, Fold: test.fold}
					for i := range filler {
						match.Values = append(match.Values, fmt.Sprintf("nobody %d ž", i))
					}
					var got []string
					err := s.Find(t.Context(), store.Target{Collection: c, Address: c.Address(), Treatment: dsr.Delete, Matches: []store.Match{match}}, []string{"nick"}, func(r store.Row) error {
						got = append(got, r["nick"].(string))
						return nil
					})
					slices.Sort(got)
					if err != nil || !slices.Equal(got, test.want) {
						t.Errorf("%q (fold %v, %d others): found %q, %v; want %q", test.value, test.fold, filler, got, err, test.want)
					}
				}
			}
		})
	}
}

const everyType = `CREATE TABLE everything (id bigint unsigned PRIMARY KEY, owner int,
	a tinyint(1), b bit(5), c decimal(10,2) unsigned, d json, e enum ('on', 'it''s'), f set ('x', 'y', 'z'), g datetime(3), h timestamp NULL, i year, j time, k varbinary(16), l uuid,
	m inet6, n int GENERATED ALWAYS AS (a + 1) STORED, o tinytext, p double, q char(10), r mediumint unsigned, s float, u date, v blob, w varchar(20) CHARACTER SET latin1, x tinyint(1),
	` + "`select`" + ` text, UNIQUE (w));
	INSERT INTO everything (id, owner, a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, u, v, w, x, ` + "`select`" + `) VALUES
	(18446744073709551615, 1, 3, 21, 12.5, '{"a": [1, "ž"]}', 'it''s', 'x,z', '2024-02-29 01:02:03.456', '2024-02-29 01:02:03', 2024, '-12:34:56', x'00ff', '0f8fad5b-d9cb-469f-a165-70867728950e',
	'2001:db8::1', 'tiny', 0.1, 'pad  ', 16777215, 1.5, '1999-12-31', x'e9', 'Größe', 1, 'x'),
	(2, 2, 1, 1, 1, '1', 'on', '', '2024-01-01', '2024-01-01', 2000, '0:0', x'01', '0f8fad5b-d9cb-469f-a165-70867728950f', '::1', '', 1, '', 1, 1, '2000-01-01', '', 'x', 0, NULL)`

const everyField = `
      - name: everything
        habeas: {erasure: anonymise}
        fields:
          - {name: id}
          - {name: owner}
          - {name: x, fides_meta: {data_type: boolean}, habeas: {anonymise: {strategy: constant, value: false}}}
`

// TestEveryType: what is exported of each type, and that a constant can stand in
// for it and is found to stand there.
func TestEveryType(t *testing.T) {
	t.Parallel()
	d := mysqltest.New(t, everyType)
	fields, want := everyField, []string{"18446744073709551615", "1", "true"}
	for _, f := range []struct{ name, constant, exported string }{
		{"a", "7", "3"}, {"b", "31", "21"}, {"c", `"0.00"`, "12.50"}, {"d", `"{}"`, `{"a": [1, "ž"]}`}, {"e", `"on"`, "it's"}, {"f", `"y,z"`, "x,z"},
		{"g", `"2000-01-01 00:00:00"`, "2024-02-29T01:02:03.456000"}, {"h", `"2000-01-01 00:00:00"`, "2024-02-29T01:02:03.000000Z"}, {"i", "2001", "2024"}, {"j", `"00:00:00"`, "-12:34:56"},
		{"k", `"ff00"`, "00ff"}, {"l", `"00000000-0000-4000-8000-000000000000"`, "0f8fad5b-d9cb-469f-a165-70867728950e"}, {"m", `"::2"`, "2001:db8::1"}, {"o", `"gone"`, "tiny"}, {"p", "0.5", "0.1"},
		{"q", `"gone"`, "pad"}, {"r", "0", "16777215"}, {"s", "2.5", "1.5"}, {"u", `"2000-01-01"`, "1999-12-31"}, {"v", `""`, "e9"},
	} {
		fields += fmt.Sprintf("          - {name: %s, habeas: {anonymise: {strategy: constant, value: %s}}}\n", f.name, f.constant)
		want = append(want, f.exported)
	}
	fields += "          - {name: w, habeas: {anonymise: {strategy: \"null\"}}}\n          - {name: select, habeas: {anonymise: {strategy: constant, value: \"žluť 🐎\"}}}\n          - {name: n}\n"
	want = append(want, "Größe", "x", "4")
	m, s := mapOf(t, fields), open(t, d, mysql.Options{})
	faults, err := s.Check(t.Context(), m.Collections())
	if err != nil || len(faults) > 0 {
		t.Fatalf("got %v and %v, want no fault", faults, err)
	}
	targets := []store.Target{target(t, m, "everything", "owner", 1)}
	var rows storetest.Rows
	if err := s.Export(t.Context(), targets[0], nil, &rows); err != nil || len(rows.Values) != 1 {
		t.Fatalf("got %v and %v", rows.Values, err)
	}
	if diff := cmp.Diff(want, rows.Values[0]); diff != "" {
		t.Error(diff)
	}
	others := d.Rows(t, "SELECT * FROM everything WHERE owner = 2")
	got, err := s.Erase(t.Context(), targets, now, store.Watch{})
	if err != nil || got[0].Anonymised != 1 {
		t.Fatalf("got %+v and %v", got, err)
	}
	requireVerified(t, s, targets)
	if again, err := s.Erase(t.Context(), targets, now, store.Watch{}); err != nil || again[0].Anonymised != 0 {
		t.Errorf("again: got %+v and %v, want nothing to do", again, err)
	}
	if diff := cmp.Diff(others, d.Rows(t, "SELECT * FROM everything WHERE owner = 2")); diff != "" {
		t.Error(diff)
	}
}

// TestConstantsThatDoNotFit: servers would turn them into something else.
func TestConstantsThatDoNotFit(t *testing.T) {
	t.Parallel()
	d := mysqltest.New(t, everyType)
	s := open(t, d, mysql.Options{})
	for field, constant := range map[string]string{
		"a": "200", "b": "32", "c": `"-1.00"`, "d": `"{"`, "e": `"On"`, "f": `"z,x"`, "g": `"yesterday"`, "h": `"1969-01-01"`, "i": `"x"`, "k": `"xyz"`,
		"o": `"` + strings.Repeat("ž", 128) + `"`, "p": `"x"`, "q": `"blank "`, "r": "-1", "u": `"31.12.2020"`, "w": `"č"`,
	} {
		m := mapOf(t, strings.Replace(everyField, "{name: owner}", fmt.Sprintf("{name: owner}\n          - {name: %s, habeas: {anonymise: {strategy: constant, value: %s}}}", field, constant), 1))
		faults, err := s.Check(t.Context(), m.Collections())
		if err != nil || len(faults) == 0 || faults[0].Field != field {
			t.Errorf("%s = %s: got %v and %v, want a fault", field, constant, faults, err)
		}
	}
}

// TestViews: rows are found in a view, and it is left.
func TestViews(t *testing.T) {
	t.Parallel()
	d := mysqltest.New(t, "CREATE TABLE `table` (id int PRIMARY KEY, owner int); INSERT INTO `table` VALUES (1, 1); CREATE VIEW `user` AS SELECT * FROM `table`")
	for _, erasure := range []string{"leave", "delete"} {
		m := mapOf(t, "\n      - {name: user, habeas: {erasure: "+erasure+"}, fields: [{name: owner}]}\n")
		s := open(t, d, mysql.Options{})
		faults, err := s.Check(t.Context(), m.Collections())
		if err != nil || len(faults) > 0 != (erasure == "delete") {
			t.Errorf("%s: got %v and %v", erasure, faults, err)
		}
		got, err := s.Verify(t.Context(), []store.Target{target(t, m, "user", "owner", 1)}, now)
		if err != nil || got[0].Matched != 1 {
			t.Errorf("%s: got %v and %v", erasure, got, err)
		}
	}
}
