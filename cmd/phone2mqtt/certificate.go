package main

import (
	"cmp"
	"crypto/tls"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// lookAfter is how long the files of a certificate are not looked at again.
const lookAfter = time.Second

// ownCertificate is that of the intake, read again when its files change: who renews certificates must
// not have to restart the program, or phones would lose events.
type ownCertificate struct {
	cert, key string // paths
	log       zerolog.Logger
	current   atomic.Pointer[tls.Certificate]

	mu        sync.Mutex // of who looks; others go on with the current one
	looked    time.Time
	read      [2]fs.FileInfo // the files as they were read last; nil: not by us
	complaint string         // about files that could not be used, empty when they could
}

// renewed is the TLS setting with the certificate in it read again when its files change. They are
// looked at when somebody connects, at most once a second. A pair that is bad, or written only half,
// changes nothing, is told of once, and is tried again until it is good.
func renewed(setting *tls.Config, cert, key string, log zerolog.Logger) *tls.Config {
	c := &ownCertificate{cert: cert, key: key, log: log}
	c.current.Store(&setting.Certificates[0])
	setting = setting.Clone()
	setting.Certificates, setting.GetCertificate = nil, c.get
	return setting
}

func (c *ownCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.mu.TryLock() {
		if time.Since(c.looked) >= lookAfter {
			c.look()
			c.looked = time.Now()
		}
		c.mu.Unlock()
	}
	return c.current.Load(), nil
}

func (c *ownCertificate) look() {
	files, err := c.stat()
	if err == nil && c.complaint == "" && unchanged(files, c.read) {
		return
	}
	if err == nil {
		c.read = files
		err = c.reload()
	}
	if err == nil {
		c.complaint = ""
		return
	}
	if err.Error() != c.complaint {
		c.complaint = err.Error()
		c.log.Error().Err(err).Msg("the changed certificate of HTTP_CERT_FILE is not taken, the intake goes on with the one before")
	}
}

func (c *ownCertificate) reload() error {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	if before := c.current.Swap(&pair); before.Leaf.Equal(pair.Leaf) {
		return nil
	}
	c.log.Info().Str("file", c.cert).Time("not_after", pair.Leaf.NotAfter).Msg("the certificate of the intake was read again")
	return nil
}

func (c *ownCertificate) stat() (files [2]fs.FileInfo, err error) {
	cert, errCert := os.Stat(c.cert)
	key, errKey := os.Stat(c.key)
	return [2]fs.FileInfo{cert, key}, cmp.Or(errCert, errKey)
}

// unchanged tells by their times and lengths that two files are the same ones with the same content.
func unchanged(now, before [2]fs.FileInfo) bool {
	for i := range now {
		if before[i] == nil || !os.SameFile(now[i], before[i]) || now[i].Size() != before[i].Size() || !now[i].ModTime().Equal(before[i].ModTime()) {
			return false
		}
	}
	return true
}
