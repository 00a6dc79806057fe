/* What a command speaks of: POOL/ENDPOINT, ENDPOINT when only one pool has it, or region:NAME. Pure. */
#ifndef CONTROL_TARGET_H
#define CONTROL_TARGET_H

#include "base/err.h"
#include "conf/conf.h"

#define TARGET_MAX        (2 * CONF_NAME_MAX + 1) /* octets; POOL/ENDPOINT is the longest form */
#define TARGET_CANDIDATES 16                      /* named in an error; more are counted */

struct target {
	uint32_t *endpoint; /* malloc'd: conf->endpoints indexes, in file order */
	size_t count;       /* >= 1 */
};

/* 0; or -1 with `e`, which names the nearest known word or the candidates. */
int target_resolve(const struct conf *c, const char *text, struct target *out, struct err *e);
void target_free(struct target *t);

/* Is there such a pool, and such an endpoint in it ("" = any)? 0; or -1 with `e` as above. */
int target_filter(const struct conf *c, const char *pool, const char *endpoint, struct err *e);

#endif
