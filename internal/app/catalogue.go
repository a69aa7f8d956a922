package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/soffiah/habeas/internal/catalogue"
	"github.com/soffiah/habeas/internal/config"
	"github.com/soffiah/habeas/internal/datamap"
)

// ErrNoCatalogue: a store of this kind does not say what it holds.
var ErrNoCatalogue = errors.New("a data store of this kind does not describe itself")

// OpenCatalogue opens a configured store to be described. It fails with
// [ErrNoCatalogue] for kinds that cannot be. The caller closes it.
func OpenCatalogue(ctx context.Context, configured config.Store) (catalogue.Reader, io.Closer, error) {
	s, err := openStore(ctx, nil, configured)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the data store %s: %w", configured.Name, err)
	}
	r, ok := s.(catalogue.Reader)
	if !ok {
		return nil, nil, errors.Join(fmt.Errorf("the data store %s: %w", configured.Name, ErrNoCatalogue), s.Close())
	}
	return r, s, nil
}

// CompareStores holds a data map against all configured stores that describe
// themselves. It returns an error where one of them could not be read.
func CompareStores(ctx context.Context, cfg *config.Config, m *datamap.Map, now time.Time) ([]catalogue.Finding, error) {
	var all []catalogue.Finding
	for _, d := range m.Datasets {
		held := false
		for _, configured := range cfg.Stores {
			if configured.Dataset != d.Key {
				continue
			}
			held = true
			found, err := compareStore(ctx, configured, m, d, now)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
		if !held {
			all = append(all, catalogue.Finding{
				Level: catalogue.Error, Code: catalogue.NoStore, File: d.At.File, Line: d.At.Line, Dataset: d.Key,
				Problem: "no store of the configuration holds this dataset", Hint: "add a store with dataset: " + d.Key,
			})
		}
	}
	return all, nil
}

func compareStore(ctx context.Context, configured config.Store, m *datamap.Map, d *datamap.Dataset, now time.Time) ([]catalogue.Finding, error) {
	r, closer, err := OpenCatalogue(ctx, configured)
	if errors.Is(err, ErrNoCatalogue) {
		return []catalogue.Finding{{
			Level: catalogue.Note, Code: catalogue.NoCatalogue, Store: configured.Name, Dataset: d.Key,
			Problem: fmt.Sprintf("a store of the kind %s does not describe itself, so that its dataset was not compared", configured.Kind),
		}}, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = closer.Close() }()
	return catalogue.Compare(ctx, m, d, configured.Name, r, now)
}
