"""How the servers are measured: rounds that go through all of them in turn, figures that are medians with quartiles."""
import json, os, pathlib, re, shutil, statistics, subprocess, tempfile, time
import servers, workload

LOAD = servers.BUILD / "bench/dns_load"
CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, LOAD_CPU = (CPUS[0], CPUS[1]) if len(CPUS) > 1 else (None, None)


def pinned(command, cpu=LOAD_CPU):
    return [*(["taskset", "-c", str(cpu)] if cpu is not None else []), *map(str, command)]


def spread(values):
    """(lower quartile, median, upper quartile)"""
    if len(values) < 2:
        return values[0], values[0], values[0]
    return tuple(statistics.quantiles(values, n=4, method="inclusive"))


class Queries:
    """A mix as a file for the generator."""

    def __init__(self, folder, mix, server=None, big=False):
        self.tcp = mix == "tcp"
        packets = workload.packets(mix, server.port if server else None, big)
        self.path = folder / f"{mix}-{server.name if server else 'all'}-{'big' if big else 'small'}"
        self.usable = packets is not None
        if self.usable:
            workload.write_packets(self.path, packets)
            reply = workload.exchange(server.port, packets[0]) if server else None
            self.usable = server is None or workload.is_expected(mix, reply)


def ask(server, queries, seconds, rate=None):
    """One stretch of load; the generator's figures, and the server's processor time a query in us."""
    options = ["-p", server.port, "-t", seconds, *(["-T"] if queries.tcp else []), *(["-r", rate] if rate else [])]
    before = server.cpu_s()
    out = subprocess.run(pinned([LOAD, *options, queries.path]), check=True, capture_output=True, text=True).stdout
    cpu_s = server.cpu_s() - before
    figures = json.loads(out)
    figures["cpu_us"] = cpu_s * 1e6 / max(figures["answered"], 1)
    return figures


def rotated(items, by):
    by %= len(items)
    return items[by:] + items[:by]


def throughput(running, mix, rounds, seconds):
    """{server: [figures of each round]}: every round asks every server once, each time another one first."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="waymark-bench-") as folder:
        queries = {s.name: Queries(pathlib.Path(folder), mix, s) for s in running if mix in s.mixes}
        able = [s for s in running if s.name in queries and queries[s.name].usable]
        for r in range(rounds):
            for s in rotated(able, r):
                found.setdefault(s.name, []).append(ask(s, queries[s.name], seconds))
    return found


def latency(running, rate, rounds, seconds):
    """{server: {percentile: median of the rounds}} at `rate` queries a second, static mix."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="waymark-bench-") as folder:
        queries = Queries(pathlib.Path(folder), "static")
        for r in range(rounds):
            for s in rotated(running, r):
                found.setdefault(s.name, []).append(ask(s, queries, seconds, rate))
    keys = ("p50_us", "p90_us", "p99_us", "p999_us", "lost", "cpu_us")
    return {name: {k: statistics.median(f[k] for f in rounds) for k in keys} for name, rounds in found.items()}


def loading(cls, big_zone, small_memory, rounds, seconds):
    """One server with the zone of a million records: cost of loading, memory, throughput beside a small zone's."""
    with tempfile.TemporaryDirectory(prefix="waymark-bench-") as folder, cls(big=big_zone) as s:
        begun = time.monotonic()
        s.start(SERVER_CPU)
        wall_s, cpu_s = time.monotonic() - begun, s.cpu_with_ended_s()
        small, big = (Queries(pathlib.Path(folder), "static", big=b) for b in (False, True))
        for q in (small, big):
            ask(s, q, seconds)
        ratios = []
        for r in range(rounds):
            pair = {q: ask(s, q, seconds)["qps"] for q in rotated([small, big], r)}
            ratios.append(pair[big] / pair[small])
        return {"cpu_s": cpu_s, "wall_s": wall_s, "memory": s.memory(), "ratio": spread(ratios),
                "record_octets": (s.memory() - small_memory) / workload.BIG_HOSTS}


# ---- counters of the processor, where there are any

def perf_works():
    if not shutil.which("perf"):
        return False
    p = subprocess.run(["perf", "stat", "-x,", "-e", "instructions:k", "true"], capture_output=True, text=True)
    return p.returncode == 0 and re.search(r"^\d+,", p.stderr, re.M) is not None


def kernel_instructions(server, seconds=2):
    """Instructions the kernel spends on a query of the static mix, by perf."""
    pids = ",".join(map(str, servers.descendants(server.process.pid)))
    with tempfile.TemporaryDirectory(prefix="waymark-bench-") as folder:
        queries = Queries(pathlib.Path(folder), "static")
        perf = subprocess.Popen(["perf", "stat", "-x,", "-e", "instructions:k", "-p", pids, "sleep", str(seconds + 1)],
                                stderr=subprocess.PIPE, text=True)
        time.sleep(0.5)  # perf has attached itself by then; what it misses is lost to the figure
        figures = ask(server, queries, seconds)
        m = re.search(r"^(\d+),", perf.communicate()[1], re.M)
        return int(m[1]) / figures["answered"] if m else None


# ---- parts of Waymark by themselves

def program(name, *args):
    p = subprocess.run([str(servers.BUILD / "bench" / name), *map(str, args)], capture_output=True, text=True,
                       env=servers.program_env())
    return p.stdout.strip() if p.returncode == 0 else None


def balancer(kind, amount, rounds):
    """{proxy: [what balancer_load measured in each round]}; empty for a peer that is not there."""
    found = {"waymark": [], "haproxy": [], "nginx": []}
    peers = [p for p in found if p == "waymark" or servers.find_program(p)]
    for r in range(rounds):
        for peer in rotated(peers, r):
            out = program("balancer_load", kind, peer, amount)
            if out:
                found[peer].append(float(re.search(r": ([\d.]+) ", out)[1]))
    return found
