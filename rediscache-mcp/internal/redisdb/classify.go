package redisdb

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"payops-mcp/shared/fault"
	"payops-mcp/shared/foreign"
)

// Classes of failure that only Redis has.
const (
	MasterDown    fault.Class = "master_down"    // a replica without its master that will not answer from old data
	ScriptRunning fault.Class = "script_running" // a script holds up all commands
	CannotConnect fault.Class = "cannot_connect" // the TCP connection was not accepted in time
	UnknownHost   fault.Class = "unknown_host"   // the name has no address here
	Restarted     fault.Class = "restarted"      // another process of Redis answers than the one that a scan began on
	NoHandshake   fault.Class = "no_handshake"   // the connection was accepted, the TLS handshake not answered
)

// replyClasses maps the first word of an error reply.
var replyClasses = map[string]fault.Class{
	"NOAUTH": fault.Auth, "WRONGPASS": fault.Auth, "DENIED": fault.Auth,
	"NOPERM": fault.Permission,
	"MOVED":  fault.WrongServer, "ASK": fault.WrongServer, "CLUSTERDOWN": fault.WrongServer, "TRYAGAIN": fault.WrongServer, "CROSSSLOT": fault.WrongServer,
	"LOADING":    fault.Loading,
	"MASTERDOWN": MasterDown,
	"BUSY":       ScriptRunning,
}

// next says what to do about a class of failure.
var next = map[fault.Class]string{
	fault.Unreachable:  "Check that REDIS_URL names the right host and port and that Redis runs there",
	CannotConnect:      "Check the route and firewalls from here to Redis (VPN up?), and that its host is alive",
	UnknownHost:        "Check the host in REDIS_URL and the name service of this machine (VPN up?)",
	NoHandshake:        "If Redis speaks no TLS there, REDIS_URL must begin with redis://; else look at its host as for one that hangs",
	Restarted:          "Ask again: the scan begins anew on the process that answers now; cache_stats tells whether Redis was restarted",
	fault.Timeout:      "Look at the Redis host: a stopped or swapping process, a long command (SLOWLOG GET), CLIENT PAUSE, or a proxy with nothing behind it",
	fault.Disconnected: "If Redis speaks TLS there, REDIS_URL must begin with rediss://; else see the log of Redis or of the proxy before it",
	fault.Auth:         "Set user and password in REDIS_URL: redis://USER:PASSWORD@HOST:PORT (for Sentinel itself: ?sentinel_username=U&sentinel_password=P)",
	fault.Permission:   "Give the account in REDIS_URL the right: ACL SETUSER NAME ~* -@all +@read +info +config|get +memory|usage +slowlog|get (+cluster|slots +asking on a cluster, +select for a database other than 0)",
	fault.WrongServer:  "List the nodes of the cluster in REDIS_URL: redis://HOST:PORT,HOST:PORT,HOST:PORT (a cluster of one node can be named alone, where the account has +cluster|nodes)",
	fault.Loading:      "Wait until it has loaded its data; ask again",
	MasterDown:         "Repair the replication or point REDIS_URL at the master",
	ScriptRunning:      "Find the script (SLOWLOG GET after it ends) and have its owner end it with SCRIPT KILL",
	fault.Busy:         "See who holds the connections (CLIENT LIST) and compare with maxclients",
	fault.Schema:       "Check that REDIS_URL names a Redis port; what answered there is something else",
}

// nextByWords says it for replies whose class says too little.
var nextByWords = map[string]string{
	"CLUSTERDOWN":         "See CLUSTER INFO and CLUSTER NODES: hash slots have no master, and the payment system gets the same answer",
	noCluster:             "This Redis is no cluster: name one HOST:PORT in REDIS_URL",
	"ERR DB index":        "Check the number of the database at the end of REDIS_URL",
	"ERR unknown command": "This Redis, or a proxy before it, lacks a command that is asked; name the Redis itself in REDIS_URL",
}

const noCluster = "ERR This instance has cluster support disabled"

// failureOf says what an error of go-redis means. No error of it holds a password.
func failureOf(err error) *fault.Failure {
	if err == nil {
		return nil
	}
	f := &fault.Failure{Class: classOf(err), Said: foreign.Text(err.Error()), Err: err}
	f.Next = next[f.Class]
	if reply, ok := errors.AsType[redis.Error](err); ok {
		f.Said = foreign.Text(reply.Error()) // without go-redis's own words around it
		for words, step := range nextByWords {
			if strings.HasPrefix(reply.Error(), words) {
				f.Next = step
			}
		}
	}
	if errors.Is(err, redis.Nil) { // the only question of ours with nil for an answer
		f.Said, f.Next = "Sentinel knows no master of this name", "Check the name of the master in REDIS_URL: redis+sentinel://HOST:PORT/MASTER"
	}
	if isAlert(err) || isBare(err) {
		f.Next = "Set REDIS_CERT_FILE and REDIS_KEY_FILE to a certificate that Redis trusts and its key"
	} else if isCertificate(err) {
		f.Next = "Set REDIS_CA_FILE to the certificate of the authority that signed Redis's, and use the host name that it is made out for"
	}
	return f
}

func classOf(err error) fault.Class {
	if errors.Is(err, redis.Nil) {
		return UnknownHost
	}
	if _, ok := errors.AsType[*otherProcessError](err); ok {
		return Restarted
	}
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return replyClass(refused.reply)
	}
	if reply, ok := errors.AsType[redis.Error](err); ok {
		return replyClass(reply.Error())
	}
	if isCertificate(err) || isAlert(err) || isBare(err) {
		return fault.Auth
	}
	if h, ok := errors.AsType[*handshakeError](err); ok {
		if fault.NetworkClass(h.err) == fault.Timeout {
			return NoHandshake
		}
		return fault.Schema
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return UnknownHost
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" && op.Timeout() {
		return CannotConnect
	}
	if class := fault.NetworkClass(err); class != "" {
		return class
	}
	switch text := err.Error(); {
	case errors.Is(err, context.Canceled):
		return fault.Timeout
	case errors.Is(err, redis.ErrPoolTimeout):
		return fault.Timeout
	case strings.HasPrefix(text, "redis: invalid reply"), strings.HasPrefix(text, "redis: can't parse"), strings.HasPrefix(text, "redis: unexpected"):
		return fault.Schema
	case strings.HasPrefix(text, "redis: all sentinels"):
		return fault.Unreachable
	}
	return fault.Unexpected
}

// replyClass classifies an error reply by its first word, which is part of the
// protocol, or by its wording where Redis gives it the word ERR.
func replyClass(reply string) fault.Class {
	word, rest, _ := strings.Cut(reply, " ")
	if class, ok := replyClasses[word]; ok {
		return class
	}
	switch {
	case strings.HasPrefix(reply, "ERR max number of clients"):
		return fault.Busy
	case strings.HasPrefix(reply, noCluster):
		return fault.WrongServer
	case strings.Contains(reply, "The user executing the script can't run"), strings.Contains(reply, "ACL failure in script"):
		return fault.Permission
	case word == "ERR" && (strings.HasPrefix(rest, "invalid password") || strings.HasPrefix(rest, "AUTH ") || strings.HasPrefix(rest, "Client sent AUTH")):
		return fault.Auth
	}
	return fault.BadStatus
}

// isAlert reports whether the other side refused our certificate, or the want of one.
// With TLS 1.3 it says so after the handshake is over for us.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error" && strings.Contains(op.Err.Error(), "certificate")
}

func isBare(err error) bool {
	_, ok := errors.AsType[*bareError](err)
	return ok
}

func isCertificate(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.UnknownAuthorityError](err)
	return ok
}
