/* HTTP probes against servers of every bad kind, each a thread that speaks a fixed script. */
#include "tests/unit/loopback.h"

#include <pthread.h>
#include <stdatomic.h>

#define REQUEST_MAX 4096u

/* What a server does once it has read a request. */
enum manner {
	SAY_AND_CLOSE, /* send `reply`, close */
	SAY_AND_HOLD,  /* send `reply`, keep the connection open without another octet */
	SAY_FOR_EVER,  /* send `reply`, then `more` over and over */
	SAY_AND_RESET, /* send `reply`, reset the connection */
};

struct server {
	enum manner manner;
	const char *reply, *more;
	enum family family; /* FAMILY_NONE: IPv4 */
	struct hostport at;
	int fd;
	pthread_t thread;
	_Atomic int served;        /* connections that got their reply */
	_Atomic int sent_more;     /* times `more` was sent */
	char request[REQUEST_MAX]; /* of the last connection; read after `served` has moved */
};

static bool send_all(int fd, const char *text)
{
	size_t length = strlen(text);

	for (size_t done = 0; done < length;) {
		ssize_t n = send(fd, text + done, length - done, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static void serve_one(struct server *s, int fd)
{
	const struct linger reset = {.l_onoff = 1};
	size_t have = 0;
	char octet;

	while (have < REQUEST_MAX - 1) {
		ssize_t n = recv(fd, s->request + have, REQUEST_MAX - 1 - have, 0);

		if (n <= 0)
			return;
		have += (size_t)n;
		s->request[have] = '\0';
		if (strstr(s->request, "\r\n\r\n") != NULL)
			break;
	}
	(void)send_all(fd, s->reply);
	atomic_fetch_add(&s->served, 1);
	switch (s->manner) {
	case SAY_AND_CLOSE: break;
	case SAY_AND_HOLD: (void)recv(fd, &octet, 1, 0); break; /* until the prober goes */
	case SAY_FOR_EVER:
		while (send_all(fd, s->more))
			atomic_fetch_add(&s->sent_more, 1);
		break;
	case SAY_AND_RESET:
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		break;
	}
}

static void *serve(void *arg)
{
	struct server *s = arg;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		serve_one(s, fd);
		(void)close(fd);
	}
	return NULL;
}

static void server_start(struct server *s)
{
	s->fd = loopback_socket(s->family == FAMILY_IPV6 ? FAMILY_IPV6 : FAMILY_IPV4, 16, &s->at);
	assert_true(s->fd >= 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
	(void)shutdown(s->fd, SHUT_RDWR);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->fd);
}

static struct conf_check check_with(const char *path, const char *host)
{
	return (struct conf_check){
		.name = "http",
		.kind = CHECK_HTTP,
		.path = path,
		.host = host,
		.expect = {{200, 299}, {304, 304}},
		.expect_count = 2,
	};
}

struct script {
	const char *what;
	enum manner manner;
	const char *reply, *more;
	enum check_result result;
	const char *reason;
};

static void check_script(const struct script *script)
{
	struct server s = {.manner = script->manner, .reply = script->reply, .more = script->more};
	struct conf_check check = check_with("/healthz", NULL);
	const struct check_outcome *o;
	struct loop l;

	server_start(&s);
	loop_open(&l);
	loop_start(&l, 0, &check, &s.at);
	o = loop_wait(&l, 0);
	if (o->result != script->result || strcmp(o->reason, script->reason) != 0)
		fail_msg("%s: result %d, reason \"%s\"", script->what, (int)o->result, o->reason);
	loop_close(&l);
	server_stop(&s);
}

#define OK "HTTP/1.1 200 OK\r\n"
#define KB_256                                                                                     \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                         \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                         \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                         \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void outcomes_follow_the_response(void **state)
{
	static const struct script scripts[] = {
		{"length", SAY_AND_HOLD, OK "Content-Length: 2\r\n\r\nok", NULL, CHECK_PASSED,
			"status 200"},
		{"until close", SAY_AND_CLOSE, OK "\r\nok", NULL, CHECK_PASSED, "status 200"},
		{"chunked", SAY_AND_HOLD,
			OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", NULL,
			CHECK_PASSED, "status 200"},
		{"HTTP/1.0", SAY_AND_CLOSE, "HTTP/1.0 204 No Content\r\n\r\n", NULL, CHECK_PASSED,
			"status 204"},
		{"second range", SAY_AND_HOLD, "HTTP/1.1 304 Not Modified\r\n\r\n", NULL,
			CHECK_PASSED, "status 304"},
		{"after 100", SAY_AND_HOLD,
			"HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 0\r\n\r\n", NULL,
			CHECK_PASSED, "status 200"},
		{"body above the limit", SAY_FOR_EVER, OK "\r\n", KB_256, CHECK_PASSED,
			"status 200"},
		{"503", SAY_AND_CLOSE, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", NULL,
			CHECK_FAILED, "status 503"},
		{"503 whose body never comes", SAY_AND_HOLD,
			"HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\n", NULL, CHECK_FAILED,
			"status 503"},
		{"the same length twice", SAY_AND_HOLD,
			OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", NULL, CHECK_PASSED,
			"status 200"},
		{"chunked beats a length", SAY_AND_HOLD,
			OK "Transfer-Encoding: chunked\r\nContent-Length: 99\r\n\r\n2\r\nok\r\n"
			   "0\r\nX: trailer\r\n\r\n",
			NULL, CHECK_PASSED, "status 200"},
		{"more than the length", SAY_AND_HOLD, OK "Content-Length: 2\r\n\r\nokokok", NULL,
			CHECK_PASSED, "status 200"},
		{"a body above the limit with its length", SAY_FOR_EVER,
			OK "Content-Length: 99999999\r\n\r\n", KB_256, CHECK_PASSED, "status 200"},
		{"lines that end with LF", SAY_AND_HOLD, "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
			NULL, CHECK_PASSED, "status 200"},
		{"a folded line", SAY_AND_HOLD, OK "X: one\r\n two\r\nContent-Length: 0\r\n\r\n",
			NULL, CHECK_PASSED, "status 200"},
		{"switching protocols", SAY_AND_HOLD,
			"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", NULL,
			CHECK_FAILED, "status 101"},
		{"redirects are not followed", SAY_AND_HOLD,
			"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\n"
			"Content-Length: 0\r\n\r\n",
			NULL, CHECK_FAILED, "status 301"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(scripts); i++)
		check_script(&scripts[i]);
}

static void hostile_servers_fail_with_a_reason(void **state)
{
	static const struct script scripts[] = {
		{"endless headers", SAY_FOR_EVER, OK, "X-Filler: " KB_256 "\r\n", CHECK_FAILED,
			"response headers above 16384 octets"},
		{"endless 100s", SAY_FOR_EVER, "", "HTTP/1.1 100 Continue\r\n\r\n", CHECK_FAILED,
			"response headers above 16384 octets"},
		{"an endless header line", SAY_FOR_EVER, OK "X-Filler: ", KB_256, CHECK_FAILED,
			"response header line too long"},
		{"garbage", SAY_AND_CLOSE, "SSH-2.0-OpenSSH_9.2\r\n", NULL, CHECK_FAILED,
			"no HTTP response"},
		{"endless garbage", SAY_FOR_EVER, "", KB_256, CHECK_FAILED, "no HTTP response"},
		{"nothing", SAY_AND_CLOSE, "", NULL, CHECK_FAILED, "closed without a response"},
		{"closed in the body", SAY_AND_CLOSE, OK "Content-Length: 9\r\n\r\nok", NULL,
			CHECK_FAILED, "closed within the response body"},
		{"reset in the headers", SAY_AND_RESET, OK, NULL, CHECK_FAILED,
			"reset in response headers"},
		{"negative length", SAY_AND_HOLD, OK "Content-Length: -5\r\n\r\n", NULL,
			CHECK_FAILED, "malformed Content-Length"},
		{"two lengths", SAY_AND_HOLD,
			OK "Content-Length: 2\r\nContent-Length: 5\r\n\r\nokokk", NULL,
			CHECK_FAILED, "two different Content-Length"},
		{"no colon", SAY_AND_HOLD, OK "Content-Length: 2\r\nno colon here\r\n\r\nok", NULL,
			CHECK_FAILED, "malformed response headers: Header without colon"},
		{"status out of form", SAY_AND_HOLD, "HTTP/1.1 2000 OK\r\n\r\n", NULL, CHECK_FAILED,
			"no HTTP response"},
		{"status glued to its reason", SAY_AND_HOLD, "HTTP/1.1 200OK\r\n\r\n", NULL,
			CHECK_FAILED, "malformed status line"},
		{"end in the status line", SAY_AND_CLOSE, "HTTP/1.1 200", NULL, CHECK_FAILED,
			"closed without a response"},
		{"end after the status line", SAY_AND_CLOSE, OK, NULL, CHECK_FAILED,
			"response ended inside its header"},
		{"end after a header", SAY_AND_CLOSE, OK "Server: x\r\n", NULL, CHECK_FAILED,
			"response ended inside its header"},
		{"end in a header", SAY_AND_CLOSE, OK "Ser", NULL, CHECK_FAILED,
			"response ended inside its header"},
		{"end after 100", SAY_AND_CLOSE, "HTTP/1.1 100 Continue\r\n\r\n", NULL,
			CHECK_FAILED, "response ended inside its header"},
		{"end in a chunk", SAY_AND_CLOSE, OK "Transfer-Encoding: chunked\r\n\r\n5\r\nok",
			NULL, CHECK_FAILED, "closed within the response body"},
		{"bad chunk", SAY_AND_HOLD, OK "Transfer-Encoding: chunked\r\n\r\nzz\r\n", NULL,
			CHECK_FAILED, "malformed response body"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(scripts); i++)
		check_script(&scripts[i]);
}

static void a_refusing_target_fails_and_says_so(void **state)
{
	struct conf_check check = check_with("/", NULL);
	struct loop l;
	struct hostport at;
	int fd = loopback_socket(FAMILY_IPV4, -1, &at);

	(void)state;
	loop_open(&l);
	loop_start(&l, 0, &check, &at);
	assert_int_equal(loop_wait(&l, 0)->result, CHECK_FAILED);
	assert_string_equal(l.outcome[0].reason, "connect: connection refused");
	loop_close(&l);
	(void)close(fd);
}

/* libcurl would call it a failed connection. */
static void a_target_without_a_route_is_not_tested(void **state)
{
	struct conf_check check = check_with("/", NULL);
	struct hostport at = {.port = 80};
	struct loop l;

	(void)state;
	assert_int_equal(addr_parse("255.255.255.255", &at.addr), 0);
	loop_open(&l);
	loop_start(&l, 0, &check, &at);
	assert_int_equal(loop_wait(&l, 0)->result, CHECK_NOT_RUN);
	assert_string_equal(l.outcome[0].reason, "connect: network is unreachable");
	loop_close(&l);
}

/* Let the loop run until the server has done what `counter` counts. */
static void wait_for(struct loop *l, const _Atomic int *counter, int at_least)
{
	while (atomic_load(counter) < at_least)
		loop_turn(l);
	for (int i = 0; i < 3; i++) /* what was sent is read */
		loop_turn(l);
}

static void a_cancelled_probe_tells_its_phase(void **state)
{
	static const struct {
		enum manner manner;
		const char *reply, *more, *phase;
	} cases[] = {
		{SAY_AND_HOLD, "", NULL, "response headers"},
		{SAY_AND_HOLD, OK, NULL, "response headers"},
		{SAY_AND_HOLD, OK "Content-Length: 5\r\n\r\nok", NULL, "response body"},
		{SAY_AND_HOLD, OK "\r\n", NULL, "response body"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct server s = {.manner = cases[i].manner, .reply = cases[i].reply};
		struct conf_check check = check_with("/", NULL);
		struct loop l;

		server_start(&s);
		loop_open(&l);
		loop_start(&l, 0, &check, &s.at);
		wait_for(&l, &s.served, 1);
		assert_int_equal(l.outcome[0].result, CHECK_RUNNING);
		assert_string_equal(check_cancel(l.run[0]), cases[i].phase);
		loop_close(&l);
		server_stop(&s);
	}
}

static void a_silent_target_is_cancelled_in_connect(void **state)
{
	struct server good = {.manner = SAY_AND_HOLD, .reply = OK "Content-Length: 0\r\n\r\n"};
	struct conf_check check = check_with("/", NULL);
	struct loop l;
	struct hostport at;
	struct sockaddr_storage ss;
	int fd = loopback_socket(FAMILY_IPV4, 0, &at), filler[4];
	socklen_t size = hostport_to_sockaddr(&at, &ss);

	(void)state;
	for (size_t i = 0; i < COUNT(filler); i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(filler[i], (struct sockaddr *)&ss, size);
	}
	loop_open(&l);
	server_start(&good);
	loop_start(&l, 1, &check, &good.at); /* its handle is used again and must not remember */
	assert_int_equal(loop_wait(&l, 1)->result, CHECK_PASSED);
	server_stop(&good);
	loop_start(&l, 0, &check, &at);
	for (int i = 0; i < 3; i++)
		loop_turn(&l);
	assert_int_equal(l.outcome[0].result, CHECK_RUNNING);
	assert_string_equal(check_cancel(l.run[0]), "connect");
	loop_close(&l);
	for (size_t i = 0; i < COUNT(filler); i++)
		(void)close(filler[i]);
	(void)close(fd);
}

static void requests_are_what_proxies_expect(void **state)
{
	char address[HOSTPORT_TEXT_MAX], host[80];
	static const char *const hosts[] = {NULL, "www.master.com"};

	(void)state;
	(void)setenv("http_proxy", "http://127.0.0.1:1", 1); /* must not matter */
	for (size_t i = 0; i < COUNT(hosts); i++) {
		struct server s = {.manner = SAY_AND_HOLD,
			.reply = OK "Content-Length: 0\r\nConnection: keep-alive\r\n\r\n"};
		struct conf_check check = check_with("/a/../b?x=1%20", hosts[i]);
		struct loop l;

		server_start(&s);
		loop_open(&l);
		loop_start(&l, 0, &check, &s.at);
		assert_int_equal(loop_wait(&l, 0)->result, CHECK_PASSED);
		assert_true(l.outcome[0].latency_us > 0);
		wait_for(&l, &s.served, 1);
		(void)snprintf(host, sizeof host, "\r\nHost: %s\r\n",
			hosts[i] != NULL ? hosts[i] : hostport_format(&s.at, address));
		assert_ptr_equal(strstr(s.request, "GET /a/../b?x=1%20 HTTP/1.1\r\n"), s.request);
		assert_non_null(strstr(s.request, host));
		assert_non_null(strstr(s.request, "\r\nUser-Agent: Waymark/"));
		assert_non_null(strstr(s.request, "\r\nConnection: close\r\n"));
		assert_null(strstr(s.request, "Proxy"));
		/* a second probe comes on a connection of its own */
		loop_start(&l, 1, &check, &s.at);
		assert_int_equal(loop_wait(&l, 1)->result, CHECK_PASSED);
		wait_for(&l, &s.served, 2);
		loop_close(&l);
		server_stop(&s);
	}
	(void)unsetenv("http_proxy");
}

static void an_ipv6_target_is_asked_by_its_bracketed_address(void **state)
{
	struct server s = {.manner = SAY_AND_HOLD,
		.reply = OK "Content-Length: 0\r\n\r\n",
		.family = FAMILY_IPV6};
	struct conf_check check = check_with("/", NULL);
	struct hostport probe;
	struct loop l;
	char host[32];
	int fd = loopback_socket(FAMILY_IPV6, -1, &probe);

	(void)state;
	if (fd < 0)
		return; /* no IPv6 on this machine */
	(void)close(fd);
	server_start(&s);
	loop_open(&l);
	loop_start(&l, 0, &check, &s.at);
	assert_int_equal(loop_wait(&l, 0)->result, CHECK_PASSED);
	(void)snprintf(host, sizeof host, "\r\nHost: [::1]:%u\r\n", (unsigned)s.at.port);
	assert_non_null(strstr(s.request, host));
	loop_close(&l);
	server_stop(&s);
}

static void hostile_servers_do_not_hurt_other_probes(void **state)
{
	struct server drip = {.manner = SAY_AND_HOLD, .reply = OK "X-"};
	struct server flood = {.manner = SAY_FOR_EVER,
		.reply = OK "Transfer-Encoding: chunked\r\n\r\n2;x=",
		.more = KB_256}; /* a chunk extension without an end: libcurl skips it for ever */
	struct server good = {.manner = SAY_AND_HOLD, .reply = OK "Content-Length: 2\r\n\r\nok"};
	struct conf_check check = check_with("/", NULL);
	struct loop l;

	(void)state;
	server_start(&drip);
	server_start(&flood);
	server_start(&good);
	loop_open(&l);
	loop_start(&l, 0, &check, &drip.at);
	loop_start(&l, 1, &check, &flood.at);
	wait_for(&l, &flood.sent_more, 100);
	for (uint32_t tag = 2; tag < 12; tag++) {
		loop_start(&l, tag, &check, &good.at);
		assert_int_equal(loop_wait(&l, tag)->result, CHECK_PASSED);
	}
	assert_int_equal(l.outcome[0].result, CHECK_RUNNING);
	assert_int_equal(l.outcome[1].result, CHECK_RUNNING);
	(void)check_cancel(l.run[0]);
	(void)check_cancel(l.run[1]);
	loop_close(&l);
	server_stop(&drip);
	server_stop(&flood);
	server_stop(&good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes_follow_the_response),
		cmocka_unit_test(hostile_servers_fail_with_a_reason),
		cmocka_unit_test(a_refusing_target_fails_and_says_so),
		cmocka_unit_test(a_target_without_a_route_is_not_tested),
		cmocka_unit_test(a_cancelled_probe_tells_its_phase),
		cmocka_unit_test(a_silent_target_is_cancelled_in_connect),
		cmocka_unit_test(requests_are_what_proxies_expect),
		cmocka_unit_test(an_ipv6_target_is_asked_by_its_bracketed_address),
		cmocka_unit_test(hostile_servers_do_not_hurt_other_probes),
	};

	TEST_MAIN(tests);
}
