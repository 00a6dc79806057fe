"""The operator's commands and the event stream (issue: log stream, operator's commands)."""
import json, os, re, signal, socket, stat, subprocess, threading, time
from lab import WAYMARK, conf, four_proxies, http_get, serve, wait, ZONE


def test_status_for_people_and_for_programs(lab):
    server, proxies = serve(lab)
    proxies["sin1"].down()
    wait("down", lambda: server.verdict("web/sin1") == "down")
    text = server.cli("status").stdout
    row = next(l for l in text.splitlines() if "sin1" in l)
    assert "down" in row and "refused" in row
    s = server.status()
    pool = s["pools"][0]
    assert pool["name"] == "web" and [e["name"] for e in pool["endpoints"]] == ["lon1", "lon2", "nyc1", "sin1"]
    e = pool["endpoints"][3]
    assert e["region"] == "singapore" and e["weight"] == 10 and e["load"] == 0 and e["override"] in (None, "none")
    a = e["addresses"][0]
    assert a["address"] == lab.ip(31) and a["verdict"] == "down" and a["serving"] is False and a["since_ms"] > 1.7e12


def test_overrides_beat_verdicts(lab):
    server, proxies = serve(lab)
    near_ny = lambda: server.ips("www.master.com", subnet="10.2.0.0/16")
    server.cli("drain", "web/nyc1")
    wait("drained", lambda: near_ny() <= {lab.ip(11), lab.ip(12)})
    server.cli("restore", "web/nyc1")
    wait("restored", lambda: near_ny() == {lab.ip(21)})
    proxies["nyc1"].down()
    wait("down", lambda: near_ny() <= {lab.ip(11), lab.ip(12)})
    server.cli("force-up", "nyc1")  # unambiguous without its pool
    wait("forced up", lambda: near_ny() == {lab.ip(21)})
    server.cli("force-down", "region:singapore")
    wait("forced down", lambda: lab.ip(31) not in server.ips("www.master.com", subnet="10.3.0.0/16"))
    server.cli("restore", "region:singapore")
    server.cli("weight", "web/lon1", "0")
    wait("weight 0", lambda: {i for _ in range(20) for i in server.ips("london.master.com")} == {lab.ip(12)})
    server.cli("restore", "web/lon1")
    wait("weight 10 again", lambda: {i for _ in range(60) for i in server.ips("london.master.com")} == {lab.ip(11), lab.ip(12)})
    events = server.events(event="override")
    assert [(e["endpoint"], e["to"]) for e in events][:2] == [("nyc1", "drain"), ("nyc1", "none")]


def test_overrides_expire_and_outlive_restarts(lab):
    server, _ = serve(lab)
    server.cli("drain", "web/lon1", "--for", "1h")
    server.cli("force-down", "web/nyc1", "--for", "3s")
    wait("forced", lambda: lab.ip(21) not in server.ips("www.master.com", subnet="10.2.0.0/16"))
    wait("it to expire", lambda: server.ips("www.master.com", subnet="10.2.0.0/16") == {lab.ip(21)}, 20)
    wait("the event", lambda: [e for e in server.events(event="override", endpoint="nyc1") if e["to"] == "none"])
    server.cli("weight", "web/lon2", "77")
    for end in ("stop", "kill"):
        server.stop() if end == "stop" else server.kill()
        server = lab.start(conf(lab)).wait_verdicts()
        e = {e["name"]: e for _, e, _ in server.addresses()}
        assert e["lon1"]["override"] == "drain" and e["lon2"]["weight"] == 77 and e["nyc1"]["override"] in (None, "none")
        assert server.ips("london.master.com") == {lab.ip(12)}


def control(lab, request=None):
    """A connection to the control socket, after one request and the first line of its reply."""
    c = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    c.settimeout(30)
    c.connect(str(lab.folder / "control.sock"))
    if request is None:
        return c, None
    c.sendall(json.dumps(request).encode() + b"\n")
    return c, json.loads(c.makefile("rb").readline())


def test_refused_watches_keep_no_place(lab):
    server, _ = serve(lab)
    held = []
    for n in range(232):
        c, reply = control(lab, {"command": "watch"})
        held.append(c)  # nobody closes anything on this side
        assert reply.get("ok") is (n < 32) and ("next" in reply or "others watch already" in reply["error"])
    assert server.status()["generation"] == 1
    server.cli("drain", "web/lon1")
    for c in held[32:]:
        assert c.recv(1) == b""
    for c in held:
        c.close()
    # refused for another reason: the same
    c, reply = control(lab, {"command": "watch", "since": "yesterday"})
    assert reply["ok"] is False and c.recv(1) == b""
    c.close()
    c, reply = control(lab, {"command": "watch", "pool": "no-such-pool"})
    assert reply["ok"] is False and "no-such-pool" in reply["error"] and c.recv(1) == b""
    c.close()


