package catalogue

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/soffiah/habeas/internal/detect"
)

// Draft writes a first text of a dataset from what a store says of itself. What
// is guessed bears a comment that says so and why. The text loads without errors
// and erases nothing: a person reads it and decides for every collection.
func Draft(ctx context.Context, r Reader, store, dataset, schema string, now time.Time) ([]byte, error) {
	tables, err := r.Tables(ctx, schema)
	if err != nil {
		return nil, fmt.Errorf("reading the tables of the data store %s: %w", store, err)
	}
	tables = slices.DeleteFunc(slices.Clone(tables), func(t Table) bool { return t.View || len(t.Columns) == 0 })
	d := draft{dataset: dataset, tables: tables}
	d.line(0, "# A first map of the data store %s, drafted from its catalogue and a sample of its values.", store)
	d.line(0, "# Keys, types and foreign keys are what the store says. Everything marked \"guessed\" is a")
	d.line(0, "# guess by name or by sampled values: read every line. A foreign key is taken to mean that")
	d.line(0, "# a row belongs to whoever the row that it refers to does. Nothing is erased as it stands:")
	d.line(0, "# decide for each collection (erasure: delete, anonymise, archive, retain or leave).")
	d.line(0, "dataset:")
	d.line(1, "- fides_key: %s", dataset)
	d.line(2, "name: %s", scalar(store))
	if schema != "" {
		d.line(2, "fides_meta: {namespace: {schema: %s}}", scalar(schema))
	}
	if len(tables) == 0 {
		d.line(2, "# The store has no table here.")
		d.line(2, "collections: []")
	} else {
		d.line(2, "collections:")
	}
	for _, t := range tables {
		guesses, err := guess(ctx, r, t, t.Columns, now)
		if err != nil {
			return nil, err
		}
		d.table(t, guesses)
	}
	return []byte(d.text.String()), nil
}

// draft is a text that is being written.
type draft struct {
	text    strings.Builder
	dataset string
	tables  []Table
}

func (d *draft) line(depth int, format string, args ...any) {
	d.text.WriteString(strings.Repeat("  ", depth) + fmt.Sprintf(format, args...) + "\n")
}

// table writes one collection.
func (d *draft) table(t Table, guesses map[string]detect.Guess) {
	d.line(0, "")
	d.line(3, "- name: %s", scalar(t.Name))
	if !t.Readable {
		d.line(4, "# The role may not read this table: categories are guessed by name alone.")
	}
	if !d.reached(t, guesses) {
		d.line(4, "# No identity and no foreign key leads here.")
	}
	d.line(4, "habeas:")
	if len(guesses) == 0 {
		d.line(5, "erasure: leave  # to decide; no personal data was recognised")
	} else {
		d.line(5, "erasure: leave  # to decide")
	}
	if groups := d.together(t); len(groups) > 0 {
		d.line(5, "together: [%s]", strings.Join(groups, ", "))
	}
	d.line(4, "fields:")
	for _, c := range t.Columns {
		g, guessed := guesses[c.Name]
		d.column(t, c, g, guessed)
	}
}

// column writes one field.
func (d *draft) column(t Table, c Column, g detect.Guess, guessed bool) {
	d.line(5, "- name: %s", scalar(c.Name))
	meta := []string{}
	if slices.Contains(t.PrimaryKey, c.Name) {
		meta = append(meta, "primary_key: true")
	}
	if c.Kind != Other && c.Kind != Binary {
		// Flow style: a type with brackets must be quoted.
		meta = append(meta, "data_type: "+scalar(dataType(c)))
	}
	if c.Generated {
		meta = append(meta, "read_only: true")
	}
	references := d.references(t, c)
	// What is secret is never read, and a key must be.
	if guessed && g.Kind == detect.Password && (len(references) > 0 || slices.Contains(t.PrimaryKey, c.Name) || d.referred(t, c)) {
		d.line(6, "# Its name speaks for a secret, and it is a key: should it be one?")
		guessed = false
	}
	identity := ""
	if guessed && len(references) == 0 {
		identity = identityOf(g.Kind)
	}
	if identity != "" {
		meta = append(meta, "identity: "+identity)
	}
	if len(references) > 0 {
		meta = append(meta, "references: ["+strings.Join(references, ", ")+"]")
	}
	switch {
	case guessed:
		d.line(6, "data_categories: [%s]  # guessed: %s", g.Kind.Category(), why(g))
	case len(references) > 0:
		d.line(6, "data_categories: [user.unique_id]  # guessed: a foreign key; remove the reference if the row is not theirs")
	default:
		d.line(6, "data_categories: [system.operations]  # guessed: nothing speaks for a person")
	}
	if len(meta) > 0 {
		comment := ""
		if identity != "" {
			comment = "  # identity guessed"
		}
		d.line(6, "fides_meta: {%s}%s", strings.Join(meta, ", "), comment)
	}
}

