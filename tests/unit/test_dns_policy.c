/* dns/respond.c and dns/chaos.c: what the section `dns` of the configuration makes of a query. */
#include "tests/unit/dns_fixture.h"

#define NOW_S       1700000000u /* of the fixture */
#define BADCOOKIE   23u
#define OPTIONS_MAX 256u

struct options {
	uint8_t data[OPTIONS_MAX];
	size_t size;
};

static void add_option(struct options *o, uint16_t code, const void *data, size_t size)
{
	store_u16(o->data + o->size, code);
	store_u16(o->data + o->size + 2, (uint16_t)size);
	if (size > 0)
		memcpy(o->data + o->size + 4, data, size);
	o->size += 4 + size;
}

static const struct conf_secrets secrets = {.secret = {{{1, 2, 3}}}, .count = 1};
static const uint8_t client_part[COOKIE_CLIENT_SIZE] = {9, 8, 7, 6, 5, 4, 3, 2};

static struct conf_dns usual(void)
{
	return (struct conf_dns){.udp_payload = 1232,
		.client_subnet = true,
		.nsid = "",
		.version = "",
		.cookies = COOKIES_ANSWER,
		.slip = 2};
}

/* Borrows `conf`. */
static struct world *open_world(const struct conf_dns *conf, struct rate_limit *rate)
{
	struct world *w = world_new();

	world_zone(
		w, "e.test.", "$TTL 60\n@ SOA ns h 1 1 1 1 60\n@ NS ns.test.\nwww A 192.0.2.1\n");
	world_open(w, NULL);
	responder_configure(&w->responder, conf, &secrets, rate);
	return w;
}

/* Ask www.e.test A with these options in OPT; NULL is a query without OPT. */
static void ask(struct world *w, const char *from, const struct options *o, bool tcp)
{
	struct hostport source = {.port = 4096};
	uint8_t packet[512];
	size_t size = packet_build(
		packet, "www.e.test.", "A", &(struct how){.edns = o != NULL ? 1232 : 0});

	if (o != NULL) {
		store_u16(packet + size - 2, (uint16_t)o->size);
		memcpy(packet + size, o->data, o->size);
		size += o->size;
	}
	assert_int_equal(addr_parse(from, &source.addr), 0);
	w->length = respond(&w->responder, packet, size, &source, tcp, w->reply);
}

static unsigned rcode(const struct world *w)
{
	return w->responder.reply.rcode;
}

static unsigned answers(const struct world *w)
{
	return load_u16(w->reply + 6);
}

/* The reply's cookie; NULL when there is none. */
static const uint8_t *cookie_of(const struct world *w)
{
	uint16_t size;
	const uint8_t *p = reply_option(w->reply, w->length, 10, &size);

	assert_true(p == NULL || size == COOKIE_SIZE);
	return p;
}

/* A cookie that the server would take from `client`, as an option. */
static struct options good_cookie(const struct world *w, const char *client)
{
	struct options o = {.size = 0};
	uint8_t cookie[COOKIE_SIZE];
	struct addr a;

	assert_int_equal(addr_parse(client, &a), 0);
	cookie_make(&w->responder.cookies, client_part, &a, NOW_S, cookie);
	add_option(&o, 10, cookie, sizeof cookie);
	return o;
}

/* ---- cookies ---- */

enum sent { SENT_NONE, SENT_NEW, SENT_WRONG, SENT_GOOD };

struct cookie_case {
	enum cookie_policy policy;
	enum sent sent;
	bool tcp;
	unsigned rcode;
	bool answered, given; /* a cookie goes back */
};

/* RFC 7873, 5.2.1 to 5.2.5. */
static const struct cookie_case cookies[] = {
	{COOKIES_IGNORE, SENT_GOOD, false, 0, true, false},
	{COOKIES_IGNORE, SENT_NEW, false, 0, true, false},
	{COOKIES_ANSWER, SENT_NONE, false, 0, true, false},
	{COOKIES_ANSWER, SENT_NEW, false, 0, true, true},
	{COOKIES_ANSWER, SENT_WRONG, false, 0, true, true},
	{COOKIES_ANSWER, SENT_GOOD, false, 0, true, true},
	{COOKIES_REQUIRE, SENT_NONE, false, 0, true, false},
	{COOKIES_REQUIRE, SENT_NEW, false, BADCOOKIE, false, true},
	{COOKIES_REQUIRE, SENT_WRONG, false, BADCOOKIE, false, true},
	{COOKIES_REQUIRE, SENT_GOOD, false, 0, true, true},
	{COOKIES_REQUIRE, SENT_NEW, true, 0, true, true},
	{COOKIES_REQUIRE, SENT_WRONG, true, 0, true, true},
};

