#include "health/untested.h"

#include <stdbool.h>

enum untested_news untested_look(struct untested *u, uint64_t now_ms)
{
	bool stands = u->now == u->seen || u->now == u->targets;

	u->seen = u->now;
	if (u->now == 0) {
		bool over = u->told > 0;

		u->since_ms = 0;
		u->told = 0;
		return over ? UNTESTED_OVER : UNTESTED_NOTHING;
	}
	if (u->since_ms == 0)
		u->since_ms = now_ms;
	if (u->now <= u->told || (!stands && now_ms - u->since_ms < UNTESTED_SETTLE_MS))
		return UNTESTED_NOTHING;
	if (u->told_ms != 0 && now_ms - u->told_ms < UNTESTED_AGAIN_MS)
		return UNTESTED_NOTHING;
	u->told = u->now;
	u->told_ms = now_ms;
	return UNTESTED_SOME;
}
