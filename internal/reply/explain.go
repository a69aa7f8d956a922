package reply

import "context"

// Explanation says of one file how it is judged. It is what
// "habeas mail explain --json" prints, one object per line.
type Explanation struct {
	File      string   `json:"file"`
	Verdict   Verdict  `json:"verdict"`
	Automatic bool     `json:"automatic"`
	FreshText string   `json:"fresh_text"`
	Reasons   []string `json:"reasons"`
	Auth      Auth     `json:"auth"`
}

// Explain judges a file. Inputs that are not given count as satisfied and are
// listed among the reasons as assumed.
func (j *Judge) Explain(ctx context.Context, file string, in Input) Explanation {
	in.Assume = true
	judged := j.Judge(ctx, in)
	return Explanation{
		File:      file,
		Verdict:   judged.Verdict,
		Automatic: judged.Automatic,
		FreshText: judged.FreshText,
		Reasons:   judged.ReasonLines(),
		Auth:      judged.Auth,
	}
}
