package payload

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/phone2mqtt/phone2mqtt/phone"
)

// TestReadRecordOfOtherVersions reads what this version does not write: members are missing that came
// later, and there are some that it does not know. Neither costs the phone what else is known of it.
func TestReadRecordOfOtherVersions(t *testing.T) {
	addresses := cmpopts.EquateComparable(netip.Addr{})
	for name, text := range map[string]string{
		"earlier": `{"state":{"missed_calls":2,"dnd":2,"name":"Desk"},"online":true}`,
		"later": `{"state":{"missed_calls":2,"dnd":2,"name":"Desk","mood":{"of":["the",1]},"forward":{"never":2}},
			"online":true,"battery":null,"seen_by":["a","b"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadRecord([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			want := Record{Online: true, State: phone.State{MissedCalls: 2, DND: phone.On, Name: "Desk"}}
			if diff := cmp.Diff(want, got, addresses); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again, err := ReadRecord(got.JSON())
			if diff := cmp.Diff(want, again, addresses); err != nil || diff != "" {
				t.Errorf("written and read again: %v %s", err, diff)
			}
		})
	}
}
