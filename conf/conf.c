/* The way of a configuration: file → document → bound → resolved → verified; and the small
 * questions about one. */
#include "conf/conf.h"

#include "base/io.h"
#include "conf/bind.h"
#include "conf/resolve.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder of `file`: absolute when `working` is, "" for a bare name without it. */
static const char *folder_of(struct arena *a, const char *file, const char *working)
{
	const char *slash = strrchr(file, '/');

	if (slash == NULL)
		return arena_strdup(a, working);
	if (slash == file)
		return arena_strdup(a, "/");
	if (*file == '/' || *working == '\0')
		return arena_strndup(a, file, (size_t)(slash - file));
	return arena_printf(a, "%s/%.*s", working, (int)(slash - file), file);
}

static int compare_messages(const void *left, const void *right)
{
	const struct err *a = left, *b = right;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->column < b->column ? -1 : a->column > b->column;
}

/* Checks run one after the other, people read from top to bottom. */
static void sort_messages(struct report *report, size_t first)
{
	if (report->count > first + 1)
		qsort(report->items + first, report->count - first, sizeof *report->items,
			compare_messages);
}

/* False: nothing is bound, not even defaults. */
static bool build(struct binder *b)
{
	struct report ignored = {0}, *report = b->report;
	bool bound = bind_document(b) == 0;

	b->conf->cut = b->cut;
	if (b->cut) /* what names and values refer to may be what is missing */
		b->report = &ignored;
	if (bound && !b->out_of_memory)
		resolve_names(b);
	if (bound && !b->out_of_memory)
		verify_conf(b);
	b->report = report;
	report_free(&ignored);
	binder_free(b);
	return bound;
}

/* What could be bound, wrong or not; NULL when there is nothing. The caller counts the errors. */
static struct conf *parse(const char *file, const char *working, const char *text, size_t length,
	struct report *report)
{
	struct conf *c = calloc(1, sizeof *c);
	size_t first = report->count;
	yaml_document_t document;
	struct binder b = {.file = file, .document = &document, .conf = c, .report = report};
	bool bound = false;

	if (length > CONF_FILE_MAX) {
		report_add(report, SEVERITY_ERROR, file, 0, 0, "is larger than %u octets",
			CONF_FILE_MAX);
		free(c);
		return NULL;
	}
	if (c != NULL) {
		c->file = arena_strdup(&c->arena, file);
		b.values = (struct value_context){&c->arena, folder_of(&c->arena, file, working)};
	}
	if (c == NULL || c->file == NULL || b.values.folder == NULL)
		binder_out_of_memory(&b);
	else if (document_load(file, text, length, &document, &b.cut, report) == 0) {
		bound = build(&b);
		yaml_document_delete(&document);
	}
	sort_messages(report, first);
	if (bound)
		return c;
	conf_free(c);
	return NULL;
}

static struct conf *load(const char *file, struct report *report)
{
	struct conf *c;
	char *text, *working;
	size_t length;
	struct err e;

	if (file_read(AT_FDCWD, file, CONF_FILE_MAX, &text, &length, &e) < 0) {
		report_err(report, &e);
		return NULL;
	}
	/* without a working directory (its folder is gone) paths stay as they are written */
	working = getcwd(NULL, 0);
	c = parse(file, working != NULL ? working : "", text, length, report);
	free(working);
	explicit_bzero(text, length); /* there may be secrets in it */
	free(text);
	return c;
}

/* One without errors goes to the caller, any other nowhere. */
static int hand_out(struct conf *c, bool faultless, struct conf **out)
{
	if (!faultless) {
		conf_free(c);
		return -1;
	}
	*out = c;
	return 0;
}

int conf_parse(
	const char *file, const char *text, size_t length, struct conf **out, struct report *report)
{
	size_t errors = report->errors;
	struct conf *c = parse(file, "", text, length, report);

	return hand_out(c, report->errors == errors, out);
}

int conf_load(const char *file, struct conf **out, struct report *report)
{
	size_t errors = report->errors;
	struct conf *c = load(file, report);

	return hand_out(c, report->errors == errors, out);
}

struct conf *conf_load_parts(const char *file, struct report *report)
{
	return load(file, report);
}

char *conf_load_socket(const char *file, struct report *report)
{
	struct conf *c = load(file, report);
	/* a default may stand in for the key that was cut */
	bool told = c != NULL && c->control.socket != NULL &&
		    !(c->cut && c->control.position.line == 0);
	char *path = told ? strdup(c->control.socket) : NULL;

	conf_free(c);
	return path;
}

void conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	arena_free(&c->arena);
	conf_secrets_wipe(&c->dns.secrets);
	free(c);
}

const char *conf_check_kind_name(enum check_kind k)
{
	switch (k) {
	case CHECK_TCP: return "tcp";
	case CHECK_HTTP: return "http";
	}
	return "?";
}

bool conf_pool_has_region(const struct conf *c, uint16_t pool, uint16_t region)
{
	const struct conf_pool *p = &c->pools[pool];

	for (size_t i = 0; i < p->endpoint_count; i++)
		if (c->endpoints[p->first_endpoint + i].region == region)
			return true;
	return false;
}

const char *conf_steer_step_name(enum steer_step s)
{
	return schema_word(schema_steps, (int)s);
}

const char *conf_all_down_name(enum all_down_kind k)
{
	return k == ALL_DOWN_POOL ? "pool" : schema_word(schema_all_down, (int)k);
}

static int compare_name(const void *left, const void *right)
{
	const struct conf_name *a = left, *b = right;

	return strcmp(a->name, b->name);
}

static uint32_t find_name(const struct conf_name *names, size_t count, const char *name)
{
	const struct conf_name key = {.name = name}, *found;

	found = count > 0 ? bsearch(&key, names, count, sizeof key, compare_name) : NULL;
	return found != NULL ? found->index : UINT32_MAX;
}

uint16_t conf_find_pool(const struct conf *c, const char *name)
{
	return (uint16_t)find_name(
		c->pools_by_name, c->pool_count, name); /* UINT32_MAX → CONF_NONE */
}

uint16_t conf_find_region(const struct conf *c, const char *name)
{
	return (uint16_t)find_name(c->regions_by_name, c->region_count, name);
}

uint32_t conf_find_endpoint(const struct conf *c, uint16_t pool, const char *name)
{
	const struct conf_pool *p = &c->pools[pool];

	return find_name(c->endpoints_by_name + p->first_endpoint, p->endpoint_count, name);
}
