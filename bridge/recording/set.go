package recording

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// keyName is the file with what the recordings of a directory have in common. Who gives recordings away
// keeps it: with it a number can be recognised by trying.
const keyName = "recording.key"

// keySize is that of an HMAC-SHA256 key, in bytes.
const keySize = 32

// set is what all recordings in one directory have in common.
type set struct {
	Key   []byte    `json:"key"`   // of the pseudonyms
	Begun time.Time `json:"begun"` // times are counted from it
}

// openSet reads the set of a directory, or begins one.
func openSet(dir string) (set, error) {
	path := filepath.Join(dir, keyName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return beginSet(path)
	}
	if err != nil {
		return set{}, fmt.Errorf("recordings: %w", err)
	}
	var s set
	if err := json.Unmarshal(text, &s); err != nil || len(s.Key) != keySize {
		return set{}, fmt.Errorf("recordings: %s is damaged; remove it together with the recordings beside it", path)
	}
	return s, nil
}

func beginSet(path string) (set, error) {
	s := set{Key: make([]byte, keySize), Begun: time.Now().UTC()}
	_, _ = rand.Read(s.Key) // it never fails
	text, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(path, append(text, '\n'), 0o600)
	}
	if err != nil {
		return set{}, fmt.Errorf("recordings: %w", err)
	}
	return s, nil
}
