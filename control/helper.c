/* pthread_timedjoin_np() would do, but the thread sanitizer does not know it. */
#include "control/helper.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void *run_thread(void *argument)
{
	struct helper *h = argument;
	uint64_t one = 1;

	h->run(h->context);
	(void)!write(h->done, &one, sizeof one);
	return NULL;
}

int helper_start(struct helper *h, void (*run)(void *context), void *context, const char *what,
	struct err *e)
{
	int rc;

	*h = (struct helper){.done = eventfd(0, EFD_CLOEXEC), .run = run, .context = context};
	if (h->done < 0)
		return err_set(
			e, "cannot start the thread for %s: eventfd: %s", what, strerror(errno));
	rc = pthread_create(&h->thread, NULL, run_thread, h);
	if (rc == 0)
		return 0;
	(void)close(h->done);
	return err_set(e, "cannot start the thread for %s: %s", what, strerror(rc));
}

bool helper_join(struct helper *h, uint64_t deadline_ms)
{
	struct pollfd p = {.fd = h->done, .events = POLLIN};
	int rc;

	do {
		uint64_t now_ms = clock_mono_ms();

		rc = poll(&p, 1, deadline_ms > now_ms ? (int)(deadline_ms - now_ms) : 0);
	} while (rc < 0 && errno == EINTR);
	if (rc != 1)
		return false;
	(void)pthread_join(h->thread, NULL);
	(void)close(h->done);
	return true;
}
