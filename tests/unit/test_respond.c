/* dns/respond.c: what depends on the transport: the keepalive option (RFC 7828) and the size of a reply. */
#include "tests/unit/dns_fixture.h"

#define HEADER   "\x12\x34\0\0\0\1\0\0\0\0\0"
#define QUESTION "\3www\1e\4test\0\0\1\0\1"
#define OPT      "\0\0\x29\x04\xd0\0\0\0\0"

static struct world *open_world(const char *more)
{
	struct world *w = world_new();
	struct text t = {0};

	text_puts(&t, "$TTL 60\n@ SOA ns h 1 1 1 1 60\n@ NS ns.test.\nwww A 192.0.2.1\n");
	text_puts(&t, more);
	world_zone(w, "e.test.", t.data);
	text_free(&t);
	world_open(w, NULL);
	return w;
}

struct option_case {
	const char *what;
	const char *query; /* what follows the fixed part of OPT */
	size_t query_size;
	bool tcp;
	unsigned rcode;
	const char *reply; /* likewise */
	size_t reply_size;
};

#define TEXT(s) s, sizeof(s) - 1

/* Expected: RFC 7828, 3.1 (form, 100 ms), 3.2.1 (a client sends no timeout), 3.3.1 (ignored over UDP). */
static const struct option_case options[] = {
	{"not asked for", TEXT("\0\0"), true, 0, TEXT("\0\0")},
	{"asked for", TEXT("\0\4\0\xb\0\0"), true, 0, TEXT("\0\6\0\xb\0\2\0\x64")},
	{"asked for twice", TEXT("\0\x8\0\xb\0\0\0\xb\0\0"), true, 0, TEXT("\0\6\0\xb\0\2\0\x64")},
	{"with a timeout", TEXT("\0\6\0\xb\0\2\0\1"), true, 1, TEXT("\0\6\0\xb\0\2\0\x64")},
	{"with an odd length", TEXT("\0\5\0\xb\0\1\0"), true, 1, TEXT("\0\6\0\xb\0\2\0\x64")},
	{"over UDP", TEXT("\0\4\0\xb\0\0"), false, 0, TEXT("\0\0")},
	{"over UDP with a timeout", TEXT("\0\6\0\xb\0\2\0\1"), false, 0, TEXT("\0\0")},
};

static void keepalive_is_told_over_tcp_to_who_asks(void **state)
{
	const struct hostport source = {
		.port = 53, .addr = {.family = FAMILY_IPV4, .bytes = {192, 0, 2, 1}}};
	struct world *w = open_world("");

	(void)state;
	w->responder.keepalive_ds = 100;
	for (size_t i = 0; i < COUNT(options); i++) {
		const struct option_case *c = &options[i];
		static const char head[] = HEADER "\1" QUESTION OPT;
		uint8_t packet[128];

		memcpy(packet, head, sizeof head - 1);
		memcpy(packet + sizeof head - 1, c->query, c->query_size);
		w->length = respond(&w->responder, packet, sizeof head - 1 + c->query_size, &source,
			c->tcp, w->reply);
		if ((w->reply[3] & 15u) != c->rcode)
			fail_msg("%s: rcode %u", c->what, w->reply[3] & 15u);
		if (w->length < c->reply_size ||
			memcmp(w->reply + w->length - c->reply_size, c->reply, c->reply_size) != 0)
			fail_msg("%s: not the options expected", c->what);
	}
	world_free(w);
}

/* Three labels of 63 octets: 192 in wire form, and nothing to compress but what follows. */
static void long_name(struct text *t, char letter)
{
	for (unsigned i = 0; i < 3 * 63; i++)
		text_printf(t, "%s%c", i > 0 && i % 63 == 0 ? "." : "", letter);
}

/* RDATA of `size` octets: character-strings of 255 and a rest (RFC 1035, 3.3.14). */
static void big_rdata(struct text *t, size_t size)
{
	for (size_t part; size > 0; size -= part) {
		part = size > 256 ? 256 : size;
		text_puts(t, " \"");
		for (size_t i = 1; i < part; i++)
			text_puts(t, "x");
		text_puts(t, "\"");
	}
	text_puts(t, "\n");
}

