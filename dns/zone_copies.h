/*
 * Last good copies: the canonical text of every zone served, in the state folder under the name of
 * its file.
 *
 * A restarted role or a new generation serves them while the file is broken. Written atomically,
 * once a content; deleted with their zone. A comment at the top carries the content's digest, so
 * that nothing is written twice, and how many DNSSEC records its file had, which the copy lacks.
 */
#ifndef DNS_ZONE_COPIES_H
#define DNS_ZONE_COPIES_H

#include "dns/server.h"
#include "dns/zone_files.h"

/* The folder of copies below the state folder, made if need be; -1 when there is no state folder
 * (`state_fd` -1) or, with `e`, when it cannot be had. */
int zone_copies_open(int state_fd, struct err *e);
/* Write f's copy unless the one there is of the same content. -1 with `e`: the old copy, if any,
 * stays. */
int zone_copy_write(int copies, struct zone_file *f, struct err *e);
/* Does the last good copy of the file `name` hold another content of the zone `z` under the same
 * serial? False without a copy that can be read. */
bool zone_copy_keeps_serial(int copies, const char *name, const struct zone *z);
/* How many DNSSEC records the file had of which this is the copy; 0 when that cannot be read. */
size_t zone_copy_left_out(int copies, const char *name);
void zone_copy_delete(int copies, const char *name);
/* Delete copies of files that are not in `zf`, as long as this process is the owner. */
void zone_copies_prune(const struct zone_files *zf, struct dns_server *s);

#endif
