"""The secrets of DNS cookies are in the memory of who makes cookies, and of nobody else: found by searching it."""
import pathlib, re
import pytest
from lab import ZONE, conf, wait

OLD, NEW = "9f1c64b2a7d0853e6b4f0d9a71c2e835", "d27a9e0b58c3461f7e90a4b61d5c83f2"


def memory(pid):
    """What a process can write to, piece by piece: nothing that is only read can hold a secret."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in maps:
            low, high, mode = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line).groups()
            if "rw" not in mode or mode.endswith("s"):
                continue
            at, end = int(low, 16), int(high, 16)
            while at < end:
                mem.seek(at)
                piece = mem.read(min(end - at, 16 << 20))
                if not piece:
                    break
                yield piece
                at += len(piece)


def holds(pid, patterns):
    """Does it hold any of them?"""
    found = re.compile(b"|".join(re.escape(p) for p in patterns))
    return any(found.search(piece) for piece in memory(pid))


def octets(secret):
    """Halves too: nothing should be left of a copy that was partly overwritten."""
    raw = bytes.fromhex(secret)
    return [raw[:8], raw[8:]]


def digits(secret):
    windows = [secret[i:i + 8].encode() for i in range(len(secret) - 7)]
    return windows + [w.upper() for w in windows]


def check(server, secret):
    pids = {r["role"]: r["pid"] for r in server.status()["roles"]}
    try:
        held = {role for role, pid in pids.items() if holds(pid, octets(secret))}
        text = {role for role, pid in pids.items() if holds(pid, digits(secret))}
    except PermissionError:
        pytest.skip("may not look into the memory of processes here")
    assert held == {"supervisor", "dns"}
    assert not text  # as it was written it is nowhere


@pytest.mark.parametrize("where", ["configuration", "file"])
def test_only_supervisor_and_dns_hold_the_secrets_of_cookies(lab, where):
    lab.write("zones/master.com.zone", ZONE)
    lab.write("secrets", f"# this year's\n{OLD}\n")
    how = lambda secret: "{secret_file: secrets}" if where == "file" else f"{{secret: [{secret}]}}"
    text = conf(lab, workers=1)
    server = lab.start(text + f"dns: {{cookies: {how(OLD)}}}\n")
    check(server, OLD)
    # and not those of an older or a refused configuration
    lab.write("secrets", f"{NEW}\n")
    lab.write("waymark.yaml", text + f"dns: {{cookies: {how(NEW)}}}\n")
    server.reload()
    check(server, NEW)
    lab.write("waymark.yaml", text + f"dns: {{cookies: {how(OLD)}}}\nlisen: 1\n")
    server.reload(check=False)
    wait("the old generation to leave", lambda: len(server.members()) == 5)
    for role in server.status()["roles"]:
        assert not holds(role["pid"], octets(OLD) + digits(OLD)), role["role"]


def stack(pid):
    """(its first address, its content)"""
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        if line.endswith("[stack]"):
            low, high = (int(x, 16) for x in line.split()[0].split("-"))
            with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
                mem.seek(low)
                return low, mem.read(high - low)


def test_the_seed_that_the_server_draws_is_wiped_too(lab):
    """It stands on the supervisor's stack, which all roles have inherited: what dns still has there, and the others have as
    zeros, is the seed."""
    lab.write("zones/master.com.zone", ZONE)
    server = lab.start(conf(lab, workers=1))
    pids = {r["role"]: r["pid"] for r in server.status()["roles"]}
    try:
        low, kept = stack(pids["supervisor"])
        roles = {name: stack(pids[name]) for name in ("dns", "health", "balancer", "control")}
    except PermissionError:
        pytest.skip("may not look into the memory of processes here")
    def at(name, place, size=16):
        start, content = roles[name]
        return content[low + place - start:low + place - start + size]
    seeds = [kept[i:i + 16] for i in range(0, len(kept) - 16, 4)
             if len(set(kept[i:i + 16])) > 8 and at("dns", i) == kept[i:i + 16]
             and all(at(name, i) == bytes(16) for name in ("health", "balancer", "control"))]
    assert seeds, "nothing was wiped"
    for seed in seeds:
        assert {name for name, pid in pids.items() if holds(pid, [seed[:8], seed[8:]])} == {"supervisor", "dns"}
