package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// start of every made history; at is so many milliseconds later.
var start = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

const (
	mac   = "001fc1610001"
	other = "001fc1610002"
)

// good is a history in which every promise was kept: two phones, one fault, one command.
func good() *history {
	h := &history{
		aside:  map[string]bool{},
		faults: []span{{at(3000), at(4000)}},
		tries: []try{
			{at: at(500), ended: at(3000), session: 1},
			{at: at(3100), ended: at(3101)},
			{at: at(4000), session: 2},
		},
		connected: map[int]time.Time{1: at(505), 2: at(4005)},
		limit:     5 * time.Second,
		events: []event{
			{mac, "incoming_call", "", at(1000), at(1010), 200},
			{other, "dnd_on", "", at(1005), at(1010), 200},
			{mac, "call_established", "", at(2990), at(2999), 200},
			{mac, "hold", "", at(3500), at(3700), 0},
			{mac, "call_terminated", "", at(5000), at(5010), 200},
		},
		commands: []command{{"t1", mac, "1001", at(9000), at(5100), true}},
		requests: []request{{mac, "1001", at(5200), false}},
		lookedAt: at(8000),
		observed: map[string]bool{},
	}
	h.publications = []publication{
		state(1, mac, "incoming_call", 1005), sent(1, mac, "a", "incoming_call", 1005),
		state(1, other, "dnd_on", 1007), sent(1, other, "b", "dnd_on", 1007),
		state(1, mac, "call_established", 2995), sent(1, mac, "c", "call_established", 2995),
		// The acknowledgement of c came just before the connection ended.
		later(state(2, mac, "call_established", 2995), 4100), later(sent(2, mac, "c", "call_established", 2995), 4101),
		state(2, mac, "call_terminated", 5005), sent(2, mac, "d", "call_terminated", 5005),
		answer(2, "t1", 7, 5300),
	}
	h.settled = kept("call_terminated", 5005, "dnd_on", 1007)
	return h
}

func sent(connection int, mac, id, kind string, ms int) publication {
	return publication{
		connection: connection, topic: "event", mac: mac, at: at(ms), confirmed: at(ms + 1), acked: at(ms + 1),
		said: said{ID: id, EventType: kind, Time: at(ms), CallState: "idle"},
	}
}

func state(connection int, mac, kind string, ms int) publication {
	return publication{connection: connection, topic: "state", mac: mac, at: at(ms), confirmed: at(ms + 1), acked: at(ms + 1), said: said{LastEvent: kind, LastSeen: at(ms)}}
}

func online(connection, ms int) publication {
	return publication{connection: connection, topic: "state", mac: "bridge", online: true, at: at(ms), confirmed: at(ms + 1), acked: at(ms + 1)}
}

func answer(connection int, transaction string, sum uint64, ms int) publication {
	return publication{connection: connection, topic: "result", mac: mac, sum: sum, at: at(ms), confirmed: at(ms + 1), acked: at(ms + 1), said: said{Transaction: transaction, Time: at(ms)}}
}

// later is a publication that went out at another time than its event came in.
func later(p publication, ms int) publication {
	p.at, p.confirmed, p.acked = at(ms), at(ms+1), at(ms+1)
	return p
}

func kept(kind string, ms int, otherKind string, otherMS int) retained {
	text := func(kind string, ms int) []byte {
		return fmt.Appendf(nil, `{"call_state":"idle","last_event":%q,"last_seen":%q}`, kind, at(ms).Format(time.RFC3339Nano))
	}
	return retained{
		"bridge/state": []byte("online"),
		mac + "/state": text(kind, ms), mac + "/call_state": []byte("idle"), mac + "/availability": []byte("online"),
		of("state"): text(otherKind, otherMS), of("call_state"): []byte("idle"), of("availability"): []byte("online"),
	}
}

func of(topic string) string { return other + "/" + topic }

