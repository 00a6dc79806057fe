/* What spans keys: each mistake is found once, at the place a reader would point to. */
#include "tests/unit/conf_text.h"

#define E(n)        "e" #n ": {address: 192.0.2." #n "}"
#define REGIONS     "regions: {r: {serves: [default]}, s: {}}\n"
#define POOL        "pools: {p: {endpoints: {" E(1) "}}}\n"
#define NO_FAILOVER "\"tier\" means nothing here: \"steer\" has no \"failover\""

struct verify_case {
	const char *file, *messages;
};

static void run(const struct verify_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct conf *c = conf_expect(cases[i].file, cases[i].messages);

		/* warnings leave a configuration, errors do not */
		if (strncmp(cases[i].messages, "warning: ", 9) == 0)
			assert_non_null(c);
		else
			assert_null(c);
		conf_free(c);
	}
}

static void unknown_names_get_the_nearest(void **state)
{
	static const struct verify_case cases[] = {
		{"pools: {p: {check: ^hme, endpoints: {" E(
			 1) "}}}\nchecks: {home: {tcp: {port: 1}}}\n",
			"there is no check \"hme\"; did you mean \"home\"?"},
		{"pools: {p: {check: ^home, endpoints: {" E(1) "}}}\n",
			"there is no check \"home\": the file has no \"checks\""},
		{REGIONS "pools: {p: {endpoints: {e: {address: 192.0.2.1, region: ^london}}}}\n",
			"there is no region \"london\""},
		{"regions: {london: {}}\ngeo: {networks: {10.0.0.0/8: ^lodnon}}\n",
			"there is no region \"lodnon\"; did you mean \"london\"?"},
		{"pools: {web: {when_all_down: {pool: ^wbe}, endpoints: {" E(1) "}}}\n",
			"there is no pool \"wbe\"; did you mean \"web\"?"},
		{POOL "balancer: [{name: b, listen: 127.0.0.1:80, pool: ^q, port: 80}]\n",
			"there is no pool \"q\"; did you mean \"p\"?"},
		{"balancer: [{name: b, listen: 127.0.0.1:80, pool: ^q, port: 80}]\n",
			"there is no pool \"q\": the file has no \"pools\""},
		/* names are not folded: London is not london */
		{"regions: {london: {}}\ngeo: {networks: {10.0.0.0/8: ^London}}\n",
			"there is no region \"London\"; did you mean \"london\"?"},
	};

	(void)state;
	run(cases, COUNT(cases));
}

static void listeners_must_not_collide(void **state)
{
	static const struct verify_case cases[] = {
		{POOL "balancer:\n"
		      "  - {name: a, listen: ^127.0.0.1:53, pool: p, port: 1}\n"
		      "  - {name: b, listen: 127.0.0.1:80, pool: p, port: 1}\n"
		      "  - {name: c, listen: ^0.0.0.0:80, pool: p, port: 1}\n"
		      "  - {name: d, listen: ^127.0.0.1:80, pool: p, port: 1}\n",
			"127.0.0.1:53 is listened on twice: DNS has it at line 1\n"
			"0.0.0.0:80 and 127.0.0.1:80 cannot both be listened on: balancer b has "
			"127.0.0.1:80 "
			"at line 6\n"
			"127.0.0.1:80 is listened on twice: balancer b has it at line 6"},
	};

	(void)state;
	run(cases, COUNT(cases));
	assert_null(conf_expect_whole(
		"zones: z\nlisten: [\"[::1]:53\", 192.0.2.1:53, ^192.0.2.1:53, "
		"^\"[::0001]:53\", ^\"[::]:53\"]\n",
		"192.0.2.1:53 is listened on twice: DNS has it at line 2\n"
		"[::1]:53 is listened on twice: DNS has it at line 2\n"
		"[::]:53 and [::1]:53 cannot both be listened on: DNS has [::1]:53 at line 2"));
	/* other ports and families do not */
	conf_free(conf_expect_whole(
		"zones: z\nlisten: [\"[::]:53\", 0.0.0.0:53, 127.0.0.1:54]\n", ""));
}

