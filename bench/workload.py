"""What the servers are asked: one small zone in each server's own words, and the mixes of queries as packets.

    static    an A record of one of 1,000 names
    steered   the nearest of four addresses for a client subnet, one of 1,000 networks of the server's own map
    nxdomain  a random name that does not exist
    wildcard  a random name below a wildcard
    cookie    as static, with a server cookie that is valid
    tcp       as static, over TCP

Every query carries EDNS with a payload of 1232 and neither flags nor options beyond those above.
"""
import random, socket, struct

ZONE, BIG_ZONE = "example.test", "big.test"
HOSTS, NETWORKS, BIG_HOSTS = 1000, 1000, 1_000_000
PLACES = ["london", "newyork", "singapore", "tokyo"]
MIXES = ["static", "steered", "nxdomain", "wildcard", "cookie", "tcp"]
QUERIES = 20_000  # packets of a mix; the generator goes round and round
TYPE_A, TYPE_OPT, OPTION_SUBNET, OPTION_COOKIE = 1, 41, 8, 10


def network(i):
    """Network number i of the map: a private /20, so that nobody's real network is meant."""
    n = (10 << 24) + (i << 12)
    return f"{n >> 24}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"


def place_of(i):
    return PLACES[i * 7 % len(PLACES)]


def address_of(place):
    return f"192.0.2.{10 + PLACES.index(place)}"


HEAD = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n@ NS ns1\nns1 A 192.0.2.53\n"


def zone_text(www):
    """`www`: the line for the steered name."""
    hosts = "".join(f"h{i} A 198.51.100.{i % 250 + 1}\n" for i in range(HOSTS))
    return HEAD + hosts + "*.w A 192.0.2.99\n" + www + "\n"


def write_big_zone(path):
    with open(path, "w") as f:
        f.write(HEAD)
        for i in range(BIG_HOSTS):
            f.write(f"h{i} A 10.{i >> 16}.{i >> 8 & 255}.{i & 255}\n")


# ---- packets

def wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".")) + b"\0"


def query(name, options=b"", qtype=TYPE_A):
    opt = b"\0" + struct.pack(">HHIH", TYPE_OPT, 1232, 0, len(options)) + options
    return struct.pack(">6H", 0, 0, 1, 0, 0, 1) + wire_name(name) + struct.pack(">HH", qtype, 1) + opt


def subnet_option(address, bits=24):
    octets = socket.inet_aton(address)[: (bits + 7) // 8]
    return struct.pack(">HHHBB", OPTION_SUBNET, 4 + len(octets), 1, bits, 0) + octets


def cookie_option(cookie):
    return struct.pack(">HH", OPTION_COOKIE, len(cookie)) + cookie


def exchange(port, packet, seconds=1.0):
    """One query over UDP; the reply, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(seconds)
        s.connect(("127.0.0.1", port))
        try:
            s.send(packet)
            return s.recv(65535)
        except OSError:
            return None


def server_cookie(port, seconds=1.0):
    """The cookie, client's part and server's, that `port` gives to 127.0.0.1; None: the server has none."""
    client = bytes(range(8))
    reply = exchange(port, query("ns1." + ZONE, cookie_option(client)), seconds)
    at = reply.find(client) if reply else -1
    if at < 4:
        return None
    length = struct.unpack(">H", reply[at - 2 : at])[0]
    return reply[at : at + length] if 16 <= length <= 40 else None


def packets(mix, port=None, big=False, seconds=1.0):
    """QUERIES packets of a mix, the same each time; None when the server at `port` cannot be asked so."""
    rng = random.Random(1)
    if mix == "cookie":
        cookie = server_cookie(port, seconds)
        if cookie is None:
            return None
        option = cookie_option(cookie)
        return [query(f"h{rng.randrange(HOSTS)}.{ZONE}", option) for _ in range(QUERIES)]
    if mix == "steered":
        return [query(f"www.{ZONE}", subnet_option(network(rng.randrange(NETWORKS)))) for _ in range(QUERIES)]
    if mix == "nxdomain":
        return [query(f"x{rng.randrange(10**6)}.{ZONE}") for _ in range(QUERIES)]
    if mix == "wildcard":
        return [query(f"x{rng.randrange(10**6)}.w.{ZONE}") for _ in range(QUERIES)]
    if big:  # ten times as many, so that the answers do not fit the processor's cache
        return [query(f"h{rng.randrange(BIG_HOSTS)}.{BIG_ZONE}") for _ in range(10 * QUERIES)]
    return [query(f"h{rng.randrange(HOSTS)}.{ZONE}") for _ in range(QUERIES)]


def write_packets(path, queries):
    path.write_bytes(b"".join(struct.pack(">H", len(q)) + q for q in queries))


def answer_count(reply):
    return struct.unpack(">H", reply[6:8])[0]


def is_expected(mix, reply):
    """Does the reply mean that the server does what the mix is about?"""
    if reply is None:
        return False
    rcode = reply[3] & 15
    return rcode == 3 if mix == "nxdomain" else rcode == 0 and answer_count(reply) == 1
