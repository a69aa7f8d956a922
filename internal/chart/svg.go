package chart

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/datamap"
)

// Measures of the drawing, in pixels.
const (
	boxWidth   = 250
	lineHeight = 16
	header     = 30
	boxGap     = 14  // between two boxes of one column
	gutter     = 110 // between two columns
	margin     = 24
	groupTop   = 50
	groupPad   = 16
	// The width of a character on average, of the widest font that is at hand
	// everywhere, in small text, in the name of a collection and of a store.
	textWidth  = 7.1
	nameWidth  = 8.3
	titleWidth = 9.2
)

// box is a collection on the drawing.
type box struct {
	c      *datamap.Collection
	column int
	x, y   int
	height int
	lines  []string
}

// group is a data store on the drawing.
type group struct {
	dataset             *datamap.Dataset
	boxes               []*box
	x, y, width, height int
}

// layout is a drawing of which every part has its place.
type layout struct {
	*drawing
	groups        []*group
	boxes         map[*datamap.Collection]*box
	width, height int
}

// SVG draws a map. Columns go by the number of steps from what is known of a
// person: what stands left leads to what stands right.
func SVG(m *datamap.Map) []byte {
	l := newLayout(newDrawing(m))
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="%d" height="%d" viewBox="0 0 %d %d" font-family="system-ui, 'Liberation Sans', Arial, sans-serif" font-size="12">`+"\n", l.width, l.height, l.width, l.height)
	b.WriteString("<title>Data map</title>\n")
	fmt.Fprintf(&b, "<desc>%s</desc>\n", text(l.describe()))
	b.WriteString(`<defs>` +
		`<marker id="tip" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="10" markerHeight="10" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 8 4 0 8z" fill="#475467"/></marker>` +
		"</defs>\n")
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", l.width, l.height)
	l.legend(&b)
	for _, g := range l.groups {
		fmt.Fprintf(&b, `<g><rect x="%d" y="%d" width="%d" height="%d" rx="10" fill="#f9fafb" stroke="#98a2b3"/>`, g.x, g.y, g.width, g.height)
		name := orElse(g.dataset.Name, g.dataset.Key)
		fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="14" font-weight="600" fill="#1d2939">%s</text>`, g.x+groupPad, g.y+24, text(shorten(name, g.width-2*groupPad, titleWidth)))
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#475467">%s</text></g>`+"\n", g.x+groupPad, g.y+41, text(shorten(g.dataset.Key, g.width-2*groupPad, textWidth)))
	}
	for i, a := range l.arrows {
		l.arrow(&b, i, a)
	}
	for _, g := range l.groups {
		for _, x := range g.boxes {
			l.box(&b, x)
		}
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// newLayout gives everything its place.
func newLayout(d *drawing) *layout {
	l := &layout{drawing: d, boxes: map[*datamap.Collection]*box{}}
	column := d.columns()
	for _, dataset := range d.m.Datasets {
		g := &group{dataset: dataset}
		for _, c := range dataset.Collections {
			x := &box{c: c, column: column[c], lines: d.lines(c)}
			x.height = header + len(x.lines)*lineHeight + 8
			g.boxes = append(g.boxes, x)
			l.boxes[c] = x
		}
		if len(g.boxes) > 0 {
			l.groups = append(l.groups, g)
		}
	}
	// The store that is read first stands on top.
	first := func(g *group) int {
		return d.order[slices.MinFunc(g.boxes, func(a, b *box) int { return d.order[a.c] - d.order[b.c] }).c]
	}
	slices.SortStableFunc(l.groups, func(a, b *group) int { return first(a) - first(b) })
	y := margin + 56
	for _, g := range l.groups {
		l.place(g, y)
		y += g.height + margin
		l.width = max(l.width, g.x+g.width+margin)
	}
	l.width, l.height = max(l.width, 820), y
	return l
}

// columns returns for each collection the number of steps on the longest way to it.
func (d *drawing) columns() map[*datamap.Collection]int {
	column := map[*datamap.Collection]int{}
	all := d.m.Collections()
	slices.SortStableFunc(all, func(a, b *datamap.Collection) int { return d.order[a] - d.order[b] })
	for _, c := range all {
		for _, a := range d.arrows {
			if a.to == c && !a.broken {
				column[c] = max(column[c], column[a.from]+1)
			}
		}
	}
	return column
}

// lines are what a box says below its name.
func (d *drawing) lines(c *datamap.Collection) []string {
	lines := []string{fields(c)}
	for _, key := range identities(c) {
		lines = append(lines, "◉ identity: "+key)
	}
	for _, a := range d.arrows {
		if a.to != c || a.broken {
			continue
		}
		by := make([]string, len(a.edges))
		for i, e := range a.edges {
			by[i] = e.To.Field
		}
		lines = append(lines, strings.Join(by, " + ")+" ← "+a.from.Name)
	}
	return append(lines, d.remarks(c)...)
}

// place puts the boxes of a group into columns, those that one collection leads to
// next to each other.
func (l *layout) place(g *group, top int) {
	low, high := g.boxes[0].column, g.boxes[0].column
	for _, x := range g.boxes {
		low, high = min(low, x.column), max(high, x.column)
	}
	g.y = top
	g.x = margin + low*(boxWidth+gutter)
	g.width = (high-low+1)*(boxWidth+gutter) - gutter + 2*groupPad
	for column := low; column <= high; column++ {
		var here []*box
		for _, x := range g.boxes {
			if x.column == column {
				here = append(here, x)
			}
		}
		slices.SortStableFunc(here, func(a, b *box) int { return l.pull(a) - l.pull(b) })
		y := top + groupTop + groupPad/2
		for _, x := range here {
			x.x, x.y = g.x+groupPad+(column-low)*(boxWidth+gutter), y
			y += x.height + boxGap
		}
		g.height = max(g.height, y-boxGap+groupPad-top)
	}
}

// pull is the mean height of those that lead to a box.
func (l *layout) pull(x *box) int {
	sum, n := 0, 0
	for _, a := range l.arrows {
		if from := l.boxes[a.from]; a.to == x.c && from != nil && from.y > 0 && !a.broken {
			sum, n = sum+from.y, n+1
		}
	}
	if n == 0 {
		return 0
	}
	return sum / n
}

// legend explains letters, colours and lines.
func (l *layout) legend(b *bytes.Buffer) {
	x, y := margin, margin
	put := func(mark, words string, width int) {
		fmt.Fprintf(b, `%s<text x="%d" y="%d" fill="#344054">%s</text>`+"\n", mark, x+26, y+14, words)
		x += width
	}
	for _, k := range looks() {
		put(badge(x, y, k.look), k.words, 44+8*len(k.words))
	}
	put(badge(x, y, skipped), skipped.words, 76)
	x, y = margin, margin+26
	line := func(style string) string {
		return fmt.Sprintf(`<path d="M%d %dh18" fill="none" stroke="#475467" %s/>`, x, y+10, style)
	}
	put(line(`stroke-width="1.4" marker-end="url(#tip)"`), "values lead to rows", 158)
	put(line(`stroke-width="3" marker-end="url(#tip)"`), "only together", 124)
	put(line(`stroke-width="1.4" stroke-dasharray="4 3" marker-end="url(#tip)"`), "closes a cycle, not followed", 200)
	put(fmt.Sprintf(`<text x="%d" y="%d" fill="#067647" font-weight="700">◉</text>`, x+6, y+14), "known of the person", 160)
}

// badge draws the letter of a treatment.
func badge(x, y int, k look) string {
	dash := ""
	if k == skipped {
		dash = ` stroke-dasharray="3 2"`
	}
	return fmt.Sprintf(`<rect x="%d" y="%d" width="20" height="20" rx="4" fill="%s" stroke="#344054"%s/><text x="%d" y="%d" text-anchor="middle" font-weight="700" fill="%s">%s</text>`,
		x, y, k.fill, dash, x+10, y+14, k.ink, k.letter)
}

// box draws one collection.
func (l *layout) box(b *bytes.Buffer, x *box) {
	k := lookOf(x.c)
	stroke, dash := "#667085", ""
	if l.unreached[x.c] || x.c.Skip {
		dash = ` stroke-dasharray="5 3"`
	}
	if len(identities(x.c)) > 0 && !x.c.Skip {
		stroke = "#067647"
	}
	fmt.Fprintf(b, `<g><title>%s</title>`, text(x.c.Address().String()+", "+k.words))
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="#ffffff" stroke="%s" stroke-width="1.5"%s/>`, x.x, x.y, boxWidth, x.height, stroke, dash)
	b.WriteString(badge(x.x+6, x.y+6, k))
	fmt.Fprintf(b, `<text x="%d" y="%d" font-size="13" font-weight="600" fill="#1d2939">%s</text>`, x.x+34, x.y+21, text(shorten(x.c.Name, boxWidth-40, nameWidth)))
	for i, line := range x.lines {
		ink := "#475467"
		if strings.HasPrefix(line, "◉") {
			ink = "#067647"
		}
		fmt.Fprintf(b, `<text x="%d" y="%d" fill="%s">%s</text>`, x.x+10, x.y+header+12+i*lineHeight, ink, text(shorten(line, boxWidth-18, textWidth)))
	}
	b.WriteString("</g>\n")
}

// arrow draws one way, from the right of a box to the left of another. Its upright
// parts stand in the gaps between columns, and where it passes other columns it
// goes between their boxes.
func (l *layout) arrow(b *bytes.Buffer, i int, a arrow) {
	from, to := l.boxes[a.from], l.boxes[a.to]
	style := `stroke-width="1.4"`
	switch {
	case a.broken:
		style = `stroke-width="1.4" stroke-dasharray="4 3"`
	case len(a.edges) > 1:
		style = `stroke-width="3"`
	}
	y1, y2 := from.y+16, to.y+16
	var path string
	switch {
	case to.column < from.column:
		// Back to where it came from.
		x, end := from.x, to.x+boxWidth+2
		path = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x, y1+12, x-50, y1+12, end+50, y2+12, end, y2+12)
	case to.column == from.column:
		x, bulge := from.x+boxWidth, from.x+boxWidth+54+6*(i%5)
		path = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x, y1+8, bulge, y1+8, bulge, y2+10, to.x+boxWidth+2, y2+10)
	default:
		points := [][2]int{{from.x + boxWidth, y1}}
		before := l.lane(to.x-gutter, a.from)
		if to.column > from.column+1 {
			after := l.lane(from.x+boxWidth, a.from)
			y := l.free(from.column, to.column, y1, y2)
			points = append(points, [2]int{after, y1}, [2]int{after, y}, [2]int{before, y})
		} else {
			points = append(points, [2]int{before, y1})
		}
		path = bent(append(points, [2]int{before, y2}, [2]int{to.x - 2, y2}))
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="#475467" %s marker-end="url(#tip)"><title>%s</title></path>`+"\n",
		path, style, text(a.from.Name+" to "+a.to.Name+": "+a.label()))
}

