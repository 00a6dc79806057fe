/*
 * Name compression (dns/reply_names.c): records are written into a reply of a chosen size, some
 * taken back, and what the packet then holds is read by a decoder that follows pointers the slow
 * way. Every name must come out as it went in, but for its case; every pointer must lead backwards
 * to an octet that a pointer reaches; and nothing grows by compression.
 *
 *   input    size of the reply 2, question 1, steps of 3 octets: what, name, name
 *   name     depth in the upper three bits, then which labels
 */
#include "base/wire.h"
#include "dns/reply.h"
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX  512u
#define RDATA_ROOM (2 * NAME_WIRE_MAX + 32u)
#define FILLER     1500u /* octets of a record that only pushes the others away */

enum { TYPE_FILLER = 65280, SOA_TAIL = 20 };

/* Labels that look alike where a quick comparison would look: first and last octets, case bit of
 * what is no letter. */
static const char *const labels[16] = {"a", "A", "b", "example", "EXAMPLE", "www", "b\007example",
	"abcdefgh-1-stuvwxyz", "abcdefgh-2-stuvwxyz", "ABCDEFGH-1-stuvwxyZ", "@@", "``", "\xc0\x0c",
	"[b]", "{b}", "0123456789012345678901234567890123456789012345678901234567890ab"};

struct wire_name {
	size_t length;
	uint8_t wire[NAME_WIRE_MAX];
};

/* A record as it must come out; names lower-cased. */
struct expected {
	struct wire_name owner;
	uint16_t type;
	size_t length;
	uint8_t rdata[RDATA_ROOM]; /* of a filler: not kept */
};

struct writing {
	struct query query;
	struct reply reply;
	enum section section;
	struct wire_name names[STEPS_MAX]; /* owners whose wire must live on */
	size_t name_count;
	struct expected expected[STEPS_MAX];
	size_t count;
	struct owner last; /* the target of the last CNAME */
};

static void make_name(struct wire_name *n, uint8_t code)
{
	unsigned depth = code >> 5;

	n->length = 0;
	for (unsigned i = 0; i < depth; i++) {
		const char *label = labels[(code + i * (code & 3)) & 15];
		size_t length = strlen(label);

		if (n->length + length + 2 > NAME_WIRE_MAX)
			break;
		n->wire[n->length] = (uint8_t)length;
		memcpy(n->wire + n->length + 1, label, length);
		n->length += 1 + length;
	}
	n->wire[n->length++] = 0;
}

static size_t put_lower(uint8_t *out, const uint8_t *name)
{
	size_t n = name_length(name);

	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)tolower(name[i]);
	return n;
}

static void expect(struct writing *w, const uint8_t *owner, uint16_t type)
{
	struct expected *x = &w->expected[w->count++];

	x->owner.length = put_lower(x->owner.wire, owner);
	x->type = type;
	x->length = 0;
}

static void expect_name(struct writing *w, const uint8_t *name)
{
	struct expected *x = &w->expected[w->count - 1];

	x->length += put_lower(x->rdata + x->length, name);
}

static void expect_octets(struct writing *w, const uint8_t *octets, size_t length)
{
	struct expected *x = &w->expected[w->count - 1];

	memcpy(x->rdata + x->length, octets, length);
	x->length += length;
}

/* ---- steps ---- */

static void add_cname(struct writing *w, const struct owner *owner, const struct wire_name *target)
{
	uint16_t at = 0;

	w->section = SECTION_ANSWER;
	if (!reply_add_cname(&w->reply, owner, 60, target->wire, &at))
		return;
	expect(w, owner->wire, TYPE_CNAME);
	expect_name(w, target->wire);
	w->last = (struct owner){at, target->wire};
}

/* Two records of a type with one name in their RDATA, behind `fixed` octets. */
static void add_set(struct writing *w, const struct owner *owner, uint16_t type, unsigned fixed,
	const struct wire_name *target)
{
	uint8_t wire[2 * RDATA_ROOM], *p = wire;
	struct rrset set = {.type = type, .count = 2, .wire = wire};
	uint8_t head[12] = {0xc0, 0x0c, [5] = DNS_CLASS_IN}, front[6] = {1, 2, 3, 4, 5, 6};

	store_u16(head + 2, type);
	store_u16(head + 10, (uint16_t)(fixed + target->length));
	for (unsigned i = 0; i < 2; i++) {
		memcpy(p, head, sizeof head);
		memcpy(p + 12, front, fixed);
		memcpy(p + 12 + fixed, target->wire, target->length);
		p += 12 + fixed + target->length;
	}
	set.length = (uint32_t)(p - wire);
	if (!reply_add(&w->reply, w->section, &set, owner, 0))
		return;
	for (unsigned i = 0; i < 2; i++) {
		expect(w, owner->wire, type);
		expect_octets(w, front, fixed);
		if (type == TYPE_SRV) /* not compressed: it keeps its case, too */
			expect_octets(w, target->wire, target->length);
		else
			expect_name(w, target->wire);
	}
}

