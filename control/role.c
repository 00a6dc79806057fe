/*
 * The control role's life.
 *
 *   start   READY: nothing of the board or the socket is touched yet, another may serve
 *   GO      copying, log, saver, socket, timers
 *   STOP    (or the supervisor is gone) accept nothing, copy what is there, answer who waits,
 *           save, log, STOPPED
 *
 * Everything after STOP fits into CONTROL_STOP_MS, whatever disk, log and clients do.
 */
#include "control/role.h"

#include "base/clock.h"
#include "base/link.h"
#include "board/beat.h"
#include "control/control.h"
#include "control/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRAIN_ROUNDS_MAX 64 /* times EVENTS_BATCH_MAX when stopping: all rings twice over */

void control_publish(struct control *c, const struct event *e)
{
	events_publish(&c->copier, e);
	log_wake(c->log);
}

/* ---- overrides that end ---- */

static void on_ended(void *context, uint32_t endpoint, const struct orders *what)
{
	struct control *c = context;
	const struct conf *conf = c->generation->conf;
	const struct conf_endpoint *at = &conf->endpoints[endpoint];
	struct event e = {.kind = EVENT_OVERRIDE,
		.level = LEVEL_INFO,
		.to = "none",
		.text = "its time is over"};

	(void)snprintf(e.pool, sizeof e.pool, "%s", conf->pools[at->pool].name);
	(void)snprintf(e.endpoint, sizeof e.endpoint, "%s", at->name);
	if (what->override != OVERRIDE_NONE) {
		(void)snprintf(e.from, sizeof e.from, "%s", override_name(what->override));
		control_publish(c, &e);
	}
	if (what->weighted) {
		(void)snprintf(e.from, sizeof e.from, "weight=%u", what->weight);
		(void)snprintf(e.to, sizeof e.to, "weight=%u", at->weight);
		control_publish(c, &e);
	}
}

void control_settle_time(struct control *c, uint64_t now_ms)
{
	const char *why;

	if (overrides_tick(&c->overrides, now_ms, clock_real_ms(), on_ended, c) > 0)
		(void)state_submit(c, now_ms, &why);
}

void control_take_events(struct control *c, uint64_t now_ms)
{
	if (events_copy(&c->copier, now_ms) > 0)
		log_wake(c->log);
}

/* ---- timers ---- */

static void on_beat(evutil_socket_t fd, short what, void *context)
{
	struct control *c = context;

	(void)fd;
	(void)what;
	beat(&c->board->control->beat_ms, clock_mono_ms());
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
	struct control *c = context;
	uint64_t now_ms = clock_mono_ms(), seen = c->seen;

	(void)fd;
	(void)what;
	control_take_events(c, now_ms);
	control_settle_time(c, now_ms);
	if (c->phase == PHASE_SERVING)
		state_tick(c, now_ms);
	c->seen = events_next(c->board);
	server_tick(c, now_ms, c->seen != seen);
	if (c->phase == PHASE_STOPPING &&
		(server_idle(c) || now_ms >= c->stop_by_ms - CONTROL_STOP_MS / 2))
		(void)event_base_loopbreak(c->base);
}

static void on_saved(evutil_socket_t fd, short what, void *context)
{
	struct control *c = context;
	struct saver_result result;

	(void)fd;
	(void)what;
	state_finished(c, &result);
	server_saved(c, &result);
}

static struct event *start_timer(struct control *c, uint32_t every_ms, event_callback_fn callback)
{
	struct timeval every = {
		.tv_sec = every_ms / 1000, .tv_usec = (suseconds_t)(every_ms % 1000) * 1000};
	struct event *timer = event_new(c->base, -1, EV_PERSIST, callback, c);

	if (timer != NULL)
		(void)event_add(timer, &every);
	return timer;
}

/* ---- GO and STOP ---- */

static int start_saver(struct control *c, struct err *e)
{
	if (c->start->state.fd < 0)
		return 0;
	if (saver_start(&c->saver, c->start->state.fd, e) < 0)
		return -1;
	c->saved = event_new(c->base, saver_fd(c->saver), EV_READ | EV_PERSIST, on_saved, c);
	if (c->saved == NULL || event_add(c->saved, NULL) < 0)
		return err_set(e, "cannot wait for the state file's writer: %s", strerror(errno));
	return 0;
}

