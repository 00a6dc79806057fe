/* Every key of the table: what it takes, its limits, and what it says to what it does not take. */
#include "tests/unit/conf_text.h"

#include "conf/schema.h"

#define TEXT_50          "01234567890123456789012345678901234567890123456789"
#define RANGE(low, high) " is out of range: " low " to " high

#define CHECK_OF(keys) "checks:\n  c: {tcp: {port: 80}, " keys "}\n"
#define HTTP_OF(keys)  "checks:\n  c: {http: {port: 80, " keys "}}\n"
#define POOL_OF(keys)  "pools:\n  p: {" keys ", endpoints: {e: {address: 192.0.2.1}}}\n"
#define END_OF(keys)   "pools:\n  p: {endpoints: {e: {" keys "}}}\n"
#define BAL_OF(keys)                                                                               \
	"pools: {p: {endpoints: {e: {address: 192.0.2.1}}}}\n"                                     \
	"balancer:\n  - {name: b, listen: 127.0.0.1:80, pool: p, port: 80, " keys "}\n"

static const char *const accepted[] = {
	CHECK_OF("interval: 100ms"),
	CHECK_OF("interval: 1h"),
	CHECK_OF("interval: 1m30s"),
	CHECK_OF("timeout: 10ms"),
	CHECK_OF("timeout: 5s"),
	CHECK_OF("interval: 1h, timeout: 1h"),
	CHECK_OF("fall: 1, rise: 1"),
	CHECK_OF("fall: 1000, rise: 1000"),
	CHECK_OF("fall: \"7\""),
	CHECK_OF("flap: {penalty: 0}"),
	CHECK_OF("flap: {penalty: 1000000, half_life: 1s, suppress: 2, reuse: 1, max_suppress: "
		 "24h}"),
	CHECK_OF("jitter: 0%"),
	CHECK_OF("jitter: 50%"),
	"checks:\n  c: {tcp: {port: 1}}\n  d: {tcp: {port: 65535}}\n",
	HTTP_OF("path: /"),
	HTTP_OF("path: /healthz?full=1&x=%20"),
	HTTP_OF("host: www.example.com"),
	HTTP_OF("host: a_b-c.:65535"),
	HTTP_OF("host: 192.0.2.1:80"),
	HTTP_OF("host: \"[2001:db8::1]:8080\""),
	HTTP_OF("expect: 200"),
	HTTP_OF("expect: [100-599, 204]"),
	POOL_OF("answers: 1"),
	POOL_OF("answers: 16"),
	POOL_OF("ttl: 0"),
	POOL_OF("ttl: 0s"),
	POOL_OF("ttl: 1d"),
	POOL_OF("ttl: 3000ms"),
	POOL_OF("ttl: 10s, ttl_min: 10s"),
	POOL_OF("ttl_min: 0"),
	POOL_OF("min_serving: 1"),
	POOL_OF("unknown: hold"),
	POOL_OF("unknown: serve"),
	POOL_OF("steer: weighted"),
	POOL_OF("steer: [round_robin]"),
	"pools: {p: {steer: [failover, weighted], endpoints: {e: {address: 192.0.2.1, tier: "
	"65535}}}}\n",
	POOL_OF("when_all_down: serve_all"),
	POOL_OF("when_all_down: last_good"),
	POOL_OF("when_all_down: nodata"),
	POOL_OF("when_all_down: refuse"),
	END_OF("address: 192.0.2.1"),
	END_OF("address: 2001:db8::1"),
	END_OF("address: [\"2001:db8::1\", 192.0.2.1]"),
	END_OF("address: [192.0.2.1]"),
	"pools: {p: {endpoints: {e: {address: 127.0.0.1, weight: 0}, f: {address: 127.0.0.2}}}}\n",
	END_OF("address: 192.0.2.1, weight: 65535"),
	BAL_OF("connect_timeout: 10ms"),
	BAL_OF("connect_timeout: 5m"),
	BAL_OF("retries: 0"),
	BAL_OF("retries: 16384"),
	BAL_OF("idle_timeout: 1s"),
	BAL_OF("idle_timeout: 7d"),
	BAL_OF("drain_timeout: 0"),
	BAL_OF("drain_timeout: 7d"),
	BAL_OF("max_connections: 1"),
	BAL_OF("max_connections: 1000000"),
	BAL_OF("overflow: reset"),
	BAL_OF("overflow: wait"),
	BAL_OF("overflow: wait, queue_timeout: 100ms"),
	BAL_OF("overflow: wait, queue_timeout: 10m"),
	"balancer: []\n",
	"regions: {a: {}, b: {serves: []}, c: {serves: GB}}\n",
	"regions: {a: {serves: [gb, continent:eu, default]}}\n",
	"control: {socket: /tmp/s}\n",
	"control: {}\n",
	"workers: 1\n",
	"workers: 64\n",
	"workers: auto\n",
	"state: /var/lib/é\n",
	"user: _way-mark9\n",
	"freebind: true\n",
	"freebind: false\n",
	"dns: {tcp: {max_connections: 1, max_per_client: 100000, idle_timeout: 1s}}\n",
	"dns: {tcp: {max_connections: 100000, max_per_client: 1, idle_timeout: 10m}}\n",
	"dns: {udp_payload: 512, client_subnet: true, nsid: none, version: none}\n",
	"dns: {udp_payload: 4096, client_subnet: false, nsid: London 1, version: \"1\"}\n",
	"dns: {cookies: {policy: ignore, secret: []}}\n",
	"dns: {cookies: {policy: answer, secret: 0123456789abcdefABCDEF9876543210}}\n",
	"dns: {cookies: {policy: require, secret_file: ../secrets}}\n",
	"dns: {rate_limit: {per_second: 0, slip: 0, exempt: []}}\n",
	"dns: {rate_limit: {per_second: 100000, slip: 10, exempt: [10.0.0.0/8, \"::1\"]}}\n",
	"log: {format: text, level: debug}\n",
	"log: {format: json, level: info}\n",
	"log: {level: warning}\n",
	"log: {level: error}\n",
	"geo: {databases: a.mmdb}\n",
	"geo: {databases: [a.mmdb, /b.mmdb]}\n",
	"geo: {databases: [], networks: {}}\n",
	"regions: {a: {at: [90, 180]}, b: {at: [-90, -180]}, c: {at: [0.123456789, -0]}}\n",
	"regions: {a: {}}\ngeo: {networks: {0.0.0.0/0: a, 192.0.2.1: a, \"::/0\": a, "
	"2001:db8::/32: a}}\n",
};