/* The SOA of a suffix of the question; its names mostly end in it. */
static void add_soa(struct writing *w, unsigned label, bool known, const struct wire_name *target)
{
	const struct dname *name = &w->query.name;
	struct owner apex = {0, name->wire + name->offset[label % (name->labels + 1u)]};
	uint8_t wire[12 + RDATA_ROOM] = {0xc0, 0x0c, 0, TYPE_SOA, 0, DNS_CLASS_IN}, *p = wire + 12;
	struct rrset set = {.type = TYPE_SOA, .count = 1, .wire = wire};
	size_t length = name_length(apex.wire);

	if (known)
		apex.at = (uint16_t)(OWNER_QUESTION + (apex.wire - name->wire));
	if (length + 3 <= NAME_WIRE_MAX) {
		*p++ = 2;
		*p++ = 'n';
		*p++ = 's';
	}
	memcpy(p, apex.wire, length);
	p += length;
	memcpy(p, target->wire, target->length);
	p += target->length;
	memset(p, 0, SOA_TAIL);
	store_u16(wire + 10, (uint16_t)(p + SOA_TAIL - wire - 12));
	w->section = SECTION_AUTHORITY;
	if (!reply_add_soa(&w->reply, &set, &apex, UINT32_MAX))
		return;
	expect(w, apex.wire, TYPE_SOA);
	expect_name(w, wire + 12);
	expect_name(w, target->wire);
	expect_octets(w, p, SOA_TAIL);
}

static void add_filler(struct writing *w, const struct owner *owner)
{
	uint8_t rdata[FILLER];

	memset(rdata, 0xc0, sizeof rdata); /* looks like pointers */
	if (!reply_add_record(&w->reply, w->section, owner, TYPE_FILLER, 60, rdata, sizeof rdata))
		return;
	expect(w, owner->wire, TYPE_FILLER);
}

/* what: the lower three bits a kind, then two whose owner, then the section. */
static void step(struct writing *w, const uint8_t code[3])
{
	struct wire_name *own = &w->names[w->name_count++], *target = &w->names[w->name_count++];
	struct owner owner = {0, own->wire};
	const uint8_t *at = w->reply.at;
	size_t count = w->count;

	make_name(own, code[1]);
	make_name(target, code[2]);
	if ((code[0] & 0x18) == 8 && w->last.wire != NULL)
		owner = w->last;
	if ((code[0] & 0x18) == 0x10)
		owner = (struct owner){OWNER_QUESTION, w->query.packet + DNS_HEADER_SIZE};
	if (code[0] >> 5 > w->section && code[0] >> 5 < SECTION_COUNT)
		w->section = (enum section)(code[0] >> 5);
	switch (code[0] & 7) {
	case 0:
		if (w->section == SECTION_ANSWER)
			add_cname(w, &owner, target);
		break;
	case 1: add_set(w, &owner, TYPE_NS, 0, target); break;
	case 2: add_set(w, &owner, TYPE_MX, 2, target); break;
	case 3: add_set(w, &owner, TYPE_SRV, 6, target); break;
	case 4:
		if (w->section <= SECTION_AUTHORITY)
			add_soa(w, code[1], (code[1] & 0x80) != 0, target);
		break;
	case 5:
	case 6: add_filler(w, &owner); break;
	case 7:
		if (code[1] != 0)
			break;
		reply_empty(&w->reply, RCODE_NOERROR);
		w->section = SECTION_ANSWER;
		w->count = 0;
		w->last.wire = NULL;
		return;
	}
	CHECK((w->count == count) == (w->reply.at == at)); /* all or nothing */
}

/* ---- reading ---- */

/* A name at `at`, lower-cased; returns where it ends in the packet. */
static size_t read_name(const uint8_t *packet, size_t length, size_t at, struct wire_name *out)
{
	size_t end = 0, limit = at;

	out->length = 0;
	for (;;) {
		CHECK(at < length);
		if (packet[at] >= 0xc0) {
			size_t target;

			CHECK(at + 2 <= length);
			target = load_u16(packet + at) & 0x3fffu;
			if (end == 0)
				end = at + 2;
			CHECK(target >= DNS_HEADER_SIZE && target < limit); /* backwards */
			at = limit = target;
			continue;
		}
		CHECK(packet[at] <= 63 && at + 1 + packet[at] <= length);
		CHECK(out->length + 1 + packet[at] <= NAME_WIRE_MAX);
		for (size_t i = 0; i <= packet[at]; i++)
			out->wire[out->length++] = (uint8_t)tolower(packet[at + i]);
		if (packet[at] == 0)
			return end != 0 ? end : at + 1;
		at += 1u + packet[at];
	}
}

