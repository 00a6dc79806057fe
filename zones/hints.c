#include "zones/hints.h"

#include "zones/rdata.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* With these named.conf and its kind begin their statements. */
static const char *const statements[] = {"zone", "options", "acl", "view", "include", "key",
	"logging", "controls", "server", "masters"};

static bool is_any(const struct token *t, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (token_is(t, words[i]))
			return true;
	return false;
}

static bool is_statement(const struct scan *s)
{
	if (!is_any(&s->tokens[0], statements, COUNT(statements)))
		return false;
	for (size_t i = 1; i < s->count; i++)
		if (token_is(&s->tokens[i], "{"))
			return true;
	return false;
}

/* Could a type, a class or a TTL stand here? Then the token before it was meant as an owner. */
static bool follows_owner(const struct token *t)
{
	const char *why;
	uint16_t type;
	uint32_t ttl;

	return token_is(t, "IN") || rrtype_parse(t, &type, &why) == 0 ||
	       ttl_parse(t, &ttl, &why) == 0;
}

const char *hint_of_type(const struct source *s, const struct token *type)
{
	static const char *const aliases[] = {"ALIAS", "ANAME", "LUA", "DYNA", "DYNC"};
	const struct scan *scan = &s->scan;
	const struct token *end = scan->tokens + scan->count;

	if (is_statement(scan))
		return "; this is a statement of named.conf, not a record of a master file";
	if (is_any(type, aliases, COUNT(aliases)))
		return "; here POOL answers with the addresses of a pool's endpoints: \"@ POOL "
		       "web\"";
	if (scan->blank && type == scan->tokens && type + 1 < end && follows_owner(type + 1))
		return "; a line that begins with a blank goes on with the name above: an owner "
		       "stands at the beginning of its line";
	return hint_of_field(type);
}

const char *hint_of_field(const struct token *t)
{
	return t->length > 0 && t->text[0] == '#' && !t->quoted ? "; comments begin with ;" : "";
}
