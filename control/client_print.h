/* Replies for people: tables of status and zones, one line an override. */
#ifndef CONTROL_CLIENT_PRINT_H
#define CONTROL_CLIENT_PRINT_H

#include "base/text.h"

#include <jansson.h>
#include <stdint.h>

/* Nothing in a reply is trusted: what is missing or of another type is shown as "-". */
void print_status(const json_t *status, struct text *out);
void print_zones(const json_t *zones, struct text *out);
void print_changed(const json_t *reply, struct text *out);

/* "12s", "3m20s", "2h3m", "5d4h". Returns `out`. */
#define AGE_TEXT_MAX 48
const char *age_format(uint64_t ms, char *out);

#endif
