/*
 * What a pool's size costs: nanoseconds of an answer and of a view, by the number of endpoints.
 *
 *     steer_load [ROUNDS]
 *
 * An answer is all of respond() for an A query with `answers: 4`, out of one tier. Sizes take turns within
 * a round, so that the ratios to the smallest pool hold on a busy machine as well; the least of all rounds
 * counts. A view is built after one verdict of the pool has moved, and after one of another pool has.
 */
#include "base/text.h"
#include "base/wire.h"
#include "board/slots.h"
#include "dns/respond.h"
#include "geo/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ANSWERS 20000u /* a round and pool */
#define VIEWS   50u

static const uint32_t sizes[] = {4, 100, 1000, 10000};

static const struct {
	const char *name, *steer;
	bool weights; /* of 1 to 7; else all alike */
} kinds[] = {
	{"round robin", "round_robin", false},
	{"round robin, weights", "round_robin", true},
	{"weighted, all alike", "weighted", false},
	{"weighted", "weighted", true},
};

#define SIZES (sizeof sizes / sizeof sizes[0])
#define KINDS (sizeof kinds / sizeof kinds[0])

struct world {
	struct conf *conf;
	struct steering *steering;
	struct geo_table *geo;
	struct board board;
	struct slots *slots;
	struct generation *generation;
	struct view *view;
	struct zone *zone;
	struct dataset data;
	_Atomic uint64_t counter[DNS_COUNTER_COUNT];
	struct responder responder;
};

static double cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void require(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "steer_load: %s\n", what);
	exit(1);
}

/* The pool "web" of that size, and "other" with one endpoint. */
static void make_conf(struct world *w, size_t kind, uint32_t size)
{
	struct report report = {0};
	struct text yaml = {0};

	text_printf(&yaml,
		"listen: 127.0.0.1:53\nzones: zones/\ncontrol: {socket: s}\n"
		"checks: {home: {tcp: {port: 80}}}\npools:\n"
		"  other: {check: home, endpoints: {one: {address: 192.0.2.1}}}\n"
		"  web:\n    check: home\n    steer: %s\n    answers: 4\n    endpoints:\n",
		kinds[kind].steer);
	for (uint32_t i = 0; i < size; i++)
		text_printf(&yaml,
			"      e%u: {address: [10.0.%u.%u, '2001:db8::%x'], weight: %u}\n", i,
			i >> 8, i & 255, i, kinds[kind].weights ? i % 7 + 1 : 10);
	require(conf_parse("bench.yaml", yaml.data, yaml.length, &w->conf, &report) == 0,
		"the configuration is refused");
	report_free(&report);
	free(yaml.data);
}

static void open_world(struct world *w, size_t kind, uint32_t size)
{
	static const char zone[] = "$TTL 60\n@ SOA ns1 h 1 1 1 1 60\n NS ns1\nns1 A 192.0.2.53\n"
				   "www POOL web\n";
	const int none[CONF_DATABASES_MAX] = {0};
	struct geo_loaded loaded[CONF_DATABASES_MAX];
	struct zone_pools names = {.pools = (const char *const[]){"other", "web"}, .pool_count = 2};
	struct report report = {0};
	struct err e;

	make_conf(w, kind, size);
	require(zone_parse(zone, sizeof zone - 1, -1, "z", "example.test", &names, &w->zone,
			&report) == 0,
		"the zone is refused");
	report_free(&report);
	require(steer_compile(w->conf, &w->steering, &e) == 0 &&
			geo_load(w->conf, none, &w->geo, loaded, &e) == 0 &&
			board_create_private(&w->board, &e) == 0,
		"out of memory");
	w->slots = slots_new(&w->board);
	require(w->slots != NULL && generation_build(w->conf, 1, w->slots, &w->generation, &e) == 0,
		"no generation");
	w->view = view_new_laid_out(w->steering, VIEW_FOR_DNS);
	w->data = (struct dataset){.conf = w->conf, .steering = w->steering, .geo = w->geo};
	require(w->view != NULL && dataset_build(&w->data, &w->zone, 1, NULL, 0, &e) == 0 &&
			responder_init(&w->responder, w->steering, w->counter) == 0,
		"out of memory");
	for (size_t i = 0; i < w->generation->probe_count; i++)
		atomic_store(&w->board.health->probe[w->generation->probes[i].slot].word,
			VERDICT_WORD(VERDICT_UP, 0));
	view_build(w->view, w->generation, &w->board, 1000);
	w->responder.facts = (struct facts){
		.data = &w->data, .view = w->view, .now_ms = 1000, .now_s = 1700000000};
}

