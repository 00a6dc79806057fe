/*
 * Taking the snapshot. Every number that another process wrote is range-checked here before it is
 * used as an index, and every text is escaped; what cannot be read consistently is shown as null.
 *
 * jansson's setters take NULL for "could not be made" and then fail, so a builder needs no test
 * after each step: `failed` is looked at once, at the end.
 */
#include "board/snapshot.h"

#include "base/flap.h"
#include "board/event_format.h"
#include "board/reason.h"
#include "board/serving.h"

#include <string.h>

struct taker {
	const struct board *board;
	const struct generation *generation;
	uint64_t now_ms, real_ms;
	bool failed;
};

static void put(struct taker *t, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		t->failed = true;
}

static void add(struct taker *t, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		t->failed = true;
}

static json_t *number(uint64_t n)
{
	return json_integer(n <= INT64_MAX ? (json_int_t)n : INT64_MAX);
}

/* A monotonic time as unix milliseconds; 0 ("never") as null. */
static json_t *moment(const struct taker *t, uint64_t mono_ms)
{
	if (mono_ms == 0)
		return json_null();
	if (mono_ms >= t->now_ms)
		return number(t->real_ms + (mono_ms - t->now_ms));
	return t->now_ms - mono_ms <= t->real_ms ? number(t->real_ms - (t->now_ms - mono_ms))
						 : json_null();
}

