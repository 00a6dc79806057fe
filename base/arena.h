/*
 * Arena: memory that is given back all at once.
 *
 * What is built once and dies whole (a zone, a configuration, a compiled pool) comes from an arena.
 * Chunks grow geometrically up to ARENA_CHUNK_MAX, so small zones stay small and large ones waste
 * little. Nothing moves. Out of memory returns NULL and leaves the arena usable; the caller reports
 * it.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;

/* Zero-initialise; arena_free() when done. */
struct arena {
	struct arena_chunk *chunks; /* newest first */
	char *next, *end;           /* free part of the newest chunk */
	size_t total;               /* octets taken from malloc */
};

/* `size` octets aligned to 8, not cleared; NULL when memory is short. */
void *arena_alloc(struct arena *a, size_t size);
/* `size` octets without alignment, for text and wire data. */
void *arena_alloc_bytes(struct arena *a, size_t size);
/* An array of `count` cleared elements; NULL on overflow too. */
void *arena_calloc(struct arena *a, size_t count, size_t size);
/* A NUL-terminated copy of text[0..length). */
char *arena_strndup(struct arena *a, const char *text, size_t length);
char *arena_strdup(struct arena *a, const char *text);
/* printf into the arena. */
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void arena_free(struct arena *a);

#endif
