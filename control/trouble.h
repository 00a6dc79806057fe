/*
 * Trouble: what an operator should look at now, gathered from the board for `status` and `zones`.
 *
 * A JSON array of {"level": "error" | "warning", "about": ..., "text": ...}, errors first within
 * each kind of thing. An error is something dead or stale, and makes the commands exit with 1; a
 * warning is something to know.
 */
#ifndef CONTROL_TROUBLE_H
#define CONTROL_TROUBLE_H

#include "board/board.h"

#include <jansson.h>

#define TROUBLE_NAMED_MAX 20u /* zones of one kind that are named; the others are counted */

/* Zones and databases only. NULL without memory. */
json_t *trouble_of_data(const struct board *b);
/* Everything. `status` holds roles, pools, listeners and clock as snapshot_take() gives them, perhaps fewer
 * pools. NULL without memory. */
json_t *trouble_of_status(const struct board *b, const json_t *status);

#endif
