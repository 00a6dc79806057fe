/* The end of a process, as the supervisor takes it. */
#include "app/supervisor.h"

#include "tests/unit/test.h"

#define EXIT_STATUS_1 0x0100 /* of waitpid() */

/* A supervisor whose control of crew 1 serves while crew 2 is loading. */
struct scene {
	struct supervisor supervisor;
	struct crew serving, next;
};

static struct scene *scene_new(void)
{
	struct scene *s = calloc(1, sizeof *s);
	struct err e;

	assert_non_null(s);
	assert_int_equal(board_create_private(&s->supervisor.board, &e), 0);
	s->supervisor.journal.ring = board_ring(&s->supervisor.board, ROLE_SUPERVISOR);
	s->supervisor.crews[0] = s->supervisor.serving = &s->serving;
	s->supervisor.crews[1] = s->supervisor.next = &s->next;
	s->supervisor.crew_count = 2;
	s->serving.number = 1;
	s->next.number = 2;
	s->serving.process[ROLE_CONTROL] = (struct process){
		.role = ROLE_CONTROL, .state = ROLE_SERVING, .pid = 1001, .link = -1};
	s->next.process[ROLE_CONTROL] = (struct process){
		.role = ROLE_CONTROL, .state = ROLE_LOADING, .pid = 1002, .link = -1};
	s->supervisor.reload.asked = 1;
	s->supervisor.reload.asked_next = 2;
	return s;
}

static void scene_free(struct scene *s)
{
	report_free(&s->supervisor.report);
	board_destroy(&s->supervisor.board);
	free(s);
}

static void who_asked_for_a_reload_is_forgotten_with_the_control_that_serves_them(void **state)
{
	struct scene *s = scene_new();

	(void)state;
	process_ended(&s->supervisor, &s->serving, ROLE_CONTROL, EXIT_STATUS_1);
	assert_int_equal(s->supervisor.reload.asked, 0);
	assert_int_equal(s->supervisor.reload.asked_next, 0);
	scene_free(s);
}

static void who_asked_for_a_reload_is_remembered_when_a_refused_control_ends(void **state)
{
	struct scene *s = scene_new();

	(void)state;
	process_ended(&s->supervisor, &s->next, ROLE_CONTROL, EXIT_STATUS_1);
	assert_int_equal(s->supervisor.reload.asked, 1);
	assert_int_equal(s->supervisor.reload.asked_next, 2);
	scene_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			who_asked_for_a_reload_is_forgotten_with_the_control_that_serves_them),
		cmocka_unit_test(who_asked_for_a_reload_is_remembered_when_a_refused_control_ends),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
