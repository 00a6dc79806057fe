"""Generations: reload under load, refused reloads, and every participant killed at every step."""
import os, pathlib, signal, threading, time
import pytest
from lab import Load, TcpLoad, conf, http_get, recv_until, serve, wait, ZONE

ROLES = ("dns", "health", "balancer", "control")


def children(pid):
    try:
        return {int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except OSError:
        return set()


def generation(server):
    return server.status()["generation"]


def test_a_hundred_reloads_under_load_lose_nothing(lab):
    server, _ = serve(lab)
    with Load(server, rate=2000) as dns, TcpLoad(lab.ip(1), 8000) as tcp:
        wait("load", lambda: dns.answered > 500 and tcp.done > 20)
        for _ in range(100):
            server.reload()
        answered, done = dns.answered, tcp.done
        wait("more load", lambda: dns.answered > answered + 1000 and tcp.done > done + 20)
    dns.verdict()
    assert dns.lost == 0, dns.verdict()
    assert not tcp.failed, tcp.failed[:5]
    assert generation(server) == 101
    wait("the old generations to leave", lambda: len(children(server.process.pid)) == 4)


def test_reload_takes_a_new_configuration(lab):
    server, proxies = serve(lab)
    server.cli("drain", "web/lon2")
    text = conf(lab).replace("      sin1:", "      lon3: {address: %s, region: london}\n      sin1:" % lab.ip(13)) \
        .replace("ttl: 30s", "ttl: 10s")
    third = lab.proxy(13, name="lon3")
    lab.write("waymark.yaml", text)
    since = server.last_sequence()
    assert "2" in server.reload().stdout
    wait("the new endpoint", lambda: server.verdict("web/lon3") == "up")
    assert server.query("www.master.com", subnet="10.2.0.0/16").answer[0].ttl == 10
    # overrides and verdicts of the others have stayed, and nobody was judged anew
    endpoint = {e["name"]: e for _, e, _ in server.addresses()}
    assert endpoint["lon2"]["override"] == "drain"
    assert {e["endpoint"] for e in server.events(since, event="verdict")} == {"lon3"}
    # an endpoint that gets another machine's address does not inherit its verdict
    proxies["sin1"].down()
    wait("sin1 down", lambda: server.verdict("web/sin1") == "down")
    lab.proxy(32, name="sin2")
    lab.write("waymark.yaml", text.replace(lab.ip(31), lab.ip(32)))
    server.reload()
    wait("the new machine's verdict", lambda: server.verdict("web/sin1") == "up")


def test_sighup_reloads(lab):
    server, _ = serve(lab)
    server.process.send_signal(signal.SIGHUP)
    wait("generation 2", lambda: generation(server) == 2)
    wait("the event", lambda: server.events(event="reload"))


def test_a_bad_configuration_changes_nothing_and_says_why(lab):
    server, _ = serve(lab)
    pids = children(server.process.pid)
    good = (lab.folder / "waymark.yaml").read_text()
    lab.write("waymark.yaml", good.replace("steer: [geo, weighted]", "steer: [geo, wieghted]").replace("ttl: 30s", "ttl: 30"))
    p = server.reload(check=False)
    line = good[:good.index("steer:")].count("\n") + 1
    assert p.returncode == 1
    assert f"waymark.yaml:{line}:" in p.stderr + p.stdout and "weighted" in p.stderr + p.stdout
    assert f"waymark.yaml:{line + 2}:" in p.stderr + p.stdout  # all errors in one run
    assert children(server.process.pid) == pids and generation(server) == 1
    wait("the event", lambda: server.events(event="reload")[-1]["level"] == "error")
    # a port in use: nothing half started
    import socket
    with socket.create_server((lab.ip(1), 8001)):
        lab.write("waymark.yaml", good.replace(f"{lab.ip(1)}:8000", f"{lab.ip(1)}:8001"))
        p = server.reload(check=False)
        assert p.returncode == 1 and "8001" in p.stderr + p.stdout and "in use" in p.stderr + p.stdout
    assert generation(server) == 1 and http_get(lab.ip(1), 8000, source=lab.ip(102)) == (200, "nyc1")
    lab.write("waymark.yaml", good)
    server.reload()
    assert generation(server) == 2


def test_listen_addresses_and_workers_can_change(lab):
    server, _ = serve(lab)
    before = conf(lab)
    with Load(server) as dns:
        for workers, more in ((1, ""), (4, ""), (2, f', "{lab.ip(2)}:5300"'), (3, "")):
            text = conf(lab, workers=workers, listen=f'["{lab.ip(1)}:5300"{more}]')
            lab.write("waymark.yaml", text)
            server.reload()
            if more:
                assert server.query("static.master.com", address=lab.ip(2)).answer
        wait("load", lambda: dns.answered > 3000)
    assert dns.lost == 0, dns.verdict()


def test_long_connections_survive_reloads(lab):
    import socket
    server, _ = serve(lab)
    with socket.create_connection((lab.ip(1), 8000), source_address=(lab.ip(102), 0), timeout=20) as c:
        for _ in range(3):
            c.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            recv_until(c, b"nyc1")
            server.reload()
        # counted although its generation is old; health sums loads ten times a second
        wait("it to be counted", lambda: next(e["load"] for _, e, _ in server.addresses() if e["name"] == "nyc1") == 1)
    wait("it to be gone", lambda: next(e["load"] for _, e, _ in server.addresses() if e["name"] == "nyc1") == 0)


def test_the_ninth_draining_generation_closes_the_oldest_with_a_warning(lab):
    import socket
    server, _ = serve(lab)
    connections = []
    warnings = lambda: server.events(event="reload", level="warning")
    for number in range(1, 10):
        assert generation(server) == number and not warnings()
        c = socket.create_connection((lab.ip(1), 8000), source_address=(lab.ip(102), 0), timeout=60)
        connections.append(c)
        c.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        recv_until(c, b"nyc1")
        server.reload()
    [warning] = warnings()  # nine generations drain
    assert (warning["from"], warning["to"]) == ("draining", "closing")
    assert "generation 1, the oldest, closes its 1 connections over 10 s: more than 8 generations drain" in warning["text"]
    with pytest.raises(ConnectionResetError):
        connections[0].recv(1)
    for c in connections[1:]:
        c.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        recv_until(c, b"nyc1")
        c.close()


# loading it takes long enough to be stopped in the middle
LONG_ZONE = ZONE + "".join(f"h{i} A 192.0.2.1\n" for i in range(300000))


def freeze_new_roles(server, before):
    """SIGSTOP every child that is not in `before` as soon as it is there; returns the four pids."""
    frozen = set()
    def four():
        for pid in children(server.process.pid) - before - frozen:
            os.kill(pid, signal.SIGSTOP)
            frozen.add(pid)
        return len(frozen) == 4
    wait("four new processes", four, every=0.001)
    return sorted(frozen)


def resume(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass


@pytest.mark.parametrize("victim", range(4))
def test_a_new_role_killed_while_it_loads(lab, victim):
    """Step 3: on failure the new roles are killed and nothing has changed."""
    server, _ = serve(lab, zone=LONG_ZONE)
    old = children(server.process.pid)
    with Load(server) as dns, TcpLoad(lab.ip(1), 8000) as tcp:
        server.process.send_signal(signal.SIGHUP)
        new = freeze_new_roles(server, old)
        os.kill(new[victim], signal.SIGKILL)
        resume(new)
        # refused, or gone through because it was ready already and then replaced: four roles either way, nothing lost
        wait("four roles", lambda: len(children(server.process.pid)) == 4 and
             all(r["state"] == "serving" for r in server.status()["roles"]))
        done = dns.answered
        wait("load", lambda: dns.answered > done + 500)
    assert dns.lost == 0 and not dns.bad, dns.verdict()
    assert not tcp.failed, tcp.failed[:3]
    server.reload()


@pytest.mark.parametrize("role", ROLES)
def test_an_old_role_killed_while_the_new_load(lab, role):
    server, _ = serve(lab, zone=LONG_ZONE)
    old = children(server.process.pid)
    victim = server.role(role)
    with Load(server) as dns, TcpLoad(lab.ip(1), 8000) as tcp:
        wait("load", lambda: dns.answered > 500)
        server.process.send_signal(signal.SIGHUP)
        new = freeze_new_roles(server, old)
        os.kill(victim, signal.SIGKILL)
        wait("the victim to be gone", lambda: not pathlib.Path(f"/proc/{victim}").exists())
        resume(new)
        wait("generation 2", lambda: generation(server) == 2)
        wait("four roles", lambda: len(children(server.process.pid)) == 4)
        done = dns.answered
        wait("load", lambda: dns.answered > done + 500)
    dns.verdict()
    assert dns.lost <= (128 if role == "dns" else 0), dns.verdict()
    assert len(tcp.failed) <= (3 if role == "balancer" else 0), tcp.failed[:5]
    assert all(a["verdict"] == "up" for _, _, a in server.addresses())


@pytest.mark.parametrize("age", ["old", "new"])
@pytest.mark.parametrize("role", ROLES)
def test_a_role_killed_while_the_generations_change(lab, role, age):
    """Steps 4 to 6: the old health is frozen, so the supervisor waits (2 s) for its `stopped` in the middle of the change;
    the victim dies in that window."""
    server, _ = serve(lab)
    old = {r["role"]: r["pid"] for r in server.status()["roles"]}
    before = children(server.process.pid)
    with Load(server) as dns, TcpLoad(lab.ip(1), 8000) as tcp:
        wait("load", lambda: dns.answered > 500)
        os.kill(old["health"], signal.SIGSTOP)
        server.process.send_signal(signal.SIGHUP)
        fresh = lambda: sorted(children(server.process.pid) - before)
        wait("the change", lambda: len(fresh()) == 4 and not pathlib.Path(f"/proc/{old['dns']}").exists() or
             len(fresh()) == 4 and not any(p == old["dns"] for p in children(server.process.pid)), every=0.005)
        victim = old[role] if age == "old" else fresh()[ROLES.index(role)]
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it had left by then: nothing to kill at this step
        wait("the end of the change", lambda: generation(server) == 2 and all(r["state"] == "serving" for r in server.status()["roles"]))
        wait("four roles", lambda: len(children(server.process.pid)) == 4)
        done, tcp_done = dns.answered, tcp.done
        wait("load", lambda: dns.answered > done + 500 and tcp.done > tcp_done + 10)
    dns.verdict()
    assert dns.lost <= (128 if role == "dns" else 0), dns.verdict()
    assert len(tcp.failed) <= (3 if role == "balancer" else 0), tcp.failed[:5]
    assert all(a["verdict"] == "up" for _, _, a in server.addresses())
    server.reload()


def test_reloads_during_a_reload_merge(lab):
    server, _ = serve(lab)
    threads = [threading.Thread(target=server.reload) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    wait("rest", lambda: len(children(server.process.pid)) == 4)
    assert 2 <= generation(server) <= 7
    assert server.ips("static.master.com") == {"192.0.2.80"}
