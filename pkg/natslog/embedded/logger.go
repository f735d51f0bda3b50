package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// fatalLogger hands the server's lines to slog. Where the server would end the
// process it keeps the reason instead: Start returns it.
type fatalLogger struct {
	*slog.Logger
	mu    sync.Mutex
	cause error
}

func (l *fatalLogger) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l *fatalLogger) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }
func (l *fatalLogger) Errorf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l *fatalLogger) Debugf(format string, v ...any)  { l.say(slog.LevelDebug, format, v) }
func (l *fatalLogger) Tracef(format string, v ...any)  { l.say(slog.LevelDebug, format, v) }

func (l *fatalLogger) say(level slog.Level, format string, v []any) {
	ctx := context.Background()
	if l.Enabled(ctx, level) {
		l.Log(ctx, level, "the embedded NATS server", "says", fmt.Sprintf(format, v...))
	}
}

func (l *fatalLogger) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cause = errors.Join(l.cause, fmt.Errorf(format, v...))
}

func (l *fatalLogger) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cause
}
