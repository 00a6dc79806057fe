"""`status` and `zones` say what is wrong, first and with their exit codes."""
import json, os, signal
from lab import conf, serve, wait, ZONE


def trouble(server, verb="status"):
    return {t["about"]: (t["level"], t["text"]) for t in json.loads(server.cli(verb, "--json").stdout)["trouble"]}


def codes(server):
    return server.cli("status", check=False).returncode, server.cli("zones", check=False).returncode


def test_a_healthy_server_has_none(lab):
    server, _ = serve(lab)
    assert trouble(server) == {} and codes(server) == (0, 0)
    p = server.cli("status", "--quiet")
    assert (p.returncode, p.stdout, p.stderr) == (0, "", "")


def test_a_dead_pool_says_what_stands_in(lab):
    server, proxies = serve(lab)
    for p in proxies.values():
        p.down()
    wait("the pool is dead", lambda: "pool web" in trouble(server))
    level, text = trouble(server)["pool web"]
    assert level == "error" and "IPv4: none of 4 serves" in text and "serve_all" in text
    assert codes(server) == (1, 0)
    first = server.cli("status", check=False).stdout.splitlines()[0]
    assert first.startswith("error: pool web: IPv4: none of 4 serves"), first
    p = server.cli("status", "--quiet", check=False)
    assert (p.returncode, p.stdout) == (1, "")
    for p in proxies.values():
        p.up()
    wait("it serves again", lambda: codes(server) == (0, 0))


def test_stale_and_broken_zones_and_databases(lab):
    lab.write("zones/never.test.zone", "nonsense\n")
    server, _ = serve(lab)
    wait("the broken zone", lambda: trouble(server, "zones").get("zone never.test"))
    assert trouble(server)["zone never.test"][0] == "error" and codes(server) == (1, 1)
    os.unlink(lab.folder / "zones/never.test.zone")
    lab.write("zones/master.com.zone", ZONE.replace("192.0.2.80", "192.0.2.800"))
    wait("the stale zone", lambda: "master.com.zone:11" in trouble(server).get("zone master.com", ("", ""))[1])
    assert codes(server) == (1, 1)
    lab.write("zones/master.com.zone", ZONE)
    wait("all is well", lambda: trouble(server).get("zone master.com") is None)


def test_a_database_that_was_never_good(lab):
    lab.write_bytes("x.mmdb", b"junk")
    server, _ = serve(lab, geo="  databases: [x.mmdb]")
    wait("the database", lambda: [a for a in trouble(server) if a.startswith("database ")])
    about, (level, text) = next(iter(trouble(server, "zones").items()))
    assert about.endswith("/x.mmdb") and level == "error" and text.startswith("it was never loaded: ")
    assert codes(server) == (1, 1)


def test_a_refused_reload_is_remembered_until_one_serves(lab):
    server, _ = serve(lab)
    good = (lab.folder / "waymark.yaml").read_text()
    lab.write("waymark.yaml", good.replace("ttl: 30s", "ttl: 30"))
    assert server.reload(check=False).returncode == 1
    level, text = trouble(server)["reload"]
    assert level == "error" and "older configuration" in text and "has no unit" in text and codes(server) == (1, 0)
    lab.write("waymark.yaml", good)
    server.reload()
    assert "reload" not in trouble(server)


def test_a_role_that_restarted(lab):
    server, _ = serve(lab)
    os.kill(server.role("health"), signal.SIGKILL)
    wait("the new one", lambda: trouble(server).get("role health", ("", ""))[0] == "warning")
    assert "restarted 1 times" in trouble(server)["role health"][1] and codes(server)[0] == 0
    pid = server.role("balancer")
    os.kill(pid, signal.SIGSTOP)  # hung: dead until it is replaced
    os.kill(pid, signal.SIGKILL)
    wait("the new one", lambda: trouble(server).get("role balancer", ("", ""))[0] == "warning")
