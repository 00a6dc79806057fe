"""EDNS and what the server says of itself, with real clients: dig and dnspython."""
import os, signal, socket, struct, time
import dns.edns, dns.flags, dns.message, dns.query, dns.rcode, dns.rdataclass, dns.tsigkeyring
from lab import *

COOKIE, NSID = 10, 3
SECRET, OTHER = "e5e973e5a6b2a43f48e7dc849e37bfcf", "445536bcd2513298075a5d379663c962"
CLIENT = bytes.fromhex("2464c4abcf10c957")


POOLS = """
  web:
    check: home
    when_all_down: last_good
    endpoints:
      lon1: {{address: {n}.11, region: london}}
      nyc1: {{address: {n}.21, region: newyork}}"""


def start(lab, dns="", **how):
    """A server with a section `dns` and no proxies: nothing here is steered."""
    lab.write("zones/master.com.zone", how.pop("zone", ZONE))
    text = conf(lab, balancer=False, **how)
    return lab.start(text + f"dns: {{{dns}}}\n")


def ask(server, name="static.master.com", rdtype="A", options=(), tcp=False, rdclass="IN", timeout=3, source=None, **how):
    q = dns.message.make_query(name, rdtype, rdclass, use_edns=0, payload=1232, options=list(options), **how)
    return (dns.query.tcp if tcp else dns.query.udp)(q, server.address, timeout=timeout, port=server.port, source=source)


def option(reply, code):
    found = [o for o in reply.options if o.otype == code]
    assert len(found) <= 1
    return found[0].to_wire() if found else None


def cookie(data=CLIENT):
    return dns.edns.GenericOption(COOKIE, data)


def edes(reply):
    return [o.code for o in reply.options if o.otype == 15]


def test_the_server_says_which_one_it_is(lab):
    server = start(lab, 'nsid: "Lon don 1", version: w 1')
    reply = ask(server, options=[dns.edns.GenericOption(NSID, b"")])
    assert option(reply, NSID) == b"Lon don 1"
    assert option(ask(server), NSID) is None
    assert '("Lon don 1")' in server.dig("+nsid", "static.master.com")
    for name, text in (("id.server", "Lon don 1"), ("hostname.bind", "Lon don 1"), ("VERSION.bind", "w 1"),
                       ("version.server", "w 1")):
        reply = ask(server, name, "TXT", rdclass="CH")
        assert reply.rcode() == 0 and reply.flags & dns.flags.AA, name
        assert [r.to_text() for r in reply.answer[0]] == [f'"{text}"']
        assert reply.answer[0].ttl == 0 and reply.answer[0].rdclass == dns.rdataclass.CH
        assert reply.question[0].name.to_text() == name + "."
    for name in ("authors.bind", "master.com", "bind"):
        assert ask(server, name, "TXT", rdclass="CH").rcode() == dns.rcode.REFUSED


def test_the_version_is_told_to_nobody_who_was_not_meant_to_know(lab):
    server = start(lab)
    assert ask(server, "version.bind", "TXT", rdclass="CH").rcode() == dns.rcode.REFUSED
    reply = ask(server, "id.server", "TXT", rdclass="CH")
    assert [r.to_text() for r in reply.answer[0]] == [f'"{os.uname().nodename}"']
    lab.write(server.conf, (lab.folder / server.conf).read_text().replace("dns: {}", "dns: {nsid: none}"))
    server.reload()
    wait("the name to be gone", lambda: ask(server, "id.server", "TXT", rdclass="CH").rcode() == dns.rcode.REFUSED)
    assert option(ask(server, options=[dns.edns.GenericOption(NSID, b"")]), NSID) is None


def test_extended_errors_say_why(lab):
    lab.write("zones/broken.com.zone", "$TTL 60\n@ SOA a b 1 1 1 1\n")
    server = start(lab)
    assert edes(ask(server, "www.example.org")) == [20]
    assert edes(ask(server, "broken.com")) == [24]
    reply = ask(server, "master.com", "AXFR")
    assert reply.rcode() == dns.rcode.REFUSED and edes(reply) == [21]
    assert edes(ask(server)) == []
    wait("the transfer in the log", lambda: "zone transfers refused" in server.log())


