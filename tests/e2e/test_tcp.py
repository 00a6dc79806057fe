"""TCP and transport (issue: the DNS engine): pipelining, limits, timeouts, keepalive, fast open, reply addresses."""
import os, socket, struct, subprocess, threading, time
import dns.edns, dns.flags, dns.message, dns.query, dns.rcode
import pytest
from lab import Load, ZONE, conf, serve, wait

KEEPALIVE = 11  # RFC 7828
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def wire(name="static.master.com", rdtype="A", id=1, **how):
    """A query as it stands in a TCP stream."""
    q = dns.message.make_query(name, rdtype, id=id, **how)
    data = q.to_wire()
    return struct.pack("!H", len(data)) + data


def read_exactly(s, n):
    data = b""
    while len(data) < n:
        chunk = s.recv(n - len(data))
        assert chunk, f"closed after {len(data)} of {n} octets"
        data += chunk
    return data


def read_reply(s):
    return dns.message.from_wire(read_exactly(s, struct.unpack("!H", read_exactly(s, 2))[0]))


def connect(server, **how):
    return socket.create_connection((server.address, server.port), timeout=30, **how)


def counters(server):
    return server.status()["counters"]["dns"]


def is_closed(s):
    """Has the server ended the connection?"""
    s.setblocking(False)
    try:
        return s.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def tcp_keys(text):
    return "dns: {tcp: {%s}}" % text


def test_pipelined_queries_are_all_answered(lab):
    server, _ = serve(lab)
    with connect(server) as s:
        for id in range(2000):
            s.sendall(wire(id=id))
        ids = {read_reply(s).id for _ in range(2000)}
    assert ids == set(range(2000))


def test_a_client_that_has_ended_its_side_still_gets_its_answers(lab):
    server, _ = serve(lab)
    with connect(server) as s:
        s.sendall(b"".join(wire(id=i) for i in range(100)))
        s.shutdown(socket.SHUT_WR)
        assert {read_reply(s).id for _ in range(100)} == set(range(100))
        assert s.recv(1) == b""


def test_octets_may_come_one_by_one(lab):
    server, _ = serve(lab)
    with connect(server) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in wire(id=7) + wire(id=8):
            s.sendall(bytes([octet]))
        assert [read_reply(s).id, read_reply(s).id] == [7, 8]


def test_a_reply_of_64_kibibytes(lab):
    """The largest RRset a zone may have comes whole, to a client that reads slowly, too."""
    texts = "".join(f'big TXT "{i:03}{"x" * 245}"\n' for i in range(240))
    server, _ = serve(lab, zone=ZONE + texts)
    with connect(server) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for id in range(3):
            s.sendall(wire("big.master.com", "TXT", id=id))
        for id in range(3):
            r = read_reply(s)
            assert r.id == id and len(r.answer[0]) == 240 and not r.flags & dns.flags.TC
    r = server.query("big.master.com", "TXT")
    assert r.flags & dns.flags.TC and not r.answer


def test_one_client_has_a_limit_and_others_are_served(lab):
    server, _ = serve(lab, extra=tcp_keys("max_per_client: 3"))
    mine = [connect(server, source_address=(lab.ip(101), 0)) for _ in range(3)]
    for s in mine:
        s.sendall(wire())
        read_reply(s)
    more = connect(server, source_address=(lab.ip(101), 0))
    wait("the fourth to be closed", lambda: is_closed(more))
    assert server.ips("static.master.com", tcp=True, source=lab.ip(102)) == {"192.0.2.80"}
    assert counters(server)["tcp_client_limit"] == 1
    mine.pop().close()
    wait("a place", lambda: server.ips("static.master.com", tcp=True, source=lab.ip(101)) == {"192.0.2.80"})


