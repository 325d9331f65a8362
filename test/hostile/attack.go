package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// attack is one thing that somebody wants and must not get.
type attack struct {
	name string // what he wants
	try  func(context.Context, *world) (verdict, error)
}

// subject is the attacks of one kind. They are made one after the other on one daemon.
type subject struct {
	name     string
	settings []string // of the daemon, without their prefix
	plan     plan
	attacks  []attack
}

func subjects() []subject {
	return []subject{
		floods, slow, identity, requests, text, console, payloads, numbers, rules, broker, discovery, addresses, phones,
		passwords, tokens, phoneTokens, forwarded, proxied, pages, instances,
	}
}

// outcome is what became of an attack.
type outcome string

const (
	isRefused  outcome = "refused"  // the daemon, or the broker for it, said no
	isHarmless outcome = "harmless" // it was taken for what it is, and did nothing that it was meant to
	isSuccess  outcome = "SUCCESS"  // the attacker got what he wanted, or broke something
	isUnable   outcome = "skipped"  // it cannot be made here
	isBroken   outcome = "ERROR"    // it could not be judged
)

// verdict is how an attack ended, with what was seen of it.
type verdict struct {
	outcome  outcome
	evidence string
}

func refused(format string, args ...any) (verdict, error) {
	return verdict{isRefused, fmt.Sprintf(format, args...)}, nil
}

func harmless(format string, args ...any) (verdict, error) {
	return verdict{isHarmless, fmt.Sprintf(format, args...)}, nil
}

func success(format string, args ...any) (verdict, error) {
	return verdict{isSuccess, fmt.Sprintf(format, args...)}, nil
}

// errUnable is why an attack cannot be made here.
var errUnable = errors.New("not possible here")

// result is one row of the table.
type result struct {
	Subject  string  `json:"subject"`
	Attack   string  `json:"attack"`
	Outcome  outcome `json:"outcome"`
	Evidence string  `json:"evidence"`
	Honest   int64   `json:"honest_ms"` // how long an honest event took afterwards
	Peak     int64   `json:"peak_mib"`  // most memory of the daemon during the attack; 0: it cannot be told
	Took     int64   `json:"ms"`
}

// held tells that the attack did not succeed, and that it could be judged.
func (r result) held() bool { return r.Outcome != isSuccess && r.Outcome != isBroken }

// held tells that of all of them.
func held(results []result) bool {
	return !slices.ContainsFunc(results, func(r result) bool { return !r.held() })
}

// atOnce is how many daemons are attacked at the same time: most attacks wait most of the time.
const atOnce = 4

// playAll plays subjects, several at a time, and returns the results in the order of the subjects.
func (st *stage) playAll(ctx context.Context, chosen []subject) []result {
	all := make([][]result, len(chosen))
	turns := make(chan struct{}, atOnce)
	var playing sync.WaitGroup
	for i, s := range chosen {
		turns <- struct{}{}
		playing.Go(func() {
			defer func() { <-turns }()
			all[i] = st.play(ctx, s)
		})
	}
	playing.Wait()
	var results []result
	for _, some := range all {
		results = append(results, some...)
	}
	return results
}

// play builds a world, and makes the attacks of a subject in it.
func (st *stage) play(ctx context.Context, s subject) []result {
	w, err := st.build(ctx, s)
	defer w.tearDown()
	if err != nil {
		return []result{{Subject: s.name, Attack: "any of them", Outcome: isBroken, Evidence: err.Error()}}
	}
	var results []result
	for _, a := range s.attacks {
		results = append(results, w.make(ctx, s.name, a))
	}
	return results
}

// make makes one attack and looks whether the daemon bears it, and what it left behind.
func (w *world) make(ctx context.Context, subject string, a attack) result {
	begun := time.Now()
	w.resetPeak()
	v, err := a.try(ctx, w)
	switch {
	case errors.Is(err, errUnable):
		v = verdict{isUnable, err.Error()}
	case err != nil:
		v = verdict{isBroken, err.Error()}
	}
	took, peak := time.Since(begun), w.peak()
	honest, harm := w.aftermath(ctx)
	if len(harm) == 0 {
		harm = w.leftBehind(ctx)
	}
	if peak > mostResident {
		harm = append(harm, fmt.Sprintf("the daemon took %d MiB", peak>>20))
	}
	if len(harm) > 0 {
		v = verdict{isSuccess, strings.Join(append(harm, v.evidence), "; ")}
	}
	return result{subject, a.name, v.outcome, v.evidence, honest.Milliseconds(), peak >> 20, took.Milliseconds()}
}
