/* The whole role as a thread: a private board, a real unix socket, a link whose other end is the test's, and
 * standard error in a pipe of its own. */
#include "tests/unit/control_fixture.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/link.h"
#include "board/snapshot.h"
#include "control/client.h"
#include "control/connection.h"
#include "control/role.h"
#include "control/server.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 20000u /* a test that waits longer has failed */

struct lab {
	struct stage stage;
	char folder[64], socket[96], state_folder[96];
	int state, listener, link, kept_stderr, log; /* log: the pipe's end to read from */
	struct role_start start;
	pthread_t thread;
	int exit_code;
	bool running;
};

static void *run_role(void *argument)
{
	struct lab *lab = argument;

	lab->exit_code = control_role(&lab->start);
	return NULL;
}

/* The link's next message must be this one. */
static void expect_message(struct lab *lab, enum link_type type, struct link_message *out)
{
	static struct link_message m;
	struct pollfd p = {.fd = lab->link, .events = POLLIN};

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(link_receive(lab->link, &m), 1);
	assert_int_equal(m.type, type);
	if (out != NULL)
		memcpy(out, &m, sizeof m);
}

/* A control process: from its start to GO. */
static void lab_go(struct lab *lab)
{
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	lab->link = pair[0];
	lab->start = (struct role_start){.role = ROLE_CONTROL,
		.generation = lab->stage.generation,
		.board = &lab->stage.board,
		.link = pair[1],
		.state = {.fd = lab->state, .path = lab->state_folder},
		.zones = {.fd = -1},
		.control_socket = lab->listener,
		.wake = -1};
	assert_int_equal(pthread_create(&lab->thread, NULL, run_role, lab), 0);
	lab->running = true;
	expect_message(lab, LINK_READY, NULL);
	assert_int_equal(link_send(lab->link, LINK_GO, 0, NULL), 0);
}

static void lab_join(struct lab *lab)
{
	lab->running = false;
	assert_int_equal(pthread_join(lab->thread, NULL), 0);
	(void)close(lab->link);
	(void)close(lab->start.link);
}

static void lab_stop(struct lab *lab)
{
	assert_int_equal(link_send(lab->link, LINK_STOP, 0, NULL), 0);
	expect_message(lab, LINK_STOPPED, NULL);
	lab_join(lab);
	assert_int_equal(lab->exit_code, 0);
}

