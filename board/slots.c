/*
 * Per kind: the uses of each slot and an open-addressed index from key to slot, both private to
 * the supervisor; the keys themselves stand on its sheet, where all can read them. The index is
 * at most half full and deletes by shifting back, so it never needs to be built anew.
 */
#include "board/slots.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define KINDS    4u
#define NO_SLOT  UINT32_MAX
#define KEY_SEED UINT64_C(0x736c6f7473) /* keys come from the operator's own configuration */

struct slot_table {
	struct board_slot *slot; /* on the board */
	uint32_t capacity;
	uint32_t *uses;  /* [capacity] */
	uint32_t *index; /* [mask + 1]: slot or NO_SLOT */
	uint32_t mask;
	uint32_t count;       /* slots in use */
	uint32_t lowest_free; /* no free slot is below it */
	uint32_t high;        /* no slot at or above it was ever used */
};

struct slots {
	struct board *board;
	struct slot_table table[KINDS];
};

static int table_init(struct slot_table *t, struct board_slot *slot, uint32_t capacity)
{
	uint32_t size = 1;

	while (size < capacity * 2)
		size *= 2;
	t->slot = slot;
	t->capacity = capacity;
	t->mask = size - 1;
	t->uses = calloc(capacity, sizeof *t->uses);
	t->index = malloc(size * sizeof *t->index);
	if (t->uses == NULL || t->index == NULL)
		return -1;
	for (uint32_t i = 0; i < size; i++)
		t->index[i] = NO_SLOT;
	return 0;
}

struct slots *slots_new(struct board *b)
{
	struct slots *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->board = b;
	if (table_init(&s->table[SLOT_ENDPOINT], b->supervisor->endpoint, BOARD_ENDPOINTS_MAX) <
			0 ||
		table_init(&s->table[SLOT_PROBE], b->supervisor->probe, BOARD_PROBES_MAX) < 0 ||
		table_init(&s->table[SLOT_LISTENER], b->supervisor->listener, BOARD_LISTENERS_MAX) <
			0 ||
		table_init(&s->table[SLOT_TARGET], b->supervisor->target, BOARD_TARGETS_MAX) < 0) {
		slots_free(s);
		return NULL;
	}
	return s;
}

void slots_free(struct slots *s)
{
	if (s == NULL)
		return;
	for (unsigned k = 0; k < KINDS; k++) {
		free(s->table[k].uses);
		free(s->table[k].index);
	}
	free(s);
}

static uint32_t home_of(const struct slot_table *t, const char *key)
{
	return (uint32_t)hash_bytes(KEY_SEED, key, strlen(key)) & t->mask;
}

/* Where `key` stands in the index, or the empty place where it belongs. */
static uint32_t index_find(const struct slot_table *t, const char *key)
{
	uint32_t at = home_of(t, key);

	while (t->index[at] != NO_SLOT && strcmp(t->slot[t->index[at]].key, key) != 0)
		at = (at + 1) & t->mask;
	return at;
}

/* Empty a place and move up those behind it that were pushed past it. */
static void index_remove(struct slot_table *t, uint32_t hole)
{
	for (uint32_t at = (hole + 1) & t->mask; t->index[at] != NO_SLOT; at = (at + 1) & t->mask) {
		uint32_t home = home_of(t, t->slot[t->index[at]].key);

		if (((at - home) & t->mask) >= ((at - hole) & t->mask)) {
			t->index[hole] = t->index[at];
			hole = at;
		}
	}
	t->index[hole] = NO_SLOT;
}

/* What the last holder's roles left at this index. */
static void cells_clear(struct board *b, enum slot_kind kind, uint32_t slot)
{
	static const struct board_probe nothing;

	switch (kind) {
	case SLOT_ENDPOINT:
		atomic_store(&b->control->override[slot].state, 0);
		atomic_store(&b->control->override[slot].weight, 0);
		atomic_store(&b->health->load[slot], 0);
		atomic_store(&b->health->last_good[slot][0], 0);
		atomic_store(&b->health->last_good[slot][1], 0);
		break;
	case SLOT_PROBE: board_write_probe(b, slot, &nothing); break;
	case SLOT_LISTENER: break; /* gauges only: zero since their last worker ended */
	case SLOT_TARGET:
		atomic_store(&b->balancer->target[slot], 0);
		return; /* no serving state */
	}
	atomic_fetch_add(&b->supervisor->epoch, 1);
}

int slots_take(struct slots *s, enum slot_kind kind, const char *key, uint32_t *slot, bool *fresh,
	struct err *e)
{
	static const char *const things[KINDS] = {
		"endpoints", "probes", "listeners", "targets of balancers"};
	struct slot_table *t = &s->table[kind];
	size_t length = strlen(key);
	uint32_t at, free_slot;

	if (length >= BOARD_KEY_MAX)
		return err_set(e, "the name \"%.40s...\" is longer than %u octets", key,
			BOARD_KEY_MAX - 1);
	at = index_find(t, key);
	*fresh = t->index[at] == NO_SLOT;
	if (!*fresh) {
		*slot = t->index[at];
		t->uses[*slot]++;
		return 0;
	}
	if (t->count == t->capacity)
		return err_set(e,
			"the board has room for %u %s over all living generations; wait until old "
			"generations have drained",
			t->capacity, things[kind]);
	free_slot = t->lowest_free;
	while (t->uses[free_slot] > 0)
		free_slot++;
	cells_clear(s->board, kind, free_slot);
	memcpy(t->slot[free_slot].key, key, length + 1);
	atomic_store_explicit(&t->slot[free_slot].used, 1, memory_order_release);
	t->index[at] = free_slot;
	t->uses[free_slot] = 1;
	t->count++;
	t->lowest_free = free_slot + 1;
	if (t->high < t->lowest_free)
		t->high = t->lowest_free;
	*slot = free_slot;
	return 0;
}

void slots_drop(struct slots *s, enum slot_kind kind, uint32_t slot)
{
	struct slot_table *t = &s->table[kind];

	if (t->uses[slot] == 0 || --t->uses[slot] > 0)
		return;
	index_remove(t, index_find(t, t->slot[slot].key));
	atomic_store_explicit(&t->slot[slot].used, 0, memory_order_release);
	t->count--;
	if (slot < t->lowest_free)
		t->lowest_free = slot;
	atomic_fetch_add(&s->board->supervisor->epoch, 1);
}

uint32_t slots_count(const struct slots *s, enum slot_kind kind)
{
	return s->table[kind].count;
}

void slots_clear_gauges(struct slots *s, uint32_t first_row, uint32_t row_count)
{
	for (uint32_t r = first_row; r < first_row + row_count; r++) {
		struct board_balancer_row *row = &s->board->balancer->row[r];

		/* up to `high` only: the rest of the sheet must stay untouched memory */
		for (uint32_t i = 0; i < s->table[SLOT_ENDPOINT].high; i++)
			atomic_store_explicit(&row->active[i], 0, memory_order_relaxed);
		for (uint32_t i = 0; i < s->table[SLOT_LISTENER].high; i++)
			atomic_store_explicit(&row->listener_active[i], 0, memory_order_relaxed);
	}
}
