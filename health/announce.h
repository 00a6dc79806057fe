/* What health says in the event stream: changed verdicts, and pools that lost or regained their
 * last serving endpoint. */
#ifndef HEALTH_ANNOUNCE_H
#define HEALTH_ANNOUNCE_H

#include "board/generation.h"

/* One EVENT_VERDICT for every endpoint address that rests on the probe. `from` and `to` are equal
 * when it is down and from now on suppressed. */
void announce_verdict(const struct board *b, const struct generation *g, const struct probe *probe,
	enum verdict from, enum verdict to, const char *reason);

/* One EVENT_NOTICE. */
void announce_notice(const struct board *b, const struct generation *g, enum log_level level,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Which pools have a serving endpoint, by the very rule that DNS and balancer steer by: overrides
 * count, read from the board. Each address family by itself: a client that asks for AAAA is not
 * helped by an IPv4 address that serves. Also keeps the board's last_good, from the same look.
 */
struct pool_watch;

int pool_watch_new(
	struct pool_watch **out, const struct generation *g, struct board *b, struct err *e);
void pool_watch_free(struct pool_watch *w);

/* Start at now_ms. `told`: a predecessor on this board has told how things stand, so only changes
 * from here are news. Else a pool is news too that does not serve once all its probes have
 * verdicts. */
void pool_watch_begin(struct pool_watch *w, uint64_t now_ms, bool told);

/* Look again, if the board has moved, and announce what changed. */
void pool_watch_check(struct pool_watch *w, uint64_t now_ms);

#endif
