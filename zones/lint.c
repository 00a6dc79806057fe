/*
 * What a zone may hold but hardly means: names without their final dot, raw UTF-8, an @ in the SOA's
 * mailbox, text that a comment cuts; targets in the zone that have no address, or a CNAME. Warnings
 * only, at most ZONE_LINT_MAX a load, so that a file of a million mistakes costs no more than one
 * without.
 *
 * What stands in the text is judged where it is read, with its own place; targets when all names are
 * known (zones/check.c calls).
 */
#include "zones/load.h"

#include "base/wire.h"

#include <stdio.h>
#include <string.h>

/* May one more warning be said? The last one says that there are more. */
static bool has_room(struct lint *lint)
{
	if (lint->quiet || lint->shown > ZONE_LINT_MAX)
		return false;
	lint->shown++;
	return true;
}

/* The rest of the message about what has_room() let through. */
static const char *more(const struct lint *lint)
{
	return lint->shown > ZONE_LINT_MAX ? "; further warnings of this kind are not shown" : "";
}

/* ---- names as they are written ---- */

static bool has_raw_octets(const struct token *t)
{
	uint64_t all = 0, word;
	size_t i = 0;

	for (; i + sizeof word <= t->length; i += sizeof word) {
		memcpy(&word, t->text + i, sizeof word);
		all |= word;
	}
	for (; i < t->length; i++)
		all |= (uint64_t)(uint8_t)t->text[i];
	return (all & UINT64_C(0x8080808080808080)) != 0;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

void lint_set_apex(struct lint *lint, const uint8_t *wire, size_t length)
{
	memcpy(lint->apex, wire, length);
	lint->apex_length = (uint8_t)(length - 1);
	lint->apex_last = length > 1 ? wire[length - 2] : 0;
}

/* Does wire[0..length) end in the zone's own labels, at the start of a label? */
static bool ends_in_apex(const uint8_t *wire, size_t length, const struct lint *lint)
{
	size_t apex = lint->apex_length, at = 0;

	if (apex == 0 || length < apex)
		return false;
	for (size_t i = 0; i < apex; i++)
		if (lower(wire[length - apex + i]) != lint->apex[i])
			return false;
	while (at < length - apex)
		at += (size_t)wire[at] + 1;
	return at == length - apex;
}

void lint_name(struct lint *lint, struct scan *scan, const struct token *t, const char *what,
	const uint8_t *wire, size_t length, const uint8_t *origin)
{
	char shown[TOKEN_SHOWN_MAX], name[NAME_TEXT_MAX];
	size_t added;

	if (has_raw_octets(t) && has_room(lint))
		scan_warn(scan, t,
			"%s \"%s\": raw octets above 127; resolvers ask for the xn-- form of such "
			"a name (RFC 5891)%s",
			what, token_show(t, shown), more(lint));
	/* at a glance; a name with its final dot ends in no letter */
	if (t->length == 0 || lower((uint8_t)t->text[t->length - 1]) != lint->apex_last)
		return;
	added = name_length(origin);
	if (length < added || !ends_in_apex(wire, length - added, lint) || !has_room(lint))
		return;
	scan_warn(scan, t, "%s \"%s\" has no final dot: it is %.250s%s", what, token_show(t, shown),
		name_format(wire, name), more(lint));
}

void lint_mailbox(struct lint *lint, struct scan *scan, const struct token *t)
{
	char shown[TOKEN_SHOWN_MAX];

	if (t->length < 2 || memchr(t->text, '@', t->length) == NULL || !has_room(lint))
		return;
	scan_warn(scan, t,
		"mailbox \"%s\": the @ is part of the name; a mailbox has a dot in its place (RFC "
		"1035, 8)%s",
		token_show(t, shown), more(lint));
}

/* Has a type text that may go on behind a semicolon, and need not be quoted? */
static bool is_text(uint16_t type)
{
	const struct rdata_type *t = rdata_type(type);

	return type == TYPE_CAA || (t != NULL && t->form != NULL && t->form[0] == 't');
}

void lint_text(struct lint *lint, struct scan *scan, uint16_t type)
{
	struct token cut = scan->cut;

	scan->cut.line = 0;
	if (is_text(type) && has_room(lint))
		scan_warn(scan, &cut,
			"the text ends at this ';', which begins a comment: quote the text or "
			"write "
			"\\;%s",
			more(lint));
}

/* ---- targets ---- */

static bool owner_has(const struct load *l, uint32_t owner, uint16_t type)
{
	for (uint32_t ref = log_owner_at(&l->log, owner)->head; ref != 0;
		ref = log_record_at(&l->log, ref)->next)
		if (log_record_at(&l->log, ref)->type == type)
			return true;
	return false;
}

static bool has_address(const struct load *l, uint32_t owner)
{
	return owner_has(l, owner, TYPE_A) || owner_has(l, owner, TYPE_AAAA) ||
	       owner_has(l, owner, TYPE_POOL);
}

/* What is wrong with a target in the zone; NULL: nothing. Below a cut it is the child's business. */
static const char *judge_target(const struct load *l, const struct dname *name)
{
	uint32_t ref = load_find(l, name, 0), encloser = ref;
	unsigned label = 0;

	while (encloser == 0) /* the apex exists */
		encloser = load_find(l, name, ++label);
	if ((log_owner_at(&l->log, encloser)->flags & (NODE_CUT | NODE_BELOW_CUT)) != 0)
		return NULL;
	if (ref == 0 && owner_has(l, encloser, TYPE_DNAME))
		return "is below a DNAME";
	if (ref == 0)
		ref = load_find_wildcard(l, name, label);
	if (ref == 0)
		return "does not exist in this zone";
	if (owner_has(l, ref, TYPE_CNAME))
		return "is a CNAME, which it must not be (RFC 2181, 10.3; RFC 2782)";
	return has_address(l, ref) ? NULL : "has no address in this zone";
}

void lint_target(struct load *l, const struct log_record *r)
{
	const uint8_t *target = r->rdata + (r->type == TYPE_MX ? 2 : 6);
	char text[NAME_TEXT_MAX], type[RRTYPE_TEXT_MAX];
	struct dname name;
	const char *why;

	if (*target == 0 || l->lint.shown > ZONE_LINT_MAX) /* "." is no host */
		return;
	(void)dname_from_wire(&name, target, name_length(target));
	if (!dname_is_below(&name, &l->apex))
		return;
	why = judge_target(l, &name);
	if (why != NULL && has_room(&l->lint))
		load_message(l, SEVERITY_WARNING, r, "%s target %.250s %s%s",
			rrtype_format(r->type, type), name_format(target, text), why,
			more(&l->lint));
}
