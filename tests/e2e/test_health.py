"""Checks, verdicts, events."""
import socket, threading, time
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
    server, proxies = serve(lab, check="{tcp: {port: 8080}, interval: 200ms, timeout: 150ms, fall: 3, rise: 2}")
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
                                       ' interval: 200ms, timeout: 150ms, fall: 2, rise: 2}')
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
    server = lab.start(conf(lab, check="{http: {path: /, port: 8080}, interval: 500ms, timeout: 400ms, fall: 2, rise: 2}"))
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
    wait("its event", lambda: "balancer" in server.events(event="verdict", to="down")[-1]["text"])
    wait("DNS to follow", lambda: server.ips("www.master.com", subnet="10.2.0.0/16") <= {lab.ip(11), lab.ip(12)})
