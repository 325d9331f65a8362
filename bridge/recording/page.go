package recording

import (
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/phone2mqtt/phone2mqtt/phone"
	"github.com/phone2mqtt/phone2mqtt/secret"
)

// page is what the recorder knows of the file that it writes of a phone.
type page struct {
	day  string // whose file has a head of this process
	full string // the day for which nothing more is written
	lost int    // requests that could not be written since the last one that was
}

var (
	errFull    = errors.New("the recording of a phone has its size")
	errAllFull = errors.New("all recordings together have their size, and none is of an earlier day")
)

// write adds a request to its phone's file of the day.
func (r *Recorder) write(q queued) {
	p := r.pages[q.MAC]
	if p == nil {
		p = new(page)
		r.pages[q.MAC] = p
	}
	day := dayOf(q.At)
	p.lost += q.lost
	if p.full == day || r.stopped == day {
		return
	}
	line, ok := r.entry(q.Request, p.lost)
	if !ok {
		p.lost++
		return
	}
	err := r.add(p, day, q.Request, line)
	switch {
	case err == nil:
		p.day, p.lost = day, 0
	case errors.Is(err, errFull):
		p.full, p.lost = day, 0
		r.cfg.Log.Warn().Str("mac", string(q.MAC)).Str("day", day).Msg("the recording of a phone has its size, it goes on tomorrow")
	case errors.Is(err, errAllFull):
		r.stopped = day
		r.cfg.Log.Warn().Str("day", day).Int64("bytes", r.files.inAll).Msg("the recordings have their size in all, they go on tomorrow")
	default:
		p.lost++
		if n, news := r.fails.Says("write"); news {
			r.cfg.Log.Error().Err(err).Int("times", n).Msg("a request is not recorded")
		}
	}
}

// add writes a line, with a head before it when the file has none of this process.
func (r *Recorder) add(p *page, day string, q Request, line entry) error {
	text := encode(line)
	ok, deleted, err := r.files.room(int64(len(text)), day)
	if deleted != "" && r.deleted != deleted {
		r.deleted = deleted
		r.cfg.Log.Info().Str("day", deleted).Msg("the oldest recordings are deleted to make room")
	}
	if err != nil {
		return err
	}
	if !ok {
		return errAllFull
	}
	file, size, err := r.files.open(fileName(day, r.macOf(q.MAC)))
	if err != nil {
		return err
	}
	if size == 0 || p.day != day {
		text = append(r.head(q, size), text...)
	}
	if size+int64(len(text)) > r.files.perFile {
		return errors.Join(errFull, r.files.add(file, size, encode(entry{At: line.At, Dropped: line.Dropped, Full: true})))
	}
	return r.files.add(file, size, text)
}

// head is the line that a request comes after. An empty one before it ends what an earlier process may
// have left half written.
func (r *Recorder) head(q Request, size int64) []byte {
	text := encode(head{
		Recording:    formVersion,
		At:           r.clock.at(q.At),
		Version:      r.cfg.Version,
		MAC:          r.macOf(q.MAC),
		Plain:        r.cfg.Plain,
		DefaultEvent: r.cfg.DefaultEvent,
		Ring:         elapsed(r.cfg.Limits.Ring),
		Talk:         elapsed(r.cfg.Limits.Talk),
		Repeat:       elapsed(r.cfg.Limits.Repeat),
		State:        r.state(q.Before),
	})
	if size == 0 {
		return text
	}
	return append([]byte("\n"), text...)
}

// entry is a request as its line shows it. It is false for one that no pseudonyms could be found for.
func (r *Recorder) entry(q Request, dropped int) (entry, bool) {
	tokens := secret.Reveal(r.cfg.Tokens)
	shown := request{path: hideInPath(q.Path, tokens), query: hideInQuery(q.Query, tokens)}
	e := entry{At: r.clock.at(q.At), Name: q.Name, Host: q.Host, Dropped: dropped}
	if !r.cfg.Plain {
		masked, rebuilt, ok := r.mask.request(shown, q.MAC, phone.Dialect{
			Default: r.cfg.DefaultEvent,
			Charset: func(phone.MAC) phone.Charset { return q.Charset },
		})
		if !ok {
			return entry{}, false
		}
		shown, e.Rebuilt = masked, rebuilt
		e.Name, e.Host = r.mask.text(q.Name), r.mask.address(q.Host)
	}
	line := requestLine(q.Method, shown.path, shown.query, q.Proto)
	e.Request = []byte(line)
	if !utf8.ValidString(line) {
		e.Charset = q.Charset
	}
	return e, true
}

func (r *Recorder) macOf(mac phone.MAC) phone.MAC {
	if r.cfg.Plain {
		return mac
	}
	return r.mask.mac(mac)
}

// state is a state as a head shows it; nothing of one that no event has touched.
func (r *Recorder) state(s *phone.State) json.RawMessage {
	if s == nil || s.Last.Type == phone.NoEvent {
		return nil
	}
	return r.rewrite(*s, func(at time.Time) time.Time { return epoch.Add(time.Duration(r.clock.at(at))) })
}

// encode is a line. All that lines consist of can be written.
func encode(line any) []byte {
	text, err := json.Marshal(line)
	if err != nil {
		return []byte("\n")
	}
	return append(text, '\n')
}
