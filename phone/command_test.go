package phone

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCommands(t *testing.T) {
	const want = "dial hangup key answer reject hold resume mute speaker headset conference message redial " +
		"transfer dtmf volume dnd line dss soft reboot autoprovision clear_missed"
	var got []string
	for _, row := range Commands() {
		got = append(got, row.Name)
		if row.Allowed == "" || row.Source == "" || row.Guard.String() == "" {
			t.Errorf("%+v says too little", row)
		}
		for _, key := range []Key{row.on, row.off} {
			if _, err := ParseKey(string(key)); key != "" && err != nil {
				t.Errorf("%s: %v", row.Name, err)
			}
		}
		if row.presses == "" || row.Argument == Ordinal {
			continue
		}
		if key, err := ParseKey(string(row.presses)); key != row.presses {
			t.Errorf("%s presses %q: %v", row.Name, row.presses, err)
		}
	}
	if diff := cmp.Diff(strings.Fields(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What goes before other commands, and what goes to no phone.
func TestCommandsApart(t *testing.T) {
	var ends, ours []string
	for _, row := range Commands() {
		c := Command{Name: row.Name}
		if c.EndsCall() {
			ends = append(ends, row.Name)
		}
		if c.IsOurs() {
			ours = append(ours, row.Name)
		}
	}
	if diff := cmp.Diff([][]string{{"hangup", "reject"}, {"clear_missed"}}, [][]string{ends, ours}); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What is written in the document for users: the condition of every command.
func TestCommandGuards(t *testing.T) {
	want := map[string]Guard{
		"key": KeysNeedCall, "answer": CallRings, "reject": OnlyRings,
		"hold": CallUp, "resume": CallUp, "mute": CallUp, "transfer": CallUp, "dtmf": CallUp,
	}
	got := make(map[string]Guard)
	for _, row := range Commands() {
		if row.Guard != NoGuard {
			got[row.Name] = row.Guard
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func uris(list ...ActionURI) []ActionURI { return append([]ActionURI{}, list...) }

func TestRequests(t *testing.T) {
	tests := []struct {
		name, payload string
		state         State
		want          []ActionURI
	}{
		{"dial", "206", State{}, uris("Command=1&Number=206")},
		{"dial", `{"number":"206","account":1}`, State{}, uris("Command=1&Number=206&Account=1")},
		{"dial", `{"number":"*43#","account":"4"}`, State{}, uris("Command=1&Number=*43#&Account=4")},
		{"dial", "+49 (0)30 123", State{}, uris("Command=1&Number=+4930123")},
		{"hangup", "PRESS", State{}, uris("Command=2")},
		{"key", "f_hold", State{}, uris("key=F_HOLD")},
		{"key", `["1","POUND","*","dndon"]`, State{}, uris("key=1", "key=POUND", "key=*", "key=DNDOn")},
		{"answer", "{}", State{}, uris("key=OK")},
		{"reject", "PRESS", State{}, uris("Command=2")},
		{"hold", "PRESS", State{}, uris("key=F_HOLD")},
		{"resume", "PRESS", State{}, uris("key=F_HOLD")},
		{"mute", "ON", State{}, uris("key=MUTE")},
		{"mute", "OFF", State{}, uris("key=MUTE")},
		{"mute", "TOGGLE", State{}, uris("key=MUTE")},
		{"mute", "TOGGLE", State{Muted: On, MuteTold: true}, uris("key=MUTE")},
		{"speaker", "PRESS", State{}, uris("key=SPEAKER")},
		{"headset", "PRESS", State{}, uris("key=HEADSET")},
		{"conference", "PRESS", State{}, uris("key=F_CONFERENCE")},
		{"message", "PRESS", State{}, uris("key=MSG")},
		{"redial", "PRESS", State{}, uris("key=RD")},
		{"transfer", "{}", State{}, uris("key=F_TRANSFER")},
		{"transfer", "20#", State{}, uris("key=F_TRANSFER", "key=2", "key=0", "key=POUND", "key=F_TRANSFER")},
		{"transfer", `{"number":20,"mode":"blind"}`, State{}, uris("key=F_TRANSFER", "key=2", "key=0", "key=F_TRANSFER")},
		{"transfer", `{"number":"*2","mode":"attended"}`, State{}, uris("key=F_TRANSFER", "key=*", "key=2", "key=OK")},
		{"dtmf", "12*#", State{}, uris("key=1", "key=2", "key=*", "key=POUND")},
		{"volume", "UP", State{}, uris("key=VOLUME_UP")},
		{"volume", "down", State{}, uris("key=VOLUME_DOWN")},
		{"volume", "2", State{}, uris("key=VOLUME_UP", "key=VOLUME_UP")},
		{"volume", "-3", State{}, uris("key=VOLUME_DOWN", "key=VOLUME_DOWN", "key=VOLUME_DOWN")},
		{"volume", "0", State{}, uris()},
		{"dnd", "ON", State{DND: On}, uris("key=DNDOn")},
		{"dnd", "OFF", State{}, uris("key=DNDOff")},
		{"dnd", "TOGGLE", State{}, uris("key=DNDOn")},
		{"dnd", "TOGGLE", State{DND: Off}, uris("key=DNDOn")},
		{"dnd", "TOGGLE", State{DND: On}, uris("key=DNDOff")},
		{"line", "45", State{}, uris("key=L45")},
		{"dss", "10", State{}, uris("key=D10")},
		{"soft", "4", State{}, uris("key=F4")},
		{"reboot", "PRESS", State{}, uris("key=Reboot")},
		{"autoprovision", "PRESS", State{}, uris("key=AutoP")},
		{"clear_missed", "PRESS", State{}, uris()},
	}
	covered := make(map[string]bool)
	for _, tt := range tests {
		covered[tt.name] = true
		t.Run(tt.name+" "+tt.payload, func(t *testing.T) {
			c, err := ParseCommand(tt.name, []byte(tt.payload))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, c.Requests(tt.state)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	for _, row := range Commands() {
		if !covered[row.Name] {
			t.Errorf("%s is not tested", row.Name)
		}
	}
}

func TestNumberedKeys(t *testing.T) {
	for name, prefix := range map[string]string{"line": "L", "dss": "D", "soft": "F"} {
		row := commandRows[name]
		i := slices.IndexFunc(keys, func(r KeyRow) bool { return string(r.Name) == prefix })
		if keys[i].First != row.Min || keys[i].Last != row.Max {
			t.Errorf("%s goes from %d to %d, its keys from %d to %d", name, row.Min, row.Max, keys[i].First, keys[i].Last)
		}
	}
}

func TestEmptyCommand(t *testing.T) {
	if got := (Command{}).Requests(State{}); len(got) != 0 {
		t.Errorf("a command without name sends %q", got)
	}
	if got := (Command{}).Judge(State{}); got != (Verdict{}) {
		t.Errorf("a command without name is judged %+v", got)
	}
}
