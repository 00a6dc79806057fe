/*
 * Domain names in wire form (RFC 1035, 3.1): length-prefixed labels, at most 255 octets with the
 * root's 0.
 *
 * struct dname is a name ready for lookups: lower-cased (A-Z only, RFC 4343), its label starts
 * known, and the hash of every suffix at hand, computed from the root upwards in one pass, so that
 * the zone, the node and its closest encloser are all found without hashing anything twice.
 */
#ifndef ZONES_NAME_H
#define ZONES_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_WIRE_MAX   255  /* octets with the root label */
#define NAME_LABELS_MAX 127  /* labels without the root */
#define NAME_TEXT_MAX   1021 /* 254 octets as \DDD, dots, NUL */
#define NAME_PAD        9    /* octets behind a full name that word-wise reads may touch */

/* About 1.4 KiB, of which only the used part is ever written: for stacks, not for tables. */
struct dname {
	uint8_t length; /* octets of wire, 1..255 */
	uint8_t labels; /* without the root, 0..127 */
	uint8_t offset[NAME_LABELS_MAX +
		       1]; /* where label i starts, 0 = leftmost; [labels] = root */
	uint8_t wire[NAME_WIRE_MAX + NAME_PAD]; /* lower-cased */
	uint64_t hash[NAME_LABELS_MAX + 1];     /* of the suffix that starts at label i */
};

/* From uncompressed wire at p[0..max). Returns the octets used, 0 when malformed (over 255, a
 * pointer, cut short). */
size_t dname_from_wire(struct dname *out, const uint8_t *p, size_t max);
/* From text as in dig: escapes \X and \DDD; relative to `origin` unless it ends in a dot; origin
 * NULL = the root. -1 with a static message in *why. */
int dname_from_text(
	struct dname *out, const char *text, const struct dname *origin, const char **why);
/* The same for text[0..length) without a NUL. */
int dname_from_chars(struct dname *out, const char *text, size_t length, const struct dname *origin,
	const char **why);
/* The same to wire at `wire` (NAME_WIRE_MAX octets) with its case kept; `origin` is wire, NULL =
 * the root. Returns its octets, 0 with *why. */
size_t name_from_chars(
	uint8_t *wire, const char *text, size_t length, const uint8_t *origin, const char **why);
/* Text with a final dot, escaped, from wire (any case). Returns `out` (NAME_TEXT_MAX octets). */
const char *name_format(const uint8_t *wire, char *out);

/* Octets of an uncompressed name at `p` that is known to be well-formed. */
size_t name_length(const uint8_t *p);
/* Equal without regard to case; both well-formed wire. */
bool name_equal(const uint8_t *a, const uint8_t *b);
/* Is `name` at or below `apex`? Both lower-cased. */
bool dname_is_below(const struct dname *name, const struct dname *apex);
/* The same for well-formed wire of any case. */
bool name_is_below(const uint8_t *name, const uint8_t *apex);

#endif
