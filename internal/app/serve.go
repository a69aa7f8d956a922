package app

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/soffiah/habeas/internal/config"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/requests"
	"github.com/soffiah/habeas/internal/temporalx"
	"github.com/soffiah/habeas/internal/web"
	"github.com/soffiah/habeas/internal/web/access"
	"github.com/soffiah/habeas/internal/web/guard"
	"github.com/soffiah/habeas/internal/web/portal"
)

// shutdownWithin is how long requests under way may go on when the server is
// asked to stop.
const shutdownWithin = 10 * time.Second

// Serve runs both HTTP servers until the context ends. Requests are taken in
// while Temporal is down: they wait in the database.
func (p *Program) Serve(ctx context.Context) error {
	deps, closeClient, err := p.webDeps()
	if err != nil {
		return err
	}
	defer closeClient()
	public, err := web.Public(deps)
	if err != nil {
		return err
	}
	team, err := web.Team(deps)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.listen(ctx, "public", p.cfg.Public.Listen, public) })
	group.Go(func() error { return p.listen(ctx, "team", p.cfg.Team.Listen, team) })
	return group.Wait()
}

func (p *Program) webDeps() (web.Deps, func(), error) {
	o, err := temporalOptions(p.cfg, p.log, "server")
	if err != nil {
		return web.Deps{}, nil, err
	}
	c, err := temporalx.NewLazy(o, p.db.Master())
	if err != nil {
		return web.Deps{}, nil, err
	}
	current, err := p.policies.At(p.now())
	if err != nil {
		return web.Deps{}, nil, err
	}
	tokens, err := accessTokens(p.cfg.Tokens)
	if err != nil {
		return web.Deps{}, nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), mailboxMetrics{p})
	return web.Deps{
		Requests: &requests.Service{Records: p.db, Temporal: c, Policies: p.policies, Letters: p.letters, Now: p.now, MostPerHour: p.cfg.Limits.RequestsPerHourPerEmail},
		Stores:   clearances(p.cfg.Stores, p.db),
		Tokens:   tokens, Form: form(current), PublicURL: p.cfg.Public.URL, TeamURL: p.cfg.Team.URL,
		Secret: p.db.Master().Derive("web", 32), TrustedProxies: p.cfg.TrustedProxies,
		Ready: func(ctx context.Context) map[string]error {
			return map[string]error{"database": p.db.Ping(ctx), "temporal": temporalx.Ready(ctx, c, p.cfg.Temporal.Namespace)}
		},
		Alarms:  p.alarms,
		Metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), Registerer: registry, Log: p.log, Now: p.now,
		Zone: current.Timezone(), MaxBody: p.cfg.Limits.BodyBytes,
		Submissions: guard.Rate{
			Burst: p.cfg.Limits.RequestsPerHourPerAddress,
			Every: time.Hour / time.Duration(max(p.cfg.Limits.RequestsPerHourPerAddress, 1)),
		},
	}, c.Close, nil
}

func form(p *policy.Policy) portal.Form {
	c := p.Controller()
	return portal.Form{Controller: c.Name, PrivacyPolicy: c.Website, Contact: c.Contact, Rights: p.Rights(), Required: p.RequiredElements()}
}

func accessTokens(configured []config.Token) ([]access.Token, error) {
	tokens := make([]access.Token, len(configured))
	for i, t := range configured {
		digest, err := hex.DecodeString(t.SHA256)
		if err != nil {
			return nil, fmt.Errorf("the digest of the token %s is not hexadecimal", t.Name)
		}
		tokens[i] = access.Token{Name: t.Name, Role: access.Role(t.Role), SHA256: digest}
	}
	return tokens, nil
}

// listen serves one listener until the context ends.
func (p *Program) listen(ctx context.Context, name, address string, handler http.Handler) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("opening the %s listener: %w", name, err)
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	p.log.LogAttrs(ctx, slog.LevelInfo, "listening", slog.String("listener", name), slog.String("address", listener.Addr().String()))
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWithin)
		defer cancel()
		stopped <- server.Shutdown(grace)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the %s listener: %w", name, err)
	}
	return <-stopped
}
