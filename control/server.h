/* The control socket: who is connected, and what they wait for together. */
#ifndef CONTROL_SERVER_H
#define CONTROL_SERVER_H

#include "base/link.h"
#include "control/session.h"

#define CONTROL_SESSIONS_MAX 64u /* connections; more are told so and closed */
#define CONTROL_WATCHERS_MAX 32u /* of these at most so many watch: commands always find room */
#define CONTROL_KEPT         2u  /* of the places are kept for commands: see session.c */
#define CONTROL_KEPT_IDLE_MS 1000u
#define CONTROL_IDLE_MS                                                                            \
	60000u /* a session that neither asks nor takes its reply for so long is closed */
#define CONTROL_SAVE_WAIT_MS   3000u /* a command waits so long for the disk */
#define CONTROL_FORGET_WAIT_MS 5000u /* and so long for dns to drop a zone */
#define WATCH_BUFFER_MAX                                                                           \
	((size_t)256 << 10) /* unsent octets of a watch; events then wait in the ring */

struct server {
	struct control *control;
	struct event *accept, *resume;
	struct session *sessions;
	size_t session_count, watcher_count;
	size_t unsent;  /* octets of all sessions' `out` */
	bool reloading; /* LINK_RELOAD is sent and not answered */
};

/* Accept on start->control_socket. -1 with `e`. */
int server_open(struct control *c, struct err *e);
void server_close(struct control *c);
/* Every tick; `moved` when there are new events. */
void server_tick(struct control *c, uint64_t now_ms, bool moved);
/* A save has finished. */
void server_saved(struct control *c, const struct saver_result *result);
/* The supervisor's answer to a reload; NULL: there will be none. */
void server_reloaded(struct control *c, const struct link_message *answer);
/* Accept no more and let everybody go once they got what is theirs. */
void server_stop(struct control *c);
/* Nothing is left to be sent. */
bool server_idle(const struct control *c);

/* ---- commands; see control/request.h for the table ---- */

void command_run(struct session *session, const struct request *request);
/* control/orders.c: drain, force-up, force-down, weight, restore */
void orders_run(struct session *session, const struct request *request);
/* control/forget.c; the second: answer if there is an answer by now */
void forget_run(struct session *session, const struct request *request);
bool forget_look(struct session *session, uint64_t now_ms);
/* control/reload.c */
void reload_run(struct session *session);
void reload_answer(struct session *session, const struct link_message *answer);
void reload_begin(struct server *s);
/* control/watch.c */
void watch_run(struct session *session, const struct request *request);
void watch_pump(struct session *session);
/* Events wait in the ring: pump again as soon as the socket takes more. */
bool watch_behind(const struct session *session);
void watch_end(struct session *session);
/* control/report.c: new references, NULL without memory */
json_t *report_status(struct control *c, const struct request *request, struct err *e);
json_t *report_zones(const struct board *b, uint64_t now_ms, uint64_t real_ms);
/* Rows that may hold a zone. */
uint32_t report_zone_rows(const struct board *b);

#endif
