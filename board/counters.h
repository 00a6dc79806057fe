/* One table per list of counters: the enum, the name in metrics and status, the help text. Append
 * only. */
#ifndef BOARD_COUNTERS_H
#define BOARD_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#define DNS_COUNTERS(X)                                                                            \
	X(UDP_QUERIES, "udp_queries", "queries received over UDP")                                 \
	X(TCP_QUERIES, "tcp_queries", "queries received over TCP")                                 \
	X(TCP_CONNECTIONS, "tcp_connections", "TCP connections accepted")                          \
	X(TCP_REFUSED, "tcp_refused", "TCP connections closed at once: every place was taken")     \
	X(ANSWERS_NOERROR, "answers_noerror", "replies with rcode NOERROR")                        \
	X(ANSWERS_NXDOMAIN, "answers_nxdomain", "replies with rcode NXDOMAIN")                     \
	X(ANSWERS_SERVFAIL, "answers_servfail", "replies with rcode SERVFAIL")                     \
	X(ANSWERS_REFUSED, "answers_refused", "replies with rcode REFUSED")                        \
	X(ANSWERS_FORMERR, "answers_formerr", "replies with rcode FORMERR")                        \
	X(ANSWERS_NOTIMP, "answers_notimp", "replies with rcode NOTIMP")                           \
	X(ANSWERS_OTHER, "answers_other", "replies with any other rcode")                          \
	X(DROPPED, "dropped", "packets that got no reply: too short, replies, port 0")             \
	X(TRUNCATED, "truncated", "UDP replies with TC set")                                       \
	X(STEERED, "steered", "answers chosen by steering")                                        \
	X(DEGRADED, "degraded", "steered answers given although no endpoint served")               \
	X(CHAIN_LIMIT, "chain_limit", "CNAME or DNAME chains cut at the limit")                    \
	X(SEND_FAILED, "send_failed", "replies the kernel did not take")                           \
	X(TCP_CLIENT_LIMIT, "tcp_client_limit",                                                    \
		"TCP connections closed at once: their client had as many as it may")              \
	X(TCP_EVICTED, "tcp_evicted", "idle TCP connections closed to make room for others")       \
	X(TCP_IDLE, "tcp_idle", "TCP connections closed by the idle timeout")                      \
	X(TCP_SLOW_QUERY, "tcp_slow_query",                                                        \
		"TCP connections closed by the idle timeout with part of a query received")        \
	X(TCP_SLOW_READER, "tcp_slow_reader",                                                      \
		"TCP connections closed by the idle timeout with replies not taken")               \
	X(TCP_PENDING_LIMIT, "tcp_pending_limit",                                                  \
		"TCP connections closed because too many octets of replies were not taken")        \
	X(TCP_QUERY_CUT, "tcp_query_cut",                                                          \
		"queries over TCP that were too long to be kept, answered from their beginning")   \
	X(TCP_ACCEPT_FAILED, "tcp_accept_failed",                                                  \
		"accepting failed for want of descriptors or memory, and was paused")              \
	X(TCP_DRAINED, "tcp_drained",                                                              \
		"TCP connections ended because an old generation's time to drain was over")        \
	X(COOKIES_GOOD, "cookies_good", "queries with a valid server cookie")                      \
	X(COOKIES_WRONG, "cookies_wrong", "queries with a server cookie that is not valid")        \
	X(BADCOOKIE, "badcookie", "replies with rcode BADCOOKIE")                                  \
	X(RATE_WITHHELD, "rate_withheld", "replies withheld by the rate limit")                    \
	X(RATE_SLIPPED, "rate_slipped",                                                            \
		"replies sent truncated or as BADCOOKIE because of the rate limit")                \
	X(RATE_FULL, "rate_full",                                                                  \
		"networks the rate limit forgot before their time because its table was full")

