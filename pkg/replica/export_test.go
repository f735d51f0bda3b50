package replica

// SetLimit lets a test fill the memory's bound with fewer rows. Call it before
// anything is folded.
func (r *Replica) SetLimit(rows int) { r.limit = rows }
