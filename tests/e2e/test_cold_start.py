"""The first seconds: who is answered before all first checks have ended, and the first round of ten thousand endpoints."""
import os, pathlib, signal, socket
import pytest
from lab import ZONE, conf, http_get, wait


def named(server, name):
    """pids of the server's processes of this name (control need not answer)."""
    found = []
    for pid in server.members():
        try:
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == name:
                found.append(pid)
        except OSError:
            pass
    return found


def test_the_first_round_of_ten_thousand_endpoints_is_whole_though_control_stands_still(lab):
    count = 10000
    # nothing listens on port 9 there
    net = lab.net.rsplit(".", 1)[0]
    endpoints = "".join(f"\n      e{i}: {{address: {net}.{i // 250}.{i % 250 + 1}}}" for i in range(count))
    pools = f"\n  web:\n    check: home\n    steer: [weighted]\n    when_all_down: nodata\n    endpoints:{endpoints}"
    lab.write("zones/master.com.zone", ZONE.replace(" region=london", ""))
    server = lab.start(conf(lab, pools=pools, check="{tcp: {port: 9}, interval: 1m, timeout: 30s}", workers=1, balancer=False), ready=False)
    [control] = wait("control", lambda: named(server, "wm-control"), every=0.001)
    wait("the dns to serve", lambda: server.ips("static.master.com"))
    os.kill(control, signal.SIGSTOP)
    # all are down, and each of them has been found to be: NODATA comes instead of SERVFAIL
    wait("the end of the first round", lambda: server.query("www.master.com").rcode() == 0)
    try:
        os.kill(control, signal.SIGCONT)
    except ProcessLookupError:
        pass  # it stood still for ten seconds and was replaced
    events = wait("the events", lambda: (lambda e: e if len(e) >= count else None)(server.events(event="verdict")))
    assert len(events) == count and len({e["endpoint"] for e in events}) == count
    assert {(e["from"], e["to"]) for e in events} == {("unknown", "down")}
    counters = server.status()["counters"]
    assert counters["control"]["events_lost"] == 0
    assert counters["health"]["probes_missed"] == 0 and counters["health"]["probes_waited"] == 0
    assert counters["health"]["probes"] == counters["health"]["probes_failed"] == count


class Silent:
    """Takes TCP connections into a backlog that is full: a probe hears nothing. Until it opens."""

    def __init__(self, address, port=8080):
        self.hole = socket.create_server((address, port), backlog=0)
        self.fill = [socket.socket() for _ in range(4)]
        for f in self.fill:
            f.setblocking(False)
            f.connect_ex((address, port))

    def close(self):
        for s in [*self.fill, self.hole]:
            s.close()


@pytest.fixture
def silent(lab):
    made = []
    def make(n):
        made.append(Silent(lab.ip(n)))
        return made[-1]
    yield make
    for s in made:
        s.close()


SLOW = "{tcp: {port: 8080}, interval: 1h, timeout: 50m, fall: 1, rise: 1}"


def cold(lab, check=SLOW, **how):
    lab.write("zones/master.com.zone", ZONE)
    return lab.start(conf(lab, check=check, **how), ready=False)


def not_ready(server, name="www.master.com", **how):
    reply = server.query(name, **how)
    return reply.rcode() == 2 and any(o.otype == 15 and o.code == 14 for o in reply.options)  # Not Ready (RFC 8914)


def test_one_silent_endpoint_holds_up_nobody(lab, silent):
    lab.proxy(11)
    lab.proxy(21)
    silent(12)
    silent(31)
    server = cold(lab)
    # London has one that is up: its clients, and who asks for London by name, get that one and no other
    wait("London's clients", lambda: server.query("www.master.com", subnet="10.1.0.0/16").answer)
    for _ in range(20):
        assert server.ips("www.master.com", subnet="10.1.0.0/16") == {lab.ip(11)}
        assert server.ips("london.master.com", subnet="10.3.0.0/16") == {lab.ip(11)}
    wait("New York's clients", lambda: server.ips("www.master.com", subnet="10.2.0.0/16") == {lab.ip(21)})
    # Singapore's may be up: its clients are sent nowhere else for the time of a check
    assert not_ready(server, subnet="10.3.0.0/16")
    assert server.ips("static.master.com") == {"192.0.2.80"}


def test_a_region_without_a_verdict_is_waited_for_until_it_has_one(lab, silent):
    lab.proxy(21)
    lab.proxy(31)
    silent(11)
    silent(12)
    server = cold(lab, check="{tcp: {port: 8080}, interval: 8s, timeout: 8s, fall: 1, rise: 1}", balancer=False)
    wait("New York's clients", lambda: server.ips("www.master.com", subnet="10.2.0.0/16") == {lab.ip(21)})
    early = not_ready(server, subnet="10.1.0.0/16")
    slow = server.verdict("web/lon1") != "unknown"  # the machine took eight seconds to get here
    assert early or slow
    # the timeout of its check: they are down, and the next region answers
    wait("London's clients", lambda: server.ips("www.master.com", subnet="10.1.0.0/16") in ({lab.ip(21)}, {lab.ip(31)}))
    assert server.verdict("web/lon1") == "down"


def test_a_pool_waits_for_its_own_check_and_no_others(lab, silent):
    lab.proxy(11)
    silent(12)
    n = lab.net
    pools = f"""
  slow: {{check: home, steer: [weighted], endpoints: {{x: {{address: {n}.12}}}}}}
  web: {{check: quick, steer: [weighted], when_all_down: serve_all, endpoints: {{y: {{address: {n}.12}}}}}}"""
    quick = f"{SLOW}\n  quick: {{tcp: {{port: 8080}}, interval: 300ms, timeout: 300ms, fall: 1}}"
    lab.write("zones/master.com.zone", ZONE.replace(" region=london", "") + "slow POOL slow\n")
    server = lab.start(conf(lab, check=quick, pools=pools, balancer=False), ready=False)
    # nothing of it is up, nor will be: after 300 ms all are served, though the other check has fifty minutes
    wait("the quick pool", lambda: server.ips("www.master.com") == {lab.ip(12)})
    assert not_ready(server, "slow.master.com")


def test_the_balancer_takes_connections_as_soon_as_one_endpoint_is_up(lab, silent):
    lab.proxy(11, name="lon1")
    silent(12)
    n = lab.net
    pools = f"""
  web: {{check: home, steer: [round_robin], endpoints: {{x: {{address: {n}.11}}, y: {{address: {n}.12}}}}}}"""
    lab.write("zones/master.com.zone", ZONE.replace(" region=london", ""))
    server = lab.start(conf(lab, check=SLOW, pools=pools))
    for _ in range(4):
        assert http_get(lab.ip(1), 8000, timeout=60) == (200, "lon1")
    assert server.verdict("web/y") == "unknown"
