package mailin

import (
	"context"
	"fmt"
	"slices"
)

// Check connects, logs in and opens every folder, and says of the first thing
// that fails what should be mended. It changes nothing.
func Check(ctx context.Context, cfg Config) error {
	cfg = cfg.withDefaults()
	s, err := connect(ctx, cfg)
	if err != nil {
		return err
	}
	defer s.close()
	for _, folder := range slices.Concat(cfg.Folders, cfg.Junk) {
		if folder == AllFolders {
			continue
		}
		if _, err := s.examine(folder); err != nil {
			return fmt.Errorf("folder %q: %w", folder, err)
		}
	}
	if cfg.MoveTo != "" && !s.canMove() {
		return errCannotMove
	}
	return nil
}
