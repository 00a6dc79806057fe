/*
 * Decodes a reply that our own engine wrote, names and all, without trusting it: this is also what
 * shows the engine's mistakes. RDATA with compressed names is put back into its uncompressed form
 * and printed by zones/.
 */
#include "app/ask_print.h"

#include "base/addr.h"
#include "base/text.h"
#include "base/wire.h"
#include "dns/reply.h"
#include "zones/rdata.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define POINTERS_MAX 64u /* in one name */

/* What OPT said. */
struct edns {
	bool present, dnssec_ok, has_subnet;
	uint16_t payload;
	uint8_t rcode_high, source, scope;
	struct addr address;
	int ede; /* -1 = none */
	struct text ede_text;
};

struct decoded {
	uint16_t id, flags, rcode;
	struct text question;               /* "name. IN TYPE" */
	struct text section[SECTION_COUNT]; /* a record a line, OPT left out */
	uint16_t count[SECTION_COUNT];      /* as in the header */
	struct edns edns;
};

/* A name at the reader into uncompressed wire; its octets, 0 (and r->failed) when malformed. */
static size_t get_name(struct reader *r, const uint8_t *packet, uint8_t out[NAME_WIRE_MAX])
{
	const uint8_t *p = r->at;
	bool jumped = false;
	unsigned pointers = 0;
	size_t used = 0;

	while (p < r->end) {
		if (*p >= 0xc0) {
			if (p + 1 >= r->end || ++pointers > POINTERS_MAX)
				break;
			if (!jumped)
				r->at = p + 2;
			jumped = true;
			p = packet + (load_u16(p) & POINTER_MAX);
			continue;
		}
		if (*p > 63 || p + 1 + *p > r->end || used + 1u + *p > NAME_WIRE_MAX)
			break;
		memcpy(out + used, p, 1u + *p);
		used += 1u + *p;
		if (*p == 0) {
			if (!jumped)
				r->at = p + 1;
			return used;
		}
		p += 1u + *p;
	}
	r->failed = true;
	return 0;
}

static void get_options(struct reader *r, struct edns *o)
{
	while (!r->failed && reader_left(r) > 0) {
		uint16_t code = get_u16(r), length = get_u16(r);
		const uint8_t *p = get_bytes(r, length);

		if (r->failed)
			return;
		if (code == OPTION_SUBNET && length >= 4 && length <= 20) {
			o->has_subnet = true;
			o->address.family = load_u16(p) == 2 ? FAMILY_IPV6 : FAMILY_IPV4;
			o->source = p[2];
			o->scope = p[3];
			memcpy(o->address.bytes, p + 4, length - 4u);
		}
		if (code == OPTION_EDE && length >= 2) {
			o->ede = load_u16(p);
			text_add(&o->ede_text, (const char *)p + 2, length - 2u);
		}
	}
}

/* The record's RDATA as text; `rdata` ends where the record does. */
static void add_rdata(struct text *out, uint16_t type, struct reader *rdata, const uint8_t *packet,
	struct reader *all)
{
	uint8_t plain[RDATA_MAX + 2 * NAME_WIRE_MAX];
	struct rdata_names names = rdata_names(type);
	struct writer w = {plain, plain + sizeof plain, false};
	uint8_t name[NAME_WIRE_MAX];

	if (names.compressible) {
		put_bytes(&w, get_bytes(rdata, names.first_offset),
			rdata->failed ? 0 : names.first_offset);
		for (unsigned i = 0; i < names.count && !rdata->failed; i++) {
			struct reader whole = {rdata->at, all->end, false};

			put_bytes(&w, name, get_name(&whole, packet, name));
			rdata->failed = whole.failed || whole.at > rdata->end;
			rdata->at = rdata->failed ? rdata->end : whole.at;
		}
	}
	put_bytes(&w, rdata->at, reader_left(rdata));
	all->failed = all->failed || rdata->failed;
	if (!all->failed)
		rdata_format(type, plain, (size_t)(w.at - plain), out);
}

static void get_record(struct decoded *d, enum section s, struct reader *r, const uint8_t *packet)
{
	uint8_t name[NAME_WIRE_MAX];
	char text[NAME_TEXT_MAX], word[RRTYPE_TEXT_MAX];
	uint16_t type, class, length;
	struct reader rdata;
	uint32_t ttl_s;

	(void)get_name(r, packet, name);
	type = get_u16(r);
	class = get_u16(r);
	ttl_s = get_u32(r);
	length = get_u16(r);
	rdata.at = get_bytes(r, length);
	if (r->failed)
		return;
	rdata.end = rdata.at + length;
	rdata.failed = false;
	if (type == TYPE_OPT) {
		d->edns.present = true;
		d->edns.payload = class;
		d->edns.rcode_high = (uint8_t)(ttl_s >> 24);
		d->edns.dnssec_ok = (ttl_s & 0x8000u) != 0;
		get_options(&rdata, &d->edns);
		r->failed = r->failed || rdata.failed;
		return;
	}
	text_printf(&d->section[s], "%s %" PRIu32 " IN %s ", name_format(name, text), ttl_s,
		rrtype_format(type, word));
	add_rdata(&d->section[s], type, &rdata, packet, r);
	text_puts(&d->section[s], "\n");
}

