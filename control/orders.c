/*
 * drain, force-up, force-down, weight, restore: an operator's orders to one endpoint or a region's.
 *
 * They are in force (on the board) at once; the reply waits until they are on disk, because "kept" must
 * not be said of something that a power failure would undo.
 */
#include "base/clock.h"
#include "board/event_format.h"
#include "control/server.h"
#include "control/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One command over all its endpoints. */
struct batch {
	struct session *session;
	struct control *control;
	const struct request *request;
	uint64_t now_ms, until_real_ms; /* 0 = for good */
	json_t *changed, *warnings;
};

static enum override override_of(enum command command)
{
	switch (command) {
	case COMMAND_DRAIN: return OVERRIDE_DRAIN;
	case COMMAND_FORCE_UP: return OVERRIDE_FORCE_UP;
	case COMMAND_FORCE_DOWN: return OVERRIDE_FORCE_DOWN;
	case COMMAND_STATUS:
	case COMMAND_WEIGHT:
	case COMMAND_RESTORE:
	case COMMAND_ZONES:
	case COMMAND_FORGET:
	case COMMAND_RELOAD:
	case COMMAND_WATCH:
	case COMMAND_SNAPSHOT:
	case COMMAND_COUNT: break;
	}
	return OVERRIDE_NONE;
}

/* ---- telling ---- */

/* Who did it, until when, and what it led to. */
static void describe(const struct batch *b, const char *warning, char *out, size_t size)
{
	char until[CLOCK_TEXT_MAX] = "", span[DURATION_TEXT_MAX] = "";
	bool ends = b->until_real_ms != 0;

	if (ends) {
		(void)clock_format(b->until_real_ms, until);
		(void)duration_format(b->request->for_ms, span);
	}
	(void)snprintf(out, size, "by uid %ld, pid %ld%s%s%s%s%s%s", (long)b->session->uid,
		(long)b->session->pid, ends ? ", for " : "", span, ends ? ", until " : "", until,
		warning[0] != '\0' ? "; " : "", warning);
}

static void tell(
	struct batch *b, uint32_t endpoint, const char *from, const char *to, const char *warning)
{
	const struct conf *conf = b->control->generation->conf;
	const struct conf_endpoint *at = &conf->endpoints[endpoint];
	struct event e = {
		.kind = EVENT_OVERRIDE, .level = warning[0] != '\0' ? LEVEL_WARNING : LEVEL_INFO};
	json_t *o = json_object();

	(void)snprintf(e.pool, sizeof e.pool, "%s", conf->pools[at->pool].name);
	(void)snprintf(e.endpoint, sizeof e.endpoint, "%s", at->name);
	(void)snprintf(e.from, sizeof e.from, "%s", from);
	(void)snprintf(e.to, sizeof e.to, "%s", to);
	describe(b, warning, e.text, sizeof e.text);
	control_publish(b->control, &e);
	(void)json_object_set_new(o, "pool", json_string(e.pool));
	(void)json_object_set_new(o, "endpoint", json_string(e.endpoint));
	(void)json_object_set_new(o, "from", json_string(from));
	(void)json_object_set_new(o, "to", json_string(to));
	(void)json_object_set_new(o, "until_ms",
		b->until_real_ms != 0 ? json_integer((json_int_t)b->until_real_ms) : json_null());
	(void)json_array_append_new(b->changed, o);
}

#define WEIGHT_TEXT_MAX 16 /* "weight=65535", as event.from */

static const char *weight_text(uint16_t weight, char *out)
{
	(void)snprintf(out, WEIGHT_TEXT_MAX, "weight=%u", weight);
	return out;
}

static void tell_change(
	struct batch *b, uint32_t endpoint, const struct orders *before, const char *warning)
{
	const struct orders *after = &b->control->overrides.orders[endpoint];
	uint16_t configured = b->control->generation->conf->endpoints[endpoint].weight;
	char from[WEIGHT_TEXT_MAX], to[WEIGHT_TEXT_MAX];

	if (override_of(b->request->command) != OVERRIDE_NONE ||
		before->override != after->override)
		tell(b, endpoint, override_name(before->override), override_name(after->override),
			warning);
	if (b->request->command == COMMAND_WEIGHT || before->weighted != after->weighted)
		tell(b, endpoint, weight_text(before->weighted ? before->weight : configured, from),
			weight_text(after->weighted ? after->weight : configured, to), warning);
}

/* ---- doing ---- */

static void apply(struct batch *b, uint32_t endpoint)
{
	struct orders o = b->control->overrides.orders[endpoint];

	if (b->request->command == COMMAND_RESTORE) {
		o = (struct orders){.override = OVERRIDE_NONE};
	} else if (b->request->command == COMMAND_WEIGHT) {
		o.weighted = true;
		o.weight = b->request->weight;
		o.weight_until_real_ms = b->until_real_ms;
	} else {
		o.override = override_of(b->request->command);
		o.override_until_real_ms = b->until_real_ms;
	}
	overrides_set(&b->control->overrides, endpoint, &o);
}

/* What clients of a pool get when operators have taken all of it out. */
static void describe_end(
	const struct conf *conf, const struct conf_pool *pool, char *out, size_t size)
{
	switch (pool->when_all_down) {
	case ALL_DOWN_SERVE_ALL:
	case ALL_DOWN_LAST_GOOD:
	case ALL_DOWN_NODATA: break;
	case ALL_DOWN_REFUSE:
		(void)snprintf(out, size, "DNS refuses, connections are reset");
		return;
	case ALL_DOWN_POOL:
		(void)snprintf(out, size, "pool %s answers", conf->pools[pool->fallback_pool].name);
		return;
	}
	(void)snprintf(out, size, "DNS gives no address, connections are reset");
}

