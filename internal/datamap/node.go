package datamap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// reader walks the YAML of one file and collects what is wrong with it.
type reader struct {
	file     string
	problems Errors
	// fields counts the fields read so far: aliases can make a small file
	// describe exponentially many.
	fields int
	// named holds the names of the fields of the present collection, explicit the
	// places where one of them has an anonymise of ours.
	named    map[string]bool
	explicit []*yaml.Node
}

// The bounds of a file. A real one stays far below them.
const (
	maxFields = 20_000
	maxDepth  = 32
)

// report notes a problem at the place of n.
func (r *reader) report(n *yaml.Node, problem, hint string) {
	line := 1
	if n != nil && n.Line > 0 {
		line = n.Line
	}
	r.problems = append(r.problems, Problem{r.file, line, problem, hint})
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// documents parses the file. A syntax error ends it, since what follows one
// cannot be told.
func (r *reader) documents(content []byte) []*yaml.Node {
	var docs []*yaml.Node
	for dec := yaml.NewDecoder(bytes.NewReader(content)); ; {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs
		}
		if err != nil {
			r.reportSyntax(content, err)
			return nil
		}
		if len(doc.Content) == 1 {
			docs = append(docs, doc.Content[0])
		}
	}
}

// reportSyntax turns an error of the parser into a problem with its line.
func (r *reader) reportSyntax(content []byte, err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1]) // the expression admits digits only
		text = strings.Replace(text, m[0], "", 1)
	}
	hint := "indent with spaces, begin the items of a list with \"- \", quote text that contains \": \" or \" #\""
	lines := bytes.Split(content, []byte("\n"))
	for i := max(0, line-2); i < min(len(lines), line+1); i++ {
		if bytes.HasPrefix(bytes.TrimSpace(lines[i]), []byte("* ")) {
			line, hint = i+1, "this line begins with \"* \"; the items of a list begin with \"- \""
			break
		}
	}
	r.problems = append(r.problems, Problem{r.file, line, "is not valid YAML: " + text, hint})
}

// entry is one value of a mapping with the place of its key.
type entry struct {
	key   *yaml.Node
	value *yaml.Node
}

// object is a mapping by key.
type object map[string]entry

// get returns the value of a key, or nil if it is absent or null.
func (o object) get(key string) *yaml.Node {
	n := follow(o[key].value)
	if n == nil || n.Tag == "!!null" {
		return nil
	}
	return n
}

// follow returns the node that an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// object reads a mapping. what names it in problems.
func (r *reader) object(n *yaml.Node, what string) object {
	n = follow(n)
	if n == nil {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		r.report(n, what+" is not a mapping", "write it as \"name: value\" lines")
		return nil
	}
	o := object{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Tag == "!!merge" {
			r.report(key, "merge keys (<<) are not supported", "write the keys out")
			continue
		}
		if first, twice := o[key.Value]; twice {
			r.report(key, fmt.Sprintf("%s has %q twice", what, key.Value), fmt.Sprintf("the first is on line %d", first.key.Line))
			continue
		}
		o[key.Value] = entry{key, n.Content[i+1]}
	}
	return o
}

// strict reports the keys of o that are not among the allowed ones.
func (r *reader) strict(o object, what string, allowed ...string) {
	for name, e := range o {
		if !slices.Contains(allowed, name) {
			r.report(e.key, fmt.Sprintf("%s has no setting %q", what, name), "known are: "+strings.Join(allowed, ", "))
		}
	}
}

// list reads a sequence.
func (r *reader) list(n *yaml.Node, what string) []*yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		r.report(n, what+" is not a list", "begin each item with \"- \"")
		return nil
	}
	items := make([]*yaml.Node, len(n.Content))
	for i, item := range n.Content {
		items[i] = follow(item)
	}
	return items
}

// text reads a string; numbers and the like are taken as they are written.
func (r *reader) text(n *yaml.Node, what string) string {
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		r.report(n, what+" is not a text", "")
		return ""
	}
	return n.Value
}

// texts reads a list of strings.
func (r *reader) texts(n *yaml.Node, what string) []string {
	var all []string
	for _, item := range r.list(n, what) {
		all = append(all, r.text(item, what))
	}
	return all
}

// flag reads a boolean, false if absent.
func (r *reader) flag(n *yaml.Node, what string) bool {
	if n == nil {
		return false
	}
	var b bool
	if n.Kind != yaml.ScalarNode || n.Decode(&b) != nil {
		r.report(n, what+" is neither true nor false", "")
	}
	return b
}
