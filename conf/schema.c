/* The rows. Adding a key is one row here and, unless its type is new, nothing else in this
 * folder. */
#include "conf/schema.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define MAX_TTL_MS   86400000
#define MAX_PROBE_MS 3600000
#define DAY_MS       86400000
#define WEEK_MS      604800000
#define MAX_FLAP     1000000

#define VALUE(level, field)                                                                        \
	.shape = SHAPE_VALUE, .offset = offsetof(struct level, field),                             \
	.size = sizeof(((struct level *)0)->field)
#define MANY(level, field, counter, element)                                                       \
	.offset = offsetof(struct level, field), .count = offsetof(struct level, counter),         \
	.size = sizeof(struct element)

const struct schema_word schema_steps[] = {
	{"geo", STEER_GEO, "tiers: regions in order of closeness to the client"},
	{"failover", STEER_FAILOVER, "tiers: the endpoints' `tier`, lowest number first"},
	{"weighted", STEER_WEIGHTED, "selector: at random, in proportion to `weight`"},
	{"round_robin", STEER_ROUND_ROBIN, "selector: each in turn, as often as its `weight` says"},
	{"nearest", 0, NULL},
	{"random", 0, NULL},
	{"hash", 0, NULL},
	{"all", 0, NULL},
	{"least_loaded", 0, NULL},
	{0},
};

const struct schema_word schema_all_down[] = {
	{"serve_all", ALL_DOWN_SERVE_ALL,
		"as if every endpoint were up that no operator has taken out: checks are "
		"wrong more often than everything is down"},
	{"last_good", ALL_DOWN_LAST_GOOD,
		"the endpoints that served last, less those that an operator has taken out; when "
		"none ever served, as `serve_all`"},
	{"nodata", ALL_DOWN_NODATA, "DNS: no address; balancer: the connection is reset"},
	{"refuse", ALL_DOWN_REFUSE, "DNS: REFUSED; balancer: the connection is reset"},
	{0},
};

static const struct schema_word unknown_words[] = {
	{"serve", true, "counts as up until the first probe has ended"},
	{"hold", false, "counts as down until the first probe has ended"},
	{0},
};

static const struct schema_word cookie_policies[] = {
	{"ignore", COOKIES_IGNORE, "as if cookies were unknown"},
	{"answer", COOKIES_ANSWER,
		"an answer with a cookie; a valid one lifts the rate limit, and above the limit "
		"others get BADCOOKIE in place of a truncated reply"},
	{"require", COOKIES_REQUIRE,
		"over UDP, without a valid server cookie, BADCOOKIE; who sends no cookie at all "
		"is answered"},
	{0},
};

static const struct schema_word overflow_words[] = {
	{"reset", OVERFLOW_RESET, "is reset: the client tries its next address"},
	{"wait", OVERFLOW_WAIT, "waits in the backlog until a place is free"},
	{0},
};

static const struct schema_word log_formats[] = {
	{"text", LOG_TEXT, "for people"}, {"json", LOG_JSON, "one object a line"}, {0}};

const struct schema_word schema_log_levels[] = {
	{"debug", LEVEL_DEBUG, "everything"},
	{"info", LEVEL_INFO, "every event"},
	{"warning", LEVEL_WARNING, "what needs a look"},
	{"error", LEVEL_ERROR, "what failed"},
	{0},
};

/* A tier means something only where `failover` looks at it. */
static bool tier_applies(const struct conf *c, const void *level)
{
	const struct conf_endpoint *endpoint = level;
	const struct conf_pool *pool = &c->pools[endpoint->pool];

	for (size_t i = 0; i < pool->step_count; i++)
		if (pool->steps[i] == STEER_FAILOVER)
			return true;
	return false;
}

/* Without a queue nobody waits in it. */
static bool overflow_waits(const struct conf *c, const void *level)
{
	const struct conf_balancer *balancer = level;

	(void)c;
	return balancer->overflow == OVERFLOW_WAIT;
}

