"""A prober that cannot reach anyone, and a network that says no, in network namespaces of the test's own."""
import os, subprocess
import pytest
from lab import wait, ZONE

# a network of its own: a new namespace with a loopback that is up
ALONE = ("unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
needs_namespace = pytest.mark.skipif(os.geteuid() != 0 or subprocess.run([*ALONE, "true"], capture_output=True).returncode != 0,
                                     reason="needs root and network namespaces")

# python3 -c WEB ADDRESS: says "up" once it listens
WEB = """
import http.server, socket, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass
class S(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
    request_queue_size = 256
    daemon_threads = True
    def server_bind(self):
        if ":" in sys.argv[1]:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        super().server_bind()
s = S((sys.argv[1], 8080), H)
print("up", flush=True)
s.serve_forever()
"""

CONF = """
listen: "127.0.0.1:5300"
zones: zones/
checks:
  tcp:  {{tcp: {{port: 8080}}, {times}, fall: 1, rise: 1}}
  http: {{http: {{port: 8080}}, {times}, fall: 1, rise: 1}}
pools:
  web: {{check: tcp, answers: 5, when_all_down: nodata, endpoints: {{{endpoints}}}}}
  api: {{check: http, answers: 5, when_all_down: nodata, endpoints: {{{endpoints}}}}}
control: {{socket: control.sock}}
user: nobody
workers: 1
"""


class Net:
    """A server in a namespace of its own, with a web server on each address that the namespace has."""

    def __init__(self, lab, addresses, endpoints, times):
        self.room = subprocess.Popen([*ALONE, "sh", "-c", "echo up; exec sleep 600"], stdout=subprocess.PIPE, text=True)
        assert self.room.stdout.readline() == "up\n"
        self.addresses = addresses
        self.add()
        self.web = {a: subprocess.Popen(self.within("python3", "-c", WEB, a), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True) for a in ("0.0.0.0", "::")}
        assert all(w.stdout.readline() == "up\n" for w in self.web.values())
        lab.write("zones/master.com.zone", ZONE.replace("london 30  POOL  web region=london\n", "api 30 POOL api\n"))
        self.server = lab.start(CONF.format(endpoints=endpoints, times=times), wrapper=self.within())

    def within(self, *command):
        return ["nsenter", "-n", "-t", str(self.room.pid), *command]

    def run(self, *command):
        return subprocess.run(self.within(*command), capture_output=True, text=True, timeout=60, check=True).stdout

    def add(self):
        for a in self.addresses:
            self.run("ip", "addr", "add", a, "dev", "lo", *(["nodad"] if ":" in a else []))

    def remove(self):
        for a in self.addresses:
            self.run("ip", "addr", "del", a + ("/128" if ":" in a else "/32"), "dev", "lo")

    def dig(self, name, rdtype):
        return set(self.run("dig", "@127.0.0.1", "-p", "5300", "+tries=1", "+time=5", "+short", name, rdtype).split())

    def verdicts(self):
        return {(p, a["address"]): a["verdict"] for p, _, a in self.server.addresses()}

    def reasons(self):
        return {a["reason"] for _, _, a in self.server.addresses()}

    def not_run(self):
        return self.server.status()["counters"]["health"]["probes_not_run"]

    def wait_all(self, verdict):
        wait(f"all {verdict}", lambda: set(self.verdicts().values()) == {verdict})

    def close(self):
        for p in (*self.web.values(), self.room):
            p.kill()
            p.wait()


@pytest.fixture
def net(lab):
    made = []

    def make(addresses, endpoints, times="interval: 3s, timeout: 3s"):
        made.append(Net(lab, addresses, endpoints, times))
        return made[-1]
    yield make
    for n in made:
        n.close()


@needs_namespace
def test_a_prober_without_a_route_changes_no_verdict(net):
    four, six = [f"192.0.2.{n}" for n in range(11, 16)], [f"2001:db8::{n}" for n in range(11, 16)]
    n = net(four + six, ", ".join(f'e{i}: {{address: [{a}, "{b}"]}}' for i, (a, b) in enumerate(zip(four, six))))
    n.wait_all("up")
    since = n.server.last_sequence()
    n.remove()  # as when the only link goes down: no route to anywhere
    wait("each to be untested", lambda: all(r.startswith("not tested: connect: network is unreachable") or
                                            r.startswith("not tested: connect: cannot assign") for r in n.reasons()))
    # routes that say no are this machine's word as well
    for kind, said in (("unreachable", "no route to host"), ("prohibit", "permission denied"), ("blackhole", "invalid argument")):
        for net_ in ("192.0.2.0/24", "2001:db8::/64"):
            n.run("ip", *(["-6"] if ":" in net_ else []), "route", "replace", kind, net_)
        wait(kind, lambda: n.reasons() == {f"not tested: connect: {said}"})
        for net_ in ("192.0.2.0/24", "2001:db8::/64"):
            n.run("ip", *(["-6"] if ":" in net_ else []), "route", "del", kind, net_)
    count = n.not_run()
    wait("five more rounds", lambda: n.not_run() > count + 5 * 20)
    assert set(n.verdicts().values()) == {"up"}
    for name in ("www.master.com", "api.master.com"):
        assert n.dig(name, "A") == set(four) and n.dig(name, "AAAA") == set(six)
    assert n.server.events(since, event="verdict") == [] and n.server.events(since, event="pool") == []
    # said once for each family, not once for each probe
    said = [e for e in n.server.events(since, event="notice") if "cannot be tested" in e["text"]]
    assert [e["level"] for e in said] == ["warning"] * len(said) and 1 <= len(said) <= 4, said
    assert any("10 of 10 IPv4 targets cannot be tested from here" in e["text"] for e in said), said
    n.add()
    wait("the all-clear", lambda: {e["text"] for e in n.server.events(since, event="notice", level="info")} >=
         {"all 10 IPv4 targets are tested again", "all 10 IPv6 targets are tested again"})
    wait("tests to pass", lambda: n.reasons() == {"connected", "status 200"})
    assert n.server.events(since, event="verdict") == []


@needs_namespace
def test_a_prober_without_ipv6_leaves_aaaa_alone(net):
    n = net(["192.0.2.11", "2001:db8::11"], 'one: {address: [192.0.2.11, "2001:db8::11"]}')
    n.wait_all("up")
    since = n.server.last_sequence()
    n.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
    wait("IPv6 to be untested", lambda: sum(r.startswith("not tested: ") for r in n.reasons()) == 1)
    count = n.not_run()
    wait("five more rounds", lambda: n.not_run() > count + 5 * 2)
    assert set(n.verdicts().values()) == {"up"} and n.server.events(since, event="verdict") == []
    assert n.dig("www.master.com", "AAAA") == {"2001:db8::11"} and n.dig("www.master.com", "A") == {"192.0.2.11"}
    wait("the event", lambda: [e for e in n.server.events(since, event="notice") if "2 of 2 IPv6 targets cannot be tested" in e["text"]])


@needs_namespace
def test_a_router_that_prohibits_is_a_failure(net):
    """The same errno, but it comes back over the network: SO_ERROR, not connect()."""
    # the router is so near that its word may come while connect() still has the socket: the kernel then heeds it at the next SYN
    n = net([], 'one: {address: [192.0.2.11, "2001:db8::11"]}', "interval: 2500ms, timeout: 2400ms")
    router = subprocess.Popen([*ALONE, "sh", "-c", "echo up; exec sleep 600"], stdout=subprocess.PIPE, text=True)
    try:
        assert router.stdout.readline() == "up\n"

        def there(*command):
            subprocess.run(["nsenter", "-n", "-t", str(router.pid), *command], check=True, timeout=60)
        n.run("ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", str(router.pid))
        there("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding;"
                          "echo 0 > /proc/sys/net/ipv6/icmp/ratelimit; echo 0 > /proc/sys/net/ipv4/icmp_ratemask")
        for run, dev, last in ((n.run, "near", 1), (there, "far", 2)):
            run("ip", "addr", "add", f"10.9.0.{last}/24", "dev", dev)
            run("ip", "addr", "add", f"fd09::{last}/64", "dev", dev, "nodad")
            run("ip", "link", "set", dev, "up")
        there("ip", "route", "add", "prohibit", "192.0.2.0/24")
        there("ip", "-6", "route", "add", "prohibit", "2001:db8::/64")
        n.run("ip", "route", "add", "default", "via", "10.9.0.2")
        n.run("ip", "-6", "route", "add", "default", "via", "fd09::2")
        n.wait_all("down")
        wait("the reasons", lambda: n.reasons() == {"connect: no route to host", "connect: permission denied"})
        assert n.dig("www.master.com", "A") == set() and n.dig("www.master.com", "AAAA") == set()
    finally:
        router.kill()
        router.wait()


@needs_namespace
def test_a_pool_that_is_dead_in_one_family_says_so(net):
    n = net(["192.0.2.11", "2001:db8::11"], 'one: {address: [192.0.2.11, "2001:db8::11"]}')
    n.wait_all("up")
    since = n.server.last_sequence()

    def told(**match):
        return [(e["object"], e["text"]) for e in n.server.events(since, event="pool", pool="web", **match)]
    n.web["::"].kill()
    wait("the event", lambda: told(to="dead") == [("IPv6", "no IPv6 address serves: when_all_down is nodata; IPv4 serves")])
    assert n.dig("www.master.com", "AAAA") == set() and n.dig("www.master.com", "A") == {"192.0.2.11"}
    n.web["0.0.0.0"].kill()
    wait("the second", lambda: told(to="dead")[1:] == [("IPv4", "no IPv4 address serves: when_all_down is nodata; nor does IPv6")])
    assert told(to="serving") == []
