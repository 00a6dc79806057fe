/*
 * One connection: a client's socket, an endpoint's socket, and a flow each way.
 *
 *              side[SIDE_CLIENT]                    side[SIDE_ENDPOINT]
 *   client  ───────────────────▶ flow[SIDE_CLIENT] ───────────────────▶  endpoint
 *           ◀─────────────────── flow[SIDE_ENDPOINT] ◀───────────────────
 *
 * A flow has the number of the side it reads from. The life of a connection: listener.c accepts it,
 * connection_open() gives it a place, upstream.c finds and reaches an endpoint, relay.c moves data,
 * and connection_end() is the one way out, with who ended it.
 *
 * All functions run in the worker's own thread. After connection_end() the connection is gone.
 */
#ifndef BALANCER_CONNECTION_H
#define BALANCER_CONNECTION_H

#include "balancer/pipe.h"
#include "balancer/poller.h"
#include "balancer/tried.h"
#include "balancer/wheel.h"
#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

struct worker;
struct listener;

enum side_id { SIDE_CLIENT, SIDE_ENDPOINT };

static inline enum side_id other_side(enum side_id s)
{
	return s == SIDE_CLIENT ? SIDE_ENDPOINT : SIDE_CLIENT;
}

struct side {
	struct poller_watch watch;
	struct connection *connection;
	int fd;              /* -1: none */
	bool hears_writable; /* the poller tells when it can be written again */
};

struct flow {
	struct pipe *pipe; /* holds data, or is in use by this turn; NULL = none */
	char *stash;       /* copied data the receiver did not take yet; NULL = none */
	uint32_t stash_at, stash_end;
	uint64_t moved_bytes; /* read so far */
	bool ended;           /* the sender's end of file is in its socket, behind the data */
	bool urgent;          /* the sender uses urgent data: a short read does not empty it */
	bool bulk;            /* the last turns filled the copy buffer: splice */
	bool no_splice;       /* the kernel cannot splice these sockets */
	bool blocked;         /* holds data that waits for the receiver to be writable */
	bool cut;             /* the receiver is gone: what comes is thrown away */
	bool cut_reset;       /* … and it had not ended before: its own end of file is no end */
	bool prompt;          /* the receiver has TCP_NODELAY */
	bool done;            /* end of file was passed on (or, when cut, seen) */
};

/* Who ended a connection. */
enum ended_by {
	BY_BOTH,     /* end of file both ways */
	BY_CLIENT,   /* reset by the client */
	BY_ENDPOINT, /* reset, or never reached */
	BY_IDLE,     /* idle_timeout */
	BY_DRAIN,    /* drain_timeout, or the supervisor is gone */
	BY_REFUSAL,  /* no endpoint may serve this client */
	BY_RESOURCE, /* descriptors, ports, memory */
	BY_COUNT
};

enum phase { PHASE_CONNECT, PHASE_DATA, PHASE_LAST, PHASE_COUNT };

/* Finding an endpoint: upstream.c. */
struct upstream {
	uint64_t give_up_ms; /* no attempt goes on after this */
	uint64_t again_ms;   /* none is under way, the next begins then; 0 = one is */
	uint64_t watch_ms;   /* from then on the client is watched; 0 = it is */
	uint32_t tries;      /* endpoints attempted, the same one again counts again */
	uint32_t failed;     /* the endpoint whose failure was counted last; UINT32_MAX = none */
	uint8_t failed_families; /* bits 1 << family, of `failed`: counted */
	uint8_t family_tried;    /* the same of the connection's endpoint */
	uint8_t forced;          /* attempts at what is set aside, once nothing else was left */
	bool only_aside;         /* nothing else is left */
	bool degraded;           /* the pick was: addresses that do not serve are worth a try */
	bool trial;              /* the attempt has the lease of a target that is set aside */
	bool refused;            /* the last attempt failed before its time was over */
	bool client_ended;       /* its end of file has come, after data */
	struct tried tried;
};

struct connection {
	struct worker *worker;
	struct listener *listener;
	struct connection *next_free;
	struct wheel_entry timer;
	struct side side[2];
	struct flow flow[2];
	struct addr client;
	enum phase phase;
	uint64_t active_ms; /* connecting: when the attempt began; then: when data last moved */
	uint64_t linger_ms; /* after a cut: the other side has this long to finish; 0 = no cut */
	uint32_t salt;      /* random: spreads the closing of many connections */
	uint32_t endpoint;  /* conf->endpoints index; valid while `counted` */
	uint8_t family;     /* 0 IPv4, 1 IPv6: which address of it */
	bool counted;       /* in the row's gauge `active` of `endpoint` */
	struct upstream upstream; /* while connecting */
};

/* Take over an accepted socket and start to reach an endpoint. Always takes `fd`. */
void connection_open(struct listener *l, int fd, const struct addr *client);
/* Close both sides, in order when both flows are done or idle, else by resets; count it; free it. */
void connection_end(struct connection *c, enum ended_by by);

/* Set the socket of a side and watch it; the endpoint's, which is connecting, for writing as well. -1
 * with errno. */
int connection_attach(struct connection *c, enum side_id side, int fd);
/* Close the socket of a side, if there is one, with a reset if `reset`. */
void connection_detach(struct connection *c, enum side_id side, bool reset);

/* When the wheel must look at it again at the latest. */
uint64_t connection_due(const struct connection *c);
/* The wheel's bucket came up: act if a deadline has passed, else wait on. */
void connection_check(struct connection *c, uint64_t now_ms);
/* Enter the wheel anew after a deadline moved closer. */
void connection_hurry(struct connection *c);

struct connection *connection_of_timer(struct wheel_entry *e);

#endif
