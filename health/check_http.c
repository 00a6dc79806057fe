/*
 * HTTP: GET over a new connection, and a status that the check expects.
 *
 * The connection is made by us (health/connecting.h) and handed to libcurl as it stands. Its multi
 * interface runs on our loop: it says which sockets and which moment it waits for, we hand it what
 * happened. It gets as little to do as possible: numeric addresses, plain HTTP/1.1,
 * no redirects, no proxies from the environment, no cookies, no decompression, no signals, no
 * reuse of connections. Options that never change are set once; idle handles are kept and used
 * again, as setting one up costs more than a probe.
 *
 * The lines of the head are judged by us (health/http_head.h) and so is the length of the body:
 * libcurl takes half a head, and the first of two lengths, for a response.
 *
 * A server is an adversary here:
 *   endless headers, 100-continues   HTTP_HEADERS_MAX octets in all, then the probe fails
 *   one endless header line          libcurl ends it at 100 KiB, then the probe fails
 *   endless body                     HTTP_BODY_MAX octets, then the status decides
 *   slow drip, silence               the caller's timeout; the phase says where
 *   a status that is not expected    the probe ends with the headers, the body is not read
 * A good status does not pass before its body has come (up to HTTP_BODY_MAX): a proxy that can say
 * 200 but stalls in the body is not well.
 */
#include "health/connecting.h"
#include "health/http_head.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HTTP_HEADERS_MAX 16384u /* octets of status lines and headers of one response */
#define HTTP_BODY_MAX    65536u /* octets of body read before the status decides */
#define HTTP_BUFFER      4096L  /* libcurl's receive buffer of one probe */
#define HTTP_IDLE_MAX    256u   /* handles kept for the next probes: about 10 KiB each */
#define HTTP_URL_MAX     (HOSTPORT_TEXT_MAX + CONF_URL_PATH_MAX + 8u)
#define HTTP_HOST_MAX    (CONF_HOST_MAX + 8u)

struct http {
	struct event_base *base;
	CURLM *multi;
	struct event *timer; /* libevent's: the moment libcurl waits for */
	CURL *idle[HTTP_IDLE_MAX];
	size_t idle_count;
};

enum http_stop {
	STOP_NO,
	STOP_HEADERS,     /* HTTP_HEADERS_MAX reached */
	STOP_MALFORMED,   /* a line of the head is wrong: `complaint` */
	STOP_STATUS,      /* not the expected one */
	STOP_BODY_ENOUGH, /* all of it, or HTTP_BODY_MAX */
};

struct http_run {
	struct check_run run; /* first: the two are cast into each other */
	struct http *http;
	const struct conf_check *check;
	struct connecting connecting;
	CURL *easy; /* NULL until the connection stands */
	struct curl_slist *headers;
	struct event *socket; /* libevent's: what libcurl waits for on the probe's one socket */
	bool deaf;            /* it could not be added: the probe will hear nothing */
	struct http_head head;
	const char *complaint;           /* static */
	char curl_says[CURL_ERROR_SIZE]; /* "" = nothing */
	enum http_stop stop;
	uint32_t header_octets, body_octets;
};

/* ---- what libcurl calls ---- */

static bool status_expected(const struct conf_check *check, uint16_t status)
{
	for (size_t i = 0; i < check->expect_count; i++) {
		if (status >= check->expect[i].low && status <= check->expect[i].high)
			return true;
	}
	return false;
}

/* Is all there that is to be read? */
static bool has_body(const struct http_run *h)
{
	uint64_t octets;

	return http_head_body(&h->head, &octets) && h->body_octets >= octets;
}

/* Anything but `size * count` ends the transfer with CURLE_WRITE_ERROR. */
static size_t header_came(char *data, size_t size, size_t count, void *arg)
{
	struct http_run *h = arg;
	size_t length = size * count;
	bool trailer = h->head.at == HEAD_DONE;

	if (length > HTTP_HEADERS_MAX - h->header_octets)
		h->stop = STOP_HEADERS;
	else if ((h->complaint = http_head_line(&h->head, data, length)) != NULL)
		h->stop = STOP_MALFORMED;
	else if (h->head.at == HEAD_DONE && !status_expected(h->check, h->head.status))
		h->stop = STOP_STATUS;
	else if (h->head.at == HEAD_DONE && !trailer && has_body(h))
		h->stop = STOP_BODY_ENOUGH;
	h->header_octets += (uint32_t)length;
	return h->stop == STOP_NO ? length : 0;
}

