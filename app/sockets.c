/*
 * What was measured before this was written (Linux 6.18; tests/unit/test_sockets.c repeats it):
 *
 *   - A first socket bound without SO_REUSEPORT refuses to share its address with another
 *     program; set afterwards, the option lets our own further sockets join.
 *   - SO_ATTACH_REUSEPORT_CBPF fails with EINVAL on a UDP socket that is alone, as the kernel
 *     makes the group when the second one binds, and that second one would be given packets until
 *     the selector is there. So a UDP group is born with two sockets, before anybody is told of
 *     its address, and its selector stays.
 *   - A listening TCP socket has its group from listen() on.
 *   - A selector that names a socket beyond the group makes the kernel choose by itself: `active`
 *     never exceeds the number of sockets.
 *   - Removing a socket moves the last one into its place: sockets are only ever removed all
 *     together.
 */
#include "app/sockets.h"

#include "app/selector.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define UDP_BORN_WITH  2u
#define UDP_BUFFER     (4 << 20) /* octets; about 10,000 queued queries */
#define UDP_TIMEOUT_US 100000    /* how often a blocking worker looks at its stop flag */
#define TCP_BACKLOG    4096      /* the kernel takes at most net.core.somaxconn */

/* Where a message about an address belongs. */
struct place {
	const struct conf *conf;
	struct conf_position position;
	struct report *report;
};

static int fail(const struct place *p, const struct socket_group *g, const char *what)
{
	char address[HOSTPORT_TEXT_MAX];
	const char *hint =
		errno == EADDRINUSE      ? " (another program serves it)"
		: errno == EADDRNOTAVAIL ? " (no interface has this address; `freebind: true` "
					   "listens all the same)"
		: errno == EACCES        ? " (ports below 1024 need root or CAP_NET_BIND_SERVICE)"
					 : "";

	report_add(p->report, SEVERITY_ERROR, p->conf->file, p->position.line, p->position.column,
		"cannot listen on %s %s: %s: %s%s", g->kind == SOCKET_UDP ? "udp" : "tcp",
		hostport_format(&g->address, address), what, strerror(errno), hint);
	return -1;
}

/* ---- one socket ---- */

static int set_flag(int fd, int level, int option)
{
	int one = 1;

	return setsockopt(fd, level, option, &one, sizeof one);
}

static int set_number(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value);
}

static bool is_wildcard(const struct addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->bytes, zero, sizeof zero) == 0;
}

_Static_assert(IPV6_PMTUDISC_OMIT == IP_PMTUDISC_OMIT, "one number for both families");

/* The address to reply from on a wildcard socket; no path-MTU discovery, whose forged replies
 * shrink answers. */
static int udp_options(int fd, const struct addr *a)
{
	const struct timeval timeout = {.tv_usec = UDP_TIMEOUT_US};
	bool v6 = a->family == FAMILY_IPV6;
	int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;

	if (is_wildcard(a) && set_flag(fd, level, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO) < 0)
		return -1;
	if (set_number(fd, level, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, IP_PMTUDISC_OMIT) < 0)
		return -1;
	if (set_number(fd, SOL_SOCKET, SO_RCVBUFFORCE, UDP_BUFFER) < 0 &&
		set_number(fd, SOL_SOCKET, SO_RCVBUF, UDP_BUFFER) < 0)
		return -1;
	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
}

/* The kernel reports twice what it grants, for its own bookkeeping. */
static void buffer_check(int fd, const struct socket_group *g, const struct place *p)
{
	char address[HOSTPORT_TEXT_MAX];
	socklen_t length = sizeof(int);
	int got = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &length) < 0 || got / 2 >= UDP_BUFFER)
		return;
	report_add(p->report, SEVERITY_WARNING, p->conf->file, p->position.line, p->position.column,
		"udp %s: the receive buffer is %d octets instead of %d; bursts of queries may be "
		"lost "
		"(raise the sysctl net.core.rmem_max)",
		hostport_format(&g->address, address), got / 2, UDP_BUFFER);
}

/* Bind; with `freebind` also to an address that no interface has yet, which is worth a warning: it
 * may be mistyped. Without the key such an address is an error. */
static int socket_bind(int fd, const struct socket_group *g, const struct place *p)
{
	bool v6 = g->address.addr.family == FAMILY_IPV6;
	char address[HOSTPORT_TEXT_MAX];
	struct sockaddr_storage sa;
	socklen_t length = hostport_to_sockaddr(&g->address, &sa);

	if (bind(fd, (const struct sockaddr *)&sa, length) == 0)
		return 0;
	if (errno != EADDRNOTAVAIL || !p->conf->freebind ||
		set_flag(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_FREEBIND : IP_FREEBIND) <
			0 ||
		bind(fd, (const struct sockaddr *)&sa, length) < 0)
		return -1;
	if (g->count == 0)
		report_add(p->report, SEVERITY_WARNING, p->conf->file, p->position.line,
			p->position.column,
			"%s %s: no interface has this address yet; it is served once one has",
			g->kind == SOCKET_UDP ? "udp" : "tcp",
			hostport_format(&g->address, address));
	return 0;
}

