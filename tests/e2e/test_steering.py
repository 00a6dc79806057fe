"""Pools, steering, geo and client subnets (RFC 7871)."""
import collections, random, re
import dns.rcode, dns.rdatatype
from lab import conf, four_proxies, rdata, scope, serve, wait, ZONE, ROOT


def pool(lab, steer, endpoints, more="", name="web", check="check: home"):
    rows = "\n".join(f"      {k}: {v}" for k, v in endpoints.items())
    return f"\n  {name}:\n    {check}\n    steer: {steer}\n    ttl: 30s\n    {more}\n    endpoints:\n{rows}"


def endpoints(lab, **weights):
    w = collections.defaultdict(lambda: 10, weights)
    return {"lon1": f"{{address: {lab.ip(11)}, region: london, weight: {w['lon1']}}}",
            "lon2": f"{{address: {lab.ip(12)}, region: london, weight: {w['lon2']}}}",
            "nyc1": f"{{address: {lab.ip(21)}, region: newyork, weight: {w['nyc1']}}}",
            "sin1": f"{{address: {lab.ip(31)}, region: singapore, weight: {w['sin1']}}}"}


LONDON, NEWYORK, SINGAPORE = "10.1.5.0/24", "10.2.5.0/24", "10.3.5.0/24"


def test_each_client_gets_its_nearest_region(lab):
    server, _ = serve(lab)
    assert server.ips("www.master.com", subnet=LONDON) <= {lab.ip(11), lab.ip(12)}
    assert server.ips("www.master.com", subnet=NEWYORK) == {lab.ip(21)}
    assert server.ips("www.master.com", subnet=SINGAPORE) == {lab.ip(31)}
    # without the option the packet's source decides
    assert server.ips("www.master.com", source=lab.ip(102)) == {lab.ip(21)}
    assert server.ips("www.master.com", source=lab.ip(103)) == {lab.ip(31)}
    # the apex is steered as well, and lives beside its MX
    assert server.ips("master.com", subnet=SINGAPORE) == {lab.ip(31)}
    # a region's own name, whoever asks
    for client in (LONDON, NEWYORK, SINGAPORE):
        assert server.ips("london.master.com", subnet=client) <= {lab.ip(11), lab.ip(12)}
    # no IPv6 endpoint: NODATA for everyone, with the SOA
    r = server.query("www.master.com", "AAAA")
    assert r.rcode() == dns.rcode.NOERROR and not r.answer and r.authority[0].rdtype == dns.rdatatype.SOA


def test_scope_says_how_far_the_answer_holds(lab):
    server, _ = serve(lab)
    r = server.query("www.master.com", subnet=NEWYORK)
    assert scope(r) == 16  # 10.2.0.0/16 is New York's, its neighbours are others'
    assert scope(server.query("london.master.com", subnet=NEWYORK)) == 0  # one region only
    assert scope(server.query("static.master.com", subnet=NEWYORK)) == 0
    assert scope(server.query("nothing.master.com", subnet=NEWYORK)) == 0
    assert scope(server.query("www.master.com")) is None  # not asked, not told
    zero = server.query("www.master.com", subnet="0.0.0.0/0", source=lab.ip(103))
    assert scope(zero) == 0 and len(rdata(zero)) == 1


def test_random_clients_inside_a_scope_get_one_region_order(lab):
    """The option's promise: whoever is in ADDRESS/SCOPE may be given the same answer."""
    lab.write_bytes("geo/country.mmdb", (ROOT / "tests/fixtures/geo/maxmind-24.mmdb").read_bytes())
    server, proxies = serve(lab, geo="  databases: [geo/country.mmdb]")
    chance = random.Random(20261123)
    seen = {}
    clients = [f"10.{i}.{chance.randrange(256)}.0/24" for i in range(6)]
    clients += [f"{chance.randrange(1, 223)}.{chance.randrange(256)}.{chance.randrange(256)}.0/24" for _ in range(60)]
    clients += ["81.2.69.0/24", "216.160.83.0/24", "175.16.199.0/24", "10.0.0.0/24"]
    # an answer is a draw within the first region; its region is what must be one
    region = {lab.ip(11): "london", lab.ip(12): "london", lab.ip(21): "newyork", lab.ip(31): "singapore"}
    orders = {}

    def order(client):
        """The region order of a client, seen from outside: take the first region's endpoints down, ask again."""
        return orders.setdefault(client, {region[ip] for ip in server.ips("www.master.com", subnet=client)}.pop())

    for client in clients:
        r = server.query("www.master.com", subnet=client)
        length = scope(r)
        assert length is not None and 0 < length <= 32, client
        mine = order(client)
        base = int.from_bytes(bytes(map(int, client.split("/")[0].split("."))), "big")
        for _ in range(8):
            other = base >> (32 - length) << (32 - length) | chance.getrandbits(32 - length) if length < 32 else base
            text = ".".join(str(b) for b in other.to_bytes(4, "big")) + "/32"
            assert order(text) == mine, f"{text} is inside {client} scope {length}"
        seen[mine] = seen.get(mine, 0) + 1
    assert len(seen) == 3, seen


