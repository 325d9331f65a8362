package homeassistant

import "testing"

// TestHomeAssistant lives with two phones in one Home Assistant for a while. The parts build on each other.
func TestHomeAssistant(t *testing.T) {
	required(t)
	h := newHouse(t, caller)
	t.Run("phones appear", h.testAppear)
	t.Run("everything can be enabled", h.testEnable)
	t.Run("a call step by step", h.testCall)
	t.Run("every control", h.testControls)
	t.Run("every event", h.testEvents)
	t.Run("events of a call", h.testCallEvents)
	t.Run("blueprints", h.testBlueprints)
	t.Run("restarts", h.testRestarts)
	t.Run("birth", h.testBirth)
	t.Run("a learned phone", h.testLearned)
	t.Run("deleted in Home Assistant", h.testDeleted)
	t.Run("doorbell", h.testRing)
	t.Run("discovery off and on", h.testOff)
	t.Run("log", h.testLog)
	// They are meant to be complained of.
	t.Run("samples", h.testSamples)
}
