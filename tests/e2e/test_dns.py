"""DNS on the wire: transports, EDNS, static answers, broken packets (issue: DNS; RFC 1034, 1035, 6891, 7766)."""
import random, socket, struct
import dns.flags, dns.message, dns.query, dns.rcode
from lab import conf, four_proxies, rdata, serve, wait, ZONE


def flags(reply):
    return dns.flags.to_text(reply.flags)


def test_static_answers_over_udp_and_tcp(lab):
    server, _ = serve(lab)
    for tcp in (False, True):
        r = server.query("static.master.com", tcp=tcp)
        assert (r.rcode(), flags(r), rdata(r)) == (dns.rcode.NOERROR, "QR AA RD", {"192.0.2.80"})
        assert server.ips("static.master.com", "AAAA", tcp=tcp) == {"2001:db8::80"}
        nodata = server.query("static.master.com", "MX", tcp=tcp)
        assert not nodata.answer and nodata.rcode() == dns.rcode.NOERROR
        assert nodata.authority[0].ttl == 60  # the SOA's minimum (RFC 2308, 5)
        nx = server.query("nothing.master.com", tcp=tcp)
        assert nx.rcode() == dns.rcode.NXDOMAIN and nx.authority[0].rdtype == dns.rdatatype.SOA
        wild = server.query("a.b.wild.master.com", "TXT", tcp=tcp)
        assert wild.answer[0].name.to_text() == "a.b.wild.master.com." and wild.answer[0][0].strings == (b"any",)
        ref = server.query("x.sub.master.com", tcp=tcp)
        assert "AA" not in flags(ref) and not ref.answer
        assert ref.authority[0].to_text() == "sub.master.com. 3600 IN NS ns.sub.master.com."
        assert ref.additional[0].to_text() == "ns.sub.master.com. 3600 IN A 192.0.2.54"
        assert server.query("www.example.org", tcp=tcp).rcode() == dns.rcode.REFUSED
        chain = server.query("alias.master.com", tcp=tcp)
        assert chain.answer[0].to_text() == "alias.master.com. 3600 IN CNAME www.master.com."
        assert len(rdata(chain)) == 1
        assert server.ips("master.com", "MX", tcp=tcp) == {"10 mail.master.com."}


def test_dig_sees_a_clean_reply(lab):
    server, _ = serve(lab)
    out = server.dig("www.master.com")
    assert "status: NOERROR" in out and "flags: qr aa rd" in out and "WARNING" not in out.replace("recursion requested but not available", "").replace(";; WARNING: ", "")
    assert "static.master.com.\t3600\tIN\tA\t192.0.2.80" in server.dig("+tcp", "static.master.com")


def test_ipv6_listener(lab):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        s.bind(("::1", 0))
        port = s.getsockname()[1]
    four_proxies(lab)
    lab.write("zones/master.com.zone", ZONE)
    server = lab.start(conf(lab, listen=f'["{lab.ip(1)}:5300", "[::1]:{port}"]'))
    q = dns.message.make_query("static.master.com", "A")
    for ask in (dns.query.udp, dns.query.tcp):
        assert rdata(ask(q, "::1", port=port, timeout=5)) == {"192.0.2.80"}


def test_truncation_and_tcp_retry(lab):
    big = ZONE + "\n".join(f'big TXT "{"x" * 200}{i}"' for i in range(20)) + "\n"
    server, _ = serve(lab, zone=big)
    plain = server.query("big.master.com", "TXT", edns=False)
    assert "TC" in flags(plain) and len(plain.to_wire()) <= 512
    edns = server.query("big.master.com", "TXT")
    assert "TC" in flags(edns) and len(edns.to_wire()) <= 1232
    assert len(server.query("big.master.com", "TXT", tcp=True).answer[0]) == 20


def test_edns_versions_and_options(lab):
    server, _ = serve(lab)
    q = dns.message.make_query("static.master.com", "A", use_edns=0)
    q.use_edns(1)
    r = dns.query.udp(q, server.address, port=server.port, timeout=5)
    assert r.rcode() == dns.rcode.BADVERS and r.edns == 0
    q = dns.message.make_query("static.master.com", "A", use_edns=0, options=[dns.edns.GenericOption(65001, b"?")])
    r = dns.query.udp(q, server.address, port=server.port, timeout=5)
    assert r.rcode() == dns.rcode.NOERROR and r.edns == 0 and not [o for o in r.options if o.otype == 65001]
    assert server.query("static.master.com", edns=False).edns == -1  # no OPT unless asked (RFC 6891, 7)