static const struct {
	const char *file, *message;
} refused[] = {
	/* numbers: decimal digits, no sign, nothing octal, nothing that wraps */
	{CHECK_OF("fall: ^0"), "checks.c.fall: \"0\"" RANGE("1", "1000")},
	{CHECK_OF("fall: ^1001"), "checks.c.fall: \"1001\"" RANGE("1", "1000")},
	{CHECK_OF("rise: ^0"), "checks.c.rise: \"0\"" RANGE("1", "1000")},
	{CHECK_OF("rise: ^4294967297"), "checks.c.rise: \"4294967297\"" RANGE("1", "1000")},
	{CHECK_OF("rise: ^18446744073709551617"),
		"checks.c.rise: \"18446744073709551617\"" RANGE("1", "1000")},
	{CHECK_OF("fall: ^-1"), "checks.c.fall: \"-1\" is no whole number"},
	{CHECK_OF("fall: ^+1"), "checks.c.fall: \"+1\" is no whole number"},
	{CHECK_OF("fall: ^1.5"), "checks.c.fall: \"1.5\" is no whole number"},
	{CHECK_OF("fall: ^0x10"), "checks.c.fall: \"0x10\" is no whole number"},
	{CHECK_OF("fall: ^1_0"), "checks.c.fall: \"1_0\" is no whole number"},
	{CHECK_OF("fall: ^010"), "checks.c.fall: \"010\" starts with a zero: write it without, it "
				 "would be octal in YAML 1.1"},
	{CHECK_OF("fall: ^yes"), "checks.c.fall: \"yes\" is no whole number"},
	{CHECK_OF("fall: ^\"\""), "checks.c.fall: \"\" is no whole number"},
	{CHECK_OF("fall: ^null"), "checks.c.fall: has no value; leave the key out for its default"},
	{CHECK_OF("fall: ^[1]"), "checks.c.fall: takes one value, not a list"},
	{CHECK_OF("fall: ^{a: 1}"), "checks.c.fall: takes one value, not a mapping"},
	/* durations */
	{CHECK_OF("interval: ^5"), "checks.c.interval: \"5\" has no unit: write 5s, 5ms or 5m"},
	{CHECK_OF("interval: ^5 s"),
		"checks.c.interval: \"5 s\" is no duration: write whole numbers "
		"with units, such as 250ms, 5s or 1h30m"},
	{CHECK_OF("interval: ^5KiB"),
		"checks.c.interval: \"5KiB\" is no duration: write whole numbers "
		"with units, such as 250ms, 5s or 1h30m"},
	{CHECK_OF("interval: ^-5s"),
		"checks.c.interval: \"-5s\" is no duration: write whole numbers "
		"with units, such as 250ms, 5s or 1h30m"},
	{CHECK_OF("interval: ^99ms"), "checks.c.interval: \"99ms\"" RANGE("100ms", "1h")},
	{CHECK_OF("interval: ^3601s"), "checks.c.interval: \"3601s\"" RANGE("100ms", "1h")},
	{CHECK_OF("timeout: ^9ms"), "checks.c.timeout: \"9ms\"" RANGE("10ms", "1h")},
	{CHECK_OF("timeout: ^2h"), "checks.c.timeout: \"2h\"" RANGE("10ms", "1h")},
	{POOL_OF("ttl: ^1500ms"), "pools.p.ttl: \"1500ms\" is not a whole number of seconds"},
	{POOL_OF("ttl: ^25h"), "pools.p.ttl: \"25h\"" RANGE("0s", "1d, whole seconds")},
	{POOL_OF("ttl: ^300"), "pools.p.ttl: \"300\" has no unit: write 300s, 300ms or 300m"},
	{POOL_OF("ttl_min: ^2d"), "pools.p.ttl_min: \"2d\"" RANGE("0s", "1d, whole seconds")},
	{BAL_OF("connect_timeout: ^9ms"),
		"balancer[1].connect_timeout: \"9ms\"" RANGE("10ms", "5m")},
	{BAL_OF("connect_timeout: ^6m"), "balancer[1].connect_timeout: \"6m\"" RANGE("10ms", "5m")},
	{BAL_OF("retries: ^16385"), "balancer[1].retries: \"16385\"" RANGE("0", "16384")},
	{BAL_OF("idle_timeout: ^0"), "balancer[1].idle_timeout: \"0\"" RANGE("1s", "7d")},
	{BAL_OF("idle_timeout: ^8d"), "balancer[1].idle_timeout: \"8d\"" RANGE("1s", "7d")},
	{BAL_OF("drain_timeout: ^8d"), "balancer[1].drain_timeout: \"8d\"" RANGE("0s", "7d")},
	/* percentages */
	{CHECK_OF("flap: {penalty: ^1000001}"),
		"checks.c.flap.penalty: \"1000001\"" RANGE("0", "1000000")},
	{CHECK_OF("flap: {half_life: ^999ms}"),
		"checks.c.flap.half_life: \"999ms\"" RANGE("1s", "1d")},
	{CHECK_OF("flap: {suppress: ^0}"), "checks.c.flap.suppress: \"0\"" RANGE("1", "1000000")},
	{CHECK_OF("flap: {reuse: ^0}"), "checks.c.flap.reuse: \"0\"" RANGE("1", "1000000")},
	{CHECK_OF("flap: {max_suppress: ^0s}"),
		"checks.c.flap.max_suppress: \"0s\"" RANGE("1s", "1d")},
	{CHECK_OF("jitter: ^51%"), "checks.c.jitter: \"51%\"" RANGE("0%", "50%")},
	{CHECK_OF("jitter: ^10"),
		"checks.c.jitter: \"10\" is no percentage: write a number with %, "
		"such as 10%"},
	{CHECK_OF("jitter: ^\"%\""), "checks.c.jitter: \"%\" is no whole number"},
	/* the other numbers */
	{"checks: {c: {tcp: {port: ^0}}}\n", "checks.c.tcp.port: \"0\"" RANGE("1", "65535")},
	{"checks: {c: {tcp: {port: ^65536}}}\n",
		"checks.c.tcp.port: \"65536\"" RANGE("1", "65535")},
	{"checks: {c: {http: {port: ^65536}}}\n",
		"checks.c.http.port: \"65536\"" RANGE("1", "65535")},
	{"checks: {c: {^http: {path: /}}}\n", "checks.c.http: \"port\" is missing"},
	{"checks: {c: {^tcp: {}}}\n", "checks.c.tcp: \"port\" is missing"},
	{POOL_OF("answers: ^0"), "pools.p.answers: \"0\"" RANGE("1", "16")},
	{POOL_OF("answers: ^17"), "pools.p.answers: \"17\"" RANGE("1", "16")},
	{POOL_OF("min_serving: ^0"), "pools.p.min_serving: \"0\"" RANGE("1", "16384")},
	{END_OF("address: 192.0.2.1, weight: ^65536"),
		"pools.p.endpoints.e.weight: \"65536\"" RANGE("0", "65535")},
	{END_OF("address: 192.0.2.1, tier: ^0"),
		"pools.p.endpoints.e.tier: \"0\"" RANGE("1", "65535")},
	{BAL_OF("max_connections: ^0"), "balancer[1].max_connections: \"0\"" RANGE("1", "1000000")},
	{BAL_OF("overflow: ^queue"), "balancer[1].overflow: \"queue\" is not known here: it is "
				     "one of reset, wait"},
	{BAL_OF("overflow: wait, queue_timeout: ^11m"),
		"balancer[1].queue_timeout: \"11m\"" RANGE("100ms", "10m")},
	{"dns: {tcp: {max_connections: ^0}}\n",
		"dns.tcp.max_connections: \"0\"" RANGE("1", "100000")},
	{"dns: {tcp: {max_per_client: ^100001}}\n",
		"dns.tcp.max_per_client: \"100001\"" RANGE("1", "100000")},
	{"dns: {tcp: {idle_timeout: ^999ms}}\n",
		"dns.tcp.idle_timeout: \"999ms\"" RANGE("1s", "10m")},
	{"dns: {udp_payload: ^511}\n", "dns.udp_payload: \"511\"" RANGE("512", "4096")},
	{"dns: {udp_payload: ^4097}\n", "dns.udp_payload: \"4097\"" RANGE("512", "4096")},
	{"dns: {nsid: ^\"\"}\n", "dns.nsid: is empty"},
	{"dns: {version: ^zwölf}\n",
		"dns.version: \"zwölf\" has characters other than visible ASCII and blanks"},
	{"dns: {nsid: ^" TEXT_50 TEXT_50 "01234567890123456789012345678}\n",
		"dns.nsid: is longer than 128 octets"},
	{"dns: {cookies: {policy: ^on}}\n", "dns.cookies.policy: \"on\" is not known here: it is "
					    "one of ignore, answer, require"},
	{"dns: {cookies: {secret: ^0123456789abcdef}}\n",
		"dns.cookies.secret: is no secret: write 32 hexadecimal digits, not 16 characters"},
	{"dns: {cookies: {secret: ^0123456789abcdef0123456789abcdeg}}\n",
		"dns.cookies.secret: is no secret: character 32 of it is no hexadecimal digit"},
	{"dns: {cookies: {secret: ^[0123456789abcdef0123456789abcdef, "
	 "0123456789abcdef0123456789abcdef, 0123456789abcdef0123456789abcdef, "
	 "0123456789abcdef0123456789abcdef]}}\n",
		"dns.cookies.secret: has 4 entries, more than 3"},
	{"dns: {cookies: {secret: 0123456789abcdef0123456789abcdef, secret_file: ^x}}\n",
		"dns.cookies takes \"secret\" or \"secret_file\", not both"},
	{"dns: {rate_limit: {per_second: ^100001}}\n",
		"dns.rate_limit.per_second: \"100001\"" RANGE("0", "100000")},
	{"dns: {rate_limit: {slip: ^11}}\n", "dns.rate_limit.slip: \"11\"" RANGE("0", "10")},
	{"dns: {rate_limit: ^5}\n", "dns.rate_limit: takes a mapping of keys, not a value"},
	{"freebind: ^yes\n", "freebind: \"yes\" is neither true nor false"},
	{"freebind: ^[true]\n", "freebind: takes one value, not a list"},
	{"workers: ^0\n", "workers: \"0\"" RANGE("1", "64")},
	{"workers: ^65\n", "workers: \"65\"" RANGE("1", "64")},
	{"workers: ^all\n", "workers: \"all\" is no whole number"},
	/* words */
	{POOL_OF("unknown: ^true"),
		"pools.p.unknown: \"true\" is not known here: it is one of serve, hold"},
	{POOL_OF("unknown: ^server"),
		"pools.p.unknown: \"server\" is not known here; did you mean \"serve\"?"},
	{POOL_OF("when_all_down: ^serveall"), "pools.p.when_all_down: \"serveall\" is not known "
					      "here; did you mean \"serve_all\"?"},
	{POOL_OF("when_all_down: ^[refuse]"), "pools.p.when_all_down: takes one value, not a list"},
	{POOL_OF("^when_all_down: {}"), "pools.p.when_all_down: \"pool\" is missing"},
	{POOL_OF("steer: [^wieghted]"),
		"pools.p.steer: \"wieghted\" is not known here; did you mean \"weighted\"?"},
	{POOL_OF("steer: [^[weighted]]"), "pools.p.steer: takes one value, not a list"},
	{POOL_OF("steer: ^[]"), "pools.p.steer: needs at least 1 entry"},
	{POOL_OF("steer: ^{geo: weighted}"), "pools.p.steer: takes a value or a list of values"},
	{POOL_OF("steer: ^[geo, geo, geo, geo, geo, geo, geo, geo, geo]"),
		"pools.p.steer: has 9 entries, more than 8"},
	{"log: {level: ^warn}\n",
		"log.level: \"warn\" is not known here: it is one of debug, info, "
		"warning, error"},
	{"log: {format: ^xml}\n", "log.format: \"xml\" is not known here: it is one of text, json"},
	{"log: ^text\n", "log: takes a mapping of keys, not a value"},
	{"log: ^[text]\n", "log: takes a mapping of keys, not a list"},
	/* texts */
	{HTTP_OF("path: ^healthz"), "checks.c.http.path: \"healthz\" does not start with /"},
	{HTTP_OF("path: ^/a b"),
		"checks.c.http.path: \"/a b\" has characters that need percent-encoding"},
	{HTTP_OF("path: ^\"/\\r\\nX: y\""),
		"checks.c.http.path: \"/??X: y\" has characters that need percent-encoding"},
	{HTTP_OF("path: ^/é"),
		"checks.c.http.path: \"/é\" has characters that need percent-encoding"},
	{HTTP_OF("host: ^\"a b\""), "checks.c.http.host: \"a b\" is no host: write a name such as "
				    "www.example.com, with :port if need be"},
	{HTTP_OF("host: ^\"a\\r\\nb\""),
		"checks.c.http.host: \"a??b\" is no host: write a name such as "
		"www.example.com, with :port if need be"},
	{HTTP_OF("host: ^\":\""), "checks.c.http.host: \":\" is no host: write a name such as "
				  "www.example.com, with :port if need be"},
	{HTTP_OF("host: ^\"[]\""), "checks.c.http.host: \"[]\" is no host: write a name such as "
				   "www.example.com, with :port if need be"},
	{HTTP_OF("host: ^\"[192.0.2.1]\""),
		"checks.c.http.host: \"[192.0.2.1]\" is no host: write a name such as "
		"www.example.com, with :port if need be"},
	{HTTP_OF("host: ^\"a:\""), "checks.c.http.host: \"a:\" is no host: write a name such as "
				   "www.example.com, with :port if need be"},
	{HTTP_OF("host: ^\"a:0\""), "checks.c.http.host: \"a:0\" is no host: write a name such as "
				    "www.example.com, with :port if need be"},
	{HTTP_OF("host: ^\"a:65536\""),
		"checks.c.http.host: \"a:65536\" is no host: write a name such as "
		"www.example.com, with :port if need be"},
	{HTTP_OF("host: ^\"a:b\""), "checks.c.http.host: \"a:b\" is no host: write a name such as "
				    "www.example.com, with :port if need be"},
	{HTTP_OF("host: ^\".\""), "checks.c.http.host: \".\" is no host: write a name such as "
				  "www.example.com, with :port if need be"},
	{HTTP_OF("host: ^\"a..b\""),
		"checks.c.http.host: \"a..b\" is no host: write a name such as "
		"www.example.com, with :port if need be"},
	{HTTP_OF("host: ^\"[2001:db8::1\""),
		"checks.c.http.host: \"[2001:db8::1\" is no host: write a name such as "
		"www.example.com, with :port if need be"},
	{HTTP_OF("host: ^\"[2001:db8::1]x\""),
		"checks.c.http.host: \"[2001:db8::1]x\" is no host: write a name such as "
		"www.example.com, with :port if need be"},
	{HTTP_OF("host: ^\"2001:db8::1\""),
		"checks.c.http.host: \"2001:db8::1\" is no host: write a name such as "
		"www.example.com, with :port if need be"},
	{HTTP_OF("host: ^\"\""), "checks.c.http.host: is empty"},
	{HTTP_OF("expect: ^99"),
		"checks.c.http.expect: \"99\" is no status: write 200 or 200-299, from "
		"100 to 599"},
	{HTTP_OF("expect: ^600"),
		"checks.c.http.expect: \"600\" is no status: write 200 or 200-299, "
		"from 100 to 599"},
	{HTTP_OF("expect: ^2xx"),
		"checks.c.http.expect: \"2xx\" is no status: write 200 or 200-299, "
		"from 100 to 599"},
	{HTTP_OF("expect: ^100"),
		"checks.c.http.expect: \"100\" never ends a response: 1xx is interim, and what "
		"follows it counts"},
	{HTTP_OF("expect: [200, ^101-199]"),
		"checks.c.http.expect: \"101-199\" never ends a response: 1xx is interim, and what "
		"follows it counts"},
	{HTTP_OF("expect: [200, ^399-200]"),
		"checks.c.http.expect: \"399-200\" is the wrong way round"},
	{HTTP_OF("expect: ^[]"), "checks.c.http.expect: needs at least 1 entry"},
	{"user: ^0day\n", "user: \"0day\" is no account's name"},
	{"user: ^a.b\n", "user: \"a.b\" is no account's name"},
	{"user: ^abcdefghijklmnopqrstuvwx\n", "user: is longer than 23 octets"},
	{"state: ^\"a\\tb\"\n", "state: a path with control characters"},
	{"state: ^\"\"\n", "state: is empty"},
	{"state: ^[a]\n", "state: takes one value, not a list"},
	{"state: ^~\n", "state: has no value; leave the key out for its default"},
	{"control: {socket: ^/" TEXT_50 TEXT_50 "1234567}\n",
		"control.socket: is longer than 107 octets"},
	/* addresses */
	{END_OF("address: ^localhost"),
		"pools.p.endpoints.e.address: \"localhost\" is no address: write "
		"192.0.2.1 or \"2001:db8::1\", without a port"},
	{END_OF("address: ^192.0.2.1:80"),
		"pools.p.endpoints.e.address: \"192.0.2.1:80\" is no address: "
		"write 192.0.2.1 or \"2001:db8::1\", without a port"},
	{END_OF("address: ^0.0.0.0"),
		"pools.p.endpoints.e.address: \"0.0.0.0\" is no machine's address"},
	{END_OF("address: ^\"::\""), "pools.p.endpoints.e.address: \"::\" is no machine's address"},
	{END_OF("address: ^224.0.0.1"),
		"pools.p.endpoints.e.address: \"224.0.0.1\" is no machine's "
		"address but a multicast or reserved one"},
	{END_OF("address: ^255.255.255.255"),
		"pools.p.endpoints.e.address: \"255.255.255.255\" is no "
		"machine's address but a multicast or reserved one"},
	{END_OF("address: ^ff02::1"),
		"pools.p.endpoints.e.address: \"ff02::1\" is no machine's address "
		"but a multicast or reserved one"},
	{END_OF("address: ^fe80::1"), "pools.p.endpoints.e.address: \"fe80::1\" is a link-local "
				      "address: it means nothing "
				      "without an interface, and to clients elsewhere"},
	{END_OF("address: ^[]"), "pools.p.endpoints.e.address: needs at least 1 entry"},
	{"pools: {p: {endpoints: {^e: {weight: 1}}}}\n",
		"pools.p.endpoints.e: \"address\" is missing"},
	{"pools: {p: {endpoints: {e: ^192.0.2.1}}}\n",
		"pools.p.endpoints.e: takes a mapping of keys, not a value"},
	{"pools: {p: {endpoints: ^[192.0.2.1]}}\n",
		"pools.p.endpoints: takes a mapping: one entry a line, \"NAME: …\""},
	/* names */
	{"regions: {^-a: {}}\n",
		"regions.-a: \"-a\" is no name: use letters, digits, - and _, and dots inside"},
	{"regions: {^a.: {}}\n",
		"regions.a.: \"a.\" is no name: use letters, digits, - and _, and dots inside"},
	{"regions: {^a..b: {}}\n",
		"regions.a..b: \"a..b\" is no name: use letters, digits, - and _, and dots inside"},
	{"regions: {^a/b: {}}\n",
		"regions.a/b: \"a/b\" is no name: use letters, digits, - and _, and dots inside"},
	{"regions: {^\"\": {}}\n",
		"regions.: \"\" is no name: use letters, digits, - and _, and dots inside"},
	{"regions: {^\"a\\nb\": {}}\n",
		"regions.a?b: \"a?b\" is no name: use letters, digits, - and _, and dots inside"},
	/* geo */
	{"regions: {a: {serves: [^UK]}}\n",
		"regions.a.serves: \"UK\" is no ISO 3166-1 country code; did you mean \"GB\"?"},
	{"regions: {a: {serves: [^eu]}}\n", "regions.a.serves: \"EU\" is no ISO 3166-1 country "
					    "code; did you mean \"continent:EU\"?"},
	{"regions: {a: {serves: [^ZZ]}}\n",
		"regions.a.serves: \"ZZ\" is no ISO 3166-1 country code"},
	{"regions: {a: {serves: [^continent:GB]}}\n",
		"regions.a.serves: \"continent:GB\" is no continent: "
		"they are AF, AN, AS, EU, NA, OC and SA"},
	{"regions: {a: {serves: [^Germany]}}\n", "regions.a.serves: \"Germany\" is no rule: write "
						 "GB (a country), continent:EU or default"},
	{"regions: {a: {serves: ^defualt}}\n",
		"regions.a.serves: \"defualt\" is not known here; did you mean \"default\"?"},
	{"regions: {a: {at: ^[1]}}\n", "regions.a.at: needs 2 entries, not 1"},
	{"regions: {a: {at: ^[1, 2, 3]}}\n", "regions.a.at: needs 2 entries, not 3"},
	{"regions: {a: {at: ^1}}\n", "regions.a.at: needs 2 entries, not 1"},
	{"regions: {a: {at: [^x, 2]}}\n",
		"regions.a.at: \"x\" is no coordinate: write degrees such as 51.51 or -0.13"},
	{"regions: {a: {at: [^1e1, 2]}}\n",
		"regions.a.at: \"1e1\" is no coordinate: write degrees such as 51.51 or -0.13"},
	{"regions: {a: {at: [^1., 2]}}\n",
		"regions.a.at: \"1.\" is no coordinate: write degrees such as 51.51 or -0.13"},
	{"regions: {a: {at: [0, ^180.1]}}\n", "regions.a.at: \"180.1\"" RANGE("-180", "180")},
	{"regions: {a: {at: [^-90.5, 0]}}\n",
		"region \"a\": the latitude comes first and is -90 to 90"},
	{"regions: {a: {at: [^nan, 0]}}\n",
		"regions.a.at: \"nan\" is no coordinate: write degrees such as 51.51 or -0.13"},
	{"regions: {a: {}}\ngeo: {networks: {^10.0.0.1/8: a}}\n",
		"geo.networks.10.0.0.1/8: \"10.0.0.1/8\" is no network: write 192.0.2.0/24 or "
		"2001:db8::/32, with zeros after the prefix"},
	{"geo: {networks: ^10.0.0.0/8}\n",
		"geo.networks: takes a mapping: one entry a line, \"NETWORK: …\""},
	/* a list of mappings */
	{"balancer: ^{name: b}\n",
		"balancer: takes a list of mappings: start each one with \"- \""},
	{"balancer: [^b]\n", "balancer[1]: takes a mapping of keys, not a value"},
};

