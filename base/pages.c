#include "base/pages.h"

#include <stdlib.h>
#include <sys/mman.h>

void *pages_alloc(size_t size)
{
	void *p;

	if (size < PAGES_MIN)
		return calloc(1, size > 0 ? size : 1);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	(void)madvise(p, size, MADV_HUGEPAGE); /* a kernel without it gives small pages */
	return p;
}

void pages_free(void *p, size_t size)
{
	if (p == NULL)
		return;
	if (size < PAGES_MIN)
		free(p);
	else
		(void)munmap(p, size);
}
