package bridge

import (
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wmamqp "github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/rabbitmq/amqp091-go"
)

// defaultExchange is the topic exchange that events go to.
const defaultExchange = "rollcall"

// amqpLink publishes to a durable topic exchange. The routing key is the event's
// type; messages are persistent and confirmed.
type amqpLink struct {
	*wmamqp.Publisher
	wire *wire
}

func (amqpLink) topic(m *message.Message) string { return m.Metadata.Get(metaType) }

// Close implements message.Publisher. The library's own waits for what is under
// way, which without the wire ends at once.
func (l amqpLink) Close() error {
	l.wire.cut()
	return l.Publisher.Close()
}

// wire remembers a connection, to cut it: a broker that blocks its publishers
// answers nothing, not even a goodbye.
type wire struct {
	mu   sync.Mutex
	conn net.Conn
	gone bool
}

func (w *wire) dial(network, address string) (net.Conn, error) {
	c, err := amqp091.DefaultDial(askTimeout)(network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	w.conn = c
	return c, nil
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone = true; w.conn != nil {
		_ = w.conn.Close()
	}
}

func dialAMQP(t Target, u *url.URL) (link, error) {
	exchange := u.Query().Get("exchange")
	if exchange == "" {
		exchange = defaultExchange
	}
	tlsConfig, err := t.tlsConfig()
	if err != nil {
		return nil, err
	}
	w := &wire{}
	cfg := amqp091.Config{
		Vhost: "/", Dial: w.dial, Heartbeat: 10 * time.Second, TLSClientConfig: tlsConfig,
		Properties: amqp091.Table{"connection_name": "rollcall bridge", "product": "rollcall"},
	}
	if t.User != "" {
		cfg.SASL = []amqp091.Authentication{&amqp091.PlainAuth{Username: t.User, Password: t.Password}}
	} else if t.CertFile != "" {
		cfg.SASL = []amqp091.Authentication{&amqp091.ExternalAuth{}}
	}
	if vhost := strings.TrimPrefix(u.Path, "/"); vhost != "" {
		cfg.Vhost = vhost
	}
	address := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	p, err := wmamqp.NewPublisher(wmamqp.Config{
		Connection: wmamqp.ConnectionConfig{AmqpURI: address.String(), AmqpConfig: &cfg},
		Marshaler:  amqpMarshaler{},
		Exchange:   wmamqp.ExchangeConfig{GenerateName: wmamqp.GenerateExchangeNameConstant(exchange), Type: "topic", Durable: true},
		Publish: wmamqp.PublishConfig{
			GenerateRoutingKey: func(topic string) string { return topic }, ConfirmDelivery: true, ChannelPoolSize: 1,
		},
		TopologyBuilder: &wmamqp.DefaultTopologyBuilder{},
	}, watermill.NopLogger{})
	if err != nil {
		return nil, err
	}
	return amqpLink{p, w}, nil
}

// amqpMarshaler writes the properties that AMQP has of its own.
type amqpMarshaler struct{ wmamqp.DefaultMarshaler }

// Marshal implements the publisher's Marshaler.
func (amqpMarshaler) Marshal(m *message.Message) (amqp091.Publishing, error) {
	table := amqp091.Table{}
	for k, v := range headers(m) {
		table[k] = v
	}
	return amqp091.Publishing{
		MessageId: m.UUID, Type: m.Metadata.Get(metaType), AppId: "rollcall", ContentType: "application/json",
		DeliveryMode: amqp091.Persistent, Headers: table, Body: m.Payload,
	}, nil
}
