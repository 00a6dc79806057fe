/*
 * Two files, one apex. Every file claims the apex of what it loaded, or of what it serves; who
 * serves it already wins, then the name that sorts first; but one that is gone yields to any that is
 * there: it was renamed. A file whose new content is refused keeps
 * what it served, which may in turn be in the way of another: hence passes, until one refuses
 * nobody.
 */
#include "dns/zone_files.h"

#include <stdlib.h>
#include <string.h>

struct claim {
	struct zone_file *file;
	const struct zone *zone;
	bool gone;
	bool holds; /* it serves this apex already */
};

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	const uint8_t *p = zone_apex(x->zone), *q = zone_apex(y->zone);
	size_t m = name_length(p), n = name_length(q);
	int order = m != n ? (m < n ? -1 : 1) : memcmp(p, q, n);

	if (order != 0)
		return order;
	if (x->gone != y->gone)
		return x->gone ? 1 : -1;
	if (x->holds != y->holds)
		return x->holds ? -1 : 1;
	return strcmp(x->file->name, y->file->name);
}

/* `f` cannot have the apex that `winner` has. */
static void refuse_claim(struct zone_files *zf, struct zone_file *f, const struct zone_file *winner,
	uint64_t real_ms)
{
	char apex[NAME_TEXT_MAX];
	const struct zone *z = f->next != NULL ? f->next : f->zone;
	struct text text = {0};

	if (f->gone_since_ms != 0)
		text_printf(&text, "%s is gone; zone %s is served from %s", f->name,
			name_format(zone_apex(z), apex), winner->name);
	else
		text_printf(&text,
			"%s: error: zone %s is served from %s already; this file is not used",
			f->name, name_format(zone_apex(z), apex), winner->name);
	if (f->next != NULL) {
		zone_free(f->next);
		f->next = NULL;
	} else {
		zone_files_retire(zf, f->zone);
		f->zone = NULL;
	}
	zone_file_set_error(f, text.data, real_ms);
	f->duplicate = true;
	if (f->gone_since_ms == 0)
		return;
	f->news = false; /* the next scan removes it, and that is told */
	zf->freed_apex = true;
}

/* One pass over all claims; true when one was refused: what its file served before may be in
 * somebody's way now. */
static bool settle_once(struct zone_files *zf, struct claim *claims, uint64_t real_ms)
{
	size_t n = 0, winner = 0;
	bool refused = false;

	for (size_t i = 0; i < zf->count; i++) {
		struct zone_file *f = zf->file[i];
		const struct zone *z = f->next != NULL ? f->next : f->zone;

		if (z != NULL)
			claims[n++] = (struct claim){f, z, f->gone_since_ms != 0,
				f->zone != NULL && name_equal(zone_apex(f->zone), zone_apex(z))};
	}
	if (n > 0)
		qsort(claims, n, sizeof claims[0], compare_claims);
	for (size_t i = 1; i < n; i++) {
		if (!name_equal(zone_apex(claims[winner].zone), zone_apex(claims[i].zone))) {
			winner = i;
			continue;
		}
		refuse_claim(zf, claims[i].file, claims[winner].file, real_ms);
		refused = true;
	}
	return refused;
}

int zone_files_settle(struct zone_files *zf, uint64_t real_ms)
{
	struct claim *claims = calloc(zf->count + 1, sizeof *claims);

	if (claims == NULL)
		return -1;
	while (settle_once(zf, claims, real_ms))
		;
	free(claims);
	return 0;
}
