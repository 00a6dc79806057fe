/*
 *   name ─▶ zone ─▶ zone_find ─┬─ node or wildcard ─┬─ POOL, A or AAAA asked ─▶ dns/steered.c
 *     ▲                        │                    ├─ RRset ─▶ answer, additional
 *     │                        │                    ├─ CNAME ─▶ answer, its target is the next name ──┐
 *     │                        │                    └─ else ─▶ NODATA                               │
 *     │                        ├─ cut ─▶ referral, glue (DS of the cut itself: as a node)             │
 *     │                        ├─ DNAME ─▶ answer, synthesised CNAME, its target ────────────────────┤
 *     │                        └─ nothing ─▶ NXDOMAIN                                               │
 *     └─────────────────────────────────────────────────────────────────────────────────────────────┘
 *
 * Responses are minimal: no NS beside an answer. What BIND, NSD, Knot and PowerDNS agree on is
 * replayed from recorded cases.
 */
#include "dns/answer.h"

#include "base/wire.h"
#include "dns/walk.h"

#include <string.h>

#define TYPE_HINFO 13u
#define ANY_TTL_S  3600u /* of the synthesised HINFO (RFC 8482, 4.2) */

#define RDATA_OF(wire) ((wire) + 12) /* of the first record of zone wire */
#define TTL_OF(wire)   load_u32((wire) + 6)

struct owner walk_suffix(const struct walk *w, unsigned label)
{
	struct owner owner = {0, w->name->wire + w->name->offset[label]};

	if (w->name == &w->query->name)
		owner.at = (uint16_t)(OWNER_QUESTION + w->name->offset[label]);
	return owner;
}

void walk_negative(struct walk *w, enum rcode rcode, uint32_t cap_s)
{
	struct owner apex = walk_suffix(w, w->apex_label);

	w->reply->rcode = (uint16_t)rcode;
	w->reply->scope = 0;
	if (!reply_add_soa(w->reply, zone_negative_soa(w->zone), &apex, cap_s))
		reply_truncate(w->reply);
}

/* The zone for the current name; false when there is none to go on with, and then the reply is
 * complete. */
static bool find_zone(struct walk *w)
{
	const struct dataset *data = w->facts->data;
	bool above = w->query->type == TYPE_DS; /* the parent's side of a cut (RFC 4035, 3.1.4.1) */
	int broken = data->broken_count > 0 ? dataset_find_broken(data, w->name, above) : -1;

	w->zone = zoneset_find(data->zones, w->name, above, &w->apex_label);
	if (above && w->zone == NULL && broken < 0)
		w->zone = zoneset_find(data->zones, w->name, false, &w->apex_label);
	if (broken >= 0 && (w->zone == NULL || broken < w->apex_label)) {
		if (w->links == 0) {
			reply_empty(w->reply, RCODE_SERVFAIL);
			reply_explain(w->reply, EDE_INVALID_DATA, "zone could not be loaded");
		}
		return false;
	}
	if (data->stale_count > 0 && w->zone != NULL && dataset_is_stale(data, w->zone))
		reply_explain(w->reply, EDE_STALE, "zone file is broken, last good version serves");
	if (w->zone == NULL && w->links == 0) {
		reply_empty(w->reply, RCODE_REFUSED);
		reply_explain(w->reply, EDE_NOT_AUTHORITATIVE, "");
	}
	return w->zone != NULL;
}

/* A DS query below a cut of the parent that is not its own, while the child itself is served here:
 * the child's apex answers. */
static void find_again_for_ds(struct walk *w, struct find *f)
{
	uint8_t label = 0; /* always found; a compiler cannot know */
	const struct zone *child = zoneset_find(w->facts->data->zones, w->name, false, &label);

	if (child == w->zone || label != 0)
		return;
	w->zone = child;
	w->apex_label = label;
	zone_find(child, w->name, f);
}

/* Has the chain its last CNAME, and would need another one? What its last name has else is still
 * given. */
static bool chain_is_full(struct walk *w)
{
	if (w->links < CHAIN_MAX)
		return false;
	w->notes->chain_cut = true;
	return true;
}

/* Make `target` (wire that lives as long as the reply is written) the current name; `at` is its
 * offset in the reply. */
static bool go_on(struct walk *w, const uint8_t *target, uint16_t at)
{
	struct dname *next = &w->names[++w->links];

	(void)dname_from_wire(next, target, NAME_WIRE_MAX);
	for (unsigned i = 0; i < w->links; i++) {
		const struct dname *seen = i == 0 ? &w->query->name : &w->names[i];

		if (seen->length == next->length &&
			memcmp(seen->wire, next->wire, next->length) == 0)
			return false; /* a loop: all of it is in the answer */
	}
	w->name = next;
	w->owner.wire = target;
	w->owner.at = at;
	return true;
}

static bool follow_cname(struct walk *w, const struct rrset *cname)
{
	const uint8_t *target = RDATA_OF(cname->wire);
	uint16_t at;

	if (chain_is_full(w))
		return false;
	if (!reply_add_cname(w->reply, &w->owner, TTL_OF(cname->wire), target, &at)) {
		reply_truncate(w->reply);
		return false;
	}
	return go_on(w, target, at);
}

/* RFC 8482: never everything. A CNAME or a HINFO of the zone is given as it is, anything else by a
 * synthesised HINFO (4.2 there). */