static void cookies_are_answered_as_the_policy_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cookies); i++) {
		const struct cookie_case *c = &cookies[i];
		struct conf_dns conf = usual();
		struct world *w;
		struct options o;

		conf.cookies = c->policy;
		w = open_world(&conf, NULL);
		o = good_cookie(w, "192.0.2.200");
		if (c->sent == SENT_NONE)
			o.size = 0;
		if (c->sent == SENT_NEW)
			o.size = 0, add_option(&o, 10, client_part, sizeof client_part);
		if (c->sent == SENT_WRONG)
			o.data[o.size - 1] ^= 1;
		ask(w, "192.0.2.200", &o, c->tcp);
		if (rcode(w) != c->rcode || (answers(w) > 0) != c->answered ||
			(cookie_of(w) != NULL) != c->given)
			fail_msg("case %zu: rcode %u, %u answers", i, rcode(w), answers(w));
		if (c->given && memcmp(cookie_of(w), client_part, sizeof client_part) != 0)
			fail_msg("case %zu: not this client's cookie", i);
		world_free(w);
	}
}

static void a_good_cookie_goes_back_as_it_came(void **state)
{
	struct conf_dns conf = usual();
	struct world *w = open_world(&conf, NULL);
	struct options o = good_cookie(w, "192.0.2.200");

	(void)state;
	ask(w, "192.0.2.200", &o, false);
	assert_memory_equal(cookie_of(w), o.data + 4, COOKIE_SIZE);
	assert_int_equal(atomic_load(&w->counter[DNS_COOKIES_GOOD]), 1);
	ask(w, "192.0.2.201", &o, false); /* stolen */
	assert_memory_not_equal(cookie_of(w), o.data + 4, COOKIE_SIZE);
	assert_int_equal(atomic_load(&w->counter[DNS_COOKIES_WRONG]), 1);
	w->responder.facts.now_s = NOW_S + COOKIE_RENEW_S + 1;
	ask(w, "192.0.2.200", &o, false);
	assert_int_equal(answers(w), 1);
	assert_int_equal(load_u32(cookie_of(w) + 12), NOW_S + COOKIE_RENEW_S + 1);
	assert_int_equal(atomic_load(&w->counter[DNS_COOKIES_GOOD]), 2);
	world_free(w);
}

/* ---- the rate limit ---- */

/* How 1000 queries at one moment are answered: in full, truncated, with BADCOOKIE; the rest not at
 * all. */
struct outcome {
	unsigned full, truncated, bad;
};

static struct outcome flood(struct world *w, const struct options *o, bool tcp)
{
	struct outcome got = {0};

	for (unsigned i = 0; i < 1000; i++) {
		ask(w, "192.0.2.200", o, tcp);
		if (w->length == 0)
			continue;
		got.full += answers(w) > 0;
		got.truncated += (w->reply[2] & 2) != 0;
		got.bad += rcode(w) == BADCOOKIE;
	}
	return got;
}

static void above_the_limit_one_in_slip_is_truncated(void **state)
{
	static const struct {
		uint16_t slip;
		unsigned least, most;
	} cases[] = {{0, 0, 0}, {1, 990, 990}, {2, 400, 590}, {10, 50, 150}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct conf_dns conf = usual();
		struct rate_limit *r = rate_limit_new(10);
		struct world *w;
		struct outcome got;

		conf.slip = cases[i].slip;
		conf.per_second = 10;
		w = open_world(&conf, r);
		got = flood(w, NULL, false);
		assert_int_equal(got.full, 10);
		assert_int_equal(got.bad, 0);
		assert_in_range(got.truncated, cases[i].least, cases[i].most);
		assert_int_equal(w->responder.limited, 990);
		assert_int_equal(atomic_load(&w->counter[DNS_RATE_SLIPPED]), got.truncated);
		assert_int_equal(atomic_load(&w->counter[DNS_RATE_WITHHELD]), 990 - got.truncated);
		world_free(w);
		rate_limit_free(r);
	}
}

static void a_slipped_reply_with_a_clients_cookie_is_badcookie(void **state)
{
	struct conf_dns conf = usual();
	struct rate_limit *r = rate_limit_new(10);
	struct world *w;
	struct options o = {.size = 0};
	struct outcome got;

	(void)state;
	conf.slip = 1;
	w = open_world(&conf, r);
	add_option(&o, 10, client_part, sizeof client_part);
	got = flood(w, &o, false);
	assert_int_equal(got.full, 10);
	assert_int_equal(got.truncated, 0);
	assert_int_equal(got.bad, 990);
	assert_non_null(cookie_of(w));
	world_free(w);
	rate_limit_free(r);
}

