/*
 * The table of types, and the direct path for the text of the common ones.
 */
#include "zones/rdata.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int parse_a(struct fields *f)
{
	return field_ipv4(f, "address");
}

static int parse_aaaa(struct fields *f)
{
	return field_ipv6(f, "address");
}

static int parse_name(struct fields *f)
{
	return field_name(f, "name");
}

static int parse_soa(struct fields *f)
{
	const struct token *mailbox = f->next + 1;

	if (field_name(f, "primary server") < 0 || field_name(f, "mailbox") < 0)
		return -1;
	if (f->lint != NULL)
		lint_mailbox(f->lint, f->scan, mailbox);
	if (field_number(f, "serial", UINT32_MAX, 4) < 0 || field_time(f, "refresh") < 0 ||
		field_time(f, "retry") < 0 || field_time(f, "expire") < 0)
		return -1;
	return field_time(f, "minimum");
}

static int parse_mx(struct fields *f)
{
	return field_number(f, "preference", 65535, 2) < 0 ? -1 : field_name(f, "exchange");
}

static int parse_srv(struct fields *f)
{
	if (field_number(f, "priority", 65535, 2) < 0 || field_number(f, "weight", 65535, 2) < 0 ||
		field_number(f, "port", 65535, 2) < 0)
		return -1;
	return field_name(f, "target");
}

/* Strings; one of more than 255 octets becomes several. */
static int parse_txt(struct fields *f)
{
	do {
		const struct token *t = field_token(f, "text");
		uint8_t *length = NULL;

		if (t == NULL)
			return -1;
		for (size_t i = 0; i < t->length || length == NULL;) {
			uint8_t *room;
			int c = 0;

			if (length == NULL || *length == 255) {
				length = field_room(f, t, 1);
				if (length == NULL)
					return -1;
				*length = 0;
				continue;
			}
			c = token_octet(t, &i);
			if (c < 0)
				return field_error(
					f, t, "text", "an escape is not \\X or \\000 to \\255");
			room = field_room(f, t, 1);
			if (room == NULL)
				return -1;
			*room = (uint8_t)c;
			++*length; /* cppcheck-suppress nullPointerRedundantCheck ; set above */
		}
	} while (f->next < f->end);
	return 0;
}

/* RFC 8659, 4.1: flags, tag of letters and digits, value to the end; the value may stand without
 * quotes. */
static int parse_caa(struct fields *f)
{
	const struct token *tag, *value;

	if (field_number(f, "flags", 255, 1) < 0)
		return -1;
	tag = f->next;
	if (field_string(f, "tag") < 0)
		return -1;
	if (tag->length == 0)
		return field_error(f, tag, "tag", "empty");
	for (size_t i = 0; i < tag->length; i++) {
		char c = (char)(tag->text[i] | 0x20);

		if ((c < 'a' || c > 'z') && (tag->text[i] < '0' || tag->text[i] > '9'))
			return field_error(f, tag, "tag", "not of letters and digits");
	}
	value = field_token(f, "value");
	if (value == NULL)
		return -1;
	for (size_t i = 0; i < value->length;) {
		int c = token_octet(value, &i);
		uint8_t *room;

		if (c < 0)
			return field_error(
				f, value, "value", "an escape is not \\X or \\000 to \\255");
		room = field_room(f, value, 1);
		if (room == NULL)
			return -1;
		*room = (uint8_t)c;
	}
	return 0;
}

#define NAMES(n, at)                                                                               \
	{                                                                                          \
		(n), (at), true                                                                    \
	}
#define NO_NAMES                                                                                   \
	{                                                                                          \
		0, 0, false                                                                        \
	}

