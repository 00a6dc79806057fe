/*
 * From configuration to slots. The key of a probe says everything that decides its verdict:
 *
 *     http 192.0.2.11:8080 /healthz host= expect=200-299 @5000/2000/2/3/10/1000/60000/2500/750/600000
 *     └─ what is tested ─────────────────────────────┘  └ interval, timeout, fall, rise, jitter, flap
 *
 * A probe with another key is another probe; board/inherit.c finds the old one whose verdict it
 * starts with.
 */
#include "board/generation.h"

#include "base/hash.h"
#include "base/text.h"
#include "board/targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TESTED_MAX 168u /* octets of the first part; a longer one ends in its hash */
#define TIMING_MAX 88u /* " @4294967295/4294967295/65535/65535/50" and the longest of flap_text() */

_Static_assert(TESTED_MAX + TIMING_MAX <= BOARD_KEY_MAX, "probe keys must fit");

/* What is tested, in at most TESTED_MAX octets with the NUL. */
static void tested_text(const struct conf_check *c, const struct hostport *target, char *out)
{
	char place[HOSTPORT_TEXT_MAX];
	struct text t = {0};

	text_printf(&t, "%s %s", conf_check_kind_name(c->kind), hostport_format(target, place));
	if (c->kind == CHECK_HTTP) {
		text_printf(&t, " %s host=%s expect=", c->path, c->host != NULL ? c->host : "");
		for (size_t i = 0; i < c->expect_count; i++)
			text_printf(&t, "%s%u-%u", i > 0 ? "," : "", c->expect[i].low,
				c->expect[i].high);
	}
	if (t.failed || t.length < TESTED_MAX)
		(void)snprintf(out, TESTED_MAX, "%s", t.data != NULL ? t.data : "");
	else
		(void)snprintf(out, TESTED_MAX, "%.*s#%016llx%016llx", (int)TESTED_MAX - 34, t.data,
			(unsigned long long)hash_bytes(1, t.data, t.length),
			(unsigned long long)hash_bytes(2, t.data, t.length));
	text_free(&t);
}

void probe_key(const struct conf_check *c, const struct hostport *target, char *out)
{
	size_t length;

	tested_text(c, target, out);
	length = strlen(out);
	(void)snprintf(out + length, BOARD_KEY_MAX - length, " @%u/%u/%u/%u/%u/%u/%u/%u/%u/%u",
		c->interval_ms, c->timeout_ms, c->fall, c->rise, c->jitter_percent, c->flap.penalty,
		c->flap.half_life_ms, c->flap.suppress, c->flap.reuse, c->flap.max_suppress_ms);
}

/* ---- building ---- */

struct builder {
	struct generation *g;
	struct slots *slots;
	uint32_t *probe_of_slot;     /* [BOARD_PROBES_MAX]: index in g->probes + 1; 0 = not in it */
	size_t endpoints, listeners; /* slots taken so far */
};

static int take_endpoint(struct builder *b, uint32_t index, struct err *e)
{
	const struct conf *c = b->g->conf;
	const struct conf_endpoint *endpoint = &c->endpoints[index];
	char key[BOARD_KEY_MAX];
	bool fresh;

	(void)snprintf(key, sizeof key, "%s/%s", c->pools[endpoint->pool].name, endpoint->name);
	if (slots_take(b->slots, SLOT_ENDPOINT, key, &b->g->endpoint_slot[index], &fresh, e) < 0)
		return -1;
	b->endpoints++;
	return 0;
}

/* The probe of one address: shared with an equal one, or new. */
static int take_probe(struct builder *b, const struct conf_check *check, const struct addr *address,
	uint32_t *index, struct err *e)
{
	struct generation *g = b->g;
	struct probe *p = &g->probes[g->probe_count];
	char key[BOARD_KEY_MAX];
	uint32_t slot;
	bool fresh;

	*p = (struct probe){.check = check, .target = {.addr = *address, .port = check->port}};
	probe_key(check, &p->target, key);
	if (slots_take(b->slots, SLOT_PROBE, key, &slot, &fresh, e) < 0)
		return -1;
	if (b->probe_of_slot[slot] > 0) {
		slots_drop(b->slots, SLOT_PROBE, slot); /* one use a generation */
		*index = b->probe_of_slot[slot] - 1;
	} else {
		p->slot = slot;
		*index = (uint32_t)g->probe_count++;
		b->probe_of_slot[slot] = (uint32_t)g->probe_count;
	}
	g->probes[*index].user_count++;
	return 0;
}

static int take_probes(struct builder *b, uint32_t index, struct err *e)
{
	const struct conf *c = b->g->conf;
	const struct conf_endpoint *endpoint = &c->endpoints[index];
	uint16_t check = c->pools[endpoint->pool].check;

	for (int family = 0; family < 2; family++) {
		uint32_t *probe = &b->g->endpoint_probe[index][family];

		*probe = PROBE_NONE;
		if (check == CONF_NONE || endpoint->address[family].family == FAMILY_NONE)
			continue;
		if (take_probe(b, &c->checks[check], &endpoint->address[family], probe, e) < 0)
			return -1;
	}
	return 0;
}

