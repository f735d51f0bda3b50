package directory

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// Key is the ordered name of a row: one letter for the table, then the parts
// that scope it. Ids hold no separator, so a prefix scan stays inside its scope.
type Key string

// Table is the first byte of a key.
type Table byte

// The tables. The letters are stored; never reuse one for another meaning. What
// lies between '0' and 'z' may be one.
const (
	TableEnvironment      Table = 'E' // -> *Environment
	TableOrganization     Table = 'o' // org -> *Organization
	TableOrganizationName Table = 'O' // external id -> Ref(org)
	TableDomain           Table = 'd' // org, domain id -> *Domain
	TableDomainName       Table = 'D' // domain -> Ref(org/domain id)
	TableDirectory        Table = 'r' // dir -> *Directory
	TableOrgDirectory     Table = 'R' // org, dir -> Ref()
	TableSecret           Table = 's' // hash -> *Secret
	TableDirectorySecret  Table = 'S' // dir, secret id -> Ref(hash)
	TableClient           Table = 'c' // client -> *APIClient
	TableEndpoint         Table = 'e' // endpoint -> *Endpoint
	TableReplay           Table = 'w' // endpoint, replay -> *Replay
	TableSigningKey       Table = 'k' // key id -> *SigningKey
	TableUser             Table = 'u' // dir, user -> *User
	TableUserName         Table = 'n' // dir, folded userName -> Ref(user)
	TableUserExternal     Table = 'x' // dir, externalId, user -> Ref()
	TableUserEmail        Table = 'm' // dir, folded address, user -> Ref()
	TableUserDisplay      Table = 'y' // dir, folded displayName, user -> Ref()
	TableGroup            Table = 'g' // dir, group -> *Group
	TableGroupDisplay     Table = 'G' // dir, folded displayName, group -> Ref()
	TableGroupExternal    Table = 'X' // dir, externalId, group -> Ref()
	TableMember           Table = 'a' // group, member -> Ref()
	TableMemberOf         Table = 'b' // member, group -> Ref()
	TableCounts           Table = 'N' // dir -> *Counts
	TableFanout           Table = 'f' // job -> *Fanout
	TableAnnounced        Table = 'v' // resource -> *Announced, in projectors only
	TableUserChunk        Table = 'U' // dir, user -> *Chunk
	TableGroupChunk       Table = 'W' // dir, group -> *Chunk
	TableFormer           Table = 'h' // dir, deleted user or group -> *Former
	TableFormerExternal   Table = 'H' // dir, prefix of ids, externalId -> Ref(deleted user or group)
	TableFormerName       Table = 'i' // dir, prefix of ids, folded userName or displayName -> Ref(deleted user or group)
	TableFormerOrder      Table = 'I' // dir, number of the deletion -> Ref(deleted user or group)
	TablePending          Table = 'p' // group, value -> Ref(value)
	TablePendingName      Table = 'P' // dir, folded value, group, value -> Ref(value)
	TableRole             Table = 'l' // role -> *Role
	TableRoleName         Table = 'L' // org or empty, name -> Ref(role)
	TableOrgRoleName      Table = 'j' // name, org -> Ref(): names of organizations' own roles
	TableRoleExtends      Table = 'q' // role, role that extends it -> Ref()
	TableRoleHeir         Table = 'z' // role, deleted role whose place it took -> Ref()
	TableRoleUse          Table = 'Q' // role, dir -> Ref()
	TableRoleDefault      Table = 'V' // role, org or empty -> Ref()
	TableRoleMapping      Table = 'M' // dir -> *RoleMapping
	TableDefaultRoles     Table = 'Z' // org or empty -> *DefaultRoles
	TablePermission       Table = 't' // permission -> *Permission
	TablePermissionName   Table = 'T' // name -> Ref(permission)
	TableRoleCount        Table = 'C' // role, org -> *RoleCount, in projectors only
	TableUsedKey          Table = 'K' // SHA-256 of a client and its key -> *UsedKey
	TableUsedKeyOrder     Table = 'J' // time, SHA-256 -> Ref()
	TableAudit            Table = '1' // time, event id -> *AuditEntry, in projectors only
	TableAuditOf          Table = '2' // org, time, event id -> Ref(), in projectors only
	TablePerson           Table = '3' // person -> *Person, for those whom the API made or wrote
	TablePersonEmail      Table = '4' // folded address -> Ref(person)
	TablePersonExternal   Table = '5' // external id -> Ref(person)
	TableOrgMember        Table = '6' // org, person -> *OrgMember
	TableRoleMember       Table = '7' // role, org, person -> Ref()
	TablePersonCounts     Table = '8' // org or empty -> *PersonCounts
	TablePersonTrail      Table = '9' // person -> *PersonTrail
	TablePortalLink       Table = 'A' // link -> *PortalLink
	TableOrgPortalLink    Table = 'B' // org, link -> Ref()
	TableDomainPending    Table = 'F' // domain id -> Ref(org): domains that wait for their TXT record
	TableOrgMemberEmail   Table = 'Y' // org, folded address, person -> Ref(): of those in TableOrgMember
	TableUserDirectory    Table = '0' // user -> Ref(dir), in projectors only
	TableProgress         Table = '>' // dir, job -> *FanoutProgress, in projectors only
	TableNATSCredential   Table = '@' // credential -> *NATSCredential
)