def test_stale_and_degraded_answers_say_so(lab):
    server, proxies = serve(lab, pools=POOLS.format(n=lab.net))
    assert edes(ask(server)) == [] and edes(ask(server, "www.master.com")) == []
    lab.write("zones/master.com.zone", ZONE.replace("192.0.2.80", "192.0.2.300"))
    reply = wait("the zone to be stale", lambda: edes(r := ask(server)) and r)
    assert edes(reply) == [3] and rdata(reply) == {"192.0.2.80"}
    lab.write("zones/master.com.zone", ZONE.replace("192.0.2.80", "192.0.2.81"))
    reply = wait("the zone to be good", lambda: not edes(r := ask(server)) and r)
    assert rdata(reply) == {"192.0.2.81"}
    for p in proxies.values():
        p.down()
    reply = wait("all to be down", lambda: edes(r := ask(server, "www.master.com")) and r)
    assert edes(reply) == [3] and reply.answer  # last_good: what served last


def test_cookies_of_a_shared_secret_are_those_of_rfc_9018(lab):
    server = start(lab, f"cookies: {{secret: [{SECRET}, {OTHER}]}}")
    first = option(ask(server, options=[cookie()]), COOKIE)
    assert len(first) == 24 and first[:8] == CLIENT and first[8:12] == b"\1\0\0\0"
    assert abs(struct.unpack(">I", first[12:16])[0] - time.time()) < 60
    again = ask(server, options=[cookie(first)])
    assert again.rcode() == 0 and option(again, COOKIE) == first  # young: it goes back as it is
    wrong = first[:-1] + bytes([first[-1] ^ 1])
    reply = ask(server, options=[cookie(wrong)])
    assert reply.rcode() == 0 and rdata(reply) == {"192.0.2.80"} and option(reply, COOKIE) != wrong
    out = server.dig("+cookie=" + CLIENT.hex(), "static.master.com")
    assert "(good)" in out, out
    counters = wait("the counters", lambda: (c := server.status()["counters"]["dns"]) and c["cookies_good"] > 0 and c)
    assert counters["cookies_wrong"] == 1 and counters["badcookie"] == 0
    for size in (0, 7, 9, 15, 41):
        assert ask(server, options=[cookie(b"x" * size)]).rcode() == dns.rcode.FORMERR
    # another server of the set, where the new secret makes already
    other = lab.write("other.yaml", (lab.folder / server.conf).read_text().replace(
        f"{SECRET}, {OTHER}", f"{OTHER}, {SECRET}"))
    (lab.folder / server.conf).write_text(other.read_text())
    server.reload()
    renewed = wait("a cookie of the new secret",
                   lambda: (c := option(ask(server, options=[cookie(first)]), COOKIE)) != first and c)
    before = server.status()["counters"]["dns"]["cookies_wrong"]
    assert option(ask(server, options=[cookie(renewed)]), COOKIE) == renewed
    assert server.status()["counters"]["dns"]["cookies_wrong"] == before


def test_a_question_is_not_needed_to_get_a_cookie(lab):
    server = start(lab)

    def empty(data):
        q = dns.message.Message()
        q.use_edns(0, options=[cookie(data)] if data is not None else [])
        return dns.query.udp(q, server.address, timeout=3, port=server.port)
    reply = empty(CLIENT)
    assert reply.rcode() == 0 and not reply.question and not reply.answer
    good = option(reply, COOKIE)
    assert empty(good).rcode() == 0 and option(empty(good), COOKIE) == good
    reply = empty(CLIENT + b"\1" * 16)
    assert reply.rcode() == dns.rcode.BADCOOKIE and len(option(reply, COOKIE)) == 24
    assert empty(None).rcode() == dns.rcode.FORMERR


def test_a_cookie_outlives_dns_and_a_reload(lab):
    server = start(lab)
    first = option(ask(server, options=[cookie()]), COOKIE)
    os.kill(server.role("dns"), signal.SIGKILL)
    assert wait("dns to be back", lambda: option(ask(server, options=[cookie(first)]), COOKIE)) == first
    server.reload()
    assert option(ask(server, options=[cookie(first)]), COOKIE) == first
    assert server.status()["counters"]["dns"]["cookies_wrong"] == 0


