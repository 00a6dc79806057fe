"""Zone files as operators edit them: changed, added, removed, broken, and what outlives a kill."""
import os, re, signal, subprocess
import dns.rcode, dns.zone
from lab import conf, four_proxies, ROOT, serve, wait, WAYMARK, ZONE

FIXTURES = ROOT / "tests/fixtures"
OTHER = "@ 300 SOA ns1 h 7 1h 10m 1w 60\n@ 300 NS ns1\nns1 300 A 192.0.2.9\nwww 300 A 192.0.2.99\n"


def test_changed_added_and_removed_files_take_effect(lab):
    server, _ = serve(lab)
    lab.write("zones/master.com.zone", ZONE.replace("192.0.2.80", "192.0.2.81").replace("2026112301", "2026112302"))
    wait("the change", lambda: server.ips("static.master.com") == {"192.0.2.81"}, 5)
    assert server.query("www.other.net").rcode() == dns.rcode.REFUSED
    lab.write("zones/other.net.zone", OTHER)
    wait("the new zone", lambda: server.ips("www.other.net") == {"192.0.2.99"}, 5)
    (lab.folder / "zones/other.net.zone").unlink()
    wait("its file to be missed", lambda: server.zones()["other.net"]["missing_since_ms"])
    server.cli("zones", "forget", "other.net")
    wait("the zone to go", lambda: server.query("www.other.net").rcode() == dns.rcode.REFUSED, 5)
    zone = server.zones()["master.com"]
    assert zone["serial"] == 2026112302 and zone["records"] > 0 and zone["error"] is None
    # a slow editor: written in place, in pieces; the half-written file is never served
    path = lab.folder / "zones/master.com.zone"
    with open(path, "w") as f:
        f.write(ZONE.replace("static     A     192.0.2.80\n", "static ").split("sub ")[0])
        f.flush()
        assert server.ips("static.master.com") == {"192.0.2.81"}
        f.write("static A 192.0.2.82\n")
    wait("the finished file", lambda: server.ips("static.master.com") == {"192.0.2.82"}, 5)


def test_the_apex_is_the_owner_of_the_soa(lab):
    four_proxies(lab)
    lab.write("zones/master.com.zone", ZONE)
    lab.write("zones/some-name.zone", "$ORIGIN elsewhere.org.\n" + OTHER)
    server = lab.start(conf(lab))
    assert server.ips("www.elsewhere.org") == {"192.0.2.99"}


def test_names_that_are_no_zone_files_are_left_alone(lab):
    server, _ = serve(lab)
    for name in ("zones/.hidden.zone", "zones/other.net.zone~", "zones/other.net"):
        (lab.folder / name).write_text(OTHER)
    lab.write("zones/last.net.zone", OTHER)
    wait("the real one", lambda: server.ips("www.last.net") == {"192.0.2.99"}, 5)
    assert server.query("www.other.net").rcode() == dns.rcode.REFUSED
    assert set(server.zones()) == {"master.com", "last.net"}


def test_a_broken_zone_is_reported_and_the_last_good_version_stays(lab):
    server, _ = serve(lab)
    lab.write("zones/master.com.zone", ZONE.replace("192.0.2.80", "192.0.2.800"))
    failed = wait("the report", lambda: server.events(event="zone", level="error"))[-1]
    line = ZONE.split("\n").index("static     A     192.0.2.80") + 1
    assert f"master.com.zone:{line}:" in failed["text"] and "192.0.2.800" in failed["text"], failed
    assert f"master.com.zone:{line}:" in server.zones()["master.com"]["error"]
    assert server.ips("static.master.com") == {"192.0.2.80"}
    # over kill -9 of dns …
    pid = server.role("dns")
    os.kill(pid, signal.SIGKILL)
    wait("a new dns", lambda: server.role("dns") not in (pid, 0) and server.ips("static.master.com") == {"192.0.2.80"})
    # … over a reload …
    server.reload()
    assert server.ips("static.master.com") == {"192.0.2.80"}
    assert server.zones()["master.com"]["error"]
    # … and over a restart of everything, from the state folder
    assert server.stop() == 0
    server = lab.start(conf(lab))
    wait("the last good copy", lambda: server.ips("static.master.com") == {"192.0.2.80"})
    assert server.zones()["master.com"]["error"]
    # mended
    lab.write("zones/master.com.zone", ZONE.replace("192.0.2.80", "192.0.2.83"))
    wait("the mended zone", lambda: server.ips("static.master.com") == {"192.0.2.83"})
    assert server.zones()["master.com"]["error"] is None


