"""Waymark, NSD and Knot DNS are asked the same questions about the same random zones and must say the same.

A world is a seed: it makes a few zones (some inside each other) in which wildcards, empty non-terminals, cuts, glue, DNAMEs and
chains meet, and the questions. Usually the same WORLDS are asked for, so that the outcome does not change by itself;
WAYMARK_DIFFERENTIAL_WORLDS=N asks for N new ones, WAYMARK_DIFFERENTIAL_SEED=N repeats the one that a failure names.

Compared: rcode, AA, the answer; the authority section; the glue of referrals. What differs and may is named in `excused`, with
the reason why.
"""
import os, random, shutil, socket, subprocess
import dns.flags, dns.message, dns.rcode, dns.rdatatype
import pytest
from lab import ROOT, wait

WORLDS = 40  # of one batch: one start of the servers
QUESTIONS = 80  # of a world
CHAIN_MAX = 5  # CNAMEs in one answer of Waymark, and of Knot
SEED, NEW = (int(os.environ.get(f"WAYMARK_DIFFERENTIAL_{n}", 0)) for n in ("SEED", "WORLDS"))
BATCHES = max(1, (NEW + WORLDS - 1) // WORLDS)
TYPES = ("A A A AAAA TXT NS CNAME DNAME MX SRV DS SOA PTR TYPE65280").split()

# ---- worlds

LABELS = ["a", "b", "*", "c", "B", "_x"]


class Zone:
    def __init__(self, apex, odd=False):
        self.apex, self.odd, self.records = apex, odd, set()
        self.add(apex, "SOA", f"ns.{apex} h.{apex} 1 1 1 1 30")
        self.add(apex, "NS", "ns.outside.")

    def types(self, owner):
        return {t for o, t, _ in self.records if o.lower() == owner.lower()}

    def add(self, owner, rdtype, data):
        """Unless it would make the zone invalid: CNAME beside other data, several DNAMEs, names below a DNAME, DNAME at a cut."""
        low, there = owner.lower(), self.types(owner)
        if (there and rdtype == "CNAME") or "CNAME" in there or (rdtype == "DNAME" and "DNAME" in there):
            return
        if low != self.apex and {rdtype} | there >= {"DNAME", "NS"}:
            return
        for o, t, _ in self.records:
            if (t == "DNAME" and low.endswith("." + o.lower())) or (rdtype == "DNAME" and o.lower().endswith("." + low)):
                return
        if owner.startswith("*.") and rdtype in ("NS", "DNAME") and not self.odd:
            return
        if not any((o.lower(), t, d.lower()) == (low, rdtype, data.lower()) for o, t, d in self.records):
            self.records.add((owner, rdtype, data))

    def text(self):
        lines = sorted(self.records, key=lambda r: (r[1] != "SOA", r))
        return "".join(f"{owner} 60 IN {rdtype} {data}\n" for owner, rdtype, data in lines)


class World:
    def __init__(self, seed):
        self.seed, self.rng = seed, random.Random(seed)
        self.base, self.labels = f"w{seed}.test.", LABELS[: self.rng.choice([2, 3, 4, 6])]
        apexes = {self.base} | {self.name(self.base, 2).replace("*", "a").lower() for _ in range(self.rng.choice([0, 0, 1, 2]))}
        # Wildcards that own NS or DNAME, which RFC 4592, 4.2 and 4.4, leave open: NSD takes them as plain data, as Waymark does
        self.odd = self.rng.random() < 0.2
        self.zones = [Zone(apex, self.odd) for apex in sorted(apexes, key=lambda a: (len(a), a))]
        for zone in self.zones[1:]:  # delegated by the zones above
            for above in self.zones:
                if zone.apex.endswith("." + above.apex) and above is self.zone_of(zone.apex, strictly=True):
                    above.add(zone.apex, "NS", "ns.outside.")
        for zone in self.zones:
            for _ in range(self.rng.randrange(2, 24)):
                self.add_record(zone)
        self.questions = list(dict.fromkeys(self.question() for _ in range(QUESTIONS)))

    def zone_of(self, name, strictly=False):
        """The zone that a name lies in; None when it is nobody's here."""
        around = [z for z in self.zones if ("." + name.lower()).endswith("." + z.apex) and not (strictly and z.apex == name.lower())]
        return max(around, key=lambda z: len(z.apex), default=None)

    def name(self, apex, deepest):
        labels = self.rng.choices(self.labels, k=self.rng.randrange(deepest + 1))
        return ".".join(labels + [apex])

    def target(self):
        rng = self.rng
        return rng.choice(["outside.", "x.outside."]) if rng.random() < 0.1 else self.name(rng.choice(self.zones).apex, 2)

    def add_record(self, zone):
        rng, owner = self.rng, self.name(zone.apex, 3)
        if self.zone_of(owner) is not zone:
            return
        rdtype = rng.choice("A A AAAA TXT NS NS CNAME CNAME DNAME MX SRV".split())
        if rdtype == "NS":
            if owner == zone.apex:
                return
            for _ in range(rng.randrange(1, 3)):
                host = rng.choice([self.target(), "ns." + owner, "ns." + zone.apex])
                zone.add(owner, "NS", host)
                if host.endswith(zone.apex) and "*" not in host and self.zone_of(host) is zone:
                    address = rng.choice(["A", "AAAA"])
                    zone.add(host, address, self.data(address))
            if rng.random() < 0.3:
                zone.add(owner, "DS", "1 8 2 " + "ab" * 32)
            return
        zone.add(owner, rdtype, self.data(rdtype))

    def data(self, rdtype):
        rng, n = self.rng, self.rng.randrange(1, 200)
        return {"A": f"192.0.2.{n}", "AAAA": f"2001:db8::{n}", "TXT": f'"{n}"', "MX": f"{n} {self.target()}",
                "SRV": f"0 {n} 80 {self.target()}"}.get(rdtype) or self.target()

    def question(self):
        rng = self.rng
        if rng.random() < 0.5:  # at or below a name that is there
            owner = rng.choice(sorted(rng.choice(self.zones).records))[0]
            name = self.name(owner, rng.choice([0, 0, 1, 2]))
        else:
            name = self.name(self.base, 4)
        return name, rng.choice(TYPES)


# ---- servers

PEERS = ROOT / "build/peers/root"  # where tools/setup unpacks them


def program(name):
    """(path, environment) of an installed or an unpacked program; None when it is neither."""
    unpacked = PEERS / "usr/sbin" / name
    if path := shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin"):
        return path, os.environ
    if unpacked.exists():
        libraries = ":".join(map(str, (PEERS / "usr/lib").glob("*-linux-gnu")))
        return str(unpacked), {**os.environ, "LD_LIBRARY_PATH": libraries}
    return None


NSD = """server:
  ip-address: {address}@5300
  username: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd"
  zonelistfile: "{folder}/zone.list"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"""
NSD_ZONE = """zone:
  name: {apex}
  zonefile: "{file}"
"""
KNOT = """server:
  listen: {address}@5300
  rundir: {folder}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: {folder}
log:
  - target: stderr
    any: warning
template:
  - id: default
    storage: {folder}
    journal-content: none
zone:
"""
KNOT_ZONE = "  - domain: {apex}\n    file: {file}\n"


class Peer:
    def __init__(self, name, address, folder, zones):
        main, line, options = {"nsd": (NSD, NSD_ZONE, ["-d"]), "knotd": (KNOT, KNOT_ZONE, [])}[name]
        path, env = program(name)
        folder.mkdir()
        text = main.format(address=address, folder=folder)
        for number, zone in enumerate(zones):
            (folder / f"{number}.zone").write_text(zone.text())
            text += line.format(apex=zone.apex, file=folder / f"{number}.zone")
        (folder / "conf").write_text(text)
        self.name, self.address = name, address
        self.log = folder / "log"
        self.process = subprocess.Popen([path, *options, "-c", str(folder / "conf")], env=env, cwd=folder, stdin=subprocess.DEVNULL,
                                        stdout=self.log.open("w"), stderr=subprocess.STDOUT)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Client:
    def __init__(self, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((address, 5300))

    def ask(self, wire, seconds=5):
        self.socket.settimeout(seconds)
        self.socket.send(wire)
        while True:
            reply = self.socket.recv(65535)
            if reply[:2] == wire[:2]:
                return dns.message.from_wire(reply)


# ---- comparison

def records(section, dname_targets=()):
    """As a set of text, lower-cased, one record each; a CNAME made from a DNAME without its TTL."""
    out = set()
    for rrset in section:
        owner = rrset.name.to_text().lower()
        made = rrset.rdtype == dns.rdatatype.CNAME and any(rrset.name.is_subdomain(d) and rrset.name != d for d in dname_targets)
        for r in rrset:
            out.add(f"{owner} {'-' if made else rrset.ttl} {dns.rdatatype.to_text(rrset.rdtype)} {r.to_text().lower()}")
    return frozenset(out)


class Outcome:
    """What of a reply must be the same on every server."""

    def __init__(self, reply):
        dnames = [r.name for r in reply.answer if r.rdtype == dns.rdatatype.DNAME]
        self.rcode, self.aa = dns.rcode.to_text(reply.rcode()), bool(reply.flags & dns.flags.AA)
        self.tc = bool(reply.flags & dns.flags.TC)
        self.answer, self.authority = records(reply.answer, dnames), records(reply.authority)
        self.glue = frozenset()
        if self.answer:  # NSD adds the zone's NS to answers, which are complete without
            self.authority = frozenset(r for r in self.authority if " NS " not in r or not self.aa)
        if not reply.answer and not self.aa:
            self.glue = records(reply.additional)

    def key(self):
        return self.rcode, self.aa, self.answer, self.authority, self.glue

    def __str__(self):
        lines = [f"  {self.rcode}{' aa' if self.aa else ''}{' tc' if self.tc else ''}"]
        for title, part in (("AN", self.answer), ("NS", self.authority), ("GL", self.glue)):
            lines += [f"    {title} {r}" for r in sorted(part)]
        return "\n".join(lines)


def excused(world, name, rdtype, ours, theirs, peer):
    """Differences that are choices, or where the peer is wrong."""
    cnames = {r.split()[0]: r.split()[-1] for r in ours.answer if " CNAME " in r}
    last, apexes = name.lower(), [z.apex for z in world.zones]
    for _ in cnames:
        last = cnames.get(last, last)
    shorter = theirs.rcode == "NOERROR" and theirs.aa and theirs.answer <= ours.answer
    if peer == "knotd" and any(world.zone_of(c) not in (world.zone_of(name), None) for c in cnames.values()):
        return shorter  # Knot follows a chain inside the zone it began in and leaves the rest to the resolver
    if peer == "nsd" and len(cnames) == CHAIN_MAX and theirs.answer >= ours.answer:
        return True  # NSD follows two DNAMEs that feed each other until the packet is full
    if peer == "nsd":  # it goes through a single DNAME once; a chain that comes back to it ends there
        for dname in (r.split()[0] for r in ours.answer if " DNAME " in r):
            if sum(c.endswith("." + dname) for c in cnames) > 1:
                return shorter
    if rdtype == "DS" and last in apexes:
        # DS belongs to the parent. When that is not here but the grandparent is, RFC 4035, 3.1.4.1, wants an authoritative
        # NODATA of the child, as BIND gives; NSD and Knot refer to the parent. At the end of a chain NSD says nothing at
        # all, and Knot stays in the child even when the parent is here.
        return theirs.answer == ours.answer and bool(cnames or (ours.aa and not theirs.aa))
    return False


# ---- the test

def serve(lab, zones):
    """(name, Client) of each server, Waymark first; how to stop the others."""
    for zone in zones:
        lab.write(f"zones/{zone.apex}zone", zone.text())
    lab.start(f"listen: {lab.ip(1)}:5300\nzones: zones/\ncontrol: {{socket: control.sock}}\nuser: nobody\nworkers: 1\n")
    peers = [Peer(name, lab.ip(2 + i), lab.folder / name, zones) for i, name in enumerate(("nsd", "knotd")) if program(name)]
    clients = [("waymark", Client(lab.ip(1)))] + [(p.name, Client(p.address)) for p in peers]
    asked = [dns.message.make_query(z.apex, "SOA").to_wire() for z in zones]

    def ready(peer, client):
        assert peer.process.poll() is None, f"{peer.name} ended:\n{peer.log.read_text()}"
        return all(client.ask(wire, 1).answer for wire in asked)

    for peer, (_, client) in zip(peers, clients[1:]):
        wait(f"{peer.name} to serve every zone", lambda: ready(peer, client))
    return clients, peers


def compare(world, clients):
    """Text of what differs, and how much was compared."""
    found, count = [], 0
    for name, rdtype in world.questions:
        query = dns.message.make_query(name, rdtype, use_edns=0, payload=1232)
        query.flags = 0
        wire = query.to_wire()
        outcomes = [(server, Outcome(client.ask(wire))) for server, client in clients]
        ours = outcomes[0][1]
        for server, theirs in outcomes[1:]:
            if world.odd and server == "knotd":
                continue
            count += 1
            if theirs.key() == ours.key() or excused(world, name, rdtype, ours, theirs, server):
                continue
            found.append(f"{name} {rdtype}\n" + "".join(f" {s}:\n{o}\n" for s, o in outcomes))
            break
    return found, count


@pytest.mark.skipif(not any(map(program, ("nsd", "knotd"))), reason="neither NSD nor Knot is here: tools/setup check unpacks NSD")
@pytest.mark.parametrize("batch", range(BATCHES))
def test_peers_say_the_same(lab, batch):
    first = SEED or (random.SystemRandom().randrange(1, 1 << 30) if NEW else 1)
    worlds = [World(first + i) for i in range(1 if SEED else WORLDS)]
    clients, peers = serve(lab, [z for w in worlds for z in w.zones])
    try:
        total = 0
        for world in worlds:
            found, count = compare(world, clients)
            total += count
            assert not found, (
                f"{len(found)} replies differ; WAYMARK_DIFFERENTIAL_SEED={world.seed} repeats this world\n\n" + "\n".join(found[:5])
                + "\n" + "\n".join(f"; {z.apex}\n{z.text()}" for z in world.zones))
        assert total > 0
        print(f"{total} replies compared with {', '.join(name for name, _ in clients[1:])}")
    finally:
        for p in peers:
            p.stop()
