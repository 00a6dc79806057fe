/* From a document to struct conf, by the schema table. */
#ifndef CONF_BIND_H
#define CONF_BIND_H

#include "conf/binder.h"

/* Fill b->conf from b->document; mistakes go to the report. References stay CONF_NONE until
 * resolve_names(). -1: not even the defaults are filled in. */
int bind_document(struct binder *b);

#endif
