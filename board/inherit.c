/*
 * A reload that changes anything in the key of a probe makes another probe. It starts with what is
 * known of its target, not with `unknown`: the verdict of the nearest old probe at the same address.
 *
 *     nearness   8   the same test, only interval, timeout, thresholds or jitter differ
 *                4   the same port and kind of check
 *                2   it was tested for this very endpoint
 *                1   the same port
 *                0   the same address
 *
 * The same test goes on where it was, with its streak: counts are evidence whatever the thresholds
 * are, and a streak that is long enough for the new ones is ended or fulfilled by the next outcome
 * (a reload alone changes no verdict). Of another test only the verdict counts. It has not been
 * tried itself: checked_ms is 0, so that it is probed at once, and the reason says that the verdict
 * is inherited, until its first own outcome.
 *
 * "Old" is what the generation that served until now tests. A slot that only an older one still
 * holds, which drains, has a verdict that nobody has looked after since: it counts as nothing.
 */
#include "board/generation.h"

#include <stdio.h>
#include <string.h>

#define INHERITED "inherited: "

static const char *key_of(const struct board *b, const struct probe *p)
{
	return b->supervisor->probe[p->slot].key;
}

/* Octets of a key that say what is tested. */
static size_t tested_length(const char *key)
{
	const char *timing = strrchr(key, '@');

	return timing != NULL ? (size_t)(timing - key) : strlen(key);
}

static bool same_test(const struct board *b, const struct probe *old, const struct probe *new)
{
	const char *x = key_of(b, old), *y = key_of(b, new);
	size_t length = tested_length(x);

	return length == tested_length(y) && memcmp(x, y, length) == 0;
}

/* Do both test for one endpoint (a name keeps its slot)? */
static bool share_endpoint(const struct generation *old_g, const struct probe *old,
	const struct generation *new_g, const struct probe *new)
{
	const struct probe_user *x = &old_g->probe_users[old->first_user];
	const struct probe_user *y = &new_g->probe_users[new->first_user];

	for (uint32_t i = 0; i < old->user_count; i++) {
		if (old_g->endpoint_slot[x[i].endpoint] == new_g->endpoint_slot[y->endpoint])
			return true;
	}
	return false;
}

static unsigned nearness(const struct board *b, const struct generation *old_g,
	const struct probe *old, const struct generation *new_g, const struct probe *new)
{
	bool same_port = old->target.port == new->target.port;
	bool same_kind = old->check->kind == new->check->kind;

	return (same_test(b, old, new) ? 8u : 0u) + (same_port && same_kind ? 4u : 0u) +
	       (share_endpoint(old_g, old, new_g, new) ? 2u : 0u) + (same_port ? 1u : 0u);
}

/* The first in `g->by_address` at this address or past it. */
static size_t first_at(const struct generation *g, const struct addr *address)
{
	size_t low = 0, high = g->probe_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (addr_compare(&g->by_address[middle]->target.addr, address) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static enum verdict verdict_at(const struct board *b, uint32_t slot)
{
	return verdict_of_word(
		atomic_load_explicit(&b->health->probe[slot].word, memory_order_relaxed));
}

static void take_over(struct board *b, const struct probe *from, const struct probe *to)
{
	struct board_probe cell;
	char old_reason[BOARD_REASON_MAX];
	uint64_t word;

	(void)board_read_probe(b, from->slot, &cell);
	if (!same_test(b, from, to)) {
		word = atomic_load_explicit(&cell.word, memory_order_relaxed);
		atomic_store_explicit(
			&cell.word, VERDICT_WORD(verdict_of_word(word), 0), memory_order_relaxed);
		cell.successes = cell.failures = 0;
		cell.checked_ms = 0;
		cell.latency_us = 0;
		if (strncmp(cell.reason, INHERITED, strlen(INHERITED)) != 0) {
			memcpy(old_reason, cell.reason, sizeof old_reason);
			(void)snprintf(cell.reason, sizeof cell.reason, INHERITED "%.*s",
				(int)(sizeof cell.reason - sizeof INHERITED), old_reason);
		}
	}
	board_write_probe(b, to->slot, &cell);
}

static void inherit(
	struct board *b, const struct generation *old, const struct generation *g, struct probe *p)
{
	static const struct board_probe nothing;
	const struct probe *best = NULL;
	unsigned best_nearness = 0;

	p->is_new = true;
	for (size_t i = first_at(old, &p->target.addr);
		i < old->probe_count &&
		addr_equal(&old->by_address[i]->target.addr, &p->target.addr);
		i++) {
		const struct probe *other = old->by_address[i];
		unsigned near = nearness(b, old, other, g, p);

		p->is_new = false;
		if (other->slot == p->slot)
			return; /* the same probe */
		if (verdict_at(b, other->slot) != VERDICT_UNKNOWN &&
			(best == NULL || near > best_nearness)) {
			best = other;
			best_nearness = near;
		}
	}
	if (best != NULL)
		take_over(b, best, p);
	else
		board_write_probe(b, p->slot, &nothing);
}

void generation_inherit(struct generation *g, const struct generation *old, struct board *b)
{
	for (size_t i = 0; i < g->probe_count; i++)
		inherit(b, old, g, &g->probes[i]);
}
