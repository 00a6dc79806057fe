/* dns/query.c on any octets: never a read past the packet (ASan), and what it says must be consistent. */
#include "dns/cookie.h"
#include "dns/query.h"
#include "tests/fuzz/fuzz.h"
#include "zones/zone.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct query_rules rules = {UDP_PAYLOAD_USUAL, true, true};
	uint8_t *exact = calloc(1, size > 0 ? size : 1); /* so that one octet too far is seen */
	struct query *q = calloc(1, sizeof *q);
	enum query_action action;

	CHECK(exact != NULL && q != NULL);
	if (size > 0)
		memcpy(exact, data, size);
	action = query_parse(q, &rules, exact, size);
	if (action != QUERY_DROP) {
		CHECK(size >= DNS_HEADER_SIZE && (exact[2] & 0x80) == 0);
		CHECK(q->payload >= UDP_PAYLOAD_PLAIN && q->payload <= rules.payload);
		CHECK(DNS_HEADER_SIZE + q->question_size <= size);
		CHECK(q->edns || !q->has_subnet);
		CHECK((action == QUERY_ERROR) == (q->rcode != RCODE_NOERROR));
		CHECK(!q->edns || q->cookie_size == 0 || cookie_size_is_sound(q->cookie_size));
		CHECK(!q->edns || q->cookie_size == 0 ||
			(q->cookie > exact && q->cookie + q->cookie_size <= exact + size));
		CHECK(action != QUERY_COOKIE || (q->edns && q->cookie_size > 0));
	}
	if (action == QUERY_ANSWER) {
		struct addr a = query_subnet_address(q);

		CHECK(q->class == DNS_CLASS_IN && q->type != TYPE_AXFR && q->type != TYPE_OPT);
		CHECK(q->question_size == q->name.length + 4u);
		CHECK(q->name.wire[q->name.length - 1] == 0);
		CHECK(a.family == FAMILY_NONE || q->subnet.source <= addr_bits(&a));
	}
	free(q);
	free(exact);
	return 0;
}
