package mqtt

import (
	"cmp"
	"slices"
)

// topic is a retained topic and the newest payload published to it.
type topic struct {
	name    string
	payload []byte
	group   string
	last    bool

	order   uint64 // of creation
	version uint64 // of the payload
	waiting *entry // its place in line, nil when there is nothing new to send
	place   uint64 // the place it has or last had
	session uint64 // in which it was last sent
	gone    bool
}

// topics are all retained topics that the broker has or is to have.
type topics struct {
	byName  map[string]*topic
	groups  map[string][]*topic // without those that are last
	created uint64
	unsent  []*topic // to be looked at in this session, see nextUnseen
}

func newTopics() topics {
	return topics{byName: map[string]*topic{}, groups: map[string][]*topic{}}
}

// update takes over the newest payload of a topic.
func (ts *topics) update(m *Message) *topic {
	t := ts.byName[m.Topic]
	if t == nil {
		ts.created++
		t = &topic{name: m.Topic, order: ts.created}
		ts.byName[m.Topic] = t
		t.group, t.last = m.Group, m.Last
		ts.join(t)
	}
	if t.group != m.Group || t.last != m.Last {
		ts.leave(t)
		t.group, t.last = m.Group, m.Last
		ts.join(t)
	}
	t.payload = m.Payload
	t.version++
	return t
}

func (ts *topics) join(t *topic) {
	if t.group != "" && !t.last {
		ts.groups[t.group] = append(ts.groups[t.group], t)
	}
}

func (ts *topics) leave(t *topic) {
	members := slices.DeleteFunc(ts.groups[t.group], func(other *topic) bool { return other == t })
	if len(members) == 0 {
		delete(ts.groups, t.group)
		return
	}
	ts.groups[t.group] = members
}

// forget removes a topic that the broker does not hold any more.
func (ts *topics) forget(t *topic) {
	t.gone = true
	ts.leave(t)
	delete(ts.byName, t.name)
}

// unseen lists every topic as not sent in the session that begins: in the order
// of their creation, the last ones last.
func (ts *topics) unseen() {
	ts.unsent = ts.unsent[:0]
	for _, t := range ts.byName {
		ts.unsent = append(ts.unsent, t)
	}
	slices.SortFunc(ts.unsent, func(a, b *topic) int {
		if a.last != b.last {
			if a.last {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.order, b.order)
	})
}

// nextUnseen returns a topic that was not sent in this session, or nil.
func (ts *topics) nextUnseen(session uint64) *topic {
	for len(ts.unsent) > 0 {
		t := ts.unsent[0]
		ts.unsent = ts.unsent[1:]
		if !t.gone && t.session != session {
			return t
		}
	}
	return nil
}
