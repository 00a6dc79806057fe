/*
 * Databases of every layout say the same facts (tests/fixtures/geo/make_geo.pl); broken ones are
 * refused or read without harm; good ones agree with libmaxminddb.
 *
 * SHARED_GEO may name a folder with MaxMind's own test databases (and bad/ with broken ones): they
 * are tested too.
 */
#include "tests/unit/conf_fixture.h"

#include "base/io.h"
#include "base/rng.h"
#include "geo/database.h"
#include "geo/embedded.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <maxminddb.h>

#define FIXTURES "tests/fixtures/geo"

enum { LONDON, PARIS, EUROPE, AMERICA, ASIA, SYDNEY, REST };

static struct conf *places_conf(void)
{
	struct conf *c = fixture_conf();

	fixture_region(c, "london", "GB");
	fixture_region(c, "paris", "FR");
	fixture_region(c, "europe", "continent:EU");
	fixture_region(c, "america", "US continent:NA");
	fixture_region(c, "asia", "continent:AS");
	fixture_region(c, "sydney", "AU");
	fixture_region(c, "rest", "default");
	return c;
}

/* A copy in memory of exactly its size, so that the sanitizer sees an over-read. */
static struct geo_source source_of(const char *path, const void *data, size_t length)
{
	void *copy = malloc(length > 0 ? length : 1);

	assert_non_null(copy);
	if (length > 0)
		memcpy(copy, data, length);
	return (struct geo_source){path, copy, length};
}

static struct geo_source read_source(const char *path)
{
	struct geo_source source;
	struct err e = {0};
	size_t length;
	char *data;

	if (file_read(AT_FDCWD, path, 1u << 30, &data, &length, &e) < 0)
		fail_msg("%s: %s", path, e.text);
	source = source_of(path, data, length);
	free(data);
	return source;
}

static void drop_source(struct geo_source *s)
{
	free((void *)(uintptr_t)s->data);
}

static int build_one(const struct conf *c, const char *path, struct geo_table **t,
	struct geo_database *info, struct err *e)
{
	struct geo_source source = read_source(path);
	int rc = geo_build(c, &source, 1, t, info, e);

	drop_source(&source);
	return rc;
}

static uint16_t region_of(const struct geo_table *t, const char *client)
{
	struct addr a = fixture_addr(client);

	return geo_lookup(t, &a).region;
}

struct fact {
	const char *client;
	uint16_t region;
};

static const struct fact ipv4_facts[] = {
	{"81.2.69.142", LONDON},
	{"81.2.69.128", LONDON},
	{"81.2.69.127", REST},
	{"81.2.69.193", PARIS},
	{"81.2.69.208", REST},
	{"216.160.83.56", AMERICA},
	{"10.1.2.3", LONDON}, /* a private network that the database has */
	{"10.2.2.3", REST},
	{"8.8.8.8", REST},
};
static const struct fact continent_facts[] = {
	{"193.0.6.139", EUROPE}, /* continent only */
	{"2a02:c07:ffff::1", EUROPE},
	{"2a02:c08::", REST},
};
static const struct fact ipv6_facts[] = {
	{"2001:218:ffff::1", ASIA},
	{"2600:1:2:3:4:5:6:1", AMERICA},
	{"2600:1:2:3:4:5:6:80", AMERICA}, /* Canada: by continent */
	{"2600:1:2:3:4:5:7:0", REST},
	{"2002:5102:458e::1", LONDON}, /* 6to4 of 81.2.69.142 */
	{"2001:0:5102:458e::1", REST}, /* Teredo with it as the server, where databases alias it */
	{"2001::aefd:ba71", LONDON},   /* and as the client */
	{"2001:0:1::1", REST},
};

static void check_facts(
	const char *file, const struct geo_table *t, const struct fact *facts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (region_of(t, facts[i].client) != facts[i].region)
			fail_msg("%s: %s is in region %u, expected %u", file, facts[i].client,
				region_of(t, facts[i].client), facts[i].region);
}