def test_case_of_the_question_is_kept(lab):
    server, _ = serve(lab)
    r = server.query("StAtIc.MaStEr.CoM")
    assert r.question[0].name.to_text() == "StAtIc.MaStEr.CoM." and r.answer[0].name.to_text() == "StAtIc.MaStEr.CoM."


def test_pipelined_tcp_queries_and_one_byte_senders(lab):
    server, _ = serve(lab)
    wires = []
    for i in range(50):
        q = dns.message.make_query("static.master.com", "A")
        q.id = i
        w = q.to_wire()
        wires.append(struct.pack("!H", len(w)) + w)
    with socket.create_connection((server.address, server.port), timeout=10) as s:
        s.sendall(b"".join(wires))
        data = b""
        seen = set()
        while len(seen) < 50:
            data += s.recv(65536)
            while len(data) >= 2 and len(data) >= 2 + struct.unpack("!H", data[:2])[0]:
                n = struct.unpack("!H", data[:2])[0]
                seen.add(dns.message.from_wire(data[2:2 + n]).id)
                data = data[2 + n:]
    with socket.create_connection((server.address, server.port), timeout=10) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in wires[7]:
            s.send(bytes([byte]))
        n = struct.unpack("!H", s.recv(2))[0]
        assert dns.message.from_wire(s.recv(n)).id == 7


def test_broken_packets_get_formerr_or_silence_and_never_hurt(lab):
    server, _ = serve(lab)
    good = dns.message.make_query("static.master.com", "A").to_wire()
    header = good[:12]
    silent = [b"", b"x", good[:11],                      # too short for a header
              header[:2] + b"\x80" + header[3:] + good[12:]]  # a reply
    formerr = [header,                                   # QDCOUNT 1, no question
               good[:20],                                # name cut short
               header[:4] + b"\0\2" + header[6:] + good[12:],  # QDCOUNT 2 (RFC 9619)
               header + b"\xc0\x0c\0\1\0\1",             # pointer to itself
               header + b"\x40" + good[13:]]             # unknown label type
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        s.connect((server.address, server.port))
        for packet in silent:
            s.send(packet)
        for packet in formerr:
            s.send(packet)
            reply = s.recv(4096)
            assert reply[:2] == packet[:2] and reply[2] & 0x80 and reply[3] & 15 == 1, packet
        s.send(header[:2] + b"\x28" + header[3:] + good[12:])  # opcode 5, UPDATE
        assert s.recv(4096)[3] & 15 == 4
        s.setblocking(False)
        for size in range(1, 600, 7):  # noise of every length; nothing is promised but survival
            s.send(bytes((size * 31 + i * 7) & 255 for i in range(size)))
    pid = server.role("dns")
    assert server.ips("static.master.com") == {"192.0.2.80"}
    assert server.role("dns") == pid


def free_port():
    """Free on all addresses for UDP and TCP, and not one that the kernel gives to clients meanwhile."""
    for port in random.sample(range(10000, 30000), 1000):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            try:
                udp.bind(("0.0.0.0", port))
                tcp.bind(("0.0.0.0", port))
                return port
            except OSError:
                pass
    raise AssertionError("no port is free")


def test_replies_leave_from_the_address_asked_on_wildcard_listeners(lab):
    port = free_port()
    four_proxies(lab)
    lab.write("zones/master.com.zone", ZONE)
    lab.start(conf(lab, listen=f"0.0.0.0:{port}"))
    q = dns.message.make_query("static.master.com", "A")
    for last in (1, 77, 200):  # dns.query.udp refuses a reply from another address
        r = wait("an answer", lambda: dns.query.udp(q, lab.ip(last), port=port, timeout=5))
        assert rdata(r) == {"192.0.2.80"}


def test_every_worker_answers(lab):
    server, _ = serve(lab)
    for i in range(200):  # many source ports: the selector and the kernel decide who gets which
        assert server.ips("static.master.com") == {"192.0.2.80"}
