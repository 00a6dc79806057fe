/*
 * The health role: one event loop. Probes run on it (health/prober.h); a tick every HEALTH_TICK_MS
 * beats, sums the balancer's load, folds its failed connects and looks at the pools; between ticks
 * the balancer wakes it by eventfd, so that a failed connect makes the check of its address run
 * within HEALTH_FOLD_GAP_MS.
 *
 *   load ─▶ READY ─GO─▶ probing ─STOP─▶ finishing, HEALTH_STOP_MS at most ─▶ STOPPED
 *
 * Nothing is written to the board before GO: until then the predecessor is its writer. Only the
 * link decides when to go: a Ctrl-C that the terminal sends to everyone is the supervisor's.
 */
#include "health/role.h"

#include "base/clock.h"
#include "base/link.h"
#include "board/beat.h"
#include "health/announce.h"
#include "health/prober.h"
#include "health/rows.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define HEALTH_TICK_MS      100u
#define HEALTH_FOLD_GAP_MS  5u   /* a burst of failed connects is folded at most this often */
#define HEALTH_STOP_MS      500u /* for probes under way at STOP; the rest is the successor's */
#define HEALTH_FDS_RESERVED 64u  /* descriptors that are not probes */
#define HEALTH_FDS_MIN      16u  /* probes at once below which the role refuses to serve */

struct health {
	const struct role_start *start;
	struct board *board;
	struct event_base *base;
	struct event *link, *tick, *wake, *fold, *grace;
	struct prober *prober;
	struct rows *rows;
	struct pool_watch *pools;
	bool serving;       /* GO has come */
	uint64_t folded_ms; /* last fold */
	uint64_t noticed_ms;
};

static struct timeval after_ms(uint32_t ms)
{
	return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

/* ---- the balancer's failed connects ---- */

static void take_failures(void *owner, uint32_t probe, uint32_t failures)
{
	struct health *h = owner;

	prober_hurry(h->prober, probe, failures, h->folded_ms);
}

static void fold_now(struct health *h)
{
	h->folded_ms = clock_mono_ms();
	rows_fold(h->rows, take_failures, h);
}

static void fold_fired(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fold_now(arg);
}

static void woken(evutil_socket_t fd, short what, void *arg)
{
	struct health *h = arg;
	const struct timeval gap = after_ms(HEALTH_FOLD_GAP_MS);
	uint64_t times;

	(void)what;
	if (read(fd, &times, sizeof times) < 0)
		return; /* EAGAIN: taken already */
	if (clock_mono_ms() - h->folded_ms >= HEALTH_FOLD_GAP_MS)
		fold_now(h);
	else if (!evtimer_pending(h->fold, NULL))
		(void)evtimer_add(h->fold, &gap);
}

/* ---- the tick ---- */

static void ticked(evutil_socket_t fd, short what, void *arg)
{
	struct health *h = arg;
	uint64_t now_ms = clock_mono_ms();

	(void)fd;
	(void)what;
	beat(&h->board->health->beat_ms, now_ms);
	fold_now(h);
	rows_sum_load(h->rows);
	pool_watch_check(h->pools, now_ms);
	if (now_ms - h->noticed_ms >= 1000) {
		h->noticed_ms = now_ms;
		prober_notice(h->prober, now_ms);
	}
}

/* ---- the link ---- */

static void go(struct health *h)
{
	const struct timeval every = after_ms(HEALTH_TICK_MS);
	uint64_t now_ms = clock_mono_ms();
	bool told = atomic_load(&h->board->health->beat_ms) != 0; /* someone served here before */

	if (h->serving)
		return;
	h->serving = true;
	beat(&h->board->health->beat_ms, now_ms);
	/* a predecessor that was killed between a verdict and the epoch left everyone unaware */
	atomic_fetch_add_explicit(&h->board->health->epoch, 1, memory_order_release);
	rows_begin(h->rows);
	prober_go(h->prober, now_ms);
	pool_watch_begin(h->pools, now_ms, told);
	(void)event_add(h->tick, &every);
	if (h->wake != NULL)
		(void)event_add(h->wake, NULL);
}

static void leave(void *arg)
{
	struct health *h = arg;

	(void)event_base_loopbreak(h->base);
}

static void grace_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	leave(arg);
}

static void stop(struct health *h)
{
	const struct timeval grace = after_ms(HEALTH_STOP_MS);

	if (!h->serving) {
		leave(h);
		return;
	}
	(void)evtimer_add(h->grace, &grace);
	prober_stop(h->prober, leave, h);
}