/* a → x… → y… → z…, which has the TXT. */
static struct world *open_chain(size_t rdata)
{
	static const char letters[] = "xyz";
	struct text t = {0};
	struct world *w;

	text_puts(&t, "a CNAME ");
	for (const char *p = letters; *p != '\0'; p++) {
		long_name(&t, *p);
		text_puts(&t, "\n");
		long_name(&t, *p);
		text_puts(&t, p[1] != '\0' ? " CNAME " : " TXT");
	}
	big_rdata(&t, rdata);
	w = open_world(t.data);
	text_free(&t);
	return w;
}

static void a_reply_over_tcp_has_up_to_65535_octets(void **state)
{
	/* header; question; three CNAMEs: pointer, type, class, TTL, RDLENGTH, labels and a pointer; TXT */
	const size_t head = 12 + 10 + 4, room = 65535 - head - 3 * (12 + 192 + 2) - 12;

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		struct world *w = open_chain(room + more);

		world_ask(w, "a.e.test.", "TXT", &(struct how){.tcp = true});
		assert_int_equal(w->length, more == 0 ? 65535 : head);
		assert_int_equal(
			w->reply[2] & 2, more == 0 ? 0 : 2); /* TC: there is no other way */
		assert_int_equal(load_u16(w->reply + 6), more == 0 ? 4 : 0);
		world_free(w);
	}
}

/* ---- an OPT for an OPT ---- */

#define Q_WWW "\3www\1e\4test\0"
#define Q_A   Q_WWW "\0\1\0\1"
#define OPT_END                                                                                    \
	"\0\x0c\0\x0a\0\x08"                                                                       \
	"abcdefgh" /* RDLENGTH, a cookie */
#define OPT_OK OPT OPT_END
#define RR_A   "\xc0\x0c\0\1\0\1\0\0\0\0\0\4\1\2\3\4"
#define TSIG   "\1k\0\0\xfa\0\xff\0\0\0\0\0\x15\1h\0\0\0\0\0\0\1\1\x2c\0\2\xab\xcd\x12\x34\0\0\0\0"

struct opt_case {
	const char *what;
	uint8_t opcode;
	uint8_t count[4]; /* of the sections */
	const char *body;
	size_t size;
	unsigned rcode;
	bool cookie; /* its options could be read, and no TSIG comes behind them in the reply */
};