/* Cases with several messages, or a place that the table's form cannot show. */
static void several_messages_come_in_order(void **state)
{
	(void)state;
	conf_refused("checks: {c: {tcp: {port: 1, ^path: /}}}\n",
		"checks.c.tcp: unknown key \"path\"; there is one at checks.NAME.http.path");
	conf_refused("log:^\n", "log: has no value; leave the key out for its default");
	conf_refused("balancer:\n  - ^^^^{}\n",
		"balancer[1]: \"name\" is missing\nbalancer[1]: \"listen\" is missing\n"
		"balancer[1]: \"pool\" is missing\nbalancer[1]: \"port\" is missing");
}

/* `zones` is a path, or a mapping with one. */
static const char *const zones_accepted[] = {
	"listen: 127.0.0.1:53\nzones: {path: zones}\n",
	"listen: 127.0.0.1:53\nzones: {path: zones, rescan: 1s}\n",
	"listen: 127.0.0.1:53\nzones:\n  path: zones\n  rescan: 1d\n  remove_after: 0\n",
};

static void zones_are_a_path_or_a_mapping(void **state)
{
	static const char *const wrong[][2] = {
		{"listen: 127.0.0.1:53\n^zones: {rescan: 10s}\n", "zones: \"path\" is missing"},
		{"listen: 127.0.0.1:53\nzones: {path: z, rescan: ^999ms}\n",
			"zones.rescan: \"999ms\" is out of range: 1s to 1d"},
		{"listen: 127.0.0.1:53\nzones: {path: z, ^recsan: 1m}\n",
			"zones: unknown key \"recsan\"; did you mean \"rescan\"?"},
		{"listen: 127.0.0.1:53\nzones: ^[a, b]\n", "zones: takes one value, not a list"},
	};
	struct conf *c = conf_good("");

	(void)state;
	assert_string_equal(c->zones.path, "zones");
	assert_int_equal(c->zones.rescan_ms, 30000);
	assert_int_equal(c->zones.remove_after_ms, 60000);
	conf_free(c);
	for (size_t i = 0; i < COUNT(zones_accepted); i++) {
		c = conf_expect_whole(zones_accepted[i], "");
		assert_non_null(c);
		assert_string_equal(c->zones.path, "zones");
		assert_int_equal(c->zones.position.line, i < 2 ? 2 : 3);
		conf_free(c);
	}
	c = conf_expect_whole(zones_accepted[1], "");
	assert_int_equal(c->zones.rescan_ms, 1000);
	conf_free(c);
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_null(conf_expect_whole(wrong[i][0], wrong[i][1]));
}

