"""`make install`, as a packager and as an administrator use it: what lies where, and a unit that its service manager takes."""
import os, pathlib, re, shutil, subprocess, pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILES = """lib/systemd/system/waymark.service lib/sysusers.d/waymark.conf sbin/waymark share/waymark/waymark.schema.json
share/doc/waymark/LICENSE share/doc/waymark/operations.md share/doc/waymark/examples/waymark.yaml
share/doc/waymark/examples/zones/master.com.zone""".split()


@pytest.fixture
def make(tmp_path):
    """`make` in a copy of the tree whose program is built already: no test writes into the build that others run."""
    tree = tmp_path / "tree"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns("build", ".git", "corpus"))
    build = tree / "build"
    build.mkdir()

    def run(*words):
        p = subprocess.run(["make", "-s", "-o", "all", *words], cwd=tree, capture_output=True, text=True, env={**os.environ, "MAKEFLAGS": ""})
        assert p.returncode == 0, p.stdout + p.stderr

    shutil.copy2(ROOT / os.environ.get("WAYMARK_BUILD", "build") / "waymark", build / "waymark")
    return run


def installed(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


def test_the_unit_of_an_installation_passes_and_is_shut_in(make, tmp_path):
    prefix = tmp_path / "prefix"
    make("install", f"PREFIX={prefix}")
    unit = prefix / "lib/systemd/system/waymark.service"
    assert set(FILES) <= set(installed(prefix))
    assert re.findall(r"(?m)^Exec(?:Start|Reload)=(\S+)", unit.read_text()) == [f"{prefix}/sbin/waymark"] * 2
    p = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    assert p.returncode == 0 and str(unit.name) not in p.stderr, p.stderr
    p = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=30", unit], capture_output=True, text=True)
    assert p.returncode == 0, p.stdout[-200:] + p.stderr  # exposure 3.0 at most
    make("uninstall", f"PREFIX={prefix}")
    assert installed(prefix) == []


def test_a_package_is_laid_out_below_its_own_root(make, tmp_path):
    root = tmp_path / "root"
    make("install", "PREFIX=/usr", f"DESTDIR={root}")
    assert sorted(p.name for p in root.iterdir()) == ["usr"]
    assert set(FILES) <= set(installed(root / "usr"))
    text = (root / "usr/lib/systemd/system/waymark.service").read_text()
    assert "ExecStart=/usr/sbin/waymark run -c /etc/waymark/waymark.yaml\n" in text and "/usr/local" not in text
    assert "Documentation=file:/usr/share/doc/waymark/operations.md\n" in text
    make("uninstall", "PREFIX=/usr", f"DESTDIR={root}")
    assert installed(root) == []
