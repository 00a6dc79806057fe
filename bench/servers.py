"""The servers, each in a folder of its own with one UDP worker and one TCP worker on a free loopback port.

A peer is taken from the system when it is installed, else from build/peers/root, where tools/setup unpacks packages.
"""
import os, pathlib, re, shutil, signal, socket, subprocess, tempfile, time
import workload
from workload import BIG_ZONE, NETWORKS, PLACES, ZONE, address_of, network, place_of, zone_text

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / os.environ.get("WAYMARK_BUILD", "build")
PEERS = ROOT / "build/peers/root"
LIBRARIES = ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib")
ENV = {**os.environ, "LD_LIBRARY_PATH": ":".join(str(PEERS / d) for d in LIBRARIES)}


def find_program(name):
    for path in (f"/usr/sbin/{name}", f"/usr/bin/{name}", PEERS / "usr/sbin" / name, PEERS / "usr/bin" / name):
        if os.access(path, os.X_OK):
            return str(path)
    return None


def find_file(pattern):
    for root in (pathlib.Path("/"), PEERS):
        for d in LIBRARIES:
            for path in (root / d).glob(pattern):
                return path
    return None


def program_env():
    """For programs of build/bench that start a peer themselves."""
    env = {**ENV, "PATH": f"{os.environ['PATH']}:/usr/sbin:{PEERS}/usr/sbin"}
    module = find_file("nginx/modules/ngx_stream_module.so")
    return {**env, "NGINX_STREAM_MODULE": str(module)} if module else env


def free_port():
    """A port that is free for UDP and TCP; the kernel does not hand it out again soon."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            try:
                tcp.bind(udp.getsockname())
                return udp.getsockname()[1]
            except OSError:
                continue


def version_of(program, option):
    p = subprocess.run([program, option], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENV)
    return re.search(r"\d+\.\d+(\.\d+)?", p.stdout)[0]


def descendants(pid):
    """The process and all below it."""
    children = {}
    for p in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = p.read_text().rsplit(")", 1)[1].split()
            children.setdefault(int(fields[1]), []).append(int(p.parent.name))
        except (OSError, IndexError):
            continue
    found = [pid]
    for p in found:
        found += children.get(p, [])
    return found


class Server:
    """One server; subclasses say how it is configured. `big`: serves the zone of a million records as well."""

    mixes = workload.MIXES
    name = program = None
    version_option = "-V"
    patience = 120  # seconds to load a zone

    def __init__(self, big=None, ports=1):
        self.big, self.process = big, None
        self.ports = [free_port() for _ in range(ports)]
        self.port = self.ports[0]
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="waymark-bench-"))
        self.folder.chmod(0o777)  # a server that drops its privileges must reach it
        for d in ("zones", "run", "state"):
            (self.folder / d).mkdir(mode=0o777)
            (self.folder / d).chmod(0o777)
        self.configure()

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def zone_file(self, name, www):
        self.write(f"zones/{name}", zone_text(www))

    def link_big(self, name):
        if self.big:
            (self.folder / "zones" / name).symlink_to(self.big)

    @classmethod
    def path(cls):
        return find_program(cls.program)

    @classmethod
    def version(cls):
        return version_of(cls.path(), cls.version_option)

    def start(self, cpu=None, wrapper=()):
        pin = ["taskset", "-c", str(cpu)] if cpu is not None else []
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen([*pin, *wrapper, *self.command()], cwd=self.folder, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=ENV, start_new_session=True)
        self.wait_answer(f"ns1.{ZONE}")
        if self.big:
            self.wait_answer(f"h{workload.BIG_HOSTS - 1}.{BIG_ZONE}")
        return self

    def wait_answer(self, name):
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            reply = workload.exchange(self.port, workload.query(name), 0.3)
            if workload.is_expected("static", reply):
                return
            time.sleep(0.01)
        log = (self.folder / "log").read_text(errors="replace")[-2000:]
        self.stop()
        raise SystemExit(f"bench: {self.name} does not answer {name}:\n{log}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # ---- what it takes

    def cpu_s(self):
        """Processor time of all its threads so far, to the nanosecond."""
        total = 0
        for pid in descendants(self.process.pid):
            for p in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                try:
                    total += int(p.read_text().split()[0])
                except OSError:
                    continue
        return total / 1e9

    def cpu_with_ended_s(self):
        """The same in clock ticks, with children that have ended."""
        total = 0
        for pid in descendants(self.process.pid):
            try:
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                total += sum(map(int, fields[11:15]))
            except OSError:
                continue
        return total / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Octets resident; pages that its processes share count once (a share where that cannot be read)."""
        total = 0
        for pid in descendants(self.process.pid):
            for file, field in (("smaps_rollup", "Pss"), ("status", "VmRSS")):
                try:
                    m = re.search(rf"^{field}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/{file}").read_text(), re.M)
                    total += int(m[1]) * 1024
                    break
                except (OSError, TypeError):
                    continue
        return total


