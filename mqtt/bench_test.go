package mqtt

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/phone2mqtt/phone2mqtt/mqtt/embedded"
)

func benchClient(b *testing.B, url string) *Client {
	b.Helper()
	store, err := OpenStore(b.TempDir(), StoreOptions{Log: zerolog.Nop()})
	if err != nil {
		b.Fatal(err)
	}
	cfg := Config{URL: url, ClientID: "bench", Presence: Presence{Topic: presenceTopic, Online: []byte("online"), Offline: []byte("offline")}}
	c := NewClient(cfg, store)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Run(ctx)
	}()
	b.Cleanup(func() {
		cancel()
		<-done
		_ = store.Close()
	})
	return c
}

func benchBroker(b *testing.B) (url string) {
	b.Helper()
	broker, err := embedded.Listen("127.0.0.1:0", zerolog.Nop())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = broker.Run(ctx)
	}()
	b.Cleanup(func() {
		cancel()
		<-done
	})
	return "mqtt://" + broker.Addr()
}

// BenchmarkPublish waits for each receipt: a state and an event of 400 bytes,
// on a disk that syncs.
func BenchmarkPublish(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			c := benchClient(b, benchBroker(b))
			payload := make([]byte, 400)
			batch := Batch{
				Messages: []Message{{Topic: "dev/state", Payload: payload, Retained: true}, {Topic: "dev/event", Payload: payload}},
				Records:  []Record{{Key: "dev", Value: payload}},
			}
			b.SetParallelism(max(1, callers/2))
			if callers == 1 {
				for b.Loop() {
					if err := c.Publish(batch).Wait(context.Background()); err != nil {
						b.Fatal(err)
					}
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := c.Publish(batch).Wait(context.Background()); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkDrain works off 10,000 messages that waited for the broker.
func BenchmarkDrain(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		c := benchClient(b, benchBroker(b))
		c.mu.Lock() // nothing is sent before all wait
		now := time.Now()
		for range 10_000 {
			c.work.puts = append(c.work.puts, c.line.add(&Message{Topic: "dev/event", Payload: make([]byte, 400), At: now}, diskQueued, now))
		}
		b.StartTimer()
		c.mu.Unlock()
		wake(c.wakeSender)
		wake(c.wakeWriter)
		for !c.drained() {
			time.Sleep(time.Millisecond)
		}
	}
}
