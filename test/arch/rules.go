package arch

// Layer is a ring of the architecture. Imports point inwards only.
type Layer string

// The layers, from the innermost out.
const (
	Vocabulary Layer = "vocabulary"
	Core       Layer = "core"
	Port       Layer = "port"
	Adapter    Layer = "adapter"
	Shell      Layer = "shell"
	Contract   Layer = "contract"
	Suite      Layer = "suite"
	Edge       Layer = "edge"
	Service    Layer = "service"
	Main       Layer = "main"
)

// LayerRule says what every package of a layer may do.
type LayerRule struct {
	Layer Layer
	// May lists the layers whose packages may be imported.
	May []Layer
	// Std lists the packages of the standard library that may not be imported.
	Std []string
	// Clock says whether the code may ask for the time or wait for it.
	Clock bool
	// Outside says whether any outside library may be used. If not, a Row names
	// the ones that its packages are allowed.
	Outside bool
	Reason  string
}

// Row puts packages into a layer. A pattern is a path below Root; one that ends
// in "/..." takes in everything below as well. Packages of one row may import
// each other.
type Row struct {
	Layer    Layer
	Packages []string
	// Outside lists the families of libraries that these packages may import,
	// as prefixes of import paths.
	Outside []string
	// Also lists packages of ours that these may import although their layer is
	// closed. Reason says why.
	Also   []string
	Reason string
}

// Family restricts where an outside library may be imported, whatever the
// layer says.
type Family struct {
	// Prefixes of import paths.
	Prefixes []string
	// Only lists the patterns that may import it; empty means tests and suites
	// only.
	Only   []string
	Reason string
}

// Rules is the whole table.
type Rules struct {
	Layers   []LayerRule
	Rows     []Row
	Families []Family
}

// effects are the standard packages through which code touches the world or
// depends on more than its arguments. net/url, net/netip and net/mail parse
// text and stay allowed.
var effects = []string{
	"crypto/rand", "crypto/tls", "crypto/x509", "database/sql/...", "expvar", "flag", "io/ioutil",
	"math/rand/...", "net", "net/http/...", "net/rpc/...", "net/smtp", "net/textproto",
	"os/...", "path/filepath", "plugin", "runtime/...", "syscall/...", "unsafe",
}

