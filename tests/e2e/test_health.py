"""Checks, verdicts, events."""
import os, re, signal, socket, threading, time
import pytest
from lab import Proxy, conf, four_proxies, serve, wait, ZONE


def test_checks_run_from_the_start_without_a_query(lab):
    proxies = four_proxies(lab)
    proxies["nyc1"].down()
    lab.write("zones/master.com.zone", ZONE)
    server = lab.start(conf(lab)).wait_verdicts()
    assert server.verdict("web/lon1") == "up" and server.verdict("web/nyc1") == "down"
    endpoint = next(e for p, e, a in server.addresses() if e["name"] == "nyc1")
    assert "refused" in endpoint["addresses"][0]["reason"]


def test_fall_and_rise(lab):
    server, proxies = serve(lab, check="{tcp: {port: 8080}, interval: 200ms, timeout: 150ms, fall: 3, rise: 2, flap: {penalty: 0}}")
    start = server.last_sequence()
    proxies["sin1"].down()
    down = wait("down", lambda: server.events(start, event="verdict", to="down"))
    assert [(e["pool"], e["endpoint"], e["from"]) for e in down] == [("web", "sin1", "up")]
    assert "refused" in down[0]["text"] and down[0]["object"] == f"{lab.ip(31)}:8080"
    proxies["sin1"].up()
    up = wait("up", lambda: server.events(start, event="verdict", to="up"))
    assert up[0]["endpoint"] == "sin1" and up[0]["seq"] > down[0]["seq"]
    assert len(server.events(start, event="verdict")) == 2


def test_http_checks_send_host_and_judge_the_status(lab):
    server, proxies = serve(lab, check='{http: {path: /healthz, port: 8080, host: www.master.com, expect: [200-299, 404]},'
                                       ' interval: 200ms, timeout: 150ms, fall: 2, rise: 2, flap: {penalty: 0}}')
    assert all(p.hosts == {"www.master.com"} for p in proxies.values())
    proxies["lon1"].status = 503
    wait("503 is down", lambda: server.verdict("web/lon1") == "down")
    wait("the event", lambda: "503" in (server.events(event="verdict", to="down") or [{"text": ""}])[-1]["text"])
    proxies["lon1"].status = 404
    wait("404 is expected here", lambda: server.verdict("web/lon1") == "up")
    proxies["lon1"].status = 302  # redirects are not followed
    wait("302 is down", lambda: server.verdict("web/lon1") == "down")


class Hostile(threading.Thread):
    """A server that accepts and then misbehaves for ever."""

    def __init__(self, address, behave):
        super().__init__(daemon=True)
        self.socket = socket.create_server((address, 8080), backlog=128)
        self.behave, self.stopping = behave, False
        self.start()

    def run(self):
        while True:
            try:
                c, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        try:
            self.behave(c)
        except OSError:
            pass
        finally:
            c.close()


def endless(first, chunk, pause=0.0):
    def behave(c):
        c.sendall(first)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            c.sendall(chunk)
            time.sleep(pause)
    return behave


