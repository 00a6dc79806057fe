/*
 * `zones forget`: an operator does not want to wait for the end of a zone whose file is gone.
 *
 * Control stores the row's `gone_ms` into its own cell of that row (board.h: forget), and dns, which
 * alone drops zones, finds it there. So the order is of this disappearance and no other: it is never
 * taken back, outlives both processes, and means nothing once the file came back or the row has
 * another zone. The reply waits until dns has done it.
 */
#include "base/clock.h"
#include "base/text.h"
#include "control/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* `wanted` may end in a dot. */
static bool is_named(const struct board_zone *z, const char *wanted)
{
	size_t length = strlen(wanted);

	if (length > 1 && wanted[length - 1] == '.')
		length--;
	return z->name[0] != '\0' && strlen(z->name) == length &&
	       strncasecmp(z->name, wanted, length) == 0;
}

/* The row of the zone: the one whose file is missing, if it has several. False: it has none. */
static bool find_zone(
	const struct board *b, const char *wanted, struct board_zone *z, uint32_t *row)
{
	uint32_t count = report_zone_rows(b);
	bool found = false;

	for (uint32_t i = 0; i < count; i++) {
		struct board_zone here;

		if (!board_read_zone(b, i, &here) || !is_named(&here, wanted))
			continue;
		if (found && (here.flags & ZONE_MISSING) == 0)
			continue;
		*z = here;
		*row = i;
		found = true;
	}
	return found;
}

static void tell(struct session *session, const char *zone)
{
	struct event e = {.kind = EVENT_ZONE, .level = LEVEL_INFO};

	(void)snprintf(e.object, sizeof e.object, "%.127s", zone);
	(void)snprintf(e.text, sizeof e.text, "to be forgotten: by uid %ld, pid %ld",
		(long)session->uid, (long)session->pid);
	control_publish(session->server->control, &e);
}

void forget_run(struct session *session, const struct request *request)
{
	struct board *b = session->server->control->board;
	struct board_zone z;
	uint32_t row = 0;

	if (!find_zone(b, request->zone, &z, &row)) {
		session_refuse(
			session, "there is no zone \"%.60s\": see `waymark zones`", request->zone);
		return;
	}
	if ((z.flags & ZONE_MISSING) == 0) {
		session_refuse(session,
			"the file of zone %.100s, %.100s, is there: remove it first, and the zone "
			"goes by itself",
			z.name, z.file);
		return;
	}
	atomic_store_explicit(&b->control->forget[row], z.gone_ms, memory_order_release);
	tell(session, z.name);
	session->wait = WAIT_FORGET;
	session->zone_row = row;
	session->zone_gone_ms = z.gone_ms;
	(void)snprintf(session->zone, sizeof session->zone, "%s", z.name);
	session->wait_until_ms = clock_mono_ms() + CONTROL_FORGET_WAIT_MS;
}

static void answer(struct session *session, const char *warning)
{
	json_t *reply = json_object(), *warnings = json_array();

	session->wait = WAIT_NONE;
	(void)json_object_set_new(reply, "ok", json_true());
	(void)json_object_set_new(reply, "zone", json_string(session->zone));
	(void)json_object_set_new(reply, "forgotten", json_boolean(warning == NULL));
	if (warning != NULL)
		(void)json_array_append_new(warnings, json_string(warning));
	(void)json_object_set_new(reply, "warnings", warnings);
	session_reply(session, reply);
}

bool forget_look(struct session *session, uint64_t now_ms)
{
	struct board_zone z;
	bool read = board_read_zone(session->server->control->board, session->zone_row, &z);

	if (read && strcmp(z.name, session->zone) != 0) {
		answer(session, NULL);
	} else if (read && z.gone_ms != session->zone_gone_ms) {
		session->wait = WAIT_NONE;
		session_refuse(session, "the file of zone %.100s is back: it is not forgotten",
			session->zone);
	} else if (now_ms >= session->wait_until_ms) {
		answer(session, "dns has not dropped it yet; it will, and an event says so");
	} else {
		return false;
	}
	return true;
}
