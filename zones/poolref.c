/* POOL records: the names of a pool and perhaps a region, checked against the configuration's. */
#include "zones/load.h"

#include "conf/conf.h"

#include <ctype.h>
#include <string.h>

#define REGION_KEY "region="
#define NO_NAME    "no name: letters, digits, -, _ and dots"

static bool is_word(const struct token *t, const char *word)
{
	return strncmp(word, t->text, t->length) == 0 && word[t->length] == '\0';
}

/* Index of the word in words[0..count), `count` when it is not there. */
static size_t find_word(
	const struct token *t, const char *const *words, size_t count, size_t first_guess)
{
	if (first_guess < count && is_word(t, words[first_guess]))
		return first_guess;
	for (size_t i = 0; i < count; i++)
		if (is_word(t, words[i]))
			return i;
	return count;
}

static int unknown(struct fields *f, const struct token *t, const char *what,
	const char *const *words, size_t count)
{
	char shown[TOKEN_SHOWN_MAX];
	const char *nearest = text_nearest(token_show(t, shown), words, count);

	scan_error(f->scan, t, "unknown %s \"%s\"%s%s%s", what, shown,
		nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
		nearest != NULL ? "\"?" : "");
	return -1;
}

/* Could a configuration give this name? Asked when there is none. */
static bool is_name(const struct token *t)
{
	for (uint32_t i = 0; i < t->length; i++) {
		unsigned char c = (unsigned char)t->text[i];

		if (!isalnum(c) && c != '-' && c != '_' && c != '.')
			return false;
	}
	return t->length <= CONF_NAME_MAX;
}

/* The word itself, with a NUL, behind what is written already. */
static int add_word(struct fields *f, const struct token *t)
{
	uint8_t *room = field_room(f, t, t->length + 1);

	if (room == NULL)
		return -1;
	memcpy(room, t->text, t->length);
	room[t->length] = 0;
	return 0;
}

/* Is this name empty for everyone, always? The zone serves all the same. */
static void note_misfit(
	struct load *l, struct fields *f, const struct token *t, const struct pool_rdata *r)
{
	const struct zone_pools *p = l->pools;

	if (p->conf == NULL || p->conf->pools[r->pool].fallback_pool != CONF_NONE ||
		conf_pool_has_region(p->conf, r->pool, r->region))
		return;
	report_add(p->misfits != NULL ? p->misfits : f->scan->report,
		p->misfits != NULL ? SEVERITY_ERROR : SEVERITY_WARNING, f->scan->shown, t->line,
		t->column,
		"pool \"%s\" has no endpoint in region \"%s\": this name is NODATA for everyone; "
		"give it one there, or the pool a when_all_down: {pool: NAME}",
		p->pools[r->pool], p->regions[r->region]);
}

static int parse_region(struct load *l, struct fields *f, struct pool_rdata *out)
{
	const struct zone_pools *p = l->pools;
	struct token t = {.text = "", .line = f->type->line, .column = f->type->column};
	size_t key = strlen(REGION_KEY), index;

	if (f->next == f->end)
		return add_word(f, &t);
	t = *f->next++;
	if (t.length < key || strncmp(t.text, REGION_KEY, key) != 0)
		return field_error(f, &t, "POOL option", "only region=NAME is known");
	t.text += key;
	t.length -= (uint32_t)key;
	t.column += (uint32_t)key;
	if (t.length == 0)
		return field_error(f, &t, "region", "empty");
	if (!p->any) {
		index = find_word(&t, p->regions, p->region_count, p->region_count);
		if (index == p->region_count)
			return unknown(f, &t, "region", p->regions, p->region_count);
		out->region = (uint16_t)index;
		note_misfit(l, f, &t, out);
	} else if (!is_name(&t)) {
		return field_error(f, &t, "region", NO_NAME);
	}
	return add_word(f, &t);
}

int load_pool(struct load *l, struct fields *f)
{
	const struct zone_pools *p = l->pools;
	const struct token *t = field_token(f, "pool name");
	struct pool_rdata *out =
		(struct pool_rdata *)(void *)field_room(f, f->type, sizeof(struct pool_rdata));

	if (t == NULL || out == NULL)
		return -1;
	out->pool = ZONE_POOL_UNBOUND;
	out->region = CONF_NONE;
	if (t->length == 0)
		return field_error(f, t, "pool name", "empty");
	if (!p->any) {
		size_t index = find_word(t, p->pools, p->pool_count, l->last_pool);

		if (index == p->pool_count)
			return unknown(f, t, "pool", p->pools, p->pool_count);
		out->pool = (uint16_t)index;
		l->last_pool = (uint16_t)index;
	} else if (!is_name(t)) {
		return field_error(f, t, "pool name", NO_NAME);
	}
	if (add_word(f, t) < 0 || parse_region(l, f, out) < 0)
		return -1;
	return field_end(f);
}
