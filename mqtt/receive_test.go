package mqtt

import (
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// incoming is a message of the broker. Only what receive asks for is there.
type incoming struct {
	paho.Message
	acknowledged int
}

func (*incoming) Topic() string   { return "cmd/dial" }
func (*incoming) Payload() []byte { return []byte("206") }
func (*incoming) Retained() bool  { return false }
func (m *incoming) Ack()          { m.acknowledged++ }

// TestTakesOnlyWhatItCanAnswer stops a session in which a message is being received: it halts only when
// the answer is out, and what comes after that is not acknowledged, for nobody could answer it.
func TestTakesOnlyWhatItCanAnswer(t *testing.T) {
	c := NewClient(testConfig(t, nowhere), openStore(t, ""))
	s := newSession(c)
	first, second := new(incoming), new(incoming)
	s.receive(first, []func(Message){func(Message) {
		if c.haltsAtRest(s) {
			t.Error("it halts while a message is being received")
		}
		publish(c, Message{Topic: "result", Payload: []byte("ok"), KeepFor: time.Minute})
	}})
	if first.acknowledged != 1 {
		t.Errorf("the first was acknowledged %d times, want 1", first.acknowledged)
	}
	if c.haltsAtRest(s) {
		t.Error("it halts before the answer is out")
	}
	c.mu.Lock()
	answer := c.line.take(time.Now())
	c.mu.Unlock()
	c.acknowledged(answer)
	if !c.haltsAtRest(s) {
		t.Error("it does not halt when the answer is out")
	}
	s.receive(second, []func(Message){func(Message) { t.Error("the second was handed over") }})
	if second.acknowledged != 0 {
		t.Error("the second was acknowledged")
	}
}