const struct schema_key schema_keys[] = {
	{"listen", .shape = SHAPE_LIST, .type = TYPE_HOSTPORT,
		MANY(conf, listens, listen_count, conf_listen),
		.position = offsetof(struct conf_listen, position), .required = true, .at_least = 1,
		.at_most = CONF_LISTEN_MAX,
		.help = "Addresses and ports for DNS, over UDP and TCP. 0.0.0.0 is every IPv4 "
			"address of the machine, [::] every IPv6 address and no IPv4."},
	{"freebind", VALUE(conf, freebind), .type = TYPE_SWITCH, .fallback = "false",
		.help = "Listen also on addresses that no interface has yet, as a standby does "
			"for an address that comes with VRRP, or a host whose network starts "
			"later. For DNS and balancers. Without it such an address is an error, "
			"and so is a mistyped one."},
	{"zones", VALUE(conf, zones.path), .type = TYPE_PATH,
		.position = offsetof(struct conf, zones.position), .required = true, .min = 1,
		.max = CONF_PATH_MAX,
		.help = "Folder of master files: master.com.zone serves master.com. Changed "
			"files are loaded without a reload. A path, or these keys."},
	{"zones.path", VALUE(conf, zones.path), .type = TYPE_PATH,
		.position = offsetof(struct conf, zones.position), .required = true, .min = 1,
		.max = CONF_PATH_MAX, .help = "The folder."},
	{"zones.rescan", VALUE(conf, zones.rescan_ms), .type = TYPE_DURATION, .unit_ms = 1,
		.fallback = "30s", .min = 1000, .max = DAY_MS,
		.help = "How often every file is looked at, zones, what they include and geo "
			"databases: some changes are told by nobody, those of a file outside "
			"the folder that a symbolic link leads to, and all on network file "
			"systems. Only changed files are read."},
	{"zones.remove_after", VALUE(conf, zones.remove_after_ms), .type = TYPE_DURATION,
		.unit_ms = 1, .fallback = "1m", .min = 0, .max = WEEK_MS,
		.help = "A zone whose file is gone serves on for this long, with a warning, in "
			"case that was a mistake. `waymark zones forget ZONE` ends it at once."},

	{"geo", .shape = SHAPE_MAP, .help = "Where clients are."},
	{"geo.databases", .shape = SHAPE_LIST, .type = TYPE_PATH,
		MANY(conf, databases, database_count, conf_path),
		.position = offsetof(struct conf_path, position), .min = 1, .max = CONF_PATH_MAX,
		.at_most = CONF_DATABASES_MAX,
		.help = "MaxMind-format files, asked in this order: the first that knows a "
			"client decides. What they have of private networks (`10.0.0.0/8`) and "
			"other special-purpose blocks counts, too. Changed files are loaded "
			"without a reload."},
	{"geo.networks", .shape = SHAPE_NAMES, .type = TYPE_PREFIX,
		MANY(conf, networks, network_count, conf_network),
		.position = offsetof(struct conf_network, position), .at_most = CONF_NETWORKS_MAX,
		.help = "Your own knowledge: network → region. It wins over every database, "
			"and the longest prefix wins. An IPv6 client with an IPv4 address inside "
			"(mapped, 6to4, Teredo, `64:ff9b::/96`) is looked up by that one, unless "
			"an IPv6 network within those blocks is given for it here."},
	{"geo.networks.*", VALUE(conf_network, region), .type = TYPE_REGION,
		.help = "The region that serves clients of this network."},

	{"regions", .shape = SHAPE_NAMES, .type = TYPE_NAME,
		MANY(conf, regions, region_count, conf_region),
		.position = offsetof(struct conf_region, position), .at_most = CONF_REGIONS_MAX,
		.help = "Places, by name."},
	{"regions.*", .shape = SHAPE_MAP, .help = "One region."},
	{"regions.*.serves", .shape = SHAPE_LIST, .type = TYPE_RULE,
		MANY(conf_region, rules, rule_count, conf_rule),
		.position = offsetof(struct conf_rule, position), .at_most = CONF_RULES_MAX,
		.help = "Clients whose home this region is: countries (`GB`), continents "
			"(`continent:EU`), or `default` for everyone else. A country wins over "
			"its continent. No code may stand in two regions. Mind that `NA` is "
			"Namibia and `SA` Saudi Arabia: the continents are `continent:NA` and "
			"`continent:SA`."},
	{"regions.*.at", .shape = SHAPE_LIST, .type = TYPE_DEGREES,
		.offset = offsetof(struct conf_region, latitude), .size = sizeof(double),
		.in_place = true, .flag = offsetof(struct conf_region, has_at), .min = -180,
		.max = 180, .at_least = 2, .at_most = 2,
		.help = "[latitude, longitude], north and east positive, -90 to 90 and -180 to "
			"180. When the home region is down, the others follow by distance."},

	{"checks", .shape = SHAPE_NAMES, .type = TYPE_NAME,
		MANY(conf, checks, check_count, conf_check),
		.position = offsetof(struct conf_check, position), .at_most = CONF_CHECKS_MAX,
		.help = "How endpoints are probed, by name. A check is either `tcp` or `http`."},
	{"checks.*", .shape = SHAPE_MAP, .help = "One check."},
	{"checks.*.tcp", .shape = SHAPE_MAP, .choice = true, .variant = CHECK_TCP,
		.offset = offsetof(struct conf_check, kind), .size = sizeof(enum check_kind),
		.help = "Up when a TCP connection opens."},
	{"checks.*.tcp.port", VALUE(conf_check, port), .type = TYPE_NUMBER, .required = true,
		.min = 1, .max = 65535, .help = "TCP port of the endpoint."},
	{"checks.*.http", .shape = SHAPE_MAP, .choice = true, .variant = CHECK_HTTP,
		.offset = offsetof(struct conf_check, kind), .size = sizeof(enum check_kind),
		.help = "Up when an HTTP/1.1 GET is answered with an expected status. "
			"Redirects are not followed."},
	{"checks.*.http.port", VALUE(conf_check, port), .type = TYPE_NUMBER, .required = true,
		.min = 1, .max = 65535, .help = "TCP port of the endpoint."},
	{"checks.*.http.path", VALUE(conf_check, path), .type = TYPE_URL_PATH, .fallback = "/",
		.min = 1, .max = CONF_URL_PATH_MAX, .help = "Path, with its query if it has one."},
	{"checks.*.http.host", VALUE(conf_check, host), .type = TYPE_HOST, .min = 1,
		.max = CONF_HOST_MAX, .computed = "the endpoint's address and port",
		.help = "Value of the Host header: reverse proxies choose the site by it."},
	{"checks.*.http.expect", .shape = SHAPE_LIST, .type = TYPE_STATUS, .in_place = true,
		MANY(conf_check, expect, expect_count, conf_status_range), .fallback = "200-399",
		.at_least = 1, .at_most = CONF_EXPECT_MAX,
		.help = "Status codes that mean up. "
			"1xx never ends a response, so it cannot be expected."},
	{"checks.*.https", .unbuilt = true, .help = "HTTP over TLS."},
	{"checks.*.tls", .unbuilt = true, .help = "A TLS handshake."},
	{"checks.*.interval", VALUE(conf_check, interval_ms), .type = TYPE_DURATION, .unit_ms = 1,
		.fallback = "5s", .min = 100, .max = MAX_PROBE_MS,
		.help = "Time from the start of a probe to the start of the next."},
	{"checks.*.timeout", VALUE(conf_check, timeout_ms), .type = TYPE_DURATION, .unit_ms = 1,
		.min = 10, .max = MAX_PROBE_MS,
		.computed = "2s, or `interval` when that is shorter",
		.help = "A probe that takes longer has failed, connect, headers and body together. "
			"Not above `interval`."},
	{"checks.*.fall", VALUE(conf_check, fall), .type = TYPE_NUMBER, .fallback = "2", .min = 1,
		.max = 1000, .help = "Failures in a row to go down."},
	{"checks.*.rise", VALUE(conf_check, rise), .type = TYPE_NUMBER, .fallback = "3", .min = 1,
		.max = 1000,
		.help = "Successes in a row to come up. The very first probe decides alone."},
	{"checks.*.jitter", VALUE(conf_check, jitter_percent), .type = TYPE_PERCENT,
		.fallback = "10%", .min = 0, .max = 50,
		.help = "Random part of `interval`, either way, so that probes do not march in "
			"step."},
	{"checks.*.flap", .shape = SHAPE_MAP,
		.help = "Damping, as BGP has it: an address that changes too often is held down "
			"until it has been quiet. Each change of what the checks say adds a "
			"penalty, which halves itself with time. Failures that end before `fall` "
			"cost part of one: the share `interval` x 6 / `half_life`, so that what "
			"counts is how many of the probes are such dips (with these defaults about "
			"29 in a hundred suppress)."},
	{"checks.*.flap.penalty", VALUE(conf_check, flap.penalty), .type = TYPE_NUMBER,
		.fallback = "1000", .min = 0, .max = MAX_FLAP,
		.help = "Points for each change, up or down. 0: no damping."},
	{"checks.*.flap.half_life", VALUE(conf_check, flap.half_life_ms), .type = TYPE_DURATION,
		.unit_ms = 1, .fallback = "1m", .min = 1000, .max = MAX_TTL_MS,
		.help = "In this time the penalty halves itself. A check with a long `interval` "
			"sees little in a minute: give it 12 times its interval."},
	{"checks.*.flap.suppress", VALUE(conf_check, flap.suppress), .type = TYPE_NUMBER,
		.fallback = "2500", .min = 1, .max = MAX_FLAP,
		.help = "Above this the address is down, whatever its probes say."},
	{"checks.*.flap.reuse", VALUE(conf_check, flap.reuse), .type = TYPE_NUMBER,
		.fallback = "750", .min = 1, .max = MAX_FLAP,
		.help = "Below this it is free again. Less than `suppress`."},
	{"checks.*.flap.max_suppress", VALUE(conf_check, flap.max_suppress_ms),
		.type = TYPE_DURATION, .unit_ms = 1, .fallback = "10m", .min = 1000,
		.max = MAX_TTL_MS,
		.help = "It is free at the latest this long after its last change or dip: the "
			"penalty does not rise above what takes that long."},

	{"pools", .shape = SHAPE_NAMES, .type = TYPE_NAME, MANY(conf, pools, pool_count, conf_pool),
		.position = offsetof(struct conf_pool, position), .at_most = CONF_POOLS_MAX,
		.help = "Sets of endpoints, by name: what a POOL record in a zone and a "
			"balancer speak of."},
	{"pools.*", .shape = SHAPE_MAP, .help = "One pool."},
	{"pools.*.check", VALUE(conf_pool, check), .type = TYPE_CHECK,
		.computed = "none: endpoints are always up unless overridden",
		.help = "Name of the check that probes every address of every endpoint."},
	{"pools.*.steer", .shape = SHAPE_LIST, .type = TYPE_WORD, .words = schema_steps,
		.in_place = true, .offset = offsetof(struct conf_pool, steps),
		.count = offsetof(struct conf_pool, step_count), .size = sizeof(enum steer_step),
		.fallback = "weighted", .at_least = 1, .at_most = CONF_STEPS_MAX,
		.help = "How endpoints are chosen for a client: steps that make tiers first "
			"(each at most once), then one selector inside the first tier with "
			"enough serving endpoints. Without a selector `weighted` is appended."},
	{"pools.*.answers", VALUE(conf_pool, answers), .type = TYPE_NUMBER, .fallback = "1",
		.min = 1, .max = CONF_ANSWERS_MAX, .help = "Addresses in one DNS answer."},
	{"pools.*.ttl", VALUE(conf_pool, ttl_s), .type = TYPE_DURATION, .unit_ms = 1000,
		.fallback = "30s", .min = 0, .max = MAX_TTL_MS,
		.help = "TTL of steered answers, unless the zone file gives one."},
	{"pools.*.ttl_min", VALUE(conf_pool, ttl_min_s), .type = TYPE_DURATION, .unit_ms = 1000,
		.min = 0, .max = MAX_TTL_MS,
		.computed = "half of `ttl`, but at least 1s unless `ttl` is 0",
		.help = "The TTL does not fall below this while a verdict is in doubt. Not "
			"above `ttl`."},
	{"pools.*.min_serving", VALUE(conf_pool, min_serving), .type = TYPE_NUMBER, .fallback = "1",
		.min = 1, .max = CONF_ENDPOINTS_MAX,
		.help = "Serving endpoints a tier needs; a tier with fewer is filled up from "
			"the next. They are counted for each address family by itself, and a "
			"tier needs no more than it has of that family."},
	{"pools.*.unknown", VALUE(conf_pool, unknown_serves), .type = TYPE_WORD,
		.words = unknown_words, .fallback = "serve",
		.help = "What an endpoint without a verdict counts as. In the first moments of a "
			"server, up to the `timeout` of the check, it is waited for instead."},
	{"pools.*.when_all_down", VALUE(conf_pool, when_all_down), .type = TYPE_WORD,
		.words = schema_all_down, .fallback = "serve_all",
		.help = "What happens when no endpoint serves: a word, or `{pool: NAME}` to "
			"ask another pool. An endpoint that an operator has drained or forced "
			"down is never given; when nobody else is left, there is no address in "
			"DNS, and the balancer resets the connection."},
	{"pools.*.when_all_down.pool", VALUE(conf_pool, fallback_pool), .type = TYPE_POOL,
		.required = true, .help = "The pool that answers instead; no cycles."},
	{"pools.*.endpoints", .shape = SHAPE_NAMES, .type = TYPE_NAME,
		.size = sizeof(struct conf_endpoint),
		.position = offsetof(struct conf_endpoint, position), .required = true,
		.at_least = 1, .at_most = CONF_ENDPOINTS_MAX,
		.help = "The reverse proxies, by name. The bound is for all pools together."},
	{"pools.*.endpoints.*", .shape = SHAPE_MAP, .help = "One endpoint."},
	{"pools.*.endpoints.*.address", .shape = SHAPE_LIST, .type = TYPE_ADDRESS, .in_place = true,
		.offset = offsetof(struct conf_endpoint, address), .size = sizeof(struct addr),
		.required = true, .at_least = 1, .at_most = 2,
		.help = "One IPv4 address, one IPv6 address, or a list of one of each."},
	{"pools.*.endpoints.*.region", VALUE(conf_endpoint, region), .type = TYPE_REGION,
		.help = "Where it stands. Required when the pool steers by `geo`."},
	{"pools.*.endpoints.*.weight", VALUE(conf_endpoint, weight), .type = TYPE_NUMBER,
		.fallback = "10", .min = 0, .max = CONF_WEIGHT_MAX,
		.help = "The share among the endpoints of a tier. 0: only when the others do "
			"not serve."},
	{"pools.*.endpoints.*.tier", VALUE(conf_endpoint, tier), .type = TYPE_NUMBER,
		.fallback = "1", .min = 1, .max = UINT16_MAX, .applies = tier_applies,
		.help = "For `failover`: the lowest number is tried first. Only in pools that "
			"use it."},

	{"balancer", .shape = SHAPE_ITEMS, MANY(conf, balancers, balancer_count, conf_balancer),
		.position = offsetof(struct conf_balancer, position), .at_most = CONF_BALANCERS_MAX,
		.help = "TCP listeners that forward to a pool."},
	{"balancer.*", .shape = SHAPE_MAP, .help = "One listener."},
	{"balancer.*.name", VALUE(conf_balancer, name), .type = TYPE_NAME, .required = true,
		.help = "Its name in status, logs and metrics."},
	{"balancer.*.listen", VALUE(conf_balancer, listen), .type = TYPE_HOSTPORT, .required = true,
		.help = "Address and port to accept on. [::] takes no IPv4."},
	{"balancer.*.pool", VALUE(conf_balancer, pool), .type = TYPE_POOL, .required = true,
		.help = "The pool to forward to."},
	{"balancer.*.port", VALUE(conf_balancer, port), .type = TYPE_NUMBER, .required = true,
		.min = 1, .max = 65535, .help = "TCP port of the endpoints."},
	{"balancer.*.connect_timeout", VALUE(conf_balancer, connect_timeout_ms),
		.type = TYPE_DURATION, .unit_ms = 1, .fallback = "3s", .min = 10, .max = 300000,
		.help = "For one endpoint; then the next is tried."},
	{"balancer.*.retries", VALUE(conf_balancer, retries), .type = TYPE_NUMBER,
		.computed = "every endpoint once", .min = 0, .max = CONF_ENDPOINTS_MAX,
		.help = "How many further endpoints one connection tries when one cannot be "
			"reached, all within three times `connect_timeout`. An endpoint that is "
			"the only one and refuses is tried again every 250 ms instead, so that "
			"connections survive its restart."},
	{"balancer.*.idle_timeout", VALUE(conf_balancer, idle_timeout_ms), .type = TYPE_DURATION,
		.unit_ms = 1, .fallback = "5m", .min = 1000, .max = WEEK_MS,
		.help = "A connection on which neither side sends anything for this long is "
			"closed. One that still takes data sent to it, however slowly, is not "
			"idle."},
	{"balancer.*.drain_timeout", VALUE(conf_balancer, drain_timeout_ms), .type = TYPE_DURATION,
		.unit_ms = 1, .fallback = "1h", .min = 0, .max = WEEK_MS,
		.help = "How long connections go on after a reload has replaced their listener."},
	{"balancer.*.max_connections", VALUE(conf_balancer, max_connections), .type = TYPE_NUMBER,
		.fallback = "10000", .min = 1, .max = 1000000,
		.help = "Connections of this listener at one time, over all workers; those that "
			"a reload left to an older generation count, too."},
	{"balancer.*.overflow", VALUE(conf_balancer, overflow), .type = TYPE_WORD,
		.words = overflow_words, .fallback = "reset",
		.help = "What becomes of a connection above `max_connections`, or above what "
			"descriptors allow."},
	{"balancer.*.queue_timeout", VALUE(conf_balancer, queue_timeout_ms), .type = TYPE_DURATION,
		.unit_ms = 1, .fallback = "10s", .min = 100, .max = 600000,
		.applies = overflow_waits,
		.help = "With `overflow: wait`: how long a connection may wait for its place."},
	{"balancer.*.proxy_protocol", .unbuilt = true,
		.help = "Tell endpoints the client's address."},

	{"dns", .shape = SHAPE_MAP, .help = "How DNS behaves."},
	{"dns.tcp", .shape = SHAPE_MAP, .help = "Limits of DNS over TCP."},
	{"dns.tcp.max_connections", VALUE(conf, dns.tcp.max_connections), .type = TYPE_NUMBER,
		.fallback = "1024", .min = 1, .max = CONF_DNS_TCP_MAX,
		.help = "Connections at one time, all clients together. When all are taken, one "
			"that has been idle for half a second makes room for a new one; else "
			"the new one is closed."},
	{"dns.tcp.max_per_client", VALUE(conf, dns.tcp.max_per_client), .type = TYPE_NUMBER,
		.fallback = "64", .min = 1, .max = CONF_DNS_TCP_MAX,
		.help = "Connections of one client at one time: of an IPv4 address or an IPv6 "
			"/64. One more is closed."},
	{"dns.tcp.idle_timeout", VALUE(conf, dns.tcp.idle_timeout_ms), .type = TYPE_DURATION,
		.unit_ms = 1, .fallback = "10s", .min = 1000, .max = 600000,
		.help = "A connection that brings no whole query for this long, or does not take "
			"its replies within it, is closed. From half of `max_connections` on it "
			"shrinks, down to a twentieth when all are taken. Clients that ask are "
			"told the current value (edns-tcp-keepalive)."},
	{"dns.udp_payload", VALUE(conf, dns.udp_payload), .type = TYPE_NUMBER, .fallback = "1232",
		.min = 512, .max = 4096,
		.help = "Octets of the largest reply over UDP, never more than the client takes. "
			"Above 1232 replies may be fragmented and lost."},
	{"dns.client_subnet", VALUE(conf, dns.client_subnet), .type = TYPE_SWITCH,
		.fallback = "true",
		.help = "Whether steering looks at the client subnet that resolvers send (RFC "
			"7871). If not, the option is not known here, and the resolver's own "
			"address counts."},
	{"dns.nsid", VALUE(conf, dns.nsid), .type = TYPE_TEXT, .min = 1, .max = CONF_TEXT_MAX,
		.computed = "the machine's host name",
		.help = "Which server this is: told to who asks for the name server identifier "
			"(RFC 5001) or for id.server or hostname.bind in class CH."},
	{"dns.version", VALUE(conf, dns.version), .type = TYPE_TEXT, .fallback = "none", .min = 1,
		.max = CONF_TEXT_MAX,
		.help = "Told to who asks for version.server or version.bind in class CH."},
	{"dns.cookies", .shape = SHAPE_MAP,
		.help = "DNS cookies (RFC 7873 and 9018): they show that a client receives what "
			"is sent to its address. Without a secret the server makes its own and "
			"changes it every day."},
	{"dns.cookies.policy", VALUE(conf, dns.cookies), .type = TYPE_WORD,
		.words = cookie_policies, .fallback = "answer",
		.help = "What a query with a cookie gets."},
	{"dns.cookies.secret", .shape = SHAPE_LIST, .type = TYPE_SECRET, .in_place = true,
		MANY(conf, dns.secrets.secret, dns.secrets.count, conf_secret),
		.at_most = CONF_SECRETS_MAX,
		.help = "Keys shared by all servers of a zone, of any make. The first one makes "
			"cookies, all are accepted. To change it: add the new one as the second "
			"everywhere, then make it the first everywhere, an hour later drop the "
			"old one."},
	{"dns.cookies.secret_file", VALUE(conf, dns.secret_file), .type = TYPE_PATH,
		.position = offsetof(struct conf, dns.secret_file_position), .min = 1,
		.max = CONF_PATH_MAX,
		.help = "The same, one a line, in a file of their own; read at the start and at "
			"each reload."},
	{"dns.rate_limit", .shape = SHAPE_MAP,
		.help = "Keeps the server from being used to flood others from a forged address. "
			"It counts replies over UDP to each /24 of IPv4 and /56 of IPv6; TCP "
			"and clients with a valid cookie are never limited."},
	{"dns.rate_limit.per_second", VALUE(conf, dns.per_second), .type = TYPE_NUMBER,
		.fallback = "0", .min = 0, .max = 100000,
		.help = "Replies a second to one network, and as many at once. 0: no limit. A "
			"large resolver asks a few hundred times a second."},
	{"dns.rate_limit.slip", VALUE(conf, dns.slip), .type = TYPE_NUMBER, .fallback = "2",
		.min = 0, .max = 10,
		.help = "One in so many replies above the limit is not withheld but sent empty "
			"and truncated, so that a real client asks again over TCP. 0: none, 1: "
			"all."},
	{"dns.rate_limit.exempt", .shape = SHAPE_LIST, .type = TYPE_PREFIX,
		MANY(conf, dns.exempt, dns.exempt_count, conf_exempt),
		.position = offsetof(struct conf_exempt, position), .at_most = CONF_EXEMPT_MAX,
		.help = "Networks that are never limited."},
	{"dns.signing", .unbuilt = true, .help = "DNSSEC signing of zones."},
	{"dns.transfers", .unbuilt = true, .help = "Zone transfers."},

	{"control", .shape = SHAPE_MAP, .help = "The operator's door."},
	{"control.socket", VALUE(conf, control.socket), .type = TYPE_PATH,
		.position = offsetof(struct conf, control.position),
		.fallback = "/run/waymark/control.sock", .min = 1, .max = CONF_SOCKET_MAX,
		.help = "Unix socket of `waymark status`, `drain`, `watch` and the other "
			"commands."},
	{"control.http", .unbuilt = true, .help = "Metrics and events over HTTP."},
	{"workers", VALUE(conf, workers), .type = TYPE_WORKERS, .fallback = "auto", .min = 1,
		.max = CONF_WORKERS_MAX,
		.help = "Worker threads for each address. `auto`: one for each CPU the program "
			"may use. A hash of a client's address and port names the worker that "
			"serves it."},
	{"state", VALUE(conf, state), .type = TYPE_PATH, .min = 1, .max = CONF_PATH_MAX,
		.computed = "none: nothing outlives the program",
		.help = "Folder for overrides, verdicts and the last good copies of zones."},
	{"user", VALUE(conf, user), .type = TYPE_USER, .fallback = "waymark", .min = 1,
		.max = CONF_USER_MAX,
		.help = "Account, or the beginning of the roles' accounts, when started as "
			"root."},
	{"log", .shape = SHAPE_MAP, .help = "The log, on standard error."},
	{"log.format", VALUE(conf, log.format), .type = TYPE_WORD, .words = log_formats,
		.fallback = "text", .help = "How events look."},
	{"log.level", VALUE(conf, log.level), .type = TYPE_WORD, .words = schema_log_levels,
		.fallback = "info", .help = "Events below this level are left out."},
};
const size_t schema_key_count = COUNT(schema_keys);

