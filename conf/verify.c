/* What spans keys: things given twice, things that exclude each other. Messages name both
 * places. */
#include "conf/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE_COUNT (26u * 26u) /* two letters */

static bool is_wildcard(const struct addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->bytes, zero, sizeof zero) == 0;
}

/* Can one program not bind both? The wildcard takes every address of its family. */
static bool collide(const struct hostport *a, const struct hostport *b)
{
	return a->port == b->port && a->addr.family == b->addr.family &&
	       (addr_equal(&a->addr, &b->addr) || is_wildcard(&a->addr) || is_wildcard(&b->addr));
}

/* One listening address and who wants it, for messages. */
struct claim {
	const struct hostport *address;
	struct conf_position position;
	const char *name; /* a balancer's; NULL for DNS */
};

static void report_collision(
	struct binder *b, const struct claim *first, const struct claim *second)
{
	char one[HOSTPORT_TEXT_MAX], two[HOSTPORT_TEXT_MAX];
	const char *who = first->name != NULL ? "balancer " : "DNS";

	hostport_format(first->address, one);
	hostport_format(second->address, two);
	if (addr_equal(&first->address->addr, &second->address->addr))
		binder_error(b, second->position, "%s is listened on twice: %s%s has it at line %u",
			two, who, first->name != NULL ? first->name : "", first->position.line);
	else
		binder_error(b, second->position,
			"%s and %s cannot both be listened on: %s%s has %s at line %u", two, one,
			who, first->name != NULL ? first->name : "", one, first->position.line);
}

