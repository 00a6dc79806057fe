"""The first seconds: who is answered before all first checks have ended, and the first round of ten thousand endpoints."""
import os, pathlib, signal
from lab import ZONE, conf, wait


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
