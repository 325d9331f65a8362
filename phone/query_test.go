package phone

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// queryCase is one entry of testdata/queries.txt.
type queryCase struct {
	line  int
	query string
	want  map[Variable]string
}

func readQueryCases(t testing.TB) []queryCase {
	t.Helper()
	corpus, err := os.ReadFile("testdata/queries.txt")
	if err != nil {
		t.Fatal(err)
	}
	var cases []queryCase
	for i, line := range strings.Split(string(corpus), "\n") {
		switch {
		case strings.HasPrefix(line, "?"):
			query := withBytes(strings.TrimPrefix(line[1:], " "))
			cases = append(cases, queryCase{line: i + 1, query: query, want: map[Variable]string{}})
		case strings.HasPrefix(line, "  "):
			name, value, ok := strings.Cut(line[2:], ": ")
			if !ok || len(cases) == 0 {
				t.Fatalf("testdata/queries.txt:%d: expected `name: value`", i+1)
			}
			cases[len(cases)-1].want[Variable(name)] = withBytes(value)
		}
	}
	return cases
}

var byteEscape = regexp.MustCompile(`\\x[0-9A-F]{2}`)

func withBytes(s string) string {
	return byteEscape.ReplaceAllStringFunc(s, func(escape string) string {
		b, err := strconv.ParseUint(escape[2:], 16, 8)
		if err != nil {
			panic(err)
		}
		return string([]byte{byte(b)})
	})
}

func TestSplitVariables(t *testing.T) {
	for _, tt := range readQueryCases(t) {
		t.Run(fmt.Sprintf("line %d", tt.line), func(t *testing.T) {
			sent := SplitVariables(tt.query)
			got := make(map[Variable]string)
			for name := range sent {
				got[name] = sent.text(name, GBK)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("SplitVariables(%q), as text (-want +got):\n%s", tt.query, diff)
			}
		})
	}
}

func TestSplitVariablesKeepsBytes(t *testing.T) {
	got := SplitVariables("mac=001fc11a8b6c&remote=%2B49&display_remote=M\xFCller \xD6\xD0%")
	want := Variables{VarMAC: "001fc11a8b6c", VarRemote: "%2B49", VarDisplayRemote: "M\xFCller \xD6\xD0%"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Whatever a caller types as a name, a printed URL gives the same phone and the same caller's number.
func FuzzDisplayName(f *testing.F) {
	for _, name := range []string{"Bob", "A&B", "&mac=001fc1000000", "&ip=1.2.3.4&remote=911", "&call_id=x&mac=y", "=&=&"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := SplitVariables("mac=001fc11a8b6c&ip=192.168.0.157&remote=206&display_remote=" + name)
		if got[VarMAC] != "001fc11a8b6c" || got[VarIP] != "192.168.0.157" || got[VarRemote] != "206" {
			t.Errorf("the name %q changed who sent it: %q", name, got)
		}
		got = SplitVariables("display_remote=" + name)
		if got[VarMAC] != "" || got[VarIP] != "" {
			t.Errorf("the name %q became a phone: %q", name, got)
		}
	})
}

func FuzzSplitVariables(f *testing.F) {
	for _, tt := range readQueryCases(f) {
		f.Add(tt.query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got := SplitVariables(query)
		for name, value := range got {
			if !slices.Contains(variables[:], name) {
				t.Errorf("unknown variable %q", name)
			}
			if value == "" || !strings.Contains(query, "="+value) {
				t.Errorf("%s=%q was not sent", name, value)
			}
			for _, charset := range []Charset{"", UTF8, "windows-1252"} {
				if text := got.text(name, charset); text == "" || !utf8.ValidString(text) {
					t.Errorf("%s as %q is %q", name, charset, text)
				}
			}
			if !isFreeText(name) && strings.Contains(value, "&") {
				t.Errorf("%s=%q runs over its end", name, value)
			}
		}
		if again := SplitVariables(query); !maps.Equal(again, got) {
			t.Errorf("%q then %q", got, again)
		}
	})
}
