#include "tests/fuzz/compare.h"

#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

enum { NS = 2, SOA = 6, HINFO = 13, MX = 15, SRV = 33 };
enum { NOERROR = 0 };

/* One question, what it got and what it should have got. */
struct match {
	const struct reference *reference;
	ldns_pkt *packet;
	unsigned rcode;
	struct ref_list answer, authority, additional;
	struct ref_name name;
	uint16_t type;
	struct ref_reply expected;
};

static void print_list(const char *title, const struct ref_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct ref_record *r = &l->item[i];

		(void)fprintf(stderr, "%s ", title);
		for (const uint8_t *p = r->owner.wire; *p != 0; p += 1u + *p)
			(void)fprintf(stderr, "%.*s.", *p, (const char *)p + 1);
		(void)fprintf(stderr, " %u TYPE%u \\# %zu ", r->ttl, r->type, r->length);
		for (size_t k = 0; k < r->length; k++)
			(void)fprintf(stderr, "%02x", r->rdata[k]);
		(void)fprintf(stderr, "\n");
	}
}

static void require(const struct match *m, bool condition, const char *what)
{
	if (condition)
		return;
	(void)fprintf(stderr, "%s\n", what);
	ldns_pkt_print(stderr, m->packet);
	(void)fprintf(stderr, ";; expected: rcode %u%s%s\n", m->expected.rcode,
		m->expected.authoritative ? " aa" : "", m->expected.pool != NULL ? " steered" : "");
	print_list("AN", &m->expected.answer);
	print_list("NS", &m->expected.authority);
	abort();
}

static void read_section(struct ref_list *to, const ldns_rr_list *from)
{
	to->count = ldns_rr_list_rr_count(from);
	to->item = calloc(to->count + 1, sizeof to->item[0]);
	CHECK(to->item != NULL);
	for (size_t i = 0; i < to->count; i++)
		reference_read(&to->item[i], ldns_rr_list_rr(from, i));
}

static void free_section(struct ref_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free((void *)(uintptr_t)l->item[i].rdata);
	free(l->item);
}

static bool holds(const struct ref_list *l, const struct ref_record *r)
{
	for (size_t i = 0; i < l->count; i++) {
		if (reference_same(&l->item[i], r))
			return true;
	}
	return false;
}

static void require_all(const struct match *m, const struct ref_list *got,
	const struct ref_list *expected, const char *what)
{
	for (size_t i = 0; i < expected->count;
		i++) { /* most are in order, and a set may be huge */
		if (i >= got->count || !reference_same(&got->item[i], &expected->item[i]))
			require(m, holds(got, &expected->item[i]), what);
	}
}

static void require_distinct(const struct match *m, const struct ref_list *l, const char *what)
{
	for (size_t i = 0; i < l->count; i++) {
		for (size_t k = 0; k < i; k++)
			require(m, !reference_same(&l->item[i], &l->item[k]), what);
	}
}

/* ---- additional ---- */

/* The host that a record names; false when its type names none. */
static bool host_of(const struct ref_record *r, struct ref_name *host)
{
	size_t offset = r->type == MX ? 2 : r->type == SRV ? 6 : 0;

	if (r->type != NS && r->type != MX && r->type != SRV)
		return false;
	reference_name(host, r->rdata + offset);
	return true;
}

/* What the hosts that `from` names have: all of it goes into `to`, what must be there come what
 * may into `glue`. */
static void add_hosts(const struct match *m, const struct ref_list *from, struct ref_list *to,
	struct ref_list *glue)
{
	struct ref_name host;

	for (size_t i = 0; i < from->count; i++) {
		if (!host_of(&from->item[i], &host))
			continue;
		reference_host(m->expected.zone, &host, to);
		if (m->expected.cut.length > 0 && reference_below(&host, &m->expected.cut))
			reference_host(m->expected.zone, &host, glue);
	}
}

/* The hosts' addresses and nothing else; the glue in full unless TC is set, and all of them when
 * there is room. */
static void check_additional(const struct match *m, bool whole)
{
	struct ref_list all = {NULL, 0, 0}, glue = {NULL, 0, 0};

	if (m->expected.zone != NULL) {
		add_hosts(m, &m->expected.answer, &all, &glue);
		add_hosts(m, &m->expected.authority, &all, &glue);
	}
	require_distinct(m, &m->additional, "an additional record comes twice");
	require_all(m, &all, &m->additional, "an additional record is of no host named here");
	if (!ldns_pkt_tc(m->packet))
		require_all(m, &m->additional, &glue, "glue is missing");
	if (whole)
		require_all(m, &m->additional, &all, "an additional address is missing");
	free(all.item);
	free(glue.item);
}

/* ---- the other sections ---- */

/* The records of the question's own name carry it in the case it was asked in. */
static void check_case(const struct match *m)
{
	const ldns_rdf *asked = ldns_rr_owner(ldns_rr_list_rr(ldns_pkt_question(m->packet), 0));

	for (size_t i = 0; i < m->answer.count; i++) {
		const ldns_rdf *owner =
			ldns_rr_owner(ldns_rr_list_rr(ldns_pkt_answer(m->packet), i));

		if (reference_equal(&m->answer.item[i].owner, &m->name))
			require(m,
				memcmp(ldns_rdf_data(owner), ldns_rdf_data(asked),
					ldns_rdf_size(asked)) == 0,
				"the question's case is lost");
	}
}

