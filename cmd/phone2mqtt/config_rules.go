package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/phone2mqtt/phone2mqtt/bridge/policy"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

// commandNames are the commands that may be sent, none for all of them.
type commandNames []string

// Decode refuses a name that is none: a command that was meant to be allowed would be missed when it
// is needed.
func (n *commandNames) Decode(value string) error {
	known := make(map[string]bool)
	var all []string
	for _, row := range phone.Commands() {
		known[row.Name], all = true, append(all, row.Name)
	}
	var found commandNames
	for _, item := range items(value) {
		name := strings.ToLower(item)
		if !known[name] {
			return fmt.Errorf("%q is no command, did you mean %s?", item, phone.Nearest(name, all))
		}
		found = append(found, name)
	}
	if len(found) == 0 {
		return errors.New("no command, expected names such as dial,hangup,volume")
	}
	*n = found
	return nil
}

// dialPatterns are numbers that may be dialled, or may not.
type dialPatterns []policy.Pattern

// Decode takes the patterns of Asterisk.
func (p *dialPatterns) Decode(value string) error {
	var found dialPatterns
	for _, item := range items(value) {
		pattern, err := policy.ParsePattern(item)
		if err != nil {
			return err
		}
		found = append(found, pattern)
	}
	if len(found) == 0 {
		return errors.New("no pattern, expected numbers such as 0Z!,2XX")
	}
	*p = found
	return nil
}
