/*
 * The main thread of the dns role: starts the others, talks to the supervisor, ends in order.
 *
 *   loading ─ loader is ready: READY ─▶ parked ─ GO ─▶ serving ─ STOP, end of the link ─▶ leaving
 *   leaving: sockets closed: RELEASED; connections done, or the end of the wait: STOPPED
 *
 * UDP threads leave within their receive timeout, TCP when its connections are done or at the end
 * of the wait. All threads are made before READY, so that nothing can fail after GO. Signals belong
 * to the main thread; the others block them all.
 */
#include "dns/role.h"

#include "base/clock.h"
#include "base/link.h"
#include "dns/loader.h"
#include "dns/tcp.h"
#include "dns/udp.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS   1000u /* the main thread looks at the clock at least so often */
#define ORPHAN_MS 1500u /* without a supervisor: connections get that long, the whole role 2 s */
#define STRAGGLER_MS                                                                               \
	500u /* after the wait: a thread that is still busy (a huge zone) is left behind */

#define READY_TEXT_MAX 8192u /* of warnings: CONF_DATABASES_MAX of them */

struct thread {
	pthread_t id;
	void *(*run)(void *);
	void *arg;
	struct crew *crew;
};

/* Everything that runs. */
struct crew {
	struct dns_server server;
	struct loader *loader;
	struct udp **udp;
	struct tcp *tcp;
	struct thread *thread; /* loader, TCP, UDP… */
	size_t threads;        /* started */
	_Atomic size_t running;
	bool ready_sent, leaving;
	bool released; /* the supervisor knows that no socket is open here any more */
};

static void *thread_main(void *arg)
{
	struct thread *t = arg;

	(void)t->run(t->arg);
	atomic_fetch_sub(&t->crew->running, 1);
	dns_server_wake(&t->crew->server);
	return NULL;
}

static int start_thread(struct crew *c, void *(*run)(void *), void *arg, struct err *e)
{
	struct thread *t = &c->thread[c->threads];
	int error;

	*t = (struct thread){.run = run, .arg = arg, .crew = c};
	atomic_fetch_add(&c->running, 1);
	error = pthread_create(&t->id, NULL, thread_main, t);
	if (error != 0) {
		atomic_fetch_sub(&c->running, 1);
		return err_set(e, "cannot start thread %zu: %s", c->threads + 1, strerror(error));
	}
	c->threads++;
	return 0;
}

