"""User-space instructions that one query or one balanced connection costs, counted by callgrind on the real server.

Waymark runs once with one UDP thread a mix, each on a port of its own, and one that is asked next to nothing: what a
thread ran through, less what the idle one did, is the cost of its queries, from recvmmsg to sendmmsg. The peers run once
a mix and once idle; the difference counts. Batches are as under full load.
"""
import json, pathlib, re, subprocess, tempfile
import servers, workload

BUDGETS = {"static": 900, "steered": 1300, "nxdomain": 1300, "wildcard": 1300, "cookie": 1300}
MIXES = list(BUDGETS)
WORKER = "udp_run"  # the function by which Waymark's UDP threads are known
QUERIES = 4000
TRIES = 3
SLOW = 20  # seconds for an answer under callgrind


def load(port, queries, count):
    with tempfile.NamedTemporaryFile(prefix="waymark-bench-") as f:
        workload.write_packets(pathlib.Path(f.name), queries)
        command = [servers.BUILD / "bench/dns_load", "-p", str(port), "-n", str(count), "-w", "64", f.name]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def callgrind(folder, threads):
    out = f"--callgrind-out-file={folder}/callgrind.%p"
    return ["valgrind", "--quiet", "--tool=callgrind", f"--separate-threads={'yes' if threads else 'no'}", out]


def total(path):
    m = re.search(r"^(?:totals|summary): (\d+)", path.read_text(errors="replace"), re.M)
    return int(m[1]) if m else 0


def run_waymark(count):
    """{mix: instructions}, None for a mix that this build cannot be asked; None when a thread left no count."""
    with tempfile.TemporaryDirectory(prefix="waymark-bench-") as out, servers.Waymark(ports=1 + len(MIXES)) as s:
        pathlib.Path(out).chmod(0o777)  # each role writes its own file after it has dropped its privileges
        s.start(wrapper=callgrind(out, True))
        answered = []
        for port, mix in zip(s.ports[1:], MIXES):
            queries = workload.packets(mix, s.port, seconds=SLOW)
            expected = queries and workload.is_expected(mix, workload.exchange(port, queries[0], SLOW))
            answered.append(load(port, queries, count)["answered"] + 1 if expected else 0)
        s.process.terminate()
        s.process.wait(60)
        found = sorted(p for p in pathlib.Path(out).glob("callgrind.*-*") if re.search(rf"^c?fn=\(\d+\) {WORKER}$", p.read_text(), re.M))
        if len(found) != 1 + len(MIXES):
            return None
        idle, *counts = map(total, found)  # threads are numbered as they start: in the order of `listen`
    return {mix: (n - idle) / a if a else None for mix, n, a in zip(MIXES, counts, answered)}


def measure_waymark(count):
    for _ in range(TRIES):  # a role that needs too long to end, on a busy machine, is killed and leaves none
        result = run_waymark(count)
        if result:
            return result
    raise SystemExit(f"bench: not every thread that ran {WORKER} left its count")


def run_peer(cls, mix, count):
    """(instructions of one run, queries answered)"""
    with tempfile.TemporaryDirectory(prefix="waymark-bench-") as out, cls() as s:
        s.start(wrapper=callgrind(out, False))
        answered = 0
        queries = workload.packets(mix, s.port, seconds=SLOW) if mix else None
        if queries and workload.is_expected(mix, workload.exchange(s.port, queries[0], SLOW)):
            answered = load(s.port, queries, count)["answered"] + 1
        s.process.terminate()
        s.process.wait(60)
        return sum(map(total, pathlib.Path(out).glob("callgrind.*"))), answered


def measure_peer(cls, count):
    idle, _ = run_peer(cls, None, 0)
    result = {}
    for mix in MIXES:
        n, answered = run_peer(cls, mix, count) if mix in cls.mixes else (0, 0)
        result[mix] = (n - idle) / answered if answered else None
    return result


# ---- the balancer

BALANCER_BUDGETS = {"instructions": 6000, "calls": 16, "alone": 20}  # of a short connection
BALANCER_WORKER = "worker_run"


def balancer_total(peer, connections):
    """Instructions of the proxy in one run of balancer_load, whose other processes do not count."""
    with tempfile.TemporaryDirectory(prefix="waymark-bench-") as out:
        command = [*callgrind(out, peer == "waymark"), "--trace-children=yes", servers.BUILD / "bench/balancer_load", "short",
                   peer, str(connections)]
        for left in reversed(range(TRIES)):  # a peer under valgrind may not come up in time
            if subprocess.run(command, check=not left, capture_output=True, env=servers.program_env()).returncode == 0:
                break
            for half in pathlib.Path(out).glob("callgrind.*"):
                half.unlink()
        mark = rf"^c?fn=\(\d+\) {BALANCER_WORKER}$" if peer == "waymark" else rf"^cmd:\s*(\S*/)?{peer}\b"
        return sum(total(p) for p in pathlib.Path(out).glob("callgrind.*") if re.search(mark, p.read_text(errors="replace"), re.M))


def measure_balancer(connections=800, peers=False):
    """{proxy: user instructions a short connection}: what more connections cost more."""
    result = {}
    for peer in ("waymark", "haproxy", "nginx") if peers else ("waymark",):
        if peer == "waymark" or servers.find_program(peer):
            less, more = (balancer_total(peer, n) for n in (connections, 3 * connections))
            result[peer] = (more - less) / (2 * connections)
    return result


def measure(count=QUERIES, peers=False):
    """{server: {mix: instructions a query, or None}}"""
    result = {"Waymark": measure_waymark(count)}
    for cls in servers.SERVERS[1:] if peers else []:
        if cls.path():
            result[cls.name] = measure_peer(cls, count)
    return result
