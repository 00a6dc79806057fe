/*
 * RDATA: text to wire, wire to text and back, and what must be refused. The expected wire forms come
 * from dnspython 2.3, an independent implementation; many texts are the examples of the RFCs.
 */
#include "tests/unit/test.h"

#include "zones/rdata.h"

struct good {
	const char *type, *text, *wire; /* hexadecimal */
};

static const struct good goods[] = {
	{"A", "192.0.2.53", "c0000235"},
	{"AAAA", "2001:db8::1", "20010db8000000000000000000000001"},
	{"NS", "ns1", "036e7331076578616d706c6503636f6d00"},
	{"CNAME", "@", "076578616d706c6503636f6d00"},
	{"PTR", "host.example.net.", "04686f7374076578616d706c65036e657400"},
	{"MX", "10 mail", "000a046d61696c076578616d706c6503636f6d00"},
	{"SRV", "0 5 5060 sip.example.net.", "0000000513c403736970076578616d706c65036e657400"},
	{"SOA", "ns1 host\\.master 2026112301 3600 600 604800 60",
		"036e7331076578616d706c6503636f6d000b686f73742e6d6173746572076578616d706c6503636f6d"
		"0078c4052d00000e100000025800093a800000003c"},
	/* serial and times have 32 bits (RFC 1035, 3.3.13) */
	{"SOA", "ns1 @ 4294967295 4294967295 7101w3d6h28m15s 4294967295s 4294967295",
		"036e7331076578616d706c6503636f6d00076578616d706c6503636f6d00"
		"ffffffffffffffffffffffffffffffffffffffff"},
	{"SOA", "\\# 22 0000 ffffffff ffffffff ffffffff ffffffff ffffffff",
		"0000ffffffffffffffffffffffffffffffffffffffff"},
	{"TXT", "foo \"b a\\\"r\" \\065\\;", "03666f6f05622061227202413b"},
	{"TXT", "\"\"", "00"},
	/* a word and a quoted string need no blank between them, as in BIND and NSD */
	{"TXT", "ef\"gh\"", "026566026768"},
	{"TXT", "v=\"b c\"d", "02763d036220630164"},
	{"TXT", "\\# text", "01230474657874"}, /* no number: not RFC 3597's form */
	{"CAA", "0 issue\"ca.net\"", "0005697373756563612e6e6574"},
	{"HINFO", "PC\"Linux\"",
		"02504"
		"3054c696e7578"},
	{"CAA", "0 issue \"ca.example.net; policy=ev\"",
		"0005697373756563612e6578616d706c652e6e65743b20706f6c6963793d6576"},
	{"CAA", "128 tbs Unknown", "8003746273556e6b6e6f776e"},
	{"DNAME", "example.net.", "076578616d706c65036e657400"},
	{"HINFO", "\"PC 1\" Linux", "0450432031054c696e7578"},
	{"RP", "louie txt",
		"056c6f756965076578616d706c6503636f6d0003747874076578616d706c6503636f6d00"},
	{"AFSDB", "1 afs", "000103616673076578616d706c6503636f6d00"},
	{"X25", "311061700956", "0c333131303631373030393536"},
	{"ISDN", "150862028003217", "0f313530383632303238303033323137"},
	{"ISDN", "150862028003217 004", "0f31353038363230323830303332313703303034"},
	{"RT", "2 relay", "00020572656c6179076578616d706c6503636f6d00"},
	{"NSAP", "0x47.0005.80.005a00.0000.0001.e133.ffffff000161.00",
		"47000580005a0000000001e133ffffff00016100"},
	{"PX", "10 map822 mapx400",
		"000a066d6170383232076578616d706c6503636f6d00076d617078343030076578616d706c6503636f"
		"6d00"},
	{"GPOS", "-32.6882 116.8652 10.0", "082d33322e36383832083131362e383635320431302e30"},
	{"LOC", "42 21 54 N 71 06 18 W -24m 30m", "0033161389172dd070be15f000988d20"},
	{"LOC", "52 14 05 N 00 08 50 E 10m", "001216138b3556c88008165000989a68"},
	{"LOC", "32 7 19 S 116 2 25 E 10m", "00121613791b7d2898e6486800989a68"},
	{"LOC", "42 21 28.764 N 71 00 51.617 W -44m 2000m", "002516138916cb3c70c310df00988550"},
	{"NAPTR", "100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:info@example.com!\" .",
		"0064000a0175074532552b7369701b215e2e2a24217369703a696e666f406578616d706c652e636f6d"
		"2100"},
	{"KX", "10 kx", "000a026b78076578616d706c6503636f6d00"},
	{"CERT", "PKIX 0 0 AQNRU3mG7TVTO2Bk", "0001000000010351537986ed35533b6064"},
	{"CERT", "254 1 8 AQNRU3mG7TVTO2Bk", "00fe000108010351537986ed35533b6064"},
	{"APL", "1:192.168.32.0/21 !1:192.168.38.0/28 2:ff00::/8",
		"00011503c0a82000011c83c0a82600020801ff"},
	{"APL", "1:0.0.0.0/0", "00010000"},
	{"APL", "1:127.0.0.0/0 !2:8000::1/1",
		"000100017f000201908000000000000000000000000000"
		"0001"},
	{"APL", "1:192.0.2.1/24", "00011804c0000201"},
	{"NXT", "medium.foo.tld. A MX SIG NXT",
		"066d656469756d03666f6f03746c64004001008"
		"2"},
	{"NXT", "a.", "016100"},
	{"A6", "0 2001:db8::1", "0020010db8000000000000000000000001"},
	{"A6", "64 2001:db8::1 net", "400000000000000001036e6574076578616d706c6503636f6d00"},
	{"A6", "60 ::f:0:0:0:1 net.",
		"3c0f00000000000000"
		"01036e657400"},
	{"A6", "128 net.", "80036e657400"},
	{"SINK", "8 0 2 l4ik", "0800029788a4"},
	{"SINK", "0 0 0", "000000"},
	{"KEY", "NOKEY 3 5", "c0000305"},
	{"KEY", "ZONE|SIG1 DNSSEC RSASHA1 AQID", "01010305010203"},
	{"DOA", "0 1 2 \"\" AQID", "00000000000000010200010203"},
	{"DOA", "0 100000 200 text/plain -", "00000000000186a0c80a746578742f706c61696e"},
	{"DSYNC", "CDS NOTIFY 5359 scan", "003b0114ef047363616e076578616d706c6503636f6d00"},
	{"DSYNC", "TYPE1000 3 65535 x.", "03e803ffff017800"},
	{"HHIT", "AQ ID", "010203"},
	{"BRID", "AQID", "010203"},
	{"DS", "1 RSASHA1 SHA-1 0102030405060708090a0b0c0d0e0f1011121314",
		"000105010102030405060708090a0b0c0d0e0f1011121314"},
	{"LOC", "0 0 0. N 0 0 .5 E +1m",
		"001216138000000080"
		"0001f4009896e4"},
	{"NSEC3", "SHA-1 0 1 - CPNMU A", "010000010003666f6f000140"},
	{"WKS", "10.0.0.1 TCP smtp HTTP 443",
		"0a000001060000004000000000000080000000000000000000000000000000000000000000000000"
		"000000000000000000000000000000000000000010"},
	{"WKS", "10.0.0.1 udp domain",
		"0a000001110000000000"
		"0004"},
	{"WKS", "10.0.0.1 ICMP", "0a00000101"},
	/* RFC 8976, 2.2.2 and A.3: a private scheme */
	{"ZONEMD", "2018031900 241 1 e1846540e33a9e4189792d18d5d131f605fc283e",
		"7848b91c"
		"f101e1846540e33a9e4189792d18d5d131f605fc283e"},
	{"DS", "60485 5 1 2BB183AF5F22588179A53B0A 98631FAD1A292118",
		"ec4505012bb183af5f22588179a53b0a98631fad1a292118"},
	{"DS", "60485 RSASHA1 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
		"ec4505012bb183af5f22588179a53b0a98631fad1a292118"},
	{"SSHFP", "2 1 123456789abcdef67890123456789abcdef67890",
		"0201123456789abcdef67890123456789abcdef67890"},
	{"IPSECKEY", "10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
		"0a0102c0000226010351537986ed35533b6064478eeeb27b5bd74dae149b6e81ba3a0521af82ab780"
		"1"},
	{"IPSECKEY", "10 0 2 . AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
		"0a0002010351537986ed35533b6064478eeeb27b5bd74dae149b6e81ba3a0521af82ab7801"},
	{"IPSECKEY", "10 3 2 gw.example.com. AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
		"0a0302026777076578616d706c6503636f6d00010351537986ed35533b6064478eeeb27b5bd74dae14"
		"9b6e81ba3a0521af82ab7801"},
	{"IPSECKEY", "10 2 2 2001:db8::8002 AQNRU3mG7TVTO2Bk",
		"0a020220010db8000000000000000000008002010351537986ed35533b6064"},
	{"RRSIG",
		"A 5 3 86400 20300322173103 20260220173103 2642 example.com. "
		"oJB1W6WNGv+ldvQ3WDG0MQkg5IEhjRip8WTr",
		"0001050300015180714646d769989a570a52076578616d706c6503636f6d00a090755ba58d1affa576"
		"f4375831b4310920e481218d18a9f164eb"},
	{"NSEC", "host.example.com. A MX RRSIG NSEC TYPE1234",
		"04686f7374076578616d706c6503636f6d000006400100000003041b00000000000000000000000000"
		"0000000000000000000000000020"},
	{"DNSKEY", "256 3 5 AQPSKmynfzW4kyBv015MUG2DeIQ3",
		"010003050103d22a6ca77f35b893206fd35e4c506d83788437"},
	{"DHCID", "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=",
		"000201636fc0b8271c82825bb1ac5c41cf5351aa69b4febd94e8f17cdb95000da48c40"},
	{"NSEC3",
		"1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX DNSKEY NS SOA NSEC3PARAM "
		"RRSIG",
		"0101000c04aabbccdd14174eb2409fe28bcb4887a1836f957f0a8425e27b000722010000000290"},
	{"NSEC3PARAM", "1 0 12 -", "0100000c00"},
	{"NSEC3PARAM", "1 0 12 aabb", "0100000c02aabb"},
	{"TLSA", "3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971",
		"030101d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971"},
	{"SMIMEA", "3 0 0 0102", "0300000102"},
	{"HIP",
		"2 200100107B1A74DF365639CC39F1D578 AwEAAbdxyhNuSutc5EMzxTs9LBPCIkOFH8cIvM4p "
		"rvs1.example.com. rvs2",
		"1002001e200100107b1a74df365639cc39f1d57803010001b771ca136e4aeb5ce44333c53b3d2c13c2"
		"2243851fc708bcce290472767331076578616d706c6503636f6d000472767332076578616d706c6503"
		"636f6d00"},
	{"CDS", "0 0 0 00", "0000000000"},
	{"CDNSKEY", "0 3 0 AA==", "0000030000"},
	{"OPENPGPKEY", "AQNRU3mG7TVTO2Bk", "010351537986ed35533b6064"},
	{"CSYNC", "66 3 A NS AAAA", "000000420003000460000008"},
	{"ZONEMD", "2018031500 1 240 e2d523f654b9422a96c5a8f44607bbee",
		"7848b78c01f0e2d523f654b9422a96c5a8f44607bbee"},
	{"SVCB", "1 . alpn=\"h2,h3\" port=8443 ipv4hint=192.0.2.1,192.0.2.2",
		"000100000100060268320268330003000220fb00040008c0000201c0000202"},
	{"HTTPS", "0 pool.svc", "000004706f6f6c03737663076578616d706c6503636f6d00"},
	{"SVCB", "16 foo.example.com. port=53",
		"001003666f6f076578616d706c6503636f6d00000300020035"},
	{"SVCB", "1 foo.example.com. key667=hello",
		"000103666f6f076578616d706c6503636f6d00029b000568656c6c6f"},
	{"SVCB", "1 foo.example.com. key667=\"hello\\210qoo\"",
		"000103666f6f076578616d706c6503636f6d00029b000968656c6c6fd2716f6f"},
	{"SVCB", "1 foo.example.com. ipv6hint=\"2001:db8::1,2001:db8::53:1\"",
		"000103666f6f076578616d706c6503636f6d000006002020010db80000000000000000000000012001"
		"0db8000000000000000000530001"},
	{"SVCB", "16 foo.example.org. (alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1)",
		"001003666f6f076578616d706c65036f7267000000000400010004000100090268320568332d313900"
		"040004c0000201"},
	{"SVCB", "16 foo.example.org. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"",
		"001003666f6f076578616d706c65036f7267000001000c08665c6f6f2c626172026832"},
	{"SVCB", "1 . no-default-alpn alpn=h3 ech=AEX+DQ==",
		"0001000001000302683300020000000500040045fe0d"},
	{"SPF", "\"v=spf1\"", "06763d73706631"},
	{"NID", "10 0014:4fff:ff20:ee64", "000a00144fffff20ee64"},
	{"L32", "10 10.1.2.0", "000a0a010200"},
	{"L64", "10 2001:0DB8:1140:1000", "000a20010db811401000"},
	{"LP", "10 l64", "000a036c3634076578616d706c6503636f6d00"},
	{"EUI48", "00-00-5e-00-53-2a", "00005e00532a"},
	{"EUI64", "00-00-5e-ef-10-00-00-2a", "00005eef1000002a"},
	{"URI", "10 1 \"https://example.com/path\"",
		"000a000168747470733a2f2f6578616d706c652e636f6d2f70617468"},
	{"AMTRELAY", "10 0 1 203.0.113.15", "0a01cb00710f"},
	{"AMTRELAY", "10 1 3 amt", "0a8303616d74076578616d706c6503636f6d00"},
	{"AMTRELAY", "128 0 0 .", "8000"},
	{"AVC", "\"app\"", "03617070"},
	{"WKS", "10.0.0.1 6 25 80", "0a000001060000004000000000000080"},
	{"DLV", "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
		"ec4505012bb183af5f22588179a53b0a98631fad1a292118"},
	{"TYPE731", "\\# 6 abcd ef 01 23 45", "abcdef012345"},
	{"TYPE62347", "\\# 0", ""},
	{"A", "\\# 4 0a000001", "0a000001"},
	{"MX", "\\# 3 000a 00", "000a00"},
};

