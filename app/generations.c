/*
 * The time line of a reload.
 *
 *     1  read the configuration                    an error: refused, nothing has changed
 *     2  open what is new (crew_new), parked       likewise
 *     3  start all four, wait for READY            one fails, or 5 min: all four are killed, refused
 *     4  old health STOP; when it has ended, new health GO
 *     5  new dns and balancer GO; selectors point at their sockets; old ones STOP
 *     6  `reload` is answered; old control STOP; when it has ended, new control GO
 *
 * New probes start with what was known of their targets. Step 5 does not wait for step 4, unless
 * there are probes of addresses that nobody has tested yet: then the old dns and balancer serve on
 * until the first verdicts have come, for min(timeout of the check, FIRST_VERDICTS_MS) at most.
 *
 * From step 4 on nothing is a sequence any more. Rules say what each process may do, from what is
 * there now: a new role serves when it is ready and (health, control) no other of its kind is
 * alive, and an old one stops when its successor serves (health, control: is ready to). So a
 * process that is killed at any moment of the switch is started again and the switch goes on.
 */
#include "app/supervisor.h"

#include "app/notify.h"
#include "base/clock.h"
#include "base/link.h"

#include <stdio.h>
#include <string.h>

/* ---- bookkeeping ---- */

static void crew_add(struct supervisor *s, struct crew *c)
{
	s->crews[s->crew_count++] = c;
}

static void crew_remove(struct supervisor *s, size_t index)
{
	struct crew *c = s->crews[index];

	crew_free(s, c); /* while it is listed: what it shares is told by the list */
	for (size_t i = index + 1; i < s->crew_count; i++)
		s->crews[i - 1] = s->crews[i];
	s->crew_count--;
}

static bool is_old(const struct supervisor *s, const struct crew *c)
{
	return c != s->serving && c != s->next;
}

/* A process of this role in any crew but `c`. */
static bool alive_elsewhere(const struct supervisor *s, const struct crew *c, enum role r)
{
	for (size_t i = 0; i < s->crew_count; i++) {
		if (s->crews[i] != c && s->crews[i] != s->next && s->crews[i]->process[r].pid != 0)
			return true;
	}
	return false;
}

static struct process *serving_control(const struct supervisor *s)
{
	for (size_t i = 0; i < s->crew_count; i++) {
		struct process *p = &s->crews[i]->process[ROLE_CONTROL];

		if (p->state == ROLE_SERVING)
			return p;
	}
	return NULL;
}

bool generations_control_serves(const struct supervisor *s)
{
	return serving_control(s) != NULL;
}

/* ---- answers ---- */

/* Tell those who asked for the reload that has just ended. */
static void answer(struct supervisor *s, bool refused, const char *text)
{
	struct process *control = serving_control(s);

	for (; s->reload.asked > 0; s->reload.asked--) {
		if (control != NULL)
			(void)link_send(control->link, LINK_RELOADED, refused ? 1 : 0, text);
	}
}

/* For `status`: an operator who comes later must see that the file is not what is in force. */
static void note_refusal(struct supervisor *s, bool refused)
{
	struct board_refusal r = {.refused_real_ms = refused ? clock_real_ms() : 0};
	char line[ERR_FILE_MAX + ERR_TEXT_MAX + 64] = "";

	for (size_t i = 0; refused && i < s->report.count; i++) {
		if (s->report.items[i].severity == SEVERITY_WARNING)
			continue;
		err_format(&s->report.items[i], line, sizeof line);
		break;
	}
	(void)snprintf(r.text, sizeof r.text, "%.*s", (int)sizeof r.text - 1, line);
	board_write_refusal(&s->board, &r);
}

static void reload_finish(struct supervisor *s, bool refused)
{
	char text[LINK_TEXT_MAX];
	struct event e = {
		.kind = EVENT_RELOAD, .level = (uint8_t)(refused ? LEVEL_ERROR : LEVEL_INFO)};
	uint64_t took_ms = clock_mono_ms() - s->reload.started_ms;

	note_refusal(s, refused); /* before the answer: who asks next sees it */
	report_text(&s->report, text, sizeof text);
	answer(s, refused, text);
	(void)snprintf(e.to, sizeof e.to, "%s", refused ? "refused" : "serving");
	if (refused)
		journal_text(&e, "%s; generation %u goes on: %s", s->reload.why, s->serving->number,
			text);
	else
		journal_text(&e, "%s: generation %u serves after %llu ms", s->reload.why,
			s->serving->number, (unsigned long long)took_ms);
	journal_report(&s->journal, &s->report);
	journal_event(&s->journal, &e, false);
	report_free(&s->report);
	s->folders_after_ms = refused ? clock_mono_ms() + FOLDERS_RETRY_MS : 0;
	s->reload.started_ms = s->reload.switched_ms = s->reload.settle_ms = 0;
	notify_send("READY=1");
}

