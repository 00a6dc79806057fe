/*
 * When the state file is written: at once for an override, whose command waits for it; for verdicts at
 * most every STATE_INTERVAL_MS; and at least every STATE_REFRESH_MS, so that after a kill of everything
 * the saved verdicts are young enough to count (SNAPSHOT_VERDICT_AGE_MAX_MS).
 */
#include "base/clock.h"
#include "board/snapshot.h"
#include "control/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_INTERVAL_MS ((uint64_t)5000)
#define STATE_REFRESH_MS  ((uint64_t)60000)

_Static_assert(
	STATE_REFRESH_MS * 2 < SNAPSHOT_VERDICT_AGE_MAX_MS, "a saved verdict must be young enough");

uint64_t state_submit(struct control *c, uint64_t now_ms, const char **why)
{
	json_t *snapshot;
	char *text;

	*why = "";
	if (c->saver == NULL)
		return 0;
	c->keeper.submitted_ms = now_ms;
	c->keeper.health_epoch =
		atomic_load_explicit(&c->board->health->epoch, memory_order_acquire);
	snapshot = snapshot_take(c->board, c->generation, now_ms, clock_real_ms());
	text = snapshot != NULL ? json_dumps(snapshot, JSON_COMPACT) : NULL;
	json_decref(snapshot);
	if (text == NULL) {
		*why = "out of memory";
		return 0;
	}
	return saver_submit(c->saver, text, strlen(text));
}

void state_tick(struct control *c, uint64_t now_ms)
{
	uint64_t epoch = atomic_load_explicit(&c->board->health->epoch, memory_order_relaxed);
	uint64_t age_ms = now_ms - c->keeper.submitted_ms;
	bool changed = epoch != c->keeper.health_epoch || c->keeper.failing;
	const char *why;

	if (age_ms >= STATE_REFRESH_MS || (changed && age_ms >= STATE_INTERVAL_MS))
		(void)state_submit(c, now_ms, &why);
}

void state_finished(struct control *c, struct saver_result *out)
{
	struct event e = {.kind = EVENT_NOTICE, .object = SNAPSHOT_FILE};
	_Atomic uint64_t *counter = c->board->control->counter;

	saver_result(c->saver, out);
	counter_add(&counter[CONTROL_SAVES], out->saved - c->keeper.saved);
	counter_add(&counter[CONTROL_SAVES_FAILED], out->failed - c->keeper.failed);
	c->keeper.saved = out->saved;
	c->keeper.failed = out->failed;
	if (out->done == 0 || c->keeper.failing == !out->ok)
		return;
	c->keeper.failing = !out->ok;
	if (out->ok) {
		e.level = LEVEL_INFO;
		(void)snprintf(e.text, sizeof e.text, "overrides and verdicts are saved again");
	} else {
		e.level = LEVEL_ERROR;
		(void)snprintf(e.text, sizeof e.text,
			"overrides and verdicts are not saved: %.160s; they count until the server "
			"stops",
			out->err.text);
	}
	control_publish(c, &e);
}
