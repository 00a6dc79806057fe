#include "balancer/limits.h"

#include <sys/resource.h>

uint64_t limits_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024; /* POSIX systems' oldest default; cannot fail with a valid resource */
	if (limit.rlim_cur < limit.rlim_max) {
		struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};

		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			limit = raised;
	}
	return limit.rlim_cur;
}

/* The smallest max_connections of those that are still in the pot. */
static size_t smallest(const struct conf *c, const struct limits *l)
{
	size_t found = c->balancer_count;

	for (size_t i = 0; i < c->balancer_count; i++) {
		if (l->in_pot[i] &&
			(found == c->balancer_count || c->balancers[i].max_connections <
							       c->balancers[found].max_connections))
			found = i;
	}
	return found;
}

void limits_share(const struct conf *c, uint64_t descriptors, uint32_t workers, size_t sockets,
	struct limits *out)
{
	/* each listening socket may hold one connection that waits for its place */
	uint64_t fixed =
		LIMITS_PROCESS + 2 * sockets +
		workers * (uint64_t)(LIMITS_PER_WORKER + LIMITS_PIPES_MIN * LIMITS_PER_PIPE);
	uint64_t room = descriptors > fixed ? (descriptors - fixed) / LIMITS_PER_CONNECTION : 0;
	uint64_t pipes = LIMITS_PIPES_MIN;

	*out = (struct limits){.descriptors = descriptors, .sharers = c->balancer_count};
	for (size_t i = 0; i < c->balancer_count; i++)
		out->in_pot[i] = true;
	while (out->sharers > 0) {
		size_t i = smallest(c, out);

		if (c->balancers[i].max_connections > room / out->sharers)
			break;
		room -= c->balancers[i].max_connections;
		out->in_pot[i] = false;
		out->sharers--;
	}
	if (out->sharers > 0)
		out->pot = room > 0 ? (uint32_t)room : 1;
	else if (workers > 0)
		pipes += room * LIMITS_PER_CONNECTION / LIMITS_PER_PIPE / workers;
	out->pipes = pipes < LIMITS_PIPES_MAX ? (uint32_t)pipes : LIMITS_PIPES_MAX;
}
