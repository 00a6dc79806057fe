#include "balancer/aside.h"

#include "balancer/target.h"
#include "balancer/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct balancer_target *target_of(const struct connection *c, unsigned family)
{
	const struct generation *g = c->worker->balancer->generation;
	uint32_t target = generation_target(g, c->listener->index, c->endpoint, family);

	return target != TARGET_NONE ? &g->targets[target] : NULL;
}

static _Atomic uint64_t *word_of(const struct worker *w, const struct balancer_target *t)
{
	return &w->balancer->board->balancer->target[t->slot];
}

/* The words that pass from one state to another are few: their readers look at this first. */
static void move_epoch(const struct worker *w)
{
	atomic_fetch_add_explicit(
		&w->balancer->board->balancer->target_epoch, 1, memory_order_release);
}

/* ---- the list ---- */

/* True when no address of the endpoint may be tried; *until_ms is lowered to when one may. */
static bool is_aside(
	const struct worker *w, const struct listener *l, uint32_t endpoint, uint64_t *until_ms)
{
	const struct generation *g = w->balancer->generation;
	uint64_t first_ms = UINT64_MAX;

	for (unsigned family = 0; family < 2; family++) {
		uint32_t target = generation_target(g, l->index, endpoint, family);
		uint64_t word;

		if (target == TARGET_NONE)
			continue;
		word = atomic_load_explicit(word_of(w, &g->targets[target]), memory_order_relaxed);
		if (target_state(word, w->now_ms) != TARGET_ASIDE)
			return false;
		if (target_retry(word) < first_ms)
			first_ms = target_retry(word);
	}
	if (first_ms < *until_ms)
		*until_ms = first_ms;
	return first_ms != UINT64_MAX;
}

/* Without memory the list is short: what is missing is found out endpoint by endpoint. */
static void add(struct aside *a, uint32_t endpoint)
{
	if (a->count == a->room) {
		size_t room = a->room > 0 ? a->room * 2 : 16;
		uint32_t *grown = realloc(a->endpoint, room * sizeof *grown);

		if (grown == NULL)
			return;
		a->endpoint = grown;
		a->room = room;
	}
	a->endpoint[a->count++] = endpoint;
}

static void make(struct aside *a, const struct worker *w, const struct listener *l)
{
	const struct conf *conf = w->balancer->conf;
	uint16_t pool = l->conf->pool;

	a->count = 0;
	a->until_ms = UINT64_MAX;
	for (size_t link = 0; link < conf->pool_count && pool != CONF_NONE; link++) {
		const struct conf_pool *p = &conf->pools[pool];

		for (uint32_t i = 0; i < p->endpoint_count; i++)
			if (is_aside(w, l, p->first_endpoint + i, &a->until_ms))
				add(a, p->first_endpoint + i);
		pool = p->fallback_pool;
	}
}

const struct aside *aside_list(struct worker *w, const struct listener *l)
{
	struct aside *a = &w->aside[l->index];
	uint64_t epoch = atomic_load_explicit(
		&w->balancer->board->balancer->target_epoch, memory_order_acquire);

	if (a->made_ms != 0 && a->epoch == epoch && w->now_ms < a->until_ms)
		return a;
	if (w->now_ms == a->made_ms)
		return a;
	a->epoch = epoch;
	a->made_ms = w->now_ms;
	make(a, w, l);
	return a;
}

void aside_free(struct aside *a)
{
	free(a->endpoint);
	*a = (struct aside){0};
}

/* ---- events ---- */

/* May one more event be written this second? *untold: how many could not since the last one. */
static bool may_tell(struct balancer *b, uint64_t now_ms, uint32_t *untold)
{
	uint64_t second = now_ms / 1000, seen, next;

	seen = atomic_load_explicit(&b->aside_told, memory_order_relaxed);
	do {
		uint64_t told = seen >> 8 == second ? seen & 0xffu : 0;

		if (told == ASIDE_EVENTS_PER_S) {
			atomic_fetch_add_explicit(&b->aside_untold, 1, memory_order_relaxed);
			return false;
		}
		next = second << 8 | (told + 1);
	} while (!atomic_compare_exchange_weak_explicit(
		&b->aside_told, &seen, next, memory_order_relaxed, memory_order_relaxed));
	*untold = atomic_exchange_explicit(&b->aside_untold, 0, memory_order_relaxed);
	return true;
}

