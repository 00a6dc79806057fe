#include "control/saver.h"

#include "base/io.h"
#include "board/snapshot.h"
#include "control/helper.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct saver {
	int dirfd, done_fd;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t more;
	char *text; /* the next to write, or NULL */
	size_t length;
	uint64_t ticket; /* the last given out */
	struct saver_result result;
	bool stopping;
	struct helper helper;
};

/* The next text and its ticket; NULL when the thread shall end. */
static char *next_text(struct saver *s, size_t *length, uint64_t *ticket)
{
	char *text;

	(void)pthread_mutex_lock(&s->lock);
	while (s->text == NULL && !s->stopping)
		(void)pthread_cond_wait(&s->more, &s->lock);
	text = s->text;
	*length = s->length;
	*ticket = s->ticket;
	s->text = NULL;
	(void)pthread_mutex_unlock(&s->lock);
	return text;
}

static void run(void *context)
{
	struct saver *s = context;
	uint64_t ticket, one = 1;
	size_t length;
	char *text;

	while ((text = next_text(s, &length, &ticket)) != NULL) {
		struct err e = {0};
		bool ok = file_write_atomic(s->dirfd, SNAPSHOT_FILE, text, length, &e) == 0;

		free(text);
		(void)pthread_mutex_lock(&s->lock);
		s->result.done = ticket;
		s->result.ok = ok;
		s->result.saved += ok ? 1u : 0u;
		s->result.failed += ok ? 0u : 1u;
		s->result.err = e;
		(void)pthread_mutex_unlock(&s->lock);
		(void)!write(s->done_fd, &one, sizeof one); /* blocks at 2^64 - 1 only */
	}
}

int saver_start(struct saver **out, int dirfd, struct err *e)
{
	struct saver *s = calloc(1, sizeof *s);

	if (s == NULL)
		return err_set(e, "out of memory for saving the state");
	s->dirfd = dirfd;
	s->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->done_fd < 0) {
		free(s);
		return err_set(e, "cannot start saving the state: eventfd: %s", strerror(errno));
	}
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->more, NULL);
	if (helper_start(&s->helper, run, s, "the state file", e) < 0) {
		(void)close(s->done_fd);
		free(s);
		return -1;
	}
	*out = s;
	return 0;
}

int saver_fd(const struct saver *s)
{
	return s->done_fd;
}

uint64_t saver_submit(struct saver *s, char *text, size_t length)
{
	uint64_t ticket;

	(void)pthread_mutex_lock(&s->lock);
	free(s->text);
	s->text = text;
	s->length = length;
	ticket = ++s->ticket;
	(void)pthread_cond_signal(&s->more);
	(void)pthread_mutex_unlock(&s->lock);
	return ticket;
}

void saver_result(struct saver *s, struct saver_result *out)
{
	uint64_t n;

	(void)!read(s->done_fd, &n, sizeof n);
	(void)pthread_mutex_lock(&s->lock);
	*out = s->result;
	(void)pthread_mutex_unlock(&s->lock);
}

bool saver_stop(struct saver *s, uint64_t deadline_ms)
{
	(void)pthread_mutex_lock(&s->lock);
	s->stopping = true;
	(void)pthread_cond_signal(&s->more);
	(void)pthread_mutex_unlock(&s->lock);
	if (!helper_join(&s->helper, deadline_ms))
		return false;
	(void)close(s->done_fd);
	(void)pthread_mutex_destroy(&s->lock);
	(void)pthread_cond_destroy(&s->more);
	free(s);
	return true;
}
