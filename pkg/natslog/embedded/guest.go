package embedded

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

const (
	// maxOf bounds the connections of one guest.
	maxOf = 16
	// maxConnections bounds all connections, those that have not said who they are
	// included, and maxSubscriptions those of one connection.
	maxConnections   = 4096
	maxSubscriptions = 4096
)

// Guest is somebody from outside who may read one durable pull consumer, and do
// nothing else.
type Guest struct {
	// ID names the guest, and nobody else ever.
	ID string
	// PublicKey is the public nkey that it proves to hold the seed of.
	PublicKey string
	// Stream and Consumer are what it reads.
	Stream, Consumer string
}

// may are the subjects of the guest's account that lead out of it, and how often
// each request there is answered.
func (g Guest) may() map[string]server.ServiceRespType {
	of := g.Stream + "." + g.Consumer
	return map[string]server.ServiceRespType{
		"$JS.API.CONSUMER.MSG.NEXT." + of: server.Streamed,
		"$JS.API.CONSUMER.INFO." + of:     server.Singleton,
		"$JS.ACK." + of + ".>":            server.Singleton,
	}
}

// guests decides who gets in, and into which account.
//
// Permissions alone would not do: who may ask for messages may also name any
// subject for the answer, and so have the server publish there. So each guest has
// an account of its own, a name space in which nothing is but what it publishes
// itself, with three services of the main account: the next message, the
// consumer's state, and acknowledgement. An answer to a request through a service
// arrives in the account that asked, whatever subject it names.
type guests struct {
	password string // what connections of this process prove themselves with

	mu    sync.Mutex
	nats  *server.Server
	known map[string]*guest // by public key
}

type guest struct {
	Guest
	account     *server.Account
	connections map[uint64]bool // some may have ended
}

const insider = "rollcall"

func newGuests() *guests { return &guests{password: rand.Text(), known: map[string]*guest{}} }

// Check implements server.Authentication.
func (g *guests) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	if c.Kind() != server.CLIENT {
		return false
	}
	if o.Nkey == "" {
		if o.Username != insider || subtle.ConstantTimeCompare([]byte(o.Password), []byte(g.password)) != 1 {
			return false
		}
		c.RegisterUser(&server.User{Username: insider, Account: g.nats.GlobalAccount()})
		return true
	}
	if !signed(o.Nkey, c.GetNonce(), o.Sig) {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	who, ok := g.known[o.Nkey]
	if !ok {
		return false
	}
	if g.prune(who); len(who.connections) >= maxOf {
		return false
	}
	var allow []string
	for subject := range who.may() {
		allow = append(allow, subject)
	}
	c.RegisterUser(&server.User{Username: who.ID, Account: who.account, Permissions: &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: allow},
		Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
	}})
	who.connections[c.GetID()] = true
	return true
}

// prune forgets the guest's connections that have ended.
func (g *guests) prune(who *guest) {
	for id := range who.connections {
		if g.nats.GetClient(id) == nil {
			delete(who.connections, id)
		}
	}
}

// signed reports whether the holder of the key's seed signed the nonce.
func signed(key string, nonce []byte, signature string) bool {
	if len(nonce) == 0 || !nkeys.IsValidPublicUserKey(key) {
		return false
	}
	sig, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		if sig, err = base64.StdEncoding.DecodeString(signature); err != nil {
			return false
		}
	}
	public, err := nkeys.FromPublicKey(key)
	return err == nil && public.Verify(nonce, sig) == nil
}

// Admit replaces the guests. Those who are gone are disconnected before it
// returns, and do not get in again; the others notice nothing.
//
// It is an error if the server was started without Options.Guests.
func (s *Server) Admit(list []Guest) error {
	g := s.guests
	if g == nil {
		return errors.New("the embedded NATS server was started without an address for guests")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	wanted := map[string]Guest{}
	for _, who := range list {
		wanted[who.PublicKey] = who
	}
	for key, who := range g.known {
		if wanted[key] == who.Guest {
			continue
		}
		delete(g.known, key)
		for id := range who.connections {
			_ = s.nats.DisconnectClientByID(id) // an error says that it left by itself
		}
	}
	for key, who := range wanted {
		if g.known[key] != nil {
			continue
		}
		account, err := g.account(who)
		if err != nil {
			return fmt.Errorf("make room for the NATS client %s: %w", who.ID, err)
		}
		g.known[key] = &guest{Guest: who, account: account, connections: map[uint64]bool{}}
	}
	return nil
}

// account makes the guest's. The server cannot forget one; it stays, empty, until
// the end of the process.
func (g *guests) account(who Guest) (*server.Account, error) {
	a, fresh := g.nats.LookupOrRegisterAccount("guest_" + who.ID)
	if !fresh {
		return nil, errors.New("somebody else had its id before")
	}
	main := g.nats.GlobalAccount()
	for subject, answers := range who.may() {
		if err := main.AddServiceExportWithResponse(subject, answers, []*server.Account{a}); err != nil {
			return nil, err
		}
		if err := a.AddServiceImport(main, subject, subject); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// AcceptGuests opens Options.Guests. Call it once, after the first Admit: a client
// that is refused because it came too early may give up.
func (s *Server) AcceptGuests() error {
	if s.guests == nil {
		return errors.New("the embedded NATS server was started without an address for guests")
	}
	opened := make(chan struct{})
	s.nats.AcceptLoop(opened)
	<-opened
	if err := s.log.err(); err != nil {
		return fmt.Errorf("open the address for NATS clients: %w", err)
	}
	return nil
}

// Loopback reports whether every address that a host:port listens on is of this
// machine alone.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
