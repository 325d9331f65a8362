package phonetest_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"golang.org/x/text/encoding/simplifiedchinese"
)

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestSendPastesVariablesUnescaped(t *testing.T) {
	for _, tt := range []struct {
		name string
		opt  phonetest.Options
		url  string // empty: that of the event
		vars map[phone.Variable]string
		want string
	}{
		{
			name: "vendor example",
			opt:  phonetest.Options{MAC: "001fc11a8b6c", IP: "192.168.0.157"},
			url:  "SERVER/$mac/$ip",
			want: "GET /001fc11a8b6c/192.168.0.157 HTTP/1.1",
		},
		{
			name: "all variables",
			opt:  phonetest.Options{MAC: "001fc11a8b6c", IP: "192.168.0.157", Model: "UC860", Firmware: "2.0.4 2", Number: "201", Name: "Kitchen", Domain: "pbx"},
			url:  "SERVER/$mac$ip?$model|$firmware|$active_url|$active_user|$active_host|$local|$remote|$display_local|$display_remote|$call_id|$other",
			vars: map[phone.Variable]string{phone.VarRemote: `"Bob & Co" <sip:206@pbx;x=y>`, phone.VarDisplayRemote: "50% + #1", phone.VarCallID: "a1"},
			want: `GET /001fc11a8b6c192.168.0.157?UC860|2.0.4 2|sip:201@pbx|201|pbx|sip:201@pbx|"Bob & Co" <sip:206@pbx;x=y>|Kitchen|50% + #1|a1|$other HTTP/1.1`,
		},
		{
			name: "nothing to say",
			url:  "SERVER/x?remote=$remote&call_id=$call_id",
			want: "GET /x?remote=&call_id= HTTP/1.1",
		},
		{
			name: "nothing to say, and no value for it",
			opt:  phonetest.Options{Literal: true},
			url:  "SERVER/x?remote=$remote&call_id=$call_id&mac=$mac",
			want: "GET /x?remote=$remote&call_id=$call_id&mac=001fc1000001 HTTP/1.1",
		},
		{
			name: "GBK",
			opt:  phonetest.Options{Charset: simplifiedchinese.GBK},
			url:  "SERVER/x?display_remote=$display_remote",
			vars: map[phone.Variable]string{phone.VarDisplayRemote: "张三"},
			want: "GET /x?display_remote=\xd5\xc5\xc8\xfd HTTP/1.1",
		},
		{
			name: "printed URL",
			vars: map[phone.Variable]string{phone.VarCallID: "a1", phone.VarRemote: "206"},
			want: "GET /incoming_call?mac=001fc1000001&ip=127.0.0.1&call_id=a1&remote=206&active_user=201&local=sip:201@192.168.0.1&model=UC926U&firmware=2.0.4.2&display_remote= HTTP/1.1",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := receive(t, 200)
			tt.opt.Server = in.url
			p := phonetest.New(tt.opt)
			if tt.url == "" {
				tt.url = p.ActionURL(phone.IncomingCall)
			}
			status, err := p.SendURL(soon(t), strings.Replace(tt.url, "SERVER", strings.TrimPrefix(in.url, "http://"), 1), tt.vars)
			if err != nil || status != 200 {
				t.Errorf("status %d, %v", status, err)
			}
			if diff := cmp.Diff([]string{tt.want}, in.requests()); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestActionURLsFitTheirField(t *testing.T) {
	p := phonetest.New(phonetest.Options{Server: "http://192.168.100.100:8090/0123456789abcdef"})
	for _, row := range phone.Events() {
		if u := p.ActionURL(row.Type); len(u) > 255 || strings.Contains(u, "%") {
			t.Errorf("%d characters: %s", len(u), u)
		}
	}
}

func TestTallyCountsAnswers(t *testing.T) {
	in := receive(t, 403)
	p := phonetest.New(phonetest.Options{Server: in.url})
	if status, err := p.Send(soon(t), phone.DNDOn, nil); status != 403 || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
	if _, err := p.SendURL(soon(t), "http://127.0.0.1:1/x", nil); err == nil {
		t.Error("no error from a closed port")
	}
	tally := p.Tally()
	if tally.Slowest <= 0 {
		t.Errorf("slowest %v", tally.Slowest)
	}
	tally.Slowest = 0
	if diff := cmp.Diff(phonetest.Tally{Sent: 2, Statuses: map[int]int{403: 1}, Failed: 1}, tally); diff != "" {
		t.Errorf("tally (-want +got):\n%s", diff)
	}
}

func TestStoppedPhoneSendsNoMore(t *testing.T) {
	in := receive(t, 200)
	p := phonetest.New(phonetest.Options{Server: in.url})
	p.Boot()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(phonetest.Tally{Statuses: map[int]int{}, Waiting: 2}, p.Tally()); diff != "" || len(in.requests()) > 0 {
		t.Errorf("tally (-want +got):\n%s", diff)
	}
}

// story is what an intake heard, one "201 incoming_call 206" per event: account, event, other party.
func story(lines []string) []string {
	var told []string
	for _, line := range lines {
		_, line, _ = strings.Cut(line, "/")
		slug, query, _ := strings.Cut(line, "?")
		said := make(map[string]string)
		for pair := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			said[name] = value
		}
		remote, _, _ := strings.Cut(strings.TrimPrefix(said["remote"], "sip:"), "@")
		told = append(told, strings.TrimSpace(fmt.Sprint(said["active_user"], " ", slug, " ", remote)))
	}
	return told
}

func TestPhonesObeyActionURIs(t *testing.T) {
	type command struct{ number, uri string }
	for _, tt := range []struct {
		name     string
		classic  bool
		commands []command
		want201  []string
		want202  []string
	}{
		{
			name: "answered, held, muted, hung up by the caller",
			commands: []command{
				{"201", "Command=1&Number=202&Account=1"}, {"202", "key=OK"},
				{"202", "key=F_HOLD"}, {"202", "key=F_HOLD"}, {"202", "key=MUTE"}, {"202", "key=MUTE"}, {"201", "Command=2"},
			},
			want201: []string{"off_hook", "outgoing_call 202", "call_established 202", "call_terminated 202", "on_hook", "busy_to_idle"},
			want202: []string{"incoming_call 201", "off_hook", "call_established 201", "hold 201", "unhold 201", "mute 201", "unmute 201", "call_terminated 201", "on_hook", "busy_to_idle"},
		},
		{
			name:     "given up",
			commands: []command{{"201", "Command=1&Number=202"}, {"201", "Command=2"}},
			want201:  []string{"off_hook", "outgoing_call 202", "cancel_call_out 202", "on_hook", "busy_to_idle"},
			want202:  []string{"incoming_call 201", "call_remote_canceled 201", "missed_call 201", "busy_to_idle"},
		},
		{
			name: "given up, classic phones", classic: true,
			commands: []command{{"201", "Command=1&Number=202"}, {"201", "key=X"}},
			want201:  []string{"off_hook", "outgoing_call 202", "on_hook", "busy_to_idle"},
			want202:  []string{"incoming_call 201", "missed_call 201", "busy_to_idle"},
		},
		{
			name:     "rejected",
			commands: []command{{"201", "Command=1&Number=202"}, {"202", "Command=2"}},
			want201:  []string{"off_hook", "outgoing_call 202", "remote_busy 202", "call_terminated 202", "on_hook", "busy_to_idle"},
			want202:  []string{"incoming_call 201", "reject_incoming_call 201", "busy_to_idle"},
		},
		{
			name:     "do not disturb",
			commands: []command{{"202", "key=DNDOn"}, {"201", "Command=1&Number=202"}, {"202", "Command=3&key=DNDOff"}},
			want201:  []string{"off_hook", "outgoing_call 202", "remote_busy 202", "call_terminated 202", "on_hook", "busy_to_idle"},
			want202:  []string{"dnd_on", "dnd_off"},
		},
		{
			name:     "a number that nobody has",
			commands: []command{{"201", "Command=1&Number=*43%23"}, {"201", "Command=1&Number=202"}, {"201", "Command=2"}},
			want201:  []string{"off_hook", "outgoing_call *43#", "cancel_call_out *43#", "on_hook", "busy_to_idle"},
		},
		{
			name:     "nothing in idle",
			commands: []command{{"201", "Command=2"}, {"201", "key=OK"}, {"201", "key=X"}, {"201", "key=F_HOLD"}, {"201", "key=VOLUME_UP"}, {"201", "Command=4"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			exchange := phonetest.NewExchange()
			heard := make(map[string]*intake)
			phones := make(map[string]*phonetest.Phone)
			for _, number := range []string{"201", "202"} {
				heard[number] = receive(t, 200)
				phones[number] = phonetest.New(phonetest.Options{Number: number, Server: heard[number].url, Exchange: exchange, Classic: tt.classic})
				if err := phones[number].Listen("127.0.0.1:0"); err != nil {
					t.Fatal(err)
				}
				run(t, phones[number])
			}
			for _, c := range tt.commands {
				if status := ask(t, phones[c.number], c.uri, "admin", "admin"); status != 200 {
					t.Errorf("%s %s: status %d", c.number, c.uri, status)
				}
			}
			for number, want := range map[string][]string{"201": tt.want201, "202": tt.want202} {
				if err := phones[number].Flush(soon(t)); err != nil {
					t.Fatal(err)
				}
				var told []string
				for _, line := range story(heard[number].requests()) {
					told = append(told, strings.TrimPrefix(line, number+" "))
				}
				if diff := cmp.Diff(want, told); diff != "" {
					t.Errorf("%s tells (-want +got):\n%s", number, diff)
				}
			}
		})
	}
}

func TestPhonesAskForTheirLogin(t *testing.T) {
	p := phonetest.New(phonetest.Options{Username: "u", Password: "p"})
	if err := p.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	run(t, p)
	statuses := []int{ask(t, p, "Command=2", "u", "p"), ask(t, p, "Command=2", "u", "x")}
	p.Behave(phonetest.Behaviour{First401: true})
	statuses = append(statuses, ask(t, p, "Command=2", "u", "p"), ask(t, p, "Command=2", "u", "p"))
	p.Behave(phonetest.Behaviour{Auth: phonetest.Digest})
	statuses = append(statuses, ask(t, p, "Command=2", "u", "p"))
	p.Behave(phonetest.Behaviour{Auth: phonetest.Open})
	statuses = append(statuses, ask(t, p, "Command=2", "", ""))
	if want := []int{200, 401, 401, 200, 401, 200}; !slices.Equal(statuses, want) {
		t.Errorf("statuses %v, want %v", statuses, want)
	}
	if got, err := p.AwaitRequests(soon(t), 6); err != nil || len(got) != 6 || got[0].Line != "GET /Phone_ActionURL&Command=2 HTTP/1.1" || got[0].Authorization != "Basic dTpw" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFaultsStrikeTheirShare(t *testing.T) {
	p := phonetest.New(phonetest.Options{Behaviour: phonetest.Behaviour{Fault: phonetest.NotFound, Share: 0.25, Seed: 7}})
	if err := p.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	run(t, p)
	struck := 0
	for range 200 {
		if ask(t, p, "Command=2", "admin", "admin") == 404 {
			struck++
		}
	}
	if struck < 30 || struck > 70 {
		t.Errorf("%d of 200 struck, want about 50", struck)
	}
}

// TestHeldAnswers holds two answers, one after the other: the next change of the behaviour lets each go,
// as good ones, and not those that come then.
func TestHeldAnswers(t *testing.T) {
	held := phonetest.Behaviour{Auth: phonetest.Open, Fault: phonetest.Held}
	p := phonetest.New(phonetest.Options{Behaviour: held})
	if err := p.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	run(t, p)
	sent := 0
	send := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := io.WriteString(c, "GET /Phone_ActionURL&Command=2 HTTP/1.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		sent++
		if _, err := p.AwaitRequests(soon(t), sent); err != nil {
			t.Fatal(err)
		}
		return c
	}
	answered := func(c net.Conn, within time.Duration) string {
		_ = c.SetReadDeadline(time.Now().Add(within))
		line, _ := bufio.NewReader(c).ReadString('\n')
		return strings.TrimSpace(line)
	}
	wait := func(c net.Conn) {
		t.Helper()
		if got := answered(c, 50*time.Millisecond); got != "" {
			t.Errorf("a held answer was given: %s", got)
		}
	}
	goes := func(c net.Conn, want string) {
		t.Helper()
		if got := answered(c, 10*time.Second); got != want {
			t.Errorf("answered %q, want %q", got, want)
		}
	}
	first := send()
	wait(first)
	p.Behave(held)
	goes(first, "HTTP/1.1 200 OK")
	second := send()
	wait(second)
	p.Behave(phonetest.Behaviour{Auth: phonetest.Open, Fault: phonetest.NotFound})
	goes(second, "HTTP/1.1 200 OK")
	goes(send(), "HTTP/1.1 404 Not Found")
}

func TestTrafficEndsEveryCall(t *testing.T) {
	in := receive(t, 200)
	exchange := phonetest.NewExchange()
	traffic := phonetest.Traffic{CallsPerMinute: 60000, Ring: time.Millisecond, Talk: time.Millisecond, Seed: 1}
	for i := range 4 {
		traffic.Phones = append(traffic.Phones, phonetest.New(phonetest.Options{Number: fmt.Sprint(201 + i), Server: in.url, Exchange: exchange}))
	}
	run(t, traffic.Phones...)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := traffic.Run(ctx); err != nil {
		t.Fatal(err)
	}
	for _, p := range traffic.Phones {
		if err := p.Flush(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	count := make(map[string]int)
	for _, line := range story(in.requests()) {
		count[strings.Fields(line)[1]]++
	}
	if count["outgoing_call"] == 0 || count["incoming_call"] != count["outgoing_call"] {
		t.Errorf("calls: %v", count)
	}
	if ends := count["incoming_call"] + count["outgoing_call"]; count["busy_to_idle"] != ends {
		t.Errorf("%d ends of calls, %d times idle", ends, count["busy_to_idle"])
	}
}
