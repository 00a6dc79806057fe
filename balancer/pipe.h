/*
 * Pipes for splice(), kept for reuse by one worker.
 *
 * A pipe is held only while data is on its way through a connection, so idle connections hold none
 * and a few serve many. Pipes are shared by nobody: a pipe goes back empty or is closed, else one
 * connection's data would come out of another.
 *
 * Two sizes. PIPE_SMALL is the kernel's default of 64 KiB. PIPE_LARGE (1 MiB) halves the cost of
 * bulk data and is taken only by a connection that has proved to be bulk: the pages count against
 * the user's fs.pipe-user-pages-soft, where an unprivileged user's 65th pipe of this size fails
 * (EPERM) and the 1025th small one silently holds 8 KiB only. Both end in a pause of PIPE_RETRY_MS:
 * without a large pipe a small one serves, without any the relay copies through memory.
 */
#ifndef BALANCER_PIPE_H
#define BALANCER_PIPE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PIPE_SMALL     (64u << 10) /* octets: the kernel's default, 16 pages */
#define PIPE_LARGE     (1u << 20)  /* octets: the default of fs.pipe-max-size */
#define PIPE_LARGE_MAX 32u         /* large pipes of one worker: at most 32 MiB of data in them */
#define PIPE_KEEP      64u         /* free pipes of each size one worker keeps */
#define PIPE_RETRY_MS  5000u       /* after a refusal the kernel is not asked for so long */

struct pipe {
	struct pipe *next; /* while free */
	int read_fd, write_fd;
	uint32_t size; /* octets: PIPE_SMALL or PIPE_LARGE */
	uint32_t fill; /* octets in it; the owner keeps count */
};

/* How pipes are had: the kernel's calls (pipe_kernel), or what stands in for them in a test, since
 * the kernel's answers depend on what all other processes of the account hold. */
struct pipe_source {
	int (*open)(int fd[2]); /* non-blocking, close-on-exec; its size in octets, or -1 */
	int (*resize)(int fd, int octets); /* the new size in octets, or -1 */
};

extern const struct pipe_source pipe_kernel;

enum pipe_kind { PIPE_KIND_SMALL, PIPE_KIND_LARGE, PIPE_KIND_COUNT };

struct pipe_pool {
	const struct pipe_source *source;
	struct pipe *free[PIPE_KIND_COUNT];
	uint32_t free_count[PIPE_KIND_COUNT];
	uint32_t count, large_count;        /* open ones, free or not */
	uint32_t max;                       /* `count` never exceeds it: two descriptors each */
	uint64_t retry_ms[PIPE_KIND_COUNT]; /* the kernel refused: not again before this time */
	_Atomic uint64_t *shortage;         /* counts refusals and reaching `max` */
};

/* Pipes come from pipe_kernel until `source` is set to another. */
void pipe_pool_init(struct pipe_pool *pool, uint32_t max, _Atomic uint64_t *shortage);
/* Closes the free pipes; all others must have been given back. */
void pipe_pool_close(struct pipe_pool *pool);

/* An empty pipe, a large one if `large` and one can be had; NULL when there is none. */
struct pipe *pipe_take(struct pipe_pool *pool, bool large, uint64_t now_ms);
/* Give it back. One that is not empty is closed. */
void pipe_give(struct pipe_pool *pool, struct pipe *p);

#endif
