package bridge

import (
	"net/url"
	"strings"

	"github.com/ThreeDotsLabs/watermill"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

// natsLink publishes to a JetStream stream of the application's own, which has to
// be there: without one nobody confirms.
type natsLink struct {
	*wmnats.Publisher
	prefix string
}

func (l natsLink) topic(m *message.Message) string { return l.prefix + "." + m.Metadata.Get(metaPath) }

// natsMarshaler sends the event's id as Nats-Msg-Id, by which a stream leaves out
// repeats within its window.
type natsMarshaler struct{}

// Marshal implements the publisher's Marshaler.
func (natsMarshaler) Marshal(topic string, m *message.Message) (*nats.Msg, error) {
	out := nats.NewMsg(topic)
	out.Data = m.Payload
	out.Header.Set(nats.MsgIdHdr, m.UUID)
	for k, v := range headers(m) {
		out.Header.Set(k, v)
	}
	return out, nil
}

func dialNATS(t Target, u *url.URL) (link, error) {
	options := []nats.Option{nats.Name("rollcall bridge"), nats.Timeout(askTimeout), nats.MaxReconnects(0), nats.ReconnectBufSize(-1)}
	if t.User != "" {
		options = append(options, nats.UserInfo(t.User, t.Password))
	}
	if t.CredsFile != "" {
		options = append(options, nats.UserCredentials(t.CredsFile))
	}
	if u.Scheme == "tls" || t.CAFile != "" || t.CertFile != "" {
		cfg, err := t.tlsConfig()
		if err != nil {
			return nil, err
		}
		options = append(options, nats.Secure(cfg))
	}
	var servers []string
	for _, h := range strings.Split(u.Host, ",") {
		servers = append(servers, u.Scheme+"://"+h)
	}
	nc, err := nats.Connect(strings.Join(servers, ","), options...)
	if err != nil {
		return nil, err
	}
	p, err := wmnats.NewPublisherWithNatsConn(nc, wmnats.PublisherPublishConfig{
		Marshaler: natsMarshaler{}, SubjectCalculator: wmnats.DefaultSubjectCalculator,
	}, watermill.NopLogger{})
	if err != nil {
		nc.Close()
		return nil, err
	}
	return natsLink{p, strings.Trim(u.Path, "/")}, nil
}
