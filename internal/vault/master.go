package vault

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// A master key is written as a prefix, which tells keys for demonstrations
// apart, and 32 random bytes in base64.
const (
	productionPrefix = "habeas-master-key:v1:"
	demoPrefix       = "habeas-demo-key:v1:"
)

// ErrNoMasterKey: no master key was configured or its file does not exist.
// Habeas never makes one by itself, since everything sealed so far would be lost.
var ErrNoMasterKey = errors.New("there is no master key: make one with `habeas key new FILE`, keep a copy of it, and name it in master_key.file or HABEAS_MASTER_KEY")

// GenerateMaster makes a new master key and returns its text.
func GenerateMaster(demo bool) (string, error) {
	secret := make([]byte, keySize)
	if _, err := rand.Read(secret); err != nil {
		return "", fmt.Errorf("making a master key: %w", err)
	}
	prefix := productionPrefix
	if demo {
		prefix = demoPrefix
	}
	return prefix + base64.StdEncoding.EncodeToString(secret), nil
}

// ParseMaster reads the text of a master key. Its errors never repeat the text.
func ParseMaster(text string) (*Master, error) {
	text = strings.TrimSpace(text)
	encoded, demo := strings.CutPrefix(text, demoPrefix)
	if !demo {
		var ok bool
		if encoded, ok = strings.CutPrefix(text, productionPrefix); !ok {
			return nil, fmt.Errorf("the master key does not start with %q: is it the right file?", productionPrefix)
		}
	}
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(secret) != keySize {
		return nil, errors.New("the master key is damaged: 32 bytes in base64 are expected after its prefix")
	}
	return newMaster(secret, demo)
}

// LoadMaster reads the master key from text if that is not empty, else from the
// file at path, which must be readable by its owner only.
func LoadMaster(text, path string) (*Master, error) {
	if text != "" {
		return ParseMaster(text)
	}
	if path == "" {
		return nil, ErrNoMasterKey
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, ErrNoMasterKey)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return nil, fmt.Errorf("the master key file %s has mode %04o: others can read it; run `chmod 600 %s`", path, perm, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	return ParseMaster(string(data))
}
