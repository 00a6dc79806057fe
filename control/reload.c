/*
 * reload: the supervisor does it, control waits and passes on what came of it.
 *
 * One request is under way at a time. Who asks meanwhile may mean a newer configuration than the one
 * being read, so they wait for another one, all together.
 */
#include "base/link.h"
#include "board/event_format.h"
#include "control/server.h"

#include <errno.h>
#include <string.h>

/* One element a line. */
static json_t *lines_of(const char *text)
{
	json_t *lines = json_array();

	while (*text != '\0') {
		size_t length = strcspn(text, "\n");

		if (length > 0)
			(void)json_array_append_new(lines, json_escaped(text, length));
		text += length + (text[length] == '\n' ? 1u : 0u);
	}
	return lines;
}

void reload_answer(struct session *session, const struct link_message *answer)
{
	const struct board *b = session->server->control->board;
	json_t *reply = json_object();
	bool ok = answer != NULL && answer->value == 0;

	session->wait = WAIT_NONE;
	(void)json_object_set_new(reply, "ok", json_boolean(ok));
	if (answer == NULL) {
		(void)json_object_set_new(reply, "error",
			json_string("control is being replaced by another reload, or stops; ask "
				    "again"));
		(void)json_object_set_new(reply, "retry", json_true());
		session_reply(session, reply);
		return;
	}
	if (!ok)
		(void)json_object_set_new(
			reply, "error", json_string("the reload was refused; nothing has changed"));
	(void)json_object_set_new(
		reply, "generation", json_integer(atomic_load(&b->supervisor->generation)));
	(void)json_object_set_new(reply, "messages", lines_of(answer->text));
	session_reply(session, reply);
}

void reload_begin(struct server *s)
{
	int sent = link_send(s->control->start->link, LINK_RELOAD, 0, NULL), error = errno;

	s->reloading = sent == 0;
	for (struct session *session = s->sessions; session != NULL; session = session->next) {
		if (session->wait != WAIT_RELOAD_NEXT)
			continue;
		if (sent == 0) {
			session->wait = WAIT_RELOAD;
			continue;
		}
		session->wait = WAIT_NONE;
		session_refuse(
			session, "cannot ask the supervisor for a reload: %s", strerror(error));
	}
}

void reload_run(struct session *session)
{
	session->wait = WAIT_RELOAD_NEXT;
	if (!session->server->reloading)
		reload_begin(session->server);
}