static const uint8_t example_com[] = "\x07"
				     "example\x03"
				     "com";

/* Reads `text` as RDATA of `type`. Octets at wire, or -1; the first message in `message`. */
static int parse(uint16_t type, const char *text, uint8_t *wire, char message[ERR_TEXT_MAX])
{
	struct report report = {0};
	struct token name = {.text = "THIS", .length = 4, .line = 1, .column = 1};
	struct scan scan;
	struct fields f;
	int rc = -1;

	scan_memory(&scan, text, strlen(text), "t", &report);
	(void)scan_next(&scan);
	f = (struct fields){.scan = &scan,
		.next = scan.tokens,
		.end = scan.tokens + scan.count,
		.type = &name,
		.origin = example_com,
		.at = wire,
		.limit = wire + RDATA_MAX};
	if (report.errors == 0 && rdata_parse(type, &f) == 0)
		rc = (int)(f.at - wire);
	assert_int_equal(rc<0, report.errors> 0);
	(void)snprintf(message, ERR_TEXT_MAX, "%s", report.count > 0 ? report.items[0].text : "");
	scan_close(&scan);
	report_free(&report);
	return rc;
}

static uint16_t type_number(const char *name)
{
	struct token t = {.text = name, .length = (uint32_t)strlen(name)};
	const char *why = NULL;
	uint16_t type = 0;

	if (rrtype_parse(&t, &type, &why) < 0)
		fail_msg("%s: %s", name, why);
	return type;
}

