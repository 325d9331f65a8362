package hatest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sample is a payload, and what Home Assistant of 2026 does with it. The real one is asked for the same
// answers in test/homeassistant.
type sample struct {
	Why      string          `json:"why"`
	Finding  string          `json:"finding"`  // how one of our findings begins, empty for none at all
	Accepted bool            `json:"accepted"` // the payload as a whole
	Refused  []string        `json:"refused"`  // the keys of its components that do not appear all the same
	Topic    string          `json:"topic"`
	Payload  json.RawMessage `json:"payload"`
}

func TestSamples(t *testing.T) {
	paths, err := filepath.Glob("../testdata/samples/*/*.json")
	if err != nil || len(paths) < 60 {
		t.Fatalf("%d samples, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			var s sample
			text, err := os.ReadFile(path)
			if err == nil {
				err = json.Unmarshal(text, &s)
			}
			if err != nil {
				t.Fatal(err)
			}
			findings := Check(s.Topic, s.Payload)
			if good := strings.Contains(path, "/good/"); good != (len(findings) == 0) || good != (s.Finding == "") {
				t.Errorf("findings %q", findings)
			}
			if s.Finding != "" && !slices.ContainsFunc(findings, func(f Finding) bool { return strings.HasPrefix(f.String(), s.Finding) }) {
				t.Errorf("got %q, none of which begins with %q", findings, s.Finding)
			}
			accepted, refused := true, []string(nil)
			for _, f := range findings {
				accepted = accepted && f.Effect != PayloadRefused
				if f.Effect == ComponentRefused && !slices.Contains(refused, f.Component) {
					refused = append(refused, f.Component)
				}
			}
			if accepted != s.Accepted {
				t.Errorf("accepted %v, want %v: %q", accepted, s.Accepted, findings)
			}
			if diff := cmp.Diff(s.Refused, refused); s.Accepted && diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
		})
	}
}

// Each bad sample has one fault: what it shows is not hidden behind another.
func TestOneFaultEach(t *testing.T) {
	paths, _ := filepath.Glob("../testdata/samples/bad/*.json")
	for _, path := range paths {
		var s sample
		text, _ := os.ReadFile(path)
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		if findings := Check(s.Topic, s.Payload); len(findings) != 1 {
			t.Errorf("%s: %d findings: %q", path, len(findings), findings)
		}
	}
}

func TestRemoval(t *testing.T) {
	if findings := Check("homeassistant/device/phone2mqtt_001fc11a8b6c/config", nil); len(findings) != 0 {
		t.Errorf("an empty payload: %q", findings)
	}
}

func FuzzCheck(f *testing.F) {
	paths, _ := filepath.Glob("../testdata/samples/*/*.json")
	for _, path := range paths {
		text, _ := os.ReadFile(path)
		var s sample
		if json.Unmarshal(text, &s) == nil {
			f.Add([]byte(s.Payload))
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, finding := range Check("homeassistant/device/x/config", payload) {
			if finding.String() == "" {
				t.Errorf("a finding says nothing: %#v", finding)
			}
		}
	})
}
