/* The TCP thread and its connections. Private to dns/tcp.c and dns/tcp_connection.c. */
#ifndef DNS_TCP_PRIVATE_H
#define DNS_TCP_PRIVATE_H

#include "dns/tcp.h"

#include <event2/event.h>

#define TCP_QUERY_MAX    4096u /* octets of a query with its length; what sends more is no resolver */
#define TCP_TURN_QUERIES 16u   /* of one connection before the others have their turn */
#define TCP_SCRATCH      (4u * (2u + REPLY_MAX)) /* replies of one turn before they are sent */

struct tcp_connection {
	struct tcp *tcp;
	struct tcp_connection *older, *newer; /* by `active_ms` */
	uint32_t place;                       /* in tcp->client */
	int fd;
	bool ended; /* the client will send nothing more */
	struct event *read,
		*write; /* libevent's, from event_new(): never the board's struct of that name */
	struct hostport peer;
	uint64_t active_ms; /* of the last whole query, or of the last octet sent */
	uint8_t *
		pending; /* what the socket did not take: [pending_from, pending_to); NULL = nothing */
	size_t pending_from, pending_to;
	size_t used; /* octets of `query` */
	uint8_t query[TCP_QUERY_MAX];
};

struct tcp {
	struct dns_worker worker;
	struct event_base *base;
	struct event **listener; /* [listeners] */
	size_t listeners;
	struct event *tick;
	bool stopping, paused; /* no accepts: for good; until the next tick */
	struct tcp_connection *oldest, *newest;
	uint32_t connections;
	size_t pending;                       /* octets, all connections */
	uint64_t client[TCP_CONNECTIONS_MAX]; /* key of the connection in each place, 0 = free */
	uint8_t scratch[TCP_SCRATCH];
};

/* Takes over `fd`; false without memory or a place, and then `fd` is closed. */
bool tcp_connection_open(
	struct tcp *t, int fd, const struct hostport *peer, uint64_t client, uint64_t now_ms);
void tcp_connection_close(struct tcp_connection *c);

/* The client a peer counts as. Never 0. */
uint64_t tcp_client(const struct addr *peer);

#endif
