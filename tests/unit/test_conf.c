#include "tests/unit/conf_text.h"

#include <sys/stat.h>
#include <unistd.h>

/* A folder of its own with a configuration in it. */
static void in_folder(void (*test)(const char *folder))
{
	char folder[] = "/tmp/waymark-conf-XXXXXX", path[128];

	assert_non_null(mkdtemp(folder));
	test(folder);
	(void)snprintf(path, sizeof path, "%s/waymark.yaml", folder);
	(void)unlink(path);
	assert_int_equal(rmdir(folder), 0);
}

static void write_file(const char *folder, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/waymark.yaml", folder);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fputs(text, f) >= 0, 1);
	assert_int_equal(fclose(f), 0);
}

static struct conf *load(const char *path)
{
	struct report report = {0};
	struct conf *c;

	assert_int_equal(conf_load(path, &c, &report), 0);
	assert_int_equal(report.count, 0);
	report_free(&report);
	return c;
}

static void check_paths(const char *folder)
{
	char path[128], expected[256], before[4096];
	struct conf *c;

	write_file(folder, "listen: 127.0.0.1:53\nzones: ./zones/\nstate: /var/x/\n"
			   "geo: {databases: [../a.mmdb, /b.mmdb]}\ncontrol: {socket: c.sock}\n");
	assert_non_null(getcwd(before, sizeof before));
	assert_int_equal(chdir(folder), 0);
	for (int i = 0; i < 2; i++) { /* by an absolute path and by a bare name */
		(void)snprintf(path, sizeof path, "%s/waymark.yaml", folder);
		c = load(i == 0 ? path : "waymark.yaml");
		assert_string_equal(c->file, i == 0 ? path : "waymark.yaml");
		(void)snprintf(expected, sizeof expected, "%s/zones", folder);
		assert_string_equal(c->zones.path, expected);
		(void)snprintf(expected, sizeof expected, "%s/../a.mmdb", folder);
		assert_string_equal(c->databases[0].path, expected);
		assert_string_equal(c->databases[1].path, "/b.mmdb");
		(void)snprintf(expected, sizeof expected, "%s/c.sock", folder);
		assert_string_equal(c->control.socket, expected);
		assert_string_equal(c->state, "/var/x");
		conf_free(c);
	}
	assert_int_equal(chdir("/tmp"), 0); /* by a relative path with a folder */
	(void)snprintf(path, sizeof path, "%s/waymark.yaml", folder + strlen("/tmp/"));
	c = load(path);
	(void)snprintf(expected, sizeof expected, "%s/zones", folder);
	assert_string_equal(c->zones.path, expected);
	conf_free(c);
	assert_int_equal(chdir(before), 0);
}

static void relative_paths_start_at_the_folder_of_the_file(void **state)
{
	(void)state;
	in_folder(check_paths);
}

static void check_file_errors(const char *folder)
{
	struct report report = {0};
	struct conf *c = NULL;
	char path[128];

	(void)snprintf(path, sizeof path, "%s/waymark.yaml", folder);
	assert_int_equal(conf_load(path, &c, &report), -1);
	assert_string_equal(report.items[0].file, path);
	assert_string_equal(report.items[0].text, "cannot open: No such file or directory");
	assert_int_equal(conf_load(folder, &c, &report), -1);
	assert_string_equal(report.items[1].text, "is not a regular file");
	write_file(folder, "listen: 1\nzones: z\n");
	assert_int_equal(conf_load(path, &c, &report), -1);
	assert_int_equal(report.items[2].line, 1);
	assert_int_equal(report.items[2].column, 9);
	assert_string_equal(report.items[2].file, path);
	assert_int_equal(report.errors, 3);
	assert_null(c);
	report_free(&report);
}

static void files_that_cannot_be_read_are_named(void **state)
{
	(void)state;
	in_folder(check_file_errors);
}

