package phone

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// mutant is the call machine with one small thing wrong.
type mutant struct {
	name string
	make func()
}

// TestEveryRuleIsGuarded breaks each part of each rule, ending and correction in turn, and wants a
// script of testdata/calls or the table of meanings to notice.
func TestEveryRuleIsGuarded(t *testing.T) {
	scripts := readScripts(t)
	rules, ends, better := callRules, endings, maps.Clone(corrections)
	restore := func() { callRules, endings, corrections = rules, ends, maps.Clone(better) }
	t.Cleanup(restore)
	all := slices.Concat(ruleMutants(), endingMutants(), correctionMutants())
	byScripts := 0
	for _, m := range all {
		m.make()
		noticed := slices.ContainsFunc(scripts, func(s script) bool { return len(s.run()) > 0 })
		if noticed {
			byScripts++
		} else if len(slices.Concat(meaningProblems(), despiteProblems(), wholeProblems())) == 0 {
			t.Errorf("nothing notices: %s", m.name)
		}
		restore()
	}
	t.Logf("%d mutants, %d noticed by scripts, the others by the table of meanings", len(all), byScripts)
}

func ruleMutants() []mutant {
	var all []mutant
	for event := range callRules {
		rule := callRules[event]
		if !rule.aboutCalls() {
			continue
		}
		change := func(what string, to func(*callRule)) {
			all = append(all, mutant{fmt.Sprintf("%s: %s", EventType(event), what), func() { to(&callRules[event]) }})
		}
		for i := range rule.means {
			if len(rule.means) > 1 {
				change(fmt.Sprintf("does not mean %v", rule.means[i]), func(r *callRule) { r.means = without(r.means, i) })
			}
			if i > 0 {
				change(fmt.Sprintf("means %v before %v", rule.means[i], rule.means[i-1]), func(r *callRule) { r.means = exchanged(r.means, i) })
			}
		}
		for i := range rule.despite {
			change(fmt.Sprintf("despite: not %v", rule.despite[i]), func(r *callRule) { r.despite = without(r.despite, i) })
		}
		if rule.every {
			change("not every", func(r *callRule) { r.every = false })
		}
		if rule.begins != "" {
			change("begins nothing", func(r *callRule) { r.begins = "" })
		}
		if rule.as != "" {
			change("no direction", func(r *callRule) { r.as = "" })
		}
		if rule.to != "" {
			change("moves nothing", func(r *callRule) { r.to = "" })
		}
		if rule.hands != noTransfer {
			change("tells nothing of a transfer", func(r *callRule) { r.hands = noTransfer })
		}
		for e := goesOn; rule.ends != goesOn && e < wasUp; e++ {
			if e != rule.ends && endings[e] != endings[rule.ends] || e == goesOn {
				change(fmt.Sprintf("ends as %d, not %d", e, rule.ends), func(r *callRule) { r.ends = e })
			}
		}
	}
	return all
}

func without(groups [][]CallState, i int) [][]CallState {
	return slices.Delete(slices.Clone(groups), i, i+1)
}

func exchanged(groups [][]CallState, i int) [][]CallState {
	groups = slices.Clone(groups)
	groups[i-1], groups[i] = groups[i], groups[i-1]
	return groups
}

func endingMutants() []mutant {
	var all []mutant
	for i := range endings {
		if endings[i].incoming != "" {
			all = append(all, mutant{fmt.Sprintf("ending %d tells nothing of an incoming call", i), func() { endings[i].incoming = "" }})
		}
		if endings[i].outgoing != "" {
			all = append(all, mutant{fmt.Sprintf("ending %d tells nothing of an outgoing call", i), func() { endings[i].outgoing = "" }})
		}
	}
	return all
}

func correctionMutants() []mutant {
	var all []mutant
	for from, better := range corrections {
		for i, to := range better {
			all = append(all, mutant{fmt.Sprintf("%s is not corrected to %s", from, to), func() {
				corrections[from] = slices.Delete(slices.Clone(better), i, i+1)
			}})
		}
	}
	return all
}
