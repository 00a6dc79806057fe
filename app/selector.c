#include "app/selector.h"

#include <linux/filter.h>
#include <sys/socket.h>

#define MULTIPLIER 0x9e3779b1u /* 2^32 divided by the golden ratio, odd */

#define NETWORK(at) ((uint32_t)SKF_NET_OFF + (at)) /* modulo 2^32, as the kernel reads it */

/* Places in the headers: RFC 791 (3.1) and RFC 8200 (3); the port is the first field of both
 * transports. */
enum {
	IPV4_SOURCE = 12,
	IPV6_NEXT_HEADER = 6,
	IPV6_SOURCE = 8,
	IPV6_PORT = 40, /* when no extension header comes in between */
};

#define CODE_MAX 64u
#define HASH     0u /* the cell of scratch memory that holds it */

struct program {
	struct sock_filter code[CODE_MAX];
	unsigned short length;
};

static void put_jump(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	p->code[p->length++] = (struct sock_filter){code, yes, no, k};
}

static void put(struct program *p, uint16_t code, uint32_t k)
{
	put_jump(p, code, k, 0, 0);
}

/* Take the field in A into the hash, which is in A afterwards, too. */
static void put_mix(struct program *p)
{
	put(p, BPF_LDX | BPF_MEM, HASH);
	put(p, BPF_ALU | BPF_ADD | BPF_X, 0);
	put(p, BPF_ALU | BPF_MUL | BPF_K, MULTIPLIER);
	put(p, BPF_MISC | BPF_TAX, 0);
	put(p, BPF_ALU | BPF_RSH | BPF_K, 16);
	put(p, BPF_ALU | BPF_XOR | BPF_X, 0);
	put(p, BPF_ST, HASH);
}

static void put_address(struct program *p, enum family family)
{
	unsigned words = family == FAMILY_IPV6 ? 4 : 1;
	uint32_t at = family == FAMILY_IPV6 ? IPV6_SOURCE : IPV4_SOURCE;

	for (unsigned i = 0; i < words; i++) {
		put(p, BPF_LD | BPF_W | BPF_ABS, NETWORK(at + 4 * i));
		put_mix(p);
	}
}

/* A: the source port, or 0 when only a walk over extension headers would find it. */
static void put_port(struct program *p, enum family family, int protocol)
{
	if (family != FAMILY_IPV6) {
		put(p, BPF_LDX | BPF_B | BPF_MSH, NETWORK(0));
		put(p, BPF_LD | BPF_H | BPF_IND, NETWORK(0));
		return;
	}
	put(p, BPF_LD | BPF_B | BPF_ABS, NETWORK(IPV6_NEXT_HEADER));
	put_jump(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)protocol, 0, 2);
	put(p, BPF_LD | BPF_H | BPF_ABS, NETWORK(IPV6_PORT));
	put(p, BPF_JMP | BPF_JA, 1);
	put(p, BPF_LD | BPF_IMM, 0);
}

int selector_set(int fd, enum family family, int protocol, unsigned n)
{
	struct program p = {.length = 0};
	struct sock_fprog program = {.filter = p.code};

	put(&p, BPF_LD | BPF_IMM, 0);
	put(&p, BPF_ST, HASH);
	put_address(&p, family);
	put_port(&p, family, protocol);
	put_mix(&p);
	put(&p, BPF_ALU | BPF_MUL | BPF_K, MULTIPLIER);
	put(&p, BPF_ALU | BPF_RSH | BPF_K, 16);
	put(&p, BPF_ALU | BPF_MUL | BPF_K, n);
	put(&p, BPF_ALU | BPF_RSH | BPF_K, 16);
	put(&p, BPF_RET | BPF_A, 0);
	program.len = p.length;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program);
}