static int lab_setup(void **state)
{
	struct lab *lab = malloc(sizeof *lab);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int ends[2];

	*lab = (struct lab){.exit_code = -1, .folder = "/tmp/waymark-test-XXXXXX"};
	stage_open(&lab->stage);
	assert_non_null(mkdtemp(lab->folder));
	(void)snprintf(lab->state_folder, sizeof lab->state_folder, "%s/state", lab->folder);
	assert_int_equal(mkdir(lab->state_folder, 0700), 0);
	lab->state = open(lab->state_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(lab->state >= 0);
	(void)snprintf(lab->socket, sizeof lab->socket, "%s/control.sock", lab->folder);
	memcpy(address.sun_path, lab->socket, strlen(lab->socket) + 1);
	lab->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(lab->listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(lab->listener, 64), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	lab->kept_stderr = dup(STDERR_FILENO);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	(void)close(ends[1]);
	lab->log = ends[0];
	lab_go(lab);
	*state = lab;
	return 0;
}

/* What is left of the log tells why a test has failed: cmocka's own messages are in it as well. */
static int lab_teardown(void **state)
{
	struct lab *lab = *state;
	char left[4096];
	ssize_t n;

	if (lab->running) {
		(void)link_send(lab->link, LINK_STOP, 0, NULL);
		lab_join(lab);
	}
	(void)dup2(lab->kept_stderr, STDERR_FILENO);
	(void)close(lab->kept_stderr);
	(void)fcntl(lab->log, F_SETFL, O_NONBLOCK);
	while ((n = read(lab->log, left, sizeof left)) > 0)
		(void)!write(STDERR_FILENO, left, (size_t)n);
	(void)close(lab->log);
	(void)close(lab->listener);
	(void)unlink(lab->socket);
	(void)unlinkat(lab->state, SNAPSHOT_FILE, 0);
	(void)close(lab->state);
	(void)rmdir(lab->state_folder);
	(void)rmdir(lab->folder);
	stage_close(&lab->stage);
	free(lab);
	return 0;
}

/* ---- the test as a client ---- */

static json_t *ask(struct lab *lab, const char *request)
{
	json_t *o = json_loads(request, 0, NULL), *reply = NULL;
	struct err e = {0};

	assert_non_null(o);
	if (connection_ask(lab->socket, o, WAIT_MS, &reply, &e) != CONNECTION_OK)
		fail_msg("%s: %s", request, e.text);
	json_decref(o);
	return reply;
}

static json_t *ask_ok(struct lab *lab, const char *request)
{
	json_t *reply = ask(lab, request);

	if (!json_is_true(json_object_get(reply, "ok")))
		fail_msg("%s: %s", request, json_string_value(json_object_get(reply, "error")));
	return reply;
}

static struct connection start(struct lab *lab, const char *request)
{
	json_t *o = json_loads(request, 0, NULL);
	struct connection c;

	assert_non_null(o);
	assert_int_equal(connection_dial(&c, lab->socket, NULL), CONNECTION_OK);
	assert_int_equal(connection_send(&c, o, NULL), CONNECTION_OK);
	json_decref(o);
	return c;
}

static json_t *next_line(struct connection *c)
{
	const char *line;
	struct err e = {0};
	json_t *o;

	if (connection_line(c, WAIT_MS, &line, &e) != CONNECTION_OK)
		fail_msg("no line: %s", e.text);
	o = json_loads(line, 0, NULL);
	assert_non_null(o);
	return o;
}

/* The next line's member, which must be a whole number. */
static uint64_t next_number(struct connection *c, const char *key)
{
	json_t *o = next_line(c);
	const json_t *v = json_object_get(o, key);
	uint64_t n;

	if (!json_is_integer(v))
		fail_msg("no \"%s\" in %s", key, json_dumps(o, 0));
	n = (uint64_t)json_integer_value(v);
	json_decref(o);
	return n;
}

/* Read the log until a line contains `text`; the line is in `out`. */
static void wait_log(struct lab *lab, const char *text, char *out, size_t size)
{
	size_t length = 0;

	for (;;) {
		struct pollfd p = {.fd = lab->log, .events = POLLIN};
		char c = 0;

		if (poll(&p, 1, WAIT_MS) != 1 || read(lab->log, &c, 1) != 1)
			fail_msg("the log never said \"%s\"", text);
		if (c != '\n' && length + 1 < size)
			out[length++] = c;
		if (c != '\n')
			continue;
		out[length] = '\0';
		if (strstr(out, text) != NULL)
			return;
		length = 0;
	}
}

/* Read the log until all events are in it. */
static void empty_log(struct lab *lab)
{
	const struct board *b = &lab->stage.board;
	char waste[4096];

	while (atomic_load(&b->control->logged) < atomic_load(&b->control->next_sequence)) {
		struct pollfd p = {.fd = lab->log, .events = POLLIN};

		if (poll(&p, 1, 10) == 1)
			(void)!read(lab->log, waste, sizeof waste);
	}
}

static void emit(struct lab *lab, enum role r, const char *pool, const char *text)
{
	struct event e = {.kind = EVENT_NOTICE, .level = LEVEL_INFO, .role = (uint8_t)r};

	(void)snprintf(e.pool, sizeof e.pool, "%s", pool);
	(void)snprintf(e.text, sizeof e.text, "%s", text);
	event_emit(board_ring(&lab->stage.board, r), &e);
}

static uint64_t counter(struct lab *lab, enum control_counter id)
{
	return atomic_load(&lab->stage.board.control->counter[id]);
}

/* ---- commands ---- */

static void a_drain_is_in_force_saved_logged_and_told(void **state)
{
	struct lab *lab = *state;
	char line[4096], uid[64], *text;
	size_t length;
	json_t *reply, *change;

	reply = ask_ok(lab, "{\"command\":\"drain\",\"target\":\"web/lon2\",\"for_ms\":600000}");
	assert_true(json_is_true(json_object_get(reply, "saved")));
	assert_int_equal(json_array_size(json_object_get(reply, "warnings")), 0);
	change = json_array_get(json_object_get(reply, "changed"), 0);
	assert_string_equal(json_string_value(json_object_get(change, "to")), "drain");
	assert_true(
		(atomic_load(&stage_override(&lab->stage, WEB_LON2)->state) & 3) == OVERRIDE_DRAIN);
	wait_log(lab, "override web/lon2 none -> drain: by uid ", line, sizeof line);
	(void)snprintf(
		uid, sizeof uid, "by uid %ld, pid %ld, for 10m", (long)getuid(), (long)getpid());
	assert_non_null(strstr(line, uid));
	assert_int_equal(
		file_read(lab->state, SNAPSHOT_FILE, SNAPSHOT_MAX, &text, &length, NULL), 0);
	assert_non_null(strstr(text, "\"override\":\"drain\""));
	free(text);
	json_decref(reply);
	reply = ask_ok(lab, "{\"command\":\"restore\",\"target\":\"web/lon2\"}");
	assert_int_equal(json_array_size(json_object_get(reply, "changed")), 1);
	assert_true(atomic_load(&stage_override(&lab->stage, WEB_LON2)->state) == 0);
	json_decref(reply);
	lab_stop(lab);
}

static void draining_the_last_serving_endpoint_warns(void **state)
{
	struct lab *lab = *state;
	char line[4096];
	json_t *reply;

	reply = ask_ok(lab, "{\"command\":\"drain\",\"target\":\"api/lon1\"}");
	assert_int_equal(json_array_size(json_object_get(reply, "warnings")), 0);
	json_decref(reply);
	reply = ask_ok(lab, "{\"command\":\"drain\",\"target\":\"region:singapore\"}");
	assert_non_null(
		strstr(json_string_value(json_array_get(json_object_get(reply, "warnings"), 0)),
			"the last serving endpoint of pool api is gone"));
	json_decref(reply);
	wait_log(lab, "the last serving endpoint of pool api is gone", line, sizeof line);
	assert_non_null(strstr(line, " warning override api/sin1 none -> drain"));
	lab_stop(lab);
}

static void an_override_that_ends_is_told(void **state)
{
	struct lab *lab = *state;
	char line[4096];

	json_decref(ask_ok(
		lab, "{\"command\":\"weight\",\"target\":\"nyc1\",\"weight\":0,\"for_ms\":50}"));
	wait_log(lab, "its time is over", line, sizeof line);
	assert_non_null(strstr(line, "override web/nyc1 weight=0 -> weight=20"));
	assert_true(atomic_load(&stage_override(&lab->stage, WEB_NYC1)->weight) == 0);
	lab_stop(lab);
}

static void status_zones_and_snapshot_are_answered(void **state)
{
	struct lab *lab = *state;
	struct board_zone zone = {.serial = 2026112301,
		.records = 12,
		.flags = ZONE_SERVED | ZONE_STALE,
		.loaded_real_ms = 5000,
		.name = "master.com",
		.file = "master.com.zone",
		.error = "bad \xff line"};
	json_t *reply, *o;
	struct err e;

	board_write_zone(&lab->stage.board, 0, &zone);
	atomic_store(&lab->stage.board.dns->zone_count,
		UINT32_MAX); /* no reason to read past the table */
	reply = ask_ok(lab, "{\"command\":\"zones\"}");
	o = json_object_get(json_object_get(reply, "zones"), "zones");
	assert_int_equal(json_array_size(o), 1);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(o, 0), "serial")), 2026112301);
	assert_string_equal(json_string_value(json_object_get(json_array_get(o, 0), "error")),
		"bad \\xff line");
	json_decref(reply);
	reply = ask_ok(lab, "{\"command\":\"status\",\"pool\":\"web\",\"endpoint\":\"nyc1\"}");
	o = json_object_get(json_object_get(reply, "status"), "pools");
	assert_int_equal(json_array_size(o), 1);
	o = json_object_get(json_array_get(o, 0), "endpoints");
	assert_int_equal(json_array_size(o), 1);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(o, 0), "name")), "nyc1");
	json_decref(reply);
	assert_int_equal(snapshot_fetch(lab->socket, &o, &e), 0);
	assert_int_equal(json_array_size(json_object_get(o, "pools")), 2);
	json_decref(o);
	lab_stop(lab);
}

