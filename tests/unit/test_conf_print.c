/* What is printed loads again to the same; the committed documents are what the table prints. */
#include "tests/unit/conf_text.h"

#include "base/io.h"
#include "conf/schema.h"
#include "conf/value.h"

#include <fcntl.h>
#include <jansson.h>

static void assert_same_text(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		assert_ptr_equal(a, b);
	else
		assert_string_equal(a, b);
}

static void assert_same_regions(const struct conf *a, const struct conf *b)
{
	assert_int_equal(a->region_count, b->region_count);
	for (size_t i = 0; i < a->region_count; i++) {
		const struct conf_region *r = &a->regions[i], *s = &b->regions[i];

		assert_string_equal(r->name, s->name);
		assert_int_equal(r->rule_count, s->rule_count);
		for (size_t j = 0; j < r->rule_count; j++) {
			assert_int_equal(r->rules[j].kind, s->rules[j].kind);
			assert_string_equal(r->rules[j].code, s->rules[j].code);
		}
		assert_int_equal(r->has_at, s->has_at);
		assert_true(r->latitude == s->latitude && r->longitude == s->longitude);
	}
	assert_int_equal(a->network_count, b->network_count);
	for (size_t i = 0; i < a->network_count; i++) {
		assert_memory_equal(&a->networks[i].prefix, &b->networks[i].prefix,
			sizeof a->networks[i].prefix);
		assert_int_equal(a->networks[i].region, b->networks[i].region);
	}
	assert_int_equal(a->database_count, b->database_count);
	for (size_t i = 0; i < a->database_count; i++)
		assert_string_equal(a->databases[i].path, b->databases[i].path);
}

static void assert_same_checks(const struct conf *a, const struct conf *b)
{
	assert_int_equal(a->check_count, b->check_count);
	for (size_t i = 0; i < a->check_count; i++) {
		const struct conf_check *r = &a->checks[i], *s = &b->checks[i];

		assert_string_equal(r->name, s->name);
		assert_int_equal(r->kind, s->kind);
		assert_int_equal(r->port, s->port);
		assert_same_text(r->path, s->path);
		assert_same_text(r->host, s->host);
		assert_int_equal(r->expect_count, s->expect_count);
		assert_memory_equal(r->expect, s->expect, r->expect_count * sizeof r->expect[0]);
		assert_int_equal(r->interval_ms, s->interval_ms);
		assert_int_equal(r->timeout_ms, s->timeout_ms);
		assert_int_equal(r->fall, s->fall);
		assert_int_equal(r->rise, s->rise);
		assert_int_equal(r->jitter_percent, s->jitter_percent);
		assert_memory_equal(&r->flap, &s->flap, sizeof r->flap);
	}
}

static void assert_same_pools(const struct conf *a, const struct conf *b)
{
	assert_int_equal(a->pool_count, b->pool_count);
	for (size_t i = 0; i < a->pool_count; i++) {
		const struct conf_pool *r = &a->pools[i], *s = &b->pools[i];

		assert_string_equal(r->name, s->name);
		assert_int_equal(r->check, s->check);
		assert_int_equal(r->step_count, s->step_count);
		assert_memory_equal(r->steps, s->steps, r->step_count * sizeof r->steps[0]);
		assert_int_equal(r->answers, s->answers);
		assert_int_equal(r->ttl_s, s->ttl_s);
		assert_int_equal(r->ttl_min_s, s->ttl_min_s);
		assert_int_equal(r->min_serving, s->min_serving);
		assert_int_equal(r->unknown_serves, s->unknown_serves);
		assert_int_equal(r->when_all_down, s->when_all_down);
		assert_int_equal(r->fallback_pool, s->fallback_pool);
		assert_int_equal(r->first_endpoint, s->first_endpoint);
		assert_int_equal(r->endpoint_count, s->endpoint_count);
	}
	assert_int_equal(a->endpoint_count, b->endpoint_count);
	for (size_t i = 0; i < a->endpoint_count; i++) {
		const struct conf_endpoint *r = &a->endpoints[i], *s = &b->endpoints[i];

		assert_string_equal(r->name, s->name);
		assert_int_equal(r->pool, s->pool);
		assert_int_equal(r->region, s->region);
		assert_memory_equal(r->address, s->address, sizeof r->address);
		assert_int_equal(r->weight, s->weight);
		assert_int_equal(r->tier, s->tier);
	}
}

