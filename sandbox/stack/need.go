package stack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Need is a program that must be installed before a part can be started.
type Need struct {
	Part   Parts
	Name   string   // what it is called in sentences
	Binary []string // its possible names, best first
	Debian string   // the package that has it
	Brew   string   // the formula that has it
}

// needs is every program that this package starts, but for those of Kafka.
var needs = []Need{
	{PartMariaDB, "MariaDB server", []string{"mariadbd", "mysqld"}, "mariadb-server", "mariadb"},
	{PartMariaDB, "MariaDB database installer", []string{"mariadb-install-db", "mysql_install_db"}, "mariadb-server", "mariadb"},
	{PartRedis, "Redis server", []string{"redis-server"}, "redis-server", "redis"},
	{PartPrometheus, "Prometheus", []string{"prometheus"}, "prometheus", "prometheus"},
}

// Missing returns the programs that the parts need and that are not installed;
// for Kafka those of its newest version.
func Missing(p Parts) []Need {
	var missing []Need
	for _, n := range needs {
		if !p.Has(n.Part) {
			continue
		}
		if _, err := n.find(); err != nil {
			missing = append(missing, n)
		}
	}
	if p.Has(PartKafka) {
		missing = append(missing, KafkaMissing(newestKafka())...)
	}
	return missing
}

// binDirs are looked through after PATH: distributions keep servers where a
// user's PATH does not lead.
var binDirs = []string{"/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", "/opt/homebrew/sbin", "/usr/libexec", "/usr/lib/mysql"}

// find returns the path of the program.
func (n Need) find() (string, error) {
	for _, name := range n.Binary {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
		for _, dir := range binDirs {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("%s is not installed: looked for %s in PATH and %s; install it with: apt-get install --no-install-recommends %s (Debian, Ubuntu) or brew install %s (macOS)",
		n.Name, strings.Join(n.Binary, " or "), strings.Join(binDirs, ", "), n.Debian, n.Brew)
}

// binary finds the program known by one of its names.
func binary(name string) (string, error) {
	for _, n := range needs {
		if n.Binary[0] == name {
			return n.find()
		}
	}
	return "", fmt.Errorf("no program is known by the name %q", name)
}
