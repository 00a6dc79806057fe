/* dns/reply.c and dns/reply_names.c: sizes, truncation, compression, OPT and TSIG. */
#include "tests/unit/dns_fixture.h"

/* `count` records of one name, from `format` with the number twice. */
static void add_many(
	struct text *t, unsigned count, const char *owner, const char *type, const char *format)
{
	for (unsigned i = 0; i < count; i++) {
		char rdata[256];

		(void)snprintf(rdata, sizeof rdata, format, i, i);
		text_printf(t, "%s %s %s\n", owner, type, rdata);
	}
}

static struct world *open_world(void)
{
	struct world *w = world_new();
	struct text t = {0};

	text_puts(&t, "$TTL 60\n@ SOA ns h 1 1 1 1 60\n@ NS ns.test.\n");
	add_many(&t, 29, "full", "A", "192.0.2.%u");
	add_many(&t, 100, "many", "A", "192.0.2.%u");
	add_many(&t, 1000, "huge", "PTR", "host-%u.with.a.name.that.repeats.%u.other.");
	add_many(&t, 20, "sub", "NS", "ns%u.sub");
	for (unsigned i = 0; i < 20; i++)
		text_printf(&t, "ns%u.sub A 192.0.2.%u\n", i, i);
	add_many(&t, 20, "side", "NS", "ns%u.hosts");
	for (unsigned i = 0; i < 20; i++)
		text_printf(&t, "ns%u.hosts A 192.0.2.%u\n", i, i);
	add_many(&t, 20, "mx", "MX", "%u h%u.mail");
	for (unsigned i = 0; i < 20; i++)
		text_printf(&t, "h%u.mail A 192.0.2.%u\n", i, i);
	text_puts(&t, "case PTR Upper.CASE.e.test.\ncase PTR lower.upper.case.E.TEST.\nu TXT x\n");
	world_zone(w, "e.test.", t.data);
	text_free(&t);
	world_open(w, NULL);
	return w;
}

/* Header 12, question 8 + length of the first label + 5, 16 an address, OPT 11. */
static void what_fits_exactly_is_not_truncated(void **state)
{
	struct world *w = open_world();

	(void)state;
	world_ask(w, "full.e.test.", "A", &(struct how){0});
	assert_int_equal(w->length, 12 + 5 + 8 + 4 + 29 * 16); /* 493 of 512 */
	assert_int_equal(w->reply[2] & 2, 0);
	world_ask(w, "full.e.test.", "A", &(struct how){.edns = 512});
	assert_int_equal(w->length, 12 + 5 + 8 + 4 + 29 * 16 + 11); /* 504 */
	world_ask(w, "full.e.test.", "A", &(struct how){.edns = 512, .subnet = "10.0.0.0/8"});
	assert_int_equal(w->reply[2] & 2, 2); /* nine more do not fit: 513 */
	assert_int_equal(load_u16(w->reply + 6), 0);
	world_free(w);
}

static void a_truncated_reply_is_empty_and_the_rest_comes_over_tcp(void **state)
{
	struct world *w = open_world();

	(void)state;
	world_expect(w, "many.e.test.", "A", &(struct how){0}, "NOERROR aa tc\n");
	world_expect(w, "many.e.test.", "A", &(struct how){.edns = 65535}, "NOERROR aa tc\n");
	assert_int_equal(atomic_load(&w->counter[DNS_TRUNCATED]), 2);
	world_ask(w, "many.e.test.", "A", &(struct how){.tcp = true});
	assert_int_equal(w->reply[2] & 2, 0);
	assert_int_equal(load_u16(w->reply + 6), 100);
	world_free(w);
}

static void glue_below_the_cut_must_fit(void **state)
{
	struct world *w = open_world();

	(void)state;
	world_ask(w, "x.sub.e.test.", "A", &(struct how){0});
	assert_int_equal(w->reply[2] & 2, 2); /* RFC 9471, 3.1 */
	assert_int_equal(load_u16(w->reply + 8), 20);
	assert_in_range(load_u16(w->reply + 10), 1, 19);
	world_ask(w, "x.sub.e.test.", "A", &(struct how){.edns = 1232});
	assert_int_equal(w->reply[2] & 2, 0);
	assert_int_equal(load_u16(w->reply + 10), 21); /* and OPT */
	world_free(w);
}

static void other_addresses_may_be_left_out(void **state)
{
	struct world *w = open_world();

	(void)state;
	world_ask(w, "x.side.e.test.", "A", &(struct how){0});
	assert_int_equal(w->reply[2] & 2, 0); /* RFC 9471, 3.2: sibling glue is optional */
	assert_int_equal(load_u16(w->reply + 8), 20);
	assert_true(load_u16(w->reply + 10) < 20);
	world_ask(w, "mx.e.test.", "MX", &(struct how){0});
	assert_int_equal(w->reply[2] & 2, 0);
	assert_int_equal(load_u16(w->reply + 6), 20);
	assert_true(load_u16(w->reply + 10) < 20);
	world_free(w);
}

/* Names past offset 16383 cannot be pointed at; ldns reads all of them back. */
static void long_replies_are_compressed_within_reach(void **state)
{
	struct world *w = open_world();
	ldns_pkt *p = NULL;
	uint8_t seen[1000] = {0};

	(void)state;
	world_ask(w, "huge.e.test.", "PTR", &(struct how){.tcp = true});
	assert_int_equal(load_u16(w->reply + 6), 1000);
	assert_true(w->length > POINTER_MAX);
	assert_true(w->length < 60000); /* uncompressed it is 1,000 x 58 and more */
	assert_int_equal(ldns_wire2pkt(&p, w->reply, w->length), LDNS_STATUS_OK);
	for (size_t i = 0; i < 1000; i++) {
		char *target = ldns_rdf2str(ldns_rr_rdf(ldns_rr_list_rr(ldns_pkt_answer(p), i), 0));
		unsigned one, two;

		assert_int_equal(
			sscanf(target, "host-%u.with.a.name.that.repeats.%u.other.", &one, &two),
			2);
		assert_int_equal(one, two);
		assert_in_range(one, 0, 999);
		assert_int_equal(seen[one]++, 0);
		free(target);
	}
	ldns_pkt_free(p);
	world_free(w);
}

