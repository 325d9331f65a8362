// Package phone is the domain: what a desk phone says (Action URLs), what it can be told (Action
// URIs) and what state it is in.
//
// It promises to be pure and total. Every reader here takes any bytes and answers with a value or
// with an error that names what was not understood; [State.Apply] takes any event in any order. Time
// comes in with the event. The package never opens a socket, reads a clock or writes a log.
//
// The vocabulary is data: [Events] and [Commands] are one table each, and the parser, the printed
// Action URLs, the simulator and the tests range over them. Rows cite the vendor document ("Htek
// Action URL", clauses 1.1 to 2.2.2), its knowledge base, or the provisioning templates of the
// field, as "templates".
package phone

import (
	"errors"
	"strings"
)

// EventType is one thing that a phone reports, or that follows from its reports.
type EventType uint8

// The events of the Action URL page, in the order of their P-codes, then those of newer firmware,
// then those that this program derives.
const (
	NoEvent EventType = iota
	SetupCompleted
	Registered
	Unregistered
	RegisterFailed
	OffHook
	OnHook
	IncomingCall
	OutgoingCall
	CallEstablished
	CallTerminated
	DNDOn
	DNDOff
	AlwaysForwardOn
	AlwaysForwardOff
	BusyForwardOn
	BusyForwardOff
	NoAnswerForwardOn
	NoAnswerForwardOff
	TransferCall
	BlindTransfer
	AttendedTransfer
	Hold
	Unhold
	Mute
	Unmute
	MissedCall
	IdleToBusy
	BusyToIdle
	ForwardIncomingCall
	RejectIncomingCall
	AnswerNewIncomingCall
	TransferFinished
	TransferFailed

	CallCompletedElsewhere
	IPChanged
	AutopFinished
	CallWaitingOn
	CallWaitingOff
	HeadsetPress
	HandsfreePress
	CancelCallOut
	RemoteBusy
	CallRemoteCanceled
	PeripheralInformation
	VPNIP

	CallEnded
	PhoneOnline
	PhoneOffline

	eventTypes
)

// Variable is the name of one Action URL variable, without its dollar (vendor document, clause 1.2).
type Variable string

// The twelve variables of clause 1.2.
const (
	VarMAC           Variable = "mac"
	VarIP            Variable = "ip"
	VarModel         Variable = "model"
	VarFirmware      Variable = "firmware"
	VarActiveURL     Variable = "active_url"
	VarActiveUser    Variable = "active_user"
	VarActiveHost    Variable = "active_host"
	VarLocal         Variable = "local"
	VarRemote        Variable = "remote"
	VarDisplayLocal  Variable = "display_local"
	VarDisplayRemote Variable = "display_remote"
	VarCallID        Variable = "call_id"
)

// What is worth sending with an event, most telling first; free text stays last, so that nothing in
// it can be taken for another variable.
var (
	withPhone   = []Variable{VarMAC, VarIP, VarModel, VarFirmware}
	withName    = []Variable{VarMAC, VarIP, VarModel, VarFirmware, VarDisplayLocal}
	withAddress = []Variable{VarMAC, VarIP}
	withAccount = []Variable{VarMAC, VarIP, VarActiveUser, VarLocal, VarActiveURL, VarDisplayLocal}
	withCall    = []Variable{VarMAC, VarIP, VarCallID, VarRemote, VarActiveUser, VarLocal, VarModel, VarFirmware, VarDisplayRemote}
)

// EventRow is one line of the vocabulary.
type EventRow struct {
	Type      EventType
	Slug      string     // the name in topics, payloads and Action URLs
	Label     string     // what the phone's page Setting -> Action URL calls it
	Field     string     // the name in provisioning files, with the vendor's spelling
	Aliases   []string   // further names in use; Slug, Label and Field are understood anyway
	PCode     int        // the provisioning code; 0 where none is known
	Essential bool       // one of those that make the state right
	Variables []Variable // worth sending with it, in the order of a printed URL
	Source    string
}