static void assert_same_dns(const struct conf_dns *a, const struct conf_dns *b)
{
	assert_int_equal(a->tcp.max_connections, b->tcp.max_connections);
	assert_int_equal(a->tcp.max_per_client, b->tcp.max_per_client);
	assert_int_equal(a->tcp.idle_timeout_ms, b->tcp.idle_timeout_ms);
	assert_int_equal(a->udp_payload, b->udp_payload);
	assert_int_equal(a->client_subnet, b->client_subnet);
	assert_string_equal(a->nsid, b->nsid);
	assert_string_equal(a->version, b->version);
	assert_int_equal(a->cookies, b->cookies);
	assert_int_equal(a->secrets.count, b->secrets.count);
	assert_memory_equal(a->secrets.secret, b->secrets.secret, sizeof a->secrets.secret);
	assert_same_text(a->secret_file, b->secret_file);
	assert_int_equal(a->per_second, b->per_second);
	assert_int_equal(a->slip, b->slip);
	assert_int_equal(a->exempt_count, b->exempt_count);
	for (size_t i = 0; i < a->exempt_count; i++) {
		assert_true(addr_equal(&a->exempt[i].prefix.addr, &b->exempt[i].prefix.addr));
		assert_int_equal(a->exempt[i].prefix.length, b->exempt[i].prefix.length);
	}
}

static void assert_same(const struct conf *a, const struct conf *b)
{
	assert_int_equal(a->listen_count, b->listen_count);
	for (size_t i = 0; i < a->listen_count; i++) {
		assert_true(addr_equal(&a->listens[i].address.addr, &b->listens[i].address.addr));
		assert_int_equal(a->listens[i].address.port, b->listens[i].address.port);
	}
	assert_int_equal(a->freebind, b->freebind);
	assert_string_equal(a->zones.path, b->zones.path);
	assert_same_dns(&a->dns, &b->dns);
	assert_same_regions(a, b);
	assert_same_checks(a, b);
	assert_same_pools(a, b);
	assert_int_equal(a->balancer_count, b->balancer_count);
	for (size_t i = 0; i < a->balancer_count; i++) {
		const struct conf_balancer *r = &a->balancers[i], *s = &b->balancers[i];

		assert_string_equal(r->name, s->name);
		assert_true(addr_equal(&r->listen.addr, &s->listen.addr));
		assert_int_equal(r->listen.port, s->listen.port);
		assert_int_equal(r->pool, s->pool);
		assert_int_equal(r->port, s->port);
		assert_int_equal(r->connect_timeout_ms, s->connect_timeout_ms);
		assert_int_equal(r->retries, s->retries);
		assert_int_equal(r->idle_timeout_ms, s->idle_timeout_ms);
		assert_int_equal(r->drain_timeout_ms, s->drain_timeout_ms);
		assert_int_equal(r->max_connections, s->max_connections);
		assert_int_equal(r->overflow, s->overflow);
		assert_int_equal(r->queue_timeout_ms, s->queue_timeout_ms);
	}
	assert_string_equal(a->control.socket, b->control.socket);
	assert_int_equal(a->workers, b->workers);
	assert_same_text(a->state, b->state);
	assert_string_equal(a->user, b->user);
	assert_int_equal(a->log.format, b->log.format);
	assert_int_equal(a->log.level, b->log.level);
}

/* Print, parse, compare, print again. */
static void assert_round_trip(const char *file)
{
	struct text messages = {0}, first = {0}, second = {0};
	struct conf *a = conf_of(file, strlen(file), &messages), *b;

	assert_string_equal(messages.data, "");
	assert_non_null(a);
	conf_print(a, &first);
	b = conf_of(first.data, first.length, &messages);
	if (b == NULL)
		fail_msg("does not load: %s\n%s", messages.data, first.data);
	assert_same(a, b);
	conf_print(b, &second);
	assert_string_equal(first.data, second.data);
	conf_free(a);
	conf_free(b);
	text_free(&messages);
	text_free(&first);
	text_free(&second);
}