static void every_good_value_is_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++)
		conf_free(conf_good(accepted[i]));
}

static void every_bad_value_is_refused_at_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++)
		conf_refused(refused[i].file, refused[i].message);
}

static void bounds_have_no_gap(void **state)
{
	(void)state;
	conf_free(conf_good("control: {socket: /" TEXT_50 TEXT_50 "123456}\n")); /* 107 octets */
	conf_refused("checks: {c: {http: {port: 1, path: ^/" TEXT_50 TEXT_50 TEXT_50 TEXT_50 TEXT_50
			     TEXT_50 TEXT_50 TEXT_50 TEXT_50 TEXT_50 TEXT_50 TEXT_50 TEXT_50 TEXT_50
				     TEXT_50 TEXT_50 TEXT_50 TEXT_50 TEXT_50 TEXT_50
		     "01234567890123456789012}}}\n",
		"checks.c.http.path: is longer than 1023 octets");
	conf_free(conf_good("regions: {" TEXT_50 "1234567890abc: {}}\n"));
	conf_refused("regions: {^" TEXT_50 "1234567890abcd: {}}\n",
		"regions." TEXT_50 "1234567890abc: the name \"" TEXT_50
		"1234567890abcd\" is longer than 63 octets");
}

/* YAML 1.1 takes NO for false; libyaml leaves it text, and so must everything behind it. */
static void norway_is_a_country(void **state)
{
	struct conf *c = conf_good("regions: {NO: {serves: [NO, se]}}\n");
	struct text printed = {0};

	(void)state;
	assert_string_equal(c->regions[0].name, "NO");
	assert_int_equal(c->regions[0].rules[0].kind, RULE_COUNTRY);
	assert_string_equal(c->regions[0].rules[0].code, "NO");
	assert_string_equal(c->regions[0].rules[1].code, "SE");
	conf_print(c, &printed);
	assert_non_null(strstr(printed.data, "serves: [\"NO\", SE]"));
	text_free(&printed);
	conf_free(c);
}

