/*
 * Find an endpoint for a client and reach it.
 *
 * Each attempt is a non-blocking connect() to one address with connect_timeout. What fails goes on
 * to the endpoint's other address family, then to the next endpoint that steering names, at most
 * UPSTREAM_TRIES_MAX in all. A failure that is the endpoint's or its path's is told to health through
 * the board; one of this machine's own (ports, routes, rights: base/connect_blame.h) is not: it says
 * nothing of the endpoint.
 *
 * While the endpoint is being reached nobody reads the client's socket: its request waits in the
 * kernel, and a client that leaves meanwhile is noticed when data first moves.
 */
#ifndef BALANCER_UPSTREAM_H
#define BALANCER_UPSTREAM_H

#include "balancer/connection.h"

/* Each of these may end the connection. */
void upstream_start(struct connection *c);
void upstream_event(struct connection *c, uint32_t events);
void upstream_timeout(struct connection *c);
/* Give up the gauge of the endpoint. */
void upstream_release(struct connection *c);

#endif