def test_two_places_are_kept_for_commands(lab):
    server, _ = serve(lab)
    # as many idle connections as there may be, each having asked something, so that all of them are in
    held = [control(lab, {"command": "zones"})[0] for _ in range(62)]
    for _ in range(5):
        assert server.status()["generation"] == 1
    silent, _ = control(lab)  # takes a kept place, for a second at most
    assert silent.recv(1) == b""
    watch, reply = control(lab, {"command": "watch"})
    assert reply["ok"] is False and watch.recv(1) == b""
    c, reply = control(lab, {"command": "zones"})
    assert reply["ok"] is True and c.recv(1) == b""  # one command, then it is free again
    for c in (*held, silent, watch, c):
        c.close()


def test_draining_the_last_serving_endpoint_warns(lab):
    server, _ = serve(lab)
    p = None
    for name in ("lon1", "lon2", "nyc1", "sin1"):
        assert p is None or "warning" not in (p.stdout + p.stderr).lower()
        p = server.cli("drain", f"web/{name}")
        wait(name, lambda: next(e for _, e, _ in server.addresses() if e["name"] == name)["override"] == "drain")
    assert "warning: the last serving endpoint of pool web is gone, all are drained or forced down: DNS gives no address" in p.stderr
    wait("nobody to be given", lambda: not server.query("www.master.com").answer)  # not even by serve_all
    server.cli("restore", "web/sin1")
    wait("sin1 to be back", lambda: server.ips("www.master.com") == {lab.ip(31)})



def test_wrong_words_get_the_right_ones(lab):
    server, _ = serve(lab)
    p = server.cli("drain", "web/lno1", check=False)
    assert p.returncode == 1 and "lon1" in p.stderr
    p = server.cli("drain", "wbe/lon1", check=False)
    assert p.returncode == 1 and "web" in p.stderr
    p = server.cli("drain", "region:lodnon", check=False)
    assert p.returncode == 1 and "london" in p.stderr
    p = server.cli("weight", "web/lon1", "70000", check=False)
    assert p.returncode != 0 and "65535" in p.stderr
    p = server.cli("drain", "web/lon1", "--for", "5", check=False)
    assert p.returncode != 0
    p = subprocess.run([str(WAYMARK), "drian"], capture_output=True, text=True)
    assert p.returncode == 2 and "drain" in p.stderr and "status" in p.stderr and "watch" in p.stderr
    p = subprocess.run([str(WAYMARK), "status", "--socket", str(lab.folder / "nobody.sock")], capture_output=True, text=True)
    assert p.returncode == 3 and "nobody.sock" in p.stderr


def test_an_ambiguous_endpoint_lists_the_candidates(lab):
    n = lab.net
    pools = "".join(f"\n  {p}: {{check: home, endpoints: {{one: {{address: {n}.11}}}}}}" for p in ("web", "api"))
    four_proxies(lab)
    lab.write("zones/master.com.zone", ZONE.replace("london 30  POOL  web region=london\n", ""))
    server = lab.start(conf(lab, pools=pools)).wait_verdicts()
    p = server.cli("drain", "one", check=False)
    assert p.returncode == 1 and "web/one" in p.stderr and "api/one" in p.stderr


def test_the_socket_is_private_and_a_stale_one_is_replaced(lab):
    server, _ = serve(lab)
    path = lab.folder / "control.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    # a second server on the same socket is refused, and the first is not hurt
    lab.write("second.yaml", conf(lab).replace(":5300", ":5301").replace(":8000", ":8001").replace("state/", "state2/"))
    p = subprocess.run([str(WAYMARK), "run", "-c", "second.yaml"], cwd=lab.folder, capture_output=True, text=True, timeout=30)
    assert p.returncode == 1 and "control.sock" in p.stderr
    assert server.status()["generation"] == 1
    server.kill()
    assert path.exists()
    server = lab.start(conf(lab))  # stale now
    assert server.status()["generation"] == 1


