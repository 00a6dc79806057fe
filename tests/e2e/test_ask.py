"""waymark ask: the reply dig would get, without a socket (issue: ask)."""
import json, subprocess
from lab import WAYMARK, conf, four_proxies, serve, wait, ZONE


def ask(lab, *args, check=True):
    p = subprocess.run([str(WAYMARK), "ask", *args], cwd=lab.folder, capture_output=True, text=True, timeout=60)
    if check:
        assert p.returncode == 0, p.stderr
    return p


def answer(lab, *args):
    return json.loads(ask(lab, *args, "--json").stdout)


def test_a_zone_file_alone(lab):
    lab.write("zones/master.com.zone", ZONE)
    for where in ("zones/master.com.zone", "zones"):
        r = answer(lab, "--zones", where, "static.master.com")
        assert r["rcode"] == "NOERROR" and r["aa"] is True and r["tc"] is False
        assert r["answer"] == ["static.master.com. 3600 IN A 192.0.2.80"]
        assert answer(lab, "--zones", where, "x.master.com", "AAAA")["rcode"] == "NXDOMAIN"
    r = answer(lab, "--zones", "zones", "host.sub.master.com", "A")
    assert r["authority"] == ["sub.master.com. 3600 IN NS ns.sub.master.com."]
    assert r["additional"] == ["ns.sub.master.com. 3600 IN A 192.0.2.54"] and r["aa"] is False
    p = ask(lab, "--zones", "zones", "www.master.com")
    assert "SERVFAIL" in p.stdout and "pool" in p.stderr.lower()
    text = ask(lab, "--zones", "zones", "master.com", "MX").stdout
    assert "status: NOERROR" in text and "10 mail.master.com." in text


def test_without_a_server_the_policy_for_unknown_decides(lab):
    lab.write("zones/master.com.zone", ZONE)
    lab.write("waymark.yaml", conf(lab))
    r = answer(lab, "-c", "waymark.yaml", "--subnet", "10.2.9.0/24", "www.master.com")
    assert r["answer"] == [f"www.master.com. 15 IN A {lab.ip(21)}"] or r["answer"] == [f"www.master.com. 30 IN A {lab.ip(21)}"]
    assert r["ecs_scope"] == 16
    r = answer(lab, "-c", "waymark.yaml", "--subnet", "::ffff:10.2.9.0/120", "www.master.com")
    assert r["answer"][0].endswith(lab.ip(21)) and r["ecs_scope"] == 96 + 16
    r = answer(lab, "-c", "waymark.yaml", "--from", "10.3.0.1", "www.master.com")
    assert r["answer"][0].endswith(lab.ip(31)) and r["ecs_scope"] is None


def test_a_running_server_lends_its_board(lab):
    server, proxies = serve(lab)
    p = ask(lab, "-c", "waymark.yaml", "--subnet", "10.2.9.0/24", "www.master.com")
    assert lab.ip(21) in p.stdout and "live" in p.stderr
    server.cli("drain", "web/nyc1")
    r = answer(lab, "-c", "waymark.yaml", "--subnet", "10.2.9.0/24", "www.master.com")
    assert r["answer"][0].split()[-1] in (lab.ip(11), lab.ip(12))


def test_it_says_what_dig_says(lab):
    server, _ = serve(lab)
    for name, rtype in (("static.master.com", "A"), ("master.com", "SOA"), ("master.com", "NS"), ("nope.master.com", "A"),
                        ("a.wild.master.com", "TXT"), ("x.sub.master.com", "A"), ("master.com", "MX"), ("example.org", "A")):
        out = server.dig("+norec", "+nocookie", "+noall", "+answer", "+authority", "+additional", name, rtype)
        dug = sorted(" ".join(l.split()) for l in out.splitlines() if l and not l.startswith(";"))
        r = answer(lab, "-c", "waymark.yaml", name, rtype)
        mine = sorted(" ".join(l.split()) for s in ("answer", "authority", "additional") for l in r[s] if " OPT " not in l)
        assert mine == dug, (name, rtype)


def test_usage_and_bad_input(lab):
    lab.write("zones/master.com.zone", ZONE + "broken A 1.2.3\n")
    p = ask(lab, "--zones", "zones/master.com.zone", "static.master.com", check=False)
    assert p.returncode == 1 and "master.com.zone:" in p.stderr
    assert ask(lab, check=False).returncode == 2
    assert ask(lab, "--zones", "zones", "static.master.com", "NOTYPE", check=False).returncode == 2
    assert ask(lab, "--zones", "zones", "a..b", check=False).returncode == 2
    assert ask(lab, "--zones", "zones", "--from", "1.2.3", "a.b", check=False).returncode == 2