class Waymark(Server):
    name, program, version_option = "Waymark", "waymark", "--version"

    @classmethod
    def path(cls):
        return str(BUILD / "waymark")

    def configure(self):
        self.zone_file(f"{ZONE}.zone", "www 30 POOL web")
        self.link_big(f"{BIG_ZONE}.zone")
        listen = ", ".join(f"127.0.0.1:{p}" for p in self.ports)
        lines = [f"listen: [{listen}]", "workers: 1", "zones: zones/", "regions:"]
        lines += [f"  {p}: {{serves: [{c}]}}" for p, c in zip(PLACES, ("GB", "US", "SG", "default"))]
        lines += ["geo:", "  networks:"] + [f"    {network(i)}/20: {place_of(i)}" for i in range(NETWORKS)]
        lines += ["pools:", "  web:", "    steer: [geo, weighted]", "    answers: 1", "    ttl: 30s", "    endpoints:"]
        lines += [f"      {p}1: {{address: {address_of(p)}, region: {p}}}" for p in PLACES]
        lines += ["control: {socket: run/control.sock}"]
        if os.geteuid() == 0:
            lines += ["user: nobody"]
        self.write("waymark.yaml", "\n".join(lines) + "\n")

    def command(self):
        return [self.path(), "run", "-c", "waymark.yaml"]


class Gdnsd(Server):
    name = program = "gdnsd"

    def configure(self):
        self.zone_file(ZONE, "www 30/15 DYNA geoip!web")
        self.link_big(BIG_ZONE)
        nets = "\n".join(f"      {network(i)}/20 => {place_of(i)}" for i in range(NETWORKS))
        places = " ".join(f"{p} => {address_of(p)}" for p in PLACES)
        self.write("config", f"""
options => {{
  listen => {{ 127.0.0.1:{self.port} => {{ udp_threads = 1, tcp_threads = 1 }} }}
  run_dir = {self.folder}/run
  state_dir = {self.folder}/state
}}
plugins => {{ geoip => {{
  maps => {{ web => {{
    datacenters => [{", ".join(PLACES)}]
    nets => {{
{nets}
    }}
  }} }}
  resources => {{ web => {{ map => web service_types => up dcmap => {{ {places} }} }} }}
}} }}
""")

    def command(self):
        return [self.path(), "-c", str(self.folder), "start"]


class Knot(Server):
    name, program = "Knot", "knotd"

    geoip = find_file("knot/modules-*/geoip.so")  # a package of its own
    mixes = workload.MIXES if geoip else [m for m in workload.MIXES if m != "steered"]

    def configure(self):
        self.zone_file(f"{ZONE}.zone", "www 30 A 192.0.2.10")
        self.link_big(f"{BIG_ZONE}.zone")
        nets = "".join(f"  - net: {network(i)}/20\n    A: [{address_of(place_of(i))}]\n" for i in range(NETWORKS))
        self.write("geo.conf", f"www.{ZONE}:\n{nets}")
        geo = self.geoip
        module = f"""module:
  - id: mod-geoip
    file: {geo}
mod-geoip:
  - id: web
    config-file: {self.folder}/geo.conf
    ttl: 30
    mode: subnet
""" if geo else ""
        big = f"  - domain: {BIG_ZONE}\n    file: {BIG_ZONE}.zone\n" if self.big else ""
        self.write("knot.conf", f"""server:
    rundir: {self.folder}/run
    listen: 127.0.0.1@{self.port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    edns-client-subnet: on
database:
    storage: {self.folder}/state
{module}mod-cookies:
  - id: default
    secret: 0x000102030405060708090a0b0c0d0e0f
template:
  - id: default
    storage: {self.folder}/zones
    zonefile-sync: -1
    journal-content: none
    semantic-checks: off
    global-module: mod-cookies/default
zone:
  - domain: {ZONE}
    file: {ZONE}.zone
{"    module: mod-geoip/web" if geo else ""}
{big}""")

    def command(self):
        return [self.path(), "-c", "knot.conf"]


class Nsd(Server):
    name, program, version_option = "NSD", "nsd", "-v"
    mixes = [m for m in workload.MIXES if m != "steered"]

    def configure(self):
        self.zone_file(f"{ZONE}.zone", "www 30 A 192.0.2.10")
        self.link_big(f"{BIG_ZONE}.zone")
        big = f'zone:\n  name: "{BIG_ZONE}"\n  zonefile: "{BIG_ZONE}.zone"\n' if self.big else ""
        self.write("nsd.conf", f"""server:
  ip-address: 127.0.0.1@{self.port}
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{self.folder}/zones"
  pidfile: "{self.folder}/run/nsd.pid"
  xfrdfile: "{self.folder}/state/xfrd.state"
  zonelistfile: "{self.folder}/state/zone.list"
  xfrdir: "{self.folder}/state"
  minimal-responses: yes
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  answer-cookie: yes
remote-control:
  control-enable: no
zone:
  name: "{ZONE}"
  zonefile: "{ZONE}.zone"
{big}""")

    def command(self):
        return [self.path(), "-d", "-c", "nsd.conf"]


SERVERS = [Waymark, Gdnsd, Knot, Nsd]
