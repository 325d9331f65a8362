package main

import "testing"

// What is edited for variants and mistakes still stands in the sources as it did.
func TestEditsApply(t *testing.T) {
	for v, list := range edits {
		if _, err := changed(t.Context(), t.TempDir(), list); err != nil {
			t.Errorf("variant %s: %v", v, err)
		}
	}
	for name, list := range mistakes {
		if _, err := changed(t.Context(), t.TempDir(), list); err != nil {
			t.Errorf("mistake %s: %v", name, err)
		}
	}
}
