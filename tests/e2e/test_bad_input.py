"""Bad input: a clear error with its place, nothing half started, exit 1 (issue: bad input)."""
import os, re, socket, subprocess, time
import pytest
from lab import WAYMARK, conf, four_proxies
from lab import ZONE, wait


def run(lab, *args, timeout=30):
    return subprocess.run([str(WAYMARK), *args], cwd=lab.folder, capture_output=True, text=True, timeout=timeout)


def line_of(text, needle):
    before = text[:text.index(needle)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


CASES = [
    # (replace, with, the place the error points to, words it has)
    ("workers: 2", "wrokers: 2", "wrokers", ["wrokers", "workers"]),
    ("workers: 2", "workers: 2\nworkers: 3", "workers: 3", ["workers", "twice"]),
    ("ttl: 30s", "ttl: 30", "30\n", ["ttl", "30"]),
    ("ttl: 30s", "ttl: 30km", "30km", ["30km"]),
    ("region: london, weight: 10", "region: lodnon, weight: 10", "lodnon", ["lodnon", "london"]),
    ("weight: 5", "weight: 99999999999", "99999999999", ["weight", "65535"]),
    ("check: home", "check: hoem", "hoem", ["hoem", "home"]),
    ("pool: web", "pool: wbe", "wbe", ["wbe", "web"]),
    ("steer: [geo, weighted]", "steer: [geo, least_loaded]", "least_loaded", ["least_loaded"]),
    ("control: {socket: control.sock}", 'control: {socket: control.sock, http: "127.0.0.1:8053"}', "http:", ["http"]),
    ("10.2.0.0/16: newyork", "10.1.0.0/16: newyork", "10.1.0.0/16: newyork", ["10.1.0.0/16"]),
    ("10.2.0.0/16: newyork", "10.2.0.1/16: newyork", "10.2.0.1/16", ["10.2.0.1/16"]),
]


@pytest.mark.parametrize("old,new,place,words", CASES, ids=[c[1].replace("\n", " ")[:30] for c in CASES])
def test_configuration_errors_name_the_place(lab, old, new, place, words):
    lab.write("zones/master.com.zone", ZONE)
    text = conf(lab).replace(old, new, 1)
    assert place in text
    line, column = line_of(text, place)
    lab.write("waymark.yaml", text)
    for verb in ("check", "run"):
        p = run(lab, verb, "-c", "waymark.yaml")
        assert p.returncode == 1, p.stderr
        errors = [l for l in p.stderr.splitlines() if f"waymark.yaml:{line}:{column}: error:" in l]
        assert errors, f"no error at {line}:{column}:\n{p.stderr}"
        assert all(any(w in l for l in errors) for w in words), errors
    assert not (lab.folder / "control.sock").exists()


def test_pool_cycles_are_refused(lab):
    pools = "".join(f"\n  {a}: {{check: home, when_all_down: {{pool: {b}}}, endpoints: {{one: {{address: {lab.ip(11)}}}}}}}"
                    for a, b in (("web", "b"), ("b", "c"), ("c", "web")))
    lab.write("waymark.yaml", conf(lab, pools=pools))
    lab.write("zones/x.zone", ZONE)
    p = run(lab, "check", "-c", "waymark.yaml")
    assert p.returncode == 1 and "cycle" in p.stderr and "web" in p.stderr


def test_all_errors_come_in_one_run(lab):
    lab.write("zones/master.com.zone", ZONE)
    lab.write("waymark.yaml", conf(lab).replace("ttl: 30s", "ttl: 30").replace("weight: 5", "weight: x").replace("workers: 2", "workers: 0"))
    p = run(lab, "check", "-c", "waymark.yaml")
    assert p.returncode == 1 and p.stderr.count("error:") >= 3


def test_a_port_in_use_is_an_error_with_its_place(lab):
    four_proxies(lab)
    lab.write("zones/master.com.zone", ZONE)
    text = conf(lab)
    lab.write("waymark.yaml", text)
    for kind, needle in ((socket.SOCK_DGRAM, f"{lab.ip(1)}:5300"), (socket.SOCK_STREAM, f"{lab.ip(1)}:8000")):
        with socket.socket(socket.AF_INET, kind) as s:
            s.bind(tuple([needle.split(":")[0], int(needle.split(":")[1])]))
            if kind == socket.SOCK_STREAM:
                s.listen()
            p = run(lab, "run", "-c", "waymark.yaml")
            line, _ = line_of(text, needle)
            assert p.returncode == 1 and f"waymark.yaml:{line}:" in p.stderr and needle in p.stderr and "in use" in p.stderr, p.stderr
    # also when it is another waymark, which sets SO_REUSEPORT itself
    server = lab.start(text)
    lab.write("second.yaml", text.replace("control.sock", "second.sock").replace(":8000", ":8001").replace("state/", "state2/"))
    p = run(lab, "run", "-c", "second.yaml")
    assert p.returncode == 1 and ":5300" in p.stderr and "in use" in p.stderr
    assert server.ips("static.master.com") == {"192.0.2.80"}


def test_files_that_are_not_there(lab):
    p = run(lab, "run", "-c", "none.yaml")
    assert p.returncode == 1 and "none.yaml" in p.stderr
    lab.write("waymark.yaml", conf(lab))
    p = run(lab, "run", "-c", "waymark.yaml")  # no zones folder
    assert p.returncode == 1 and "zones" in p.stderr
    lab.write("waymark.yaml", "listen: [127.0.0.1:1, ::1:2]\n")
    p = run(lab, "check", "-c", "waymark.yaml")
    assert p.returncode == 1 and "waymark.yaml:1:" in p.stderr
    os.unlink(lab.folder / "waymark.yaml")
    assert run(lab, "run").returncode == 2


def test_check_reads_zones_and_databases_too(lab):
    lab.write("zones/master.com.zone", ZONE)
    lab.write("waymark.yaml", conf(lab))
    p = run(lab, "check", "-c", "waymark.yaml")
    assert p.returncode == 0, p.stderr
    lab.write("zones/bad.org.zone", "@ SOA ns1 h 1 1h 10m 1w 60\n@ NS ns1\nns1 A 1.2.3.4.5\nw POOL nopool\n")
    (lab.folder / "x.mmdb").write_bytes(b"junk")
    lab.write("waymark.yaml", conf(lab, geo="  databases: [x.mmdb]"))
    p = run(lab, "check", "-c", "waymark.yaml")
    assert p.returncode == 1
    assert "bad.org.zone:3:" in p.stderr and "1.2.3.4.5" in p.stderr
    assert "bad.org.zone:4:" in p.stderr and "nopool" in p.stderr
    assert "x.mmdb" in p.stderr


def test_check_print_is_the_effective_configuration(lab):
    lab.write("zones/master.com.zone", ZONE)
    lab.write("waymark.yaml", conf(lab))
    first = run(lab, "check", "-c", "waymark.yaml", "--print")
    assert first.returncode == 0 and "when_all_down: serve_all" in first.stdout and "ttl_min: 15s" in first.stdout
    lab.write("printed.yaml", first.stdout)
    again = run(lab, "check", "-c", "printed.yaml", "--print")
    assert again.returncode == 0 and again.stdout == first.stdout


def test_a_failed_start_tells_the_journal_its_level(lab):
    lab.write("waymark.yaml", "listen: nonsense\n")
    read, write = os.pipe()
    stream = os.fstat(write)
    env = {**os.environ, "JOURNAL_STREAM": f"{stream.st_dev}:{stream.st_ino}"}
    assert subprocess.run([WAYMARK, "run", "-c", lab.folder / "waymark.yaml"], stderr=write, env=env).returncode == 1
    os.close(write)
    with os.fdopen(read) as lines:
        text = lines.read()
    assert "<3>waymark: not started\n" in text and all(l.startswith("<3>") for l in text.splitlines()), text


def test_too_little_address_space_says_so(lab):
    lab.write("waymark.yaml", conf(lab))
    p = subprocess.run(["prlimit", f"--as={400 << 20}", WAYMARK, "run", "-c", lab.folder / "waymark.yaml"], capture_output=True, text=True)
    assert p.returncode == 1 and re.search(r"cannot map the board's \w+ sheet, \d+ octets of address space: .* ulimit -v", p.stderr), p.stderr


def test_check_goes_on_after_a_syntax_error(lab):
    lab.write("zones/master.com.zone", ZONE.replace("192.0.2.80", "192.0.2.800"))
    text = conf(lab).replace("log: {level: debug}", "log: {level: loud}").replace("control: {socket", "control {socket").replace("regions:", "\tregions:")
    lab.write("waymark.yaml", text)
    p = run(lab, "check")  # waymark.yaml in this folder
    assert p.returncode == 1
    for needle, words in (("control {socket", "a colon is missing after"), ("level: loud", "loud"), ("\tregions", "a tab")):
        line, _ = line_of(text, needle)
        assert any(f"waymark.yaml:{line}:" in l and words in l for l in p.stderr.splitlines()), (needle, p.stderr)
    assert "192.0.2.800" in p.stderr and '" is missing' not in p.stderr and "there is no" not in p.stderr, p.stderr
    # the zones and the databases of a file whose values are wrong
    lab.write("waymark.yaml", conf(lab).replace("ttl: 30s", "ttl: 30") + "\n")
    p = run(lab, "check")
    assert "has no unit" in p.stderr and "192.0.2.800" in p.stderr and p.returncode == 1


def test_check_of_a_file_that_is_no_mapping(lab):
    for text, words in (("listen\n", "1:1: error: the file takes a mapping"), ("- listen\n", "1:1: error: the file takes a mapping"),
                        ('pools:\n\tweb: x\nlisten "127.0.0.1:53"\n', "2:1: error: "),
                        ('listen "127.0.0.1:53"\nzones: zones\nuser: nobody\n', "1:1: error: a colon is missing")):
        lab.write("waymark.yaml", text)
        p = run(lab, "check")
        assert p.returncode == 1 and f"waymark.yaml:{words}" in p.stderr and "not usable" in p.stderr, (text, p)


@pytest.mark.parametrize("text, words", [
    ('listen "127.0.0.1:53"\nzones: zones\n', "waymark.yaml:"),
    ("- listen\n", "takes a mapping of keys"),
    ("listen\n", "takes a mapping of keys"),
    ("listen: *x\nzones: [\n", "aliases"),
])
def test_check_survives_a_file_without_any_key(lab, text, words):
    lab.write("waymark.yaml", text)
    p = run(lab, "check")
    assert p.returncode == 1 and words in p.stderr and "waymark: not usable: " in p.stderr, p


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has other accounts to look with")
def test_check_looks_with_the_roles_accounts(lab):
    lab.write("zones/master.com.zone", ZONE)
    lab.write("waymark.yaml", conf(lab))
    assert run(lab, "check").returncode == 0
    os.chmod(lab.folder / "zones/master.com.zone", 0o600)  # root's: dns runs as nobody
    p = run(lab, "check")
    assert p.returncode == 1 and "master.com.zone" in p.stderr and "Permission denied" in p.stderr, p.stderr
    os.chmod(lab.folder / "zones/master.com.zone", 0o644)
    lab.write("waymark.yaml", conf(lab).replace("user: nobody", "user: nobody-of-that-name"))
    p = run(lab, "check")
    assert p.returncode == 1 and 'nor "nobody-of-that-name" exists' in p.stderr, p.stderr
    folder = lab.folder / "of-root"
    folder.mkdir(mode=0o700)
    (folder / "something").touch()
    lab.write("waymark.yaml", conf(lab).replace("state: state/", "state: of-root"))
    p = run(lab, "check")
    assert p.returncode == 1 and "cannot write there" in p.stderr, p.stderr


VERBS = "run check ask status zones watch drain force-up force-down weight restore reload snapshot".split()


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_how_it_is_used(lab, verb):
    for words in ((verb, "--help"), (verb, "-h"), ("help", verb)):
        p = run(lab, *words)
        assert p.returncode == 0 and f"waymark {verb} " in p.stdout and p.stderr == "", p
    if verb == "zones":
        assert "waymark zones forget " in run(lab, "zones", "forget", "--help").stdout and "zones forget" in run(lab, "zones", "-h").stdout
    if verb in ("run", "check"):
        p = run(lab, verb)
        assert p.returncode == 2 and "no waymark.yaml here" in p.stderr


def test_what_is_typed_elsewhere_finds_its_word_here(lab):
    p = run(lab, "undrain", "web/lon1")
    assert p.returncode == 2 and 'did you mean "restore"?' in p.stderr
    p = run(lab, "drain", "web/lon1", "--for", "90")
    assert p.returncode == 2 and "90 has no unit: write 90s, 90m or 90h" in p.stderr
