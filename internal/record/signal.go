package record

// Signal is something that the workflow of a request must be told. It holds ids
// and codes only.
type Signal struct {
	ID        int64
	RequestID string
	// Kind is "start", "reply", "mail" or "details".
	Kind    string
	Payload map[string]string
	Attempt int
}