static size_t body_came(char *data, size_t size, size_t count, void *arg)
{
	struct http_run *h = arg;
	size_t length = size * count;

	(void)data;
	if (length > HTTP_BODY_MAX - h->body_octets)
		h->stop = STOP_BODY_ENOUGH;
	else
		h->body_octets += (uint32_t)length;
	if (has_body(h))
		h->stop = STOP_BODY_ENOUGH;
	return h->stop == STOP_NO ? length : 0;
}

/* It asks once: there is one address, and one connection. */
static curl_socket_t socket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_run *h = arg;
	int fd = connecting_take(&h->connecting);

	(void)purpose;
	(void)address;
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int socket_stands(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	(void)arg;
	(void)fd;
	(void)purpose;
	return CURL_SOCKOPT_ALREADY_CONNECTED;
}

static void harvest(struct http *http);

static void socket_ready(evutil_socket_t fd, short what, void *arg)
{
	struct http *http = ((struct http_run *)arg)->http;
	int mask = ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) |
		   ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
	int running;

	(void)curl_multi_socket_action(http->multi, fd, mask, &running);
	harvest(http);
}

static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
	struct http *http = arg;
	int running;

	(void)fd;
	(void)what;
	(void)curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	harvest(http);
}

static int timer_changed(CURLM *multi, long timeout_ms, void *arg)
{
	struct http *http = arg;
	struct timeval after = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};

	(void)multi;
	if (timeout_ms < 0)
		(void)evtimer_del(http->timer);
	else
		(void)evtimer_add(http->timer, &after);
	return 0; /* -1 would make the multi handle useless for good */
}

static void unwatch(struct http_run *h)
{
	if (h->socket != NULL)
		event_free(h->socket);
	h->socket = NULL;
}

/* libcurl calls this with CURL_POLL_REMOVE before it closes a socket. */
static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
	struct http *http = arg;
	struct http_run *h = assigned;
	short events = EV_PERSIST;

	if (h == NULL) {
		(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&h);
		if (h == NULL) /* a handle of libcurl's own: no probe of ours */
			return 0;
		(void)curl_multi_assign(http->multi, fd, h);
	}
	unwatch(h);
	if (what == CURL_POLL_REMOVE)
		return 0;
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= EV_READ;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= EV_WRITE;
	h->socket = event_new(http->base, fd, events, socket_ready, h);
	/* returning -1 would end every probe's transfer */
	h->deaf = h->deaf || h->socket == NULL || event_add(h->socket, NULL) < 0;
	return 0;
}

/* ---- the end of a probe ---- */

/* Has the request left? What libcurl lacked before that, it lacked here. */
static bool has_asked(CURL *easy)
{
	long octets = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &octets);
	return octets > 0;
}

static const char *phase_of(const struct http_run *h)
{
	if (h->easy == NULL)
		return "connect";
	return h->head.at == HEAD_DONE ? "response body" : "response headers";
}

/* Give the handle back and free the rest. */
static void http_free(struct http_run *h)
{
	struct http *http = h->http;

	if (h->easy != NULL) {
		(void)curl_multi_remove_handle(http->multi, h->easy);
		(void)curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, NULL); /* it goes with h */
	}
	unwatch(h);                     /* by now libcurl has taken it away */
	connecting_end(&h->connecting); /* unless libcurl has had it */
	if (h->easy != NULL && http->idle_count < HTTP_IDLE_MAX)
		http->idle[http->idle_count++] = h->easy;
	else
		curl_easy_cleanup(h->easy);
	curl_slist_free_all(h->headers);
	free(h);
}

static enum check_result outcome_by_status(const struct http_run *h, struct check_outcome *o)
{
	(void)check_outcome_failed(o, "status %u", h->head.status);
	if (!status_expected(h->check, h->head.status))
		return o->result;
	o->result = CHECK_PASSED;
	o->latency_us = connecting_latency_us(&h->connecting);
	return o->result;
}

