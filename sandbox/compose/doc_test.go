// Package compose_test checks that what docker compose starts is what the
// sandbox expects: the files here and docker-compose.yml against package stack,
// and on real servers where the format is theirs. No Docker engine is needed,
// and so none is tried.
package compose_test