static uint64_t load64(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static uint32_t load32(const _Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

/* ---- probes ---- */

static json_t *key_of_probe(const struct taker *t, const struct probe *p)
{
	return p->slot < BOARD_PROBES_MAX
		       ? json_escaped(t->board->supervisor->probe[p->slot].key, BOARD_KEY_MAX)
		       : NULL;
}

static struct flap flap_of(const struct board_probe *p)
{
	return (struct flap){.penalty = p->penalty, .at_ms = p->penalty_ms};
}

/* In points, rounded to the nearest. */
static uint64_t penalty_of(
	const struct taker *t, const struct board_probe *p, const struct conf_check *check)
{
	const struct flap flap = flap_of(p);

	return ((uint64_t)flap_at(&flap, &check->flap, t->now_ms) + FLAP_POINT / 2) / FLAP_POINT;
}

/* The moment from which a success brings it up; null when it is not suppressed. */
static json_t *suppressed_until(
	const struct taker *t, const struct board_probe *p, const struct conf_check *check)
{
	const struct flap flap = flap_of(p);

	if ((p->flags & PROBE_SUPPRESSED) == 0)
		return json_null();
	return moment(t, flap_free_ms(&flap, &check->flap));
}

static json_t *take_probe(struct taker *t, const struct probe *probe)
{
	json_t *o = json_object();
	struct board_probe p;
	uint64_t word;

	(void)board_read_probe(t->board, probe->slot, &p);
	word = load64(&p.word);
	put(t, o, "key", key_of_probe(t, probe));
	put(t, o, "verdict", json_string(verdict_name(verdict_of_word(word))));
	put(t, o, "since_ms", moment(t, p.since_ms));
	put(t, o, "checked_ms", moment(t, p.checked_ms));
	put(t, o, "doubt_until_ms", moment(t, doubt_of_word(word)));
	put(t, o, "reason", json_escaped(p.reason, sizeof p.reason));
	put(t, o, "latency_us", p.latency_us != 0 ? number(p.latency_us) : json_null());
	put(t, o, "successes", number(p.successes));
	put(t, o, "failures", number(p.failures));
	put(t, o, "penalty", number(penalty_of(t, &p, probe->check)));
	put(t, o, "suppressed_until_ms", suppressed_until(t, &p, probe->check));
	return o;
}

static json_t *take_probes(struct taker *t)
{
	json_t *probes = json_array();

	for (size_t i = 0; i < t->generation->probe_count; i++) {
		if (t->generation->probes[i].slot < BOARD_PROBES_MAX)
			add(t, probes, take_probe(t, &t->generation->probes[i]));
	}
	return probes;
}

/* ---- pools and endpoints ---- */

/* What override and policy say, for both addresses. */
struct endpoint_rule {
	enum override override;
	bool unknown_serves, last_good;
};

/* Whether an address served last, in its pool and in its region. */
static json_t *last_good(uint8_t bits)
{
	json_t *words = json_array();

	if ((bits & LAST_GOOD_POOL) != 0)
		(void)json_array_append_new(words, json_string("pool"));
	if ((bits & LAST_GOOD_REGION) != 0)
		(void)json_array_append_new(words, json_string("region"));
	return words;
}

/* Adds one address; true when it serves. */
static bool take_address(struct taker *t, uint32_t endpoint, int family,
	const struct endpoint_rule *rule, json_t *addresses)
{
	const struct generation *g = t->generation;
	uint32_t index = g->endpoint_probe[endpoint][family];
	bool checked = index < g->probe_count && g->probes[index].slot < BOARD_PROBES_MAX;
	const struct conf_check *check = checked ? g->probes[index].check : NULL;
	struct board_probe probe = {.word = VERDICT_WORD(VERDICT_UP, 0)};
	char text[ADDR_TEXT_MAX], reason[REASON_TEXT_MAX];
	json_t *o = json_object();
	enum verdict verdict;
	bool serving;

	if (checked)
		(void)board_read_probe(t->board, g->probes[index].slot, &probe);
	verdict = verdict_of_word(load64(&probe.word));
	serving = serving_rule(rule->override, verdict, rule->unknown_serves);
	put(t, o, "address",
		json_string(addr_format(&g->conf->endpoints[endpoint].address[family], text)));
	put(t, o, "probe", checked ? key_of_probe(t, &g->probes[index]) : json_null());
	put(t, o, "verdict", json_string(verdict_name(verdict)));
	put(t, o, "reason",
		checked ? json_escaped(reason_format(&probe, check, reason), sizeof reason)
			: json_string("not checked"));
	put(t, o, "since_ms", moment(t, probe.since_ms));
	put(t, o, "checked_ms", moment(t, probe.checked_ms));
	put(t, o, "doubt_until_ms", moment(t, doubt_of_word(load64(&probe.word))));
	put(t, o, "suppressed_until_ms",
		checked ? suppressed_until(t, &probe, check) : json_null());
	put(t, o, "serving", json_boolean(serving));
	put(t, o, "last_good",
		rule->last_good
			? last_good(t->board->health->last_good[g->endpoint_slot[endpoint]][family])
			: json_null());
	add(t, addresses, o);
	return serving;
}

static void take_override(
	struct taker *t, json_t *o, const struct conf_endpoint *e, uint64_t state, uint64_t weight)
{
	enum override override = override_of_word(state, t->now_ms);
	uint16_t value = e->weight;
	bool weighted = weight_of_word(weight, t->now_ms, &value);

	put(t, o, "override", json_string(override_name(override)));
	put(t, o, "override_until_ms",
		moment(t, override != OVERRIDE_NONE ? override_until(state) : 0));
	put(t, o, "weight", number(value));
	put(t, o, "configured_weight", number(e->weight));
	put(t, o, "weight_override", weighted ? number(value) : json_null());
	put(t, o, "weight_until_ms", moment(t, weighted ? weight_until(weight) : 0));
}

/* One endpoint; `*serving` when any of its addresses serves. */
static json_t *take_endpoint(
	struct taker *t, uint32_t index, const struct conf_pool *pool, bool *serving)
{
	const struct conf *conf = t->generation->conf;
	const struct conf_endpoint *e = &conf->endpoints[index];
	uint32_t slot = t->generation->endpoint_slot[index];
	bool known = slot < BOARD_ENDPOINTS_MAX;
	uint64_t state = known ? load64(&t->board->control->override[slot].state) : 0;
	uint64_t weight = known ? load64(&t->board->control->override[slot].weight) : 0;
	struct endpoint_rule rule = {override_of_word(state, t->now_ms),
		pool->unknown_serves && t->now_ms >= first_verdicts_until(t->board, conf, pool),
		known && pool->when_all_down == ALL_DOWN_LAST_GOOD};
	json_t *o = json_object(), *addresses = json_array();

	*serving = false;
	put(t, o, "name", json_string(e->name));
	for (int family = 0; family < 2; family++) {
		if (e->address[family].family != FAMILY_NONE &&
			take_address(t, index, family, &rule, addresses))
			*serving = true;
	}
	put(t, o, "region",
		e->region < conf->region_count ? json_string(conf->regions[e->region].name)
					       : json_null());
	put(t, o, "serving", json_boolean(*serving));
	take_override(t, o, e, state, weight);
	put(t, o, "load", number(known ? load32(&t->board->health->load[slot]) : 0));
	put(t, o, "addresses", addresses);
	return o;
}

static json_t *take_pools(struct taker *t)
{
	const struct conf *conf = t->generation->conf;
	json_t *pools = json_array();

	for (size_t i = 0; i < conf->pool_count; i++) {
		const struct conf_pool *pool = &conf->pools[i];
		json_t *o = json_object(), *endpoints = json_array();
		uint32_t serving_count = 0;

		for (uint32_t k = 0; k < pool->endpoint_count; k++) {
			bool serving;

			add(t, endpoints,
				take_endpoint(t, pool->first_endpoint + k, pool, &serving));
			serving_count += serving ? 1u : 0u;
		}
		put(t, o, "name", json_string(pool->name));
		put(t, o, "check",
			pool->check < conf->check_count
				? json_string(conf->checks[pool->check].name)
				: json_null());
		put(t, o, "serving", number(serving_count));
		put(t, o, "when_all_down", json_string(conf_all_down_name(pool->when_all_down)));
		put(t, o, "fallback",
			pool->when_all_down == ALL_DOWN_POOL
				? json_string(conf->pools[pool->fallback_pool].name)
				: json_null());
		put(t, o, "endpoints", endpoints);
		add(t, pools, o);
	}
	return pools;
}

/* ---- roles, listeners, counters ---- */

static json_t *take_roles(struct taker *t)
{
	json_t *roles = json_array();

	for (int r = 0; r < ROLE_COUNT; r++) {
		const struct board_role *role = &t->board->supervisor->role[r];
		int32_t pid = atomic_load_explicit(&role->pid, memory_order_relaxed);
		json_t *o = json_object();

		put(t, o, "role", json_string(role_name((enum role)r)));
		put(t, o, "pid", pid > 0 ? json_integer(pid) : json_null());
		put(t, o, "state",
			json_string(role_state_name((enum role_state)load32(&role->state))));
		put(t, o, "generation", number(load32(&role->generation)));
		put(t, o, "restarts", number(load32(&role->restarts)));
		put(t, o, "started_ms", moment(t, load64(&role->started_ms)));
		add(t, roles, o);
	}
	return roles;
}

/* Sums over all rows; a row that never beat was never used, and is not touched further. */
struct sums {
	uint64_t dns[DNS_COUNTER_COUNT];
	uint64_t balancer[BALANCER_COUNTER_COUNT];
	uint64_t active[CONF_BALANCERS_MAX];
};

static void add_rows(const struct taker *t, struct sums *s)
{
	const struct generation *g = t->generation;

	for (size_t r = 0; r < BOARD_WORKERS_MAX; r++) {
		const struct board_dns_row *dns = &t->board->dns->row[r];
		const struct board_balancer_row *balancer = &t->board->balancer->row[r];

		for (size_t i = 0; i < DNS_COUNTER_COUNT && load64(&dns->beat_ms) != 0; i++)
			s->dns[i] += load64(&dns->counter[i]);
		if (load64(&balancer->beat_ms) == 0)
			continue;
		for (size_t i = 0; i < BALANCER_COUNTER_COUNT; i++)
			s->balancer[i] += load64(&balancer->counter[i]);
		for (size_t i = 0; i < g->conf->balancer_count && i < CONF_BALANCERS_MAX; i++) {
			if (g->listener_slot[i] < BOARD_LISTENERS_MAX)
				s->active[i] +=
					load32(&balancer->listener_active[g->listener_slot[i]]);
		}
	}
}

static json_t *take_target(struct taker *t, const struct balancer_target *target, uint64_t word)
{
	char text[HOSTPORT_TEXT_MAX];
	json_t *o = json_object();

	put(t, o, "target", json_string(hostport_format(&target->at, text)));
	put(t, o, "failures", number(target_failures(word)));
	put(t, o, "retry_ms", moment(t, target_retry(word)));
	return o;
}

/* What the balancer itself has set aside of a listener's targets. */
static json_t *take_set_aside(struct taker *t, size_t listener)
{
	const struct generation *g = t->generation;
	json_t *list = json_array();

	for (uint32_t i = 0; g->listener_target != NULL && i < g->conf->endpoint_count; i++) {
		for (unsigned family = 0; family < 2; family++) {
			uint32_t index = generation_target(g, listener, i, family);
			uint64_t word;

			if (index >= g->target_count || g->targets[index].slot >= BOARD_TARGETS_MAX)
				continue;
			word = load64(&t->board->balancer->target[g->targets[index].slot]);
			if (target_asides(word) > 0)
				add(t, list, take_target(t, &g->targets[index], word));
		}
	}
	return list;
}

static json_t *take_listeners(struct taker *t, const struct sums *s)
{
	const struct conf *conf = t->generation->conf;
	json_t *listeners = json_array();

	for (size_t i = 0; i < conf->balancer_count && i < CONF_BALANCERS_MAX; i++) {
		const struct conf_balancer *b = &conf->balancers[i];
		char text[HOSTPORT_TEXT_MAX];
		json_t *o = json_object();

		put(t, o, "name", json_string(b->name));
		put(t, o, "listen", json_string(hostport_format(&b->listen, text)));
		put(t, o, "pool",
			b->pool < conf->pool_count ? json_string(conf->pools[b->pool].name)
						   : json_null());
		put(t, o, "active", number(s->active[i]));
		put(t, o, "set_aside", take_set_aside(t, i));
		add(t, listeners, o);
	}
	return listeners;
}

static json_t *take_counters(struct taker *t, const struct sums *s)
{
	json_t *o = json_object(), *dns = json_object(), *balancer = json_object();
	json_t *health = json_object(), *control = json_object();

	for (size_t i = 0; i < DNS_COUNTER_COUNT; i++)
		put(t, dns, dns_counters[i].name, number(s->dns[i]));
	for (size_t i = 0; i < BALANCER_COUNTER_COUNT; i++)
		put(t, balancer, balancer_counters[i].name, number(s->balancer[i]));
	for (size_t i = 0; i < HEALTH_COUNTER_COUNT; i++)
		put(t, health, health_counters[i].name,
			number(load64(&t->board->health->counter[i])));
	for (size_t i = 0; i < CONTROL_COUNTER_COUNT; i++)
		put(t, control, control_counters[i].name,
			number(load64(&t->board->control->counter[i])));
	put(t, o, "dns", dns);
	put(t, o, "balancer", balancer);
	put(t, o, "health", health);
	put(t, o, "control", control);
	return o;
}

json_t *snapshot_take(
	const struct board *b, const struct generation *g, uint64_t now_ms, uint64_t real_ms)
{
	struct taker t = {.board = b, .generation = g, .now_ms = now_ms, .real_ms = real_ms};
	json_t *o = json_object(), *clock = json_object();
	struct sums sums = {0};

	add_rows(&t, &sums);
	put(&t, o, "version", json_integer(SNAPSHOT_VERSION));
	put(&t, o, "program", json_string(WAYMARK_VERSION));
	put(&t, clock, "real_ms", number(real_ms));
	put(&t, clock, "mono_ms", number(now_ms));
	put(&t, o, "clock", clock);
	put(&t, o, "created_ms", number(b->supervisor->created_real_ms));
	put(&t, o, "generation", number(load32(&b->supervisor->generation)));
	put(&t, o, "reloaded_ms", moment(&t, load64(&b->supervisor->reloaded_ms)));
	put(&t, o, "next_sequence", number(load64(&b->control->next_sequence)));
	put(&t, o, "roles", take_roles(&t));
	put(&t, o, "pools", take_pools(&t));
	put(&t, o, "probes", take_probes(&t));
	put(&t, o, "listeners", take_listeners(&t, &sums));
	put(&t, o, "counters", take_counters(&t, &sums));
	if (!t.failed)
		return o;
	json_decref(o);
	return NULL;
}
