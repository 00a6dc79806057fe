"""A laboratory for one test: its own loopback network, real HTTP proxies, the real binary, real clients.

Everything listens on addresses of a /24 of 127.0.0.0/8 that nothing else uses, so ports are fixed and tests run in
parallel. Nothing here sleeps for a result: wait() polls a condition until it holds or the deadline says that it never will.
"""
import json, os, pathlib, random, re, shutil, signal, socket, socketserver, subprocess, threading, time
import http.server
import dns.edns, dns.flags, dns.message, dns.query, dns.rcode, dns.rdatatype

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / os.environ.get("WAYMARK_BUILD", "build")
WAYMARK = BUILD / "waymark"
# a sanitized binary is several times slower; deadlines only say when to give up
PATIENCE = 60


def wait(what, condition, seconds=PATIENCE, every=0.02):
    """The first true value of condition(); fails with `what` when there is none in time. Exceptions of sockets and of
    not-yet-running servers count as false."""
    deadline, last = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        try:
            value = condition()
            if value:
                return value
        except (OSError, subprocess.SubprocessError, dns.exception.DNSException, json.JSONDecodeError, LookupError) as e:
            last = e
        time.sleep(every)
    raise AssertionError(f"waited {seconds} s for {what}" + (f"; last: {last!r}" if last else ""))