// lane returns where in the gap that begins at x the ways from one collection run
// upright, apart from those of others.
func (l *layout) lane(x int, from *datamap.Collection) int {
	return x + 26 + (l.order[from]*11)%(gutter-56)
}

// free returns a height at which a way passes all columns between two without
// touching a box, and that makes the shortest way.
func (l *layout) free(from, to, y1, y2 int) int {
	var between []*box
	heights := []int{y1, y2}
	for _, g := range l.groups {
		for _, x := range g.boxes {
			if x.column > from && x.column < to {
				between = append(between, x)
				heights = append(heights, x.y-boxGap/2, x.y+x.height+boxGap/2)
			}
		}
	}
	best, length := y1, -1
	for _, y := range heights {
		blocked := slices.ContainsFunc(between, func(x *box) bool { return y > x.y-boxGap/2 && y < x.y+x.height+boxGap/2 })
		if way := abs(y-y1) + abs(y-y2); !blocked && (length < 0 || way < length) {
			best, length = y, way
		}
	}
	return best
}

// bent writes a path along points, each beside or above the one before, with round
// corners.
func bent(points [][2]int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M%d %d", points[0][0], points[0][1])
	for i := 1; i < len(points)-1; i++ {
		last, here, next := points[i-1], points[i], points[i+1]
		r := min(8, (abs(here[0]-last[0])+abs(here[1]-last[1]))/2, (abs(next[0]-here[0])+abs(next[1]-here[1]))/2)
		in := [2]int{here[0] + r*sign(last[0]-here[0]), here[1] + r*sign(last[1]-here[1])}
		out := [2]int{here[0] + r*sign(next[0]-here[0]), here[1] + r*sign(next[1]-here[1])}
		fmt.Fprintf(&b, "L%d %dQ%d %d %d %d", in[0], in[1], here[0], here[1], out[0], out[1])
	}
	end := points[len(points)-1]
	fmt.Fprintf(&b, "L%d %d", end[0], end[1])
	return b.String()
}

// describe says in words what is drawn, for who cannot see it.
func (l *layout) describe() string {
	var parts []string
	for _, g := range l.groups {
		var names []string
		for _, x := range g.boxes {
			names = append(names, x.c.Name+" ("+lookOf(x.c).words+")")
		}
		parts = append(parts, title(g.dataset)+": "+strings.Join(names, ", "))
	}
	return strings.Join(parts, ". ")
}

// shorten cuts a text that does not fit.
func shorten(s string, width int, character float64) string {
	runes := []rune(s)
	if most := int(float64(width) / character); len(runes) > most {
		return string(runes[:max(0, most-1)]) + "…"
	}
	return s
}

func abs(n int) int { return max(n, -n) }

func sign(n int) int { return cmp.Compare(n, 0) }

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// text escapes what a person wrote.
func text(s string) string {
	var b bytes.Buffer
	// Writing to a buffer cannot fail.
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}
