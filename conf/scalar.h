/* The readers behind conf/value.c: one a type, text into a field, the reason of a refusal into
 * `e`. */
#ifndef CONF_SCALAR_H
#define CONF_SCALAR_H

#include "conf/value.h"

typedef int scalar_parse(const struct value_context *v, const struct schema_key *key,
	const char *text, void *field, struct err *e);

scalar_parse scalar_word, scalar_switch, scalar_number, scalar_percent, scalar_duration,
	scalar_degrees, scalar_workers, scalar_path, scalar_hostport, scalar_address, scalar_prefix,
	scalar_name, scalar_user, scalar_url_path, scalar_host, scalar_text, scalar_secret,
	scalar_rule, scalar_status;

/* What stands for the empty text. */
#define SCALAR_NO_TEXT "none"

/* Integers of 1, 2, 4 or 8 octets: fields differ in width, the table knows it. */
void scalar_store(void *field, size_t size, int64_t value);
int64_t scalar_load(const void *field, size_t size);

#endif
