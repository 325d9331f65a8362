package phone

import (
	"strings"
	"testing"
)

func TestReadNumber(t *testing.T) {
	tests := []struct{ typed, want string }{
		{"206", "206"},
		{"*43", "*43"},
		{"#31#206", "#31#206"},
		{"+4930123456", "+4930123456"},
		{"+49 30 123-456", "+4930123456"},
		{"030/123.456", "030123456"},
		{"(030) 123456", "030123456"},
		{"+49 (0)30 123456", "+4930123456"},
		{"+49(0)30123456", "+4930123456"},
		{"+49-(0)-30/123", "+4930123"},
		{"+(49) (0) 30 123", "+4930123"},
		{"0049 (0) 30 123", "004930123"},
		{"+420 (0)2 123", "+4202123"},
		{"(0)30 123", "030123"},
		{"030 (0) 123", "0300123"},
		{"+4930 (0) 123", "+49300123"},
		{"+49 (0)30 (0) 1", "+493001"},
		{"+49 (00)30", "+490030"},
		{"555.1234", "5551234"},
		{"030-206", "030206"},
		{"- 030-206", "030206"},
		{"01.23.45.67.89", "0123456789"},
		{"1.2.3", "123"},
		{strings.Repeat("1", 32), strings.Repeat("1", 32)},
		{strings.Repeat("1-", 32), strings.Repeat("1", 32)},
		{"+" + strings.Repeat("1", 31), "+" + strings.Repeat("1", 31)},
	}
	for _, tt := range tests {
		if got, err := readNumber(tt.typed); got != tt.want || err != nil {
			t.Errorf("readNumber(%q) = %q, %v, want %q", tt.typed, got, err, tt.want)
		}
	}
}

func TestReadNumberRefuses(t *testing.T) {
	tests := []struct{ typed, want string }{
		{"", "there is no digit in it"},
		{"- ()", "there is no digit in it"},
		{"+", "there is no digit in it"},
		{"192.168.0.1", "four numbers joined by dots are an IP address, which is not dialled"},
		{"192 . 168 . 0 . 1", "four numbers joined by dots are an IP address, which is not dialled"},
		{"206.0", "a number with a decimal point; send it without"},
		{"-206", "a number with a minus sign; send it without"},
		{"-206.0", "a number with a minus sign; send it without"},
		{"206&Account=2", "'&' cannot be dialled"},
		{"206%26", "'%' cannot be dialled"},
		{"206\r\nX: y", `'\r' cannot be dialled`},
		{"206?", "'?' cannot be dialled"},
		{"206;1", "';' cannot be dialled"},
		{"206@pbx", "'@' cannot be dialled"},
		{"sip:206", "'s' cannot be dialled"},
		{"206,1", "',' cannot be dialled"},
		{"1e3", "'e' cannot be dialled"},
		{"206\u2028", `'\u2028' cannot be dialled`},
		{"\t206", `'\t' cannot be dialled`},
		{"2\u00A006", `'\u00a0' cannot be dialled`},
		{"٢٠٦", "'٢' cannot be dialled"},
		{"206\xFF", "'\uFFFD' cannot be dialled"},
		{"206\x00", `'\x00' cannot be dialled`},
		{strings.Repeat("1", 33), "it has 33 characters, the most is 32"},
	}
	for _, tt := range tests {
		got, err := readNumber(tt.typed)
		if got != "" || err == nil || err.Error() != tt.want {
			t.Errorf("readNumber(%q) = %q, %v, want the error %s", tt.typed, got, err, tt.want)
		}
	}
}

func FuzzReadNumber(f *testing.F) {
	for _, typed := range []string{"206", "+49 (0)30 123", "192.168.0.1", "206&Account=2", "\xFF", "*#"} {
		f.Add(typed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		number, err := readNumber(typed)
		if err == nil && (number == "" || len(number) > 32 || strings.Trim(number, "0123456789*#+") != "") {
			t.Errorf("readNumber(%q) = %q", typed, number)
		}
	})
}