def test_a_secret_file_is_read_at_each_reload(lab):
    lab.write("secrets", f"# one\n{SECRET}\n")
    server = start(lab, "cookies: {secret_file: secrets}")
    first = option(ask(server, options=[cookie()]), COOKIE)
    lab.write("secrets", f"{OTHER}\n")
    server.reload()
    wait("the old cookie to be void", lambda: option(ask(server, options=[cookie(first)]), COOKIE) != first)
    lab.write("secrets", "nonsense\n")
    failed = server.reload(check=False)
    assert failed.returncode != 0 and "32 hexadecimal digits" in failed.stderr, failed.stderr
    assert server.cli("check", check=False).returncode != 0
    assert ask(server).rcode() == 0


def test_cookies_can_be_required_and_ignored(lab):
    server = start(lab, "cookies: {policy: require}")
    reply = ask(server, options=[cookie()])
    assert reply.rcode() == dns.rcode.BADCOOKIE and not reply.answer
    good = option(reply, COOKIE)
    assert rdata(ask(server, options=[cookie(good)])) == {"192.0.2.80"}
    assert rdata(ask(server, options=[cookie()], tcp=True)) == {"192.0.2.80"}  # TCP has shown where it is
    assert rdata(ask(server)) == {"192.0.2.80"}  # who knows no cookies is answered
    assert "NOERROR" in server.dig("static.master.com")  # dig comes back with the cookie by itself
    lab.write(server.conf, (lab.folder / server.conf).read_text().replace("require", "ignore"))
    server.reload()
    wait("cookies to be ignored", lambda: option(ask(server, options=[cookie()]), COOKIE) is None)


def flood(server, count, source=None, options=()):
    """Replies to `count` queries sent at once: (full, truncated, badcookie)."""
    full = truncated = bad = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        s.bind((source or server.address, 0))
        s.connect((server.address, server.port))
        s.settimeout(1)
        for i in range(count):
            q = dns.message.make_query("static.master.com", "A", use_edns=0, options=list(options))
            s.send(q.to_wire())
        try:
            while True:
                r = dns.message.from_wire(s.recv(4096))
                full += bool(r.answer)
                truncated += bool(r.flags & dns.flags.TC)
                bad += r.rcode() == dns.rcode.BADCOOKIE
                assert not (r.answer and r.flags & dns.flags.TC)
        except TimeoutError:
            return full, truncated, bad


def test_the_rate_limit_withholds_and_slips(lab):
    server = start(lab, f"rate_limit: {{per_second: 20, slip: 2, exempt: [{'.'.join(lab.net.split('.')[:2])}.255.0/24]}}")
    full, truncated, bad = flood(server, 400)
    assert 20 <= full < 200 and 20 < truncated < 360 and bad == 0, (full, truncated)
    reply = ask(server, tcp=True)
    assert rdata(reply) == {"192.0.2.80"}
    full, truncated, bad = flood(server, 400, options=[cookie()])
    assert full < 200 and truncated == 0 and bad > 20, (full, bad)
    good = option(ask(server, options=[cookie()], tcp=True, source=server.address), COOKIE)
    assert flood(server, 300, options=[cookie(good)]) == (300, 0, 0)
    assert flood(server, 300, source=f"{'.'.join(lab.net.split('.')[:2])}.255.7") == (300, 0, 0)
    counters = server.status()["counters"]["dns"]
    assert counters["rate_withheld"] > 0 and counters["rate_slipped"] > 0
    lines = [l for l in server.log().splitlines() if "above the rate limit of 20 replies a second" in l]
    assert 1 <= len(lines) <= 8 and lab.net + ".0/24" in lines[0], lines  # a worker and ten seconds have one


def test_nothing_is_limited_by_default(lab):
    server = start(lab)
    assert flood(server, 500) == (500, 0, 0)


