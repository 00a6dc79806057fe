#include "tests/fuzz/reference.h"

#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <string.h>

enum { A = 1, NS = 2, CNAME = 5, SOA = 6, AAAA = 28, DNAME = 39, DS = 43, ANY = 255 };
enum { NOERROR = 0, SERVFAIL = 2, NXDOMAIN = 3, REFUSED = 5, YXDOMAIN = 6 };

/* ---- names ---- */

static size_t wire_length(const uint8_t *wire)
{
	size_t n = 0;

	while (wire[n] != 0)
		n += 1u + wire[n];
	return n + 1;
}

void reference_name(struct ref_name *out, const uint8_t *wire)
{
	out->length = wire_length(wire);
	CHECK(out->length <= LDNS_MAX_DOMAINLEN);
	for (size_t i = 0; i < out->length; i++) /* a length is at most 63: no letter */
		out->wire[i] = (uint8_t)tolower(wire[i]);
}

bool reference_equal(const struct ref_name *a, const struct ref_name *b)
{
	return a->length == b->length && memcmp(a->wire, b->wire, a->length) == 0;
}

static size_t label_count(const struct ref_name *n)
{
	size_t count = 0;

	for (const uint8_t *p = n->wire; *p != 0; p += 1u + *p)
		count++;
	return count;
}

/* The last `labels` labels of a name. */
static struct ref_name suffix(const struct ref_name *n, size_t labels)
{
	const uint8_t *p = n->wire;
	struct ref_name out;

	for (size_t drop = label_count(n) - labels; drop > 0; drop--)
		p += 1u + *p;
	reference_name(&out, p);
	return out;
}

bool reference_below(const struct ref_name *name, const struct ref_name *apex)
{
	size_t labels = label_count(apex);
	struct ref_name end;

	if (label_count(name) < labels)
		return false;
	end = suffix(name, labels);
	return reference_equal(&end, apex);
}

/* ---- lists ---- */

static void add(struct ref_list *l, const struct ref_record *r)
{
	if (l->count == l->capacity) {
		l->capacity = l->capacity * 2 + 8;
		l->item = realloc(l->item, l->capacity * sizeof l->item[0]);
		CHECK(l->item != NULL);
	}
	l->item[l->count++] = *r;
}

bool reference_same(const struct ref_record *a, const struct ref_record *b)
{
	return a->type == b->type && a->ttl == b->ttl && a->length == b->length &&
	       reference_equal(&a->owner, &b->owner) && memcmp(a->rdata, b->rdata, a->length) == 0;
}

static const struct ref_record *find(
	const struct ref_list *l, const struct ref_name *owner, uint16_t type)
{
	for (size_t i = 0; i < l->count; i++) {
		if (l->item[i].type == type && reference_equal(&l->item[i].owner, owner))
			return &l->item[i];
	}
	return NULL;
}

/* ---- reading ---- */

void reference_read(struct ref_record *out, const ldns_rr *rr)
{
	ldns_rr *copy = ldns_rr_clone(rr);
	ldns_buffer *b = ldns_buffer_new(LDNS_MAX_PACKETLEN);
	const uint8_t *wire;
	uint8_t *rdata;

	CHECK(copy != NULL && b != NULL);
	ldns_rr2canonical(copy);
	CHECK(ldns_rr2buffer_wire(b, copy, LDNS_SECTION_ANSWER) == LDNS_STATUS_OK);
	wire = ldns_buffer_begin(b);
	reference_name(&out->owner, wire);
	wire += out->owner.length;
	out->type = ldns_read_uint16(wire);
	out->ttl = ldns_read_uint32(wire + 4);
	out->length = ldns_read_uint16(wire + 8);
	rdata = malloc(out->length + 1);
	CHECK(rdata != NULL);
	memcpy(rdata, wire + 10, out->length);
	out->rdata = rdata;
	ldns_buffer_free(b);
	ldns_rr_free(copy);
}

static void load_line(
	struct ref_zone *z, char *line, uint32_t ttl, ldns_rdf *origin, ldns_rdf **previous)
{
	char *pool = strstr(line, " POOL "), text[512];
	struct ref_record r;
	ldns_rr *rr;

	if (pool != NULL) { /* ldns does not know the type */
		(void)snprintf(
			text, sizeof text, "%.*s TXT \"%s\"", (int)(pool - line), line, pool + 6);
		line = text;
	}
	CHECK(ldns_rr_new_frm_str(&rr, line, ttl, origin, previous) == LDNS_STATUS_OK);
	reference_read(&r, rr);
	ldns_rr_free(rr);
	if (pool != NULL)
		r.type = REF_TYPE_POOL;
	if (r.type == SOA)
		z->apex = r.owner;
	add(&z->records, &r);
}

