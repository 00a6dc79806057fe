"""Every unit test binary is a test, and every fuzz corpus. Their output is shown when they fail."""
import os, pathlib, re, subprocess, pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / os.environ.get("WAYMARK_BUILD", "build")
ONLY = os.environ.get("WAYMARK_ONLY", "").split()
UNITS = [u for u in sorted(p.stem for p in (ROOT / "tests/unit").glob("test_*.c")) if not ONLY or u in ONLY]
FUZZERS = sorted(p.stem.removeprefix("fuzz_") for p in (ROOT / "tests/fuzz").glob("fuzz_*.c"))
ENV = {**os.environ, "WAYMARK_ROOT": str(ROOT), "ASAN_OPTIONS": "detect_leaks=1", "TSAN_OPTIONS": "halt_on_error=1"}


def run(command, seconds):
    p = subprocess.run(["timeout", str(seconds), *map(str, command)], cwd=ROOT, env=ENV, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, errors="replace")
    assert p.returncode == 0, f"{command[0]} ended with {p.returncode}\n{p.stdout[-8000:]}"
    return p.stdout


@pytest.mark.parametrize("name", UNITS)
def test_unit(name):
    out = run([BUILD / "unit" / name], 300)
    skipped = re.findall(r"^\[  SKIPPED \] (\S+)", out, re.M)
    if skipped:
        pytest.skip("all others passed; skipped: " + ", ".join(dict.fromkeys(skipped)))


@pytest.mark.parametrize("name", FUZZERS)
def test_fuzz_corpus(name):
    out = run([BUILD / "replay" / name, ROOT / "tests/fuzz/corpus" / name], 300)
    assert re.search(r"^[1-9]\d* inputs$", out, re.M)
