package directory

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/rollcallhq/rollcall/events/wire"
)

// rowFormat leads the stored form of users, groups and counts, which are binary
// because they are most of the rows; the others are JSON. Each format has further
// fields behind those of the one before; all are read.
const rowFormat = 3

// EncodeRow returns the stored form of a row.
func EncodeRow(r Row) ([]byte, error) {
	switch r := r.(type) {
	case Ref:
		return []byte(r), nil
	case *User:
		b := make([]byte, 0, len(r.Attributes)+256)
		b = append(b, rowFormat)
		b = wire.AppendString(b, r.ID)
		b = wire.AppendString(b, r.Organization)
		b = wire.AppendString(b, r.Directory)
		b = wire.AppendUvarint(b, r.Revision)
		b = wire.AppendTime(b, r.Created)
		b = wire.AppendTime(b, r.Updated)
		b = wire.AppendString(b, r.UserName)
		b = wire.AppendString(b, r.ExternalID)
		b = wire.AppendString(b, r.DisplayName)
		b = wire.AppendBool(b, r.Active)
		b = wire.AppendString(b, r.Address)
		b = wire.AppendUvarint(b, uint64(len(r.Emails)))
		for _, e := range r.Emails {
			b = wire.AppendString(b, e)
		}
		b = wire.AppendString(b, r.Attributes)
		b = wire.AppendString(b, r.Previous)
		return appendPerson(b, r), nil
	case *Group:
		b := make([]byte, 0, len(r.Attributes)+192)
		b = append(b, rowFormat)
		b = wire.AppendString(b, r.ID)
		b = wire.AppendString(b, r.Organization)
		b = wire.AppendString(b, r.Directory)
		b = wire.AppendUvarint(b, r.Revision)
		b = wire.AppendTime(b, r.Created)
		b = wire.AppendTime(b, r.Updated)
		b = wire.AppendUvarint(b, r.Members)
		b = wire.AppendString(b, r.DisplayName)
		b = wire.AppendString(b, r.ExternalID)
		b = wire.AppendString(b, r.Attributes)
		b = wire.AppendString(b, r.Previous)
		return wire.AppendUvarint(b, r.Pending), nil
	case *Counts:
		b := []byte{rowFormat}
		b = wire.AppendUvarint(b, r.Users)
		b = wire.AppendUvarint(b, r.Groups)
		b = wire.AppendTime(b, r.UsersUpdated)
		b = wire.AppendTime(b, r.GroupsUpdated)
		b = wire.AppendUvarint(b, r.Former)
		b = wire.AppendUvarint(b, r.Pending)
		b = wire.AppendString(b, r.LastUserChunk)
		return wire.AppendString(b, r.LastGroupChunk), nil
	case *Former:
		b := []byte{rowFormat}
		b = wire.AppendString(b, r.Previous)
		b = wire.AppendString(b, r.Next)
		b = wire.AppendString(b, r.ExternalID)
		b = wire.AppendString(b, r.Name)
		return wire.AppendUvarint(b, r.Deleted), nil
	case *Chunk:
		return wire.AppendUvarint([]byte{rowFormat}, r.Rows), nil
	case *Announced:
		b := []byte{rowFormat}
		b = wire.AppendUvarint(b, r.Version)
		b = wire.AppendBool(b, r.Live)
		b = append(b, r.Digest[:]...)
		b = wire.AppendUvarint(b, uint64(len(r.Roles)))
		for _, id := range r.Roles {
			b = wire.AppendString(b, id)
		}
		return b, nil
	default:
		return json.Marshal(r)
	}
}

