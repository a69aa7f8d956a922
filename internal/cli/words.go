package cli

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/soffiah/habeas/internal/dsr"
)

// eventWords tells an event in a sentence.
func eventWords(e dsr.Event) string {
	if text, ok := sentences()[e.Type]; ok {
		return text
	}
	return string(e.Type)
}

func sentences() map[dsr.EventType]string {
	return map[dsr.EventType]string{
		dsr.EventReceived:         "The request is recorded; nothing can lose it any more",
		dsr.EventAcknowledged:     "The acknowledgement is sent (the same words for everyone)",
		dsr.EventIdentified:       "One account agrees with everything that was given",
		dsr.EventPlanned:          "Planned which categories go and which must stay",
		dsr.EventConfirmationSent: "The confirmation mail is sent to the address on the account",
		dsr.EventReplySeen:        "A reply is in the mailbox; it is stored and judged",
		dsr.EventConfirmed:        "The reply is an explicit yes: the deletion is confirmed",
		dsr.EventPlanMade:         "Every row was found and counted: the plan is made",
		dsr.EventErasing:          "Erasing begins; from here on nothing can be taken back",
		dsr.EventStoreErased:      "A store is erased and read back",
		dsr.EventVerifying:        "All stores are read once more",
		dsr.EventVerified:         "Nothing is left that should be gone",
		dsr.EventCertified:        "The certificate is signed",
		dsr.EventAnswerSent:       "The answer is sent: what was erased, what is kept and until when",
		dsr.EventCompleted:        "The request is completed",
	}
}

// resultWords tells results as a table.
func resultWords(w io.Writer, results []dsr.StoreResult) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STORE\tCOLLECTION\tACTION\tMATCHED\tERASED\tANONYMISED\tRETAINED\tUNTIL")
	for _, r := range results {
		until := ""
		if r.RetainedUntil != nil {
			until = day(*r.RetainedUntil)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", r.Store, r.Collection, r.Action, r.RowsMatched, r.RowsErased, r.RowsAnonymised, r.RowsRetained, until)
	}
	_ = t.Flush()
}

func residual(results []dsr.StoreResult) int64 {
	n := int64(0)
	for _, r := range results {
		n += r.ResidualRows
	}
	return n
}
