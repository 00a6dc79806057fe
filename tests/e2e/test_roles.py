"""Processes: killed, stopped, hung, told to end; what the others do meanwhile."""
import os, pathlib, pwd, signal, socket, time
import pytest
from lab import Load, TcpLoad, conf, four_proxies, http_get, serve, wait, ZONE

ROLES = ("dns", "health", "balancer", "control")


def status_of(pid):
    return dict(l.split(":\t", 1) for l in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in l)


def children(pid):
    return {int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def test_each_role_is_a_process_of_its_own(lab):
    server, _ = serve(lab)
    pids = {r["role"]: r["pid"] for r in server.status()["roles"]}
    assert pids["supervisor"] == server.process.pid
    assert len(set(pids.values())) == 5
    assert {pids[r] for r in ROLES} == children(server.process.pid)


@pytest.mark.parametrize("role", ROLES)
def test_a_killed_role_is_replaced_and_nothing_else_is_lost(lab, role):
    """2,000 queries a second and steady TCP connections. DNS: what queued on the inherited sockets is answered by the
    successor; what the killed process held in its hands (at most one batch a worker) may be lost. TCP: only connections that
    the killed balancer was relaying may fail."""
    server, _ = serve(lab)
    server.cli("drain", "web/lon2")
    pids = {r["role"]: r["pid"] for r in server.status()["roles"]}
    since = server.last_sequence()
    with Load(server) as dns, TcpLoad(lab.ip(1), 8000) as tcp:
        wait("load", lambda: dns.answered > 1000 and tcp.done > 50)
        os.kill(pids[role], signal.SIGKILL)
        wait("its successor", lambda: server.role(role) not in (pids[role], 0))
        answered, done = dns.answered, tcp.done
        wait("more load", lambda: dns.answered > answered + 2000 and tcp.done > done + 50)
    dns.verdict()
    assert dns.lost <= (2 * 64 if role == "dns" else 0), dns.verdict()
    # up to three were in flight, one a client thread; a killed listener resets nobody else's
    assert len(tcp.failed) <= (3 if role == "balancer" else 0), tcp.failed
    now = {r["role"]: r["pid"] for r in server.status()["roles"]}
    assert all(now[r] == pids[r] for r in now if r != role), "another role was touched"
    said = server.events(since, event="role", object=role)
    assert any("kill" in e["text"].lower() or "signal 9" in e["text"] for e in said), said
    # verdicts and overrides have survived
    endpoint = {e["name"]: e for _, e, _ in server.addresses()}
    assert endpoint["lon2"]["override"] == "drain"
    assert all(a["verdict"] == "up" for _, _, a in server.addresses())
    assert server.events(since, event="verdict") == []


@pytest.mark.parametrize("role", ROLES)
def test_a_stopped_role_is_replaced(lab, role):
    server, _ = serve(lab)
    pid = server.role(role)
    os.kill(pid, signal.SIGSTOP)
    wait("its successor", lambda: server.role(role) not in (pid, 0), 40)
    wait("the old one to be gone", lambda: not pathlib.Path(f"/proc/{pid}").exists())
    assert server.ips("static.master.com") == {"192.0.2.80"}
    assert http_get(lab.ip(1), 8000, source=lab.ip(102)) == (200, "nyc1")
    assert any(e["object"] == role for e in server.events(event="role"))


def test_dns_and_tcp_go_on_while_health_is_stopped(lab):
    server, _ = serve(lab)
    os.kill(server.role("health"), signal.SIGSTOP)
    for _ in range(50):
        assert server.ips("www.master.com", subnet="10.2.0.0/16") == {lab.ip(21)}
    assert http_get(lab.ip(1), 8000, source=lab.ip(103)) == (200, "sin1")


def test_a_health_killed_for_good_goes_on_where_it_was(lab):
    """`fall: 4` at half a second: a role killed between the failures must not start the streak anew each time for ever."""
    server, proxies = serve(lab, check="{tcp: {port: 8080}, interval: 500ms, timeout: 200ms, fall: 4, rise: 2, flap: {penalty: 0}}")
    proxies["sin1"].down()
    def streak():
        status = server.status()
        key = next(a["probe"] for p in status["pools"] for e in p["endpoints"] for a in e["addresses"] if e["name"] == "sin1")
        return next(p for p in status["probes"] if p["key"] == key)
    wait("the first failures", lambda: streak()["failures"] >= 2)
    before = streak()["failures"]
    pid = server.role("health")
    os.kill(pid, signal.SIGKILL)
    wait("its successor", lambda: server.role("health") not in (pid, 0))
    assert streak()["verdict"] == "down" or streak()["failures"] >= before
    wait("down", lambda: server.verdict("web/sin1") == "down")


def test_sigterm_stops_everything(lab):
    server, _ = serve(lab)
    kids = children(server.process.pid)
    assert server.stop(15) == 0
    assert not any(pathlib.Path(f"/proc/{k}").exists() for k in kids)
    assert not (lab.folder / "control.sock").exists()
    # and everything can start again at once
    server = lab.start(conf(lab))
    assert server.ips("static.master.com") == {"192.0.2.80"}


def test_roles_leave_when_the_supervisor_is_killed(lab):
    server, _ = serve(lab)
    kids = children(server.process.pid)
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    wait("the roles to leave", lambda: not any(pathlib.Path(f"/proc/{k}").exists() and status_of(k)["State"][0] != "Z" for k in kids), 15)


def beside(lab):
    """Another server's configuration on the same folder `state`."""
    return conf(lab, listen=f"{lab.ip(2)}:5300", balancer=False).replace("control.sock", "second.sock")


def test_a_second_server_on_the_same_state_folder_is_refused(lab):
    first, _ = serve(lab)
    second = lab.start(beside(lab), name="second.yaml", ready=False)
    assert second.process.wait(60) == 1
    assert f"is in use by another server, process {first.process.pid}:" in first.log()
    first.cli("drain", "web/lon1")  # the first one is none the worse
    # nor may a running server move in
    third = lab.start(beside(lab).replace("state: state/", "state: elsewhere/"), name="third.yaml")
    lab.write("third.yaml", beside(lab))
    refused = third.reload(check=False)
    assert refused.returncode == 1 and f"process {first.process.pid}:" in refused.stdout + refused.stderr
    assert first.reload().returncode == 0  # its own folder is no hindrance


def test_a_killed_server_keeps_nobody_out_of_its_state_folder(lab):
    first, _ = serve(lab)
    first.cli("drain", "web/lon1")
    stopped = [r["pid"] for r in first.status()["roles"] if r["role"] != "supervisor"]
    for pid in stopped:  # they outlive their supervisor until they are told to go on
        os.kill(pid, signal.SIGSTOP)
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    second = lab.start(beside(lab), name="second.yaml")
    assert set(stopped) <= set(first.members())
    assert next(e for _, e, _ in second.addresses() if e["name"] == "lon1")["override"] == "drain"
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    wait("the first one's roles to end", lambda: not first.members())


def test_systemd_is_told(lab):
    path = str(lab.folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        s.settimeout(30)
        os.chmod(path, 0o777)
        four_proxies(lab)
        lab.write("zones/master.com.zone", ZONE)
        server = lab.start(conf(lab), env={"NOTIFY_SOCKET": path})
        assert b"READY=1" in s.recv(4096)
        server.reload()
        first = s.recv(4096)
        assert b"RELOADING=1" in first and b"MONOTONIC_USEC=" in first
        assert b"READY=1" in s.recv(4096)
        server.stop()
        assert b"STOPPING=1" in s.recv(4096)


def test_the_log_goes_to_standard_error_in_the_chosen_format(lab):
    import json
    server, proxies = serve(lab)
    proxies["sin1"].down()
    wait("the verdict", lambda: server.verdict("web/sin1") == "down")
    line = wait("the line", lambda: [l for l in server.log().splitlines() if "web/sin1" in l and "up -> down" in l])[0]
    assert line.split()[1] == "warning"
    (lab.folder / "waymark.yaml").write_text(conf(lab).replace("log: {level: debug}", "log: {format: json}"))
    server.reload()
    mark = len(server.log())
    proxies["sin1"].up()
    wait("a JSON line", lambda: [1 for l in server.log()[mark:].splitlines() if l.startswith("{") and json.loads(l)["event"] == "verdict"])


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@needs_root
def test_as_root_roles_drop_everything(lab):
    server, _ = serve(lab)
    nobody = pwd.getpwnam("nobody")
    for role in ROLES:
        s = status_of(server.role(role))
        assert s["Uid"].split() == [str(nobody.pw_uid)] * 4 and s["Gid"].split() == [str(nobody.pw_gid)] * 4, role
        assert s["Groups"].strip() in ("", str(nobody.pw_gid))
        assert all(int(s[c], 16) == 0 for c in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")) or \
            all(int(s[c], 16) == 0 for c in ("CapInh", "CapPrm", "CapEff", "CapAmb")), role
        assert s["NoNewPrivs"].strip() == "1"
    assert server.ips("static.master.com") == {"192.0.2.80"}


@needs_root
def test_unprivileged_and_from_a_private_home(lab):
    """As an ordinary user, in a folder that nobody else can enter; and as root there, whose roles cannot reach it by path."""
    import subprocess
    home = lab.folder / "home"
    home.mkdir(mode=0o700)
    four_proxies(lab)
    for wrapper in ((), ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")):
        (home / "zones").mkdir(exist_ok=True)
        (home / "zones/master.com.zone").write_text(ZONE)
        subprocess.run(["rm", "-rf", str(home / "state")], check=True)
        if wrapper:
            subprocess.run(["chown", "-R", "nobody", str(home)], check=True)
            # the way to the home and the binary must be open to that user
            p = lab.folder
            while p != pathlib.Path("/tmp") and p != p.parent:
                os.chmod(p, p.stat().st_mode | 0o011)
                p = p.parent
        old, lab.folder = lab.folder, home
        try:
            from lab import WAYMARK
            if wrapper and subprocess.run([*wrapper, "test", "-x", str(WAYMARK)]).returncode != 0:
                copy = old / "waymark-copy"
                copy.write_bytes(WAYMARK.read_bytes())
                copy.chmod(0o755)
                import lab as module
                keep, module.WAYMARK = module.WAYMARK, copy
            else:
                keep = None
            server = lab.start(conf(lab), wrapper=wrapper)
            if keep:
                module.WAYMARK = keep
            assert server.ips("static.master.com") == {"192.0.2.80"}
            lab.write("zones/master.com.zone", ZONE.replace("192.0.2.80", "192.0.2.84"))
            wait("the change", lambda: server.ips("static.master.com") == {"192.0.2.84"})
            assert server.stop(20) == 0
        finally:
            lab.folder = old
