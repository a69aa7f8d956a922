package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/soffiah/habeas/internal/app"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/trace"
)

// previewWords says what a preview rests on and whom it is about.
func previewWords(w io.Writer, r previewReport) {
	fmt.Fprintf(w, "%s, by %s. Nothing is changed.\n", strings.ToUpper(string(r.Right[:1]))+string(r.Right[1:]), strings.Join(r.Identities, ", "))
	fmt.Fprintf(w, "policy %s (%s), data map %s\n", r.PolicyVersion, r.PolicyDigest, r.MapDigest)
	if !r.Offered {
		fmt.Fprintln(w, "The policy does not offer this right.")
	}
	candidates := fmt.Sprint(r.Candidates)
	if r.Candidates >= trace.MaxCandidates {
		candidates += " or more"
	}
	switch {
	case len(r.Plans) > 1:
		fmt.Fprintf(w, "%d accounts agree with all that was given. Each is shown by itself; another --identity tells them apart.\n", len(r.Plans))
	case len(r.Plans) == 1 && r.Candidates == 0:
		fmt.Fprintln(w, "No account agrees. What bears the value is shown; whether it is one person's is for you to tell.")
	case len(r.Plans) == 1 && r.Candidates > 1:
		fmt.Fprintf(w, "One account agrees with all that was given, of %s that agree with some of it.\n", candidates)
	case len(r.Plans) == 1:
		fmt.Fprintln(w, "One account agrees with all that was given.")
	case r.Candidates > 0:
		fmt.Fprintf(w, "No account agrees with all that was given; %s agree with some of it. Leave out what may be wrong.\n", candidates)
	default:
		fmt.Fprintln(w, "No account agrees with any of what was given. Give one --identity alone to see what else bears it.")
	}
}

// planWords tells the i-th plan, store by store.
func planWords(w io.Writer, r previewReport, i int) {
	p := r.Plans[i]
	if len(r.Plans) > 1 {
		fmt.Fprintf(w, "\nAccount %d of %d, in %s", i+1, len(r.Plans), p.Account)
	}
	fmt.Fprintf(w, "\nplan %s\n", p.Digest)
	for _, s := range r.Stores {
		fmt.Fprintf(w, "\n%s: %s\n", s.Store, modeWords(s))
		storeWords(w, r.Right, p.Lines, s.Store)
	}
}

// storeWords tells the lines of one store.
func storeWords(w io.Writer, right dsr.Right, lines []dsr.PlanLine, name string) {
	var empty []string
	for _, l := range lines {
		switch {
		case l.Store != name:
		case l.RowsMatched+l.RowsShared == 0 && len(l.Cut)+len(l.Needs) == 0:
			empty = append(empty, l.Collection)
		default:
			lineWords(w, right, l)
		}
	}
	if len(empty) > 0 {
		fmt.Fprintf(w, "  nothing in %s\n", strings.Join(empty, ", "))
	}
}

func modeWords(s app.StoreMode) string {
	switch s.Mode {
	case "observe":
		return "observed, never written to until an approver enables it"
	case "unknown":
		return "whether it may be written to is not known, since the database of Habeas does not answer"
	}
	return s.Mode
}

// lineWords tells one line of a plan.
func lineWords(w io.Writer, right dsr.Right, l dsr.PlanLine) {
	fmt.Fprintf(w, "  %s: %s\n", l.Collection, strings.Join(counts(l), ", "))
	for _, why := range reasons(l) {
		fmt.Fprintf(w, "    %s\n", why)
	}
	switch fields := fieldWords(l); {
	case l.RowsMatched == 0 || l.LeftBecause != "":
		return
	case len(fields) > 0:
		fmt.Fprintf(w, "    fields: %s\n", strings.Join(fields, "; "))
	case right == dsr.Rectification:
		fmt.Fprintln(w, "    no field may be corrected (rectify)")
	case right == dsr.Restriction:
		fmt.Fprintln(w, "    no mark is declared (restriction)")
	}
	if len(l.Withheld) > 0 {
		fmt.Fprintf(w, "    secret, never shown: %s\n", strings.Join(l.Withheld, ", "))
	}
}

// counts says what would become of how many rows.
func counts(l dsr.PlanLine) []string {
	all := []string{string(l.Action), fmt.Sprintf("%d matched", l.RowsMatched)}
	for _, c := range []struct {
		rows int64
		what string
	}{{l.RowsToErase, "to erase"}, {l.RowsToAnonymise, "to anonymise"}, {l.RowsToArchive, "to archive"}, {l.RowsToRetain - l.RowsToArchive, "to keep"}} {
		if c.rows > 0 {
			all = append(all, fmt.Sprintf("%d %s", c.rows, c.what))
		}
	}
	return all
}

// reasons says how rows were found, why some stay and why some are left.
func reasons(l dsr.PlanLine) []string {
	var all []string
	add := func(what string, each ...string) {
		for _, one := range each {
			all = append(all, what+one)
		}
	}
	if l.RowsMatched+l.RowsShared > 0 {
		add("found by ", l.Reached...)
	}
	add("not followed: ", l.Cut...)
	if len(l.Needs) > 0 {
		add("not searched: it would take ", strings.Join(l.Needs, " or "))
	}
	if l.RowsShared > 0 {
		add("", fmt.Sprintf("%d more are others' too: left", l.RowsShared))
	}
	if why := l.LeftBecause.Words(); why != "" {
		add("left: ", why)
	}
	if kept := keptWords(l); kept != "" {
		add("", kept)
	}
	return all
}

// keptWords says on which basis rows stay, and on which days they may go.
func keptWords(l dsr.PlanLine) string {
	if l.RowsToRetain == 0 {
		return ""
	}
	text := "kept on the basis: " + l.Basis
	if l.RetainedFirst == nil || l.RetainedUntil == nil {
		return text
	}
	// Periods are counted in UTC.
	first, last := l.RetainedFirst.UTC().Format(time.DateOnly), l.RetainedUntil.UTC().Format(time.DateOnly)
	if first == last {
		return text + "; until " + last
	}
	return text + "; the first until " + first + ", the last until " + last
}

// fieldWords says what would become of single fields.
func fieldWords(l dsr.PlanLine) []string {
	var all []string
	for _, f := range l.Fields {
		text := f.Field
		switch {
		case f.Becomes != "":
			text += " → " + f.Becomes
		case f.Accepts != "":
			text += " (" + f.Accepts + ")"
		}
		if f.Basis != "" {
			text += ", which stays on the basis: " + f.Basis
		}
		all = append(all, text)
	}
	return all
}
