/*
 * Find an endpoint for a client and reach it.
 *
 * Each attempt is a non-blocking connect() to one address with connect_timeout. What fails goes on
 * to the endpoint's other address family, then to the next endpoint that steering names, until each
 * was tried once, `retries` are used up or UPSTREAM_TIMES x connect_timeout have passed. Endpoints
 * that are set aside (balancer/aside.h) come after all that serve, and before those that do not.
 * One that refuses and is the only one is tried again every UPSTREAM_AGAIN_MS, so that its restart
 * is survived.
 *
 * A failure that is the endpoint's or its path's counts once for each address and connection: for the
 * balancer's own verdict, and for health, which runs the check. One of this machine's own (ports,
 * routes, rights: base/connect_blame.h) says nothing of the endpoint.
 *
 * While the endpoint is being reached nobody reads the client's data: its request waits in the
 * kernel. Whether the client is still there is looked at only when it takes longer than
 * UPSTREAM_WATCH_MS, which costs the usual connection nothing. A reset, or an end of file without a
 * word before it, is a client that has left; one that ended after its request may wait for the answer,
 * but not for long.
 */
#ifndef BALANCER_UPSTREAM_H
#define BALANCER_UPSTREAM_H

#include "balancer/connection.h"

#define UPSTREAM_TIMES          3u    /* all attempts of a connection: so many connect_timeout */
#define UPSTREAM_AGAIN_MS       250u  /* between attempts at the only endpoint */
#define UPSTREAM_WATCH_MS       100u  /* before a connecting client is watched */
#define UPSTREAM_HALF_CLOSED_MS 1000u /* for a client that has sent all it will */
#define UPSTREAM_TURN           16u   /* attempts that fail at once before others have their turn */
#define UPSTREAM_FORCED_MAX     16u   /* attempts of a connection at what is set aside */

/* Each of these but the first two and the last may end the connection. */
void upstream_open(struct connection *c);
/* When upstream_check() must be called at the latest. */
uint64_t upstream_due(const struct connection *c);
void upstream_start(struct connection *c);
void upstream_event(struct connection *c, uint32_t events);
/* An edge of the client's socket. */
void upstream_client(struct connection *c, uint32_t events);
void upstream_check(struct connection *c, uint64_t now_ms);
/* The connection ends: give up what it holds of the endpoint. */
void upstream_close(struct connection *c);

#endif
