//go:build !linux

package db

import (
	"errors"
	"time"
)

var errLinuxAlone = errors.New("the database's processor time is measured on Linux alone")

func pidOf(string, string) (int, error) { return 0, errLinuxAlone }

func cpuOf(int) (time.Duration, error) { return 0, errLinuxAlone }
