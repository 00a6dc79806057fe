#include "balancer/worker.h"

#include "base/clock.h"
#include "board/beat.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WORKER_REST_MS (BEAT_EVERY_MS / 2) /* between ticks of a worker that has no deadline */

static size_t count_sockets(const struct role_start *start, uint16_t index)
{
	size_t n = 0;

	for (size_t i = 0; i < start->tcp_count; i++)
		n += start->tcp[i].worker == index;
	return n;
}

static void open_listeners(struct worker *w, uint16_t index)
{
	const struct role_start *start = w->balancer->start;

	for (size_t i = 0; i < start->tcp_count; i++) {
		const struct start_socket *s = &start->tcp[i];

		if (s->worker == index)
			listener_open(&w->listeners[w->listener_count++], w, s->index, s->fd);
	}
}

static void on_wake(struct poller_watch *watch, uint32_t events);

int worker_open(
	struct worker *w, struct balancer *b, uint16_t index, uint32_t pipes_max, struct err *e)
{
	uint32_t row = b->start->first_row + index;

	*w = (struct worker){.balancer = b, .wake_fd = -1, .now_ms = clock_mono_ms()};
	w->poller.fd = -1;
	if (row >= BOARD_WORKERS_MAX)
		return err_set(e, "balancer worker %u has no row on the board", index);
	w->row = &b->board->balancer->row[row];
	w->reader = qsbr_add_reader(&b->qsbr);
	w->view = view_new_laid_out(b->steering, VIEW_FOR_BALANCER);
	w->buffer = malloc(WORKER_BUFFER);
	w->aside = calloc(b->conf->balancer_count + 1, sizeof *w->aside);
	w->exclude = calloc(2 * b->conf->endpoint_count + 1, sizeof *w->exclude);
	w->listeners = calloc(count_sockets(b->start, index) + 1, sizeof *w->listeners);
	w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->reader == NULL || w->view == NULL || w->buffer == NULL || w->aside == NULL ||
		w->exclude == NULL || w->listeners == NULL || w->wake_fd < 0 ||
		poller_open(&w->poller) < 0)
		return err_set(e, "cannot set up balancer worker %u: %s", index, strerror(errno));
	rng_seed_random(&w->rng);
	wheel_init(&w->wheel, w->now_ms);
	pipe_pool_init(&w->pipes, pipes_max, &w->row->counter[BALANCER_PIPE_SHORTAGE]);
	w->wake.callback = on_wake;
	if (poller_add(&w->poller, w->wake_fd, &w->wake, POLLER_LEVEL) < 0)
		return err_set(e, "cannot set up the events of balancer worker %u: %s", index,
			strerror(errno));
	open_listeners(w, index);
	return 0;
}

void worker_close(struct worker *w)
{
	struct wheel_entry *entry;

	while ((entry = wheel_take(&w->wheel)) != NULL)
		connection_end(connection_of_timer(entry), BY_DRAIN);
	for (size_t i = 0; i < w->listener_count; i++)
		listener_close(&w->listeners[i]);
	while (w->free_connections != NULL) {
		struct connection *c = w->free_connections;

		w->free_connections = c->next_free;
		free(c);
	}
	pipe_pool_close(&w->pipes);
	poller_close(&w->poller);
	if (w->wake_fd >= 0)
		(void)close(w->wake_fd);
	free(w->listeners);
	free(w->buffer);
	for (size_t i = 0; w->aside != NULL && i < w->balancer->conf->balancer_count; i++)
		aside_free(&w->aside[i]);
	free(w->aside);
	free(w->exclude);
	if (w->view != NULL)
		view_free(w->view);
}

void worker_wake(const struct worker *w)
{
	const uint64_t one = 1;

	/* Fails only when it is full of news already. */
	if (write(w->wake_fd, &one, sizeof one) < 0)
		return;
}

void worker_refresh(struct worker *w)
{
	const struct balancer *b = w->balancer;

	if (view_stale(w->view, b->board, w->now_ms))
		view_build(w->view, b->generation, b->board, w->now_ms);
}

void worker_need_ticks(struct worker *w)
{
	if (w->ticking)
		return;
	w->ticking = true;
	w->tick_ms = w->now_ms + WHEEL_TICK_MS;
}

uint64_t worker_drain_due(const struct worker *w, const struct listener *l, uint32_t salt)
{
	uint64_t go_on_ms = l->conf->drain_timeout_ms;

	switch (w->order) {
	case ORDER_WAIT:
	case ORDER_SERVE: return UINT64_MAX;
	case ORDER_DRAIN: break;
	case ORDER_CLOSE: go_on_ms = 0; break;
	case ORDER_ORPHAN:
		if (go_on_ms > ORPHAN_DRAIN_MS)
			go_on_ms = ORPHAN_DRAIN_MS;
		break;
	}
	return w->ordered_ms + go_on_ms + ((uint64_t)salt * w->spread_ms >> 32);
}

/* How long closing all connections may take. */
static uint32_t spread_of(const struct worker *w)
{
	uint32_t max_ms = w->order == ORDER_ORPHAN ? ORPHAN_SPREAD_MS : DRAIN_SPREAD_MS;

	return w->active < max_ms / DRAIN_EACH_MS ? w->active * DRAIN_EACH_MS : max_ms;
}