class Watch:
    def __init__(self, server, *args):
        self.process = subprocess.Popen([str(WAYMARK), "watch", "-c", server.conf, *args], cwd=server.lab.folder, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.lines = []
        self.thread = threading.Thread(target=lambda: [self.lines.append(l.rstrip("\n")) for l in self.process.stdout], daemon=True)
        self.thread.start()

    def stop(self):
        self.process.kill()
        self.process.wait()


def test_watch_is_live_filtered_and_resumes_over_a_restart_of_control(lab):
    server, proxies = serve(lab)
    since = server.last_sequence()
    every = Watch(server, "--json", "--since", str(since))
    only = Watch(server, "--endpoint", "sin1")
    pool = Watch(server, "--json", "--since", str(since), "--pool", "nothing")
    try:
        proxies["sin1"].down()
        proxies["nyc1"].down()
        wait("both", lambda: {json.loads(l)["endpoint"] for l in every.lines if '"verdict"' in l} >= {"sin1", "nyc1"})
        wait("sin1", lambda: any("sin1" in l for l in only.lines))
        pid = server.role("control")
        os.kill(pid, signal.SIGKILL)
        wait("its successor", lambda: server.role("control") not in (pid, 0))
        proxies["sin1"].up()
        wait("the next event", lambda: any(e["event"] == "verdict" and e["endpoint"] == "sin1" and e["to"] == "up"
                                           for e in map(json.loads, every.lines)))
        server.reload()
        wait("the reload", lambda: any(json.loads(l)["event"] == "reload" for l in every.lines))
        got = [json.loads(l)["seq"] for l in every.lines]
        assert got == sorted(set(got)), "doubled or out of order"
        stored = [e["seq"] for e in server.events(since)]
        assert got == [s for s in stored if s <= got[-1]], "a gap"
        assert not any("nyc1" in l for l in only.lines) and pool.lines == []
    finally:
        for w in (every, only, pool):
            w.stop()


def test_sequence_numbers_never_go_back(lab):
    server, _ = serve(lab)
    first = server.last_sequence()
    server.stop()
    server = lab.start(conf(lab))
    events = server.events()
    assert events[0]["seq"] > first and first >= 1700000000 << 20


def test_a_blocked_log_does_not_stop_the_commands(lab):
    """Standard error is a pipe nobody reads: probes, answers and commands go on."""
    import lab as module
    four_proxies(lab)
    lab.write("zones/master.com.zone", ZONE)
    lab.write("waymark.yaml", conf(lab))
    read, write = os.pipe()
    p = subprocess.Popen([str(WAYMARK), "run", "-c", "waymark.yaml"], cwd=lab.folder, stderr=write, stdout=write, start_new_session=True)
    os.close(write)
    try:
        server = module.Server.__new__(module.Server)
        server.lab, server.conf, server.address, server.port, server.process = lab, "waymark.yaml", lab.ip(1), 5300, p
        server.log = lambda: ""
        server.wait_serving()
        for i in range(300):  # some 100 octets each: the pipe's 64 KiB are full long before the end
            server.cli("weight", "web/lon1", str(i + 1))
            server.cli("weight", "web/lon2", str(i + 1))
        assert server.ips("static.master.com") == {"192.0.2.80"}
        assert len(server.events(event="override")) >= 600
    finally:
        os.close(read)
        os.killpg(p.pid, signal.SIGKILL)
        p.wait()


def test_zones_tells_what_is_loaded(lab):
    server, _ = serve(lab)
    text = server.cli("zones").stdout
    assert re.search(r"master\.com\s+2026112301", text)
    z = server.zones()["master.com"]
    assert z["serial"] == 2026112301 and z["error"] is None and z["loaded_ms"] > 1.7e12


def test_the_documented_fields_are_the_ones_there_are(lab):
    """docs/control.md names every field of the JSON of status, watch and zones."""
    from lab import ROOT
    server, _ = serve(lab)
    server.cli("drain", "web/lon1", "--for", "1h")
    text = (ROOT / "docs/control.md").read_text()

    def keys(value):
        if isinstance(value, dict):
            for k, v in value.items():
                yield k
                yield from keys(v)
        elif isinstance(value, list):
            for v in value:
                yield from keys(v)

    zones = json.loads(server.cli("zones", "--json").stdout)
    known_values = {c["name"] for c in []}
    missing = {k for v in (server.status(), zones, server.events()) for k in keys(v)} - known_values
    missing = {k for k in missing if f"`{k}`" not in text}
    assert not missing, missing
