/*
 * One TCP connection.
 *
 *   recv ─▶ query[] ─▶ up to TCP_TURN_QUERIES whole queries ─▶ respond() ─▶ tcp->scratch ─▶ one send
 *                                                                 what is left ─▶ pending[] ◀┘
 *
 * While something is pending nothing is received: a client that does not read its replies gets no
 * more of them. Only a whole query, and the last octet of what was pending, count as activity: who
 * drips octets, in or out, has the idle timeout for all of it.
 */
#include "dns/tcp_private.h"

#include "base/clock.h"
#include "base/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void touch(struct tcp_connection *c, uint64_t now_ms)
{
	struct tcp *t = c->tcp;

	c->active_ms = now_ms;
	TAILQ_REMOVE(&t->connections, c, by_age);
	TAILQ_INSERT_TAIL(&t->connections, c, by_age);
}

/* It has something to do: its turn comes after those of all others that have. */
static void want_turn(struct tcp_connection *c)
{
	struct tcp *t = c->tcp;

	if (c->has_turn)
		return;
	c->has_turn = true;
	TAILQ_INSERT_TAIL(&t->turns, c, by_turn);
	t->turn_count++;
}

static void drop_turn(struct tcp_connection *c)
{
	struct tcp *t = c->tcp;

	if (!c->has_turn)
		return;
	c->has_turn = false;
	TAILQ_REMOVE(&t->turns, c, by_turn);
	t->turn_count--;
}

static void drop_pending(struct tcp_connection *c)
{
	c->tcp->pending -= c->pending_to - c->pending_from;
	free(c->pending);
	c->pending = NULL;
	c->pending_from = c->pending_to = 0;
}

void tcp_connection_close(struct tcp_connection *c)
{
	struct tcp *t = c->tcp;

	/* before close(): epoll follows the open file */
	if (c->read != NULL)
		event_free(c->read);
	if (c->write != NULL)
		event_free(c->write);
	drop_pending(c);
	drop_turn(c);
	TAILQ_REMOVE(&t->connections, c, by_age);
	tcp_clients_remove(&t->clients, &c->peer.addr);
	t->count--;
	close(c->fd);
	free(c);
}

void tcp_connection_expire(struct tcp_connection *c)
{
	dns_worker_count(&c->tcp->worker,
		c->pending != NULL          ? DNS_TCP_SLOW_READER
		: c->used > 0 || c->passing ? DNS_TCP_SLOW_QUERY
					    : DNS_TCP_IDLE,
		1);
	tcp_connection_close(c);
}

/* ---- sending ---- */

/* Make room for `length` more octets of unsent replies: who has kept some for longest is shed. */
static void shed_pending(struct tcp *t, size_t length)
{
	struct tcp_connection *c = TAILQ_FIRST(&t->connections), *next;

	for (; c != NULL && t->pending + length > TCP_PENDING_MAX; c = next) {
		next = TAILQ_NEXT(c, by_age);
		if (c->pending == NULL)
			continue;
		dns_worker_count(&t->worker, DNS_TCP_PENDING_LIMIT, 1);
		tcp_connection_close(c);
	}
}

/* Keep data[0..length) until the socket takes it. False: it cannot be kept. */
static bool keep_pending(struct tcp_connection *c, const uint8_t *data, size_t length)
{
	struct tcp *t = c->tcp;

	shed_pending(t, length);
	c->pending = malloc(length);
	if (c->pending == NULL)
		return false;
	memcpy(c->pending, data, length);
	c->pending_from = 0;
	c->pending_to = length;
	t->pending += length;
	return event_del(c->read) == 0 && event_add(c->write, NULL) == 0;
}

/* Octets of data[0..length) the socket took, perhaps 0; -1: the connection is of no use any more.
 */