/* Every deadline may have moved closer. */
static void hurry_all(struct worker *w)
{
	struct wheel_entry *entry, *all = NULL;

	while ((entry = wheel_take(&w->wheel)) != NULL) {
		entry->next = all;
		all = entry;
	}
	while (all != NULL) {
		entry = all;
		all = entry->next;
		wheel_add(&w->wheel, entry, w->now_ms, connection_due(connection_of_timer(entry)));
	}
}

/* Do what the main thread wants since we looked last. */
static void follow_order(struct worker *w)
{
	enum order order = atomic_load_explicit(&w->balancer->order, memory_order_acquire);

	if (order == w->order)
		return;
	worker_refresh(w);
	w->order = order;
	w->ordered_ms = w->now_ms;
	if (order == ORDER_SERVE) {
		worker_need_ticks(w);
		places_count_elsewhere(w->balancer);
		for (size_t i = 0; i < w->listener_count; i++)
			listener_tick(&w->listeners[i], w->now_ms);
		return;
	}
	for (size_t i = 0; i < w->listener_count; i++)
		listener_leave(&w->listeners[i]);
	w->spread_ms = spread_of(w);
	hurry_all(w);
}

static void on_wake(struct poller_watch *watch, uint32_t events)
{
	struct worker *w = (struct worker *)((char *)watch - offsetof(struct worker, wake));
	uint64_t count;

	(void)events;
	if (read(w->wake_fd, &count, sizeof count) < 0)
		return;
	follow_order(w);
	w->look_for_place = true;
}

static void look_for_place(struct worker *w)
{
	w->look_for_place = false;
	for (size_t i = 0; i < w->listener_count; i++)
		listener_look_for_place(&w->listeners[i]);
}

static void tick(struct worker *w)
{
	struct wheel_entry *entry;
	bool ticks = false;

	worker_refresh(w); /* without traffic, too: `last_good` must not miss who served */
	places_count_elsewhere(w->balancer);
	beat(&w->row->beat_ms, w->now_ms);
	while ((entry = wheel_expire(&w->wheel, w->now_ms)) != NULL)
		connection_check(connection_of_timer(entry), w->now_ms);
	for (size_t i = 0; i < w->listener_count && w->order == ORDER_SERVE; i++) {
		if (!listener_needs_ticks(&w->listeners[i]))
			continue;
		listener_tick(&w->listeners[i], w->now_ms);
		listener_look_for_place(&w->listeners[i]);
		ticks = true;
	}
	w->ticking = ticks || w->wheel.count > 0;
	w->tick_ms = w->now_ms + (w->ticking ? WHEEL_TICK_MS : WORKER_REST_MS);
}

void worker_start(struct worker *w)
{
	w->now_ms = clock_mono_ms();
	tick(w);
	follow_order(w);
}

void worker_turn(struct worker *w, uint32_t at_most_ms)
{
	uint64_t wait_ms = w->tick_ms > w->now_ms ? w->tick_ms - w->now_ms : 0;

	poller_wait(&w->poller, (int)(wait_ms < at_most_ms ? wait_ms : at_most_ms));
	w->turn++;
	w->now_ms = clock_mono_ms();
	poller_dispatch(&w->poller);
	if (w->look_for_place)
		look_for_place(w);
	if (w->now_ms >= w->tick_ms)
		tick(w);
}

void *worker_run(void *worker)
{
	struct worker *w = worker;
	const uint64_t one = 1;

	worker_start(w);
	while (w->order < ORDER_DRAIN || w->active > 0)
		worker_turn(w, WORKER_REST_MS);
	if (write(w->balancer->done, &one, sizeof one) < 0)
		return NULL; /* cannot be: at most WORKERS of them */
	return NULL;
}

static void emit(const struct balancer *b, enum log_level level, const char *object,
	const char *format, va_list args)
{
	struct event event = {
		.kind = EVENT_NOTICE,
		.level = (uint8_t)level,
		.role = ROLE_BALANCER,
		.generation = b->generation->number,
	};

	(void)snprintf(event.object, sizeof event.object, "%s", object);
	(void)vsnprintf(event.text, sizeof event.text, format, args);
	event_emit(board_ring(b->board, ROLE_BALANCER), &event);
}

void balancer_event(
	const struct balancer *b, enum log_level level, const char *object, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	emit(b, level, object, format, args);
	va_end(args);
}

void worker_notice(struct worker *w, const struct listener *l, enum notice kind,
	enum log_level level, const char *format, ...)
{
	_Atomic uint64_t *last = &w->balancer->admission[l->index].noticed_ms[kind];
	uint64_t seen_ms = atomic_load_explicit(last, memory_order_relaxed);
	va_list args;

	if (seen_ms != 0 && w->now_ms < seen_ms + NOTICE_EVERY_MS)
		return;
	if (!atomic_compare_exchange_strong_explicit(
		    last, &seen_ms, w->now_ms, memory_order_relaxed, memory_order_relaxed))
		return; /* another worker says it */
	va_start(args, format);
	emit(w->balancer, level, l->conf->name, format, args);
	va_end(args);
}