static void link_ready(evutil_socket_t fd, short what, void *arg)
{
	struct health *h = arg;
	struct link_message m;

	(void)what;
	for (;;) {
		int got = link_receive(fd, &m);

		if (got < 0 && (errno == EAGAIN || errno == EPROTO)) /* a later version's message */
			return;
		if (got <= 0) { /* the supervisor is gone: nobody waits for what runs */
			leave(h);
			return;
		}
		if (m.type == LINK_GO)
			go(h);
		else if (m.type == LINK_STOP)
			stop(h);
	}
}

/* ---- life ---- */

/* What the generation names must lie on the board. */
static int check_slots(const struct generation *g, struct err *e)
{
	const struct conf *conf = g->conf;

	for (size_t i = 0; i < g->probe_count; i++) {
		if (g->probes[i].slot >= BOARD_PROBES_MAX)
			return err_set(e, "probe %zu has slot %u, past the board's end", i,
				g->probes[i].slot);
	}
	for (size_t i = 0; i < conf->endpoint_count; i++) {
		if (g->endpoint_slot[i] >= BOARD_ENDPOINTS_MAX)
			return err_set(e, "endpoint %s has slot %u, past the board's end",
				conf->endpoints[i].name, g->endpoint_slot[i]);
	}
	return 0;
}

/* Raise the limit of descriptors to what the machine allows; returns how many probes may run. */
static uint32_t running_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return HEALTH_FDS_MIN;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < HEALTH_FDS_RESERVED)
		return 0;
	if (limit.rlim_cur - HEALTH_FDS_RESERVED > PROBER_RUNNING_MAX)
		return PROBER_RUNNING_MAX;
	return (uint32_t)(limit.rlim_cur - HEALTH_FDS_RESERVED);
}

static void ignore_signals(void)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGUSR1};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		(void)sigaction(signals[i], &ignore, NULL);
}

static int prepare_events(struct health *h, struct err *e)
{
	const struct role_start *start = h->start;

	h->base = event_base_new();
	if (h->base == NULL)
		return err_set(e, "cannot make an event loop: %s", strerror(errno));
	h->link = event_new(h->base, start->link, EV_READ | EV_PERSIST, link_ready, h);
	h->tick = event_new(h->base, -1, EV_PERSIST, ticked, h);
	h->fold = evtimer_new(h->base, fold_fired, h);
	h->grace = evtimer_new(h->base, grace_over, h);
	if (start->wake >= 0)
		h->wake = event_new(h->base, start->wake, EV_READ | EV_PERSIST, woken, h);
	if (h->link == NULL || h->tick == NULL || h->fold == NULL || h->grace == NULL ||
		(start->wake >= 0 && h->wake == NULL) || event_add(h->link, NULL) < 0)
		return err_set(e, "cannot watch the supervisor's link");
	return 0;
}

static int prepare(struct health *h, struct err *e)
{
	const struct generation *g = h->start->generation;
	uint32_t at_once = running_max();

	ignore_signals();
	if (check_slots(g, e) < 0)
		return -1;
	if (at_once < HEALTH_FDS_MIN)
		return err_set(e,
			"too few descriptors for probes: raise the limit (ulimit -n) above %u",
			HEALTH_FDS_RESERVED + HEALTH_FDS_MIN);
	if (prepare_events(h, e) < 0 ||
		prober_new(&h->prober, g, h->board, h->base, at_once, e) < 0 ||
		rows_new(&h->rows, g, h->board, e) < 0 ||
		pool_watch_new(&h->pools, g, h->board, e) < 0)
		return -1;
	return 0;
}

static void clean_up(struct health *h)
{
	struct event *const events[] = {h->link, h->tick, h->wake, h->fold, h->grace};

	pool_watch_free(h->pools);
	rows_free(h->rows);
	prober_free(h->prober);
	for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
		if (events[i] != NULL)
			event_free(events[i]);
	}
	if (h->base != NULL)
		event_base_free(h->base);
}

int health_role(const struct role_start *start)
{
	struct health h = {.start = start, .board = start->board};
	struct err e = {0};

	if (prepare(&h, &e) < 0) {
		(void)link_send(start->link, LINK_FAILED, 0, e.text);
		clean_up(&h);
		return 1;
	}
	if (link_send(start->link, LINK_READY, 0, NULL) == 0)
		(void)event_base_dispatch(h.base);
	clean_up(&h);
	(void)link_send(start->link, LINK_STOPPED, 0, NULL);
	return 0;
}
