/*
 * Country and continent codes, and which region serves which.
 *
 * Codes are two letters, as in ISO 3166-1 and in every database; here they are numbers 0..675, so
 * that a rule is found by one array read.
 */
#ifndef GEO_CODES_H
#define GEO_CODES_H

#include "conf/conf.h"

#include <stddef.h>
#include <stdint.h>

#define CODE_COUNT 676u /* 26 letters squared */
#define CODE_NONE  UINT16_MAX

/* "GB" or "gb" to its number; CODE_NONE when it is not two letters. */
uint16_t code_number(const char *text, size_t length);
/* The continent (AF AN AS EU NA OC SA) of a country; CODE_NONE when the country is not known. */
uint16_t code_continent(uint16_t country);

/* What the regions' `serves` say, by code: values of geo/ranges.h, RANGE_HOLE where no rule is. */
struct code_rules {
	uint16_t country[CODE_COUNT];
	uint16_t continent[CODE_COUNT];
	uint16_t fallback; /* `default`, or RANGE_NO_REGION */
};

void code_rules_build(struct code_rules *r, const struct conf *c);
/* The region for what a database says of an address; RANGE_HOLE when it says neither. A missing
 * continent follows from the country. */
uint16_t code_rules_decide(const struct code_rules *r, uint16_t country, uint16_t continent);

#endif