static void tcp_good_cookies_and_exempt_networks_are_not_limited(void **state)
{
	struct conf_exempt exempt = {.prefix = {{FAMILY_IPV4, {192, 0, 2, 128}}, 25}};
	struct conf_dns conf = usual();
	struct rate_limit *r = rate_limit_new(10);
	struct world *w = open_world(&conf, r);
	struct options o = good_cookie(w, "192.0.2.200");

	(void)state;
	assert_int_equal(flood(w, NULL, true).full, 1000);
	assert_int_equal(flood(w, &o, false).full, 1000);
	o.data[o.size - 1] ^= 1;
	assert_int_equal(flood(w, &o, false).full, 10);
	conf.exempt = &exempt;
	conf.exempt_count = 1;
	assert_int_equal(flood(w, NULL, false).full, 1000);
	world_free(w);
	rate_limit_free(r);
}

/* ---- who the server is ---- */

static const struct conf_dns named = {
	.udp_payload = 1232, .client_subnet = true, .nsid = "ns 1", .version = "2.0"};

static void nsid_is_told_to_who_asks(void **state)
{
	static const char *const names[] = {"ns 1", ""};
	struct options o = {.size = 0};
	const uint8_t *p;
	uint16_t size = 0;

	(void)state;
	add_option(&o, 3, "ignored", 7);
	for (size_t i = 0; i < COUNT(names); i++) {
		struct conf_dns conf = named;
		struct world *w;

		conf.nsid = names[i];
		w = open_world(&conf, NULL);
		ask(w, "192.0.2.200", &o, false);
		p = reply_option(w->reply, w->length, 3, &size);
		assert_int_equal(p != NULL, *names[i] != '\0');
		if (p != NULL) {
			assert_int_equal(size, strlen(names[i]));
			assert_memory_equal(p, names[i], size);
		}
		ask(w, "192.0.2.200", &(struct options){.size = 0}, false);
		assert_null(reply_option(w->reply, w->length, 3, &size));
		world_free(w);
	}
}

struct chaos_case {
	const char *name; /* wire */
	uint8_t type;
	const char *text; /* NULL: refused */
};

static const struct chaos_case chaos[] = {
	{"\2id\6server", 16, "ns 1"},
	{"\2ID\6SerVer", 16, "ns 1"},
	{"\2id\6server", 255, "ns 1"},
	{"\10hostname\4bind", 16, "ns 1"},
	{"\7version\4bind", 16, "2.0"},
	{"\7version\6server", 16, "2.0"},
	{"\7version\6server", 1, NULL},
	{"\7authors\4bind", 16, NULL},
	{"\4bind", 16, NULL},
	{"", 16, NULL},
	{"\1x\7version\4bind", 16, NULL},
};

static size_t chaos_packet(uint8_t *out, const struct chaos_case *c)
{
	size_t size = strlen(c->name) + 1;

	memcpy(out, "\x12\x34\0\0\0\1\0\0\0\0\0\0", 12);
	memcpy(out + 12, c->name, size);
	memcpy(out + 12 + size, (uint8_t[]){0, c->type, 0, 3}, 4);
	return 12 + size + 4;
}

static void class_ch_says_who_the_server_is(void **state)
{
	const struct hostport source = {
		.port = 53, .addr = {.family = FAMILY_IPV4, .bytes = {192, 0, 2, 1}}};
	struct world *w = open_world(&named, NULL);

	(void)state;
	for (size_t i = 0; i < COUNT(chaos); i++) {
		const struct chaos_case *c = &chaos[i];
		uint8_t packet[64], expected[64];
		size_t size = chaos_packet(packet, c), at = size;

		w->length = respond(&w->responder, packet, size, &source, false, w->reply);
		memcpy(expected, packet, size);
		if (c->text == NULL) {
			memcpy(expected + 2, "\x80\5", 2); /* QR, REFUSED */
		} else { /* QR and AA; one answer: pointer, TXT, CH, TTL 0, one string */
			memcpy(expected + 2, "\x84\0\0\1\0\1", 6);
			memcpy(expected + at, "\xc0\x0c\0\x10\0\3\0\0\0\0\0", 11);
			expected[at + 11] = (uint8_t)(strlen(c->text) + 1);
			expected[at + 12] = (uint8_t)strlen(c->text);
			memcpy(expected + at + 13, c->text, strlen(c->text));
			size += 13 + strlen(c->text);
		}
		if (w->length != size || memcmp(w->reply, expected, size) != 0)
			fail_msg("case %zu: another reply of %zu octets", i, w->length);
	}
	world_free(w);
}

