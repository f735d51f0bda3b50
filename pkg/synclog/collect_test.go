package synclog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/synclog"
)

// refused and tolerated are requests as providers cause them.
func refused(resource string) synclog.Entry {
	return synclog.Entry{
		Organization: "org_1", Directory: "dir_1", Secret: "sec_1", Method: "PUT", Endpoint: "Users", Resource: resource,
		Status: 400, ScimType: "invalidValue", Cause: "invalid_value", Detail: "No.", Count: 1,
	}
}

func tolerated(resource string) synclog.Entry {
	return synclog.Entry{
		Organization: "org_1", Directory: "dir_1", Secret: "sec_1", Method: "PATCH", Endpoint: "Users", Resource: resource,
		Status: 200, Deviations: []synclog.Deviation{{Cause: "string_boolean", Path: "active"}}, Count: 1,
	}
}

// at stamps an entry.
func at(e synclog.Entry, t time.Time) synclog.Entry { e.At = t; return e }

// take returns what is told in the seconds from one time to another, asked every
// fifth of a second.
func take(c *synclog.Collector, from, to time.Time) (all []synclog.Batch) {
	for now := from; now.Before(to); now = now.Add(200 * time.Millisecond) {
		all = append(all, c.Take(2, now)...)
	}
	return all
}

func entries(bs []synclog.Batch) (all []synclog.Entry) {
	for _, b := range bs {
		all = append(all, b.Entries...)
	}
	return all
}

func total(es []synclog.Entry) (n int) {
	for _, e := range es {
		n += e.Count
	}
	return n
}

// TestTold: what happens once is told at once and whole.
func TestTold(t *testing.T) {
	t.Parallel()
	c := synclog.NewCollector()
	e := at(refused("diruser_1"), noon)
	e.Query = "attributes=id"
	c.Add(e.With([]byte(`{"userName":"mara","password":"t1ger"}`)), noon)
	bs := c.Take(2, noon)
	if len(bs) != 1 || len(bs[0].Entries) != 1 || bs[0].Directory != "dir_1" || bs[0].Organization != "org_1" {
		t.Fatalf("told %+v", bs)
	}
	bs[0].Redact()
	data, err := synclog.Encode(bs[0])
	if err != nil {
		t.Fatal(err)
	}
	b, err := synclog.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	got := b.Entries[0]
	if got.Body != `{"userName":"mara"}` || got.BodySize != 38 || got.BodyCut || got.Count != 1 || got.Query != "attributes=id" || !got.At.Equal(noon) {
		t.Errorf("kept %+v", got)
	}
	if u := b.Usage; u == nil || u.Requests != 1 || u.Refused != 1 || !u.Secrets["sec_1"].Equal(noon) || u.LastRefusal.Cause != "invalid_value" || !u.LastSuccess.IsZero() {
		t.Errorf("usage is %+v", b.Usage)
	}
	if c.Held() != 0 {
		t.Errorf("%d bytes are held by nothing", c.Held())
	}
	if again := c.Take(2, noon.Add(time.Hour)); len(again) != 0 {
		t.Errorf("told twice: %+v", again)
	}
}

// TestUnredacted: a body that nobody redacted does not get out.
func TestUnredacted(t *testing.T) {
	t.Parallel()
	c := synclog.NewCollector()
	c.Add(at(refused("diruser_1"), noon).With([]byte(`{"password":"t1ger"}`)), noon)
	data, err := synclog.Encode(c.Take(1, noon)[0])
	if err != nil || strings.Contains(string(data), "t1ger") {
		t.Errorf("%s, %v", data, err)
	}
}

// TestUsage: a request that is not notable is counted and told within a minute,
// the first one at once.
func TestUsage(t *testing.T) {
	t.Parallel()
	c := synclog.NewCollector()
	ok := synclog.Entry{Organization: "org_1", Directory: "dir_1", Secret: "sec_1", Method: "GET", Endpoint: "Users", Status: 200}
	c.Add(at(ok, noon), noon)
	bs := c.Take(2, noon.Add(time.Second))
	if len(bs) != 1 || len(bs[0].Entries) != 0 || bs[0].Usage.Requests != 1 || !bs[0].Usage.LastSuccess.Equal(noon) {
		t.Fatalf("told %+v", bs)
	}
	later := noon.Add(10 * time.Second)
	for range 5 {
		c.Add(at(ok, later), later)
	}
	if bs := take(c, later, noon.Add(time.Minute)); len(bs) != 0 {
		t.Errorf("told within the minute: %+v", bs)
	}
	bs = take(c, noon.Add(time.Minute), noon.Add(time.Minute+3*time.Second))
	if len(bs) != 1 || bs[0].Usage.Requests != 5 || !bs[0].Usage.Last.Equal(later) {
		t.Errorf("after a minute told %+v", bs)
	}
	c.Add(at(refused(""), later), later) // without a directory
	nowhere := refused("")
	nowhere.Directory = ""
	c.Add(nowhere, later)
	if bs := c.Drain(later); len(bs) != 1 || bs[0].Usage.Requests != 1 {
		t.Errorf("drained %+v", bs)
	}
}