/* An order to drop a zone is a cell of its row, and the reply waits for dns, which the test plays. */
static void a_zone_is_forgotten_once_dns_has_dropped_it(void **state)
{
	struct lab *lab = *state;
	struct board *b = &lab->stage.board;
	struct board_zone served = {.flags = ZONE_SERVED, .name = "here.com", .file = "here.zone"},
			  gone = {.flags = ZONE_SERVED | ZONE_STALE | ZONE_MISSING,
				  .gone_ms = 4711,
				  .remove_ms = 64711,
				  .name = "master.com",
				  .file = "master.com.zone"},
			  none = {0};
	struct connection c;
	json_t *reply;

	board_write_zone(b, 0, &served);
	board_write_zone(b, 1, &gone);
	atomic_store(&b->dns->zone_count, 2);
	reply = ask(lab, "{\"command\":\"zones forget\",\"zone\":\"nosuch\"}");
	assert_non_null(strstr(json_string_value(json_object_get(reply, "error")), "no zone"));
	json_decref(reply);
	reply = ask(lab, "{\"command\":\"zones forget\",\"zone\":\"here.com\"}");
	assert_non_null(strstr(json_string_value(json_object_get(reply, "error")),
		"here.zone, is there: remove it first"));
	json_decref(reply);
	assert_int_equal(atomic_load(&b->control->forget[0]), 0);
	/* as a name is written anywhere */
	c = start(lab, "{\"command\":\"zones forget\",\"zone\":\"Master.COM.\"}");
	while (atomic_load(&b->control->forget[1]) != gone.gone_ms)
		(void)poll(NULL, 0, 1);
	board_write_zone(b, 1, &none);
	reply = next_line(&c);
	assert_true(json_is_true(json_object_get(reply, "ok")));
	assert_true(json_is_true(json_object_get(reply, "forgotten")));
	json_decref(reply);
	connection_close(&c);
	/* its file comes back before dns saw the order */
	gone.gone_ms = 4800;
	board_write_zone(b, 1, &gone);
	c = start(lab, "{\"command\":\"zones forget\",\"zone\":\"master.com\"}");
	while (atomic_load(&b->control->forget[1]) != gone.gone_ms)
		(void)poll(NULL, 0, 1);
	gone.flags = ZONE_SERVED;
	gone.gone_ms = gone.remove_ms = 0;
	board_write_zone(b, 1, &gone);
	reply = next_line(&c);
	assert_non_null(strstr(json_string_value(json_object_get(reply, "error")), "is back"));
	json_decref(reply);
	connection_close(&c);
	lab_stop(lab);
}

