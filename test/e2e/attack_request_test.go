package e2e_test

import (
	"bufio"
	"os"
	"regexp"
	"sort"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	_ "github.com/rollcallhq/rollcall/services/projector/api" // registers every service that the server has
)

// rpc is a call of the contract.
type rpc struct {
	procedure string // "/package.Service/Method"
	method    protoreflect.MethodDescriptor
	bindings  []binding
}

// binding is how it appears over REST.
type binding struct{ method, path, body string }

var variable = regexp.MustCompile(`\{[a-z_]+\}`)

// rpcs enumerates the registered services, so that no call is forgotten.
func rpcs(t *testing.T) []rpc {
	t.Helper()
	rest := bindings(t)
	var all []rpc
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if p := string(f.Package()); !strings.HasPrefix(p, "scalekit.v1.") && p != "rollcall.v1" {
			return true
		}
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				m := s.Methods().Get(j)
				all = append(all, rpc{"/" + string(s.FullName()) + "/" + string(m.Name()), m, rest[string(m.FullName())]})
			}
		}
		return true
	})
	sort.Slice(all, func(i, j int) bool { return all[i].procedure < all[j].procedure })
	if len(all) < 70 {
		t.Fatalf("only %d calls are found", len(all))
	}
	return all
}

func bindings(t *testing.T) map[string][]binding {
	t.Helper()
	f, err := os.Open("../../pkg/api/proto/http.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	selector := regexp.MustCompile(`selector: (\S+)`)
	route := regexp.MustCompile(`\b(get|post|put|patch|delete): "([^"]+)"`)
	body := regexp.MustCompile(`body: "([^"]+)"`)
	all := map[string][]binding{}
	current := ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if m := selector.FindStringSubmatch(lines.Text()); m != nil {
			current = m[1]
		}
		if m := route.FindStringSubmatch(lines.Text()); m != nil {
			all[current] = append(all[current], binding{method: strings.ToUpper(m[1]), path: m[2]})
		}
		if m := body.FindStringSubmatch(lines.Text()); m != nil {
			list := all[current]
			list[len(list)-1].body = m[1]
		}
	}
	return all
}

// usual are values that calls take, so that an attack fails for what it is and
// not for its form.
var usual = map[string]string{
	"url": "https://attacker.example/hook", "display_name": "attack", "name": "attack", "description": "attack", "role_name": "member",
	"permission_name": "attack", "domain": "attacker.example", "query": "Victim", "email": "mallory@attacker.example", "path": "title",
	"default_member_role": "member", "resource": "User", "key": "badge", "map_to": "title", "networks": "203.0.113.0/24", "slug": "attack",
	"scopes": "read", "sources": "title", "permissions": "attack",
}

// left are members that are not filled: what they hold has rules of its own, and
// none of them names anything of an organization's.
var left = map[string]bool{"extensions": true, "mappings": true, "groups": true, "context": true}

// request fills every text of a call's request: ids from ids, by the name of the
// field, or of the service for a bare "id"; the rest with what is usual.
func request(c rpc, ids map[string]string) *dynamicpb.Message {
	m := dynamicpb.NewMessage(c.method.Input())
	fill(m, c, ids, 0)
	return m
}

func fill(m *dynamicpb.Message, c rpc, ids map[string]string, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if one := f.ContainingOneof(); one != nil && !one.IsSynthetic() && m.WhichOneof(one) != nil {
			continue // the first of them
		}
		switch {
		case f.IsMap(), left[string(f.Name())]:
		case f.Kind() == protoreflect.StringKind:
			value, ok := usual[string(f.Name())]
			if isID(f) {
				name := string(f.Name())
				if name == "id" && depth == 0 {
					name = string(c.method.Parent().Name()) + ".id"
				}
				value, ok = ids[name]
			}
			if !ok || value == "" {
				continue
			}
			if f.IsList() {
				m.Mutable(f).List().Append(protoreflect.ValueOfString(value))
			} else {
				m.Set(f, protoreflect.ValueOfString(value))
			}
		case f.Message() != nil && depth < 3 && !strings.HasPrefix(string(f.Message().FullName()), "google.protobuf."):
			inner := dynamicpb.NewMessage(f.Message())
			fill(inner, c, ids, depth+1)
			if f.IsList() {
				m.Mutable(f).List().Append(protoreflect.ValueOfMessage(inner))
			} else {
				m.Set(f, protoreflect.ValueOfMessage(inner))
			}
		}
	}
}
