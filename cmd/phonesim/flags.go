package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/phone2mqtt/phone2mqtt/phone/phonetest"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
)

// settings are the flags, understood.
type settings struct {
	phones         int
	callsPerMinute float64
	target         *url.URL
	server         string // target and token
	listenHost     string
	listenPort     int // -1: the phones take no commands
	charset        encoding.Encoding
	behaviour      phonetest.Behaviour
	limit          time.Duration
	seed           uint64
}

const usage = `usage: phonesim [flags]

Simulated desk phones that call each other and send their events to phone2mqtt. Calls last 9 s, or
less where that many phones could not make that many calls otherwise.

`

// parse reads the flags. The error is one line that names the flag; flag.ErrHelp after the help was
// written.
func parse(args []string, help io.Writer) (settings, error) {
	s := settings{listenPort: -1}
	flags := flag.NewFlagSet("phonesim", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&s.phones, "phones", 2, "how many `phones`")
	flags.Float64Var(&s.callsPerMinute, "calls-per-minute", 6, "`calls` that all of them begin together; 0: none")
	target := flags.String("target", "http://127.0.0.1:8090", "the intake's `URL`")
	token := flags.String("token", "", "the intake's `token`")
	listen := flags.String("listen", "", "take commands on this `[host]:port` and the ports after it, one for each phone; port 0: any free ones")
	charset := flags.String("charset", "utf-8", "`name` of the charset of display names, such as gbk")
	digest := flags.Bool("digest", false, "ask for Digest in place of Basic")
	first401 := flags.Bool("first-401", false, "refuse every first request, whatever its login")
	hang := flags.String("hang", "0%", "`share` of the commands that are never answered, such as 1%")
	flags.DurationVar(&s.limit, "for", 0, "end after this `time`, such as 60s; 0: when interrupted")
	flags.Uint64Var(&s.seed, "seed", 1, "of everything that is left to chance: the same `number`, the same calls")

	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			_, _ = io.WriteString(help, usage)
			flags.SetOutput(help)
			flags.PrintDefaults()
		}
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	s.behaviour = phonetest.Behaviour{First401: *first401, Seed: s.seed}
	if *digest {
		s.behaviour.Auth = phonetest.Digest
	}
	return s, cmp.Or(
		s.check(),
		s.readTarget(*target, *token),
		s.readListen(*listen),
		s.readCharset(*charset),
		s.readHang(*hang),
	)
}

func (s *settings) readTarget(target, token string) error {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--target: expected a URL such as http://192.168.0.252:8090, got %q", target)
	}
	s.target = u
	s.server = strings.TrimSuffix(target, "/")
	if token != "" {
		s.server += "/" + token
	}
	return nil
}

func (s *settings) readListen(listen string) error {
	if listen == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(listen)
	if err == nil {
		s.listenHost = host
		s.listenPort, err = strconv.Atoi(port)
	}
	if err != nil || s.listenPort < 0 || s.listenPort+s.phones > 65536 {
		return fmt.Errorf("--listen: expected [host]:port with room for %d ports, got %q", s.phones, listen)
	}
	return nil
}

func (s *settings) readCharset(name string) error {
	if strings.EqualFold(name, "utf-8") {
		return nil
	}
	charset, err := htmlindex.Get(name)
	if err != nil {
		return fmt.Errorf("--charset: expected a name such as utf-8, gbk or windows-1252, got %q", name)
	}
	s.charset = charset
	return nil
}

func (s *settings) readHang(text string) error {
	percent, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !strings.HasSuffix(text, "%") || !(percent >= 0 && percent <= 100) {
		return fmt.Errorf("--hang: expected a share from 0%% to 100%%, got %q", text)
	}
	if percent > 0 {
		s.behaviour.Fault, s.behaviour.Share = phonetest.Hang, percent/100
	}
	return nil
}

func (s *settings) check() error {
	switch {
	case s.phones < 1 || s.phones > 10000:
		return fmt.Errorf("--phones: expected 1 to 10000, got %d", s.phones)
	case !(s.callsPerMinute >= 0 && s.callsPerMinute <= 1e6):
		return fmt.Errorf("--calls-per-minute: expected 0 to 1000000, got %v", s.callsPerMinute)
	case s.callsPerMinute > 0 && s.phones < 2:
		return errors.New("--calls-per-minute: a call takes two phones; with one, set it to 0")
	case s.limit < 0:
		return fmt.Errorf("--for: expected a time such as 60s, got %v", s.limit)
	}
	return nil
}
