/*
 * The whole way from packet to reply on a rich zone. Whatever comes in: the reply parses in ldns,
 * repeats id and question, stays within its limit, says TC over UDP when it left something out, and
 * says what the reference lookup says.
 *
 * The first octet of the input chooses transport (bit 0), required cookies (1), a client above the
 * rate limit (2) and the source (upper four); the rest is the packet.
 */
#include "base/wire.h"
#include "board/slots.h"
#include "dns/respond.h"
#include "geo/load.h"
#include "tests/fuzz/compare.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char yaml[] =
	"listen: 127.0.0.1:53\nzones: zones\n"
	"dns: {nsid: ns1, version: \"1\", cookies: {secret: e5e973e5a6b2a43f48e7dc849e37bfcf}}\n"
	"geo: {networks: {10.1.0.0/16: london, 10.2.0.0/20: newyork, \"2001:db8:1::/48\": "
	"london}}\n"
	"regions:\n  london: {serves: [GB]}\n  newyork: {serves: [default]}\n"
	"checks:\n  c: {tcp: {port: 80}}\n"
	"pools:\n"
	"  web:\n    steer: [geo, weighted]\n    answers: 16\n    endpoints:\n"
	"      a: {address: [192.0.2.1, \"2001:db8::1\"], region: london}\n"
	"      b: {address: 192.0.2.2, region: london, weight: 0}\n"
	"      c: {address: 192.0.2.3, region: newyork}\n"
	"  gone:\n    check: c\n    unknown: hold\n    when_all_down: nodata\n    endpoints:\n"
	"      a: {address: 192.0.2.4, region: london}\n"
	"  closed:\n    check: c\n    unknown: hold\n    when_all_down: refuse\n    endpoints:\n"
	"      a: {address: 192.0.2.5, region: london}\n";

static const char head[] =
	"$ORIGIN e.\n$TTL 60\n"
	"@ SOA ns h 1 1 1 1 60\n@ NS ns\n@ NS ns.x\n@ NS ns.other.\n@ MX 1 a\n@ MX 2 b.w\n@ 30 "
	"POOL web\n"
	"ns A 192.0.2.1\nns AAAA 2001:db8::1\na A 192.0.2.1\na A 192.0.2.2\na A 192.0.2.3\n"
	"p POOL web\nq POOL gone\nr POOL closed\nl POOL web region=london\nto-p CNAME p\nto-q "
	"CNAME q\nto-r CNAME r\n"
	"*.w A 192.0.2.4\n*.w TXT \"wild\"\n*.c CNAME a\n*.p POOL web\nb.x.w A 192.0.2.5\n"
	"c1 CNAME c2\nc2 CNAME c3\nc3 CNAME c4\nc4 CNAME c5\nc5 CNAME c6\nc6 CNAME a\n"
	"l1 CNAME l2\nl2 CNAME l1\nself CNAME self\nout CNAME a.other.\nin CNAME x.f\n"
	"d DNAME x\ng DNAME h.g\nt DNAME other.\nx.x A 192.0.2.9\n"
	"x NS ns.x\nx NS ns\nns.x A 192.0.2.6\nns.x AAAA 2001:db8::6\n"
	"_s._t SRV 1 2 3 a\n_s._t SRV 1 2 3 ns.x\nv CAA 0 issue \"ca\"\n";

static const char other[] = "$ORIGIN f.e.\n$TTL 60\n@ SOA ns.f.e. h 2 1 1 1 60\n@ NS ns.f.e.\nx A "
			    "192.0.2.11\n*.y CNAME a.e.\n";

struct world {
	struct conf *conf;
	struct dataset data;
	struct steering *steering;
	struct geo_table *geo;
	struct zone *zone[2];
	struct view *view;
	_Atomic uint64_t counter[DNS_COUNTER_COUNT];
	struct conf_dns dns[2]; /* as configured; cookies required */
	struct rate_limit *exhausted;
	struct responder responder;
	struct reference reference;
};

/* The client of an input: one of 16 networks. */
static struct hostport source_of(uint8_t first)
{
	struct hostport source = {
		.port = 4096, .addr = {.family = FAMILY_IPV4, .bytes = {10, 1, 2, 3}}};

