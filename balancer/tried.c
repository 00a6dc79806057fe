#include "balancer/tried.h"

#include <stdlib.h>
#include <string.h>

void tried_init(struct tried *t)
{
	t->more = NULL;
	t->count = t->attempted = 0;
	t->room = TRIED_FEW;
}

void tried_free(struct tried *t)
{
	free(t->more);
	tried_init(t);
}

static bool make_room(struct tried *t)
{
	uint32_t room = t->room * 2;
	uint32_t *grown;

	if (t->count < t->room)
		return true;
	grown = realloc(t->more, room * sizeof *grown);
	if (grown == NULL)
		return false;
	if (t->more == NULL)
		memcpy(grown, t->few, sizeof t->few);
	t->more = grown;
	t->room = room;
	return true;
}

bool tried_add(struct tried *t, uint32_t endpoint)
{
	if (!make_room(t))
		return false;
	if (t->more != NULL)
		t->more[t->count++] = endpoint;
	else
		t->few[t->count++] = endpoint;
	return true;
}

void tried_attempt(struct tried *t)
{
	uint32_t *list = t->more != NULL ? t->more : t->few;
	uint32_t last = list[t->count - 1];

	/* the first that was passed over changes places with it */
	list[t->count - 1] = list[t->attempted];
	list[t->attempted++] = last;
}

void tried_forget_passed(struct tried *t)
{
	t->count = t->attempted;
}

void tried_forget(struct tried *t)
{
	t->count = t->attempted = 0;
}
