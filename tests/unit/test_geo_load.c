#include "tests/unit/conf_fixture.h"

#include "geo/load.h"

#include <fcntl.h>
#include <unistd.h>

#define FIXTURES "tests/fixtures/geo"

static struct conf *two_regions(void)
{
	struct conf *c = fixture_conf();

	fixture_region(c, "london", "GB");
	fixture_region(c, "rest", "default");
	return c;
}

static void add_database(struct conf *c, const char *path)
{
	c->databases[c->database_count++].path = path;
}

static uint16_t region_of(const struct geo_table *t, const char *client)
{
	struct addr a = fixture_addr(client);

	return geo_lookup(t, &a).region;
}

static void databases_are_opened_below_their_folder(void **state)
{
	int fds[2] = {
		open(FIXTURES, O_RDONLY | O_DIRECTORY), open(FIXTURES, O_RDONLY | O_DIRECTORY)};
	struct geo_loaded loaded[CONF_DATABASES_MAX];
	struct conf *c = two_regions();
	struct geo_table *t = NULL;
	struct err e = {0};

	(void)state;
	add_database(c, "/unreachable/after/dropping/privileges/flat-24-ipv4.mmdb");
	add_database(c, "maxmind-24.mmdb");
	assert_int_equal(geo_load(c, fds, &t, loaded, &e), 0);
	assert_true(loaded[0].ok && loaded[1].ok);
	assert_string_equal(loaded[0].info.type, "Waymark-Test-flat");
	assert_string_equal(loaded[0].info.path, c->databases[0].path);
	assert_int_equal(region_of(t, "81.2.69.142"), 0);
	geo_free(t);
	(void)close(fds[0]);
	(void)close(fds[1]);
	fixture_free(c);
}

/* One missing, one without its folder, one without countries, one good: the good one serves, the
 * others are named. */
static void a_failed_database_is_named_and_left_out(void **state)
{
	int folder = open(FIXTURES, O_RDONLY | O_DIRECTORY), fds[4] = {folder, -1, folder, folder};
	static const struct {
		const char *path, *text;
	} cases[] = {{"missing/absent.mmdb", "cannot open"}, {"/gone/city.mmdb", "folder"},
		{"asn-24.mmdb", "no network has"}};
	struct geo_loaded loaded[CONF_DATABASES_MAX];
	struct conf *c = two_regions();
	struct geo_table *t = NULL;
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		add_database(c, cases[i].path);
	add_database(c, "maxmind-24.mmdb");
	assert_int_equal(geo_load(c, fds, &t, loaded, &e), 3);
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_false(loaded[i].ok);
		assert_string_equal(loaded[i].error.file, cases[i].path);
		assert_non_null(strstr(loaded[i].error.text, cases[i].text));
	}
	assert_true(loaded[3].ok);
	assert_int_equal(region_of(t, "81.2.69.142"), 0);
	geo_free(t);
	(void)close(folder);
	fixture_free(c);
}

static void no_databases_is_no_error(void **state)
{
	struct conf *c = two_regions();
	struct geo_table *t = NULL;
	struct err e = {0};

	(void)state;
	fixture_network(c, "192.0.2.0/24", 0);
	assert_int_equal(geo_load(c, NULL, &t, NULL, &e), 0);
	assert_int_equal(region_of(t, "192.0.2.1"), 0);
	assert_int_equal(region_of(t, "81.2.69.142"), 1);
	assert_true(geo_memory(t) > 0);
	geo_free(t);
	fixture_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(databases_are_opened_below_their_folder),
		cmocka_unit_test(a_failed_database_is_named_and_left_out),
		cmocka_unit_test(no_databases_is_no_error),
	};

	TEST_MAIN(tests);
}
