/*
 * A generation: one configuration compiled to board slots, and what a role is given when it starts.
 *
 * The supervisor builds it before it forks the roles, so they inherit it as plain memory. It never
 * changes afterwards (but for the supervisor's own mark `is_new`); a reload makes another.
 */
#ifndef BOARD_GENERATION_H
#define BOARD_GENERATION_H

#include "base/addr.h"
#include "board/board.h"
#include "board/slots.h"
#include "conf/conf.h"

#define PROBE_NONE UINT32_MAX /* an endpoint has no address of that family, or its pool no check */

/* One thing to test: equal check and target of several pools make one probe. */
struct probe {
	uint32_t slot;                  /* in board->health->probe */
	const struct conf_check *check; /* of the first user; equal for all in what it tests */
	struct hostport target;
	uint32_t first_user, user_count; /* in generation->probe_users */
	bool is_new; /* generation_inherit() found no old probe at this address; supervisor only */
};

struct probe_user {
	uint32_t endpoint; /* conf->endpoints index */
	uint8_t family;    /* 0 IPv4, 1 IPv6 */
};

/* Where a balancer connects to. Equal ones of several listeners and pools are one. */
struct balancer_target {
	uint32_t slot; /* in board->balancer->target */
	struct hostport at;
};

#define TARGET_NONE UINT32_MAX

struct generation {
	uint32_t number; /* from 1 */
	const struct conf *conf;
	uint32_t *endpoint_slot; /* [conf->endpoint_count] → board slot */
	/* [conf->endpoint_count][family] → index in probes, or PROBE_NONE */
	uint32_t (*endpoint_probe)[2];
	struct probe *probes;
	size_t probe_count;
	struct probe_user *probe_users;
	const struct probe **by_address; /* [probe_count], sorted by target.addr */
	uint32_t *listener_slot;         /* [conf->balancer_count] → board slot */
	struct balancer_target *targets;
	size_t target_count;
	/* [conf->balancer_count] → [conf->endpoint_count][family] → index in targets + 1, 0 = the
	 * listener never connects there. Listeners with one port share a table. */
	uint32_t (**listener_target)[2];
};

/* Index in g->targets of an endpoint's address as a listener connects to it, or TARGET_NONE. */
static inline uint32_t generation_target(
	const struct generation *g, size_t listener, uint32_t endpoint, unsigned family)
{
	return g->listener_target[listener][endpoint][family] - 1;
}

/* Compile `conf`, which must outlive the result, and take its slots. -1 when the board is full or
 * memory is short; nothing is taken then. */
int generation_build(const struct conf *conf, uint32_t number, struct slots *slots,
	struct generation **out, struct err *e);
/*
 * Give every probe that `old` does not have the verdict of the nearest one that it has, at the same
 * address; mark as new what finds none (board/inherit.c). The supervisor calls it while no health
 * of `g` has begun, so that it is the only writer of those cells; again, to take the last word of
 * the health of `old`.
 */
void generation_inherit(struct generation *g, const struct generation *old, struct board *b);
/* The key of a probe: everything that decides its verdict; BOARD_KEY_MAX octets. Its first part
 * says what is tested, up to " @". */
void probe_key(const struct conf_check *c, const struct hostport *target, char *out);
/* Drop its slots and free it (not the configuration). NULL is fine. */
void generation_free(struct generation *g, struct slots *slots);

/* A folder opened before privileges are dropped: use openat(), and inotify on /proc/self/fd/N. */
struct start_folder {
	int fd; /* -1: not configured, or it could not be opened (databases: reported by dns) */
	const char *path; /* for messages */
};

/* One socket of one worker. Owned by the supervisor; flags and timeouts belong to the socket: a
 * role uses MSG_DONTWAIT, never fcntl, setsockopt or shutdown on it. */
struct start_socket {
	int fd;
	uint16_t worker; /* 0..workers-1 */
	uint16_t index;  /* conf->listens or conf->balancers */
};

/* What a role gets. Arrays live as long as the process. Descriptors not meant for the role are
 * closed already. */
struct role_start {
	enum role role;
	const struct generation *generation;
	struct board *board;                              /* entered */
	int link;                                         /* base/link.h; non-blocking reads */
	struct start_folder zones, state;                 /* dns: both; control: state */
	struct start_folder database[CONF_DATABASES_MAX]; /* their folders: dns, balancer */
	const struct start_socket *udp; /* dns: blocking, SO_RCVTIMEO 100 ms set */
	size_t udp_count;
	const struct start_socket *tcp; /* dns and balancer: listening, non-blocking */
	size_t tcp_count;
	int control_socket; /* control: listening unix socket, non-blocking */
	int wake; /* eventfd: balancer writes on a connect failure, health reads; -1 elsewhere */
	uint32_t first_row; /* dns, balancer: row_count rows of the sheet are its own */
	uint32_t row_count; /* dns: udp_count + 1 for TCP; balancer: workers */
	/* dns: makes the secrets of cookies when the configuration names none; the same for the
	 * supervisor's whole life. NULL: the role draws its own */
	const struct conf_secret *cookie_seed;
	const struct conf_secrets *cookie_secrets; /* dns: configured ones; NULL as if none */
	bool replaces_conf; /* dns: a reload brings this configuration, another one serves yet */
};

#endif
