/*
 * One packet in, one reply out: what UDP, TCP and `ask` have in common.
 *
 * A responder belongs to one thread. Between batches the thread puts the current dataset and view
 * into `facts`; respond() then takes each packet through query_parse() and answer() and counts what
 * came of it.
 */
#ifndef DNS_RESPOND_H
#define DNS_RESPOND_H

#include "board/counters.h"
#include "dns/answer.h"
#include "dns/cookie.h"
#include "dns/rate_limit.h"

struct responder {
	struct facts facts;
	struct chance chance;
	_Atomic uint64_t *counter;   /* [DNS_COUNTER_COUNT], enum dns_counter */
	const struct conf_dns *conf; /* borrowed */
	struct rate_limit *rate;     /* borrowed; NULL: no limit */
	struct cookie_keys cookies;  /* the caller's to keep of the day */
	struct answer_notes notes;   /* of the last reply */
	uint32_t transfers;          /* zone transfers refused since the caller last set it to 0 */
	uint8_t transfer_last[NAME_WIRE_MAX]; /* what the last of them asked for */
	uint32_t limited;                     /* queries above the rate limit, likewise */
	struct addr limited_last;             /* the last of their clients */
	uint16_t keepalive_ds; /* TCP: the timeout to tell who asks, 100 ms; the caller's to set */
	bool proven;           /* the last packet came from where it says */
	struct query_rules rules;
	struct reply_options options;
	uint8_t cookie[COOKIE_SIZE]; /* a new one for the last packet's client */
	struct query query;          /* of the last packet */
	struct reply reply;          /* to it */
};

/* Cursors for the pools of `s` (NULL: none), seeded randomness; answers as without a configuration,
 * neither cookies nor a rate limit. -1 without memory. */
int responder_init(struct responder *r, const struct steering *s, _Atomic uint64_t *counter);
void responder_clear(struct responder *r);
/* Borrows all. `rate` may be NULL; cookies are known when there are secrets in `cookies`. */
void responder_configure(struct responder *r, const struct conf_dns *conf,
	const struct conf_secrets *cookies, struct rate_limit *rate);

/*
 * Answer packet[0..length) from `source` into `out`, which has REPLY_MAX octets of room for TCP,
 * for UDP as many as the configuration's udp_payload. Returns the reply's length; 0: there is no
 * reply to this packet.
 */
size_t respond(struct responder *r, const uint8_t *packet, size_t length,
	const struct hostport *source, bool tcp, uint8_t *out);

#endif
