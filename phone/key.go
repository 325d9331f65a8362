package phone

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Key is a key of the phone in the vendor's spelling, which the phone reads case by case (vendor
// document, clause 2.2.2, note 1). Make one with [ParseKey].
type Key string

// The keys that the rules of this package name.
const (
	keyOK       Key = "OK"
	keyEnter    Key = "ENTER"
	keyX        Key = "X"
	keyPound    Key = "POUND"
	keyHold     Key = "F_HOLD"
	keyTransfer Key = "F_TRANSFER"
	keyMute     Key = "MUTE"
	keyLouder   Key = "VOLUME_UP"
	keySofter   Key = "VOLUME_DOWN"
	keyDNDOn    Key = "DNDOn"
	keyDNDOff   Key = "DNDOff"
)

// KeyRow is one line of the key vocabulary: a key, or a row of numbered ones.
type KeyRow struct {
	Name        Key // of numbered ones what stands before the number, empty for the digits
	First, Last int // the numbers; both 0 when the key has none
	Does        string
	Source      string
}

const (
	clauseKeys = "vendor document 2.2.2"
	sangoma    = `Sangoma knowledge base "Action URI Phone Action Variables"`
)

var keys = []KeyRow{
	{Name: keyOK, Does: "answers a ringing call, confirms", Source: clauseKeys},
	{Name: keyEnter, Does: "answers a ringing call, confirms", Source: clauseKeys},
	{Name: "SPEAKER", Does: "speaker mode", Source: clauseKeys},
	{Name: keyTransfer, Does: "the transfer key", Source: clauseKeys},
	{Name: keyLouder, Does: "one step louder", Source: clauseKeys},
	{Name: keySofter, Does: "one step softer", Source: clauseKeys},
	{Name: keyMute, Does: "mutes the call, or no longer", Source: clauseKeys},
	{Name: keyHold, Does: "holds the call, or takes it back", Source: clauseKeys},
	{Name: keyX, Does: "ends the call", Source: clauseKeys},
	{First: 0, Last: 9, Does: "the digit", Source: clauseKeys},
	{Name: "*", Does: "the star key", Source: clauseKeys},
	{Name: keyPound, Does: "the hash key", Source: clauseKeys},
	{Name: "L", First: 1, Last: 45, Does: "the line key", Source: clauseKeys + " for L1 to L4, " + sangoma + " for the rest"},
	{Name: "D", First: 1, Last: 10, Does: "the DSS key", Source: clauseKeys},
	{Name: "F_CONFERENCE", Does: "the conference key", Source: clauseKeys},
	{Name: "F", First: 1, Last: 4, Does: "the soft key", Source: clauseKeys},
	{Name: "MSG", Does: "the message key", Source: clauseKeys},
	{Name: "HEADSET", Does: "the headset key", Source: clauseKeys},
	{Name: "RD", Does: "the redial key", Source: clauseKeys},
	{Name: "UP", Does: "up", Source: clauseKeys},
	{Name: "DOWN", Does: "down", Source: clauseKeys},
	{Name: "LEFT", Does: "left", Source: clauseKeys},
	{Name: "RIGHT", Does: "right", Source: clauseKeys},
	{Name: "Reboot", Does: "restarts the phone", Source: clauseKeys},
	{Name: "AutoP", Does: "checks for provisioning", Source: clauseKeys},
	{Name: keyDNDOn, Does: "do not disturb, on", Source: clauseKeys},
	{Name: keyDNDOff, Does: "do not disturb, off", Source: clauseKeys},
	{Name: "CANCEL", Does: "one screen back, or cancels a call", Source: sangoma},
}

// Keys are the rows of the key vocabulary, in the order of the vendor document.
func Keys() []KeyRow { return slices.Clone(keys) }

// Keys are the row's keys in the order of their numbers.
func (r KeyRow) Keys() []Key {
	if r.Last == 0 {
		return []Key{r.Name}
	}
	var numbered []Key
	for n := r.First; n <= r.Last; n++ {
		numbered = append(numbered, r.Name+Key(strconv.Itoa(n)))
	}
	return numbered
}

// keySpellings finds a key by its name in capitals.
var keySpellings = func() map[string]Key {
	spellings := map[string]Key{"#": keyPound}
	for _, row := range keys {
		for _, key := range row.Keys() {
			spellings[strings.ToUpper(string(key))] = key
		}
	}
	return spellings
}()

// ParseKey reads a key's name in any case; `#` is POUND. The error names the nearest key.
func ParseKey(name string) (Key, error) {
	name = strings.ToUpper(strings.TrimSpace(name))
	if key, ok := keySpellings[name]; ok {
		return key, nil
	}
	known := make([]string, 0, len(keySpellings))
	for spelling := range keySpellings {
		known = append(known, spelling)
	}
	return "", fmt.Errorf("there is no key %s; the nearest is %s", quote(name), keySpellings[Nearest(name, known)])
}

// press is the request that presses a key, in the short form of clause 2.2.1, note 2.
func (k Key) press() ActionURI { return ActionURI(keyPrefix + k) }

// digitKeys are the keys of a number's characters. A `+` has no key.
func digitKeys(number string) ([]Key, bool) {
	var pressed []Key
	for _, digit := range number {
		if !strings.ContainsRune("0123456789*#", digit) {
			return nil, false
		}
		pressed = append(pressed, keySpellings[string(digit)])
	}
	return pressed, true
}

// presses is one request per key: the phone knows no list.
func presses(pressed []Key) []ActionURI {
	requests := make([]ActionURI, 0, len(pressed))
	for _, key := range pressed {
		requests = append(requests, key.press())
	}
	return requests
}
