package config

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// No container engine is needed here: these tests hold docker-compose.yml, the
// Dockerfile and examples/soffiah/habeas.yaml against each other and against what
// this package reads.

const root = "../../"

type composeFile struct {
	Services map[string]composeService    `yaml:"services"`
	Secrets  map[string]map[string]string `yaml:"secrets"`
	Volumes  map[string]any               `yaml:"volumes"`
	Networks map[string]any               `yaml:"networks"`
}

type composeService struct {
	Image       string            `yaml:"image"`
	Build       string            `yaml:"build"`
	User        string            `yaml:"user"`
	Restart     string            `yaml:"restart"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Ports       []string          `yaml:"ports"`
	Secrets     []string          `yaml:"secrets"`
	Volumes     []string          `yaml:"volumes"`
	Networks    []string          `yaml:"networks"`
	Healthcheck struct {
		Test []string `yaml:"test"`
	} `yaml:"healthcheck"`
	DependsOn map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
}

func readText(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func compose(t *testing.T) composeFile {
	t.Helper()
	var c composeFile
	if err := yaml.Unmarshal([]byte(readText(t, "docker-compose.yml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// A tag names at least a minor version, so that what is pulled is what was tried.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+:v?\d+\.\d+\S*$`)

func TestImagesArePinned(t *testing.T) {
	t.Parallel()
	for name, service := range compose(t).Services {
		if service.Build == "" && !pinned.MatchString(service.Image) {
			t.Errorf("%s: the image %q is not pinned", name, service.Image)
		}
	}
	from := regexp.MustCompile(`(?m)^FROM (\S+)`)
	for _, base := range from.FindAllStringSubmatch(readText(t, "Dockerfile"), -1) {
		if !pinned.MatchString(base[1]) {
			t.Errorf("Dockerfile: the image %q is not pinned", base[1])
		}
	}
}

func TestImageBuildsWithTheModulesGo(t *testing.T) {
	t.Parallel()
	wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(readText(t, "go.mod"))
	used := regexp.MustCompile(`FROM golang:(\d+\.\d+)\.`).FindStringSubmatch(readText(t, "Dockerfile"))
	if len(wanted) < 2 || len(used) < 2 || wanted[1] != used[1] {
		t.Errorf("go.mod wants %v, the Dockerfile uses %v", wanted, used)
	}
}

func TestOnlyLoopbackIsPublished(t *testing.T) {
	t.Parallel()
	published := map[string][]string{}
	for name, service := range compose(t).Services {
		for _, port := range service.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s publishes %s beyond loopback", name, port)
			}
			published[name] = append(published[name], port)
		}
	}
	if want := []string{"mail", "server", "temporal-ui"}; !slices.Equal(slices.Sorted(maps.Keys(published)), want) {
		t.Errorf("published are the ports of %v, want %v", published, want)
	}
}

func TestVariablesOfComposeAreKnown(t *testing.T) {
	t.Parallel()
	known := map[string]bool{ConfigVariable: true}
	for _, v := range Variables() {
		known[v.Name] = true
	}
	for name, service := range compose(t).Services {
		for variable := range service.Environment {
			if strings.HasPrefix(variable, "HABEAS_") && !known[variable] {
				t.Errorf("%s sets %s, which Habeas does not read", name, variable)
			}
		}
	}
}

func TestServicesWaitForWhatTheyNeed(t *testing.T) {
	t.Parallel()
	services := compose(t).Services
	for name, service := range services {
		runs := service.Restart != ""
		if runs && len(service.Healthcheck.Test) == 0 && name != "worker" && name != "temporal-ui" {
			t.Errorf("%s runs on and has no health check", name)
		}
		for other, need := range service.DependsOn {
			needed, exists := services[other]
			switch {
			case !exists:
				t.Errorf("%s waits for %s, which is not there", name, other)
			case need.Condition == "service_healthy" && len(needed.Healthcheck.Test) == 0:
				t.Errorf("%s waits for the health of %s, which is never checked", name, other)
			case need.Condition == "service_completed_successfully" && needed.Restart != "":
				t.Errorf("%s waits for the end of %s, which runs on", name, other)
			}
		}
	}
}

func TestSecretsOfCompose(t *testing.T) {
	t.Parallel()
	c := compose(t)
	head, _, _ := strings.Cut(readText(t, "docker-compose.yml"), "x-habeas")
	used := map[string]bool{}
	for name, service := range c.Services {
		for _, secret := range service.Secrets {
			used[secret] = true
			if _, declared := c.Secrets[secret]; !declared {
				t.Errorf("%s uses the secret %s, which is not declared", name, secret)
			}
		}
		for variable, value := range service.Environment {
			if strings.Contains(variable, "PASSWORD") && !strings.HasSuffix(variable, "_FILE") {
				t.Errorf("%s has a secret in %s=%s", name, variable, value)
			}
		}
	}
	for name, secret := range c.Secrets {
		if !used[name] || secret["file"] != "./secrets/"+name {
			t.Errorf("the secret %s is used %v and stands in %s", name, used[name], secret["file"])
		}
		stem := regexp.MustCompile(`^(viewer|approver)_token_sha256$|_url$`).ReplaceAllString(name, "$1")
		if !strings.Contains(head, stem) {
			t.Errorf("the head of docker-compose.yml does not say how the secret %s is made", name)
		}
	}
	if !strings.Contains(readText(t, ".dockerignore"), "\nsecrets\n") {
		t.Error("secrets can reach an image")
	}
}

