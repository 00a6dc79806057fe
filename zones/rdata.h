/*
 * Record types and their RDATA. One table (rdata.c) says for each type its name, how its wire form
 * is laid out and, for the common ones, which function parses its text; the text of all others is
 * parsed by the layout.
 */
#ifndef ZONES_RDATA_H
#define ZONES_RDATA_H

#include "base/text.h"
#include "base/wire.h"
#include "zones/fields.h"
#include "zones/zone.h"

#define RDATA_MAX 65535u

/*
 * Layout of RDATA, a letter a field:
 *   1 2 4  integer of so many octets         T  a type, 2 octets            d  duration, 4 octets
 *   n      name, uncompressed                A  DNSSEC algorithm, 1         D  date (RRSIG), 4
 *   s      character string                  C  CERT type, 2                8  ILNP identifier, 8
 *   t      one or more of them, to the end   U V W  TLSA usage, selector,   6  EUI-48
 *   o      none or one of them                      matching type, 1 each   e  EUI-64
 *   i I    IPv4, IPv6 address                S  NSEC3 salt                  l  LOC, 16 octets
 *   x      hexadecimal, to the end           H  NSEC3 next owner            a  APL items, to the end
 *   y      base 64, to the end               b  types as a bitmap, to the end
 *   z      the same, may be empty            p  service parameters, to the end
 *   X      any octets as one string          c  CAA tag
 *   g      gateway by the second octet       m  AMTRELAY: D bit and kind    G  its relay
 *   w N M  WKS, NSAP, ATMA: the rest         h  HIP, whole
 *   K P    KEY flags, 2, and protocol, 1     F R  digest of DS, hash of NSEC3, 1 each
 *   B      types as bits, to the end (NXT)   Y  DSYNC scheme, 1
 *   Q      base 64 or - for none             q  A6, whole
 * NULL: no zone may hold the type. "": text only in the form of RFC 3597.
 */
struct rdata_type {
	char name[11];
	uint16_t type;
	const char *form;
	int (*parse)(struct fields *f); /* NULL: by form */
	struct rdata_names names;
};

/* NULL for a type without a name here. */
const struct rdata_type *rdata_type(uint16_t type);
/* "MX", "TYPE123"; -1 for an unknown word or a type that no zone may hold (TYPE0, OPT, ANY …)
 * with *why. */
int rrtype_parse(const struct token *t, uint16_t *type, const char **why);
/* The name of a known type that the word may be a misspelling of; NULL when there is none. */
const char *rrtype_nearest(const struct token *t);
#define RRTYPE_TEXT_MAX 12
/* Returns `out`. */
const char *rrtype_format(uint16_t type, char out[RRTYPE_TEXT_MAX]);

/* All fields of `f` as RDATA of `type`, also in the form \# (RFC 3597, 5). f->at moves behind
 * the wire form, which is verified. -1 with errors reported. */
int rdata_parse(uint16_t type, struct fields *f);
/* Is this well-formed RDATA of `type`? Unknown types always are. Names are uncompressed. */
bool rdata_verify(uint16_t type, const uint8_t *rdata, size_t length);
/* 0 when equal but for the case of names that DNS may compress (RFC 1035), else an order, any but
 * always the same; and a hash that is equal then. Both verified. */
int rdata_compare(
	uint16_t type, const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length);
uint64_t rdata_hash(uint16_t type, const uint8_t *rdata, size_t length);
/* Presentation form that reads back to the same octets; for malformed RDATA the form of RFC
 * 3597. */
void rdata_format(uint16_t type, const uint8_t *rdata, size_t length, struct text *out);

/* ---- between the files of this module ---- */

/* The number that a word stands for in a field of the form (K P F R Y); -1 when it is none. */
int rdata_word(char form, const struct token *t, uint32_t *out);
/* A field of the form in text, to wire; `start` is where the RDATA begins. */
int rdata_text_field(struct fields *f, char form, const char *what, const uint8_t *start);
/* Octets of the well-formed, uncompressed name at the reader, which moves past it; 0 = none. */
size_t rdata_skip_name(struct reader *r);
void rdata_format_base64(const uint8_t *p, size_t length, struct text *out);
/* Fields that take a file of their own: text to wire, checked wire to text. */
int svcb_parse(struct fields *f);
bool svcb_verify(const uint8_t *p, size_t length);
void svcb_format(const uint8_t *p, size_t length, struct text *out);
int loc_parse(struct fields *f);
int nsap_parse(struct fields *f, const char *what);
int atma_parse(struct fields *f, const char *what);
int wks_parse(struct fields *f);
int a6_parse(struct fields *f);
bool a6_verify(struct reader *r);
void a6_format(struct reader *r, struct text *out);
bool loc_verify(const uint8_t p[16]);
void loc_format(const uint8_t p[16], struct text *out);

#endif
