package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
)

// trustErrors are why TLS fails with a broker, in words that tell what to do: those of TLS speak to who
// knows it already.
var trustErrors = []struct {
	is     func(error) bool
	advice string
}{
	{has[x509.UnknownAuthorityError], "the broker's certificate comes from an authority that is not known here, its CA certificate is needed"},
	{has[x509.HostnameError], "the broker's certificate is not for this host, connect by a name or address that stands in it"},
	{expired, "the broker's certificate is not valid at this time, renew it, or set the clock of this machine"},
	{has[tls.RecordHeaderError], "the broker does not speak TLS on this port, connect to the one for TLS or by a URL without TLS"},
	{alerted, "the broker ended TLS from its side, it may want a client certificate, or another one"},
}

// explained puts advice before an error of TLS.
func explained(err error) error {
	for _, e := range trustErrors {
		if e.is(err) {
			return fmt.Errorf("%s: %w", e.advice, err)
		}
	}
	return err
}

func has[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func expired(err error) bool {
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	return ok && invalid.Reason == x509.Expired
}

// alerted tells an alert from the other side (RFC 8446, section 6), whose type crypto/tls keeps to itself.
func alerted(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}