// TestJudgesEveryPromise breaks one promise after the other in a good history: each has to be found, and
// nothing else.
func TestJudgesEveryPromise(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(h *history)
		want  []rule
	}{
		"nothing":                       {func(*history) {}, nil},
		"an event never went out":       {func(h *history) { h.publications = append(h.publications[:2], h.publications[4:]...) }, []rule{lost, wrongState}},
		"the broker never acknowledged": {func(h *history) { h.publications[3].confirmed = time.Time{} }, []rule{lost}},
		"a 503 may be lost":             {func(h *history) { h.events[1].status = 503; h.publications[3].confirmed = time.Time{} }, nil},
		"set aside, as the log says":    {func(h *history) { h.publications[3].confirmed = time.Time{}; h.aside[other] = true }, nil},
		"damaged in silence":            {func(h *history) { h.publications[3].confirmed = time.Time{}; h.damaged = at(3500) }, []rule{lost}},
		"damaged, and told": {func(h *history) {
			h.publications[3].confirmed = time.Time{}
			h.damaged, h.damageLogged, h.damages = at(3500), true, 1
		}, nil},
		"damaged, told, not counted": {func(h *history) {
			h.publications[3].confirmed = time.Time{}
			h.damaged, h.damageLogged = at(3500), true
		}, []rule{otherwise}},
		"lost after the damage": {func(h *history) {
			h.publications[9].confirmed = time.Time{}
			h.damaged, h.damageLogged, h.damages = at(3500), true, 1
		}, []rule{lost, slow}},
		"two ids":                        {func(h *history) { h.publications[7].said.ID = "e" }, []rule{doubled}},
		"twice in one connection":        {func(h *history) { h.publications[7].connection, h.publications[6].connection = 1, 1 }, []rule{doubled}},
		"again, long acknowledged":       {func(h *history) { h.tries[0].ended = at(6000); h.faults = []span{{at(6000), at(6000)}}; h.limit = 0 }, []rule{doubled}},
		"again, acknowledged after it":   {func(h *history) { h.publications[5].acked = at(3001) }, nil},
		"again, acknowledged in a fault": {func(h *history) { h.tries[0].ended = at(6000); h.faults = []span{{at(2000), at(4000)}} }, []rule{doubled}},
		"again, the disk being at fault": {func(h *history) {
			h.tries[0].ended = at(6000)
			h.faults, h.diskFails = []span{{at(2000), at(4000)}}, true
		}, nil},
		"again, never acknowledged": {func(h *history) { h.publications[5].acked, h.tries[0].ended, h.faults = time.Time{}, at(6000), nil }, nil},
		"sent by no phone":          {func(h *history) { h.publications[3].said.Time = at(900) }, []rule{otherwise, lost, wrongState}},
		"order":                     {func(h *history) { h.publications[1].at = at(6000) }, []rule{disordered, disordered}},
		"order when sent again": {func(h *history) {
			h.publications[1].acked = time.Time{}
			h.publications = slices.Insert(h.publications, 8, later(sent(2, mac, "a", "incoming_call", 1005), 4102))
		}, []rule{disordered}},
		"the event before its state":    {func(h *history) { h.publications[8], h.publications[9] = h.publications[9], h.publications[8] }, []rule{stale}},
		"a state of another connection": {func(h *history) { h.publications[6].connection = 1 }, []rule{stale}},
		"retained: of a 503 that never went out": {func(h *history) {
			h.events[1].status, h.publications = 503, append(h.publications[:2], h.publications[4:]...)
		}, nil},
		"retained: older than a 503":    {func(h *history) { h.events[2].status = 503; h.settled = kept("call_established", 2995, "dnd_on", 1007) }, []rule{wrongState}},
		"retained: an older state":      {func(h *history) { h.settled = kept("call_established", 2995, "dnd_on", 1007) }, []rule{wrongState}},
		"retained: the unanswered one":  {func(h *history) { unanswered(h) }, nil},
		"retained: nothing":             {func(h *history) { delete(h.settled, of("state")) }, []rule{wrongState}},
		"retained: call_state":          {func(h *history) { h.settled[mac+"/call_state"] = []byte("talking") }, []rule{wrongState}},
		"retained: availability":        {func(h *history) { h.settled[mac+"/availability"] = []byte("offline") }, []rule{wrongState}},
		"retained: bridge offline":      {func(h *history) { h.settled["bridge/state"] = []byte("offline") }, []rule{wrongState}},
		"the last call is not there":    {func(h *history) { h.final = h.settled }, []rule{wrongState, wrongState}},
		"the phone was asked twice":     {func(h *history) { h.requests = append(h.requests, request{mac, "1001", at(5250), false}) }, []rule{ranTwice}},
		"asked again after a 401":       {func(h *history) { h.requests = append(h.requests, request{mac, "1001", at(5150), true}) }, nil},
		"asked for what nobody wanted":  {func(h *history) { h.requests = append(h.requests, request{mac, "1002", at(5250), false}) }, []rule{ranTwice}},
		"asked late":                    {func(h *history) { h.requests[0].at = at(10_500) }, []rule{ranLate}},
		"late because it was frozen":    {func(h *history) { h.requests[0].at = at(10_500); h.frozen = []span{{at(5150), at(10_400)}} }, nil},
		"no result":                     {func(h *history) { h.publications = h.publications[:10] }, []rule{noResult}},
		"no result, never acknowledged": {func(h *history) { h.publications[10].confirmed = time.Time{} }, []rule{noResult}},
		"no result, as it was killed":   {func(h *history) { h.publications = h.publications[:10]; h.deaths = []time.Time{at(5200)} }, nil},
		"no result, as it was stopped":  {func(h *history) { h.publications = h.publications[:10]; h.stops = []time.Time{at(5200)} }, []rule{noResult}},
		"no result, stopped without a broker": {func(h *history) {
			h.publications, h.stops, h.brokerFails = h.publications[:10], []time.Time{at(5200)}, true
		}, nil},
		"no result, stopped in order": {func(h *history) {
			h.publications, h.stops, h.brokerFails = h.publications[:10], []time.Time{at(5200)}, true
			h.tries[2].left = true
		}, []rule{noResult}},
		"no result, as it was given up": {func(h *history) {
			h.publications = h.publications[:10]
			h.tries = append(h.tries, try{at: at(65_400), session: 3})
			h.tries[2].ended, h.tries[2].at = at(5310), at(3999)
			h.connected[3] = at(65_401)
		}, []rule{slow, slow}},
		"no result, never taken": {func(h *history) { h.publications, h.requests, h.commands[0].taken = h.publications[:10], nil, false }, nil},
		"two results":            {func(h *history) { h.publications = append(h.publications, answer(2, "t1", 8, 5400)) }, []rule{twoResults}},
		"the same result twice":  {func(h *history) { h.publications = append(h.publications, answer(2, "t1", 7, 5400)) }, []rule{twoResults}},
		"the same result after a cut": {func(h *history) {
			h.tries[2].ended = at(5350)
			h.publications = append(h.publications, answer(3, "t1", 7, 5400))
		}, nil},
		"too long until events went out": {func(h *history) { h.limit = time.Second }, []rule{slow}},
		"no try for long":                {func(h *history) { h.tries[2].at = at(5700) }, []rule{slow}},
		"no try, as it was down":         {func(h *history) { h.tries[2].at, h.down = at(5700), []span{{at(3050), at(5600)}} }, nil},
		"no try, but an old outage":      {func(h *history) { h.tries[1].ended, h.tries[2].at = at(63_100), at(93_000) }, nil},
		"no try in an old outage":        {func(h *history) { h.tries[1].ended, h.tries[2].at = at(63_100), at(93_700) }, []rule{slow}},
		"a young outage after a time": {func(h *history) {
			h.tries[0].at, h.connected[1] = at(-60_000), at(-59_990)
			h.tries[1].at, h.tries[1].ended, h.tries[2].at = at(8000), at(8000), at(11_000)
		}, []rule{slow, slow, slow}},
		"a dead link": {func(h *history) {
			h.tries[1].silent, h.tries[1].ended, h.tries[2].at = at(3101), time.Time{}, at(33_000)
		}, nil},
		"a dead link found late": {func(h *history) {
			h.tries[1].silent, h.tries[1].ended, h.tries[2].at = at(3101), time.Time{}, at(33_200)
		}, []rule{slow}},
		"online late":                  {func(h *history) { h.connected[2] = at(2900) }, []rule{slow}},
		"online late, all stood still": {func(h *history) { h.connected[2] = at(2900); h.stood = []span{{at(2000), at(3050)}} }, nil},
		"online late, delayed":         {func(h *history) { h.connected[2] = at(2900); h.hampered = []span{{at(2000), at(3000)}} }, nil},
		"online late, it was cut":      {func(h *history) { h.connected[2], h.tries[2].ended = at(2900), at(4300) }, nil},
		"what waited went out late": {func(h *history) {
			h.publications[5].confirmed, h.publications[5].acked = time.Time{}, time.Time{}
			h.connected[2] = at(3050)
		}, []rule{slow}},
		"two that were given up": {func(h *history) { givenUp(h) }, nil},
		"one given up, with its call": {func(h *history) {
			h.events[3].callID, h.events[4].kind, h.publications[9].said.EventType, h.publications[9].said.CallID = "call-1", "hold", "hold", "call-1"
			h.publications[8].said.LastEvent = "hold"
			h.settled = kept("hold", 5005, "dnd_on", 1007)
		}, nil},
		"late, with nothing in its way": {func(h *history) { h.publications[9].topic, h.alwaysFresh = "event/late", true }, []rule{otherwise}},
		"late, as it had to wait":       {func(h *history) { h.publications[9].topic = "event/late" }, nil},
		"the clock did not jump":        {func(h *history) { h.yearsDiffer = true }, []rule{otherwise}},
		"the clock jumped":              {func(h *history) { h.yearsDiffer, h.publications[9].otherYear = true, true }, nil},
		"a call over a change of years": {func(h *history) { h.publications[9].said.CallState = "talking"; h.yearChanged = at(6000) }, nil},
		"a call that ended unheard":     {func(h *history) { h.publications[9].said.CallState = "talking" }, []rule{wrongState}},
		"exit code":                     {func(h *history) { h.other = append(h.other, "exit 1") }, []rule{otherwise}},
	} {
		t.Run(name, func(t *testing.T) {
			h := good()
			tt.spoil(h)
			h.publications = append(h.publications, online(1, 510), online(2, 4010))
			var got []rule
			var texts []string
			for _, v := range h.judge() {
				got = append(got, v.rule)
				texts = append(texts, v.text)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%q", diff, texts)
			}
		})
	}
}

