package phone

import (
	"slices"
	"time"
)

// Account is one SIP registration that the phone told of.
type Account struct {
	Number     string    `json:"number"`
	URI        string    `json:"uri,omitempty"`
	Registered bool      `json:"registered"`
	FailedAt   time.Time `json:"failed_at,omitzero"` // of the register_failed that was told; zero when registered since
}

// Registered is on when every account heard of is registered.
func (s State) Registered() Flag {
	if len(s.Accounts) == 0 {
		return s.Line
	}
	if slices.ContainsFunc(s.Accounts, func(a Account) bool { return !a.Registered }) {
		return Off
	}
	return On
}

// register keeps what an event tells of registrations; one that names no account speaks for all.
func (s *State) register(e *Event) {
	if e.Type != Registered && e.Type != Unregistered && e.Type != RegisterFailed {
		return
	}
	told := Account{Registered: e.Type == Registered}
	if e.Type == RegisterFailed {
		told.FailedAt = e.Time
	}
	s.Accounts = slices.Clone(s.Accounts)
	if e.Account.Number == "" {
		s.Line, s.LineFailedAt = flagOf(told.Registered), told.FailedAt
		for i := range s.Accounts {
			s.Accounts[i].Registered, s.Accounts[i].FailedAt = told.Registered, told.FailedAt
		}
		return
	}
	told.Number, told.URI = e.Account.Number, e.Account.URI
	i := s.account(told.Number)
	switch {
	case i < 0 && len(s.Accounts) < mostAccounts:
		s.Accounts = append(s.Accounts, told)
	case i >= 0 && told.URI == "":
		told.URI = s.Accounts[i].URI
		fallthrough
	case i >= 0:
		s.Accounts[i] = told
	}
}

func flagOf(on bool) Flag {
	if on {
		return On
	}
	return Off
}

func (s State) account(number string) int {
	return slices.IndexFunc(s.Accounts, func(a Account) bool { return a.Number == number })
}

// Repeats tells whether an event only says again what the last one said: phones send some twice. A
// register_failed comes every 30 s while it lasts and is one piece of news for ten minutes.
func (s State) Repeats(e Event, window time.Duration) bool {
	if e.Type == RegisterFailed {
		var failed time.Time
		if i := s.account(e.Account.Number); i >= 0 {
			failed = s.Accounts[i].FailedAt
		} else if e.Account.Number == "" {
			failed = s.LineFailedAt
		}
		return !failed.IsZero() && !older(failed, e.Time, failing)
	}
	last := s.Last
	last.Time = e.Time
	return last == e && !older(s.Last.Time, e.Time, window)
}
