package plan

import (
	"fmt"
	"strings"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/store"
)

// line says what carrying out a right would do to the rows of one target.
func line(name string, right dsr.Right, t store.Target, tally store.Tally) dsr.PlanLine {
	l := dsr.PlanLine{
		Store: name, Collection: t.Address.Collection, Action: t.Treatment, Categories: t.Collection.Categories(),
		RowsShared: t.Shared, RowsMatched: tally.Matched, RowsToErase: tally.Erased, RowsToAnonymise: tally.Anonymised,
		RowsToArchive: tally.Archived, RowsToRetain: tally.Retained + tally.Archived,
		RetainedFirst: record.Moment(tally.NextDue), RetainedUntil: record.Moment(tally.RetainedUntil), Basis: t.Basis(),
		LeftBecause: t.Left, Reached: t.Reached.Ways, Cut: t.Reached.Cut, Needs: t.Reached.Needs,
	}
	if right == dsr.Erasure {
		l.Fields = replaced(t)
		return l
	}
	if t.Left != "" {
		return l
	}
	var action dsr.Treatment
	switch right {
	case dsr.Access:
		action = dsr.Export
		l.Fields, l.Withheld = exported(t.Collection)
	case dsr.Rectification:
		action, l.Fields = dsr.Rectify, correctable(t.Collection)
	case dsr.Restriction:
		action, l.Fields = dsr.Mark, marked(t.Collection)
	}
	if len(l.Fields) > 0 {
		l.Action = action
	}
	return l
}

// replaced says what the fields of an anonymised target become.
func replaced(t store.Target) []dsr.PlanField {
	if t.Treatment != dsr.Anonymise {
		return nil
	}
	var all []dsr.PlanField
	for _, f := range t.Collection.Fields {
		if f.Anonymise == nil {
			continue
		}
		becomes := f.Anonymise.Strategy
		if f.Anonymise.Keep != "" {
			becomes += ": " + f.Anonymise.Keep
		}
		all = append(all, dsr.PlanField{Field: f.Name, Becomes: becomes, Basis: f.Anonymise.Ground.String()})
	}
	return all
}

// exported says which fields the person would get, and which are secret.
func exported(c *datamap.Collection) (shown []dsr.PlanField, withheld []string) {
	for _, f := range c.Fields {
		switch {
		case f.Secret:
			withheld = append(withheld, f.Name)
		case f.Parent == nil:
			shown = append(shown, dsr.PlanField{Field: f.Name})
		}
	}
	return shown, withheld
}

// correctable says which fields may be corrected, and to what.
func correctable(c *datamap.Collection) []dsr.PlanField {
	var all []dsr.PlanField
	for _, f := range c.Fields {
		if f.Rectify == nil {
			continue
		}
		accepts := f.Rectify.Type
		if f.Rectify.MaxLength > 0 {
			accepts += fmt.Sprintf(", at most %d characters", f.Rectify.MaxLength)
		}
		if f.Rectify.Pattern != nil {
			accepts += ", in the form that the data map asks for"
		}
		if len(f.Rectify.OneOf) > 0 {
			accepts += ", one of " + strings.Join(f.Rectify.OneOf, " ")
		}
		all = append(all, dsr.PlanField{Field: f.Name, Accepts: accepts})
	}
	return all
}

// marked says which field would be set, if the data map declares one.
func marked(c *datamap.Collection) []dsr.PlanField {
	if c.Restriction == nil {
		return nil
	}
	becomes := "null"
	if c.Restriction.Value != nil {
		becomes = fmt.Sprint(c.Restriction.Value)
	}
	return []dsr.PlanField{{Field: c.Restriction.Field, Becomes: becomes}}
}
