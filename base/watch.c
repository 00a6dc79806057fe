/*
 * One inotify instance for up to WATCH_FOLDERS_MAX folders.
 *
 * inotify takes a path, and a folder may be unreachable by path once privileges are dropped, so
 * each is watched as /proc/self/fd/N: the kernel follows that link to the open folder itself,
 * whatever its name is by now.
 *
 * The kernel gives one inode one watch descriptor however often it is added, hence the use counts.
 * Tried and dropped: telling which file changed. Names are lost in an overflow anyway, so the
 * caller needs the whole scan, and one way to find changes is easier to get right than two.
 */
#include "base/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* IN_ATTRIB: a file that could not be read gets other permissions. Never IN_MODIFY (see the
 * header). */
#define WATCH_EVENTS                                                                               \
	(IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB |        \
		IN_DELETE_SELF | IN_MOVE_SELF)

/* Reads of one watch_read(); what is left keeps the descriptor readable. 64 x 4 KiB is at least 900
 * events. */
#define WATCH_READS_MAX 64

struct watch_folder {
	int descriptor; /* inotify's; -1: the kernel dropped it (folder deleted, file system
			   unmounted) */
	unsigned uses;  /* 0: this number is free */
};

struct watch {
	int fd;
	struct watch_folder folder[WATCH_FOLDERS_MAX];
};

int watch_open(struct watch **out, struct err *e)
{
	struct watch *w = calloc(1, sizeof *w);

	if (w == NULL)
		return err_set(e, "cannot watch folders: out of memory");
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0) {
		err_set(e, "cannot watch folders: inotify_init1: %s%s", strerror(errno),
			errno == EMFILE ? " (see fs.inotify.max_user_instances)" : "");
		free(w);
		return -1;
	}
	*out = w;
	return 0;
}

void watch_close(struct watch *w)
{
	if (w == NULL)
		return;
	(void)close(w->fd);
	free(w);
}

int watch_fd(const struct watch *w)
{
	return w->fd;
}

/* The folder with this descriptor, or -1. */
static int find_folder(const struct watch *w, int descriptor)
{
	for (int i = 0; i < (int)WATCH_FOLDERS_MAX; i++)
		if (w->folder[i].uses > 0 && w->folder[i].descriptor == descriptor)
			return i;
	return -1;
}

static int find_free(const struct watch *w)
{
	for (int i = 0; i < (int)WATCH_FOLDERS_MAX; i++)
		if (w->folder[i].uses == 0)
			return i;
	return -1;
}

int watch_add(struct watch *w, int dirfd, const char *shown, struct err *e)
{
	int descriptor, number;
	char path[32];

	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", dirfd);
	descriptor = inotify_add_watch(w->fd, path, WATCH_EVENTS | IN_ONLYDIR);
	if (descriptor < 0)
		return err_at(e, shown, 0, 0, "cannot watch this folder: %s%s", strerror(errno),
			errno == ENOSPC ? " (see fs.inotify.max_user_watches)" : "");
	number = find_folder(w, descriptor);
	if (number < 0)
		number = find_free(w);
	if (number < 0) {
		(void)inotify_rm_watch(w->fd, descriptor);
		return err_at(e, shown, 0, 0, "cannot watch this folder: %u are watched already",
			WATCH_FOLDERS_MAX);
	}
	w->folder[number].descriptor = descriptor;
	w->folder[number].uses++;
	return number;
}

void watch_remove(struct watch *w, int number)
{
	struct watch_folder *f;

	if (number < 0 || number >= (int)WATCH_FOLDERS_MAX || w->folder[number].uses == 0)
		return;
	f = &w->folder[number];
	if (--f->uses == 0 && f->descriptor >= 0)
		(void)inotify_rm_watch(w->fd, f->descriptor);
}

/* The bits that one event sets. */
static uint64_t note_event(struct watch *w, const struct inotify_event *event)
{
	uint64_t all = 0;
	int number;

	if (event->mask & IN_Q_OVERFLOW) {
		for (int i = 0; i < (int)WATCH_FOLDERS_MAX; i++)
			if (w->folder[i].uses > 0)
				all |= UINT64_C(1) << i;
		return all;
	}
	number = find_folder(w, event->wd);
	if (number < 0)
		return 0; /* late news of a folder that was removed */
	if (event->mask & IN_IGNORED)
		w->folder[number].descriptor = -1;
	return UINT64_C(1) << number;
}

uint64_t watch_read(struct watch *w)
{
	_Alignas(struct inotify_event) char buffer[4096];
	uint64_t changed = 0;

	for (int i = 0; i < WATCH_READS_MAX; i++) {
		ssize_t got = read(w->fd, buffer, sizeof buffer);
		struct inotify_event event;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break; /* EAGAIN: drained */
		for (ssize_t at = 0; at + (ssize_t)sizeof event <= got;) {
			memcpy(&event, buffer + at, sizeof event);
			changed |= note_event(w, &event);
			at += (ssize_t)(sizeof event + event.len);
		}
	}
	return changed;
}
