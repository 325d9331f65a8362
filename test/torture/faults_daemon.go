package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

var daemonFaults = []fault{
	{name: "daemon-kill", part: theDaemon, ends: true, strike: killDaemon},
	{name: "daemon-kill-outage", part: theDaemon, alone: true, ends: true, sign: noSession, strike: killWithoutBroker},
	{name: "daemon-term", part: theDaemon, ends: true, strike: terminateDaemon},
	{name: "daemon-freeze", part: theDaemon, strike: freezeDaemon(3 * time.Second)},
	{name: "daemon-freeze-30s", part: theDaemon, long: true, strike: freezeDaemon(30 * time.Second)},
	{name: "daemon-twin", part: theDaemon, strike: startTwin},
	{name: "client-id", part: theDaemon, alone: true, sign: noSession, strike: stealClientID},
	{name: "descriptors", part: theDaemon, alone: true, sign: "too many open files", strike: exhaustDescriptors},
	{name: "idle-connections", part: theDaemon, alone: true, plan: plan{limits: "ulimit -n 48"}, sign: "too many connections that ask for nothing", strike: holdConnections},
}

func killDaemon(ctx context.Context, s *strike) error {
	s.killDaemon()
	if err := s.upTo(ctx, 300*time.Millisecond); err != nil {
		return err
	}
	return s.startDaemon(ctx)
}

// killWithoutBroker kills it twice while what it answered waits in its store only.
func killWithoutBroker(ctx context.Context, s *strike) error {
	defer s.notary.leave()()
	for range 2 {
		if err := s.upTo(ctx, time.Second); err != nil {
			return err
		}
		if err := killDaemon(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func terminateDaemon(ctx context.Context, s *strike) error {
	s.stopDaemon()
	return s.startDaemon(ctx)
}

func freezeDaemon(length time.Duration) func(context.Context, *strike) error {
	return func(ctx context.Context, s *strike) error {
		p, from := s.running(), time.Now()
		if err := p.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		err := stand.Pause(ctx, length)
		s.journal.note(func(h *history) { h.frozen = append(h.frozen, span{from, time.Now()}) })
		return errors.Join(err, p.Signal(syscall.SIGCONT))
	}
}

// startTwin starts a second daemon on the same store: it has to end with 1, and the first to go on.
func startTwin(ctx context.Context, s *strike) error {
	intake, err := stand.FreeAddr()
	if err != nil {
		return err
	}
	twin, err := s.spawn(ctx, intake)
	if err != nil {
		return err
	}
	defer twin.Kill()
	select {
	case <-twin.Ended():
	case <-time.After(stopLimit):
	}
	if code := twin.ExitCode(); code != 1 {
		s.journal.note(func(h *history) {
			h.other = append(h.other, fmt.Sprintf("a second daemon on the same store: exit %d, want 1", code))
		})
	}
	return nil
}

// stealClientID has another client take the daemon's session again and again.
func stealClientID(ctx context.Context, s *strike) error {
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		thief := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + s.brokerAddr).SetClientID("phone2mqtt").SetAutoReconnect(false))
		err := stand.Done(thief.Connect())
		if err == nil {
			err = s.upTo(ctx, 300*time.Millisecond)
			thief.Disconnect(0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// exhaustDescriptors leaves the daemon no file to open, for a while in which its connection to the broker
// breaks, too.
func exhaustDescriptors(ctx context.Context, s *strike) error {
	from := time.Now()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.running().PID()))
	if err != nil {
		return err
	}
	if err := s.allowFiles(ctx, strconv.Itoa(len(open)-1)); err != nil {
		return err
	}
	s.notary.cut()
	err = stand.Pause(ctx, 3*time.Second)
	err = errors.Join(err, s.allowFiles(ctx, "1024"))
	s.journal.note(func(h *history) { h.down = append(h.down, span{from, time.Now()}) })
	return err
}

// allowFiles changes how many files the daemon may have open.
func (w *world) allowFiles(ctx context.Context, most string) error {
	cmd := exec.CommandContext(ctx, "prlimit", "--pid", strconv.Itoa(w.running().PID()), "--nofile="+most+":")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("prlimit: %s: %w", out, errors.Join(errUnable, err))
	}
	return nil
}

// holdConnections holds more connections than the daemon may have files open.
func holdConnections(ctx context.Context, s *strike) error {
	for range 100 {
		c, err := net.DialTimeout("tcp", s.intake, time.Second) //nolint:noctx // on loopback, and ended by its time
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
	}
	return stand.Pause(ctx, 3*time.Second)
}
