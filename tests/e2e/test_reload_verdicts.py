"""What a reload does to verdicts: new probes start with what is known of their targets; for those of whom nothing is known
the old dns and balancer serve on."""
import os, signal, socket, threading
import pytest
from lab import http_get, wait

ZONE = """$TTL 60
@ SOA ns1 h 1 1h 10m 1w 60
  NS ns1
ns1 A 192.0.2.1
www POOL web
"""


class Gated:
    """A proxy that says its address. Nothing is sent for the paths in `shut` until they are opened; those in `bad` get a 503."""

    def __init__(self, address, port=8080, shut=(), bad=()):
        self.address, self.shut, self.bad, self.waiting = address, set(shut), set(bad), []
        self.lock = threading.Lock()
        self.seen = []
        self.socket = socket.create_server((address, port), backlog=128)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                c, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        try:
            head = b""
            while b"\r\n\r\n" not in head:
                data = c.recv(4096)
                if not data:
                    c.close()
                    return
                head += data
            path = head.split()[1].decode()
            with self.lock:
                self.seen.append(path)
                if path in self.shut:
                    self.waiting.append((path, c))
                    return
            self.reply(c, "503 Bad" if path in self.bad else "200 OK")
        except OSError:
            pass

    def reply(self, c, status="200 OK"):
        try:
            body = self.address.encode()
            c.sendall(b"HTTP/1.1 " + status.encode() + b"\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
            c.close()
        except OSError:
            pass

    def open(self, path):
        """Answer what waits, and what comes from now on."""
        with self.lock:
            self.shut.discard(path)
            waiting, self.waiting = self.waiting, []
        for p, c in waiting:
            if p == path:
                self.reply(c)
            else:
                self.waiting.append((p, c))


@pytest.fixture
def gated(lab):
    made = []
    def make(n, **how):
        made.append(Gated(lab.ip(n), **how))
        return made[-1]
    yield make
    for g in made:
        g.socket.close()


def conf(lab, check, endpoints, down="nodata", unknown="hold"):
    n = lab.net
    listed = ", ".join(f"{name}: {{address: {n}.{host}}}" for name, host in endpoints.items())
    return f"""listen: {n}.1:5300
zones: zones/
checks:
  home: {check}
pools:
  web: {{check: home, unknown: {unknown}, when_all_down: {down}, answers: 4, ttl: 30s, endpoints: {{{listed}}}}}
balancer: [{{name: front, listen: "{n}.1:8000", pool: web, port: 8080}}]
control: {{socket: control.sock}}
user: nobody
workers: 1
log: {{level: debug}}
"""


HTTP = "{http: {path: %s, port: 8080}, interval: %s, timeout: %s}"


def start(lab, text):
    lab.write("zones/b.test.zone", ZONE)
    return lab.start(text).wait_verdicts()


class Asking:
    """Asks all the time, in a thread of its own; remembers every different answer."""

    def __init__(self, server, name="www.b.test"):
        self.server, self.name, self.answers, self.count, self.stop = server, name, set(), 0, False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.stop:
            reply = self.server.query(self.name, timeout=10)
            ips = frozenset(r.to_text() for rrset in reply.answer for r in rrset)
            self.answers.add((reply.rcode(), ips))
            self.count += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.stop = True
        self.thread.join(20)

    def more(self, n=50):
        count = self.count
        wait("answers", lambda: self.count > count + n)


def address(server, name):
    return next(a for _, e, a in server.addresses() if e["name"] == name)


def dns_generation(server):
    return next(r for r in server.status()["roles"] if r["role"] == "dns")["generation"]


@pytest.mark.parametrize("down", ["nodata", "refuse", "serve_all"])
@pytest.mark.parametrize("unknown", ["hold", "serve"])
def test_a_changed_path_forgets_no_verdict(lab, gated, down, unknown):
    up = [gated(11, shut=["/b"]), gated(12, shut=["/b"])]
    dead = gated(13, shut=["/b"], bad=["/a"])
    endpoints = {"x": 11, "y": 12, "dead": 13}
    server = start(lab, conf(lab, HTTP % ("/a", "5s", "5s"), endpoints, down, unknown))
    alive = frozenset({lab.ip(11), lab.ip(12)})
    with Asking(server) as asking:
        asking.more()
        lab.write("waymark.yaml", conf(lab, HTTP % ("/b", "1m", "50s"), endpoints, down, unknown))
        server.reload()
        wait("the new probes", lambda: all("/b" in p.seen for p in up + [dead]))
        # no outcome yet: the verdict is an old one, and says so
        for name, verdict in (("x", "up"), ("y", "up"), ("dead", "down")):
            a = address(server, name)
            assert a["verdict"] == verdict and a["reason"].startswith("inherited: ") and a["checked_ms"] is None, a
        asking.more()
        assert http_get(lab.ip(1), 8000)[1] in alive
        for p in up:
            p.open("/b")
        wait("an outcome of its own", lambda: address(server, "x")["checked_ms"] and address(server, "y")["checked_ms"])
        assert address(server, "x")["reason"] == "status 200"
        asking.more()
    assert asking.answers == {(0, alive)}
    assert not [e for e in server.events(event="verdict") if e["from"] == "up"]


def test_verdicts_survive_two_reloads_and_a_move_between_checks(lab, gated):
    endpoints = {"x": 11, "dead": 12}
    gated(11, shut=["/b", "/c"])
    server = start(lab, conf(lab, HTTP % ("/a", "5s", "5s"), endpoints))
    with Asking(server) as asking:
        asking.more()
        for check in (HTTP % ("/b", "1m", "50s"), HTTP % ("/c", "1m", "50s"), "{tcp: {port: 8080}, interval: 5s, timeout: 5s}",
                      HTTP % ("/c", "1m", "50s"), "{tcp: {port: 8081}, interval: 1m, timeout: 50s, fall: 2}"):
            lab.write("waymark.yaml", conf(lab, check, endpoints))
            server.reload()
            asking.more()
            assert address(server, "x")["verdict"] == "up" and address(server, "dead")["verdict"] == "down"
    assert asking.answers == {(0, frozenset({lab.ip(11)}))}


def new_address(lab, gated, timeout):
    """A server whose one endpoint is being replaced by another machine, which accepts connections and says nothing; the
    reload under way in a thread."""
    gated(11)
    new = gated(12, shut=["/a"])
    server = start(lab, conf(lab, HTTP % ("/a", "5s", "5s"), {"x": 11}, unknown="serve"))
    first = {r["role"]: r["pid"] for r in server.status()["roles"]}
    lab.write("waymark.yaml", conf(lab, HTTP % ("/a", "1m", timeout), {"x": 12}, unknown="serve"))
    reload = threading.Thread(target=server.reload)
    reload.start()
    wait("the new probe", lambda: "/a" in new.seen)
    return server, new, first, reload


def test_old_ones_serve_on_until_a_new_address_has_a_verdict(lab, gated):
    server, new, first, reload = new_address(lab, gated, "50s")
    before, after = (0, frozenset({lab.ip(11)})), (0, frozenset({lab.ip(12)}))
    with Asking(server) as asking:
        asking.more()
        seen, relayed = set(asking.answers), http_get(lab.ip(1), 8000)[1]
        slow = dns_generation(server) != 1  # the five seconds are over
        if not slow:
            assert seen == {before} and relayed == lab.ip(11)
        new.open("/a")
        reload.join(60)
        wait("the new answer", lambda: after in asking.answers)
    assert asking.answers - ({(2, frozenset())} if slow else set()) == {before, after}
    assert http_get(lab.ip(1), 8000)[1] == lab.ip(12)
    assert address(server, "x")["verdict"] == "up"


def test_nobody_waits_for_a_silent_address_longer_than_its_timeout(lab, gated):
    server, new, first, reload = new_address(lab, gated, "400ms")
    reload.join(60)
    assert dns_generation(server) == 2
    wait("a verdict", lambda: address(server, "x")["verdict"] == "down")
    assert server.query("www.b.test").answer == []


def test_health_killed_while_first_verdicts_are_waited_for(lab, gated):
    server, new, first, reload = new_address(lab, gated, "50s")
    second = wait("the new health", lambda: [p for p in [server.role("health")] if p != first["health"]])[0]
    os.kill(second, signal.SIGKILL)
    wait("the third health's probe", lambda: new.seen.count("/a") >= 2)
    new.open("/a")
    reload.join(60)
    wait("the new answer", lambda: server.ips("www.b.test") == {lab.ip(12)})
    assert dns_generation(server) == 2


def test_a_new_dns_goes_at_once_when_the_old_one_dies(lab, gated):
    """Nobody else would answer."""
    server, new, first, reload = new_address(lab, gated, "50s")
    os.kill(first["dns"], signal.SIGKILL)
    wait("the new dns", lambda: dns_generation(server) == 2)
    assert server.query("ns1.b.test").answer
    # this server is younger than the check's timeout: the first verdict is still waited for, now by dns itself
    assert server.query("www.b.test").rcode() == 2
    new.open("/a")
    reload.join(60)
    wait("the new answer", lambda: server.ips("www.b.test") == {lab.ip(12)})


def test_another_threshold_keeps_the_streak(lab, gated):
    y = gated(12)
    text = lambda how: conf(lab, HTTP % ("/a", how, "200ms"), {"x": 12})
    probe = lambda: server.status()["probes"][0]
    server = start(lab, text("200ms, rise: 1, fall: 900"))
    wait("up", lambda: probe()["verdict"] == "up")
    y.bad.add("/a")
    wait("a streak", lambda: probe()["failures"] >= 5)
    before = probe()
    lab.write("waymark.yaml", text("1h, rise: 1, fall: 1000"))
    server.reload()
    after = probe()
    assert after["key"] != before["key"] and after["verdict"] == "up"
    assert after["failures"] >= before["failures"] and after["reason"] == "status 503"