/* 8 × 64 is one too many, 7 × 64 fits. */
static void threads_have_room_for_two_generations(void **state)
{
	static const char most[] =
		"listen: [127.0.0.1:1, 127.0.0.1:2, 127.0.0.1:3, 127.0.0.1:4, 127.0.0.1:5,\n"
		"  127.0.0.1:6, 127.0.0.1:7%s]\nzones: zones\nworkers: 64\n";
	struct text text = {0}, messages = {0};
	struct conf *c;

	(void)state;
	for (int more = 0; more < 2; more++) {
		text_printf(&text, most, more ? ", 127.0.0.1:8" : "");
		c = conf_of(text.data, text.length, &messages);
		assert_true((c == NULL) == (more == 1));
		conf_free(c);
		if (more)
			assert_non_null(strstr(messages.data,
				"8 addresses to listen on with 64 workers each make 512 threads; "
				"511 are the most"));
		text_free(&text);
		text_free(&messages);
	}
}

static void nothing_is_given_twice(void **state)
{
	static const struct verify_case cases[] = {
		{"geo: {databases: [a.mmdb, b.mmdb, ^./a.mmdb]}\n",
			"the database is given twice: first at line 3"},
		{REGIONS "geo:\n  networks:\n    2001:db8::/32: r\n    ^2001:DB8:0::/32: s\n    "
			 "10.0.0.0/8: r\n"
			 "    10.0.0.0/9: r\n    192.0.2.1: r\n    ^192.0.2.1/32: s\n",
			"network 2001:db8::/32 is given twice: first at line 6\n"
			"network 192.0.2.1/32 is given twice: first at line 10"},
		{"regions:\n  a: {serves: [GB, default, continent:EU]}\n"
		 "  b: {serves: [^gb, ^default, ^continent:EU, NA, continent:NA]}\n",
			"\"GB\" is served twice: first at line 4, column 16\n"
			"\"default\" is served twice: first at line 4, column 20\n"
			"\"continent:EU\" is served twice: first at line 4, column 29"},
		{"regions: {a: {serves: [GB, ^GB]}}\n",
			"\"GB\" is served twice: first at line 3, column 24"},
		{POOL "balancer:\n"
		      "  - {name: a, listen: 127.0.0.1:80, pool: p, port: 1}\n"
		      "  - {name: ^a, listen: 127.0.0.1:81, pool: p, port: 1}\n",
			"balancer \"a\" is given twice: first at line 5"},
		{POOL "balancer: [{name: b, listen: 127.0.0.1:80, pool: p, port: 80, "
		      "queue_timeout: ^5s}]\n",
			"balancer b: queue_timeout counts only with \"overflow: wait\""},
		{"pools: {p: {endpoints: {" E(1) ", " E(
			 2) ", ^e3: {address: [\"2001:db8::1\", 192.0.2.1]}}}}\n",
			"endpoint \"p/e3\" has the address 192.0.2.1 of endpoint \"e1\""},
		{"pools: {p: {endpoints: {e: {address: [192.0.2.1, ^192.0.2.2]}}}}\n",
			"endpoint \"p/e\" has two IPv4 addresses: give one of each family, or two "
			"endpoints"},
		{"pools: {p: {endpoints: {e: {address: [2001:db8::1, ^2001:db8::1]}}}}\n",
			"endpoint \"p/e\" has two IPv6 addresses: give one of each family, or two "
			"endpoints"},
	};

	(void)state;
	run(cases, COUNT(cases));
	/* one address in two pools is one machine in two pools */
	conf_free(conf_good("pools: {p: {endpoints: {" E(1) "}}, q: {endpoints: {" E(1) "}}}\n"));
}

