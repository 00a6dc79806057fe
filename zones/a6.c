/*
 * A6 (RFC 2874, 3.1): prefix length, the address without its prefix, the name of the prefix.
 *
 *   0 2001:db8::1      | 0 | 16 octets |
 *   64 ::1 net.a.      | 64 | 8 octets | name |       bits of a started octet that belong to the
 *   128 net.a.         | 128 | name |                 prefix are 0
 */
#include "zones/rdata.h"

#include "base/wire.h"

#include <arpa/inet.h>
#include <string.h>

#define ADDRESS_SIZE 16u
#define ADDRESS_BITS 128u

static size_t suffix_size(unsigned prefix)
{
	return (ADDRESS_BITS - prefix + 7) / 8;
}

int a6_parse(struct fields *f)
{
	uint8_t *start = f->at, address[ADDRESS_SIZE], *room;
	struct fields one;
	unsigned prefix;
	size_t size;

	if (field_number(f, "A6 prefix length", ADDRESS_BITS, 1) < 0)
		return -1;
	prefix = *start;
	size = suffix_size(prefix);
	if (prefix < ADDRESS_BITS) {
		one = *f;
		one.at = address;
		one.limit = address + sizeof address;
		if (field_ipv6(&one, "A6 address") < 0)
			return -1;
		room = field_room(f, f->next++, size);
		if (room == NULL)
			return -1;
		memcpy(room, address + sizeof address - size, size);
		if (prefix % 8 != 0)
			room[0] &= (uint8_t)(0xff >> (prefix % 8));
	}
	return prefix > 0 ? field_name(f, "A6 prefix name") : 0;
}

bool a6_verify(struct reader *r)
{
	unsigned prefix = get_u8(r);
	const uint8_t *suffix;

	if (r->failed || prefix > ADDRESS_BITS)
		return false;
	suffix = get_bytes(r, suffix_size(prefix));
	if (suffix == NULL || (prefix % 8 != 0 && suffix[0] >> (8 - prefix % 8) != 0))
		return false;
	return prefix == 0 || rdata_skip_name(r) > 0;
}

void a6_format(struct reader *r, struct text *out)
{
	uint8_t address[ADDRESS_SIZE] = {0};
	unsigned prefix = get_u8(r);
	size_t size = suffix_size(prefix);
	char text[INET6_ADDRSTRLEN] = "", name[NAME_TEXT_MAX];

	text_printf(out, "%u", prefix);
	memcpy(address + sizeof address - size, get_bytes(r, size), size);
	if (prefix < ADDRESS_BITS)
		text_printf(out, " %s", inet_ntop(AF_INET6, address, text, sizeof text));
	if (prefix > 0)
		text_printf(out, " %s", name_format(r->at, name));
}