// TestFlood: a provider that does the same all day is counted, what it did can
// be found by resource, and something else is still kept whole.
func TestFlood(t *testing.T) {
	t.Parallel()
	c := synclog.NewCollector()
	const perSecond, seconds = 200, 120
	var told []synclog.Batch
	n := 0
	for s := range seconds {
		now := noon.Add(time.Duration(s) * time.Second)
		for range perSecond {
			c.Add(at(tolerated(fmt.Sprintf("diruser_%06d", n)), now).With([]byte(`{"active":"True"}`)), now)
			n++
		}
		if s == seconds/2 {
			c.Add(at(refused("diruser_other"), now).With([]byte(`{"odd":"one"}`)), now)
		}
		told = append(told, take(c, now, now.Add(time.Second))...)
	}
	told = append(told, c.Drain(noon.Add(seconds*time.Second))...)
	size, all := 0, entries(told)
	found := map[string]bool{}
	single := 0
	for i, b := range told {
		b.Redact()
		data, err := synclog.Encode(b)
		if err != nil || len(data) > synclog.MaxBatch {
			t.Fatalf("batch %d has %d bytes: %v", i, len(data), err)
		}
		size += len(data)
		for _, e := range b.Entries {
			found[e.Resource] = true
			for _, r := range e.Resources {
				found[r] = true
			}
			switch {
			case e.Resource == "diruser_other":
				if e.Body != `{"odd":"one"}` {
					t.Errorf("the odd one is %+v", e)
				}
			case e.Count == 1:
				single++
			}
		}
	}
	if got := total(all); got != n+1 {
		t.Errorf("%d of %d requests are told", got, n+1)
	}
	if len(found) != n+1 {
		t.Errorf("%d of %d resources are named", len(found), n+1)
	}
	if single < 10 || single > 20 {
		t.Errorf("%d requests are kept one by one", single)
	}
	if most := seconds / 2; len(told) > most+2 {
		t.Errorf("%d batches in %d seconds", len(told), seconds)
	}
	if size > 1<<20 {
		t.Errorf("%d requests took %d bytes", n, size)
	}
	if c.Dropped() != 0 || c.Held() != 0 {
		t.Errorf("%d dropped, %d held", c.Dropped(), c.Held())
	}
}

// TestBytes: whatever a directory sends, it cannot fill more than its share.
func TestBytes(t *testing.T) {
	t.Parallel()
	c := synclog.NewCollector()
	body := []byte(`{"a":"` + strings.Repeat("x", synclog.MaxBody) + `"}`)
	size, n := 0, 0
	const seconds = 300
	for s := range seconds {
		now := noon.Add(time.Duration(s) * time.Second)
		for i := range 100 {
			e := at(refused(fmt.Sprintf("diruser_%d_%d", s, i)), now)
			e.Status, e.Cause = 400+i%10, fmt.Sprint("cause", i)
			c.Add(e.With(body), now)
			n++
		}
		for _, b := range take(c, now, now.Add(time.Second)) {
			b.Redact()
			data, err := synclog.Encode(b)
			if err != nil {
				t.Fatal(err)
			}
			size += len(data)
			n -= total(b.Entries)
		}
		if c.Held() > synclog.MaxHeld {
			t.Fatalf("%d bytes are held", c.Held())
		}
	}
	// What was saved up, what came in meanwhile, and the counts themselves, which
	// are told every ten seconds for each of a hundred kinds.
	if most := 4<<20 + seconds<<10 + seconds/10*100*(200*20+300); size > most {
		t.Errorf("%d bytes were told, %d are allowed", size, most)
	}
	if left := total(entries(c.Drain(noon.Add(time.Hour)))); left != n {
		t.Errorf("%d requests are left, %d were not told", left, n)
	}
}

// TestHeld: when nothing can be told, what is beyond the bound is dropped and
// counted.
func TestHeld(t *testing.T) {
	t.Parallel()
	c := synclog.NewCollector()
	n := 0
	for d := range 150 {
		for i := range 300 {
			e := at(refused(fmt.Sprint("diruser_", i)), noon)
			e.Directory, e.Detail = fmt.Sprint("dir_", d), strings.Repeat("d", 1000)
			c.Add(e.With([]byte(`{}`)), noon)
			n++
		}
		if c.Held() > synclog.MaxHeld {
			t.Fatalf("%d bytes are held", c.Held())
		}
	}
	if c.Dropped() == 0 {
		t.Error("nothing was dropped")
	}
	if got := total(entries(c.Drain(noon))); got+int(c.Dropped()) != n {
		t.Errorf("%d told and %d dropped, of %d", got, c.Dropped(), n)
	}
	if c.Held() != 0 {
		t.Errorf("%d bytes are held by nothing", c.Held())
	}
}

