package strictyaml

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type shade string

func (s *shade) UnmarshalText(text []byte) error {
	if string(text) != "dark" && string(text) != "light" {
		return errors.New("must be dark or light")
	}
	*s = shade(text)
	return nil
}

type house struct {
	Name   string          `yaml:"name"`
	Rooms  []room          `yaml:"rooms"`
	Lights map[string]bool `yaml:"lights"`
	Floors int             `yaml:"floors"`
	Shade  shade           `yaml:"shade"`
	Door   struct {
		Open bool `yaml:"open"`
	} `yaml:"door"`
	Unread string `yaml:"-"`
	Hidden string
}

type room struct {
	Use string `yaml:"use"`
}

func TestDecode(t *testing.T) {
	t.Parallel()
	d := Open("house.yaml", []byte(`
name: 12
rooms:
  - use: kitchen
  - {use: bath}
lights: {hall: true}
floors: 3
shade: dark
door:
  open: true
`))
	got := house{Lights: map[string]bool{"hall": false, "attic": true}, Hidden: "kept"}
	d.Decode(&got)
	if err := d.Err(); err != nil {
		t.Fatal(err)
	}
	want := house{
		Name: "12", Rooms: []room{{"kitchen"}, {"bath"}}, Floors: 3, Shade: "dark", Hidden: "kept",
		Lights: map[string]bool{"hall": true, "attic": true},
	}
	want.Door.Open = true
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"unknown key": {"nmae: x", "f:1: nmae: is not a key known here (did you mean name?)"},
		"unknown key far from any": {"colour: x",
			"f:1: colour: is not a key known here (known here are door, floors, lights, name, rooms, shade)"},
		"unread field":       {"Hidden: x", "f:1: Hidden: is not a key known here (known here are door, floors, lights, name, rooms, shade)"},
		"in a list":          {"rooms:\n- use: a\n- uze: b", "f:3: rooms[1].uze: is not a key known here (did you mean use?)"},
		"no value":           {"name: a\nfloors:\n", "f:2: floors: has no value (give one, or leave the key out)"},
		"twice":              {"name: a\nname: b", "f:2: name: is given twice (the first is in line 1)"},
		"not a number":       {"floors: two", "f:1: floors: must be a whole number"},
		"too great a number": {"floors: 99999999999999999999", "f:1: floors: must be a whole number"},
		"not a truth":        {"door: {open: yes}", "f:1: door.open: must be true or false"},
		"not a mapping":      {"door: open", "f:1: door: must be a mapping of keys to values"},
		"not a list":         {"rooms: {use: a}", "f:1: rooms: must be a list"},
		"not a value":        {"name: [a]", "f:1: name: must be a single value"},
		"text of its own":    {"shade: grey", "f:1: shade: must be dark or light"},
		"list for a text":    {"shade: [grey]", "f:1: shade: must be a single value"},
		"key of two":         {"? [a, b]\n: c", "f:1: has a key that is not a word"},
		"empty":              {"", "f: is empty"},
		"comments only":      {"# nothing\n", "f: is empty"},
		"scalar":             {"hello", "f:1: must be a mapping of keys to values"},
		"null":               {"~", "f:1: has no value (give one, or leave the key out)"},
		"two documents":      {"name: a\n---\nname: b", "f:2: holds more than one document (remove the line --- and what follows it)"},
		"anchor":             {"name: &a b", "f:1: anchors and aliases are not allowed here (write the value out)"},
		"alias":              {"door: &a {}\nrooms: [*a]", "f:1: anchors and aliases are not allowed here (write the value out)"},
		"syntax":             {"name: a\n  b: c", "f:2: is not YAML: mapping values are not allowed in this context"},
		"tab":                {"door:\n\topen: true", "f:2: is not YAML: found character that cannot start any token"},
		"deep":               {strings.Repeat("[", 40) + strings.Repeat("]", 40), "f:1: nests deeper than 32 levels"},
		"great":              {strings.Repeat("#", MaxBytes+1), "f: is greater than 1048576 bytes"},
		"several": {"floors: x\nnmae: a\nrooms: 7",
			"f:1: floors: must be a whole number\nf:2: nmae: is not a key known here (did you mean name?)\nf:3: rooms: must be a list"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := Open("f", []byte(test.text))
			d.Decode(&house{})
			err := d.Err()
			if err == nil {
				t.Fatal("nothing was wrong")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAddFindsTheNearestLine(t *testing.T) {
	t.Parallel()
	d := Open("f", []byte("# first\nname: a\nrooms:\n- use: a\n- use: b\n"))
	d.Decode(&house{})
	d.Add("rooms[1].use", "is dark", "open the curtains")
	d.Add("rooms[1].use", "is cold", "")
	d.Add("rooms[2].use", "is missing", "")
	d.Add("door.open", "is missing", "")
	d.AddIn("elsewhere", "is wrong", "")
	want := `elsewhere: is wrong
f:2: door.open: is missing
f:3: rooms[2].use: is missing
f:5: rooms[1].use: is dark (open the curtains)`
	if diff := cmp.Diff(want, d.Err().Error()); diff != "" {
		t.Error(diff)
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	d := Open("f", []byte("name: a\ndoor: {open: false}\n"))
	d.Set("name", "b", "variable NAME")
	d.Set("door.open", "perhaps", "variable OPEN")
	d.Set("floors", "2", "variable FLOORS")
	var got house
	d.Decode(&got)
	if got.Name != "b" || got.Floors != 2 {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff("variable OPEN: door.open: must be true or false", d.Err().Error()); diff != "" {
		t.Error(diff)
	}
}

func TestSetBelowAValue(t *testing.T) {
	t.Parallel()
	d := Open("f", []byte("door: open\n"))
	d.Set("door.open", "true", "variable OPEN")
	d.Decode(&house{})
	if diff := cmp.Diff("f:1: door: must be a mapping of keys to values", d.Err().Error()); diff != "" {
		t.Error(diff)
	}
}

func TestSetList(t *testing.T) {
	t.Parallel()
	var got struct {
		Names []string `yaml:"names"`
	}
	d := Open("f", []byte("names: [a]\n"))
	d.SetList("names", []string{"b", "c"}, "variable NAMES")
	d.Decode(&got)
	if diff := cmp.Diff([]string{"b", "c"}, got.Names); diff != "" || d.Err() != nil {
		t.Error(diff, d.Err())
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	d := Open("f", []byte("name: a\nrooms: [{use: b}, {use: c}]\n"))
	var got []string
	for path, value := range d.Values() {
		got = append(got, path+"="+value)
		if value == "b" {
			break
		}
	}
	if diff := cmp.Diff([]string{"name=a", "rooms[0].use=b"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsAreProblems(t *testing.T) {
	t.Parallel()
	d := Open("f", []byte("nmae: a"))
	d.Decode(&house{})
	var problems Problems
	if !errors.As(d.Err(), &problems) || problems[0].Path != "nmae" || problems[0].Line != 1 {
		t.Errorf("got %#v", problems)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"name: a", "rooms: [{use: a}]", "? [a]\n: b", "a: &a [*a]", "<<: {name: a}", "door: {open: !!bool yes}", "- x", "lights: {? {a: b} : true}", "\xff", "name: !!binary aGk="} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := Open("f", data)
		d.Decode(&house{})
		for range d.Values() {
			continue
		}
		if err := d.Err(); err != nil && err.Error() == "" {
			t.Fatal("an error without words")
		}
	})
}