static void hostile_requests_are_refused_and_bounded(void **state)
{
	struct lab *lab = *state;
	static const char *const requests[] = {"\n", "x\n", "{}\n",
		"{\"command\":\"drain\",\"target\":\"nobody\"}\n",
		"{\"command\":\"status\",\"pool\":\"nobody\"}\n"};
	struct connection c, many[CONTROL_SESSIONS_MAX];
	char big[CONTROL_REQUEST_MAX * 2];
	const char *line;
	uint64_t asked;
	json_t *o;

	assert_int_equal(connection_dial(&c, lab->socket, NULL), CONNECTION_OK);
	for (size_t i = 0; i < COUNT(requests); i++) {
		assert_int_equal(write_all(c.fd, requests[i], strlen(requests[i])), 0);
		o = next_line(&c);
		assert_true(json_is_false(json_object_get(o, "ok")));
		json_decref(o);
	}
	memset(big, ' ', sizeof big);
	(void)send(c.fd, big, sizeof big, MSG_NOSIGNAL | MSG_DONTWAIT);
	o = next_line(&c);
	assert_non_null(
		strstr(json_string_value(json_object_get(o, "error")), "one line of at most"));
	json_decref(o);
	assert_int_equal(connection_line(&c, WAIT_MS, &line, NULL), CONNECTION_CLOSED);
	connection_close(&c);
	/* pipelined requests are answered in order */
	assert_int_equal(connection_dial(&c, lab->socket, NULL), CONNECTION_OK);
	assert_int_equal(
		write_all(c.fd, "{\"command\":\"zones\"}\n{\"command\":\"status\"}\n", 41), 0);
	o = next_line(&c);
	assert_non_null(json_object_get(o, "zones"));
	json_decref(o);
	o = next_line(&c);
	assert_non_null(json_object_get(o, "status"));
	json_decref(o);
	connection_close(&c);
	/* all places taken: told so, counted; a place given back can be had again */
	for (size_t i = 0; i < COUNT(many) - CONTROL_KEPT; i++)
		many[i] = start(lab, "{\"command\":\"zones\"}");
	for (size_t i = 0; i < COUNT(many) - CONTROL_KEPT; i++)
		json_decref(next_line(&many[i]));
	/* the last ones are for one command each; these take their time */
	asked = counter(lab, CONTROL_REQUESTS);
	for (size_t i = COUNT(many) - CONTROL_KEPT; i < COUNT(many); i++)
		many[i] = start(lab, "{\"command\":\"reload\"}");
	while (counter(lab, CONTROL_REQUESTS) < asked + CONTROL_KEPT)
		(void)poll(NULL, 0, 1);
	expect_message(lab, LINK_RELOAD, NULL);
	o = ask(lab, "{\"command\":\"zones\"}");
	assert_non_null(
		strstr(json_string_value(json_object_get(o, "error")), "too many connections"));
	json_decref(o);
	assert_true(counter(lab, CONTROL_REFUSED_LIMIT) >= 1);
	for (size_t i = 0; i < COUNT(many); i++)
		connection_close(&many[i]);
	do
		o = ask(lab, "{\"command\":\"zones\"}");
	while (json_is_false(json_object_get(o, "ok")) && (json_decref(o), true));
	json_decref(o);
	lab_stop(lab);
}