/* ---- steps 1 to 3 ---- */

static int crew_begin(struct supervisor *s, struct conf *conf)
{
	if (crew_new(s, conf, &s->next, &s->report) < 0)
		return -1;
	crew_add(s, s->next);
	return 0;
}

static void crew_start_all(struct supervisor *s)
{
	for (int r = ROLE_DNS; r < ROLE_COUNT; r++)
		process_start(s, s->next, (enum role)r);
}

static void reload_begin(struct supervisor *s)
{
	struct conf *conf = s->serving->conf;

	s->reload.wanted = false;
	memcpy(s->reload.why, s->reload.why_next, sizeof s->reload.why);
	s->reload.asked += s->reload.asked_next;
	s->reload.asked_next = 0;
	s->reload.started_ms = clock_mono_ms();
	s->reload.switched_ms = s->reload.settle_ms = 0;
	notify_reloading(clock_mono_ns() / 1000);
	if (!s->reload.keep_conf && conf_load(s->conf_file, &conf, &s->report) < 0) {
		reload_finish(s, true);
		return;
	}
	if (crew_begin(s, conf) < 0) {
		if (conf != s->serving->conf)
			conf_free(conf);
		reload_finish(s, true);
		return;
	}
	crew_start_all(s);
}

void generations_reload(struct supervisor *s, const char *why, bool keep_conf)
{
	/* several wishes are one; to read the configuration anew is the stronger */
	s->reload.keep_conf = keep_conf && (!s->reload.wanted || s->reload.keep_conf);
	s->reload.wanted = true;
	(void)snprintf(s->reload.why_next, sizeof s->reload.why_next, "%s", why);
}

int generations_start(struct supervisor *s)
{
	struct conf *conf;

	s->reload.started_ms = clock_mono_ms();
	(void)snprintf(s->reload.why, sizeof s->reload.why, "start");
	if (conf_load(s->conf_file, &conf, &s->report) < 0)
		return -1;
	s->journal.format = conf->log.format;
	if (crew_begin(s, conf) < 0) {
		conf_free(conf);
		return -1;
	}
	if (supervisor_prepare(s, s->next) < 0)
		return -1;
	crew_start_all(s);
	return 0;
}

/* A process of the next crew has ended before all were ready. */
static void next_refuse(struct supervisor *s)
{
	struct crew *c = s->next;

	for (int r = ROLE_DNS; r < ROLE_COUNT; r++) {
		c->process[r].restart_ms = 0;
		process_kill(&c->process[r], "its generation was refused");
	}
	s->next = NULL;
	if (s->serving != NULL)
		reload_finish(s, true);
	else
		s->failed = true;
}

/* ---- after step 3 ---- */

/* New probes start with what the old ones know at this moment. */
static void inherit_verdicts(struct supervisor *s, struct crew *c)
{
	for (size_t i = 0; i < s->crew_count; i++) {
		if (c->previous != 0 && s->crews[i]->number == c->previous)
			generation_inherit(c->generation, s->crews[i]->generation, &s->board);
	}
}

/* Connections that the balancer of `c` holds. */
static uint64_t connections_of(const struct supervisor *s, const struct crew *c)
{
	const struct process *p = &c->process[ROLE_BALANCER];
	uint64_t sum = 0;

	for (uint32_t row = p->first_row; row < p->first_row + p->row_count; row++) {
		for (size_t i = 0; i < c->conf->balancer_count; i++)
			sum += atomic_load_explicit(
				&s->board.balancer->row[row]
					 .listener_active[c->generation->listener_slot[i]],
				memory_order_relaxed);
	}
	return sum;
}

/* People's connections are cut because of it: nobody should have to guess why. */
static void tell_closing(struct supervisor *s, const struct crew *c)
{
	struct event e = {.kind = EVENT_RELOAD, .level = LEVEL_WARNING};

	(void)snprintf(e.from, sizeof e.from, "draining");
	(void)snprintf(e.to, sizeof e.to, "closing");
	journal_text(&e,
		"generation %u, the oldest, closes its %llu connections over %u s: more than %u "
		"generations drain; wait for them between reloads, or lower drain_timeout",
		c->number, (unsigned long long)connections_of(s, c), CLOSE_MS / 1000,
		OLD_CREWS_MAX);
	journal_event(&s->journal, &e, false);
}