def test_the_longest_idle_makes_room(lab):
    server, _ = serve(lab, extra=tcp_keys("max_connections: 4, idle_timeout: 10m"))
    idle = [connect(server) for _ in range(4)]
    for s in idle:
        s.sendall(wire())
        read_reply(s)
    def fifth():  # closed at once as long as nobody has been idle for half a second
        with connect(server) as s:
            s.sendall(wire())
            return s.recv(1)

    wait("a place", fifth)
    wait("the first to be closed", lambda: is_closed(idle[0]))
    assert counters(server)["tcp_evicted"] >= 1


def test_connections_are_no_more_than_descriptors_allow(lab):
    lab.write("zones/master.com.zone", ZONE)
    server = lab.start(conf(lab, balancer=False, extra=tcp_keys("max_per_client: 1000")), wrapper=("prlimit", "--nofile=256:256"))
    wait("the warning", lambda: "dns.tcp.max_connections is 1024, but the limit of open files (256) allows" in server.log())
    many = [connect(server) for _ in range(250)]
    wait("the last to be closed or served", lambda: counters(server)["tcp_connections"] == 250)
    seen = counters(server)
    assert seen["tcp_accept_failed"] == 0 and seen["tcp_refused"] + seen["tcp_evicted"] > 0
    for s in many:
        s.close()


def test_idle_dripping_and_deaf_clients_are_closed(lab):
    server, _ = serve(lab, extra=tcp_keys("idle_timeout: 1s"))
    idle, dripping, deaf = connect(server), connect(server), connect(server)
    started = time.monotonic()
    stop = threading.Event()

    def drip():  # never a whole query: each octet comes in time, and still it ends
        try:
            for octet in wire()[:-1]:
                if stop.wait(0.1):
                    return
                dripping.sendall(bytes([octet]))
        except OSError:
            pass

    threading.Thread(target=drip, daemon=True).start()
    deaf.setblocking(False)
    try:
        while True:
            deaf.send(wire() * 100)
    except BlockingIOError:
        pass
    wait("the idle one to be closed", lambda: is_closed(idle))
    wait("the dripping one to be closed", lambda: is_closed(dripping))
    wait("the deaf one to be closed", lambda: counters(server)["tcp_slow_reader"] == 1)
    stop.set()
    seen = counters(server)
    assert (seen["tcp_idle"], seen["tcp_slow_query"]) == (1, 1), time.monotonic() - started
    assert server.ips("static.master.com", tcp=True) == {"192.0.2.80"}


def test_a_client_that_pipelines_without_end_starves_nobody(lab):
    server, _ = serve(lab)
    stop = threading.Event()

    def greedy():
        with connect(server, source_address=(lab.ip(101), 0)) as s:
            block = b"".join(wire(id=i) for i in range(500))
            s.setblocking(False)
            while not stop.is_set():
                for act in (lambda: s.send(block), lambda: s.recv(1 << 20)):
                    try:
                        act()
                    except BlockingIOError:
                        pass

    thread = threading.Thread(target=greedy, daemon=True)
    thread.start()
    wait("the flood", lambda: counters(server)["tcp_queries"] > 20000)
    with connect(server) as s:
        for id in range(50):
            s.sendall(wire(id=id))
            assert read_reply(s).id == id
    stop.set()
    thread.join(30)


def keepalive_of(reply):
    return [o.data if hasattr(o, "data") else o.to_wire() for o in reply.options if o.otype == KEEPALIVE]


def ask_keepalive(server, tcp, data=b""):
    q = dns.message.make_query("static.master.com", "A", use_edns=0, options=[dns.edns.GenericOption(KEEPALIVE, data)])
    f = dns.query.tcp if tcp else dns.query.udp
    return f(q, server.address, port=server.port, timeout=5)


