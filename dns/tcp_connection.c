/*
 * One TCP connection.
 *
 *   read ─▶ query[] ─▶ up to TCP_TURN_QUERIES whole queries ─▶ respond() ─▶ tcp->scratch ─▶ one send
 *                                                                                └─▶ what is left: pending[]
 *
 * While something is pending nothing is read: a client that does not read its replies gets no more of them, and
 * is shed by the idle timeout. A query counts as activity once it is whole, so dripping octets keeps no place.
 */
#include "dns/tcp_private.h"

#include "base/clock.h"
#include "base/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void unlink_connection(struct tcp_connection *c)
{
	struct tcp *t = c->tcp;

	if (c->older != NULL)
		c->older->newer = c->newer;
	else
		t->oldest = c->newer;
	if (c->newer != NULL)
		c->newer->older = c->older;
	else
		t->newest = c->older;
}

static void link_newest(struct tcp_connection *c)
{
	struct tcp *t = c->tcp;

	c->older = t->newest;
	c->newer = NULL;
	if (t->newest != NULL)
		t->newest->newer = c;
	else
		t->oldest = c;
	t->newest = c;
}

static void touch(struct tcp_connection *c, uint64_t now_ms)
{
	c->active_ms = now_ms;
	unlink_connection(c);
	link_newest(c);
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
	unlink_connection(c);
	t->client[c->place] = 0;
	t->connections--;
	close(c->fd);
	free(c);
}

/* Keep data[0..length) until the socket takes it. False: it must not be kept. */
static bool keep_pending(struct tcp_connection *c, const uint8_t *data, size_t length)
{
	struct tcp *t = c->tcp;

	if (t->pending + length > TCP_PENDING_MAX) {
		dns_worker_count(&t->worker, DNS_TCP_REFUSED, 1);
		return false;
	}
	c->pending = malloc(length);
	if (c->pending == NULL)
		return false;
	memcpy(c->pending, data, length);
	c->pending_from = 0;
	c->pending_to = length;
	t->pending += length;
	return event_del(c->read) == 0 && event_add(c->write, NULL) == 0;
}

/* Octets of data[0..length) the socket took, perhaps 0; -1: the connection is of no use any more. */
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

/* Length of the whole query at query[from], with its two octets; 0: there is none yet. */
static size_t whole_query(const struct tcp_connection *c, size_t from)
{
	size_t size;

	if (c->used - from < 2)
		return 0;
	size = 2u + load_u16(c->query + from);
	return size <= c->used - from ? size : 0;
}

/* Answer what is there, at most one turn of it, into the scratch. Returns the scratch's octets. */
static size_t answer_turn(struct tcp_connection *c, uint64_t now_ms)
{
	struct tcp *t = c->tcp;
	size_t from = 0, to = 0, size;

	dns_worker_enter(&t->worker, now_ms);
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
		from += size;
	}
	dns_worker_leave(&t->worker, now_ms);
	if (from > 0) {
		memmove(c->query, c->query + from, c->used - from);
		c->used -= from;
		touch(c, now_ms);
	}
	return to;
}

/* Answer and send what can be; afterwards `c` may be gone. */
static void serve(struct tcp_connection *c)
{
	struct tcp *t = c->tcp;
	size_t length = answer_turn(c, clock_mono_ms());
	ssize_t sent = length > 0 ? send_some(c->fd, t->scratch, length) : 0;

	if (sent < 0) {
		tcp_connection_close(c);
		return;
	}
	if ((size_t)sent < length) {
		if (!keep_pending(c, t->scratch + sent, length - (size_t)sent))
			tcp_connection_close(c);
		return;
	}
	if (whole_query(c, 0) > 0)
		event_active(c->read, EV_READ, 0); /* after the others that are ready */
	else if (c->ended || (c->used >= 2 && 2u + load_u16(c->query) > TCP_QUERY_MAX))
		tcp_connection_close(c);
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	struct tcp_connection *c = arg;
	ssize_t n;

	(void)what;
	if (!c->ended && c->used < TCP_QUERY_MAX) {
		n = recv(fd, c->query + c->used, TCP_QUERY_MAX - c->used, MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
			tcp_connection_close(c); /* ECONNRESET, ETIMEDOUT… */
			return;
		}
		if (n == 0)
			c->ended = true;
		if (n > 0)
			c->used += (size_t)n;
	}
	serve(c);
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
	if (n > 0) {
		c->pending_from += (size_t)n;
		c->tcp->pending -= (size_t)n;
		touch(c, clock_mono_ms());
	}
	if (c->pending_from < c->pending_to)
		return;
	drop_pending(c);
	if (event_del(c->write) < 0 || event_add(c->read, NULL) < 0) {
		tcp_connection_close(c);
		return;
	}
	serve(c); /* queries that had to wait */
}

uint64_t tcp_client(const struct addr *peer)
{
	uint64_t key = 0;

	memcpy(&key, peer->bytes, peer->family == FAMILY_IPV4 ? 4 : 8);
	return key ^ (uint64_t)peer->family << 56 ^ 1;
}

bool tcp_connection_open(
	struct tcp *t, int fd, const struct hostport *peer, uint64_t client, uint64_t now_ms)
{
	struct tcp_connection *c = malloc(sizeof *c);
	uint32_t place = 0;

	while (place < TCP_CONNECTIONS_MAX && t->client[place] != 0)
		place++;
	if (c == NULL || place == TCP_CONNECTIONS_MAX) {
		free(c);
		close(fd);
		return false;
	}
	memset(c, 0, offsetof(struct tcp_connection, query));
	c->tcp = t;
	c->fd = fd;
	c->place = place;
	c->peer = *peer;
	c->active_ms = now_ms;
	t->client[place] = client;
	t->connections++;
	link_newest(c);
	c->read = event_new(t->base, fd, EV_READ | EV_PERSIST, on_read, c);
	c->write = event_new(t->base, fd, EV_WRITE | EV_PERSIST, on_write, c);
	if (c->read == NULL || c->write == NULL || event_add(c->read, NULL) < 0) {
		tcp_connection_close(c);
		return false;
	}
	return true;
}
