/*
 * The sheets themselves: creating, sealing and mapping them, and reading and writing the cells that
 * are larger than one atomic word.
 *
 * The supervisor keeps two descriptors of each sheet: the memfd and the same file opened read-only.
 * A mapping of the latter cannot be made writable again (mprotect fails with EACCES), and as every
 * other user's role runs under another uid it cannot reopen the file either.
 */
#include "board/board.h"

#include "base/clock.h"
#include "board/seqlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_OF(table, index)                                                                      \
	((unsigned)(index) < sizeof(table) / sizeof(table)[0] ? (table)[index] : "?")

const char *role_name(enum role r)
{
	static const char *const names[ROLE_COUNT] = {
		"supervisor", "dns", "health", "balancer", "control"};

	return NAME_OF(names, r);
}

const char *role_state_name(enum role_state s)
{
	static const char *const names[] = {"absent", "loading", "ready", "serving", "draining"};

	return NAME_OF(names, s);
}

const char *verdict_name(enum verdict v)
{
	static const char *const names[] = {"unknown", "up", "down"};

	return NAME_OF(names, v);
}

const char *override_name(enum override o)
{
	static const char *const names[] = {"none", "drain", "force_up", "force_down"};

	return NAME_OF(names, o);
}

/* ---- sheets ---- */

/* Where struct board keeps the address of a role's sheet, and how large that is. */
struct sheet {
	size_t size;
	size_t pointer; /* offset in struct board */
};

static const struct sheet sheets[ROLE_COUNT] = {
	[ROLE_SUPERVISOR] = {sizeof(struct board_supervisor), offsetof(struct board, supervisor)},
	[ROLE_DNS] = {sizeof(struct board_dns), offsetof(struct board, dns)},
	[ROLE_HEALTH] = {sizeof(struct board_health), offsetof(struct board, health)},
	[ROLE_BALANCER] = {sizeof(struct board_balancer), offsetof(struct board, balancer)},
	[ROLE_CONTROL] = {sizeof(struct board_control), offsetof(struct board, control)},
};

static void *sheet_get(const struct board *b, enum role r)
{
	void *at;

	memcpy(&at, (const char *)b + sheets[r].pointer, sizeof at);
	return at;
}

static void sheet_set(struct board *b, enum role r, void *at)
{
	memcpy((char *)b + sheets[r].pointer, &at, sizeof at);
}