static void a_disk_that_takes_nothing_is_no_reason_not_to_act(void **state)
{
	struct lab *lab = *state;
	char line[4096];
	json_t *reply;

	/* a folder that was removed takes no file, not even from root */
	while (rmdir(lab->state_folder) != 0)
		(void)unlinkat(lab->state, SNAPSHOT_FILE, 0);
	reply = ask_ok(lab, "{\"command\":\"drain\",\"target\":\"web/lon2\"}");
	assert_true(json_is_false(json_object_get(reply, "saved")));
	assert_non_null(
		strstr(json_string_value(json_array_get(json_object_get(reply, "warnings"), 0)),
			"in force, but not saved"));
	json_decref(reply);
	assert_true(
		(atomic_load(&stage_override(&lab->stage, WEB_LON2)->state) & 3) == OVERRIDE_DRAIN);
	wait_log(lab, "overrides and verdicts are not saved", line, sizeof line);
	assert_true(counter(lab, CONTROL_SAVES_FAILED) >= 1);
	lab_stop(lab);
}

/* ---- reload ---- */

static void a_reload_waits_for_the_supervisors_answer(void **state)
{
	struct lab *lab = *state;
	struct connection first, second;
	json_t *o;

	first = start(lab, "{\"command\":\"reload\"}");
	expect_message(lab, LINK_RELOAD, NULL);
	/* asked while one is under way: another one is needed, since this one may have read the file already */
	second = start(lab, "{\"command\":\"reload\"}");
	while (counter(lab, CONTROL_REQUESTS) < 2)
		(void)poll(NULL, 0, 1);
	assert_int_equal(link_send(lab->link, LINK_RELOADED, 1,
				 "waymark.yaml:3:1: error: unknown key\nline two\n"),
		0);
	o = next_line(&first);
	assert_true(json_is_false(json_object_get(o, "ok")));
	assert_int_equal(json_array_size(json_object_get(o, "messages")), 2);
	assert_string_equal(json_string_value(json_array_get(json_object_get(o, "messages"), 0)),
		"waymark.yaml:3:1: error: unknown key");
	json_decref(o);
	expect_message(lab, LINK_RELOAD, NULL);
	/* the answer and the order to stop come together: the caller is answered first */
	assert_int_equal(link_send(lab->link, LINK_RELOADED, 0, ""), 0);
	assert_int_equal(link_send(lab->link, LINK_STOP, 0, NULL), 0);
	o = next_line(&second);
	assert_true(json_is_true(json_object_get(o, "ok")));
	json_decref(o);
	connection_close(&first);
	connection_close(&second);
	expect_message(lab, LINK_STOPPED, NULL);
	lab_join(lab);
}