static void verify_listeners(struct binder *b)
{
	struct claim claims[CONF_LISTEN_MAX + CONF_BALANCERS_MAX];
	const struct conf *c = b->conf;
	size_t count = 0;

	for (size_t i = 0; i < c->listen_count; i++)
		claims[count++] =
			(struct claim){&c->listens[i].address, c->listens[i].position, NULL};
	for (size_t i = 0; i < c->balancer_count; i++) {
		const struct conf_balancer *l = &c->balancers[i];

		if (binder_given(b, &l->listen))
			claims[count++] = (struct claim){
				&l->listen, binder_position(b, &l->listen, l->position), l->name};
	}
	for (size_t i = 1; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (collide(claims[i].address, claims[j].address)) {
				report_collision(b, &claims[j], &claims[i]);
				break;
			}
}

/* Two generations' threads live side by side during a reload. */
static void verify_threads(struct binder *b)
{
	const struct conf *c = b->conf;
	size_t threads = c->listen_count * c->workers;

	if (threads > CONF_THREADS_MAX)
		binder_error(b,
			binder_position(b, &c->workers, c->listens[c->listen_count - 1].position),
			"%zu addresses to listen on with %u workers each make %zu threads; %u are "
			"the most",
			c->listen_count, c->workers, threads, CONF_THREADS_MAX);
}

static void verify_balancer_names(struct binder *b)
{
	const struct conf *c = b->conf;

	for (size_t i = 1; i < c->balancer_count; i++) {
		const struct conf_balancer *l = &c->balancers[i];

		for (size_t j = 0; j < i; j++) {
			if (*l->name == '\0' || strcmp(l->name, c->balancers[j].name) != 0)
				continue;
			binder_error(b, binder_position(b, &l->name, l->position),
				"balancer \"%s\" is given twice: first at line %u", l->name,
				c->balancers[j].position.line);
			break;
		}
	}
}

static void verify_databases(struct binder *b)
{
	const struct conf_path *databases = b->conf->databases;

	for (size_t i = 1; i < b->conf->database_count; i++)
		for (size_t j = 0; j < i; j++) {
			if (strcmp(databases[i].path, databases[j].path) != 0)
				continue;
			binder_error(b, databases[i].position,
				"the database is given twice: first at line %u",
				databases[j].position.line);
			break;
		}
}

static int compare_networks(const void *left, const void *right)
{
	const struct conf_network *a = left, *b = right;
	int order = memcmp(&a->prefix.addr, &b->prefix.addr, sizeof a->prefix.addr);

	if (order == 0)
		order = (int)a->prefix.length - (int)b->prefix.length;
	if (order != 0)
		return order;
	if (a->position.line != b->position.line)
		return a->position.line < b->position.line ? -1 : 1;
	return a->position.column < b->position.column ? -1
						       : a->position.column > b->position.column;
}

/* 2001:DB8::/32 and 2001:db8:0::/32 are two keys in YAML but one network. */
static void verify_networks(struct binder *b)
{
	size_t count = b->conf->network_count;
	struct conf_network *sorted = calloc(count + 1, sizeof *sorted);
	char text[PREFIX_TEXT_MAX];

	if (sorted == NULL) {
		binder_out_of_memory(b);
		return;
	}
	if (count > 0)
		memcpy(sorted, b->conf->networks, count * sizeof *sorted);
	qsort(sorted, count, sizeof *sorted, compare_networks);
	for (size_t i = 1; i < count; i++) {
		const struct prefix *p = &sorted[i - 1].prefix, *q = &sorted[i].prefix;

		if (q->addr.family != FAMILY_NONE && p->length == q->length &&
			addr_equal(&p->addr, &q->addr))
			binder_error(b, sorted[i].position,
				"network %s is given twice: first at line %u",
				prefix_format(q, text), sorted[i - 1].position.line);
	}
	free(sorted);
}

static void rule_text(const struct conf_rule *rule, char out[24])
{
	const char *prefix = rule->kind == RULE_CONTINENT ? "continent:" : "";

	(void)snprintf(
		out, 24, "%s%s", prefix, rule->kind == RULE_DEFAULT ? "default" : rule->code);
}

/* Every code serves in one region only, else the order of the file would decide silently. */
static void verify_rules(struct binder *b)
{
	const struct conf_rule *seen[RULE_COUNTRY + 1][CODE_COUNT] = {{NULL}};
	const struct conf *c = b->conf;
	char text[24];

	for (size_t i = 0; i < c->region_count; i++) {
		const struct conf_region *region = &c->regions[i];

		for (size_t j = 0; j < region->rule_count; j++) {
			const struct conf_rule *rule = &region->rules[j];
			size_t code = rule->kind == RULE_DEFAULT
					      ? 0
					      : (size_t)(rule->code[0] - 'A') * 26 +
							(size_t)(rule->code[1] - 'A');
			const struct conf_rule **first = &seen[rule->kind][code];

			rule_text(rule, text);
			if (*first != NULL)
				binder_error(b, rule->position,
					"\"%s\" is served twice: first at line %u, column %u", text,
					(*first)->position.line, (*first)->position.column);
			else
				*first = rule;
		}
	}
}

static void verify_regions(struct binder *b)
{
	const struct conf *c = b->conf;

	for (size_t i = 0; i < c->region_count; i++) {
		const struct conf_region *region = &c->regions[i];

		if (region->has_at && (region->latitude < -90 || region->latitude > 90))
			binder_error(b, binder_position(b, &region->latitude, region->position),
				"region \"%s\": the latitude comes first and is -90 to 90",
				region->name);
	}
	verify_rules(b);
}

/* A limit that can never be passed, or never be left, is a mistake. */
static void verify_flap(struct binder *b, const struct conf_check *check)
{
	const struct flap_limits *flap = &check->flap;
	char max[DURATION_TEXT_MAX], half_life[DURATION_TEXT_MAX];

	if (flap->penalty == 0 || binder_spoilt(b, &flap->suppress) ||
		binder_spoilt(b, &flap->reuse))
		return;
	if (flap->reuse >= flap->suppress) {
		binder_error(b, binder_position(b, &flap->reuse, check->position),
			"check \"%s\": flap.reuse %u must be less than flap.suppress %u",
			check->name, flap->reuse, flap->suppress);
		return;
	}
	if (flap_ceiling(flap) > (uint64_t)flap->suppress * FLAP_POINT ||
		binder_spoilt(b, &flap->half_life_ms) || binder_spoilt(b, &flap->max_suppress_ms))
		return;
	binder_error(b, binder_position(b, &flap->max_suppress_ms, check->position),
		"check \"%s\": nothing is ever suppressed: with a half-life of %s a penalty that "
		"falls to %u within max_suppress %s is not above %u",
		check->name, duration_format(flap->half_life_ms, half_life), flap->reuse,
		duration_format(flap->max_suppress_ms, max), flap->suppress);
}

static void verify_checks(struct binder *b)
{
	const struct conf *c = b->conf;

	for (size_t i = 0; i < c->check_count; i++) {
		const struct conf_check *check = &c->checks[i];
		char timeout[DURATION_TEXT_MAX], interval[DURATION_TEXT_MAX];

		verify_flap(b, check);
		if (check->timeout_ms <= check->interval_ms ||
			binder_spoilt(b, &check->interval_ms))
			continue;
		binder_error(b, binder_position(b, &check->timeout_ms, check->position),
			"check \"%s\": timeout %s is longer than interval %s", check->name,
			duration_format(check->timeout_ms, timeout),
			duration_format(check->interval_ms, interval));
	}
}

static void verify_dns(struct binder *b)
{
	const struct conf_dns *dns = &b->conf->dns;

	if (dns->secret_file != NULL && dns->secrets.count > 0)
		binder_error(b, dns->secret_file_position,
			"dns.cookies takes \"secret\" or \"secret_file\", not both");
}

/* A key that could never count is a mistake. */
static void verify_queues(struct binder *b)
{
	for (size_t i = 0; i < b->conf->balancer_count; i++) {
		const struct conf_balancer *l = &b->conf->balancers[i];

		if (l->overflow != OVERFLOW_WAIT && binder_given(b, &l->queue_timeout_ms) &&
			!binder_spoilt(b, &l->overflow))
			binder_error(b, binder_position(b, &l->queue_timeout_ms, l->position),
				"balancer %s: queue_timeout counts only with \"overflow: wait\"",
				l->name);
	}
}

void verify_conf(struct binder *b)
{
	verify_listeners(b);
	verify_threads(b);
	verify_databases(b);
	verify_networks(b);
	verify_regions(b);
	verify_checks(b);
	verify_pools(b);
	verify_balancer_names(b);
	verify_queues(b);
	verify_dns(b);
}
