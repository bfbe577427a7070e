// Package db measures reconciliation_check on large ledgers, beside the best single
// SQL statement that finds the same four kinds of exception (fourchecks.sql, run by
// the mariadb command-line client): wall time, the database's processor time, its
// longest statement, how much history it must keep for it, and how long a writer
// waits meanwhile. And what the guards of a single statement cost.
//
// The databases are real ones. Exceptions are planted, and a figure of a run that
// does not find exactly these is void. What is compared is asked in turn within one
// run.
package db