void reference_load(struct ref_zone *z, const char *text, const char *origin)
{
	ldns_rdf *base = ldns_dname_new_frm_str(origin), *previous = NULL;
	char *copy = strdup(text), *rest = copy, *line;
	uint32_t ttl = 3600;

	*z = (struct ref_zone){0};
	CHECK(base != NULL && copy != NULL);
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, "$ORIGIN ", 8) == 0) {
			ldns_rdf_deep_free(base);
			base = ldns_dname_new_frm_str(line + 8);
		} else if (strncmp(line, "$TTL ", 5) == 0) {
			ttl = (uint32_t)strtoul(line + 5, NULL, 10);
		} else if (line[0] != '\0') {
			load_line(z, line, ttl, base, &previous);
		}
	}
	CHECK(z->apex.length > 0);
	ldns_rdf_deep_free(base);
	ldns_rdf_deep_free(previous);
	free(copy);
}

void reference_unload(struct ref_zone *z)
{
	for (size_t i = 0; i < z->records.count; i++)
		free((void *)(uintptr_t)z->records.item[i].rdata);
	free(z->records.item);
	*z = (struct ref_zone){0};
}

/* ---- what the RFCs say ---- */

/* RFC 4592, 2.2.2: a name exists when it owns a record or a name below it does. */
static bool exists(const struct ref_zone *z, const struct ref_name *name)
{
	for (size_t i = 0; i < z->records.count; i++) {
		if (reference_below(&z->records.item[i].owner, name))
			return true;
	}
	return false;
}

/* Step 2: the zone which is the nearest ancestor of the name; `strictly` above it for DS. */
static const struct ref_zone *nearest_zone(
	const struct reference *r, const struct ref_name *name, bool strictly)
{
	const struct ref_zone *best = NULL;

	for (size_t i = 0; i < r->count; i++) {
		const struct ref_zone *z = &r->zone[i];

		if (!reference_below(name, &z->apex) ||
			(strictly && reference_equal(name, &z->apex)))
			continue;
		if (best == NULL || label_count(&z->apex) > label_count(&best->apex))
			best = z;
	}
	return best;
}

/* RFC 4035, 3.1.4.1: DS is asked of the parent; where only the child is here, it says that it
 * has none. */
static const struct ref_zone *zone_for(
	const struct reference *r, const struct ref_name *name, uint16_t type)
{
	const struct ref_zone *z = type == DS ? nearest_zone(r, name, true) : NULL;

	return z != NULL ? z : nearest_zone(r, name, false);
}

/* All records of this type that `node` owns go into `to`, with `owner` for it. An RRset is in a
 * section once. */
static bool add_set(struct ref_list *to, const struct ref_zone *z, const struct ref_name *node,
	uint16_t type, const struct ref_name *owner)
{
	bool there = find(to, owner, type) != NULL, any = false;

	for (size_t i = 0; i < z->records.count; i++) {
		struct ref_record r = z->records.item[i];

		if (r.type != type || !reference_equal(&r.owner, node))
			continue;
		any = true;
		r.owner = *owner;
		if (!there)
			add(to, &r);
	}
	return any;
}

/* RFC 2308, 3 and 5: the SOA, with the lesser of its TTL and its MINIMUM. */
static void negative(struct ref_reply *out, const struct ref_zone *z, unsigned rcode)
{
	struct ref_record soa = *find(&z->records, &z->apex, SOA);
	uint32_t minimum = ldns_read_uint32(soa.rdata + soa.length - 4);

	out->rcode = rcode;
	soa.ttl = soa.ttl < minimum ? soa.ttl : minimum;
	add(&out->authority, &soa);
}

/* Step 3a, and 3c with a wildcard: `node` stands for `name`. True: *next is the next name. */
static bool at_node(const struct ref_zone *z, const struct ref_name *node,
	const struct ref_name *name, uint16_t type, struct ref_reply *out, struct ref_name *next)
{
	const struct ref_record *cname = find(&z->records, node, CNAME);

	if (type == A || type == AAAA) {
		out->pool = find(&z->records, node, REF_TYPE_POOL);
		if (out->pool != NULL)
			return false;
	}
	if (cname != NULL) {
		if (out->links == REF_CHAIN_MAX)
			return false;
		(void)add_set(&out->answer, z, node, CNAME, name);
		reference_name(next, cname->rdata);
		return type != CNAME && type != ANY;
	}
	if (type == ANY) {
		for (size_t i = 0; i < z->records.count; i++) {
			if (!reference_equal(&z->records.item[i].owner, node))
				continue;
			out->any_of = z;
			out->any_node = *node;
			return false;
		}
	}
	if (!add_set(&out->answer, z, node, type, name))
		negative(out, z, NOERROR);
	return false;
}

