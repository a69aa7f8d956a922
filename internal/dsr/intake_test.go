package dsr

import (
	"errors"
	"net/mail"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func good() Intake {
	return Intake{
		Right:    Erasure,
		Elements: Elements{AccountName: "Atelier Léa", Email: "lea+shop@mail.example.org"},
		Name:     "Léa Martin", Message: "Please delete\nmy account.", Language: "fr-FR", Channel: Portal,
	}
}

func problems(err error) map[string]string {
	var invalid *InvalidInput
	if !errors.As(err, &invalid) {
		return nil
	}
	m := map[string]string{}
	for _, f := range invalid.Fields {
		m[f.Field] = f.Problem
	}
	return m
}

func TestIntakeValidate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		change   func(*Intake)
		required []string
		want     map[string]string
	}{
		{"good", func(*Intake) {}, []string{"email", "account_name"}, nil},
		{"required", func(i *Intake) { i.Elements.AccountName = " \t" }, []string{"account_name", "name"},
			map[string]string{"account_name": ProblemRequired}},
		{"a required field that does not exist fails closed", func(*Intake) {}, []string{"shoe_size"},
			map[string]string{"shoe_size": ProblemRequired}},
		{"nobody to look for", func(i *Intake) { i.Elements = Elements{} }, []string{"name"},
			map[string]string{"email": ProblemNoElement}},
		{"nobody to look for, e-mail required", func(i *Intake) { i.Elements = Elements{} }, []string{"email"},
			map[string]string{"email": ProblemRequired}},
		{"unknown right", func(i *Intake) { i.Right = "deletion" }, nil, map[string]string{"right": ProblemRight}},
		{"right not offered", func(i *Intake) { i.Right = Access }, nil, map[string]string{"right": ProblemRight}},
		{"channel", func(i *Intake) { i.Channel = "fax" }, nil, map[string]string{"channel": ProblemChannel}},
		{"header injection", func(i *Intake) { i.Name = "Léa\r\nBcc: a@b.c" }, nil, map[string]string{"name": ProblemText}},
		{"line end in an address", func(i *Intake) { i.Elements.Email = "a@b.org\n" }, nil, map[string]string{"email": ProblemText}},
		{"nul", func(i *Intake) { i.Message = "a\x00b" }, nil, map[string]string{"message": ProblemText}},
		{"escape", func(i *Intake) { i.Message = "a\x1b[31mb" }, nil, map[string]string{"message": ProblemText}},
		{"c1", func(i *Intake) { i.Name = "a\u0085b" }, nil, map[string]string{"name": ProblemText}},
		{"bidi override", func(i *Intake) { i.Message = "a\u202eb" }, nil, map[string]string{"message": ProblemText}},
		{"line separator", func(i *Intake) { i.Name = "a\u2028b" }, nil, map[string]string{"name": ProblemText}},
		{"not utf-8", func(i *Intake) { i.Name = "a\xff" }, nil, map[string]string{"name": ProblemText}},
		{"joiners are ordinary", func(i *Intake) { i.Name = "نمی\u200cدانم" }, nil, nil},
		{"address over lines", func(i *Intake) { i.Elements.MailingAddress = "1 rue X\n75001 Paris" }, nil,
			map[string]string{"mailing_address": ProblemText}},
		{"language", func(i *Intake) { i.Language = "french language" }, nil, map[string]string{"language": ProblemLanguage}},
		{"many at once", func(i *Intake) { i.Right, i.Elements.Email, i.Language = "", "x", "1" }, nil,
			map[string]string{"right": ProblemRight, "email": ProblemAddress, "language": ProblemLanguage}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := good()
			tt.change(&in)
			if diff := cmp.Diff(tt.want, problems(in.Validate(tt.required, []Right{Erasure}))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIntakeLengths(t *testing.T) {
	t.Parallel()
	set := map[string]func(*Intake, string){
		"account_name":    func(i *Intake, s string) { i.Elements.AccountName = s },
		"business_id":     func(i *Intake, s string) { i.Elements.BusinessID = s },
		"mailing_address": func(i *Intake, s string) { i.Elements.MailingAddress = s },
		"name":            func(i *Intake, s string) { i.Name = s },
		"message":         func(i *Intake, s string) { i.Message = s },
		"idempotency_key": func(i *Intake, s string) { i.IdempotencyKey = s },
	}
	for field, put := range set {
		in := good()
		put(&in, strings.Repeat("é", MaxLength(field)))
		if err := in.Validate(nil, Rights()); err != nil {
			t.Errorf("%s at its limit: %v", field, err)
		}
		put(&in, strings.Repeat("é", MaxLength(field)+1))
		if got := problems(in.Validate(nil, Rights()))[field]; !strings.HasPrefix(got, ProblemTooLong) {
			t.Errorf("%s over its limit: %q", field, got)
		}
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64)
	tests := map[string]bool{
		"a@b.org": true, "o'neil+x@sub.example.co": true, "1@2.com": true, "a@xn--bcher-kva.example": true,
		long + "@b.org": true, long + "a@b.org": false,
		"a@" + strings.Repeat("b", 63) + ".org": true, "a@" + strings.Repeat("b", 64) + ".org": false,
		"a@" + strings.Repeat("bbbbbbb.", 32) + "org": false,
		"": false, "@b.org": false, "a@": false, "a": false, "a@b": false, "a@b.": false, "a@.b": false,
		".a@b.org": false, "a.@b.org": false, "a..b@c.org": false, `"a b"@c.org`: false, "a@b@c.org": false,
		"a@[127.0.0.1]": false, "a@127.0.0.1": false, "a(b)@c.org": false, "A <a@b.org>": false, "<a@b.org>": false,
		"a@b.org,c@d.org": false, "a@b .org": false, "a@-b.org": false, "a@b-.org": false, "a@b_c.org": false,
		"é@b.org": false, "a@é.org": false,
	}
	for s, want := range tests {
		if got := validAddress(s); got != want {
			t.Errorf("validAddress(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestDecisionValidate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   Decision
		want map[string]string
	}{
		{Decision{Action: Approve, About: "plan-1"}, nil},
		{Decision{Action: Reject, Reason: "not\nours"}, nil},
		{Decision{Action: Reject, Reason: "  "}, map[string]string{"reason": ProblemNeedsReason}},
		{Decision{Action: Resolve}, map[string]string{"reason": ProblemNeedsReason}},
		{Decision{Action: "destroy"}, map[string]string{"action": ProblemAction}},
		{Decision{Action: Retry, Store: "a\nb"}, map[string]string{"store": ProblemText}},
		{Decision{Action: Pause, ID: strings.Repeat("x", 129)}, map[string]string{"id": ProblemTooLong + ": at most 128 characters"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, problems(tt.in.Validate())); diff != "" {
			t.Errorf("%+v: %s", tt.in, diff)
		}
	}
}

// FuzzIntake holds what everything behind the intake relies on: an accepted
// intake can be put into a mail header, its address means itself to a mail
// parser, and a refusal names what is wrong.
func FuzzIntake(f *testing.F) {
	f.Add("lea@example.org", "Léa", "hello", "fr")
	f.Add("\"a\"@b.org", "x\r\nBcc: y", "\x00", "e-")
	f.Add("a@b..org", "\u202e", "\u2028", "pt-BR")
	f.Fuzz(func(t *testing.T, email, name, message, language string) {
		in := Intake{Right: Erasure, Elements: Elements{Email: email}, Name: name, Message: message, Language: language, Channel: API}
		err := in.Validate([]string{"email"}, Rights())
		if err == nil {
			parsed, perr := mail.ParseAddress(email)
			if perr != nil || parsed.Address != email || parsed.Name != "" {
				t.Errorf("accepted %q, which a mail parser reads as %v, %v", email, parsed, perr)
			}
			if strings.ContainsAny(email+name+language, "\r\n\x00") {
				t.Errorf("accepted a line end: %q %q %q", email, name, language)
			}
			return
		}
		var invalid *InvalidInput
		if !errors.As(err, &invalid) || len(invalid.Fields) == 0 {
			t.Fatalf("refused with %v", err)
		}
	})
}
