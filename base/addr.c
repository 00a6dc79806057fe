#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_ipv4(struct addr *out, const void *bytes)
{
	*out = (struct addr){.family = FAMILY_IPV4};
	memcpy(out->bytes, bytes, 4);
}

static void set_ipv6(struct addr *out, const struct in6_addr *in)
{
	if (IN6_IS_ADDR_V4MAPPED(in)) {
		set_ipv4(out, in->s6_addr + 12);
		return;
	}
	out->family = FAMILY_IPV6;
	memcpy(out->bytes, in->s6_addr, 16);
}

int addr_parse(const char *text, struct addr *out)
{
	struct in6_addr in6;
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) == 1) {
		set_ipv4(out, &in);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &in6) == 1) {
		set_ipv6(out, &in6);
		return 0;
	}
	return -1;
}

/* Decimal digits only, no sign, no leading blank. */
static int parse_number(const char *text, unsigned max, unsigned *out)
{
	unsigned value = 0;

	if (*text == '\0')
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		value = value * 10 + (unsigned)(*text - '0');
		if (value > max)
			return -1;
	}
	*out = value;
	return 0;
}

int prefix_parse(const char *text, struct prefix *out)
{
	const char *slash = strchr(text, '/');
	char head[ADDR_TEXT_MAX];
	struct addr addr, masked;
	unsigned length;

	if (slash == NULL) {
		if (addr_parse(text, &addr) < 0)
			return -1;
		*out = (struct prefix){addr, addr_bits(&addr)};
		return 0;
	}
	if ((size_t)(slash - text) >= sizeof head)
		return -1;
	memcpy(head, text, (size_t)(slash - text));
	head[slash - text] = '\0';
	if (addr_parse(head, &addr) < 0 || parse_number(slash + 1, 128, &length) < 0)
		return -1;
	if (addr.family == FAMILY_IPV4 && strchr(head, ':') != NULL) { /* ::ffff:a.b.c.d/96+n */
		if (length < 96)
			return -1;
		length -= 96;
	}
	if (length > addr_bits(&addr))
		return -1;
	masked = addr;
	addr_mask(&masked, (uint8_t)length);
	if (!addr_equal(&masked, &addr))
		return -1;
	*out = (struct prefix){addr, (uint8_t)length};
	return 0;
}

int hostport_parse(const char *text, bool zero_ok, struct hostport *out)
{
	const char *colon = strrchr(text, ':');
	char head[ADDR_TEXT_MAX];
	size_t length;
	unsigned port;
	bool bracketed;

	if (colon == NULL)
		return -1;
	length = (size_t)(colon - text);
	bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';
	if (bracketed) {
		text++;
		length -= 2;
	}
	if (length >= sizeof head)
		return -1;
	memcpy(head, text, length);
	head[length] = '\0';
	if (bracketed != (strchr(head, ':') != NULL))
		return -1; /* [192.0.2.1]:53 and ::1:53 are both ambiguous or wrong */
	if (addr_parse(head, &out->addr) < 0 || parse_number(colon + 1, 65535, &port) < 0)
		return -1;
	if (port == 0 && !zero_ok)
		return -1;
	out->port = (uint16_t)port;
	return 0;
}

const char *addr_format(const struct addr *a, char *out)
{
	int family = a->family == FAMILY_IPV4 ? AF_INET : AF_INET6;

	if (a->family == FAMILY_NONE || inet_ntop(family, a->bytes, out, ADDR_TEXT_MAX) == NULL)
		memcpy(out, "-", 2);
	return out;
}

const char *prefix_format(const struct prefix *p, char *out)
{
	char text[ADDR_TEXT_MAX];

	(void)snprintf(out, PREFIX_TEXT_MAX, "%s/%u", addr_format(&p->addr, text), p->length);
	return out;
}

