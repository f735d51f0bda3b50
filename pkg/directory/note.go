package directory

// MaxNoted is how many values a note lists.
const MaxNoted = 50

// Notes say what became of a command besides its events, for the sync log.
type Notes struct {
	// Pending are the command's member values that name nobody whom the
	// directory holds, and are pending now, whether or not they were before.
	Pending Values `json:"pending,omitzero"`
	// LeftOut are member values that are neither members nor pending: above the
	// bounds of what is pending, longer than any name, or the group itself.
	LeftOut Values `json:"left_out,omitzero"`
	// Joined is how many groups the resource became a member of because they
	// had waited for it.
	Joined int `json:"joined,omitempty"`
}

// Values are some values of how many there are. They can be personal data.
type Values struct {
	Total int `json:"total"`
	// First are the first MaxNoted of them, in byte order.
	First []string `json:"first"`
}

// add takes one more value.
func (v *Values) add(value string) {
	v.Total++
	if len(v.First) < MaxNoted {
		v.First = append(v.First, value)
	}
}
