package public

import (
	"bytes"
	"embed"
	"fmt"
	"strings"
)

//go:embed testdata/golden/*.json
var golden embed.FS

// Examples returns bodies of the type as they are sent, each with a name for what
// it shows; empty for the usual. They are the golden files, so that no example is
// one that the program would not write. The order is that of the names.
func (t Type) Examples() (names []string, bodies [][]byte) {
	entries, err := golden.ReadDir("testdata/golden")
	if err != nil {
		panic(fmt.Sprintf("public: the golden files are not embedded: %v", err)) // the compiler put them there
	}
	for _, e := range entries {
		typ, name, _ := strings.Cut(strings.TrimSuffix(e.Name(), ".json"), "-")
		if Type(typ) != t {
			continue
		}
		b, err := golden.ReadFile("testdata/golden/" + e.Name())
		if err != nil {
			panic(fmt.Sprintf("public: the golden files are not embedded: %v", err))
		}
		names, bodies = append(names, name), append(bodies, bytes.TrimSuffix(b, []byte("\n")))
	}
	return names, bodies
}