	source.addr.bytes[1] = first >> 4;
	return source;
}

/* No client may have one more reply, and time stands still. */
static void exhaust(struct world *w)
{
	w->exhausted = rate_limit_new(1);
	CHECK(w->exhausted != NULL);
	for (unsigned i = 0; i < 16; i++) {
		struct hostport source = source_of((uint8_t)(i << 4));

		while (rate_limit_take(w->exhausted, &source.addr, 1000) != RATE_ABOVE)
			;
	}
}

static void load_zone(struct world *w, size_t i, const char *text, size_t length)
{
	static const char *const pools[] = {"web", "gone", "closed"}, *const regions[] = {
									      "london", "newyork"};
	const struct zone_pools names = {
		.pools = pools, .pool_count = 3, .regions = regions, .region_count = 2};
	struct report report = {0};

	(void)zone_parse(text, length, -1, "fuzz.zone", ".", &names, &w->zone[i], &report);
	for (size_t k = 0; k < report.count; k++) {
		if (report.items[k].severity == SEVERITY_ERROR)
			(void)fprintf(
				stderr, "%u: %s\n", report.items[k].line, report.items[k].text);
	}
	CHECK(report.errors == 0);
	report_free(&report);
}

/* The zone has sets that fit nowhere, or only over TCP. */
static void load_zones(struct world *w)
{
	struct text text = {0};

	text_puts(&text, head);
	for (unsigned i = 0; i < 100; i++) {
		text_printf(&text,
			"many A 198.51.100.%u\nnsmany NS ns%u.nsmany\nns%u.nsmany A "
			"198.51.100.%u\n",
			i, i, i, i);
		text_printf(&text,
			"big TXT \"%0200u\"\nhosts MX %u h%u.some.where.deep\nh%u.some.where.deep "
			"A 203.0.113.%u\n",
			i, i, i, i, i);
	}
	for (unsigned i = 0; i < 1000; i++)
		text_printf(&text, "huge PTR host-%u.with.a.long.name.that.repeats.%u.other.\n", i,
			i % 7);
	CHECK(!text.failed);
	load_zone(w, 0, text.data, text.length);
	reference_load(&w->reference.zone[0], text.data, ".");
	text_free(&text);
	load_zone(w, 1, other, sizeof other - 1);
	reference_load(&w->reference.zone[1], other, ".");
	reference_name(&w->reference.zone[2].apex, (const uint8_t *)"\6broken\1e");
	w->reference.zone[2].broken = true;
	w->reference.count = 3;
}

static struct world *build(void)
{
	struct world *w = calloc(1, sizeof *w);
	struct report report = {0};
	struct geo_loaded loaded[CONF_DATABASES_MAX];
	const int none[CONF_DATABASES_MAX] = {0};
	struct generation *g;
	struct slots *slots;
	struct board board;
	struct dname *broken = malloc(sizeof *broken);
	const struct dname *list[1] = {broken};
	const char *why;
	struct err e;

	CHECK(w != NULL && broken != NULL);
	CHECK(conf_parse("fuzz.yaml", yaml, sizeof yaml - 1, &w->conf, &report) == 0);
	report_free(&report);
	CHECK(steer_compile(w->conf, &w->steering, &e) == 0);
	CHECK(geo_load(w->conf, none, &w->geo, loaded, &e) == 0);
	CHECK(board_create_private(&board, &e) == 0);
	slots = slots_new(&board);
	CHECK(slots != NULL);
	CHECK(generation_build(w->conf, 1, slots, &g, &e) == 0);
	w->view = view_new_laid_out(w->steering, VIEW_FOR_DNS);
	CHECK(w->view != NULL);
	view_build(w->view, g, &board, 1000);
	generation_free(g, slots);
	slots_free(slots);
	board_destroy(&board);
	load_zones(w);
	w->data.conf = w->conf;
	w->data.steering = w->steering;
	w->data.geo = w->geo;
	CHECK(dname_from_text(broken, "broken.e.", NULL, &why) == 0);
	CHECK(dataset_build(&w->data, w->zone, 2, list, 1, &e) == 0);
	CHECK(responder_init(&w->responder, w->steering, w->counter) == 0);
	w->responder.facts = (struct facts){
		.data = &w->data, .view = w->view, .now_ms = 1000, .now_s = 1700000000};
	w->dns[0] = w->dns[1] = w->conf->dns;
	w->dns[1].cookies = COOKIES_REQUIRE;
	exhaust(w);
	free(broken);
	return w;
}

