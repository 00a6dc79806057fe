"""Round robin gives everyone an even share, whatever the order of clients, in DNS and over TCP; and nobody what an operator took out."""
import collections, socket
import dns.message, dns.rcode, pytest
from lab import conf, http_get, recv_all, wait, ZONE

FRONT = 8000
LONDON, NEWYORK = "10.1.5.0/24", "10.2.5.0/24"


def dual_stack(lab):
    """Two endpoints in London, three in New York, both families, no check: always up."""
    rows = "".join(f"\n      e{i}: {{address: [192.0.2.{i}, '2001:db8::{i}'], region: {'london' if i < 3 else 'newyork'}}}" for i in range(1, 6))
    return f"\n  web:\n    steer: [geo, round_robin]\n    answers: 1\n    endpoints:{rows}"


def start(lab, pools, **how):
    lab.write("zones/master.com.zone", ZONE)
    return lab.start(conf(lab, pools=pools, balancer=False, **how))


def last(answer):
    """The number at the end of the only address of an answer."""
    return int(answer.pop().replace("::", ".").rsplit(".", 1)[1])


def spread(seen, members):
    counts = [seen[m] for m in members]
    return max(counts) - min(counts)


@pytest.mark.parametrize("tcp", [False, True])
def test_families_regions_and_names_in_turn(lab, tcp):
    server = start(lab, dual_stack(lab), workers=1)
    kinds = [("www.master.com", "A", LONDON, range(1, 3)), ("www.master.com", "AAAA", LONDON, range(1, 3)),
             ("www.master.com", "A", NEWYORK, range(3, 6)), ("www.master.com", "AAAA", NEWYORK, range(3, 6)),
             ("london.master.com", "A", NEWYORK, range(1, 3))]
    seen = [collections.Counter() for _ in kinds]
    for _ in range(30):  # strictly in turn: where one cursor serves all, each kind sees one endpoint only
        for kind, (name, rdtype, subnet, _) in zip(seen, kinds):
            kind[last(server.ips(name, rdtype, subnet=subnet, tcp=tcp))] += 1
    for kind, (name, rdtype, subnet, members) in zip(seen, kinds):
        assert set(kind) == set(members) and spread(kind, members) == 0, (name, rdtype, subnet, kind)


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_each_dns_worker_is_exact(lab, workers):
    """So that over all of them nobody is more than a turn a worker ahead."""
    server = start(lab, dual_stack(lab), workers=workers)
    seen = {"A": collections.Counter(), "AAAA": collections.Counter()}
    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]
    try:
        for s in socks:
            s.connect((server.address, server.port))
            s.settimeout(5)
        for i in range(20):
            for s in socks:  # a flow belongs to one worker
                for rdtype in seen:
                    q = dns.message.make_query("london.master.com", rdtype)
                    s.send(q.to_wire())  # asked once: a second time would be another turn
                    r = dns.message.from_wire(s.recv(4096))
                    assert r.id == q.id
                    seen[rdtype][r.answer[0][0].address] += 1
    finally:
        for s in socks:
            s.close()
    for rdtype, count in seen.items():
        assert len(count) == 2 and spread(count, list(count)) <= workers, (rdtype, count)


def test_weights_are_exact_and_smooth(lab):
    rows = "".join(f"\n      e{w}: {{address: 192.0.2.{w}, weight: {w}}}" for w in (60, 30, 10, 0))
    lab.write("zones/master.com.zone", ZONE.replace("london 30  POOL  web region=london\n", ""))
    server = lab.start(conf(lab, pools=f"\n  web:\n    steer: round_robin\n    answers: 1\n    endpoints:{rows}", balancer=False, workers=1))
    turns = [last(server.ips("www.master.com")) for _ in range(40)]
    for first in range(31):  # every ten in a row
        assert collections.Counter(turns[first:first + 10]) == {60: 6, 30: 3, 10: 1}, turns
    assert "60, 60, 60" not in str(turns)  # as from nginx: at most two
    server.cli("weight", "web/e60", "0")
    wait("weight 0", lambda: 60 not in {last(server.ips("www.master.com")) for _ in range(8)})


# ---- balancer

QUIET = "{tcp: {port: 8080}, interval: 1h, timeout: 1s, fall: 1000}"


def proxies_of(lab, n):
    """`n` of London and one of New York, which say their names; one round of checks, then silence."""
    proxies = [lab.proxy(11 + i, name=f"p{i}") for i in range(n)] + [lab.proxy(21, name="ny")]
    rows = "".join(f"\n      p{i}: {{address: {lab.ip(11 + i)}, region: london}}" for i in range(n))
    rows += f"\n      ny: {{address: {lab.ip(21)}, region: newyork}}"
    return proxies, f"\n  web:\n    check: home\n    steer: [geo, round_robin]\n    endpoints:{rows}"