/* The connection ended in order, or libcurl found the end of the body. */
static void outcome_of_end(const struct http_run *h, struct check_outcome *o)
{
	uint64_t octets;

	if (h->head.at != HEAD_DONE)
		(void)check_outcome_failed(o, "response ended inside its header");
	else if (http_head_body(&h->head, &octets) && h->body_octets < octets)
		(void)check_outcome_failed(o, "closed within the response body");
	else
		(void)outcome_by_status(h, o);
}

/* What libcurl's result says, when none of our own callbacks has ended the probe. */
static void outcome_by_code(const struct http_run *h, CURLcode code, struct check_outcome *o)
{
	bool began = h->head.status != 0; /* with a status line that is one */
	long error = 0;

	(void)curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &error);
	if (code == CURLE_OK || (code == CURLE_GOT_NOTHING && began)) /* after an interim head */
		outcome_of_end(h, o);
	else if (code == CURLE_OUT_OF_MEMORY && !has_asked(h->easy))
		(void)check_outcome_call(o, "probe", ENOMEM);
	else if (code == CURLE_OUT_OF_MEMORY) /* libcurl's answer to a header line above 100 KiB */
		(void)check_outcome_failed(o, "response header line too long");
	else if (code == CURLE_GOT_NOTHING)
		(void)check_outcome_failed(o, "closed without a response");
	else if (code == CURLE_WEIRD_SERVER_REPLY && began) /* it sees a line before we do */
		(void)check_outcome_failed(o, "malformed response headers: %s", h->curl_says);
	else if (code == CURLE_WEIRD_SERVER_REPLY)
		(void)check_outcome_failed(o, "malformed status line");
	else if (code == CURLE_UNSUPPORTED_PROTOCOL)
		(void)check_outcome_failed(o, "no HTTP response");
	else if (code == CURLE_PARTIAL_FILE)
		(void)check_outcome_failed(o, "closed within the response body");
	else if (code == CURLE_RECV_ERROR && error == ECONNRESET)
		(void)check_outcome_failed(o, "reset in %s", phase_of(h));
	else if (code == CURLE_RECV_ERROR && error == 0)
		(void)check_outcome_failed(o, "malformed %s", phase_of(h));
	else
		(void)check_outcome_failed(o, "%s: %s", phase_of(h), curl_easy_strerror(code));
}

static void http_outcome(const struct http_run *h, CURLcode code, struct check_outcome *o)
{
	switch (h->stop) {
	case STOP_HEADERS:
		(void)check_outcome_failed(o, "response headers above %u octets", HTTP_HEADERS_MAX);
		break;
	case STOP_MALFORMED: (void)check_outcome_failed(o, "%s", h->complaint); break;
	case STOP_STATUS:
	case STOP_BODY_ENOUGH: (void)outcome_by_status(h, o); break;
	case STOP_NO: outcome_by_code(h, code, o); break;
	}
}

/* Report every probe that has ended. A new one may be started from the report. */
static void harvest(struct http *http)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
		struct check_outcome outcome = {0};
		struct http_run *h = NULL;
		struct checks *checks;
		uint32_t tag;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&h);
		http_outcome(h, message->data.result, &outcome);
		checks = h->run.checks;
		tag = h->run.tag;
		http_free(h);
		check_report(checks, tag, &outcome);
	}
}

/* ---- the start of a probe ---- */

static CURL *easy_new(void)
{
	CURL *easy = curl_easy_init();

	if (easy == NULL)
		return NULL;
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_IGNORE_CONTENT_LENGTH, 1L); /* ours to judge */
	(void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "Waymark/" WAYMARK_VERSION);
	(void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, HTTP_BUFFER);
	/* each look-up walks the whole cache: keep it empty, the addresses are numeric */
	(void)curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_came);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_came);
	(void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, socket_open);
	(void)curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, socket_stands);
	if (curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http") != CURLE_OK) {
		curl_easy_cleanup(easy);
		return NULL;
	}
	return easy;
}

