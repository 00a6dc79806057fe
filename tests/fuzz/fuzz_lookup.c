/*
 * Zones and questions out of a tiny alphabet, so that wildcards, empty non-terminals, cuts, DNAMEs,
 * chains and zones below zones meet in every way: what the server says must be what the reference
 * lookup says.
 *
 *   input    records (3 octets each: owner, zone and type, target), 0xff,
 *            questions (2 octets each: name, type)
 *   name     depth in the upper two bits, then a label of {a, b, c, *} in each two bits
 *   zones    e, a.e and b.a.e, as many as have a record; each has SOA and NS without asking
 *
 * A record that would make its zone invalid is left out: the reader has its own fuzzer.
 */
#include "base/text.h"
#include "base/wire.h"
#include "dns/respond.h"
#include "tests/fuzz/compare.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZONES       3u
#define RECORDS_MAX 48u /* of an input; more only repeat */
#define QUESTIONS   64u
#define NAME_ROOM   64u /* octets of a generated name as text */

static const char *const apexes[ZONES] = {"e.", "a.e.", "b.a.e."};
static const char *const types[8] = {"A", "AAAA", "TXT", "NS", "CNAME", "DNAME", "MX", "DS"};
static const uint16_t asked[16] = {TYPE_A, TYPE_A, TYPE_AAAA, TYPE_TXT, TYPE_NS, TYPE_CNAME,
	TYPE_DNAME, TYPE_MX, TYPE_DS, TYPE_SOA, TYPE_ANY, TYPE_PTR, TYPE_A, TYPE_NSEC, 65280,
	TYPE_CAA};

struct record {
	char owner[NAME_ROOM];
	const char *type;
	char data[2 * NAME_ROOM];
};

struct content {
	struct record record[RECORDS_MAX];
	size_t count;
};

struct world {
	struct reference reference;
	struct dataset data;
	struct zone *zone[ZONES];
	size_t zones;
	_Atomic uint64_t counter[DNS_COUNTER_COUNT];
	struct responder responder;
};

static void format_name(char out[NAME_ROOM], uint8_t code, const char *apex)
{
	static const char labels[4] = {'a', 'b', 'c', '*'};
	unsigned depth = code >> 6;

	for (unsigned i = 0; i < depth; i++) {
		*out++ = labels[code >> (2 * i) & 3];
		*out++ = '.';
	}
	(void)snprintf(out, NAME_ROOM / 2, "%s", apex);
}

/* Is `name` below `above`, itself not included? Lower-cased text without escapes. */
static bool is_below(const char *name, const char *above)
{
	size_t n = strlen(name), a = strlen(above);

	return n > a && name[n - a - 1] == '.' && strcmp(name + n - a, above) == 0;
}

/* May these two stand in one zone? (RFC 1034, 3.6.2; RFC 2181, 10.1; RFC 6672, 2.4) */
static bool compatible(const struct record *x, const struct record *y, const char *apex)
{
	bool same = strcmp(x->owner, y->owner) == 0;
	bool dname = strcmp(x->type, "DNAME") == 0;

	if (dname && is_below(y->owner, x->owner))
		return false;
	if (!same)
		return true;
	if (strcmp(x->type, "CNAME") == 0)
		return false;
	if (dname && strcmp(y->type, "DNAME") == 0)
		return false;
	if (dname && strcmp(y->type, "NS") == 0)
		return strcmp(x->owner, apex) == 0;
	return strcmp(x->type, y->type) != 0 || strcmp(x->data, y->data) != 0;
}

static void add_record(struct content *c, const struct record *r, const char *apex)
{
	if (c->count == RECORDS_MAX ||
		(strcmp(r->owner, apex) == 0 && strcmp(r->type, "CNAME") == 0)) /* SOA is there */
		return;
	for (size_t i = 0; i < c->count; i++) {
		if (!compatible(r, &c->record[i], apex) || !compatible(&c->record[i], r, apex))
			return;
	}
	c->record[c->count++] = *r;
}

