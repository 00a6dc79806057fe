"""A query must not become much dearer unnoticed: user instructions, which do not depend on what else the machine does.

Sanitized servers do not run under valgrind: for them there is no test here.
"""
import os, pathlib, sys

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
