# SPDX-License-Identifier: Apache-2.0
"""A full disk: 452 4.3.1, no crash, no loss; deliveries drain it, and then
mail is taken again, all by itself."""
import os
import subprocess

import pytest

import harness
from test_sendmail import sendmail

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small file system")


@pytest.fixture
def small_disk(tmp_path):
    """48 MiB."""
    where = tmp_path / "small"
    where.mkdir()
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=0700", "postern-test", where],
                       capture_output=True, text=True)
    if r.returncode != 0:
        pytest.skip("no small file system can be mounted here: " + r.stderr.strip())
    yield where
    subprocess.run(["umount", "-l", where], check=True)


QUICK = dict(breaker={"failures": 3, "open": "100ms", "open_max": "300ms"})


def fill(p, load):
    job = load(p.port, 30000, 10, "-s", "8192", "-g", "3").result()
    assert job["replies"].get("452", 0) > 0, job
    # 421: so many tries without a message on one session
    assert set(job["replies"]) <= {"452", "421"}, job
    assert job["unknown"] == 0 and job["nonsense"] == 0
    return job


def drained(s, job):
    acked = {n for n, st in job["states"].items() if st == "acked"}

    def all_there(lines):
        return not acked - {m["number"] for m in s.events("message", lines) if m["run"] == job["run"]}
    s.out.wait(all_there, harness.LONG * 2, what="all that was acknowledged")


@pytest.mark.parametrize("spool", [{}, {"min_free": "1M", "ballast": "1M"}], ids=["low-water-mark", "to-the-last-page"])
def test_full_and_drained(spool, small_disk, sink, postern, load):
    port = harness.free_port()
    p = postern(harness.provider(port, **QUICK), spool_directory=small_disk / "spool", spool=spool,
                retry={"quick": ["100ms"], "min": "1s", "max": "1s"})
    job = fill(p, load)
    assert job["acked"] > 500
    p.wait_event("spool.full")
    s = sink(port=port, maildir=None)
    drained(s, job)
    # taken again, without a hand on it
    p.wait_event("spool.room")
    more = load(p.port, 200, 5, first=100000).result()
    assert more["acked"] == 200, more
    drained(s, more)
    p.stop()
    n = s.stop()
    assert n["damaged"] == 0
    assert n["duplicates"] == 0


def test_full_killed_and_started(small_disk, sink, postern, load):
    port = harness.free_port()
    p = postern(harness.provider(port, **QUICK), spool_directory=small_disk / "spool",
                retry={"quick": ["100ms"], "min": "1s", "max": "1s"})
    job = fill(p, load)
    # who calls sendmail knows, too, and waits for nothing
    r = sendmail(p, "ann@example.net")
    assert r.returncode == 75 and "452 4.3.1" in r.text and r.text.count("\n") == 1 and list(p.drop.iterdir()) == []
    p.kill9()
    p.start()
    s = sink(port=port, maildir=None)
    drained(s, job)
    p.stop()
    assert s.stop()["damaged"] == 0