@pytest.mark.parametrize("name,behave", [
    ("silent", lambda c: time.sleep(20)),
    ("headers without end", endless(b"HTTP/1.1 200 OK\r\n", b"X-Junk: " + b"y" * 1000 + b"\r\n")),
    ("one byte at a time", endless(b"HTTP/1.1 200", b" ", 0.05)),
    ("garbage", endless(b"", bytes(range(256)) * 8)),
    ("early close", lambda c: None),
    ("half a header", lambda c: (c.sendall(b"HTTP/1.1 200 OK\r\nServer: x\r\n"), c.shutdown(socket.SHUT_WR), c.recv(4096))),
    ("two lengths", lambda c: (c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nokokk"), c.recv(4096))),
])
def test_a_hostile_server_is_down_and_hurts_nobody(lab, name, behave):
    for n, who in ((11, "lon1"), (21, "nyc1"), (31, "sin1")):
        lab.proxy(n, name=who)
    hostile = Hostile(lab.ip(12), behave)
    lab.write("zones/master.com.zone", ZONE)
    server = lab.start(conf(lab, check="{http: {path: /, port: 8080}, interval: 500ms, timeout: 400ms, fall: 2, rise: 2, flap: {penalty: 0}}"))
    server.wait_verdicts()
    wait("down", lambda: server.verdict("web/lon2") == "down")
    assert [server.verdict(f"web/{e}") for e in ("lon1", "nyc1", "sin1")] == ["up"] * 3
    pid = server.role("health")
    since = server.last_sequence()
    # three more rounds of probes of everyone change nothing
    before = {e["name"]: a["checked_ms"] for _, e, a in server.addresses()}
    wait("further probes", lambda: all(a["checked_ms"] > before[e["name"]] + 1500 for _, e, a in server.addresses()))
    assert server.events(since, event="verdict") == [] and server.role("health") == pid
    hostile.socket.close()


def test_equal_probes_run_once(lab):
    n = lab.net
    pools = "".join(f"""
  {name}:
    check: home
    endpoints: {{one: {{address: {n}.11}}}}""" for name in ("web", "api", "img"))
    proxy = lab.proxy(11)
    lab.write("zones/master.com.zone", ZONE.replace("london 30  POOL  web region=london\n", ""))
    server = lab.start(conf(lab, pools=pools, check="{http: {path: /, port: 8080}, interval: 300ms, timeout: 200ms, jitter: 0%}"))
    server.wait_verdicts()
    status = server.status()
    assert len(status["probes"]) == 1 if "probes" in status else True
    requests, start = proxy.requests, time.monotonic()
    wait("ten more probes", lambda: proxy.requests >= requests + 10)
    assert time.monotonic() - start > 10 * 0.3 * 0.7  # one stream of probes, not three
    since = server.last_sequence()
    proxy.down()
    wait("an event for each user of the probe",
         lambda: {e["pool"] for e in server.events(since, event="verdict", to="down")} == {"web", "api", "img"})


def test_a_dead_proxy_is_noticed_by_the_balancer_before_its_next_probe(lab):
    from lab import http_get
    server, proxies = serve(lab, check="{tcp: {port: 8080}, interval: 1h, timeout: 1s, fall: 2, rise: 1}")
    proxies["nyc1"].down()
    bodies = {http_get(lab.ip(1), 8000, source=lab.ip(102))[1] for _ in range(4)}
    assert bodies <= {"lon1", "lon2", "sin1"}  # served all the same, by the next nearest
    wait("the verdict", lambda: server.verdict("web/nyc1") == "down")
    wait("its event", lambda: "refused" in server.events(event="verdict", to="down")[-1]["text"])  # its check's word
    wait("DNS to follow", lambda: server.ips("www.master.com", subnet="10.2.0.0/16") <= {lab.ip(11), lab.ip(12)})


def address_of(server, key):
    pool, name = key.split("/")
    return next(a for p, e, a in server.addresses() if p == pool and e["name"] == name)


def row_of(server, key):
    return next(l for l in server.cli("status").stdout.splitlines() if l.startswith(key + " "))


def test_the_table_says_the_streak_beside_the_last_outcome(lab):
    server, proxies = serve(lab, check="{http: {port: 8080}, interval: 500ms, timeout: 500ms, fall: 1, rise: 1000}")
    proxies["lon1"].status = 503
    wait("down", lambda: server.verdict("web/lon1") == "down")
    assert address_of(server, "web/lon1")["reason"] == "status 503"
    proxies["lon1"].status = 200
    wait("a streak", lambda: re.fullmatch(r"status 200, \d+ of 1000 good", address_of(server, "web/lon1")["reason"]))
    assert re.search(r" down .* status 200, \d+ of 1000 good$", row_of(server, "web/lon1"))


def test_flaps_are_damped_over_a_death_of_health(lab):
    server, proxies = serve(lab, check="{http: {port: 8080}, interval: 1s, timeout: 1s, fall: 1, rise: 1,"
                                       " flap: {half_life: 10m, max_suppress: 2h}}")
    start = server.last_sequence()
    for _ in range(4):  # 8 changes of what the checks say
        for status in (503, 200):
            proxies["lon1"].status = status
            wait(f"{status}", lambda: address_of(server, "web/lon1")["reason"].startswith(f"status {status}"))
    told = [(e["from"], e["to"]) for e in server.events(start, event="verdict", endpoint="lon1")]
    assert told == [("up", "down"), ("down", "up"), ("up", "down")]  # and then no more
    text = server.events(start, event="verdict", endpoint="lon1")[-1]["text"]
    assert text.startswith("status 503; suppressed for flapping: penalty 29") and "is above 2500; free in " in text, text

    def suppressed():
        address = address_of(server, "web/lon1")
        probe = next(p for p in server.status()["probes"] if p["key"] == address["probe"])
        assert address["verdict"] == "down" and address["reason"] == "status 200; suppressed for flapping"
        assert probe["reason"] == "status 200" and 6000 < probe["penalty"] <= 8000
        assert abs(address["suppressed_until_ms"] - probe["suppressed_until_ms"]) < 60000  # of two snapshots
        assert address["suppressed_until_ms"] > time.time() * 1000 + 60000
        assert re.search(r" down .* status 200; suppressed for flapping \(\d+m\w* left\)$", row_of(server, "web/lon1"))
    suppressed()
    pid = server.role("health")
    os.kill(pid, signal.SIGKILL)
    wait("its successor", lambda: server.role("health") not in (0, None, pid))
    checked = address_of(server, "web/lon1")["checked_ms"]
    wait("its probes", lambda: address_of(server, "web/lon1")["checked_ms"] > checked + 1500)
    suppressed()
    # an operator's word is stronger, and others are not damped
    assert lab.ip(11) not in server.ips("www.master.com", subnet="10.1.0.0/16")
    server.cli("force-up", "web/lon1")
    wait("it to be served", lambda: lab.ip(11) in server.ips("london.master.com"))
    assert server.verdict("web/lon2") == "up"


def test_every_second_failure_does_not_stay_up(lab):
    """It never fails `fall` times in a row."""
    counts = {}

    def alternate(c):
        c.recv(4096)
        n = counts["n"] = counts.get("n", 0) + 1
        status = b"200 OK" if n % 2 else b"503 Busy"
        c.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        c.recv(4096)
    for n, who in ((11, "lon1"), (21, "nyc1"), (31, "sin1")):
        lab.proxy(n, name=who)
    odd = Hostile(lab.ip(12), alternate)
    lab.write("zones/master.com.zone", ZONE)
    server = lab.start(conf(lab, check="{http: {port: 8080}, interval: 200ms, timeout: 200ms, fall: 2, rise: 2,"
                                       " flap: {half_life: 10s, suppress: 1500, max_suppress: 1m}}"))
    server.wait_verdicts()
    down = wait("down", lambda: server.events(event="verdict", endpoint="lon2", to="down"))
    assert "suppressed for flapping" in down[0]["text"], down
    odd.socket.close()
