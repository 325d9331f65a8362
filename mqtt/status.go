package mqtt

import "time"

// Status is a picture of the client at one moment, for health and metrics.
type Status struct {
	Broker    string // host and port
	Connected bool   // a session is up and Online was acknowledged
	Verified  bool   // our own Online came back in this session: the broker lets us write and read

	// Refused are the topic filters that the broker refused in this session.
	Refused []string

	// Waiting counts the durable messages that the broker has not
	// acknowledged, in bytes as they are stored; those that are in memory
	// only are not among them.
	Waiting       int
	WaitingBytes  int64
	OldestWaiting time.Time // zero: none waits

	Full     bool  // the last durable message was refused for want of room, and none was made since
	StoreErr error // why no message could be stored when that was tried last; nil: it could
	LastErr  error // why there is no session; nil while there is one

	Reconnects uint64 // sessions after the first one
	SetAside   uint64 // messages set aside because the broker ended the session on them
	Damages    uint64 // times that the store was found damaged, since it was opened
	Lost       int    // messages that the damaged store did not give back, as far as that is known
	Dropped    uint64 // messages given up without the promise broken: too old, or refused by their receipt
}
