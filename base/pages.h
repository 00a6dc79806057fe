/*
 * Memory for large tables that are hit at random: huge pages where the kernel gives them
 * (transparent huge pages, "madvise" or "always"), given back to the kernel at once when freed.
 *
 * A random read in a table of 13 MB on 4 KiB pages costs more in address translation than in the
 * read itself, most of all on virtual machines: with huge pages loading a zone of a million names
 * takes half the time (bench/zone_load.c).
 */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>

#define PAGES_MIN (1u << 20) /* octets; less comes from malloc */

/* Cleared; NULL when memory is short. Free with the same size. */
void *pages_alloc(size_t size);
void pages_free(void *p, size_t size);

#endif