/* What pools may say: "web" always has addresses, "gone" never, "closed" refuses; the latter two
 * have IPv4 alone. */
static bool check_steered(const struct ref_record *pool, uint16_t type, unsigned rcode,
	const struct ref_record *rest, size_t count)
{
	static const uint8_t four[3][4] = {{192, 0, 2, 1}, {192, 0, 2, 2}, {192, 0, 2, 3}};
	static const uint8_t six[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	const char *name = (const char *)pool->rdata + 1;

	if (strncmp(name, "web", 3) != 0)
		return count == 0 &&
		       rcode == (strncmp(name, "closed", 6) == 0 && type == TYPE_A ? RCODE_REFUSED
										   : RCODE_NOERROR);
	for (size_t i = 0; i < count; i++) {
		bool known = type == TYPE_AAAA && memcmp(rest[i].rdata, six, sizeof six) == 0;

		for (size_t k = 0; type == TYPE_A && k < 3; k++)
			known |= memcmp(rest[i].rdata, four[k], sizeof four[k]) == 0;
		if (!known)
			return false;
	}
	return rcode == RCODE_NOERROR && count > 0;
}

static void check_reply(const struct world *w, const uint8_t *packet, const uint8_t *reply,
	size_t length, size_t limit)
{
	const struct query *q = &w->responder.query;
	ldns_pkt *p = NULL;

	CHECK(length >= DNS_HEADER_SIZE && length <= limit);
	CHECK(memcmp(reply, packet, 2) == 0 && (reply[2] & 0x80) != 0);
	CHECK(memcmp(reply + 12, packet + 12, q->question_size) == 0);
	CHECK(ldns_wire2pkt(&p, reply, length) == LDNS_STATUS_OK);
	CHECK(ldns_pkt_size(p) == length);
	ldns_pkt_free(p);
	if (q->rcode == RCODE_NOERROR && q->question_size > 0 && q->class == DNS_CLASS_IN)
		compare_reply(&w->reference, reply, length, limit == REPLY_MAX, check_steered);
	else if (q->rcode != RCODE_NOERROR) /* an error says nothing else */
		CHECK((reply[2] & 2) == 0 && memcmp(reply + 6, "\0\0\0\0", 4) == 0);
}

/* The same input always gets the same reply. */
static void configure(struct world *w, uint8_t first)
{
	responder_configure(&w->responder, &w->dns[first >> 1 & 1], &w->conf->dns.secrets,
		(first & 4) != 0 ? w->exhausted : NULL);
	rng_seed(&w->responder.chance.rng, first);
	for (size_t i = 0; i < w->responder.chance.cursors.count; i++)
		atomic_store(&w->responder.chance.cursors.at[i], 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world *w;
	struct hostport source;
	uint8_t *packet, *reply; /* of exactly their size, so that one octet too far is seen */
	bool tcp;
	size_t length;

	if (w == NULL)
		w = build();
	if (size < 2)
		return 0;
	tcp = (data[0] & 1) != 0;
	source = source_of(data[0]);
	configure(w, data[0]);
	packet = malloc(size - 1);
	reply = malloc(tcp ? REPLY_MAX : w->conf->dns.udp_payload);
	CHECK(packet != NULL && reply != NULL);
	memcpy(packet, data + 1, size - 1);
	length = respond(&w->responder, packet, size - 1, &source, tcp, reply);
	if (length > 0)
		check_reply(w, packet, reply, length, tcp ? REPLY_MAX : w->responder.query.payload);
	free(packet);
	free(reply);
	return 0;
}
