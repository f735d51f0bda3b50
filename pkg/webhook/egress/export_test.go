package egress

import "time"

// NewClientPinging is NewClient with other times for the question whether an
// HTTP/2 connection still leads anywhere.
func NewClientPinging(o Options, after, timeout time.Duration) *Client {
	return newClient(o, after, timeout)
}
