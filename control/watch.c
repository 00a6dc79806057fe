/* watch: a session that follows the public ring. Slow readers stay behind in the ring, not in memory; what
 * is overwritten before they read it is told to them as {"lost":N}. */
#include "board/event_format.h"
#include "control/server.h"
#include "control/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A marker between the events: {KEY:VALUE,"next":SEQUENCE}. */
static void marker(struct session *session, const char *key, json_t *value, uint64_t next)
{
	json_t *o = json_object();

	(void)json_object_set_new(o, key, value);
	(void)json_object_set_new(o, "next", json_integer((json_int_t)next));
	session_object(session, o);
}

static bool wanted(const struct watch_place *w, const struct event *e)
{
	return (w->pool[0] == '\0' || strcmp(w->pool, e->pool) == 0) &&
	       (w->endpoint[0] == '\0' || strcmp(w->endpoint, e->endpoint) == 0);
}

static void send_event(struct session *session, const struct event *e, uint64_t sequence)
{
	json_t *o;

	if (session->watch.text) {
		char line[EVENT_LINE_MAX];
		size_t length = event_format_text(e, sequence, line, sizeof line);

		o = json_object();
		(void)json_object_set_new(o, "seq", json_integer((json_int_t)sequence));
		(void)json_object_set_new(
			o, "line", json_stringn(line, length > 0 ? length - 1 : 0));
	} else {
		o = event_to_json(e, sequence);
	}
	session_object(session, o);
}

static void skip_lost(struct session *session, uint64_t lost)
{
	struct server *s = session->server;

	counter_add(&s->control->board->control->counter[CONTROL_WATCH_LOST], lost);
	session->watch.next += lost;
	marker(session, "lost", json_integer((json_int_t)lost), session->watch.next);
}

bool watch_behind(const struct session *session)
{
	const struct watch_place *w = &session->watch;

	return session->watching && w->next < w->until &&
	       w->next < events_next(session->server->control->board);
}

void watch_pump(struct session *session)
{
	const struct board *b = session->server->control->board;
	struct watch_place *w = &session->watch;
	struct event e;

	while (session_unsent(session) < WATCH_BUFFER_MAX && watch_behind(session) &&
		!session->failed) {
		if (w->next < events_oldest(b)) {
			skip_lost(session, events_oldest(b) - w->next);
		} else if (!events_read(b, w->next, &e)) {
			skip_lost(session, 1); /* a damaged slot */
		} else {
			if (wanted(w, &e))
				send_event(session, &e, w->next);
			w->next++;
		}
	}
	if (w->next >= w->until && !session->closing) {
		marker(session, "done", json_true(), w->next);
		session->closing = true;
	}
}

void watch_end(struct session *session)
{
	watch_pump(session);
	if (session->closing)
		return; /* it was done anyway */
	marker(session, "end", json_true(), session->watch.next);
}

/* Who wanted to stay would keep its place. */
static void refuse(struct session *session, const char *why)
{
	session_refuse(session, "%s", why);
	session->closing = true;
}

void watch_run(struct session *session, const struct request *request)
{
	struct server *s = session->server;
	const struct board *b = s->control->board;
	uint64_t next = events_next(b), from = request->once ? events_oldest(b) : next;
	bool restarted = false;
	struct err e;

	if (target_filter(s->control->generation->conf, request->pool, request->endpoint, &e) < 0) {
		refuse(session, e.text);
		return;
	}
	if (s->watcher_count >= CONTROL_WATCHERS_MAX || session->brief) {
		counter_add(&b->control->counter[CONTROL_REFUSED_LIMIT], 1);
		(void)err_set(&e, "%zu others watch already, or too many are connected",
			s->watcher_count);
		refuse(session, e.text);
		return;
	}
	if ((request->given & ARG_SINCE) != 0) {
		/* numbers of another server's life: what there is of this one */
		restarted = request->since != 0 &&
			    (request->since + 1 < events_first(b) || request->since >= next);
		from = request->since == 0 || restarted ? events_oldest(b) : request->since + 1;
	}
	session->watching = true;
	s->watcher_count++;
	session->watch = (struct watch_place){
		.next = from, .until = request->once ? next : UINT64_MAX, .text = request->text};
	(void)snprintf(session->watch.pool, sizeof session->watch.pool, "%s", request->pool);
	(void)snprintf(
		session->watch.endpoint, sizeof session->watch.endpoint, "%s", request->endpoint);
	marker(session, "ok", json_true(), from);
	if (restarted)
		marker(session, "restarted", json_true(), from);
}