static void text_becomes_the_wire_form_that_dnspython_makes(void **state)
{
	static uint8_t wire[RDATA_MAX];
	char message[ERR_TEXT_MAX], hex[2048];

	(void)state;
	for (size_t i = 0; i < COUNT(goods); i++) {
		int length = parse(type_number(goods[i].type), goods[i].text, wire, message);

		if (length < 0)
			fail_msg("%s %s: %s", goods[i].type, goods[i].text, message);
		hex[0] = '\0';
		for (int k = 0; k < length; k++)
			(void)snprintf(hex + 2 * k, 3, "%02x", wire[k]);
		if (strcmp(hex, goods[i].wire) != 0)
			fail_msg("%s %s: %s, not %s", goods[i].type, goods[i].text, hex,
				goods[i].wire);
	}
}

static void printed_rdata_reads_back_and_is_not_generic_for_known_types(void **state)
{
	static uint8_t wire[RDATA_MAX], again[RDATA_MAX];
	char message[ERR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(goods); i++) {
		uint16_t type = type_number(goods[i].type);
		int length = parse(type, goods[i].text, wire, message);
		struct text out = {0};

		assert_true(length >= 0);
		rdata_format(type, wire, (size_t)length, &out);
		assert_false(out.failed);
		if ((strncmp(out.data, "\\#", 2) == 0) != (strncmp(goods[i].type, "TYPE", 4) == 0))
			fail_msg("%s %s prints as %s", goods[i].type, goods[i].text, out.data);
		assert_int_equal(parse(type, out.data, again, message), length);
		assert_memory_equal(again, wire, (size_t)length);
		text_free(&out);
	}
}

