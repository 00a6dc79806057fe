/*
 * Which generation's loader may write: rows of zones and databases on the board, last good
 * copies.
 *
 * board->dns->owner names it, and OWNER_WRITING is set in it while that loader is in the middle
 * of one write. To ask and to begin is one compare-and-swap, so a loader that was overtaken (in
 * a long load, or because it got no processor) writes nothing any more, and the one that
 * overtakes it waits until a write that has begun is over.
 *
 * What is left: a process killed in mid-write must not hold up its successors, so they wait for
 * OWNER_WAIT_MS at most. A loader that is in one write for longer (stopped in a debugger; the
 * state folder's disk hangs) and then goes on ends that write beside the new owner's. The row
 * may show the older version, or parts of both, until that zone's next news; the last good copy
 * may be the older version (good, too) until its content changes or dns starts anew. Answers
 * come from neither.
 */
#ifndef DNS_OWNER_H
#define DNS_OWNER_H

#include "dns/server.h"

#define OWNER_WAIT_MS 1000u /* far more than a row or a copy takes */

/* Become the owner. False: a newer generation is. Called once, before the others. */
bool owner_take(struct dns_server *s);
/* Is it this process? It may no longer be a moment later. */
bool owner_is_self(const struct dns_server *s);
/* Does another generation speak for the zones now? */
bool owner_is_other(const struct dns_server *s);

/* Begin one write: a row, a copy. False: another generation took over, nothing may be written. */
bool owner_begin(struct dns_server *s);
/* The end of it. */
void owner_end(struct dns_server *s);

#endif
