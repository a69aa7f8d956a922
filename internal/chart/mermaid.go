package chart

import (
	"fmt"
	"strings"

	"github.com/soffiah/habeas/internal/datamap"
)

// Mermaid writes a map as a Mermaid flowchart: what a page of documentation shows.
func Mermaid(m *datamap.Map) string {
	d := newDrawing(m)
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	names := map[*datamap.Collection]string{}
	for i, key := range m.Identities() {
		fmt.Fprintf(&b, "  i%d([\"%s\"]):::identity\n", i, escape("identity: "+key))
	}
	for i, dataset := range m.Datasets {
		fmt.Fprintf(&b, "  subgraph s%d[\"%s\"]\n", i, escape(title(dataset)))
		for _, c := range dataset.Collections {
			names[c] = fmt.Sprintf("c%d", len(names))
			l := lookOf(c)
			lines := append([]string{l.letter + " · " + c.Name, l.words}, d.remarks(c)...)
			for i, line := range lines {
				lines[i] = escape(line)
			}
			fmt.Fprintf(&b, "    %s[\"%s\"]:::%s\n", names[c], strings.Join(lines, "<br/>"), l.letter)
		}
		b.WriteString("  end\n")
	}
	for i, key := range m.Identities() {
		for _, c := range m.Collections() {
			for _, f := range c.Fields {
				if f.Identity == key && !c.Skip {
					fmt.Fprintf(&b, "  i%d -->|\"%s\"| %s\n", i, escape(f.Name), names[c])
				}
			}
		}
	}
	for _, a := range d.arrows {
		line := "-->"
		switch {
		case a.broken:
			line = "-. not followed .->"
		case len(a.edges) > 1:
			line = "==>"
		}
		if a.broken {
			fmt.Fprintf(&b, "  %s %s %s\n", names[a.from], line, names[a.to])
			continue
		}
		fmt.Fprintf(&b, "  %s %s|\"%s\"| %s\n", names[a.from], line, escape(a.label()), names[a.to])
	}
	for _, l := range looks() {
		fmt.Fprintf(&b, "  classDef %s fill:%s,color:%s,stroke:#344054\n", l.letter, l.fill, l.ink)
	}
	fmt.Fprintf(&b, "  classDef %s fill:%s,color:%s,stroke:#344054,stroke-dasharray:4\n", skipped.letter, skipped.fill, skipped.ink)
	b.WriteString("  classDef identity fill:#ffffff,color:#1d2939,stroke:#1d2939,stroke-width:2px\n")
	return b.String()
}

// title is what a group is called.
func title(d *datamap.Dataset) string {
	if d.Name == "" || d.Name == d.Key {
		return d.Key
	}
	return d.Name + " (" + d.Key + ")"
}

// escape writes a text so that Mermaid shows it and reads nothing into it.
func escape(text string) string {
	return strings.NewReplacer("#", "#35;", "&", "#amp;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "\n", " ").Replace(text)
}
