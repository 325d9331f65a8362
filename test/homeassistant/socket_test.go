package homeassistant

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// socket is a session of Home Assistant's WebSocket API (developers.home-assistant.io, "WebSocket API").
type socket struct {
	conn  *websocket.Conn
	ended chan struct{}

	mu      sync.Mutex
	last    int // id of the last question
	answers map[int]chan answer
	events  map[int]func(json.RawMessage)
}

type answer struct {
	ID      int
	Type    string
	Success bool
	Result  json.RawMessage
	Event   json.RawMessage
	Error   struct{ Code, Message string }
}

// connect opens a session. It ends with the server, or is closed.
func (a *api) connect(t *testing.T) *socket {
	t.Helper()
	conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(a.url, "http")+"/api/websocket", nil)
	must(t, err)
	must(t, response.Body.Close())
	s := &socket{conn: conn, ended: make(chan struct{}), answers: make(map[int]chan answer), events: make(map[int]func(json.RawMessage))}
	var greeting answer
	must(t, conn.ReadJSON(&greeting))
	must(t, conn.WriteJSON(map[string]string{"type": "auth", "access_token": a.token}))
	must(t, conn.ReadJSON(&greeting))
	if greeting.Type != "auth_ok" {
		t.Fatalf("the login was answered with %s", greeting.Type)
	}
	go s.read()
	return s
}

func (s *socket) close() {
	_ = s.conn.Close()
	<-s.ended
}

// read takes in what comes until the connection ends. A server that stops waits for its end.
func (s *socket) read() {
	defer close(s.ended)
	defer func() { _ = s.conn.Close() }()
	for {
		var a answer
		if s.conn.ReadJSON(&a) != nil {
			return
		}
		s.mu.Lock()
		waiting, event := s.answers[a.ID], s.events[a.ID]
		s.mu.Unlock()
		switch {
		case a.Type == "event" && event != nil:
			event(a.Event)
		case a.Type == "result" && waiting != nil:
			waiting <- a
		}
	}
}

// try sends a command, with the members beside its type, and reads the answer into result unless that is
// nil. What the command subscribes to goes to event.
func (s *socket) try(kind string, members map[string]any, result any, event func(json.RawMessage)) error {
	message := map[string]any{"type": kind}
	for name, value := range members {
		message[name] = value
	}
	arrived := make(chan answer, 1)
	s.mu.Lock()
	s.last++
	id := s.last
	message["id"] = id
	s.answers[id] = arrived
	if event != nil {
		s.events[id] = event
	}
	err := s.conn.WriteJSON(message)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	timeout := time.NewTimer(stand.Patience)
	defer timeout.Stop()
	select {
	case a := <-arrived:
		if !a.Success {
			return fmt.Errorf("%s: %s: %s", kind, a.Error.Code, a.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(a.Result, result)
	case <-s.ended:
		return fmt.Errorf("%s: the connection has ended", kind)
	case <-timeout.C:
		return fmt.Errorf("%s: no answer", kind)
	}
}

func (s *socket) ask(t *testing.T, kind string, members map[string]any, result any) {
	t.Helper()
	must(t, s.try(kind, members, result, nil))
}

// subscribe has every event of a command go to event, one after the other.
func (s *socket) subscribe(t *testing.T, kind string, members map[string]any, event func(json.RawMessage)) {
	t.Helper()
	must(t, s.try(kind, members, nil, event))
}