static void country_is_known(const char *code)
{
	char file[64];

	(void)snprintf(file, sizeof file, "regions: {a: {serves: %.2s}}\n", code);
	conf_free(conf_good(file));
}

/* The list of the time zone database, where it is installed, is an independent copy of ISO
 * 3166-1. */
static void every_country_of_iso_3166_is_known(void **state)
{
	static const char *const some[] = {
		"AD", "GB", "NA", "SA", "AF", "AS", "SS", "CW", "XK", "ZW"};
	FILE *list = fopen("/usr/share/zoneinfo/iso3166.tab", "r");
	size_t count = 0;
	char line[256];

	(void)state;
	for (size_t i = 0; i < COUNT(some); i++)
		country_is_known(some[i]);
	if (list == NULL)
		return;
	while (fgets(line, sizeof line, list) != NULL) {
		if (line[0] == '#')
			continue;
		country_is_known(line);
		count++;
	}
	(void)fclose(list);
	assert_true(count >= 249);
}

static void unknown_keys_get_the_nearest_word(void **state)
{
	static const struct {
		const char *file, *message;
	} cases[] = {
		{"^workres: 4\n", "unknown key \"workres\"; did you mean \"workers\"?"},
		{"^pool: {}\n", "unknown key \"pool\"; did you mean \"pools\"?"},
		{"^xyzzy: 1\n", "unknown key \"xyzzy\""},
		{"^ttl: 5s\n", "unknown key \"ttl\"; there is one at pools.NAME.ttl"},
		{"^max_connections: 5\n", "unknown key \"max_connections\"; there is one at "
					  "balancer[].max_connections"},
		{"^\"*\": 1\n", "unknown key \"*\""},
		{"^<<: {workers: 1}\n", "unknown key \"<<\""},
		{POOL_OF("^stear: geo"), "pools.p: unknown key \"stear\"; did you mean \"steer\"?"},
		{END_OF("address: 192.0.2.1, ^wieght: 1"),
			"pools.p.endpoints.e: unknown key \"wieght\"; did you mean \"weight\"?"},
		{CHECK_OF("^intervall: 5s"),
			"checks.c: unknown key \"intervall\"; did you mean \"interval\"?"},
		{HTTP_OF("^paht: /"),
			"checks.c.http: unknown key \"paht\"; did you mean \"path\"?"},
		{BAL_OF("^pol: p"), "balancer[1]: unknown key \"pol\"; did you mean \"pool\"?"},
		{"control: {^sockets: /x}\n",
			"control: unknown key \"sockets\"; did you mean \"socket\"?"},
		{"geo: {^database: x}\n",
			"geo: unknown key \"database\"; did you mean \"databases\"?"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		conf_refused(cases[i].file, cases[i].message);
}

static void what_is_not_built_is_refused_by_name(void **state)
{
	static const struct {
		const char *file, *message;
	} cases[] = {
		{"control: {^http: \"127.0.0.1:8053\"}\n", "control.http"},
		{"checks: {c: {^https: {port: 1}}}\n", "checks.c.https"},
		{"checks: {c: {^tls: {port: 1}}}\n", "checks.c.tls"},
		{BAL_OF("^proxy_protocol: v2"), "balancer[1].proxy_protocol"},
		{"dns: {^signing: {}}\n", "dns.signing"},
		{"dns: {^transfers: []}\n", "dns.transfers"},
	};
	static const char *const steps[] = {"nearest", "random", "hash", "all", "least_loaded"};
	char file[256], message[256];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		(void)snprintf(message, sizeof message,
			"%s: is known, but not built in this version", cases[i].message);
		conf_refused(cases[i].file, message);
	}
	for (size_t i = 0; i < COUNT(steps); i++) {
		(void)snprintf(file, sizeof file,
			"pools: {p: {steer: [^%s], endpoints: {e: {address: 192.0.2.1}}}}\n",
			steps[i]);
		(void)snprintf(message, sizeof message,
			"pools.p.steer: \"%s\" is known, but not built in this version", steps[i]);
		conf_refused(file, message);
	}
	conf_refused("regions: {a: {serves: [^city:London]}}\n",
		"regions.a.serves: \"city:London\": cities and subdivisions are known, but not "
		"built in "
		"this version");
}

/* A new row must come with cases: each key that can be set stands in some accepted file. */
static void every_key_has_a_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < schema_key_count; i++) {
		const struct schema_key *key = &schema_keys[i];
		const char *name = schema_name(key);
		bool found = key->unbuilt || strcmp(name, "*") == 0 || strcmp(name, "dns") == 0 ||
			     strstr(CONF_HEAD, name) != NULL;

		for (size_t j = 0; j < COUNT(accepted) && !found; j++)
			found = strstr(accepted[j], name) != NULL;
		for (size_t j = 0; j < COUNT(zones_accepted) && !found; j++)
			found = strstr(zones_accepted[j], name) != NULL;
		if (!found)
			fail_msg("no accepted case for %s", key->path);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_good_value_is_accepted),
		cmocka_unit_test(zones_are_a_path_or_a_mapping),
		cmocka_unit_test(every_bad_value_is_refused_at_its_place),
		cmocka_unit_test(several_messages_come_in_order),
		cmocka_unit_test(bounds_have_no_gap),
		cmocka_unit_test(norway_is_a_country),
		cmocka_unit_test(every_country_of_iso_3166_is_known),
		cmocka_unit_test(unknown_keys_get_the_nearest_word),
		cmocka_unit_test(what_is_not_built_is_refused_by_name),
		cmocka_unit_test(every_key_has_a_case),
	};

	TEST_MAIN(tests);
}
