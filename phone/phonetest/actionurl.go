package phonetest

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"golang.org/x/text/encoding"
)

// After this long a phone gives an event up for good (template of the U models,
// Preference_HttpReqTimeOut).
const sendTimeout = 8 * time.Second

// event is one Action URL request that a phone has to send.
type event struct {
	kind phone.EventType
	vars map[phone.Variable]string
}

// Tally is what became of the events that a phone sent.
type Tally struct {
	Sent     int
	Statuses map[int]int // answers by HTTP status
	Failed   int         // without an answer
	Waiting  int         // in line, not sent yet
	Slowest  time.Duration
}

// Tally counts the events so far.
func (p *Phone) Tally() Tally {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tally
	t.Statuses = maps.Clone(t.Statuses)
	t.Waiting = len(p.queue)
	return t
}

// ActionURL is what stands in the phone's field for an event, variables and all.
func (p *Phone) ActionURL(kind phone.EventType) string {
	row := kind.Row()
	pairs := make([]string, len(row.Variables))
	for i, v := range row.Variables {
		pairs[i] = string(v) + "=$" + string(v)
	}
	return strings.TrimSuffix(p.opt.Server, "/") + "/" + row.Slug + "?" + strings.Join(pairs, "&")
}

// Send sends one event and gives the status of its answer: the variables are pasted unescaped into
// the Action URL, and the request goes over a fresh connection, after the one before it is through.
// It is an error when no answer came; a phone would not try again, and neither does Send.
func (p *Phone) Send(ctx context.Context, kind phone.EventType, vars map[phone.Variable]string) (int, error) {
	return p.SendURL(ctx, p.ActionURL(kind), vars)
}

// SendURL does the same with an Action URL that somebody wrote, such as the vendor's own
// `192.168.0.252/$mac/$ip`.
func (p *Phone) SendURL(ctx context.Context, actionURL string, vars map[phone.Variable]string) (int, error) {
	select {
	case p.sending <- struct{}{}:
		defer func() { <-p.sending }()
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	begun := time.Now()
	status, err := p.request(ctx, actionURL, vars)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tally.Sent++
	p.tally.Slowest = max(p.tally.Slowest, time.Since(begun))
	if err != nil {
		p.tally.Failed++
		return 0, fmt.Errorf("send event: %w", err)
	}
	p.tally.Statuses[status]++
	return status, nil
}

func (p *Phone) request(ctx context.Context, actionURL string, vars map[phone.Variable]string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	scheme, rest, ok := strings.Cut(actionURL, "://")
	if !ok {
		scheme, rest = "http", actionURL
	}
	host, path, _ := strings.Cut(rest, "/")
	c, err := dial(ctx, scheme, host)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	_, err = fmt.Fprintf(c, "GET /%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Htek %s %s %s\r\nConnection: close\r\n\r\n",
		p.substitute(path, vars), host, p.opt.Model, p.opt.Firmware, p.opt.MAC.Colons())
	if err != nil {
		return 0, err
	}
	line, err := textproto.NewReader(bufio.NewReader(c)).ReadLine()
	if err != nil {
		return 0, err
	}
	words := strings.Fields(line)
	if len(words) < 2 {
		return 0, fmt.Errorf("answer %q is not HTTP", line)
	}
	return strconv.Atoi(words[1])
}

func dial(ctx context.Context, scheme, host string) (net.Conn, error) {
	u := url.URL{Host: host}
	port := u.Port()
	if scheme != "https" {
		return new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(port, "80")))
	}
	// A desk phone takes any certificate unless it is told otherwise.
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	return d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(port, "443")))
}

// substitute puts the values in the place of the variables, byte by byte and without escaping. A
// variable that the event has no value for is asked of the phone itself.
func (p *Phone) substitute(template string, vars map[phone.Variable]string) string {
	values := p.itself()
	maps.Copy(values, vars)
	var pairs []string
	// The longest first, as no name may be taken for the begin of another.
	for _, name := range slices.SortedFunc(maps.Keys(values), longestFirst) {
		value := values[name]
		if value == "" && p.opt.Literal {
			continue
		}
		pairs = append(pairs, "$"+string(name), p.encode(value))
	}
	return strings.NewReplacer(pairs...).Replace(template)
}

func longestFirst(a, b phone.Variable) int {
	return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
}

// itself is what a phone says of itself in every event; the rest is empty.
func (p *Phone) itself() map[phone.Variable]string {
	uri := p.uri(p.opt.Number)
	return map[phone.Variable]string{
		phone.VarMAC:           string(p.opt.MAC),
		phone.VarIP:            p.opt.IP,
		phone.VarModel:         p.opt.Model,
		phone.VarFirmware:      p.opt.Firmware,
		phone.VarActiveURL:     uri,
		phone.VarActiveUser:    p.opt.Number,
		phone.VarActiveHost:    p.opt.Domain,
		phone.VarLocal:         uri,
		phone.VarDisplayLocal:  p.opt.Name,
		phone.VarRemote:        "",
		phone.VarDisplayRemote: "",
		phone.VarCallID:        "",
	}
}

func (p *Phone) uri(number string) string { return "sip:" + number + "@" + p.opt.Domain }

func (p *Phone) encode(value string) string {
	if p.opt.Charset == nil {
		return value
	}
	encoded, err := encoding.ReplaceUnsupported(p.opt.Charset.NewEncoder()).String(value)
	if err != nil {
		return value
	}
	return encoded
}
