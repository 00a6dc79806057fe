/* From names to indexes, and what spans keys. */
#ifndef CONF_RESOLVE_H
#define CONF_RESOLVE_H

#include "conf/binder.h"

/* After bind_document(): the name indexes, every reference, what follows from other keys
 * (ttl_min, timeout, the selector, an endpoint's pool and the order of its addresses). */
void resolve_names(struct binder *b);

/* After resolve_names(): all that a single key cannot say of itself. */
void verify_conf(struct binder *b);

/* The pools part of it. */
void verify_pools(struct binder *b);

#endif
