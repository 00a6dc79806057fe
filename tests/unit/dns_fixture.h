/*
 * Questions and replies for the tests of dns/: a world of zones (and a configuration with pools, if wanted), a query
 * packet built from words, and the reply read by ldns, an independent decoder, as text.
 */
#ifndef TESTS_UNIT_DNS_FIXTURE_H
#define TESTS_UNIT_DNS_FIXTURE_H

#include "tests/unit/test.h"

#include <ldns/ldns.h>

#include "base/text.h"
#include "base/wire.h"
#include "board/slots.h"
#include "dns/respond.h"
#include "geo/load.h"

#define WORLD_ZONES_MAX 4

struct world {
	struct conf *conf;
	struct steering *steering;
	struct geo_table *geo;
	struct view *view;
	struct board board;
	struct slots *slots;
	struct generation *generation;
	struct zone *zone[WORLD_ZONES_MAX];
	size_t zones;
	struct dataset data;
	_Atomic uint64_t counter[DNS_COUNTER_COUNT];
	struct responder responder;
	uint8_t reply[REPLY_MAX];
	size_t length;
};

static inline void world_zone(struct world *w, const char *origin, const char *text)
{
	struct report report = {0};
	const char *pools[64], *regions[64];
	struct zone_pools names = {.any = w->conf == NULL};
	char message[ERR_FILE_MAX + ERR_TEXT_MAX];

	if (w->conf != NULL) {
		for (size_t i = 0; i < w->conf->pool_count; i++)
			pools[i] = w->conf->pools[i].name;
		for (size_t i = 0; i < w->conf->region_count; i++)
			regions[i] = w->conf->regions[i].name;
		names = (struct zone_pools){.pools = pools,
			.pool_count = w->conf->pool_count,
			.regions = regions,
			.region_count = w->conf->region_count};
	}
	if (zone_parse(text, strlen(text), -1, "test.zone", origin, &names, &w->zone[w->zones],
		    &report) < 0) {
		err_format(&report.items[0], message, sizeof message);
		fail_msg("%s", message);
	}
	report_free(&report);
	w->zones++;
}

/* A configuration from YAML; before the zones. Every verdict is unknown. */
static inline void world_conf(struct world *w, const char *yaml)
{
	struct report report = {0};
	struct geo_loaded loaded[CONF_DATABASES_MAX];
	const int none[CONF_DATABASES_MAX] = {0};
	char message[ERR_FILE_MAX + ERR_TEXT_MAX];
	struct err e;

	if (conf_parse("test.yaml", yaml, strlen(yaml), &w->conf, &report) < 0) {
		err_format(&report.items[0], message, sizeof message);
		fail_msg("%s", message);
	}
	report_free(&report);
	assert_int_equal(steer_compile(w->conf, &w->steering, &e), 0);
	assert_int_equal(geo_load(w->conf, none, &w->geo, loaded, &e), 0);
	assert_int_equal(board_create_private(&w->board, &e), 0);
	w->slots = slots_new(&w->board);
	assert_int_equal(generation_build(w->conf, 1, w->slots, &w->generation, &e), 0);
	w->view = view_new_laid_out(w->steering, VIEW_FOR_ALL);
	assert_non_null(w->view);
	view_build(w->view, w->generation, &w->board, 1000);
}

/* After conf and zones. `broken` may be NULL. */
static inline void world_open(struct world *w, const struct dname *broken)
{
	struct err e;

	w->data.conf = w->conf;
	w->data.steering = w->steering;
	w->data.geo = w->geo;
	assert_int_equal(
		dataset_build(&w->data, w->zone, w->zones, &broken, broken != NULL, &e), 0);
	assert_int_equal(responder_init(&w->responder, w->steering, w->counter), 0);
	w->responder.facts = (struct facts){
		.data = &w->data, .view = w->view, .now_ms = 1000, .now_s = 1700000000};
	rng_seed(&w->responder.chance.rng, 1);
}

static inline struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	return w;
}

static inline void world_free(struct world *w)
{
	dataset_clear(&w->data);
	responder_clear(&w->responder);
	for (size_t i = 0; i < w->zones; i++)
		zone_free(w->zone[i]);
	if (w->conf != NULL) {
		view_free(w->view);
		generation_free(w->generation, w->slots);
		slots_free(w->slots);
		board_destroy(&w->board);
		geo_free(w->geo);
		steer_free(w->steering);
		conf_free(w->conf);
	}
	free(w);
}

/* How a question is put: zero means plain DNS over UDP from 192.0.2.200. */
struct how {
	uint16_t edns; /* payload size; 0 = no OPT */
	bool dnssec, tcp;
	const char *subnet; /* "192.0.2.0/24"; needs edns */
	const char *from;
};

