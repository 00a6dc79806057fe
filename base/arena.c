#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_CHUNK_MIN 512u
#define ARENA_CHUNK_MAX (1u << 20)

struct arena_chunk {
	struct arena_chunk *older;
	size_t size;
	_Alignas(8) char data[];
};

/* A chunk with room for `size` octets becomes the newest. */
static int grow(struct arena *a, size_t size)
{
	size_t want = a->chunks == NULL ? ARENA_CHUNK_MIN : a->chunks->size * 2;
	struct arena_chunk *chunk;

	if (want > ARENA_CHUNK_MAX)
		want = ARENA_CHUNK_MAX;
	if (want < size)
		want = size;
	if (want > SIZE_MAX - sizeof *chunk)
		return -1;
	chunk = malloc(sizeof *chunk + want);
	if (chunk == NULL)
		return -1;
	chunk->older = a->chunks;
	chunk->size = want;
	a->chunks = chunk;
	a->next = chunk->data;
	a->end = chunk->data + want;
	a->total += sizeof *chunk + want;
	return 0;
}

void *arena_alloc_bytes(struct arena *a, size_t size)
{
	char *p;

	if (size > (size_t)(a->end - a->next) && grow(a, size) < 0)
		return NULL;
	p = a->next;
	a->next += size;
	return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t skip = (size_t)(-(uintptr_t)a->next & 7u);

	if (a->next == NULL || skip > (size_t)(a->end - a->next))
		skip = 0;
	if (a->next == NULL || size > (size_t)(a->end - a->next) - skip) {
		if (grow(a, size) < 0)
			return NULL;
		skip = 0; /* a chunk's data starts aligned */
	}
	a->next += skip;
	return arena_alloc_bytes(a, size);
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
	void *p;

	if (size > 0 && count > SIZE_MAX / size)
		return NULL;
	p = arena_alloc(a, count * size);
	if (p != NULL)
		memset(p, 0, count * size);
	return p;
}

char *arena_strndup(struct arena *a, const char *text, size_t length)
{
	char *copy = length < SIZE_MAX ? arena_alloc_bytes(a, length + 1) : NULL;

	if (copy == NULL)
		return NULL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *arena_strdup(struct arena *a, const char *text)
{
	return arena_strndup(a, text, strlen(text));
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;
	int length;
	char *text;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0)
		return NULL;
	text = arena_alloc_bytes(a, (size_t)length + 1);
	if (text == NULL)
		return NULL;
	va_start(args, format);
	(void)vsnprintf(text, (size_t)length + 1, format, args);
	va_end(args);
	return text;
}

void arena_free(struct arena *a)
{
	while (a->chunks != NULL) {
		struct arena_chunk *older = a->chunks->older;

		free(a->chunks);
		a->chunks = older;
	}
	*a = (struct arena){0};
}
