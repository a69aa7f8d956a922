package datamap

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// dataTypes are the types of the format; each may be an array with "[]".
var dataTypes = []string{"string", "integer", "float", "boolean", "object_id", "object"}

// field reads one field of c and the fields within it.
func (l *loader) field(r *reader, c *Collection, parent *Field, n *yaml.Node, inherited []string, depth int) {
	o := r.object(n, "a field")
	if o == nil {
		return
	}
	if r.fields++; r.fields > maxFields || depth > maxDepth {
		if r.fields <= maxFields+1 {
			r.report(n, "the fields are nested too deeply or too many", fmt.Sprintf("at most %d levels and %d fields in a file", maxDepth, maxFields))
		}
		r.fields = maxFields + 1
		return
	}
	f := &Field{At: Position{r.file, n.Line}, Name: r.text(o.get("name"), "name"), Parent: parent}
	if f.Name == "" {
		r.report(n, fmt.Sprintf("a field of %q has no name", c.Name), "")
		return
	}
	if parent != nil {
		f.Name = parent.Name + "." + f.Name
	}
	if r.named[f.Name] {
		r.report(n, fmt.Sprintf("%q has a second field %q", c.Name, f.Name), "")
		return
	}
	r.named[f.Name] = true
	c.Fields = append(c.Fields, f)
	l.at[f] = place{r.file, n}
	f.Categories = append(slices.Clone(inherited), r.texts(o.get("data_categories"), "data_categories")...)
	meta := l.meta(r, o)
	l.fieldMeta(r, f, meta, n)
	children := o.get("fields")
	if children != nil && f.DataType != "" && strings.TrimSuffix(f.DataType, "[]") != "object" {
		r.report(n, fmt.Sprintf("the field %q has fields of its own and the data_type %s", f.Name, f.DataType), "write data_type: object or object[], or leave it out")
	}
	r.ownOfField(c, f, meta, r.object(o.get("habeas"), "habeas"))
	// A nested field of which the parent is replaced as a whole goes with it.
	for _, item := range r.list(children, "fields") {
		l.field(r, c, f, item, nil, depth+1)
	}
}

// fieldMeta reads the settings of the format.
func (l *loader) fieldMeta(r *reader, f *Field, meta object, n *yaml.Node) {
	f.DataType = r.text(meta.get("data_type"), "data_type")
	base, array := strings.CutSuffix(f.DataType, "[]")
	if f.DataType != "" && !slices.Contains(dataTypes, base) {
		r.report(meta.get("data_type"), fmt.Sprintf("the data_type %q is not known", f.DataType), "known are: "+strings.Join(dataTypes, ", ")+", and each with []")
	}
	if r.flag(meta.get("return_all_elements"), "return_all_elements") && !array {
		r.report(n, fmt.Sprintf("the field %q is no array and has return_all_elements", f.Name), "give it a data_type with []")
	}
	f.PrimaryKey = r.flag(meta.get("primary_key"), "primary_key")
	f.ReadOnly = r.flag(meta.get("read_only"), "read_only")
	f.Identity = r.text(meta.get("identity"), "identity")
	for _, item := range r.list(meta.get("references"), "references") {
		l.reference(r, f, item)
	}
}

// reference reads one reference of f.
func (l *loader) reference(r *reader, f *Field, n *yaml.Node) {
	o := r.object(n, "a reference")
	if o == nil {
		return
	}
	collection, field, ok := strings.Cut(r.text(o.get("field"), "field"), ".")
	dataset := r.text(o.get("dataset"), "dataset")
	if dataset == "" || !ok || collection == "" || field == "" {
		r.report(n, fmt.Sprintf("a reference of %q does not say where it leads", f.Name), "write dataset: KEY and field: COLLECTION.FIELD")
		return
	}
	ref := Reference{Target: Address{dataset, collection}, Field: field, Direction: Direction(r.text(o.get("direction"), "direction"))}
	if ref.Direction != Both && ref.Direction != To && ref.Direction != From {
		r.report(o.get("direction"), fmt.Sprintf("the direction is %q", ref.Direction), "write to or from, or leave it out for both")
		return
	}
	l.at[reference{f, len(f.References)}] = place{r.file, n}
	f.References = append(f.References, ref)
}