static inline size_t packet_build(
	uint8_t *out, const char *name, const char *type, const struct how *how)
{
	struct writer w = {out, out + 512, false};
	uint8_t wire[NAME_WIRE_MAX];
	const char *why;
	size_t size = name_from_chars(wire, name, strlen(name), NULL, &why);
	ldns_rr_type number = ldns_get_rr_type_by_name(type);

	assert_true(size > 0);
	assert_true(number != 0);
	put_bytes(&w, "\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00", 11);
	put_u8(&w, how->edns > 0);
	put_bytes(&w, wire, size);
	put_u16(&w, (uint16_t)number);
	put_u16(&w, 1);
	if (how->edns > 0) {
		struct prefix p = {.length = 0};
		size_t octets;

		put_u8(&w, 0);
		put_u16(&w, 41);
		put_u16(&w, how->edns);
		put_u32(&w, how->dnssec ? 0x8000 : 0);
		if (how->subnet == NULL) {
			put_u16(&w, 0);
		} else {
			assert_int_equal(prefix_parse(how->subnet, &p), 0);
			octets = (p.length + 7u) / 8u;
			put_u16(&w, (uint16_t)(8 + octets));
			put_u16(&w, 8);
			put_u16(&w, (uint16_t)(4 + octets));
			put_u16(&w, p.addr.family == FAMILY_IPV4 ? 1 : 2);
			put_u8(&w, p.length);
			put_u8(&w, 0);
			put_bytes(&w, p.addr.bytes, octets);
		}
	}
	assert_false(w.failed);
	return (size_t)(w.at - out);
}

/* Ask; the reply is in w->reply. */
static inline void world_ask(
	struct world *w, const char *name, const char *type, const struct how *how)
{
	uint8_t packet[512];
	struct hostport source = {.port = 4096};
	size_t size = packet_build(packet, name, type, how);

	assert_int_equal(
		addr_parse(how->from != NULL ? how->from : "192.0.2.200", &source.addr), 0);
	w->length = respond(&w->responder, packet, size, &source, how->tcp, w->reply);
}

static int reply_compare_lines(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static inline void reply_add_section(struct text *out, const char *title, ldns_rr_list *list)
{
	char *lines[512];
	size_t n = 0;

	for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
		char *line = ldns_rr2str(ldns_rr_list_rr(list, i));

		assert_non_null(line);
		for (char *p = line; *p != '\0'; p++) {
			if (*p == '\t')
				*p = ' ';
			if (*p == '\n')
				*p = '\0';
		}
		assert_true(n < COUNT(lines));
		lines[n++] = line;
	}
	qsort(lines, n, sizeof lines[0], reply_compare_lines);
	for (size_t i = 0; i < n; i++) {
		size_t length = strlen(lines[i]);

		while (length > 0 && lines[i][length - 1] == ' ')
			length--;
		text_printf(out, "%s %.*s\n", title, (int)length, lines[i]);
		free(lines[i]);
	}
}

/*
 * The reply in one text: "NOERROR aa tc\n", then a record a line, sorted within its section: "AN owner ttl IN TYPE rdata", "NS …", "AR
 * …". OPT is left out. The caller frees it.
 */
static inline char *reply_text(const uint8_t *reply, size_t length)
{
	struct text out = {0};
	ldns_pkt *p = NULL;
	char *rcode;

	assert_int_equal(ldns_wire2pkt(&p, reply, length), LDNS_STATUS_OK);
	rcode = ldns_pkt_rcode2str(ldns_pkt_get_rcode(p));
	text_printf(
		&out, "%s%s%s\n", rcode, ldns_pkt_aa(p) ? " aa" : "", ldns_pkt_tc(p) ? " tc" : "");
	free(rcode);
	reply_add_section(&out, "AN", ldns_pkt_answer(p));
	reply_add_section(&out, "NS", ldns_pkt_authority(p));
	reply_add_section(&out, "AR", ldns_pkt_additional(p));
	ldns_pkt_free(p);
	return out.data;
}

static inline void world_expect(struct world *w, const char *name, const char *type,
	const struct how *how, const char *expected)
{
	char *got;

	world_ask(w, name, type, how);
	got = reply_text(w->reply, w->length);
	if (strcmp(got, expected) != 0)
		fail_msg("%s %s:\n%s-- expected:\n%s", name, type, got, expected);
	free(got);
}

/* The option's data in the reply's OPT, which must be its last record; NULL when it is not there. */
static inline const uint8_t *reply_option(
	const uint8_t *reply, size_t length, uint16_t code, uint16_t *size)
{
	static const uint8_t opt[] = {0, 0, 41, 4, 208};

	for (size_t i = 12; i + 11 <= length; i++) {
		size_t end = i + 11 + load_u16(reply + i + 9);

		if (memcmp(reply + i, opt, sizeof opt) != 0 || end != length)
			continue;
		for (size_t at = i + 11; at + 4 <= end; at += 4u + load_u16(reply + at + 2)) {
			if (load_u16(reply + at) != code)
				continue;
			*size = load_u16(reply + at + 2);
			return reply + at + 4;
		}
	}
	return NULL;
}

/* The scope in the reply's client-subnet option; -1 when there is none. */
static inline int reply_scope(const struct world *w)
{
	uint16_t size;
	const uint8_t *p = reply_option(w->reply, w->length, 8, &size);

	return p != NULL ? p[3] : -1;
}

/* The code of the reply's extended error; -1 when there is none. */
static inline int reply_ede(const struct world *w)
{
	uint16_t size;
	const uint8_t *p = reply_option(w->reply, w->length, 15, &size);

	return p != NULL ? load_u16(p) : -1;
}

#endif