static const struct fixture {
	const char *file, *type;
	uint32_t networks; /* facts of the script that the layout can say; more after splitting */
	bool continents, ipv6, registered;
} fixtures[] = {
	{"maxmind-24.mmdb", "Waymark-Test-maxmind", 10, true, true, true},
	{"dbip-28.mmdb", "Waymark-Test-dbip", 9, true, true, false},
	{"ipinfo-32.mmdb", "Waymark-Test-ipinfo", 10, true, true, false},
	{"ipinfo-lite-24.mmdb", "Waymark-Test-ipinfo_lite", 9, true, true, false},
	{"flat-24-ipv4.mmdb", "Waymark-Test-flat", 4, false, false, false},
	{"flat-32-ipv4.mmdb", "Waymark-Test-flat", 4, false, false, false},
};

static void check_folder(const char *folder)
{
	struct conf *c = places_conf();

	for (size_t i = 0; i < COUNT(fixtures); i++) {
		const struct fixture *f = &fixtures[i];
		struct geo_database info = {0};
		struct geo_table *t = NULL;
		struct err e = {0};
		char path[256];

		(void)snprintf(path, sizeof path, "%s/%s", folder, f->file);
		if (build_one(c, path, &t, &info, &e) < 0)
			fail_msg("%s: %s", path, e.text);
		check_facts(f->file, t, ipv4_facts, COUNT(ipv4_facts));
		if (f->continents)
			check_facts(f->file, t, continent_facts, COUNT(continent_facts));
		if (f->ipv6)
			check_facts(f->file, t, ipv6_facts, COUNT(ipv6_facts));
		assert_int_equal(region_of(t, "1.1.1.1"), f->registered ? SYDNEY : REST);
		assert_string_equal(info.type, f->type);
		assert_true(info.networks >= f->networks);
		assert_true(info.built_s > 1700000000);
		geo_free(t);
	}
	fixture_free(c);
}

static void every_layout_is_understood(void **state)
{
	(void)state;
	check_folder(FIXTURES);
}

/* The committed fixtures are what the script writes: try with fresh ones where its Perl module
 * is installed. */
static void fresh_fixtures_say_the_same(void **state)
{
	char folder[] = "/tmp/waymark-geo-XXXXXX", command[256], path[256];

	(void)state;
	if (system("perl -MMaxMind::DB::Writer::Tree -e 1 2>/dev/null") != 0)
		return; /* the committed ones were tested */
	assert_non_null(mkdtemp(folder));
	(void)snprintf(command, sizeof command, "perl " FIXTURES "/make_geo.pl %s", folder);
	assert_int_equal(system(command), 0);
	check_folder(folder);
	for (size_t i = 0; i < COUNT(fixtures); i++) {
		(void)snprintf(path, sizeof path, "%s/%s", folder, fixtures[i].file);
		assert_int_equal(unlink(path), 0);
	}
	(void)snprintf(path, sizeof path, "%s/asn-24.mmdb", folder);
	(void)unlink(path);
	assert_int_equal(rmdir(folder), 0);
}

static void a_database_without_places_is_refused(void **state)
{
	struct conf *c = places_conf();
	struct geo_table *t = NULL;
	struct err e = {0};

	(void)state;
	assert_int_equal(build_one(c, FIXTURES "/asn-24.mmdb", &t, NULL, &e), -1);
	assert_null(t);
	assert_non_null(strstr(e.text, "no network has a country or continent"));
	assert_non_null(strstr(e.text, "Waymark-Test-asn"));
	assert_string_equal(e.file, FIXTURES "/asn-24.mmdb");
	fixture_free(c);
}

