package web

import (
	"context"
	"strings"
	"testing"

	"github.com/soffiah/habeas/internal/web/access"
)

// TestAlarmsStandAboveTheList: for the team, and for nobody else.
func TestAlarmsStandAboveTheList(t *testing.T) {
	t.Parallel()
	const alarm = "Replies are not heard & so on"
	b := setup(t, func(d *Deps) { d.Alarms = func(context.Context) []string { return []string{alarm} } })
	if got := b.do(b.team, "GET", "/requests", "", "Cookie", session(b, access.Viewer)); !strings.Contains(got.body, `role="alert"><p>Replies are not heard &amp; so on</p>`) {
		t.Errorf("%d: the alarm is not shown", got.StatusCode)
	}
	for _, got := range []answer{b.do(b.team, "GET", "/login", ""), b.do(b.public, "GET", "/", ""), b.do(b.public, "GET", "/healthz", "")} {
		if strings.Contains(got.body, "Replies") {
			t.Error("strangers see the alarm")
		}
	}
	quiet := setup(t)
	if got := quiet.do(quiet.team, "GET", "/requests", "", "Cookie", session(quiet, access.Viewer)); strings.Contains(got.body, `class="notice bad"`) {
		t.Error("an alarm without a cause")
	}
}