static void tell(const struct connection *c, const struct balancer_target *t, enum log_level level,
	const char *from, const char *to, const char *text)
{
	struct balancer *b = c->worker->balancer;
	const struct conf_endpoint *endpoint = &b->conf->endpoints[c->endpoint];
	struct event event = {
		.kind = EVENT_TARGET,
		.level = (uint8_t)level,
		.role = ROLE_BALANCER,
		.generation = b->generation->number,
	};
	char object[HOSTPORT_TEXT_MAX];
	uint32_t untold = 0;

	if (!may_tell(b, c->worker->now_ms, &untold))
		return;
	(void)snprintf(event.pool, sizeof event.pool, "%s", b->conf->pools[endpoint->pool].name);
	(void)snprintf(event.endpoint, sizeof event.endpoint, "%s", endpoint->name);
	(void)snprintf(event.object, sizeof event.object, "%s", hostport_format(&t->at, object));
	(void)snprintf(event.from, sizeof event.from, "%s", from);
	(void)snprintf(event.to, sizeof event.to, "%s", to);
	(void)snprintf(event.text, sizeof event.text, "%s", text);
	if (untold > 0) {
		size_t length = strlen(event.text);

		(void)snprintf(event.text + length, sizeof event.text - length,
			"; %u more targets changed and were not told", untold);
	}
	event_emit(board_ring(b->board, ROLE_BALANCER), &event);
}

/* ---- attempts ---- */

bool aside_may_try(const struct connection *c, unsigned family, bool *trial)
{
	const struct balancer_target *t = target_of(c, family);
	const struct worker *w = c->worker;
	uint64_t seen, leased;

	*trial = false;
	if (t == NULL)
		return true;
	seen = atomic_load_explicit(word_of(w, t), memory_order_relaxed);
	if (target_state(seen, w->now_ms) != TARGET_DUE)
		return target_state(seen, w->now_ms) == TARGET_OPEN;
	leased = target_leased(
		seen, w->now_ms, c->listener->conf->connect_timeout_ms + 2 * WHEEL_TICK_MS);
	if (!atomic_compare_exchange_strong_explicit(
		    word_of(w, t), &seen, leased, memory_order_relaxed, memory_order_relaxed))
		return false; /* somebody else tries */
	move_epoch(w);
	*trial = true;
	return true;
}

void aside_failed(struct connection *c, int error)
{
	const struct balancer_target *t = target_of(c, c->family);
	struct worker *w = c->worker;
	uint64_t seen, next;
	char text[200];

	if (t == NULL)
		return;
	seen = atomic_load_explicit(word_of(w, t), memory_order_relaxed);
	do {
		next = target_failed(seen, c->upstream.trial, w->now_ms);
	} while (!atomic_compare_exchange_weak_explicit(
		word_of(w, t), &seen, next, memory_order_relaxed, memory_order_relaxed));
	if (target_asides(next) == target_asides(seen))
		return;
	move_epoch(w);
	if (target_asides(seen) > 0) /* it was known */
		return;
	worker_count(w, BALANCER_TARGET_SET_ASIDE, 1);
	(void)snprintf(text, sizeof text,
		"%u connects in a row failed (%s); one connection at a time tries it, %us to %us "
		"apart, others go elsewhere; DNS follows the check",
		target_failures(next), strerror(error), TARGET_PAUSE_MS / 1000,
		TARGET_PAUSE_MAX_MS / 1000);
	tell(c, t, LEVEL_WARNING, "used", "set aside", text);
}

void aside_reached(struct connection *c)
{
	const struct balancer_target *t = target_of(c, c->family);
	struct worker *w = c->worker;
	uint64_t was;

	if (t == NULL || atomic_load_explicit(word_of(w, t), memory_order_relaxed) == 0)
		return;
	was = atomic_exchange_explicit(word_of(w, t), 0, memory_order_relaxed);
	if (target_asides(was) == 0)
		return;
	move_epoch(w);
	worker_count(w, BALANCER_TARGET_BACK, 1);
	tell(c, t, LEVEL_INFO, "set aside", "used", "a connection was taken again");
}

void aside_return(struct connection *c)
{
	const struct balancer_target *t = target_of(c, c->family);
	uint64_t seen, next;

	if (t == NULL)
		return;
	seen = atomic_load_explicit(word_of(c->worker, t), memory_order_relaxed);
	do {
		next = target_returned(seen, c->worker->now_ms);
	} while (!atomic_compare_exchange_weak_explicit(
		word_of(c->worker, t), &seen, next, memory_order_relaxed, memory_order_relaxed));
	move_epoch(c->worker);
}
