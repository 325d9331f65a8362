package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// honestLimit is how long an honest event may take, from the connection to the subscriber.
const honestLimit = time.Second

// honestEvent sends an event of the honest phone and waits until it is answered with 200 and published.
func (w *world) honestEvent(ctx context.Context) (took time.Duration, err error) {
	id, from, begun := "honest-"+w.fresh(), w.observer.count(), time.Now()
	kind := []string{"dnd_on", "dnd_off"}[w.asked.Load()%2]
	a, err := w.get(ctx, w.honest.ip, w.event(kind, w.honest.mac, "call_id="+id))
	if err != nil || a.status != 200 {
		return time.Since(begun), fmt.Errorf("an honest event was answered %s (%w)", a, err)
	}
	_, err = w.observer.await(ctx, from, "the honest event", func(m stand.Message) bool {
		return m.Topic == "phone2mqtt/"+w.honest.mac+"/event" && bytes.Contains(m.Payload, []byte(`"call_id":"`+id+`"`))
	})
	return time.Since(begun), err
}

// serves tells that an honest phone is served in time. A busy machine may hold one honest event up, not
// three in a row.
func (w *world) serves(ctx context.Context) (took time.Duration, err error) {
	for range 3 {
		if took, err = w.honestEvent(ctx); err != nil || took <= honestLimit {
			return took, err
		}
	}
	return took, fmt.Errorf("honest events took over %s, three in a row, the last %s", honestLimit, took)
}

// aftermath looks what an attack broke: honest phones, the log, what is published, secrets.
func (w *world) aftermath(ctx context.Context) (honest time.Duration, harm []string) {
	select {
	case <-w.daemon.Ended():
		return 0, []string{fmt.Sprintf("the daemon ended with %d", w.daemon.ExitCode())}
	default:
	}
	honest, err := w.serves(ctx)
	if err != nil {
		harm = append(harm, err.Error())
	}
	harm = append(harm, w.untidyLog()...)
	harm = append(harm, w.untidyMessages()...)
	w.mu.Lock()
	for _, text := range w.answers {
		if secret := leak(text); secret != "" {
			harm = append(harm, "an answer of the intake holds "+secret)
		}
	}
	w.answers = nil
	w.mu.Unlock()
	for _, d := range []*desk{w.honest, w.victim, w.other} {
		for _, head := range d.got(0) {
			if !form.MatchString(head) {
				harm = append(harm, fmt.Sprintf("a phone was sent %.300q", head))
			}
		}
	}
	return honest, harm
}

// leak is the secret that a text holds, also as in a login of HTTP.
func leak(text string) string {
	for _, secret := range []string{brokerSecret, phoneSecret, firstToken, secondToken} {
		if strings.Contains(text, secret) {
			return secret
		}
	}
	if strings.Contains(text, base64.StdEncoding.EncodeToString([]byte("root:"+phoneSecret))) {
		return "the login of the phones"
	}
	return ""
}

// logbook reads the daemon's log on.
type logbook struct {
	file    string
	read    int64
	skipped []string // lines that belong there and are no entries
}

// next are the whole lines that came since.
func (l *logbook) next() []string {
	f, err := os.Open(l.file)
	if err != nil {
		return []string{"the log cannot be read: " + err.Error()}
	}
	defer func() { _ = f.Close() }()
	text := make([]byte, 0)
	buffer := make([]byte, 64<<10)
	for {
		n, err := f.ReadAt(buffer, l.read+int64(len(text)))
		text = append(text, buffer[:n]...)
		if err != nil {
			break
		}
	}
	end := bytes.LastIndexByte(text, '\n') + 1
	l.read += int64(end)
	if end == 0 {
		return nil
	}
	return strings.Split(string(text[:end-1]), "\n")
}

