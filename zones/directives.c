/*
 * $ORIGIN, $TTL, $INCLUDE, in any letter case; $GENERATE has a file of its own.
 *
 * An included file begins with the including one's origin and owner and changes neither; $TTL goes
 * through, as in BIND.
 */
#include "zones/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int directive_name(struct source *s, const struct token *t, struct dname *out)
{
	const char *why = NULL;
	char shown[TOKEN_SHOWN_MAX];

	if (dname_from_chars(out, t->text, t->length, &s->origin, &why) == 0)
		return 0;
	scan_error(&s->scan, t, "\"%s\": %s", token_show(t, shown), why);
	return -1;
}

static int one_argument(struct source *s, const char *name, const char *argument)
{
	const struct token *t = s->scan.tokens;
	char shown[TOKEN_SHOWN_MAX];

	if (s->scan.count == 2)
		return 0;
	if (s->scan.count < 2)
		scan_error(&s->scan, &t[0], "%s needs %s", name, argument);
	else
		scan_error(&s->scan, &t[2], "\"%s\": %s takes only %s", token_show(&t[2], shown),
			name, argument);
	return -1;
}

static int read_origin(struct source *s)
{
	struct dname origin;

	if (one_argument(s, "$ORIGIN", "a name") < 0 ||
		directive_name(s, &s->scan.tokens[1], &origin) < 0)
		return -1;
	s->origin = origin;
	return 0;
}

static int read_ttl(struct source *s)
{
	const struct token *t = &s->scan.tokens[1];
	const char *why = NULL;
	char shown[TOKEN_SHOWN_MAX];

	if (one_argument(s, "$TTL", "a time") < 0)
		return -1;
	if (ttl_parse(t, &s->load->ttl_default, &why) < 0) {
		scan_error(&s->scan, t, "$TTL \"%s\": %s", token_show(t, shown), why);
		return -1;
	}
	return 0;
}

/* The file of an $INCLUDE: relative to the including file, escapes resolved. */
static char *include_path(struct source *s, const struct token *t)
{
	const char *own = s->load->files[s->file].name, *slash = strrchr(own, '/');
	size_t folder = slash != NULL ? (size_t)(slash - own) + 1 : 0, at = folder;
	char *path = malloc(folder + t->length + 1);

	if (path == NULL)
		return NULL;
	memcpy(path, own, folder);
	for (size_t i = 0; i < t->length;) {
		int c = token_octet(t, &i);

		if (c <= 0) {
			free(path);
			errno = EINVAL;
			return NULL;
		}
		path[at++] = (char)c;
	}
	path[at] = '\0';
	return path;
}

/* As `path` would be shown beside the zone's own file. */
static char *shown_path(struct load *l, const char *path)
{
	const struct load_file *own = &l->files[0];
	size_t name = strlen(own->name), shown = strlen(own->shown);

	if (shown < name || strcmp(own->shown + shown - name, own->name) != 0)
		return arena_strdup(&l->arena, path);
	return arena_printf(&l->arena, "%.*s%s", (int)(shown - name), own->shown, path);
}

static int include_file(struct source *s, const struct token *t, const char *path)
{
	struct load *l = s->load;
	char shown[TOKEN_SHOWN_MAX];
	char *display = shown_path(l, path);
	char why[OPEN_FAILURE_MAX];
	struct source *inner;
	int fd, file, rc;

	fd = open_beneath(l->dirfd, path);
	if (fd < 0) {
		scan_error(&s->scan, t, "$INCLUDE \"%s\": %s", token_show(t, shown),
			errno == EXDEV    ? "leads out of the zones folder"
			: errno == EINVAL ? "is not a regular file"
					  : open_failure(l->dirfd, path, errno, why));
		return -1;
	}
	file = display != NULL ? load_add_file(l, path, display) : -1;
	inner = malloc(sizeof *inner);
	if (file < 0 || inner == NULL) {
		free(inner);
		(void)close(fd);
		return load_no_memory(l);
	}
	*inner = *s;
	inner->file = (uint16_t)file;
	inner->depth++;
	rc = s->scan.count == 3 ? directive_name(s, &s->scan.tokens[2], &inner->origin) : 0;
	scan_file(&inner->scan, fd, &l->read_left, l->files[file].shown, l->report);
	if (rc == 0)
		rc = load_read(inner);
	scan_close(&inner->scan);
	free(inner);
	(void)close(fd);
	return rc;
}

static int read_include(struct source *s)
{
	const struct token *t = s->scan.tokens;
	struct load *l = s->load;
	char *path;
	int rc;

	if (s->scan.count < 2 || s->scan.count > 3) {
		scan_error(&s->scan, &t[0], "$INCLUDE takes a file and perhaps an origin");
		return -1;
	}
	if (l->dirfd == -1) {
		scan_error(&s->scan, &t[0], "$INCLUDE is not possible here");
		return -1;
	}
	if (s->depth >= ZONE_INCLUDE_DEPTH) {
		scan_error(&s->scan, &t[0], "$INCLUDE is nested more than %d deep",
			ZONE_INCLUDE_DEPTH);
		return -1;
	}
	if (l->includes >= ZONE_INCLUDES_MAX) {
		if (l->includes++ == ZONE_INCLUDES_MAX)
			scan_error(&s->scan, &t[0], "more than %u files are included",
				ZONE_INCLUDES_MAX);
		return -1;
	}
	l->includes++;
	path = include_path(s, &t[1]);
	if (path == NULL) {
		scan_error(&s->scan, &t[1], "$INCLUDE: not a file name");
		return -1;
	}
	rc = include_file(s, &t[1], path);
	free(path);
	return rc;
}

struct directive {
	const char *name;
	int (*read)(struct source *s);
};

static const struct directive directives[] = {
	{"$ORIGIN", read_origin},
	{"$TTL", read_ttl},
	{"$INCLUDE", read_include},
	{"$GENERATE", load_generate},
};
#define DIRECTIVES (sizeof directives / sizeof directives[0])

int load_directive(struct source *s)
{
	const struct token *t = s->scan.tokens;
	const char *names[DIRECTIVES], *nearest;
	char shown[TOKEN_SHOWN_MAX];

	for (size_t i = 0; i < DIRECTIVES; i++) {
		if (token_is(t, directives[i].name))
			return directives[i].read(s);
		names[i] = directives[i].name;
	}
	nearest = text_nearest(token_show(t, shown), names, DIRECTIVES);
	scan_error(&s->scan, t, "\"%s\": unknown directive%s%s%s", shown,
		nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
		nearest != NULL ? "?" : "");
	return -1;
}