def test_a_broken_zone_without_a_good_copy_is_servfail_and_all_others_serve(lab):
    four_proxies(lab)
    lab.write("zones/master.com.zone", ZONE)
    lab.write("zones/other.net.zone", OTHER + "www CNAME elsewhere\n")
    lab.write("zones/pools.org.zone", OTHER + "w 30 POOL wbe\n")
    server = lab.start(conf(lab))
    assert server.ips("static.master.com") == {"192.0.2.80"}
    for name in ("www.other.net", "www.pools.org"):
        r = server.query(name)
        assert r.rcode() == dns.rcode.SERVFAIL and any(o.otype == 15 for o in r.options), name  # extended error
    wait("both errors", lambda: len(server.events(event="zone", level="error")) == 2)
    texts = " ".join(e["text"] for e in server.events(event="zone", level="error"))
    assert "other.net.zone:5:" in texts and "pools.org.zone:5:" in texts and "'web'" in texts.replace('"', "'"), texts


def test_of_two_files_with_one_apex_the_first_stays(lab):
    server, _ = serve(lab)
    lab.write("zones/zweite.zone", "$ORIGIN master.com.\n" + OTHER)
    failed = wait("the report", lambda: server.events(event="zone", level="error"))[-1]
    assert "zweite.zone" in failed["text"] + failed["object"] and "master.com.zone" in failed["text"]
    assert server.ips("static.master.com") == {"192.0.2.80"}


def missing(server, zone="master.com"):
    return wait("the file to be missed", lambda: (z := server.zones()[zone])["missing_since_ms"] and z)


def test_a_removed_file_is_a_warning_and_its_zone_serves_on(lab):
    server, _ = serve(lab)
    path = lab.folder / "zones/master.com.zone"
    path.unlink()
    before = missing(server)
    warned = server.events(event="zone", level="warning", object="master.com")[-1]
    assert (warned["from"], warned["to"]) == ("serving", "missing") and "master.com.zone is gone" in warned["text"], warned
    assert 59000 <= before["removed_at_ms"] - before["missing_since_ms"] <= 61000 and before["served"] and before["stale"]
    assert re.search(r"missing \(\d+s left\)", server.cli("zones").stdout), server.cli("zones").stdout
    # over kill -9 of dns, over a reload and over a restart
    pid = server.role("dns")
    os.kill(pid, signal.SIGKILL)
    wait("a new dns", lambda: server.role("dns") not in (pid, 0) and server.ips("static.master.com") == {"192.0.2.80"})
    server.reload()
    assert server.ips("static.master.com") == {"192.0.2.80"}
    after = missing(server)
    assert abs(after["missing_since_ms"] - before["missing_since_ms"]) < 1000, "the time goes on"
    assert len(server.events(event="zone", to="missing")) == 1
    assert server.stop() == 0
    server = lab.start(conf(lab))
    assert server.ips("static.master.com") == {"192.0.2.80"}
    assert missing(server)["missing_since_ms"] > before["missing_since_ms"], "a new server has missed it only now"
    # it comes back
    lab.write("zones/master.com.zone", ZONE)
    wait("the file to be back", lambda: server.zones()["master.com"]["missing_since_ms"] is None)
    back = wait("the event", lambda: server.events(event="zone", to="serving"))[-1]
    assert back["from"] == "missing" and "its file is back" in back["text"], back
    # without a second thought
    p = server.cli("zones", "forget", "master.com", check=False)
    assert p.returncode == 1 and "is there: remove it first" in p.stderr, p.stderr
    path.unlink()
    missing(server)
    assert server.cli("zones", "forget", "MASTER.com.").stdout == "master.com: forgotten\n"
    assert server.query("static.master.com").rcode() == dns.rcode.REFUSED and server.zones() == {}
    assert not list((lab.folder / "state/zones").iterdir()), "the last good copy goes with its zone"
    p = server.cli("zones", "forget", "master.com", check=False)
    assert p.returncode == 1 and 'there is no zone "master.com"' in p.stderr, p.stderr


