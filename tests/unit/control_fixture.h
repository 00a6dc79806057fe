/* A configuration, its generation and a private board: what the tests of control and of the snapshot stand on. */
#ifndef TESTS_UNIT_CONTROL_FIXTURE_H
#define TESTS_UNIT_CONTROL_FIXTURE_H

#include "tests/unit/test.h"

#include "board/generation.h"
#include "board/slots.h"
#include "conf/conf.h"

/* web: lon1 (two addresses), lon2, nyc1; api: lon1, sin1 without a check. */
static const char stage_yaml[] =
	"listen: [127.0.0.1:5353]\n"
	"zones: zones/\n"
	"regions:\n"
	"  london: {serves: [GB, default]}\n"
	"  newyork: {serves: [US]}\n"
	"  singapore: {serves: [SG]}\n"
	"checks:\n"
	"  home: {tcp: {port: 8080}, interval: 5s, timeout: 2s}\n"
	"pools:\n"
	"  web:\n"
	"    check: home\n"
	"    endpoints:\n"
	"      lon1: {address: [192.0.2.11, \"2001:db8::11\"], region: london, weight: 10}\n"
	"      lon2: {address: 192.0.2.12, region: london}\n"
	"      nyc1: {address: 192.0.2.21, region: newyork, weight: 20}\n"
	"  api:\n"
	"    endpoints:\n"
	"      lon1: {address: 192.0.2.13, region: london}\n"
	"      sin1: {address: 192.0.2.31, region: singapore}\n";

enum { WEB_LON1, WEB_LON2, WEB_NYC1, API_LON1, API_SIN1 };

struct stage {
	struct conf *conf;
	struct board board;
	struct slots *slots;
	struct generation *generation;
};

static inline struct conf *stage_conf(const char *yaml)
{
	struct report report = {0};
	struct conf *conf = NULL;
	char line[1024];

	if (conf_parse("waymark.yaml", yaml, strlen(yaml), &conf, &report) < 0) {
		for (size_t i = 0; i < report.count; i++) {
			err_format(&report.items[i], line, sizeof line);
			print_error("%s\n", line);
		}
	}
	report_free(&report);
	assert_non_null(conf);
	return conf;
}

static inline void stage_open_with(struct stage *s, const char *yaml)
{
	struct err e = {0};

	s->conf = stage_conf(yaml);
	assert_int_equal(board_create_private(&s->board, &e), 0);
	s->slots = slots_new(&s->board);
	assert_non_null(s->slots);
	assert_int_equal(generation_build(s->conf, 1, s->slots, &s->generation, &e), 0);
	atomic_store(&s->board.supervisor->generation, 1);
}

static inline void stage_open(struct stage *s)
{
	stage_open_with(s, stage_yaml);
}

static inline void stage_close(struct stage *s)
{
	generation_free(s->generation, s->slots);
	slots_free(s->slots);
	board_destroy(&s->board);
	conf_free(s->conf);
}

/* As health would: a verdict for one address. */
static inline void stage_verdict(struct stage *s, uint32_t endpoint, int family, enum verdict v,
	uint64_t since_ms, const char *reason)
{
	uint32_t index = s->generation->endpoint_probe[endpoint][family];
	struct board_probe p = {
		.word = VERDICT_WORD(v, 0), .since_ms = since_ms, .checked_ms = since_ms};

	assert_true(index != PROBE_NONE);
	(void)snprintf(p.reason, sizeof p.reason, "%s", reason);
	board_write_probe(&s->board, s->generation->probes[index].slot, &p);
}

static inline struct board_override *stage_override(struct stage *s, uint32_t endpoint)
{
	return &s->board.control->override[s->generation->endpoint_slot[endpoint]];
}

#endif
