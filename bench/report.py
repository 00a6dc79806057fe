"""bench/RESULTS.md from what bench/run has measured. A figure that a server cannot have is n/a."""
import datetime, os, pathlib, platform, re
import measure
from instructions_of import BALANCER_BUDGETS, BUDGETS, MIXES

WHAT = {
    "static": "A record, 1,000 names",
    "steered": "nearest address for a client subnet, 1,000 networks",
    "nxdomain": "name that does not exist",
    "wildcard": "name below a wildcard",
    "cookie": "A record, with a valid cookie",
    "tcp": "A record over TCP, 8 connections, pipelined",
}
NA = "n/a"
LOAD_BEFORE = os.getloadavg()[0]  # the module is imported before anything runs


def table(head, rows):
    line = lambda cells: "| " + " | ".join(map(str, cells)) + " |"
    return "\n".join([line(head), line(["---"] + ["---:"] * (len(head) - 1)), *map(line, rows)]) + "\n"


def number(x, digits=0):
    return NA if x is None else f"{x:,.{digits}f}"


def with_spread(values, digits=0, scale=1.0):
    if not values:
        return NA
    low, middle, high = (v * scale for v in measure.spread(values))
    return f"{middle:,.{digits}f} ({low:,.{digits}f}–{high:,.{digits}f})"


def machine():
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"^MemTotal:\s+(\d+) kB", pathlib.Path("/proc/meminfo").read_text(), re.M)
    return (f"{os.cpu_count()} processors ({model[1] if model else platform.machine()}), "
            f"{int(memory[1]) / 2**20:.0f} GiB, Linux {platform.release().split('-')[0]} {platform.machine()}, "
            f"load average before the run {LOAD_BEFORE:.1f}")




def instructions(r, names):
    counted = r.get("instructions")
    if not counted:
        return "## Instructions per query\n\nn/a: valgrind is not installed.\n"
    rows = [["budget (Waymark)", *(number(BUDGETS[m]) for m in MIXES), NA]]
    kernel = r["kernel"] or {}
    for name in names:
        if name in counted:
            rows.append([name, *(number(counted[name][m]) for m in MIXES), number(kernel.get(name))])
    own = counted["Waymark"]
    for name in names:
        if name in counted and name != "Waymark":
            ratio = [number(own[m] / counted[name][m], 2) if own[m] and counted[name][m] else NA for m in MIXES]
            rows.append([f"Waymark / {name}", *ratio, NA])
    note = "" if kernel else "The kernel's instructions are n/a: this machine offers no counters of its processor to perf.\n"
    return ("## Instructions per query\n\nUser space, counted by callgrind on the running server: from the system call that "
            f"receives to the one that sends, batches as under full load. The steadiest figures here.\n{note}\n"
            + table(["", *MIXES, "kernel, static"], rows))


def throughput(r, names):
    text = ("## Queries per second\n\nOne UDP worker and one TCP worker on one processor, the generator on the other, 128 "
            "queries under way. Medians with quartiles. Ratios are taken within each round, in which every server is asked "
            "once, another one first each time; on a machine that does other work as well, the ones of processor time hold better.\n\n")
    for mix, found in r["throughput"].items():
        own = [f["qps"] for f in found.get("Waymark", [])]
        rows = []
        for name in names:
            fs = found.get(name, [])
            qps = [f["qps"] for f in fs]
            pairs = [a / b for a, b in zip(own, qps)]
            cpu_pairs = [a["cpu_us"] / b["cpu_us"] for a, b in zip(found.get("Waymark", []), fs)]
            lost = sum(f["lost"] for f in fs)
            rows.append([name, with_spread(qps), with_spread(pairs, 2), with_spread([f["cpu_us"] for f in fs], 2),
                         with_spread(cpu_pairs, 2), number(lost) if fs else NA])
        rounds = len(own)
        text += f"### {mix}: {WHAT[mix]} ({rounds} rounds)\n\n"
        text += table(["", "queries/s", "Waymark / it", "CPU µs/query", "Waymark / it", "lost"], rows) + "\n"
    return text


def latency(r, names):
    rows = [[n, *(number(r["latency"][n][k]) for k in ("p50_us", "p90_us", "p99_us", "p999_us")), number(r["latency"][n]["cpu_us"], 2),
             number(r["latency"][n]["lost"])] for n in names if n in r["latency"]]
    return (f"## Latency\n\n{r['rate']:,} queries per second (half of NSD's peak), static mix, µs from the moment a query was due; "
            f"median of {r['few']} rounds.\n\n" + table(["", "p50", "p90", "p99", "p99.9", "CPU µs/query", "lost"], rows))


