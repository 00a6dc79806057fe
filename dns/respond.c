#include "dns/respond.h"

#include "dns/chaos.h"

#include <stdlib.h>
#include <string.h>

/* What holds without a configuration. */
static const struct conf_dns unconfigured = {
	.udp_payload = UDP_PAYLOAD_USUAL,
	.client_subnet = true,
	.nsid = "",
	.version = "",
	.cookies = COOKIES_IGNORE,
};

void responder_configure(struct responder *r, const struct conf_dns *conf,
	const struct conf_secrets *cookies, struct rate_limit *rate)
{
	r->conf = conf;
	r->rate = rate;
	r->cookies.secrets = *cookies;
	r->rules = (struct query_rules){.payload = conf->udp_payload,
		.subnet = conf->client_subnet,
		.cookies = conf->cookies != COOKIES_IGNORE && cookies->count > 0};
	r->options = (struct reply_options){.payload = conf->udp_payload,
		.nsid = conf->nsid,
		.nsid_size = (uint8_t)strnlen(conf->nsid, CONF_TEXT_MAX)};
}

int responder_init(struct responder *r, const struct steering *s, _Atomic uint64_t *counter)
{
	static const struct conf_secrets none;

	*r = (struct responder){.counter = counter};
	responder_configure(r, &unconfigured, &none, NULL);
	rng_seed_random(&r->chance.rng);
	return cursors_open(&r->chance.cursors, s != NULL ? s->cursor_count : 0, false);
}

void responder_clear(struct responder *r)
{
	cursors_close(&r->chance.cursors);
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
	if (n->steered) {
		counter_add(&r->counter[DNS_STEERED], 1);
		if (n->degraded)
			counter_add(&r->counter[DNS_DEGRADED], 1);
	}
	if (n->chain_cut)
		counter_add(&r->counter[DNS_CHAIN_LIMIT], 1);
	if (r->reply.rcode == RCODE_BADCOOKIE)
		counter_add(&r->counter[DNS_BADCOOKIE], 1);
	if (r->query.transfer) {
		r->transfers++;
		memcpy(r->transfer_last, r->query.name.wire, r->query.name.length);
	}
}

static enum query_action refuse(struct responder *r, enum rcode rcode)
{
	r->query.rcode = (uint16_t)rcode;
	return QUERY_ERROR;
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

/*
 * What a cookie decides (RFC 7873, 5.2 and 5.4), and the one that goes back. Who asks over TCP has
 * shown already where he is.
 */
static enum query_action judge_cookie(
	struct responder *r, const struct addr *source, bool tcp, enum query_action action)
{
	const struct query *q = &r->query;
	uint32_t now_s = r->facts.now_s;
	enum cookie_state state =
		cookie_judge(&r->cookies, q->cookie, q->cookie_size, source, now_s);

	r->options.cookie = q->cookie;
	if (state != COOKIE_GOOD) {
		cookie_make(&r->cookies, q->cookie, source, now_s, r->cookie);
		r->options.cookie = r->cookie;
	}
	if (state == COOKIE_GOOD || state == COOKIE_OLD) {
		r->proven = true;
		counter_add(&r->counter[DNS_COOKIES_GOOD], 1);
		return action;
	}
	if (state == COOKIE_WRONG)
		counter_add(&r->counter[DNS_COOKIES_WRONG], 1);
	if (action == QUERY_COOKIE && state == COOKIE_WRONG)
		return refuse(r, RCODE_BADCOOKIE);
	if (!tcp && r->conf->cookies == COOKIES_REQUIRE &&
		(action == QUERY_ANSWER || action == QUERY_CHAOS))
		return refuse(r, RCODE_BADCOOKIE);
	return action;
}

static bool is_exempt(const struct conf_dns *conf, const struct addr *client)
{
	for (size_t i = 0; i < conf->exempt_count; i++) {
		if (prefix_contains(&conf->exempt[i].prefix, client))
			return true;
	}
	return false;
}

/*
 * What the rate limit makes of a query over UDP. Above it most get no reply; one in `slip` gets a
 * short one that leads a real client, whose address somebody else abuses, to TCP or to a cookie.
 */
static enum query_action limit(
	struct responder *r, const struct addr *source, enum query_action action)
{
	uint16_t slip = r->conf->slip;