static void the_first_database_that_knows_decides(void **state)
{
	struct conf *c = places_conf();
	struct geo_source sources[2] = {read_source(FIXTURES "/flat-24-ipv4.mmdb"),
		read_source(FIXTURES "/maxmind-24.mmdb")};
	struct geo_table *t = NULL;
	struct err e = {0};

	(void)state;
	assert_int_equal(geo_build(c, sources, 2, &t, NULL, &e), 0);
	assert_int_equal(region_of(t, "81.2.69.142"), LONDON);
	assert_int_equal(region_of(t, "1.1.1.1"), SYDNEY);   /* only the second knows */
	assert_int_equal(region_of(t, "2001:218::1"), ASIA); /* the first has no IPv6 */
	geo_free(t);
	fixture_network(c, "81.2.69.140/30", ASIA);
	assert_int_equal(geo_build(c, sources, 2, &t, NULL, &e), 0);
	assert_int_equal(region_of(t, "81.2.69.142"), ASIA); /* networks win over any database */
	geo_free(t);
	drop_source(&sources[0]);
	drop_source(&sources[1]);
	fixture_free(c);
}

static void check_answer(
	const struct geo_table *t, const char *client, uint16_t region, bool known, uint8_t scope)
{
	struct addr a = fixture_addr(client);
	struct geo_answer g = geo_lookup(t, &a);

	if (g.region != region || g.known != known || g.scope != scope)
		fail_msg("%s: region %u known %d scope %u, expected %u %d %u", client, g.region,
			g.known, g.scope, region, known, scope);
}

/* A company's own database: 10.1.0.0/16 is Britain's. The rest of 10.0.0.0/8 stays special. */
static void a_private_network_that_a_database_has_is_known(void **state)
{
	struct conf *c = places_conf();
	struct geo_table *t = NULL;
	struct err e = {0};

	(void)state;
	assert_int_equal(build_one(c, FIXTURES "/flat-24-ipv4.mmdb", &t, NULL, &e), 0);
	check_answer(t, "10.1.2.3", LONDON, true, 16);
	check_answer(t, "10.0.2.3", REST, false, 16);
	check_answer(t, "10.2.2.3", REST, false, 15);
	check_answer(t, "10.200.0.1", REST, false, 9);
	check_answer(t, "192.168.0.1", REST, false, 16);
	geo_free(t);
	fixture_network(c, "10.1.2.0/24", ASIA); /* networks win there, too */
	assert_int_equal(build_one(c, FIXTURES "/flat-24-ipv4.mmdb", &t, NULL, &e), 0);
	check_answer(t, "10.1.2.3", ASIA, true, 24);
	check_answer(t, "10.1.3.3", LONDON, true, 24);
	geo_free(t);
	fixture_free(c);
}

/* "GB" in the data becomes a code of no country. */
static struct geo_source without_britain(const char *path)
{
	struct geo_source s = read_source(path);
	char *data = (char *)(uintptr_t)s.data;
	size_t replaced = 0;

	for (size_t i = 0; i + 3 <= s.length; i++)
		if (memcmp(data + i, "\x42GB", 3) == 0) {
			memcpy(data + i, "\x42ZZ", 3);
			replaced++;
		}
	assert_int_equal(replaced, 1);
	return s;
}

static void a_country_that_is_none_says_nothing(void **state)
{
	struct conf *c = places_conf();
	struct geo_source sources[2] = {without_britain(FIXTURES "/flat-24-ipv4.mmdb"),
		read_source(FIXTURES "/flat-24-ipv4.mmdb")};
	struct geo_table *t = NULL;
	struct err e = {0};

	(void)state;
	assert_int_equal(geo_build(c, sources, 1, &t, NULL, &e), 0);
	check_answer(t, "10.1.2.3", REST, false, 8);
	assert_int_equal(region_of(t, "81.2.69.193"), PARIS);
	geo_free(t);
	assert_int_equal(geo_build(c, sources, 2, &t, NULL, &e), 0);
	check_answer(t, "10.1.2.3", LONDON, true, 16);
	assert_int_equal(region_of(t, "81.2.69.142"), LONDON);
	geo_free(t);
	drop_source(&sources[0]);
	drop_source(&sources[1]);
	fixture_free(c);
}

/* An address the database knows nothing of, and one it places in the default's region, are
 * neighbours. */