def big(r, names):
    rows = []
    for n in names:
        b = r["big"].get(n)
        if b:
            low, middle, high = b["ratio"]
            rows.append([n, number(b["cpu_s"], 2), number(b["wall_s"], 2), number(r["memory"][n] / 1e6, 1), number(b["memory"] / 1e6, 1),
                         number(b["record_octets"]), f"{middle:.2f} ({low:.2f}–{high:.2f})"])
    return ("## A zone of 1,000,000 records\n\nThe whole server, from its start until it answers for the zone's last name. Memory is "
            "resident, shared pages counted once; octets a record are the difference to the small zone. The last column is "
            f"throughput over the large zone / over 1,000 names, in pairs ({r['rounds']} for Waymark, {r['few']} for others); "
            "Waymark's budget is 0.85.\n\n"
            + table(["", "CPU s", "s", "MB, 1,000 records", "MB", "octets/record", "throughput"], rows))


def block(text):
    return f"```\n{text}\n```\n" if text else "n/a\n"


def parts(r):
    zones = r["zones"]
    text = "## Parts of Waymark by themselves\n\n"
    text += "The zone reader: 1,000,000 names with one A each; a mix of types; 20,000 small zones.\n\n"
    text += block("\n\n".join(v for v in zones.values() if v))
    text += "\nThe geo table (`BENCH_GEO_DATABASE=FILE` for a real database instead of 300,000 random networks).\n\n" + block(r["geo"])
    text += ("\nPools by their size: an A query with four answers out of one tier, in the process (in brackets: over the pool of four); "
             "a view after one verdict of the pool has moved, and after one of another pool has.\n\n" + block(r["pools"]))
    text += "\nThe health role with 10,000 targets.\n\n" + block("\n".join(v for v in r["health"].values() if v))
    return text + "\n" + balancer(r["balancer"])


BALANCER_ROWS = [  # kind, what it is, digits
    ("short", "ns of processor time a short connection (100 octets in, 1,000 out)", 0),
    ("calls", "system calls of it, 32 at a time", 1),
    ("alone", "system calls of it, one at a time", 1),
    ("bulk", "ns of processor time a KiB, 4 connections", 1),
    ("spread", "% of the time that the busier of two workers took, all packets from one processor", 0),
]


def balancer(b):
    rows = []
    for kind, what, digits in BALANCER_ROWS:
        own, *others = (b[kind][p] for p in ("waymark", "haproxy", "nginx"))
        ratios = [with_spread([x / y for x, y in zip(own, other)], 2) for other in others]
        rows.append([what, *(with_spread(v, digits) for v in (own, *others)), *ratios])
    counted = b.get("instructions", {})
    own, *others = (counted.get(p) for p in ("waymark", "haproxy", "nginx"))
    rows.insert(1, ["user instructions of it, by callgrind", *map(number, (own, *others)),
                    *(number(own / o, 2) if own and o else NA for o in others)])
    budgets = ", ".join((f"{number(BALANCER_BUDGETS['instructions'])} user instructions", f"{BALANCER_BUDGETS['calls']} system calls "
                         f"under load, {BALANCER_BUDGETS['alone']} alone"))
    return (f"The balancer with one worker, beside HAProxy with splicing and nginx. Budgets of a short connection: {budgets}.\n\n"
            + table(["", "Waymark", "HAProxy", "nginx", "Waymark / HAProxy", "Waymark / nginx"], rows))


def markdown(r):
    names = [n for n in ("Waymark", "gdnsd", "Knot", "NSD") if n in r["versions"]]
    versions = ", ".join(f"{n} {v}" for n, v in r["versions"].items())
    head = (f"# Results of `make bench`\n\n{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}, {machine()}.\n\n{versions}; the "
            f"peers as Debian packages them.\n\nAbsolute times mean little on another machine: read ratios, and instructions first. "
            "What the mixes are: `bench/workload.py`; how the servers are set up: `bench/servers.py`.\n")
    return "\n".join([head, instructions(r, names), throughput(r, names).rstrip() + "\n", latency(r, names), big(r, names), parts(r)])
