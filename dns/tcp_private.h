/* The TCP thread and its connections. Private to dns/tcp.c and dns/tcp_connection.c. */
#ifndef DNS_TCP_PRIVATE_H
#define DNS_TCP_PRIVATE_H

#include "dns/tcp.h"
#include "dns/tcp_clients.h"

#include <event2/event.h>
#include <sys/queue.h>

#define TCP_QUERY_MAX    (2 + QUERY_MAX) /* with its length; the rest is passed over */
#define TCP_TURN_QUERIES 16u             /* of one connection before the others have their turn */
#define TCP_SCRATCH      ((size_t)4 * (2 + REPLY_MAX)) /* replies of one turn before they are sent */

struct tcp_connection {
	struct tcp *tcp;
	TAILQ_ENTRY(tcp_connection) by_age, by_turn;
	int fd;
	bool has_turn; /* is in tcp->turns */
	bool ended;    /* the client will send nothing more */
	bool farewell; /* we will: what comes now is not answered */
	bool passing;  /* `query` is full, and `pass` octets of the same query are still to come */
	struct event *read, *write; /* libevent's: never the board's struct of that name */
	struct hostport peer;
	uint64_t active_ms; /* when it last brought a whole query or took its last reply */
	uint8_t *pending;   /* what the socket did not take; NULL = nothing */
	size_t pending_from, pending_to;
	size_t pass;
	size_t used; /* octets of `query` */
	uint8_t query[TCP_QUERY_MAX];
};

TAILQ_HEAD(tcp_connections, tcp_connection);

struct tcp {
	struct dns_worker worker;
	struct event_base *base;
	struct event **listener; /* [listeners] */
	size_t listeners;
	struct event *tick;
	bool stopping, paused; /* no accepts: for good; until the next tick */
	bool farewell;         /* said to all */
	bool done;
	struct tcp_connections connections; /* the longest idle first */
	struct tcp_connections turns;       /* who has something to do, next first */
	uint32_t count, turn_count;         /* of either */
	uint32_t most;                      /* connections */
	struct tcp_clients clients;
	size_t pending; /* octets, all connections */
	uint8_t scratch[TCP_SCRATCH];
};

/* The idle timeout of this moment. */
uint64_t tcp_timeout_ms(const struct tcp *t);

/* Takes over `fd`; false without memory, and then `fd` is closed. */
bool tcp_connection_open(struct tcp *t, int fd, const struct hostport *peer, uint64_t now_ms);
void tcp_connection_close(struct tcp_connection *c);
/* The same, counted under what held it up, or under idling. */
void tcp_connection_expire(struct tcp_connection *c);
/* One turn: receive, answer, send; afterwards `c` may be gone. */
void tcp_connection_turn(struct tcp_connection *c);
/* Answer what is there and end our side, so that the client knows what will not be answered and
 * still gets what was; afterwards `c` may be gone. */
void tcp_connection_farewell(struct tcp_connection *c);

#endif