static void data_for_the_default_region_merges_with_no_data(void **state)
{
	struct conf *c = fixture_conf();
	struct addr client = fixture_addr("81.2.69.142");
	struct geo_table *t = NULL;
	struct err e = {0};

	(void)state;
	fixture_region(c, "all", "GB FR default");
	fixture_region(c, "america", "US");
	assert_int_equal(build_one(c, FIXTURES "/flat-24-ipv4.mmdb", &t, NULL, &e), 0);
	/* nothing special and nothing American up to 100.64/10: 64/3 holds it, 64/... 81 =
	 * 0101'0001 */
	assert_int_equal(geo_lookup(t, &client).scope, 3 + 0);
	geo_free(t);
	fixture_free(c);
}

/* ---- against libmaxminddb ---- */

static void get_code(MMDB_lookup_result_s *r, char *out, const char *const *path)
{
	MMDB_entry_data_s d;

	if (out[0] == '\0' && MMDB_aget_value(&r->entry, &d, path) == MMDB_SUCCESS && d.has_data &&
		d.type == MMDB_DATA_TYPE_UTF8_STRING && d.data_size == 2)
		(void)snprintf(out, 3, "%.2s", d.utf8_string);
}

/* Region by libmaxminddb's own lookup; only for databases that name the country. UINT16_MAX:
 * cannot say. */
static uint16_t library_region(const struct conf *c, const MMDB_s *m, const struct addr *a)
{
	char text[ADDR_TEXT_MAX], country[3] = "", continent[3] = "";
	MMDB_lookup_result_s r;
	int gai, rc;

	if (m->metadata.ip_version == 4 && a->family == FAMILY_IPV6)
		return UINT16_MAX;
	r = MMDB_lookup_string(m, addr_format(a, text), &gai, &rc);
	assert_int_equal(gai, 0);
	assert_int_equal(rc, MMDB_SUCCESS);
	if (r.found_entry) {
		get_code(&r, country, (const char *const[]){"country", "iso_code", NULL});
		get_code(
			&r, country, (const char *const[]){"registered_country", "iso_code", NULL});
		get_code(&r, country, (const char *const[]){"country_code", NULL});
		get_code(&r, country, (const char *const[]){"country", NULL});
		get_code(&r, continent, (const char *const[]){"continent", "code", NULL});
		get_code(&r, continent, (const char *const[]){"continent_code", NULL});
		get_code(&r, continent, (const char *const[]){"continent", NULL});
	}
	if (country[0] != '\0' && continent[0] == '\0')
		return UINT16_MAX;
	for (int kind = RULE_COUNTRY; kind >= (int)RULE_CONTINENT; kind--)
		for (size_t i = 0; i < c->region_count; i++)
			for (size_t k = 0; k < c->regions[i].rule_count; k++) {
				const struct conf_rule *rule = &c->regions[i].rules[k];

				if ((int)rule->kind == kind &&
					strcmp(rule->code,
						kind == (int)RULE_COUNTRY ? country : continent) ==
						0)
					return (uint16_t)i;
			}
	return REST;
}

