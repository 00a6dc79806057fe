/* Names in a reply. Private to dns/reply.c and dns/reply_names.c. All return false when the name
 * does not fit; then part of it may have been written, and the caller goes back to where its record
 * began. */
#ifndef DNS_REPLY_NAMES_H
#define DNS_REPLY_NAMES_H

#include "dns/reply.h"

/* Write a name, compressed against what was written before. *at (may be NULL) gets the offset where
 * the same name can be found, 0 when it is beyond a pointer's reach. */
bool reply_put_name(struct reply *r, const uint8_t *name, uint16_t *at);
/* Write a name that mostly ends in `apex`, whose wire is lower-cased: no search when it does. */
bool reply_put_below(
	struct reply *r, const uint8_t *name, const struct owner *apex, size_t apex_length);
/* The same for a record's owner, by pointer if its place is known; else its place is noted. */
bool reply_put_owner(struct reply *r, struct owner *owner);

#endif
