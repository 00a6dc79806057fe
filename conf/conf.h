/*
 * waymark.yaml as structs: what the whole program knows of its configuration.
 *
 * conf_load() reads the file with libyaml's document API, binds it with one schema table
 * (conf/schema.c) and checks what spans keys (a pool that does not exist, a region twice, cycles of
 * {pool:}). All mistakes of a run are reported, each with its position. The result is immutable and
 * lives in its arena.
 *
 * Names are resolved to indexes here, so nothing behind compares strings: regions, checks and pools
 * by their place in the file, endpoints by one running number over all pools.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "base/addr.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/flap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every bound has a name; the schema enforces them with a position. */
#define CONF_FILE_DEFAULT  "waymark.yaml" /* of all commands: in the working folder */
#define CONF_FILE_MAX      (16u << 20)    /* octets of waymark.yaml */
#define CONF_LISTEN_MAX    64u            /* DNS listen addresses */
#define CONF_REGIONS_MAX   1024u
#define CONF_POOLS_MAX     4096u
#define CONF_ENDPOINTS_MAX 16384u /* in all pools together */
#define CONF_CHECKS_MAX    1024u
#define CONF_NETWORKS_MAX  100000u
#define CONF_DATABASES_MAX 16u
#define CONF_BALANCERS_MAX 256u
#define CONF_STEPS_MAX     8u      /* steps in one pool's `steer` */
#define CONF_ANSWERS_MAX   16u     /* addresses in one DNS answer */
#define CONF_WORKERS_MAX   64u     /* worker threads per address */
#define CONF_THREADS_MAX   511u    /* of dns in all, one an address and worker */
#define CONF_DNS_TCP_MAX   100000u /* connections of one dns process */
#define CONF_NAME_MAX      63u /* octets of a name: [A-Za-z0-9_-] and inner dots, no leading - */
#define CONF_WEIGHT_MAX    65535u
#define CONF_EXPECT_MAX    16u   /* status ranges of one HTTP check */
#define CONF_RULES_MAX     512u  /* codes one region serves; 250 countries and 7 continents exist */
#define CONF_PATH_MAX      4095u /* octets of a path in the file system */
#define CONF_SOCKET_MAX    107u  /* octets of the control socket's path: sockaddr_un, unix(7) */
#define CONF_URL_PATH_MAX  1023u /* octets of an HTTP check's path */
#define CONF_HOST_MAX      255u  /* octets of an HTTP check's Host */
#define CONF_TEXT_MAX      128u  /* octets of dns.nsid and dns.version: fit into any reply */
#define CONF_SECRETS_MAX   3u    /* of DNS cookies: the next, the current, the last one */
#define CONF_EXEMPT_MAX    64u   /* networks that dns.rate_limit leaves alone */
#define CONF_USER_MAX      23u /* octets of `user`: roles append to it, accounts have at most 31 */

#define CONF_NONE UINT16_MAX /* "no region", "no check", "no pool" where an index is expected */

struct conf_position {
	uint32_t line, column; /* from 1 */
};

/* What a region serves; the order is that of precedence, the most specific last. */
enum rule_kind { RULE_DEFAULT, RULE_CONTINENT, RULE_COUNTRY };

struct conf_rule {
	enum rule_kind kind;
	char code[3]; /* "EU" or "GB", upper case; "" for RULE_DEFAULT */
	struct conf_position position;
};

struct conf_region {
	const char *name;
	struct conf_rule *rules;
	size_t rule_count;
	bool has_at;
	double latitude, longitude; /* degrees, -90..90 and -180..180 */
	struct conf_position position;
};

struct conf_network {
	struct prefix prefix;
	uint16_t region;
	struct conf_position position;
};

/* A file that is watched: its folder is opened before privileges are dropped. */
struct conf_path {
	const char *path; /* absolute after conf_load(); no trailing slash */
	struct conf_position position;
};

enum check_kind { CHECK_TCP, CHECK_HTTP };

struct conf_status_range {
	uint16_t low, high; /* 100..599, inclusive */
};

