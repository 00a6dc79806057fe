#include "tests/unit/conf_fixture.h"

#include "geo/order.h"

#include <math.h>

/* Distances from published great-circle tables (airport pairs and city centres), to half a
 * percent. */
static void distances_match_published_ones(void **state)
{
	static const struct {
		double from[2], to[2], km;
	} cases[] = {
		{{51.4775, -0.4614}, {40.6398, -73.7789}, 5540}, /* LHR-JFK, IATA ticketed point */
		{{51.4775, -0.4614}, {1.3592, 103.9894}, 10880}, /* LHR-SIN */
		{{33.9425, -118.4081}, {-33.9461, 151.1772}, 12060}, /* LAX-SYD */
		{{0, 0}, {0, 90}, 10007.6},    /* a quarter of the circumference */
		{{90, 0}, {-90, 77}, 20015.1}, /* pole to pole */
		{{10, 20}, {10, 20}, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		double km = geo_distance_km(
			cases[i].from[0], cases[i].from[1], cases[i].to[0], cases[i].to[1]);

		assert_true(fabs(km - cases[i].km) <= cases[i].km * 0.005);
	}
}

static void distance_crosses_the_date_line_the_short_way(void **state)
{
	(void)state;
	assert_true(geo_distance_km(0, 179, 0, -179) < 223);
}

static void check_row(
	const struct conf *c, const uint16_t *rows, size_t row, const uint16_t *expected)
{
	for (size_t i = 0; i < c->region_count; i++)
		assert_int_equal(rows[row * c->region_count + i], expected[i]);
}

static void home_comes_first_then_distance_then_file_order(void **state)
{
	struct conf *c = fixture_conf();
	const uint16_t *rows;

	(void)state;
	fixture_region_at(c, "singapore", "default", 1.35, 103.82); /* 0 */
	fixture_region(c, "nowhere", "");                           /* 1 */
	fixture_region_at(c, "newyork", "US", 40.71, -74.01);       /* 2 */
	fixture_region_at(c, "london", "GB", 51.51, -0.13);         /* 3 */
	fixture_region(c, "anywhere", "");                          /* 4 */
	fixture_region_at(c, "paris", "FR", 48.86, 2.35);           /* 5 */
	rows = geo_order_build(&c->arena, c);
	assert_non_null(rows);
	check_row(c, rows, 0, (const uint16_t[]){0, 5, 3, 2, 1, 4});
	check_row(c, rows, 2, (const uint16_t[]){2, 3, 5, 0, 1, 4});
	check_row(c, rows, 3, (const uint16_t[]){3, 5, 2, 0, 1, 4});
	check_row(c, rows, 4, (const uint16_t[]){4, 0, 1, 2, 3, 5}); /* home without a place */
	check_row(c, rows, 6, (const uint16_t[]){0, 1, 2, 3, 4, 5}); /* no home */
	fixture_free(c);
}

static void equal_distances_keep_file_order(void **state)
{
	struct conf *c = fixture_conf();
	const uint16_t *rows;

	(void)state;
	fixture_region_at(c, "middle", "default", 0, 0);
	for (int i = 0; i < 5; i++)
		fixture_region_at(c, "same", "", 10, 10);
	rows = geo_order_build(&c->arena, c);
	check_row(c, rows, 0, (const uint16_t[]){0, 1, 2, 3, 4, 5});
	check_row(c, rows, 3, (const uint16_t[]){3, 1, 2, 4, 5, 0});
	fixture_free(c);
}

static void no_regions_is_no_error(void **state)
{
	struct conf *c = fixture_conf();

	(void)state;
	assert_non_null(geo_order_build(&c->arena, c));
	fixture_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distances_match_published_ones),
		cmocka_unit_test(distance_crosses_the_date_line_the_short_way),
		cmocka_unit_test(home_comes_first_then_distance_then_file_order),
		cmocka_unit_test(equal_distances_keep_file_order),
		cmocka_unit_test(no_regions_is_no_error),
	};

	TEST_MAIN(tests);
}