// DecodeRow reads the stored form of the row at k. It copies what it keeps.
func DecodeRow(k Key, b []byte) (Row, error) {
	switch k.Table() {
	case TableUser:
		return decodeUser(b)
	case TableGroup:
		return decodeGroup(b)
	case TableCounts:
		return decodeCounts(b)
	case TableFormer:
		return decodeFormer(b)
	case TableAnnounced:
		return decodeAnnounced(b)
	case TableUserChunk, TableGroupChunk:
		return decodeChunk(b)
	case TableEnvironment:
		return decodeJSON[Environment](k, b)
	case TableOrganization:
		return decodeJSON[Organization](k, b)
	case TableDomain:
		return decodeJSON[Domain](k, b)
	case TableDirectory:
		return decodeDirectory(k, b)
	case TableSecret:
		return decodeJSON[Secret](k, b)
	case TableClient:
		return decodeJSON[APIClient](k, b)
	case TableNATSCredential:
		return decodeJSON[NATSCredential](k, b)
	case TableUsedKey:
		return decodeJSON[UsedKey](k, b)
	case TableAudit:
		return decodeJSON[AuditEntry](k, b)
	case TableEndpoint:
		return decodeJSON[Endpoint](k, b)
	case TableReplay:
		return decodeJSON[Replay](k, b)
	case TableSigningKey:
		return decodeJSON[SigningKey](k, b)
	case TablePortalLink:
		return decodeJSON[PortalLink](k, b)
	case TableFanout:
		return decodeJSON[Fanout](k, b)
	case TableProgress:
		return decodeJSON[FanoutProgress](k, b)
	case TableRole:
		return decodeJSON[Role](k, b)
	case TablePermission:
		return decodeJSON[Permission](k, b)
	case TableDefaultRoles:
		return decodeJSON[DefaultRoles](k, b)
	case TableRoleMapping:
		r, err := decodeJSON[RoleMapping](k, b)
		if m, ok := r.(*RoleMapping); ok && err == nil {
			m.index = &assignmentIndex{}
		}
		return r, err
	case TableRoleCount:
		return decodeJSON[RoleCount](k, b)
	case TablePerson:
		return decodeJSON[Person](k, b)
	case TableOrgMember:
		return decodeJSON[OrgMember](k, b)
	case TablePersonCounts:
		return decodeJSON[PersonCounts](k, b)
	case TablePersonTrail:
		return decodeJSON[PersonTrail](k, b)
	default:
		return Ref(b), nil
	}
}

func decodeJSON[T any, P interface {
	*T
	Row
}](k Key, b []byte) (Row, error) {
	v := P(new(T))
	if err := json.Unmarshal(b, v); err != nil {
		return nil, fmt.Errorf("decode row of table %q: %w", byte(k.Table()), err)
	}
	return v, nil
}

func decodeDirectory(k Key, b []byte) (Row, error) {
	r, err := decodeJSON[Directory](k, b)
	if d, ok := r.(*Directory); ok && err == nil {
		d.Policy, d.derived = wholePolicy(d.Policy), &settings{}
	}
	return r, err
}

func open(b []byte, what string) (*wire.Reader, error) {
	if len(b) == 0 || b[0] == 0 || b[0] > rowFormat {
		return nil, fmt.Errorf("decode %s row: unknown format", what)
	}
	return wire.NewReader(b[1:]), nil
}

// texts reads the short texts at the begin of a row, of which there are many,
// out of one copy.
type texts struct {
	*wire.Reader
	all  int // bytes
	head string
}

func textsOf(r *wire.Reader, b []byte) texts {
	const usual = 320 // nearly always as long as all of them
	all := b[len(b)-r.Len():]
	return texts{r, len(all), string(all[:min(len(all), usual)])}
}

func (t *texts) next() string {
	b := t.Bytes()
	end := t.all - t.Len()
	if end > len(t.head) {
		return string(b)
	}
	return t.head[end-len(b) : end]
}

func decodeUser(b []byte) (Row, error) {
	r, err := open(b, "user")
	if err != nil {
		return nil, err
	}
	t := textsOf(r, b)
	u := &User{
		ID: t.next(), Organization: t.next(), Directory: t.next(),
		Revision: r.Uvarint(), Created: r.Time(), Updated: r.Time(),
	}
	u.UserName, u.ExternalID, u.DisplayName = t.next(), t.next(), t.next()
	u.Active, u.Address = r.Bool(), t.next()
	if n := min(r.Uvarint(), uint64(r.Len())); n > 0 { //nolint:gosec // a length
		u.Emails = make([]string, 0, min(n, 8))
		for range n {
			u.Emails = append(u.Emails, t.next())
		}
	}
	u.Attributes = append(json.RawMessage(nil), r.Bytes()...)
	if b[0] >= 2 {
		u.Previous = r.String()
	}
	readPerson(r, u)
	if r.Err() != nil {
		return nil, fmt.Errorf("decode user row: %w", r.Err())
	}
	return u, nil
}