#define BALANCER_COUNTERS(X)                                                                       \
	X(ACCEPTED, "accepted", "connections accepted")                                            \
	X(REFUSED_LIMIT, "refused_limit", "connections reset because a limit was reached")         \
	X(REFUSED_NO_ENDPOINT, "refused_no_endpoint",                                              \
		"connections reset because no endpoint serves")                                    \
	X(CONNECT_FAILED, "connect_failed",                                                        \
		"endpoints that a connection could not reach, each counted once")                  \
	X(RETRIED, "retried", "connections that reached a further endpoint")                       \
	X(COMPLETED, "completed", "connections closed in order by both sides")                     \
	X(RESET, "reset", "connections ended by a reset or an error")                              \
	X(IDLE_TIMEOUT, "idle_timeout", "connections closed by the idle timeout")                  \
	X(BYTES_IN, "bytes_in", "octets from clients to endpoints")                                \
	X(BYTES_OUT, "bytes_out", "octets from endpoints to clients")                              \
	X(ACCEPT_FAILED, "accept_failed", "accept() failed for want of descriptors or memory")     \
	X(ACCEPT_PAUSED, "accept_paused", "times a listener paused after accept() had failed")     \
	X(CONNECT_TIMEOUT, "connect_timeout",                                                      \
		"attempts to reach an endpoint given up at connect_timeout")                       \
	X(CONNECT_LOCAL, "connect_local",                                                          \
		"attempts to reach an endpoint that failed on this machine: ports, routes, "       \
		"rights")                                                                          \
	X(DRAIN_TIMEOUT, "drain_timeout",                                                          \
		"connections closed at drain_timeout or because the supervisor died")              \
	X(PIPE_SHORTAGE, "pipe_shortage",                                                          \
		"times a pipe was refused or small and data was copied instead")                   \
	X(ENDED_CLIENT_DATA, "ended_client_data",                                                  \
		"CD: the client reset while both sides could send")                                \
	X(ENDED_CLIENT_LAST, "ended_client_last",                                                  \
		"CL: the client reset after one side had finished")                                \
	X(ENDED_ENDPOINT_CONNECT, "ended_endpoint_connect",                                        \
		"SC: every endpoint that was tried failed")                                        \
	X(ENDED_ENDPOINT_DATA, "ended_endpoint_data",                                              \
		"SD: the endpoint reset while both sides could send")                              \
	X(ENDED_ENDPOINT_LAST, "ended_endpoint_last",                                              \
		"SL: the endpoint reset after one side had finished")                              \
	X(ENDED_IDLE_DATA, "ended_idle_data", "TD: idle timeout while both sides could send")      \
	X(ENDED_IDLE_LAST, "ended_idle_last", "TL: idle timeout after one side had finished")      \
	X(ENDED_RESOURCE_CONNECT, "ended_resource_connect",                                        \
		"RC: no descriptor, port or memory for the endpoint's side")                       \
	X(ENDED_RESOURCE_DATA, "ended_resource_data",                                              \
		"RD: no memory for data that the receiver did not take")                           \
	X(QUEUED, "queued",                                                                        \
		"connections accepted that waited for a place under a limit (`overflow: wait`)")   \
	X(REFUSED_QUEUE, "refused_queue",                                                          \
		"connections reset because no place was free within `queue_timeout`")              \
	X(TARGET_SET_ASIDE, "target_set_aside",                                                    \
		"times an address and port was set aside because connects failed in a row")        \
	X(TARGET_BACK, "target_back", "times one that was set aside took a connection again")      \
	X(CONNECT_ASIDE, "connect_aside",                                                          \
		"attempts to reach what was set aside, because nothing else was left")             \
	X(ENDED_CLIENT_CONNECT, "ended_client_connect",                                            \
		"CC: the client left before an endpoint was reached")

#define CONTROL_COUNTERS(X)                                                                        \
	X(CONNECTIONS, "connections", "command connections accepted")                              \
	X(REFUSED_LIMIT, "refused_limit",                                                          \
		"command connections closed because a limit was reached")                          \
	X(REQUESTS, "requests", "requests read")                                                   \
	X(REQUESTS_REFUSED, "requests_refused", "requests answered with an error")                 \
	X(EVENTS, "events", "events given a public number")                                        \
	X(EVENTS_LOST, "events_lost", "events overwritten or abandoned before they were copied")   \
	X(WATCH_LOST, "watch_lost", "events a slow watch reader did not get")                      \
	X(LOG_LOST, "log_lost", "events a blocked standard error did not get")                     \
	X(SAVES, "saves", "times the state file was written")                                      \
	X(SAVES_FAILED, "saves_failed", "times the state file could not be written")

#define HEALTH_COUNTERS(X)                                                                         \
	X(PROBES, "probes", "probes that ended with an outcome")                                   \
	X(PROBES_FAILED, "probes_failed", "probes that ended with a failure")                      \
	X(PROBES_NOT_RUN, "probes_not_run",                                                        \
		"probes tried again later for want of a route, ports, descriptors, memory or "     \
		"time")                                                                            \
	X(PROBES_WAITED, "probes_waited",                                                          \
		"probes that waited because as many as allowed were running")                      \
	X(PROBES_MISSED, "probes_missed",                                                          \
		"probes left out because the process was held up for an interval or more")         \
	X(CONNECT_FAILURES, "connect_failures", "failed connects of the balancer that were seen")  \
	X(CHANGES, "verdict_changes", "changes of a probe's verdict")                              \
	X(PROBES_HURRIED, "probes_hurried",                                                        \
		"probes run before their time because a connect of the balancer had failed")

#define COUNTER_ENUM(id, name, help)   DNS_##id,
#define COUNTER_ENUM_B(id, name, help) BALANCER_##id,
#define COUNTER_ENUM_C(id, name, help) CONTROL_##id,
#define COUNTER_ENUM_H(id, name, help) HEALTH_##id,
enum dns_counter { DNS_COUNTERS(COUNTER_ENUM) DNS_COUNTER_COUNT };
enum balancer_counter { BALANCER_COUNTERS(COUNTER_ENUM_B) BALANCER_COUNTER_COUNT };
enum control_counter { CONTROL_COUNTERS(COUNTER_ENUM_C) CONTROL_COUNTER_COUNT };
enum health_counter { HEALTH_COUNTERS(COUNTER_ENUM_H) HEALTH_COUNTER_COUNT };
#undef COUNTER_ENUM
#undef COUNTER_ENUM_B
#undef COUNTER_ENUM_C
#undef COUNTER_ENUM_H

#define DNS_COUNTER_MAX      64 /* columns on the board, so that rows keep their size */
#define BALANCER_COUNTER_MAX 64
#define CONTROL_COUNTER_MAX  64
#define HEALTH_COUNTER_MAX   64

struct counter_info {
	const char *name, *help;
};
extern const struct counter_info dns_counters[DNS_COUNTER_COUNT];
extern const struct counter_info balancer_counters[BALANCER_COUNTER_COUNT];
extern const struct counter_info control_counters[CONTROL_COUNTER_COUNT];
extern const struct counter_info health_counters[HEALTH_COUNTER_COUNT];

/* The only writer adds without a locked instruction. */
static inline void counter_add(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(
		c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

#endif
