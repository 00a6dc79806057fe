/* dns/query.c: packets by hand, in hex, with what RFC 1035, 6891, 7871, 8945 and 9619 say of them. */
#include "tests/unit/test.h"

#include "dns/query.h"
#include "zones/zone.h"

#define Q    "0161 0362 6364 00 "             /* a.bcd. */
#define HEAD "1234 0100 0001 0000 0000 0000 " /* id, RD, one question */
#define WITH "1234 0100 0001 0000 0000 0001 " /* and one additional record */
#define A_IN "0001 0001 "
#define OPT  "00 0029 04d0 00000000 " /* root, OPT, 1232, version 0 */

static const struct query_rules rules = {UDP_PAYLOAD_USUAL, true, true};

static size_t unhex(const char *text, uint8_t *out)
{
	size_t n = 0;
	unsigned value;

	for (; *text != '\0'; text++) {
		if (*text == ' ')
			continue;
		assert_int_equal(sscanf(text, "%2x", &value), 1);
		out[n++] = (uint8_t)value;
		text++;
	}
	return n;
}

struct packet_case {
	const char *what, *hex;
	enum query_action action;
	uint16_t rcode;
};

static const struct packet_case packets[] = {
	{"a plain question", HEAD Q A_IN, QUERY_ANSWER, 0},
	{"the root", HEAD "00 0002 0001", QUERY_ANSWER, 0},
	{"nothing", "", QUERY_DROP, 0},
	{"eleven octets", "1234 0100 0001 0000 0000 00", QUERY_DROP, 0},
	{"a reply", "1234 8100 0001 0000 0000 0000 " Q A_IN, QUERY_DROP, 0},
	{"a reply cut short", "1234 8100 0001 0000 0000 0000", QUERY_DROP, 0},
	{"opcode IQUERY", "1234 0800 0001 0000 0000 0000 " Q A_IN, QUERY_ERROR, RCODE_NOTIMP},
	{"opcode NOTIFY", "1234 2000 0001 0000 0000 0000 " Q "0006 0001", QUERY_ERROR,
		RCODE_NOTIMP},
	{"opcode UPDATE", "1234 2800 0001 0000 0000 0000 " Q "0006 0001", QUERY_ERROR,
		RCODE_NOTIMP},
	{"opcode 15 without a body", "1234 7800 0000 0000 0000 0000", QUERY_ERROR, RCODE_NOTIMP},
	{"no question (RFC 9619)", "1234 0100 0000 0000 0000 0000", QUERY_ERROR, RCODE_FORMERR},
	{"no question but EDNS", "1234 0100 0000 0000 0000 0001 " OPT "0000", QUERY_ERROR,
		RCODE_FORMERR},
	{"no question but a cookie (RFC 7873, 5.4)",
		"1234 0100 0000 0000 0000 0001 " OPT "000c 000a 0008 0102030405060708",
		QUERY_COOKIE, 0},
	{"no question, a cookie and an answer",
		"1234 0100 0000 0001 0000 0001 00 0001 0001 00000000 0004 01020304 " OPT
		"000c 000a 0008 0102030405060708",
		QUERY_ERROR, RCODE_FORMERR},
	{"no question, a cookie and garbage",
		"1234 0100 0000 0000 0000 0001 " OPT "000c 000a 0008 0102030405060708 00",
		QUERY_ERROR, RCODE_FORMERR},
	{"two questions (RFC 9619)", "1234 0100 0002 0000 0000 0000 " Q A_IN Q A_IN, QUERY_ERROR,
		RCODE_FORMERR},
	{"question missing", HEAD, QUERY_ERROR, RCODE_FORMERR},
	{"question without class", HEAD Q "0001", QUERY_ERROR, RCODE_FORMERR},
	{"name without end", HEAD "0161 0362", QUERY_ERROR, RCODE_FORMERR},
	{"pointer in the question", HEAD "c00c " A_IN, QUERY_ERROR, RCODE_FORMERR},
	{"label of 64", HEAD "4061 00 " A_IN, QUERY_ERROR, RCODE_FORMERR},
	{"trailing garbage", HEAD Q A_IN "00", QUERY_ERROR, RCODE_FORMERR},
	{"an answer in a query",
		"1234 0100 0001 0001 0000 0000 " Q A_IN "c00c 0001 0001 00000000 0004 01020304",
		QUERY_ERROR, RCODE_FORMERR},
	{"authority in a query", "1234 0100 0001 0000 0001 0000 " Q A_IN, QUERY_ERROR,
		RCODE_FORMERR},
	{"additional count without a record", WITH Q A_IN, QUERY_ERROR, RCODE_FORMERR},
	{"any other additional record", WITH Q A_IN "c00c 0001 0001 00000000 0004 01020304",
		QUERY_ANSWER, 0},
	{"additional name without end", WITH Q A_IN "3f61", QUERY_ERROR, RCODE_FORMERR},
	{"additional rdata cut short", WITH Q A_IN "c00c 0001 0001 00000000 0004 010203",
		QUERY_ERROR, RCODE_FORMERR},
	{"EDNS", WITH Q A_IN OPT "0000", QUERY_ANSWER, 0},
	{"EDNS with an unknown option", WITH Q A_IN OPT "0006 fde9 0002 abcd", QUERY_ANSWER, 0},
	{"EDNS with unknown flags", WITH Q A_IN "00 0029 04d0 00007fff 0000", QUERY_ANSWER, 0},
	{"NSID", WITH Q A_IN OPT "0004 0003 0000", QUERY_ANSWER, 0},
	{"NSID with content, which is ignored (RFC 5001, 2.1)", WITH Q A_IN OPT "0005 0003 0001 aa",
		QUERY_ANSWER, 0},
	{"padding, which is ignored on cleartext (RFC 7830)",
		WITH Q A_IN OPT "0008 000c 0004 00000000", QUERY_ANSWER, 0},
	{"EDNS option cut short", WITH Q A_IN OPT "0005 fde9 0002 ab", QUERY_ERROR, RCODE_FORMERR},
	{"EDNS option header cut short", WITH Q A_IN OPT "0003 fde9 00", QUERY_ERROR,
		RCODE_FORMERR},
	{"EDNS version 1 (RFC 6891, 6.1.3)", WITH Q A_IN "00 0029 04d0 00010000 0000", QUERY_ERROR,
		RCODE_BADVERS},
	{"EDNS version 1, options unread", WITH Q A_IN "00 0029 04d0 00010000 0001 ff", QUERY_ERROR,
		RCODE_BADVERS},
	{"two OPT (RFC 6891, 6.1.1)",
		"1234 0100 0001 0000 0000 0002 " Q A_IN OPT "0000 " OPT "0000", QUERY_ERROR,
		RCODE_FORMERR},
	{"OPT with a name", WITH Q A_IN "c00c 0029 04d0 00000000 0000", QUERY_ERROR, RCODE_FORMERR},
	{"TXT in class CH", HEAD Q "0010 0003", QUERY_CHAOS, 0},
	{"ANY in class CH", HEAD Q "00ff 0003", QUERY_CHAOS, 0},
	{"A in class CH", HEAD Q "0001 0003", QUERY_ERROR, RCODE_REFUSED},
	{"AXFR in class CH", HEAD Q "00fc 0003", QUERY_ERROR, RCODE_REFUSED},
	{"class HS", HEAD Q "0010 0004", QUERY_ERROR, RCODE_REFUSED},
	{"class ANY", HEAD Q "0001 00ff", QUERY_ERROR, RCODE_REFUSED},
	{"class 0", HEAD Q "0001 0000", QUERY_ERROR, RCODE_REFUSED},
	{"AXFR", HEAD Q "00fc 0001", QUERY_ERROR, RCODE_REFUSED},
	{"IXFR with its SOA",
		"1234 0100 0001 0000 0001 0000 " Q "00fb 0001 c00c 0006 0001 00000000 0016 00 00 "
		"0000000100000000000000000000000000000000",
		QUERY_ERROR, RCODE_REFUSED},
	{"IXFR whose SOA is cut short",
		"1234 0100 0001 0000 0001 0000 " Q "00fb 0001 c00c 0006 0001 00000000 0016 00 00 "
		"00000001000000000000000000000000000000",
		QUERY_ERROR, RCODE_FORMERR},
	{"IXFR with an answer",
		"1234 0100 0001 0001 0000 0000 " Q
		"00fb 0001 c00c 0001 0001 00000000 0004 01020304",
		QUERY_ERROR, RCODE_FORMERR},
	{"type ANY", HEAD Q "00ff 0001", QUERY_ANSWER, 0},
	{"type 0", HEAD Q "0000 0001", QUERY_ERROR, RCODE_FORMERR},
	{"type OPT", HEAD Q "0029 0001", QUERY_ERROR, RCODE_FORMERR},
	{"type TSIG", HEAD Q "00fa 0001", QUERY_ERROR, RCODE_FORMERR},
	{"type MAILA", HEAD Q "00fe 0001", QUERY_ERROR, RCODE_NOTIMP},
	{"type 65280", HEAD Q "ff00 0001", QUERY_ANSWER, 0},
	{"TSIG with other data",
		WITH Q A_IN "016b 00 00fa 00ff 00000000 0016 0168 00 000000000001 012c 0002 abcd "
			    "1234 0000 0001 00",
		QUERY_ERROR, RCODE_NOTAUTH},
	{"TSIG whose other data are missing",
		WITH Q A_IN "016b 00 00fa 00ff 00000000 0015 0168 00 000000000001 012c 0002 abcd "
			    "1234 0000 0001",
		QUERY_ERROR, RCODE_FORMERR},
	{"TSIG (RFC 8945, 5.2.1)",
		WITH Q A_IN "016b 00 00fa 00ff 00000000 0015 0168 00 000000000001 012c 0002 abcd "
			    "1234 0000 0000",
		QUERY_ERROR, RCODE_NOTAUTH},
	{"TSIG that is not the last record",
		"1234 0100 0001 0000 0000 0002 " Q A_IN
		"016b 00 00fa 00ff 00000000 0015 0168 00 000000000001 012c 0002 abcd 1234 0000 "
		"0000 " OPT "0000",
		QUERY_ERROR, RCODE_FORMERR},
	{"TSIG whose MAC runs over its end",
		WITH Q A_IN "016b 00 00fa 00ff 00000000 0015 0168 00 000000000001 012c 00ff abcd "
			    "1234 0000 0000",
		QUERY_ERROR, RCODE_FORMERR},
};