// sep ends a part. It sorts before every byte of an id, and values that could
// hold it (names, external ids) are escaped.
const sep = "\x00"

// Make builds a key; every part is ended, so it is also the prefix of all keys
// with further parts.
func Make(t Table, parts ...string) Key {
	n := 1
	for _, p := range parts {
		n += len(p) + 1
	}
	var b strings.Builder
	b.Grow(n)
	b.WriteByte(byte(t))
	for _, p := range parts {
		if strings.Contains(p, sep) {
			p = strings.ReplaceAll(p, sep, "\x01\x01")
		}
		b.WriteString(p)
		b.WriteString(sep)
	}
	return Key(b.String())
}

// Table returns the key's table.
func (k Key) Table() Table {
	if k == "" {
		return 0
	}
	return Table(k[0])
}

// Last returns the key's last part, which is the id in index tables.
func (k Key) Last() string {
	s := strings.TrimSuffix(string(k), sep)
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[i+1:]
	}
	if s == "" {
		return ""
	}
	return s[1:]
}

// End returns the least key that is greater than every key that begins with k,
// empty if there is none.
func (k Key) End() Key {
	b := []byte(k)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return Key(b[:i+1])
		}
	}
	return ""
}

// HashKey is the form in which a secret's hash is part of a key.
func HashKey(sum []byte) string { return hex.EncodeToString(sum) }

// The prefixes of ids, from the wire reference section 6.
const (
	PrefixEnvironment  = "env_"
	PrefixOrganization = "org_"
	PrefixDomain       = "dom_"
	PrefixDirectory    = "dir_"
	PrefixSecret       = "sec_"
	PrefixClient       = "skc_"
	PrefixEndpoint     = "whe_"
	PrefixReplay       = "whr_"
	PrefixSigningKey   = "key_"
	PrefixUser         = "diruser_"
	PrefixGroup        = "dirgroup_"
	PrefixJob          = "job_"
	PrefixRole         = "role_"
	PrefixPermission   = "perm_"
	PrefixPortalLink   = "lnk_"

	PrefixNATSCredential = "nat_"
)

// prefixOf returns with what the id of a user or group begins.
func prefixOf(id string) string {
	if strings.HasPrefix(id, PrefixGroup) {
		return PrefixGroup
	}
	return PrefixUser
}

// resourceKey returns the key of a user or group, which its id tells apart.
func resourceKey(dir, id string) Key {
	if prefixOf(id) == PrefixGroup {
		return Make(TableGroup, dir, id)
	}
	return Make(TableUser, dir, id)
}

// FormatID makes an id of a prefix and a number: always 18 digits, so ids of
// one kind sort by age.
func FormatID(prefix string, n uint64) string {
	const digits = 18
	b := make([]byte, 0, len(prefix)+digits+2)
	b = append(b, prefix...)
	for least := uint64(100_000_000_000_000_000); least > 1 && n < least; least /= 10 {
		b = append(b, '0')
	}
	return string(strconv.AppendUint(b, n, 10))
}

// parts returns the parts of a key of ids.
func (k Key) parts() []string {
	if len(k) < 2 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(k[1:]), sep), sep)
}