// TestFair: a directory that never rests does not keep others waiting.
func TestFair(t *testing.T) {
	t.Parallel()
	c := synclog.NewCollector()
	now := noon
	for i := range 50 {
		for range 3 {
			e := at(refused("diruser_1"), now)
			e.Directory = fmt.Sprint("dir_", i)
			c.Add(e, now)
		}
	}
	seen := map[string]time.Time{}
	for range 40 {
		for _, b := range c.Take(2, now) {
			if last, ok := seen[b.Directory]; ok && now.Sub(last) < 2*time.Second {
				t.Errorf("%s is told twice within %s", b.Directory, now.Sub(last))
			}
			seen[b.Directory] = now
		}
		noisy := at(refused("diruser_1"), now)
		noisy.Directory = "dir_0"
		c.Add(noisy, now)
		now = now.Add(200 * time.Millisecond)
	}
	if len(seen) != 50 {
		t.Errorf("%d of 50 directories were told", len(seen))
	}
}

// TestForget: a directory that is silent leaves nothing behind.
func TestForget(t *testing.T) {
	t.Parallel()
	c := synclog.NewCollector()
	for i := range 20 {
		c.Add(at(tolerated(fmt.Sprint("diruser_", i)), noon), noon)
	}
	first := total(entries(take(c, noon, noon.Add(time.Minute))))
	if first != 20 {
		t.Errorf("%d of 20 are told", first)
	}
	again := noon.Add(time.Hour)
	take(c, again, again.Add(time.Second))
	for i := range 5 {
		c.Add(at(tolerated(fmt.Sprint("diruser_", i)), again), again)
	}
	for _, e := range entries(c.Drain(again)) {
		if e.Count != 1 {
			t.Errorf("after an hour, %d requests are counted together", e.Count)
		}
	}
}

