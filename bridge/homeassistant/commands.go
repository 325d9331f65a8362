package homeassistant

import "strconv"

// noArgument is what a button sends to a command without argument. The default, PRESS, would be taken
// for the argument of others.
const noArgument = "{}"

// dialable is what the dial command takes, judged by a browser (which reads it with its flag v) and by
// Python. Both have to see it anchored.
const dialable = `^[0-9*#+ .\-\/\(\)]+$`

func commands() []Entity {
	rows := []Entity{
		{Key: "dial", Platform: text, Name: "Dial", Does: "dials the number that is entered",
			json: componentJSON{CommandTopic: commandTopic + "/dial", Min: 1, Max: 64, Pattern: dialable, Icon: "mdi:dialpad"}},
		{Key: "dial_notify", Platform: notify, Name: "Dial number", Does: "dials the message of `notify.send_message`",
			json: componentJSON{CommandTopic: commandTopic + "/dial", Icon: "mdi:phone-dial"}},
		press("hangup", "Hang up", "ends the call", "mdi:phone-hangup"),
		press("answer", "Answer", "answers the ringing call", "mdi:phone-incoming"),
		press("reject", "Reject", "rejects the ringing call", "mdi:phone-cancel"),
		press("redial", "Redial", "presses the redial key", "mdi:phone-return"),
		press("speaker", "Speaker", "presses the speaker key", "mdi:volume-source"),
		press("headset", "Headset", "presses the headset key", "mdi:headset"),
		press("conference", "Conference", "presses the conference key", "mdi:account-group"),
		press("message", "Message", "presses the message key", "mdi:voicemail"),
		press("clear_missed", "Clear missed calls", "sets Missed calls to 0", "mdi:phone-check"),
		pressWith("volume", "UP", Entity{Key: "volume_up", Name: "Volume up", Does: "one step louder"}, "mdi:volume-plus"),
		pressWith("volume", "DOWN", Entity{Key: "volume_down", Name: "Volume down", Does: "one step softer"}, "mdi:volume-minus"),
	}
	rows = append(rows, numbered("line", "Line", 4, "presses the line key", "mdi:numeric")...)
	rows = append(rows, numbered("dss", "DSS key", 10, "presses the DSS key", "mdi:button-pointer")...)
	rows = append(rows, numbered("soft", "Soft key", 4, "presses the soft key", "mdi:gesture-tap-button")...)
	reboot := press("reboot", "Reboot", "restarts the phone", "")
	reboot.json.DeviceClass, reboot.json.EntityCategory = "restart", config
	provision := press("autoprovision", "Autoprovision", "lets the phone look for provisioning", "mdi:cloud-download")
	provision.json.EntityCategory = config
	return append(rows, reboot, provision)
}

// press is a button for a command without argument.
func press(command, name, does, icon string) Entity {
	return pressWith(command, noArgument, Entity{Key: command, Name: name, Does: does}, icon)
}

func pressWith(command, argument string, e Entity, icon string) Entity {
	e.Platform = button
	e.json = componentJSON{CommandTopic: commandTopic + "/" + command, PayloadPress: argument, Icon: icon}
	return e
}

// numbered are the buttons of a row of keys.
func numbered(command, name string, last int, does, icon string) []Entity {
	var rows []Entity
	for n := range last {
		number := strconv.Itoa(n + 1)
		rows = append(rows, pressWith(command, number, Entity{Key: command + number, Name: name + " " + number, Does: does, Disabled: true}, icon))
	}
	return rows
}
