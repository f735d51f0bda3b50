// Command natsd is the NATS server of the suites that need one outside of
// Rollcall: a process that can be killed, or a container. It is configured as
// the operator's guide asks, and prints where it listens.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

func main() {
	host := flag.String("host", "127.0.0.1", "address to listen on")
	port := flag.Int("port", 4222, "port to listen on; -1 is any")
	store := flag.String("store", "", "folder of the streams")
	flag.Parse()
	if err := run(*host, *port, *store); err != nil {
		fmt.Fprintln(os.Stderr, "natsd:", err)
		os.Exit(1)
	}
}

func run(host string, port int, store string) error {
	s, err := server.NewServer(&server.Options{
		ServerName: "nats", Host: host, Port: port, NoSigs: true,
		JetStream: true, StoreDir: store, SyncAlways: true, MaxPayload: 8 << 20,
	})
	if err != nil {
		return err
	}
	s.ConfigureLogger()
	go s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		return fmt.Errorf("not ready for connections")
	}
	fmt.Printf("nats listens on %s\n", s.Addr())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}
