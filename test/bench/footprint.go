package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/phone2mqtt/phone2mqtt/test/stand"
)

// measureSize looks at the program as it is released.
func measureSize(_ context.Context, b *bench) ([]row, error) {
	bytes := size(b.program)
	return []row{{"stripped binary", fmt.Sprintf("%.1f MB", float64(bytes)/1e6), "< 16 MB", bytes < 16_000_000}}, nil
}

// measureIdle looks at a daemon that has its session and nothing to do.
func measureIdle(ctx context.Context, b *bench) ([]row, error) {
	mosquitto, err := b.startBroker(ctx)
	if err != nil {
		return nil, err
	}
	defer mosquitto.Stop()
	d, err := b.startDaemon(ctx, mosquitto.Addr, filepath.Join(b.dir, "idle"))
	if err != nil {
		return nil, err
	}
	defer d.Stop()
	if err := d.Ready(ctx, "readyz"); err != nil {
		return nil, err
	}
	if err := stand.Pause(ctx, scale(b, 10*time.Second, time.Second)); err != nil {
		return nil, err
	}
	before, err := usageOf(d.Process)
	if err != nil {
		return nil, err
	}
	window := scale(b, 10*time.Second, 2*time.Second)
	if err := stand.Pause(ctx, window); err != nil {
		return nil, err
	}
	after, err := usageOf(d.Process)
	if err != nil {
		return nil, err
	}
	cpu := after.cpu - before.cpu
	return []row{
		{fmt.Sprintf("idle for %s: CPU, wake-ups of all threads", window),
			fmt.Sprintf("%s, %.1f a second", cpu, float64(after.waits-before.waits)/window.Seconds()),
			"no measurable CPU", cpu <= time.Second/ticks},
		{figure: "idle: RSS", measured: mebibytes(after.rss)},
	}, nil
}