static void compare_with_library(const char *path)
{
	struct conf *c = places_conf();
	struct geo_table *t = NULL;
	struct err e = {0};
	struct rng rng;
	MMDB_s m;

	rng_seed(&rng, 1);
	assert_int_equal(MMDB_open(path, MMDB_MODE_MMAP, &m), MMDB_SUCCESS);
	if (build_one(c, path, &t, NULL, &e) < 0)
		fail_msg("%s: %s", path, e.text);
	/* both ends of every range the table has, found by hopping over scopes; then random ones */
	for (int family = FAMILY_IPV4; family <= FAMILY_IPV6; family += 2) {
		struct addr a = {.family = (uint8_t)family};
		size_t compared = 0;

		for (size_t hops = 0; hops < 200000; hops++) {
			struct geo_answer g = geo_lookup(t, &a);
			const struct prefix *block;
			uint16_t expected;
			size_t b;

			/* the library reads aliases its own way: hop over them whole */
			for (size_t i = 0; (block = embedded_block(i)) != NULL; i++)
				if (prefix_contains(block, &a))
					g = (struct geo_answer){.scope = block->length};
			if (g.known && !(family == FAMILY_IPV6 && a.bytes[0] == 0)) {
				expected = library_region(c, &m, &a);
				if (expected != UINT16_MAX && expected != g.region)
					fail_msg("%s: region %u, libmaxminddb says %u", path,
						g.region, expected);
				compared++;
			}
			/* the first address behind this scope */
			for (unsigned bit = g.scope; bit < addr_bits(&a); bit++)
				a.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
			for (b = addr_size(&a); b-- > 0;)
				if (++a.bytes[b] != 0)
					break;
			if (b == SIZE_MAX)
				break; /* wrapped: all seen */
		}
		assert_true(compared > 20);
		for (int i = 0; i < 20000; i++) {
			uint64_t bits = rng_next(&rng);
			uint16_t expected;

			memcpy(a.bytes, &bits, addr_size(&a) < 8 ? 4 : 8);
			if (family == FAMILY_IPV6) /* 2004::/14, 2400:: and so on: no aliases */
				a.bytes[0] = (uint8_t)(0x24 + (a.bytes[0] & 0x0e));
			if (!addr_is_global(&a, NULL))
				continue;
			expected = library_region(c, &m, &a);
			if (expected != UINT16_MAX && expected != geo_lookup(t, &a).region)
				fail_msg("%s: differs from libmaxminddb", path);
		}
	}
	geo_free(t);
	MMDB_close(&m);
	fixture_free(c);
}

static void lookups_agree_with_libmaxminddb(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(fixtures); i++) {
		char path[256];

		(void)snprintf(path, sizeof path, FIXTURES "/%s", fixtures[i].file);
		compare_with_library(path);
	}
}

/* ---- broken files ---- */

/* Reduce `length` octets; any outcome is fine as long as an error names the file. */
static int try(const struct code_rules *rules, const void *data, size_t length)
{
	struct geo_source source = source_of("broken.mmdb", data, length);
	struct database_ranges ranges;
	struct err e = {0};
	int rc = database_reduce(rules, &source, &ranges, NULL, &e);

	if (rc < 0) {
		assert_string_equal(e.file, "broken.mmdb");
		assert_true(e.text[0] != '\0');
	} else {
		assert_true(ranges.family[0].count > 0 && ranges.family[1].count > 0);
		database_ranges_free(&ranges);
	}
	drop_source(&source);
	return rc;
}

static void every_truncation_is_refused(void **state)
{
	struct conf *c = places_conf();
	struct code_rules rules;

	(void)state;
	code_rules_build(&rules, c);
	for (size_t i = 0; i < COUNT(fixtures); i++) {
		struct geo_source whole;
		char path[256];

		(void)snprintf(path, sizeof path, FIXTURES "/%s", fixtures[i].file);
		whole = read_source(path);
		assert_int_equal(try(&rules, whole.data, whole.length), 0);
		for (size_t length = 0; length < whole.length; length++)
			assert_int_equal(try(&rules, whole.data, length), -1);
		drop_source(&whole);
	}
	fixture_free(c);
}

static void no_flipped_octet_does_harm(void **state)
{
	static const uint8_t flips[] = {0x01, 0x80, 0xff, 0x20, 0x1f};
	struct conf *c = places_conf();
	struct code_rules rules;

	(void)state;
	code_rules_build(&rules, c);
	for (size_t i = 0; i < COUNT(fixtures); i++) {
		struct geo_source whole;
		uint8_t *octets;
		char path[256];

		(void)snprintf(path, sizeof path, FIXTURES "/%s", fixtures[i].file);
		whole = read_source(path);
		octets = (uint8_t *)(uintptr_t)whole.data;
		for (size_t at = 0; at < whole.length; at++)
			for (size_t k = 0; k < COUNT(flips); k++) {
				octets[at] ^= flips[k];
				(void)try(&rules, octets, whole.length);
				octets[at] ^= flips[k];
			}
		drop_source(&whole);
	}
	fixture_free(c);
}

