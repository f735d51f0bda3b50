package api

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// local is the connection that the REST gateway calls the implementation over:
// none, but with the same rules as every other protocol in front.
type local struct {
	core     *core
	services map[string]localService
}

type localService struct {
	server  any
	methods map[string]grpc.MethodDesc
}

func newLocal(c *core) *local { return &local{core: c, services: map[string]localService{}} }

// RegisterService implements grpc.ServiceRegistrar.
func (l *local) RegisterService(d *grpc.ServiceDesc, server any) {
	s := localService{server, map[string]grpc.MethodDesc{}}
	for _, m := range d.Methods {
		s.methods[m.MethodName] = m
	}
	l.services[d.ServiceName] = s
}

// Invoke implements grpc.ClientConnInterface.
func (l *local) Invoke(ctx context.Context, procedure string, args, reply any, _ ...grpc.CallOption) error {
	service, method, _ := strings.Cut(strings.TrimPrefix(procedure, "/"), "/")
	s := l.services[service]
	m, ok := s.methods[method]
	in, isMessage := args.(proto.Message)
	out, isReply := reply.(proto.Message)
	if !ok || !isMessage || !isReply {
		return fault.New(fault.Unimplemented, "This server does not offer this call.")
	}
	fill := func(v any) error {
		proto.Merge(v.(proto.Message), in) //nolint:errcheck // generated code asks
		return nil
	}
	guard := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		return l.core.call(ctx, procedure, req.(proto.Message), func(ctx context.Context) (any, error) { //nolint:errcheck // likewise
			return next(ctx, req)
		})
	}
	res, err := m.Handler(s.server, ctx, fill, guard)
	if err != nil {
		return err
	}
	proto.Merge(out, res.(proto.Message)) //nolint:errcheck // likewise
	return nil
}

// NewStream implements grpc.ClientConnInterface; no call of the contract streams.
func (l *local) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, fault.New(fault.Unimplemented, "This server does not offer this call over REST.")
}
