/*
 * (query, data, view, client, time, cursor, random) → reply: the algorithm of RFC 1034, 4.3.2.
 *
 * Looks the name up, follows CNAME and DNAME inside the server's zones, adds what belongs into
 * authority and additional sections, and steers POOL names. Pure: no I/O, no clock, no memory of
 * its own; `waymark ask` runs it as well.
 */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include "base/rng.h"
#include "dns/dataset.h"
#include "dns/query.h"
#include "dns/reply.h"

/* CNAMEs in one answer, synthesised ones included. Knot's figure; a chain that is longer ends there
 * with NOERROR and the resolver goes on by itself. */
#define CHAIN_MAX 5u

/* What an answer rests on; nothing of it changes while a batch is answered. */
struct facts {
	const struct dataset *data;
	const struct view *view; /* NULL when there are no pools */
	uint64_t now_ms;
	uint32_t now_s;    /* real time in seconds since 1970, for cookies */
	bool verdicts_old; /* checks do not run: what is known of endpoints is from before */
};

/* What differs from one answer to the next; the caller's own. */
struct chance {
	struct cursors cursors; /* of round robin: this thread's own */
	struct rng rng;
};

/* What the reply alone does not show; for counters and messages. */
struct answer_notes {
	bool steered;   /* steer_pick() chose */
	bool degraded;  /* no endpoint served */
	bool chain_cut; /* the chain is longer than CHAIN_MAX */
	bool unbound;   /* a POOL name, but no configuration with that pool */
};

/* Fill a reply that reply_begin() has started. `source` is where the packet came from. */
void answer(const struct facts *facts, struct chance *chance, const struct query *query,
	const struct addr *source, struct reply *reply, struct answer_notes *notes);

#endif