/* ---- files made to hurt ---- */

struct maker {
	uint8_t *data;
	size_t length, capacity;
};

static void put(struct maker *m, const void *data, size_t length)
{
	if (m->length + length > m->capacity) {
		m->capacity = 2 * (m->length + length);
		m->data = realloc(m->data, m->capacity);
		assert_non_null(m->data);
	}
	memcpy(m->data + m->length, data, length);
	m->length += length;
}

static void put_octet(struct maker *m, unsigned octet)
{
	uint8_t o = (uint8_t)octet;

	put(m, &o, 1);
}

static void put_string(struct maker *m, const char *text)
{
	put_octet(m, 0x40u | (unsigned)strlen(text));
	put(m, text, strlen(text));
}

static void put_u32(struct maker *m, uint32_t n)
{
	put_octet(m, n >> 24);
	put_octet(m, n >> 16 & 0xff);
	put_octet(m, n >> 8 & 0xff);
	put_octet(m, n & 0xff);
}

static void put_record(struct maker *m, uint32_t left, uint32_t right) /* 32 bits each */
{
	put_u32(m, left);
	put_u32(m, right);
}

static void put_separator(struct maker *m)
{
	static const uint8_t zeros[16];

	put(m, zeros, sizeof zeros);
}

static void put_metadata(struct maker *m, uint32_t nodes, unsigned ip_version)
{
	put(m, "\xab\xcd\xefMaxMind.com", 14);
	put_octet(m, 0xe4);
	put_string(m, "node_count");
	put_octet(m, 0xc4);
	put_u32(m, nodes);
	put_string(m, "record_size");
	put_octet(m, 0xa1);
	put_octet(m, 32);
	put_string(m, "ip_version");
	put_octet(m, 0xa1);
	put_octet(m, ip_version);
	put_string(m, "binary_format_major_version");
	put_octet(m, 0xa1);
	put_octet(m, 2);
}

static int try_made(struct maker *m, const char *expected)
{
	struct conf *c = places_conf();
	struct geo_source source = {"made.mmdb", m->data, m->length};
	struct geo_table *t = NULL;
	struct err e = {0};
	int rc = geo_build(c, &source, 1, &t, NULL, &e);

	if (expected != NULL && (rc == 0 || strstr(e.text, expected) == NULL))
		fail_msg("rc %d \"%s\", expected \"%s\"", rc, e.text, expected);
	if (rc == 0)
		assert_int_equal(region_of(t, "1.2.3.4"), LONDON);
	geo_free(t);
	free(m->data);
	fixture_free(c);
	return rc;
}

/* libmaxminddb 1.7.1 dies of this one by stack overflow. */
static void nesting_does_not_use_the_stack(void **state)
{
	struct maker m = {0};

	(void)state;
	put_record(&m, 17, 17);
	put_separator(&m);
	put_octet(&m, 0xe2);
	put_string(&m, "a");
	for (int i = 0; i < 5000000; i++)
		put(&m, "\x01\x04", 2); /* an array of one */
	put_octet(&m, 0xa0);
	put_string(&m, "country_code");
	put_string(&m, "GB");
	put_metadata(&m, 1, 4);
	assert_int_equal(try_made(&m, NULL), 0);
}

static void a_cycle_in_the_tree_ends(void **state)
{
	struct maker m = {0};

	(void)state;
	put_record(&m, 0, 0);
	put_separator(&m);
	put_metadata(&m, 1, 6);
	(void)try_made(&m, "broken search tree");
}

/* 128 levels whose nodes point to the next one twice: 2^128 leaves from 1 KiB. */
static void a_tree_that_meets_itself_ends(void **state)
{
	struct maker m = {0};

	(void)state;
	for (uint32_t i = 1; i < 128; i++)
		put_record(&m, i, i);
	put_record(&m, 128 - 1 + 1, 128);
	put_separator(&m);
	put_metadata(&m, 128, 6);
	(void)try_made(&m, "reached twice");
}