/* RDATA names may be compressed in these types (RFC 3597, 4): octets before the first, how many. */
static unsigned name_count(uint16_t type, size_t *before)
{
	*before = type == TYPE_MX ? 2 : 0;
	switch (type) {
	case TYPE_NS:
	case TYPE_MX:
	case TYPE_CNAME: return 1;
	case TYPE_SOA: return 2;
	}
	return 0;
}

static size_t read_record(const uint8_t *packet, size_t length, size_t at, const struct expected *x)
{
	struct wire_name name;
	size_t end, used, before, start = at;

	at = read_name(packet, length, at, &name);
	CHECK(name.length == x->owner.length && memcmp(name.wire, x->owner.wire, name.length) == 0);
	CHECK(at + 10 <= length && load_u16(packet + at) == x->type);
	CHECK(load_u16(packet + at + 2) == DNS_CLASS_IN);
	end = at + 10 + load_u16(packet + at + 8);
	at += 10;
	CHECK(end <= length);
	if (x->type == TYPE_FILLER) {
		CHECK(end - at == FILLER);
		return end;
	}
	/* never longer than plain; only the root, one octet, may be pointed at with two */
	CHECK(end - start <= x->owner.length + 10 + x->length + 3);
	used = 0;
	for (unsigned i = name_count(x->type, &before); i > 0; i--, before = 0) {
		CHECK(memcmp(packet + at, x->rdata + used, before) == 0);
		at = read_name(packet, length, at + before, &name);
		used += before;
		CHECK(memcmp(name.wire, x->rdata + used, name.length) == 0);
		used += name.length;
	}
	CHECK(end - at == x->length - used && memcmp(packet + at, x->rdata + used, end - at) == 0);
	return end;
}

static void read_back(const struct writing *w, const uint8_t *packet, size_t length)
{
	size_t at = DNS_HEADER_SIZE + w->query.question_size;

	CHECK((size_t)load_u16(packet + 6) + load_u16(packet + 8) + load_u16(packet + 10) ==
		w->count + w->query.edns);
	for (size_t i = 0; i < w->count; i++)
		at = read_record(packet, length, at, &w->expected[i]);
	CHECK(length == at + (w->query.edns ? 11 : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct query_rules rules = {UDP_PAYLOAD_USUAL, true, true};
	static const struct reply_options options = {.payload = UDP_PAYLOAD_USUAL};
	static const uint8_t opt[11] = {0, 0, TYPE_OPT, 4, 0xd0};
	uint8_t packet[DNS_HEADER_SIZE + NAME_WIRE_MAX + 4 + sizeof opt] = {[5] = 1}, *out;
	struct writing *w = calloc(1, sizeof *w);
	struct wire_name question;
	size_t room, length;

	CHECK(w != NULL);
	if (size < 3) {
		free(w);
		return 0;
	}
	room = load_u16(data);
	room = room < UDP_PAYLOAD_PLAIN ? UDP_PAYLOAD_PLAIN : room;
	make_name(&question, data[2]);
	memcpy(packet + DNS_HEADER_SIZE, question.wire, question.length);
	length = DNS_HEADER_SIZE + question.length;
	store_u16(packet + length, TYPE_A);
	store_u16(packet + length + 2, DNS_CLASS_IN);
	memcpy(packet + length + 4, opt, sizeof opt);
	packet[11] = data[1] & 1;
	CHECK(query_parse(&w->query, &rules, packet, length + 4 + (packet[11] ? sizeof opt : 0)) ==
		QUERY_ANSWER);
	out = malloc(room); /* exactly, so that one octet too far is seen */
	CHECK(out != NULL);
	reply_begin(&w->reply, &w->query, &options, out, room);
	/* a step adds two names and at most two records */
	for (size_t at = 3;
		at + 3 <= size && w->count + 2 <= STEPS_MAX && w->name_count + 2 <= STEPS_MAX;
		at += 3)
		step(w, data + at);
	length = reply_end(&w->reply);
	CHECK(length <= room);
	read_back(w, out, length);
	free(out);
	free(w);
	return 0;
}