def test_weights_spread_answers(lab):
    server, _ = serve(lab, pools=pool(lab, "[weighted]", endpoints(lab, lon1=60, lon2=25, nyc1=15, sin1=0), "answers: 1"))
    count = collections.Counter(server.ips("www.master.com").pop() for _ in range(600))
    # binomial, 600 draws: five standard deviations are 60, 53 and 44
    assert abs(count[lab.ip(11)] - 360) < 60 and abs(count[lab.ip(12)] - 150) < 53 and abs(count[lab.ip(21)] - 90) < 44, count
    assert count[lab.ip(31)] == 0


def test_round_robin_takes_turns(lab):
    server, _ = serve(lab, pools=pool(lab, "[round_robin]", endpoints(lab), "answers: 1"), workers=1)
    turns = [server.ips("www.master.com").pop() for _ in range(12)]
    assert turns[:4] == turns[4:8] == turns[8:] and len(set(turns[:4])) == 4


def test_failover_uses_the_next_tier_only_when_the_first_is_down(lab):
    e = endpoints(lab)
    e["nyc1"] = e["nyc1"].replace("}", ", tier: 2}")
    e["sin1"] = e["sin1"].replace("}", ", tier: 3}")
    server, proxies = serve(lab, pools=pool(lab, "[failover, weighted]", e, "answers: 2"))
    assert server.ips("www.master.com") == {lab.ip(11), lab.ip(12)}
    proxies["lon1"].down()
    wait("lon1 to leave", lambda: server.ips("www.master.com") == {lab.ip(12)})
    proxies["lon2"].down()
    wait("the second tier", lambda: server.ips("www.master.com") == {lab.ip(21)})
    proxies["nyc1"].down()
    wait("the third tier", lambda: server.ips("www.master.com") == {lab.ip(31)})
    proxies["lon2"].up()
    wait("the first tier again", lambda: server.ips("www.master.com") == {lab.ip(12)})


def test_answers_says_how_many(lab):
    server, _ = serve(lab, pools=pool(lab, "[geo, weighted]", endpoints(lab), "answers: 2"))
    assert server.ips("www.master.com", subnet=LONDON) == {lab.ip(11), lab.ip(12)}
    assert server.ips("www.master.com", subnet=NEWYORK) == {lab.ip(21)}


def all_down(proxies, server):
    for p in proxies.values():
        p.down()
    wait("all to be down", lambda: all(a["verdict"] == "down" for p, _, a in server.addresses() if p == "web"))


def test_all_down_serve_all(lab):
    server, proxies = serve(lab, pools=pool(lab, "[geo, weighted]", endpoints(lab), "when_all_down: serve_all"))
    all_down(proxies, server)
    wait("the degraded answer", lambda: server.ips("www.master.com", subnet=NEWYORK) == {lab.ip(21)})


def test_all_down_nodata(lab):
    server, proxies = serve(lab, pools=pool(lab, "[geo, weighted]", endpoints(lab), "when_all_down: nodata"))
    all_down(proxies, server)
    r = wait("NODATA", lambda: (lambda r: r if not r.answer else None)(server.query("www.master.com", subnet=NEWYORK)))
    assert r.rcode() == dns.rcode.NOERROR
    soa = r.authority[0]
    assert soa.rdtype == dns.rdatatype.SOA and soa.ttl <= 15  # at most ttl_min, half of 30 s
    assert soa[0] == server.query("master.com", "SOA").answer[0][0]  # nothing else of it changes


def test_all_down_refuse(lab):
    server, proxies = serve(lab, pools=pool(lab, "[geo, weighted]", endpoints(lab), "when_all_down: refuse"))
    all_down(proxies, server)
    wait("REFUSED", lambda: server.query("www.master.com").rcode() == dns.rcode.REFUSED)
    assert server.ips("static.master.com") == {"192.0.2.80"}


def test_all_down_last_good(lab):
    server, proxies = serve(lab, pools=pool(lab, "[weighted]", endpoints(lab), "answers: 4\n    when_all_down: last_good"))
    for name in ("lon1", "lon2"):
        proxies[name].down()
    wait("two to leave", lambda: server.ips("www.master.com") == {lab.ip(21), lab.ip(31)})
    server.cli("force-down", "web/nyc1")
    wait("one more", lambda: server.ips("www.master.com") == {lab.ip(31)})
    proxies["sin1"].down()
    wait("sin1 to be down", lambda: server.verdict("web/sin1") == "down")
    assert server.ips("www.master.com") == {lab.ip(31)}  # who served last


