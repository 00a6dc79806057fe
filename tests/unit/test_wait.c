/* steer/wait.c: who must wait for first verdicts, and who is answered meanwhile. */
#include "tests/unit/conf_text.h"
#include "tests/unit/test.h"

#include "steer/pool.h"

/* Regions 0 london, 1 newyork; `far` falls back from web; failover has tiers of one. */
#define CONF                                                                                       \
	"listen: 127.0.0.1:5353\nzones: z\n"                                                       \
	"geo: {networks: {10.1.0.0/16: london, 10.2.0.0/16: newyork}}\n"                           \
	"regions: {london: {serves: [default]}, newyork: {serves: [US]}}\n"                        \
	"checks: {home: {tcp: {port: 80}}}\n"                                                      \
	"pools:\n"                                                                                 \
	"  web:\n"                                                                                 \
	"    check: home\n    steer: [geo, weighted]\n    when_all_down: {pool: far}\n"            \
	"    endpoints:\n"                                                                         \
	"      a: {address: 192.0.2.1, region: london}\n"                                          \
	"      b: {address: 192.0.2.2, region: london}\n"                                          \
	"      c: {address: [192.0.2.3, \"2001:db8::3\"], region: newyork}\n"                      \
	"      z: {address: 192.0.2.4, region: london, weight: 0}\n"                               \
	"  far:\n"                                                                                 \
	"    check: home\n    steer: [weighted]\n"                                                 \
	"    endpoints: {f: {address: 192.0.2.9}}\n"

struct stage {
	struct conf *conf;
	struct steering *steering;
	struct view *view;
};

static void stage_open(struct stage *s)
{
	struct text messages = {0};
	struct err e;

	s->conf = conf_of(CONF, strlen(CONF), &messages);
	if (s->conf == NULL)
		fail_msg("%s", messages.data);
	text_free(&messages);
	assert_int_equal(steer_compile(s->conf, &s->steering, &e), 0);
	s->view = view_new(s->conf);
	assert_non_null(s->view);
}

static void stage_close(struct stage *s)
{
	view_free(s->view);
	steer_free(s->steering);
	conf_free(s->conf);
}

/* IPv4 states of a, b, c, z and f, one letter each: u up, d down, ? no verdict, D drained; IPv6 of c
 * is unknown. Pools with a "?" are not ready. */
static void stage_set(struct stage *s, const char *states)
{
	struct view *v = s->view;

	v->pool_ready[0] = v->pool_ready[1] = true;
	for (size_t i = 0; i < 5; i++) {
		struct view_state *state = &v->endpoint[i].family[0];

		state->weight = i == 3 ? 0 : 1;
		state->override = states[i] == 'D' ? OVERRIDE_DRAIN : OVERRIDE_NONE;
		state->verdict = states[i] == 'u'   ? VERDICT_UP
				 : states[i] == 'd' ? VERDICT_DOWN
						    : VERDICT_UNKNOWN;
		state->serving = states[i] == 'u';
		if (states[i] == '?')
			v->pool_ready[i < 4 ? 0 : 1] = false;
	}
	v->endpoint[2].family[1].verdict = VERDICT_UNKNOWN;
	v->endpoint[2].family[1].weight = 1;
	v->all_ready = v->pool_ready[0] && v->pool_ready[1];
}

static bool waits(const struct stage *s, uint16_t home, uint16_t region, uint8_t family)
{
	const struct pick_request request = {.region = region, .family = family};
	const struct client client = {.geo = {.region = home}};

	return steer_must_wait(s->steering, s->view, &request, &client);
}

static void only_the_nearest_tier_that_could_answer_is_waited_for(void **state)
{
	static const struct {
		const char *states;
		bool london, newyork; /* must these clients wait? */
	} cases[] = {
		{"?????", true, true}, {"u????", false, true}, /* one is enough */
		{"?u???", false, true}, {"d????", true, true},
		{"??u??", true, false}, /* not to New York while London may be up */
		{"dduu?", false, false},
		{"ddd?u", true, true},   /* weight 0 is what is left of this pool */
		{"ddddu", false, false}, /* the fallback */
		{"dddd?", true, true},
		{"ddddd", false, false}, /* nobody to wait for: when_all_down */
		{"DD?d?", true, true}, {"DDdD?", true, true},
		{"DDDDD", false, false}, /* an order needs no verdict */
		{"d?duu", true, true},   /* before weight 0 */
	};
	struct stage s;

	(void)state;
	stage_open(&s);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		bool london, newyork;

		stage_set(&s, cases[i].states);
		london = waits(&s, 0, CONF_NONE, FAMILY_IPV4);
		newyork = waits(&s, 1, CONF_NONE, FAMILY_IPV4);
		if (london != cases[i].london || newyork != cases[i].newyork)
			fail_msg("%s: london %d, newyork %d", cases[i].states, london, newyork);
		/* the balancer's listener opens when nobody has to */
		if (steer_is_settled(s.steering, s.view, 0) == (london || newyork))
			fail_msg("%s: settled", cases[i].states);
	}
	stage_close(&s);
}

static void a_region_asked_for_by_name_waits_for_its_own(void **state)
{
	struct stage s;

	(void)state;
	stage_open(&s);
	stage_set(&s, "??u?u");
	assert_true(waits(&s, 1, 0, FAMILY_IPV4)); /* region=london, from New York */
	assert_false(waits(&s, 0, 1, FAMILY_IPV4));
	stage_set(&s, "u????");
	assert_false(waits(&s, 1, 0, FAMILY_IPV4));
	assert_true(waits(&s, 0, 1, FAMILY_IPV4));
	stage_close(&s);
}

static void each_family_waits_for_its_own(void **state)
{
	struct stage s;

	(void)state;
	stage_open(&s);
	stage_set(&s, "uuu?u");
	assert_false(waits(&s, 0, CONF_NONE, FAMILY_IPV4));
	assert_true(waits(&s, 0, CONF_NONE, FAMILY_IPV6));
	s.view->pool_ready[0] = true; /* its time is over */
	assert_false(waits(&s, 0, CONF_NONE, FAMILY_IPV6));
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_nearest_tier_that_could_answer_is_waited_for),
		cmocka_unit_test(a_region_asked_for_by_name_waits_for_its_own),
		cmocka_unit_test(each_family_waits_for_its_own),
	};

	TEST_MAIN(tests);
}
