// Package prom is a Prometheus for where there is none: the engine of
// Prometheus itself over a store in memory that scrapes real targets, behind
// the part of the HTTP API that is used to ask questions. PromQL means exactly
// what it means there. There is no disk, no rules, no alerts and no remote
// anything.
package prom