/* By number; the few above INDEXED follow in `others`. */
static const struct rdata_type types[] = {
	[1] = {"A", 1, "i", parse_a, NO_NAMES},
	[2] = {"NS", 2, "n", parse_name, NAMES(1, 0)},
	[3] = {"MD", 3, "n", NULL, NAMES(1, 0)},
	[4] = {"MF", 4, "n", NULL, NAMES(1, 0)},
	[5] = {"CNAME", 5, "n", parse_name, NAMES(1, 0)},
	[6] = {"SOA", 6, "nn4dddd", parse_soa, NAMES(2, 0)},
	[7] = {"MB", 7, "n", NULL, NAMES(1, 0)},
	[8] = {"MG", 8, "n", NULL, NAMES(1, 0)},
	[9] = {"MR", 9, "n", NULL, NAMES(1, 0)},
	[10] = {"NULL", 10, "", NULL, NO_NAMES},
	[11] = {"WKS", 11, "iw", NULL, NO_NAMES},
	[12] = {"PTR", 12, "n", parse_name, NAMES(1, 0)},
	[13] = {"HINFO", 13, "ss", NULL, NO_NAMES},
	[14] = {"MINFO", 14, "nn", NULL, NAMES(2, 0)},
	[15] = {"MX", 15, "2n", parse_mx, NAMES(1, 2)},
	[16] = {"TXT", 16, "t", parse_txt, NO_NAMES},
	[17] = {"RP", 17, "nn", NULL, {2, 0, false}},
	[18] = {"AFSDB", 18, "2n", NULL, {1, 2, false}},
	[19] = {"X25", 19, "s", NULL, NO_NAMES},
	[20] = {"ISDN", 20, "so", NULL, NO_NAMES},
	[21] = {"RT", 21, "2n", NULL, {1, 2, false}},
	[22] = {"NSAP", 22, "N", NULL, NO_NAMES},
	[23] = {"NSAP-PTR", 23, "n", NULL, {1, 0, false}},
	[24] = {"SIG", 24, "TA14DD2ny", NULL, NO_NAMES},
	[25] = {"KEY", 25, "KPAz", NULL, NO_NAMES},
	[26] = {"PX", 26, "2nn", NULL, {2, 2, false}},
	[27] = {"GPOS", 27, "sss", NULL, NO_NAMES},
	[28] = {"AAAA", 28, "I", parse_aaaa, NO_NAMES},
	[29] = {"LOC", 29, "l", NULL, NO_NAMES},
	[30] = {"NXT", 30, "nB", NULL, {1, 0, false}},
	[31] = {"EID", 31, "x", NULL, NO_NAMES},
	[32] = {"NIMLOC", 32, "x", NULL, NO_NAMES},
	[33] = {"SRV", 33, "222n", parse_srv, {1, 6, false}},
	[34] = {"ATMA", 34, "M", NULL, NO_NAMES},
	[35] = {"NAPTR", 35, "22sssn", NULL, NO_NAMES},
	[36] = {"KX", 36, "2n", NULL, {1, 2, false}},
	[37] = {"CERT", 37, "C2Ay", NULL, NO_NAMES},
	[38] = {"A6", 38, "q", NULL, NO_NAMES},
	[39] = {"DNAME", 39, "n", parse_name, {1, 0, false}},
	[40] = {"SINK", 40, "111z", NULL, NO_NAMES},
	[41] = {"OPT", 41, NULL, NULL, NO_NAMES},
	[42] = {"APL", 42, "a", NULL, NO_NAMES},
	[43] = {"DS", 43, "2AFx", NULL, NO_NAMES},
	[44] = {"SSHFP", 44, "11x", NULL, NO_NAMES},
	[45] = {"IPSECKEY", 45, "111gz", NULL, NO_NAMES},
	[46] = {"RRSIG", 46, "TA14DD2ny", NULL, NO_NAMES},
	[47] = {"NSEC", 47, "nb", NULL, {1, 0, false}},
	[48] = {"DNSKEY", 48, "KPAy", NULL, NO_NAMES},
	[49] = {"DHCID", 49, "y", NULL, NO_NAMES},
	[50] = {"NSEC3", 50, "R12SHb", NULL, NO_NAMES},
	[51] = {"NSEC3PARAM", 51, "R12S", NULL, NO_NAMES},
	[52] = {"TLSA", 52, "UVWx", NULL, NO_NAMES},
	[53] = {"SMIMEA", 53, "UVWx", NULL, NO_NAMES},
	[55] = {"HIP", 55, "h", NULL, NO_NAMES},
	[56] = {"NINFO", 56, "t", parse_txt, NO_NAMES},
	[57] = {"RKEY", 57, "21Ay", NULL, NO_NAMES},
	[58] = {"TALINK", 58, "nn", NULL, {2, 0, false}},
	[59] = {"CDS", 59, "2AFx", NULL, NO_NAMES},
	[60] = {"CDNSKEY", 60, "KPAy", NULL, NO_NAMES},
	[61] = {"OPENPGPKEY", 61, "y", NULL, NO_NAMES},
	[62] = {"CSYNC", 62, "42b", NULL, NO_NAMES},
	[63] = {"ZONEMD", 63, "411x", NULL, NO_NAMES},
	[64] = {"SVCB", 64, "2np", NULL, {1, 2, false}},
	[65] = {"HTTPS", 65, "2np", NULL, {1, 2, false}},
	[66] = {"DSYNC", 66, "TY2n", NULL, {1, 5, false}},
	[67] = {"HHIT", 67, "y", NULL, NO_NAMES},
	[68] = {"BRID", 68, "y", NULL, NO_NAMES},
	[99] = {"SPF", 99, "t", parse_txt, NO_NAMES},
	[100] = {"UINFO", 100, "s", NULL, NO_NAMES},
	[101] = {"UID", 101, "4", NULL, NO_NAMES},
	[102] = {"GID", 102, "4", NULL, NO_NAMES},
	[103] = {"UNSPEC", 103, "", NULL, NO_NAMES},
	[104] = {"NID", 104, "28", NULL, NO_NAMES},
	[105] = {"L32", 105, "2i", NULL, NO_NAMES},
	[106] = {"L64", 106, "28", NULL, NO_NAMES},
	[107] = {"LP", 107, "2n", NULL, {1, 2, false}},
	[108] = {"EUI48", 108, "6", NULL, NO_NAMES},
	[109] = {"EUI64", 109, "e", NULL, NO_NAMES},
	[249] = {"TKEY", 249, NULL, NULL, NO_NAMES},
	[250] = {"TSIG", 250, NULL, NULL, NO_NAMES},
	[251] = {"IXFR", 251, NULL, NULL, NO_NAMES},
	[252] = {"AXFR", 252, NULL, NULL, NO_NAMES},
	[253] = {"MAILB", 253, NULL, NULL, NO_NAMES},
	[254] = {"MAILA", 254, NULL, NULL, NO_NAMES},
	[255] = {"ANY", 255, NULL, NULL, NO_NAMES},
	[256] = {"URI", 256, "22X", NULL, NO_NAMES},
	[257] = {"CAA", 257, "1cX", parse_caa, NO_NAMES},
	[258] = {"AVC", 258, "t", parse_txt, NO_NAMES},
	[259] = {"DOA", 259, "441sQ", NULL, NO_NAMES},
	[260] = {"AMTRELAY", 260, "1mG", NULL, NO_NAMES},
	[261] = {"RESINFO", 261, "t", parse_txt, NO_NAMES},
	[262] = {"WALLET", 262, "t", parse_txt, NO_NAMES},
};