static void cut_or_lengthened_rdata_is_not_well_formed(void **state)
{
	/* the last field of these ends where the RDATA does, wherever that is, or may be missing */
	static const char *const open_ended[] = {"TXT", "CAA", "CERT", "APL", "IPSECKEY", "RRSIG",
		"DNSKEY", "DHCID", "SMIMEA", "HIP", "CDS", "CDNSKEY", "OPENPGPKEY", "ZONEMD", "SPF",
		"URI", "AVC", "WKS", "NSAP", "ISDN", "NSEC", "NSEC3", "CSYNC", "SVCB", "HTTPS",
		"KEY", "SINK", "DOA", "HHIT", "BRID"};
	uint8_t wire[RDATA_MAX];
	char message[ERR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(goods); i++) {
		uint16_t type = type_number(goods[i].type);
		int length = parse(type, goods[i].text, wire, message);
		bool open = type >= 700;

		assert_true(rdata_verify(type, wire, (size_t)length));
		for (size_t k = 0; k < COUNT(open_ended); k++)
			open = open || strcmp(open_ended[k], goods[i].type) == 0;
		if (open)
			continue;
		wire[length] = 0;
		if (rdata_verify(type, wire, (size_t)length + 1))
			fail_msg("%s %s and one octet", goods[i].type, goods[i].text);
		if (rdata_verify(type, wire, (size_t)length - 1))
			fail_msg("%s %s without its last octet", goods[i].type, goods[i].text);
	}
}

/* No octets, however wrong, may be read past their end (AddressSanitizer) or hang. */
static void verifying_and_printing_any_octets_is_safe(void **state)
{
	uint32_t random = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint16_t type;
		size_t length;
		uint8_t *wire;
		struct text out = {0};

		random = random * 1664525u + 1013904223u;
		type = (uint16_t)(random >> 16) % 263;
		length = (random >> 8) % 24;
		wire = malloc(length + 1);
		for (size_t i = 0; i < length; i++) {
			random = random * 1664525u + 1013904223u;
			wire[i] = (uint8_t)((random >> 28) < 12 ? random >> 29 : random >> 24);
		}
		wire = realloc(wire, length > 0 ? length : 1);
		(void)rdata_verify(type, wire, length);
		rdata_format(type, wire, length, &out);
		assert_non_null(out.data);
		text_free(&out);
		free(wire);
	}
}

struct bad {
	const char *type, *text, *message; /* the message begins so */
};