/* All that differs between probes. False without memory. */
static bool easy_aim(struct http_run *h)
{
	char address[HOSTPORT_TEXT_MAX], url[HTTP_URL_MAX], host[HTTP_HOST_MAX];
	struct curl_slist *more;
	CURL *easy = h->easy;
	int length;

	(void)hostport_format(&h->connecting.target, address);
	length = snprintf(url, sizeof url, "http://%s%s", address, h->check->path);
	if (length < 0 || (size_t)length >= sizeof url)
		return false;
	length = snprintf(
		host, sizeof host, "Host: %s", h->check->host != NULL ? h->check->host : address);
	if (length < 0 || (size_t)length >= sizeof host)
		return false;
	h->headers = curl_slist_append(NULL, host);
	more = h->headers != NULL ? curl_slist_append(h->headers, "Connection: close") : NULL;
	return more != NULL && curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HTTPHEADER, h->headers) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PRIVATE, h) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERDATA, h) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEDATA, h) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, h->curl_says) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, h) == CURLE_OK;
}

/* The connection stands: the rest is libcurl's. False without memory. */
static bool http_ask(struct http_run *h)
{
	struct http *http = h->http;

	h->easy = http->idle_count > 0 ? http->idle[--http->idle_count] : easy_new();
	return h->easy != NULL && easy_aim(h) &&
	       curl_multi_add_handle(http->multi, h->easy) == CURLM_OK;
}

static void http_connected(struct connecting *c, struct check_outcome *o)
{
	struct http_run *h = (struct http_run *)((char *)c - offsetof(struct http_run, connecting));
	struct checks *checks = h->run.checks;
	uint32_t tag = h->run.tag;

	if (o->result == CHECK_PASSED && http_ask(h))
		return;
	if (o->result == CHECK_PASSED)
		(void)check_outcome_call(o, "probe", ENOMEM);
	http_free(h);
	check_report(checks, tag, o);
}

static enum check_result http_start(void *shared, struct event_base *base,
	const struct conf_check *check, const struct hostport *target, struct check_run **run,
	struct check_outcome *outcome)
{
	struct http_run *h = calloc(1, sizeof *h);
	enum check_result result;

	if (h == NULL)
		return check_outcome_call(outcome, "probe", ENOMEM);
	h->http = shared;
	h->check = check;
	result = connecting_start(&h->connecting, base, target, http_connected, outcome);
	if (result == CHECK_PASSED)
		result = http_ask(h) ? CHECK_RUNNING : check_outcome_call(outcome, "probe", ENOMEM);
	if (result == CHECK_RUNNING)
		*run = &h->run;
	else
		http_free(h);
	return result;
}

static const char *http_cancel(struct check_run *run)
{
	struct http_run *h = (struct http_run *)run;
	const char *phase = h->deaf ? NULL : phase_of(h);

	http_free(h);
	return phase;
}

/* ---- what all probes share ---- */

static void http_close(void *shared)
{
	struct http *http = shared;

	while (http->idle_count > 0)
		curl_easy_cleanup(http->idle[--http->idle_count]);
	if (http->multi != NULL)
		(void)curl_multi_cleanup(http->multi);
	if (http->timer != NULL)
		event_free(http->timer);
	free(http);
	curl_global_cleanup();
}

static int http_open(struct event_base *base, void **shared, struct err *e)
{
	struct http *http;

	/* no TLS yet: spares reading OpenSSL's configuration and tables */
	if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK)
		return err_set(e, "cannot start libcurl");
	http = calloc(1, sizeof *http);
	if (http == NULL) {
		curl_global_cleanup();
		return err_set(e, "no memory for HTTP checks");
	}
	http->base = base;
	http->timer = evtimer_new(base, timer_fired, http);
	http->multi = curl_multi_init();
	if (http->timer == NULL || http->multi == NULL ||
		curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, socket_changed) ||
		curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http) ||
		curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, timer_changed) ||
		curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http)) {
		http_close(http);
		return err_set(e, "cannot set up libcurl for HTTP checks");
	}
	*shared = http;
	return 0;
}

const struct check_type check_http = {http_open, http_close, http_start, http_cancel};
