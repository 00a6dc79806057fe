/*
 * The public event stream: every role's events, numbered once and for all.
 *
 * Control copies what the roles put into their rings into the ring on its own sheet, where the position
 * is the public sequence number. That ring is the only queue there is: the log (control/log.c) and every
 * `watch` reader are positions in it, so a slow one costs no memory and loses only what has been
 * overwritten meanwhile, and knows how much that was.
 */
#ifndef CONTROL_EVENTS_H
#define CONTROL_EVENTS_H

#include "board/board.h"

#define EVENTS_BATCH_MAX                                                                           \
	2048u /* events copied in one go, so that a flood does not starve commands */

/* The serving control's place in all rings; one thread. */
struct copier {
	const struct board *board;
	struct event_cursor cursor[ROLE_COUNT];
	struct event head[ROLE_COUNT]; /* read from the ring, not published yet */
	bool has_head[ROLE_COUNT];
	uint64_t lost[ROLE_COUNT]; /* of cursor.lost: reported already */
};

/* Go on where the last control stopped or was killed; puts right what it left half done. Only when it
 * is certain that no other control copies any more. */
void events_open(struct copier *c, const struct board *b);

/* Copy what is there, oldest first over all rings, at most EVENTS_BATCH_MAX. What was lost becomes an
 * event itself. Returns how many events there are more than before. */
size_t events_copy(struct copier *c, uint64_t now_ms);

/* Control's own event: numbered at once. Sets real_ms, role, and generation. */
void events_publish(struct copier *c, const struct event *e);

/* This board's first number; the one that the next event will get; the smallest that can still be read.
 * Any thread. */
uint64_t events_first(const struct board *b);
uint64_t events_next(const struct board *b);
uint64_t events_oldest(const struct board *b);

/* The event numbered `sequence`: false when it is overwritten or not there yet. Any thread. */
bool events_read(const struct board *b, uint64_t sequence, struct event *out);

#endif
