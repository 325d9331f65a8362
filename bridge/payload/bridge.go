package payload

import (
	"encoding/json"
	"time"
)

// Bridge is what the bridge tells of itself: no secrets.
type Bridge struct {
	Version   string
	StartedAt time.Time
	Base      string // topic root
	Broker    string // its address, without a login
	Phones    int    // how many are known
	HTTPURL   string // how phones reach the intake; empty: not known
}

type bridgePayload struct {
	Version   string  `json:"version"`
	StartedAt stamp   `json:"started_at"`
	Base      string  `json:"base"`
	Broker    string  `json:"broker"`
	Phones    int     `json:"phones"`
	HTTPURL   *string `json:"http_url"`
}

// JSON is the object of the retained topic bridge/info.
func (b Bridge) JSON() []byte {
	return marshal(bridgePayload{
		Version:   b.Version,
		StartedAt: stamp(b.StartedAt),
		Base:      b.Base,
		Broker:    b.Broker,
		Phones:    b.Phones,
		HTTPURL:   known(b.HTTPURL),
	})
}

type responsePayload struct {
	Data        any             `json:"data"`
	Status      string          `json:"status"`
	Error       string          `json:"error,omitempty"`
	Transaction json.RawMessage `json:"transaction,omitempty"`
}

// Response answers a bridge request, in the form that zigbee2mqtt made usual. Nil data is an empty
// object; data has to be of strings, numbers and switches. The transaction has to be JSON, nil for none.
func Response(data any, err error, transaction json.RawMessage) []byte {
	r := responsePayload{Data: data, Status: "ok", Transaction: transaction}
	if data == nil {
		r.Data = struct{}{}
	}
	if err != nil {
		r.Status, r.Error = "error", err.Error()
	}
	return marshal(r)
}
