/*
 * Names in a reply, compressed (RFC 1035, 4.1.4).
 *
 * A direct-mapped table remembers where suffixes were written. What it says is only ever a hint:
 * the octets there are compared with the name before they are pointed at, so a lost, overwritten or
 * stale slot costs octets of the reply and nothing else. The work is bounded by the labels of the
 * name.
 */
#include "dns/reply_names.h"

#include "base/hash.h"
#include "base/wire.h"

#include <string.h>

#define CASE_BITS UINT64_C(0x2020202020202020)

/* The first and the last octets of a label with its length, up to 16 in all: enough to tell labels
 * apart by. Reads nothing behind the label. */
static inline void label_ends(const uint8_t *label, uint64_t *first, uint64_t *last)
{
	size_t n = 1u + label[0];

	*first = *last = 0;
	if (n >= 8) {
		memcpy(first, label, 8);
		memcpy(last, label + n - 8, 8);
	} else if (n >= 4) {
		memcpy(first, label, 4);
		memcpy(last, label + n - 4, 4);
	} else {
		memcpy(first, label, 2);
		*last = label[n - 1];
	}
}

static inline uint64_t label_hash(uint64_t hash, const uint8_t *label)
{
	uint64_t first, last;

	label_ends(label, &first, &last);
	return hash_mix(hash, (first | CASE_BITS) ^ (last | CASE_BITS) << 1);
}

static inline unsigned slot_of(uint64_t hash)
{
	return (unsigned)(hash % COMPRESS_SLOTS);
}

/* Equal without regard to case; the lengths are equal. */
static bool label_equal(const uint8_t *a, const uint8_t *b)
{
	uint64_t first, last, other_first, other_last;

	label_ends(a, &first, &last);
	label_ends(b, &other_first, &other_last);
	if (first == other_first && last == other_last && a[0] < 16)
		return true;
	for (unsigned i = 1; i <= a[0]; i++) {
		uint8_t x = a[i], y = b[i];

		if (x != y && ((x ^ y) != 0x20 || (uint8_t)((x | 0x20) - 'a') > 'z' - 'a'))
			return false;
	}
	return true;
}

/* Does the name written at offset `at` equal `name`? A slot may be stale after an RRset was taken
 * back, so this trusts nothing: it reads written octets only, and pointers must go backwards. */
static bool written_equal(const struct reply *r, size_t at, const uint8_t *name)
{
	size_t written = (size_t)(r->at - r->base);

	for (;;) {
		uint8_t length;

		if (at >= written)
			return false;
		length = r->base[at];
		if (length >= 0xc0) {
			size_t target;

			if (at + 1 >= written)
				return false;
			target = load_u16(r->base + at) & POINTER_MAX;
			if (target >= at)
				return false;
			at = target;
			continue;
		}
		if (length != name[0])
			return false;
		if (length == 0)
			return true;
		if (at + 1 + length > written || !label_equal(r->base + at, name))
			return false;
		at += 1u + length;
		name += 1u + length;
	}
}

/* Remember the suffixes of the question's name: all others are compared with them first. */
static void start(struct reply *r)
{
	const struct dname *name = &r->query->name;
	uint64_t hash = 0;

	memset(r->slot, 0, sizeof r->slot);
	r->compressing = true;
	for (unsigned i = name->labels; i-- > 0;) {
		hash = label_hash(hash, name->wire + name->offset[i]);
		r->slot[slot_of(hash)] = (uint16_t)(DNS_HEADER_SIZE + name->offset[i]);
	}
}

bool reply_put_name(struct reply *r, const uint8_t *name, uint16_t *at)
{
	uint8_t offset[NAME_LABELS_MAX + 1];
	uint8_t slot[NAME_LABELS_MAX + 1];
	unsigned labels = 0, end = 0, keep, found = 0;
	size_t here = (size_t)(r->at - r->base);
	uint64_t hash = 0;

	if (!r->compressing)
		start(r);
	for (; name[end] != 0; end += 1u + name[end])
		offset[labels++] = (uint8_t)end;
	for (unsigned i = labels; i-- > 0;) {
		hash = label_hash(hash, name + offset[i]);
		slot[i] = (uint8_t)slot_of(hash);
	}
	for (keep = 0; keep < labels; keep++) { /* the longest suffix that is there */
		/* cppcheck-suppress uninitvar ; slot[0..labels) was filled above */
		found = r->slot[slot[keep]];
		if (found != 0 && written_equal(r, found, name + offset[keep]))
			break;
		found = 0;
	}
	end = keep < labels ? offset[keep] : end;
	if (end + (found != 0 ? 2u : 1u) > (size_t)(r->end - r->at))
		return false;
	memcpy(r->at, name, end);
	r->at += end;
	if (found != 0) {
		store_u16(r->at, (uint16_t)(0xc000u | found));
		r->at += 2;
	} else {
		*r->at++ = 0;
	}
	for (unsigned i = 0; i < keep; i++) {
		if (here + offset[i] <= POINTER_MAX) /* what lies further cannot be pointed at */
			r->slot[slot[i]] = (uint16_t)(here + offset[i]);
	}
	if (at != NULL)
		*at = keep == 0 && found != 0 ? (uint16_t)found
		      : here <= POINTER_MAX   ? (uint16_t)here
					      : 0;
	return true;
}

bool reply_put_below(
	struct reply *r, const uint8_t *name, const struct owner *apex, size_t apex_length)
{
	size_t length = name_length(name), kept = length - apex_length, end = 0;

	while (length >= apex_length && end < kept)
		end += 1u + name[end];
	if (length < apex_length || end != kept || apex->at == 0 ||
		memcmp(name + kept, apex->wire, apex_length) != 0)
		return reply_put_name(r, name, NULL);
	if (kept + 2 > (size_t)(r->end - r->at))
		return false;
	memcpy(r->at, name, kept);
	store_u16(r->at + kept, (uint16_t)(0xc000u | apex->at));
	r->at += kept + 2;
	return true;
}

bool reply_put_owner(struct reply *r, struct owner *owner)
{
	if (owner->at == 0)
		return reply_put_name(r, owner->wire, &owner->at);
	if (r->end - r->at < 2)
		return false;
	store_u16(r->at, (uint16_t)(0xc000u | owner->at));
	r->at += 2;
	return true;
}

/* ---- records ---- */