def test_a_removed_zone_goes_when_its_time_is_over(lab):
    four_proxies(lab)
    lab.write("zones/master.com.zone", ZONE)
    lab.write("zones/other.net.zone", OTHER)
    server = lab.start(conf(lab).replace("zones: zones/", "zones: {path: zones/, remove_after: 2s}"))
    assert server.ips("www.other.net") == {"192.0.2.99"}
    for name in ("master.com.zone", "other.net.zone"):  # rsync --delete from an empty folder
        (lab.folder / "zones" / name).unlink()
    wait("the zones to go", lambda: server.query("www.other.net").rcode() == dns.rcode.REFUSED
         and server.query("static.master.com").rcode() == dns.rcode.REFUSED)
    gone = wait("the warnings", lambda: (e := server.events(event="zone", to="none")) and len(e) == 2 and e)
    assert all(e["level"] == "warning" and "has been gone for 2s" in e["text"] for e in gone), gone
    assert server.zones() == {} and not list((lab.folder / "state/zones").iterdir())
    lab.write("zones/other.net.zone", OTHER)
    wait("a zone of the same name", lambda: server.ips("www.other.net") == {"192.0.2.99"})


def test_a_reload_says_which_database_it_has_lost(lab):
    lab.write_bytes("geo/country.mmdb", (FIXTURES / "geo/maxmind-24.mmdb").read_bytes())
    server, _ = serve(lab, geo="  databases: [geo/country.mmdb]")
    assert server.reload().stderr == ""
    lab.write_bytes("geo/country.mmdb", b"no database")
    wait("the error", lambda: server.events(event="database", to="stale"))
    told = server.reload().stderr
    assert "warning: geo database not loaded: " in told and "country.mmdb" in told and "not a MaxMind database" in told, told
    assert "is not kept over a reload" in told and "clients are placed by geo.networks alone from now on" in told, told
    # who reloads again has lost it already
    told = server.reload().stderr
    assert "not a MaxMind database" in told and "not kept" not in told, told
    lab.write_bytes("geo/country.mmdb", (FIXTURES / "geo/maxmind-24.mmdb").read_bytes())
    wait("the good one", lambda: server.events(event="database", to="serving")[-1]["seq"] >
         server.events(event="database", to="refused")[-1]["seq"])
    assert server.reload().stderr == ""


def test_a_link_that_cannot_be_followed_is_a_broken_file(lab):
    """Today's layout of many hosts: links into another folder, and one of them leads nowhere."""
    four_proxies(lab)
    lab.folder.chmod(0o755)  # the roles' account follows the links
    lab.write("zones/master.com.zone", ZONE)
    (lab.folder / "zones/lost.net.zone").symlink_to("../elsewhere/lost.net")
    (lab.folder / "zones/round.net.zone").symlink_to("round.net.zone")
    server = lab.start(conf(lab))
    for zone, why in (("lost.net", "../elsewhere/lost.net: No such file"), ("round.net", "round.net.zone: Too many levels")):
        r = server.query("www." + zone)
        assert r.rcode() == dns.rcode.SERVFAIL and any(o.otype == 15 for o in r.options), r
        assert f"{zone}.zone: error: cannot open: symbolic link to {why}" in server.zones()[zone]["error"]
    # in place of a good file: the last good version serves, and says so
    (lab.folder / "link").symlink_to("/nowhere/at/all")
    (lab.folder / "link").rename(lab.folder / "zones/master.com.zone")
    wait("the error", lambda: "/nowhere/at/all" in (server.zones()["master.com"]["error"] or ""))
    assert server.zones()["master.com"]["stale"] and server.ips("static.master.com") == {"192.0.2.80"}
    assert "rows for zones" not in server.log()
    p = subprocess.run([WAYMARK, "check", "-c", "waymark.yaml"], cwd=lab.folder, capture_output=True, text=True)
    assert p.returncode == 1 and "symbolic link to ../elsewhere/lost.net: No such file or directory" in p.stderr, p.stderr
    # the target comes, in a folder that nobody watches
    lab.write("elsewhere/lost.net", OTHER)
    wait("the target", lambda: server.ips("www.lost.net") == {"192.0.2.99"})


