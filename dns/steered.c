/* A and AAAA at POOL names: who asks, what steering chooses for them, and with which scope it may
 * be cached. */
#include "dns/walk.h"

/*
 * Who is asking. The client subnet counts when the geo table knows it; a private or otherwise
 * special one for which neither `networks` nor a database has data says nothing, and then the
 * packet's source is used. The scope still speaks of the subnet: as far as the table says the same
 * of it, which is never past its special block, so never 0 (the resolver would serve the answer to
 * everyone).
 */
static void identify(const struct walk *w, struct client *c)
{
	const struct geo_table *geo = w->facts->data->geo;
	uint8_t scope = 0;

	c->address = query_subnet_address(w->query);
	if (c->address.family != FAMILY_NONE) {
		c->geo = geo_lookup(geo, &c->address);
		if (c->geo.known)
			return;
		scope = c->geo.scope;
	}
	c->address = *w->source;
	c->geo = geo_lookup(geo, w->source);
	c->geo.scope = scope;
}

static void fail(struct walk *w, enum rcode rcode, enum ede_code code, const char *text)
{
	reply_empty(w->reply, rcode);
	w->reply->authoritative = false;
	reply_explain(w->reply, code, text);
}

/* Nothing serves: what is given is a guess, or what served last. */
static void explain_degraded(struct walk *w, const struct pick *pick)
{
	const struct conf_pool *pool = &w->facts->data->conf->pools[pick->pool];
	bool last = pick->kind == PICK_OK && pool->when_all_down == ALL_DOWN_LAST_GOOD;

	reply_explain(w->reply, last ? EDE_STALE : EDE_OTHER, "no endpoint of the pool is up");
}

static void add_endpoints(struct walk *w, const struct pick *pick, unsigned family, uint32_t ttl_s)
{
	const struct conf_endpoint *endpoints = w->facts->data->conf->endpoints;
	size_t size = family == 0 ? 4 : 16;

	for (unsigned i = 0; i < pick->count; i++) {
		if (!reply_add_record(w->reply, SECTION_ANSWER, &w->owner, w->query->type, ttl_s,
			    endpoints[pick->endpoint[i]].address[family].bytes, size)) {
			reply_truncate(w->reply);
			return;
		}
	}
}

/* What is asked of steering. A region where the pool has no endpoint at all is down for ever: its
 * fallback pool is asked, if it has one. */
static void ask_for(
	const struct dataset *data, const struct pool_record *record, struct pick_request *request)
{
	uint16_t fallback = data->conf->pools[record->pool].fallback_pool;

	request->pool = record->pool;
	request->region = record->region;
	if (record->region == CONF_NONE || fallback == CONF_NONE ||
		steer_has_family(data->steering, record->pool, record->region, FAMILY_NONE))
		return;
	request->pool = fallback;
	request->region = CONF_NONE;
}

void walk_steered(struct walk *w, const struct pool_record *record)
{
	const struct dataset *data = w->facts->data;
	unsigned family = w->query->type == TYPE_AAAA;
	struct pick_request request = {.family = family == 0 ? FAMILY_IPV4 : FAMILY_IPV6};
	struct client client;
	struct pick pick;
	uint32_t ttl_s;

	if (record->pool == ZONE_POOL_UNBOUND || data->steering == NULL) {
		w->notes->unbound = true;
		fail(w, RCODE_SERVFAIL, EDE_OTHER, "pool is not configured");
		return;
	}
	ask_for(data, record, &request);
	identify(w, &client);
	if (!w->facts->view->all_ready &&
		steer_must_wait(data->steering, w->facts->view, &request, &client)) {
		fail(w, RCODE_SERVFAIL, EDE_NOT_READY, "first checks are still running");
		return;
	}
	steer_pick(data->steering, w->facts->view, &request, &client, w->facts->now_ms,
		&w->chance->cursors, &w->chance->rng, &pick);
	w->notes->steered = !pick.fixed;
	w->notes->degraded = pick.degraded;
	if (w->facts->verdicts_old && data->conf->pools[pick.pool].check != CONF_NONE)
		reply_explain(w->reply, EDE_STALE, "checks do not run, verdicts are old");
	if (pick.degraded)
		explain_degraded(w, &pick);
	ttl_s = pick.ttl_s < record->ttl_cap_s ? pick.ttl_s : record->ttl_cap_s;
	switch (pick.kind) {
	case PICK_OK:
		w->reply->scope = pick.scope;
		add_endpoints(w, &pick, family, ttl_s);
		return;
	case PICK_NO_DATA: walk_negative(w, RCODE_NOERROR, pick.fixed ? UINT32_MAX : ttl_s); return;
	case PICK_REFUSE:
		fail(w, RCODE_REFUSED, EDE_OTHER, "no endpoint of the pool is up");
		return;
	}
}