/*
 * Open, bind and (TCP) listen. `joins`: the address is ours already, so SO_REUSEPORT is set
 * before the bind; else after it, so that the bind fails when somebody else has it.
 */
static int socket_open(const struct socket_group *g, bool joins, const struct place *p)
{
	int type = g->kind == SOCKET_UDP ? SOCK_DGRAM : SOCK_STREAM | SOCK_NONBLOCK;
	bool v6 = g->address.addr.family == FAMILY_IPV6;
	const char *what = "socket";
	int fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fail(p, g, what);
	what = "setsockopt";
	if (v6 && set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY) < 0)
		goto failed;
	if (g->kind == SOCKET_TCP && (set_flag(fd, SOL_SOCKET, SO_REUSEADDR) < 0 ||
					     set_flag(fd, IPPROTO_TCP, TCP_NODELAY) < 0))
		goto failed;
	if (g->kind == SOCKET_UDP && udp_options(fd, &g->address.addr) < 0)
		goto failed;
	if (joins && set_flag(fd, SOL_SOCKET, SO_REUSEPORT) < 0)
		goto failed;
	what = "bind";
	if (socket_bind(fd, g, p) < 0)
		goto failed;
	what = "setsockopt";
	if (!joins && set_flag(fd, SOL_SOCKET, SO_REUSEPORT) < 0)
		goto failed;
	what = "listen";
	if (g->kind == SOCKET_TCP && listen(fd, TCP_BACKLOG) < 0)
		goto failed;
	return fd;
failed:
	(void)fail(p, g, what);
	(void)close(fd);
	return -1;
}

/* ---- groups ---- */

/* Serve the first `n` sockets; the others are parked. */
static int group_select(struct socket_group *g, unsigned n)
{
	int protocol = g->kind == SOCKET_UDP ? IPPROTO_UDP : IPPROTO_TCP;

	if (selector_set(g->fd[0], g->address.addr.family, protocol, n) < 0)
		return -1;
	g->active = n;
	return 0;
}

static struct socket_group *group_find(
	const struct sockets *s, enum socket_kind kind, const struct hostport *address)
{
	for (size_t i = 0; i < s->count; i++) {
		struct socket_group *g = s->groups[i];

		if (g->kind == kind && g->address.port == address->port &&
			addr_equal(&g->address.addr, &address->addr))
			return g;
	}
	return NULL;
}

/* Is the port ours already, at a wildcard address of the same family or under one? */
static bool group_overlaps(const struct sockets *s, const struct socket_group *g)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct socket_group *other = s->groups[i];

		if (other != g && other->kind == g->kind &&
			other->address.port == g->address.port &&
			other->address.addr.family == g->address.addr.family &&
			(is_wildcard(&other->address.addr) || is_wildcard(&g->address.addr)))
			return true;
	}
	return false;
}

static struct socket_group *group_add(
	struct sockets *s, enum socket_kind kind, const struct hostport *address)
{
	struct socket_group *g;

	if (s->count == s->capacity) {
		size_t capacity = s->capacity > 0 ? s->capacity * 2 : 16;
		struct socket_group **groups =
			realloc(s->groups, capacity * sizeof(struct socket_group *));

		if (groups == NULL)
			return NULL;
		s->groups = groups;
		s->capacity = capacity;
	}
	g = calloc(1, sizeof *g);
	if (g == NULL)
		return NULL;
	g->kind = kind;
	g->address = *address;
	s->groups[s->count++] = g;
	return g;
}

static void group_remove(struct sockets *s, struct socket_group *g)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->groups[i] == g)
			s->groups[i] = s->groups[--s->count];
	}
	while (g->count > 0)
		(void)close(g->fd[--g->count]);
	free(g);
}

/* Bring the group to `wanted` sockets; what is new is parked. */
static int group_grow(
	const struct sockets *s, struct socket_group *g, unsigned wanted, const struct place *p)
{
	bool born = g->count == 0;

	if (g->kind == SOCKET_UDP && wanted < UDP_BORN_WITH)
		wanted = UDP_BORN_WITH;
	while (g->count < wanted) {
		bool joins = g->count > 0 || group_overlaps(s, g);
		int fd = socket_open(g, joins, p);

		if (fd < 0)
			return -1;
		if (g->count == 0 && g->kind == SOCKET_UDP)
			buffer_check(fd, g, p);
		g->fd[g->count++] = fd;
		/* from the first moment at which the kernel takes a selector */
		if (born && g->count == (g->kind == SOCKET_UDP ? UDP_BORN_WITH : 1u)) {
			if (group_select(g, 1) < 0)
				return fail(p, g, "selector");
		}
	}
	return 0;
}

/* ---- plans ---- */