static void check_steered(const struct match *m, compare_steered *steered)
{
	size_t chain = m->expected.answer.count;

	require(m, steered != NULL, "there is no pool here");
	if (m->rcode != NOERROR) {
		require(m,
			m->answer.count == 0 && m->authority.count == 0 && !ldns_pkt_aa(m->packet),
			"a failure is not empty");
		require(m, steered(m->expected.pool, m->type, m->rcode, NULL, 0),
			"no steering says this");
		return;
	}
	require(m, ldns_pkt_aa(m->packet), "AA is missing");
	require(m, m->answer.count >= chain, "the chain is not whole");
	require_all(m, &m->answer, &m->expected.answer, "the chain lacks a record");
	for (size_t i = 0; i < m->answer.count; i++) { /* the chain comes first */
		const struct ref_record *r = &m->answer.item[i];

		require(m,
			i < chain ? holds(&m->expected.answer, r)
				  : r->type == m->type &&
					    reference_equal(&r->owner, &m->expected.last),
			"a steered answer has foreign records");
	}
	require(m,
		steered(m->expected.pool, m->type, m->rcode, m->answer.item + chain,
			m->answer.count - chain),
		"no steering says this");
	require(m, m->authority.count == (m->answer.count == chain), "authority of a steered name");
	if (m->authority.count > 0)
		require(m,
			m->authority.item[0].type == SOA &&
				reference_equal(
					&m->authority.item[0].owner, &m->expected.zone->apex),
			"a steered NODATA lacks its SOA");
}

/* RFC 8482, 4.1 and 4.2: one RRset of the name, or a HINFO of our own. */
static void check_any(const struct match *m)
{
	size_t chain = m->expected.answer.count;
	const struct ref_record *first;

	require(m, m->rcode == NOERROR && m->authority.count == 0, "ANY fails");
	require(m, m->answer.count > chain, "ANY of an existing name is empty");
	require_all(m, &m->answer, &m->expected.answer, "the chain lacks a record");
	first = &m->answer.item[chain];
	for (size_t i = chain; i < m->answer.count; i++)
		require(m, m->answer.item[i].type == first->type, "ANY gives more than one RRset");
	if (first->type == HINFO)
		return;
	for (size_t i = 0; i < m->expected.any_of->records.count; i++) {
		struct ref_record r = m->expected.any_of->records.item[i];

		if (!reference_equal(&r.owner, &m->expected.any_node) || r.type != first->type)
			continue;
		r.owner = m->expected.last;
		require(m, holds(&m->answer, &r), "ANY gives a part of an RRset");
	}
}

static void check_sections(const struct match *m, bool whole, compare_steered *steered)
{
	bool tc = ldns_pkt_tc(m->packet);

	require(m, !(whole && tc), "TC though there was room");
	if (tc && m->answer.count == 0 && m->authority.count == 0) {
		require(m, m->rcode == NOERROR || m->rcode == m->expected.rcode,
			"the rcode differs");
		return;
	}
	check_case(m);
	if (m->expected.pool != NULL) {
		check_steered(m, steered);
		return;
	}
	require(m, m->rcode == m->expected.rcode, "the rcode differs");
	require(m, ldns_pkt_aa(m->packet) == m->expected.authoritative, "AA differs");
	if (m->expected.any_of != NULL) {
		check_any(m);
		return;
	}
	require(m, m->answer.count == m->expected.answer.count, "the answers' number differs");
	require_all(m, &m->answer, &m->expected.answer, "an answer is missing");
	require(m, m->authority.count == m->expected.authority.count,
		"the number of authority records differs");
	require_all(m, &m->authority, &m->expected.authority, "an authority record is missing");
	check_additional(m, whole);
}

void compare_reply(const struct reference *r, const uint8_t *reply, size_t length, bool whole,
	compare_steered *steered)
{
	struct match m = {.reference = r};
	const ldns_rr *question;

	CHECK(ldns_wire2pkt(&m.packet, reply, length) == LDNS_STATUS_OK);
	question = ldns_rr_list_rr(ldns_pkt_question(m.packet), 0);
	m.rcode = (unsigned)ldns_pkt_get_rcode(m.packet) |
		  (unsigned)ldns_pkt_edns_extended_rcode(m.packet) << 4;
	m.type = (uint16_t)ldns_rr_get_type(question);
	reference_name(&m.name, ldns_rdf_data(ldns_rr_owner(question)));
	read_section(&m.answer, ldns_pkt_answer(m.packet));
	read_section(&m.authority, ldns_pkt_authority(m.packet));
	read_section(&m.additional, ldns_pkt_additional(m.packet));
	reference_answer(r, &m.name, m.type, &m.expected);
	check_sections(&m, whole, steered);
	reference_reply_free(&m.expected);
	free_section(&m.answer);
	free_section(&m.authority);
	free_section(&m.additional);
	ldns_pkt_free(m.packet);
}
