#include "board/reason.h"

#include <stdio.h>

const char *reason_format(
	const struct board_probe *p, const struct conf_check *check, char out[REASON_TEXT_MAX])
{
	uint64_t word = atomic_load_explicit(&p->word, memory_order_relaxed);
	bool up = verdict_of_word(word) == VERDICT_UP, down = verdict_of_word(word) == VERDICT_DOWN;
	char streak[40] = "";

	if (up && p->failures > 0)
		(void)snprintf(streak, sizeof streak, ", %u of %u bad", p->failures, check->fall);
	if (down && p->successes > 0 && (p->flags & PROBE_GOOD) == 0)
		(void)snprintf(streak, sizeof streak, ", %u of %u good", p->successes, check->rise);
	(void)snprintf(out, REASON_TEXT_MAX, "%.*s%s%s", (int)BOARD_REASON_MAX, p->reason, streak,
		down && (p->flags & PROBE_SUPPRESSED) != 0 ? "; suppressed for flapping" : "");
	return out;
}
