package stand

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// ErrNoMosquitto means that mosquitto is not installed: whatever needs it is to be skipped by name.
var ErrNoMosquitto = errors.New("mosquitto is not installed")

// Required tells that TEST_REQUIRE names a program: then it is a failure, and no skip, that it is missing.
func Required(program string) bool {
	return slices.Contains(strings.Split(os.Getenv("TEST_REQUIRE"), ","), program)
}

// FindMosquitto is the path of the broker, or [ErrNoMosquitto]. Debian puts it where only root looks.
func FindMosquitto() (string, error) {
	for _, program := range []string{"mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"} {
		if path, err := exec.LookPath(program); err == nil {
			return path, nil
		}
	}
	return "", ErrNoMosquitto
}

// Broker is a running mosquitto.
type Broker struct {
	*Process
	Addr string // host:port
}

// StartBroker starts a mosquitto that drops nothing, keeps nothing and lets everyone in, and waits until
// it listens. Its configuration is written into dir. An empty addr is a free one on loopback; an address
// lets a broker be stopped and started again where it was. Lines add to the configuration; of two that
// set the same, the last counts.
func StartBroker(ctx context.Context, dir, addr string, lines ...string) (Broker, error) {
	program, err := FindMosquitto()
	if err != nil {
		return Broker{}, err
	}
	if addr == "" {
		if addr, err = FreeAddr(); err != nil {
			return Broker{}, err
		}
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return Broker{}, err
	}
	config := filepath.Join(dir, "mosquitto-"+port+".conf")
	lines = append([]string{
		"listener " + port + " " + host, "allow_anonymous true", "persistence false",
		"max_queued_messages 0", "max_inflight_messages 1000", "log_type error",
		"user root", // as root it would change to a user of its own
	}, lines...)
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return Broker{}, err
	}
	p, err := Start(ctx, "mosquitto", program, []string{"-c", config}, nil)
	if err != nil {
		return Broker{}, err
	}
	err = p.Await(ctx, "mosquitto listens", func() bool {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		return err == nil && c.Close() == nil
	})
	if err != nil {
		p.Kill()
		return Broker{}, fmt.Errorf("start a broker at %s: %w", addr, err)
	}
	return Broker{p, addr}, nil
}