/* RFC 6672, 3.2, step 3c. */
static bool at_dname(const struct ref_zone *z, const struct ref_name *node,
	const struct ref_name *name, uint16_t type, struct ref_reply *out, struct ref_name *made,
	struct ref_name *next)
{
	const struct ref_record *dname = find(&z->records, node, DNAME);
	size_t kept = name->length - node->length;
	struct ref_record cname = {.owner = *name, .type = CNAME, .ttl = dname->ttl};

	if (out->links == REF_CHAIN_MAX)
		return false;
	(void)add_set(&out->answer, z, node, DNAME, node);
	if (kept + dname->length > LDNS_MAX_DOMAINLEN) {
		out->rcode = YXDOMAIN;
		return false;
	}
	memcpy(made->wire, name->wire, kept);
	memcpy(made->wire + kept, dname->rdata, dname->length);
	made->length = kept + dname->length;
	cname.length = made->length;
	cname.rdata = made->wire;
	add(&out->answer, &cname);
	*next = *made;
	return type != CNAME && type != ANY;
}

/* Step 3, down from the apex. True: *next is the next name of a chain. */
static bool in_zone(const struct reference *r, const struct ref_zone *z,
	const struct ref_name *name, uint16_t type, struct ref_reply *out, struct ref_name *next)
{
	size_t total = label_count(name), apex = label_count(&z->apex);
	struct ref_name node = z->apex, wildcard;
	const struct ref_zone *child;

	out->zone = z;
	for (size_t labels = apex; labels < total; labels++) {
		struct ref_name encloser = node;

		if (find(&z->records, &node, DNAME) != NULL)
			return at_dname(z, &node, name, type, out, &out->made[out->links], next);
		node = suffix(name, labels + 1);
		if (!exists(z, &node)) {
			wildcard.wire[0] = 1;
			wildcard.wire[1] = '*';
			memcpy(wildcard.wire + 2, encloser.wire, encloser.length);
			wildcard.length = encloser.length + 2;
			if (wildcard.length <= LDNS_MAX_DOMAINLEN && exists(z, &wildcard))
				return at_node(z, &wildcard, name, type, out, next);
			negative(out, z, NXDOMAIN);
			return false;
		}
		if (find(&z->records, &node, NS) == NULL || (type == DS && labels + 1 == total))
			continue;
		child = nearest_zone(r, name, false);
		if (type == DS && child != z && reference_equal(&child->apex, name))
			return in_zone(r, child, name, type, out, next);
		out->cut = node;
		out->authoritative = out->links > 0;
		(void)add_set(&out->authority, z, &node, NS, &node);
		return false;
	}
	return at_node(z, name, name, type, out, next);
}

void reference_answer(const struct reference *r, const struct ref_name *name, uint16_t type,
	struct ref_reply *out)
{
	struct ref_name seen[REF_CHAIN_MAX + 1], next;

	*out = (struct ref_reply){.rcode = NOERROR};
	seen[0] = *name;
	for (unsigned links = 0;; links++) {
		const struct ref_zone *z = zone_for(r, &seen[links], type);

		out->links = links;
		out->last = seen[links];
		out->zone = z;
		if (z == NULL || z->broken) {
			if (links == 0)
				out->rcode = z == NULL ? REFUSED : SERVFAIL;
			return;
		}
		if (links == 0)
			out->authoritative = true;
		if (!in_zone(r, z, &seen[links], type, out, &next))
			return;
		for (unsigned i = 0; i <= links; i++) { /* a loop: all of it is in the answer */
			if (reference_equal(&seen[i], &next))
				return;
		}
		seen[links + 1] = next;
	}
}

void reference_host(const struct ref_zone *z, const struct ref_name *host, struct ref_list *to)
{
	struct ref_name node = *host, wildcard = {2, {1, '*'}};

	if (!reference_below(host, &z->apex))
		return;
	while (!exists(z, &node)) {
		node = suffix(&node, label_count(&node) - 1);
		wildcard.length = node.length + 2;
		if (wildcard.length > LDNS_MAX_DOMAINLEN)
			continue;
		memcpy(wildcard.wire + 2, node.wire, node.length);
	}
	if (!reference_equal(&node, host))
		node = wildcard;
	(void)add_set(to, z, &node, A, host);
	(void)add_set(to, z, &node, AAAA, host);
}

void reference_reply_free(struct ref_reply *reply)
{
	free(reply->answer.item);
	free(reply->authority.item);
}
