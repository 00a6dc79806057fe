#include "control/server.h"

#include "base/clock.h"
#include "board/event_format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_BATCH    16     /* connections taken in one callback */
#define ACCEPT_PAUSE_US 100000 /* when descriptors have run out */

/* ---- accept ---- */

/* Takes `fd` over. */
static void admit(struct server *s, int fd)
{
	static const char full[] = "{\"ok\":false,\"error\":\"too many connections to control; "
				   "end a watch, or try again\"}\n";

	if (s->session_count < CONTROL_SESSIONS_MAX && session_open(s, fd) == 0) {
		counter_add(&s->control->board->control->counter[CONTROL_CONNECTIONS], 1);
		return;
	}
	counter_add(&s->control->board->control->counter[CONTROL_REFUSED_LIMIT], 1);
	(void)send(fd, full, sizeof full - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)close(fd);
}

static void on_accept(evutil_socket_t fd, short what, void *context)
{
	struct server *s = context;
	const struct timeval pause = {.tv_usec = ACCEPT_PAUSE_US};

	(void)what;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client >= 0) {
			admit(s, client);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		/* EMFILE, ENFILE, ENOBUFS, ENOMEM: the connection stays in the queue; do not spin on it */
		(void)event_del(s->accept);
		(void)event_add(s->resume, &pause);
		return;
	}
}

static void on_resume(evutil_socket_t fd, short what, void *context)
{
	struct server *s = context;

	(void)fd;
	(void)what;
	if (s->control->phase == PHASE_SERVING)
		(void)event_add(s->accept, NULL);
}

/* ---- life ---- */

int server_open(struct control *c, struct err *e)
{
	struct server *s = calloc(1, sizeof *s);

	if (s == NULL)
		return err_set(e, "out of memory for the control socket");
	s->control = c;
	s->accept =
		event_new(c->base, c->start->control_socket, EV_READ | EV_PERSIST, on_accept, s);
	s->resume = event_new(c->base, -1, 0, on_resume, s);
	c->server = s;
	if (s->accept == NULL || s->resume == NULL || event_add(s->accept, NULL) < 0) {
		server_close(c);
		return err_set(e, "cannot wait for connections to the control socket: %s",
			strerror(errno));
	}
	return 0;
}

void server_close(struct control *c)
{
	struct server *s = c->server;

	if (s == NULL)
		return;
	while (s->sessions != NULL)
		session_close(s->sessions);
	if (s->accept != NULL)
		event_free(s->accept);
	if (s->resume != NULL)
		event_free(s->resume);
	free(s);
	c->server = NULL;
}

/* A command has waited for the disk: its reply, with what is known. */
static void session_saved(struct session *session, bool ok, const char *warning)
{
	json_t *reply = session->reply, *warnings = json_object_get(reply, "warnings");

	(void)json_object_set_new(reply, "saved", json_boolean(ok));
	if (!ok) {
		json_t *text = json_escaped(warning, ERR_TEXT_MAX);

		(void)json_array_append_new(warnings, text);
	}
	session->reply = NULL;
	session->wait = WAIT_NONE;
	session_reply(session, reply);
}

void server_saved(struct control *c, const struct saver_result *result)
{
	for (struct session *session = c->server->sessions, *next; session != NULL;
		session = next) {
		char text[ERR_TEXT_MAX];

		next = session->next;
		if (session->wait != WAIT_SAVE || session->ticket > result->done)
			continue;
		(void)snprintf(text, sizeof text,
			"in force, but not saved: %.200s; it counts until the server stops",
			result->err.text);
		session_saved(session, result->ok, text);
		session_settle(session);
	}
}

static bool is_idle(const struct session *session, uint64_t now_ms)
{
	if (session->watching || session->wait != WAIT_NONE)
		return false;
	return now_ms - session->active_ms >
	       (session->brief ? CONTROL_KEPT_IDLE_MS : CONTROL_IDLE_MS);
}

/* Is there something to do for a session at this tick? */
static bool session_tick(struct session *session, uint64_t now_ms, bool moved)
{
	if (session->wait == WAIT_FORGET)
		return forget_look(session, now_ms);
	if (session->wait == WAIT_SAVE && now_ms >= session->wait_until_ms) {
		session_saved(session, false,
			"in force, but not saved yet: the disk of the state folder has not "
			"answered in 3 s");
		return true;
	}
	if (is_idle(session, now_ms)) {
		session->failed = true;
		return true;
	}
	return session->watching && moved;
}

void server_tick(struct control *c, uint64_t now_ms, bool moved)
{
	for (struct session *session = c->server->sessions, *next; session != NULL;
		session = next) {
		next = session->next;
		if (session_tick(session, now_ms, moved))
			session_settle(session);
	}
}

void server_reloaded(struct control *c, const struct link_message *answer)
{
	struct server *s = c->server;
	bool again = false;

	s->reloading = false;
	for (struct session *session = s->sessions, *next; session != NULL; session = next) {
		next = session->next;
		if (session->wait == WAIT_RELOAD_NEXT && answer != NULL)
			again = true;
		else if (session->wait == WAIT_RELOAD || session->wait == WAIT_RELOAD_NEXT)
			reload_answer(session, answer);
		else
			continue;
		session_settle(session);
	}
	if (again)
		reload_begin(s);
}

void server_stop(struct control *c)
{
	struct server *s = c->server;

	(void)event_del(s->accept);
	(void)event_del(s->resume);
	for (struct session *session = s->sessions, *next; session != NULL; session = next) {
		next = session->next;
		if (session->watching)
			watch_end(session);
		else if (session->wait == WAIT_RELOAD || session->wait == WAIT_RELOAD_NEXT)
			reload_answer(session, NULL);
		else if (session->wait == WAIT_FORGET)
			(void)forget_look(session, UINT64_MAX);
		session->closing = true;
		session_settle(session);
	}
}

bool server_idle(const struct control *c)
{
	return c->server->sessions == NULL;
}
