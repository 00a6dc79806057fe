/*
 * Which endpoints a connection is done with: those it tried to reach, then those it passed over
 * because they are set aside. The usual connection needs none of it and a bad one a few, so a few
 * have their place in it and more are allocated.
 */
#ifndef BALANCER_TRIED_H
#define BALANCER_TRIED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRIED_FEW 4u

struct tried {
	uint32_t *more; /* NULL: they are in `few` */
	uint32_t count, attempted, room;
	uint32_t few[TRIED_FEW];
};

void tried_init(struct tried *t);
/* Fine more than once. */
void tried_free(struct tried *t);
static inline const uint32_t *tried_list(const struct tried *t)
{
	return t->more != NULL ? t->more : t->few;
}
/* One that is passed over. False without memory. */
bool tried_add(struct tried *t, uint32_t endpoint);
/* The last one added is tried after all. */
void tried_attempt(struct tried *t);
/* Those passed over are candidates again. */
void tried_forget_passed(struct tried *t);
/* All are. */
void tried_forget(struct tried *t);

#endif
