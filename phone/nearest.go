package phone

import "slices"

// Nearest is the known word that takes the fewest edits to get from word, the first in alphabetical
// order among equals, and empty when none is known. It is there for messages: what was understood is
// never guessed.
func Nearest(word string, known []string) string {
	known = slices.Sorted(slices.Values(known))
	best, least := "", -1
	for _, candidate := range known {
		if d := distance(word, candidate); least < 0 || d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance is Levenshtein's, over bytes. Words from the network are cut before: the time grows with
// the product of both lengths.
func distance(a, b string) int {
	const longest = 64
	a, b = a[:min(len(a), longest)], b[:min(len(b), longest)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
