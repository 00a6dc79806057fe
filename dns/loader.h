/*
 * The loader: the thread that reads zones and geo databases, and everything that follows from it.
 *
 *   scan the zones folder, build the geo table ─▶ new dataset ─▶ one store ─▶ grace period
 *                                          board rows, events, copies ◀─┘  free the old one ◀─┘
 *
 * Nothing it does delays an answer: it runs at nice 10 once something is served. Private to dns/.
 */
#ifndef DNS_LOADER_H
#define DNS_LOADER_H

#include "dns/server.h"

#define LOADER_LOOK_MS 200u /* how soon it sees STOP */

struct loader;

int loader_open(struct loader **out, struct dns_server *s, struct err *e);
void loader_close(struct loader *l);

/* Load everything and publish the first dataset; nothing goes to the board yet. -1 with `e`
 * without memory, when the zones folder cannot be read (a generation without zones must not take
 * over from one that has them), and when the configuration is a reload's and some POOL record could
 * never be answered with it. */
int loader_start(struct loader *l, struct err *e);
/* From now on this process speaks for the zones: rows, events, copies. */
void loader_take_over(struct loader *l);
/* Look for changes if there is a reason to: watched folders moved, or the time for another look has
 * come. */
void loader_step(struct loader *l, uint64_t now_ms);

/* Thread function: start, wake the main thread, wait for GO, take over, step until STOP. */
void *loader_run(void *arg);
/* Has loader_start() succeeded? For the main thread. */
bool loader_is_ready(const struct loader *l);
/* Then, until GO: what this process lacks that an operator should hear of with the answer to a
 * reload, a line for each; "" for nothing. */
void loader_warnings(const struct loader *l, char *out, size_t size);

#endif