static const struct rdata_type others[] = {
	{"TA", 32768, "2AFx", NULL, NO_NAMES}, {"DLV", 32769, "2AFx", NULL, NO_NAMES},
	{"POOL", TYPE_POOL, "", NULL, NO_NAMES}, /* load_pool() */
};

/* Where to look for a word first. */
static const uint8_t common[] = {
	TYPE_A, TYPE_AAAA, TYPE_CNAME, TYPE_NS, TYPE_MX, TYPE_TXT, TYPE_PTR, TYPE_SRV};

const struct rdata_type *rdata_type(uint16_t type)
{
	if (type < COUNT(types))
		return types[type].type != 0 ? &types[type] : NULL;
	for (size_t i = 0; i < COUNT(others); i++)
		if (others[i].type == type)
			return &others[i];
	return NULL;
}

struct rdata_names rdata_names(uint16_t type)
{
	const struct rdata_type *t = rdata_type(type);

	return t != NULL ? t->names : (struct rdata_names)NO_NAMES;
}

const char *rrtype_format(uint16_t type, char out[RRTYPE_TEXT_MAX])
{
	const struct rdata_type *t = rdata_type(type);

	if (t != NULL)
		(void)snprintf(out, RRTYPE_TEXT_MAX, "%s", t->name);
	else
		(void)snprintf(out, RRTYPE_TEXT_MAX, "TYPE%u", (unsigned)type);
	return out;
}

static const struct rdata_type *type_by_name(const struct token *t)
{
	for (size_t i = 0; i < COUNT(common); i++)
		if (token_is(t, types[common[i]].name))
			return &types[common[i]];
	for (size_t i = 1; i < COUNT(types); i++)
		if (types[i].type != 0 && token_is(t, types[i].name))
			return &types[i];
	for (size_t i = 0; i < COUNT(others); i++)
		if (token_is(t, others[i].name))
			return &others[i];
	return NULL;
}

/* 0, OPT and 128 to 255 (RFC 6895, 3.1) never stand in zones; 65535 is reserved. */
static bool is_data(uint16_t type)
{
	return type != 0 && type != TYPE_OPT && (type < 128 || type > 255) && type != UINT16_MAX;
}

int rrtype_parse(const struct token *t, uint16_t *type, const char **why)
{
	const struct rdata_type *known = type_by_name(t);
	struct token digits = *t;
	uint64_t number;

	if (known != NULL) {
		number = known->type;
	} else {
		if (t->length < 5 || strncasecmp(t->text, "TYPE", 4) != 0) {
			*why = "unknown type";
			return -1;
		}
		digits.text += 4;
		digits.length -= 4;
		if (number_parse(&digits, UINT16_MAX, &number) < 0) {
			*why = "not TYPE0 to TYPE65535";
			return -1;
		}
		if (number == TYPE_POOL) {
			*why = "this number stands for POOL inside Waymark";
			return -1;
		}
	}
	if (!is_data((uint16_t)number)) {
		*why = "no zone may hold this type";
		return -1;
	}
	*type = (uint16_t)number;
	return 0;
}

const char *rrtype_nearest(const struct token *t)
{
	const char *names[COUNT(types) + COUNT(others)];
	char shown[TOKEN_SHOWN_MAX];
	size_t count = 0;

	if (type_by_name(t) != NULL) /* spelt well, but no zone may hold it */
		return NULL;
	for (size_t i = 0; i < COUNT(types); i++)
		if (types[i].type != 0 && types[i].form != NULL)
			names[count++] = types[i].name;
	for (size_t i = 0; i < COUNT(others); i++)
		names[count++] = others[i].name;
	return text_nearest(token_show(t, shown), names, count);
}
