/* From the table of commands (control/request.h) to what they do; the compiler finds a row without
 * a case. */
#include "base/clock.h"
#include "board/snapshot.h"
#include "control/server.h"

/* {"ok":true,KEY:VALUE} */
static void reply_with(struct session *session, const char *key, json_t *value)
{
	json_t *reply = json_object();

	(void)json_object_set_new(reply, "ok", json_true());
	if (json_object_set_new(reply, key, value) < 0) {
		json_decref(reply);
		reply = NULL;
	}
	session_reply(session, reply);
}

static void reply_status(struct session *session, const struct request *request, const char *key)
{
	struct err e;
	json_t *status = report_status(session->server->control, request, &e);

	if (status == NULL)
		session_refuse(session, "%s", e.text);
	else
		reply_with(session, key, status);
}

static void reply_zones(struct session *session)
{
	reply_with(session, "zones",
		report_zones(session->server->control->board, clock_mono_ms(), clock_real_ms()));
}

void command_run(struct session *session, const struct request *request)
{
	control_take_events(session->server->control, clock_mono_ms());
	switch (request->command) {
	case COMMAND_STATUS: reply_status(session, request, "status"); break;
	case COMMAND_SNAPSHOT: reply_status(session, request, "snapshot"); break;
	case COMMAND_DRAIN:
	case COMMAND_FORCE_UP:
	case COMMAND_FORCE_DOWN:
	case COMMAND_WEIGHT:
	case COMMAND_RESTORE: orders_run(session, request); break;
	case COMMAND_ZONES: reply_zones(session); break;
	case COMMAND_FORGET: forget_run(session, request); break;
	case COMMAND_RELOAD: reload_run(session); break;
	case COMMAND_WATCH: watch_run(session, request); break;
	case COMMAND_COUNT: break;
	}
}