/* The plan's use of one address; a group that is new and fails is gone again. */
static struct socket_group *plan_need(struct sockets *s, struct socket_plan *plan,
	enum socket_kind kind, enum role role, const struct hostport *address, unsigned workers,
	const struct place *p)
{
	struct socket_group *g = group_find(s, kind, address);

	for (size_t i = 0; i < plan->need_count; i++) {
		if (g != NULL && plan->needs[i].group == g) {
			errno = EADDRINUSE;
			(void)fail(p, g, "the configuration lists it twice");
			return NULL;
		}
	}
	if (g == NULL)
		g = group_add(s, kind, address);
	if (g == NULL) {
		report_add(p->report, SEVERITY_ERROR, p->conf->file, p->position.line,
			p->position.column, "out of memory");
		return NULL;
	}
	if (group_grow(s, g, workers, p) < 0) {
		if (g->users == 0)
			group_remove(s, g);
		return NULL;
	}
	g->users++;
	plan->needs[plan->need_count++] =
		(struct socket_need){.group = g, .role = role, .workers = workers};
	return g;
}

static void plan_list(
	struct start_socket *list, size_t *count, int fd, unsigned worker, size_t index)
{
	list[(*count)++] = (struct start_socket){
		.fd = fd, .worker = (uint16_t)worker, .index = (uint16_t)index};
}

static void plan_listen(
	struct sockets *s, struct socket_plan *plan, size_t index, const struct place *p)
{
	const struct hostport *address = &p->conf->listens[index].address;
	unsigned workers = p->conf->workers;
	struct socket_group *udp = plan_need(s, plan, SOCKET_UDP, ROLE_DNS, address, workers, p);
	struct socket_group *tcp = plan_need(s, plan, SOCKET_TCP, ROLE_DNS, address, 1, p);

	if (udp != NULL) {
		for (unsigned w = 0; w < workers; w++)
			plan_list(plan->udp, &plan->udp_count, udp->fd[w], w, index);
	}
	/* parked listeners too: a handshake that began before they were parked may end later */
	if (tcp != NULL) {
		for (unsigned i = 0; i < tcp->count; i++)
			plan_list(plan->dns_tcp, &plan->dns_tcp_count, tcp->fd[i], 0, index);
	}
}

static void plan_balancer(
	struct sockets *s, struct socket_plan *plan, size_t index, const struct place *p)
{
	unsigned workers = p->conf->workers;
	struct socket_group *g = plan_need(
		s, plan, SOCKET_TCP, ROLE_BALANCER, &p->conf->balancers[index].listen, workers, p);

	if (g == NULL)
		return;
	for (unsigned i = 0; i < g->count; i++)
		plan_list(plan->balancer_tcp, &plan->balancer_tcp_count, g->fd[i], i % workers,
			index);
}

static int plan_allocate(struct socket_plan *plan, const struct conf *c)
{
	plan->udp = calloc(c->listen_count * c->workers + 1, sizeof *plan->udp);
	plan->dns_tcp = calloc(c->listen_count * CONF_WORKERS_MAX + 1, sizeof *plan->dns_tcp);
	plan->balancer_tcp =
		calloc(c->balancer_count * CONF_WORKERS_MAX + 1, sizeof *plan->balancer_tcp);
	plan->needs = calloc(2 * c->listen_count + c->balancer_count + 1, sizeof *plan->needs);
	return plan->udp != NULL && plan->dns_tcp != NULL && plan->balancer_tcp != NULL &&
			       plan->needs != NULL
		       ? 0
		       : -1;
}

int sockets_plan(
	struct sockets *s, const struct conf *c, struct socket_plan *plan, struct report *report)
{
	size_t errors = report->errors;
	struct place place = {.conf = c, .report = report};

	*plan = (struct socket_plan){0};
	if (plan_allocate(plan, c) < 0) {
		report_add(report, SEVERITY_ERROR, c->file, 0, 0, "out of memory for its sockets");
		sockets_release(s, plan);
		return -1;
	}
	for (size_t i = 0; i < c->listen_count; i++) {
		place.position = c->listens[i].position;
		plan_listen(s, plan, i, &place);
	}
	for (size_t i = 0; i < c->balancer_count; i++) {
		place.position = c->balancers[i].position;
		plan_balancer(s, plan, i, &place);
	}
	if (report->errors == errors)
		return 0;
	sockets_release(s, plan);
	return -1;
}

void sockets_go(const struct socket_plan *plan, enum role r)
{
	for (size_t i = 0; i < plan->need_count; i++) {
		struct socket_group *g = plan->needs[i].group;

		if (g == NULL || plan->needs[i].role != r)
			continue;
		/* it worked when the group was born, and nothing that could fail has changed */
		(void)group_select(g, plan->needs[i].workers);
	}
}

static void need_drop(struct sockets *s, struct socket_need *need)
{
	struct socket_group *g = need->group;

	need->group = NULL;
	if (g != NULL && --g->users == 0)
		group_remove(s, g);
}

void sockets_release_role(struct sockets *s, struct socket_plan *plan, enum role r)
{
	for (size_t i = 0; i < plan->need_count; i++) {
		if (plan->needs[i].role == r)
			need_drop(s, &plan->needs[i]);
	}
}

void sockets_release(struct sockets *s, struct socket_plan *plan)
{
	for (size_t i = 0; i < plan->need_count; i++)
		need_drop(s, &plan->needs[i]);
	free(plan->udp);
	free(plan->dns_tcp);
	free(plan->balancer_tcp);
	free(plan->needs);
	*plan = (struct socket_plan){0};
}