def test_keepalive_tells_the_timeout_over_tcp_only(lab):
    server, _ = serve(lab, extra=tcp_keys("idle_timeout: 30s, max_connections: 8"))
    assert keepalive_of(ask_keepalive(server, True)) == [struct.pack("!H", 300)]  # units of 100 ms
    assert keepalive_of(ask_keepalive(server, False)) == []
    assert keepalive_of(server.query("static.master.com", tcp=True)) == []  # not asked for
    r = ask_keepalive(server, True, b"\0\1")
    assert r.rcode() == dns.rcode.FORMERR
    assert ask_keepalive(server, False, b"\0\1").rcode() == dns.rcode.NOERROR  # ignored over UDP
    # with 6 of 8 places taken it is less: 30 s - (30 s - 1.5 s) * 2 / 4
    others = [connect(server) for _ in range(5)]
    for s in others:
        s.sendall(wire())
        read_reply(s)
    wait("the places to be counted", lambda: keepalive_of(ask_keepalive(server, True)) == [struct.pack("!H", 157)])


def test_updates_too_long_to_keep_are_refused_in_step(lab):
    server, _ = serve(lab)
    with connect(server) as s:
        header = struct.pack("!6H", 9, 5 << 11, 1, 0, 1000, 0)
        s.sendall(struct.pack("!H", 60000) + header + bytes(60000 - 12) + wire(id=10))
        r = read_reply(s)
        assert (r.id, r.rcode()) == (9, dns.rcode.NOTIMP)
        assert read_reply(s).id == 10
    assert counters(server)["tcp_query_cut"] == 1


# In a network of its own: a new namespace, a loopback that is up, fast open for clients and servers.
ALONE = ("unshare", "-n", "sh", "-c", 'ip link set lo up && echo 3 > /proc/sys/net/ipv4/tcp_fastopen && exec "$@"', "sh")
needs_namespace = pytest.mark.skipif(os.geteuid() != 0 or subprocess.run([*ALONE, "true"], capture_output=True).returncode != 0,
                                     reason="needs root and network namespaces")

FAST_OPEN_CLIENT = """
import socket, sys
for _ in range(2):  # the first connection brings the cookie
    with socket.socket() as s:
        s.sendto(bytes.fromhex(sys.argv[1]), socket.MSG_FASTOPEN, ("127.0.0.1", 53))
        assert len(s.recv(65536)) > 14
        options = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[5]
assert options & 32  # TCPI_OPT_SYN_DATA: the query went with the SYN, and was taken
"""


def inside(server, *command):
    return subprocess.run(["nsenter", "-n", "-t", str(server.process.pid), *command], capture_output=True, text=True, timeout=60)


@needs_namespace
def test_fast_open(lab):
    lab.write("zones/master.com.zone", ZONE)
    server = lab.start(conf(lab, listen="127.0.0.1:53", balancer=False), wrapper=ALONE)
    p = inside(server, "python3", "-c", FAST_OPEN_CLIENT, wire().hex())
    assert p.returncode == 0, p.stderr


def free_port():
    with socket.socket() as s, socket.socket(socket.AF_INET6) as six:
        s.bind(("0.0.0.0", 0))
        return s.getsockname()[1]


def test_replies_leave_from_the_address_asked(lab):
    """On 0.0.0.0 and [::], over UDP and TCP; a client's connected socket takes nothing from another address."""
    port = free_port()
    server, _ = serve(lab, listen=f'["0.0.0.0:{port}", "[::]:{port}"]')
    server.port = port
    for address in (lab.ip(1), lab.ip(77), "127.0.0.1", "::1"):
        for tcp in (False, True):
            assert server.query("static.master.com", address=address, tcp=tcp).answer, (address, tcp)


@needs_root
def test_packets_from_port_0_are_not_answered(lab):
    server, _ = serve(lab)
    data = wire()[2:]
    dropped = counters(server)["dropped"]
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as raw:
        raw.bind((lab.ip(101), 0))
        raw.sendto(struct.pack("!4H", 0, server.port, 8 + len(data), 0) + data, (server.address, 0))
        wait("it to be dropped", lambda: counters(server)["dropped"] == dropped + 1)


