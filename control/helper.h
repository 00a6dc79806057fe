/* A thread whose end can be waited for with a deadline: what it does may block for as long as a
 * disk or a reader of standard error likes. */
#ifndef CONTROL_HELPER_H
#define CONTROL_HELPER_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct helper {
	pthread_t thread;
	int done; /* eventfd: readable once the thread has nothing left to do */
	void (*run)(void *context);
	void *context;
};

/* Run `run(context)` in a thread of its own; `h` must stay where it is. `what` is for the message.
 */
int helper_start(struct helper *h, void (*run)(void *context), void *context, const char *what,
	struct err *e);
/* True when the thread has ended by `deadline_ms` (clock_mono_ms()) and is gone; false: it is left
 * to itself, try again or end the process. */
bool helper_join(struct helper *h, uint64_t deadline_ms);

#endif
