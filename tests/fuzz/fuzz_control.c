/*
 * What control reads of others: request lines ('r' first), snapshots as in the state file ('s'), and replies
 * that the command line prints ('p'). The rest of the input is the text.
 */
#include "base/text.h"
#include "board/slots.h"
#include "board/snapshot.h"
#include "control/client_print.h"
#include "control/request.h"
#include "control/target.h"
#include "steer/view_snapshot.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define NOW  UINT64_C(1000000)
#define REAL UINT64_C(1795424462345)

static const char yaml[] =
	"listen: [127.0.0.1:5353]\n"
	"zones: zones/\n"
	"regions: {london: {serves: [GB, default]}, newyork: {serves: [US]}}\n"
	"checks: {home: {tcp: {port: 8080}, interval: 5s, timeout: 2s}}\n"
	"pools:\n"
	"  web: {check: home, endpoints: {lon1: {address: 192.0.2.11, region: london},\n"
	"    nyc1: {address: [192.0.2.21, \"2001:db8::21\"], region: newyork}}}\n"
	"  api: {endpoints: {lon1: {address: 192.0.2.13}}}\n";

/* Made once: a configuration and the board it is compiled to. */
struct world {
	struct conf *conf;
	struct board board;
	struct slots *slots;
	struct generation *generation;
	struct view *view;
};

static const struct world *world(void)
{
	static struct world w;
	struct report report = {0};

	if (w.view != NULL)
		return &w;
	if (conf_parse("waymark.yaml", yaml, sizeof yaml - 1, &w.conf, &report) < 0 ||
		board_create_private(&w.board, NULL) < 0 ||
		(w.slots = slots_new(&w.board)) == NULL ||
		generation_build(w.conf, 1, w.slots, &w.generation, NULL) < 0 ||
		(w.view = view_new(w.conf)) == NULL)
		abort();
	report_free(&report);
	return &w;
}

static void fuzz_request(const struct world *w, const char *text, size_t length)
{
	struct request r;
	struct target t;
	struct err e;

	if (request_parse(text, length, &r, &e) < 0)
		return;
	(void)target_filter(w->conf, r.pool, r.endpoint, &e);
	if (target_resolve(w->conf, r.target, &t, &e) == 0) {
		for (size_t i = 0; i < t.count; i++) {
			if (t.endpoint[i] >= w->conf->endpoint_count)
				abort();
		}
		target_free(&t);
	}
	request_free(&r);
}

/* What was restored must come out again as it went in: a snapshot of a restored board restores to the same. */
static void fuzz_snapshot(const struct world *w, const json_t *snapshot)
{
	struct board b = w->board;
	struct snapshot_counts first = {0}, second = {0};
	json_t *again;

	for (uint32_t i = 0; i < w->conf->endpoint_count; i++) {
		struct board_override *o = &b.control->override[w->generation->endpoint_slot[i]];

		atomic_store(&o->state, 0);
		atomic_store(&o->weight, 0);
	}
	(void)view_from_snapshot(w->view, snapshot, NOW, REAL, NULL);
	if (snapshot_restore(&b, w->generation, snapshot, NOW, REAL, &first, NULL) < 0)
		return;
	again = snapshot_take(&b, w->generation, NOW, REAL);
	if (again == NULL ||
		snapshot_restore(&b, w->generation, again, NOW, REAL, &second, NULL) < 0 ||
		second.overrides != first.overrides)
		abort();
	json_decref(again);
}

static void fuzz_reply(const json_t *reply)
{
	struct text out = {0};

	print_status(reply, &out);
	print_zones(reply, &out);
	print_changed(reply, &out);
	text_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct world *w = world();
	const char *text = (const char *)data + 1;
	json_t *o;

	if (size == 0)
		return 0;
	if (data[0] == 'r') {
		fuzz_request(w, text, size - 1);
		return 0;
	}
	o = json_loadb(text, size - 1, JSON_REJECT_DUPLICATES, NULL);
	if (o != NULL && data[0] == 's')
		fuzz_snapshot(w, o);
	else if (o != NULL)
		fuzz_reply(o);
	json_decref(o);
	return 0;
}
