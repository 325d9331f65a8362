package action_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestForwarded sends what clients put before the line of a proxy: a handler sees one line, whose end is
// the proxy's.
func TestForwarded(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"none", nil, nil},
		{"the proxy's alone", []string{"X-Forwarded-For: 203.0.113.9"}, []string{"203.0.113.9"}},
		{"in other letters", []string{"x-forwarded-FOR:203.0.113.9"}, []string{"203.0.113.9"}},
		{"the client's before it", []string{"X-Forwarded-For: 10.0.0.7", "Accept: */*", "X-Forwarded-For: 203.0.113.9"}, []string{"10.0.0.7, 203.0.113.9"}},
		{"in one line", []string{"X-Forwarded-For: 10.0.0.7, 203.0.113.9"}, []string{"10.0.0.7, 203.0.113.9"}},
		{"the client's is folded", []string{"X-Forwarded-For: 10.0.0.7,", "\t10.0.0.8", "X-Forwarded-For: 203.0.113.9"}, []string{"10.0.0.7, 10.0.0.8, 203.0.113.9"}},
		{"the client's folded line stands behind it", []string{"X-Forwarded-For: 203.0.113.9", " 10.0.0.7"}, []string{"203.0.113.9 10.0.0.7"}},
		{"a control character", []string{"X-Forwarded-For: 10.0.0.7\x01, 203.0.113.9"}, []string{"10.0.0.7?, 203.0.113.9"}},
		{"a carriage return", []string{"X-Forwarded-For: 203.0.113.9\rX: y"}, []string{"203.0.113.9?X: y"}},
		{"not UTF-8", []string{"X-Forwarded-For: \xff, 203.0.113.9"}, []string{"\xff, 203.0.113.9"}},
		{"a blank before the colon", []string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-For : 10.0.0.7"}, []string{"203.0.113.9"}},
		{"an underscore", []string{"X-Forwarded-For: 203.0.113.9", "X_Forwarded_For: 10.0.0.7"}, []string{"203.0.113.9"}},
		{"behind very many lines", append(slices.Repeat([]string{"a: b"}, 500), "X-Forwarded-For: 203.0.113.9"), []string{"203.0.113.9"}},
		{"an empty one", []string{"X-Forwarded-For: 10.0.0.7", "X-Forwarded-For:"}, []string{"10.0.0.7,"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := new(recorder)
			l := listen(t)
			serve(t, l, h)
			exchange(t, l.Addr().String(), "GET /x HTTP/1.1\r\nHost: x\r\n"+strings.Join(append(test.lines, ""), "\r\n")+"\r\n")
			if diff := cmp.Diff(test.want, h.last.Header["X-Forwarded-For"]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