static void printed_configurations_load_to_the_same(void **state)
{
	static const char *const files[] = {
		CONF_HEAD,
		CONF_HEAD "regions: {a: {}, NO: {serves: [NO, default], at: [-0.000000001, "
			  "179.999999999]}}\n",
		CONF_HEAD
		"regions: {\"null\": {}, 1: {}, 1.5: {}, yes: {}, _: {}}\n"
		"geo: {databases: [\"a b.mmdb\", \"q\\\"\\\\.mmdb\", \"- x: # é\"], networks: "
		"{\"::/0\": \"null\", 10.0.0.0/8: 1.5}}\n",
		CONF_HEAD "checks:\n  t: {tcp: {port: 1}, interval: 1500ms, timeout: 1s, jitter: "
			  "0%, flap: {suppress: 3000}}\n"
			  "  h: {http: {port: 1, path: \"/?a=\\\"&b='\"}}\n",
		CONF_HEAD
		"pools:\n  p: {steer: [failover, round_robin], ttl: 0, when_all_down: nodata,\n"
		"    endpoints: {a: {address: 2001:db8::1, tier: 3}, b: {address: 192.0.2.1}}}\n"
		"  q: {steer: weighted, ttl: 1s, when_all_down: {pool: p}, unknown: hold,\n"
		"    endpoints: {a: {address: [2001:db8::1, 192.0.2.1], weight: 0}, "
		"b: {address: 192.0.2.2}}}\n"
		"balancer:\n  - {name: a, listen: \"[::1]:443\", pool: q, port: 8443}\n"
		"  - {name: b, listen: \"0.0.0.0:80\", pool: p, port: 80, drain_timeout: 0, "
		"overflow: wait, queue_timeout: 2s}\n",
		CONF_HEAD "log: {format: json, level: debug}\nstate: s/\nuser: w\nworkers: 7\n"
			  "control: {socket: ./c}\n",
		CONF_HEAD
		"dns:\n  udp_payload: 512\n  client_subnet: false\n  nsid: none\n  version: \"a b: "
		"\\\"c\\\\\"\n  cookies: {policy: require, secret: "
		"[\"000102030405060708090a0b0c0d0e0f\", "
		"\"FFfeFDfcFBfaF9f8F7f6F5f4F3f2F1f0\"]}\n"
		"  rate_limit: {per_second: 100000, slip: 0, exempt: [192.0.2.0/24, \"::1\"]}\n",
		CONF_HEAD "dns: {cookies: {policy: ignore, secret_file: secrets/dns}}\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++)
		assert_round_trip(files[i]);
	assert_round_trip(conf_example);
}

/* Every default as the reference states it; the file gives only what it must. */
static void defaults_are_printed(void **state)
{
	static const char expected[] = "listen: [\"127.0.0.1:53\"]\n"
				       "freebind: false\n"
				       "zones:\n"
				       "  path: zones\n"
				       "  rescan: 30s\n"
				       "  remove_after: 1m\n"
				       "checks:\n"
				       "  c:\n"
				       "    http:\n"
				       "      port: 80\n"
				       "      path: /\n"
				       "      expect: [200-399]\n"
				       "    interval: 5s\n"
				       "    timeout: 2s\n"
				       "    fall: 2\n"
				       "    rise: 3\n"
				       "    jitter: 10%\n"
				       "    flap:\n"
				       "      penalty: 1000\n"
				       "      half_life: 1m\n"
				       "      suppress: 2500\n"
				       "      reuse: 750\n"
				       "      max_suppress: 10m\n"
				       "pools:\n"
				       "  p:\n"
				       "    steer: [weighted]\n"
				       "    answers: 1\n"
				       "    ttl: 30s\n"
				       "    ttl_min: 15s\n"
				       "    min_serving: 1\n"
				       "    unknown: serve\n"
				       "    when_all_down: serve_all\n"
				       "    endpoints:\n"
				       "      e:\n"
				       "        address: [192.0.2.1]\n"
				       "        weight: 10\n"
				       "balancer:\n"
				       "  - name: b\n"
				       "    listen: \"127.0.0.1:80\"\n"
				       "    pool: p\n"
				       "    port: 8080\n"
				       "    connect_timeout: 3s\n"
				       "    retries: 16384\n"
				       "    idle_timeout: 5m\n"
				       "    drain_timeout: 1h\n"
				       "    max_connections: 10000\n"
				       "    overflow: reset\n"
				       "dns:\n"
				       "  tcp:\n"
				       "    max_connections: 1024\n"
				       "    max_per_client: 64\n"
				       "    idle_timeout: 10s\n"
				       "  udp_payload: 1232\n"
				       "  client_subnet: true\n"
				       "  nsid: ns1\n"
				       "  version: none\n"
				       "  cookies:\n"
				       "    policy: answer\n"
				       "  rate_limit:\n"
				       "    per_second: 0\n"
				       "    slip: 2\n"
				       "control:\n"
				       "  socket: /run/waymark/control.sock\n"
				       "workers: 3\n"
				       "user: waymark\n"
				       "log:\n"
				       "  format: text\n"
				       "  level: info\n";
	struct conf *c =
		conf_good("checks: {c: {http: {port: 80}}}\n"
			  "pools: {p: {endpoints: {e: {address: 192.0.2.1}}}}\n"
			  "balancer: [{name: b, listen: 127.0.0.1:80, pool: p, port: 8080}]\n"
			  "workers: 3\n"
			  "dns: {nsid: ns1}\n");
	struct text printed = {0};

	(void)state;
	conf_print(c, &printed);
	assert_string_equal(printed.data, expected);
	text_free(&printed);
	conf_free(c);
}

/* bind.c takes a default that cannot be read for a lack of memory: so every one must be
 * readable. */
static void every_default_can_be_read(void **state)
{
	struct arena arena = {0};
	const struct value_context context = {&arena, ""};
	struct err e;

	(void)state;
	for (size_t i = 0; i < schema_key_count; i++) {
		const struct schema_key *key = &schema_keys[i];
		max_align_t field[8] = {0};

		if (key->fallback == NULL)
			continue;
		assert_true(key->size <= sizeof field);
		if (value_parse(&context, key, key->fallback, field, &e) < 0)
			fail_msg("%s: default %s: %s", key->path, key->fallback, e.text);
	}
	arena_free(&arena);
}

static void every_row_is_documented(void **state)
{
	struct text reference = {0}, path = {0};

	(void)state;
	conf_print_reference(&reference);
	for (size_t i = 0; i < schema_key_count; i++) {
		const struct schema_key *key = &schema_keys[i];

		assert_non_null(key->help);
		assert_true(key->help[strlen(key->help) - 1] == '.');
		text_free(&path);
		text_puts(&path, "`");
		schema_path(key, &path);
		text_puts(&path, "`");
		if (strcmp(schema_name(key), "*") != 0 && strcmp(key->path, "dns") != 0)
			assert_non_null(strstr(reference.data, path.data));
	}
	text_free(&reference);
	text_free(&path);
}

/* A committed document must be what the table prints. */
static void assert_file_is(const char *name, const struct text *expected)
{
	const char *root = getenv("WAYMARK_ROOT");
	char path[4096], *data;
	size_t length;
	struct err e;

	(void)snprintf(path, sizeof path, "%s/%s", root != NULL ? root : ".", name);
	if (file_read(AT_FDCWD, path, 1u << 20, &data, &length, &e) < 0)
		fail_msg("%s: %s (WAYMARK_ROOT names the source folder)", path, e.text);
	if (strcmp(data, expected->data) != 0)
		fail_msg("%s is not what the schema table prints: make it anew", path);
	free(data);
}

static void documents_are_up_to_date(void **state)
{
	struct text reference = {0}, schema = {0};

	(void)state;
	conf_print_reference(&reference);
	conf_print_json_schema(&schema);
	assert_file_is("docs/configuration.md", &reference);
	assert_file_is("docs/waymark.schema.json", &schema);
	text_free(&reference);
	text_free(&schema);
}

static void the_json_schema_is_json_with_every_key(void **state)
{
	static const char *const pools[] = {"check", "steer", "answers", "ttl", "ttl_min",
		"min_serving", "unknown", "when_all_down", "endpoints"};
	struct text schema = {0};
	const json_t *root, *properties, *pool, *required;
	json_error_t error;
	json_t *json;

	(void)state;
	conf_print_json_schema(&schema);
	json = json_loads(schema.data, JSON_REJECT_DUPLICATES, &error);
	if (json == NULL)
		fail_msg("line %d: %s", error.line, error.text);
	root = json;
	assert_true(json_is_false(json_object_get(root, "additionalProperties")));
	required = json_object_get(root, "required");
	assert_int_equal(json_array_size(required), 2);
	properties = json_object_get(root, "properties");
	pool = json_object_get(json_object_get(properties, "pools"), "additionalProperties");
	pool = json_object_get(pool, "properties");
	assert_int_equal(json_object_size(pool), COUNT(pools));
	for (size_t i = 0; i < COUNT(pools); i++)
		assert_non_null(json_object_get(pool, pools[i]));
	/* keys that are refused are not offered */
	assert_null(json_object_get(
		json_object_get(json_object_get(properties, "control"), "properties"), "http"));
	json_decref(json);
	text_free(&schema);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(printed_configurations_load_to_the_same),
		cmocka_unit_test(defaults_are_printed),
		cmocka_unit_test(every_default_can_be_read),
		cmocka_unit_test(every_row_is_documented),
		cmocka_unit_test(documents_are_up_to_date),
		cmocka_unit_test(the_json_schema_is_json_with_every_key),
	};

	TEST_MAIN(tests);
}
