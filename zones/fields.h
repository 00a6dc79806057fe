/*
 * The fields of one record: tokens in, wire out. Every function takes the next token, names it in
 * its error, and returns -1 when it is missing, malformed or out of range.
 */
#ifndef ZONES_FIELDS_H
#define ZONES_FIELDS_H

#include "zones/name.h"
#include "zones/scan.h"

#include <stddef.h>
#include <stdint.h>

/* Warnings of one load about what is hardly meant (zones/lint.c). */
struct lint {
	/* the zone's name, as far as it is known: else the first origin; lower-cased wire, its octets
	 * without the root, the last of them */
	uint8_t apex[NAME_WIRE_MAX];
	uint8_t apex_length, apex_last;
	unsigned shown;
	bool quiet; /* the steps of a $GENERATE behind the first say the same */
};

struct fields {
	struct scan *scan; /* for messages */
	struct lint *lint; /* NULL: nothing is warned about */
	const struct token *next, *end;
	const struct token *type; /* where a missing field is reported */
	const uint8_t *origin;    /* wire; of relative names */
	uint8_t *at, *limit;      /* wire goes to at..limit */
};

/* The next token; NULL, with an error, when there is none. `what` names the field. */
const struct token *field_token(struct fields *f, const char *what);
int field_error(struct fields *f, const struct token *t, const char *what, const char *why);
/* No token may be left. */
int field_end(struct fields *f);
/* Room for `n` octets of wire; NULL, with an error, past 65,535. */
uint8_t *field_room(struct fields *f, const struct token *t, size_t n);

int field_name(struct fields *f, const char *what);
/* 0..max, to `octets` (1, 2 or 4) octets of wire. */
int field_number(struct fields *f, const char *what, uint32_t max, unsigned octets);
/* A time in seconds of 32 bits, with or without units, to 4 octets: SOA's (RFC 1035, 3.3.13). */
int field_time(struct fields *f, const char *what);
/* A character string of at most 255 octets, with its length octet. */
int field_string(struct fields *f, const char *what);
/* All tokens that are left, at least one. */
int field_hex(struct fields *f, const char *what);
int field_ipv4(struct fields *f, const char *what);
int field_ipv6(struct fields *f, const char *what);

/* ---- zones/lint.c ---- */

/* From now on this is the zone's name. */
void lint_set_apex(struct lint *lint, const uint8_t *wire, size_t length);
/* A name that was read from `t`: its raw octets, its missing final dot. */
void lint_name(struct lint *lint, struct scan *scan, const struct token *t, const char *what,
	const uint8_t *wire, size_t length, const uint8_t *origin);
/* The mailbox of an SOA. */
void lint_mailbox(struct lint *lint, struct scan *scan, const struct token *t);
/* scan->cut, in a record of `type`. */
void lint_text(struct lint *lint, struct scan *scan, uint16_t type);

/* "3600", "1h30m", "2W", of at most TTL_MAX_S. -1 with *why. */
int ttl_parse(const struct token *t, uint32_t *out, const char **why);
/* Decimal digits only; -1 when it is no number or above max. */
int number_parse(const struct token *t, uint64_t max, uint64_t *out);
/* The octet at t->text[*i], escapes resolved; *i moves past it. -1 for a bad escape. */
int token_octet(const struct token *t, size_t *i);

#define TTL_MAX_S 2147483647u /* RFC 2181, 8 */

#endif