static void make_record(struct record *r, const uint8_t code[3], const char *apex)
{
	unsigned kind = code[1] & 7;
	char target[NAME_ROOM];

	format_name(r->owner, code[0], apex);
	format_name(target, code[2], (code[1] & 0x80) != 0 ? "f." : "e.");
	r->type = types[kind];
	switch (kind) {
	case 0: (void)snprintf(r->data, sizeof r->data, "192.0.2.%u", code[2]); break;
	case 1: (void)snprintf(r->data, sizeof r->data, "2001:db8::%x", code[2]); break;
	case 2: (void)snprintf(r->data, sizeof r->data, "\"%u\"", code[2]); break;
	case 6: (void)snprintf(r->data, sizeof r->data, "%u %s", code[1] >> 3 & 1, target); break;
	case 7: (void)snprintf(r->data, sizeof r->data, "%u 8 2 %064x", code[2], code[2]); break;
	default: (void)snprintf(r->data, sizeof r->data, "%s", target); break;
	}
}

static void load_zone(struct world *w, const struct content *c, const char *apex)
{
	static const struct zone_pools pools = {.any = true};
	struct report report = {0};
	struct text text = {0};
	int rc;

	text_printf(&text, "$TTL 60\n%s SOA ns.e. h.e. 1 1 1 1 30\n%s NS ns.f.\n", apex, apex);
	for (size_t i = 0; i < c->count; i++)
		text_printf(&text, "%s %s %s\n", c->record[i].owner, c->record[i].type,
			c->record[i].data);
	CHECK(!text.failed);
	rc = zone_parse(text.data, text.length, -1, "fuzz.zone", ".", &pools, &w->zone[w->zones++],
		&report);
	if (rc < 0)
		(void)fprintf(stderr, "%s%s\n", text.data, report.items[0].text);
	CHECK(rc == 0);
	report_free(&report);
	reference_load(&w->reference.zone[w->reference.count++], text.data, ".");
	text_free(&text);
}

/* Returns where the questions begin. */
static size_t load_zones(struct world *w, const uint8_t *data, size_t size)
{
	struct content content[ZONES] = {0};
	size_t at = 0;

	for (; at + 3 <= size && data[at] != 0xff; at += 3) {
		unsigned z = (data[at + 1] >> 4 & 7) % ZONES;
		struct record r;

		make_record(&r, data + at, apexes[z]);
		add_record(&content[z], &r, apexes[z]);
	}
	for (unsigned z = 0; z < ZONES; z++) {
		if (z == 0 || content[z].count > 0)
			load_zone(w, &content[z], apexes[z]);
	}
	return at < size && data[at] == 0xff ? at + 1 : size;
}

/* `options`: a type, bit 4 TCP, bit 5 EDNS, bits 6 and 7 a label in front: deeper than most
 * owners. */
static void ask(struct world *w, uint8_t code, uint8_t options)
{
	static uint8_t reply[REPLY_MAX];
	static const uint8_t opt[11] = {0, 0, TYPE_OPT, 4, 0xd0};
	const struct hostport source = {
		.port = 4096, .addr = {.family = FAMILY_IPV4, .bytes = {192, 0, 2, 99}}};
	uint8_t packet[DNS_HEADER_SIZE + NAME_WIRE_MAX + 4 + sizeof opt] = {[5] = 1};
	uint8_t *p = packet + DNS_HEADER_SIZE;
	static const char *const deeper[4] = {"", "a.", "d.", "d.a."};
	char base[NAME_ROOM], name[2 * NAME_ROOM];
	bool tcp = (options & 0x10) != 0;
	const char *why;
	size_t length;

	format_name(base, code, "e.");
	(void)snprintf(name, sizeof name, "%s%s", deeper[options >> 6], base);
	p += name_from_chars(p, name, strlen(name), NULL, &why);
	store_u16(p, asked[options & 15]);
	store_u16(p + 2, DNS_CLASS_IN);
	p += 4;
	if ((options & 0x20) != 0) {
		memcpy(p, opt, sizeof opt);
		p += sizeof opt;
		packet[11] = 1;
	}
	length = respond(&w->responder, packet, (size_t)(p - packet), &source, tcp, reply);
	CHECK(length > 0);
	compare_reply(&w->reference, reply, length, tcp, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.zones = 0};
	struct err e;
	size_t at = load_zones(&w, data, size);

	CHECK(dataset_build(&w.data, w.zone, w.zones, NULL, 0, &e) == 0);
	CHECK(responder_init(&w.responder, NULL, w.counter) == 0);
	w.responder.facts.data = &w.data;
	for (unsigned i = 0; i < QUESTIONS && at + 2 <= size; i++, at += 2)
		ask(&w, data[at], data[at + 1]);
	responder_clear(&w.responder);
	dataset_clear(&w.data);
	for (size_t i = 0; i < w.zones; i++) {
		zone_free(w.zone[i]);
		reference_unload(&w.reference.zone[i]);
	}
	return 0;
}