// TestCollectProperty: nothing gets lost, whatever comes in whichever order.
func TestCollectProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := synclog.NewCollector()
		now := noon
		notable, requests := map[string]int{}, map[string]int{}
		told, used := map[string]int{}, map[string]int{}
		last := map[string]time.Time{}
		collect := func(bs []synclog.Batch) {
			for _, b := range bs {
				b.Redact()
				data, err := synclog.Encode(b)
				if err != nil || len(data) > synclog.MaxBatch {
					t.Fatalf("a batch of %d bytes: %v", len(data), err)
				}
				if b, err = synclog.Decode(data); err != nil {
					t.Fatal(err)
				}
				told[b.Directory] += total(b.Entries)
				if b.Usage != nil {
					used[b.Directory] += b.Usage.Requests
				}
				for _, e := range b.Entries {
					if e.Count < 1 || e.Count > 1 && e.Last.Before(e.At) || len(e.Resources) >= e.Count {
						t.Fatalf("told %+v", e)
					}
				}
			}
		}
		// Everything that JSON makes longer, and what is no text.
		nasty := rapid.SampledFrom([]string{"", "a", "\"", "\\", "\u2028", "\x00", "\xff", "ä", "<&>"})
		text := func(label string, n int) string {
			return strings.Repeat(nasty.Draw(t, label), rapid.SampledFrom([]int{1, 3, n}).Draw(t, label+" times"))
		}
		for range rapid.IntRange(1, 10).Draw(t, "steps") {
			times, most := rapid.SampledFrom([]int{1, 1, 1, 30, 1100}).Draw(t, "times"), 2500
			if times > 1 {
				most = 3
			}
			e := synclog.Entry{
				Organization: "org_1", Directory: fmt.Sprint("dir_", rapid.IntRange(0, 2).Draw(t, "directory")), Secret: "sec_1",
				At: now, Method: "PUT", Endpoint: "Users", Resource: fmt.Sprint("u", rapid.IntRange(0, 500).Draw(t, "resource")),
				Status: rapid.SampledFrom([]int{200, 200, 204, 400, 404, 409, 500}).Draw(t, "status"), Count: 1,
			}
			if rapid.Bool().Draw(t, "deviant") {
				for i := range rapid.SampledFrom([]int{1, 2, 60}).Draw(t, "deviations") {
					e.Deviations = append(e.Deviations, synclog.Deviation{Cause: "cause", Path: fmt.Sprint(text("path", most/4), i)})
				}
			}
			e.Query, e.Detail, e.UserAgent = text("query", most), text("detail", most/2), text("agent", most/5)
			e = e.With([]byte(`{"a":"` + strings.ReplaceAll(strings.ReplaceAll(text("body", most*7), `\`, `\\`), `"`, `\"`) + `"}`))
			for range times {
				e.At = now
				c.Add(e, now)
				requests[e.Directory]++
				if e.Notable() {
					notable[e.Directory]++
				}
			}
			now = now.Add(rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second, 15 * time.Second, -time.Second, time.Hour}).Draw(t, "pause"))
			bs := c.Take(rapid.IntRange(0, 3).Draw(t, "batches"), now)
			for _, b := range bs {
				if d := now.Sub(last[b.Directory]); d >= 0 && d < 2*time.Second {
					t.Fatalf("%s is told again after %s", b.Directory, d)
				}
				last[b.Directory] = now
			}
			collect(bs)
		}
		collect(c.Drain(now))
		lost := 0
		for d := range requests {
			lost += notable[d] - told[d]
			if used[d] != requests[d] {
				t.Fatalf("%s: %d of %d requests are counted", d, used[d], requests[d])
			}
		}
		if lost != int(c.Dropped()) || c.Held() != 0 {
			t.Fatalf("%d are lost, %d dropped, %d bytes held", lost, c.Dropped(), c.Held())
		}
	})
}

// TestBounds: no part of an entry is longer than it may be, and none breaks the
// line it is shown on.
func TestBounds(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä\n", 5000)
	e := synclog.Entry{
		Organization: "org_1", Directory: "dir_1", At: noon, Secret: long, Request: long, Method: long, Endpoint: long, Resource: long, Kind: long,
		Query: long, Status: 400, ScimType: long, Cause: long, Detail: long, Profile: long, UserAgent: long,
	}
	for range 100 {
		e.Deviations = append(e.Deviations, synclog.Deviation{Cause: long, Path: long})
	}
	c := synclog.NewCollector()
	c.Add(e, noon)
	got := c.Drain(noon)[0].Entries[0]
	for _, s := range []string{got.Secret, got.Request, got.Method, got.Endpoint, got.Resource, got.Kind, got.ScimType, got.Cause, got.Profile, got.Deviations[0].Cause} {
		if len(s) > synclog.MaxID || strings.Contains(s, "\n") {
			t.Errorf("%d bytes: %.20q", len(s), s)
		}
	}
	if len(got.UserAgent) > synclog.MaxName || len(got.Query) > synclog.MaxQuery || len(got.Detail) > synclog.MaxDetail ||
		len(got.Deviations) != synclog.MaxDeviations || len(got.Deviations[0].Path) > synclog.MaxName {
		t.Errorf("kept %d %d %d bytes, %d deviations", len(got.UserAgent), len(got.Query), len(got.Detail), len(got.Deviations))
	}
	if slices.Contains([]int{got.Count, len(e.Deviations) - 99}, 0) {
		t.Errorf("count %d", got.Count)
	}
}

// TestQuery: a query that could hold a password is not kept.
func TestQuery(t *testing.T) {
	t.Parallel()
	for query, kept := range map[string]bool{
		`filter=userName+eq+"mara"`:           true,
		`startIndex=1&count=100`:              true,
		`filter=password+eq+"t1ger"`:          false,
		`filter=%70assword%20eq%20%22t1ger"`:  false,
		`filter=pa%C5%BFsword+eq+"t1ger"`:     false,
		`access_token=t1ger`:                  false,
		`password=t1ger`:                      false,
		`filter=userName+eq+%zz+and+password`: false,
		`filter=title+eq+%zz`:                 false,
		`;x=1`:                                true,
	} {
		c := synclog.NewCollector()
		e := at(refused("diruser_1"), noon)
		e.Query = query
		c.Add(e, noon)
		want := query
		if !kept {
			want = ""
		}
		if got := c.Drain(noon)[0].Entries[0].Query; got != want {
			t.Errorf("of %s is kept %q", query, got)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	for name, e := range map[string]synclog.Entry{
		"fine":      {Organization: "org_1", Directory: "dir_1", Secret: "sec_1", Method: "GET", Endpoint: "Users", Status: 200, UserAgent: "Okta SCIM Client 1.0.0"},
		"tolerated": tolerated("diruser_100000000000000001"),
		"refused":   refused("diruser_100000000000000001"),
	} {
		b.Run(name, func(b *testing.B) {
			c := synclog.NewCollector()
			now := noon
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				now = now.Add(time.Millisecond)
				e.At = now
				c.Add(e, now)
				if i%1000 == 0 {
					c.Take(2, now)
				}
			}
		})
	}
}
