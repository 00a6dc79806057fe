"""The TCP balancer."""
import hashlib, os, pathlib, re, socket, struct, threading, time
import pytest
from lab import TcpLoad, conf, four_proxies, http_get, recv_all, recv_until, serve, wait, ZONE

FRONT = 8000


class Echo(threading.Thread):
    """A TCP server with a behaviour per connection; echo by default."""

    def __init__(self, address, port=8080, behave=None):
        super().__init__(daemon=True)
        self.socket = socket.create_server((address, port), backlog=512)
        self.behave = behave or self.echo
        self.start()

    @staticmethod
    def echo(c):
        while data := c.recv(65536):
            c.sendall(data)
        c.shutdown(socket.SHUT_WR)

    def run(self):
        while True:
            try:
                c, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(c,), daemon=True).start()

    def one(self, c):
        try:
            self.behave(c)
        except OSError:
            pass
        finally:
            c.close()


def front(lab, source=None, timeout=30):
    return socket.create_connection((lab.ip(1), FRONT), timeout=timeout, source_address=(source, 0) if source else None)


def start(lab, behave=None, **how):
    echo = Echo(lab.ip(11), behave=behave)
    lab.write("zones/master.com.zone", ZONE.replace("london 30  POOL  web region=london\n", ""))
    pools = f"\n  web: {{check: home, endpoints: {{one: {{address: {lab.ip(11)}}}}}}}"
    wrapper = how.pop("wrapper", ())
    server = lab.start(conf(lab, pools=pools, balancer=False, extra=how.pop("balancer", f"""
balancer: [{{name: front, listen: "{lab.ip(1)}:{FRONT}", pool: web, port: 8080}}]"""), **how), wrapper=wrapper)
    return server.wait_verdicts(), echo


def test_clients_reach_their_nearest_proxy(lab):
    server, _ = serve(lab)
    assert http_get(lab.ip(1), FRONT, source=lab.ip(102)) == (200, "nyc1")
    assert http_get(lab.ip(1), FRONT, source=lab.ip(103)) == (200, "sin1")
    assert http_get(lab.ip(1), FRONT, source=lab.ip(101))[1] in ("lon1", "lon2")


def test_a_refused_connection_goes_to_the_next_endpoint(lab):
    server, proxies = serve(lab, check="{tcp: {port: 8080}, interval: 1h, timeout: 1s, fall: 1000}")
    proxies["sin1"].down()
    for _ in range(5):
        assert http_get(lab.ip(1), FRONT, source=lab.ip(103))[1] in ("lon1", "lon2", "nyc1")


class Knocking(threading.Thread):
    """Clients that connect to the balancer one after the other, whatever becomes of them."""

    def __init__(self, lab, port=FRONT):
        super().__init__(daemon=True)
        self.where, self.done, self.stopping = (lab.ip(1), port), 0, False

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stopping = True
        self.join(60)

    def run(self):
        while not self.stopping:
            try:
                with socket.create_connection(self.where, timeout=30) as c:
                    c.recv(1)
            except OSError:
                pass
            self.done += 1


def test_a_closed_balancer_port_takes_nobody_out_of_dns(lab):
    """The check's port is up; the balancer connects to one where nobody listens. Probes are shared by both pools."""
    for n in (11, 12):
        lab.proxy(n)
    pools = "".join(f"""
  {name}: {{check: home, answers: 2, when_all_down: nodata, endpoints: {{one: {{address: {lab.ip(11)}}}, two: {{address: {lab.ip(12)}}}}}}}"""
                    for name in ("web", "other"))
    lab.write("zones/master.com.zone", ZONE.replace("london 30  POOL  web region=london\n", "other 30 POOL other\n"))
    server = lab.start(conf(lab, pools=pools, balancer=False, check="{tcp: {port: 8080}, interval: 30s, timeout: 5s, fall: 2, rise: 2}", extra=f"""
balancer: [{{name: front, listen: "{lab.ip(1)}:{FRONT}", pool: web, port: 9999}}]""")).wait_verdicts()
    start = server.last_sequence()
    counters = lambda: server.status()["counters"]
    with Knocking(lab), Knocking(lab):
        def both_names_answer_until_enough_has_failed():
            for name in ("www", "other"):
                assert server.ips(f"{name}.master.com") == {lab.ip(11), lab.ip(12)}, name
            now = counters()
            return now["balancer"]["connect_failed"] >= 100 and now["health"]["probes_hurried"] >= 3
        wait("many failed connects", both_names_answer_until_enough_has_failed)
    assert not server.events(start, event="verdict") and not server.events(start, event="pool")
    assert all(a["verdict"] == "up" for _, _, a in server.addresses())
    # the balancer keeps its own verdict, and shows it
    aside = {f"{lab.ip(n)}:9999" for n in (11, 12)}
    told = wait("events of both", lambda: (lambda e: e if len(e) == 2 else None)(server.events(start, event="target", to="set aside")))
    assert {e["object"] for e in told} == aside and "connects in a row failed" in told[0]["text"]
    assert {t["target"] for t in server.status()["listeners"][0]["set_aside"]} == aside
    shown = server.cli("status").stdout  # a warning, not an error: DNS and the other pool are well
    assert "listener front" in shown and ":9999 and 1 more" in shown
    server.reload()  # it goes on with the next generation
    assert {t["target"] for t in server.status()["listeners"][0]["set_aside"]} == aside
    for n in (11, 12):
        Echo(lab.ip(n), 9999)
    def talks():
        with front(lab, timeout=5) as c:
            c.sendall(b"x")
            return c.recv(1) == b"x"
    wait("it to be used again", lambda: talks() and not server.status()["listeners"][0]["set_aside"])
    wait("its events", lambda: {e["object"] for e in server.events(start, event="target", to="used")} == aside)