static void a_check_is_of_one_kind(void **state)
{
	static const struct verify_case cases[] = {
		{"checks: {^c: {interval: 5s}}\n", "checks.c: needs \"tcp\" or \"http\""},
		{"checks: {c: {tcp: {port: 1}, ^http: {port: 1}}}\n",
			"checks.c: \"http\" beside \"tcp\": give one of them"},
		{"checks: {c: {http: {port: 1}, ^tcp: {port: 1}}}\n",
			"checks.c: \"tcp\" beside \"http\": give one of them"},
		{"checks: {c: {tcp: {port: 1}, interval: 5s, timeout: ^6s}}\n",
			"check \"c\": timeout 6s is longer than interval 5s"},
		{"checks: {c: {tcp: {port: 1}, timeout: ^5001ms}}\n",
			"check \"c\": timeout 5s1ms is longer than interval 5s"},
		/* limits that nothing could pass, or leave */
		{"checks: {c: {tcp: {port: 1}, flap: {suppress: 700, reuse: ^700}}}\n",
			"check \"c\": flap.reuse 700 must be less than flap.suppress 700"},
		{"checks: {^c: {tcp: {port: 1}, flap: {suppress: 750}}}\n",
			"check \"c\": flap.reuse 750 must be less than flap.suppress 750"},
		{"checks: {c: {tcp: {port: 1}, flap: {max_suppress: ^1m44s}}}\n",
			"check \"c\": nothing is ever suppressed: with a half-life of 1m a penalty "
			"that falls to 750 within max_suppress 1m44s is not above 2500"},
		/* a broken interval says nothing about the timeout */
		{"checks: {c: {tcp: {port: 1}, interval: ^x, timeout: 30s}}\n",
			"checks.c.interval: \"x\" is no duration: write whole numbers with units, "
			"such as 250ms, "
			"5s or 1h30m"},
	};

	(void)state;
	run(cases, COUNT(cases));
	conf_free(conf_good("checks: {c: {tcp: {port: 1}, flap: {max_suppress: 1m45s}}}\n"));
	/* without a penalty the rest does not matter */
	conf_free(conf_good("checks: {c: {tcp: {port: 1}, flap: {penalty: 0, suppress: 1}}}\n"));
}

static void a_pipeline_makes_tiers_then_selects_once(void **state)
{
	static const struct verify_case cases[] = {
		{"pools: {p: {steer: [weighted, ^failover], endpoints: {" E(1) "}}}\n",
			"pool \"p\": \"failover\" makes tiers and comes before \"weighted\""},
		{"pools: {p: {steer: [weighted, ^round_robin], endpoints: {" E(1) "}}}\n",
			"pool \"p\": \"round_robin\" after \"weighted\": one step selects, not "
			"two"},
		{"pools: {p: {steer: [weighted, ^weighted], endpoints: {" E(1) "}}}\n",
			"pool \"p\": \"weighted\" after \"weighted\": one step selects, not two"},
		{"pools: {p: {steer: [failover, ^failover], endpoints: {" E(1) "}}}\n",
			"pool \"p\": \"failover\" is given twice"},
		{"pools: {p: {steer: ^geo, endpoints: {" E(1) "}}}\n",
			"pool \"p\" steers by \"geo\", but the file has no \"regions\""},
		{REGIONS "pools: {p: {steer: geo, endpoints: {^" E(
			 1) ", e2: {address: 192.0.2.2, region: r}}}}\n",
			"endpoint \"p/e1\" needs a \"region\": its pool steers by \"geo\""},
		{"pools: {p: {endpoints: {e: {address: 192.0.2.1, tier: ^1}}}}\n",
			"endpoint \"p/e\": " NO_FAILOVER},
		{"pools: {p: {steer: round_robin, endpoints: {e: {address: 192.0.2.1, tier: "
		 "^2}}}}\n",
			"endpoint \"p/e\": " NO_FAILOVER},
		{"pools: {p: {steer: ^failover, endpoints: {" E(1) ", " E(2) "}}}\n",
			"warning: pool \"p\" steers by \"failover\", but no endpoint has a "
			"\"tier\": all are first"},
		/* a step that could not be read says nothing about tiers */
		{"pools: {p: {steer: [^failovr], endpoints: {e: {address: 192.0.2.1, tier: 1}}}}\n",
			"pools.p.steer: \"failovr\" is not known here; did you mean \"failover\"?"},
	};

	(void)state;
	run(cases, COUNT(cases));
}