	switch (rate_limit_take(r->rate, source, r->facts.now_ms)) {
	case RATE_WITHIN: return action;
	case RATE_WITHIN_FULL: counter_add(&r->counter[DNS_RATE_FULL], 1); return action;
	case RATE_ABOVE: break;
	}
	if (is_exempt(r->conf, source))
		return action;
	r->limited++;
	r->limited_last = *source;
	if (slip == 0 || rng_below(&r->chance.rng, slip) != 0) {
		counter_add(&r->counter[DNS_RATE_WITHHELD], 1);
		return QUERY_DROP;
	}
	counter_add(&r->counter[DNS_RATE_SLIPPED], 1);
	if (r->options.cookie != NULL)
		return refuse(r, RCODE_BADCOOKIE);
	return action == QUERY_ERROR ? action : QUERY_TRUNCATE;
}

/* The packet's own verdict, then what transport, cookie and rate limit say. */
static enum query_action judge(struct responder *r, const uint8_t *packet, size_t length,
	const struct addr *source, bool tcp)
{
	const struct query *q = &r->query;
	enum query_action action = query_parse(&r->query, &r->rules, packet, length);

	if (action == QUERY_DROP) {
		counter_add(&r->counter[DNS_DROPPED], 1);
		return action;
	}
	r->proven = tcp;
	r->options.cookie = NULL;
	if (q->edns) {
		if (q->keepalive)
			action = judge_keepalive(r, tcp, action);
		if (q->cookie_size > 0)
			action = judge_cookie(r, source, tcp, action);
	}
	return r->rate != NULL && !r->proven ? limit(r, source, action) : action;
}

static void explain_error(struct reply *reply, const struct query *q)
{
	if (q->rcode == RCODE_NOTIMP)
		reply_explain(reply, EDE_NOT_SUPPORTED, "");
	if (q->rcode == RCODE_REFUSED)
		reply_explain(reply, q->transfer ? EDE_NOT_SUPPORTED : EDE_NOT_AUTHORITATIVE,
			q->transfer ? "zone transfers are not served" : "");
}

/* Fill the reply that reply_begin() has started. */
static void fill(struct responder *r, enum query_action action, const struct addr *source)
{
	switch (action) {
	case QUERY_ANSWER:
		answer(&r->facts, &r->chance, &r->query, source, &r->reply, &r->notes);
		break;
	case QUERY_CHAOS: chaos_answer(r->conf, &r->query, &r->reply); break;
	case QUERY_TRUNCATE: reply_truncate(&r->reply); break;
	case QUERY_ERROR:
		r->reply.rcode = r->query.rcode;
		explain_error(&r->reply, &r->query);
		break;
	case QUERY_COOKIE:
	case QUERY_DROP: break;
	}
}

size_t respond(struct responder *r, const uint8_t *packet, size_t length,
	const struct hostport *source, bool tcp, uint8_t *out)
{
	enum query_action action;
	size_t size;

	if (source->port == 0) { /* nobody can receive there: a forged packet */
		counter_add(&r->counter[DNS_DROPPED], 1);
		return 0;
	}
	action = judge(r, packet, length, &source->addr, tcp);
	if (action == QUERY_DROP)
		return 0;
	r->notes = (struct answer_notes){0};
	reply_begin(&r->reply, &r->query, &r->options, out, tcp ? REPLY_MAX : r->query.payload);
	fill(r, action, &source->addr);
	size = reply_end(&r->reply);
	count(r, tcp);
	return size;
}
