/*
 * Writing the state file in a thread of its own: a slow or hung disk must not stop commands and
 * events.
 *
 * Every save has a ticket; a text that was not begun yet is replaced by a newer one, which says the
 * same and more, so its ticket is done with the newer one's.
 */
#ifndef CONTROL_SAVER_H
#define CONTROL_SAVER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct saver;

/* Saves go to SNAPSHOT_FILE in the folder `dirfd`, which must stay open. */
int saver_start(struct saver **out, int dirfd, struct err *e);
/* Readable after saves have finished; saver_result() makes it quiet again. */
int saver_fd(const struct saver *s);
/* Takes `text` (malloc'd); returns its ticket, from 1 upwards. */
uint64_t saver_submit(struct saver *s, char *text, size_t length);

struct saver_result {
	uint64_t done;          /* this ticket and those before it are finished */
	uint64_t saved, failed; /* files written, and not, in all */
	bool ok;                /* how the last one ended */
	struct err err;         /* when it failed */
};
void saver_result(struct saver *s, struct saver_result *out);

/* Finish what was submitted, at most until `deadline_ms` (clock_mono_ms()). False: the disk hangs;
 * the thread and `s` are left behind for the process's end. */
bool saver_stop(struct saver *s, uint64_t deadline_ms);

#endif
