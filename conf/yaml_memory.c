/*
 * libyaml's memory, wiped before it is given back.
 *
 * The configuration may hold secrets, and every role is forked from the process that reads it. The
 * library copies what it reads several times over (raw input, decoded input, a string that grows,
 * the node) and has no hook for its allocator. But it calls its own allocator by these names, which
 * it exports, and a program that defines them is asked first. Were a later libyaml to bind them
 * locally, the tests that search the roles' memory would tell.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void *yaml_malloc(size_t size);
void *yaml_realloc(void *old, size_t size);
void yaml_free(void *memory);

void *yaml_malloc(size_t size)
{
	return malloc(size > 0 ? size : 1);
}

void yaml_free(void *memory)
{
	if (memory != NULL)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

void *yaml_realloc(void *old, size_t size)
{
	size_t held = old != NULL ? malloc_usable_size(old) : 0;
	void *new = yaml_malloc(size);

	if (new == NULL)
		return NULL;
	if (old != NULL)
		memcpy(new, old, held < size ? held : size);
	yaml_free(old);
	return new;
}
