#include "dns/tcp.h"

#include "base/clock.h"
#include "board/beat.h"
#include "dns/tcp_private.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_MAX      16u /* a wake-up: connections that are open have their turns in between */
#define LAST_ACCEPTS_MAX 4096u  /* when stopping: what a listener's queue can hold */
#define TICK_US          100000 /* beat, idle timeouts, the stop flag */

/* ---- places ---- */

uint64_t tcp_idle_ms(uint64_t full_ms, uint32_t connections, uint32_t most)
{
	uint64_t least_ms = full_ms / TCP_IDLE_SHARE, half = most / 2;

	if (connections <= half)
		return full_ms;
	if (connections >= most)
		return least_ms;
	return full_ms - (full_ms - least_ms) * (connections - half) / (most - half);
}

uint64_t tcp_timeout_ms(const struct tcp *t)
{
	const struct conf_dns *dns = &t->worker.server->conf->dns;
	uint64_t idle_ms = tcp_idle_ms(dns->tcp.idle_timeout_ms, t->count, t->most);

	return t->stopping && idle_ms > TCP_DRAIN_IDLE_MS ? TCP_DRAIN_IDLE_MS : idle_ms;
}

/* Close the connection that has been idle for longest, if it was for TCP_EVICT_MS. */
static bool evict(struct tcp *t, uint64_t now_ms)
{
	struct tcp_connection *oldest = TAILQ_FIRST(&t->connections);

	if (oldest == NULL || now_ms - oldest->active_ms < TCP_EVICT_MS)
		return false;
	dns_worker_count(&t->worker, DNS_TCP_EVICTED, 1);
	tcp_connection_close(oldest);
	return true;
}

/* Is there a place for one more connection of this client? Makes one where somebody is idle. */
static bool find_room(struct tcp *t, const struct addr *client, uint64_t now_ms)
{
	const struct conf_dns *dns = &t->worker.server->conf->dns;

	if (tcp_clients_count(&t->clients, client) >= dns->tcp.max_per_client) {
		dns_worker_count(&t->worker, DNS_TCP_CLIENT_LIMIT, 1);
		return false;
	}
	if (t->count < t->most || evict(t, now_ms))
		return true;
	dns_worker_count(&t->worker, DNS_TCP_REFUSED, 1);
	return false;
}

/* ---- accepting ---- */

static void take(struct tcp *t, int fd, const struct sockaddr_storage *from)
{
	uint64_t now_ms = clock_mono_ms();
	struct hostport peer;

	dns_worker_count(&t->worker, DNS_TCP_CONNECTIONS, 1);
	if (hostport_from_sockaddr((const struct sockaddr *)from, &peer) < 0 ||
		!find_room(t, &peer.addr, now_ms)) {
		close(fd);
		return;
	}
	if (!tcp_connection_open(t, fd, &peer, now_ms))
		dns_worker_count(&t->worker, DNS_TCP_ACCEPT_FAILED, 1);
}

/* No more accepts until the next tick: a ready listener would spin. */
static void pause_accepts(struct tcp *t)
{
	dns_worker_count(&t->worker, DNS_TCP_ACCEPT_FAILED, 1);
	(void)evict(t, clock_mono_ms());
	t->paused = true;
	for (size_t i = 0; i < t->listeners; i++)
		event_del(t->listener[i]);
}

static void resume_accepts(struct tcp *t)
{
	bool added = true;

	for (size_t i = 0; i < t->listeners; i++)
		added = event_add(t->listener[i], NULL) == 0 && added;
	t->paused = !added;
}

/* Take one connection from a listener. False: there is none, or none can be taken now. */
static bool accept_one(struct tcp *t, int listener)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof from;
	int fd = accept4(listener, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		take(t, fd, &from);
		return true;
	}
	switch (errno) {
	case EAGAIN: return false;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS: pause_accepts(t); return false;
	case EBADF:
	case ENOTSOCK:
	case EINVAL:
	case EOPNOTSUPP:
		dns_server_fail(t->worker.server, "accepting on a TCP socket: %s", strerror(errno));
		t->done = true;
		return false;
	default: return true; /* EINTR, ECONNABORTED, EPERM, EPROTO and errors of that connection */
	}
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	for (unsigned i = 0; i < ACCEPTS_MAX && accept_one(arg, fd); i++)
		;
}

/* Let go of the listeners. Those of an address that stays are the next generation's, too; those of
 * one that was removed refuse connections once nobody has them open. */
static void close_listeners(struct tcp *t)
{
	for (size_t i = 0; i < t->listeners; i++) {
		int fd = event_get_fd(t->listener[i]);

		event_free(t->listener[i]); /* before close(): epoll follows the open file */
		close(fd);
	}
	t->listeners = 0;
	dns_server_let_go(t->worker.server);
}

/* Who has connected already is served. */
static void stop_accepts(struct tcp *t)
{
	t->stopping = true;
	for (size_t i = 0; i < t->listeners; i++) {
		unsigned n = 0;

		while (n < LAST_ACCEPTS_MAX && accept_one(t, event_get_fd(t->listener[i])))
			n++;
	}
	close_listeners(t);
}

/* ---- the thread ---- */

/* Close who has been idle, or did not get done, for too long. */
static void sweep(struct tcp *t, uint64_t now_ms)
{
	struct tcp_connection *c;

	while ((c = TAILQ_FIRST(&t->connections)) != NULL &&
		now_ms - c->active_ms >= tcp_timeout_ms(t))
		tcp_connection_expire(c);
}