/* Old crews beyond OLD_CREWS_MAX end now, the oldest first. */
static void close_oldest(struct supervisor *s)
{
	size_t old = 0;

	for (size_t i = s->crew_count; i-- > 0;) {
		struct crew *c = s->crews[i];

		if (!is_old(s, c) || ++old <= OLD_CREWS_MAX)
			continue;
		if (!c->closed)
			tell_closing(s, c);
		c->closed = true;
		for (int r = ROLE_DNS; r < ROLE_COUNT; r++)
			process_close(
				&c->process[r], clock_mono_ms(), "too many generations drain");
	}
}

static void next_promote(struct supervisor *s)
{
	struct crew *c = s->next;

	c->previous = s->serving != NULL ? s->serving->number : 0;
	s->serving = c;
	s->next = NULL;
	s->journal.generation = c->number;
	s->journal.format = c->conf->log.format;
	s->reload.switched_ms = clock_mono_ms();
	atomic_store(&s->board.supervisor->generation, c->number);
	if (atomic_load(&s->board.supervisor->began_ms) == 0) {
		atomic_store(&s->board.supervisor->began_ms, s->reload.switched_ms);
		atomic_fetch_add(&s->board.supervisor->epoch, 1);
	}
	atomic_store(&s->board.supervisor->reloaded_ms, s->reload.switched_ms);
	inherit_verdicts(s, c);
	close_oldest(s);
}

static void next_step(struct supervisor *s)
{
	unsigned ready = 0;

	for (int r = ROLE_DNS; r < ROLE_COUNT; r++) {
		if (s->next->process[r].pid == 0) {
			next_refuse(s);
			return;
		}
		ready += s->next->process[r].state == ROLE_READY;
	}
	if (ready == ROLE_COUNT - ROLE_DNS)
		next_promote(s);
}

/* ---- the rules ---- */

/* Does a dns or balancer of an older generation still serve? */
static bool serves_elsewhere(const struct supervisor *s, const struct crew *c, enum role r)
{
	for (size_t i = 0; i < s->crew_count; i++) {
		if (s->crews[i] != c && s->crews[i]->process[r].state == ROLE_SERVING)
			return true;
	}
	return false;
}

/* How long a new probe's first verdict is waited for, once its health has begun. */
static uint64_t first_verdict_ms(const struct probe *p)
{
	return p->check->timeout_ms < FIRST_VERDICTS_MS ? p->check->timeout_ms : FIRST_VERDICTS_MS;
}

/* Is there a new probe whose first verdict can still come in time? */
static bool verdicts_are_due(const struct supervisor *s, const struct crew *c, uint64_t now_ms)
{
	/* until health begins: as long as the old one may take to end, and not for ever */
	uint64_t begin_ms =
		c->probes_ms != 0 ? c->probes_ms : s->reload.switched_ms + STOP_MS + STOP_GRACE_MS;

	for (size_t i = 0; i < c->generation->probe_count; i++) {
		const struct probe *p = &c->generation->probes[i];
		uint64_t word;

		if (!p->is_new || now_ms >= begin_ms + first_verdict_ms(p))
			continue;
		word = atomic_load_explicit(
			&s->board.health->probe[p->slot].word, memory_order_acquire);
		if (verdict_of_word(word) == VERDICT_UNKNOWN)
			return true;
	}
	return false;
}

/* A role of the serving generation is ready: may it serve? */
static bool may_go(struct supervisor *s, const struct crew *c, enum role r, uint64_t now_ms)
{
	if (r == ROLE_HEALTH || r == ROLE_CONTROL)
		return !alive_elsewhere(s, c, r);
	if (!serves_elsewhere(s, c, r) || !verdicts_are_due(s, c, now_ms))
		return true;
	s->look_ms = now_ms + VERDICTS_LOOK_MS;
	return false;
}

static void serving_rules(struct supervisor *s, uint64_t now_ms)
{
	struct crew *c = s->serving;

	s->look_ms = 0;
	for (int r = ROLE_DNS; r < ROLE_COUNT; r++) {
		if (c->process[r].state != ROLE_READY || !may_go(s, c, (enum role)r, now_ms))
			continue;
		if (r == ROLE_DNS && s->reload.settle_ms == 0)
			s->reload.settle_ms = now_ms + SETTLE_MS;
		if (r == ROLE_HEALTH && c->probes_ms == 0) {
			inherit_verdicts(s, c); /* the old health's last word */
			c->probes_ms = now_ms;
		}
		process_go(s, c, (enum role)r);
		sockets_go(&c->sockets, (enum role)r);
	}
}

static uint64_t balancer_drain_ms(const struct conf *c)
{
	uint64_t longest_ms = STOP_MS;

	for (size_t i = 0; i < c->balancer_count; i++) {
		if (c->balancers[i].drain_timeout_ms > longest_ms)
			longest_ms = c->balancers[i].drain_timeout_ms;
	}
	return longest_ms;
}

