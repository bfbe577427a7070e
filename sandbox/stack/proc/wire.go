//go:build unix

package proc

// request is one line from the parent to the helper.
type request struct {
	ID     int    `json:"id"`
	Start  *Spec  `json:"start,omitempty"`
	Signal Signal `json:"signal,omitempty"`
	Pid    int    `json:"pid,omitempty"`
}

// reply is one line from the helper to the parent: the answer to the request
// with the same ID or, with ID 0, the news that a child has ended.
type reply struct {
	ID    int    `json:"id,omitempty"`
	Pid   int    `json:"pid,omitempty"`
	Error string `json:"error,omitempty"`
	// Ended is how the child ended, as in "exit status 1".
	Ended string `json:"ended,omitempty"`
}

// helperEnv names the folder; its presence turns a process into the helper.
const helperEnv = "PAYOPS_SANDBOX_SUPERVISOR_DIR"
