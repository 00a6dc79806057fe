/*
 * Record types and their RDATA. One table (rdata.c) says for each type its name, how its wire form is laid out and who
 * parses its text: our own code for the common ones, ldns for the rest.
 */
#ifndef ZONES_RDATA_H
#define ZONES_RDATA_H

#include "base/text.h"
#include "zones/fields.h"
#include "zones/zone.h"

#define RDATA_MAX 65535u

struct rdata_type {
	uint16_t type;
	char name[11];
	struct rdata_names names;
	/*
	 * Layout of the wire form, a letter a field:
	 *   1 2 4 6  integer of so many octets       n  name        s  character string
	 *   i I      IPv4, IPv6 address              t  one or more character strings
	 *   x        one octet or more, to the end   X  any octets, to the end
	 *   b        type bitmap, to the end         h  a length octet and so many octets
	 *   p        service parameters, to the end  c  CAA tag
	 *   l        the 16 octets of LOC            a  APL items   g  gateway (IPSECKEY, AMTRELAY)
	 *   ""       only as \# (ldns cannot read it, or no zone holds it)
	 */
	const char *form;
	int (*parse)(struct fields *f); /* NULL: ldns */
};

/* NULL for a type without a name here. */
const struct rdata_type *rdata_type(uint16_t type);
/* "MX", "TYPE123"; -1 for an unknown word or a type that no zone may hold (0, OPT, ANY …) with *why. */
int rrtype_parse(const struct token *t, uint16_t *type, const char **why);
#define RRTYPE_TEXT_MAX 12
/* Returns `out`. */
const char *rrtype_format(uint16_t type, char out[RRTYPE_TEXT_MAX]);

/* All fields of `f` as RDATA of `type`, also in the form \# (RFC 3597, 5). The wire form is at f->at afterwards, and
 * verified. -1 with errors reported. */
int rdata_parse(uint16_t type, struct fields *f);
/* Is this well-formed RDATA of `type`? Unknown types always are. Names are uncompressed. */
bool rdata_verify(uint16_t type, const uint8_t *rdata, size_t length);
/* Equal but for the case of names that DNS may compress (RFC 1035), and a hash that is equal then. */
bool rdata_equal(
	uint16_t type, const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length);
uint64_t rdata_hash(uint16_t type, const uint8_t *rdata, size_t length);
/* Presentation form that reads back to the same octets. */
void rdata_format(uint16_t type, const uint8_t *rdata, size_t length, struct text *out);

#endif