def test_what_nobody_tells_of_is_found_by_the_rescan(lab):
    """A link's target outside the folder, written in place: inotify says nothing of it."""
    four_proxies(lab)
    lab.folder.chmod(0o755)
    lab.write("elsewhere/master", ZONE)
    (lab.folder / "zones").mkdir()
    (lab.folder / "zones/master.com.zone").symlink_to("../elsewhere/master")
    server = lab.start(conf(lab).replace("zones: zones/", "zones: {path: zones/, rescan: 1s}"))
    assert server.ips("static.master.com") == {"192.0.2.80"}
    for last in (81, 82):
        (lab.folder / "elsewhere/master").write_text(ZONE.replace("192.0.2.80", f"192.0.2.{last}"))
        wait("the rescan", lambda: server.ips("static.master.com") == {f"192.0.2.{last}"})


def test_included_files_are_followed(lab):
    server, _ = serve(lab, zone=ZONE + "$INCLUDE sub/more.inc\n") if (lab.folder / "zones/sub").mkdir(parents=True) or \
        (lab.folder / "zones/sub/more.inc").write_text("more A 192.0.2.70\n") else None
    assert server.ips("more.master.com") == {"192.0.2.70"}
    (lab.folder / "zones/sub/new").write_text("more A 192.0.2.71\n")
    (lab.folder / "zones/sub/new").rename(lab.folder / "zones/sub/more.inc")
    wait("the included change", lambda: server.ips("more.master.com") == {"192.0.2.71"}, 5)


def test_a_replaced_folder_starts_a_new_generation(lab):
    four_proxies(lab)
    (lab.folder / "one").mkdir()
    (lab.folder / "two").mkdir()
    (lab.folder / "one/master.com.zone").write_text(ZONE)
    (lab.folder / "two/master.com.zone").write_text(ZONE.replace("192.0.2.80", "192.0.2.90"))
    (lab.folder / "zones").symlink_to("one")
    server = lab.start(conf(lab))
    assert server.ips("static.master.com") == {"192.0.2.80"}
    (lab.folder / "zones.new").symlink_to("two")
    (lab.folder / "zones.new").rename(lab.folder / "zones")
    wait("the other folder", lambda: server.ips("static.master.com") == {"192.0.2.90"}, 15)
    assert server.status()["generation"] == 2
    (lab.folder / "two/new").write_text(ZONE.replace("192.0.2.80", "192.0.2.91"))
    (lab.folder / "two/new").rename(lab.folder / "two/master.com.zone")
    wait("a change in it", lambda: server.ips("static.master.com") == {"192.0.2.91"}, 5)


def check(lab, *args):
    return subprocess.run([str(WAYMARK), "check", *args], cwd=lab.folder, capture_output=True, text=True, timeout=30)


def test_check_reports_all_mistakes_of_a_single_file_with_their_places(lab):
    lab.write("db.master.com", "@ 60 SOA ns. h. x 1 1 1 1\n@ 60 NS\n$INCLUDE part\nb 60 MX mail\nc 60 POOL \"two words\"\n")
    lab.write("part", "a 60 A 1.2.3\n")
    p = check(lab, "--zones", "db.master.com")
    assert p.returncode == 1 and p.stdout == ""
    lines = p.stderr.splitlines()
    for place in ("db.master.com:1:17:", "db.master.com:2:6:", "part:1:8:", "db.master.com:4:9:", "db.master.com:5:11:"):
        assert sum(line.startswith(f"{place} error: ") for line in lines) == 1, (place, p.stderr)
    assert "5 errors, 0 warnings" in lines[-1] and len(lines) == 6