// example loads examples/soffiah/habeas.yaml as a container of compose does.
func example(t *testing.T) *Config {
	t.Helper()
	server := compose(t).Services["server"]
	secrets := t.TempDir()
	for _, name := range server.Secrets {
		text := "secret"
		switch {
		case strings.HasSuffix(name, "_url"):
			text = "postgres://user:password@postgres:5432/" + name
		case strings.HasSuffix(name, "_sha256"):
			text = digestOf(name)
		}
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var environ []string
	for variable, value := range server.Environment {
		environ = append(environ, variable+"="+strings.ReplaceAll(value, "/run/secrets", secrets))
	}
	text := strings.ReplaceAll(readText(t, "examples/soffiah/habeas.yaml"), "/run/secrets", secrets)
	c, err := Parse("habeas.yaml", []byte(text), root+"examples/soffiah", environ)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// digestOf makes a digest that differs from name to name.
func digestOf(name string) string {
	return strings.Repeat(string("0123456789abcdef"[len(name)%16]), 64)
}

func TestExampleFitsCompose(t *testing.T) {
	t.Parallel()
	services, c := compose(t).Services, example(t)
	server := services["server"]
	for _, listener := range []Listener{c.Public, c.Team} {
		address, err := url.Parse(listener.URL)
		want := "127.0.0.1:" + address.Port() + ":" + port(listener.Listen)
		if err != nil || !slices.Contains(server.Ports, want) {
			t.Errorf("%s is not published as %s", listener.URL, want)
		}
	}
	if health := server.Healthcheck.Test; health[len(health)-1] != "http://127.0.0.1:"+port(c.Team.Listen)+"/readyz" {
		t.Errorf("the health check asks %s", health[len(health)-1])
	}
	objects := strings.Join(services["objects"].Command, "\n")
	for what, held := range map[string]bool{
		"Temporal's namespace": services["temporal-namespace"].Environment["TEMPORAL_NAMESPACE"] == c.Temporal.Namespace,
		"the port of SMTP":     slices.Contains(services["mail"].Ports, "127.0.0.1:"+port(c.Mail.SMTP.Address)+":"+port(c.Mail.SMTP.Address)),
		"the port of IMAP":     strings.HasSuffix(services["mail"].Ports[1], ":"+port(c.Mail.Mailboxes[0].IMAP.Address)),
		"the mailbox":          strings.Contains(services["mail"].Command[0], "greenmail.users="+strings.Split(c.Mail.Mailboxes[0].Address, "@")[0]+":"),
		"a user of its own":    server.User != "" && server.User != "root",
		"production":           c.Installation.Kind == Production,
	} {
		if !held {
			t.Errorf("the example and docker-compose.yml differ in %s", what)
		}
	}
	for _, store := range c.Stores {
		if store.Mode != Observe {
			t.Errorf("the example writes to %s without being asked", store.Name)
		}
		if store.Kind == S3 {
			endpoint, err := url.Parse(store.Endpoint)
			if err != nil || endpoint.Hostname() != "objects" || !strings.Contains(objects, "--port :"+endpoint.Port()) ||
				!strings.Contains(objects, "/data/"+store.Bucket+"\n") || services["objects"].Environment["ROOT_ACCESS_KEY_ID"] != store.AccessKey {
				t.Errorf("the object store of docker-compose.yml is not that of %s", store.Name)
			}
		}
	}
	for _, address := range []string{c.Temporal.Address, c.Mail.SMTP.Address, c.Mail.Mailboxes[0].IMAP.Address} {
		if _, exists := services[host(address)]; !exists {
			t.Errorf("%s is no service of docker-compose.yml", address)
		}
	}
}

// Every dataset of the example is configured, and has a store.
func TestExampleNamesEveryDataset(t *testing.T) {
	t.Parallel()
	c := example(t)
	files, err := filepath.Glob(root + "examples/soffiah/datasets/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	if named := slices.Sorted(slices.Values(c.Datasets)); !slices.Equal(named, files) {
		t.Errorf("habeas.yaml names %v, there are %v", named, files)
	}
	var keys, stores []string
	for _, file := range files {
		var dataset struct {
			Dataset []struct {
				Key string `yaml:"fides_key"`
			} `yaml:"dataset"`
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(data, &dataset); err != nil {
			t.Fatal(err)
		}
		for _, d := range dataset.Dataset {
			keys = append(keys, d.Key)
		}
	}
	for _, store := range c.Stores {
		stores = append(stores, store.Dataset)
	}
	slices.Sort(keys)
	slices.Sort(stores)
	if !slices.Equal(keys, stores) {
		t.Errorf("the datasets are %v, those of the stores %v", keys, stores)
	}
}
