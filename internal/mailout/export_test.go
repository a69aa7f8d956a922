package mailout

import "time"

// What tests look at from outside.
var (
	Delay           = delay
	WithoutAddress  = withoutAddress
	EnvelopePath    = envelope
	OutagesAllowed  = outagesAllowed
	MinimumAttempts = minAttempts
)

// Bytes is the mail as it goes over the wire.
func (m Message) Bytes(instance string, keys []DKIMKey) ([]byte, error) {
	return m.bytes(instance, keys)
}

// KeepIdleFor shortens how long a sender keeps unused connections.
func (s *Sender) KeepIdleFor(d time.Duration) { s.pool.idleFor = d }