def test_a_dead_endpoint_is_noticed_at_once_though_its_check_is_rare(lab):
    server, proxies = serve(lab, check="{tcp: {port: 8080}, interval: 1h, timeout: 1s, fall: 2, rise: 2}")
    proxies["sin1"].down()
    with TcpLoad(lab.ip(1), FRONT, threads=1, source=lab.ip(103)) as load:
        wait("down", lambda: server.verdict("web/sin1") == "down")
    assert not load.failed and load.bodies <= {"lon1", "lon2", "nyc1"}
    assert "refused" in server.events(event="verdict", to="down")[0]["text"]


def test_with_four_tiers_refusing_the_fifth_gets_the_connection(lab):
    tiers = "".join(f", e{n}: {{address: {lab.ip(10 + n)}, tier: {n}}}" for n in range(1, 6))[2:]
    pools = f"\n  web: {{steer: [failover], endpoints: {{{tiers}}}}}"  # unchecked: all count as up
    proxies = [lab.proxy(15)]
    lab.write("zones/master.com.zone", ZONE.replace("london 30  POOL  web region=london\n", ""))
    server = lab.start(conf(lab, pools=pools))
    for _ in range(6):
        assert http_get(lab.ip(1), FRONT) == (200, "proxy15")
    counters = server.status()["counters"]["balancer"]
    assert counters["connect_failed"] == 12 and counters["target_set_aside"] == 4  # three times each, then left alone


