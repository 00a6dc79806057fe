/* A reply held against the reference's: header, answer, authority, and what stands in
 * additional. */
#ifndef TESTS_FUZZ_COMPARE_H
#define TESTS_FUZZ_COMPARE_H

#include "tests/fuzz/reference.h"

/* Where the reference says that steering decides: `rest` is what stands behind the chain. NULL =
 * no pools here. */
typedef bool compare_steered(const struct ref_record *pool, uint16_t type, unsigned rcode,
	const struct ref_record *rest, size_t count);

/*
 * Abort, with both printed, unless reply[0..length) is what a server with these zones has to say to
 * the question in it, which is one of class IN. `whole`: there was room for everything.
 */
void compare_reply(const struct reference *r, const uint8_t *reply, size_t length, bool whole,
	compare_steered *steered);

#endif
