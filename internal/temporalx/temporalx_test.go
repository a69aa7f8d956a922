package temporalx

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"

	"github.com/soffiah/habeas/internal/vault"
)

const canary = "marie@lumiere.example"

func master(t testing.TB) *vault.Master {
	t.Helper()
	text, err := vault.GenerateMaster(true)
	if err != nil {
		t.Fatal(err)
	}
	m, err := vault.ParseMaster(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func dataConverter(t testing.TB, m *vault.Master) converter.DataConverter {
	t.Helper()
	dc, err := DataConverter(m)
	if err != nil {
		t.Fatal(err)
	}
	return dc
}

func options(t testing.TB) Options {
	t.Helper()
	return Options{Address: "127.0.0.1:1", Namespace: "habeas", Role: "test", Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// bytesOf is a payload as Temporal stores it.
func bytesOf(t testing.TB, m proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestPayloadsAreSealedAndOpen(t *testing.T) {
	t.Parallel()
	m := master(t)
	type value struct {
		ID   string
		Rows int64
		At   time.Time
		List []string
	}
	want := value{canary, 12, time.Date(2026, 3, 5, 12, 0, 0, 5, time.UTC), []string{"a", ""}}
	payloads, err := dataConverter(t, m).ToPayloads(want, "second", nil, []byte(canary))
	if err != nil {
		t.Fatal(err)
	}
	stored := bytesOf(t, payloads)
	if bytes.Contains(stored, []byte(canary)) || bytes.Contains(stored, []byte("Rows")) {
		t.Error("a payload can be read as it is stored")
	}
	// Another process with the same key.
	var got value
	var second string
	var none *string
	var raw []byte
	if err := dataConverter(t, m).FromPayloads(payloads, &got, &second, &none, &raw); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" || second != "second" || none != nil || string(raw) != canary {
		t.Errorf("%q %v %q\n%s", second, none, raw, diff)
	}
	again, err := dataConverter(t, m).ToPayloads(want)
	if err != nil {
		t.Fatal(err)
	}
	if proto.Equal(again.Payloads[0], payloads.Payloads[0]) {
		t.Error("the same value sealed twice looks the same")
	}
}

func TestPayloadOfAnotherKey(t *testing.T) {
	t.Parallel()
	m, other := master(t), master(t)
	payload, err := dataConverter(t, m).ToPayload(canary)
	if err != nil {
		t.Fatal(err)
	}
	var got string
	err = dataConverter(t, other).FromPayload(payload, &got)
	if err == nil || !strings.Contains(err.Error(), m.ID()) || !strings.Contains(err.Error(), other.ID()) || strings.Contains(err.Error(), canary) || got != "" {
		t.Errorf("%q, %v", got, err)
	}
	// Even one that claims the right key.
	payload.Metadata[keyIDKey] = []byte(other.ID())
	if err = dataConverter(t, other).FromPayload(payload, &got); err == nil || strings.Contains(err.Error(), canary) || got != "" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestNoByteOfAPayloadCanBeChanged(t *testing.T) {
	t.Parallel()
	dc := dataConverter(t, master(t))
	payload, err := dc.ToPayload(canary)
	if err != nil {
		t.Fatal(err)
	}
	whole := bytes.Clone(payload.Data)
	var got string
	for i := range whole {
		payload.Data = bytes.Clone(whole)
		payload.Data[i] ^= 0x10
		if err := dc.FromPayload(payload, &got); err == nil || got != "" {
			t.Fatalf("byte %d was changed unnoticed", i)
		}
		payload.Data = whole[:i]
		if err := dc.FromPayload(payload, &got); err == nil || got != "" {
			t.Fatalf("cut after %d bytes, unnoticed", i)
		}
	}
	payload.Data = whole
	if err := dc.FromPayload(payload, &got); err != nil || got != canary {
		t.Errorf("%q, %v", got, err)
	}
}

// TestPayloadsOfOthersAreRefused: whoever reaches Temporal without the master key
// must not be able to say that a request was confirmed.
func TestPayloadsOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	plain := &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(`"confirm"`)}
	var got string
	if err := dataConverter(t, master(t)).FromPayload(plain, &got); err == nil || got != "" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestFailuresAreSealed: neither the message of an error nor its stack trace can
// be read in what Temporal stores; its type can, and retry policies need it.
func TestFailuresAreSealed(t *testing.T) {
	t.Parallel()
	o, err := clientOptions(options(t), master(t))
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("cause " + canary)
	failure := o.FailureConverter.ErrorToFailure(temporal.NewNonRetryableApplicationError("message "+canary, "store_blocked", cause, "detail "+canary))
	stored := bytesOf(t, failure)
	for _, secret := range []string{canary, "cause ", "detail ", ".go:"} {
		if bytes.Contains(stored, []byte(secret)) {
			t.Errorf("%q can be read in a failure", secret)
		}
	}
	if failure.GetMessage() != "Encoded failure" || failure.GetStackTrace() != "" || failure.GetEncodedAttributes() == nil {
		t.Errorf("message %q, stack %q, encoded %v", failure.GetMessage(), failure.GetStackTrace(), failure.GetEncodedAttributes() != nil)
	}
	var back *temporal.ApplicationError
	if err := o.FailureConverter.FailureToError(failure); !errors.As(err, &back) {
		t.Fatalf("got %T", err)
	}
	var detail string
	if back.Message() != "message "+canary || back.Type() != "store_blocked" || !back.NonRetryable() || back.Details(&detail) != nil || detail != "detail "+canary {
		t.Errorf("%q %q %v %q", back.Message(), back.Type(), back.NonRetryable(), detail)
	}
}

func TestClientOptions(t *testing.T) {
	t.Parallel()
	in := options(t)
	o, err := clientOptions(in, master(t))
	if err != nil {
		t.Fatal(err)
	}
	if o.HostPort != in.Address || o.Namespace != in.Namespace || o.Credentials != nil {
		t.Errorf("%+v", o)
	}
	// The SDK would tell Temporal the name of the machine and the user.
	if o.Identity != "habeas-test" {
		t.Errorf("identity %q", o.Identity)
	}
	in.APIKey = "key"
	if o, err = clientOptions(in, master(t)); err != nil || o.Credentials == nil {
		t.Errorf("the API key is not presented: %v", err)
	}
}

func TestTemporalThatIsAway(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := Dial(ctx, options(t), master(t)); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("got %v", err)
	}
	c, err := NewLazy(options(t), master(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := Ready(ctx, c, "habeas"); err == nil || !strings.Contains(err.Error(), "habeas") {
		t.Errorf("got %v", err)
	}
}

func TestCodecKeyLength(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := newCodec(make([]byte, n), "id"); err == nil {
			t.Errorf("a key of %d bytes is accepted", n)
		}
	}
}

func FuzzDecode(f *testing.F) {
	m := master(f)
	c, err := newCodec(m.Derive("temporal payloads", codecKeySize), m.ID())
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range []int{0, 11, 12, 28, 40} {
		f.Add(make([]byte, n))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := c.Decode([]*commonpb.Payload{{
			Metadata: map[string][]byte{encodingKey: []byte(encoding), keyIDKey: []byte(m.ID())}, Data: data,
		}})
		if err == nil {
			t.Fatal("a forged payload was opened")
		}
	})
}