def serve_tcp(lab, pools, ports=(FRONT,), **how):
    lab.write("zones/master.com.zone", ZONE)
    fronts = ", ".join(f'{{name: f{p}, listen: "{lab.ip(1)}:{p}", pool: web, port: 8080}}' for p in ports)
    return lab.start(conf(lab, pools=pools, balancer=False, extra=f"\nbalancer: [{fronts}]", check=QUIET, **how)).wait_verdicts()


def ask(lab, client=101, port=FRONT):
    return http_get(lab.ip(1), port, source=lab.ip(client))[1]


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_connections_are_shared_exactly_over_workers_and_listeners(lab, workers):
    _, pools = proxies_of(lab, 2)
    serve_tcp(lab, pools, ports=(FRONT, FRONT + 1), workers=workers)
    seen = collections.Counter()
    for i in range(40):
        seen[ask(lab, port=FRONT + i % 2)] += 1
        assert ask(lab, client=102) == "ny"  # another region in between
    assert seen == {"p0": 20, "p1": 20}


@pytest.mark.parametrize("workers", [1, 3])
def test_a_dead_endpoints_connections_go_to_all_others_alike(lab, workers):
    proxies, pools = proxies_of(lab, 3)
    serve_tcp(lab, pools, workers=workers)
    proxies[1].down()  # the next check is an hour away
    seen = collections.Counter(ask(lab) for _ in range(24))
    assert set(seen) == {"p0", "p2"} and spread(seen, seen) <= 2, seen  # 12 and 12, or one less while its failure is fresh


# ---- an operator's word

@pytest.mark.parametrize("form, steer, order", [("serve_all", "weighted", "drain"), ("last_good", "round_robin", "force-down"), ("serve_all", "failover", "drain")])
def test_nobody_gets_what_an_operator_took_out(lab, form, steer, order):
    proxies = [lab.proxy(11 + i, name=f"p{i}") for i in range(2)]
    tier = ", tier: 2" if steer == "failover" else ""
    pools = f"""
  web:
    check: home
    steer: {steer}
    answers: 4
    when_all_down: {form}
    endpoints:
      p0: {{address: {lab.ip(11)}}}
      p1: {{address: {lab.ip(12)}{tier}}}"""
    lab.write("zones/master.com.zone", ZONE.replace("london 30  POOL  web region=london\n", ""))
    server = lab.start(conf(lab, pools=pools)).wait_verdicts()
    assert "warning" not in server.cli(order, "web/p0").stderr
    wait("p0 to be out", lambda: server.ips("www.master.com") == {lab.ip(12)})
    proxies[1].down()
    wait("p1 to be down", lambda: server.verdict("web/p1") == "down")
    for _ in range(12):
        assert server.ips("www.master.com") == {lab.ip(12)}  # down, but nobody else may be given
    proxies[1].up()  # listens again, but the rise takes two checks: whoever is asked, it is never p0
    assert {http_get(lab.ip(1), FRONT)[1] for _ in range(8)} == {"p1"}
    proxies[1].down()
    wait("p1 to be down again", lambda: server.verdict("web/p1") == "down")
    warned = server.cli(order, "web/p1").stderr
    assert "warning: the last endpoint of pool web is gone, all are drained or forced down: DNS gives no address, connections are reset" in warned
    wait("NODATA", lambda: not server.query("www.master.com").answer)
    assert server.query("www.master.com").rcode() == dns.rcode.NOERROR

    def reset():
        try:
            with socket.create_connection((lab.ip(1), FRONT), timeout=10) as c:
                return recv_all(c) == b""
        except ConnectionError:
            return True
    wait("a reset", reset)
    server.cli("force-up", "web/p0")
    wait("p0, as the operator says", lambda: server.ips("www.master.com") == {lab.ip(11)})
    assert http_get(lab.ip(1), FRONT)[1] == "p0"


def test_a_family_of_its_own_counts_for_min_serving(lab):
    """London: two IPv4, one IPv6. Its only IPv6 address is enough for AAAA; New York gets none of London's clients."""
    pools = """
  web:
    steer: [geo, weighted]
    answers: 4
    min_serving: 2
    endpoints:
      a: {address: [192.0.2.1, '2001:db8::1'], region: london}
      b: {address: 192.0.2.2, region: london}
      c: {address: [192.0.2.3, '2001:db8::3'], region: newyork}
      d: {address: [192.0.2.4, '2001:db8::4'], region: newyork}"""
    server = start(lab, pools)
    assert server.ips("www.master.com", "AAAA", subnet=LONDON) == {"2001:db8::1"}
    assert server.ips("www.master.com", "A", subnet=LONDON) == {"192.0.2.1", "192.0.2.2"}
    server.cli("drain", "web/b")  # one of two IPv4: short of one
    wait("New York's help", lambda: server.ips("www.master.com", "A", subnet=LONDON) == {"192.0.2.1", "192.0.2.3", "192.0.2.4"})
    assert server.ips("www.master.com", "AAAA", subnet=LONDON) == {"2001:db8::1"}