const (
	essential   = true
	vendorPage  = `vendor document 1.1, knowledge base "Supported Action URLs", templates`
	templates   = "vendor document 1.1, templates of four Htek and three Sangoma models"
	newFirmware = "templates of UC924U and UC926U; meaning after Yealink's manual"
)

var events = [eventTypes]EventRow{
	SetupCompleted:        {Slug: "setup_completed", Label: "Setup Completed", Field: "SetupCompleted", PCode: 3701, Essential: essential, Variables: withName, Source: vendorPage},
	Registered:            {Slug: "registered", Label: "Registered", Field: "LogOn", PCode: 3702, Essential: essential, Variables: withAccount, Source: vendorPage},
	Unregistered:          {Slug: "unregistered", Label: "Unregistered", Field: "LogOff", PCode: 3703, Essential: essential, Variables: withAccount, Source: vendorPage},
	RegisterFailed:        {Slug: "register_failed", Label: "Register Failed", Field: "RegisterFailed", PCode: 3704, Essential: essential, Variables: withAccount, Source: vendorPage},
	OffHook:               {Slug: "off_hook", Label: "Off Hook", Field: "OffHook", PCode: 3705, Essential: essential, Variables: withCall, Source: vendorPage},
	OnHook:                {Slug: "on_hook", Label: "On Hook", Field: "OnfHook", PCode: 3706, Essential: essential, Variables: withCall, Source: vendorPage},
	IncomingCall:          {Slug: "incoming_call", Label: "Incoming Call", Field: "IncomingCall", PCode: 3707, Essential: essential, Variables: withCall, Source: vendorPage},
	OutgoingCall:          {Slug: "outgoing_call", Label: "Outgoing Call", Field: "OutgoingCall", PCode: 3708, Essential: essential, Variables: withCall, Source: vendorPage},
	CallEstablished:       {Slug: "call_established", Label: "Established", Field: "CallEstablished", PCode: 3709, Essential: essential, Variables: withCall, Source: vendorPage},
	CallTerminated:        {Slug: "call_terminated", Label: "Terminated", Field: "CallTerminated", PCode: 3710, Essential: essential, Variables: withCall, Source: vendorPage},
	DNDOn:                 {Slug: "dnd_on", Label: "Open DND", Field: "OpenDND", PCode: 3711, Essential: essential, Variables: withPhone, Source: vendorPage},
	DNDOff:                {Slug: "dnd_off", Label: "Close DND", Field: "CloseDND", PCode: 3712, Essential: essential, Variables: withPhone, Source: vendorPage},
	AlwaysForwardOn:       {Slug: "always_forward_on", Label: "Open Always Forward", Field: "OpenAlwaysForward", Aliases: []string{"always_fwd_on"}, PCode: 3713, Variables: withAccount, Source: vendorPage},
	AlwaysForwardOff:      {Slug: "always_forward_off", Label: "Close Always Forward", Field: "CloseAlwaysForward", Aliases: []string{"always_fwd_off"}, PCode: 3714, Variables: withAccount, Source: vendorPage},
	BusyForwardOn:         {Slug: "busy_forward_on", Label: "Open Busy Forward", Field: "OpenBusyForward", Aliases: []string{"busy_fwd_on"}, PCode: 3715, Variables: withAccount, Source: vendorPage},
	BusyForwardOff:        {Slug: "busy_forward_off", Label: "Close Busy Forward", Field: "CloseBusyForward", Aliases: []string{"busy_fwd_off"}, PCode: 3716, Variables: withAccount, Source: vendorPage},
	NoAnswerForwardOn:     {Slug: "no_answer_forward_on", Label: "Open No Answer Forward", Field: "OpenNoAnswerForward", Aliases: []string{"no_answer_fwd_on"}, PCode: 3717, Variables: withAccount, Source: vendorPage},
	NoAnswerForwardOff:    {Slug: "no_answer_forward_off", Label: "Close No Answer Forward", Field: "CloseNoAnswerForward", Aliases: []string{"no_answer_fwd_off"}, PCode: 3718, Variables: withAccount, Source: vendorPage},
	TransferCall:          {Slug: "transfer_call", Label: "Transfer Call", Field: "TransferCall", PCode: 3719, Variables: withCall, Source: vendorPage},
	BlindTransfer:         {Slug: "blind_transfer", Label: "Blind Transfer", Field: "BlindTrandfercall", Aliases: []string{"blind_transfer_call"}, PCode: 3720, Variables: withCall, Source: vendorPage},
	AttendedTransfer:      {Slug: "attended_transfer", Label: "Attended Transfer", Field: "AttendedTransferCall", PCode: 3721, Variables: withCall, Source: templates},
	Hold:                  {Slug: "hold", Label: "Hold", Field: "Hold", PCode: 3722, Essential: essential, Variables: withCall, Source: templates},
	Unhold:                {Slug: "unhold", Label: "UnHold", Field: "Unhold", PCode: 3723, Essential: essential, Variables: withCall, Source: templates},
	Mute:                  {Slug: "mute", Label: "Mute", Field: "Mute", PCode: 3724, Essential: essential, Variables: withCall, Source: templates},
	Unmute:                {Slug: "unmute", Label: "UnMute", Field: "Unmute", PCode: 3725, Essential: essential, Variables: withCall, Source: templates},
	MissedCall:            {Slug: "missed_call", Label: "Missed Call", Field: "MissedCall", PCode: 3726, Essential: essential, Variables: withCall, Source: templates},
	IdleToBusy:            {Slug: "idle_to_busy", Label: "Idle To Busy", Field: "IdleToBusy", PCode: 3727, Variables: withCall, Source: templates},
	BusyToIdle:            {Slug: "busy_to_idle", Label: "Busy To Idle", Field: "BusyToIdel", PCode: 3728, Essential: essential, Variables: withCall, Source: templates},
	ForwardIncomingCall:   {Slug: "forward_incoming_call", Label: "Forward Incoming Call", Field: "ForwardIncomingCall", PCode: 3729, Essential: essential, Variables: withCall, Source: templates},
	RejectIncomingCall:    {Slug: "reject_incoming_call", Label: "Reject Incoming Call", Field: "RejectIncomingCall", Aliases: []string{"reject_new_incoming_call"}, PCode: 3730, Essential: essential, Variables: withCall, Source: templates},
	AnswerNewIncomingCall: {Slug: "answer_new_incoming_call", Label: "Answer New Incoming Call", Field: "AnswerNewIncomingCall", Aliases: []string{"answer_new_call"}, PCode: 3731, Variables: withCall, Source: templates},
	TransferFinished:      {Slug: "transfer_finished", Label: "Transfer Finished", Field: "TransferFinished", PCode: 3732, Variables: withCall, Source: templates},
	TransferFailed:        {Slug: "transfer_failed", Label: "Transfer Failed", Field: "TransfeFailed", PCode: 3733, Variables: withCall, Source: templates},

	CallCompletedElsewhere: {Slug: "call_completed_elsewhere", Label: "Call Completed Elsewhere", Field: "CallCompletedElsewhere", Variables: withCall, Source: newFirmware},
	IPChanged:              {Slug: "ip_changed", Label: "IP Changed", Field: "IP_Changed", Aliases: []string{"ip_change"}, Variables: withPhone, Source: newFirmware},
	AutopFinished:          {Slug: "autop_finished", Label: "Autop Finish", Field: "AutopFinish", Aliases: []string{"setup_autop_finish"}, Variables: withPhone, Source: newFirmware},
	CallWaitingOn:          {Slug: "call_waiting_on", Label: "Call Waiting On", Field: "CallWaitingOn", Variables: withAddress, Source: newFirmware},
	CallWaitingOff:         {Slug: "call_waiting_off", Label: "Call Waiting Off", Field: "CallWaitingOff", Variables: withAddress, Source: newFirmware},
	HeadsetPress:           {Slug: "headset_press", Label: "Headset Press", Field: "HeadsetPress", Aliases: []string{"headset"}, Variables: withAddress, Source: newFirmware},
	HandsfreePress:         {Slug: "handsfree_press", Label: "Handsfree Press", Field: "HandsfreePress", Aliases: []string{"handfree", "handsfree"}, Variables: withAddress, Source: newFirmware},
	CancelCallOut:          {Slug: "cancel_call_out", Label: "Cancel Call Out", Field: "CancelCallOut", Aliases: []string{"cancel_callout"}, Variables: withCall, Source: newFirmware},
	RemoteBusy:             {Slug: "remote_busy", Label: "Remote Busy", Field: "RemoteBusy", Variables: withCall, Source: newFirmware},
	CallRemoteCanceled:     {Slug: "call_remote_canceled", Label: "Call Remote Canceled", Field: "CallRemoteCanceled", Aliases: []string{"call_remote_cancelled"}, Variables: withCall, Source: newFirmware},
	PeripheralInformation:  {Slug: "peripheral_information", Label: "Peripheral Information", Field: "PeripheralInformation", Variables: withAddress, Source: newFirmware},
	VPNIP:                  {Slug: "vpn_ip", Label: "VPN IP", Field: "VPN_IP", Variables: withAddress, Source: newFirmware},

	CallEnded:    {Slug: "call_ended"},
	PhoneOnline:  {Slug: "phone_online"},
	PhoneOffline: {Slug: "phone_offline"},
}

