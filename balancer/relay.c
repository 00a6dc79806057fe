#include "balancer/relay.h"

#include "balancer/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* What came of one step of a flow, or of a whole turn. */
enum step {
	STEP_MOVED,    /* go on */
	STEP_DRY,      /* the sender has nothing more now */
	STEP_FULL,     /* the receiver takes no more now */
	STEP_TURN,     /* the turn is over, there may be more */
	STEP_EOF,      /* the sender has ended, all is delivered */
	STEP_SENDER,   /* the sender is gone: reset or network error */
	STEP_RECEIVER, /* the receiver is gone */
	STEP_RESOURCE, /* no memory for what the receiver did not take */
};

static bool would_block(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK;
}

static void drop_stash(struct flow *f)
{
	free(f->stash);
	f->stash = NULL;
	f->stash_at = f->stash_end = 0;
}

static void drop_pipe(struct connection *c, struct flow *f)
{
	if (f->pipe != NULL)
		pipe_give(&c->worker->pipes, f->pipe);
	f->pipe = NULL;
}

void relay_release(struct connection *c)
{
	for (unsigned i = 0; i < 2; i++) {
		drop_stash(&c->flow[i]);
		drop_pipe(c, &c->flow[i]);
	}
}

/* Octets were read: they count as activity of both sides. What is about to be sent to the endpoint
 * must not wait for the acknowledgement of what was sent before (Nagle); the first need not wait. Clients'
 * sockets have TCP_NODELAY from the listening one. */
static void note_moved(struct connection *c, enum side_id from, size_t n)
{
	struct flow *f = &c->flow[from];

	if (from == SIDE_CLIENT && f->moved_bytes > 0 && !f->prompt) {
		(void)setsockopt(c->side[SIDE_ENDPOINT].fd, IPPROTO_TCP, TCP_NODELAY, &(int){1},
			sizeof(int));
		f->prompt = true;
	}
	f->moved_bytes += n;
	c->active_ms = c->worker->now_ms;
	worker_count(c->worker, from == SIDE_CLIENT ? BALANCER_BYTES_IN : BALANCER_BYTES_OUT, n);
}

/* send() or splice() to the receiver failed. Besides EAGAIN every error means that it is gone:
 * EPIPE, ECONNRESET, ETIMEDOUT (it stopped to acknowledge), EHOSTUNREACH …; so does ENOBUFS or ENOMEM
 * for our purpose, since no event would tell when to try again. */
static enum step send_failed(struct flow *f, int error)
{
	if (would_block(error))
		return STEP_FULL;
	/* EPIPE: its end of file had come before its reset. After any other error the next recv()
	 * from it gives 0 too, because the socket reports an error once only. */
	f->cut_reset = error != EPIPE;
	return STEP_RECEIVER;
}

static enum step receive_failed(int error)
{
	return would_block(error) ? STEP_DRY : STEP_SENDER;
}

/* Deliver what the flow holds; MOVED when that is nothing any more. */
static enum step flush(struct connection *c, enum side_id from)
{
	struct flow *f = &c->flow[from];
	int to = c->side[other_side(from)].fd;
	ssize_t n;