const char *hostport_format(const struct hostport *h, char *out)
{
	const char *format = h->addr.family == FAMILY_IPV6 ? "[%s]:%u" : "%s:%u";
	char text[ADDR_TEXT_MAX];

	addr_format(&h->addr, text);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(out, HOSTPORT_TEXT_MAX, format, text, h->port);
#pragma GCC diagnostic pop
	return out;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

size_t addr_size(const struct addr *a)
{
	return a->family == FAMILY_IPV4 ? 4 : a->family == FAMILY_IPV6 ? 16 : 0;
}

uint8_t addr_bits(const struct addr *a)
{
	return (uint8_t)(addr_size(a) * 8);
}

void addr_mask(struct addr *a, uint8_t length)
{
	for (unsigned i = 0; i < sizeof a->bytes; i++) {
		unsigned first = i * 8;

		if (first >= length)
			a->bytes[i] = 0;
		else if (length - first < 8)
			a->bytes[i] &= (uint8_t)(0xff00u >> (length - first));
	}
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	struct addr masked = *a;

	if (a->family != p->addr.family)
		return false;
	addr_mask(&masked, p->length);
	return memcmp(masked.bytes, p->addr.bytes, sizeof masked.bytes) == 0;
}

/* Blocks whose addresses are not of the public Internet (IANA special-purpose registries). */
static const struct prefix special_blocks[] = {
	{{FAMILY_IPV4, {0}}, 8},
	{{FAMILY_IPV4, {10}}, 8},
	{{FAMILY_IPV4, {100, 64}}, 10},
	{{FAMILY_IPV4, {127}}, 8},
	{{FAMILY_IPV4, {169, 254}}, 16},
	{{FAMILY_IPV4, {172, 16}}, 12},
	{{FAMILY_IPV4, {192, 0, 0}}, 24},
	{{FAMILY_IPV4, {192, 0, 2}}, 24},
	{{FAMILY_IPV4, {192, 168}}, 16},
	{{FAMILY_IPV4, {198, 18}}, 15},
	{{FAMILY_IPV4, {198, 51, 100}}, 24},
	{{FAMILY_IPV4, {203, 0, 113}}, 24},
	{{FAMILY_IPV4, {224}}, 3},
	{{FAMILY_IPV6, {0}}, 127}, /* :: and ::1 */
	{{FAMILY_IPV6, {0x01}}, 64},
	{{FAMILY_IPV6, {0x20, 0x01, 0x0d, 0xb8}}, 32},
	{{FAMILY_IPV6, {0x3f, 0xff}}, 20},
	{{FAMILY_IPV6, {0xfc}}, 7},
	{{FAMILY_IPV6, {0xfe, 0x80}}, 10},
	{{FAMILY_IPV6, {0xff}}, 8},
};

int addr_special_block(size_t index, struct prefix *out)
{
	if (index >= sizeof special_blocks / sizeof special_blocks[0])
		return -1;
	*out = special_blocks[index];
	return 0;
}

bool addr_is_global(const struct addr *a, struct prefix *block)
{
	struct prefix p;

	for (size_t i = 0; addr_special_block(i, &p) == 0; i++) {
		if (!prefix_contains(&p, a))
			continue;
		if (block != NULL)
			*block = p;
		return false;
	}
	return true;
}

int hostport_from_sockaddr(const struct sockaddr *sa, struct hostport *out)
{
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof in);
		set_ipv4(&out->addr, &in.sin_addr);
		out->port = ntohs(in.sin_port);
		return 0;
	}
	if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof in6);
		set_ipv6(&out->addr, &in6.sin6_addr);
		out->port = ntohs(in6.sin6_port);
		return 0;
	}
	return -1;
}

socklen_t hostport_to_sockaddr(const struct hostport *h, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof *out);
	if (h->addr.family == FAMILY_IPV4) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(h->port)};

		memcpy(&in.sin_addr, h->addr.bytes, 4);
		memcpy(out, &in, sizeof in);
		return sizeof in;
	}
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(h->port)};

	memcpy(&in6.sin6_addr, h->addr.bytes, 16);
	memcpy(out, &in6, sizeof in6);
	return sizeof in6;
}
