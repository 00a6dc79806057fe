/* The reason of a verdict as people read it: the last outcome, and how far it is from another
 * verdict: "status 200, 2 of 3 good". An outcome alone would contradict the verdict beside it. */
#ifndef BOARD_REASON_H
#define BOARD_REASON_H

#include "board/board.h"
#include "conf/conf.h"

#define REASON_TEXT_MAX (BOARD_REASON_MAX + 64u)

/* Returns out. `p` is a copy of the cell. */
const char *reason_format(
	const struct board_probe *p, const struct conf_check *check, char out[REASON_TEXT_MAX]);

#endif
