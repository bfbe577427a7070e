//go:build !linux

package subject

import "time"

// CPU is not known on this system.
func (p *Process) CPU() (time.Duration, bool) { return 0, false }

// Resident is not known on this system.
func (p *Process) Resident() (int64, bool) { return 0, false }

// Peak is not known on this system.
func (p *Process) Peak() (int64, bool) { return 0, false }
