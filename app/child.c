/*
 * A freshly forked role: from a copy of the supervisor to a process that has nothing but what its
 * role needs.
 *
 * There is no exec: the compiled generation is inherited as plain memory, and the descriptors
 * that are not the role's are closed.
 */
#include "app/supervisor.h"

#include "balancer/role.h"
#include "base/link.h"
#include "control/role.h"
#include "dns/role.h"
#include "health/role.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Every socket of every group, and some more. */
#define KEEP_MAX ((CONF_LISTEN_MAX * 2u + CONF_BALANCERS_MAX) * CONF_WORKERS_MAX + 64u)

/* The descriptors a role keeps, to close all others. */
struct keep {
	int fd[KEEP_MAX];
	size_t count;
};

static void keep_fd(struct keep *k, int fd)
{
	if (fd >= 0 && k->count < KEEP_MAX)
		k->fd[k->count++] = fd;
}

static void keep_sockets(struct keep *k, const struct start_socket *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		keep_fd(k, list[i].fd);
}

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void close_others(struct keep *k)
{
	int next = STDERR_FILENO + 1;

	qsort(k->fd, k->count, sizeof k->fd[0], compare_fds);
	for (size_t i = 0; i < k->count; i++) {
		if (k->fd[i] > next)
			(void)close_range((unsigned)next, (unsigned)k->fd[i] - 1, 0);
		if (k->fd[i] >= next)
			next = k->fd[i] + 1;
	}
	(void)close_range((unsigned)next, ~0u, 0);
}

/* What the role gets, and is allowed to keep. */
static void start_fill(struct role_start *start, struct keep *k, const struct crew *c, enum role r)
{
	const struct folders *f = &c->folders;
	const struct start_folder none = {.fd = -1};

	start->zones = start->state = none;
	for (size_t i = 0; i < CONF_DATABASES_MAX; i++)
		start->database[i] = none;
	start->control_socket = start->wake = -1;
	if (r == ROLE_DNS) {
		start->zones = f->zones;
		start->state = f->state;
		start->udp = c->sockets.udp;
		start->udp_count = c->sockets.udp_count;
		start->tcp = c->sockets.dns_tcp;
		start->tcp_count = c->sockets.dns_tcp_count;
	} else if (r == ROLE_BALANCER) {
		start->tcp = c->sockets.balancer_tcp;
		start->tcp_count = c->sockets.balancer_tcp_count;
	} else if (r == ROLE_CONTROL) {
		start->state = f->state;
		start->control_socket = c->control->fd;
	}
	if (r == ROLE_DNS || r == ROLE_BALANCER)
		memcpy(start->database, f->database, sizeof start->database);
	if (r == ROLE_HEALTH || r == ROLE_BALANCER)
		start->wake = c->wake;
	keep_fd(k, start->link);
	keep_fd(k, start->zones.fd);
	keep_fd(k, start->state.fd);
	keep_fd(k, start->control_socket);
	keep_fd(k, start->wake);
	for (size_t i = 0; i < CONF_DATABASES_MAX; i++)
		keep_fd(k, start->database[i].fd);
	keep_sockets(k, start->udp, start->udp_count);
	keep_sockets(k, start->tcp, start->tcp_count);
}

/* The link alone tells a role to stop: what a terminal or a service manager sends to all is the
 * supervisor's. */
static void reset_signals(void)
{
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};
	sigset_t none;

	for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The state folder is the supervisor's for as long as it lives, and no longer. */
static void let_go_of_locks(const struct supervisor *s)
{
	for (size_t i = 0; i < s->crew_count; i++) {
		if (s->crews[i]->lock != NULL)
			(void)close(s->crews[i]->lock->fd);
	}
}

/* Only dns makes cookies: another role that is taken over must not know how, and dns not with
 * other secrets than those of its own generation. */
static void forget_secrets(struct supervisor *s, const struct crew *c, enum role r)
{
	if (r != ROLE_DNS)
		explicit_bzero(&s->cookie_seed, sizeof s->cookie_seed);
	for (size_t i = 0; i < s->crew_count; i++) {
		struct crew *other = s->crews[i];

		if (r != ROLE_DNS || other != c)
			conf_secrets_wipe(&other->cookie_secrets);
		if (r != ROLE_DNS || other->conf != c->conf)
			conf_secrets_wipe(&other->conf->dns.secrets);
	}
}

static int run_role(const struct role_start *start)
{
	switch (start->role) {
	case ROLE_DNS: return dns_role(start);
	case ROLE_HEALTH: return health_role(start);
	case ROLE_BALANCER: return balancer_role(start);
	case ROLE_CONTROL: return control_role(start);
	case ROLE_SUPERVISOR:
	case ROLE_COUNT: break;
	}
	return 1;
}

_Noreturn void child_main(
	struct supervisor *s, const struct crew *c, const struct process *p, int link, pid_t parent)
{
	static const char *const titles[ROLE_COUNT] = {
		"waymark", "wm-dns", "wm-health", "wm-balancer", "wm-control"};
	struct role_start start = {.role = p->role,
		.generation = c->generation,
		.board = &s->board,
		.link = link,
		.first_row = p->first_row,
		.row_count = p->row_count};
	struct keep *keep = calloc(1, sizeof *keep);
	struct err e;

	let_go_of_locks(s);
	if (p->role == ROLE_DNS) {
		start.cookie_seed = &s->cookie_seed;
		start.cookie_secrets = &c->cookie_secrets;
		start.replaces_conf =
			c == s->next && s->serving != NULL && c->conf != s->serving->conf;
	}
	forget_secrets(s, c, p->role);
	(void)prctl(PR_SET_NAME, titles[p->role], 0, 0, 0);
	reset_signals();
	if (keep == NULL)
		err_set(&e, "out of memory");
	else if (board_enter(&s->board, p->role, &e) == 0 &&
		 privileges_drop(&c->accounts, p->role, parent, &e) == 0) {
		start_fill(&start, keep, c, p->role);
		close_others(keep);
		free(keep);
		exit(run_role(&start));
	}
	(void)link_send(link, LINK_FAILED, 0, e.text);
	exit(1);
}
