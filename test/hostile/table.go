package main

import (
	"fmt"
	"strings"
)

// printTable prints a row for each attack, a summary, and once more the rows that matter, where whoever
// sees only the end of a log finds them.
func printTable(results []result) {
	fmt.Print("| # | where | the attacker wants | outcome | what was seen | honest event after it | most memory |\n|---|---|---|---|---|---|---|\n")
	count := make(map[outcome]int)
	var failed strings.Builder
	for i, r := range results {
		count[r.Outcome]++
		row := fmt.Sprintf("| %d | %s | %s | %s | %s | %d ms | %d MiB |\n", i+1, r.Subject, cell(r.Attack), r.Outcome, cell(r.Evidence), r.Honest, r.Peak)
		fmt.Print(row)
		if !r.held() {
			failed.WriteString(row)
		}
	}
	fmt.Printf("\n%d attacks: %d refused, %d harmless, %d skipped, %d succeeded, %d not judged\n", len(results),
		count[isRefused], count[isHarmless], count[isUnable], count[isSuccess], count[isBroken])
	fmt.Print(failed.String())
}

// cell is a text as a table can hold it: whoever reads the table is not to be attacked by it.
func cell(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '|':
			b.WriteString(`\|`)
		case r < ' ' || isUntidy(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
