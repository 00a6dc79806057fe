/*
 * The log: the public events as lines on standard error, written by a thread of its own.
 *
 * Standard error may block for as long as it likes (a stopped journal, a full pipe): commands, `watch`
 * and the copying of events go on. There is no queue; the thread is one more position in the public ring
 * (board->control->logged), so a blocked log loses only what was overwritten meanwhile, says how much
 * that was, and the next control goes on at the line where this one stopped or was killed.
 */
#ifndef CONTROL_LOG_H
#define CONTROL_LOG_H

#include "base/err.h"
#include "board/board.h"
#include "conf/conf.h"

struct log_writer;

/* Start to write to `fd` what is on the board and comes. Only in the serving control. */
int log_start(struct log_writer **out, const struct board *b, int fd, enum log_format format,
	enum log_level level, struct err *e);
/* There may be something new. Never blocks. */
void log_wake(struct log_writer *w);
/* Write what is left, at most until `deadline_ms` (clock_mono_ms()). False: standard error is blocked, the
 * thread and `w` are left behind for the process's end. */
bool log_stop(struct log_writer *w, uint64_t deadline_ms);

#endif
