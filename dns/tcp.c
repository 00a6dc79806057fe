#include "dns/tcp.h"

#include "base/clock.h"
#include "board/beat.h"
#include "dns/tcp_private.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_MAX 16u  /* a wake-up: connections that are open have their turn in between */
#define TICK_MS     100u /* beat, idle timeouts, the stop flag */

/* ---- accepting ---- */

static unsigned count_client(const struct tcp *t, uint64_t client)
{
	unsigned n = 0;

	for (size_t i = 0; i < TCP_CONNECTIONS_MAX; i++)
		n += t->client[i] == client;
	return n;
}

/* Is there a place for one more connection of this client? Makes one where somebody is idle. */
static bool find_room(struct tcp *t, uint64_t client, uint64_t now_ms)
{
	struct tcp_connection *oldest = t->oldest;

	if (count_client(t, client) >= TCP_CLIENT_MAX)
		return false;
	if (t->connections < TCP_CONNECTIONS_MAX)
		return true;
	if (oldest == NULL || now_ms - oldest->active_ms < TCP_EVICT_MS)
		return false;
	tcp_connection_close(oldest);
	dns_worker_count(&t->worker, DNS_TCP_REFUSED, 1);
	return true;
}

static void take(struct tcp *t, int fd, const struct sockaddr_storage *from)
{
	uint64_t now_ms = clock_mono_ms();
	struct hostport peer;
	uint64_t client;
	int on = 1;

	dns_worker_count(&t->worker, DNS_TCP_CONNECTIONS, 1);
	if (hostport_from_sockaddr((const struct sockaddr *)from, &peer) < 0) {
		close(fd);
		return;
	}
	client = tcp_client(&peer.addr);
	if (!find_room(t, client, now_ms)) {
		dns_worker_count(&t->worker, DNS_TCP_REFUSED, 1);
		close(fd);
		return;
	}
	/* replies are sent whole; without it the second of two waits for the client's ACK. A failure costs time only. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (!tcp_connection_open(t, fd, &peer, client, now_ms))
		dns_worker_count(&t->worker, DNS_TCP_REFUSED, 1);
}

/* No more accepts until the next tick: a ready listener would spin. */
static void pause_accepts(struct tcp *t)
{
	dns_worker_count(&t->worker, DNS_TCP_REFUSED, 1);
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

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct tcp *t = arg;

	(void)what;
	for (unsigned i = 0; i < ACCEPTS_MAX && !t->paused; i++) {
		struct sockaddr_storage from;
		socklen_t size = sizeof from;
		int new =
			accept4(fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (new >= 0) {
			take(t, new, &from);
			continue;
		}
		switch (errno) {
		case EAGAIN: return;
		case EMFILE:
		case ENFILE:
		case ENOMEM:
		case ENOBUFS: pause_accepts(t); return;
		case EBADF:
		case ENOTSOCK:
		case EINVAL:
		case EOPNOTSUPP:
			dns_server_fail(
				t->worker.server, "accepting on a TCP socket: %s", strerror(errno));
			event_base_loopbreak(t->base);
			return;
		default:
			break; /* EINTR, ECONNABORTED, EPERM, EPROTO and errors of that one connection */
		}
	}
}

/* ---- the thread ---- */

/* Close who has been idle for too long; when stopping, everybody at the end of the wait. */
static void sweep(struct tcp *t, uint64_t now_ms)
{
	uint64_t limit_ms =
		t->connections > TCP_CONNECTIONS_MAX / 2 ? TCP_IDLE_BUSY_MS : TCP_IDLE_MS;
	uint64_t leave_ms = atomic_load(&t->worker.server->leave_ms);
	bool leave = leave_ms != 0 && now_ms >= leave_ms;

	while (t->oldest != NULL && (leave || now_ms - t->oldest->active_ms >= limit_ms))
		tcp_connection_close(t->oldest);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct tcp *t = arg;
	uint64_t now_ms = clock_mono_ms();

	(void)fd;
	(void)what;
	beat(&t->worker.row->beat_ms, now_ms);
	if (!t->stopping && atomic_load(&t->worker.server->stop)) {
		t->stopping = true;
		for (size_t i = 0; i < t->listeners; i++)
			event_del(t->listener[i]);
	}
	sweep(t, now_ms);
	if (t->stopping && t->connections == 0)
		event_base_loopbreak(t->base);
	else if (!t->stopping && t->paused)
		resume_accepts(t);
}

void *tcp_run(void *arg)
{
	struct tcp *t = arg;
	const struct timeval tick = {.tv_usec = TICK_MS * 1000};

	if (!dns_server_wait_go(t->worker.server))
		return NULL;
	resume_accepts(t);
	if (event_add(t->tick, &tick) < 0 || event_base_dispatch(t->base) < 0)
		dns_server_fail(t->worker.server, "the TCP event loop: %s", strerror(errno));
	while (t->oldest != NULL)
		tcp_connection_close(t->oldest);
	return NULL;
}

/* The events of all listeners and of the tick. */
static int make_events(struct tcp *t)
{
	const struct role_start *start = t->worker.server->start;

	t->base = event_base_new();
	t->listener = calloc(start->tcp_count + 1, sizeof t->listener[0]);
	if (t->base == NULL || t->listener == NULL)
		return -1;
	for (size_t i = 0; i < start->tcp_count; i++) {
		t->listener[i] =
			event_new(t->base, start->tcp[i].fd, EV_READ | EV_PERSIST, on_accept, t);
		if (t->listener[i] == NULL)
			return -1;
		t->listeners++;
	}
	t->tick = event_new(t->base, -1, EV_PERSIST, on_tick, t);
	return t->tick != NULL ? 0 : -1;
}

struct tcp *tcp_new(struct dns_server *s, uint32_t row, struct err *e)
{
	struct tcp *t = calloc(1, sizeof *t);

	if (t == NULL) {
		(void)err_set(e, "out of memory for the TCP thread");
		return NULL;
	}
	if (dns_worker_init(&t->worker, s, row, e) < 0) {
		free(t);
		return NULL;
	}
	if (make_events(t) < 0) {
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
	while (t->oldest != NULL)
		tcp_connection_close(t->oldest);
	for (size_t i = 0; i < t->listeners; i++)
		event_free(t->listener[i]);
	if (t->tick != NULL)
		event_free(t->tick);
	if (t->base != NULL)
		event_base_free(t->base);
	free(t->listener);
	dns_worker_clear(&t->worker);
	free(t);
}
