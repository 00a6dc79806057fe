#include "dns/respond.h"

#include <stdlib.h>

int responder_init(struct responder *r, size_t pools, _Atomic uint64_t *counter)
{
	*r = (struct responder){.counter = counter};
	r->chance.cursor = calloc(pools + 1, sizeof r->chance.cursor[0]);
	rng_seed_random(&r->chance.rng);
	return r->chance.cursor != NULL ? 0 : -1;
}

void responder_clear(struct responder *r)
{
	free(r->chance.cursor);
	r->chance.cursor = NULL;
}

/* Which counter counts an rcode; above 15 there is only BADVERS. */
static const uint8_t counter_of[16] = {DNS_ANSWERS_NOERROR, DNS_ANSWERS_FORMERR,
	DNS_ANSWERS_SERVFAIL, DNS_ANSWERS_NXDOMAIN, DNS_ANSWERS_NOTIMP, DNS_ANSWERS_REFUSED,
	DNS_ANSWERS_OTHER, DNS_ANSWERS_OTHER, DNS_ANSWERS_OTHER, DNS_ANSWERS_OTHER,
	DNS_ANSWERS_OTHER, DNS_ANSWERS_OTHER, DNS_ANSWERS_OTHER, DNS_ANSWERS_OTHER,
	DNS_ANSWERS_OTHER, DNS_ANSWERS_OTHER};

static void count(struct responder *r, bool tcp)
{
	const struct answer_notes *n = &r->notes;

	counter_add(
		&r->counter[r->reply.rcode < 16 ? counter_of[r->reply.rcode] : DNS_ANSWERS_OTHER],
		1);
	if (r->reply.truncated && !tcp)
		counter_add(&r->counter[DNS_TRUNCATED], 1);
	if (n->steered)
		counter_add(&r->counter[DNS_STEERED], 1);
	if (n->degraded)
		counter_add(&r->counter[DNS_DEGRADED], 1);
	if (n->chain_cut)
		counter_add(&r->counter[DNS_CHAIN_LIMIT], 1);
	if (r->query.transfer)
		r->transfers++;
}

/* What the transport says of an edns-tcp-keepalive option (RFC 7828, 3.2.1 and 3.3.1). */
static enum query_action judge_keepalive(struct responder *r, bool tcp, enum query_action action)
{
	struct query *q = &r->query;

	if (!tcp) {
		q->keepalive = false;
		return action;
	}
	q->keepalive_ds = r->keepalive_ds;
	if (!q->keepalive_wrong || action != QUERY_ANSWER)
		return action;
	q->rcode = RCODE_FORMERR;
	return QUERY_ERROR;
}

size_t respond(struct responder *r, const uint8_t *packet, size_t length,
	const struct hostport *source, bool tcp, uint8_t *out)
{
	enum query_action action = QUERY_DROP;
	size_t size;

	if (source->port != 0) /* nobody can receive there: a forged packet */
		action = query_parse(&r->query, packet, length);
	if (action == QUERY_DROP) {
		counter_add(&r->counter[DNS_DROPPED], 1);
		return 0;
	}
	if (r->query.edns && r->query.keepalive)
		action = judge_keepalive(r, tcp, action);
	r->notes = (struct answer_notes){0};
	reply_begin(&r->reply, &r->query, out, tcp ? REPLY_MAX : r->query.payload);
	if (action == QUERY_ANSWER)
		answer(&r->facts, &r->chance, &r->query, &source->addr, &r->reply, &r->notes);
	else
		r->reply.rcode = r->query.rcode;
	size = reply_end(&r->reply);
	count(r, tcp);
	return size;
}
