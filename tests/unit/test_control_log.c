/* The log's thread by itself: a reader that does not read, formats, levels. */
#include "tests/unit/test.h"

#include "base/clock.h"
#include "control/events.h"
#include "control/log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_MS 20000u

struct desk {
	struct board board;
	struct copier copier;
	int read, write;
};

static void desk_open(struct desk *d)
{
	int ends[2];

	assert_int_equal(board_create_private(&d->board, NULL), 0);
	events_open(&d->copier, &d->board);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	d->read = ends[0];
	d->write = ends[1];
}

static void desk_close(struct desk *d)
{
	(void)close(d->read);
	(void)close(d->write);
	board_destroy(&d->board);
}

static void publish(struct desk *d, enum log_level level, const char *text)
{
	struct event e = {.kind = EVENT_NOTICE, .level = (uint8_t)level};

	(void)snprintf(e.text, sizeof e.text, "%s", text);
	events_publish(&d->copier, &e);
}

/* Everything that is in the pipe. */
static size_t read_all(struct desk *d, char *out, size_t size)
{
	size_t length = 0;
	ssize_t n;

	(void)fcntl(d->read, F_SETFL, O_NONBLOCK);
	while (length + 1 < size && (n = read(d->read, out + length, size - 1 - length)) > 0)
		length += (size_t)n;
	out[length] = '\0';
	return length;
}

static void only_events_of_the_level_are_logged(void **state)
{
	struct log_writer *w;
	char text[8192];
	struct desk d;

	(void)state;
	desk_open(&d);
	publish(&d, LEVEL_DEBUG, "no");
	publish(&d, LEVEL_INFO, "no");
	publish(&d, LEVEL_WARNING, "yes");
	assert_int_equal(log_start(&w, &d.board, d.write, LOG_JSON, LEVEL_WARNING, NULL), 0);
	assert_true(log_stop(w, clock_mono_ms() + WAIT_MS));
	(void)read_all(&d, text, sizeof text);
	assert_null(strstr(text, "no\""));
	assert_non_null(strstr(text, "\"text\":\"yes\"}\n"));
	assert_true(atomic_load(&d.board.control->logged) == events_next(&d.board));
	assert_true(text[0] == '{');
	desk_close(&d);
}

static void lines_for_the_journal_begin_with_their_level(void **state)
{
	struct log_writer *w;
	char text[8192], stream[64];
	struct stat st;
	struct desk d;

	(void)state;
	desk_open(&d);
	publish(&d, LEVEL_INFO, "life");
	publish(&d, LEVEL_WARNING, "look");
	publish(&d, LEVEL_ERROR, "hand");
	assert_int_equal(fstat(d.write, &st), 0);
	(void)snprintf(
		stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	assert_int_equal(log_start(&w, &d.board, d.write, LOG_TEXT, LEVEL_INFO, NULL), 0);
	assert_true(log_stop(w, clock_mono_ms() + WAIT_MS));
	assert_int_equal(setenv("JOURNAL_STREAM", "1:1", 1), 0); /* led elsewhere since */
	publish(&d, LEVEL_ERROR, "plain");
	assert_int_equal(log_start(&w, &d.board, d.write, LOG_TEXT, LEVEL_INFO, NULL), 0);
	assert_true(log_stop(w, clock_mono_ms() + WAIT_MS));
	(void)read_all(&d, text, sizeof text);
	assert_int_equal(strncmp(text, "<6>", 3), 0);
	assert_non_null(strstr(text, "\n<4>"));
	assert_non_null(strstr(text, "\n<3>"));
	assert_int_equal(strstr(text, "plain") > strrchr(text, '>'), true);
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	desk_close(&d);
}

static void a_blocked_log_stops_nobody_and_ends_when_it_can(void **state)
{
	const char *long_text =
		"a line that fills the pipe, again and again, until it takes no more of them";
	static char text[4 << 20];
	struct log_writer *w;
	struct desk d;

	(void)state;
	desk_open(&d);
	for (int i = 0; i < 4096; i++)
		publish(&d, LEVEL_INFO, long_text);
	assert_int_equal(log_start(&w, &d.board, d.write, LOG_TEXT, LEVEL_INFO, NULL), 0);
	assert_false(log_stop(w, clock_mono_ms() + 50)); /* nobody reads */
	while (atomic_load(&d.board.control->logged) < events_next(&d.board)) {
		struct pollfd p = {.fd = d.read, .events = POLLIN};

		if (poll(&p, 1, 10) == 1)
			(void)read_all(&d, text, sizeof text);
	}
	assert_true(log_stop(w, clock_mono_ms() + WAIT_MS));
	assert_int_equal(atomic_load(&d.board.control->counter[CONTROL_LOG_LOST]), 0);
	desk_close(&d);
}

static void a_log_without_a_reader_is_counted_and_does_not_spin(void **state)
{
	struct log_writer *w;
	struct desk d;

	(void)state;
	desk_open(&d);
	(void)close(d.read);
	publish(&d, LEVEL_INFO, "one");
	publish(&d, LEVEL_INFO, "two");
	assert_int_equal(log_start(&w, &d.board, d.write, LOG_TEXT, LEVEL_INFO, NULL), 0);
	assert_true(log_stop(w, clock_mono_ms() + WAIT_MS));
	assert_int_equal(atomic_load(&d.board.control->counter[CONTROL_LOG_LOST]), 2);
	d.read = -1;
	desk_close(&d);
}

static void a_full_non_blocking_log_is_waited_for(void **state)
{
	static char text[4 << 20];
	struct log_writer *w;
	struct desk d;
	size_t lines = 0;

	(void)state;
	desk_open(&d);
	(void)fcntl(d.write, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 4096; i++)
		publish(&d, LEVEL_INFO, "0123456789 0123456789 0123456789 0123456789 0123456789");
	assert_int_equal(log_start(&w, &d.board, d.write, LOG_TEXT, LEVEL_INFO, NULL), 0);
	do {
		struct pollfd p = {.fd = d.read, .events = POLLIN};

		(void)poll(&p, 1, 10);
		(void)read_all(&d, text, sizeof text);
		for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
			lines++;
	} while (lines < 4096);
	assert_true(log_stop(w, clock_mono_ms() + WAIT_MS));
	desk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_events_of_the_level_are_logged),
		cmocka_unit_test(lines_for_the_journal_begin_with_their_level),
		cmocka_unit_test(a_blocked_log_stops_nobody_and_ends_when_it_can),
		cmocka_unit_test(a_log_without_a_reader_is_counted_and_does_not_spin),
		cmocka_unit_test(a_full_non_blocking_log_is_waited_for),
	};

	TEST_MAIN(tests);
}
