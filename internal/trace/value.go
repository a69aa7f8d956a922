package trace

import (
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/store"
)

// set is texts in the order in which they were found, each once.
type set struct {
	order []string
	seen  map[string]bool
}

// addAll adds values as the field f holds them; those it cannot hold are left
// out. Without a field they are added as they are. It reports whether there was any.
func (s *set) addAll(f *datamap.Field, values []string) bool {
	some := false
	for _, v := range values {
		if f != nil {
			cast, ok := castTo(f.DataType, v)
			if !ok {
				continue
			}
			v = cast
		}
		some = true
		if s.seen[v] {
			continue
		}
		if s.seen == nil {
			s.seen = map[string]bool{}
		}
		s.seen[v] = true
		s.order = append(s.order, v)
	}
	return some
}

// any returns the values as a match takes them.
func (s *set) any() []any {
	all := make([]any, len(s.order))
	for i, v := range s.order {
		all[i] = v
	}
	return all
}

// match means the rows in which f has one of the values.
func match(f *datamap.Field, values set) store.Match {
	return store.Match{Field: f.Name, Values: values.any(), Fold: f.Identity == "email" || f.Identity == "account_name"}
}

// variants returns the forms under which the values of an identity are looked
// for: trimmed, and for an e-mail address in lower case too, for stores that
// compare letter by letter.
func variants(key string, values ...string) []string {
	var all []string
	for _, v := range values {
		v = strings.TrimSpace(v)
		if v == "" {
			continue
		}
		all = append(all, v)
		if lower := strings.ToLower(v); key == "email" && lower != v {
			all = append(all, lower)
		}
	}
	return all
}

// castTo writes a value in the form of a data type of the format, or reports
// that it has none there. An unknown type takes every value.
func castTo(dataType, v string) (string, bool) {
	switch strings.TrimSuffix(dataType, "[]") {
	case "integer":
		n, err := strconv.ParseInt(v, 10, 64)
		return strconv.FormatInt(n, 10), err == nil
	case "float":
		n, err := strconv.ParseFloat(v, 64)
		return strconv.FormatFloat(n, 'f', -1, 64), err == nil
	case "boolean":
		b, err := strconv.ParseBool(v)
		return strconv.FormatBool(b), err == nil
	case "object_id":
		_, err := hex.DecodeString(v)
		return v, err == nil && len(v) == 24
	}
	return v, true
}

// texts returns what a value of a row holds, as texts. Arrays and objects are
// descended into. Null, the empty text, zero and false are left out: they mark
// the absence of a value in so many databases (a guest's customer 0) that to
// follow them would lead to other people's rows.
func texts(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		if v == "" {
			return nil
		}
		return []string{v}
	case time.Time:
		return []string{v.UTC().Format(time.RFC3339Nano)}
	case []byte:
		return texts(string(v))
	case driver.Valuer:
		plain, err := v.Value()
		if _, again := plain.(driver.Valuer); err != nil || again {
			return nil
		}
		return texts(plain)
	}
	return reflected(reflect.ValueOf(v))
}

// reflected is [texts] for values of other types.
func reflected(v reflect.Value) []string {
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		var all []string
		for i := range v.Len() {
			all = append(all, texts(v.Index(i).Interface())...)
		}
		return all
	case reflect.Map:
		var all []string
		for _, key := range v.MapKeys() {
			all = append(all, texts(v.MapIndex(key).Interface())...)
		}
		return all
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return texts(v.Elem().Interface())
	}
	if v.IsZero() {
		return nil
	}
	switch {
	case v.CanInt():
		return []string{strconv.FormatInt(v.Int(), 10)}
	case v.CanUint():
		return []string{strconv.FormatUint(v.Uint(), 10)}
	case v.CanFloat():
		return []string{strconv.FormatFloat(v.Float(), 'f', -1, 64)}
	case v.Kind() == reflect.Bool, v.Kind() == reflect.String:
		return []string{fmt.Sprint(v.Interface())}
	}
	return nil
}
