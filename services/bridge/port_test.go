package bridge_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// reservePorts returns n ports of 127.0.0.1 that stay the test's until it ends,
// also while nothing listens on them. A port that the system gave away and got
// back, as for address 127.0.0.1:0, may be anybody's a moment later: it is the
// next one for a connection out. So these are outside of the range that the
// system gives away, and a lock on a file keeps other tests off.
func reservePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	low, high := 32768, 60999 // Linux' default
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if _, err := fmt.Sscan(string(b), &low, &high); err != nil {
			t.Fatal(err)
		}
	}
	for port := 10000; port < 65536; port++ {
		if low <= port && port <= high || !lockPort(t, port) {
			continue
		}
		if ports = append(ports, port); len(ports) == n {
			return ports
		}
	}
	t.Fatalf("no %d ports are free outside of %d to %d (net.ipv4.ip_local_port_range), which the system gives away itself", n, low, high)
	return nil
}

// lockPort takes a port on which nobody listens, unless another test has it.
func lockPort(t *testing.T, port int) bool {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("rollcall-test-port-%d", port)), os.O_CREATE|os.O_RDWR, 0o600) //nolint:usetesting // shared by all tests of the machine
	if errors.Is(err, os.ErrPermission) {
		return false // another user's test had it
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil { //nolint:gosec // a descriptor
		_ = f.Close()
		return false
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		_ = f.Close()
		return false
	}
	_ = l.Close()
	t.Cleanup(func() { _ = f.Close() }) // the lock ends with it, or with the process
	return true
}

// A port is one test's at a time, and nobody's who asks for any.
func TestReservePorts(t *testing.T) {
	t.Parallel()
	ports := reservePorts(t, 3)
	for _, port := range ports {
		if lockPort(t, port) {
			t.Errorf("port %d is given twice", port)
		}
	}
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		for _, port := range ports {
			if l.Addr().(*net.TCPAddr).Port == port {
				t.Errorf("the system gives port %d away", port)
			}
		}
		_ = l.Close()
	}
}
