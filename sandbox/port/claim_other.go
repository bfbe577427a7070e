//go:build !unix

package port

// claim reports whether no other process has been given the port: nobody knows here.
func claim(int) bool { return true }
