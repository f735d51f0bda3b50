package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories/directoriesconnect"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/errdetails"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations/organizationsconnect"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// caller is one protocol's way to a few calls.
type caller struct {
	name   string
	create func(context.Context, *organizations.CreateOrganizationRequest) (*organizations.CreateOrganizationResponse, error)
	get    func(context.Context, *organizations.GetOrganizationRequest) (*organizations.GetOrganizationResponse, error)
	remove func(context.Context, *directories.DeleteDirectoryRequest) error
	dir    func(context.Context, *directories.CreateDirectoryRequest) (*directories.CreateDirectoryResponse, error)
	enable func(context.Context, *directories.ToggleDirectoryRequest) (*directories.ToggleDirectoryResponse, error)
	// refusal returns code, sentence and detail of an error.
	refusal func(error) (connect.Code, string, string)
}

func (s *server) callers() []caller {
	bearer := connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
			r.Header().Set("Authorization", "Bearer "+s.token)
			return next(ctx, r)
		}
	})
	h2 := &http.Client{Transport: &http.Transport{Protocols: protocols(false, true)}}
	viaConnect := func(name string, client *http.Client, options ...connect.ClientOption) caller {
		options = append(options, connect.WithInterceptors(bearer))
		o := organizationsconnect.NewOrganizationServiceClient(client, s.url, options...)
		d := directoriesconnect.NewDirectoryServiceClient(client, s.url, options...)
		return caller{
			name: name, create: o.CreateOrganization, get: o.GetOrganization, dir: d.CreateDirectory, enable: d.EnableDirectory,
			remove: func(ctx context.Context, r *directories.DeleteDirectoryRequest) error {
				_, err := d.DeleteDirectory(ctx, r)
				return err
			},
			refusal: func(err error) (connect.Code, string, string) {
				e := &connect.Error{}
				if !errors.As(err, &e) {
					return 0, "", ""
				}
				detail := ""
				for _, d := range e.Details() {
					if v, err := d.Value(); err == nil {
						if info, ok := v.(*errdetails.ErrorInfo); ok {
							detail = info.GetErrorCode()
						}
					}
				}
				return e.Code(), e.Message(), detail
			},
		}
	}
	o, d := organizations.NewOrganizationServiceClient(s.grpc), directories.NewDirectoryServiceClient(s.grpc)
	out := func(ctx context.Context) context.Context {
		return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+s.token)
	}
	return []caller{
		viaConnect("Connect over HTTP/1.1", s.http1),
		viaConnect("Connect over h2c", h2),
		viaConnect("Connect with JSON", s.http1, connect.WithProtoJSON()),
		viaConnect("gRPC over HTTP/1.1", s.http1, connect.WithGRPC()),
		viaConnect("gRPC over HTTP/1.1, gzip", s.http1, connect.WithGRPC(), connect.WithSendGzip()),
		viaConnect("gRPC-Web", s.http1, connect.WithGRPCWeb()),
		{
			name: "gRPC over h2c",
			create: func(ctx context.Context, r *organizations.CreateOrganizationRequest) (*organizations.CreateOrganizationResponse, error) {
				return o.CreateOrganization(out(ctx), r)
			},
			get: func(ctx context.Context, r *organizations.GetOrganizationRequest) (*organizations.GetOrganizationResponse, error) {
				return o.GetOrganization(out(ctx), r)
			},
			dir: func(ctx context.Context, r *directories.CreateDirectoryRequest) (*directories.CreateDirectoryResponse, error) {
				return d.CreateDirectory(out(ctx), r)
			},
			enable: func(ctx context.Context, r *directories.ToggleDirectoryRequest) (*directories.ToggleDirectoryResponse, error) {
				return d.EnableDirectory(out(ctx), r)
			},
			remove: func(ctx context.Context, r *directories.DeleteDirectoryRequest) error {
				_, err := d.DeleteDirectory(out(ctx), r)
				return err
			},
			refusal: func(err error) (connect.Code, string, string) {
				st := status.Convert(err)
				detail := ""
				for _, d := range st.Details() {
					if info, ok := d.(*errdetails.ErrorInfo); ok {
						detail = info.GetErrorCode()
					}
				}
				return connect.Code(st.Code()), st.Message(), detail
			},
		},
	}
}