static const struct opt_case with_opt[] = {
	{"an answer", 0, {1, 0, 0, 1}, TEXT(Q_A OPT_OK), 0, true},
	{"no such name", 0, {1, 0, 0, 1}, TEXT("\1x\1e\4test\0\0\1\0\1" OPT_OK), 3, true},
	{"no question", 0, {0, 0, 0, 1}, TEXT(OPT "\0\0"), 1, false},
	{"two questions", 0, {2, 0, 0, 1}, TEXT(Q_A Q_A OPT_OK), 1, true},
	{"a pointer in the question", 0, {1, 0, 0, 1}, TEXT("\xc0\x0c\0\1\0\1" OPT_OK), 1, true},
	{"an answer in a query", 0, {1, 1, 0, 1}, TEXT(Q_A RR_A OPT_OK), 1, true},
	{"authority in a query", 0, {1, 0, 1, 1}, TEXT(Q_A RR_A OPT_OK), 1, true},
	{"octets behind the last record", 0, {1, 0, 0, 1}, TEXT(Q_A OPT_OK "x"), 1, true},
	{"a record that is not there", 0, {1, 0, 0, 2}, TEXT(Q_A OPT_OK), 1, true},
	{"a cookie of 3 octets", 0, {1, 0, 0, 1}, TEXT(Q_A OPT "\0\7\0\x0a\0\3xyz"), 1, false},
	{"an option cut short", 0, {1, 0, 0, 1}, TEXT(Q_A OPT "\0\5\0\x0a\0\x08x"), 1, false},
	{"an unknown family of subnets", 0, {1, 0, 0, 1}, TEXT(Q_A OPT "\0\x8\0\x8\0\4\0\x63\0\0"),
		1, false},
	{"two OPT", 0, {1, 0, 0, 2}, TEXT(Q_A OPT_OK OPT_OK), 1, true},
	{"OPT with a name", 0, {1, 0, 0, 1}, TEXT(Q_A "\1x" OPT_OK), 1, true},
	{"TSIG before OPT", 0, {1, 0, 0, 2}, TEXT(Q_A TSIG OPT_OK), 1, false},
	{"a broken TSIG before OPT", 0, {1, 0, 0, 2},
		TEXT(Q_A "\0\0\xfa\0\xff\0\0\0\0\0\1x" OPT_OK), 1, true},
	{"TSIG", 0, {1, 0, 0, 2}, TEXT(Q_A OPT_OK TSIG), 9, false},
	{"version 1", 0, {1, 0, 0, 1}, TEXT(Q_A "\0\0\x29\4\xd0\0\1\0\0\0\0"), 16, false},
	{"version 1 of an update", 5, {1, 0, 0, 1}, TEXT(Q_A "\0\0\x29\4\xd0\0\1\0\0\0\0"), 16,
		false},
	{"class HS", 0, {1, 0, 0, 1}, TEXT(Q_WWW "\0\1\0\4" OPT_OK), 5, true},
	{"a name of class CH that is not told", 0, {1, 0, 0, 1}, TEXT(Q_WWW "\0\x10\0\3" OPT_OK), 5,
		true},
	{"not our zone", 0, {1, 0, 0, 1}, TEXT("\1x\0\0\1\0\1" OPT_OK), 5, true},
	{"AXFR", 0, {1, 0, 0, 1}, TEXT(Q_WWW "\0\xfc\0\1" OPT_OK), 5, true},
	{"IXFR with its SOA", 0, {1, 0, 1, 1}, TEXT(Q_WWW "\0\xfb\0\1" RR_A OPT_OK), 5, true},
	{"IXFR with an answer", 0, {1, 1, 0, 1}, TEXT(Q_WWW "\0\xfb\0\1" RR_A OPT_OK), 1, true},
	{"type 0", 0, {1, 0, 0, 1}, TEXT(Q_WWW "\0\0\0\1" OPT_OK), 1, true},
	{"type MAILB", 0, {1, 0, 0, 1}, TEXT(Q_WWW "\0\xfd\0\1" OPT_OK), 4, true},
	{"a DNAME's name that grows too long", 0, {1, 0, 0, 1}, NULL, 0, 6, true},
	{"NOTIFY with its SOA", 4, {1, 1, 0, 1}, TEXT(Q_WWW "\0\6\0\1" RR_A OPT_OK), 4, true},
	{"UPDATE with all sections", 5, {1, 1, 2, 1}, TEXT(Q_WWW "\0\6\0\1" RR_A RR_A RR_A OPT_OK),
		4, true},
	{"UPDATE with TSIG", 5, {1, 0, 0, 2}, TEXT(Q_WWW "\0\6\0\1" OPT_OK TSIG), 4, true},
	{"IQUERY", 1, {0, 1, 0, 1}, TEXT("\0\0\1\0\1\0\0\0\0\0\4\1\2\3\4" OPT_OK), 4, true},
	{"STATUS with OPT alone", 2, {0, 0, 0, 1}, TEXT(OPT_OK), 4, true},
	{"an opcode and options that cannot be read", 3, {0, 0, 0, 1},
		TEXT(OPT "\0\5\0\x0a\0\x08x"), 4, false},
};

/* The rcode of all twelve bits and whether there is an OPT, with the rest of what it must have. */
static void expect_opt(
	struct world *w, const char *what, uint8_t opcode, unsigned rcode, bool cookie)
{
	ldns_pkt *p = NULL;
	uint16_t size;

