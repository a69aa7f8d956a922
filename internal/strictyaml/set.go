package strictyaml

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Set puts a value from elsewhere, such as an environment variable, in the
// place of what the file says at path; origin is how messages call the place it
// came from. path consists of keys of mappings. Set comes before
// [Document.Decode], which judges the value like one of the file.
func (d *Document) Set(path, value, origin string) {
	d.set(path, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}, origin)
}

// SetList is [Document.Set] for a list of scalars.
func (d *Document) SetList(path string, values []string, origin string) {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, value := range values {
		list.Content = append(list.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value})
	}
	d.set(path, list, origin)
}

func (d *Document) set(path string, value *yaml.Node, origin string) {
	at, keys := d.root, strings.Split(path, ".")
	for _, key := range keys[:len(keys)-1] {
		at = child(at, key, &yaml.Node{Kind: yaml.MappingNode})
		if at.Kind != yaml.MappingNode {
			return // Decode says that a mapping is wanted here
		}
	}
	*child(at, keys[len(keys)-1], value) = *value
	d.origins[path] = origin
}

// child returns the value of a key, which it adds if it is missing.
func child(mapping *yaml.Node, key string, missing *yaml.Node) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	name := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}
	mapping.Content = append(mapping.Content, name, missing)
	return missing
}