static void packets_are_judged_as_the_rfcs_say(void **state)
{
	uint8_t *packet = malloc(512);
	struct query *q = malloc(sizeof *q);

	(void)state;
	assert_non_null(packet);
	assert_non_null(q);
	for (size_t i = 0; i < COUNT(packets); i++) {
		size_t length = unhex(packets[i].hex, packet);
		uint8_t *exact = malloc(length + 1); /* reading past the end is seen by ASan */
		enum query_action action;

		memcpy(exact, packet, length);
		exact = realloc(exact, length > 0 ? length : 1);
		action = query_parse(q, &rules, exact, length);
		if (action != packets[i].action ||
			(action == QUERY_ERROR && q->rcode != packets[i].rcode))
			fail_msg("%s: action %d, rcode %u", packets[i].what, (int)action, q->rcode);
		free(exact);
	}
	free(q);
	free(packet);
}

/* A cookie of so many octets: RFC 7873, 5.2.2. */
static void cookies_of_a_wrong_size_are_errors(void **state)
{
	uint8_t packet[256];
	struct query *q = malloc(sizeof *q);

	(void)state;
	assert_non_null(q);
	for (unsigned size = 0; size <= 48; size++) {
		bool sound = size == 8 || (size >= 16 && size <= 40);
		size_t length = unhex(WITH Q A_IN OPT "0000 000a 0000", packet), at = length;
		enum query_action action;

		memset(packet + at, 0x5a, size);
		packet[at - 5] = (uint8_t)(4 + size);
		packet[at - 1] = (uint8_t)size;
		action = query_parse(q, &rules, packet, length + size);
		assert_int_equal(action, sound ? QUERY_ANSWER : QUERY_ERROR);
		assert_int_equal(q->rcode, sound ? RCODE_NOERROR : RCODE_FORMERR);
		assert_int_equal(q->cookie_size, sound ? size : 0);
		if (sound)
			assert_ptr_equal(q->cookie, packet + at);
	}
	free(q);
}

