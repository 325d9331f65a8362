package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/phone2mqtt/phone2mqtt/bridge/payload"
	"github.com/phone2mqtt/phone2mqtt/mqtt"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/book"
)

// requestPayload is what a bridge request may hold, in the form that zigbee2mqtt made usual.
type requestPayload struct {
	Transaction json.RawMessage `json:"transaction"`
	MAC         string          `json:"mac"`
	Name        *string         `json:"name"`
}

// longestRequest is how many bytes a bridge request may have; it is read where the network is.
const longestRequest = 16 << 10

// operations are the bridge requests.
var operations = map[string]func(*Bridge, requestPayload) (any, error){
	"discovery/refresh": (*Bridge).announceAgain,
	"health_check":      (*Bridge).healthCheck,
	"phone/remove":      (*Bridge).removePhone,
	"phone/rename":      (*Bridge).renamePhone,
}

var errRequest = errors.New("the payload is not a JSON object of the expected form, such as {} or {\"mac\":\"001fc11a8b6c\"}")

// readRequest reads a bridge request; its transaction, as far as there is a good one, with an error too.
func readRequest(text []byte) (request requestPayload, err error) {
	// What is not UTF-8 is no JSON (RFC 8259, section 8.1), but encoding/json lets it pass.
	if len(text) > longestRequest || !utf8.Valid(text) {
		return requestPayload{}, errRequest
	}
	err = json.Unmarshal(text, &request)
	// Most readers of JSON refuse a whole response for a number like 1e999.
	if t := request.Transaction; t != nil && json.Unmarshal(t, new(any)) != nil {
		request.Transaction, err = nil, errRequest
	}
	if err != nil {
		return request, errRequest
	}
	return request, nil
}

// receiveRequest answers one bridge request.
func (b *Bridge) receiveRequest(op string, m mqtt.Message) {
	if len(m.Payload) == 0 {
		return
	}
	request, err := readRequest(m.Payload)
	if m.Retained {
		b.clear(m.Topic)
		b.answerRequest(op, request, nil, errors.New("the broker kept this request from before phone2mqtt subscribed; it is not run and was cleared"))
		return
	}
	if err != nil {
		b.answerRequest(op, request, nil, err)
		return
	}
	run, ok := operations[op]
	if !ok {
		b.answerRequest(op, request, nil, fmt.Errorf("unknown request %q; known are %s", op, strings.Join(slices.Sorted(maps.Keys(operations)), ", ")))
		return
	}
	data, err := run(b, request)
	b.answerRequest(op, request, data, err)
}

func (b *Bridge) answerRequest(op string, request requestPayload, data any, err error) {
	b.broker.Publish(mqtt.Batch{Messages: []mqtt.Message{{Topic: b.topics.response(op), Payload: payload.Response(data, err, request.Transaction), KeepFor: time.Minute}}})
}

func (b *Bridge) healthCheck(requestPayload) (any, error) {
	return map[string]bool{"healthy": b.missing() == nil}, nil
}

// removePhone forgets a learned phone. A listed one would be back at the next start.
func (b *Bridge) removePhone(request requestPayload) (any, error) {
	d, err := b.named(request)
	if err != nil {
		return nil, err
	}
	b.listing.Lock()
	defer b.listing.Unlock()
	if l, listed := b.phones.book.Listing(d.mac); listed {
		return nil, fmt.Errorf("phone %s is listed in %s; remove it there", d.mac, l.Source)
	}
	b.forget(d)
	b.log.Info().Str("mac", string(d.mac)).Msg("phone removed by request")
	return map[string]string{"mac": string(d.mac)}, nil
}

// renamePhone gives a phone a name that wins over its own; an empty one gives it back. A name from the
// phones file wins over both, so that what stands there is what is seen.
func (b *Bridge) renamePhone(request requestPayload) (any, error) {
	d, err := b.named(request)
	if err != nil {
		return nil, err
	}
	if request.Name == nil || len([]rune(*request.Name)) > book.LongestName {
		return nil, fmt.Errorf("name is missing or longer than %d characters", book.LongestName)
	}
	if l, _ := b.phones.book.Listing(d.mac); l.Name != "" {
		return nil, fmt.Errorf("phone %s has its name from %s; change it there", d.mac, l.Source)
	}
	name := strings.TrimSpace(*request.Name)
	d.mu.Lock()
	d.renamed = name
	d.mu.Unlock()
	b.refresh(d)
	return map[string]string{"mac": string(d.mac), "name": name}, nil
}

// named is the phone that a request is about.
func (b *Bridge) named(request requestPayload) (*device, error) {
	mac, err := phone.ParseMAC(request.MAC)
	if err != nil {
		return nil, fmt.Errorf("mac %.40q: %w", request.MAC, err)
	}
	d := b.phones.find(mac)
	if d == nil {
		return nil, fmt.Errorf("no phone %s is known", mac)
	}
	return d, nil
}