static int go(struct control *c, struct err *e)
{
	uint64_t now_ms = clock_mono_ms();
	const struct conf *conf = c->generation->conf;

	events_open(&c->copier, c->board);
	c->seen = events_next(c->board);
	if (overrides_open(&c->overrides, c->board, c->generation, now_ms, clock_real_ms(), e) <
			0 ||
		log_start(&c->log, c->board, STDERR_FILENO, conf->log.format, conf->log.level, e) <
			0 ||
		start_saver(c, e) < 0 || server_open(c, e) < 0)
		return -1;
	c->phase = PHASE_SERVING;
	on_beat(-1, 0, c);
	c->beat = start_timer(c, BEAT_EVERY_MS, on_beat);
	c->tick = start_timer(c, CONTROL_TICK_MS, on_tick);
	if (c->beat == NULL || c->tick == NULL)
		return err_set(e, "out of memory for timers");
	on_tick(-1, 0, c);
	return 0;
}

static void copy_all(struct control *c)
{
	for (int i = 0; i < DRAIN_ROUNDS_MAX && events_copy(&c->copier, clock_mono_ms()) > 0; i++)
		;
	log_wake(c->log);
}

static void stop(struct control *c)
{
	const char *why;

	if (c->phase == PHASE_STOPPING)
		return;
	if (c->phase == PHASE_LOADED) {
		(void)event_base_loopbreak(c->base);
		return;
	}
	c->phase = PHASE_STOPPING;
	c->stop_by_ms = clock_mono_ms() + CONTROL_STOP_MS;
	copy_all(c);
	(void)state_submit(c, clock_mono_ms(), &why);
	server_stop(c);
	if (server_idle(c))
		(void)event_base_loopbreak(c->base);
}

/* ---- the supervisor ---- */

static void on_message(struct control *c, const struct link_message *m)
{
	struct err e;

	switch ((enum link_type)m->type) {
	case LINK_GO:
		if (c->phase != PHASE_LOADED || go(c, &e) == 0)
			return;
		(void)link_send(c->start->link, LINK_FAILED, 0, e.text);
		c->failed = true;
		(void)event_base_loopbreak(c->base);
		return;
	case LINK_STOP: stop(c); return;
	case LINK_RELOADED:
		if (c->phase == PHASE_SERVING)
			server_reloaded(c, m);
		return;
	case LINK_READY:
	case LINK_FAILED:
	case LINK_STOPPED:
	case LINK_RELEASED:
	case LINK_RELOAD: return; /* not for a role */
	}
}

static void on_link(evutil_socket_t fd, short what, void *context)
{
	struct control *c = context;
	int rc;

	(void)what;
	while ((rc = link_receive(fd, c->message)) == 1)
		on_message(c, c->message);
	if (rc < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EPROTO))
		return;
	c->orphaned = true;
	(void)event_del(c->link);
	stop(c);
}

/* ---- the whole ---- */

static int prepare(struct control *c, const struct role_start *start, struct err *e)
{
	*c = (struct control){
		.start = start, .generation = start->generation, .board = start->board};
	c->message = malloc(sizeof *c->message);
	c->base = event_base_new();
	if (c->message == NULL || c->base == NULL)
		return err_set(e, "cannot make an event loop: %s", strerror(errno));
	c->link = event_new(c->base, start->link, EV_READ | EV_PERSIST, on_link, c);
	if (c->link == NULL || event_add(c->link, NULL) < 0)
		return err_set(e, "cannot wait for the supervisor: %s", strerror(errno));
	return 0;
}

static void free_event(struct event *e)
{
	if (e != NULL)
		event_free(e);
}

/* Log and saver finish first; then everything is given back. */
static void finish(struct control *c)
{
	uint64_t deadline_ms =
		c->phase == PHASE_STOPPING ? c->stop_by_ms : clock_mono_ms() + CONTROL_STOP_MS;

	if (c->log != NULL)
		copy_all(c);
	server_close(c);
	free_event(c->saved);
	if (c->saver != NULL)
		(void)saver_stop(c->saver, deadline_ms);
	if (c->log != NULL)
		(void)log_stop(c->log, deadline_ms);
	overrides_close(&c->overrides);
	free_event(c->tick);
	free_event(c->beat);
	free_event(c->link);
	if (c->base != NULL)
		event_base_free(c->base);
	free(c->message);
}

int control_role(const struct role_start *start)
{
	struct control c;
	struct err e;

	(void)signal(SIGPIPE, SIG_IGN); /* a log that nobody reads must not end control */
	if (prepare(&c, start, &e) < 0) {
		(void)link_send(start->link, LINK_FAILED, 0, e.text);
		finish(&c);
		return 1;
	}
	(void)link_send(start->link, LINK_READY, 0, NULL);
	if (event_base_dispatch(c.base) < 0)
		c.failed = true;
	finish(&c);
	if (!c.failed && !c.orphaned)
		(void)link_send(start->link, LINK_STOPPED, 0, NULL);
	return c.failed ? 1 : 0;
}
