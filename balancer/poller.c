#include "balancer/poller.h"

#include <unistd.h>

#define EVENTS_READ (EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET)
#define EVENTS_BOTH (EVENTS_READ | EPOLLOUT)

int poller_open(struct poller *p)
{
	*p = (struct poller){.fd = epoll_create1(EPOLL_CLOEXEC)};
	return p->fd < 0 ? -1 : 0;
}

void poller_close(struct poller *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
}

int poller_add(struct poller *p, int fd, struct poller_watch *w, enum poller_mode mode)
{
	static const uint32_t events[] = {
		[POLLER_LEVEL] = EPOLLIN,
		[POLLER_READ] = EVENTS_READ,
		[POLLER_BOTH] = EVENTS_BOTH,
	};
	struct epoll_event e = {.events = events[mode], .data.ptr = w};

	return epoll_ctl(p->fd, EPOLL_CTL_ADD, fd, &e);
}

void poller_again(struct poller *p, int fd, struct poller_watch *w)
{
	struct epoll_event e = {.events = EVENTS_BOTH, .data.ptr = w};

	/* Setting the events anew looks at the socket anew; it cannot fail on a watched one. */
	(void)epoll_ctl(p->fd, EPOLL_CTL_MOD, fd, &e);
}

void poller_forget(struct poller *p, const struct poller_watch *w)
{
	for (int i = p->at; i < p->count; i++) {
		if (p->batch[i].data.ptr == w)
			p->batch[i].data.ptr = NULL;
	}
}

void poller_remove(struct poller *p, int fd, const struct poller_watch *w)
{
	(void)epoll_ctl(p->fd, EPOLL_CTL_DEL, fd, NULL);
	poller_forget(p, w);
}

void poller_wait(struct poller *p, int at_most_ms)
{
	p->at = 0;
	p->count = epoll_wait(p->fd, p->batch, POLLER_BATCH, at_most_ms);
	if (p->count < 0) /* EINTR; nothing else can happen to a set of ours */
		p->count = 0;
}

void poller_dispatch(struct poller *p)
{
	while (p->at < p->count) {
		const struct epoll_event *e = &p->batch[p->at++];
		struct poller_watch *w = e->data.ptr;

		if (w != NULL)
			w->callback(w, e->events);
	}
	p->at = p->count = 0;
}