	while (f->stash != NULL) {
		n = send(to, f->stash + f->stash_at, f->stash_end - f->stash_at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return send_failed(f, errno);
		c->active_ms = c->worker->now_ms;
		f->stash_at += (uint32_t)n;
		if (f->stash_at == f->stash_end)
			drop_stash(f);
	}
	while (f->pipe != NULL && f->pipe->fill > 0) {
		n = splice(f->pipe->read_fd, NULL, to, NULL, f->pipe->fill,
			SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return send_failed(f, errno);
		if (n == 0) /* cannot be: the pipe is not empty */
			return STEP_RECEIVER;
		c->active_ms = c->worker->now_ms;
		f->pipe->fill -= (uint32_t)n;
	}
	return STEP_MOVED;
}

/* Keep what the receiver did not take. */
static enum step stash(struct flow *f, const char *data, size_t length)
{
	f->stash = malloc(length);
	if (f->stash == NULL)
		return STEP_RESOURCE;
	memcpy(f->stash, data, length);
	f->stash_at = 0;
	f->stash_end = (uint32_t)length;
	return STEP_MOVED; /* flush() must see EAGAIN itself, else no event would come */
}

static enum step copy(struct connection *c, enum side_id from)
{
	struct flow *f = &c->flow[from];
	char *buffer = c->worker->buffer;
	ssize_t n, sent;

	do
		n = recv(c->side[from].fd, buffer, WORKER_BUFFER, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return receive_failed(errno);
	if (n == 0)
		return STEP_EOF;
	note_moved(c, from, (size_t)n);
	f->bulk = (size_t)n == WORKER_BUFFER;
	do
		sent = send(c->side[other_side(from)].fd, buffer, (size_t)n, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent == n && ((size_t)n == WORKER_BUFFER || f->urgent))
		return STEP_MOVED;
	if (sent == n)
		return f->ended ? STEP_EOF : STEP_DRY;
	if (sent < 0 && send_failed(f, errno) == STEP_RECEIVER)
		return STEP_RECEIVER;
	if (sent < 0)
		sent = 0;
	return stash(f, buffer + sent, (size_t)(n - sent));
}

/* The receiver is gone: take what comes and forget it (MSG_TRUNC: TCP does not even copy it). */
static enum step discard(struct connection *c, enum side_id from)
{
	ssize_t n;

	do
		n = recv(c->side[from].fd, c->worker->buffer, WORKER_BUFFER, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return receive_failed(errno);
	c->flow[from].moved_bytes += (size_t)n;
	return n == 0 ? STEP_EOF : STEP_MOVED;
}

/* Fill the flow's pipe, which is empty. */
static enum step fill(struct connection *c, enum side_id from)
{
	struct flow *f = &c->flow[from];
	ssize_t n;

	do
		n = splice(c->side[from].fd, NULL, f->pipe->write_fd, NULL, f->pipe->size,
			SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EINVAL) { /* not these sockets */
		f->no_splice = true;
		return STEP_MOVED;
	}
	if (n < 0)
		return receive_failed(errno);
	if (n == 0)
		return STEP_EOF;
	f->pipe->fill = (uint32_t)n;
	note_moved(c, from, (size_t)n);
	return STEP_MOVED;
}

/* The flow's next step; it holds nothing. */
static enum step read_more(struct connection *c, enum side_id from)
{
	struct flow *f = &c->flow[from];

	if (f->cut)
		return discard(c, from);
	if (!f->bulk || f->no_splice)
		return copy(c, from);
	if (f->pipe == NULL)
		f->pipe = pipe_take(
			&c->worker->pipes, f->moved_bytes >= RELAY_LARGE, c->worker->now_ms);
	return f->pipe != NULL ? fill(c, from) : copy(c, from);
}

/* One turn of a flow. */
static enum step turn(struct connection *c, enum side_id from)
{
	struct flow *f = &c->flow[from];
	uint64_t begun = f->moved_bytes;
	enum step step;

	do {
		step = flush(c, from);
		if (step != STEP_MOVED)
			break;
		if (f->moved_bytes - begun >= RELAY_TURN) {
			step = STEP_TURN;
			break;
		}
		step = read_more(c, from);
	} while (step == STEP_MOVED);
	if (f->pipe != NULL && f->pipe->fill == 0)
		drop_pipe(c, f);
	if (f->bulk && step == STEP_DRY && f->moved_bytes - begun < WORKER_BUFFER)
		f->bulk = false;
	return step;
}

static bool pump(struct connection *c, enum side_id from);

/* The side that went is the one that the flow `from` was sent to. */
static enum ended_by by_side(enum side_id side)
{
	return side == SIDE_CLIENT ? BY_CLIENT : BY_ENDPOINT;
}

/* Let the poller look anew at a side, when the others had their turn; for writing as well. */
static void look_again(struct connection *c, enum side_id side)
{
	struct side *s = &c->side[side];

	s->hears_writable = true;
	poller_again(&c->worker->poller, s->fd, &s->watch);
}

/* Hold what the receiver does not take until it does. */
static void block(struct connection *c, enum side_id from)
{
	enum side_id to = other_side(from);

	c->flow[from].blocked = true;
	if (!c->side[to].hears_writable)
		look_again(c, to);
}

/* From now on only the end of this flow is waited for. */
static void linger(struct connection *c)
{
	c->linger_ms = c->worker->now_ms + RELAY_LINGER_MS;
	connection_hurry(c);
}

/* The receiver of `from` is gone: deliver what it had said before, then end. */
static bool cut(struct connection *c, enum side_id from)
{
	enum side_id gone = other_side(from);
	struct flow *f = &c->flow[from];

	drop_stash(f);
	drop_pipe(c, f);
	if (c->flow[gone].cut || (c->flow[gone].done && f->cut_reset)) {
		connection_end(c, by_side(gone));
		return false;
	}
	f->cut = true;
	look_again(c, from); /* there may be more to discard */
	if (c->flow[gone].done) {
		linger(c);
		return true;
	}
	/* The edge that told of the end may be consumed already. */
	return c->flow[gone].blocked || pump(c, gone);
}

/* End of file of `from`, all of it delivered. */
static bool finish(struct connection *c, enum side_id from)
{
	enum side_id to = other_side(from);
	struct flow *f = &c->flow[from], *back = &c->flow[to];

	if (back->cut && back->cut_reset) {
		connection_end(c, by_side(from));
		return false;
	}
	f->done = true;
	if (back->done) {
		connection_end(c, f->cut ? by_side(to) : back->cut ? by_side(from) : BY_BOTH);
		return false;
	}
	c->phase = PHASE_LAST;
	if (f->cut) /* there is nobody to tell */
		return true;
	if (back->cut)
		linger(c);
	if (shutdown(c->side[to].fd, SHUT_WR) == 0)
		return true;
	/* ENOTCONN: the receiver has reset meanwhile, as reading from it will show. */
	return back->blocked || pump(c, to);
}

/* Give a flow its turn. False when the connection has ended. */
static bool pump(struct connection *c, enum side_id from)
{
	struct flow *f = &c->flow[from];

	if (f->done)
		return true;
	switch (turn(c, from)) {
	case STEP_MOVED:
	case STEP_DRY: return true;
	case STEP_FULL: block(c, from); return true;
	case STEP_TURN: look_again(c, from); return true;
	case STEP_EOF: return finish(c, from);
	case STEP_RECEIVER: return cut(c, from);
	case STEP_SENDER: connection_end(c, by_side(from)); return false;
	case STEP_RESOURCE: connection_end(c, BY_RESOURCE); return false;
	}
	return true;
}

void relay_note(struct connection *c, enum side_id side, uint32_t events)
{
	struct flow *f = &c->flow[side];

	f->ended = f->ended || edge_ended(events);
	f->urgent = f->urgent || edge_urgent(events);
}

void relay_start(struct connection *c, uint32_t events)
{
	c->phase = PHASE_DATA;
	c->active_ms = c->worker->now_ms;
	if (c->upstream.watch_ms != 0 &&
		connection_attach(c, SIDE_CLIENT, c->side[SIDE_CLIENT].fd) < 0) {
		connection_end(c, BY_RESOURCE);
		return;
	}
	relay_note(c, SIDE_ENDPOINT, events);
	if (pump(c, SIDE_CLIENT) && edge_readable(events))
		(void)pump(c, SIDE_ENDPOINT);
}

/* After its end of file nobody reads from a side any more: a reset shows only here. */
static bool has_reset(const struct connection *c, enum side_id side)
{
	int error = 0;
	socklen_t length = sizeof error;

	return getsockopt(c->side[side].fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 &&
	       error != 0;
}

void relay_event(struct connection *c, enum side_id side, uint32_t events)
{
	struct flow *from = &c->flow[side], *to = &c->flow[other_side(side)];

	relay_note(c, side, events);
	if (edge_writable(events) && to->blocked) {
		to->blocked = false;
		if (!pump(c, other_side(side)))
			return;
	}
	if (!edge_readable(events) || from->blocked)
		return;
	if (!from->done)
		(void)pump(c, side);
	else if (!to->cut && !to->blocked && has_reset(c, side))
		(void)cut(c, other_side(side));
}

/*
 * How long ago the peer of a socket last took something: it made room for data that waited, or
 * acknowledged data on their way. A kernel that only answers probes of its closed window takes
 * nothing, nor does one that data must be sent to again.
 */
static uint32_t taken_before_ms(int fd)
{
	struct tcp_info info;
	socklen_t length = sizeof info;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0 || info.tcpi_retransmits > 0)
		return UINT32_MAX;
	if (info.tcpi_unacked > 0 && info.tcpi_last_ack_recv < info.tcpi_last_data_sent)
		return info.tcpi_last_ack_recv;
	return info.tcpi_last_data_sent;
}

/* No data came or went for idle_timeout. Somebody may be reading all the same: what waits in the
 * kernel's queue may be large, and we hear nothing before a third of it is gone. */
static bool is_taking(struct connection *c)
{
	uint32_t client_ms = taken_before_ms(c->side[SIDE_CLIENT].fd);
	uint32_t endpoint_ms = taken_before_ms(c->side[SIDE_ENDPOINT].fd);
	uint32_t before_ms = client_ms < endpoint_ms ? client_ms : endpoint_ms;

	if (before_ms >= c->listener->conf->idle_timeout_ms)
		return false;
	c->active_ms = c->worker->now_ms - before_ms;
	return true;
}

void relay_timeout(struct connection *c)
{
	if (c->flow[SIDE_CLIENT].cut)
		connection_end(c, BY_ENDPOINT);
	else if (c->flow[SIDE_ENDPOINT].cut)
		connection_end(c, BY_CLIENT);
	else if (is_taking(c))
		connection_hurry(c);
	else
		connection_end(c, BY_IDLE);
}
