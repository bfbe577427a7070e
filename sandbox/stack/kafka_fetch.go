package stack

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"payops-mcp/sandbox/stack/proc"
)

// Kafka has no package in the usual distributions, so Maven fetches a broker's
// jars once into the user's cache. Each pom pins one release.
//
//go:embed kafka/*/pom.xml
var kafkaPoms embed.FS

// kafkaRelease is one Kafka that can be run.
type kafkaRelease struct {
	version string // as in "3.9.2"
	pom     []byte
	java    int // the lowest Java that runs it
}

// KafkaVersions are the values of KafkaOptions.Version.
func KafkaVersions() []string { return []string{"3.9", "4"} }

// findKafkaRelease reads the pinned release of a line.
func findKafkaRelease(line string) (kafkaRelease, error) {
	pom, err := kafkaPoms.ReadFile("kafka/" + line + "/pom.xml")
	if err != nil {
		return kafkaRelease{}, fmt.Errorf("unknown Kafka version %q: want one of %q", line, KafkaVersions())
	}
	var project struct {
		Version string `xml:"properties>kafka.version"`
	}
	if err := xml.Unmarshal(pom, &project); err != nil {
		return kafkaRelease{}, fmt.Errorf("the pom of Kafka %s: %w", line, err)
	}
	r := kafkaRelease{version: project.Version, pom: pom, java: 17}
	if line == "3.9" {
		r.java = 11
	}
	return r, nil
}

// jars is the folder in the user's cache that holds the release, if it was
// fetched. Another pom means another folder, so that what lies there is always
// what was asked for.
func (r kafkaRelease) jars() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("where to keep Kafka's jars: %w", err)
	}
	return filepath.Join(cache, "payops-mcp", fmt.Sprintf("kafka-%s-%.4x", r.version, sha256.Sum256(r.pom))), nil
}

func kafkaJars(version string) (string, error) {
	r, err := findKafkaRelease(version)
	if err != nil {
		return "", err
	}
	return r.jars()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// FetchKafka makes sure that the jars of a Kafka version are in the user's
// cache, where later starts find them without network and without Maven.
// Maven runs under sup.
func FetchKafka(ctx context.Context, sup *proc.Supervisor, version string) error {
	r, err := findKafkaRelease(version)
	if err == nil {
		_, err = r.fetch(ctx, sup)
	}
	return err
}

// fetching keeps two clusters of one process from fetching the same jars.
var fetching sync.Mutex

// fetch returns the folder with the jars.
func (r kafkaRelease) fetch(ctx context.Context, sup *proc.Supervisor) (string, error) {
	fetching.Lock()
	defer fetching.Unlock()
	dir, err := r.jars()
	if err != nil || exists(dir) {
		return dir, err
	}
	mvn, err := needMaven.find()
	if err != nil {
		return "", fmt.Errorf("fetch Kafka %s: %w", r.version, err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	if err := removeOldParts(filepath.Dir(dir)); err != nil {
		return "", err
	}
	// Other processes may be fetching too. The rename at the end makes a
	// folder appear only when it is whole, and lets the first one win.
	part, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+partInfix)
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(part) }()
	if err := r.download(ctx, sup, mvn, part); err != nil {
		return "", fmt.Errorf("fetch Kafka %s with Maven, which needs the network this once (its settings.xml may name a mirror): %w", r.version, err)
	}
	if err := os.Rename(filepath.Join(part, "lib"), dir); err != nil && !exists(dir) {
		return "", err
	}
	return dir, nil
}

// download has Maven copy the jars to part/lib.
func (r kafkaRelease) download(ctx context.Context, sup *proc.Supervisor, mvn, part string) error {
	pom, lib := filepath.Join(part, "pom.xml"), filepath.Join(part, "lib")
	if err := os.WriteFile(pom, r.pom, 0o600); err != nil {
		return err
	}
	err := sup.Run(ctx, proc.Spec{
		Name: filepath.Base(part),
		Path: mvn,
		Args: []string{
			"--batch-mode", "--quiet", "--no-transfer-progress", "--strict-checksums",
			"--file", pom, "dependency:copy-dependencies", "-DoutputDirectory=" + lib,
		},
		Dir: part,
	})
	if err != nil {
		return err
	}
	jars, err := filepath.Glob(filepath.Join(lib, "kafka_*.jar"))
	if err == nil && len(jars) == 0 {
		err = errors.New("it ended well but left no kafka_*.jar")
	}
	return err
}

// partInfix is in the names of folders that a fetch is filling.
const partInfix = ".part-"

// removeOldParts removes what fetches that were killed have left behind.
func removeOldParts(parent string) error {
	parts, err := filepath.Glob(filepath.Join(parent, "kafka-*"+partInfix+"*"))
	for _, part := range parts {
		info, statErr := os.Stat(part)
		if statErr == nil && time.Since(info.ModTime()) > time.Hour {
			err = errors.Join(err, os.RemoveAll(part))
		}
	}
	return err
}