@needs_namespace
def test_freebind_serves_an_address_once_it_is_there(lab):
    lab.write("zones/master.com.zone", ZONE)
    text = conf(lab, listen='["203.0.113.1:53", "[2001:db8::53]:53"]', balancer=False)
    server = lab.start(text, wrapper=ALONE, ready=False)
    assert server.process.wait(30) != 0
    assert "freebind" in server.log()
    server = lab.start(text + "freebind: true\n", wrapper=ALONE)
    wait("the warning", lambda: "no interface has this address yet" in server.log())
    for address in ("203.0.113.1", "2001:db8::53"):
        assert inside(server, "ip", "addr", "add", address, "dev", "lo").returncode == 0
        for how in ("+notcp", "+tcp"):
            wait(f"{address} {how}", lambda: inside(server, "dig", f"@{address}", "+tries=1", "+time=2", "+short", how,
                                                    "static.master.com").stdout.strip() == "192.0.2.80")


def test_a_removed_address_refuses_at_once_and_can_come_back(lab):
    server, _ = serve(lab, listen=f'["{lab.ip(1)}:5300", "{lab.ip(2)}:5300"]')
    held = socket.create_connection((lab.ip(2), 5300), timeout=20)  # keeps the old dns for a while
    held.sendall(wire())
    read_reply(held)
    for _ in range(3):
        lab.write("waymark.yaml", conf(lab))
        server.reload()  # answered when the old dns has let go of its sockets
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((lab.ip(2), 5300), timeout=20)
        lab.write("waymark.yaml", conf(lab, listen=f'["{lab.ip(1)}:5300", "{lab.ip(2)}:5300"]'))
        server.reload()
        assert server.query("static.master.com", address=lab.ip(2), tcp=True).answer
    held.close()


def test_connections_outlive_a_reload_and_are_asked_to_close(lab):
    server, _ = serve(lab)
    q = dns.message.make_query("static.master.com", "A", use_edns=0, options=[dns.edns.GenericOption(KEEPALIVE, b"")])
    with connect(server) as s:
        data = q.to_wire()
        s.sendall(struct.pack("!H", len(data)) + data)
        assert keepalive_of(read_reply(s)) == [struct.pack("!H", 100)]
        server.reload()
        s.sendall(struct.pack("!H", len(data)) + data)
        # RFC 7828, 3.3.2: 0 asks the client to close
        assert keepalive_of(read_reply(s)) == [struct.pack("!H", 0)]
        assert s.recv(1) == b""  # closed in order when idle


class TcpQueries:
    """Threads that open a connection, pipeline queries, read the replies and close, over and over; whatever fails is kept."""

    def __init__(self, server, threads=3, each=20):
        self.server, self.each, self.done, self.failed, self.stopping = server, each, 0, [], False
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def _run(self):
        block = b"".join(wire(id=i) for i in range(self.each))
        while not self.stopping:
            try:
                with connect(self.server) as s:
                    s.sendall(block)
                    replies = [read_reply(s) for _ in range(self.each)]
                if any(r.rcode() != dns.rcode.NOERROR for r in replies):
                    self.failed.append([r.rcode() for r in replies])
                self.done += self.each
            except (OSError, AssertionError) as e:
                self.failed.append(repr(e))

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for t in self.threads:
            t.join(60)


def test_reloads_of_configuration_and_zones_lose_nothing(lab):
    server, _ = serve(lab)
    with Load(server, rate=2000) as udp, TcpQueries(server) as tcp:
        for serial in range(1, 31):
            lab.write("zones/master.com.zone", ZONE.replace("2026112301", f"20261124{serial:02}"))
            server.reload() if serial % 2 else wait("the zone", lambda: server.zones()["master.com"]["serial"] == 2026112400 + serial)
        done, answered = tcp.done, udp.answered
        wait("more load", lambda: tcp.done > done + 100 and udp.answered > answered + 100)
    assert udp.lost == 0 and not udp.bad, udp.verdict()
    assert not tcp.failed, tcp.failed[:5]