def test_all_down_another_pool(lab):
    e = endpoints(lab)
    pools = pool(lab, "[geo, weighted]", {k: e[k] for k in ("lon1", "lon2")}, "when_all_down: {pool: spare}")
    pools += pool(lab, "[weighted]", {"sin1": e["sin1"]}, name="spare")
    server, proxies = serve(lab, pools=pools)
    for name in ("lon1", "lon2"):
        proxies[name].down()
    wait("the spare pool", lambda: server.ips("www.master.com") == {lab.ip(31)})
    assert server.ips("london.master.com") == {lab.ip(31)}


def test_ttl_falls_while_a_verdict_is_in_doubt(lab):
    check = "{tcp: {port: 8080}, interval: 2s, timeout: 500ms, fall: 5, rise: 2, jitter: 0%}"
    server, proxies = serve(lab, check=check)
    ttl = lambda: server.query("www.master.com", subnet=NEWYORK).answer[0].ttl
    assert wait("a full TTL", lambda: ttl() == 30)
    proxies["nyc1"].down()
    # four more failures at 2 s each: 15 s at the least (ttl_min), never more than the streak can last
    assert 15 <= wait("a short TTL", lambda: ttl() if ttl() < 30 else None) <= 15
    wait("nyc1 to be down", lambda: server.verdict("web/nyc1") == "down")


def test_geo_database_places_clients(lab):
    lab.write_bytes("geo/country.mmdb", (ROOT / "tests/fixtures/geo/maxmind-24.mmdb").read_bytes())
    server, _ = serve(lab, geo="  databases: [geo/country.mmdb]")
    assert server.ips("www.master.com", subnet="81.2.69.0/24") <= {lab.ip(11), lab.ip(12)}   # GB
    assert server.ips("www.master.com", subnet="216.160.83.0/24") == {lab.ip(21)}            # US
    events = server.events(event="database")
    assert events and events[0]["to"] == "serving"


def test_ipv4_inside_ipv6_decides(lab):
    server, _ = serve(lab)
    for subnet, length in (("::ffff:10.2.5.0/120", 96 + 16), ("64:ff9b::10.2.5.0/120", 96 + 16), ("2002:a02:500::/40", 16 + 16),
                           ("2001:0:1:2:3:4:f5fd:fa00/120", 96 + 16)):  # the last: 10.2.5.0/24, inverted
        r = server.query("www.master.com", subnet=subnet)
        assert (rdata(r), scope(r)) == ({lab.ip(21)}, length), subnet
    r = server.query("www.master.com", subnet="64:ff9b::/48")  # holds no IPv4 bit: plain IPv6, `default`
    assert rdata(r) <= {lab.ip(11), lab.ip(12)} and scope(r) == 128


def test_a_private_subnet_counts_as_long_as_a_database_has_it(lab):
    """What is special follows the database that serves, also one that is replaced while the server runs."""
    with_it = (ROOT / "tests/fixtures/geo/flat-24-ipv4.mmdb").read_bytes()  # 10.1.0.0/16 is GB
    without = with_it.replace(b"\x42GB", b"\x42ZZ")
    assert with_it != without
    lab.write_bytes("geo/own.mmdb", without)
    four_proxies(lab)
    lab.write("zones/master.com.zone", ZONE)
    text = conf(lab, geo="  databases: [geo/own.mmdb]").replace("    10.1.0.0/16: london\n", "")
    server = lab.start(text).wait_verdicts()
    # the source of all queries is New York's
    ask = lambda: server.query("www.master.com", subnet=LONDON, source=lab.ip(102))
    london, newyork = {lab.ip(11), lab.ip(12)}, {lab.ip(21)}
    assert rdata(ask()) == newyork and scope(ask()) == 15  # 10.0.0.0/8 but 10.2 and 10.3
    lab.write_bytes("geo/own.mmdb", with_it)
    wait("the database that has it", lambda: rdata(ask()) <= london)
    assert scope(ask()) == 16
    lab.write_bytes("geo/own.mmdb", without)
    wait("the database without it", lambda: rdata(ask()) == newyork)
    assert scope(ask()) == 15