const char *schema_name(const struct schema_key *key)
{
	const char *dot = strrchr(key->path, '.');

	return dot != NULL ? dot + 1 : key->path;
}

/* Is `key` a row somewhere below `parent`? */
static bool is_below(const struct schema_key *parent, const struct schema_key *key)
{
	size_t length = parent != NULL ? strlen(parent->path) : 0;

	return parent == NULL ||
	       (strncmp(key->path, parent->path, length) == 0 && key->path[length] == '.');
}

const struct schema_key *schema_next(const struct schema_key *parent, const struct schema_key *last)
{
	const struct schema_key *key = last != NULL     ? last + 1
				       : parent != NULL ? parent + 1
							: schema_keys;
	size_t prefix = parent != NULL ? strlen(parent->path) + 1 : 0;

	for (; key < schema_keys + schema_key_count && is_below(parent, key); key++)
		if (strchr(key->path + prefix, '.') == NULL)
			return key;
	return NULL;
}

const struct schema_key *schema_find(const struct schema_key *parent, const char *name)
{
	const struct schema_key *key = NULL;

	while ((key = schema_next(parent, key)) != NULL)
		if (strcmp(schema_name(key), name) == 0)
			return key;
	return NULL;
}

/* What stands for the `*` that ends path[0..length): by the row above it. */
static const char *placeholder(const char *path, size_t length)
{
	const struct schema_key *container = schema_keys;

	while (strncmp(container->path, path, length - 2) != 0 ||
		container->path[length - 2] != '\0')
		container++;
	if (container->shape == SHAPE_ITEMS)
		return "[]";
	return container->type == TYPE_PREFIX ? ".NETWORK" : ".NAME";
}

void schema_path(const struct schema_key *key, struct text *out)
{
	const char *path = key->path;

	for (size_t i = 0; path[i] != '\0'; i++) {
		if (path[i] == '.' && path[i + 1] == '*') {
			text_puts(out, placeholder(path, i + 2));
			i++;
		} else {
			text_add(out, &path[i], 1);
		}
	}
}

bool schema_is_endpoints(const struct schema_key *key)
{
	return key->shape == SHAPE_NAMES && key->count == 0;
}

const char *schema_elements(
	const struct schema_key *key, const struct conf *c, const void *level, size_t *count)
{
	const char *base = level, *array;

	if (schema_is_endpoints(key)) {
		const struct conf_pool *pool = level;

		*count = pool->endpoint_count;
		return (const char *)&c->endpoints[pool->first_endpoint];
	}
	*count = key->at_most;
	if (key->count != 0)
		memcpy(count, base + key->count, sizeof *count);
	if (key->in_place)
		return base + key->offset;
	memcpy(&array, base + key->offset, sizeof array);
	return array;
}

const char *schema_word(const struct schema_word *words, int value)
{
	for (; words->name != NULL; words++)
		if (words->help != NULL && words->value == value)
			return words->name;
	return "?";
}