	if (ldns_wire2pkt(&p, w->reply, w->length) != LDNS_STATUS_OK)
		fail_msg("%s: no reply that can be read", what);
	if (!ldns_pkt_edns(p) || ldns_pkt_edns_version(p) != 0)
		fail_msg("%s: no OPT", what);
	if (((unsigned)ldns_pkt_edns_extended_rcode(p) << 4 | (unsigned)ldns_pkt_get_rcode(p)) !=
		rcode)
		fail_msg("%s: rcode %u", what, (unsigned)ldns_pkt_get_rcode(p));
	if ((w->reply[2] >> 3 & 15) != opcode || !ldns_pkt_qr(p))
		fail_msg("%s: not a reply to it", what);
	ldns_pkt_free(p);
	if (cookie && reply_option(w->reply, w->length, 10, &size) == NULL)
		fail_msg("%s: no cookie", what);
}

static size_t put_case(uint8_t *packet, const struct opt_case *c)
{
	uint8_t *p = packet;

	memset(packet, 0, 12);
	packet[2] = (uint8_t)(c->opcode << 3);
	for (unsigned i = 0; i < 4; i++)
		packet[5 + 2 * i] = c->count[i];
	p += 12;
	if (c->body != NULL) {
		memcpy(p, c->body, c->size);
		return 12 + c->size;
	}
	for (unsigned i = 0; i < 3; i++, p += 64) {
		memset(p, 'x', 64);
		p[0] = 63;
	}
	memcpy(p, "\1d\1e\4test\0\0\1\0\1" OPT_OK, 14 + sizeof OPT_OK - 1);
	return (size_t)(p - packet) + 14 + sizeof OPT_OK - 1;
}

static void every_reply_to_edns_has_an_opt(void **state)
{
	const struct hostport source = {
		.port = 53, .addr = {.family = FAMILY_IPV4, .bytes = {192, 0, 2, 1}}};
	static const struct conf_secrets secrets = {.count = 1};
	struct world *w;
	struct conf_dns conf;
	struct text more = {0};
	uint8_t packet[512];

	(void)state;
	text_puts(&more, "d DNAME ");
	long_name(&more, 'y');
	text_puts(&more, "\n");
	w = open_world(more.data);
	text_free(&more);
	conf = *w->responder.conf;
	conf.cookies = COOKIES_ANSWER;
	responder_configure(&w->responder, &conf, &secrets, NULL);
	for (size_t i = 0; i < COUNT(with_opt); i++) {
		const struct opt_case *c = &with_opt[i];
		size_t size = put_case(packet, c);

		for (unsigned tcp = 0; tcp < 2; tcp++) {
			w->length =
				respond(&w->responder, packet, size, &source, tcp != 0, w->reply);
			expect_opt(w, c->what, c->opcode, c->rcode, c->cookie);
		}
	}
	for (uint8_t opcode = 0; opcode < 16; opcode++) {
		const struct opt_case c = {"", opcode, {1, 0, 0, 1}, TEXT(Q_A OPT_OK), 0, true};

		w->length = respond(
			&w->responder, packet, put_case(packet, &c), &source, false, w->reply);
		expect_opt(w, "an opcode", opcode, opcode == 0 ? 0 : 4, true);
		/* and none for none */
		w->length = respond(
			&w->responder, packet, 12 + sizeof Q_A - 1, &source, false, w->reply);
		assert_int_equal(load_u16(w->reply + 10), 0);
	}
	world_free(w);
}

static void the_last_transfer_is_remembered_whatever_comes_behind_it(void **state)
{
	struct world *w = open_world("");

	(void)state;
	world_ask(w, "a.e.test.", "AXFR", &(struct how){.tcp = true});
	world_ask(w, "B.E.test.", "IXFR", &(struct how){.tcp = true});
	world_ask(w, "www.e.test.", "A", &(struct how){.tcp = true});
	assert_int_equal(w->responder.transfers, 2);
	assert_memory_equal(w->responder.transfer_last, "\1b\1e\4test", 10);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keepalive_is_told_over_tcp_to_who_asks),
		cmocka_unit_test(a_reply_over_tcp_has_up_to_65535_octets),
		cmocka_unit_test(every_reply_to_edns_has_an_opt),
		cmocka_unit_test(the_last_transfer_is_remembered_whatever_comes_behind_it),
	};

	TEST_MAIN(tests);
}
