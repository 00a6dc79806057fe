/*
 * TCP front end: one thread and one event loop for all TCP listeners (RFC 7766).
 *
 * Connections are kept in order of their last activity, so that the oldest are found at once: for the idle timeout, and
 * for making room when all places are taken. Private to dns/.
 */
#ifndef DNS_TCP_H
#define DNS_TCP_H

#include "dns/worker.h"

#define TCP_CONNECTIONS_MAX 1024u       /* of this process */
#define TCP_CLIENT_MAX      64u         /* of one client: an IPv4 address or an IPv6 /64 */
#define TCP_IDLE_MS         10000u      /* without a whole query or a sent octet */
#define TCP_IDLE_BUSY_MS    2000u       /* the same while more than half of the places are taken */
#define TCP_EVICT_MS        500u        /* when all are taken: who was idle that long makes room */
#define TCP_PENDING_MAX     (16u << 20) /* octets of unsent replies, all connections together */

struct tcp;

/* The thread for all listeners in server->start->tcp with the board's `row`; NULL with `e`. */
struct tcp *tcp_new(struct dns_server *s, uint32_t row, struct err *e);
/* Thread function: `arg` is a struct tcp. Waits for GO; after STOP accepts no more and ends when the last
 * connection has been idle for its time, or at server->leave_ms. */
void *tcp_run(void *arg);
void tcp_free(struct tcp *t);

#endif
