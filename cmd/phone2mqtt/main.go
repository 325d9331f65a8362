// Command phone2mqtt makes desk phones part of a smart building: it turns the Action URLs of Htek and
// Sangoma S-series phones into MQTT state and events, and MQTT commands into Action URIs.
//
// This package only wires: config.go reads the environment, daemon.go starts and stops the parts.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// version is set by the linker for releases; otherwise the build's own knowledge stands in for it.
var version = ""

// usageError is what the user has to put right before a start: exit 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "phone2mqtt:", err)
	if _, ok := errors.AsType[usageError](err); ok {
		os.Exit(2)
	}
	os.Exit(1)
}

// run does what the arguments ask for until it is done or ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	command := ""
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	switch command {
	case "urls":
		return urls(args, stdout, stderr)
	case "replay":
		return replay(ctx, args, stdout, stderr)
	case "store":
		return store(args, stdout)
	}
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s: %q is unexpected, expected no argument", command, args[0])}
	}
	switch command {
	case "":
		return daemon(ctx, stderr)
	case "demo":
		return demo(ctx, stdout, stderr)
	case "healthcheck":
		return healthcheck(ctx)
	case "version", "--version":
		_, err := fmt.Fprintln(stdout, "phone2mqtt", programVersion())
		return err
	case "-h", "--help", "help":
		return usage(stdout)
	}
	return usageError{fmt.Errorf("unknown command %q, expected none, demo, urls, replay, store, healthcheck, version or -h", command)}
}

func usage(w io.Writer) error {
	_, err := fmt.Fprintf(w, `phone2mqtt connects Htek and Sangoma S-series desk phones with MQTT.

  phone2mqtt                            run the daemon
  phone2mqtt demo                       show it at work: own broker, two simulated phones
  phone2mqtt urls [--all] [--xml] [MAC] print the Action URLs for a phone's web page
  phone2mqtt replay FILE... [--real-time]
                                        print what follows from recordings, see RECORD_DIR
  phone2mqtt store check|dump|compact [FILE or DATA_DIR]
                                        look into the store of a stopped daemon, or make it small
  phone2mqtt healthcheck                exit 0 when the running daemon is live
  phone2mqtt version                    print the version

Environment, with the prefix %s_ before each name:

%s`, prefix, variableTable())
	return err
}

func programVersion() string {
	if version != "" {
		return version
	}
	if build, ok := debug.ReadBuildInfo(); ok && build.Main.Version != "" && build.Main.Version != "(devel)" {
		return build.Main.Version
	}
	return "development"
}
