/* What people meant who wrote something else than a master file: an end for messages. */
#ifndef ZONES_HINTS_H
#define ZONES_HINTS_H

#include "zones/load.h"

/* For a type that is unknown, the token `type` of the entry in `s`: "; ..." or "". Static. */
const char *hint_of_type(const struct source *s, const struct token *type);

/* For a token that does not belong where it stands. Static. */
const char *hint_of_field(const struct token *t);

#endif