class Proxy:
    """A real HTTP server: answers with its own name; can be told to fail, to hang, to close."""

    def __init__(self, address, port, name):
        self.address, self.port, self.name = address, port, name
        self.status, self.hosts, self.requests = 200, set(), 0
        self.server = None
        self.up()

    def up(self):
        if self.server:
            return
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                proxy.requests += 1
                proxy.hosts.add(self.headers.get("Host"))
                body = proxy.name.encode()
                self.send_response(proxy.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 1024

            def handle_error(self, request, client_address):
                pass

        self.server = Server((self.address, self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


class Lab:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.net = self._free_network()
        self.servers, self.proxies = [], []

    @staticmethod
    def _free_network():
        for _ in range(1000):
            net = f"127.{random.randrange(20, 250)}.{random.randrange(1, 250)}"
            try:  # the guard stays bound for the life of this process: nobody else picks this network
                guard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                guard.bind((f"{net}.254", 9))
                Lab._guards.append(guard)
                return net
            except OSError:
                continue
        raise AssertionError("no free loopback network")

    _guards = []

    def ip(self, n):
        return f"{self.net}.{n}"

    def proxy(self, n, port=8080, name=None):
        p = Proxy(self.ip(n), port, name or f"proxy{n}")
        self.proxies.append(p)
        return p

    def write_bytes(self, name, data):
        """As careful programs do it: written beside it, then renamed."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name("." + path.name + ".new")
        temporary.write_bytes(data)
        temporary.rename(path)
        return path

    def write(self, name, text):
        return self.write_bytes(name, text.encode())

    def start(self, conf, name="waymark.yaml", env=None, ready=True, wrapper=()):
        self.write(name, conf)
        server = Server(self, name, env, wrapper)
        self.servers.append(server)
        if ready:
            server.wait_serving()
        return server

    def close(self):
        for s in self.servers:
            s.kill()
        for p in self.proxies:
            p.down()


class Server:
    def __init__(self, lab, conf, env=None, wrapper=()):
        self.lab, self.conf = lab, conf
        self.address, self.port = lab.ip(1), 5300
        self.log_path = lab.folder / "log"
        self.log_file = open(self.log_path, "ab")
        self.process = subprocess.Popen([*wrapper, str(WAYMARK), "run", "-c", conf], cwd=lab.folder, stdin=subprocess.DEVNULL,
                                        stdout=self.log_file, stderr=self.log_file, env={**os.environ, **(env or {})},
                                        start_new_session=True)

    # ---- the process

    def log(self):
        return self.log_path.read_text(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def wait_serving(self):
        def serving():
            assert self.alive(), f"the server ended with {self.process.returncode}:\n{self.log()}"
            return self.status()["generation"] >= 1
        wait("the server to serve", serving)
        return self

    def wait_verdicts(self):
        """Until every probed endpoint has a verdict."""
        wait("a verdict for every endpoint",
             lambda: all(a["verdict"] != "unknown" for _, _, a in self.addresses()))
        return self

    def stop(self, seconds=PATIENCE):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self):
        if self.alive():
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            wait("its roles to be gone", lambda: not self.members())
        self.log_file.close()

    def members(self):
        """pids of the processes of this server that still exist, whoever their parent is by now."""
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = entry.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == self.process.pid and fields[0] != "Z":
                found.append(int(entry.parent.name))
        return found

    def role(self, name):
        """pid of the serving role."""
        return next(r for r in self.status()["roles"] if r["role"] == name)["pid"]

    # ---- the operator

    def cli(self, *args, check=True, timeout=PATIENCE):
        """`status` and `zones` end with 1 when something is dead or stale; others when they are refused."""
        p = subprocess.run([str(WAYMARK), args[0], "-c", self.conf, *map(str, args[1:])], cwd=self.lab.folder,
                           capture_output=True, text=True, timeout=timeout)
        if check and p.returncode != 0 and not (args[0] in ("status", "zones") and p.returncode == 1 and p.stdout):  # no AssertionError: to wait() it is a server that is not there yet
            raise subprocess.SubprocessError(f"waymark {' '.join(map(str, args))} ended with {p.returncode}:\n{p.stdout}{p.stderr}")
        return p

    def status(self):
        return json.loads(self.cli("status", "--json").stdout)

    def addresses(self):
        """(pool name, endpoint object, address object) of every address."""
        for pool in self.status()["pools"]:
            for endpoint in pool["endpoints"]:
                for address in endpoint["addresses"]:
                    yield pool["name"], endpoint, address

    def verdict(self, key):
        pool, name = key.split("/")
        return [a["verdict"] for p, e, a in self.addresses() if p == pool and e["name"] == name][0]

    def zones(self):
        return {z["zone"]: z for z in json.loads(self.cli("zones", "--json").stdout)["zones"]}

    def events(self, since=0, **match):
        """Events from `since` on, oldest first, as objects; those whose fields equal `match`."""
        out = self.cli("watch", "--json", "--since", since, "--once").stdout
        events = [json.loads(l) for l in out.splitlines() if l]
        return [e for e in events if all(e.get(k) == v for k, v in match.items())]

    def last_sequence(self):
        events = self.events()
        return events[-1]["seq"] if events else 0

    def reload(self, check=True):
        return self.cli("reload", check=check, timeout=120)

    # ---- the clients

    def query(self, name, rdtype="A", subnet=None, tcp=False, source=None, timeout=3, want_dnssec=False, edns=True, address=None):
        options = []
        if subnet:
            ip, _, length = subnet.partition("/")
            options.append(dns.edns.ECSOption(ip, int(length)))
        q = dns.message.make_query(name, rdtype, use_edns=0 if edns else -1, payload=1232, options=options if edns else None,
                                   want_dnssec=want_dnssec)
        where = address or self.address
        f = dns.query.tcp if tcp else dns.query.udp
        return f(q, where, timeout=timeout, port=self.port, source=source)

    def ips(self, name, rdtype="A", **how):
        """The addresses of the answer, as a set of text."""
        return rdata(self.query(name, rdtype, **how), rdtype)

    def dig(self, *args):
        p = subprocess.run(["dig", f"@{self.address}", "-p", str(self.port), "+tries=1", "+time=5", *args],
                           capture_output=True, text=True, timeout=30)
        return p.stdout


def rdata(reply, rdtype="A"):
    wanted = dns.rdatatype.from_text(rdtype)
    return {r.to_text() for rrset in reply.answer if rrset.rdtype == wanted for r in rrset}


def scope(reply):
    """Scope prefix length of the client-subnet option, None when the reply has none."""
    return next((o.scopelen for o in reply.options if isinstance(o, dns.edns.ECSOption)), None)


def recv_all(sock):
    data = b""
    while chunk := sock.recv(65536):
        data += chunk
    return data


def recv_until(sock, suffix):
    """What comes until it ends with `suffix`: TCP gives it in pieces of its own choosing."""
    data = b""
    while not data.endswith(suffix):
        chunk = sock.recv(65536)
        assert chunk, f"closed after {data}"
        data += chunk
    return data


def http_get(address, port, source=None, timeout=10, path="/"):
    """(status, body) of a GET with Connection: close."""
    with socket.create_connection((address, port), timeout=timeout, source_address=(source, 0) if source else None) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
        data = recv_all(s)
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


ZONE = """$TTL 1h
@          SOA   ns1 hostmaster 2026112301 1h 10m 1w 60
           NS    ns1
ns1        A     192.0.2.53
@      30  POOL  web
       60  MX    10 mail
mail       A     192.0.2.25
www    30  POOL  web
london 30  POOL  web region=london
alias      CNAME www
static     A     192.0.2.80
           AAAA  2001:db8::80
*.wild     TXT   "any"
sub        NS    ns.sub
ns.sub     A     192.0.2.54
"""


def conf(lab, pools=None, extra="", check="{tcp: {port: 8080}, interval: 200ms, timeout: 150ms, fall: 2, rise: 2, flap: {penalty: 0}}",
         regions=None, geo="", listen=None, balancer=True, workers=2, state=True):
    """The demo's configuration on this test's network: proxies .11 and .12 in London, .21 in New York, .31 in Singapore;
    clients 10.1/16 London, 10.2/16 New York, 10.3/16 Singapore, and so are the source addresses 127.x.y.101 to .103. Its check
    damps no flaps: tests take proxies down and up far more often than anybody does."""
    n = lab.net
    pools = pools or f"""
  web:
    check: home
    steer: [geo, weighted]
    answers: 1
    ttl: 30s
    endpoints:
      lon1: {{address: {n}.11, region: london, weight: 10}}
      lon2: {{address: {n}.12, region: london, weight: 5}}
      nyc1: {{address: {n}.21, region: newyork}}
      sin1: {{address: {n}.31, region: singapore}}"""
    regions = regions or """
  london:    {serves: [GB, "continent:EU", default], at: [51.51, -0.13]}
  newyork:   {serves: ["continent:NA", "continent:SA"], at: [40.71, -74.01]}
  singapore: {serves: ["continent:AS", "continent:OC"], at: [1.35, 103.82]}"""
    return f"""listen: {listen or f"{n}.1:5300"}
zones: zones/
geo:
{geo}
  networks:
    10.1.0.0/16: london
    10.2.0.0/16: newyork
    10.3.0.0/16: singapore
    {n}.101: london
    {n}.102: newyork
    {n}.103: singapore
regions:{regions}
checks:
  home: {check}
pools:{pools}
{f'balancer: [{{name: front, listen: "{n}.1:8000", pool: web, port: 8080}}]' if balancer else ""}
control: {{socket: control.sock}}
{"state: state/" if state else ""}
user: nobody
workers: {workers}
log: {{level: debug}}
{extra}"""


def four_proxies(lab):
    return {name: lab.proxy(n, name=name) for name, n in (("lon1", 11), ("lon2", 12), ("nyc1", 21), ("sin1", 31))}


def serve(lab, **how):
    """The usual set-up: the zone master.com, four proxies that are up, a server with a verdict for each."""
    proxies = four_proxies(lab)
    lab.write("zones/master.com.zone", how.pop("zone", ZONE))
    return lab.start(conf(lab, **how)).wait_verdicts(), proxies


class Load:
    """A steady stream of DNS queries from its own thread; every one must be answered with NOERROR within `patience`.
    Retransmits nothing: what is lost counts."""

    def __init__(self, server, names=("static.master.com", "www.master.com"), rate=2000, patience=10.0, sockets=8):
        self.server, self.rate, self.patience = server, rate, patience
        self.wires = []
        for name in names:
            q = dns.message.make_query(name, "A", use_edns=0, payload=1232)
            self.wires.append(q.to_wire()[2:])
        self.socks = []
        for _ in range(sockets):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            s.connect((server.address, server.port))
            s.setblocking(False)
            self.socks.append(s)
        self.sent, self.answered, self.bad, self.errors = 0, 0, [], []
        self.waiting, self.stopping = {}, False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.stopping = True
        self.thread.join(self.patience + 30)

    def _receive(self):
        for i, s in enumerate(self.socks):
            while True:
                try:
                    data = s.recv(4096)
                except BlockingIOError:
                    break
                except OSError as e:
                    self.errors.append(repr(e))
                    break
                key = (i, data[0] << 8 | data[1])
                if self.waiting.pop(key, None) is not None:
                    self.answered += 1
                    if data[3] & 15:
                        self.bad.append(data[3] & 15)

    def _run(self):
        start, number = time.monotonic(), 0
        while not self.stopping:
            due = int((time.monotonic() - start) * self.rate)
            while number < due and number - self.answered < 30000:
                i, id_ = number % len(self.socks), number // len(self.socks) & 0xffff
                wire = self.wires[number // len(self.socks) % len(self.wires)]
                try:
                    self.socks[i].send(bytes((id_ >> 8, id_ & 255)) + wire)
                    self.waiting[i, id_] = time.monotonic()
                    self.sent += 1
                except OSError as e:
                    self.errors.append(repr(e))
                number += 1
            self._receive()
            time.sleep(0.002)
        deadline = time.monotonic() + self.patience
        while self.waiting and time.monotonic() < deadline:
            self._receive()
            time.sleep(0.002)
        for s in self.socks:
            s.close()

    @property
    def lost(self):
        return len(self.waiting)

    def verdict(self):
        assert self.sent > 0 and not self.errors, f"sent {self.sent}, errors {self.errors[:5]}"
        assert not self.bad, f"{len(self.bad)} replies were no NOERROR: rcodes {set(self.bad)}"
        return f"sent {self.sent}, answered {self.answered}, lost {self.lost}"


class TcpLoad:
    """Short HTTP requests through the balancer, one after the other on each of a few threads; each must succeed."""

    def __init__(self, address, port, threads=3, source=None):
        self.address, self.port, self.source = address, port, source
        self.done, self.failed, self.bodies, self.stopping = 0, [], set(), False
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *exc):
        self.stopping = True
        for t in self.threads:
            t.join(60)

    def _run(self):
        while not self.stopping:
            try:
                status, body = http_get(self.address, self.port, self.source, timeout=30)
                self.bodies.add(body)
                if status != 200:
                    self.failed.append(status)
                self.done += 1
            except (OSError, IndexError, ValueError) as e:
                self.failed.append(repr(e))
            time.sleep(0.002)
