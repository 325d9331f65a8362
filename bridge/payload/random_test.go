package payload

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// attempts is how many random phones each text is tried with.
const attempts = 300

// texts are what phones, and people who call them, may send.
var texts = []string{
	"", "206", "sip:206@192.168.0.1", `Bob "R&D" <b>`, `back\slash`, "line\nand\ttab\r\b\f", "\x00\x1f\x7f", "Müller ☎ 東京 \U0001F600",
	"\u2028\u2029", "latin1 M\xfcller", "\xe2\x82", "\xed\xa0\x80", "\ufffd", "a\xff\xfe", "'=$`",
}

// fill gives a value and all in it something at random, nothing now and then, whatever fields it has:
// one that is added later is filled as well.
func fill(t *testing.T, r *rand.Rand, v reflect.Value) {
	t.Helper()
	if r.IntN(4) == 0 {
		v.SetZero()
		return
	}
	switch to := v.Addr().Interface().(type) {
	case *time.Time:
		zone := time.FixedZone("", (r.IntN(27)-13)*1800)
		*to = time.Unix(r.Int64N(4e9), r.Int64N(1e9)).In(zone)
		return
	case *netip.Addr:
		*to = []netip.Addr{
			netip.MustParseAddr("192.168.0.157"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("::ffff:10.0.0.1"),
			netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr(`fe80::1%"<x`),
		}[r.IntN(5)]
		return
	case *phone.EventType:
		rows := phone.Events()
		*to = append([]phone.EventType{phone.CallEnded, phone.PhoneOnline, phone.PhoneOffline}, rows[r.IntN(len(rows))].Type)[r.IntN(4)]
		return
	case *phone.Flag:
		*to = phone.Flag(r.IntN(3))
		return
	case *phone.Span:
		// One that is not known has no length.
		*to = phone.Span{Known: true, Length: time.Duration(r.Int64N(int64(300 * time.Hour)))}
		return
	case *phone.CallState:
		*to = []phone.CallState{phone.Ringing, phone.Dialing, phone.Talking, phone.OnHold}[r.IntN(4)]
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(texts[r.IntN(len(texts))])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(r.Int64N(1000))
	case reflect.Uint64:
		v.SetUint(r.Uint64())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			fill(t, r, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, r, v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, r, v.Elem())
	default:
		t.Fatalf("nothing fills a %s", v.Type())
	}
}

// random is a value with something at random in it, the same in each run.
func random[T any](t *testing.T, seed int) T {
	t.Helper()
	var v T
	fill(t, rand.New(rand.NewPCG(uint64(seed), 1)), reflect.ValueOf(&v).Elem())
	return v
}

// equalTexts compares what was written by hand with what encoding/json writes.
func equalTexts(t *testing.T, what string, seed int, shape any, got []byte) {
	t.Helper()
	if want := marshal(shape); !bytes.Equal(want, got) {
		t.Fatalf("%s of seed %d (-encoding/json +written):\n%s", what, seed, cmp.Diff(string(want), string(got)))
	}
	if spare := cap(got) - len(got); spare > len(got)/4 {
		t.Fatalf("%s of %d bytes holds %d more", what, len(got), spare)
	}
}

func TestStateAsEncodingJSON(t *testing.T) {
	for seed := range attempts {
		s := random[phone.State](t, seed)
		name, host := texts[seed%len(texts)], texts[seed%3]
		equalTexts(t, "state", seed, stateShapeOf(s, name, host), State(s, name, host))
	}
}

func TestEventAsEncodingJSON(t *testing.T) {
	for seed := range attempts {
		c := random[phone.Change](t, seed)
		id, name := fmt.Sprint(seed), texts[seed%len(texts)]
		equalTexts(t, "event", seed, eventShapeOf(id, c, phone.Talking, name), Event(id, c, phone.Talking, name))
	}
}

// TestRecordAsEncodingJSON fails when a field of phone.State, or of what it holds, is not written or
// does not come back.
func TestRecordAsEncodingJSON(t *testing.T) {
	sameTime := cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
	sameAddr := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	// What is no UTF-8 comes back as U+FFFD.
	runes := func(text any) string { return string([]rune(reflect.ValueOf(text).String())) }
	isText := func(p cmp.Path) bool { return p.Last().Type().Kind() == reflect.String }
	sameText := cmp.FilterPath(isText, cmp.Comparer(func(a, b any) bool { return runes(a) == runes(b) }))
	for seed := range attempts {
		r := random[Record](t, seed)
		text := r.JSON()
		equalTexts(t, "record", seed, r, text)
		back, err := ReadRecord(text)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(r, back, sameTime, sameAddr, sameText, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("the record of seed %d comes back changed (-want +got):\n%s", seed, diff)
		}
	}
}

func TestReadRecord(t *testing.T) {
	for _, text := range []string{
		`{"state":{"model":7}}`,
		`{"state":{"missed_calls":-1}}`,
		`{"state":{"calls":[` + strings.Repeat("{},", phone.MostCalls) + `{}]}}`,
	} {
		if r, err := ReadRecord([]byte(text)); err == nil {
			t.Errorf("%s is read as %+v", text, r)
		}
	}
}
