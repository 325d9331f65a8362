package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// scripts are the calls that phones have, as the events that they send.
var scripts = [][]string{
	{"incoming_call", "call_established", "hold", "unhold", "mute", "unmute", "call_terminated"},
	{"off_hook", "outgoing_call", "call_established", "call_terminated", "on_hook"},
	{"incoming_call", "reject_incoming_call"},
	{"dnd_on", "dnd_off"},
}

// talk has every phone send events, so many a second in all, until ctx ends.
func (w *world) talk(ctx context.Context) {
	var all sync.WaitGroup
	pause := time.Duration(len(w.desks)) * time.Second / time.Duration(w.eventsPerSecond)
	for i, d := range w.desks {
		random := rand.New(rand.NewPCG(w.seed, uint64(i)))
		all.Go(func() { d.talk(ctx, w.intake, random, pause) })
	}
	all.Wait()
}

// talk plays one call after the other. An event that was begun is waited for.
func (d *desk) talk(ctx context.Context, intake string, random *rand.Rand, pause time.Duration) {
	for {
		d.calls++
		for _, kind := range scripts[random.IntN(len(scripts))] {
			if stand.Pause(ctx, time.Duration(float64(pause)*2*random.Float64())) != nil {
				return
			}
			d.send(context.WithoutCancel(ctx), intake, kind, fmt.Sprintf("call-%d", d.calls))
		}
	}
}

// flood has phones send as fast as they are answered, until ctx ends.
func (w *world) flood(ctx context.Context, senders []*desk) {
	var all sync.WaitGroup
	for _, d := range senders {
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				d.send(context.WithoutCancel(ctx), w.intake, []string{"busy_forward_on", "busy_forward_off"}[n%2], fmt.Sprintf("flood-%d", n))
			}
		})
	}
	all.Wait()
}

// last has every phone begin its last call.
func (w *world) last(ctx context.Context) {
	var all sync.WaitGroup
	for _, d := range w.phones() {
		all.Go(func() {
			for _, kind := range lastEvents {
				if status := d.send(ctx, w.intake, kind, lastCall); status != statusOK {
					w.journal.note(func(h *history) {
						h.other = append(h.other, fmt.Sprintf("%s of %s at the end was answered %d", kind, d.mac, status))
					})
				}
			}
		})
	}
	all.Wait()
}

// commandLife is after what time a command must not be run any more.
const commandLife = 4 * time.Second

// commander is a client of the broker that sends commands. It never sends one twice.
type commander struct {
	w      *world
	client paho.Client
	last   paho.Token // of the newest command
}

// order publishes commands, so many a second in all, until ctx ends.
func (w *world) order(ctx context.Context) {
	c := &commander{w: w}
	defer c.leave()
	random := rand.New(rand.NewPCG(w.seed, 1<<32))
	for stand.Pause(ctx, time.Second/time.Duration(w.commandsPerSecond)) == nil {
		c.dial(w.desks[random.IntN(len(w.desks))])
	}
}

// dial tells a phone to dial a number that is dialled only once. Without a broker it does nothing.
func (c *commander) dial(d *desk) {
	if !c.there() {
		return
	}
	number := c.w.numbers.Add(1)
	cmd := command{transaction: fmt.Sprintf("t%d", number), mac: d.mac, number: fmt.Sprint(number), expires: time.Now().Add(commandLife)}
	c.w.journal.commands(cmd)
	text := fmt.Sprintf(`{"number":%q,"transaction":%q,"expires_at":%q}`, cmd.number, cmd.transaction, cmd.expires.UTC().Format("2006-01-02T15:04:05.000Z"))
	// Whether the broker has it shows in what it gives to the daemon.
	c.last = c.client.Publish(root+d.mac+"/set/dial", 1, false, text)
}

// flush waits until the broker has all commands, as far as it takes them.
func (c *commander) flush() {
	if c.last != nil {
		c.last.WaitTimeout(stand.Patience)
	}
}

// there connects when the client before has lost its connection: one of paho's that connects again by
// itself would publish again.
func (c *commander) there() bool {
	if c.client != nil && c.client.IsConnectionOpen() {
		return true
	}
	c.leave()
	client := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + c.w.brokerAddr).SetClientID(fmt.Sprintf("commander-%d-%d", c.w.numbers.Load(), time.Now().UnixNano())).
		SetAutoReconnect(false).SetConnectTimeout(time.Second).SetWriteTimeout(time.Second))
	if t := client.Connect(); !t.WaitTimeout(time.Second) || t.Error() != nil {
		client.Disconnect(0)
		return false
	}
	c.client = client
	return true
}

func (c *commander) leave() {
	if c.client != nil {
		c.client.Disconnect(100)
		c.client = nil
	}
}
