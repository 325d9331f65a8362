package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// servePeer is the first argument with which this program is one of the forms that the daemon is
// compared with, in a process of its own: bare or plain, its address, and the broker's.
const servePeer = "serve"

// peerLimit ends a peer whose bench was killed.
const peerLimit = longest

// startPeer starts this program as a peer.
func (b *bench) startPeer(ctx context.Context, form, brokerAddr string) (stand.Daemon, error) {
	self, err := os.Executable()
	if err != nil {
		return stand.Daemon{}, err
	}
	addr, err := stand.FreeAddr()
	if err != nil {
		return stand.Daemon{}, err
	}
	p, err := stand.Start(ctx, "the "+form+" form", self, []string{servePeer, form, addr, brokerAddr}, nil)
	if err != nil {
		return stand.Daemon{}, err
	}
	peer := stand.Daemon{Process: p, Intake: addr}
	return peer, peer.Ready(ctx, "healthz")
}

// serve is a peer until ctx ends.
func serve(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return errors.New("serve wants a form, an address and a broker")
	}
	var handler http.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	if args[0] == "plain" {
		client := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + args[2]).SetClientID("plain"))
		if err := stand.Done(client.Connect()); err != nil {
			return err
		}
		handler = plain(client)
	}
	server := http.Server{Addr: args[1], Handler: handler, ReadHeaderTimeout: patience}
	ctx, cancel := context.WithTimeout(ctx, peerLimit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// plain is the same work as the daemon's, as somebody would write it in an afternoon: it publishes a
// state and an event of the daemon's size at QoS 1, and answers before the broker has acknowledged
// them. It remembers nothing, and loses what is on its way when it ends.
func plain(client paho.Client) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		said := r.URL.Query()
		mac := said.Get("mac")
		if mac == "" {
			w.WriteHeader(http.StatusOK)
			return
		}
		call := plainCall{
			CallID: said.Get("call_id"), Direction: "incoming", State: "talking", Account: said.Get("active_user"),
			RemoteNumber: "206", RemoteName: said.Get("display_remote"), RemoteURI: said.Get("remote"),
			LocalNumber: "201", LocalURI: said.Get("local"), StartedAt: time.Now(), AnsweredAt: time.Now(),
		}
		event := plainEvent{
			ID: fmt.Sprintf("%s-%d", mac, time.Now().UnixNano()), EventType: r.URL.Path[1:], Time: time.Now(), MAC: mac,
			CallState: "talking", plainCall: call,
		}
		state := plainState{
			CallState: "talking", Direction: "incoming", RemoteNumber: "206", RemoteName: call.RemoteName, RemoteURI: call.RemoteURI,
			Calls: []plainCall{call}, Muted: r.URL.Path == "/mute", Model: said.Get("model"), Firmware: said.Get("firmware"),
			IP: said.Get("ip"), Host: r.RemoteAddr, LastEvent: r.URL.Path[1:], LastSeen: time.Now(),
		}
		for _, m := range []struct {
			topic    string
			retained bool
			value    any
		}{{"state", true, state}, {"event", false, event}} {
			payload, err := json.Marshal(m.value)
			if err != nil {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			client.Publish("plain/"+mac+"/"+m.topic, 1, m.retained, payload)
		}
		w.WriteHeader(http.StatusOK)
	}
}

type plainCall struct {
	CallID       string    `json:"call_id"`
	Direction    string    `json:"direction"`
	State        string    `json:"state"`
	Account      string    `json:"account"`
	RemoteNumber string    `json:"remote_number"`
	RemoteName   string    `json:"remote_name"`
	RemoteURI    string    `json:"remote_uri"`
	LocalNumber  string    `json:"local_number"`
	LocalURI     string    `json:"local_uri"`
	StartedAt    time.Time `json:"started_at"`
	AnsweredAt   time.Time `json:"answered_at"`
}

type plainEvent struct {
	ID        string    `json:"id"`
	EventType string    `json:"event_type"`
	Time      time.Time `json:"time"`
	MAC       string    `json:"mac"`
	CallState string    `json:"call_state"`
	plainCall
}

type plainState struct {
	CallState       string      `json:"call_state"`
	Direction       string      `json:"direction"`
	RemoteNumber    string      `json:"remote_number"`
	RemoteName      string      `json:"remote_name"`
	RemoteURI       string      `json:"remote_uri"`
	Calls           []plainCall `json:"calls"`
	LastCall        *plainCall  `json:"last_call"`
	MissedCalls     int         `json:"missed_calls"`
	OffHook         *bool       `json:"off_hook"`
	Muted           bool        `json:"muted"`
	DND             *bool       `json:"dnd"`
	ForwardAlways   *bool       `json:"forward_always"`
	ForwardBusy     *bool       `json:"forward_busy"`
	ForwardNoAnswer *bool       `json:"forward_no_answer"`
	Registered      *bool       `json:"registered"`
	Accounts        []string    `json:"accounts"`
	Model           string      `json:"model"`
	Firmware        string      `json:"firmware"`
	IP              string      `json:"ip"`
	Host            string      `json:"host"`
	Name            *string     `json:"name"`
	LastEvent       string      `json:"last_event"`
	LastSeen        time.Time   `json:"last_seen"`
}
