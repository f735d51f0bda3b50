package bridge

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// kafkaLink publishes records keyed by resource, acknowledged by all in-sync
// replicas, by an idempotent producer.
type kafkaLink struct {
	client *kgo.Client
	name   string
}

func (l kafkaLink) topic(*message.Message) string { return l.name }

// Publish implements message.Publisher.
func (l kafkaLink) Publish(topic string, messages ...*message.Message) error {
	for _, m := range messages {
		h := headers(m)
		r := &kgo.Record{Topic: topic, Key: []byte(m.Metadata.Get(metaResource)), Value: m.Payload}
		for _, k := range slices.Sorted(maps.Keys(h)) {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: k, Value: []byte(h[k])})
		}
		if err := l.client.ProduceSync(m.Context(), r).FirstErr(); err != nil {
			return err
		}
	}
	return nil
}

// Close implements message.Publisher.
func (l kafkaLink) Close() error {
	l.client.Close()
	return nil
}

func (t Target) mechanism() (sasl.Mechanism, error) {
	switch {
	case t.User == "" && t.SASL == "":
		return nil, nil
	case t.User == "":
		return nil, fmt.Errorf("SASL %s needs a user", t.SASL)
	}
	switch t.SASL {
	case "", "PLAIN":
		return plain.Auth{User: t.User, Pass: t.Password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: t.User, Pass: t.Password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: t.User, Pass: t.Password}.AsSha512Mechanism(), nil
	}
	return nil, fmt.Errorf("the SASL mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, not %q", t.SASL)
}

func dialKafka(t Target, u *url.URL) (link, error) {
	options := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(u.Host, ",")...), kgo.ClientID("rollcall"), kgo.ProducerLinger(0),
		kgo.DialTimeout(askTimeout), kgo.RecordDeliveryTimeout(confirmWithin),
	}
	mechanism, err := t.mechanism()
	if err != nil {
		return nil, err
	}
	if mechanism != nil {
		options = append(options, kgo.SASL(mechanism))
	}
	if t.TLS || t.CAFile != "" || t.CertFile != "" {
		cfg, err := t.tlsConfig()
		if err != nil {
			return nil, err
		}
		options = append(options, kgo.DialTLSConfig(cfg))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	return kafkaLink{client, strings.Trim(u.Path, "/")}, nil
}
