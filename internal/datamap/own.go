package datamap

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/soffiah/habeas/internal/dsr"
)

// The names under our key, by where it stands.
var (
	datasetNames    = []string{"legal_basis", "purpose"}
	collectionNames = []string{
		"erasure", "retention", "retain_from", "basis", "citation", "archive_to",
		"rows", "destroy_shared", "together", "subject", "restriction", "legal_basis", "purpose",
	}
	restrictionNames = []string{"field", "value", "release"}
	fieldNames       = []string{"anonymise", "source", "rectify", "secret", "search", "legal_basis", "purpose"}
	anonymiseNames   = []string{"strategy", "value", "keep", "length", "basis", "citation"}
	rectifyNames     = []string{"type", "max_length", "pattern", "one_of"}
)

// own reads our key of a collection, once its fields have been read, and
// settles what is done to its rows and fields.
func (l *loader) own(r *reader, c *Collection, own object, n *yaml.Node) {
	r.strict(own, "habeas of a collection", collectionNames...)
	c.Treatment = dsr.Treatment(r.text(own.get("erasure"), "erasure"))
	c.RetentionRule = r.text(own.get("retention"), "retention")
	c.RetainFrom = r.text(own.get("retain_from"), "retain_from")
	c.Ground = r.ground(own)
	c.ArchiveTo = r.text(own.get("archive_to"), "archive_to")
	c.Rows = Ownership(r.oneOf(own.get("rows"), "rows", string(Owned), string(Shared)))
	c.DestroyShared = r.flag(own.get("destroy_shared"), "destroy_shared")
	if c.DestroyShared && c.Rows != Shared {
		r.report(own.get("destroy_shared"), fmt.Sprintf("%q has destroy_shared and its rows are not shared", c.Name), "write rows: shared, or leave it out")
	}
	c.Subject = r.flag(own.get("subject"), "subject")
	c.Restriction = r.restriction(c, own.get("restriction"))
	c.Together = r.together(c, own.get("together"))
	r.treatment(c, own, n)
	r.retention(c, n)
	if own.get("archive_to") != nil || c.Treatment == dsr.Archive {
		l.at[archive{c}] = place{r.file, or(own.get("archive_to"), n)}
	}
}

// or returns the first node that is there.
func or(a, b *yaml.Node) *yaml.Node {
	if a != nil {
		return a
	}
	return b
}

// treatment settles what an erasure does to the rows of c.
func (r *reader) treatment(c *Collection, own object, n *yaml.Node) {
	replaced := slices.ContainsFunc(c.Fields, func(f *Field) bool { return f.Anonymise != nil })
	switch c.Treatment {
	case "":
		c.Treatment = dsr.Anonymise
		if !replaced {
			c.Treatment = dsr.Leave
		}
	case dsr.Anonymise:
		if !replaced {
			r.report(n, fmt.Sprintf("%q is to be anonymised and has no field for that", c.Name), "give fields a category under user, or habeas: {anonymise: {strategy: \"null\"}}")
		}
	case dsr.Delete, dsr.Archive, dsr.Retain, dsr.Leave:
	default:
		r.report(own.get("erasure"), fmt.Sprintf("erasure is %q", c.Treatment), "write delete, anonymise, archive, retain or leave")
		return
	}
	if c.Treatment != dsr.Anonymise {
		for _, node := range r.explicit {
			r.report(node, fmt.Sprintf("%q is not anonymised, and one of its fields has anonymise", c.Name), "write erasure: anonymise for the collection, or leave anonymise out")
		}
	}
}

// retention checks that what a retained collection needs is there, and that no
// other has it.
func (r *reader) retention(c *Collection, n *yaml.Node) {
	if c.Treatment != dsr.Retain {
		if c.RetentionRule != "" || c.RetainFrom != "" || c.Ground != (Ground{}) {
			r.report(n, fmt.Sprintf("%q has a retention and is not retained", c.Name), "write erasure: retain, or leave out retention, retain_from, basis and citation")
		}
		return
	}
	if c.RetentionRule == "" {
		r.report(n, fmt.Sprintf("%q is retained under no rule", c.Name), "name a retention rule of the policy: retention: RULE")
	}
	if c.Field(c.RetainFrom) == nil {
		r.report(n, fmt.Sprintf("retain_from of %q is %q, which is none of its fields", c.Name, c.RetainFrom), "name the field with the date from which the period runs")
	}
}

// archive names the archive of a collection, as a key of [places].
type archive struct{ of *Collection }

