// Package temporalx makes Temporal clients that keep what Temporal stores
// unreadable to whoever reads its database: every payload is encrypted, failure
// messages and stack traces too. What Temporal stores in plain text all the same
// (ids, types, names, identities) says nothing about anybody.
package temporalx

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	tlog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"

	"github.com/soffiah/habeas/internal/vault"
)

// Options says how to reach Temporal.
type Options struct {
	Address   string
	Namespace string
	TLS       *tls.Config
	APIKey    string
	Log       *slog.Logger
	// Role is told to Temporal as the identity of this process, in place of the
	// host and process id that the SDK would tell.
	Role string
}

// DataConverter returns the converter that encrypts under the master key.
func DataConverter(master *vault.Master) (converter.DataConverter, error) {
	c, err := newCodec(master.Derive("temporal payloads", codecKeySize), master.ID())
	if err != nil {
		return nil, err
	}
	return converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), c), nil
}

// Dial connects to Temporal. It fails if the server can't be reached.
func Dial(ctx context.Context, o Options, master *vault.Master) (client.Client, error) {
	options, err := clientOptions(o, master)
	if err != nil {
		return nil, err
	}
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("connecting to Temporal at %s: %w", o.Address, err)
	}
	return c, nil
}

// NewLazy returns a client that connects when it is first used, so that a server
// starts and takes requests in while Temporal is down.
func NewLazy(o Options, master *vault.Master) (client.Client, error) {
	options, err := clientOptions(o, master)
	if err != nil {
		return nil, err
	}
	return client.NewLazyClient(options)
}

func clientOptions(o Options, master *vault.Master) (client.Options, error) {
	dc, err := DataConverter(master)
	if err != nil {
		return client.Options{}, err
	}
	options := client.Options{
		HostPort: o.Address, Namespace: o.Namespace, Identity: "habeas-" + o.Role,
		DataConverter: dc,
		FailureConverter: temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
			DataConverter: dc, EncodeCommonAttributes: true,
		}),
		Logger:            tlog.NewStructuredLogger(o.Log),
		ConnectionOptions: client.ConnectionOptions{TLS: o.TLS},
	}
	if o.APIKey != "" {
		options.Credentials = client.NewAPIKeyStaticCredentials(o.APIKey)
	}
	return options, nil
}

// Ready reports whether the namespace answers.
func Ready(ctx context.Context, c client.Client, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if err != nil {
		return fmt.Errorf("asking Temporal for the namespace %s: %w", namespace, err)
	}
	return nil
}
