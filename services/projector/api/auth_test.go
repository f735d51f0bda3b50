package api_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// methods returns every method of every service of the contract.
func methods(t *testing.T) []protoreflect.MethodDescriptor {
	t.Helper()
	var list []protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if p := string(f.Package()); !strings.HasPrefix(p, "scalekit.v1.") && p != "rollcall.v1" {
			return true
		}
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				list = append(list, s.Methods().Get(j))
			}
		}
		return true
	})
	if len(list) < 40 {
		t.Fatalf("only %d methods found", len(list))
	}
	return list
}

func procedure(m protoreflect.MethodDescriptor) string {
	return "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
}

// binding is a line of http.yaml.
type binding struct{ selector, method, path string }

func bindings(t *testing.T) []binding {
	t.Helper()
	f, err := os.Open("../../../pkg/api/proto/http.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	selector := regexp.MustCompile(`selector: (\S+)`)
	route := regexp.MustCompile(`\b(get|post|put|patch|delete): "([^"]+)"`)
	var list []binding
	current := ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if m := selector.FindStringSubmatch(lines.Text()); m != nil {
			current = m[1]
		}
		if m := route.FindStringSubmatch(lines.Text()); m != nil {
			list = append(list, binding{current, strings.ToUpper(m[1]), m[2]})
		}
	}
	return list
}

var variable = regexp.MustCompile(`\{[a-z_]+\}`)

// Every method is refused without a token and with a wrong one, on every
// protocol, and is not with a right one.
func TestEveryMethod_needsToken(t *testing.T) {
	t.Parallel()
	s := start(t)
	wrong := []string{"", "Bearer ", "Bearer x.y.z", "Basic " + s.token, s.token, "Bearer " + s.token[:len(s.token)-4] + "AAAA"}
	for _, m := range methods(t) {
		for _, header := range wrong {
			if got := s.grpcCode(t, m, header); got != codes.Unauthenticated {
				t.Errorf("gRPC %s with %.12q: %v", procedure(m), header, got)
			}
			if got := s.grpc1Code(t, m, header); got != "16" {
				t.Errorf("gRPC over HTTP/1.1 %s with %.12q: grpc-status %s", procedure(m), header, got)
			}
			if st, code := s.connectCode(t, m, header); st != 401 || code != "unauthenticated" {
				t.Errorf("Connect %s with %.12q: %d %s", procedure(m), header, st, code)
			}
		}
		if got := s.grpcCode(t, m, "Bearer "+s.token); got == codes.Unauthenticated || got == codes.OK && strings.HasPrefix(string(m.Name()), "Create") {
			t.Errorf("gRPC %s with a token: %v", procedure(m), got)
		}
		if got := s.grpc1Code(t, m, "Bearer "+s.token); got == "16" || got == "" {
			t.Errorf("gRPC over HTTP/1.1 %s with a token: grpc-status %q", procedure(m), got)
		}
		if st, code := s.connectCode(t, m, "Bearer "+s.token); st == 401 || code == "unauthenticated" {
			t.Errorf("Connect %s with a token: %d %s", procedure(m), st, code)
		}
	}
	bound := map[string]bool{}
	for _, b := range bindings(t) {
		bound["/"+b.selector[:strings.LastIndex(b.selector, ".")]+"/"+b.selector[strings.LastIndex(b.selector, ".")+1:]] = true
		path := variable.ReplaceAllString(b.path, "x")
		for _, header := range wrong {
			st, _, body := s.do(t, b.method, path, "application/json", "{}", http.Header{"Authorization": {header}})
			if m := decode(t, body); st != 401 || m["code"] != 16.0 {
				t.Errorf("%s %s with %.12q: %d %v", b.method, path, header, st, m)
			}
		}
		if st, m := s.call(t, b.method, path, "{}"); st == 401 || st == 405 || st == 404 && str(m, "message") == "There is nothing at this path." {
			t.Errorf("%s %s with a token: %d %v", b.method, path, st, m)
		}
	}
	for _, m := range methods(t) {
		if !bound[procedure(m)] {
			t.Errorf("%s has no REST path", procedure(m))
		}
	}
}

