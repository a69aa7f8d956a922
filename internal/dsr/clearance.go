package dsr

import "time"

// Clearance says whether Habeas may write to a data store, and who decided so.
type Clearance struct {
	Store string `json:"store"`
	// Dataset is the fides_key of the dataset that the store holds: a store that
	// holds another one is another store.
	Dataset string `json:"dataset"`
	// Enabled stores are written to; all others are searched and planned for only.
	Enabled bool `json:"enabled"`
	// PlanID is the plan that was read before the store was enabled.
	PlanID string `json:"plan_id,omitempty"`
	// Actor and At say who decided so and when; empty where nobody has yet.
	Actor string     `json:"actor,omitempty"`
	At    *time.Time `json:"at,omitempty"`
}

// Same reports whether two clearances are about the same store.
func (c Clearance) Same(other Clearance) bool {
	return c.Store == other.Store && c.Dataset == other.Dataset
}
