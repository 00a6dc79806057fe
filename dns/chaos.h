/*
 * Class CH: which server is this (RFC 4892)?
 *
 *   id.server. hostname.bind.        TXT   dns.nsid
 *   version.server. version.bind.    TXT   dns.version
 *
 * Answered as BIND, Knot and NSD do, like names of a zone: authoritative, TTL 0. What is not told,
 * and every other name, is refused. Pure.
 */
#ifndef DNS_CHAOS_H
#define DNS_CHAOS_H

#include "conf/conf.h"
#include "dns/query.h"
#include "dns/reply.h"

/* Fill a reply that reply_begin() has started, to a query that is QUERY_CHAOS. */
void chaos_answer(const struct conf_dns *dns, const struct query *query, struct reply *reply);

#endif