static void close_world(struct world *w)
{
	dataset_clear(&w->data);
	responder_clear(&w->responder);
	zone_free(w->zone);
	view_free(w->view);
	generation_free(w->generation, w->slots);
	slots_free(w->slots);
	board_destroy(&w->board);
	geo_free(w->geo);
	steer_free(w->steering);
	conf_free(w->conf);
}

static double time_answers(struct world *w)
{
	static const uint8_t query[] = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'w', 'w', 'w', 7,
		'e', 'x', 'a', 'm', 'p', 'l', 'e', 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1};
	const struct hostport source = {.addr = {FAMILY_IPV4, {192, 0, 2, 200}}, .port = 4096};
	static uint8_t reply[REPLY_MAX];
	double before = cpu_ns();

	for (uint32_t i = 0; i < ANSWERS; i++) {
		size_t length = respond(&w->responder, query, sizeof query, &source, false, reply);

		require(length > sizeof query && reply[7] == 4, "not four addresses");
	}
	return (cpu_ns() - before) / ANSWERS;
}

/* The verdict of one endpoint's IPv4 address moves before each build. */
static double time_views(struct world *w, uint32_t endpoint)
{
	const struct generation *g = w->generation;
	uint32_t slot = g->probes[g->endpoint_probe[endpoint][0]].slot;
	double sum = 0;

	for (uint32_t i = 0; i < VIEWS; i++) {
		enum verdict v = i % 2 == 0 ? VERDICT_DOWN : VERDICT_UP;
		double before;

		atomic_store(&w->board.health->probe[slot].word, VERDICT_WORD(v, 0));
		before = cpu_ns();
		view_build(w->view, g, &w->board, 1000);
		sum += cpu_ns() - before;
	}
	return sum / VIEWS;
}

static void keep_least(double *least, double value)
{
	if (*least == 0 || value < *least)
		*least = value;
}

static void measure_kind(size_t kind, uint32_t rounds)
{
	struct world *w = calloc(SIZES, sizeof *w);
	double answer[SIZES] = {0}, own[SIZES] = {0}, other[SIZES] = {0};

	require(w != NULL, "out of memory");
	for (size_t i = 0; i < SIZES; i++)
		open_world(&w[i], kind, sizes[i]);
	for (uint32_t round = 0; round < rounds; round++) {
		for (size_t i = 0; i < SIZES; i++) {
			const struct conf *c = w[i].conf;

			keep_least(&answer[i], time_answers(&w[i]));
			keep_least(&own[i],
				time_views(&w[i], c->pools[1].first_endpoint + sizes[i] / 2));
			keep_least(&other[i], time_views(&w[i], c->pools[0].first_endpoint));
		}
	}
	for (size_t i = 0; i < SIZES; i++) {
		(void)printf("%-22s%6u endpoints  answer %5.0f ns (%.2f)  view %7.1f us, "
			     "of another pool %6.1f us\n",
			kinds[kind].name, sizes[i], answer[i], answer[i] / answer[0], own[i] / 1e3,
			other[i] / 1e3);
		close_world(&w[i]);
	}
	free(w);
}

int main(int argc, char **argv)
{
	uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 15;

	for (size_t kind = 0; kind < KINDS; kind++)
		measure_kind(kind, rounds > 0 ? rounds : 1);
	return 0;
}
