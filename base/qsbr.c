#include "base/qsbr.h"

#include <stddef.h>
#include <time.h>

struct qsbr_reader *qsbr_add_reader(struct qsbr *q)
{
	if (q->readers == QSBR_READERS_MAX)
		return NULL;
	return &q->reader[q->readers++];
}

void qsbr_wait(struct qsbr *q)
{
	uint64_t target = atomic_fetch_add(&q->epoch, 1) + 2; /* what a reader sees from now on */
	const struct timespec pause = {.tv_nsec = 200000};

	for (unsigned i = 0; i < q->readers; i++) {
		for (;;) {
			uint64_t seen = atomic_load(&q->reader[i].seen);

			if (seen == 0 || seen >= target)
				break;
			(void)nanosleep(&pause, NULL);
		}
	}
}
