#include "geo/embedded.h"

#include "base/wire.h"

static const struct form {
	struct prefix block;
	uint8_t at;    /* bits before the IPv4 address */
	bool inverted; /* each of its bits is */
} forms[] = {
	{{{FAMILY_IPV6, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}}, 96}, 96, false},
	{{{FAMILY_IPV6, {0, 0x64, 0xff, 0x9b}}, 96}, 96, false},
	{{{FAMILY_IPV6, {0x20, 0x01}}, 32}, 96, true},
	{{{FAMILY_IPV6, {0x20, 0x02}}, 16}, 16, false},
};

_Static_assert(sizeof forms / sizeof forms[0] <= EMBEDDED_BLOCKS_MAX, "a caller's array");

const struct prefix *embedded_block(size_t index)
{
	return index < sizeof forms / sizeof forms[0] ? &forms[index].block : NULL;
}

bool embedded_find(const struct addr *a, struct embedded *out)
{
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		const struct form *f = &forms[i];

		if (!prefix_contains(&f->block, a))
			continue;
		*out = (struct embedded){.ipv4.family = FAMILY_IPV4,
			.bits = load_u32(a->bytes + f->at / 8),
			.at = f->at};
		store_u32(out->ipv4.bytes, f->inverted ? ~out->bits : out->bits);
		return true;
	}
	return false;
}
