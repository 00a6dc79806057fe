#include "board/targets.h"

#include <stdlib.h>

struct taking {
	struct generation *g;
	struct slots *slots;
	uint32_t *target_of_slot; /* [BOARD_TARGETS_MAX]: index in g->targets + 1; 0 = not in it */
	size_t room;              /* of g->targets */
};

static int make_room(struct taking *t)
{
	size_t room = t->room > 0 ? t->room * 2 : 64;
	struct balancer_target *grown;

	if (t->g->target_count < t->room)
		return 0;
	grown = realloc(t->g->targets, room * sizeof *grown);
	if (grown == NULL)
		return -1;
	t->g->targets = grown;
	t->room = room;
	return 0;
}

/* The target of one address and port: a known one, or new. */
static int take_target(struct taking *t, const struct hostport *at, uint32_t *entry, struct err *e)
{
	struct generation *g = t->g;
	char key[HOSTPORT_TEXT_MAX];
	uint32_t slot;
	bool fresh;

	if (make_room(t) < 0)
		return err_set(e, "out of memory for the targets of balancers");
	if (slots_take(t->slots, SLOT_TARGET, hostport_format(at, key), &slot, &fresh, e) < 0)
		return -1;
	if (t->target_of_slot[slot] > 0) {
		slots_drop(t->slots, SLOT_TARGET, slot); /* one use a generation */
	} else {
		g->targets[g->target_count++] = (struct balancer_target){.slot = slot, .at = *at};
		t->target_of_slot[slot] = (uint32_t)g->target_count;
	}
	*entry = t->target_of_slot[slot];
	return 0;
}

static int take_pool(struct taking *t, const struct conf_pool *pool, uint16_t port,
	uint32_t (*table)[2], struct err *e)
{
	for (uint32_t i = pool->first_endpoint; i < pool->first_endpoint + pool->endpoint_count;
		i++) {
		for (unsigned family = 0; family < 2; family++) {
			struct hostport at = {
				.addr = t->g->conf->endpoints[i].address[family], .port = port};

			if (at.addr.family == FAMILY_NONE || table[i][family] != 0)
				continue;
			if (take_target(t, &at, &table[i][family], e) < 0)
				return -1;
		}
	}
	return 0;
}

/* The table of an earlier listener with the same port; NULL when there is none. */
static uint32_t (*table_of_port(const struct generation *g, size_t listener))[2]
{
	for (size_t i = 0; i < listener; i++)
		if (g->conf->balancers[i].port == g->conf->balancers[listener].port)
			return g->listener_target[i];
	return NULL;
}

static int take_listener(struct taking *t, size_t listener, struct err *e)
{
	const struct conf *c = t->g->conf;
	const struct conf_balancer *b = &c->balancers[listener];
	uint32_t(*table)[2] = table_of_port(t->g, listener);
	uint16_t pool = b->pool;

	if (table == NULL)
		table = calloc(c->endpoint_count + 1, sizeof *table);
	if (table == NULL)
		return err_set(e, "out of memory for the targets of balancers");
	t->g->listener_target[listener] = table;
	/* conf refuses cycles; the bound holds even without it */
	for (size_t link = 0; link < c->pool_count && pool != CONF_NONE; link++) {
		if (take_pool(t, &c->pools[pool], b->port, table, e) < 0)
			return -1;
		pool = c->pools[pool].fallback_pool;
	}
	return 0;
}

int targets_take(struct generation *g, struct slots *slots, struct err *e)
{
	struct taking t = {.g = g, .slots = slots};
	int rc = 0;

	g->listener_target = calloc(g->conf->balancer_count + 1, sizeof *g->listener_target);
	t.target_of_slot = calloc(BOARD_TARGETS_MAX, sizeof *t.target_of_slot);
	if (g->listener_target == NULL || t.target_of_slot == NULL) {
		free(t.target_of_slot);
		return err_set(e, "out of memory for the targets of balancers");
	}
	for (size_t i = 0; i < g->conf->balancer_count && rc == 0; i++)
		rc = take_listener(&t, i, e);
	free(t.target_of_slot);
	return rc;
}

void targets_drop(struct generation *g, struct slots *slots)
{
	for (size_t i = 0; i < g->target_count; i++)
		slots_drop(slots, SLOT_TARGET, g->targets[i].slot);
	/* backwards: the first user of a table frees it, when no later one looks for it any more */
	for (size_t i = g->listener_target != NULL ? g->conf->balancer_count : 0; i-- > 0;)
		if (g->listener_target[i] != table_of_port(g, i))
			free(g->listener_target[i]);
	free(g->listener_target);
	free(g->targets);
}
