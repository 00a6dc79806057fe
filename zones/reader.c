/*
 * Master files (RFC 1035, 5; RFC 2308, 4; RFC 3597, 5): entries to records in the log.
 *
 * A mistake is reported and its entry skipped; reading always goes on to the end, so that one run
 * shows all of them.
 *
 * What a signer has added to a zone is read and left out: there is no answer yet that proves
 * anything with it, and half of it (keys without signatures) is worse than none. It gets no owner in
 * the log either, so that hashed names of NSEC3 do not exist. DS stays: it is the parent's own data
 * at a cut.
 */
#include "zones/load.h"

#include "base/pages.h"
#include "base/wire.h"
#include "zones/hints.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

int load_no_memory(struct load *l)
{
	report_add(l->report, SEVERITY_ERROR, l->files[0].shown, 0, 0,
		"out of memory, or more than %llu octets of records",
		(unsigned long long)LOG_SIZE_MAX);
	return -1;
}

/* ---- files ---- */

int load_add_file(struct load *l, const char *name, const char *shown)
{
	for (uint16_t i = 0; i < l->file_count; i++)
		if (strcmp(l->files[i].name, name) == 0)
			return i;
	if (l->file_count == l->file_capacity) {
		uint16_t capacity = (uint16_t)(l->file_capacity > 0 ? l->file_capacity * 2 : 4);
		struct load_file *files = realloc(l->files, capacity * sizeof *files);

		if (files == NULL)
			return -1;
		l->files = files;
		l->file_capacity = capacity;
	}
	l->files[l->file_count].name = arena_strdup(&l->arena, name);
	l->files[l->file_count].shown = arena_strdup(&l->arena, shown);
	if (l->files[l->file_count].name == NULL || l->files[l->file_count].shown == NULL)
		return -1;
	return l->file_count++;
}

static int origin_from_text(struct dname *out, const char *text, struct load *l)
{
	const char *why = NULL;

	if (dname_from_text(out, text, NULL, &why) == 0)
		return 0;
	report_add(
		l->report, SEVERITY_ERROR, l->files[0].shown, 0, 0, "origin \"%s\": %s", text, why);
	return -1;
}

/* ---- records ---- */

static bool is_class(const struct token *t)
{
	return token_is(t, "IN") || token_is(t, "CH") || token_is(t, "HS") ||
	       (t->length > 5 && strncasecmp(t->text, "CLASS", 5) == 0);
}

static int check_class(struct source *s, const struct token *t)
{
	char shown[TOKEN_SHOWN_MAX];

	if (token_is(t, "IN") || token_is(t, "CLASS1"))
		return 0;
	scan_error(&s->scan, t, "class \"%s\": only IN is served", token_show(t, shown));
	return -1;
}

/* What stands before the RDATA. */
struct head {
	const struct token *type;
	uint16_t number;
	bool has_ttl;
	uint32_t ttl;
};

/* TTL and class in either order, each at most once, then the type. Returns the tokens used; 0
 * with an error. */