static const struct bad bads[] = {
	{"A", "192.0.2", "address \"192.0.2\": not an IPv4 address"},
	{"A", "192.0.2.256", "address \"192.0.2.256\": not an IPv4"},
	{"A", "192.0.2.1.", "address \"192.0.2.1.\""},
	{"A", "192.0.02.1", "address \"192.0.02.1\""},
	{"A", "", "THIS has no address"},
	{"A", "192.0.2.1 x", "\"x\": one field too many for THIS"},
	{"AAAA", "2001:db8", "address \"2001:db8\": not an IPv6"},
	{"AAAA", "1.2.3.4", "address \"1.2.3.4\": not an IPv6"},
	{"NS", "a..b", "name \"a..b\": a label is empty"},
	{"NS", "\"a\"", "name \"a\": a quoted string is no name"},
	/* LIBRARIES.md: MX with one field, numbers that wrap */
	{"MX", "10", "THIS has no exchange"},
	{"MX", "65536 mail", "preference \"65536\": not a number from 0 to 65535"},
	{"MX", "-1 mail", "preference \"-1\": not a number"},
	{"MX", "0x10 mail", "preference \"0x10\": not a number"},
	{"SRV", "0 5 65537 sip", "port \"65537\": not a number from 0 to 65535"},
	{"SOA", "ns host 4294967296 1 1 1 1", "serial \"4294967296\": not a number from 0 to"},
	{"SOA", "ns host 1 1 1 1 4294967296", "minimum \"4294967296\": above 4294967295"},
	{"SOA", "ns host 1 1 1 7102w 1", "expire \"7102w\": above 4294967295"},
	{"SOA", "ns host 1 1 1 1 99999999999999999999999", "minimum \"9999999999"},
	{"TXT", "\\256", "text \"\\256\": an escape is not"},
	{"TXT", "\\12", "text \"\\12\": an escape is not"},
	{"TXT", "", "THIS has no text"},
	{"CAA", "256 issue x", "flags \"256\": not a number from 0 to 255"},
	{"CAA", "0 is-sue x", "tag \"is-sue\": not of letters and digits"},
	{"CAA", "0 issue", "THIS has no value"},
	{"CAA", "0 \"\" x", "tag \"\": empty"},
	{"CAA", "0 issue a b", "\"b\": one field too many"},
	{"SSHFP", "256 1 00", "SSHFP field 1 \"256\": not a number from 0 to 255"},
	{"SSHFP", "1 9 0g", "SSHFP field 3 \"0g\": not hexadecimal"},
	{"SSHFP", "1 9 000", "SSHFP field 3 \"000\": an odd number of digits"},
	{"SSHFP", "1 1 0011", "this is no well-formed SSHFP RDATA"},
	{"TLSA", "3 1 1 00", "this is no well-formed TLSA RDATA"},
	{"TLSA", "300 1 0 00", "TLSA field 1 \"300\": not a number"},
	{"TLSA", "DANE-XX 1 0 00", "TLSA field 1 \"DANE-XX\""},
	{"DS", "65536 5 1 00", "DS field 1 \"65536\""},
	{"DS", "1 5 1 2BB183", "this is no well-formed DS RDATA"},
	{"DS", "1 5 2", "THIS has no DS field 4"},
	{"DNSKEY", "256 3 300 AA==", "DNSKEY field 3 \"300\""},
	{"DNSKEY", "256 3 8 AA=", "DNSKEY field 4 \"AA=\": not base 64"},
	{"DNSKEY", "256 3 8 A*==", "DNSKEY field 4 \"A*==\": a character"},
	{"DNSKEY", "256 3 8 AA==AAAA", "DNSKEY field 4 \"AA==AAAA\": not base 64"},
	{"DNSKEY", "256 3 8", "THIS has no DNSKEY field 4"},
	{"RRSIG", "A 5 3 86400 20301322173103 1 2642 . AAAA", "RRSIG field 5 \"20301322173103\""},
	{"RRSIG", "A 5 3 86400 20300231173103 1 2642 . AAAA", "RRSIG field 5 \"20300231173103\""},
	{"RRSIG", "A 5 3 4294967296 1 1 2642 . AAAA", "RRSIG field 4 \"4294967296\""},
	{"RRSIG", "NOSUCH 5 3 1 1 1 2642 . AAAA", "RRSIG field 1 \"NOSUCH\": unknown type"},
	{"NSEC", "a. A NOSUCH", "NSEC field 2 \"NOSUCH\": unknown type"},
	{"NSEC3", "1 1 65536 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A", "NSEC3 field 3 \"65536\""},
	{"NSEC3", "1 1 1 xx 2t7b4g4vsa5smi47k61mv5bv1a22bojr A", "NSEC3 field 4 \"xx\": not hex"},
	{"NSEC3", "1 1 1 - 2t7b4g4vsa5smi47k61mv5bv1a22boj! A", "NSEC3 field 5"},
	{"NAPTR", "100 10 u", "THIS has no NAPTR field 4"},
	{"NAPTR", "100 65536 u s r .", "NAPTR field 2 \"65536\""},
	{"LOC", "91 N 0 E 0m", "LOC latitude \"N\": too many degrees"},
	{"LOC", "90 0 0.001 N 0 E 0m", "LOC latitude \"N\": too many degrees"},
	{"LOC", "42 60 0 N 0 E 0m", "LOC latitude \"60\": not degrees"},
	{"LOC", "42 21 54 X 71 W 0m", "LOC latitude \"X\": not degrees"},
	{"LOC", "42 N 71 W", "THIS has no LOC altitude"},
	{"LOC", "42 N 71 W -100001m", "LOC altitude \"-100001m\": out of range"},
	{"LOC", "42 N 71 W 42849673m", "LOC altitude \"42849673m\": out of range"},
	{"LOC", "42 N 71 W 0m 90000001m", "LOC size \"90000001m\": out of range"},
	{"APL", "1:192.0.2.0/33", "APL field 1 \"1:192.0.2.0/33\": not a prefix"},
	{"APL", "3:192.0.2.0/24", "APL field 1 \"3:192.0.2.0/24\": not an item"},
	{"APL", "2:192.0.2.0/24", "APL field 1 \"2:192.0.2.0/24\": not a prefix"},
	{"NSAP", "47.0005", "NSAP field 1 \"47.0005\": does not begin with 0x"},
	{"NSAP", "0x", "NSAP field 1 \"0x\": has no digits behind 0x"},
	{"NSAP", "0x4", "NSAP field 1 \"4\": an odd number of digits"},
	{"ATMA", "39.246f.00.", "ATMA field 1 \"39.246f.00.\": a dot is not between"},
	{"ATMA", "39..246f", "ATMA field 1 \"39..246f\": a dot is not between"},
	{"ATMA", ".39", "ATMA field 1 \".39\": a dot is not between"},
	{"ATMA", "+61.", "ATMA field 1 \"+61.\": not digits behind the +"},
	{"ATMA", "+6a", "ATMA field 1 \"+6a\": not digits behind the +"},
	{"WKS", "10.0.0.1 6 65536", "service \"65536\": neither a port nor a known one"},
	{"WKS", "10.0.0.1 TCP nosuch", "service \"nosuch\": neither a port nor a known one"},
	{"WKS", "10.0.0.1 nosuch 25", "protocol \"nosuch\": neither a number up to 255"},
	{"WKS", "10.0.0.1", "THIS has no protocol"},
	{"NXT", "a. CAA", "NXT field 2 \"CAA\": NXT has no place"},
	{"A6", "129 a.", "A6 prefix length \"129\": not a number from 0 to 128"},
	{"A6", "64 a.", "A6 address \"a.\": not an IPv6 address"},
	{"A6", "64 ::1", "THIS has no A6 prefix name"},
	{"A6", "0 ::1 a.", "\"a.\": one field too many"},
	{"KEY", "NOSUCH 3 5 AQID", "KEY field 1 \"NOSUCH\": not a number"},
	{"KEY", "ZONE|NOSUCH 3 5 AQID", "KEY field 1 \"ZONE|NOSUCH\": not a number"},
	{"KEY", "0 3 5", "this is no well-formed KEY RDATA"}, /* RFC 2535, 3.1.2: a key or NOKEY */
	{"DS", "1 8 SHA-2 00", "DS field 3 \"SHA-2\": not a number"},
	{"ZONEMD", "1 1 1 e2d523f654b9422a96c5a8f44607bbee", "this is no well-formed ZONEMD"},
	{"ZONEMD", "1 1 240 e2d523f654b9422a96c5a8", "this is no well-formed ZONEMD"},
	{"DOA", "1 2 3 x", "THIS has no DOA field 5"},
	{"DSYNC", "CDS NOSUCH 1 a.", "DSYNC field 2 \"NOSUCH\": not a number"},
	{"LOC", "42. N 71 W 0m", "LOC latitude \"42.\": not degrees"},
	{"LOC", "42 21 . N 71 W 0m", "LOC latitude \".\": not degrees"},
	{"LOC", "42 N 71 W 0m +1m", "LOC size \"+1m\": not metres"},
	{"NSEC3", "1 0 1 - CPNMV A", "NSEC3 field 5 \"CPNMV\": not base 32"},
	{"NSEC3", "1 0 1 - CPNMU0 A", "NSEC3 field 5 \"CPNMU0\": not base 32"},
	{"SVCB", "1 . dohpath", "service parameter \"dohpath\": needs a value"},
	{"SVCB", "1 . alpn= \"h2\"", "service parameter \"alpn=\": needs a value"},
	{"SVCB", "1 . alpn=h2\"h3\"", "service parameter \"h3\": unknown key"},
	{"EUI48", "00-00-5e-00-53", "EUI48 field 1"},
	{"EUI48", "00-00-5e-00-53-2a-00", "EUI48 field 1"},
	{"NID", "10 14:4fff:ff20", "NID field 2"},
	{"IPSECKEY", "10 4 2 . AAAA", "IPSECKEY field 4 \"THIS\": kind is not 0 to 3"},
	{"IPSECKEY", "256 1 2 1.2.3.4 AAAA", "IPSECKEY field 1 \"256\""},
	{"AMTRELAY", "10 2 1 1.2.3.4", "AMTRELAY field 2 \"2\": not a number from 0 to 1"},
	{"CERT", "65536 0 0 AAAA", "CERT field 1 \"65536\""},
	{"HIP", "256 00 AAAA", "HIP algorithm \"256\""},
	/* LIBRARIES.md: SVCB keys without a value */
	{"SVCB", "1 . alpn", "service parameter \"alpn\": needs a value"},
	{"SVCB", "1 . port", "service parameter \"port\": not a port"},
	{"SVCB", "1 . port=", "service parameter \"port=\": not a port"},
	{"SVCB", "1 . port=65536", "service parameter \"port=65536\": not a port"},
	{"SVCB", "1 . ipv4hint", "service parameter \"ipv4hint\": needs a value"},
	{"SVCB", "1 . ipv4hint=::1", "service parameter \"ipv4hint=::1\": not a list of IPv4"},
	{"SVCB", "1 . ech", "service parameter \"ech\": not base 64"},
	{"SVCB", "1 . mandatory", "service parameter \"mandatory\": needs a value"},
	{"SVCB", "1 . mandatory=port", "service parameters"},
	{"SVCB", "1 . mandatory=mandatory", "service parameters"},
	{"SVCB", "1 . mandatory=alpn,alpn alpn=h2", "service parameters"},
	{"SVCB", "1 . no-default-alpn", "service parameters"},
	{"SVCB", "1 . no-default-alpn=x alpn=h2",
		"service parameter \"no-default-alpn=x\": takes no"},
	{"SVCB", "1 . alpn=h2 alpn=h3", "service parameter \"alpn=h3\": the key is there twice"},
	{"SVCB", "1 . key1=x alpn=h3", "service parameter"},
	{"SVCB", "1 . alpn=,h2", "service parameter \"alpn=,h2\": an item is empty"},
	{"SVCB", "1 . alpn=h2,", "service parameter \"alpn=h2,\": an item is empty"},
	{"SVCB", "1 . key65535=x", "service parameter \"key65535=x\": unknown key"},
	{"SVCB", "1 . key0667=x", "service parameter \"key0667=x\": unknown key"},
	{"SVCB", "1 . nosuch=x", "service parameter \"nosuch=x\": unknown key"},
	{"SVCB", "65536 .", "SVCB field 1 \"65536\""},
	/* LIBRARIES.md: \\# 0 for types that cannot be empty; and lengths that lie */
	{"A", "\\# 0", "this is no well-formed A RDATA"},
	{"TXT", "\\# 0", "this is no well-formed TXT RDATA"},
	{"MX", "\\# 0", "this is no well-formed MX RDATA"},
	{"A", "\\# 3 010203", "this is no well-formed A RDATA"},
	{"A", "\\# 4 010203", "\\# says 4 octets, there are 3"},
	{"A", "\\# 65536 00", "length \"65536\": not a number"},
	{"A", "\\#", "address \"\\#\": not an IPv4 address"},
	{"TYPE731", "\\#", "THIS has no length"},
	{"NS", "\\# 2 c00c", "this is no well-formed NS RDATA"},
	{"TYPE731", "\\# 2 0xff", "RDATA \"0xff\": not hexadecimal"},
	{"TYPE731", "abc", "TYPE731 can only be given as \\# LENGTH"},
	{"NULL", "abc", "NULL can only be given as \\# LENGTH"},
};