def test_check_prints_a_zone_that_reads_back_the_same(lab):
    lab.write("master.com.zone", ZONE + 'odd 60 TXT "a\\"b\\\\c" "two\nlines" \\# \n$INCLUDE part.inc sub2\n$GENERATE 1-3 g$ 60 A 10.0.0.$\n'
              "g1 60 A 10.0.0.1\nany 60 POOL nobody region=nowhere\nx.org. 60 A 10.0.0.1\n")
    lab.write("part.inc", "p 60 SVCB 1 . alpn=h2,h3 port=8443\nq 60 TYPE731 \\# 2 abcd\n")
    first = check(lab, "--zones", "master.com.zone", "--print")
    assert first.returncode == 0, first.stderr
    assert "warning: repeats the record" in first.stderr and "warning: x.org. is not in zone master.com." in first.stderr
    lab.write("elsewhere", first.stdout)
    again = check(lab, "--zones", "elsewhere", "--print")
    assert again.returncode == 0 and again.stdout == first.stdout and "0 errors, 0 warnings" in again.stderr
    for line in ('odd.master.com. 60 IN TXT "a\\"b\\\\c" "two\\010lines" "#"', "any.master.com. 60 IN POOL nobody region=nowhere",
                 "g3.master.com. 60 IN A 10.0.0.3", 'p.sub2.master.com. 60 IN SVCB 1 . alpn=h2,h3 port=8443',
                 "q.sub2.master.com. 60 IN TYPE731 \\# 2 abcd"):
        assert line in first.stdout.splitlines(), (line, first.stdout)
    # an independent reader finds the same records in both (POOL apart)
    plain = "".join(line + "\n" for line in first.stdout.splitlines() if " POOL " not in line)
    zone = dns.zone.from_text(plain, "master.com.", relativize=False)
    assert zone.get_rdataset("g2.master.com.", "A").to_text() == "60 IN A 10.0.0.2"
    # with a configuration, its pools count
    lab.write("waymark.yaml", conf(lab))
    known = check(lab, "-c", "waymark.yaml", "--zones", "master.com.zone")
    assert known.returncode == 1 and 'unknown pool "nobody"' in known.stderr


def test_check_prints_nothing_into_a_full_disk_silently(lab):
    lab.write("master.com.zone", ZONE)
    with open("/dev/full", "w") as full:
        p = subprocess.run([str(WAYMARK), "check", "--zones", "master.com.zone", "--print"], cwd=lab.folder, stdout=full,
                           stderr=subprocess.PIPE, text=True, timeout=30)
    assert p.returncode == 1 and "cannot print: No space left" in p.stderr


def test_a_serial_that_stays_is_warned_of_by_check_and_by_the_server(lab):
    server, _ = serve(lab)
    copy = lab.folder / "state/zones/master.com.zone"
    wait("the copy", copy.exists)
    changed, kept = ZONE.replace("192.0.2.80", "192.0.2.81"), "the content changed since it was served last and the serial 2026112301 did not"
    assert kept not in check(lab, "-c", "waymark.yaml").stderr
    (lab.folder / "next").mkdir()
    lab.write("next/master.com.zone", changed)
    p = check(lab, "-c", "waymark.yaml", "--zones", "next/master.com.zone")
    assert p.returncode == 0 and f"next/master.com.zone: warning: {kept}\n" in p.stderr, p.stderr
    lab.write("next/master.com.zone", changed.replace("2026112301", "2026112302"))
    assert kept not in check(lab, "-c", "waymark.yaml", "--zones", "next/master.com.zone").stderr
    lab.write("zones/master.com.zone", changed)
    wait("the server's warning", lambda: [e for e in server.events(event="zone", level="warning")
                                          if "the content changed and the serial did not" in e["text"]])
    assert server.ips("static.master.com") == {"192.0.2.81"}


LEFT_OUT = "35 DNSSEC records (RRSIG, DNSKEY and their like) are left out"