static int decode(struct decoded *d, const uint8_t *packet, size_t length, struct err *e)
{
	struct reader r = {packet, packet + length, false};
	uint8_t name[NAME_WIRE_MAX];
	char text[NAME_TEXT_MAX], word[RRTYPE_TEXT_MAX];
	uint16_t questions;

	*d = (struct decoded){.edns.ede = -1};
	d->id = get_u16(&r);
	d->flags = get_u16(&r);
	questions = get_u16(&r);
	for (int s = 0; s < SECTION_COUNT; s++)
		d->count[s] = get_u16(&r);
	if (questions > 0 && get_name(&r, packet, name) > 0) {
		uint16_t type = get_u16(&r), class = get_u16(&r);

		text_printf(&d->question, "%s %s %s", name_format(name, text),
			class == DNS_CLASS_IN ? "IN" : "CLASS?",
			type == TYPE_ANY ? "ANY" : rrtype_format(type, word));
	}
	for (int s = 0; s < SECTION_COUNT; s++) {
		for (unsigned i = 0; i < d->count[s] && !r.failed; i++)
			get_record(d, (enum section)s, &r, packet);
	}
	d->rcode = (uint16_t)((d->flags & 15u) | (unsigned)d->edns.rcode_high << 4);
	if (r.failed || reader_left(&r) > 0)
		return err_set(e, "the reply is malformed after %zu of %zu octets",
			(size_t)(r.at - packet), length);
	return 0;
}

static void clear(struct decoded *d)
{
	text_free(&d->question);
	text_free(&d->edns.ede_text);
	for (int s = 0; s < SECTION_COUNT; s++)
		text_free(&d->section[s]);
}

static const char *rcode_word(uint16_t rcode)
{
	switch (rcode) {
#define RCODE_WORD(name, number)                                                                   \
	case number: return #name;
		RCODES(RCODE_WORD)
#undef RCODE_WORD
	}
	return "?";
}

static void print_section(const char *title, const struct text *records)
{
	if (records->length > 0)
		(void)printf("\n;; %s SECTION:\n%s", title, records->data);
}

static void print_edns(const struct edns *o)
{
	char address[ADDR_TEXT_MAX];

	(void)printf("\n;; OPT PSEUDOSECTION:\n; EDNS: version: 0, flags:%s; udp: %u\n",
		o->dnssec_ok ? " do" : "", o->payload);
	if (o->has_subnet)
		(void)printf("; CLIENT-SUBNET: %s/%u/%u\n", addr_format(&o->address, address),
			o->source, o->scope);
	if (o->ede >= 0)
		(void)printf("; EDE: %d%s%.*s%s\n", o->ede, o->ede_text.length > 0 ? " (" : "",
			(int)o->ede_text.length, o->ede_text.length > 0 ? o->ede_text.data : "",
			o->ede_text.length > 0 ? ")" : "");
}

int ask_print_text(const uint8_t *reply, size_t length, struct err *e)
{
	static const char *const titles[SECTION_COUNT] = {"ANSWER", "AUTHORITY", "ADDITIONAL"};
	struct decoded d;
	int rc = decode(&d, reply, length, e);

	if (rc == 0) {
		(void)printf(";; ->>HEADER<<- opcode: QUERY, status: %s, id: %u\n",
			rcode_word(d.rcode), d.id);
		(void)printf(";; flags: qr%s%s%s; QUERY: %d, ANSWER: %u, AUTHORITY: %u, "
			     "ADDITIONAL: %u\n",
			(d.flags & FLAG_AA) != 0 ? " aa" : "",
			(d.flags & FLAG_TC) != 0 ? " tc" : "",
			(d.flags & FLAG_RD) != 0 ? " rd" : "", d.question.length > 0, d.count[0],
			d.count[1], d.count[2]);
		if (d.edns.present)
			print_edns(&d.edns);
		if (d.question.length > 0)
			(void)printf("\n;; QUESTION SECTION:\n;%s\n", d.question.data);
		for (int s = 0; s < SECTION_COUNT; s++)
			print_section(titles[s], &d.section[s]);
		(void)printf("\n;; MSG SIZE: %zu\n", length);
	}
	clear(&d);
	return rc;
}

static json_t *lines(const struct text *records)
{
	json_t *list = json_array();
	const char *p = records->length > 0 ? records->data : "";

	while (*p != '\0') {
		size_t length = strcspn(p, "\n");

		(void)json_array_append_new(list, json_stringn(p, length));
		p += length + (p[length] == '\n');
	}
	return list;
}

int ask_print_json(const uint8_t *reply, size_t length, struct err *e)
{
	struct decoded d;
	int rc = decode(&d, reply, length, e);
	json_t *o = NULL;
	char *text = NULL;

	if (rc == 0) {
		o = json_pack("{s:s, s:b, s:b, s:o, s:o, s:o, s:o}", "rcode", rcode_word(d.rcode),
			"aa", (d.flags & FLAG_AA) != 0, "tc", (d.flags & FLAG_TC) != 0, "answer",
			lines(&d.section[SECTION_ANSWER]), "authority",
			lines(&d.section[SECTION_AUTHORITY]), "additional",
			lines(&d.section[SECTION_ADDITIONAL]), "ecs_scope",
			d.edns.has_subnet ? json_integer(d.edns.scope) : json_null());
		text = o != NULL ? json_dumps(o, JSON_ENSURE_ASCII) : NULL;
		rc = text != NULL ? 0 : err_set(e, "out of memory for the reply");
	}
	if (text != NULL)
		(void)printf("%s\n", text);
	free(text);
	json_decref(o);
	clear(&d);
	return rc;
}
