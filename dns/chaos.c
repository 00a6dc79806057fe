#include "dns/chaos.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What a name asks for, "" when it is not told; NULL when nothing is known by that name. */
static const char *find_text(const struct conf_dns *dns, const struct dname *name)
{
	const struct {
		const char *wire;
		const char *text;
	} known[] = {
		{"\2id\6server", dns->nsid},
		{"\10hostname\4bind", dns->nsid},
		{"\7version\6server", dns->version},
		{"\7version\4bind", dns->version},
	};

	for (size_t i = 0; i < COUNT(known); i++) {
		size_t size = strlen(known[i].wire) + 1; /* the NUL is the root */

		if (name->length == size && memcmp(name->wire, known[i].wire, size) == 0)
			return known[i].text;
	}
	return NULL;
}

void chaos_answer(const struct conf_dns *dns, const struct query *query, struct reply *reply)
{
	const struct owner owner = {OWNER_QUESTION, query->packet + DNS_HEADER_SIZE};
	const char *text = find_text(dns, &query->name);
	uint8_t rdata[1 + CONF_TEXT_MAX];
	size_t length;

	if (text == NULL || *text == '\0') {
		reply->rcode = RCODE_REFUSED;
		reply_explain(reply, EDE_NOT_AUTHORITATIVE, "");
		return;
	}
	length = strnlen(text, CONF_TEXT_MAX);
	rdata[0] = (uint8_t)length;
	memcpy(rdata + 1, text, length);
	reply->authoritative = true;
	if (!reply_add_record(reply, SECTION_ANSWER, &owner, TYPE_TXT, 0, rdata, 1 + length))
		reply_truncate(reply);
}
