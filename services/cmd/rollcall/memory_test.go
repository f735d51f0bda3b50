package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestContainerMemory(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files map[string]string
		want  int64 // 0: none
	}{
		"no groups at all": {},
		"second version":   {files: map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "1610612736\n"}, want: 1610612736},
		"no limit":         {files: map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}},
		"in a container":   {files: map[string]string{"proc/self/cgroup": "0::/../outside\n", "sys/fs/cgroup/memory.max": "1000\n"}, want: 1000},
		"first version":    {files: map[string]string{"proc/self/cgroup": "5:cpu,memory:/x\n1:name=systemd:/\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "2000\n"}, want: 2000},
		"the narrower one": {files: map[string]string{
			"proc/self/cgroup": "4:memory:/x\n0::/\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "2000\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
			"sys/fs/cgroup/memory.max": "1500\n",
		}, want: 1500},
		"nonsense": {files: map[string]string{"proc/self/cgroup": "4\n0::/\n", "sys/fs/cgroup/memory.max": "much\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for f, text := range tt.files {
				path := filepath.Join(root, f)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got, ok := containerMemory(root); got != tt.want || ok != (tt.want > 0) {
				t.Errorf("%d (%v), want %d", got, ok, tt.want)
			}
		})
	}
}
