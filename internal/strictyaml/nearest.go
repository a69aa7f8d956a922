package strictyaml

import "strings"

// nearest returns the name that key was probably meant to be: one that goes on
// where key ends, as password_file does after password, or the one with the fewest letters to change, at most a third of them, but two of a short one. Empty if none is near.
func nearest(key string, names []string) string {
	best, least := "", max(len(key)/3, 2)+1
	for _, name := range names {
		if strings.HasPrefix(name, key+"_") {
			return name
		}
		if changes := distance(key, name); changes < least {
			best, least = name, changes
		}
	}
	return best
}

// distance counts the letters to insert, remove or replace to make a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
