package datamap

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// Digest tells which texts the map was read from: the SHA-256, in hex, of the
// digests of its files. It depends on what the files say and not on their names.
func (m *Map) Digest() string { return m.digest }

func digestOf(files map[string][]byte) string {
	sums := make([][]byte, 0, len(files))
	for _, text := range files {
		sum := sha256.Sum256(text)
		sums = append(sums, sum[:])
	}
	slices.SortFunc(sums, bytes.Compare)
	all := sha256.Sum256(bytes.Join(sums, nil))
	return hex.EncodeToString(all[:])
}