/* The users of each probe in a row, in the order of endpoints. */
static void list_users(struct generation *g)
{
	uint32_t first = 0;

	for (size_t i = 0; i < g->probe_count; i++) {
		g->probes[i].first_user = first;
		first += g->probes[i].user_count;
		g->probes[i].user_count = 0;
	}
	for (uint32_t i = 0; i < g->conf->endpoint_count; i++) {
		for (uint8_t family = 0; family < 2; family++) {
			struct probe *p;

			if (g->endpoint_probe[i][family] == PROBE_NONE)
				continue;
			p = &g->probes[g->endpoint_probe[i][family]];
			g->probe_users[p->first_user + p->user_count++] =
				(struct probe_user){.endpoint = i, .family = family};
		}
	}
}

static int compare_addresses(const void *a, const void *b)
{
	const struct probe *x = *(const struct probe *const *)a;
	const struct probe *y = *(const struct probe *const *)b;
	int order = addr_compare(&x->target.addr, &y->target.addr);

	if (order != 0)
		return order;
	return (x > y) - (x < y);
}

static void sort_by_address(struct generation *g)
{
	for (size_t i = 0; i < g->probe_count; i++)
		g->by_address[i] = &g->probes[i];
	if (g->probe_count > 0)
		qsort(g->by_address, g->probe_count, sizeof(const struct probe *),
			compare_addresses);
}

static int take_listener(struct builder *b, size_t index, struct err *e)
{
	const char *name = b->g->conf->balancers[index].name;
	bool fresh;

	if (slots_take(b->slots, SLOT_LISTENER, name, &b->g->listener_slot[index], &fresh, e) < 0)
		return -1;
	b->listeners++;
	return 0;
}

static int builder_take_all(struct builder *b, struct err *e)
{
	const struct conf *c = b->g->conf;

	for (uint32_t i = 0; i < c->endpoint_count; i++) {
		if (take_endpoint(b, i, e) < 0 || take_probes(b, i, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < c->balancer_count; i++) {
		if (take_listener(b, i, e) < 0)
			return -1;
	}
	list_users(b->g);
	sort_by_address(b->g);
	return targets_take(b->g, b->slots, e);
}

static void generation_drop(
	struct generation *g, struct slots *slots, size_t endpoints, size_t listeners)
{
	if (g == NULL)
		return;
	for (size_t i = 0; i < endpoints; i++)
		slots_drop(slots, SLOT_ENDPOINT, g->endpoint_slot[i]);
	for (size_t i = 0; i < g->probe_count; i++)
		slots_drop(slots, SLOT_PROBE, g->probes[i].slot);
	for (size_t i = 0; i < listeners; i++)
		slots_drop(slots, SLOT_LISTENER, g->listener_slot[i]);
	targets_drop(g, slots);
	free(g->endpoint_slot);
	free(g->endpoint_probe);
	free(g->probes);
	free(g->probe_users);
	free(g->by_address);
	free(g->listener_slot);
	free(g);
}

/* Room for everything; one element more, so that an empty table is not NULL. */
static int builder_allocate(struct builder *b, const struct conf *c)
{
	size_t endpoints = c->endpoint_count + 1;
	struct generation *g = calloc(1, sizeof *g);

	b->g = g;
	b->probe_of_slot = calloc(BOARD_PROBES_MAX, sizeof *b->probe_of_slot);
	if (g == NULL || b->probe_of_slot == NULL)
		return -1;
	g->conf = c;
	g->endpoint_slot = calloc(endpoints, sizeof *g->endpoint_slot);
	g->endpoint_probe = calloc(endpoints, sizeof *g->endpoint_probe);
	g->probes = calloc(2 * endpoints, sizeof *g->probes);
	g->probe_users = calloc(2 * endpoints, sizeof *g->probe_users);
	g->by_address = calloc(2 * endpoints, sizeof(const struct probe *));
	g->listener_slot = calloc(c->balancer_count + 1, sizeof *g->listener_slot);
	if (g->endpoint_slot == NULL || g->endpoint_probe == NULL || g->probes == NULL ||
		g->probe_users == NULL || g->by_address == NULL || g->listener_slot == NULL)
		return -1;
	return 0;
}

int generation_build(const struct conf *conf, uint32_t number, struct slots *slots,
	struct generation **out, struct err *e)
{
	struct builder builder = {.slots = slots};
	int rc = -1;

	if (builder_allocate(&builder, conf) < 0) {
		err_set(e, "out of memory for a generation of %zu endpoints", conf->endpoint_count);
		goto out;
	}
	builder.g->number = number;
	if (builder_take_all(&builder, e) < 0)
		goto out;
	*out = builder.g;
	builder.g = NULL;
	rc = 0;
out:
	generation_drop(builder.g, slots, builder.endpoints, builder.listeners);
	free(builder.probe_of_slot);
	return rc;
}

void generation_free(struct generation *g, struct slots *slots)
{
	if (g != NULL)
		generation_drop(g, slots, g->conf->endpoint_count, g->conf->balancer_count);
}