static void parse_resolves_against_the_folder_as_given(void **state)
{
	static const struct {
		const char *file, *zones, *expected;
	} cases[] = {
		{"waymark.yaml", "z", "z"},
		{"waymark.yaml", "./z//", "z"},
		{"waymark.yaml", ".", "."},
		{"waymark.yaml", "./", "."},
		{"etc/waymark.yaml", "z", "etc/z"},
		{"etc/waymark.yaml", ".", "etc"},
		{"/etc/waymark.yaml", "z", "/etc/z"},
		{"/waymark.yaml", "z", "/z"},
		{"/waymark.yaml", ".", "/"},
		{"/etc/waymark.yaml", "/", "/"},
		{"/etc/waymark.yaml", ".hidden", "/etc/.hidden"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct report report = {0};
		struct conf *c;
		char text[128];
		int length = snprintf(
			text, sizeof text, "listen: 127.0.0.1:53\nzones: %s\n", cases[i].zones);

		assert_int_equal(conf_parse(cases[i].file, text, (size_t)length, &c, &report), 0);
		assert_string_equal(c->zones.path, cases[i].expected);
		conf_free(c);
		report_free(&report);
	}
}

static void names_become_indexes(void **state)
{
	struct conf *c = conf_good(
		"regions: {zurich: {}, london: {}, berlin: {}}\n"
		"geo: {networks: {10.0.0.0/8: berlin, 10.1.0.0/16: zurich}}\n"
		"checks: {y: {tcp: {port: 1}}, x: {http: {port: 2, path: /p}}}\n"
		"pools:\n"
		"  web: {check: x, endpoints: {b: {address: 192.0.2.1, region: london}, a: "
		"{address: "
		"\"2001:db8::1\"}}}\n"
		"  api: {check: y, endpoints: {c: {address: 192.0.2.1}, a: {address: [2001:db8::2, "
		"192.0.2.3]}}}\n"
		"balancer: [{name: n, listen: 127.0.0.1:80, pool: api, port: 81}]\n");
	struct addr v4, v6;

	(void)state;
	assert_int_equal(c->networks[0].region, 2);
	assert_int_equal(c->networks[1].region, 0);
	assert_int_equal(c->checks[0].kind, CHECK_TCP);
	assert_null(c->checks[0].path);
	assert_int_equal(c->checks[1].kind, CHECK_HTTP);
	assert_int_equal(c->pools[0].check, 1);
	assert_int_equal(c->pools[1].check, 0);
	assert_int_equal(c->pools[1].first_endpoint, 2);
	assert_int_equal(c->endpoints[0].region, 1);
	assert_int_equal(c->endpoints[1].region, CONF_NONE);
	assert_int_equal(c->endpoints[3].pool, 1);
	assert_int_equal(c->balancers[0].pool, 1);
	/* IPv4 first, whatever the file says */
	assert_int_equal(addr_parse("192.0.2.3", &v4), 0);
	assert_int_equal(addr_parse("2001:db8::2", &v6), 0);
	assert_true(addr_equal(&c->endpoints[3].address[0], &v4));
	assert_true(addr_equal(&c->endpoints[3].address[1], &v6));
	assert_int_equal(c->endpoints[1].address[0].family, FAMILY_NONE);
	assert_int_equal(c->endpoints[1].address[1].family, FAMILY_IPV6);

	assert_int_equal(conf_find_pool(c, "web"), 0);
	assert_int_equal(conf_find_pool(c, "api"), 1);
	assert_int_equal(conf_find_pool(c, "Api"), CONF_NONE);
	assert_int_equal(conf_find_region(c, "zurich"), 0);
	assert_int_equal(conf_find_region(c, ""), CONF_NONE);
	assert_int_equal(conf_find_endpoint(c, 0, "a"), 1);
	assert_int_equal(conf_find_endpoint(c, 1, "a"), 3);
	assert_int_equal(conf_find_endpoint(c, 1, "c"), 2);
	assert_int_equal(conf_find_endpoint(c, 1, "b"), UINT32_MAX);
	conf_free(c);
}

static void defaults_follow_other_keys(void **state)
{
	static const struct {
		const char *pool;
		uint32_t ttl_s, ttl_min_s;
	} ttls[] = {
		{"", 30, 15},
		{"ttl: 0, ", 0, 0},
		{"ttl: 1s, ", 1, 1},
		{"ttl: 3s, ", 3, 1},
		{"ttl: 1h, ", 3600, 1800},
		{"ttl: 10s, ttl_min: 0s, ", 10, 0},
	};
	struct conf *c;

	(void)state;
	for (size_t i = 0; i < COUNT(ttls); i++) {
		char text[128];

		(void)snprintf(text, sizeof text,
			"pools: {p: {%sendpoints: {e: {address: 192.0.2.1}}}}\n", ttls[i].pool);
		c = conf_good(text);
		assert_int_equal(c->pools[0].ttl_s, ttls[i].ttl_s);
		assert_int_equal(c->pools[0].ttl_min_s, ttls[i].ttl_min_s);
		assert_int_equal(c->pools[0].check, CONF_NONE);
		conf_free(c);
	}
	c = conf_good(
		"checks: {a: {tcp: {port: 1}, interval: 1s}, b: {tcp: {port: 1}, interval: 1m}}\n");
	assert_int_equal(c->checks[0].timeout_ms, 1000);
	assert_int_equal(c->checks[1].timeout_ms, 2000);
	conf_free(c);
	c = conf_good(
		"regions: {r: {}}\n"
		"pools: {p: {steer: geo, endpoints: {e: {address: 192.0.2.1, region: r}}}}\n");
	assert_int_equal(c->pools[0].step_count, 2);
	assert_int_equal(c->pools[0].steps[0], STEER_GEO);
	assert_int_equal(c->pools[0].steps[1], STEER_WEIGHTED);
	assert_true(c->workers >= 1 && c->workers <= CONF_WORKERS_MAX);
	assert_null(c->state);
	conf_free(c);
}

/* One file at a bound, one above it. */
struct bound_case {
	const char *head, *tail;
	void (*entry)(struct text *out, size_t n);
	size_t most;
};

static void add_region(struct text *out, size_t n)
{
	text_printf(out, "  r%zu: {}\n", n);
}

static void add_check(struct text *out, size_t n)
{
	text_printf(out, "  c%zu: {tcp: {port: 1}}\n", n);
}

static void add_pool(struct text *out, size_t n)
{
	text_printf(out, "  p%zu: {endpoints: {e: {address: 192.0.2.1}}}\n", n);
}

static void add_database(struct text *out, size_t n)
{
	text_printf(out, "d%zu,", n);
}

static void add_balancer(struct text *out, size_t n)
{
	text_printf(
		out, "  - {name: b%zu, listen: 127.0.0.1:%zu, pool: p, port: 1}\n", n, n + 1000);
}

static void add_network(struct text *out, size_t n)
{
	text_printf(out, "    2001:db8::%zx:%zx: r\n", n / 256, n % 256);
}

static void add_endpoint(struct text *out, size_t n)
{
	text_printf(out, "      e%zu: {address: 2001:db8::1:%zx}\n", n, n);
}

static void containers_are_bounded(void **state)
{
	static const struct bound_case cases[] = {
		{"regions:\n", "", add_region, CONF_REGIONS_MAX},
		{"checks:\n", "", add_check, CONF_CHECKS_MAX},
		{"pools:\n", "", add_pool, CONF_POOLS_MAX},
		{"geo: {databases: [", "]}\n", add_database, CONF_DATABASES_MAX},
		{"pools: {p: {endpoints: {e: {address: 192.0.2.1}}}}\nbalancer:\n", "",
			add_balancer, CONF_BALANCERS_MAX},
		{"regions: {r: {}}\ngeo:\n  networks:\n", "", add_network, CONF_NETWORKS_MAX},
		{"pools:\n  p:\n    endpoints:\n", "", add_endpoint, CONF_ENDPOINTS_MAX},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases) * 2; i++) {
		const struct bound_case *b = &cases[i / 2];
		struct text text = {0}, messages = {0};
		struct conf *c;

		text_puts(&text, CONF_HEAD);
		text_puts(&text, b->head);
		for (size_t n = 0; n < b->most + i % 2; n++)
			b->entry(&text, n);
		text_puts(&text, b->tail);
		c = conf_of(text.data, text.length, &messages);
		if ((c != NULL) != (i % 2 == 0))
			fail_msg("%s: %.200s", b->head, messages.data);
		if (c == NULL)
			assert_non_null(strstr(messages.data, " entries, more than "));
		conf_free(c);
		text_free(&text);
		text_free(&messages);
	}
}

static void endpoints_are_bounded_over_all_pools(void **state)
{
	struct text text = {0}, messages = {0};

	(void)state;
	text_puts(&text, CONF_HEAD "pools:\n");
	for (size_t pool = 0; pool < 3; pool++) {
		text_printf(&text, "  p%zu:\n    endpoints:\n", pool);
		for (size_t i = 0; i < CONF_ENDPOINTS_MAX / 2; i++)
			text_printf(&text, "      e%zu: {address: 2001:db8::1:%zx}\n", i, i);
	}
	assert_null(conf_of(text.data, text.length, &messages));
	assert_non_null(
		strstr(messages.data, "p2.endpoints: more than 16384 endpoints in all pools"));
	text_free(&text);
	text_free(&messages);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(relative_paths_start_at_the_folder_of_the_file),
		cmocka_unit_test(files_that_cannot_be_read_are_named),
		cmocka_unit_test(parse_resolves_against_the_folder_as_given),
		cmocka_unit_test(names_become_indexes),
		cmocka_unit_test(defaults_follow_other_keys),
		cmocka_unit_test(containers_are_bounded),
		cmocka_unit_test(endpoints_are_bounded_over_all_pools),
	};

	TEST_MAIN(tests);
}