// Ours is Rollcall's table.
var Ours = Rules{
	Layers: []LayerRule{
		{
			Layer: Vocabulary, May: []Layer{Vocabulary}, Std: join(effects, "context", "log/..."),
			Reason: "whoever receives a webhook imports the vocabulary: it brings no dependency and does nothing",
		},
		{
			Layer: Core, May: []Layer{Vocabulary, Core}, Std: join(effects, "context", "log/..."),
			Reason: "a decision depends on its arguments only, so that replaying the log gives the same state anywhere",
		},
		{
			Layer: Port, May: []Layer{Vocabulary, Core, Port}, Std: effects, Clock: true,
			Reason: "a port says what is needed of the world without naming who provides it",
		},
		{
			Layer: Adapter, May: []Layer{Vocabulary, Core, Port}, Clock: true,
			Reason: "an adapter can be replaced because nothing but the wiring knows it, and because it wraps one library family",
		},
		{
			Layer: Shell, May: []Layer{Vocabulary, Core, Port, Shell}, Std: effects, Clock: true,
			Reason: "the shell around the core loads, folds, decides and appends; what it reads and writes is handed to it",
		},
		{
			Layer: Contract, May: []Layer{Contract}, Clock: true,
			Reason: "generated clients and servers of the API know the wire only, so that a client can import them alone",
		},
		{
			Layer: Suite, May: []Layer{Vocabulary, Core, Port}, Clock: true,
			Reason: "a conformance suite sees an adapter through its port only; it links testing, so no binary may link it",
		},
		{
			Layer: Edge, May: []Layer{Vocabulary, Core, Port, Edge}, Clock: true, Outside: true,
			Reason: "what all services show the network is one port; it knows how to serve, not what",
		},
		{
			Layer: Service, May: []Layer{Vocabulary, Core, Port, Adapter, Shell, Contract, Edge, Service}, Clock: true, Outside: true,
			Reason: "services meet in the log: one that called another would have to be deployed, scaled and secured with it",
		},
		{
			Layer: Main, May: []Layer{Vocabulary, Core, Port, Adapter, Shell, Contract, Edge, Service, Main}, Clock: true, Outside: true,
			Reason: "main packages parse, wire and run",
		},
	},
	Rows: []Row{
		{
			Layer: Vocabulary, Packages: []string{"events/..."},
			Reason: "facts, frames and public payloads",
		},
		{
			Layer: Core, Packages: []string{"pkg/fault"},
			Reason: "the kinds of failure, free of any protocol",
		},
		{
			Layer: Core, Packages: []string{"pkg/directory"}, Outside: []string{"github.com/tidwall/btree"},
			Reason: "decide and evolve; the B-tree is a data structure without effects and keeps the overlay ordered",
		},
		{
			Layer: Core, Packages: []string{"pkg/announce"}, Outside: []string{"github.com/go-json-experiment/json"},
			Reason: "which public events a fact causes, as a function of rows; the JSON library reads attributes without effects",
		},
		{
			Layer: Core, Packages: []string{"pkg/scim/..."}, Outside: []string{"github.com/go-json-experiment/json"},
			Reason: "SCIM as functions on values; pkg/scim/jsonvalue reads JSON by the tokens of that library, without effects",
		},
		{
			Layer: Core, Packages: []string{"pkg/webhook"}, Outside: []string{"golang.org/x/net/http/httpguts"},
			Reason: "webhook signing as functions on values; httpguts says what a header may hold",
		},
		{
			Layer: Core, Packages: []string{"pkg/attempts"}, Outside: []string{"github.com/tidwall/btree"},
			Reason: "the history of deliveries as a format and a fold; the B-tree keeps what waits in order",
		},
		{
			Layer: Core, Packages: []string{"pkg/synclog"},
			Reason: "what is kept of requests that were refused or tolerated, and how much of it",
		},
		{
			Layer: Port, Packages: []string{"pkg/eventlog", "pkg/projection"},
			Reason: "what a log is and how it is folded",
		},
		{
			Layer: Adapter, Packages: []string{"pkg/eventlog/memlog"},
			Reason: "the log in memory",
		},
		{
			Layer: Adapter, Packages: []string{"pkg/natslog/..."}, Outside: []string{"github.com/nats-io"},
			Reason: "the log on JetStream, embedded or not",
		},
		{
			Layer: Adapter, Packages: []string{"pkg/lease"}, Outside: []string{"github.com/nats-io"},
			Reason: "who does the work, decided in a key-value bucket",
		},
		{
			Layer: Adapter, Packages: []string{"pkg/credential", "pkg/seal"},
			Reason: "secrets come from the system's randomness and a key file; only services make or open them",
		},
		{
			Layer: Adapter, Packages: []string{"pkg/webhook/egress"}, Outside: []string{"golang.org/x/net/idna"},
			Reason: "HTTP to receivers that nobody trusts, on the standard library; idna says which names can exist",
		},
		{
			Layer: Adapter, Packages: []string{"pkg/attempts/attemptlog"}, Outside: []string{"github.com/nats-io"},
			Reason: "the stream of attempts, one fenced writer a slot",
		},
		{
			Layer: Adapter, Packages: []string{"pkg/synclog/requestlog"}, Outside: []string{"github.com/nats-io"},
			Reason: "the stream of requests, written behind the answers' back",
		},
		{
			Layer: Adapter, Packages: []string{"pkg/published"}, Outside: []string{"github.com/nats-io"},
			Reason: "the stream of public events, a page at a time",
		},
		{
			Layer: Adapter, Packages: []string{"pkg/txtrecord"},
			Reason: "the DNS, on the standard library alone",
		},
		{
			Layer: Adapter, Packages: []string{"pkg/boltfile"}, Outside: []string{"go.etcd.io/bbolt"},
			Reason: "opening a bbolt file that may be damaged",
		},
		{
			Layer: Adapter, Packages: []string{"pkg/attempts/ledger"}, Outside: []string{"go.etcd.io/bbolt"}, Also: []string{"pkg/boltfile"},
			Reason: "deliveries as rows in bbolt, to be listed",
		},
		{
			Layer: Adapter, Packages: []string{"pkg/synclog/history"}, Outside: []string{"go.etcd.io/bbolt"}, Also: []string{"pkg/boltfile"},
			Reason: "the sync log as rows in bbolt, to be searched",
		},
		{
			Layer: Adapter, Packages: []string{"pkg/readmodel"}, Outside: []string{"go.etcd.io/bbolt"}, Also: []string{"pkg/boltfile"},
			Reason: "read models in bbolt",
		},
		{
			Layer: Shell, Packages: []string{"pkg/commit", "pkg/replica"}, Also: []string{"pkg/readmodel"},
			Reason: "how a partition is written and followed; rows and position share one bbolt transaction, so the store is named, not abstracted",
		},
		{
			Layer: Contract, Packages: []string{"pkg/api/..."},
			Outside: []string{
				"connectrpc.com/connect", "github.com/grpc-ecosystem/grpc-gateway",
				"google.golang.org/genproto", "google.golang.org/grpc", "google.golang.org/protobuf",
			},
			Reason: "the .proto files and what buf makes of them",
		},
		{
			Layer: Suite, Packages: []string{"pkg/eventlog/logtest", "pkg/directory/directorytest"},
			Outside: []string{"github.com/google/go-cmp", "pgregory.net/rapid"},
			Reason:  "what every adapter of a port has to pass, and what drives the core in tests",
		},
		{
			Layer: Suite, Packages: []string{"pkg/txtrecord/dnstest"}, Outside: []string{"golang.org/x/net/dns/dnsmessage"},
			Reason: "a DNS server for tests",
		},
		{
			Layer: Edge, Packages: []string{"services/web"},
			Reason: "the router, its limits, metrics and logs",
		},
		{
			Layer:    Service,
			Packages: []string{"services/ingress/...", "services/projector/...", "services/delivery/...", "services/bridge/...", "services/demo/..."},
			Reason:   "the four services; packages below one belong to it",
		},
		{
			Layer: Main, Packages: []string{"services/cmd/..."},
			Reason: "the binary",
		},
	},
	Families: []Family{
		{
			Prefixes: []string{"github.com/labstack/echo", "github.com/labstack/gommon"},
			Only:     []string{"services/..."},
			Reason:   "echo v4 is supported until the end of 2026: only HTTP edges know it, so that moving on stays a small change",
		},
		{
			Prefixes: []string{"github.com/alecthomas/kong", "github.com/schollz/progressbar"},
			Only:     []string{"services/cmd/..."},
			Reason:   "flags and progress bars belong to the command line; what is below takes values",
		},
		{
			Prefixes: []string{
				"github.com/chromedp", "github.com/google/go-cmp", "github.com/rogpeppe/go-internal", "github.com/stretchr/testify",
				"github.com/testcontainers", "go.uber.org/goleak", "pgregory.net/rapid",
			},
			Reason: "libraries for tests are never linked into the binary",
		},
	},
}

func join(list []string, more ...string) []string {
	return append(append([]string(nil), list...), more...)
}