static void the_first_of_two_cookies_counts(void **state)
{
	uint8_t packet[256];
	struct query *q = malloc(sizeof *q);
	size_t length =
		unhex(WITH Q A_IN OPT "0013 000a 0008 1111111111111111 000a 0003 222222", packet);

	(void)state;
	assert_non_null(q);
	assert_int_equal(query_parse(q, &rules, packet, length), QUERY_ANSWER);
	assert_int_equal(q->cookie_size, 8);
	assert_int_equal(q->cookie[0], 0x11);
	free(q);
}

/* Rules: what is not heeded is as good as unknown, even when it is malformed. */
static void what_the_rules_leave_out_is_ignored(void **state)
{
	static const struct query_rules neither = {4096, false, false};
	uint8_t packet[256];
	struct query *q = malloc(sizeof *q);
	size_t length = unhex(WITH Q A_IN "00 0029 ffff 00000000 000f 0008 0004 00630000 "
					  "000a 0003 222222",
		packet);

	(void)state;
	assert_non_null(q);
	assert_int_equal(query_parse(q, &rules, packet, length), QUERY_ERROR);
	assert_int_equal(query_parse(q, &neither, packet, length), QUERY_ANSWER);
	assert_false(q->has_subnet);
	assert_int_equal(q->cookie_size, 0);
	assert_int_equal(q->payload, 4096);
	length = unhex(
		"1234 0100 0000 0000 0000 0001 " OPT "000c 000a 0008 0102030405060708", packet);
	assert_int_equal(query_parse(q, &neither, packet, length), QUERY_ERROR);
	assert_int_equal(q->rcode, RCODE_FORMERR);
	free(q);
}