struct conf_check {
	const char *name;
	enum check_kind kind;
	uint16_t port;    /* 1..65535 */
	const char *path; /* HTTP: starts with '/' ; else NULL */
	const char *host; /* HTTP: value of Host; NULL = the target's address and port */
	struct conf_status_range expect[CONF_EXPECT_MAX];
	size_t expect_count;
	uint32_t interval_ms, timeout_ms; /* timeout <= interval */
	uint16_t fall, rise;     /* consecutive failures to go down, successes to come up; >= 1 */
	uint8_t jitter_percent;  /* of the interval, either way: 0..50 */
	struct flap_limits flap; /* reuse < suppress, which can be reached */
	struct conf_position position;
};

/* One step of a steering pipeline. Tier makers come first, then at most one selector. */
enum steer_step { STEER_GEO, STEER_FAILOVER, STEER_WEIGHTED, STEER_ROUND_ROBIN };

enum all_down_kind {
	ALL_DOWN_SERVE_ALL,
	ALL_DOWN_LAST_GOOD,
	ALL_DOWN_NODATA,
	ALL_DOWN_REFUSE,
	ALL_DOWN_POOL
};

struct conf_pool {
	const char *name;
	uint16_t check; /* CONF_NONE: never probed, always up unless overridden */
	enum steer_step steps[CONF_STEPS_MAX];
	size_t step_count;
	uint16_t answers;     /* 1..CONF_ANSWERS_MAX */
	uint32_t ttl_s;       /* 0..86400 */
	uint32_t ttl_min_s;   /* <= ttl_s */
	uint16_t min_serving; /* serving endpoints a tier needs to win; >= 1 */
	bool unknown_serves;  /* unknown: serve (true) or hold (false) */
	enum all_down_kind when_all_down;
	uint16_t fallback_pool; /* ALL_DOWN_POOL, else CONF_NONE; never part of a cycle */
	uint32_t first_endpoint, endpoint_count; /* in conf->endpoints; count >= 1 */
	struct conf_position position;
};

struct conf_endpoint {
	const char *name; /* unique in its pool */
	uint16_t pool;
	uint16_t region; /* CONF_NONE when none is given */
	struct addr
		address[2]; /* [0] IPv4, [1] IPv6; FAMILY_NONE where it has none; at least one */
	uint16_t weight;    /* 0..CONF_WEIGHT_MAX */
	uint16_t tier;      /* for `failover`: the lowest number is tried first; 1.. */
	struct conf_position position;
};

#define CONF_RETRIES_ALL CONF_ENDPOINTS_MAX /* more than there can be */

enum overflow { OVERFLOW_RESET, OVERFLOW_WAIT };

struct conf_balancer {
	const char *name;
	struct hostport listen;
	uint16_t pool;
	uint16_t port;               /* of the endpoints */
	uint32_t connect_timeout_ms; /* for one endpoint */
	uint32_t retries;            /* further endpoints; CONF_RETRIES_ALL: every one once */
	uint32_t idle_timeout_ms;    /* neither side sent anything */
	uint32_t drain_timeout_ms;   /* how long connections of an old generation may go on */
	uint32_t max_connections;    /* of this listener, over all workers */
	enum overflow overflow;      /* what becomes of further ones */
	uint32_t queue_timeout_ms;   /* OVERFLOW_WAIT: for so long */
	struct conf_position position;
};

struct conf_listen {
	struct hostport address;
	struct conf_position position;
};

/* One key of DNS cookies (RFC 9018, 4.4). */
struct conf_secret {
	uint8_t octets[16];
};

/* The keys that are in force; the first one makes cookies, all are accepted. */
struct conf_secrets {
	struct conf_secret secret[CONF_SECRETS_MAX];
	size_t count;
};

struct conf_exempt {
	struct prefix prefix;
	struct conf_position position;
};

enum cookie_policy { COOKIES_IGNORE, COOKIES_ANSWER, COOKIES_REQUIRE };

struct conf_dns {
	uint16_t udp_payload; /* octets of the largest UDP reply: 512..4096 */
	bool client_subnet;   /* heed the option of RFC 7871 */
	const char *nsid;     /* "" = none is told */
	const char *version;  /* "" = none is told */
	enum cookie_policy cookies;
	struct conf_secrets secrets; /* in this file; see conf_secrets_load() */
	const char *secret_file;     /* NULL: none */
	struct conf_position secret_file_position;
	uint32_t per_second; /* UDP replies to one network; 0 = no limit */
	uint16_t slip;       /* one in so many replies above it goes out truncated; 0 = none */
	struct conf_exempt *exempt;
	size_t exempt_count;
	struct {
		uint32_t max_connections; /* of one dns process */
		uint32_t max_per_client;  /* an IPv4 address or an IPv6 /64 */
		uint32_t idle_timeout_ms; /* with few connections; less with many */
	} tcp;
};

