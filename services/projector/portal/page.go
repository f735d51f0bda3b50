package portal

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/pkg/directory"
)

// style is in the page; its hash in the policy says that nobody else's is.
const style = `body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}` +
	`table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.5rem;border-bottom:1px solid #ccc}`

// policy lets the page use its own style and nothing else, and be framed by the
// origins.
func policy(origins []string) string {
	ancestors := "'none'"
	if len(origins) > 0 {
		ancestors = strings.Join(origins, " ")
	}
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors " + ancestors
}

var layout = template.Must(template.New("layout").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{block "title" .}}Directory sync{{end}}</title><style>` + style + `</style></head>
<body><main>{{block "main" .}}{{end}}</main></body>
</html>
`))

func pageTemplate(text string) *template.Template {
	return template.Must(template.Must(layout.Clone()).Parse(text))
}

var organizationTemplate = pageTemplate(`{{define "title"}}{{.Name}}: directory sync{{end}}
{{define "main"}}<h1>{{.Name}}</h1>
{{if not .Sync}}<p>Directory sync is not part of this link.</p>
{{else if .Directories}}<table>
<thead><tr><th scope="col">Directory</th><th scope="col">State</th><th scope="col">Users</th><th scope="col">Groups</th><th scope="col">Last change</th></tr></thead>
<tbody>{{range .Directories}}<tr><td>{{.Name}}</td><td>{{if .Enabled}}enabled{{else}}disabled{{end}}</td><td>{{.Users}}</td><td>{{.Groups}}</td><td>{{if .Changed.IsZero}}none yet{{else}}{{.Changed.Format "2 January 2006, 15:04 UTC"}}{{end}}</td></tr>
{{end}}</tbody>
</table>
{{else}}<p>There is no directory yet.</p>
{{end}}<p>This page shows the state of your directories. You can see it until {{.Until.Format "2 January 2006, 15:04 UTC"}}.</p>{{end}}`)

var refusalTemplate = pageTemplate(`{{define "main"}}<h1>Directory sync</h1><p>{{.}}</p>{{end}}`)

// organizationPage is what the page of an organization shows.
type organizationPage struct {
	Name        string
	Sync        bool
	Directories []directoryLine
	Until       time.Time
}

type directoryLine struct {
	Name          string
	Enabled       bool
	Users, Groups uint64
	Changed       time.Time
}

// pageOf collects what a session may see of its organization, and of no other.
func pageOf(v directory.View, session *directory.PortalLink) (organizationPage, error) {
	o, ok, err := directory.Get[*directory.Organization](v, directory.Make(directory.TableOrganization, session.Organization))
	if err != nil || !ok {
		return organizationPage{}, err
	}
	page := organizationPage{
		Name: o.DisplayName, Until: session.Until.UTC(),
		Sync: o.May(directory.FeatureDirectorySync) && (len(session.Features) == 0 || slices.Contains(session.Features, directory.FeatureDirectorySync)),
	}
	if !page.Sync {
		return page, nil
	}
	var ids []string
	if err := v.Scan(directory.Make(directory.TableOrgDirectory, o.ID), "", func(k directory.Key, _ directory.Row) bool {
		ids = append(ids, k.Last())
		return true
	}); err != nil {
		return page, err
	}
	for _, id := range ids {
		d, ok, err := directory.Get[*directory.Directory](v, directory.Make(directory.TableDirectory, id))
		if err != nil {
			return page, err
		}
		if !ok {
			continue
		}
		line := directoryLine{Name: d.Name, Enabled: d.Enabled}
		n, ok, err := directory.Get[*directory.Counts](v, directory.Make(directory.TableCounts, id))
		if err != nil {
			return page, err
		}
		if ok {
			line.Users, line.Groups, line.Changed = n.Users, n.Groups, n.UsersUpdated.UTC()
			if n.GroupsUpdated.After(n.UsersUpdated) {
				line.Changed = n.GroupsUpdated.UTC()
			}
		}
		page.Directories = append(page.Directories, line)
	}
	return page, nil
}

func (p *portal) refuse(w http.ResponseWriter, status int, text string) {
	p.write(w, status, refusalTemplate, text)
}

// write writes a page as a whole, or that it could not be made.
func (p *portal) write(w http.ResponseWriter, status int, t *template.Template, data any) {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		p.cfg.Logger.Error("a page of the portal cannot be written", "error", err)
		http.Error(w, "The page could not be written.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // whoever left has no one to tell
}
