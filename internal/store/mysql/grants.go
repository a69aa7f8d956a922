package mysql

import (
	"regexp"
	"slices"
	"strings"
)

// grants is what SHOW GRANTS says, in MariaDB with what roles add.
type grants []grant

// grant is one line of it that names privileges on tables.
type grant struct {
	privileges []string
	schema     string // a pattern of LIKE, * for all
	table      string // * for all
}

var (
	grantLine = regexp.MustCompile("^GRANT (.+?) ON (\\*|`(?:[^`]|``)+`)\\.(\\*|`(?:[^`]|``)+`) TO ")
	// Privileges on columns stand with the names of those in brackets.
	ofColumns = regexp.MustCompile(`\([^)]*\)`)
)

// add reads one line.
func (g *grants) add(line string) {
	m := grantLine.FindStringSubmatch(line)
	if m == nil {
		return
	}
	var all []string
	for _, p := range strings.Split(ofColumns.ReplaceAllString(m[1], "()"), ",") {
		if p = strings.TrimSpace(p); !strings.HasSuffix(p, "()") {
			all = append(all, p)
		}
	}
	*g = append(*g, grant{all, unquoted(m[2]), unquoted(m[3])})
}

func unquoted(name string) string {
	if name == "*" {
		return name
	}
	return strings.ReplaceAll(name[1:len(name)-1], "``", "`")
}

// allow reports whether a privilege is held on a whole table.
func (g grants) allow(privilege, schema, table string) bool {
	return slices.ContainsFunc(g, func(one grant) bool {
		held := slices.Contains(one.privileges, privilege) || slices.Contains(one.privileges, "ALL PRIVILEGES") || slices.Contains(one.privileges, "ALL")
		// Only a grant on a whole database is a pattern.
		here := one.schema == "*" || one.schema == schema || one.table == "*" && like(one.schema, schema)
		return held && here && (one.table == "*" || one.table == table)
	})
}

// like compares with a pattern in which _ is any character and % any number of
// them, but for those behind a backslash.
func like(pattern, name string) bool {
	var b strings.Builder
	escaped := false
	for _, c := range pattern {
		switch {
		case escaped, c != '\\' && c != '_' && c != '%':
			b.WriteString(regexp.QuoteMeta(string(c)))
			escaped = false
		case c == '\\':
			escaped = true
		case c == '_':
			b.WriteByte('.')
		default:
			b.WriteString(".*")
		}
	}
	re, err := regexp.Compile("^(?s:" + b.String() + ")$")
	return err == nil && re.MatchString(name)
}