/* The longest question with every option there is goes into 512 octets. */
static void every_option_fits_the_smallest_reply(void **state)
{
	char nsid[CONF_TEXT_MAX + 1] = "", name[256] = "";
	struct conf_dns conf = usual();
	const struct hostport source = {
		.port = 53, .addr = {.family = FAMILY_IPV4, .bytes = {192, 0, 2, 1}}};
	struct options o = {.size = 0};
	uint8_t packet[600], subnet[20] = {0, 2, 128};
	struct world *w;
	uint16_t size;
	size_t length;

	(void)state;
	memset(nsid, 'n', sizeof nsid - 1);
	conf.nsid = nsid;
	w = open_world(&conf, NULL);
	for (unsigned i = 0; i < 253; i++)
		name[i] = i % 64 == 63 ? '.' : 'x';
	add_option(&o, 3, NULL, 0);
	add_option(&o, 8, subnet, sizeof subnet);
	add_option(&o, 10, client_part, sizeof client_part);
	length = packet_build(packet, name, "A", &(struct how){.edns = 512});
	store_u16(packet + length - 2, (uint16_t)o.size);
	memcpy(packet + length, o.data, o.size);
	w->length = respond(&w->responder, packet, length + o.size, &source, false, w->reply);
	assert_int_equal(rcode(w), RCODE_REFUSED);
	assert_in_range(w->length, 12 + 255 + 4 + 11, 512);
	assert_non_null(reply_option(w->reply, w->length, 3, &size));
	assert_int_equal(size, CONF_TEXT_MAX);
	assert_non_null(reply_option(w->reply, w->length, 8, &size));
	assert_non_null(cookie_of(w));
	assert_int_equal(reply_ede(w), 20);
	world_free(w);
}

static void errors_are_explained_to_edns_clients(void **state)
{
	static const struct {
		const char *name, *type;
		int code;
	} cases[] = {{"www.e.test.", "A", -1}, {"www.e.test.", "MX", -1}, {"e.test.", "AXFR", 21},
		{"e.test.", "IXFR", 21}, {"e.test.", "MAILA", 21}, {"other.test.", "A", 20}};
	struct conf_dns conf = usual();
	struct world *w = open_world(&conf, NULL);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		world_ask(w, cases[i].name, cases[i].type, &(struct how){.edns = 1232});
		if (reply_ede(w) != cases[i].code)
			fail_msg("%s %s: %d", cases[i].name, cases[i].type, reply_ede(w));
		world_ask(w, cases[i].name, cases[i].type, &(struct how){0});
		assert_int_equal(reply_ede(w), -1);
	}
	world_free(w);
}

static void answers_of_a_stale_zone_say_so(void **state)
{
	struct conf_dns conf = usual();
	struct world *w = open_world(&conf, NULL);
	const struct zone *stale[1];
	struct err e;

	(void)state;
	world_zone(
		w, "f.test.", "$TTL 60\n@ SOA ns h 1 1 1 1 60\n@ NS ns.test.\nwww A 192.0.2.2\n");
	dataset_clear(&w->data);
	assert_int_equal(dataset_build(&w->data, w->zone, w->zones, NULL, 0, &e), 0);
	stale[0] = w->zone[1];
	assert_int_equal(dataset_set_stale(&w->data, stale, 1, &e), 0);
	world_ask(w, "www.e.test.", "A", &(struct how){.edns = 1232});
	assert_int_equal(reply_ede(w), -1);
	world_ask(w, "www.f.test.", "A", &(struct how){.edns = 1232});
	assert_int_equal(reply_ede(w), 3);
	assert_int_equal(answers(w), 1);
	world_free(w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookies_are_answered_as_the_policy_says),
		cmocka_unit_test(a_good_cookie_goes_back_as_it_came),
		cmocka_unit_test(above_the_limit_one_in_slip_is_truncated),
		cmocka_unit_test(a_slipped_reply_with_a_clients_cookie_is_badcookie),
		cmocka_unit_test(tcp_good_cookies_and_exempt_networks_are_not_limited),
		cmocka_unit_test(nsid_is_told_to_who_asks),
		cmocka_unit_test(class_ch_says_who_the_server_is),
		cmocka_unit_test(every_option_fits_the_smallest_reply),
		cmocka_unit_test(errors_are_explained_to_edns_clients),
		cmocka_unit_test(answers_of_a_stale_zone_say_so),
	};

	TEST_MAIN(tests);
}
