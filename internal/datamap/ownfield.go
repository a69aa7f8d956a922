package datamap

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ownOfField reads our key of a field, and settles how it is anonymised.
func (r *reader) ownOfField(c *Collection, f *Field, meta, own object) {
	r.strict(own, "habeas of a field", fieldNames...)
	r.anonymise(f, meta, own)
	f.Source = Source(r.oneOf(own.get("source"), "source", string(Provided), string(Observed), string(Derived)))
	f.Search = Search(r.oneOf(own.get("search"), "search", string(SearchText), string(SearchJSON)))
	f.Purpose = r.purpose(own).over(c.Purpose)
	f.Secret = slices.ContainsFunc(f.Categories, func(c string) bool { return Covers("user.authorization", c) })
	if n := own.get("secret"); n != nil {
		f.Secret = r.flag(n, "secret")
	}
	f.Secret = f.Secret || f.within(func(p *Field) bool { return p.Secret })
	f.Rectify = r.rectification(f, own.get("rectify"))
}

// within reports whether any object that holds f is so.
func (f *Field) within(is func(*Field) bool) bool {
	for p := f.Parent; p != nil; p = p.Parent {
		if is(p) {
			return true
		}
	}
	return false
}

// anonymise settles how a field is anonymised: as our key says, else as the
// masking override of the format says, else null if it is personal.
func (r *reader) anonymise(f *Field, meta, own object) {
	if n := own.get("anonymise"); n != nil {
		r.explicit = append(r.explicit, n)
		f.Anonymise = r.replacement(n)
		if f.PrimaryKey || f.ReadOnly {
			r.report(n, fmt.Sprintf("the field %q is a primary key or read_only and cannot be anonymised", f.Name), "")
		}
		return
	}
	if f.PrimaryKey || f.ReadOnly || !f.Personal() || f.within(func(p *Field) bool { return p.Anonymise != nil }) {
		return
	}
	f.Anonymise = &Replacement{Strategy: Null}
	override := r.object(meta.get("masking_strategy_override"), "masking_strategy_override")
	if r.text(override.get("strategy"), "strategy") == "string_rewrite" {
		value := r.object(override.get("configuration"), "configuration").get("rewrite_value")
		f.Anonymise = &Replacement{Strategy: Constant, Value: r.text(value, "rewrite_value")}
	}
}

// takes are the settings that each strategy has beside its name.
var takes = map[string][]string{
	Null: nil, Constant: {"value"}, Random: nil, Partial: {"keep", "length"},
	Hash: {"basis", "citation"}, HMAC: {"basis", "citation"}, Pseudonym: {"basis", "citation"},
}

// replacement reads {strategy: NAME} with what the strategy needs.
func (r *reader) replacement(n *yaml.Node) *Replacement {
	o := r.object(n, "anonymise")
	r.strict(o, "anonymise", anonymiseNames...)
	// An unquoted null is what a person writes who means the strategy.
	strategy := ""
	if e, ok := o["strategy"]; ok {
		if strategy = r.text(follow(e.value), "strategy"); strategy == "~" {
			strategy = Null
		}
	}
	if !slices.Contains(strategies, strategy) {
		r.report(n, fmt.Sprintf("the strategy is %q", strategy), "known are: "+strings.Join(strategies, ", ")+"; quote \"null\"")
		return nil
	}
	for name, e := range o {
		if name != "strategy" && slices.Contains(anonymiseNames, name) && !slices.Contains(takes[strategy], name) {
			r.report(e.key, fmt.Sprintf("the strategy %s takes no %s", strategy, name), "leave it out, or choose the strategy that takes it")
		}
	}
	x := &Replacement{Strategy: strategy}
	switch strategy {
	case Constant:
		if o.get("value") == nil {
			r.report(n, "the strategy constant needs a value", "write value: TEXT, or strategy: \"null\"")
		}
		x.Value = r.scalar(o.get("value"), "value")
	case Partial:
		r.partial(x, o, n)
	}
	if x.Ground = r.ground(o); x.Retains() && x.Ground.Basis == "" {
		r.report(n, fmt.Sprintf("the strategy %s needs a basis: who has its values can still single the person out", strategy), "write basis: why it may stay (and citation), or choose null, constant, random or partial")
	}
	return x
}

// partial reads what is kept of a value.
func (r *reader) partial(x *Replacement, o object, n *yaml.Node) {
	x.Keep = r.oneOf(o.get("keep"), "keep", parts...)
	if o.get("keep") == nil {
		r.report(n, "the strategy partial does not say what to keep", "write keep: "+strings.Join(parts, ", "))
	}
	length := o.get("length")
	x.Length = r.count(length, "length")
	switch {
	case x.Keep == KeepPrefix && length == nil:
		r.report(n, "keep: prefix needs a length", "write length: the number of characters to keep")
	case x.Keep != KeepPrefix && length != nil:
		r.report(length, "only keep: prefix takes a length", "leave it out")
	}
}

// count reads a number above zero, 0 if absent.
func (r *reader) count(n *yaml.Node, what string) int {
	if n == nil {
		return 0
	}
	i, err := strconv.Atoi(r.text(n, what))
	if err != nil || i < 1 {
		r.report(n, what+" is not a number above zero", "")
		return 0
	}
	return i
}

// rectification reads true, or {type: ..., max_length: ..., pattern: ..., one_of: [...]}.
func (r *reader) rectification(f *Field, n *yaml.Node) *Rectification {
	if n == nil {
		return nil
	}
	x := &Rectification{Type: naturalType(f)}
	if n.Kind == yaml.ScalarNode {
		if !r.flag(n, "rectify") {
			return nil
		}
	} else {
		r.rectifySettings(x, r.object(n, "rectify"))
	}
	switch {
	case f.PrimaryKey || f.ReadOnly:
		r.report(n, fmt.Sprintf("the field %q is a primary key or read_only and cannot be corrected", f.Name), "leave rectify out")
	case strings.HasPrefix(f.DataType, "object") || strings.HasSuffix(f.DataType, "[]"):
		r.report(n, fmt.Sprintf("the field %q holds several values and cannot be corrected as one", f.Name), "give rectify to the fields within it")
	}
	return x
}

func (r *reader) rectifySettings(x *Rectification, o object) {
	r.strict(o, "rectify", rectifyNames...)
	if t := r.oneOf(o.get("type"), "type", valueKinds...); t != "" {
		x.Type = t
	}
	x.MaxLength = r.count(o.get("max_length"), "max_length")
	x.OneOf = r.texts(o.get("one_of"), "one_of")
	if pattern := o.get("pattern"); pattern != nil {
		whole, err := regexp.Compile(`^(?:` + r.text(pattern, "pattern") + `)$`)
		if err != nil {
			r.report(pattern, "the pattern is no regular expression", "write it as RE2 does: https://github.com/google/re2/wiki/Syntax")
		}
		x.Pattern = whole
	}
}

// naturalType is what a field is corrected to if the map does not say: what its
// type and its categories tell.
func naturalType(f *Field) string {
	switch f.DataType {
	case "integer":
		return IntegerValue
	case "float":
		return NumberValue
	case "boolean":
		return BooleanValue
	}
	switch {
	case slices.Contains(f.Categories, "user.contact.email"):
		return EmailValue
	case slices.Contains(f.Categories, "user.contact.phone_number"):
		return PhoneValue
	case slices.Contains(f.Categories, "user.demographic.date_of_birth"):
		return DateValue
	}
	return TextValue
}
