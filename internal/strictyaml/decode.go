package strictyaml

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Decode fills into, a pointer to a struct, from the document. Fields are named
// by their yaml tags; a field without one, or tagged "-", is not read. Fields
// may be strings, bools, ints, structs, slices, maps with string keys, and
// whatever implements [encoding.TextUnmarshaler]. What the document does not
// mention keeps the value it has, so that defaults are set before.
func (d *Document) Decode(into any) {
	if !d.broken {
		d.decode("", d.root, reflect.ValueOf(into).Elem())
	}
}

func (d *Document) decode(path string, node *yaml.Node, into reflect.Value) {
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" {
		d.Add(path, "has no value", "give one, or leave the key out")
		return
	}
	if text, ok := into.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.decodeText(path, node, text)
		return
	}
	switch into.Kind() {
	case reflect.Struct:
		d.decodeStruct(path, node, into)
	case reflect.Map:
		d.decodeMap(path, node, into)
	case reflect.Slice:
		d.decodeList(path, node, into)
	default:
		d.decodeScalar(path, node, into)
	}
}

func (d *Document) decodeText(path string, node *yaml.Node, into encoding.TextUnmarshaler) {
	if d.wants(path, node, yaml.ScalarNode, "a single value") {
		if err := into.UnmarshalText([]byte(node.Value)); err != nil {
			d.Add(path, err.Error(), "")
		}
	}
}

func (d *Document) decodeScalar(path string, node *yaml.Node, into reflect.Value) {
	if !d.wants(path, node, yaml.ScalarNode, "a single value") {
		return
	}
	switch into.Kind() {
	case reflect.String:
		into.SetString(node.Value)
	case reflect.Bool:
		switch node.Value {
		case "true", "false":
			into.SetBool(node.Value == "true")
		default:
			d.Add(path, "must be true or false", "")
		}
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(node.Value, 10, into.Type().Bits())
		if err != nil {
			d.Add(path, "must be a whole number", "")
			return
		}
		into.SetInt(n)
	}
}

func (d *Document) decodeStruct(path string, node *yaml.Node, into reflect.Value) {
	fields := fieldsOf(into.Type())
	d.eachKey(path, node, func(key string, value *yaml.Node) {
		i, known := fields[key]
		if !known {
			d.unknown(join(path, key), key, fields)
			return
		}
		d.decode(join(path, key), value, into.Field(i))
	})
}

func (d *Document) decodeMap(path string, node *yaml.Node, into reflect.Value) {
	filled := reflect.MakeMap(into.Type())
	for entries := into.MapRange(); entries.Next(); {
		filled.SetMapIndex(entries.Key(), entries.Value())
	}
	d.eachKey(path, node, func(key string, value *yaml.Node) {
		element := reflect.New(into.Type().Elem()).Elem()
		d.decode(join(path, key), value, element)
		filled.SetMapIndex(reflect.ValueOf(key).Convert(into.Type().Key()), element)
	})
	into.Set(filled)
}

func (d *Document) decodeList(path string, node *yaml.Node, into reflect.Value) {
	if !d.wants(path, node, yaml.SequenceNode, "a list") {
		return
	}
	list := reflect.MakeSlice(into.Type(), len(node.Content), len(node.Content))
	for i, item := range node.Content {
		d.decode(fmt.Sprintf("%s[%d]", path, i), item, list.Index(i))
	}
	into.Set(list)
}

// eachKey yields the keys of a mapping, each once.
func (d *Document) eachKey(path string, node *yaml.Node, yield func(key string, value *yaml.Node)) {
	if !d.wants(path, node, yaml.MappingNode, "a mapping of keys to values") {
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		at := join(path, key.Value)
		switch {
		case key.Kind != yaml.ScalarNode:
			d.Add(path, "has a key that is not a word", "")
		case seen[key.Value]:
			d.problems = append(d.problems, Problem{File: d.name, Line: key.Line, Path: at, Text: "is given twice", Hint: fmt.Sprintf("the first is in line %d", d.lines[at])})
		default:
			seen[key.Value] = true
			yield(key.Value, node.Content[i+1])
		}
	}
}

func (d *Document) wants(path string, node *yaml.Node, kind yaml.Kind, what string) bool {
	if node.Kind != kind {
		d.Add(path, "must be "+what, "")
	}
	return node.Kind == kind
}

func (d *Document) unknown(path, key string, fields map[string]int) {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	hint := "known here are " + strings.Join(names, ", ")
	if near := nearest(key, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	d.Add(path, "is not a key known here", hint)
}

func fieldsOf(t reflect.Type) map[string]int {
	fields := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			fields[name] = i
		}
	}
	return fields
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