struct conf_zones {
	const char *path; /* folder */
	struct conf_position position;
	uint32_t rescan_ms;       /* every file is looked at that often, told of a change or not */
	uint32_t remove_after_ms; /* a zone whose file is gone serves on for that long */
};

enum log_format { LOG_TEXT, LOG_JSON };
enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARNING, LEVEL_ERROR };

/* Names in strcmp order, so that finding one among thousands is a binary search. */
struct conf_name {
	const char *name;
	uint32_t index;
};

struct conf {
	struct arena arena; /* owns everything below */
	const char *file;   /* as given to conf_load(), for messages */
	bool cut;           /* top-level keys are missing because of a syntax error */
	struct conf_listen *listens;
	size_t listen_count; /* >= 1 */
	bool freebind;       /* listen on addresses that no interface has yet */
	struct conf_zones zones;
	struct conf_path *databases;
	size_t database_count;
	struct conf_network *networks; /* no prefix twice */
	size_t network_count;
	struct conf_region *regions;
	size_t region_count;
	struct conf_check *checks;
	size_t check_count;
	struct conf_pool *pools;
	size_t pool_count;
	struct conf_endpoint *endpoints; /* of pool 0, then of pool 1, … in file order */
	size_t endpoint_count;
	struct conf_balancer *balancers;
	size_t balancer_count;
	struct conf_dns dns;
	struct {
		const char *socket; /* path */
		struct conf_position position;
	} control;
	uint16_t workers;  /* resolved: "auto" is the number of usable CPUs */
	const char *state; /* folder, or NULL: nothing outlives the supervisor */
	const char *user;  /* account (prefix) for the roles when started as root */
	struct {
		enum log_format format;
		enum log_level level;
	} log;
	/* for conf_find_*(): all regions, checks, pools; endpoints sorted within each pool's
	 * range */
	struct conf_name *regions_by_name, *checks_by_name, *pools_by_name, *endpoints_by_name;
};

/* Read `file`; paths in it are taken relative to its folder and come out absolute. `*out` is set
 * only when no error was reported (warnings are fine); free with conf_free(). -1 when there was
 * an error: see `report`. */
int conf_load(const char *file, struct conf **out, struct report *report);
/* What could be understood of a file that may have errors, for looking at what else may be wrong:
 * the files it names. References may be CONF_NONE, names "", and with `cut` whole top-level keys
 * are missing. NULL when nothing could be read. */
struct conf *conf_load_parts(const char *file, struct report *report);
/* Only control.socket, of a file that may be wrong in all else: a running server must be reached
 * while its file is being edited. malloc'ed; NULL when it cannot be told: see `report`. */
char *conf_load_socket(const char *file, struct report *report);
/* The same from memory, for tests and the fuzzer; `file` is the name used in messages, and paths
 * are taken relative to its folder as it stands, so with "waymark.yaml" they stay relative. */
int conf_parse(const char *file, const char *text, size_t length, struct conf **out,
	struct report *report);
void conf_free(struct conf *c);

/* The keys of DNS cookies: those of the file, or of dns.cookies.secret_file, which is read now.
 * None are configured: count is 0. */
int conf_secrets_load(const struct conf *c, struct conf_secrets *out, struct err *e);
/* None any more, and no trace of them. */
void conf_secrets_wipe(struct conf_secrets *s);

/* The words of the enums, as in the file: for printing, status and logs. */
const char *conf_check_kind_name(enum check_kind k);
/* Does any endpoint of the pool stand in the region? */
bool conf_pool_has_region(const struct conf *c, uint16_t pool, uint16_t region);
const char *conf_steer_step_name(enum steer_step s);
const char *conf_all_down_name(enum all_down_kind k);

/* Indexes by name; CONF_NONE when there is none (endpoint: UINT32_MAX). */
uint16_t conf_find_pool(const struct conf *c, const char *name);
uint16_t conf_find_region(const struct conf *c, const char *name);
uint32_t conf_find_endpoint(const struct conf *c, uint16_t pool, const char *name);

#endif
