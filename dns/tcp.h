/*
 * TCP front end: one thread and one event loop for all TCP listeners (RFC 7766).
 *
 *   accept ─▶ a place? ─▶ readable ─▶ queue of turns ─▶ one turn each: receive, answer up to
 *             one of its client's?                      TCP_TURN_QUERIES, send; more: back into the queue
 *
 * Turns are taken round robin between two looks at the kernel, so a client that pipelines thousands
 * of queries waits for its next turn like everybody else. Connections are also kept in order of
 * their last activity; the oldest are closed by the idle timeout, and make room when all places are
 * taken. Every limit is bounded by a name here or a key of dns.tcp, and counted. Private to dns/.
 */
#ifndef DNS_TCP_H
#define DNS_TCP_H

#include "dns/worker.h"

#define TCP_IDLE_SHARE    20u         /* with all places taken the idle timeout is 1/20 */
#define TCP_EVICT_MS      500u        /* when all are taken: who was idle that long makes room */
#define TCP_PENDING_MAX   (16u << 20) /* octets of unsent replies, all connections together */
#define TCP_DRAIN_MS      10000u      /* an old generation's connections end within this */
#define TCP_DRAIN_IDLE_MS 2000u       /* their idle timeout */
#define TCP_FAREWELL_MS   500u        /* before the end: no more queries, replies still arrive */
#define TCP_SPARE_FILES   64u         /* descriptors kept for everything but connections */
#define TCP_FAST_OPEN     256         /* connections with data in SYN that wait for accept() */
#define TCP_SEND_BUFFER   (128 << 10) /* octets in the kernel; it reckons with twice as much */
#define TCP_RECV_BUFFER   (64 << 10)

struct tcp;

/* The thread for all listeners in server->start->tcp with the board's `row`; NULL with `e`. */
struct tcp *tcp_new(struct dns_server *s, uint32_t row, struct err *e);
/*
 * Thread function: `arg` is a struct tcp. Waits for GO; after STOP takes what the listeners hold,
 * closes them, and ends when the last connection has been idle for its time, or at
 * server->leave_ms.
 */
void *tcp_run(void *arg);
void tcp_free(struct tcp *t);

/* How long a connection may idle when `connections` of `most` places are taken (RFC 7766, 6.2.3):
 * full_ms up to half of them, then less, down to 1/TCP_IDLE_SHARE. */
uint64_t tcp_idle_ms(uint64_t full_ms, uint32_t connections, uint32_t most);

#endif
