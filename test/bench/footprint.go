package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
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
	defer mosquitto.stop()
	d, err := b.startDaemon(ctx, mosquitto.addr, filepath.Join(b.dir, "idle"))
	if err != nil {
		return nil, err
	}
	defer d.stop()
	if err := d.ready(ctx, "readyz"); err != nil {
		return nil, err
	}
	if err := pause(ctx, scale(b, 10*time.Second, time.Second)); err != nil {
		return nil, err
	}
	before, err := d.usage()
	if err != nil {
		return nil, err
	}
	window := scale(b, 10*time.Second, 2*time.Second)
	if err := pause(ctx, window); err != nil {
		return nil, err
	}
	after, err := d.usage()
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