static void compression_does_not_mind_case(void **state)
{
	struct world *w = open_world();

	(void)state;
	world_ask(w, "CASE.e.TEST.", "PTR", &(struct how){0});
	/* 12 + question 17; each record 12 + name: "Upper" + pointer to the question, "lower" + pointer to that */
	assert_int_equal(w->length, 12 + 17 + (12 + 6 + 2) + (12 + 6 + 2));
	world_free(w);
}

static void opt_repeats_what_it_must(void **state)
{
	struct world *w = open_world();
	const uint8_t *opt;

	(void)state;
	world_ask(w, "u.e.test.", "TXT", &(struct how){.edns = 4096, .dnssec = true});
	opt = w->reply + w->length - 11;
	assert_memory_equal(opt, "\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00", 11); /* 1232, DO */
	world_ask(w, "u.e.test.", "TXT", &(struct how){.edns = 4096});
	opt = w->reply + w->length - 11;
	assert_memory_equal(opt, "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00", 11);
	world_ask(w, "u.e.test.", "TXT", &(struct how){0});
	assert_int_equal(load_u16(w->reply + 10), 0);
	world_free(w);
}

static size_t ask_octets(struct world *w, const char *octets, size_t size)
{
	const struct hostport source = {
		.port = 53, .addr = {.family = FAMILY_IPV4, .bytes = {192, 0, 2, 1}}};
	struct hostport nowhere = source;

	nowhere.port = 0;
	assert_int_equal(
		respond(&w->responder, (const uint8_t *)octets, size, &nowhere, false, w->reply),
		0);
	return respond(&w->responder, (const uint8_t *)octets, size, &source, false, w->reply);
}

static void errors_repeat_what_can_be_repeated(void **state)
{
	static const char notify[] =
		"\xab\xcd\x21\x10\0\1\0\0\0\0\0\0\1e\0\0\6\0\1"; /* opcode 4, RD, CD */
	static const char badvers[] =
		"\xab\xcd\0\0\0\1\0\0\0\0\0\1\1e\0\0\1\0\1\0\0\x29\x10\0\0\x5\0\0\0\0";
	static const char cut[] = "\xab\xcd\1\0\0\1\0\0\0\0\0\0\1e";
	struct world *w = open_world();

	(void)state;
	assert_int_equal(ask_octets(w, notify, sizeof notify - 1), 12);
	assert_memory_equal(
		w->reply, "\xab\xcd\xa1\x14\0\0\0\0\0\0\0\0", 12); /* QR, opcode, RD, CD, NOTIMP */
	assert_int_equal(ask_octets(w, badvers, sizeof badvers - 1), 12 + 7 + 11);
	assert_memory_equal(w->reply,
		"\xab\xcd\x80\0\0\1\0\0\0\0\0\1\1e\0\0\1\0\1\0\0\x29\x04\xd0\1\0\0\0\0\0", 30);
	assert_int_equal(ask_octets(w, cut, sizeof cut - 1), 12);
	assert_memory_equal(w->reply, "\xab\xcd\x81\1\0\0\0\0\0\0\0\0", 12);
	assert_int_equal(atomic_load(&w->counter[DNS_DROPPED]), 3); /* from port 0 */
	assert_int_equal(atomic_load(&w->counter[DNS_ANSWERS_OTHER]), 1);
	world_free(w);
}

/* RFC 8945, 5.2.1 and 5.3.2: NOTAUTH, BADKEY, no MAC, the request's time. */
static void a_signed_query_is_refused_with_badkey(void **state)
{
	static const char query[] = "\xab\xcd\0\0\0\1\0\0\0\0\0\1\1e\0\0\1\0\1"
				    "\1k\0\0\xfa\0\xff\0\0\0\0\0\x15\1h\0\0\0\0\0\0\1\1\x2c\0\2\xab"
				    "\xcd\xab\xcd\0\0\0\0";
	static const char reply[] =
		"\xab\xcd\x80\x09\0\1\0\0\0\0\0\1\1e\0\0\1\0\1"
		"\1k\0\0\xfa\0\xff\0\0\0\0\0\x13\1h\0\0\0\0\0\0\1\1\x2c\0\0\xab\xcd\0\x11\0\0";
	struct world *w = open_world();

	(void)state;
	assert_int_equal(ask_octets(w, query, sizeof query - 1), sizeof reply - 1);
	assert_memory_equal(w->reply, reply, sizeof reply - 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_exactly_is_not_truncated),
		cmocka_unit_test(a_truncated_reply_is_empty_and_the_rest_comes_over_tcp),
		cmocka_unit_test(glue_below_the_cut_must_fit),
		cmocka_unit_test(other_addresses_may_be_left_out),
		cmocka_unit_test(long_replies_are_compressed_within_reach),
		cmocka_unit_test(compression_does_not_mind_case),
		cmocka_unit_test(opt_repeats_what_it_must),
		cmocka_unit_test(errors_repeat_what_can_be_repeated),
		cmocka_unit_test(a_signed_query_is_refused_with_badkey),
	};

	TEST_MAIN(tests);
}
