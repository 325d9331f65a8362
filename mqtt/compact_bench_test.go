package mqtt

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// BenchmarkPublishDuringCompaction has the records of 10,000 phones in a file that is mostly free, and
// publishes while it is compacted, at another moment each time. It tells how long the receipts took at
// most, how long a copy takes that nobody disturbs, and how long the writer is kept to take it.
func BenchmarkPublishDuringCompaction(b *testing.B) {
	s, err := OpenStore(b.TempDir(), StoreOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	w := transaction{records: phoneRecords(b, 10_000)}
	if err := s.commit(&w); err != nil {
		b.Fatal(err)
	}
	var used int64
	_ = s.view(func(tx *bolt.Tx) error { used = usedBytes(tx); return nil })
	c := s.newCompaction(s.db.Load())
	begun := time.Now()
	c.run()
	copied := time.Now()
	if err := s.take(c); err != nil {
		b.Fatal(err)
	}
	_ = s.syncName()
	b.ReportMetric(float64(used)/(1<<20), "MiB-in-use")
	copying, taking := copied.Sub(begun), time.Since(copied)

	s.restTime, s.compactPause = time.Millisecond, time.Millisecond
	cfg := Config{URL: nowhere, ClientID: "bench", Presence: Presence{Topic: presenceTopic, Online: []byte("online"), Offline: []byte("offline")}}
	client := NewClient(cfg, s)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = client.Run(ctx)
	}()
	b.Cleanup(func() { cancel(); <-done })
	hollowAgain(b, client)
	var during, apart []time.Duration
	for n := 0; b.Loop(); n++ {
		// The rest ends after 1 ms; steps of 3 ms meet all moments of a copy, and those after it.
		<-time.After(time.Duration(n%100) * 3 * time.Millisecond)
		copying := s.copying.Load() != nil
		begun := time.Now()
		if err := client.Publish(Batch{Records: []Record{{Key: "phone/000000000001", Value: make([]byte, 800)}}}).Wait(context.Background()); err != nil {
			b.Fatal(err)
		}
		if took := time.Since(begun); copying {
			during = append(during, took)
		} else {
			apart = append(apart, took)
		}
		if n%100 == 99 && !s.mostlyFree(s.db.Load()) {
			b.StopTimer()
			hollowAgain(b, client)
			b.StartTimer()
		}
	}
	b.ReportMetric(float64(copying.Milliseconds()), "ms-copy")
	b.ReportMetric(float64(taking.Microseconds())/1000, "ms-take")
	for name, times := range map[string][]time.Duration{"during": during, "apart": apart} {
		if slices.Sort(times); len(times) > 0 {
			b.ReportMetric(float64(len(times)), "publishes-"+name)
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms-median-"+name)
			b.ReportMetric(float64(times[len(times)-1].Microseconds())/1000, "ms-longest-"+name)
		}
	}
}

// hollowAgain makes the file large, and mostly free.
func hollowAgain(b *testing.B, c *Client) {
	b.Helper()
	for _, value := range [][]byte{make([]byte, 30<<20), nil} {
		if err := c.Publish(Batch{Records: []Record{{Key: "large", Value: value}}}).Wait(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

// phoneRecords are as large as those of phones with a call.
func phoneRecords(b *testing.B, n int) map[string][]byte {
	b.Helper()
	records := map[string][]byte{}
	for i := range n {
		value, err := json.Marshal(map[string]string{"number": fmt.Sprint(i), "state": strings.Repeat("x", 800)})
		if err != nil {
			b.Fatal(err)
		}
		records[fmt.Sprintf("phone/%012d", i)] = value
	}
	return records
}
