#include "dns/owner.h"

#include "base/clock.h"

#include <time.h>

#define LOOK_NS 1000000L /* how often it is looked whether a write is over */

static uint32_t self(const struct dns_server *s)
{
	return s->start->generation->number;
}

static uint32_t holder(uint32_t word)
{
	return word & ~OWNER_WRITING;
}

bool owner_take(struct dns_server *s)
{
	_Atomic uint32_t *owner = &s->board->dns->owner;
	uint64_t until_ms = clock_mono_ms() + OWNER_WAIT_MS;
	const struct timespec look = {.tv_nsec = LOOK_NS};
	uint32_t seen = atomic_load(owner);

	while (holder(seen) <= self(s)) {
		/* in mid-write under our own number: the process before this one, and it is dead */
		if ((seen & OWNER_WRITING) != 0 && holder(seen) != self(s) &&
			clock_mono_ms() < until_ms) {
			(void)nanosleep(&look, NULL);
			seen = atomic_load(owner);
			continue;
		}
		if (atomic_compare_exchange_strong(owner, &seen, self(s)))
			return true;
	}
	return false;
}

bool owner_is_self(const struct dns_server *s)
{
	return holder(atomic_load(&s->board->dns->owner)) == self(s);
}

bool owner_is_other(const struct dns_server *s)
{
	uint32_t now = holder(atomic_load(&s->board->dns->owner));

	return now != 0 && now != self(s);
}

bool owner_begin(struct dns_server *s)
{
	uint32_t expected = self(s);

	return atomic_compare_exchange_strong(
		&s->board->dns->owner, &expected, expected | OWNER_WRITING);
}

void owner_end(struct dns_server *s)
{
	uint32_t expected = self(s) | OWNER_WRITING;

	/* another word: it was overtaken in mid-write, and the new owner's stays */
	(void)atomic_compare_exchange_strong(&s->board->dns->owner, &expected, self(s));
}
