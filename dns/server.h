/*
 * What the threads of one dns process share. Private to dns/.
 *
 * Written by the main thread before the others start, and never afterwards, except for the atomics:
 * the loader publishes `data`; the main thread raises `go`, `stop` and `leave_ms`; any thread may
 * raise `failed`.
 */
#ifndef DNS_SERVER_H
#define DNS_SERVER_H

#include "base/qsbr.h"
#include "board/generation.h"
#include "dns/dataset.h"
#include "dns/rate_limit.h"

#include <pthread.h>
#include <stdatomic.h>

#define DNS_FAILURE_MAX 4096u /* octets with the NUL */

struct dns_server {
	struct qsbr qsbr;
	const struct role_start *start;
	struct board *board;
	const struct conf *conf;
	struct steering *steering;                 /* nobody changes it once it is compiled */
	const struct conf_secrets *cookie_secrets; /* NULL: those of the day, out of the seed */
	struct rate_limit *rate;                   /* NULL: no limit */
	_Atomic(struct dataset *) data; /* loaded inside a batch only, NULL before the first load */
	_Atomic uint64_t leave_ms;      /* TCP closes what is left then; 0 = not yet known */
	_Atomic size_t holders;         /* threads that have listening sockets open */
	struct conf_secret cookie_seed;
	pthread_mutex_t gate; /* protects `go` */
	pthread_cond_t opened;
	int wake;                      /* eventfd to the main thread */
	_Atomic bool stop;             /* receive nothing more */
	_Atomic bool failed;           /* a thread cannot go on: the role ends with an error */
	_Atomic bool failing;          /* somebody writes `failure` */
	bool go;                       /* serve, or end when `stop` is set */
	char failure[DNS_FAILURE_MAX]; /* why, in lines; written once, before `failed` */
};

int dns_server_init(struct dns_server *s, const struct role_start *start, struct err *e);
void dns_server_clear(struct dns_server *s);

/* Let the threads that wait in dns_server_wait_go() through. */
void dns_server_go(struct dns_server *s);
/* Sleep until dns_server_go(). False: there is nothing to serve any more. */
bool dns_server_wait_go(struct dns_server *s);
/* A thread has closed its listening sockets. */
void dns_server_let_go(struct dns_server *s);
/* Wake the main thread. */
void dns_server_wake(struct dns_server *s);
/* Tell the log why this thread cannot go on, and the main thread to end the role. */
void dns_server_fail(struct dns_server *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* One event of this role and generation into the ring. */
void dns_server_event(struct dns_server *s, enum event_kind kind, enum log_level level,
	const char *object, const char *text);

#endif
