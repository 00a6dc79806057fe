#include "health/announce.h"

#include "steer/view.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(EVENT_RING_MAX >= 2 * CONF_ENDPOINTS_MAX, "the first round's verdicts fit");

static struct event event_of(const struct generation *g, enum event_kind kind, enum log_level level)
{
	return (struct event){
		.kind = (uint8_t)kind,
		.level = (uint8_t)level,
		.role = ROLE_HEALTH,
		.generation = g->number,
	};
}

static enum log_level level_of(enum verdict to)
{
	switch (to) {
	case VERDICT_UP: return LEVEL_INFO;
	case VERDICT_DOWN:
	case VERDICT_UNKNOWN: break;
	}
	return LEVEL_WARNING;
}

void announce_verdict(const struct board *b, const struct generation *g, const struct probe *probe,
	enum verdict from, enum verdict to, const char *reason)
{
	struct event event = event_of(g, EVENT_VERDICT, level_of(to));

	(void)hostport_format(&probe->target, event.object);
	(void)snprintf(event.from, sizeof event.from, "%s", verdict_name(from));
	(void)snprintf(event.to, sizeof event.to, "%s", verdict_name(to));
	(void)snprintf(event.text, sizeof event.text, "%s", reason);
	for (uint32_t i = 0; i < probe->user_count; i++) {
		const struct probe_user *user = &g->probe_users[probe->first_user + i];
		const struct conf_endpoint *endpoint = &g->conf->endpoints[user->endpoint];
		const char *pool = g->conf->pools[endpoint->pool].name;

		(void)snprintf(event.pool, sizeof event.pool, "%s", pool);
		(void)snprintf(event.endpoint, sizeof event.endpoint, "%s", endpoint->name);
		event_emit(board_ring(b, ROLE_HEALTH), &event);
	}
}

void announce_notice(const struct board *b, const struct generation *g, enum log_level level,
	const char *format, ...)
{
	struct event event = event_of(g, EVENT_NOTICE, level);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(event.text, sizeof event.text, format, args);
	va_end(args);
	event_emit(board_ring(b, ROLE_HEALTH), &event);
}

/* ---- pools ---- */

enum pool_state {
	POOL_ABSENT, /* the pool has no address of this family */
	POOL_UNTOLD, /* none serves, but not all have a verdict yet */
	POOL_SERVING,
	POOL_DEAD
};

static const char *const family_names[] = {"IPv4", "IPv6"};

struct pool_watch {
	const struct generation *generation;
	struct board *board;
	struct view *view;
	uint8_t (*state)[2]; /* enum pool_state, [conf->pool_count][family] */
};

int pool_watch_new(
	struct pool_watch **out, const struct generation *g, struct board *b, struct err *e)
{
	struct pool_watch *w = calloc(1, sizeof *w);

	if (w != NULL) {
		w->generation = g;
		w->board = b;
		w->view = view_new(g->conf);
		w->state = calloc(g->conf->pool_count + 1, sizeof *w->state);
	}
	if (w == NULL || w->view == NULL || w->state == NULL) {
		pool_watch_free(w);
		return err_set(e, "no memory to watch %zu pools", g->conf->pool_count);
	}
	*out = w;
	return 0;
}

void pool_watch_free(struct pool_watch *w)
{
	if (w == NULL)
		return;
	free(w->state);
	view_free(w->view);
	free(w);
}

/* Never POOL_UNTOLD. */
static enum pool_state pool_look(
	const struct view *v, const struct conf_pool *pool, unsigned family)
{
	enum pool_state state = POOL_ABSENT;

	for (uint32_t i = 0; i < pool->endpoint_count; i++) {
		const struct view_state *address =
			&v->endpoint[pool->first_endpoint + i].family[family];

		if (!address->exists)
			continue;
		if (address->serving)
			return POOL_SERVING;
		state = POOL_DEAD;
	}
	return state;
}

static void announce_pool(
	const struct pool_watch *w, const struct conf_pool *pool, unsigned family, bool serves)
{
	struct event event = event_of(w->generation, EVENT_POOL, serves ? LEVEL_INFO : LEVEL_ERROR);
	const char *other = "";

	switch (pool_look(w->view, pool, 1 - family)) {
	case POOL_ABSENT:
	case POOL_UNTOLD: break;
	case POOL_SERVING: other = family == 0 ? "; IPv6 serves" : "; IPv4 serves"; break;
	case POOL_DEAD: other = family == 0 ? "; nor does IPv6" : "; nor does IPv4"; break;
	}
	(void)snprintf(event.pool, sizeof event.pool, "%s", pool->name);
	(void)snprintf(event.object, sizeof event.object, "%s", family_names[family]);
	(void)snprintf(event.from, sizeof event.from, "%s", serves ? "dead" : "serving");
	(void)snprintf(event.to, sizeof event.to, "%s", serves ? "serving" : "dead");
	if (serves)
		(void)snprintf(event.text, sizeof event.text, "an %s address serves again",
			family_names[family]);
	else
		(void)snprintf(event.text, sizeof event.text,
			"no %s address serves: when_all_down is %s%s", family_names[family],
			conf_all_down_name(pool->when_all_down), other);
	event_emit(board_ring(w->board, ROLE_HEALTH), &event);
}

/* Without memory last_good stays as it was, until the next build. */
static void look(struct pool_watch *w, uint64_t now_ms)
{
	view_build(w->view, w->generation, w->board, now_ms);
	(void)view_keep_last_good(w->view, w->generation, w->board);
}

void pool_watch_begin(struct pool_watch *w, uint64_t now_ms, bool told)
{
	const struct conf *conf = w->generation->conf;

	look(w, now_ms);
	for (size_t i = 0; i < conf->pool_count; i++) {
		for (unsigned family = 0; family < 2; family++) {
			enum pool_state is = pool_look(w->view, &conf->pools[i], family);

			if (is == POOL_DEAD && (!told || !w->view->pool_ready[i]))
				is = POOL_UNTOLD;
			w->state[i][family] = (uint8_t)is;
		}
	}
}

static void check_family(struct pool_watch *w, size_t pool, unsigned family)
{
	const struct conf_pool *conf = &w->generation->conf->pools[pool];
	enum pool_state was = w->state[pool][family];
	enum pool_state is = pool_look(w->view, conf, family);

	if (is == was || is == POOL_ABSENT)
		return;
	if (was == POOL_UNTOLD && is == POOL_DEAD && !w->view->pool_ready[pool])
		return;
	/* the first look that finds a pool serving is no news */
	if (is == POOL_DEAD || was == POOL_DEAD)
		announce_pool(w, conf, family, is == POOL_SERVING);
	w->state[pool][family] = (uint8_t)is;
}

void pool_watch_check(struct pool_watch *w, uint64_t now_ms)
{
	if (!view_stale(w->view, w->board, now_ms))
		return;
	look(w, now_ms);
	for (size_t i = 0; i < w->generation->conf->pool_count; i++) {
		check_family(w, i, 0);
		check_family(w, i, 1);
	}
}
