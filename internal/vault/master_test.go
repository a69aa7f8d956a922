package vault_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soffiah/habeas/internal/vault"
)

func TestMasterKeysOfDemosAreTold(t *testing.T) {
	t.Parallel()
	for _, demo := range []bool{false, true} {
		text, err := vault.GenerateMaster(demo)
		if err != nil {
			t.Fatal(err)
		}
		m, err := vault.ParseMaster("\n " + text + " \n")
		if err != nil || m.Demo() != demo {
			t.Errorf("demo %v: %v", demo, err)
		}
		if got := strings.HasPrefix(text, "habeas-demo-key:"); got != demo {
			t.Errorf("demo %v: the text does not say so", demo)
		}
	}
}

// TestDamagedMasterKeys also holds that no error repeats a part of the key.
func TestDamagedMasterKeys(t *testing.T) {
	t.Parallel()
	text, err := vault.GenerateMaster(false)
	if err != nil {
		t.Fatal(err)
	}
	prefix, secret := text[:len("habeas-master-key:v1:")], text[len("habeas-master-key:v1:"):]
	for name, damaged := range map[string]string{
		"empty": "", "no prefix": secret, "another prefix": "some-key:v1:" + secret, "a later format": "habeas-master-key:v2:" + secret,
		"prefix only": prefix, "cut": text[:len(text)-4], "too long": prefix + "AAAA" + secret, "no base64": prefix + "!" + secret[1:],
		"two keys": text + "\n" + text, "prefix in capitals": strings.ToUpper(prefix) + secret,
	} {
		m, err := vault.ParseMaster(damaged)
		if err == nil || m != nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		for i := 0; i+6 <= len(secret); i++ {
			if strings.Contains(err.Error(), secret[i:i+6]) {
				t.Errorf("%s: the error repeats the key: %v", name, err)
				break
			}
		}
	}
}

func TestLoadMaster(t *testing.T) {
	t.Parallel()
	text, err := vault.GenerateMaster(false)
	if err != nil {
		t.Fatal(err)
	}
	file := func(content string, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "master-key")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file(text+"\n", 0o600)
	m, err := vault.LoadMaster("", good)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := vault.LoadMaster(text, ""); err != nil || again.ID() != m.ID() {
		t.Errorf("text and file give different keys: %v", err)
	}
	other, err := vault.GenerateMaster(false)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := vault.LoadMaster(other, good); err != nil || got.ID() == m.ID() {
		t.Errorf("the file wins over the environment: %v", err)
	}
	if _, err := vault.LoadMaster("", file(text, 0o400)); err != nil {
		t.Errorf("a file that nobody can write: %v", err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644, 0o601, 0o610} {
		_, err := vault.LoadMaster("", file(text, mode))
		if err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	for name, path := range map[string]string{"no file named": "", "a file that is not there": filepath.Join(t.TempDir(), "absent")} {
		if _, err := vault.LoadMaster("", path); !errors.Is(err, vault.ErrNoMasterKey) || !strings.Contains(err.Error(), "habeas key new") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(good), "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a key was made")
	}
	directory := filepath.Join(t.TempDir(), "directory")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.LoadMaster("", directory); err == nil {
		t.Error("a directory is taken for a key")
	}
	if _, err := vault.LoadMaster("", file("", 0o600)); err == nil {
		t.Error("an empty file is taken for a key")
	}
}
