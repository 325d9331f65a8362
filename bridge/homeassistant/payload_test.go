package homeassistant

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phone2mqtt/phone2mqtt/bridge/homeassistant/hatest"
	"github.com/phone2mqtt/phone2mqtt/phone"
)

var update = flag.Bool("update", false, "write the golden files and the tables of the document")

// golden compares a payload, spread over lines, with a file of testdata, or writes it.
func golden(t *testing.T, name string, payload []byte) {
	t.Helper()
	var spread bytes.Buffer
	if err := json.Indent(&spread, payload, "", "  "); err != nil {
		t.Fatalf("%s: %v: %s", name, err, payload)
	}
	spread.WriteByte('\n')
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, spread.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), spread.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

const mac phone.MAC = "001fc11a8b6c"

var (
	usual = New(Site{Prefix: "homeassistant", Base: "phone2mqtt", Version: "1.2.3"})
	other = New(Site{Prefix: "ha", Base: "home/phones"})

	kitchen = Device{
		MAC: mac, Name: "Kitchen", Area: "Ground floor", Model: "UC860", Firmware: "2.0.4.2",
		IP: netip.MustParseAddr("192.168.0.157"), Ring: true,
	}
)

// check holds a payload to Home Assistant's rules and returns its device.
func check(t *testing.T, topic string, payload []byte) deviceJSON {
	t.Helper()
	for _, finding := range hatest.Check(topic, payload) {
		t.Errorf("%s: %s", topic, finding)
	}
	var announced struct{ Device deviceJSON }
	if err := json.Unmarshal(payload, &announced); err != nil {
		t.Fatalf("%v: %s", err, payload)
	}
	return announced.Device
}

func TestPayloads(t *testing.T) {
	for _, p := range []struct {
		file, topic string
		payload     []byte
	}{
		{"phone.json", usual.PhoneTopic(mac), usual.Phone(Device{MAC: mac})},
		{"phone_full.json", other.PhoneTopic(mac), other.Phone(kitchen, Component{"signal", "sensor"})},
		{"bridge.json", usual.BridgeTopic(), usual.Bridge()},
	} {
		golden(t, p.file, p.payload)
		check(t, p.topic, p.payload)
	}
}

// 10,000 phones are announced at once.
func TestSize(t *testing.T) {
	long := kitchen
	long.Name, long.Area = strings.Repeat("n", 255), strings.Repeat("a", 255)
	if size := len(usual.Phone(long)); size > 20_000 {
		t.Errorf("a payload has %d bytes", size)
	}
}

func TestDevice(t *testing.T) {
	plain := deviceJSON{
		Identifiers: []string{"phone2mqtt_001fc11a8b6c"}, Connections: [][2]string{{"mac", "00:1f:c1:1a:8b:6c"}},
		Name: "Phone 1a8b6c", Manufacturer: "Htek", ViaDevice: "phone2mqtt_bridge",
	}
	with := func(change func(*deviceJSON)) deviceJSON {
		d := plain
		change(&d)
		return d
	}
	named := func(name string) deviceJSON { return with(func(d *deviceJSON) { d.Name = name }) }
	at := func(address string) deviceJSON { return with(func(d *deviceJSON) { d.ConfigurationURL = address }) }
	for name, test := range map[string]struct {
		device Device
		want   deviceJSON
	}{
		"nothing known":     {Device{}, plain},
		"a name":            {Device{Name: "Küche 1"}, named("Küche 1")},
		"a blank name":      {Device{Name: " \t\u00a0\u2003 "}, plain},
		"quotes":            {Device{Name: `Bob "R&D" <b> \ '`}, named(`Bob "R&D" <b> \ '`)},
		"a template":        {Device{Name: "{{ states('sensor.x') }} {% raw %}"}, named("{{ states('sensor.x') }} {% raw %}")},
		"an end of JSON":    {Device{Name: `"},"components":{"x":{`}, named(`"},"components":{"x":{`)},
		"the MAC's place":   {Device{Name: "a" + anyMAC + "b"}, named("a b")},
		"lines":             {Device{Name: "first\r\nsecond\x00\x1b[31m\u2028third"}, named("first second [31m third")},
		"other directions":  {Device{Name: "left\u202eright"}, named("left right")},
		"broken UTF-8":      {Device{Name: "K\xfcche"}, named("K\ufffdche")},
		"255 characters":    {Device{Name: strings.Repeat("ü", 255)}, named(strings.Repeat("ü", 64))},
		"a blank at 64":     {Device{Name: strings.Repeat("x", 63) + " y"}, named(strings.Repeat("x", 63))},
		"a blank model":     {Device{Model: " ", Firmware: "\n", Area: "\t"}, plain},
		"IPv4":              {Device{IP: netip.MustParseAddr("192.168.0.157")}, at("http://192.168.0.157/")},
		"IPv4 in IPv6":      {Device{IP: netip.MustParseAddr("::ffff:192.168.0.157")}, at("http://192.168.0.157/")},
		"IPv6":              {Device{IP: netip.MustParseAddr("fd00::9d")}, at("http://[fd00::9d]/")},
		"IPv6 with a zone":  {Device{IP: netip.MustParseAddr("fe80::1%eth0")}, plain},
		"no address at all": {Device{IP: netip.MustParseAddr("0.0.0.0")}, plain},
	} {
		t.Run(name, func(t *testing.T) {
			test.device.MAC = mac
			got := check(t, usual.PhoneTopic(mac), usual.Phone(test.device))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestManufacturer(t *testing.T) {
	for mac, want := range map[phone.MAC]string{mac: "Htek", "0050581a8b6c": "Sangoma", "02005e000001": ""} {
		device := check(t, usual.PhoneTopic(mac), usual.Phone(Device{MAC: mac}))
		if device.Manufacturer != want {
			t.Errorf("%s: got %q, want %q", mac, device.Manufacturer, want)
		}
	}
}

func TestBridge(t *testing.T) {
	want := deviceJSON{Identifiers: []string{"home_phones_bridge"}, Name: "phone2mqtt home/phones", Model: "Bridge"}
	if diff := cmp.Diff(want, check(t, other.BridgeTopic(), other.Bridge())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Roots of every kind give payloads that Home Assistant takes.
func TestRoots(t *testing.T) {
	for _, base := range []string{"p", "home/phones", "büro/telefone", `a"b\u0000`, "{{ x }}", "a b", "$x", strings.Repeat("x", 200)} {
		d := New(Site{Prefix: "homeassistant", Base: base, Version: "v\"1\n"})
		check(t, d.PhoneTopic(mac), d.Phone(kitchen))
		check(t, d.BridgeTopic(), d.Bridge())
	}
}

func BenchmarkPhone(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		usual.Phone(kitchen)
	}
}

func FuzzPhone(f *testing.F) {
	f.Add("Kitchen", "Ground floor", "UC860", "2.0.4.2")
	f.Add(`"},"x":{"`, "\x00\xff", "{{", "\u2028")
	f.Fuzz(func(t *testing.T, name, area, model, firmware string) {
		device := check(t, usual.PhoneTopic(mac), usual.Phone(Device{MAC: mac, Name: name, Area: area, Model: model, Firmware: firmware}))
		if device.Name == "" {
			t.Errorf("%q has no name", name)
		}
	})
}