var consoleLine = regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3} (DBG|INF|WRN|ERR) \S`)

// untidyLog looks at the log since the last look: each line has to be one entry of the program's own.
func (w *world) untidyLog() (harm []string) {
	for _, line := range w.log.next() {
		if slices.Contains(w.log.skipped, line) {
			continue
		}
		switch whole := json.Valid([]byte(line)) && strings.HasPrefix(line, `{"level":"`); {
		case !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || isUntidy(r) }):
			harm = append(harm, fmt.Sprintf("the log holds control characters: %.200q", line))
		case !w.console && !whole, w.console && !consoleLine.MatchString(line):
			harm = append(harm, fmt.Sprintf("the log holds a line that is no entry: %.200q", line))
		case strings.Contains(line, "panic"):
			harm = append(harm, fmt.Sprintf("the log tells of a panic: %.200q", line))
		}
		if secret := leak(line); secret != "" {
			harm = append(harm, "the log holds "+secret)
		}
	}
	if len(harm) > 3 {
		harm = append(harm[:3], fmt.Sprintf("and %d more", len(harm)-3))
	}
	return harm
}

// isUntidy tells characters above the blank that steer a terminal or turn the text of a line about.
func isUntidy(r rune) bool {
	switch {
	case r == 0x7f, r >= 0x80 && r < 0xa0, r == 0x2028, r == 0x2029, r == 0x200e, r == 0x200f, r == 0xfeff:
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	}
	return false
}

var (
	jsonTopics = regexp.MustCompile(`^phone2mqtt/([0-9a-f]{12}/(state|event|event/late|result)|bridge/(info|response/.+))$`)
	textTopics = regexp.MustCompile(`^phone2mqtt/(bridge/state|[0-9a-f]{12}/(availability|call_state))$`)
)

// untidyMessages looks at what the daemon published since the last look.
func (w *world) untidyMessages() (harm []string) {
	all := w.observer.heard(w.seen)
	w.seen += len(all)
	for _, m := range all {
		if secret := leak(string(m.Payload) + m.Topic); secret != "" {
			harm = append(harm, fmt.Sprintf("%s holds %s", m.Topic, secret))
		}
		if len(m.Payload) == 0 {
			continue
		}
		control := bytes.ContainsFunc(m.Payload, func(r rune) bool { return r < ' ' })
		switch {
		case jsonTopics.MatchString(m.Topic):
			if !json.Valid(m.Payload) || !utf8.Valid(m.Payload) || control {
				harm = append(harm, fmt.Sprintf("no tidy JSON on %s: %.200q", m.Topic, m.Payload))
			}
		case textTopics.MatchString(m.Topic):
			if !utf8.Valid(m.Payload) || control {
				harm = append(harm, fmt.Sprintf("no tidy text on %s: %.200q", m.Topic, m.Payload))
			}
		}
	}
	return harm
}

// told are the messages since that one, after all that came in until now is out. The honest phone is
// left out, and so is what the daemon says when it likes: who is announced, and who answers its probes,
// also as an event, and as the state of a phone that nothing was heard of.
func (w *world) told(ctx context.Context, from int) ([]stand.Message, error) {
	if _, err := w.honestEvent(ctx); err != nil {
		return nil, err
	}
	var rest []stand.Message
	for _, m := range w.observer.heard(from) {
		kind := member(m, "event_type")
		byItself := strings.HasPrefix(m.Topic, "homeassistant/") || strings.HasSuffix(m.Topic, "/availability") ||
			strings.HasSuffix(m.Topic, "/event") && (kind == "phone_online" || kind == "phone_offline") ||
			strings.HasSuffix(m.Topic, "/state") && member(m, "last_event") == "null"
		if !byItself && !strings.HasPrefix(m.Topic, "phone2mqtt/"+w.honest.mac+"/") {
			rest = append(rest, m)
		}
	}
	return rest, nil
}

// events are those messages that are events which a phone sent, any phone when mac is empty.
func events(all []stand.Message, mac string) (some []stand.Message) {
	for _, m := range all {
		if strings.HasSuffix(m.Topic, "/event") && strings.HasPrefix(m.Topic, "phone2mqtt/"+mac) && member(m, "derived") != "true" {
			some = append(some, m)
		}
	}
	return some
}

// member is a text of a JSON object; what is no text is as it is written.
func member(m stand.Message, name string) string {
	var object map[string]json.RawMessage
	var text string
	if json.Unmarshal(m.Payload, &object) != nil {
		return ""
	}
	if json.Unmarshal(object[name], &text) != nil {
		return string(object[name])
	}
	return text
}
