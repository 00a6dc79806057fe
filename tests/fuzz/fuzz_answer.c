/*
 * The whole way from packet to reply on a rich zone. Whatever comes in: the reply parses in ldns, repeats id and question,
 * stays within its limit, and over UDP says TC when it left something out.
 *
 * The first octet of the input chooses transport and source; the rest is the packet.
 */
#include <ldns/ldns.h>

#include "base/wire.h"
#include "board/slots.h"
#include "dns/respond.h"
#include "geo/load.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char yaml[] =
	"listen: 127.0.0.1:53\nzones: zones\n"
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
	struct responder responder;
};

static void load_zone(struct world *w, size_t i, const char *text, size_t length)
{
	static const char *const pools[] = {"web", "gone", "closed"}, *const regions[] = {
									      "london", "newyork"};
	const struct zone_pools names = {pools, 3, regions, 2, false};
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
	text_free(&text);
	load_zone(w, 1, other, sizeof other - 1);
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
	CHECK(generation_build(w->conf, 1, slots, &board, NULL, &g, &e) == 0);
	w->view = view_new(w->conf);
	CHECK(w->view != NULL);
	view_build(w->view, g, &board, 1000, 0);
	generation_free(g, slots);
	slots_free(slots);
	board_destroy(&board);
	load_zones(w);
	w->data.conf = w->conf;
	w->data.steering = w->steering;
	w->data.geo = w->geo;
	CHECK(dname_from_text(broken, "broken.e.", NULL, &why) == 0);
	CHECK(dataset_build(&w->data, w->zone, 2, list, 1, &e) == 0);
	CHECK(responder_init(&w->responder, w->conf->pool_count, w->counter) == 0);
	w->responder.facts = (struct facts){&w->data, w->view, 1000};
	free(broken);
	return w;
}

static void check_reply(const struct world *w, const uint8_t *packet, const uint8_t *reply,
	size_t length, size_t limit)
{
	ldns_pkt *p = NULL;

	CHECK(length >= DNS_HEADER_SIZE && length <= limit);
	CHECK(memcmp(reply, packet, 2) == 0 && (reply[2] & 0x80) != 0);
	CHECK(memcmp(reply + 12, packet + 12, w->responder.query.question_size) == 0);
	CHECK((reply[2] & 2) == 0 || limit < REPLY_MAX); /* everything in the zone fits over TCP, */
	CHECK(ldns_wire2pkt(&p, reply, length) == LDNS_STATUS_OK);
	CHECK(ldns_pkt_size(p) == length);
	if ((reply[2] & 2) !=
		0) /* and a truncated reply is empty, or a referral without all its glue */
		CHECK(ldns_pkt_ancount(p) == 0 || ldns_pkt_nscount(p) > 0);
	ldns_pkt_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world *w;
	static uint8_t reply[REPLY_MAX];
	struct hostport source = {
		.port = 4096, .addr = {.family = FAMILY_IPV4, .bytes = {10, 1, 2, 3}}};
	uint8_t *packet;
	bool tcp;
	size_t length;

	if (w == NULL)
		w = build();
	if (size < 1)
		return 0;
	tcp = (data[0] & 1) != 0;
	source.addr.bytes[1] = data[0] >> 4;
	packet = malloc(size);
	CHECK(packet != NULL);
	memcpy(packet, data + 1, size - 1);
	length = respond(&w->responder, packet, size - 1, &source, tcp, reply);
	if (length > 0)
		check_reply(w, packet, reply, length, tcp ? REPLY_MAX : w->responder.query.payload);
	free(packet);
	return 0;
}
