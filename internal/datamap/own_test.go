package datamap_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
)

const clinic = `dataset:
  - fides_key: clinic
    habeas: {legal_basis: contract, purpose: treatment}
    collections:
      - name: addresses
        habeas: {erasure: delete, rows: shared, destroy_shared: true}
        fields: [{name: street}]
      - name: households
        habeas: {erasure: delete, rows: shared}
        fields: [{name: street}]
      - name: patients
        habeas:
          erasure: archive
          archive_to: old_patients
          rows: owned
          purpose: care
          restriction: {field: blocked}
        fields: &patients
          - name: id
            fides_meta: {primary_key: true}
          - name: blocked
          - name: email
            data_categories: [user.contact.email]
            habeas: {source: provided, rectify: true, legal_basis: consent, purpose: letters}
          - name: blood
            habeas: {source: observed, rectify: {type: text, one_of: [A, B, AB, "0"]}}
          - name: postcode
            habeas: {rectify: {pattern: "[0-9]{5}", max_length: 5}}
          - name: password
            data_categories: [user.authorization.password]
          - name: nonce
            data_categories: [user.authorization]
            habeas: {secret: false}
          - name: totp
            habeas: {secret: true}
          - name: notes
            habeas: {search: text}
          - name: extra
            fides_meta: {data_type: object}
            habeas: {search: json, source: derived}
          - {name: left_on}
      - name: old_patients
        habeas: {erasure: retain, retention: files, retain_from: left_on, basis: duty to keep files, citation: BGB 630f}
        fields: *patients
      - name: visits
        habeas: {erasure: anonymise, restriction: {field: status, value: held, release: open}}
        fields:
          - {name: status}
          - {name: a, habeas: {anonymise: {strategy: null}}}
          - {name: b, habeas: {anonymise: {strategy: random}}}
          - {name: c, habeas: {anonymise: {strategy: partial, keep: year}}}
          - {name: d, habeas: {anonymise: {strategy: partial, keep: prefix, length: 2}}}
          - {name: e, habeas: {anonymise: {strategy: hash, basis: statistics}}}
          - {name: f, habeas: {anonymise: {strategy: hmac, basis: statistics, citation: GDPR Art. 89}}}
          - {name: g, habeas: {anonymise: {strategy: pseudonym, basis: statistics}}}
          - {name: h, habeas: {anonymise: {strategy: constant, value: 7}}}
`

func TestOwnVocabulary(t *testing.T) {
	t.Parallel()
	m, err := load(t, clinic)
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) *datamap.Collection { return m.Datasets[0].Collection(name) }
	patients := at("patients")
	want := datamap.Collection{
		Name: "patients", Treatment: dsr.Archive, ArchiveTo: "old_patients", Rows: datamap.Owned,
		Purpose:     datamap.Purpose{LegalBasis: datamap.Contract, Purpose: "care"},
		Restriction: &datamap.Restriction{Field: "blocked", Value: true, Release: false},
	}
	if diff := cmp.Diff(want, *patients, cmpopts.IgnoreFields(datamap.Collection{}, "Dataset", "Fields", "At")); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"patients", "old_patients"} {
		if rule, from, ground, ok := at(name).Kept(); rule != "files" || from != "left_on" || ground.Citation != "BGB 630f" || !ok {
			t.Errorf("%s: got %s, %s, %s, %v", name, rule, from, ground, ok)
		}
	}
	if got := at("old_patients").Ground; got.String() != "duty to keep files (BGB 630f)" {
		t.Errorf("got the ground %q", got)
	}
	if got := *at("visits").Restriction; got != (datamap.Restriction{Field: "status", Value: "held", Release: "open"}) {
		t.Errorf("got the restriction %+v", got)
	}
	for name, spared := range map[string]bool{"addresses": false, "households": true, "patients": false, "visits": true} {
		if at(name).Spared() != spared {
			t.Errorf("%s: got spared %v, want %v", name, !spared, spared)
		}
	}
	var secret []string
	for _, f := range patients.Fields {
		if f.Secret {
			secret = append(secret, f.Name)
		}
	}
	if diff := cmp.Diff([]string{"password", "totp"}, secret); diff != "" {
		t.Error(diff)
	}
	email := patients.Field("email")
	if email.Source != datamap.Provided || email.Rectify.Type != datamap.EmailValue || email.Purpose != (datamap.Purpose{LegalBasis: datamap.Consent, Purpose: "letters"}) {
		t.Errorf("got %+v", email)
	}
	if patients.Field("blood").Purpose != patients.Purpose || patients.Field("notes").Search != datamap.SearchText || patients.Field("extra").Search != datamap.SearchJSON {
		t.Error("a field lacks what its collection or itself says")
	}
}

