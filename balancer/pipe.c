#include "balancer/pipe.h"

#include "board/counters.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int kernel_open(int fd[2])
{
	int size;

	if (pipe2(fd, O_NONBLOCK | O_CLOEXEC) < 0)
		return -1; /* EMFILE, ENFILE, ENOMEM: whatever it is, copying goes on */
	size = fcntl(fd[1], F_GETPIPE_SZ);
	if (size >= 0)
		return size;
	(void)close(fd[0]);
	(void)close(fd[1]);
	return -1;
}

static int kernel_resize(int fd, int octets)
{
	return fcntl(fd, F_SETPIPE_SZ, octets);
}

const struct pipe_source pipe_kernel = {.open = kernel_open, .resize = kernel_resize};

void pipe_pool_init(struct pipe_pool *pool, uint32_t max, _Atomic uint64_t *shortage)
{
	*pool = (struct pipe_pool){.source = &pipe_kernel, .max = max, .shortage = shortage};
}

static enum pipe_kind kind_of(const struct pipe *p)
{
	return p->size >= PIPE_LARGE ? PIPE_KIND_LARGE : PIPE_KIND_SMALL;
}

static void close_pipe(struct pipe_pool *pool, struct pipe *p)
{
	pool->count--;
	if (kind_of(p) == PIPE_KIND_LARGE)
		pool->large_count--;
	(void)close(p->read_fd);
	(void)close(p->write_fd);
	free(p);
}

void pipe_pool_close(struct pipe_pool *pool)
{
	for (unsigned kind = 0; kind < PIPE_KIND_COUNT; kind++) {
		while (pool->free[kind] != NULL) {
			struct pipe *p = pool->free[kind];

			pool->free[kind] = p->next;
			close_pipe(pool, p);
		}
		pool->free_count[kind] = 0;
	}
}

static struct pipe *pop(struct pipe_pool *pool, enum pipe_kind kind)
{
	struct pipe *p = pool->free[kind];

	if (p == NULL)
		return NULL;
	pool->free[kind] = p->next;
	pool->free_count[kind]--;
	return p;
}

/* No more of this kind for a while. */
static void pause_kind(struct pipe_pool *pool, enum pipe_kind kind, uint64_t now_ms)
{
	pool->retry_ms[kind] = now_ms + PIPE_RETRY_MS;
	counter_add(pool->shortage, 1);
}

static struct pipe *make(struct pipe_pool *pool, uint64_t now_ms)
{
	struct pipe *p;
	int fd[2], size;

	if (now_ms < pool->retry_ms[PIPE_KIND_SMALL])
		return NULL;
	if (pool->count >= pool->max) {
		pause_kind(pool, PIPE_KIND_SMALL, now_ms);
		return NULL;
	}
	p = malloc(sizeof *p);
	size = p != NULL ? pool->source->open(fd) : -1;
	if (size < 0) {
		pause_kind(pool, PIPE_KIND_SMALL, now_ms);
		free(p);
		return NULL;
	}
	if (size < (int)PIPE_SMALL) { /* the user's pages are used up: slower than copying */
		pause_kind(pool, PIPE_KIND_SMALL, now_ms);
		(void)close(fd[0]);
		(void)close(fd[1]);
		free(p);
		return NULL;
	}
	*p = (struct pipe){.read_fd = fd[0], .write_fd = fd[1], .size = PIPE_SMALL};
	pool->count++;
	return p;
}

/* Make a small pipe large if the kernel lets us; it stays as good as it was otherwise. */
static void enlarge(struct pipe_pool *pool, struct pipe *p, uint64_t now_ms)
{
	if (pool->large_count >= PIPE_LARGE_MAX || now_ms < pool->retry_ms[PIPE_KIND_LARGE])
		return;
	/* EPERM: the user's pages or fs.pipe-max-size; ENOMEM. */
	if (pool->source->resize(p->write_fd, (int)PIPE_LARGE) < (int)PIPE_LARGE) {
		pause_kind(pool, PIPE_KIND_LARGE, now_ms);
		return;
	}
	p->size = PIPE_LARGE;
	pool->large_count++;
}

struct pipe *pipe_take(struct pipe_pool *pool, bool large, uint64_t now_ms)
{
	struct pipe *p = large ? pop(pool, PIPE_KIND_LARGE) : NULL;

	if (p == NULL)
		p = pop(pool, PIPE_KIND_SMALL);
	if (p == NULL)
		p = make(pool, now_ms);
	if (p == NULL)
		return pop(pool, PIPE_KIND_LARGE);
	if (large && kind_of(p) == PIPE_KIND_SMALL)
		enlarge(pool, p, now_ms);
	return p;
}

void pipe_give(struct pipe_pool *pool, struct pipe *p)
{
	enum pipe_kind kind = kind_of(p);

	if (p->fill > 0 || pool->free_count[kind] >= PIPE_KEEP) {
		close_pipe(pool, p);
		return;
	}
	p->next = pool->free[kind];
	pool->free[kind] = p;
	pool->free_count[kind]++;
}
