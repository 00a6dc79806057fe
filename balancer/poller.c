#include "balancer/poller.h"

#include <errno.h>
#include <unistd.h>

#define POLLER_EVENTS (EPOLLIN | EPOLLOUT | EPOLLET)

static void on_edges(evutil_socket_t fd, short what, void *arg)
{
	struct poller *p = arg;

	(void)what;
	p->count = epoll_wait(fd, p->batch, POLLER_BATCH, 0); /* EINTR: libevent calls again */
	for (p->at = 0; p->at < p->count;) {
		const struct epoll_event *e = &p->batch[p->at++];

		if (e->data.ptr != NULL)
			p->callback(e->data.ptr, (e->events & ~(uint32_t)EPOLLOUT) != 0,
				(e->events & ~(uint32_t)EPOLLIN) != 0);
	}
	p->count = 0;
}

int poller_open(struct poller *p, struct event_base *base, poller_callback callback)
{
	*p = (struct poller){.fd = epoll_create1(EPOLL_CLOEXEC), .callback = callback};
	if (p->fd < 0)
		return -1;
	p->event = event_new(base, p->fd, EV_READ | EV_PERSIST, on_edges, p);
	if (p->event != NULL && event_add(p->event, NULL) == 0)
		return 0;
	poller_close(p);
	errno = ENOMEM;
	return -1;
}

void poller_close(struct poller *p)
{
	if (p->event != NULL)
		event_free(p->event);
	p->event = NULL;
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
}

int poller_add(struct poller *p, int fd, void *owner)
{
	struct epoll_event e = {.events = POLLER_EVENTS, .data.ptr = owner};

	return epoll_ctl(p->fd, EPOLL_CTL_ADD, fd, &e);
}

void poller_again(struct poller *p, int fd, void *owner)
{
	struct epoll_event e = {.events = POLLER_EVENTS, .data.ptr = owner};

	/* Setting the same events anew looks at the socket anew; it cannot fail on a watched one. */
	(void)epoll_ctl(p->fd, EPOLL_CTL_MOD, fd, &e);
}

void poller_forget(struct poller *p, const void *owner)
{
	for (int i = p->at; i < p->count; i++) {
		if (p->batch[i].data.ptr == owner)
			p->batch[i].data.ptr = NULL;
	}
}
