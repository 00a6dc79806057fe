"""Neither a query nor a connection must become much dearer unnoticed: user instructions and system calls, which do not depend
on what else the machine does.

Sanitized servers do not run under valgrind: for them there is no test here.
"""
import os, pathlib, re, sys
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / os.environ.get("WAYMARK_BUILD", "build")
# What no ordinary build comes near, with either compiler and flags of one's own. The budgets are bench/instructions' business.
LIMITS = {"static": 1300, "steered": 2100, "nxdomain": 1700, "wildcard": 1500, "cookie": 1700}

sys.path.insert(0, str(ROOT / "bench"))
sys.dont_write_bytecode = True

if b"__asan_init" not in (BUILD / "waymark").read_bytes():

    def test_no_query_costs_many_more_instructions_than_it_did():
        import instructions_of
        counted = instructions_of.measure(1000)["Waymark"]
        assert {mix: n for mix, n in counted.items() if n is None or n > LIMITS[mix]} == {}

    def test_a_short_connection_keeps_to_its_instructions():
        import instructions_of
        counted = instructions_of.measure_balancer(200)["waymark"]
        assert 0 < counted <= instructions_of.BALANCER_BUDGETS["instructions"]


@pytest.mark.parametrize("kind", ["calls", "alone"])
def test_a_short_connection_keeps_to_its_system_calls(kind):
    import instructions_of, measure
    out = measure.program("balancer_load", kind, "waymark", 640 if kind == "calls" else 50)
    if out is None:
        pytest.skip("ptrace is not allowed here")
    assert 0 < float(re.search(r": ([\d.]+) ", out)[1]) <= instructions_of.BALANCER_BUDGETS[kind], out
