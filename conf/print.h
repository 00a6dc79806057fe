/* What the schema table can tell: the effective configuration, the reference, the editors'
 * schema. */
#ifndef CONF_PRINT_H
#define CONF_PRINT_H

#include "base/text.h"
#include "conf/conf.h"

/* The effective configuration with all defaults, as YAML that loads to an equal struct conf. */
void conf_print(const struct conf *c, struct text *out);
/* docs/configuration.md, from the schema table. */
void conf_print_reference(struct text *out);
/* The full example that stands in the reference. */
extern const char conf_example[];
/* JSON Schema (2020-12) for editors, from the schema table. */
void conf_print_json_schema(struct text *out);

#endif