/* The end of the time to drain is near: no more queries. Who has been told moves to the end. */
static void say_farewell(struct tcp *t)
{
	struct tcp_connection *c;

	t->farewell = true;
	while ((c = TAILQ_FIRST(&t->connections)) != NULL && !c->farewell)
		tcp_connection_farewell(c);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct tcp *t = arg;
	struct dns_server *s = t->worker.server;
	uint64_t now_ms = clock_mono_ms(), leave_ms;

	(void)fd;
	(void)what;
	beat(&t->worker.row->beat_ms, now_ms);
	if (!t->stopping && atomic_load(&s->stop))
		stop_accepts(t);
	leave_ms = atomic_load(&s->leave_ms); /* it was set before `stop` */
	sweep(t, now_ms);
	if (t->stopping && !t->farewell && now_ms + TCP_FAREWELL_MS >= leave_ms)
		say_farewell(t);
	if (t->stopping && (t->count == 0 || now_ms >= leave_ms))
		t->done = true;
	else if (!t->stopping && t->paused)
		resume_accepts(t);
}

/* One turn for everybody who has something to do now. */
static void take_turns(struct tcp *t)
{
	for (uint32_t n = t->turn_count; n > 0 && !TAILQ_EMPTY(&t->turns); n--)
		tcp_connection_turn(TAILQ_FIRST(&t->turns));
}

/* libevent's own queue of active events would do for turns, were it not emptied before the kernel
 * is asked again: one client that pipelines without end would keep all others and the tick out. */
static int loop(struct tcp *t)
{
	while (!t->done) {
		int more = TAILQ_EMPTY(&t->turns) ? 0 : EVLOOP_NONBLOCK;

		if (event_base_loop(t->base, EVLOOP_ONCE | more) < 0)
			return -1;
		take_turns(t);
	}
	return 0;
}

void *tcp_run(void *arg)
{
	struct tcp *t = arg;
	const struct timeval tick = {.tv_usec = TICK_US};

	dns_worker_hurry();
	if (dns_server_wait_go(t->worker.server)) {
		resume_accepts(t);
		if (event_add(t->tick, &tick) < 0 || loop(t) < 0)
			dns_server_fail(
				t->worker.server, "the TCP event loop: %s", strerror(errno));
	}
	if (t->listeners > 0) /* no GO, or a failure: what waits there is for others */
		close_listeners(t);
	while (!TAILQ_EMPTY(&t->connections))
		tcp_connection_close(TAILQ_FIRST(&t->connections));
	return NULL;
}

/* ---- making it ---- */

/* Options of the listener's connections; a kernel that refuses one serves all the same. Buffers are
 * bounded here as the kernel would let each connection grow to megabytes of replies that nobody
 * reads. */
static void prepare_listener(int fd)
{
	const int fast_open = TCP_FAST_OPEN, send = TCP_SEND_BUFFER, receive = TCP_RECV_BUFFER;
	const int on = 1;

	/* replies are sent whole; without it the second of two waits for the client's ACK */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &fast_open, sizeof fast_open);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send, sizeof send);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive);
}

/* The events of all listeners and of the tick. */
static int make_events(struct tcp *t)
{
	const struct role_start *start = t->worker.server->start;

	t->base = event_base_new();
	t->listener = calloc(start->tcp_count + 1, sizeof(struct event *));
	if (t->base == NULL || t->listener == NULL)
		return -1;
	for (size_t i = 0; i < start->tcp_count; i++) {
		t->listener[i] =
			event_new(t->base, start->tcp[i].fd, EV_READ | EV_PERSIST, on_accept, t);
		if (t->listener[i] == NULL)
			return -1;
		prepare_listener(start->tcp[i].fd);
		t->listeners++;
	}
	t->tick = event_new(t->base, -1, EV_PERSIST, on_tick, t);
	return t->tick != NULL ? 0 : -1;
}

/* As many connections as configured, or as descriptors allow. */
static uint32_t most_connections(struct dns_server *s)
{
	uint32_t most = s->conf->dns.tcp.max_connections;
	uint64_t others = s->start->udp_count + s->start->tcp_count + TCP_SPARE_FILES;
	struct rlimit files;
	char text[160];

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= most + others)
		return most;
	most = files.rlim_cur > others ? (uint32_t)(files.rlim_cur - others) : 1;
	(void)snprintf(text, sizeof text,
		"dns.tcp.max_connections is %u, but the limit of open files (%llu) allows %u",
		s->conf->dns.tcp.max_connections, (unsigned long long)files.rlim_cur, most);
	dns_server_event(s, EVENT_NOTICE, LEVEL_WARNING, "dns", text);
	return most;
}

struct tcp *tcp_new(struct dns_server *s, uint32_t row, struct err *e)
{
	struct tcp *t = calloc(1, sizeof *t);

	if (t == NULL) {
		(void)err_set(e, "out of memory for the TCP thread");
		return NULL;
	}
	TAILQ_INIT(&t->connections);
	TAILQ_INIT(&t->turns);
	if (dns_worker_init(&t->worker, s, row, e) < 0) {
		free(t);
		return NULL;
	}
	t->most = most_connections(s);
	if (make_events(t) < 0 || tcp_clients_init(&t->clients, t->most) < 0) {
		tcp_free(t);
		(void)err_set(e, "cannot make the TCP event loop");
		return NULL;
	}
	return t;
}

void tcp_free(struct tcp *t)
{
	if (t == NULL)
		return;
	while (!TAILQ_EMPTY(&t->connections))
		tcp_connection_close(TAILQ_FIRST(&t->connections));
	for (size_t i = 0; i < t->listeners; i++)
		event_free(t->listener[i]);
	if (t->tick != NULL)
		event_free(t->tick);
	if (t->base != NULL)
		event_base_free(t->base);
	tcp_clients_clear(&t->clients);
	free(t->listener);
	dns_worker_clear(&t->worker);
	free(t);
}
