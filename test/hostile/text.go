package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// text is who puts more into a name than a name. What is seen of it in log and messages is judged after
// each attack, see aftermath.
var text = subject{
	name:     "text",
	settings: []string{"REPEAT_WINDOW=0s"},
	attacks:  slices.Concat(textAttacks(), []attack{{"to have a template run where the program announces phones", template}}),
}

// console is the same where the log is for people.
var console = subject{
	name:     "console",
	settings: []string{"REPEAT_WINDOW=0s"},
	plan:     plan{console: true},
	attacks: []attack{{"any of all that on a terminal", func(ctx context.Context, w *world) (verdict, error) {
		all := textAttacks()
		for _, a := range all {
			if v, err := a.try(ctx, w); err != nil || v.outcome == isSuccess {
				return v, err
			}
		}
		return harmless("%d kinds of text; each line of the log is one entry without control characters", len(all))
	}}},
}

// variables are those that phones fill with what others chose.
var variables = []string{"model", "firmware", "active_url", "active_user", "active_host", "local", "remote", "display_local", "display_remote", "call_id"}

func textAttacks() []attack {
	control := ""
	for c := 1; c < ' '; c++ {
		if c != '\n' {
			control += string(rune(c))
		}
	}
	return []attack{
		{"to break a line of the log or of a message by control characters", inValues(control + "\x7f\r")},
		{"to end a text early by NUL", inValues("Bob\x00evil")},
		{"to steer a terminal by escape sequences", inValues("\x1b[2J\x1b]0;owned\x07\x1b[31mBob\x1bP0;1|17/ab\x1b\\")},
		{"to steer a terminal by C1 characters", inValues("\u009b2J\u009d0;owned\u009c\u0085\xc2\x9b31m")},
		{"to turn the text of a line about (bidi)", inValues("\u202egnp.exe\u202c \u2066a\u2069 \u200f\u200e\ufeff")},
		{"to break UTF-8", inValues("\xff\xfe\xc3\x28\xe2\x82\xf0\x9f\x92 \xf8\x88\x80\x80\x80")},
		{"to smuggle ASCII in overlong UTF-8", inValues("\xc0\xaf\xc0\x80\xe0\x80\xaf\xf0\x80\x80\x8a")},
		{"to smuggle surrogates", inValues("\xed\xa0\x80\xed\xb0\x80 \xed\xbf\xbf")},
		{"to break JavaScript by U+2028 and U+2029", inValues("a\u2028alert(1)//\u2029b")},
		{"to end a JSON text", inValues(`x","call_state":"talking","a":"\"}]}{"mac":"\u0000` + "\\")},
		{"to add a line to the log by line ends", inValues("%0a{\"level\":\"error\",\"message\":\"owned\"}%0d%0a12:00:00.000 ERR owned")},
		{"to run in a page or a table", inValues(`<script>alert(1)</script><img src=x onerror=alert(1)>|=cmd|' /C calc'!A0`)},
		{"to run in a shell or a format", inValues("$(reboot)`reboot`;reboot #%s%n%x ${jndi:ldap://127.0.0.1/a} {{7*7}}")},
		{"to be as long as nobody expects", inValues(strings.Repeat("\u00e9\U0001f4de", 600))},
		{"characters that are none", inValues("\ufffe\uffff\U0001fffe\U0010ffff\ufdd0 e\u0301\u0301\u0301")},
		{"any of that in the path or the method, which are told back and logged", inRequestLine},
		{"any of that in commands, which are told back", inCommands},
		{"any of that in a topic", inTopics},
		{"any of that as the name of a phone", asName},
	}
}