// The methods without an implementation answer 12 on gRPC and 501 on REST; the
// list shrinks as they get one.
func TestUnimplemented(t *testing.T) {
	t.Parallel()
	s := start(t)
	var got []string
	for _, m := range methods(t) {
		if s.grpcCode(t, m, "Bearer "+s.token) == codes.Unimplemented {
			got = append(got, string(m.Name()))
		}
	}
	slices.Sort(got)
	want := []string{
		"AssignGroupsForDirectory", "GetDirectoryContext", "TriggerDirectorySync", "UpdateDirectoryContext",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unimplemented methods (-want +got):\n%s", diff)
	}
	if st, m := s.call(t, "GET", "/api/v1/organizations/org_1/directories/dir_1:sync", ""); st != 501 || m["code"] != 12.0 {
		t.Errorf("REST: %d %v", st, m)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+s.token)
	err := s.grpc.Invoke(ctx, "/scalekit.v1.connections.ConnectionService/ListConnections", &dynamicEmpty{}, &dynamicEmpty{}, grpc.ForceCodec(emptyCodec{}))
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("a service that there is not: %v", err)
	}
}

// dynamicEmpty and its codec stand for messages that are in no file of ours.
type dynamicEmpty struct{}

type emptyCodec struct{}

func (emptyCodec) Marshal(any) ([]byte, error) { return nil, nil }
func (emptyCodec) Unmarshal([]byte, any) error { return nil }
func (emptyCodec) Name() string                { return "proto" }

func (s *server) grpcCode(t *testing.T, m protoreflect.MethodDescriptor, header string) codes.Code {
	t.Helper()
	ctx := t.Context()
	if header != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", header)
	}
	return status.Code(s.grpc.Invoke(ctx, procedure(m), dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())))
}

// grpc1Code sends an empty message as one SDK does: gRPC over HTTP/1.1.
func (s *server) grpc1Code(t *testing.T, m protoreflect.MethodDescriptor, header string) string {
	t.Helper()
	h := http.Header{"Te": {"trailers"}}
	if header != "" {
		h.Set("Authorization", header)
	}
	st, answer, _ := s.do(t, "POST", procedure(m), "application/grpc", "\x00\x00\x00\x00\x00", h)
	if st != 200 || !strings.HasPrefix(answer.Get("Content-Type"), "application/grpc") {
		t.Errorf("%s: HTTP status %d, content type %q", procedure(m), st, answer.Get("Content-Type"))
	}
	return answer.Get("Grpc-Status")
}

func (s *server) connectCode(t *testing.T, m protoreflect.MethodDescriptor, header string) (int, string) {
	t.Helper()
	h := http.Header{"Connect-Protocol-Version": {"1"}}
	if header != "" {
		h.Set("Authorization", header)
	}
	st, _, body := s.do(t, "POST", procedure(m), "application/json", "{}", h)
	var answer struct{ Code string }
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Errorf("%s: answer %q", procedure(m), body)
	}
	return st, answer.Code
}

// A header that is there twice counts once; two different ones count as none.
func TestAuthorization_twice(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, tt := range map[string]struct {
		values []string
		want   codes.Code
	}{
		"same twice":  {[]string{"Bearer " + s.token, "Bearer " + s.token}, codes.OK},
		"lower case":  {[]string{"bearer " + s.token}, codes.OK},
		"two of them": {[]string{"Bearer " + s.token, "Bearer x"}, codes.Unauthenticated},
	} {
		ctx := t.Context()
		for _, v := range tt.values {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", v)
		}
		m := methodNamed(t, "ListOrganization")
		err := s.grpc.Invoke(ctx, procedure(m), dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output()))
		if status.Code(err) != tt.want {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func methodNamed(t *testing.T, name string) protoreflect.MethodDescriptor {
	t.Helper()
	for _, m := range methods(t) {
		if string(m.Name()) == name {
			return m
		}
	}
	t.Fatalf("no method %s", name)
	return nil
}

// While the model is behind, nobody is told that the token is wrong: clients
// would fetch another for nothing.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.mu.Lock()
	s.down = true
	s.mu.Unlock()
	m := methodNamed(t, "ListOrganization")
	if got := s.grpcCode(t, m, "Bearer "+s.token); got != codes.Unavailable {
		t.Errorf("gRPC: %v", got)
	}
	if st, code := s.connectCode(t, m, "Bearer "+s.token); st != 503 || code != connect.CodeUnavailable.String() {
		t.Errorf("Connect: %d %s", st, code)
	}
	if st, body := s.call(t, "GET", "/api/v1/organizations", ""); st != 503 || body["code"] != 14.0 {
		t.Errorf("REST: %d %v", st, body)
	}
	if st, body := s.form(t, "/oauth/token", map[string][]string{
		"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {clientSecret},
	}); st != 503 || body["error"] != "temporarily_unavailable" {
		t.Errorf("token: %d %v", st, body)
	}
}