func TestStrategies(t *testing.T) {
	t.Parallel()
	m, err := load(t, clinic)
	if err != nil {
		t.Fatal(err)
	}
	statistics := datamap.Ground{Basis: "statistics"}
	for name, want := range map[string]datamap.Replacement{
		"a": {Strategy: datamap.Null}, "b": {Strategy: datamap.Random},
		"c": {Strategy: datamap.Partial, Keep: datamap.KeepYear}, "d": {Strategy: datamap.Partial, Keep: datamap.KeepPrefix, Length: 2},
		"e": {Strategy: datamap.Hash, Ground: statistics}, "g": {Strategy: datamap.Pseudonym, Ground: statistics},
		"f": {Strategy: datamap.HMAC, Ground: datamap.Ground{Basis: "statistics", Citation: "GDPR Art. 89"}},
		"h": {Strategy: datamap.Constant, Value: 7},
	} {
		got := *m.Datasets[0].Collection("visits").Field(name).Anonymise
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if retains := strings.Contains("efg", name); got.Retains() != retains {
			t.Errorf("%s: got retains %v", name, !retains)
		}
	}
}

func TestOwnProblems(t *testing.T) {
	t.Parallel()
	collection := func(own string) string {
		return one("      - name: c\n        habeas: " + own + "\n        fields: [{name: f}]\n")
	}
	field := func(own string) string {
		return one("      - name: c\n        fields:\n          - name: f\n            habeas: " + own + "\n")
	}
	tests := map[string]struct {
		file string
		line int
		want string
	}{
		"unknown of a field":         {field("{secrt: true}"), 7, `no setting "secrt"`},
		"rows":                       {collection("{rows: mine}"), 5, `rows is "mine"`},
		"destroyed though owned":     {collection("{rows: owned, destroy_shared: true}"), 5, "are not shared"},
		"legal basis":                {collection("{legal_basis: because}"), 5, `legal_basis is "because"`},
		"restriction without field":  {collection("{restriction: {field: g}}"), 5, "none of its fields"},
		"restriction lifts nothing":  {collection("{restriction: {field: f, value: x, release: x}}"), 5, "same value"},
		"restriction of lists":       {collection("{restriction: {field: f, value: [x]}}"), 5, "not a single value"},
		"together alone":             {collection("{together: [[f]]}"), 5, "less than two"},
		"together nothing":           {collection("{together: [[f, g]]}"), 5, "no field of"},
		"together twice":             {collection("{together: [[f, f]]}"), 5, "twice"},
		"together elsewhere":         {one("      - {name: p, fields: [{name: x}, {name: y}]}\n      - name: c\n        habeas: {together: [[f, g]]}\n        fields:\n          - {name: f, fides_meta: {references: [{dataset: d, field: p.x, direction: to}]}}\n          - {name: g, fides_meta: {references: [{dataset: d, field: p.y, direction: from}]}}\n"), 6, "do not refer to the same"},
		"citation alone":             {collection("{erasure: retain, retention: r, retain_from: f, citation: x}"), 5, "without its basis"},
		"basis of what is deleted":   {collection("{erasure: delete, basis: x}"), 4, "is not retained"},
		"archived nowhere":           {collection("{erasure: archive}"), 4, "archived nowhere"},
		"archived to nothing":        {collection("{erasure: archive, archive_to: x}"), 5, "no other collection"},
		"archived to itself":         {collection("{erasure: archive, archive_to: c}"), 5, "no other collection"},
		"not archived":               {collection("{erasure: delete, archive_to: c}"), 5, "is not archived"},
		"archived for ever":          {one("      - name: c\n        habeas: {erasure: archive, archive_to: d}\n        fields: [{name: f}]\n      - {name: d, fields: [{name: f}]}\n"), 5, "nothing would ever go"},
		"archive lacks a field":      {one("      - name: c\n        habeas: {erasure: archive, archive_to: d}\n        fields: [{name: f}]\n      - {name: d, habeas: {erasure: retain, retention: r, retain_from: g}, fields: [{name: g}]}\n"), 5, `no field "f"`},
		"archive dates otherwise":    {one("      - name: c\n        habeas: {erasure: archive, archive_to: d}\n        fields: [{name: f}]\n      - {name: d, habeas: {erasure: retain, retention: r, retain_from: g}, fields: [{name: f}, {name: g}]}\n"), 5, "period runs from"},
		"anonymised and deleted":     {one("      - name: c\n        habeas: {erasure: delete}\n        fields:\n          - name: f\n            habeas: {anonymise: {strategy: random}}\n"), 8, "is not anonymised"},
		"hash without basis":         {field("{anonymise: {strategy: hash}}"), 7, "needs a basis"},
		"pseudonym without basis":    {field("{anonymise: {strategy: pseudonym}}"), 7, "needs a basis"},
		"random with a value":        {field("{anonymise: {strategy: random, value: x}}"), 7, "takes no value"},
		"null with a basis":          {field("{anonymise: {strategy: null, basis: x}}"), 7, "takes no basis"},
		"partial of what":            {field("{anonymise: {strategy: partial}}"), 7, "what to keep"},
		"partial of that":            {field("{anonymise: {strategy: partial, keep: half}}"), 7, `keep is "half"`},
		"prefix without length":      {field("{anonymise: {strategy: partial, keep: prefix}}"), 7, "needs a length"},
		"length without prefix":      {field("{anonymise: {strategy: partial, keep: year, length: 2}}"), 7, "only keep: prefix"},
		"length zero":                {field("{anonymise: {strategy: partial, keep: prefix, length: 0}}"), 7, "above zero"},
		"unknown of a strategy":      {field("{anonymise: {strategy: random, salt: x}}"), 7, `no setting "salt"`},
		"source":                     {field("{source: bought}"), 7, `source is "bought"`},
		"search":                     {field("{search: xml}"), 7, `search is "xml"`},
		"secret":                     {field("{secret: perhaps}"), 7, "neither true nor false"},
		"secret identity":            {one("      - name: c\n        fields:\n          - name: f\n            fides_meta: {identity: email}\n            habeas: {secret: true}\n"), 6, "tells rows apart"},
		"secret reference":           {one("      - {name: p, fields: [{name: x}]}\n      - name: c\n        fields:\n          - name: f\n            data_categories: [user.authorization]\n            fides_meta: {references: [{dataset: d, field: p.x}]}\n"), 9, "secret field"},
		"reference to a secret":      {one("      - {name: p, fields: [{name: x, habeas: {secret: true}}]}\n      - name: c\n        fields:\n          - name: f\n            fides_meta: {references: [{dataset: d, field: p.x}]}\n"), 8, "secret field"},
		"rectify of a key":           {one("      - name: c\n        fields:\n          - name: f\n            fides_meta: {primary_key: true}\n            habeas: {rectify: true}\n"), 8, "cannot be corrected"},
		"rectify of an array":        {one("      - name: c\n        fields:\n          - name: f\n            fides_meta: {data_type: \"string[]\"}\n            habeas: {rectify: true}\n"), 8, "cannot be corrected as one"},
		"rectify to an unknown type": {field("{rectify: {type: colour}}"), 7, `type is "colour"`},
		"bad pattern":                {field("{rectify: {pattern: \"[\"}}"), 7, "no regular expression"},
		"unknown of rectify":         {field("{rectify: {max: 3}}"), 7, `no setting "max"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, test.file)
			var problems datamap.Errors
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want problems", err)
			}
			for _, p := range problems {
				if p.Line == test.line && strings.Contains(p.Problem, test.want) {
					return
				}
			}
			t.Errorf("got\n%v\nwant one on line %d with %q", problems, test.line, test.want)
		})
	}
}

func TestRectificationCheck(t *testing.T) {
	t.Parallel()
	m, err := load(t, clinic)
	if err != nil {
		t.Fatal(err)
	}
	of := func(field string) datamap.Rectification {
		return *m.Datasets[0].Collection("patients").Field(field).Rectify
	}
	kind := func(k string) datamap.Rectification { return datamap.Rectification{Type: k} }
	for _, test := range []struct {
		rule  datamap.Rectification
		value string
		ok    bool
	}{
		{of("email"), "ada@example.org", true}, {of("email"), "Ada <ada@example.org>", false}, {of("email"), "ada", false},
		{of("blood"), "AB", true}, {of("blood"), "C", false},
		{of("postcode"), "75002", true}, {of("postcode"), "x75002", false}, {of("postcode"), "75002\n", false},
		{kind(datamap.PhoneValue), "+33 1 23 45 67 89", true}, {kind(datamap.PhoneValue), "call me", false},
		{kind(datamap.DateValue), "2024-02-29", true}, {kind(datamap.DateValue), "2023-02-29", false},
		{kind(datamap.IntegerValue), "-7", true}, {kind(datamap.IntegerValue), "7.5", false},
		{kind(datamap.NumberValue), "7.5", true}, {kind(datamap.NumberValue), "seven", false},
		{kind(datamap.BooleanValue), "true", true}, {kind(datamap.BooleanValue), "yes", false},
		{kind(datamap.URLValue), "https://example.org/x", true}, {kind(datamap.URLValue), "javascript:alert(1)", false},
		{kind(datamap.TextValue), "a\x00b", false}, {datamap.Rectification{Type: datamap.TextValue, MaxLength: 2}, "äöü", false},
	} {
		err := test.rule.Check(test.value)
		if (err == nil) != test.ok {
			t.Errorf("%s %q: got %v", test.rule.Type, test.value, err)
		}
		if err != nil && len(test.value) > 3 && strings.Contains(err.Error(), test.value) {
			t.Errorf("the error repeats the value: %v", err)
		}
	}
}