// appendPerson ends the row of a user whom the API wrote; other rows end before.
func appendPerson(b []byte, u *User) []byte {
	if u.Person == "" && len(u.Superseded) == 0 {
		return b
	}
	b = wire.AppendString(b, u.Person)
	b = wire.AppendUvarint(b, uint64(len(u.Superseded)))
	for _, path := range slices.Sorted(maps.Keys(u.Superseded)) {
		b = wire.AppendString(b, path)
		b = wire.AppendString(b, u.Superseded[path])
	}
	return b
}

func readPerson(r *wire.Reader, u *User) {
	if r.Len() == 0 {
		return
	}
	u.Person = r.String()
	if n := min(r.Uvarint(), uint64(r.Len())); n > 0 { //nolint:gosec // a length
		u.Superseded = make(map[string]json.RawMessage, min(n, 8))
		for range n {
			path := r.String()
			u.Superseded[path] = append(json.RawMessage(nil), r.Bytes()...)
		}
	}
}

func decodeGroup(b []byte) (Row, error) {
	r, err := open(b, "group")
	if err != nil {
		return nil, err
	}
	t := textsOf(r, b)
	g := &Group{
		ID: t.next(), Organization: t.next(), Directory: t.next(),
		Revision: r.Uvarint(), Created: r.Time(), Updated: r.Time(), Members: r.Uvarint(),
	}
	g.DisplayName, g.ExternalID = t.next(), t.next()
	g.Attributes = append(json.RawMessage(nil), r.Bytes()...)
	if b[0] >= 2 {
		g.Previous, g.Pending = r.String(), r.Uvarint()
	}
	if r.Err() != nil {
		return nil, fmt.Errorf("decode group row: %w", r.Err())
	}
	return g, nil
}

func decodeCounts(b []byte) (Row, error) {
	r, err := open(b, "counts")
	if err != nil {
		return nil, err
	}
	c := &Counts{Users: r.Uvarint(), Groups: r.Uvarint(), UsersUpdated: r.Time(), GroupsUpdated: r.Time()}
	if b[0] >= 2 {
		c.Former, c.Pending = r.Uvarint(), r.Uvarint()
	}
	if b[0] >= 3 {
		c.LastUserChunk, c.LastGroupChunk = r.String(), r.String()
	}
	if r.Err() != nil {
		return nil, fmt.Errorf("decode counts row: %w", r.Err())
	}
	return c, nil
}

func decodeChunk(b []byte) (Row, error) {
	r, err := open(b, "chunk")
	if err != nil {
		return nil, err
	}
	c := &Chunk{Rows: r.Uvarint()}
	if r.Err() != nil {
		return nil, fmt.Errorf("decode chunk row: %w", r.Err())
	}
	return c, nil
}

func decodeFormer(b []byte) (Row, error) {
	r, err := open(b, "former identity")
	if err != nil {
		return nil, err
	}
	f := &Former{Previous: r.String(), Next: r.String(), ExternalID: r.String(), Name: r.String(), Deleted: r.Uvarint()}
	if r.Err() != nil {
		return nil, fmt.Errorf("decode former identity row: %w", r.Err())
	}
	return f, nil
}

func decodeAnnounced(b []byte) (Row, error) {
	r, err := open(b, "announced")
	if err != nil {
		return nil, err
	}
	a := &Announced{Version: r.Uvarint(), Live: r.Bool()}
	copy(a.Digest[:], r.Fixed(len(a.Digest)))
	if r.Len() > 0 { // rows of earlier versions end here
		for range min(r.Uvarint(), uint64(r.Len())) { //nolint:gosec // a length
			a.Roles = append(a.Roles, r.String())
		}
	}
	if r.Err() != nil {
		return nil, fmt.Errorf("decode announced row: %w", r.Err())
	}
	return a, nil
}
