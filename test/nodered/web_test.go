package nodered

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

func (h *house) page(path string) string { return "http://" + h.addr + path }

// post sends something to Node-RED and returns the status of its answer with the body. Headers are names,
// each with its value.
func (h *house) post(t *testing.T, path, contentType, body string, headers ...string) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.page(path), strings.NewReader(body))
	must(t, err)
	return fetch(t, request, append(headers, "Content-Type", contentType))
}

// get reads a page of Node-RED.
func (h *house) get(t *testing.T, path string, headers ...string) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.page(path), nil)
	must(t, err)
	return fetch(t, request, headers)
}

func fetch(t *testing.T, request *http.Request, headers []string) (status int, answer string) {
	t.Helper()
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: stand.Patience}
	response, err := client.Do(request)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return response.StatusCode, string(body)
}

// press is the button of an inject node.
func (h *house) press(t *testing.T, id string) {
	t.Helper()
	if status, answer := h.post(t, "/inject/"+id, "application/json", ""); status != http.StatusOK {
		t.Fatalf("the button %s is answered %d: %s", id, status, answer)
	}
}

// messenger is a web service that takes messages for people.
type messenger struct {
	*httptest.Server

	mu       sync.Mutex
	messages []message
}

type message struct{ Title, Message, Number string }

func newMessenger(t *testing.T) *messenger {
	m := &messenger{}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got message
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || r.Method != http.MethodPost {
			http.Error(w, "no message", http.StatusBadRequest)
			t.Errorf("the messenger got %s: %v", r.Method, err)
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.messages = append(m.messages, got)
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *messenger) all() []message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.messages)
}
