package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"golang.org/x/sync/errgroup"
)

// What the phones still have to tell when the calls are over is sent within this time, or not at all.
const flushTime = 3 * time.Second

// names are what people call themselves: each has something in it that has broken a URL before.
var names = []string{"Kitchen", "Jürgen Groß", "A&B + C Ltd", "张三", "50% #1", `Bob "the" <Builder>`, "Desk; 2nd floor"}

// simulate runs the phones until ctx ends or the time is over, lets them finish what they have to
// tell, and writes the summary.
func simulate(ctx context.Context, s settings, stdout io.Writer) error {
	phones, err := s.build()
	if err != nil {
		return err
	}
	s.introduce(phones, stdout)
	begun := time.Now()

	// The phones outlive the interrupt, so that calls end and their events leave.
	alive, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	running, alive := errgroup.WithContext(alive)
	for _, p := range phones {
		running.Go(func() error { return p.Run(alive) })
		p.Boot()
	}
	running.Go(func() error {
		defer cancel()
		return s.converse(ctx, alive, phones)
	})
	err = running.Wait()
	summarize(phones, time.Since(begun), stdout)
	return err
}

// converse makes calls until ctx ends, or a phone could not run, and then waits for the last events.
func (s settings) converse(ctx, alive context.Context, phones []*phonetest.Phone) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(alive, cancel)
	defer stop()
	if s.limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, s.limit)
		defer cancel()
	}
	if s.callsPerMinute > 0 {
		if err := s.traffic(phones).Run(ctx); err != nil {
			return err
		}
	} else {
		<-ctx.Done()
	}
	last, cancel := context.WithTimeout(alive, flushTime)
	defer cancel()
	for _, p := range phones {
		if p.Flush(last) != nil {
			// The summary tells what was left.
			return nil
		}
	}
	return nil
}

// traffic keeps calls short enough for the phones to make as many as were asked for.
func (s settings) traffic(phones []*phonetest.Phone) phonetest.Traffic {
	pairs := float64(len(phones) / 2)
	possible := time.Duration(pairs / s.callsPerMinute / 2 * float64(time.Minute))
	length := min(9*time.Second, possible)
	return phonetest.Traffic{
		Phones:         phones,
		CallsPerMinute: s.callsPerMinute,
		Ring:           length / 3,
		Talk:           length * 2 / 3,
		Seed:           s.seed,
	}
}

// build makes the phones and opens their ports.
func (s settings) build() ([]*phonetest.Phone, error) {
	exchange := phonetest.NewExchange()
	ip := s.ownIP()
	phones := make([]*phonetest.Phone, s.phones)
	for i := range phones {
		behaviour := s.behaviour
		behaviour.Seed += uint64(i)
		phones[i] = phonetest.New(phonetest.Options{
			MAC:       phone.MAC(fmt.Sprintf("001fc1%06x", i+1)),
			IP:        ip,
			Number:    strconv.Itoa(201 + i),
			Name:      names[i%len(names)],
			Server:    s.server,
			Charset:   s.charset,
			Behaviour: behaviour,
			Exchange:  exchange,
		})
		if s.listenPort < 0 {
			continue
		}
		port := s.listenPort
		if port > 0 {
			port += i
		}
		if err := phones[i].Listen(net.JoinHostPort(s.listenHost, strconv.Itoa(port))); err != nil {
			return nil, err
		}
	}
	return phones, nil
}

// ownIP is the address that the intake will see: a phone whose $ip differs from it looks as if it
// stood behind a gateway. Connecting a UDP socket sends nothing.
func (s settings) ownIP() string {
	port := s.target.Port()
	if port == "" {
		port = s.target.Scheme
	}
	c, err := new(net.Dialer).Dial("udp", net.JoinHostPort(s.target.Hostname(), port))
	if err != nil {
		return ""
	}
	defer c.Close()
	host, _, err := net.SplitHostPort(c.LocalAddr().String())
	if err != nil {
		return ""
	}
	return host
}

// introduce writes the setting with which phone2mqtt sends commands to these phones.
func (s settings) introduce(phones []*phonetest.Phone, stdout io.Writer) {
	if s.listenPort < 0 {
		return
	}
	list := make([]string, len(phones))
	for i, p := range phones {
		_, port, _ := net.SplitHostPort(p.Addr())
		host := s.listenHost
		if host == "" {
			host = s.ownIP()
		}
		list[i] = string(p.MAC()) + "@" + net.JoinHostPort(host, port)
	}
	_, _ = fmt.Fprintln(stdout, "PHONE2MQTT_PHONES="+strings.Join(list, ","))
}

func summarize(phones []*phonetest.Phone, took time.Duration, stdout io.Writer) {
	total := phonetest.Tally{Statuses: make(map[int]int)}
	commands := 0
	for _, p := range phones {
		t := p.Tally()
		total.Sent += t.Sent
		total.Failed += t.Failed
		total.Waiting += t.Waiting
		total.Slowest = max(total.Slowest, t.Slowest)
		for status, n := range t.Statuses {
			total.Statuses[status] += n
		}
		commands += len(p.Requests())
	}
	var answers strings.Builder
	for _, status := range slices.Sorted(maps.Keys(total.Statuses)) {
		_, _ = fmt.Fprintf(&answers, "%d answered %d, ", total.Statuses[status], status)
	}
	_, _ = fmt.Fprintf(stdout, "phonesim: %d phones, %v: %d events sent, %s%d unanswered, slowest %v; %d events left unsent, %d commands taken\n",
		len(phones), took.Round(100*time.Millisecond), total.Sent, answers.String(), total.Failed,
		total.Slowest.Round(100*time.Microsecond), total.Waiting, commands)
}
