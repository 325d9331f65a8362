package main

import (
	"context"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// patience bounds what is waited for.
const patience = stand.Patience

func (b *bench) startBroker(ctx context.Context) (stand.Broker, error) {
	return stand.StartBroker(ctx, b.dir, "")
}

// startDaemon starts the daemon with settings without their prefix. It does not wait for anything.
func (b *bench) startDaemon(ctx context.Context, broker, store string, settings ...string) (stand.Daemon, error) {
	settings = append([]string{"MQTT_URL=mqtt://" + broker, "DATA_DIR=" + store, "HTTP_RATE=0"}, settings...)
	return stand.StartDaemon(ctx, b.program, settings...)
}
