package mqtt

import "time"

// presencePause is the least time between two corrections of our presence.
const presencePause = time.Second

// keepPresence is the one goroutine that publishes our presence, so that no
// Online can overtake Offline: Online first, again whenever somebody denies it
// (the will of a session that the broker ends late, a second instance that
// stops), Offline at the end.
func (s *session) keepPresence() {
	cfg := &s.client.cfg.Presence
	if !s.publishPresence(cfg.Online) {
		return
	}
	close(s.present)
	denied := s.denied
	var rested <-chan time.Time
	for {
		select {
		case <-denied:
			if !s.publishPresence(cfg.Online) {
				return
			}
			denied, rested = nil, time.After(presencePause)
		case <-rested:
			denied, rested = s.denied, nil
		case <-s.leave:
			if s.publishPresence(cfg.Offline) {
				close(s.left)
			}
			return
		case <-s.over:
			return
		}
	}
}

// publishPresence publishes and waits for the PUBACK.
func (s *session) publishPresence(payload []byte) (ok bool) {
	token := s.paho.Publish(s.client.cfg.Presence.Topic, 1, true, payload)
	select {
	case <-token.Done():
	case <-s.over:
		return false
	}
	if err := token.Error(); err != nil {
		s.failSoon(err)
		return false
	}
	return true
}