// Events are the 45 events that a phone can report, those with a P-code first.
func Events() []EventRow {
	rows := make([]EventRow, 0, VPNIP)
	for t := SetupCompleted; t <= VPNIP; t++ {
		rows = append(rows, t.Row())
	}
	return rows
}

// Row is the event's line of the vocabulary. Events that the bridge derives have only a slug.
func (t EventType) Row() EventRow {
	if t >= eventTypes {
		return EventRow{}
	}
	row := events[t]
	row.Type = t
	return row
}

// String is the slug, empty for [NoEvent].
func (t EventType) String() string { return t.Row().Slug }

// MarshalText writes the slug.
func (t EventType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText wrote, derived events included.
func (t *EventType) UnmarshalText(text []byte) error {
	for known := NoEvent; known < eventTypes; known++ {
		if events[known].Slug == string(text) {
			*t = known
			return nil
		}
	}
	return errors.New("unknown event " + string(text))
}

// LookupEvent finds the event that a word of an Action URL names: a slug, a label, a field name or an
// alias, with or without the prefix that provisioning files put before it. Case is ignored, and so is
// what stands between the words.
func LookupEvent(word string) (EventType, bool) {
	t, ok := eventWords[squeeze(word)]
	if !ok {
		t, ok = eventWords[strings.TrimPrefix(squeeze(word), "actionurl")]
	}
	return t, ok
}

// NearestEvent is the slug that word was probably meant to be.
func NearestEvent(word string) string {
	known := make([]string, 0, len(eventWords))
	for name := range eventWords {
		known = append(known, name)
	}
	return eventWords[Nearest(squeeze(word), known)].String()
}

var eventWords = func() map[string]EventType {
	words := make(map[string]EventType)
	for _, row := range Events() {
		for _, name := range append([]string{row.Slug, row.Label, row.Field}, row.Aliases...) {
			words[squeeze(name)] = row.Type
		}
	}
	return words
}()

// squeeze drops what stands between words, for the vendor's names differ in nothing else between its
// web page, its old and its new provisioning files.
func squeeze(word string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '-', r == '.', r == '_', r == ' ':
			return -1
		case r >= 'A' && r <= 'Z':
			return r + ('a' - 'A')
		}
		return r
	}, word)
}