def test_an_unreadable_database_is_reported_and_the_rest_serves(lab):
    lab.write_bytes("geo/country.mmdb", b"this is no database")
    server, _ = serve(lab, geo="  databases: [geo/country.mmdb]")
    assert server.ips("static.master.com") == {"192.0.2.80"}
    assert server.ips("www.master.com", subnet=NEWYORK) == {lab.ip(21)}  # networks still decide
    failed = wait("the event", lambda: server.events(event="database"))[0]
    assert "country.mmdb" in failed["object"] and failed["level"] in ("warning", "error")
    # and once it is good it is used, without a restart
    lab.write_bytes("geo/country.mmdb", (ROOT / "tests/fixtures/geo/maxmind-24.mmdb").read_bytes())
    wait("the database", lambda: server.ips("www.master.com", subnet="216.160.83.0/24") == {lab.ip(21)})


PARIS = ZONE + "paris 30 POOL web region=paris\n"


def with_paris(lab, served, **how):
    """The usual configuration, and a region Paris; `served`: with an endpoint there."""
    text = conf(lab, **how).replace("regions:\n", "regions:\n  paris: {}\n")
    return text if not served else text.replace("      sin1:", f"      par1: {{address: {lab.ip(41)}, region: paris}}\n      sin1:")


def test_a_region_without_an_endpoint_of_the_pool_refuses_a_reload_but_no_zone(lab):
    lab.proxy(41, name="par1")
    four_proxies(lab)
    lab.write("zones/master.com.zone", PARIS)
    server = lab.start(with_paris(lab, True)).wait_verdicts()
    assert "0 errors, 0 warnings" in server.cli("check").stderr
    assert server.ips("paris.master.com") == {lab.ip(41)}
    line = 1 + PARIS.splitlines().index("paris 30 POOL web region=paris")
    told = f'master.com.zone:{line}:26: error: pool "web" has no endpoint in region "paris"'

    # the configuration takes the last one away: `check` says no, and so does a reload
    lab.write("waymark.yaml", with_paris(lab, False))
    check = server.cli("check", check=False)
    assert check.returncode == 1 and told in check.stderr and "1 error, 0 warnings" in check.stderr
    reload = server.reload(check=False)
    assert reload.returncode != 0 and told in reload.stdout + reload.stderr
    assert server.ips("paris.master.com") == {lab.ip(41)} and server.status()["generation"] == 1

    # another pool catches it: for that region the whole of it answers
    caught = with_paris(lab, False).replace("    ttl: 30s", "    ttl: 30s\n    when_all_down: {pool: spare}")
    caught = caught.replace("pools:\n", f"pools:\n  spare: {{endpoints: {{s: {{address: {lab.ip(61)}}}}}}}\n")
    lab.write("waymark.yaml", caught)
    assert "0 errors, 0 warnings" in server.cli("check").stderr
    server.reload()
    assert server.ips("paris.master.com") == {lab.ip(61)}

    # a zone that is edited under a running server is served with a warning
    lab.write("waymark.yaml", with_paris(lab, False))
    lab.write("zones/master.com.zone", ZONE)
    wait("the name to go", lambda: server.query("paris.master.com").rcode() == dns.rcode.NXDOMAIN)
    server.reload()
    lab.write("zones/master.com.zone", PARIS)
    warned = lambda: [e for e in server.events(event="zone", level="warning") if "has no endpoint in region" in e["text"]]
    assert f"master.com.zone:{line}:26: warning:" in wait("the warning", warned)[0]["text"]
    r = server.query("paris.master.com")
    assert r.rcode() == dns.rcode.NOERROR and not r.answer
    assert server.ips("static.master.com") == {"192.0.2.80"}


def test_a_server_starts_with_a_region_without_an_endpoint_and_warns(lab):
    four_proxies(lab)
    lab.write("zones/master.com.zone", PARIS)
    server = lab.start(with_paris(lab, False)).wait_verdicts()
    wait("the warning", lambda: [e for e in server.events(event="zone", level="warning") if "in region" in e["text"]])
    assert server.ips("www.master.com", subnet=NEWYORK) == {lab.ip(21)}


def test_geo_without_data_is_told_at_start_and_reload(lab):
    four_proxies(lab)
    lab.write("zones/master.com.zone", ZONE)
    blind = re.sub(r"\ngeo:.*?\nregions:", "\nregions:", conf(lab), flags=re.S)
    told = 'steers by "geo", but there are no "geo.databases" and no "geo.networks"'
    server = lab.start(blind).wait_verdicts()
    wait("the warning", lambda: [e for e in server.events(level="warning") if told in e["text"]])
    lab.write("waymark.yaml", conf(lab).replace(", default]", "]"))
    reload = server.reload()
    assert 'no region serves "default"' in reload.stdout + reload.stderr
    lab.write("waymark.yaml", conf(lab))
    assert "warning" not in server.reload().stdout