def test_a_zone_that_was_signed_elsewhere_is_served_unsigned_and_marked(lab):
    """Made by ldns-signzone: keys, signatures, NSEC3 and a zone digest. What is answered is what the zone would answer
    had it never been signed."""
    signed = (FIXTURES / "zones/signed.test.zone").read_text()
    dnssec = ("DNSKEY", "RRSIG", "NSEC3", "NSEC3PARAM", "CDS", "CDNSKEY", "NSEC")
    plain = "".join(l + "\n" for l in signed.splitlines() if l.split()[3] not in dnssec)
    lab.write("zones/signed.test.zone", signed)
    server, _ = serve(lab)

    def told():
        return [e for e in server.events(event="zone", level="warning") if LEFT_OUT in e["text"]]

    wait("the warning", lambda: told() and told()[0]["object"] == "signed.test")
    hashed = next(l.split()[0] for l in signed.splitlines() if l.split()[3] == "NSEC3")
    asked = [(n, t) for t in ("A", "TXT", "DS", "NS", "SOA", "MX", "ANY", "ZONEMD", *dnssec)
             for n in ("signed.test.", "www.signed.test.", "x.wild.signed.test.", "c.signed.test.", "sub.signed.test.",
                       "a.sub.signed.test.", "nosuch.signed.test.", hashed)]

    def answers():
        replies = {}
        for name, rdtype in asked:
            r = server.query(name, rdtype, want_dnssec=True)
            replies[name, rdtype] = (r.rcode(), *(sorted(rr.to_text() for rr in s) for s in (r.answer, r.authority, r.additional)))
        return replies

    served = answers()
    types = " ".join(l.split()[3] for reply in served.values() for section in reply[1:] for rr in section for l in rr.splitlines())
    assert not set(types.split()) & set(dnssec), types
    assert served[hashed, "NSEC3"][0] == dns.rcode.NXDOMAIN and served["signed.test.", "DNSKEY"][0] == dns.rcode.NOERROR
    assert served["sub.signed.test.", "DS"][1], "DS is the parent's own data"
    # marked wherever an operator looks, also by a new process and after a restart from the copy of a broken file
    assert server.zones()["signed.test"]["dnssec_left_out"] == 35
    assert server.zones()["master.com"]["dnssec_left_out"] == 0
    assert "served, unsigned" in server.cli("zones").stdout and LEFT_OUT in server.cli("zones").stdout
    text = server.cli("status").stdout  # to know, not to mend: exit code 0
    assert "warning: zone signed.test: served without the 35 DNSSEC records" in text and "validating resolvers" in text
    before = len(told())
    server.reload()
    wait("the warning of the next load", lambda: len(told()) == before + 1)
    lab.write("zones/signed.test.zone", signed + "broken\n")
    wait("the error", lambda: server.zones()["signed.test"]["error"])
    assert server.stop() == 0
    server = lab.start(conf(lab))
    wait("the copy", lambda: server.zones()["signed.test"]["stale"])
    assert server.zones()["signed.test"]["dnssec_left_out"] == 35 and answers() == served
    # and this is what it would be, unsigned
    lab.write("zones/signed.test.zone", plain)
    wait("the unsigned file", lambda: server.zones()["signed.test"]["error"] is None)
    assert server.zones()["signed.test"]["dnssec_left_out"] == 0
    assert "unsigned" not in server.cli("zones").stdout and "DNSSEC" not in server.cli("status").stdout
    assert answers() == served


def test_what_is_hardly_meant_is_warned_about_and_served(lab):
    text = ZONE + ("a MX 10 nothing\nb MX 10 c\nc CNAME ns1\n_s SRV 0 0 1 nothing\nd.master.com A 192.0.2.9\n"
                   "e TXT v=DKIM1; k=rsa\nzwölf A 192.0.2.12\n")
    first = ZONE.count("\n") + 1
    p = lab.write("zones/master.com.zone", text)
    done = subprocess.run([WAYMARK, "check", "--zones", str(p)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [l for l in (done.stdout + done.stderr).splitlines() if "warning: " in l]
    for number, words in enumerate(("MX target nothing.master.com. does not exist", "MX target c.master.com. is a CNAME", None,
                                    "SRV target nothing.master.com. does not exist", '"d.master.com" has no final dot',
                                    "the text ends at this ';'", "raw octets above 127"), first):
        here = [l for l in lines if f".zone:{number}:" in l]
        assert len(here) == (words is not None) and all(words in l for l in here), (number, words, lines)
    server, _ = serve(lab)
    lab.write("zones/master.com.zone", text)
    wait("it to be served", lambda: server.ips("d.master.com.master.com") == {"192.0.2.9"}, 10)
