package mqtt

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var t0 = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func emptyLine() *line { return newLine(span{}, 0, 1) }

// script drives a line by words, so that a case reads as a sequence:
//
//	state:1   publish retained state of group g
//	last:1    publish a retained message of group g that is Last
//	other:1   publish a retained message without group
//	event:1   publish a durable message of group g
//	begin     a session begins
//	send      everything that can be sent is sent
//	ack       the oldest shipment is acknowledged
//	lost      the network ends the session
//	cut       the broker ends the session
func script(t *testing.T, l *line, words string) (sent string) {
	t.Helper()
	var out []string
	for word := range strings.FieldsSeq(words) {
		name, payload, _ := strings.Cut(word, ":")
		switch name {
		case "state", "other", "last":
			m := retained(name, payload)
			if name != "other" {
				m.Group = "g"
			}
			m.Last = name == "last"
			l.addRetained(&m)
		case "event":
			m := event(name, payload)
			m.Group = "g"
			l.add(&m, diskQueued, t0)
		case "begin":
			l.begin()
			out = append(out, "|")
		case "send":
			for {
				s := l.take(t0)
				if s == nil {
					s = l.takeClean()
				}
				if s == nil {
					break
				}
				out = append(out, s.name+":"+string(s.payload))
			}
		case "ack":
			l.acknowledge(l.inflight[0])
		case "lost", "cut":
			if offender := l.rewind(name == "cut"); offender != nil {
				out = append(out, "aside", offender.name+":"+string(offender.payload))
			}
		default:
			t.Fatalf("unknown word %q", word)
		}
	}
	return strings.Join(out, " ")
}

func TestLine(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"in order of publishing",
			"state:1 event:a state:2 event:b begin send",
			"| state:2 event:a event:b"},
		{"a newer payload inherits the place",
			"other:1 event:a other:2 other:3 begin send",
			"| other:3 event:a"},
		{"newer while in flight is sent again",
			"begin state:1 send state:2 send ack ack send",
			"| state:1 state:2"},
		{"unacknowledged is sent again in order",
			"begin state:1 event:a event:b send ack lost begin send",
			"| state:1 event:a event:b | state:1 event:a event:b"},
		{"the newest payload at the oldest place",
			"begin state:1 event:a send state:2 event:b lost begin send",
			"| state:1 event:a | state:2 event:a event:b"},
		{"without the help of a group too",
			"begin other:1 event:a send lost begin send",
			"| other:1 event:a | other:1 event:a"},
		{"nor does a newer payload lose the old place",
			"begin other:1 event:a send other:2 event:b lost begin send",
			"| other:1 event:a | other:2 event:a event:b"},
		{"acknowledged messages are not sent again, clean topics are",
			"begin event:a other:1 send ack ack lost begin send",
			"| event:a other:1 | other:1"},
		{"clean topics of a group before its first message",
			"begin state:1 other:1 last:1 send ack ack ack lost event:a begin send",
			"| state:1 other:1 last:1 | state:1 event:a other:1 last:1"},
		{"what a group sent already in this session is enough",
			"begin state:1 send event:a send event:b send",
			"| state:1 event:a event:b"},
		{"last ones last",
			"begin last:1 state:1 other:1 send ack ack ack lost begin send",
			"| last:1 state:1 other:1 | state:1 other:1 last:1"},
		{"an acknowledged clearing is forgotten",
			"begin state:1 send ack state: send ack lost begin send",
			"| state:1 state: |"},
		{"an unacknowledged clearing is not",
			"begin state:1 send ack state: send lost begin send ack lost begin send",
			"| state:1 state: | state: |"},
		{"nor by the PUBACK of what came before it",
			"begin state:1 send state: send ack lost begin send",
			"| state:1 state: | state:"},
		{"a topic is not forgotten when it was filled again",
			"begin state: send state:2 ack send ack lost begin send",
			"| state: state:2 | state:2"},
		{"one at a time after the broker ended a session",
			"begin event:a event:b send cut begin send ack send ack send",
			"| event:a event:b | event:a event:b"},
		{"all at once after the network did",
			"begin event:a event:b send lost begin send",
			"| event:a event:b | event:a event:b"},
		{"set aside after three sessions",
			"begin event:a event:b event:c send ack cut begin send cut begin send cut begin send cut begin send ack send",
			"| event:a event:b event:c | event:b | event:b | event:b aside event:b | event:c"},
		{"lost sessions do not count",
			"begin event:a send cut begin send lost begin send lost begin send cut begin send",
			"| event:a | event:a | event:a | event:a | event:a"},
		{"a topic is set aside with its payload only",
			"begin other:1 send cut begin send cut other:2 begin send cut begin send",
			"| other:1 | other:1 | other:2 | other:2"},
		{"a clean topic that the new broker does not bear",
			"begin other:1 state:1 send ack ack lost begin send cut begin send ack send cut begin send cut begin send cut begin send",
			"| other:1 state:1 | other:1 state:1 | other:1 state:1 | state:1 | state:1 aside state:1 | other:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, script(t, emptyLine(), tt.script)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMessagesWithKeepFor(t *testing.T) {
	l := emptyLine()
	l.begin()
	result := func(payload string, keep time.Duration) *Message {
		return &Message{Topic: "result", Payload: []byte(payload), KeepFor: keep}
	}
	l.add(result("old", time.Second), diskNever, t0)
	l.add(result("good", time.Minute), diskNever, t0)
	now := t0.Add(2 * time.Second)
	if s := l.take(now); string(s.payload) != "good" {
		t.Errorf("sent %q", s.payload)
	}
	if l.dropped != 1 || l.volatile != 0 {
		t.Errorf("dropped %d, waiting %d", l.dropped, l.volatile)
	}
	l.rewind(false)
	for i := range volatileLimit + 10 {
		l.add(result(fmt.Sprint(i), time.Minute), diskNever, now)
	}
	if l.volatile != volatileLimit || l.dropped != 12 {
		t.Errorf("%d wait, %d dropped", l.volatile, l.dropped)
	}
	l.begin()
	if s := l.take(now); string(s.payload) != "10" {
		t.Errorf("the oldest left is %q", s.payload)
	}
	for l.take(now.Add(2*time.Minute)) != nil {
		t.Error("too old, sent all the same")
	}
	if l.volatile != 0 {
		t.Errorf("%d wait", l.volatile)
	}
}

