# SPDX-License-Identifier: Apache-2.0
"""A small day of "make million": three providers with limits, quotas, outages
and a ban, two kill -9."""
import json
import subprocess
import sys

import pytest

import harness

COUNT = 3000
SPEED = 50 if harness.is_built_with(rb"__tsan_init") else 150  # threads are slow then
MILLION = harness.HERE.parent / "bench" / "million.py"


@pytest.mark.clock
def test_a_day(tmp_path):
    p = subprocess.run([sys.executable, MILLION, "--count", str(COUNT), "--hour", "60", "--speed", str(SPEED), "--drain", "48",
                        "--directory", tmp_path, "--json", tmp_path / "figures"], capture_output=True, text=True,
                       timeout=4 * harness.LONG, env={**harness.os.environ, "POSTERN_BUILD": str(harness.BUILD)})
    print(p.stdout + p.stderr)
    assert p.returncode == 0
    f = json.loads((tmp_path / "figures").read_text())
    assert f["lost"] == f["damaged"] == f["bounced"] == 0 and f["acked"] + f["unknown"] + f["unsent"] >= COUNT - 24
    assert all(w["most"] <= w["allowed"] for w in f["windows"])
    # what the providers had when the spool had not yet written it down comes twice, and
    # what the log says of, where a busy machine makes a session wait for too long
    assert f["not_by_kill"] <= f["unsure"], f
    assert all(sum(f["delivered"].values()) / 10 < n for n in f["delivered"].values())