static uint32_t both(const uint32_t of_family[2])
{
	return of_family[0] + of_family[1];
}

/* The pool as a whole: true when it lost its last one that serves, or that may be given at all. */
static bool loss_of_all(const struct conf *conf, const struct conf_pool *pool,
	const struct pool_serving *before, const struct pool_serving *after, char *out, size_t size)
{
	bool serves = both(after->serving) > 0 || both(before->serving) == 0;
	char end[CONF_NAME_MAX + 32];

	describe_end(conf, pool, end, sizeof end);
	if (both(after->left) == 0 && both(before->left) > 0)
		(void)snprintf(out, size,
			"the last %sendpoint of pool %s is gone, all are drained or forced down: "
			"%s",
			serves ? "" : "serving ", pool->name, end);
	else if (!serves)
		(void)snprintf(out, size,
			"the last serving endpoint of pool %s is gone (when_all_down: %s)",
			pool->name, conf_all_down_name(pool->when_all_down));
	else
		return false;
	return true;
}

/* What the pool lost by this command; "" when it lost nothing that matters. */
static void loss(const struct conf *conf, const struct conf_pool *pool,
	const struct pool_serving *before, const struct pool_serving *after, char *out, size_t size)
{
	static const char *const families[2] = {"IPv4", "IPv6"};

	out[0] = '\0';
	if (loss_of_all(conf, pool, before, after, out, size))
		return;
	for (int f = 0; f < 2; f++) {
		if (after->left[f] == 0 && before->left[f] > 0)
			(void)snprintf(out, size,
				"the last %s address of pool %s is gone, all are drained or forced "
				"down",
				families[f], pool->name);
		else if (after->serving[f] == 0 && before->serving[f] > 0)
			(void)snprintf(out, size,
				"the last serving %s address of pool %s is gone (when_all_down: "
				"%s)",
				families[f], pool->name, conf_all_down_name(pool->when_all_down));
	}
}

/* The endpoints of one pool: all are changed before any is told of, so that the loss is the whole one. */
static int run_pool(struct batch *b, const uint32_t *endpoint, size_t count)
{
	const struct generation *g = b->control->generation;
	uint16_t pool = g->conf->endpoints[endpoint[0]].pool;
	struct orders *before = calloc(count, sizeof *before);
	struct pool_serving had, has;
	char warning[256];

	if (before == NULL)
		return -1;
	pool_serving(b->control->board, g, pool, b->now_ms, &had);
	for (size_t i = 0; i < count; i++) {
		before[i] = b->control->overrides.orders[endpoint[i]];
		apply(b, endpoint[i]);
	}
	pool_serving(b->control->board, g, pool, b->now_ms, &has);
	loss(g->conf, &g->conf->pools[pool], &had, &has, warning, sizeof warning);
	for (size_t i = 0; i < count; i++)
		tell_change(b, endpoint[i], &before[i], i + 1 == count ? warning : "");
	if (warning[0] != '\0')
		(void)json_array_append_new(b->warnings, json_string(warning));
	free(before);
	return 0;
}

static int run_target(struct batch *b, const struct target *target)
{
	const struct conf *conf = b->control->generation->conf;

	for (size_t first = 0, end; first < target->count; first = end) {
		uint16_t pool = conf->endpoints[target->endpoint[first]].pool;

		for (end = first + 1; end < target->count; end++) {
			if (conf->endpoints[target->endpoint[end]].pool != pool)
				break;
		}
		if (run_pool(b, target->endpoint + first, end - first) < 0)
			return -1;
	}
	return 0;
}

/* Answer now, or when the disk has it. */
static void answer(struct batch *b)
{
	struct session *session = b->session;
	json_t *reply = json_object();
	const char *why;
	uint64_t ticket = state_submit(b->control, b->now_ms, &why);

	(void)json_object_set_new(reply, "ok", json_true());
	(void)json_object_set(reply, "changed", b->changed);
	(void)json_object_set(reply, "warnings", b->warnings);
	(void)json_object_set_new(reply, "saved", why[0] != '\0' ? json_false() : json_null());
	if (ticket == 0) {
		if (why[0] != '\0')
			(void)json_array_append_new(
				b->warnings, json_sprintf("in force, but not saved: %s", why));
		session_reply(session, reply);
		return;
	}
	session->reply = reply;
	session->wait = WAIT_SAVE;
	session->ticket = ticket;
	session->wait_until_ms = b->now_ms + CONTROL_SAVE_WAIT_MS;
}

void orders_run(struct session *session, const struct request *request)
{
	struct control *c = session->server->control;
	uint64_t real_ms = clock_real_ms();
	struct batch b = {
		.session = session, .control = c, .request = request, .now_ms = clock_mono_ms()};
	struct target target;
	struct err e;

	if (target_resolve(c->generation->conf, request->target, &target, &e) < 0) {
		session_refuse(session, "%s", e.text);
		return;
	}
	if (request->for_ms != 0)
		b.until_real_ms = real_ms + request->for_ms;
	b.changed = json_array();
	b.warnings = json_array();
	control_settle_time(c, b.now_ms);
	if (run_target(&b, &target) == 0)
		answer(&b);
	else
		session_refuse(session,
			"out of memory; a part of the endpoints may be changed, see status");
	json_decref(b.changed);
	json_decref(b.warnings);
	target_free(&target);
}