static void a_tree_deeper_than_its_addresses_is_refused(void **state)
{
	struct maker m = {0};

	(void)state;
	for (uint32_t i = 1; i < 40; i++)
		put_record(&m, i, 40);
	put_record(&m, 40, 40);
	put_separator(&m);
	put_metadata(&m, 40, 4);
	(void)try_made(&m, "deeper than 32 bits");
}

static void a_record_outside_the_data_is_refused(void **state)
{
	static const uint32_t records[] = {2, 16, 17 + 1000, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < COUNT(records); i++) {
		struct maker m = {0};

		put_record(&m, 1, records[i]);
		put_separator(&m);
		put_metadata(&m, 1, 4);
		(void)try_made(&m, "outside the data section");
	}
}

/* Many records that each lead through the same long array. */
static void records_cannot_keep_us_busy(void **state)
{
	enum { DEPTH = 14, NODES = (1 << DEPTH) - 1, VALUES = 65000 };
	struct maker m = {0};

	(void)state;
	for (uint32_t i = 0; i < NODES;
		i++) /* a full binary tree; leaf i starts at another octet */
		for (uint32_t child = 2 * i + 1; child <= 2 * i + 2; child++)
			put_u32(&m, child < NODES ? child : NODES + 16 + (child - NODES) * 3);
	put_separator(&m);
	for (uint32_t i = 0; i <= NODES;
		i++) { /* {<pointer>: ...}: a map of one whose key is no string */
		put_octet(&m, 0xe1);
		put_octet(&m, 0x40);
		put_octet(&m, 0x20);
	}
	put_octet(&m, 0xe1);
	put_string(&m, "x");
	put(&m, "\x1e\x04\xfc\xcb", 4); /* an array of 65,000 */
	for (int i = 0; i < VALUES; i++)
		put_octet(&m, 0xa0);
	put_metadata(&m, NODES, 4);
	(void)try_made(&m, "");
}

static void a_pointer_to_a_pointer_is_refused(void **state)
{
	struct maker m = {0};

	(void)state;
	put_record(&m, 17, 17);
	put_separator(&m);
	put(&m, "\x20\x00", 2);
	put_metadata(&m, 1, 4);
	(void)try_made(&m, "broken record at offset 0");
}

static void a_length_beyond_the_end_is_refused(void **state)
{
	static const struct {
		const char *data;
		size_t length;
	} cases[] = {
		{"\xe1\x5f\xff\xff\xff", 5},  /* a key of 16 MiB */
		{"\xff\xff\xff\xff", 4},      /* a map of 16 M entries */
		{"\xe1\x5d", 2},              /* a length cut short */
		{"\xe1\x00", 2},              /* an extended type cut short */
		{"\x3f\xff\xff\xff\xff", 5},  /* a pointer far out */
		{"\xe1\x41x\x00\xf8", 5},     /* a type that does not exist */
		{"\xe1\x41x\x64\0\0\0\0", 8}, /* a double of 4 */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct maker m = {0};

		put_record(&m, 17, 17);
		put_separator(&m);
		put(&m, cases[i].data, cases[i].length);
		put_metadata(&m, 1, 4);
		(void)try_made(&m, "broken record at offset 0");
	}
}

static void metadata_is_checked(void **state)
{
	struct maker wrong_nodes = {0}, huge = {0}, no_tree = {0};

	(void)state;
	put_record(&wrong_nodes, 0, 0);
	put_record(&wrong_nodes, 1, 1);
	put_record(&wrong_nodes, 1, 1);
	put_separator(&wrong_nodes);
	put_metadata(&wrong_nodes, 1, 4);
	(void)try_made(&wrong_nodes, "the node count is wrong");
	put_metadata(&huge, UINT32_MAX - 16, 4);
	(void)try_made(&huge, "truncated");
	put_metadata(&no_tree, 0, 4);
	(void)try_made(&no_tree, "impossible");
}