def test_replies_fit_what_client_and_configuration_allow(lab):
    big = ZONE + "".join(f"big TXT \"{'x' * 200}{i:02}\"\n" for i in range(10))
    server = start(lab, "udp_payload: 1400", zone=big)
    for offered in (0, 100, 512, 1232, 4096):
        q = dns.message.make_query("big.master.com", "TXT", use_edns=0, payload=offered)
        reply = dns.query.udp(q, server.address, timeout=3, port=server.port)
        assert reply.flags & dns.flags.TC and not reply.answer
        assert reply.payload == 1400
    assert len(ask(server, "big.master.com", "TXT", tcp=True).answer[0]) == 10
    lab.write(server.conf, (lab.folder / server.conf).read_text().replace("1400", "4096"))
    server.reload()

    def whole():
        q = dns.message.make_query("big.master.com", "TXT", use_edns=0, payload=4096)
        return dns.query.udp(q, server.address, timeout=3, port=server.port).answer
    assert len(wait("a large reply", whole)[0]) == 10
    q = dns.message.make_query("big.master.com", "TXT", use_edns=0, payload=1232)
    assert dns.query.udp(q, server.address, timeout=3, port=server.port).flags & dns.flags.TC


def test_client_subnets_can_be_ignored(lab):
    server, _ = serve(lab, extra="dns: {client_subnet: false}\n")
    source = lab.ip(103)
    reply = server.query("www.master.com", subnet="10.2.0.0/16", source=source)
    assert rdata(reply) == {lab.ip(31)} and scope(reply) is None  # Singapore, by its address
    broken = ask(server, options=[dns.edns.GenericOption(8, b"\0\x63\1")])
    assert broken.rcode() == 0


def test_signed_queries_are_told_that_no_key_is_known(lab):
    server = start(lab)
    ring = dns.tsigkeyring.from_text({"key.": "c2VjcmV0c2VjcmV0c2VjcmV0"})
    q = dns.message.make_query("static.master.com", "A")
    q.use_tsig(ring, keyname="key.")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.connect((server.address, server.port))
        s.send(q.to_wire())
        reply = s.recv(4096)
    assert reply[3] & 15 == dns.rcode.NOTAUTH
    assert reply[-4:-2] == struct.pack(">H", 17)  # BADKEY, before the length of "other data", 0
    assert "BADKEY" in server.dig("-y", "hmac-sha256:key.:c2VjcmV0c2VjcmV0c2VjcmV0", "static.master.com")


def raw(server, wire, tcp=False):
    """The reply to octets that no client library would send; its opcode is the query's."""
    reply = bytearray(exchange(server, wire, tcp))
    assert reply[2] >> 3 & 15 == wire[2] >> 3 & 15
    reply[2] &= 0x87  # dnspython does not know them all
    return dns.message.from_wire(bytes(reply))


def exchange(server, wire, tcp):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.connect((server.address, server.port))
        if not tcp:
            s.send(wire)
            return s.recv(65535)
        f = s.makefile("rwb")
        f.write(struct.pack(">H", len(wire)) + wire)
        f.flush()
        return f.read(*struct.unpack(">H", f.read(2)))


def test_queries_of_4096_octets_are_answered_over_udp_and_tcp(lab):
    server = start(lab)
    plain = dns.message.make_query("static.master.com", "A", use_edns=0, payload=1232).to_wire()
    for size in (512, 1472, 1473, 2000, 4000, 4095, 4096, 4097, 9000):
        fill = size - len(plain) - 4
        wire = plain[:-2] + struct.pack(">HHH", fill + 4, 12, fill) + bytes(fill)  # padding
        assert len(wire) == size
        for tcp in (False, True):
            reply = raw(server, wire, tcp)
            if size <= 4096:
                assert rdata(reply) == {"192.0.2.80"} and reply.edns == 0, (size, tcp)
            else:
                assert reply.rcode() == dns.rcode.FORMERR, (size, tcp)
    assert rdata(ask(server)) == {"192.0.2.80"}  # nothing of a long one is left behind
    counters = server.status()["counters"]["dns"]
    assert counters["tcp_query_cut"] == 2, counters


def test_every_opcode_gets_an_opt_for_an_opt(lab):
    server = start(lab)
    for opcode in range(16):
        for with_edns in (True, False):
            q = dns.message.make_query("static.master.com", "A", use_edns=0 if with_edns else -1,
                                       options=[cookie()] if with_edns else None)
            wire = bytearray(q.to_wire())
            wire[2] |= opcode << 3
            reply = raw(server, bytes(wire))
            assert reply.rcode() == (0 if opcode == 0 else dns.rcode.NOTIMP)
            assert reply.edns == (0 if with_edns else -1), opcode
            assert not with_edns or option(reply, COOKIE)[:8] == CLIENT
