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

void limits_share(const struct conf *c, uint64_t descriptors, uint32_t workers, size_t sockets,
	struct limits *out)
{
	uint64_t fixed =
		LIMITS_PROCESS + sockets +
		workers * (uint64_t)(LIMITS_PER_WORKER + LIMITS_PIPES_MIN * LIMITS_PER_PIPE);
	uint64_t room = descriptors > fixed ? (descriptors - fixed) / LIMITS_PER_CONNECTION : 0;
	uint64_t wanted = 0, pipes = LIMITS_PIPES_MIN;

	for (size_t i = 0; i < c->balancer_count; i++)
		wanted += c->balancers[i].max_connections;
	*out = (struct limits){.descriptors = descriptors, .short_of = wanted > room};
	for (size_t i = 0; i < c->balancer_count; i++) {
		uint64_t max = c->balancers[i].max_connections;

		if (wanted > room)
			max = max * room / wanted;
		out->listener[i] = max > 0 ? (uint32_t)max : 1;
	}
	if (!out->short_of && workers > 0)
		pipes += (room - wanted) * LIMITS_PER_CONNECTION / LIMITS_PER_PIPE / workers;
	out->pipes = pipes < LIMITS_PIPES_MAX ? (uint32_t)pipes : LIMITS_PIPES_MAX;
}
