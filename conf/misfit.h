/* What the file has and the table has not: messages for keys and shapes that do not fit. */
#ifndef CONF_MISFIT_H
#define CONF_MISFIT_H

#include "conf/binder.h"

/* The text of a scalar, or NULL after an error: a list, a mapping, no value at all. */
const char *misfit_scalar(struct binder *b, const struct schema_key *key, const yaml_node_t *node);

/* `node` is not of the shape that `key` takes. */
void misfit_shape(struct binder *b, const struct schema_key *key, const yaml_node_t *node);

/* Report the keys of the mapping `node` that are no rows below `parent`, with the nearest that is;
 * and choices (`tcp`, `http`) of which not exactly one is given. */
void misfit_keys(struct binder *b, const struct schema_key *parent, const yaml_node_t *node);

#endif