def test_the_restart_of_the_only_endpoint_is_survived(lab):
    server, _ = serve(lab, check="{tcp: {port: 8080}, interval: 200ms, timeout: 150ms, fall: 2, rise: 2}", pools=f"""
  web: {{check: home, endpoints: {{one: {{address: {lab.ip(11)}}}}}}}""", zone=ZONE.replace("london 30  POOL  web region=london\n", ""))
    proxy = lab.proxies[0]
    proxy.down()
    with socket.create_connection((lab.ip(1), FRONT), timeout=30) as c:
        c.sendall(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        wait("a failed connect", lambda: server.status()["counters"]["balancer"]["connect_failed"] == 1)
        wait("the check to say so, too", lambda: server.verdict("web/one") == "down")
        proxy.up()
        assert recv_all(c).endswith(b"lon1")
    assert server.status()["counters"]["balancer"]["connect_failed"] == 1


def test_half_close_is_passed_on_each_way(lab):
    def say_goodbye(c):  # answers only after the client's end of file
        data = recv_all(c)
        c.sendall(b"you sent " + data)
    start(lab, behave=say_goodbye)
    with front(lab) as c:
        c.sendall(b"hello")
        c.shutdown(socket.SHUT_WR)
        assert recv_all(c) == b"you sent hello"

def test_half_close_from_the_server_first(lab):
    got = {}
    def close_first(c):
        c.sendall(b"first")
        c.shutdown(socket.SHUT_WR)
        got["data"] = recv_all(c)
    start(lab, behave=close_first)
    with front(lab) as c:
        assert recv_all(c) == b"first"
        c.sendall(b"still listening?")
        c.shutdown(socket.SHUT_WR)
        wait("the rest", lambda: got.get("data") == b"still listening?")


def test_large_transfers_both_ways_at_once(lab):
    server, _ = start(lab)
    data = os.urandom(1 << 20) * 24
    with front(lab) as c:
        sender = threading.Thread(target=lambda: (c.sendall(data), c.shutdown(socket.SHUT_WR)), daemon=True)
        sender.start()
        digest, n = hashlib.sha256(), 0
        while chunk := c.recv(1 << 20):
            digest.update(chunk)
            n += len(chunk)
        sender.join(30)
    assert n == len(data) and digest.digest() == hashlib.sha256(data).digest()
    wait("no connection left", lambda: server.status()["pools"][0]["endpoints"][0]["load"] == 0)


def test_a_slow_reader_loses_nothing(lab):
    data = os.urandom(1 << 20) * 8
    start(lab, behave=lambda c: c.sendall(data))
    with front(lab) as c:
        time.sleep(0.3)  # lets every buffer on the way fill; not a condition of the result
        assert recv_all(c) == data


def test_a_reset_is_passed_on(lab):
    def reset(c):
        c.recv(1)
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    start(lab, behave=reset)
    with front(lab) as c:
        c.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            while c.recv(100):
                pass


def test_drain_sends_new_connections_elsewhere_and_keeps_the_old(lab):
    server, _ = serve(lab)
    with front(lab, lab.ip(102)) as c:
        c.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        recv_until(c, b"nyc1")
        server.cli("drain", "web/nyc1")
        wait("new ones elsewhere", lambda: http_get(lab.ip(1), FRONT, source=lab.ip(102))[1] != "nyc1")
        c.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert recv_all(c).endswith(b"nyc1")


def test_idle_timeout_and_connection_limit(lab):
    balancer = f"""
balancer: [{{name: front, listen: "{lab.ip(1)}:{FRONT}", pool: web, port: 8080, idle_timeout: 1s, max_connections: 3}}]"""
    server, _ = start(lab, balancer=balancer, workers=1)
    held = [front(lab) for _ in range(3)]
    for c in held:
        c.sendall(b"x")
        assert c.recv(1) == b"x"
    with pytest.raises((ConnectionError, TimeoutError)):
        with front(lab, timeout=10) as over:
            over.sendall(b"x")
            if not over.recv(1):
                raise ConnectionResetError
    for c in held:  # nobody says anything any more
        c.settimeout(20)
        assert c.recv(1) == b""
        c.close()
    wait("room again", lambda: (lambda c: (c.sendall(b"y"), c.recv(1))[1] == b"y")(front(lab)))


def test_a_slow_reader_is_not_idle_and_one_that_takes_nothing_is(lab):
    data = os.urandom(1 << 20) * 16
    balancer = f"""
balancer: [{{name: front, listen: "{lab.ip(1)}:{FRONT}", pool: web, port: 8080, idle_timeout: 2s}}]"""
    server, _ = start(lab, balancer=balancer, behave=lambda c: c.sendall(data))
    with front(lab) as slow, front(lab) as stuck:
        stuck.recv(1)
        until = time.monotonic() + 8  # four times the timeout; about 200 KB/s
        got = 0
        while time.monotonic() < until:
            got += len(slow.recv(20000))
            time.sleep(0.1)
        with pytest.raises(ConnectionResetError):
            while stuck.recv(1 << 20):
                pass
        assert got + len(recv_all(slow)) == len(data)
    counters = server.status()["counters"]["balancer"]
    assert counters["idle_timeout"] == counters["ended_idle_data"] == 1


def test_all_down_refuse_is_a_reset(lab):
    server, echo = start(lab)
    server.cli("force-down", "web/one")
    lab.write("waymark.yaml", (lab.folder / "waymark.yaml").read_text().replace("check: home,", "check: home, when_all_down: refuse,"))
    server.reload()
    def refused():
        try:
            with front(lab, timeout=5) as c:
                c.sendall(b"x")
                return c.recv(1) == b""
        except ConnectionResetError:
            return True
    wait("a reset", refused)


def test_many_short_connections(lab):
    server, _ = serve(lab)
    with TcpLoad(lab.ip(1), FRONT, threads=4) as load:
        wait("500 connections", lambda: load.done >= 500)
    assert not load.failed, load.failed[:3]
    wait("no connection left", lambda: all(e["load"] == 0 for _, e, _ in server.addresses()))


def test_a_dead_client_frees_its_connection(lab):
    server, _ = start(lab)
    c = front(lab)
    c.sendall(b"x")
    assert c.recv(1) == b"x"
    wait("one connection", lambda: server.status()["pools"][0]["endpoints"][0]["load"] == 1)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()
    wait("none", lambda: server.status()["pools"][0]["endpoints"][0]["load"] == 0)


def sockets_of_each_worker(pid):
    """How many sockets of connections each epoll set of the process watches, largest first. A worker has one set, in which
    are its listener and an eventfd as well."""
    found = []
    for info in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            found.append(info.read_text().count("tfd:") - 2)
        except OSError:
            continue
    return sorted(found, reverse=True)


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_connections_spread_over_all_workers_whatever_cpu_they_arrive_on(lab, workers):
    server, _ = start(lab, workers=workers)
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})  # this thread's packets arrive where they are sent
    try:
        held = [front(lab) for _ in range(40 * workers)]
    finally:
        os.sched_setaffinity(0, cpus)
    for c in held:
        c.sendall(b"x")
        assert c.recv(1) == b"x"
    counts = sockets_of_each_worker(server.role("balancer"))[:workers]
    assert sum(counts) == 2 * len(held)
    assert min(counts) >= 2 * 10, counts  # 40 expected: fewer than 10 once in 10^7 runs
    for c in held:
        c.close()


