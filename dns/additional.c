/* Additional data: glue of referrals, and addresses of the hosts that NS, MX, SRV, SVCB and HTTPS
 * records name. */
#include "base/wire.h"
#include "dns/walk.h"

#define ADDED_MAX 32u /* hosts remembered so that none comes twice; beyond it a repeated one may */

/* Which hosts of a set to add. */
enum hosts { HOSTS_IN_DOMAIN, HOSTS_OTHERS, HOSTS_ALL };

struct added {
	const struct node *node[ADDED_MAX];
	const uint8_t *host[ADDED_MAX]; /* a wildcard's node stands for several */
	unsigned count;
};

/* Where in its RDATA a type has the name of a host; -1: nowhere. */
static int host_offset(uint16_t type)
{
	switch (type) {
	case TYPE_NS: return 0;
	case TYPE_MX:
	case TYPE_SVCB:
	case TYPE_HTTPS: return 2;
	case TYPE_SRV: return 6;
	}
	return -1;
}

static bool remember(struct added *a, const struct node *n, const uint8_t *host)
{
	for (unsigned i = 0; i < a->count; i++) {
		if (a->node[i] == n && name_equal(a->host[i], host))
			return false;
	}
	if (a->count < ADDED_MAX) {
		a->node[a->count] = n;
		a->host[a->count++] = host;
	}
	return true;
}

/* The addresses of one host; false when one RRset does not fit. */
static bool add_addresses(struct walk *w, const struct node *n, const uint8_t *host)
{
	static const uint16_t types[] = {TYPE_A, TYPE_AAAA};
	struct owner owner = {0, host};
	bool fits = true;

	for (unsigned i = 0; i < 2; i++) {
		const struct rrset *set = node_rrset(n, types[i]);

		if (set != NULL && !reply_add(w->reply, SECTION_ADDITIONAL, set, &owner, 0))
			fits = false;
	}
	return fits;
}

/* False when something did not fit. `cut` (may be NULL) splits the hosts for `which`. */
static bool add_hosts(struct walk *w, const struct rrset *set, enum hosts which, const uint8_t *cut,
	struct added *added)
{
	int offset = host_offset(set->type);
	const uint8_t *wire = set->wire;
	bool fits = true;

	for (unsigned i = 0; i < set->count; i++, wire += 12 + load_u16(wire + 10)) {
		const uint8_t *host = wire + 12 + offset;
		const struct node *n;
		struct dname name;

		if (host[0] ==
			0) /* the root: SVCB's "my own name" (RFC 9460, 2.5), else "no host" */
			host = set->type == TYPE_SVCB || set->type == TYPE_HTTPS ? w->owner.wire
										 : host;
		if (!name_is_below(host, zone_apex(w->zone)))
			continue;
		if (which != HOSTS_ALL && name_is_below(host, cut) != (which == HOSTS_IN_DOMAIN))
			continue;
		(void)dname_from_wire(&name, host, NAME_WIRE_MAX);
		n = zone_find_host(w->zone, &name);
		if (n == NULL || !remember(added, n, host))
			continue;
		if (!add_addresses(w, n, host))
			fits = false;
	}
	return fits;
}

void walk_additional(struct walk *w, const struct rrset *set)
{
	struct added added;

	if (host_offset(set->type) < 0)
		return;
	added.count = 0;
	(void)add_hosts(w, set, HOSTS_ALL, NULL, &added);
}

void walk_glue(struct walk *w, const struct rrset *ns, unsigned label)
{
	const uint8_t *cut = w->name->wire + w->name->offset[label];
	struct added added;

	added.count = 0;
	if (!add_hosts(w, ns, HOSTS_IN_DOMAIN, cut, &added))
		w->reply->truncated = true;
	(void)add_hosts(w, ns, HOSTS_OTHERS, cut, &added);
}
