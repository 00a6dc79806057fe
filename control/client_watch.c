/*
 * watch: events as they come. The last number seen is kept, so that the stream goes on without a gap or a
 * double when control was replaced by a reload, or has died.
 */
#include "control/client_watch.h"

#include "base/clock.h"
#include "control/connection.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define RECONNECT_MS 10000u /* a server that is gone for so long has stopped */
#define PAUSE_MS     100

struct watcher {
	const char *path;
	json_t *request; /* its "since" follows the stream */
	bool json;
	bool streamed;     /* a stream was had: losing it is a reason to reconnect */
	uint64_t alive_ms; /* when it was last had */
	bool done;         /* all that was asked for is printed */
};

static void set_since(struct watcher *w, uint64_t last)
{
	(void)json_object_set_new(w->request, "since", json_integer((json_int_t)last));
}

/* A line between events. */
static void take_marker(struct watcher *w, const json_t *o, const char *line)
{
	json_int_t next = json_integer_value(json_object_get(o, "next"));
	const json_t *lost = json_object_get(o, "lost");
	bool tell = lost != NULL || json_object_get(o, "restarted") != NULL;

	if (next > 0 &&
		(json_object_get(o, "ok") == NULL || json_object_get(w->request, "since") == NULL))
		set_since(w, (uint64_t)next - 1);
	w->done = json_object_get(o, "done") != NULL;
	if (tell && w->json)
		(void)printf("%s\n", line);
	else if (lost != NULL)
		(void)fprintf(stderr,
			"waymark watch: %" JSON_INTEGER_FORMAT " events are lost here\n",
			json_integer_value(lost));
	else if (tell)
		(void)fprintf(stderr,
			"waymark watch: the server was started anew; older events are gone\n");
}

/* False when the server refuses to go on. */
static bool take_line(struct watcher *w, const char *line)
{
	json_t *o = json_loads(line, 0, NULL);
	const json_t *sequence = json_object_get(o, "seq");
	const char *text = json_string_value(json_object_get(o, "line"));
	bool refused = json_is_false(json_object_get(o, "ok"));

	if (refused) {
		const char *why = json_string_value(json_object_get(o, "error"));

		(void)fprintf(stderr, "waymark watch: %s\n", why != NULL ? why : "refused");
	} else if (json_is_integer(sequence)) {
		(void)printf("%s\n", w->json || text == NULL ? line : text);
		set_since(w, (uint64_t)json_integer_value(sequence));
	} else if (json_is_object(o)) {
		w->streamed = true;
		take_marker(w, o, line);
	}
	json_decref(o);
	return !refused;
}

/* One connection, to its end. CONNECTION_ERROR: do not try again. */
static enum connection_result stream(struct watcher *w, struct err *e)
{
	struct connection c;
	const char *line;
	enum connection_result rc = connection_dial(&c, w->path, e);

	if (rc != CONNECTION_OK)
		return rc;
	rc = connection_send(&c, w->request, e);
	while (rc == CONNECTION_OK && !w->done) {
		rc = connection_line(&c, 0, &line, e);
		if (rc != CONNECTION_OK)
			break;
		if (!take_line(w, line)) {
			err_set(e, "%s", "");
			rc = CONNECTION_ERROR;
		} else if (fflush(stdout) != 0) {
			err_set(e, "cannot write to standard output");
			rc = CONNECTION_ERROR;
		}
	}
	connection_close(&c);
	if (w->streamed && rc != CONNECTION_NONE)
		w->alive_ms = clock_mono_ms();
	return rc;
}

enum client_exit client_watch(const char *path, json_t *request, bool json)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	struct watcher w = {
		.path = path, .request = request, .json = json, .alive_ms = clock_mono_ms()};
	struct err e;

	for (;;) {
		enum connection_result rc = stream(&w, &e);

		if (w.done && rc == CONNECTION_OK)
			return CLIENT_OK;
		if (rc == CONNECTION_ERROR) {
			if (e.text[0] != '\0')
				(void)fprintf(stderr, "waymark watch: %s\n", e.text);
			return CLIENT_REFUSED;
		}
		if (!w.streamed && rc == CONNECTION_NONE) {
			(void)fprintf(stderr, "waymark watch: %s\n", e.text);
			return CLIENT_NO_SERVER;
		}
		if (clock_mono_ms() - w.alive_ms > RECONNECT_MS) {
			(void)fprintf(
				stderr, "waymark watch: the server has stopped: %s\n", e.text);
			return CLIENT_NO_SERVER;
		}
		(void)nanosleep(&pause, NULL);
	}
}