static int start_threads(struct crew *c, struct err *e)
{
	size_t udp_count = c->server.start->udp_count;
	sigset_t all, before;
	int rc = 0;

	c->thread = calloc(udp_count + 2, sizeof c->thread[0]);
	if (c->thread == NULL)
		return err_set(e, "out of memory for %zu threads", udp_count + 2);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (start_thread(c, loader_run, c->loader, e) < 0 ||
		start_thread(c, tcp_run, c->tcp, e) < 0)
		rc = -1;
	for (size_t i = 0; i < udp_count && rc == 0; i++)
		rc = start_thread(c, udp_run, c->udp[i], e);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/* Everything the threads need. */
static int prepare(struct crew *c, const struct role_start *start, struct err *e)
{
	uint32_t last_row = start->first_row + start->row_count - 1;

	if (start->row_count < start->udp_count + 1)
		return err_set(e, "%u rows on the board for %zu UDP sockets and TCP",
			start->row_count, start->udp_count);
	if (start->zones.fd < 0)
		return err_set(e, "the zones folder %s is not open", start->zones.path);
	c->udp = calloc(start->udp_count + 1, sizeof(struct udp *));
	if (c->udp == NULL)
		return err_set(e, "out of memory for %zu UDP threads", start->udp_count);
	if (loader_open(&c->loader, &c->server, e) < 0)
		return -1;
	c->tcp = tcp_new(&c->server, last_row, e);
	if (c->tcp == NULL)
		return -1;
	for (size_t i = 0; i < start->udp_count; i++) {
		c->udp[i] = udp_new(&c->server, &start->udp[i], start->first_row + (uint32_t)i, e);
		if (c->udp[i] == NULL)
			return -1;
	}
	return start_threads(c, e);
}

/* Stop receiving; connections have until `wait_ms` from now. Later calls can only shorten that. */
static void leave(struct crew *c, uint64_t wait_ms)
{
	uint64_t at_ms = clock_mono_ms() + wait_ms, before_ms = atomic_load(&c->server.leave_ms);

	if (before_ms == 0 || at_ms < before_ms)
		atomic_store(&c->server.leave_ms, at_ms);
	atomic_store(&c->server.stop, true);
	c->leaving = true;
	dns_server_go(&c->server); /* who still waits for GO may end */
}

/* Read what the supervisor says. */
static void hear(struct crew *c)
{
	static const struct link_message none;
	struct link_message *m = malloc(sizeof *m);
	int got = 0;

	if (m == NULL) {
		leave(c, ORPHAN_MS);
		return;
	}
	*m = none;
	while ((got = link_receive(c->server.start->link, m)) > 0) {
		if (m->type == LINK_GO && !c->leaving)
			dns_server_go(&c->server);
		if (m->type == LINK_STOP)
			leave(c, TCP_DRAIN_MS);
	}
	if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
		leave(c, ORPHAN_MS);
	free(m);
}

static void drain_wake(int fd)
{
	uint64_t count;

	while (read(fd, &count, sizeof count) < 0 && errno == EINTR)
		;
}

/* May the role end now? */
static bool is_done(struct crew *c)
{
	uint64_t leave_ms = atomic_load(&c->server.leave_ms);

	if (atomic_load(&c->running) == 0)
		return true;
	return leave_ms != 0 && clock_mono_ms() >= leave_ms + STRAGGLER_MS;
}

/* Once all listening sockets are closed the supervisor may close its own, and so give an address
 * back. */
static void release(struct crew *c)
{
	if (c->released || atomic_load(&c->server.holders) > 0)
		return;
	c->released = true;
	(void)link_send(c->server.start->link, LINK_RELEASED, 0, NULL);
}

static int send_ready(const struct crew *c)
{
	char warnings[READY_TEXT_MAX];

	loader_warnings(c->loader, warnings, sizeof warnings);
	return link_send(c->server.start->link, LINK_READY, 0, warnings);
}

/* Until all threads have ended, or must be left behind. */
static void supervise(struct crew *c)
{
	struct pollfd p[2] = {{.fd = c->server.start->link, .events = POLLIN},
		{.fd = c->server.wake, .events = POLLIN}};
	bool orphan = false;

	while (!is_done(c)) {
		(void)poll(orphan ? p + 1 : p, orphan ? 1 : 2,
			(int)(c->leaving ? LOOK_MS / 10 : LOOK_MS));
		drain_wake(c->server.wake);
		if (!orphan && (p[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
			hear(c);
			orphan = c->leaving && (p[0].revents & (POLLHUP | POLLERR)) != 0;
		}
		release(c);
		if (atomic_load(&c->server.failed) && !c->leaving)
			leave(c, 0);
		if (!c->ready_sent && !c->leaving && loader_is_ready(c->loader)) {
			c->ready_sent = true;
			if (send_ready(c) < 0)
				leave(c, ORPHAN_MS);
		}
	}
}

/* Threads that run keep what they use: then nothing is freed, the process ends anyway. */
static void clear(struct crew *c)
{
	if (atomic_load(&c->running) > 0)
		return;
	for (size_t i = 0; i < c->threads; i++)
		pthread_join(c->thread[i].id, NULL);
	for (size_t i = 0; c->udp != NULL && i < c->server.start->udp_count; i++)
		udp_free(c->udp[i]);
	tcp_free(c->tcp);
	if (c->loader != NULL)
		loader_close(c->loader);
	free(c->udp);
	free(c->thread);
	dns_server_clear(&c->server);
	free(c);
}

static int refuse(const struct role_start *start, const struct err *e)
{
	(void)link_send(start->link, LINK_FAILED, 0, e->text);
	return EXIT_FAILURE;
}

int dns_role(const struct role_start *start)
{
	struct crew *c = aligned_alloc(_Alignof(struct crew), sizeof *c);
	struct err e;
	bool failed;

	if (c == NULL) {
		(void)err_set(&e, "out of memory for the dns role");
		return refuse(start, &e);
	}
	memset(c, 0, sizeof *c);
	if (dns_server_init(&c->server, start, &e) < 0) {
		free(c);
		return refuse(start, &e);
	}
	if (prepare(c, start, &e) < 0) {
		leave(c, 0);
		supervise(c);
		clear(c);
		return refuse(start, &e);
	}
	supervise(c);
	failed = atomic_load(&c->server.failed);
	(void)link_send(start->link, failed ? LINK_FAILED : LINK_STOPPED, 0,
		failed ? c->server.failure : NULL);
	clear(c);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