// inValues puts a text into each variable, raw and with escapes.
func inValues(value string) func(context.Context, *world) (verdict, error) {
	return func(ctx context.Context, w *world) (verdict, error) {
		from, sent := w.observer.count(), 0
		for _, name := range variables {
			for _, written := range []string{value, url.PathEscape(value)} {
				if len(written) > 7000 {
					continue
				}
				kind := []string{"incoming_call", "call_established", "registered", "call_terminated"}[sent%4]
				a, err := w.get(ctx, w.other.ip, w.event(kind, w.other.mac, "call_id="+w.fresh(), name+"="+written))
				if err != nil {
					return verdict{}, err
				}
				sent++
				if a.status != 200 {
					return verdict{}, fmt.Errorf("%s=%.40q was answered %s", name, written, a)
				}
			}
		}
		all, err := w.told(ctx, from)
		if err != nil {
			return verdict{}, err
		}
		told := events(all, w.other.mac)
		for _, m := range told {
			if mac := member(m, "mac"); mac != w.other.mac || len(m.Payload) > 16<<10 {
				return success("%d bytes of %s: %.200q", len(m.Payload), mac, m.Payload)
			}
		}
		return harmless("%d variables, raw and escaped: %d events, each one object", len(variables), len(told))
	}
}

const nasty = "\x01\x1b[2J\u009b\u202e\u2028\xff\xc0\x80\xed\xa0\x80\"\\'<b>%0a%00"

func inRequestLine(ctx context.Context, w *world) (verdict, error) {
	bad := 0
	for _, raw := range []string{
		"GET /" + nasty + "?mac=" + w.other.mac, "GET /off_hook?mac=" + nasty, "GET /off_hook/" + nasty + "/x" + nasty, "GET /off_hook?" + nasty + "=" + nasty,
		nasty + " /off_hook", "G\u202eT /off_hook?mac=" + w.other.mac, "GET!#$%&'*+-.^_`|~ /off_hook?mac=" + w.other.mac, "GET /" + url.PathEscape(nasty),
	} {
		a, err := w.ask(ctx, w.stranger(), raw+" HTTP/1.1\r\nHost: "+nasty+"\r\nUser-Agent: "+nasty+"\r\n"+nasty+": "+nasty+"\r\n\r\n")
		if err != nil {
			return verdict{}, err
		}
		if a.status == 200 {
			return success("%.60q was answered %s", raw, a)
		}
		if strings.ContainsFunc(strings.TrimSuffix(a.body, "\n"), func(r rune) bool { return r < ' ' || isUntidy(r) || r == 0xfffd }) {
			return success("%.60q was answered %q", raw, a.body)
		}
		bad++
	}
	return refused("%d times, with a reason that quotes it on one line", bad)
}

func inCommands(ctx context.Context, w *world) (verdict, error) {
	quoted, err := json.Marshal(nasty)
	if err != nil {
		return verdict{}, err
	}
	begin, count := w.other.count(), 0
	for _, c := range [][2]string{
		{"dial", nasty}, {"dial", string(quoted)}, {"key", nasty}, {"key", `["1",` + string(quoted) + `]`}, {"dtmf", nasty}, {"dnd", nasty}, {"line", nasty}, {"volume", nasty},
		{"", `{"command":` + string(quoted) + `}`}, {"", `{"command":"dial","number":` + string(quoted) + `,"transaction":` + string(quoted) + `}`},
		{"", "{\"command\":\"" + nasty + "\"}"}, {"", nasty}, {"transfer", `{"number":"1","mode":` + string(quoted) + `}`}, {"hangup", string(quoted)},
		{"dial", `{"number":"206","account":` + string(quoted) + `}`}, {"hangup", `{"expires_at":` + string(quoted) + `}`}, {"x\u202e\u2028\ufeff<b>", "{}"},
	} {
		r, err := w.order(ctx, w.other, c[0], c[1])
		if err != nil {
			return verdict{}, err
		}
		if r.Status != "error" {
			return success("%q %q: %+v", c[0], c[1], r)
		}
		count++
	}
	lines, err := w.flush(ctx, w.other, begin)
	if err != nil || len(lines) > 0 {
		return success("the phone got %q (%v)", lines, err)
	}
	return refused("%d commands, each with an error, and nothing for the phone", count)
}

