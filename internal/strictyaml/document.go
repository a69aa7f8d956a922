package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxBytes is the greatest size of a file. What people write is far smaller.
const MaxBytes = 1 << 20

// MaxDepth is the greatest depth to which lists and mappings may nest.
const MaxDepth = 32

// Document is one YAML file while it is being read and judged. Everything that
// is wrong is collected in it; ask [Document.Err] at the end.
type Document struct {
	name     string
	root     *yaml.Node
	lines    map[string]int    // path → line
	origins  map[string]string // path → where a value that is not in the file came from
	problems Problems
	wrong    map[string]bool // paths that have a problem
	// broken is set where the text is not YAML at all, so that nothing more is said about it.
	broken bool
}

// Open reads the text of a file. name is how messages call the file.
func Open(name string, data []byte) *Document {
	d := &Document{name: name, lines: map[string]int{}, origins: map[string]string{}, wrong: map[string]bool{}}
	d.root = &yaml.Node{Kind: yaml.MappingNode}
	if len(data) > MaxBytes {
		d.fail(0, fmt.Sprintf("is greater than %d bytes", MaxBytes), "")
		return d
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var file yaml.Node
	err := decoder.Decode(&file)
	switch {
	case errors.Is(err, io.EOF):
		d.fail(0, "is empty", "")
		return d
	case err != nil:
		d.syntax(err)
		return d
	}
	var second yaml.Node
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		d.fail(second.Line, "holds more than one document", "remove the line --- and what follows it")
		return d
	}
	if d.forbidden(&file, 0); d.broken {
		return d
	}
	d.root = file.Content[0]
	d.index("", d.root)
	return d
}

// index notes in which line every path stands: that of its key, where it has one.
func (d *Document) index(path string, node *yaml.Node) {
	if _, seen := d.lines[path]; !seen {
		d.lines[path] = node.Line
	}
	for i, content := range node.Content {
		switch {
		case node.Kind != yaml.MappingNode:
			d.index(fmt.Sprintf("%s[%d]", path, i), content)
		case i%2 == 1:
			at := join(path, node.Content[i-1].Value)
			if _, seen := d.lines[at]; !seen {
				d.lines[at] = node.Content[i-1].Line
			}
			d.index(at, content)
		}
	}
}

// Add notes that the value at path is wrong. Where the file has no such path,
// the line is that of the nearest key above it. Only the first problem of a path
// is kept: what follows is mostly its consequence.
func (d *Document) Add(path, text, hint string) {
	if d.broken || d.wrong[path] {
		return
	}
	d.wrong[path] = true
	file, line := d.place(path)
	d.problems = append(d.problems, Problem{File: file, Line: line, Path: path, Text: text, Hint: hint})
}

// AddIn notes that something is wrong outside of the file, in the place that
// origin names.
func (d *Document) AddIn(origin, text, hint string) {
	d.problems = append(d.problems, Problem{File: origin, Text: text, Hint: hint})
}

// Values yields every single value of the file with its path, so that a caller
// can look for what must not stand anywhere.
func (d *Document) Values() iter.Seq2[string, string] {
	return func(yield func(path, value string) bool) { values("", d.root, yield) }
}

func values(path string, node *yaml.Node, yield func(path, value string) bool) bool {
	for i, content := range node.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		if node.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			at = join(path, node.Content[i-1].Value)
		}
		if content.Kind == yaml.ScalarNode && !yield(at, content.Value) || !values(at, content, yield) {
			return false
		}
	}
	return true
}

// Err returns everything that is wrong, as [Problems], or nil.
func (d *Document) Err() error { return d.problems.Err() }

// place finds the file and line of a path, or of the nearest key above it.
func (d *Document) place(path string) (file string, line int) {
	for {
		if origin, set := d.origins[path]; set {
			return origin, 0
		}
		if line, found := d.lines[path]; found || path == "" {
			return d.name, line
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
}

func (d *Document) fail(line int, text, hint string) {
	d.problems = append(d.problems, Problem{File: d.name, Line: line, Text: text, Hint: hint})
	d.broken = true
}

// forbidden looks for what YAML allows and this package does not.
func (d *Document) forbidden(node *yaml.Node, depth int) {
	switch {
	case d.broken:
	case node.Kind == yaml.AliasNode, node.Anchor != "":
		d.fail(node.Line, "anchors and aliases are not allowed here", "write the value out")
	case depth > MaxDepth:
		d.fail(node.Line, fmt.Sprintf("nests deeper than %d levels", MaxDepth), "")
	default:
		for _, child := range node.Content {
			d.forbidden(child, depth+1)
		}
	}
}

// The parser says where it stopped in its message only.
var syntaxLine = regexp.MustCompile(`^yaml: line (\d+): `)

func (d *Document) syntax(err error) {
	text, line := err.Error(), 0
	if at := syntaxLine.FindStringSubmatch(text); at != nil {
		line, _ = strconv.Atoi(at[1])
		text = text[len(at[0]):]
	}
	d.fail(line, "is not YAML: "+strings.TrimPrefix(text, "yaml: "), "")
}