static void a_reload_that_stop_overtakes_is_to_be_asked_again(void **state)
{
	struct lab *lab = *state;
	struct connection c;
	json_t *o;

	c = start(lab, "{\"command\":\"reload\"}");
	expect_message(lab, LINK_RELOAD, NULL);
	lab_stop(lab);
	o = next_line(&c);
	assert_true(json_is_true(json_object_get(o, "retry")));
	json_decref(o);
	connection_close(&c);
}

/* ---- watch and log ---- */

static void watch_goes_on_over_a_restart_without_gap_or_double(void **state)
{
	struct lab *lab = *state;
	char request[128];
	struct connection c;
	uint64_t next, end;

	c = start(lab, "{\"command\":\"watch\"}");
	next = next_number(&c, "next");
	emit(lab, ROLE_HEALTH, "web", "one");
	assert_true(next_number(&c, "seq") == next);
	emit(lab, ROLE_HEALTH, "web", "two");
	lab_stop(lab); /* what was there is still told */
	assert_true(next_number(&c, "seq") == next + 1);
	end = next_number(&c, "next");
	connection_close(&c);
	emit(lab, ROLE_DNS, "", "between");
	lab_go(lab);
	(void)snprintf(
		request, sizeof request, "{\"command\":\"watch\",\"since\":%" PRIu64 "}", end - 1);
	c = start(lab, request);
	assert_true(next_number(&c, "next") == end);
	assert_true(next_number(&c, "seq") == end);
	connection_close(&c);
	lab_stop(lab);
}

static void watch_filters_and_begins_where_it_is_asked_to(void **state)
{
	struct lab *lab = *state;
	struct connection c;
	const char *line;
	json_t *o;

	emit(lab, ROLE_HEALTH, "api", "other");
	emit(lab, ROLE_HEALTH, "web", "mine");
	c = start(lab, "{\"command\":\"watch\",\"since\":0,\"pool\":\"web\",\"format\":\"text\"}");
	assert_true(next_number(&c, "next") ==
		    (lab->stage.board.supervisor->created_real_ms << 20) / 1000);
	o = next_line(&c);
	assert_non_null(
		strstr(json_string_value(json_object_get(o, "line")), "info notice web: mine ["));
	json_decref(o);
	connection_close(&c);
	/* a number of another server's life */
	c = start(lab, "{\"command\":\"watch\",\"since\":5}");
	json_decref(next_line(&c));
	o = next_line(&c);
	assert_true(json_is_true(json_object_get(o, "restarted")));
	json_decref(o);
	connection_close(&c);
	/* all there is, and then an end */
	c = start(lab, "{\"command\":\"watch\",\"once\":true,\"pool\":\"api\"}");
	json_decref(next_line(&c));
	assert_true(next_number(&c, "seq") == events_first(&lab->stage.board));
	o = next_line(&c);
	assert_true(json_is_true(json_object_get(o, "done")));
	assert_int_equal(
		json_integer_value(json_object_get(o, "next")), events_next(&lab->stage.board));
	json_decref(o);
	assert_int_equal(connection_line(&c, WAIT_MS, &line, NULL), CONNECTION_CLOSED);
	connection_close(&c);
	c = start(lab, "{\"command\":\"watch\",\"pool\":\"wbe\"}");
	o = next_line(&c);
	assert_non_null(
		strstr(json_string_value(json_object_get(o, "error")), "did you mean \"web\"?"));
	json_decref(o);
	connection_close(&c);
	lab_stop(lab);
}

