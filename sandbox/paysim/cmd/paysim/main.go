// Command paysim plays one or several roles of the payment system, as its
// environment says; paysim -h lists the settings.
package main

import (
	"flag"
	"fmt"
	"os"

	"payops-mcp/sandbox/paysim"
	"payops-mcp/shared/env"
)

func main() {
	flag.Usage = usage
	flag.Parse()
	if err := paysim.Play(); err != nil {
		fmt.Fprintln(os.Stderr, "paysim:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "paysim plays roles of the payment system. Its settings are environment variables:")
	for _, s := range env.Settings(&paysim.Settings{}) {
		fmt.Fprintf(os.Stderr, "  %-34s %s (%s)\n", s.Name, s.Help, s.Default)
	}
}