// references writes the foreign keys of a column: whoever the parent row belongs
// to, this row does too.
func (d *draft) references(t Table, c Column) []string {
	var all []string
	for _, k := range t.ForeignKeys {
		at := slices.Index(k.Columns, c.Name)
		if at < 0 || !d.has(k, t) {
			continue
		}
		text := fmt.Sprintf("{dataset: %s, field: %s, direction: from}", d.dataset, scalar(k.Table+"."+k.Keys[at]))
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// has reports whether the parent of a foreign key is in the draft. The format
// cannot name a field of a collection with a dot in its name.
func (d *draft) has(k ForeignKey, t Table) bool {
	return !strings.Contains(k.Table, ".") && slices.ContainsFunc(d.tables, func(parent Table) bool { return parent.Name == k.Table && k.Schema == parent.Schema })
}

// referred reports whether a foreign key of the draft leads to a column.
func (d *draft) referred(t Table, c Column) bool {
	return slices.ContainsFunc(d.tables, func(child Table) bool {
		return slices.ContainsFunc(child.ForeignKeys, func(k ForeignKey) bool {
			return k.Table == t.Name && k.Schema == t.Schema && slices.Contains(k.Keys, c.Name)
		})
	})
}

// together writes the composite foreign keys of a table.
func (d *draft) together(t Table) []string {
	var groups []string
	for _, k := range t.ForeignKeys {
		if len(k.Columns) < 2 || !d.has(k, t) || k.Table == t.Name {
			continue
		}
		names := make([]string, len(k.Columns))
		for i, name := range k.Columns {
			names[i] = scalar(name)
		}
		group := "[" + strings.Join(names, ", ") + "]"
		if !slices.Contains(groups, group) {
			groups = append(groups, group)
		}
	}
	return groups
}

// reached reports whether an identity or a foreign key leads to a table.
func (d *draft) reached(t Table, guesses map[string]detect.Guess) bool {
	if slices.ContainsFunc(t.ForeignKeys, func(k ForeignKey) bool { return d.has(k, t) && k.Table != t.Name }) {
		return true
	}
	for _, g := range guesses {
		if identityOf(g.Kind) != "" {
			return true
		}
	}
	return false
}

// identityOf returns the identity key that a kind of data answers to, if any: what
// tells one person from all others.
func identityOf(k detect.Kind) string {
	switch k {
	case detect.Email:
		return "email"
	case detect.Phone:
		return "phone_number"
	case detect.Username:
		return "account_name"
	}
	return ""
}

var plainScalar = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// scalar writes a text so that YAML reads the same one back, in a line of its own
// or between braces.
func scalar(text string) string {
	if plainScalar.MatchString(text) {
		var n yaml.Node
		// Words such as null, yes or on are read as something else.
		if yaml.Unmarshal([]byte(text), &n) == nil && len(n.Content) == 1 && n.Content[0].Tag == "!!str" && !slices.Contains([]string{"y", "n", "yes", "no", "on", "off"}, strings.ToLower(text)) {
			return text
		}
	}
	return quoted(text)
}

// quoted writes a text between double quotes.
func quoted(text string) string {
	n := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: yaml.DoubleQuotedStyle}
	out, err := yaml.Marshal(&n)
	if err != nil {
		// Marshalling one text cannot fail.
		return fmt.Sprintf("%q", text)
	}
	return strings.TrimSpace(string(out))
}