#define IN(r) "{address: 192.0.2.1, region: " #r "}"

static void geo_that_cannot_steer_is_told(void **state)
{
	static const struct verify_case cases[] = {
		{"regions: {r: {serves: [GB, default]}, s: {serves: [US]}}\n"
		 "pools: {p: {steer: ^geo, endpoints: {e: " IN(
			 r) "}},\n"
			    "        q: {steer: geo, endpoints: {e: " IN(s) "}}}\n",
			"warning: pool \"p\" steers by \"geo\", but there are no \"geo.databases\" "
			"and "
			"no \"geo.networks\": nothing says where clients are, so all of them get "
			"the "
			"region that serves \"default\""},
		{"regions: {r: {serves: [GB]}, s: {}}\n"
		 "geo: {networks: {10.0.0.0/8: s}}\n"
		 "pools: {p: {endpoints: {e: " IN(r) "}}, q: {steer: ^geo, endpoints: {e: " IN(
			 s) "}}}\n",
			"warning: pool \"q\" steers by \"geo\", but no region serves \"default\": "
			"clients that no rule matches get the regions in the order of the file"},
		/* what could not be read is no second mistake */
		{"regions: {r: {serves: [GB, default]}, s: {}}\ngeo: {networks: {^10.0/8: s}}\n"
		 "pools: {p: {steer: geo, endpoints: {e: " IN(r) "}}}\n",
			"geo.networks.10.0/8: \"10.0/8\" is no network: write 192.0.2.0/24 or "
			"2001:db8::/32, with zeros after the prefix"},
	};

	(void)state;
	run(cases, COUNT(cases));
	conf_free(conf_good("regions: {r: {serves: [default]}, s: {}}\n" /* by distance alone */
			    "pools: {p: {steer: geo, endpoints: {e: " IN(r) "}}}\n"));
	conf_free(conf_good("regions: {r: {serves: [GB, default]}, s: {}}\n"
			    "geo: {networks: {10.0.0.0/8: s}}\n"
			    "pools: {p: {steer: geo, endpoints: {e: " IN(r) "}}}\n"));
	conf_free(conf_good("regions: {r: {serves: [GB]}, s: {}}\n" /* nobody steers by it */
			    "pools: {p: {endpoints: {e: " IN(r) "}}}\n"));
}

static void numbers_of_a_pool_fit_together(void **state)
{
	static const struct verify_case cases[] = {
		{"pools: {p: {ttl: 5s, ttl_min: ^6s, endpoints: {" E(1) "}}}\n",
			"pool \"p\": ttl_min 6s is above ttl 5s"},
		{"pools: {p: {ttl_min: ^31s, endpoints: {" E(1) "}}}\n",
			"pool \"p\": ttl_min 31s is above ttl 30s"},
		{"pools: {p: {ttl: ^5, ttl_min: 40s, endpoints: {" E(1) "}}}\n",
			"pools.p.ttl: \"5\" has no unit: write 5s, 5ms or 5m"},
		{"pools: {p: {min_serving: ^2, endpoints: {" E(1) "}}}\n",
			"pool \"p\": min_serving 2 is above its number of endpoints, 1"},
		{"pools: {^p: {ttl: 5s}}\n", "pools.p: \"endpoints\" is missing"},
		{"pools: {p: {endpoints: ^{}}}\n", "pools.p.endpoints: needs at least 1 entry"},
		{"pools: {^p: {endpoints: {e: {address: 192.0.2.1, weight: 0}}}}\n",
			"warning: pool \"p\": every endpoint has weight 0: all count alike"},
	};

	(void)state;
	run(cases, COUNT(cases));
}