// archives checks, once all is read, that rows are moved to where they can be
// found again and go when their time has come.
func (l *loader) archives(c *Collection) {
	at := archive{c}
	to := c.Dataset.Collection(c.ArchiveTo)
	switch {
	case c.Treatment != dsr.Archive && c.ArchiveTo == "":
	case c.Treatment != dsr.Archive:
		l.report(at, fmt.Sprintf("%q has archive_to and is not archived", c.Name), "write erasure: archive, or leave archive_to out")
	case c.ArchiveTo == "":
		l.report(at, fmt.Sprintf("%q is to be archived nowhere", c.Name), "name a retained collection of the same dataset: archive_to: NAME")
	case to == nil || to == c:
		l.report(at, fmt.Sprintf("archive_to of %q is %q, which is no other collection of its dataset", c.Name, c.ArchiveTo), "name a retained collection of the same dataset")
	case to.Treatment != dsr.Retain:
		l.report(at, fmt.Sprintf("%q is archived to %q, from which nothing would ever go", c.Name, to.Name), "give that collection erasure: retain with a retention rule")
	default:
		if to.RetainFrom != "" && c.Field(to.RetainFrom) == nil {
			l.report(at, fmt.Sprintf("%q is archived to %q, whose period runs from %q, which is none of its own fields", c.Name, to.Name, to.RetainFrom), "give both the field with the date")
		}
		for _, f := range c.Fields {
			if to.Field(f.Name) == nil {
				l.report(at, fmt.Sprintf("%q is archived to %q, which has no field %q", c.Name, to.Name, f.Name), "give both the same fields")
			}
		}
	}
}

// ground reads basis and citation.
func (r *reader) ground(o object) Ground {
	g := Ground{r.text(o.get("basis"), "basis"), r.text(o.get("citation"), "citation")}
	if g.Basis == "" && g.Citation != "" {
		r.report(o.get("citation"), "a citation stands without its basis", "write basis: why the data is kept, in words for the data subject")
	}
	return g
}

// purpose reads legal_basis and purpose.
func (r *reader) purpose(o object) Purpose {
	names := make([]string, 0, len(LegalBases()))
	for _, b := range LegalBases() {
		names = append(names, string(b))
	}
	return Purpose{LegalBasis(r.oneOf(o.get("legal_basis"), "legal_basis", names...)), r.text(o.get("purpose"), "purpose")}
}

// oneOf reads one of some words, or "".
func (r *reader) oneOf(n *yaml.Node, what string, words ...string) string {
	text := r.text(n, what)
	if text != "" && !slices.Contains(words, text) {
		r.report(n, fmt.Sprintf("%s is %q", what, text), "write "+strings.Join(words, ", ")+", or leave it out")
		return ""
	}
	return text
}

// scalar reads a string, bool, number or null.
func (r *reader) scalar(n *yaml.Node, what string) any {
	var v any
	if n == nil {
		return nil
	}
	if n.Kind != yaml.ScalarNode || n.Decode(&v) != nil {
		r.report(n, what+" is not a single value", "write a text, a number, true or false")
		return nil
	}
	switch v.(type) {
	case nil, string, bool, int, float64:
		return v
	}
	r.report(n, what+" is of a type that is not known here", "quote it")
	return nil
}

// together reads groups of fields. Those of a group must refer to one collection,
// each to another field there.
func (r *reader) together(c *Collection, n *yaml.Node) [][]string {
	var groups [][]string
	for _, item := range r.list(n, "together") {
		group := r.texts(item, "together")
		distinct := slices.Clone(group)
		slices.Sort(distinct)
		distinct = slices.Compact(distinct)
		unknown := slices.IndexFunc(group, func(name string) bool { return c.Field(name) == nil })
		switch {
		case len(distinct) != len(group):
			r.report(item, "a group of together names a field twice", "")
		case len(group) < 2:
			r.report(item, "a group of together has less than two fields", "write together: [[FIELD, FIELD]]")
		case unknown >= 0:
			r.report(item, fmt.Sprintf("together names %q, which is no field of %q", group[unknown], c.Name), "name fields with references")
		case len(c.common(group)) == 0:
			r.report(item, fmt.Sprintf("the fields %s do not refer to the same collection", strings.Join(group, ", ")), "give each a reference to it, in the same direction")
		}
		groups = append(groups, group)
	}
	return groups
}

// restriction reads {field: NAME, value: ..., release: ...}.
func (r *reader) restriction(c *Collection, n *yaml.Node) *Restriction {
	o := r.object(n, "restriction")
	if o == nil {
		return nil
	}
	r.strict(o, "restriction", restrictionNames...)
	x := &Restriction{Field: r.text(o.get("field"), "field"), Value: true, Release: false}
	if _, ok := o["value"]; ok {
		x.Value, x.Release = r.scalar(o.get("value"), "value"), nil
	}
	if _, ok := o["release"]; ok {
		x.Release = r.scalar(o.get("release"), "release")
	}
	if c.Field(x.Field) == nil {
		r.report(n, fmt.Sprintf("the restriction of %q sets %q, which is none of its fields", c.Name, x.Field), "name the field that marks a restricted row")
	}
	if x.Value == x.Release {
		r.report(n, fmt.Sprintf("the restriction of %q sets and lifts with the same value", c.Name), "write value and release")
	}
	return x
}
