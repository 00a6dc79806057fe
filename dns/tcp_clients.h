/*
 * How many TCP connections each client has. A client is an IPv4 address or an IPv6 /64, the least
 * that one host can be given: counting single IPv6 addresses would count nothing. Private to
 * dns/tcp*.c.
 */
#ifndef DNS_TCP_CLIENTS_H
#define DNS_TCP_CLIENTS_H

#include "base/addr.h"

struct tcp_client {
	uint64_t network;
	uint32_t connections; /* 0: the slot is free */
	uint8_t family;       /* enum family */
};

struct tcp_clients {
	struct tcp_client *slot; /* [mask + 1], open addressing, at most half full */
	uint32_t mask;
	uint64_t seed; /* random: who may connect may choose addresses */
};

/* For at most `connections` at one time. -1 without memory. */
int tcp_clients_init(struct tcp_clients *c, uint32_t connections);
void tcp_clients_clear(struct tcp_clients *c);

/* Connections of this client now. */
uint32_t tcp_clients_count(const struct tcp_clients *c, const struct addr *client);
/* One more; not beyond the number the table was made for. */
void tcp_clients_add(struct tcp_clients *c, const struct addr *client);
/* One less of those that were added. */
void tcp_clients_remove(struct tcp_clients *c, const struct addr *client);

#endif