static size_t read_head(struct source *s, const struct token *t, size_t count, struct head *h)
{
	const struct token *class = NULL;
	const char *why = NULL;
	char shown[TOKEN_SHOWN_MAX];
	size_t i = 0;

	h->has_ttl = false;
	for (; i < count; i++) {
		if (!h->has_ttl && t[i].text[0] >= '0' && t[i].text[0] <= '9' && t[i].length > 0) {
			if (ttl_parse(&t[i], &h->ttl, &why) < 0) {
				scan_error(&s->scan, &t[i], "TTL \"%s\": %s",
					token_show(&t[i], shown), why);
				return 0;
			}
			h->has_ttl = true;
		} else if (class == NULL && is_class(&t[i])) {
			class = &t[i];
		} else {
			break;
		}
	}
	if (class != NULL && check_class(s, class) < 0)
		return 0;
	if (i == count) {
		struct token last = i > 0 ? t[i - 1] : s->scan.tokens[0];

		scan_error(&s->scan, &last, "the record has no type");
		return 0;
	}
	h->type = &t[i];
	if (rrtype_parse(&t[i], &h->number, &why) < 0) {
		const char *hint = hint_of_type(s, &t[i]);
		const char *nearest = hint[0] == '\0' ? rrtype_nearest(&t[i]) : NULL;

		scan_error(&s->scan, &t[i], "type \"%s\": %s%s%s%s%s", token_show(&t[i], shown),
			why, hint, nearest != NULL ? "; did you mean " : "",
			nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
		return 0;
	}
	return i + 1;
}

/* The TTL of a record that has none of its own: $TTL, else the last one given, else the SOA's
 * minimum (RFC 2308, 4; RFC 1035, 5.1). */
static int default_ttl(struct source *s, const struct head *h, uint32_t *ttl)
{
	const struct load *l = s->load;

	*ttl = l->ttl_default != UINT32_MAX ? l->ttl_default
	       : l->ttl_last != UINT32_MAX  ? l->ttl_last
					    : l->ttl_minimum;
	if (*ttl != UINT32_MAX)
		return 0;
	scan_error(&s->scan, h->type, "no TTL here, no $TTL and no SOA before it");
	return -1;
}

static int set_ttl(struct source *s, const struct head *h, struct log_record *r)
{
	struct load *l = s->load;

	if (h->number == TYPE_SOA && l->ttl_minimum == UINT32_MAX) {
		uint32_t minimum = load_u32(r->rdata + r->length - 4);

		l->ttl_minimum = minimum <= TTL_MAX_S ? minimum : TTL_MAX_S;
	}
	if (h->has_ttl) {
		r->ttl = h->ttl;
		if (h->number != TYPE_POOL) /* its TTL is a cap */
			l->ttl_last = h->ttl;
		return 0;
	}
	if (h->number == TYPE_POOL) {
		r->ttl = UINT32_MAX;
		return 0;
	}
	return default_ttl(s, h, &r->ttl);
}

static bool is_dnssec(uint16_t type)
{
	switch (type) {
	case TYPE_RRSIG:
	case TYPE_NSEC:
	case TYPE_DNSKEY:
	case TYPE_NSEC3:
	case TYPE_NSEC3PARAM:
	case TYPE_CDS:
	case TYPE_CDNSKEY: return true;
	}
	return false;
}

static void leave_out(struct source *s, const struct token *type)
{
	struct load *l = s->load;

	if (l->left_out++ > 0)
		return;
	l->first_left_out.file = s->file;
	l->first_left_out.line = type->line;
	l->first_left_out.column = type->column;
}

int load_record(struct source *s, const struct token *t, size_t count)
{
	struct load *l = s->load;
	struct head h;
	size_t used = read_head(s, t, count, &h);
	struct log_record *r;
	struct fields f = {.scan = &s->scan,
		.lint = &l->lint,
		.next = t + used,
		.end = t + count,
		.type = h.type,
		.origin = s->origin.wire};
	int rc;

	if (used == 0)
		return -1;
	if (!is_dnssec(h.number) && log_owner(&l->log, &s->owner) < 0)
		return load_no_memory(l);
	r = log_begin(&l->log);
	if (r == NULL)
		return load_no_memory(l);
	f.at = r->rdata;
	f.limit = r->rdata + LOG_RDATA_MAX;
	rc = h.number == TYPE_POOL ? load_pool(l, &f) : rdata_parse(h.number, &f);
	r->length = (uint16_t)(f.at - r->rdata);
	r->type = h.number;
	if (rc < 0 || set_ttl(s, &h, r) < 0)
		return -1;
	if (s->scan.cut.line != 0)
		lint_text(&l->lint, &s->scan, h.number);
	if (is_dnssec(h.number)) {
		leave_out(s, h.type);
		return 0;
	}
	r->line = h.type->line;
	r->column = h.type->column < UINT16_MAX ? (uint16_t)h.type->column : UINT16_MAX;
	r->file = s->file;
	if (h.number == TYPE_SOA && l->soa == 0) {
		l->soa = log_ref(&l->log, r);
		l->apex_owner = l->log.last_owner;
		lint_set_apex(&l->lint, s->owner.wire, s->owner.length);
	}
	log_commit(&l->log, r);
	return 0;
}

static int read_owner(struct source *s)
{
	const struct token *t = s->scan.tokens;
	const char *why = NULL;
	char shown[TOKEN_SHOWN_MAX];

	s->owner_known = true;
	s->owner_bad = dname_from_chars(&s->owner, t->text, t->length, &s->origin, &why) < 0;
	if (!s->owner_bad && t->length > 0 && t->text[0] == '#')
		scan_warn(&s->scan, t, "owner \"%s\"%s", token_show(t, shown), hint_of_field(t));
	if (!s->owner_bad) {
		lint_name(&s->load->lint, &s->scan, t, "owner", s->owner.wire, s->owner.length,
			s->origin.wire);
		return 0;
	}
	scan_error(&s->scan, t, "owner \"%s\": %s", token_show(t, shown), why);
	return -1;
}

static int read_entry(struct source *s)
{
	const struct token *t = s->scan.tokens;
	size_t count = s->scan.count;

	if (t->length > 0 && t->text[0] == '$' && !t->quoted) {
		char shown[TOKEN_SHOWN_MAX];

		if (!s->scan.blank)
			return load_directive(s);
		scan_error(&s->scan, t,
			"\"%s\" stands behind a blank, which begins a record: directives begin "
			"their "
			"line",
			token_show(t, shown));
		return -1;
	}
	if (!s->scan.blank) {
		if (read_owner(s) < 0)
			return -1;
		t++;
		count--;
	} else if (!s->owner_known) {
		scan_error(&s->scan, t, "the first record has no owner name");
		return -1;
	} else if (s->owner_bad) {
		return -1; /* reported where the owner stands */
	}
	return load_record(s, t, count);
}

int load_read(struct source *s)
{
	size_t errors = s->load->report->errors;

	while (scan_next(&s->scan))
		(void)read_entry(s);
	return s->load->report->errors == errors ? 0 : -1;
}

/* ---- the whole ---- */

static void warn_left_out(const struct load *l)
{
	if (l->left_out > 0)
		report_add(l->report, SEVERITY_WARNING, l->files[l->first_left_out.file].shown,
			l->first_left_out.line, l->first_left_out.column, "%zu " ZONE_LEFT_OUT_TEXT,
			l->left_out);
}

/* scan_memory() or scan_file() has been called on s->scan. */
static int load_all(struct source *s, const char *file, const char *shown, const char *origin,
	size_t expected, struct zone **out)
{
	struct load *l = s->load;
	size_t errors = l->report->errors;
	int rc = -1;

	l->ttl_default = l->ttl_last = l->ttl_minimum = UINT32_MAX;
	l->read_left = ZONE_FILE_MAX;
	l->generated_left = ZONE_GENERATED_MAX;
	if (load_add_file(l, file, shown) < 0 || log_open(&l->log, expected) < 0) {
		report_add(l->report, SEVERITY_ERROR, shown, 0, 0, "out of memory");
		goto out;
	}
	if (origin_from_text(&s->origin, origin, l) < 0)
		goto out;
	lint_set_apex(&l->lint, s->origin.wire, s->origin.length);
	rc = load_read(s);
	l->partial = rc < 0;
	if (load_index(l) < 0 || load_check(l) < 0 || l->report->errors != errors)
		rc = -1;
	if (rc == 0)
		rc = load_build(l, out);
	if (rc == 0)
		warn_left_out(l);
out:
	log_close(&l->log);
	pages_free(l->slots, l->slot_count * sizeof *l->slots);
	free(l->files);
	arena_free(&l->arena);
	return rc;
}

int zone_parse(const char *text, size_t length, int dirfd, const char *shown, const char *origin,
	const struct zone_pools *pools, struct zone **out, struct report *report)
{
	struct load l = {.pools = pools, .report = report, .dirfd = dirfd};
	struct source s = {.load = &l};
	int rc;

	scan_memory(&s.scan, text, length, shown, report);
	rc = load_all(&s, shown, shown, origin, length, out);
	scan_close(&s.scan);
	return rc;
}

int zone_load(int dirfd, const char *file, const char *shown, const char *origin,
	const struct zone_pools *pools, struct zone **out, struct report *report)
{
	struct load l = {.pools = pools, .report = report, .dirfd = dirfd};
	struct source s = {.load = &l};
	int fd = open_regular(dirfd, file), rc;
	char why[OPEN_FAILURE_MAX];

	if (fd < 0) {
		report_add(report, SEVERITY_ERROR, shown, 0, 0, "cannot open: %s",
			errno == EINVAL ? "it is not a regular file"
					: open_failure(dirfd, file, errno, why));
		return -1;
	}
	scan_file(&s.scan, fd, &l.read_left, shown, report);
	rc = load_all(&s, file, shown, origin, 0, out);
	scan_close(&s.scan);
	(void)close(fd);
	return rc;
}