func TestLate(t *testing.T) {
	tests := []struct {
		name     string
		at, now  time.Time
		freshFor time.Duration
		foreign  bool
		want     bool
	}{
		{"fresh", t0, t0.Add(30 * time.Second), 30 * time.Second, false, false},
		{"too old", t0, t0.Add(31 * time.Second), 30 * time.Second, false, true},
		{"never", t0, t0.Add(time.Hour), 0, false, false},
		{"clock went back", t0, t0.Add(-time.Hour), time.Minute, false, false},
		{"fresh over a restart", t0, t0.Add(time.Second), time.Minute, true, false},
		{"old over a restart", t0, t0.Add(time.Hour), time.Minute, true, true},
		{"clock went back over a restart", t0, t0.Add(-time.Second), time.Minute, true, true},
		{"no clock before the restart", time.Unix(100, 0), t0, time.Hour, true, true},
		{"no clock after the restart", time.Unix(100, 0), time.Unix(101, 0), time.Hour, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := &entry{foreign: tt.foreign, message: Message{At: tt.at, FreshFor: tt.freshFor, LateTopic: "late"}}
			if got := e.late(tt.now); got != tt.want {
				t.Errorf("late = %t, want %t", got, tt.want)
			}
		})
	}
}

func TestLateTopicIsChosenAtEachSending(t *testing.T) {
	l := emptyLine()
	l.add(&Message{Topic: "event", At: t0, FreshFor: time.Minute, LateTopic: "late"}, diskQueued, t0)
	l.begin()
	first := l.take(t0.Add(time.Second)).name
	l.rewind(false)
	l.begin()
	second := l.take(t0.Add(time.Hour)).name
	if first != "event" || second != "late" {
		t.Errorf("sent to %q, then to %q", first, second)
	}
}
