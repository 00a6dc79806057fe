/* A view from a text snapshot: how `ask` steers by a running server's board without mapping it. */
#ifndef STEER_VIEW_SNAPSHOT_H
#define STEER_VIEW_SNAPSHOT_H

#include "base/err.h"
#include "steer/view.h"

#include <jansson.h>

/*
 * Fill `v` (from view_new() of the caller's own configuration) with the states in `snapshot`, found
 * by pool, endpoint and address: an address the server does not know is unknown, as at a cold
 * start. Every pool is ready. Times are converted to the caller's clocks. -1 when it is no snapshot
 * of a version this program reads; `v` is unchanged then.
 */
int view_from_snapshot(
	struct view *v, const json_t *snapshot, uint64_t now_ms, uint64_t real_ms, struct err *e);

#endif
