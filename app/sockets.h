/*
 * The listening sockets: opened by the supervisor, kept over generations by address, inherited by
 * the roles.
 *
 * A group is all sockets of one protocol and address. A selector in the kernel (selector.h) sends a
 * packet or connection to one of the first `active` of them, by its flow; the others are parked: open,
 * and given nothing. So a generation that needs more sockets can open them while the old one serves,
 * and one that needs fewer parks them again: closing one would lose what is queued in it.
 */
#ifndef APP_SOCKETS_H
#define APP_SOCKETS_H

#include "base/addr.h"
#include "base/err.h"
#include "board/generation.h"
#include "conf/conf.h"

#include <stddef.h>

enum socket_kind { SOCKET_UDP, SOCKET_TCP };

struct socket_group {
	enum socket_kind kind;
	struct hostport address;
	int fd[CONF_WORKERS_MAX];
	unsigned count;  /* open */
	unsigned active; /* of them the selector chooses from, <= count */
	unsigned users;  /* plans that need the group */
};

/* All groups. Zero-initialise. */
struct sockets {
	struct socket_group **groups;
	size_t count, capacity;
};

/* One address that a plan needs. */
struct socket_need {
	struct socket_group *group; /* NULL: given back */
	enum role role;             /* who reads it */
	unsigned workers;
};

/* What one generation needs, in the form its roles get. Zero-initialise. */
struct socket_plan {
	struct start_socket *udp, *dns_tcp, *balancer_tcp;
	size_t udp_count, dns_tcp_count, balancer_tcp_count;
	struct socket_need *needs;
	size_t need_count;
};

/*
 * Open what `c` needs and does not exist yet, parked. Every failure is an error at the address's
 * place in the configuration; then -1, and nothing has changed. A receive buffer smaller than
 * wanted is a warning.
 */
int sockets_plan(
	struct sockets *s, const struct conf *c, struct socket_plan *plan, struct report *report);
/* Point the selectors at the sockets of role `r`: from now on they are served. */
void sockets_go(const struct socket_plan *plan, enum role r);
/* The plan's role `r` no longer reads its sockets: groups nobody else needs are closed. */
void sockets_release_role(struct sockets *s, struct socket_plan *plan, enum role r);
/* The same for all of them, and the end of the plan. */
void sockets_release(struct sockets *s, struct socket_plan *plan);

#endif