def is_served(c):
    """Does an endpoint answer? False when the connection is reset."""
    try:
        c.sendall(b"x")
        return c.recv(1) == b"x"
    except ConnectionError:
        return False


def served(lab, port=FRONT):
    """A connection that an endpoint has answered; None when it was reset, which may be while it is made."""
    try:
        c = socket.create_connection((lab.ip(1), port), timeout=60)
    except ConnectionError:
        return None
    if is_served(c):
        return c
    c.close()
    return None


def test_a_small_limit_is_met_beside_one_that_descriptors_do_not_allow(lab):
    balancer = f"""
balancer:
  - {{name: front, listen: "{lab.ip(1)}:{FRONT}", pool: web, port: 8080}}
  - {{name: other, listen: "{lab.ip(1)}:{FRONT + 1}", pool: web, port: 8080}}
  - {{name: small, listen: "{lab.ip(1)}:{FRONT + 2}", pool: web, port: 8080, max_connections: 4}}"""
    server, _ = start(lab, balancer=balancer, workers=1, wrapper=("sh", "-c", 'ulimit -n 400; exec "$@"', "sh"))

    def cannot_be_met():
        said = {e["object"]: e["text"] for e in server.events(event="notice") if " cannot be met" in e["text"]}
        return said if len(said) == 2 else None
    said = wait("a notice of each", cannot_be_met)
    assert set(said) == {"front", "other"}
    pot = int(re.search(r"400 descriptors \(RLIMIT_NOFILE\) leave (\d+) connections, which 2 listeners share", said["front"])[1])
    held = []
    while c := served(lab):  # one listener may have all that the others leave
        held.append(c)
        assert len(held) <= pot
    assert len(held) == pot > 60
    held += [served(lab, FRONT + 2) for _ in range(4)]
    assert all(held) and served(lab, FRONT + 2) is None
    for c in held:
        c.close()


@pytest.mark.parametrize("workers", [1, 3])
def test_connections_wait_for_a_place_over_all_workers(lab, workers):
    balancer = f"""
balancer: [{{name: front, listen: "{lab.ip(1)}:{FRONT}", pool: web, port: 8080, max_connections: 2, overflow: wait, queue_timeout: 10m}}]"""
    server, _ = start(lab, balancer=balancer, workers=workers)
    answered = []

    def client():
        with front(lab, timeout=60) as c:
            answered.append(is_served(c))
    clients = [threading.Thread(target=client) for _ in range(60)]
    for t in clients:
        t.start()
    for t in clients:
        t.join()
    assert answered == [True] * 60
    counters = server.status()["counters"]["balancer"]
    assert counters["queued"] > 0 and counters["refused_limit"] == counters["refused_queue"] == 0


def test_connections_of_before_a_reload_count(lab):
    balancer = f"""
balancer: [{{name: front, listen: "{lab.ip(1)}:{FRONT}", pool: web, port: 8080, max_connections: 3}}]"""
    server, _ = start(lab, balancer=balancer)
    held = [served(lab) for _ in range(3)]
    assert all(held)
    server.reload()
    assert served(lab) is None
    assert all(is_served(c) for c in held)
    held.pop().close()
    wait("a place", lambda: served(lab))