/* The client-subnet option, RFC 7871, 6. */
struct subnet_case {
	const char *what, *option; /* without code and length */
	bool good;
	const char *address; /* NULL: none to use */
};

static const struct subnet_case subnets[] = {
	{"IPv4 /24", "0001 18 00 c0000a", true, "192.0.10.0"},
	{"IPv4 /32", "0001 20 00 c0000a01", true, "192.0.10.1"},
	{"IPv4 /20", "0001 14 00 c00010", true, "192.0.16.0"},
	{"IPv4 /0", "0001 00 00", true, NULL},
	{"IPv6 /56", "0002 38 00 20010db8000001", true, "2001:db8:0:100::"},
	{"IPv6 /128", "0002 80 00 20010db8000000000000000000000001", true, "2001:db8::1"},
	{"family 0 with nothing, as dig +subnet=0", "0000 00 00", true, NULL},
	{"family 0 with an address", "0000 08 00 0a", false, NULL},
	{"family 3", "0003 08 00 0a", false, NULL},
	{"family 3 with nothing", "0003 00 00", false, NULL},
	{"IPv4 /33", "0001 21 00 c0000a0100", false, NULL},
	{"IPv6 /129", "0002 81 00 20010db800000000000000000000000100", false, NULL},
	{"a scope in a query", "0001 18 18 c0000a", false, NULL},
	{"spare bits set", "0001 14 00 c00011", false, NULL},
	{"too few octets", "0001 18 00 c000", false, NULL},
	{"too many octets", "0001 18 00 c0000a00", false, NULL},
	{"three octets in all", "000118", false, NULL},
};

static void client_subnets_are_read_strictly(void **state)
{
	uint8_t packet[128], option[32];
	struct query *q = malloc(sizeof *q);

	(void)state;
	assert_non_null(q);
	for (size_t i = 0; i < COUNT(subnets); i++) {
		size_t size = unhex(subnets[i].option, option), length;
		enum query_action action;
		struct addr a;
		char text[ADDR_TEXT_MAX];

		length = unhex(WITH Q A_IN OPT "0000 0008 0000", packet);
		packet[length - 5] = (uint8_t)(4 + size);
		packet[length - 1] = (uint8_t)size;
		memcpy(packet + length, option, size);
		action = query_parse(q, &rules, packet, length + size);
		if ((action == QUERY_ANSWER) != subnets[i].good ||
			(!subnets[i].good && q->rcode != RCODE_FORMERR))
			fail_msg("%s: action %d, rcode %u", subnets[i].what, (int)action, q->rcode);
		if (!subnets[i].good)
			continue;
		a = query_subnet_address(q);
		if ((a.family == FAMILY_NONE) != (subnets[i].address == NULL) ||
			(subnets[i].address != NULL &&
				strcmp(addr_format(&a, text), subnets[i].address) != 0))
			fail_msg("%s: wrong address", subnets[i].what);
	}
	free(q);
}

