// Package mariadb is a MariaDB shard for where there is none: go-mysql-server,
// bent until the statements that the payment system and the three servers send
// to the real one work unchanged.
//
// What it lacks is put around it: MariaDB's own statements are rewritten
// (bend.go), a transaction that writes has the database to itself
// (turns.go), because go-mysql-server loses acknowledged writes of two that
// run side by side, READ ONLY and the time limit are enforced (intercept.go),
// and what the server tells of itself is told (info.go).
//
// It is for a first look and proves nothing: there are no row locks, no
// replicas, no disk, and every change costs time in proportion to its table's
// size. Tests speak to a real MariaDB.
package mariadb
