import os, sys
import pytest

sys.path.insert(0, os.path.dirname(__file__))
from lab import Lab


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path)
    yield lab
    for server in lab.servers:
        log = server.log()
        print(f"---- log of {server.conf}\n{log[-20000:]}")
        for report in ("AddressSanitizer", "runtime error:", "LeakSanitizer", "ThreadSanitizer"):
            assert report not in log, f"a sanitizer reported:\n{log[-20000:]}"
    lab.close()