// givenUp has two events of a kind for which the times fit alike.
func givenUp(h *history) {
	h.events = append(h.events,
		event{mac, "mute", "call-1", at(6000), at(6010), 0}, event{mac, "unmute", "call-1", at(6020), at(6030), 0},
		event{mac, "mute", "call-2", at(6040), at(6090), 200})
	first, second := sent(2, mac, "m", "mute", 6080), sent(2, mac, "n", "mute", 6081)
	first.said.CallID, second.said.CallID = "call-2", "call-1"
	h.publications = append(h.publications, state(2, mac, "mute", 6080), first, state(2, mac, "mute", 6081), second)
	h.settled = kept("mute", 6081, "dnd_on", 1007)
}

// unanswered lets the daemon have taken the event that its phone gave up.
func unanswered(h *history) {
	h.events = h.events[:4]
	h.publications = append(h.publications[:8], later(state(2, mac, "hold", 3600), 4200), later(sent(2, mac, "h", "hold", 3600), 4201), h.publications[10])
	h.settled = kept("hold", 3600, "dnd_on", 1007)
	h.limit = 0
}

func TestTimesOfAnotherYear(t *testing.T) {
	for off, wantOff := range map[time.Duration]bool{0: false, year: true, -year: true} {
		s := said{Time: at(5).Add(off), LastSeen: at(7).Add(off)}
		otherYear := s.asOf(at(900))
		if got, want := s, (said{Time: at(5), LastSeen: at(7)}); !cmp.Equal(got, want) || otherYear != wantOff {
			t.Errorf("off by %s: got %v, otherYear %t", off, got, otherYear)
		}
	}
	var never said
	if never.asOf(at(0)) || !never.Time.IsZero() {
		t.Errorf("a time that was not given became %s", never.Time)
	}
}

// The clock of a greeting is that of the broker's answer, and only an event that came before it waited.
func TestGreeting(t *testing.T) {
	h := good()
	h.connected = map[int]time.Time{1: at(500), 2: at(4000)}
	if got := h.greeting(); got != 0 {
		t.Errorf("nothing waited, and it went out after %s", got)
	}
	h.publications[5].confirmed, h.publications[5].acked = time.Time{}, time.Time{}
	if got, want := h.greeting(), 101*time.Millisecond; got != want {
		t.Errorf("the event of before the second connection went out %s after it began, want %s", got, want)
	}
}
