import subprocess
import sys

import pytest

CHILD = "from components.journal import peak_memory_bytes; print(peak_memory_bytes())"
# Holds 400 MB, and starts the child.
PARENT = f"""
import subprocess, sys
held = bytearray(400_000_000)
held[::4096] = b"x" * len(held[::4096])
print(subprocess.run([sys.executable, "-c", {CHILD!r}], capture_output=True, text=True, check=True).stdout)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process its own peak")
def test_the_peak_of_a_process_is_its_own_and_not_that_of_the_one_that_started_it():
    done = subprocess.run([sys.executable, "-c", PARENT], capture_output=True, text=True, check=True)
    assert 1_000_000 < int(done.stdout) < 200_000_000