/* ---- the shared ones ---- */

static void each_file(const char *folder, void (*action)(const char *path))
{
	DIR *d = opendir(folder);
	struct dirent *entry;
	char path[1024];

	assert_non_null(d);
	while ((entry = readdir(d)) != NULL)
		if (strstr(entry->d_name, ".mmdb") != NULL) {
			(void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
			action(path);
		}
	(void)closedir(d);
}

static void try_bad(const char *path)
{
	struct geo_source source = read_source(path);
	struct conf *c = places_conf();
	struct geo_table *t = NULL;
	struct err e = {0};
	char line[800];

	if (geo_build(c, &source, 1, &t, NULL, &e) < 0) {
		assert_string_equal(e.file, path);
		err_format(&e, line, sizeof line);
		print_message("%s\n", line);
	} else {
		print_message("%s: read\n", path);
	}
	geo_free(t);
	drop_source(&source);
	fixture_free(c);
}

static void shared_bad_databases_do_no_harm(void **state)
{
	char folder[400];

	(void)state;
	(void)snprintf(folder, sizeof folder, "%s/bad", getenv("SHARED_GEO"));
	each_file(folder, try_bad);
}

static void shared_databases_agree_with_libmaxminddb(void **state)
{
	static const char *const names[] = {
		"GeoIP2-City-Test", "GeoIP2-Country-Test", "GeoLite2-City-Test"};
	char path[1024];

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		(void)snprintf(path, sizeof path, "%s/%s.mmdb", getenv("SHARED_GEO"), names[i]);
		compare_with_library(path);
	}
}

/* MaxMind documents where these are: London, Milton (US), Japan. */
static void shared_databases_know_documented_networks(void **state)
{
	struct conf *c = places_conf();
	struct geo_table *t = NULL;
	struct err e = {0};
	char path[1024];

	(void)state;
	(void)snprintf(path, sizeof path, "%s/GeoLite2-City-Test.mmdb", getenv("SHARED_GEO"));
	assert_int_equal(build_one(c, path, &t, NULL, &e), 0);
	assert_int_equal(region_of(t, "81.2.69.142"), LONDON);
	assert_int_equal(region_of(t, "216.160.83.56"), AMERICA);
	assert_int_equal(region_of(t, "2001:218::1"), ASIA);
	geo_free(t);
	fixture_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_layout_is_understood),
		cmocka_unit_test(fresh_fixtures_say_the_same),
		cmocka_unit_test(a_database_without_places_is_refused),
		cmocka_unit_test(the_first_database_that_knows_decides),
		cmocka_unit_test(a_private_network_that_a_database_has_is_known),
		cmocka_unit_test(a_country_that_is_none_says_nothing),
		cmocka_unit_test(data_for_the_default_region_merges_with_no_data),
		cmocka_unit_test(lookups_agree_with_libmaxminddb),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(no_flipped_octet_does_harm),
		cmocka_unit_test(nesting_does_not_use_the_stack),
		cmocka_unit_test(a_cycle_in_the_tree_ends),
		cmocka_unit_test(a_tree_that_meets_itself_ends),
		cmocka_unit_test(a_tree_deeper_than_its_addresses_is_refused),
		cmocka_unit_test(a_record_outside_the_data_is_refused),
		cmocka_unit_test(records_cannot_keep_us_busy),
		cmocka_unit_test(a_pointer_to_a_pointer_is_refused),
		cmocka_unit_test(a_length_beyond_the_end_is_refused),
		cmocka_unit_test(metadata_is_checked),
	};
	const struct CMUnitTest shared[] = {
		cmocka_unit_test(shared_bad_databases_do_no_harm),
		cmocka_unit_test(shared_databases_agree_with_libmaxminddb),
		cmocka_unit_test(shared_databases_know_documented_networks),
	};

	if (getenv("SHARED_GEO") != NULL &&
		cmocka_run_group_tests(shared, test_group_setup, NULL) != 0)
		return 1;
	TEST_MAIN(tests);
}
