package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

var (
	needJava  = Need{PartKafka, "Java", []string{"java"}, "openjdk-17-jre-headless", "openjdk@17"}
	needMaven = Need{PartKafka, "Maven, which fetches Kafka once,", []string{"mvn"}, "maven", "maven"}
)

// KafkaMissing returns the programs that StartKafka would miss: Java, and
// Maven while the jars of that version are not in the user's cache.
func KafkaMissing(version string) []Need {
	var missing []Need
	if _, err := javaBinary(); err != nil {
		missing = append(missing, needJava)
	}
	if dir, err := kafkaJars(version); err == nil && exists(dir) {
		return missing
	}
	if _, err := needMaven.find(); err != nil {
		missing = append(missing, needMaven)
	}
	return missing
}

// javaBinary is the java of JAVA_HOME, else the first in PATH.
func javaBinary() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		if path, err := exec.LookPath(filepath.Join(home, "bin", "java")); err == nil {
			return path, nil
		}
	}
	return needJava.find()
}

// javaVersion matches what "java -version" says: 17.0.15, 21, or the older
// style 1.8.0_402.
var javaVersion = regexp.MustCompile(`version "(?:1\.)?(\d+)`)

// findJava returns a java that can run the release.
func findJava(ctx context.Context, r kafkaRelease) (string, error) {
	path, err := javaBinary()
	if err != nil {
		return "", fmt.Errorf("Kafka %s needs Java %d or newer: %w", r.version, r.java, err)
	}
	out, err := exec.CommandContext(ctx, path, "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s -version: %w: %.200s", path, err, out)
	}
	found := javaVersion.FindSubmatch(out)
	if found == nil {
		return "", fmt.Errorf("%s -version does not tell the version: %.200s", path, out)
	}
	if major, err := strconv.Atoi(string(found[1])); err != nil || major < r.java {
		return "", fmt.Errorf("Kafka %s needs Java %d or newer, and %s is Java %s: install %s (Debian, Ubuntu) or %s (macOS), or point JAVA_HOME to one",
			r.version, r.java, path, found[1], needJava.Debian, needJava.Brew)
	}
	return path, nil
}
