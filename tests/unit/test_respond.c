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
		cmocka_unit_test(the_last_transfer_is_remembered_whatever_comes_behind_it),
	};

	TEST_MAIN(tests);
}
