package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge/payload"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// named is a command by its name.
func named(name string) Job { return Job{Command: phone.Command{Name: name}} }

// puts takes jobs in and counts how often a worker had to begin.
func puts(t *testing.T, q *Queue, jobs ...Job) (begun int) {
	t.Helper()
	for _, j := range jobs {
		if err := q.Put(j, func() { begun++ }); err != nil {
			t.Fatalf("%s: %v", j.Command.Name, err)
		}
	}
	return begun
}

// worked are the names of all jobs in the order in which they are done.
func worked(t *testing.T, q *Queue) []string {
	t.Helper()
	var names []string
	for {
		j, _, ok := q.Next(t.Context())
		if !ok {
			return names
		}
		names = append(names, j.Command.Name)
	}
}

func TestOrder(t *testing.T) {
	var q Queue
	if begun := puts(t, &q, named("dial"), named("hold"), named("hangup"), named("mute"), named("reject")); begun != 1 {
		t.Errorf("%d workers began, want 1", begun)
	}
	if diff := cmp.Diff([]string{"hangup", "reject", "dial", "hold", "mute"}, worked(t, &q)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if begun := puts(t, &q, named("dial")); begun != 1 {
		t.Errorf("after the worker ended %d began, want 1", begun)
	}
}

// TestYielding tells which jobs end when another one comes.
func TestYielding(t *testing.T) {
	probe := Job{Probe: true}
	for _, tt := range []struct {
		name    string
		running Job
		next    Job
		ends    bool
	}{
		{"a sequence for a hang-up", named("transfer"), named("hangup"), true},
		{"a sequence for a key", named("transfer"), named("key"), false},
		{"a hang-up for a hang-up", named("reject"), named("hangup"), false},
		{"a sequence for a hang-up that is refused", named("dtmf"), Job{Command: phone.Command{Name: "reject"}, Refused: true}, false},
		{"a probe for a key", probe, named("key"), true},
	} {
		var q Queue
		puts(t, &q, tt.running)
		_, ctx, _ := q.Next(t.Context())
		puts(t, &q, tt.next)
		if ended := errors.Is(context.Cause(ctx), ErrHungUp); ended != tt.ends {
			t.Errorf("%s: ended %v, want %v", tt.name, ended, tt.ends)
		}
		if _, _, ok := q.Next(t.Context()); !ok || ctx.Err() == nil {
			t.Errorf("%s: the next one %v, the one before %v", tt.name, ok, ctx.Err())
		}
	}
}

func TestFull(t *testing.T) {
	var q Queue
	for range mostWaiting {
		puts(t, &q, named("key"))
	}
	if err := q.Put(named("key"), nil); !errors.Is(err, ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	// Calls can be ended all the same, as often as that is of any use.
	for range mostWaiting {
		puts(t, &q, named("hangup"))
	}
	if err := q.Put(named("reject"), nil); !errors.Is(err, ErrFull) {
		t.Errorf("one hang-up too many: %v", err)
	}
	for range mostWaiting {
		if j, _, _ := q.Next(t.Context()); j.Command.Name != "hangup" {
			t.Fatalf("a %s goes before a hang-up", j.Command.Name)
		}
	}
	q.Next(t.Context())
	puts(t, &q, named("key"))
}

// TestProbes asks only a phone that nothing else is asked of.
func TestProbes(t *testing.T) {
	var q Queue
	begun := 0
	probe := func() { q.PutProbe(time.Time{}, func() { begun++ }) }
	probe()
	probe()
	if j, _, ok := q.Next(t.Context()); !ok || !j.Probe || begun != 1 {
		t.Errorf("%+v, %v, %d workers began", j, ok, begun)
	}
	probe()
	if j, _, ok := q.Next(t.Context()); ok {
		t.Errorf("while one ran another was taken in: %+v", j)
	}
	q.Close(errors.New("removed"))
	if probe(); begun != 1 {
		t.Error("a closed queue takes a probe")
	}
}

func TestClose(t *testing.T) {
	removed := errors.New("the phone was removed")
	var q Queue
	puts(t, &q, named("dial"), named("hold"), named("mute"))
	_, ctx, _ := q.Next(t.Context())
	waited := q.Close(removed)
	if len(waited) != 2 || waited[0].Command.Name != "hold" || waited[1].Command.Name != "mute" {
		t.Errorf("waited: %+v", waited)
	}
	if !errors.Is(context.Cause(ctx), removed) {
		t.Errorf("what ran ended with %v", context.Cause(ctx))
	}
	if err := q.Put(named("dial"), nil); !errors.Is(err, removed) {
		t.Errorf("taken in afterwards: %v", err)
	}
	if names := worked(t, &q); names != nil {
		t.Errorf("still waiting: %v", names)
	}
	if waited := new(Queue).Close(removed); waited != nil {
		t.Errorf("an idle one: %+v", waited)
	}
}

// with is a command with this transaction.
func with(transaction string) Identity {
	return IdentityOf(phone.Command{Name: "dial", Number: "206", Transaction: json.RawMessage(transaction)}, nil)
}

// TestSameCommand tells which commands with one transaction are one.
func TestSameCommand(t *testing.T) {
	first := phone.Command{Name: "key", Keys: []phone.Key{"1", "2"}, Transaction: json.RawMessage(`7`)}
	if IdentityOf(first, errors.New("cannot be read")) == IdentityOf(first, nil) {
		t.Error("one that cannot be read is taken for the one that it was meant to be")
	}
	for what, change := range map[string]func(*phone.Command){
		"":                   func(*phone.Command) {},
		"another time":       func(c *phone.Command) { c.ExpiresAt = time.Now() },
		"other keys":         func(c *phone.Command) { c.Keys = []phone.Key{"1", "3"} },
		"another number":     func(c *phone.Command) { c.Number = "206" },
		"another command":    func(c *phone.Command) { c.Name = "dtmf" },
		"with force":         func(c *phone.Command) { c.Force = true },
		"a text, no number":  func(c *phone.Command) { c.Transaction = json.RawMessage(`"7"`) },
		"another position":   func(c *phone.Command) { c.Want = phone.On },
		"another account":    func(c *phone.Command) { c.Account = "2" },
		"another transfer":   func(c *phone.Command) { c.Attended = true },
		"another time again": func(c *phone.Command) { c.ExpiresAt = time.Now().Add(time.Hour) },
	} {
		var q Queue
		q.Expect(IdentityOf(first, nil), time.Now())
		next := first
		change(&next)
		if _, repeated := q.Expect(IdentityOf(next, nil), time.Now()); repeated != (what == "" || strings.HasPrefix(what, "another time")) {
			t.Errorf("%s: repeated %v", what, repeated)
		}
	}
}

// TestAnswers sends one transaction again and again, from before its result to after a minute.
func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q Queue
		type expected struct {
			Result   *payload.Result
			Repeated bool
		}
		expect := func(transaction string, want expected) {
			t.Helper()
			var got expected
			got.Result, got.Repeated = q.Expect(with(transaction), time.Now())
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s after %s (-want +got):\n%s", transaction, time.Now(), diff)
			}
		}
		result := payload.Result{Transaction: json.RawMessage(`"t1"`), Status: "ok"}
		again := result
		again.Repeated = true

		expect(`"t1"`, expected{})
		expect(`"t2"`, expected{})
		expect(`"t1"`, expected{nil, true})
		expect(`"t1"`, expected{nil, true})
		if repeats := q.Settle(with(`"t1"`), result); repeats != 2 {
			t.Errorf("%d repeats wait, want 2", repeats)
		}
		time.Sleep(remembered - time.Nanosecond)
		expect(`"t1"`, expected{&again, true})
		time.Sleep(time.Nanosecond)
		expect(`"t1"`, expected{})
		expect(`"t2"`, expected{nil, true}) // it still runs
		if repeats := q.Settle(Identity{}, payload.Result{Status: "ok"}); repeats != 0 {
			t.Errorf("%d repeats of none", repeats)
		}
	})
}

// TestCommandsWithoutTransaction are all run.
func TestCommandsWithoutTransaction(t *testing.T) {
	var q Queue
	for range 2 {
		none := IdentityOf(phone.Command{Name: "dial"}, nil)
		if _, repeated := q.Expect(none, time.Now()); repeated {
			t.Error("a repeat of nothing")
		}
		q.Settle(none, payload.Result{})
	}
}

// TestAnswersAreBounded has somebody invent transactions within one minute.
func TestAnswersAreBounded(t *testing.T) {
	var q Queue
	now := time.Now()
	for i := range 3 * mostAnswers {
		c := with(fmt.Sprint(i))
		q.Expect(c, now)
		q.Settle(c, payload.Result{})
		if len(q.answers) > mostAnswers {
			t.Fatalf("%d are remembered", len(q.answers))
		}
	}
}