static void malformed_text_is_refused_with_the_field_and_the_reason(void **state)
{
	static uint8_t wire[RDATA_MAX];
	char message[ERR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(bads); i++) {
		if (parse(type_number(bads[i].type), bads[i].text, wire, message) >= 0)
			fail_msg("%s %s was accepted", bads[i].type, bads[i].text);
		if (strncmp(message, bads[i].message, strlen(bads[i].message)) != 0)
			fail_msg("%s %s: %s", bads[i].type, bads[i].text, message);
	}
}

static void txt_of_more_than_255_octets_becomes_several_strings(void **state)
{
	static uint8_t wire[RDATA_MAX];
	char text[700], message[ERR_TEXT_MAX];

	(void)state;
	memset(text, 'x', 600);
	text[0] = text[599] = '"';
	text[600] = '\0';
	assert_int_equal(parse(TYPE_TXT, text, wire, message), 598 + 3);
	assert_int_equal(wire[0], 255);
	assert_int_equal(wire[256], 255);
	assert_int_equal(wire[512], 88);
	text[257] = '"'; /* exactly 256: 255 and 1 */
	text[258] = '\0';
	assert_int_equal(parse(TYPE_TXT, text, wire, message), 256 + 2);
	assert_int_equal(wire[256], 1);
	/* other types have no such rule */
	assert_int_equal(parse(13, text, wire, message), -1);
	assert_string_equal(message + strlen(message) - 22, "longer than 255 octets");
}

