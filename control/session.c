/*
 * A session asks one line at a time and gets lines back. It is read only while nothing is owed to it, so
 * what a client pipelines stays in the kernel's buffer; a watch is written only while less than
 * WATCH_BUFFER_MAX is unsent, and its events wait in the public ring. So nothing here grows with a slow
 * or hostile peer.
 *
 * The last CONTROL_KEPT places are kept for commands: who gets one must ask within
 * CONTROL_KEPT_IDLE_MS, cannot watch, and is let go after its answer. So an operator gets in however
 * many connections others hold.
 *
 * Commands mark a session (`failed`, `closing`); it is closed in one place only, session_settle(), which
 * every callback ends with.
 */
#include "control/session.h"

#include "base/clock.h"
#include "board/event_format.h"
#include "control/server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_KEEP_MAX ((size_t)64 << 10) /* a larger buffer is given back once it is sent */

static _Atomic uint64_t *counter_of(const struct server *s, enum control_counter id)
{
	return &s->control->board->control->counter[id];
}

/* ---- output ---- */

size_t session_unsent(const struct session *session)
{
	return session->out.length - session->sent;
}

static void out_drop(struct session *session)
{
	session->server->unsent -= session_unsent(session);
	session->sent = 0;
	if (session->out.capacity > OUT_KEEP_MAX || session->out.failed)
		text_free(&session->out);
	else
		session->out.length = 0;
}

static void flush(struct session *session)
{
	while (session_unsent(session) > 0 && !session->failed) {
		ssize_t n = send(session->fd, session->out.data + session->sent,
			session_unsent(session), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n < 0) {
			session->failed = true;
			return;
		}
		session->sent += (size_t)n;
		session->server->unsent -= (size_t)n;
		session->active_ms = clock_mono_ms();
	}
	out_drop(session);
}

void session_line(struct session *session, const char *line, size_t length)
{
	size_t before = session->out.length;

	text_add(&session->out, line, length);
	text_add(&session->out, "\n", 1);
	session->server->unsent += session->out.length - before;
	if (session->out.failed)
		session->failed = true; /* a line with a hole would be worse than an end */
}

void session_object(struct session *session, json_t *object)
{
	char *line = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	if (line != NULL)
		session_line(session, line, strlen(line));
	else
		session->failed = true; /* out of memory */
	free(line);
}

void session_reply(struct session *session, json_t *reply)
{
	if (reply != NULL && session->server->unsent <= CONTROL_REPLIES_MAX) {
		session_object(session, reply);
		return;
	}
	json_decref(reply);
	if (reply == NULL)
		session_refuse(session, "out of memory for the reply");
	else
		session_refuse(session,
			"busy: %zu octets of replies wait to be read by other clients",
			session->server->unsent);
}

void session_refuse(struct session *session, const char *format, ...)
{
	json_t *reply = json_object();
	char text[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	counter_add(counter_of(session->server, CONTROL_REQUESTS_REFUSED), 1);
	(void)json_object_set_new(reply, "ok", json_false());
	(void)json_object_set_new(reply, "error", json_escaped(text, sizeof text));
	session_object(session, reply);
}

/* ---- the end ---- */

void session_close(struct session *session)
{
	struct server *s = session->server;
	struct session **at = &s->sessions;

	while (*at != session)
		at = &(*at)->next;
	*at = session->next;
	s->session_count--;
	s->watcher_count -= session->watching ? 1u : 0u;
	out_drop(session);
	text_free(&session->out);
	json_decref(session->reply);
	event_free(session->read);
	event_free(session->write);
	(void)close(session->fd);
	free(session);
}

/* ---- input ---- */

static bool is_busy(const struct session *session)
{
	return session->wait != WAIT_NONE || session->watching || session->closing ||
	       session->failed || session_unsent(session) > 0;
}

/* Run the line request[0..length). */
static void run_line(struct session *session, size_t length)
{
	struct request request;
	struct err e;

	counter_add(counter_of(session->server, CONTROL_REQUESTS), 1);
	if (request_parse(session->request, length, &request, &e) < 0) {
		session_refuse(session, "%s", e.text);
		/* who wanted to stay would keep its place */
		session->closing = session->closing || request.command == COMMAND_WATCH;
		return;
	}
	command_run(session, &request);
	request_free(&request);
}

/* Requests that are there whole, as long as each is answered at once. */
static void run_lines(struct session *session)
{
	while (!is_busy(session)) {
		char *end = memchr(session->request, '\n', session->request_length);
		size_t length;

		if (end == NULL)
			break;
		length = (size_t)(end - session->request);
		run_line(session, length);
		session->request_length -= length + 1;
		memmove(session->request, end + 1, session->request_length);
		session->closing = session->closing || session->brief;
		flush(session);
	}
	if (is_busy(session))
		return;
	if (session->request_length == sizeof session->request) {
		session_refuse(
			session, "a request is one line of at most %u octets", CONTROL_REQUEST_MAX);
		session->closing = true;
		flush(session);
	} else if (session->eof) {
		session->closing = true;
	}
}

void session_settle(struct session *session)
{
	bool reads, writes, done;

	flush(session);
	run_lines(session);
	if (session->watching)
		watch_pump(session);
	flush(session);
	done = session->closing && session->wait == WAIT_NONE && session_unsent(session) == 0;
	if (done || session->failed || (session->watching && session->eof)) {
		session_close(session);
		return;
	}
	reads = !session->eof && (session->watching || !is_busy(session));
	(void)(reads ? event_add(session->read, NULL) : event_del(session->read));
	writes = session_unsent(session) > 0 || watch_behind(session);
	(void)(writes ? event_add(session->write, NULL) : event_del(session->write));
}

static void on_read(evutil_socket_t fd, short what, void *context)
{
	struct session *session = context;
	char *at = session->request + session->request_length;
	size_t room = sizeof session->request - session->request_length;
	char waste[256];
	ssize_t n;

	(void)what;
	/* a watch is read only to see its end */
	n = session->watching ? recv(fd, waste, sizeof waste, MSG_DONTWAIT)
			      : recv(fd, at, room, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		session->failed = true;
	else if (n == 0)
		session->eof = true;
	else if (!session->watching)
		session->request_length += (size_t)n;
	session->active_ms = clock_mono_ms();
	session_settle(session);
}

static void on_write(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	session_settle(context);
}

/* ---- the beginning ---- */

static void peer_of(struct session *session)
{
	struct ucred peer = {.pid = 0, .uid = (uid_t)-1};
	socklen_t size = sizeof peer;

	(void)getsockopt(session->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	session->uid = peer.uid;
	session->pid = peer.pid;
}

int session_open(struct server *s, int fd)
{
	struct session *session = calloc(1, sizeof *session);

	if (session == NULL)
		return -1;
	session->server = s;
	session->fd = fd;
	session->active_ms = clock_mono_ms();
	session->brief = s->session_count >= CONTROL_SESSIONS_MAX - CONTROL_KEPT;
	session->read = event_new(s->control->base, fd, EV_READ | EV_PERSIST, on_read, session);
	session->write = event_new(s->control->base, fd, EV_WRITE | EV_PERSIST, on_write, session);
	if (session->read == NULL || session->write == NULL || event_add(session->read, NULL) < 0) {
		if (session->read != NULL)
			event_free(session->read);
		if (session->write != NULL)
			event_free(session->write);
		free(session);
		return -1;
	}
	peer_of(session);
	session->next = s->sessions;
	s->sessions = session;
	s->session_count++;
	return 0;
}