/* As BIND, NSD and Knot do; what the second one holds is not looked at. */
static void the_first_of_two_client_subnets_counts(void **state)
{
	static const char *const second[] = {"0008 0006 0001 10 00 c000", "0008 0002 0063"};
	uint8_t packet[128];
	struct query *q = malloc(sizeof *q);

	(void)state;
	assert_non_null(q);
	for (size_t i = 0; i < COUNT(second); i++) {
		size_t length = unhex(WITH Q A_IN OPT "0000 0008 0005 0001 08 00 0a", packet);
		size_t options = length - 9;

		length += unhex(second[i], packet + length);
		packet[options - 1] = (uint8_t)(length - options);
		assert_int_equal(query_parse(q, &rules, packet, length), QUERY_ANSWER);
		assert_int_equal(q->subnet.source, 8);
		assert_int_equal(q->subnet.address[0], 10);
	}
	free(q);
}

static void fields_of_a_sound_query_are_kept(void **state)
{
	uint8_t packet[128];
	struct query *q = malloc(sizeof *q);
	size_t length = unhex("beef 0110 0001 0000 0000 0001 0141 0362 4344 00 001c 0001 00 0029 "
			      "0400 00008000 0000",
		packet);
	static const uint8_t lower[] = {1, 'a', 3, 'b', 'c', 'd', 0};

	(void)state;
	assert_int_equal(query_parse(q, &rules, packet, length), QUERY_ANSWER);
	assert_int_equal(q->id, 0xbeef);
	assert_int_equal(q->type, TYPE_AAAA);
	assert_int_equal(q->class, 1);
	assert_int_equal(q->question_size, 11);
	assert_int_equal(q->payload, 1024);
	assert_true(q->edns);
	assert_true(q->dnssec_ok);
	assert_int_equal(q->name.length, sizeof lower);
	assert_memory_equal(q->name.wire, lower, sizeof lower);
	free(q);
}

static void payload_is_kept_between_512_and_1232(void **state)
{
	static const struct {
		uint16_t offered, used;
	} cases[] = {{0, 512}, {511, 512}, {512, 512}, {1000, 1000}, {1232, 1232}, {4096, 1232},
		{65535, 1232}};
	uint8_t packet[128];
	struct query *q = malloc(sizeof *q);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t length = unhex(WITH Q A_IN OPT "0000", packet);

		packet[length - 8] = (uint8_t)(cases[i].offered >> 8);
		packet[length - 7] = (uint8_t)cases[i].offered;
		assert_int_equal(query_parse(q, &rules, packet, length), QUERY_ANSWER);
		assert_int_equal(q->payload, cases[i].used);
	}
	assert_int_equal(query_parse(q, &rules, packet, unhex(HEAD Q A_IN, packet)), QUERY_ANSWER);
	assert_int_equal(q->payload, 512);
	free(q);
}

static void every_prefix_of_a_packet_is_survived(void **state)
{
	uint8_t packet[256];
	struct query *q = malloc(sizeof *q);
	size_t length = unhex("1234 0100 0001 0000 0000 0002 " Q A_IN OPT
			      "000b 0008 0007 0001 18 00 c0000a "
			      "016b 00 00fa 00ff 00000000 0015 0168 00 000000000001 012c 0002 abcd "
			      "1234 0000 0000",
		packet);

	(void)state;
	for (size_t cut = 0; cut < length; cut++) {
		uint8_t *exact = malloc(cut + 1);

		memcpy(exact, packet, cut);
		exact = realloc(exact, cut > 0 ? cut : 1);
		assert_int_not_equal(query_parse(q, &rules, exact, cut), QUERY_ANSWER);
		free(exact);
	}
	assert_int_equal(query_parse(q, &rules, packet, length), QUERY_ERROR);
	assert_int_equal(q->rcode, RCODE_NOTAUTH);
	free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_judged_as_the_rfcs_say),
		cmocka_unit_test(cookies_of_a_wrong_size_are_errors),
		cmocka_unit_test(the_first_of_two_cookies_counts),
		cmocka_unit_test(what_the_rules_leave_out_is_ignored),
		cmocka_unit_test(client_subnets_are_read_strictly),
		cmocka_unit_test(the_first_of_two_client_subnets_counts),
		cmocka_unit_test(fields_of_a_sound_query_are_kept),
		cmocka_unit_test(payload_is_kept_between_512_and_1232),
		cmocka_unit_test(every_prefix_of_a_packet_is_survived),
	};

	TEST_MAIN(tests);
}
