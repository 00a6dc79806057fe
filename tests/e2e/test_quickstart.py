"""The README's ten lines are the files of examples/quickstart, and steer."""
import re
from lab import ROOT, wait

README = (ROOT / "README.md").read_text()
FOLDER = ROOT / "examples/quickstart"


def test_the_readme_shows_the_files(lab):
    for name in ("waymark.yaml", "zones/master.com.zone"):
        shown = re.search(rf"^`examples/quickstart/{re.escape(name)}`:\n\n```\w*\n(.*?)^```$", README, re.M | re.S)
        assert shown and shown[1] == (FOLDER / name).read_text(), name


def test_the_readmes_digs_get_what_it_says(lab):
    """Two clients, two answers: each `dig` of the README has the address that it gets in its comment."""
    lab.write("zones/master.com.zone", (FOLDER / "zones/master.com.zone").read_text())
    text = (FOLDER / "waymark.yaml").read_text()
    assert '"127.0.0.1:5353"' in text
    lab.write("waymark.yaml", text.replace("127.0.0.1:5353", f"{lab.ip(1)}:5300") + "user: nobody\n")
    server = lab.start((lab.folder / "waymark.yaml").read_text())
    check = server.cli("check")
    assert "0 errors, 0 warnings" in check.stderr, check.stderr
    digs = re.findall(r"^dig @127\.0\.0\.1 -p 5353 (.*?) +# (192\.0\.2\.\d+):", README, re.M)
    assert len({address for _, address in digs}) == 2 and any("+subnet=" in asked for asked, _ in digs)
    for asked, address in digs:  # SERVFAIL until the first checks have ended
        wait(f"dig {asked}", lambda: server.dig("+short", *asked.split()).split() == [address])