static void rdata_stops_at_65535_octets(void **state)
{
	static uint8_t wire[RDATA_MAX];
	static char text[140000];
	char message[ERR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < 65535 * 2; i += 2)
		memcpy(text + i, "ab", 2);
	assert_int_equal(parse(61, "\\# 0", wire, message), -1);
	assert_int_equal(parse(31, text, wire, message), 65535);
	memcpy(text + 65535 * 2, "ab", 2);
	assert_int_equal(parse(31, text, wire, message), -1);
	assert_string_equal(message, "the record is longer than 65535 octets");
}

/* 10,900 parameters of four octets, all of them mandatory: n^2 steps would take a second. */
static void mandatory_keys_are_verified_in_one_walk(void **state)
{
	static uint8_t wire[RDATA_MAX];
	size_t at = 3 + 4, keys = 10900;

	(void)state;
	memset(wire, 0, sizeof wire);
	wire[1] = 1;
	store_u16(wire + 5, (uint16_t)(2 * keys));
	for (size_t i = 0; i < keys; i++, at += 2)
		store_u16(wire + at, (uint16_t)(100 + i));
	for (size_t i = 0; i < keys; i++, at += 4)
		store_u16(wire + at, (uint16_t)(100 + i));
	assert_true(at <= RDATA_MAX);
	assert_true(rdata_verify(TYPE_SVCB, wire, at));
	store_u16(wire + 7 + 2 * 5000, 100 + 4999); /* not rising */
	assert_false(rdata_verify(TYPE_SVCB, wire, at));
	store_u16(wire + 7 + 2 * 5000, 100 + 5000);
	store_u16(wire + at - 4, 100 + 20000); /* the last one is not there */
	assert_false(rdata_verify(TYPE_SVCB, wire, at));
}