func inTopics(ctx context.Context, w *world) (verdict, error) {
	begin, cut, times := w.other.count(), 0, 0
	for _, name := range []string{"\u009b2J", "x\x01\u009b\u202e\u2028<b>", "\x7f", "\u202e", "\u2028", "a\tb", "a b", "\x1b[2J", "\"", "\ufeff001fc1aa0003", strings.Repeat("\u00fc", 5000)} {
		for _, topic := range []string{"phone2mqtt/" + name + "/set/dial", "phone2mqtt/" + w.other.mac + "/set/" + name, "phone2mqtt/bridge/request/" + name} {
			n, err := w.attempt(ctx, insiderUser, stand.Message{Topic: topic, Payload: []byte("206")})
			if err != nil {
				return verdict{}, err
			}
			cut += n
			times++
		}
	}
	lines, err := w.flush(ctx, w.other, begin)
	if err != nil || len(lines) > 0 {
		return success("the phone got %q (%v)", lines, err)
	}
	return refused("such a topic names no phone, no command and no request; of %d the broker refused %d", times, cut)
}

func asName(ctx context.Context, w *world) (verdict, error) {
	quoted, err := json.Marshal("Bob" + nasty)
	if err != nil {
		return verdict{}, err
	}
	from := w.observer.count()
	if err := w.home.say("phone2mqtt/bridge/request/phone/rename", `{"mac":"`+w.other.mac+`","name":`+string(quoted)+`}`); err != nil {
		return verdict{}, err
	}
	m, err := w.observer.await(ctx, from, "the answer", func(m stand.Message) bool { return m.Topic == "phone2mqtt/bridge/response/phone/rename" })
	if err != nil {
		return verdict{}, err
	}
	state, err := w.observer.await(ctx, from, "the state", func(m stand.Message) bool { return m.Topic == "phone2mqtt/"+w.other.mac+"/state" })
	if err != nil {
		return verdict{}, err
	}
	return harmless("%s: the name is a JSON text of %d bytes", member(m, "status"), len(member(state, "name")))
}

// template puts what Home Assistant would run into what is announced to it: only its own templates may
// hold braces.
func template(ctx context.Context, w *world) (verdict, error) {
	const evil = "{{ states.evil }}{% evil %}"
	from := w.observer.count()
	a, err := w.get(ctx, w.other.ip, w.event("setup_completed", w.other.mac, "model="+evil, "firmware="+evil, "display_local="+evil))
	if err != nil || a.status != 200 {
		return verdict{}, fmt.Errorf("%s (%w)", a, err)
	}
	m, err := w.observer.await(ctx, from, "the announcement", func(m stand.Message) bool {
		return m.Topic == "homeassistant/device/phone2mqtt_"+w.other.mac+"/config" && strings.Contains(string(m.Payload), "evil")
	})
	if err != nil {
		return verdict{}, err
	}
	var announced any
	if err := json.Unmarshal(m.Payload, &announced); err != nil {
		return success("%v", err)
	}
	if at := templateWith(announced, "", "evil"); at != "" {
		return success("his text stands in %s", at)
	}
	return harmless("model and firmware stand in the device's description, in no template and no topic")
}

// templateWith is the path of a template or topic that holds a word.
func templateWith(v any, path, word string) string {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if at := templateWith(member, path+"/"+name, word); at != "" {
				return at
			}
		}
	case []any:
		for _, element := range v {
			if at := templateWith(element, path, word); at != "" {
				return at
			}
		}
	case string:
		last := path[strings.LastIndexByte(path, '/')+1:]
		if strings.Contains(v, word) && (strings.Contains(last, "template") || strings.Contains(last, "topic") || strings.Contains(last, "url")) {
			return path
		}
	}
	return ""
}