static void answer_any(struct walk *w, const struct node *n)
{
	static const uint8_t hinfo[] = {7, 'R', 'F', 'C', '8', '4', '8', '2', 0};
	const struct rrset *own = node_rrset(n, TYPE_CNAME);
	bool fits;

	if (own == NULL)
		own = node_rrset(n, TYPE_HINFO);
	if (own != NULL)
		fits = reply_add(w->reply, SECTION_ANSWER, own, &w->owner, 0);
	else if (node_rrset_count(n) > 0 || node_pool(n) != NULL)
		fits = reply_add_record(w->reply, SECTION_ANSWER, &w->owner, TYPE_HINFO, ANY_TTL_S,
			hinfo, sizeof hinfo);
	else {
		walk_negative(w, RCODE_NOERROR, UINT32_MAX);
		return;
	}
	if (!fits)
		reply_truncate(w->reply);
}

static void answer_set(struct walk *w, const struct rrset *set)
{
	bool address = set->type == TYPE_A || set->type == TYPE_AAAA;
	unsigned first = address && set->count > 1 ? rng_below(&w->chance->rng, set->count) : 0;

	if (!reply_add(w->reply, SECTION_ANSWER, set, &w->owner, first)) {
		reply_truncate(w->reply);
		return;
	}
	if (!address)
		walk_additional(w, set);
}

/* The name exists, or a wildcard stands for it. True: go on with the next name. */
static bool at_node(struct walk *w, const struct node *n)
{
	uint16_t type = w->query->type;
	const struct rrset *set;

	if ((node_flags(n) & NODE_POOL) != 0 && (type == TYPE_A || type == TYPE_AAAA)) {
		walk_steered(w, node_pool(n));
		return false;
	}
	if (type == TYPE_ANY) {
		answer_any(w, n);
		return false;
	}
	set = node_rrset(n, type);
	if (set != NULL) {
		answer_set(w, set);
		return false;
	}
	set = node_rrset(n, TYPE_CNAME);
	if (set != NULL)
		return follow_cname(w, set);
	walk_negative(w, RCODE_NOERROR, UINT32_MAX);
	return false;
}

/* Is the DNAME of this node in the answer? An RRset is there once, however often the chain comes
 * back to it. */
static bool dname_is_done(const struct walk *w, const struct node *n)
{
	for (unsigned i = 0; i < w->dnames; i++) {
		if (w->dname_done[i] == n)
			return true;
	}
	return false;
}

static bool add_dname(struct walk *w, const struct node *n, const struct rrset *set, unsigned label)
{
	struct owner owner = walk_suffix(w, label);

	if (dname_is_done(w, n))
		return true;
	w->dname_done[w->dnames++] = n;
	return reply_add(w->reply, SECTION_ANSWER, set, &owner, 0);
}

/* Below a DNAME: RFC 6672, 3.2. */
static bool at_dname(struct walk *w, const struct find *f)
{
	const struct rrset *set = node_rrset(f->node, TYPE_DNAME);
	const uint8_t *target = RDATA_OF(set->wire);
	size_t kept = w->name->offset[f->label], tail = name_length(target);
	uint8_t *next;
	uint16_t at;

	if (chain_is_full(w))
		return false;
	next = w->synthesised[w->links];
	if (!add_dname(w, f->node, set, f->label)) {
		reply_truncate(w->reply);
		return false;
	}
	if (kept + tail > NAME_WIRE_MAX) {
		w->reply->rcode = RCODE_YXDOMAIN;
		return false;
	}
	memcpy(next, w->owner.wire, kept);
	memcpy(next + kept, target, tail);
	if (!reply_add_cname(w->reply, &w->owner, TTL_OF(set->wire), next, &at)) {
		reply_truncate(w->reply);
		return false;
	}
	if (w->query->type == TYPE_CNAME || w->query->type == TYPE_ANY)
		return false; /* that CNAME is what was asked for */
	return go_on(w, next, at);
}

static void refer(struct walk *w, const struct find *f)
{
	const struct rrset *ns = node_rrset(f->node, TYPE_NS);
	struct owner cut = walk_suffix(w, f->label);

	if (w->links == 0)
		w->reply->authoritative = false;
	if (!reply_add(w->reply, SECTION_AUTHORITY, ns, &cut, 0)) {
		reply_truncate(w->reply);
		return;
	}
	walk_glue(w, ns, f->label);
}

/* One name of the chain. True: there is a next one. */
static bool step(struct walk *w)
{
	struct find f;

	if (!find_zone(w))
		return false;
	if (w->links == 0)
		w->reply->authoritative = true;
	zone_find(w->zone, w->name, &f);
	if (f.kind == FIND_CUT && w->query->type == TYPE_DS) {
		if (f.label != 0)
			find_again_for_ds(w, &f);
		if (f.kind == FIND_CUT && f.label == 0)
			return at_node(w, f.node);
	}
	if (f.kind == FIND_NODE && w->query->type == TYPE_DNAME && dname_is_done(w, f.node))
		return false; /* a chain through a DNAME that ends at its owner */
	switch (f.kind) {
	case FIND_NODE:
	case FIND_WILDCARD: return at_node(w, f.node);
	case FIND_CUT: refer(w, &f); return false;
	case FIND_DNAME: return at_dname(w, &f);
	case FIND_NX: walk_negative(w, RCODE_NXDOMAIN, UINT32_MAX); return false;
	}
	return false;
}

void answer(const struct facts *facts, struct chance *chance, const struct query *query,
	const struct addr *source, struct reply *reply, struct answer_notes *notes)
{
	struct walk w;

	w.facts = facts;
	w.chance = chance;
	w.query = query;
	w.source = source;
	w.reply = reply;
	w.notes = notes;
	w.name = &query->name;
	w.owner.at = OWNER_QUESTION;
	w.owner.wire = query->packet + DNS_HEADER_SIZE;
	w.links = w.dnames = 0;
	while (step(&w))
		;
}
