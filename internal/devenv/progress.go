package devenv

// Progress is told in plain words what is being waited for. It may be called
// from several goroutines. Nil means that nobody listens.
type Progress func(format string, args ...any)

func (p Progress) say(format string, args ...any) {
	if p != nil {
		p(format, args...)
	}
}