/* A reader that does not read, and a log that nobody empties: commands go on, and both learn what they missed. */
static void slow_readers_stall_nobody_and_learn_what_they_lost(void **state)
{
	struct lab *lab = *state;
	const struct board *b = &lab->stage.board;
	uint64_t next, lost = 0, got = 0;
	struct connection c;
	char line[4096];

	c = start(lab, "{\"command\":\"watch\"}");
	next = next_number(&c, "next");
	for (unsigned i = 1; i <= 2 * EVENT_PUBLIC_SIZE; i++) {
		emit(lab, ROLE_HEALTH, "web",
			"flood flood flood flood flood flood flood flood flood flood");
		while (i % EVENT_RING_SIZE == 0 && atomic_load(&b->control->copied[ROLE_HEALTH]) <
							   atomic_load(&b->health->events.claimed))
			json_decref(ask_ok(lab, "{\"command\":\"zones\"}"));
	}
	while (next + got + lost < events_next(b)) {
		json_t *o = next_line(&c);
		const json_t *n = json_object_get(o, "lost");

		if (n != NULL) {
			lost += (uint64_t)json_integer_value(n);
			assert_int_equal(
				json_integer_value(json_object_get(o, "next")), next + got + lost);
		} else {
			assert_int_equal(
				json_integer_value(json_object_get(o, "seq")), next + got + lost);
			got++;
		}
		json_decref(o);
	}
	assert_true(lost > 0);
	assert_int_equal(counter(lab, CONTROL_WATCH_LOST), lost);
	wait_log(lab, "events are missing here: standard error was blocked", line, sizeof line);
	assert_true(counter(lab, CONTROL_LOG_LOST) > 0);
	connection_close(&c);
	empty_log(lab);
	lab_stop(lab);
}

static void the_log_goes_on_where_the_last_control_stopped(void **state)
{
	struct lab *lab = *state;
	char line[4096];

	emit(lab, ROLE_SUPERVISOR, "", "one");
	lab_stop(lab);
	emit(lab, ROLE_SUPERVISOR, "", "two");
	lab_go(lab);
	lab_stop(lab);
	emit(lab, ROLE_SUPERVISOR, "", "three");
	lab_go(lab);
	wait_log(lab, "notice: ", line, sizeof line);
	assert_non_null(strstr(line, "one"));
	wait_log(lab, "notice: ", line, sizeof line);
	assert_non_null(strstr(line, "two"));
	wait_log(lab, "notice: ", line, sizeof line);
	assert_non_null(strstr(line, "three"));
	lab_stop(lab);
}

static void without_its_supervisor_it_logs_what_is_left_and_goes(void **state)
{
	struct lab *lab = *state;
	char line[4096];

	json_decref(ask_ok(lab, "{\"command\":\"zones\"}")); /* it serves */
	emit(lab, ROLE_DNS, "", "last words");
	(void)shutdown(lab->link, SHUT_RDWR);
	lab_join(lab);
	assert_int_equal(lab->exit_code, 0);
	wait_log(lab, "last words", line, sizeof line);
}

static void stop_before_go_is_answered(void **state)
{
	struct lab *lab = *state;

	lab_stop(lab);
	{
		int pair[2];

		assert_int_equal(
			socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
			0);
		lab->link = pair[0];
		lab->start.link = pair[1];
		assert_int_equal(pthread_create(&lab->thread, NULL, run_role, lab), 0);
		lab->running = true;
		expect_message(lab, LINK_READY, NULL);
		lab_stop(lab);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_drain_is_in_force_saved_logged_and_told),
		TEST(draining_the_last_serving_endpoint_warns),
		TEST(an_override_that_ends_is_told),
		TEST(status_zones_and_snapshot_are_answered),
		TEST(a_zone_is_forgotten_once_dns_has_dropped_it),
		TEST(hostile_requests_are_refused_and_bounded),
		TEST(a_disk_that_takes_nothing_is_no_reason_not_to_act),
		TEST(a_reload_waits_for_the_supervisors_answer),
		TEST(a_reload_that_stop_overtakes_is_to_be_asked_again),
		TEST(watch_goes_on_over_a_restart_without_gap_or_double),
		TEST(watch_filters_and_begins_where_it_is_asked_to),
		TEST(slow_readers_stall_nobody_and_learn_what_they_lost),
		TEST(the_log_goes_on_where_the_last_control_stopped),
		TEST(without_its_supervisor_it_logs_what_is_left_and_goes),
		TEST(stop_before_go_is_answered),
	};

	TEST_MAIN(tests);
}