/* May the successor take over from a process of this role that serves? */
static bool may_stop(const struct supervisor *s, enum role r)
{
	const struct process *successor = &s->serving->process[r];

	switch (r) {
	case ROLE_DNS:
	case ROLE_BALANCER: return successor->state == ROLE_SERVING;
	case ROLE_HEALTH: return successor->state == ROLE_READY;
	case ROLE_CONTROL: /* it still has an answer to give, or a further reload to wait for */
		return successor->state == ROLE_READY && s->reload.started_ms == 0 &&
		       !s->reload.wanted;
	case ROLE_SUPERVISOR:
	case ROLE_COUNT: break;
	}
	return false;
}

void generations_dns_released(struct supervisor *s, struct crew *c)
{
	c->dns_released = true;
	sockets_release_role(&s->sockets, &c->sockets, ROLE_DNS);
}

/* Does an old dns still receive? */
static bool dns_lingers(const struct supervisor *s)
{
	for (size_t i = 0; i < s->crew_count; i++) {
		const struct crew *c = s->crews[i];

		if (is_old(s, c) && c->process[ROLE_DNS].pid != 0 && !c->dns_released)
			return true;
	}
	return false;
}

/*
 * When are sockets given back, so that those of an address no longer configured close? Both dns and
 * balancer take what is queued on their listeners and close them when they are told to stop, long
 * before their connections end. A dns says when it has; were its sockets given back earlier, a
 * reload that wants the address again would find it in use.
 */
static void release_rules(struct supervisor *s, struct crew *c, uint64_t now_ms)
{
	if (c->process[ROLE_DNS].pid == 0)
		sockets_release_role(&s->sockets, &c->sockets, ROLE_DNS);
	if (c->release_ms == 0 && c->process[ROLE_BALANCER].state != ROLE_SERVING)
		c->release_ms = now_ms + RELEASE_MS;
	if (c->release_ms > 0 && now_ms >= c->release_ms) {
		sockets_release_role(&s->sockets, &c->sockets, ROLE_BALANCER);
		c->released = true;
	}
}

static void old_rules(struct supervisor *s, struct crew *c, uint64_t now_ms)
{
	const uint64_t drain_ms[ROLE_COUNT] = {[ROLE_DNS] = DNS_DRAIN_MS,
		[ROLE_HEALTH] = STOP_MS,
		[ROLE_BALANCER] = balancer_drain_ms(c->conf),
		[ROLE_CONTROL] = STOP_MS};

	for (int r = ROLE_DNS; r < ROLE_COUNT; r++) {
		struct process *p = &c->process[r];

		p->restart_ms = 0;
		if (p->state == ROLE_SERVING && may_stop(s, (enum role)r))
			process_stop(p, now_ms, drain_ms[r]);
		else if (p->state == ROLE_LOADING || p->state == ROLE_READY)
			process_end(p, now_ms, "its generation is over");
	}
	release_rules(s, c, now_ms);
}

/*
 * Step 6 may begin when health has changed hands and who asks the server now is answered by the new
 * generation: the old dns reads the same sockets until its workers have looked at their stop flags.
 */
static void reload_check(struct supervisor *s, uint64_t now_ms)
{
	const struct crew *c = s->serving;
	bool done = !dns_lingers(s) || now_ms >= s->reload.settle_ms;

	if (s->reload.switched_ms == 0)
		return;
	for (int r = ROLE_DNS; r < ROLE_COUNT; r++)
		done = done && (r == ROLE_CONTROL || c->process[r].state == ROLE_SERVING);
	if (done || now_ms - s->reload.switched_ms >= RELOAD_ANSWER_MS)
		reload_finish(s, false);
}

void generations_step(struct supervisor *s)
{
	uint64_t now_ms = clock_mono_ms();

	if (s->next != NULL)
		next_step(s);
	if (s->serving != NULL) {
		serving_rules(s, now_ms);
		reload_check(s, now_ms);
	}
	for (size_t i = 0; i < s->crew_count; i++) {
		if (is_old(s, s->crews[i]) && s->serving != NULL)
			old_rules(s, s->crews[i], now_ms);
	}
	for (size_t i = s->crew_count; i-- > 0;) {
		if (is_old(s, s->crews[i]) && crew_is_gone(s->crews[i]))
			crew_remove(s, i);
	}
	if (s->reload.wanted && s->reload.started_ms == 0 && s->serving != NULL &&
		s->crew_count < CREWS_MAX)
		reload_begin(s);
}