// Every protocol does and refuses the same.
func TestProtocols_agree(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, c := range s.callers() {
		ctx := t.Context()
		external := strings.ReplaceAll(c.name, " ", "-") + "/ü"
		made, err := c.create(ctx, &organizations.CreateOrganizationRequest{Organization: &organizations.CreateOrganization{
			DisplayName: c.name, ExternalId: &external, Metadata: map[string]string{"plan": strings.Repeat("p", 200)},
		}})
		if err != nil {
			t.Errorf("%s: create: %v", c.name, err)
			continue
		}
		id := made.GetOrganization().GetId()
		got, err := c.get(ctx, &organizations.GetOrganizationRequest{Identities: &organizations.GetOrganizationRequest_ExternalId{ExternalId: external}})
		if err != nil {
			t.Errorf("%s: get: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(made.GetOrganization(), got.GetOrganization(), protocmp.Transform()); diff != "" {
			t.Errorf("%s (-created +got):\n%s", c.name, diff)
		}
		_, _, body := s.do(t, "GET", "/api/v1/organizations/"+id, "", "", http.Header{"Authorization": {"Bearer " + s.token}})
		rest := &organizations.GetOrganizationResponse{}
		if err := protojson.Unmarshal(body, rest); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rest, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-REST +got):\n%s", c.name, diff)
		}
		dir, err := c.dir(ctx, &directories.CreateDirectoryRequest{OrganizationId: id, Directory: &directories.CreateDirectory{DirectoryType: directories.DirectoryType_SCIM}})
		if err != nil {
			t.Errorf("%s: directory: %v", c.name, err)
			continue
		}
		if dir.GetDirectory().GetStats() == nil || dir.GetDirectory().GetName() != "SCIM" {
			t.Errorf("%s: directory %v", c.name, dir)
		}
		if on, err := c.enable(ctx, &directories.ToggleDirectoryRequest{OrganizationId: id, Id: dir.GetDirectory().GetId()}); err != nil || !on.GetEnabled() {
			t.Errorf("%s: enable: %v, %v", c.name, on, err)
		}

		_, err = c.get(ctx, &organizations.GetOrganizationRequest{Identities: &organizations.GetOrganizationRequest_Id{Id: "org_1"}})
		expect(t, c, "unknown", err, connect.CodeNotFound, "There is no organization \"org_1\".", "NOT_FOUND")
		_, err = c.get(ctx, &organizations.GetOrganizationRequest{})
		expect(t, c, "neither id", err, connect.CodeInvalidArgument, "id or external_id is required.", "INVALID")
		_, err = c.create(ctx, &organizations.CreateOrganizationRequest{Organization: &organizations.CreateOrganization{DisplayName: "x", ExternalId: &external}})
		expect(t, c, "taken", err, connect.CodeAlreadyExists, "already exists", "CONFLICT")
		err = c.remove(ctx, &directories.DeleteDirectoryRequest{OrganizationId: id, Id: dir.GetDirectory().GetId()})
		expect(t, c, "enabled", err, connect.CodeFailedPrecondition, "directory is enabled", "FAILED_PRECONDITION")
		_, err = c.create(ctx, &organizations.CreateOrganizationRequest{Organization: &organizations.CreateOrganization{DisplayName: strings.Repeat("x", 1<<20)}})
		if code, _, _ := c.refusal(err); code != connect.CodeResourceExhausted {
			t.Errorf("%s: a large message: %v", c.name, err)
		}
	}
}

func expect(t *testing.T, c caller, what string, err error, code connect.Code, says, detail string) {
	t.Helper()
	gotCode, gotText, gotDetail := c.refusal(err)
	if gotCode != code || !strings.Contains(gotText, says) || gotDetail != detail {
		t.Errorf("%s: %s: %v %q %q; want %v %q %q", c.name, what, gotCode, gotText, gotDetail, code, says, detail)
	}
}

// What went wrong inside is for the operator's log, not for the caller.
func TestInternal_isNotShown(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.mu.Lock()
	s.refused = errors.New("disk 7 of rack 3 is on fire")
	s.mu.Unlock()
	st, m := s.call(t, "POST", "/api/v1/organizations", `{"display_name":"Acme"}`)
	if st != 500 || m["code"] != 13.0 || strings.Contains(str(m, "message"), "disk") {
		t.Errorf("REST: %d %v", st, m)
	}
	_, err := organizations.NewOrganizationServiceClient(s.grpc).CreateOrganization(
		metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+s.token), &organizations.CreateOrganizationRequest{Organization: &organizations.CreateOrganization{}}, grpc.WaitForReady(true))
	if st := status.Convert(err); connect.Code(st.Code()) != connect.CodeInternal || strings.Contains(st.Message(), "disk") {
		t.Errorf("gRPC: %v", err)
	}
	if n := strings.Count(s.log.String(), "disk 7 of rack 3"); n != 2 {
		t.Errorf("logged %d times: %s", n, s.log)
	}
	s.mu.Lock()
	s.refused = fault.New(fault.TooManyRequests, "Slow down.")
	s.mu.Unlock()
	if st, m := s.call(t, "POST", "/api/v1/organizations", `{"display_name":"Acme"}`); st != 429 || m["code"] != 8.0 || str(m, "message") != "Slow down." {
		t.Errorf("REST: %d %v", st, m)
	}
}