static void mnemonics_are_known(void **state)
{
	static const struct good mnemonics[] = {
		{"TLSA", "DANE-EE SPKI Full 0011", "0301000011"},
		{"TLSA", "PKIX-TA Cert 0 00", "00000000"},
		{"DNSKEY", "256 3 ED25519 AAAA", "0100030f000000"},
		{"CERT", "PGP 0 RSASHA256 AAAA", "0003000008000000"},
		{"WKS", "10.0.0.1 udp 0 9", "0a000001118040"}, {"ATMA", "39.246f.00", "0039246f00"},
		{"ATMA", "+61200000000", "013631323030303030303030"},
		{"ATMA", "+61.2.0000.0000", "013631323030303030303030"},
		{"AMTRELAY", "\\# 3 00ff00", "00ff00"}, /* a kind that is still to come */
	};
	uint8_t wire[RDATA_MAX];
	char message[ERR_TEXT_MAX], hex[256];

	(void)state;
	for (size_t i = 0; i < COUNT(mnemonics); i++) {
		int length =
			parse(type_number(mnemonics[i].type), mnemonics[i].text, wire, message);

		hex[0] = '\0';
		for (int k = 0; k < length; k++)
			(void)snprintf(hex + 2 * k, 3, "%02x", wire[k]);
		if (strcmp(hex, mnemonics[i].wire) != 0)
			fail_msg(
				"%s %s: %s %s", mnemonics[i].type, mnemonics[i].text, hex, message);
	}
}

static void types_are_known_by_name_and_number(void **state)
{
	static const struct {
		const char *name;
		int number; /* -1: refused */
	} cases[] = {{"A", 1}, {"aaaa", 28}, {"Type28", 28}, {"TYPE65535", -1}, {"TYPE65536", -1},
		{"TYPE0", -1}, {"TYPE", -1}, {"TYPE1x", -1}, {"ANY", -1}, {"AXFR", -1}, {"OPT", -1},
		{"TSIG", -1}, {"TYPE128", -1}, {"TYPE255", -1}, {"TYPE256", 256}, {"URI", 256},
		{"HTTPS", 65}, {"NSAP-PTR", 23}, {"TYPE65312", -1}, {"POOL", TYPE_POOL}, {"", -1},
		{"AAAAA", -1}, {"NSEC3PARAM", 51}, {"WALLET", 262}, {"DLV", 32769}};
	char text[RRTYPE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct token t = {.text = cases[i].name, .length = (uint32_t)strlen(cases[i].name)};
		const char *why = NULL;
		uint16_t type = 0;
		int rc = rrtype_parse(&t, &type, &why);

		if ((rc == 0 ? type : -1) != cases[i].number)
			fail_msg("%s is %d", cases[i].name, rc == 0 ? type : -1);
		assert_int_equal(rc == 0, why == NULL);
	}
	assert_string_equal(rrtype_format(255, text), "ANY");
	assert_string_equal(rrtype_format(65535, text), "TYPE65535");
	assert_string_equal(rrtype_format(54, text), "TYPE54");
}

static void every_type_in_the_table_stands_at_its_number(void **state)
{
	(void)state;
	for (uint32_t type = 0; type <= UINT16_MAX; type++) {
		const struct rdata_type *t = rdata_type((uint16_t)type);

		if (t != NULL)
			assert_int_equal(t->type, type);
	}
}

static void names_in_rdata_compare_without_case(void **state)
{
	static const uint8_t a[] = "\x00\x0a\x04Mail\x02"
				   "EX",
			     b[] = "\x00\x0a\x04mail\x02"
				   "ex",
			     c[] = "\x00\x0b\x04mail\x02"
				   "ex",
			     t[] = "\x02"
				   "EX",
			     u[] = "\x02"
				   "ex";

	(void)state;
	assert_int_equal(rdata_compare(TYPE_MX, a, sizeof a, b, sizeof b), 0);
	assert_true(rdata_hash(TYPE_MX, a, sizeof a) == rdata_hash(TYPE_MX, b, sizeof b));
	assert_true(rdata_compare(TYPE_MX, a, sizeof a, c, sizeof c) < 0);
	assert_true(rdata_compare(TYPE_MX, c, sizeof c, a, sizeof a) > 0);
	assert_true(rdata_compare(TYPE_MX, a, sizeof a, b, sizeof b - 1) > 0);
	assert_true(rdata_compare(TYPE_TXT, t, 3, u, 3) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_becomes_the_wire_form_that_dnspython_makes),
		cmocka_unit_test(printed_rdata_reads_back_and_is_not_generic_for_known_types),
		cmocka_unit_test(cut_or_lengthened_rdata_is_not_well_formed),
		cmocka_unit_test(verifying_and_printing_any_octets_is_safe),
		cmocka_unit_test(malformed_text_is_refused_with_the_field_and_the_reason),
		cmocka_unit_test(txt_of_more_than_255_octets_becomes_several_strings),
		cmocka_unit_test(rdata_stops_at_65535_octets),
		cmocka_unit_test(mandatory_keys_are_verified_in_one_walk),
		cmocka_unit_test(mnemonics_are_known),
		cmocka_unit_test(types_are_known_by_name_and_number),
		cmocka_unit_test(every_type_in_the_table_stands_at_its_number),
		cmocka_unit_test(names_in_rdata_compare_without_case),
	};

	TEST_MAIN(tests);
}