void board_init(struct board *b)
{
	*b = (struct board){.self = ROLE_SUPERVISOR};
	for (int r = 0; r < ROLE_COUNT; r++)
		b->fd[r] = b->read_fd[r] = -1;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void board_destroy(struct board *b)
{
	for (int r = 0; r < ROLE_COUNT; r++) {
		if (sheet_get(b, (enum role)r) != NULL)
			(void)munmap(sheet_get(b, (enum role)r), sheets[r].size);
		close_fd(&b->fd[r]);
		close_fd(&b->read_fd[r]);
	}
	board_init(b);
}

static void board_stamp(struct board *b)
{
	b->supervisor->magic = BOARD_MAGIC;
	b->supervisor->layout = BOARD_LAYOUT;
	b->supervisor->created_real_ms = clock_real_ms();
	b->supervisor->created_mono_ms = clock_mono_ms();
	b->health->events.size = EVENT_RING_MAX;
	atomic_store(
		&b->control->next_sequence, event_first_sequence(b->supervisor->created_real_ms));
}

static int sheet_create(struct board *b, enum role r, struct err *e)
{
	char name[32], path[32];
	void *at;

	(void)snprintf(name, sizeof name, "waymark-%s", role_name(r));
	b->fd[r] = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (b->fd[r] < 0)
		return err_set(e, "cannot create the board's %s sheet: memfd_create: %s",
			role_name(r), strerror(errno));
	if (ftruncate(b->fd[r], (off_t)sheets[r].size) < 0 ||
		fcntl(b->fd[r], F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return err_set(e, "cannot size and seal the board's %s sheet: %s", role_name(r),
			strerror(errno));
	/* Readable by the accounts of the other roles only through the descriptor they are given.
	 */
	(void)fchmod(b->fd[r], 0600);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", b->fd[r]);
	b->read_fd[r] = open(path, O_RDONLY | O_CLOEXEC);
	if (b->read_fd[r] < 0)
		return err_set(e, "cannot reopen the board's %s sheet read-only through %s: %s",
			role_name(r), path, strerror(errno));
	at = mmap(NULL, sheets[r].size, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd[r], 0);
	if (at == MAP_FAILED)
		return err_set(e,
			"cannot map the board's %s sheet, %zu octets of address space: %s (is it "
			"limited by ulimit -v or LimitAS=?)",
			role_name(r), sheets[r].size, strerror(errno));
	sheet_set(b, r, at);
	return 0;
}

int board_create(struct board *b, struct err *e)
{
	board_init(b);
	for (int r = 0; r < ROLE_COUNT; r++) {
		if (sheet_create(b, (enum role)r, e) < 0) {
			board_destroy(b);
			return -1;
		}
	}
	board_stamp(b);
	return 0;
}

int board_enter(struct board *b, enum role self, struct err *e)
{
	for (int r = 0; r < ROLE_COUNT; r++) {
		if ((enum role)r != self) {
			/* at the same place: pointers into the board stay good over the fork */
			void *at = mmap(sheet_get(b, (enum role)r), sheets[r].size, PROT_READ,
				MAP_SHARED | MAP_FIXED, b->read_fd[r], 0);

			if (at == MAP_FAILED)
				return err_set(e, "cannot map the board's %s sheet read-only: %s",
					role_name((enum role)r), strerror(errno));
		}
		close_fd(&b->fd[r]);
		close_fd(&b->read_fd[r]);
	}
	b->self = self;
	return 0;
}

int board_create_private(struct board *b, struct err *e)
{
	board_init(b);
	for (int r = 0; r < ROLE_COUNT; r++) {
		void *at = mmap(NULL, sheets[r].size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (at == MAP_FAILED) {
			err_set(e, "cannot map %zu octets for a board: %s", sheets[r].size,
				strerror(errno));
			board_destroy(b);
			return -1;
		}
		sheet_set(b, (enum role)r, at);
	}
	board_stamp(b);
	return 0;
}

struct event_ring *board_ring(const struct board *b, enum role r)
{
	switch (r) {
	case ROLE_SUPERVISOR: return &b->supervisor->events;
	case ROLE_DNS: return &b->dns->events;
	case ROLE_HEALTH: return &b->health->events;
	case ROLE_BALANCER: return &b->balancer->events;
	case ROLE_CONTROL:
	case ROLE_COUNT: break;
	}
	return NULL;
}

uint64_t board_epoch(const struct board *b)
{
	return atomic_load_explicit(&b->supervisor->epoch, memory_order_acquire) +
	       atomic_load_explicit(&b->health->epoch, memory_order_acquire) +
	       atomic_load_explicit(&b->control->epoch, memory_order_acquire);
}

/* ---- cells ---- */

/* The part of a cell behind its sequence number: from `first` to the end. */
#define DETAILS(type, first) offsetof(type, first), sizeof(type) - offsetof(type, first)

_Static_assert(offsetof(struct board_probe, successes) % 4 == 0, "seqlocks copy 32-bit words");
_Static_assert(sizeof(struct board_probe) % 4 == 0, "seqlocks copy 32-bit words");
_Static_assert(sizeof(struct board_refusal) % 4 == 0, "seqlocks copy 32-bit words");
_Static_assert(sizeof(struct board_zone) % 4 == 0, "seqlocks copy 32-bit words");
_Static_assert(sizeof(struct board_database) % 4 == 0, "seqlocks copy 32-bit words");

static void cell_write(
	_Atomic uint32_t *sequence, void *cell, const void *in, size_t offset, size_t size)
{
	seqlock_begin(sequence);
	seqlock_store((char *)cell + offset, (const char *)in + offset, size);
	seqlock_end(sequence);
}

/* False, and the details cleared, when no consistent copy was to be had. */
static bool cell_read(
	const _Atomic uint32_t *sequence, const void *cell, void *out, size_t offset, size_t size)
{
	for (int i = 0; i < SEQLOCK_TRIES; i++) {
		uint32_t seen = seqlock_look(sequence);

		seqlock_load((char *)out + offset, (const char *)cell + offset, size);
		if (seqlock_check(sequence, seen))
			return true;
	}
	memset((char *)out + offset, 0, size);
	return false;
}

bool board_read_probe(const struct board *b, uint32_t slot, struct board_probe *out)
{
	const struct board_probe *p = &b->health->probe[slot];
	bool good = cell_read(&p->sequence, p, out, DETAILS(struct board_probe, successes));

	/* after the details: a verdict is never older than its reason */
	atomic_init(&out->word, atomic_load_explicit(&p->word, memory_order_acquire));
	atomic_init(&out->sequence, 0);
	out->reason[BOARD_REASON_MAX - 1] = '\0';
	return good;
}

void board_write_probe(struct board *b, uint32_t slot, const struct board_probe *in)
{
	struct board_probe *p = &b->health->probe[slot];
	uint64_t word = atomic_load_explicit(&in->word, memory_order_relaxed);
	uint64_t old = atomic_load_explicit(&p->word, memory_order_relaxed);

	cell_write(&p->sequence, p, in, DETAILS(struct board_probe, successes));
	if (word == old)
		return;
	atomic_store_explicit(&p->word, word, memory_order_release);
	atomic_fetch_add_explicit(&b->health->epoch, 1, memory_order_release);
}

bool board_read_refusal(const struct board *b, struct board_refusal *out)
{
	const struct board_refusal *r = &b->supervisor->refusal;
	bool good = cell_read(&r->sequence, r, out, DETAILS(struct board_refusal, spare));

	atomic_init(&out->sequence, 0);
	out->text[sizeof out->text - 1] = '\0';
	return good;
}

void board_write_refusal(struct board *b, const struct board_refusal *in)
{
	struct board_refusal *r = &b->supervisor->refusal;

	cell_write(&r->sequence, r, in, DETAILS(struct board_refusal, spare));
}

bool board_read_zone(const struct board *b, uint32_t index, struct board_zone *out)
{
	const struct board_zone *z = &b->dns->zone[index];
	bool good = cell_read(&z->sequence, z, out, DETAILS(struct board_zone, serial));

	atomic_init(&out->sequence, 0);
	out->name[sizeof out->name - 1] = '\0';
	out->file[sizeof out->file - 1] = '\0';
	out->error[sizeof out->error - 1] = '\0';
	return good;
}

void board_write_zone(struct board *b, uint32_t index, const struct board_zone *in)
{
	struct board_zone *z = &b->dns->zone[index];

	cell_write(&z->sequence, z, in, DETAILS(struct board_zone, serial));
}

bool board_read_database(const struct board *b, uint32_t index, struct board_database *out)
{
	const struct board_database *d = &b->dns->database[index];
	bool good = cell_read(&d->sequence, d, out, DETAILS(struct board_database, networks));

	atomic_init(&out->sequence, 0);
	out->path[sizeof out->path - 1] = '\0';
	out->type[sizeof out->type - 1] = '\0';
	out->error[sizeof out->error - 1] = '\0';
	return good;
}

void board_write_database(struct board *b, uint32_t index, const struct board_database *in)
{
	struct board_database *d = &b->dns->database[index];

	cell_write(&d->sequence, d, in, DETAILS(struct board_database, networks));
}
