package mqtt

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
)

// ports are the registered ones (IANA: mqtt, secure-mqtt, http, https).
var ports = map[string]string{
	"mqtt": "1883", "tcp": "1883",
	"mqtts": "8883", "ssl": "8883",
	"ws": "80", "wss": "443",
}

// ParseURL reads the address of a broker: mqtt, tcp (the same), mqtts, ssl (the
// same), ws or wss. The port is filled in where none is given. The error names
// what is expected and never repeats the input, which may hold a password.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("not a URL, expected something like mqtt://host:1883")
	}
	port, known := ports[u.Scheme]
	if !known {
		return nil, errors.New("expected mqtt://, mqtts://, ws:// or wss:// and a host")
	}
	if u.User != nil {
		return nil, errors.New("a login does not belong into the URL: use the settings for username and password")
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("no host, expected something like %s://host:%s", u.Scheme, port)
	}
	if given := u.Port(); given != "" {
		n, err := strconv.ParseUint(given, 10, 16)
		if err != nil || n == 0 {
			return nil, errors.New("the port is not a number from 1 to 65535")
		}
		port = given
	}
	webSocket := u.Scheme == "ws" || u.Scheme == "wss"
	if !webSocket && (u.Path != "" && u.Path != "/" || u.RawQuery != "") {
		return nil, fmt.Errorf("only ws:// and wss:// take a path, expected %s://host:%s", u.Scheme, port)
	}
	if u.Fragment != "" {
		return nil, errors.New("a broker URL has no part after #")
	}
	u.Host = net.JoinHostPort(u.Hostname(), port)
	return u, nil
}