static void fallbacks_are_no_cycles(void **state)
{
	static const struct verify_case cases[] = {
		{"pools: {p: {when_all_down: {pool: ^p}, endpoints: {" E(1) "}}}\n",
			"when_all_down is a cycle: p → p"},
		{"pools:\n  a: {when_all_down: {pool: b}, endpoints: {" E(
			 1) "}}\n"
			    "  b: {when_all_down: {pool: ^c}, endpoints: {" E(
				    1) "}}\n"
				       "  c: {when_all_down: {pool: d}, endpoints: {" E(
					       1) "}}\n"
						  "  d: {when_all_down: {pool: b}, endpoints: {" E(
							  1) "}}\n"
							     "  e: {when_all_down: {pool: c}, "
							     "endpoints: {" E(
								     1) "}}\n"
									"  f: {when_all_down: "
									"{pool: ^g}, endpoints: "
									"{" E(1) "}}\n"
										 "  g: "
										 "{when_all_down: "
										 "{pool: f}, "
										 "endpoints: {" E(
											 1) "}}\n",
			"when_all_down is a cycle: b → c → d → b\n"
			"when_all_down is a cycle: f → g → f"},
	};
	struct conf *c;

	(void)state;
	run(cases, COUNT(cases));
	/* a chain and a shared end are none */
	c = conf_good("pools:\n  a: {when_all_down: {pool: b}, endpoints: {" E(
		1) "}}\n"
		   "  b: {when_all_down: {pool: c}, endpoints: {" E(
			   1) "}}\n"
			      "  c: {endpoints: {" E(
				      1) "}}\n"
					 "  d: {when_all_down: {pool: c}, endpoints: {" E(
						 1) "}}\n");
	assert_int_equal(c->pools[0].when_all_down, ALL_DOWN_POOL);
	assert_int_equal(c->pools[0].fallback_pool, 1);
	assert_int_equal(c->pools[2].fallback_pool, CONF_NONE);
	conf_free(c);
}

static void all_mistakes_come_in_one_run_in_order(void **state)
{
	(void)state;
	assert_null(conf_expect_whole("^zones: z\n"
				      "^lisen: 127.0.0.1:53\n"
				      "regions:\n"
				      "  a: {serves: [GB, ^UK], ^att: [1, 2]}\n"
				      "checks:\n"
				      "  home: {tcp: {port: ^0}, interval: ^5, timeout: 2s}\n"
				      "  slow: {tcp: {port: 1}, timeout: ^6s}\n"
				      "pools:\n"
				      "  web:\n"
				      "    check: ^hom\n"
				      "    steer: [geo]\n"
				      "    endpoints:\n"
				      "      a: {address: 192.0.2.1, region: ^b}\n"
				      "      ^b: {address: 192.0.2.1, region: a, weight: ^-1}\n"
				      "  ^web: {}\n"
				      "state: ^[x]\n",
		"\"listen\" is missing\n"
		"unknown key \"lisen\"; did you mean \"listen\"?\n"
		"regions.a.serves: \"UK\" is no ISO 3166-1 country code; did you mean \"GB\"?\n"
		"regions.a: unknown key \"att\"; did you mean \"at\"?\n"
		"checks.home.tcp.port: \"0\" is out of range: 1 to 65535\n"
		"checks.home.interval: \"5\" has no unit: write 5s, 5ms or 5m\n"
		"check \"slow\": timeout 6s is longer than interval 5s\n"
		"there is no check \"hom\"; did you mean \"home\"?\n"
		"there is no region \"b\"; did you mean \"a\"?\n"
		"endpoint \"web/b\" has the address 192.0.2.1 of endpoint \"a\"\n"
		"pools.web.endpoints.b.weight: \"-1\" is no whole number\n"
		"\"web\" is given twice: first at line 9\n"
		"state: takes one value, not a list"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_names_get_the_nearest),
		cmocka_unit_test(listeners_must_not_collide),
		cmocka_unit_test(threads_have_room_for_two_generations),
		cmocka_unit_test(nothing_is_given_twice),
		cmocka_unit_test(a_check_is_of_one_kind),
		cmocka_unit_test(a_pipeline_makes_tiers_then_selects_once),
		cmocka_unit_test(geo_that_cannot_steer_is_told),
		cmocka_unit_test(numbers_of_a_pool_fit_together),
		cmocka_unit_test(fallbacks_are_no_cycles),
		cmocka_unit_test(all_mistakes_come_in_one_run_in_order),
	};

	TEST_MAIN(tests);
}
