package phone

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// member is what a command takes its argument from in an object.
func (r CommandRow) member() string {
	if r.Argument == DialNumber || r.Argument == TransferNumber {
		return "number"
	}
	return "value"
}

// read gives the command its argument.
func (r CommandRow) read(c Command, m message) (Command, error) {
	words, list, err := m.argument(r.member())
	if err == nil {
		err = r.take(&c, m, words, list)
	}
	if err != nil {
		return c, &CommandError{CodeArgument, fmt.Sprintf("%s: %v; send %s", r.Name, err, r.Allowed)}
	}
	return c, nil
}

func (r CommandRow) take(c *Command, m message, words []string, list bool) error {
	if list && r.Argument != KeyNames {
		return errors.New("it takes no list")
	}
	if r.Argument == NoArgument {
		return r.takeNothing(c, words)
	}
	if len(words) == 0 && r.Argument != TransferNumber {
		return fmt.Errorf("%s is missing", r.member())
	}
	switch r.Argument {
	case DialNumber:
		return takeDial(c, m, words[0])
	case TransferNumber:
		return takeTransfer(c, m, words)
	case Position:
		return takePosition(c, words[0])
	case KeyNames:
		return takeKeys(c, words)
	case Digits:
		return takeDigits(c, words[0])
	case Steps:
		return r.takeSteps(c, words[0])
	}
	return r.takeOrdinal(c, words[0])
}

func (r CommandRow) takeNothing(c *Command, words []string) error {
	if len(words) > 0 && !strings.EqualFold(words[0], "PRESS") {
		return errors.New("it takes no argument")
	}
	c.Want = r.wants
	if r.presses != "" {
		c.Keys = []Key{r.presses}
	}
	return nil
}

func takeDial(c *Command, m message, number string) (err error) {
	if c.Number, err = readNumber(number); err != nil || !m.given("account") {
		return err
	}
	c.Account, err = readScalar(m.object["account"])
	if err != nil || !slices.Contains([]string{"1", "2", "3", "4"}, c.Account) {
		return errors.New("account has to be 1 to 4")
	}
	return nil
}

func takeTransfer(c *Command, m message, words []string) (err error) {
	if m.given("mode") {
		mode, err := readScalar(m.object["mode"])
		c.Attended = strings.EqualFold(mode, "attended")
		if err != nil || !c.Attended && !strings.EqualFold(mode, "blind") {
			return errors.New("mode has to be blind or attended")
		}
	}
	if len(words) == 0 {
		return nil
	}
	if c.Number, err = readNumber(words[0]); err != nil {
		return err
	}
	if _, ok := digitKeys(c.Number); !ok {
		return errors.New("there is no key for +; send the number with 00 or as it is dialled by hand")
	}
	return nil
}

func takePosition(c *Command, word string) error {
	switch strings.ToUpper(word) {
	case "ON", "TRUE": // JSON booleans come as they were written
		c.Want = On
	case "OFF", "FALSE":
		c.Want = Off
	case "TOGGLE":
		c.Want = NotKnown
	default:
		return fmt.Errorf("%s is no position", quote(word))
	}
	return nil
}

const mostKeys = 32

func takeKeys(c *Command, names []string) error {
	if len(names) > mostKeys {
		return fmt.Errorf("it has %d keys", len(names))
	}
	for _, name := range names {
		key, err := ParseKey(name)
		if err != nil {
			return err
		}
		c.Keys = append(c.Keys, key)
	}
	return nil
}

func takeDigits(c *Command, digits string) error {
	pressed, ok := digitKeys(digits)
	switch {
	case !ok:
		return errors.New("there is something else in it")
	case len(pressed) == 0 || len(pressed) > mostKeys:
		return fmt.Errorf("it has %d characters", len(pressed))
	}
	c.Keys = pressed
	return nil
}

func (r CommandRow) takeSteps(c *Command, word string) error {
	written := word
	switch strings.ToUpper(word) {
	case "UP":
		written = "1"
	case "DOWN":
		written = "-1"
	}
	steps, err := strconv.Atoi(written)
	if err != nil || steps < r.Min || steps > r.Max {
		return fmt.Errorf("%s is not allowed", quote(word))
	}
	if steps < 0 {
		c.Keys = slices.Repeat([]Key{keySofter}, -steps)
		return nil
	}
	c.Keys = slices.Repeat([]Key{keyLouder}, steps)
	return nil
}

func (r CommandRow) takeOrdinal(c *Command, word string) error {
	n, err := strconv.Atoi(word)
	if err != nil || n < r.Min || n > r.Max {
		return fmt.Errorf("%s is not allowed", quote(word))
	}
	c.Keys = []Key{r.presses + Key(strconv.Itoa(n))}
	return nil
}
