#include "dns/server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "steer/view.h"

/* What cookies are made with. */
static int take_secrets(struct dns_server *s, struct err *e)
{
	const struct role_start *start = s->start;

	if (start->cookie_secrets != NULL && start->cookie_secrets->count > 0)
		s->cookie_secrets = start->cookie_secrets;
	if (start->cookie_seed != NULL)
		s->cookie_seed = *start->cookie_seed;
	else if (getentropy(s->cookie_seed.octets, sizeof s->cookie_seed.octets) < 0)
		return err_set(e, "getentropy: %s", strerror(errno));
	return 0;
}

int dns_server_init(struct dns_server *s, const struct role_start *start, struct err *e)
{
	memset(s, 0, sizeof *s);
	s->start = start;
	s->board = start->board;
	s->conf = start->generation->conf;
	atomic_init(&s->holders, start->udp_count + 1); /* and the TCP thread */
	if (take_secrets(s, e) < 0)
		return -1;
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake < 0)
		return err_set(e, "eventfd: %s", strerror(errno));
	if (s->conf->dns.per_second > 0) {
		s->rate = rate_limit_new(s->conf->dns.per_second);
		if (s->rate == NULL) {
			close(s->wake);
			return err_set(e, "out of memory for the rate limit");
		}
	}
	if (steer_compile(s->conf, &s->steering, e) < 0) {
		rate_limit_free(s->rate);
		close(s->wake);
		return -1;
	}
	pthread_mutex_init(&s->gate, NULL);
	pthread_cond_init(&s->opened, NULL);
	return 0;
}

void dns_server_clear(struct dns_server *s)
{
	steer_free(s->steering);
	rate_limit_free(s->rate);
	close(s->wake);
	pthread_mutex_destroy(&s->gate);
	pthread_cond_destroy(&s->opened);
}

void dns_server_go(struct dns_server *s)
{
	pthread_mutex_lock(&s->gate);
	s->go = true;
	pthread_cond_broadcast(&s->opened);
	pthread_mutex_unlock(&s->gate);
}

bool dns_server_wait_go(struct dns_server *s)
{
	pthread_mutex_lock(&s->gate);
	while (!s->go)
		pthread_cond_wait(&s->opened, &s->gate);
	pthread_mutex_unlock(&s->gate);
	return !atomic_load(&s->stop);
}

void dns_server_wake(struct dns_server *s)
{
	uint64_t one = 1;

	/* EAGAIN: the counter is full, so the main thread is awake already */
	if (write(s->wake, &one, sizeof one) < 0 && errno != EAGAIN)
		atomic_store(&s->failed, true);
}

void dns_server_let_go(struct dns_server *s)
{
	atomic_fetch_sub(&s->holders, 1);
	dns_server_wake(s);
}

void dns_server_event(struct dns_server *s, enum event_kind kind, enum log_level level,
	const char *object, const char *text)
{
	struct event e = {.kind = (uint8_t)kind,
		.level = (uint8_t)level,
		.role = ROLE_DNS,
		.generation = s->start->generation->number};

	(void)snprintf(e.object, sizeof e.object, "%s", object);
	(void)snprintf(e.text, sizeof e.text, "%s", text);
	event_emit(board_ring(s->board, ROLE_DNS), &e);
}

void dns_server_fail(struct dns_server *s, const char *format, ...)
{
	char text[DNS_FAILURE_MAX], line[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	(void)snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\n"), text);
	dns_server_event(s, EVENT_NOTICE, LEVEL_ERROR, "dns", line);
	if (!atomic_exchange(&s->failing, true)) {
		memcpy(s->failure, text, sizeof s->failure);
		atomic_store(&s->failed, true);
	}
	dns_server_wake(s);
}