static ssize_t send_some(int fd, const uint8_t *data, size_t length)
{
	ssize_t n;

	do
		n = send(fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
		return 0;
	return n; /* ECONNRESET, EPIPE, ETIMEDOUT, EHOSTUNREACH… end this connection alone */
}

/* ---- receiving ---- */

/* Octets of the query at query[from] with its length, as far as they are kept. */
static size_t query_size(const struct tcp_connection *c, size_t from)
{
	size_t size = 2u + load_u16(c->query + from);

	return size < TCP_QUERY_MAX ? size : TCP_QUERY_MAX;
}

/* The same when it is all there; 0: there is none yet. */
static size_t whole_query(const struct tcp_connection *c, size_t from)
{
	size_t size;

	if (c->used - from < 2)
		return 0;
	size = query_size(c, from);
	return size <= c->used - from && !(c->passing && c->pass > 0) ? size : 0;
}

/* A query that is longer than what is kept: nothing that this server serves is. It is answered from
 * its beginning (NOTIMP to an update, else FORMERR), and the connection stays in step. */
static void begin_passing(struct tcp_connection *c)
{
	size_t size;

	if (c->passing || c->used < TCP_QUERY_MAX)
		return;
	size = 2u + load_u16(c->query);
	if (size <= TCP_QUERY_MAX)
		return;
	c->passing = true;
	c->pass = size - TCP_QUERY_MAX;
	dns_worker_count(&c->tcp->worker, DNS_TCP_QUERY_CUT, 1);
}

/* Take in what fits. False: the connection is of no use any more. */
static bool receive(struct tcp_connection *c)
{
	struct tcp *t = c->tcp;
	uint8_t *into = c->query + c->used;
	size_t room = TCP_QUERY_MAX - c->used;
	ssize_t n;

	if (c->farewell || (c->passing && c->pass > 0)) {
		into = t->scratch;
		room = c->farewell || c->pass > TCP_SCRATCH ? TCP_SCRATCH : c->pass;
	}
	if (c->ended || room == 0)
		return true;
	n = recv(c->fd, into, room, MSG_DONTWAIT);
	if (n < 0) /* ECONNRESET, ETIMEDOUT… */
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
	if (n == 0)
		c->ended = true;
	else if (into == c->query + c->used)
		c->used += (size_t)n;
	else if (!c->farewell)
		c->pass -= (size_t)n;
	begin_passing(c);
	return true;
}

/* ---- answering ---- */

/* Answer what is there, at most one turn of it, into the scratch. Returns the scratch's octets. */
static size_t answer_turn(struct tcp_connection *c)
{
	struct tcp *t = c->tcp;
	uint64_t now_ms = clock_mono_ms();
	size_t from = 0, to = 0, size;

	if (whole_query(c, 0) == 0)
		return 0;
	dns_worker_enter(&t->worker, now_ms);
	t->worker.responder.keepalive_ds = t->stopping ? 0 : (uint16_t)(tcp_timeout_ms(t) / 100);
	for (unsigned turn = 0; turn < TCP_TURN_QUERIES; turn++) {
		uint8_t *out = t->scratch + to;
		size_t length;

		size = whole_query(c, from);
		if (size == 0 || TCP_SCRATCH - to < 2u + REPLY_MAX)
			break;
		dns_worker_count(&t->worker, DNS_TCP_QUERIES, 1);
		length = respond(&t->worker.responder, c->query + from + 2, size - 2, &c->peer,
			true, out + 2);
		if (length > 0) {
			store_u16(out, (uint16_t)length);
			to += 2 + length;
		}
		c->passing = false;
		from += size;
	}
	dns_worker_leave(&t->worker, now_ms);
	memmove(c->query, c->query + from, c->used - from);
	c->used -= from;
	if (to > 0) /* what gets no reply is no activity */
		touch(c, now_ms);
	return to;
}

/* Answer and send what can be. False: `c` is gone. */
static bool serve(struct tcp_connection *c)
{
	struct tcp *t = c->tcp;
	size_t length = answer_turn(c);
	ssize_t sent = length > 0 ? send_some(c->fd, t->scratch, length) : 0;

	if (sent < 0 || ((size_t)sent < length &&
				!keep_pending(c, t->scratch + sent, length - (size_t)sent))) {
		tcp_connection_close(c);
		return false;
	}
	return true;
}

void tcp_connection_turn(struct tcp_connection *c)
{
	drop_turn(c);
	if (c->pending != NULL)
		return; /* on_write() goes on */
	if (!receive(c)) {
		tcp_connection_close(c);
		return;
	}
	if (!serve(c) || c->pending != NULL)
		return;
	if (!c->farewell && whole_query(c, 0) > 0)
		want_turn(c);
	else if (c->ended)
		tcp_connection_close(c);
}

/* Replies are out: tell the client that no more will come. What it sends now is read all the same,
 * as closing with unread octets resets the connection and destroys replies that are on their way.
 */
static void end_our_side(struct tcp_connection *c)
{
	if (shutdown(c->fd, SHUT_WR) < 0)
		tcp_connection_close(c);
}

void tcp_connection_farewell(struct tcp_connection *c)
{
	dns_worker_count(&c->tcp->worker, DNS_TCP_DRAINED, 1);
	drop_turn(c);
	if (c->pending == NULL && !receive(c)) {
		tcp_connection_close(c);
		return;
	}
	while (c->pending == NULL && whole_query(c, 0) > 0) {
		if (!serve(c))
			return;
	}
	c->farewell = true;
	c->passing = false;
	c->used = 0;
	touch(c, clock_mono_ms());
	if (c->pending == NULL)
		end_our_side(c);
}

/* ---- events ---- */

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	want_turn(arg);
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
	struct tcp_connection *c = arg;
	ssize_t n = send_some(fd, c->pending + c->pending_from, c->pending_to - c->pending_from);

	(void)what;
	if (n < 0) {
		tcp_connection_close(c);
		return;
	}
	c->pending_from += (size_t)n;
	c->tcp->pending -= (size_t)n;
	if (c->pending_from < c->pending_to)
		return;
	drop_pending(c);
	touch(c, clock_mono_ms());
	if (event_del(c->write) < 0 || event_add(c->read, NULL) < 0) {
		tcp_connection_close(c);
		return;
	}
	if (c->farewell)
		end_our_side(c);
	else
		want_turn(c); /* queries that had to wait */
}

bool tcp_connection_open(struct tcp *t, int fd, const struct hostport *peer, uint64_t now_ms)
{
	struct tcp_connection *c = malloc(sizeof *c);

	if (c == NULL) {
		close(fd);
		return false;
	}
	memset(c, 0, offsetof(struct tcp_connection, query));
	c->tcp = t;
	c->fd = fd;
	c->peer = *peer;
	c->active_ms = now_ms;
	TAILQ_INSERT_TAIL(&t->connections, c, by_age);
	tcp_clients_add(&t->clients, &peer->addr);
	t->count++;
	c->read = event_new(t->base, fd, EV_READ | EV_PERSIST, on_read, c);
	c->write = event_new(t->base, fd, EV_WRITE | EV_PERSIST, on_write, c);
	if (c->read == NULL || c->write == NULL || event_add(c->read, NULL) < 0) {
		tcp_connection_close(c);
		return false;
	}
	return true;
}
