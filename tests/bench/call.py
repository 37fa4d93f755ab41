#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""call.py - what a program pays for calling sendmail.

usage: call.py [-n N] [--spool DIR]

Calls `sendmail -i RCPT` with 4 KiB N times (500), in turns with the same program
when it has nothing to do (`sendmail -bi`: the floor, fork, exec and exit).  The
spool is in memory, so that the disk is not measured; --spool puts it elsewhere.
The programs are found in POSTERN_BUILD (or the current directory).  Prints
medians and 99th percentiles in ms; the bar is 2 ms above the floor.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))
import harness

SENDMAIL = os.environ.get("POSTERN_SENDMAIL", str(harness.BUILD / "postern-sendmail"))


def once(argv, env, content):
    content.seek(0)
    begin = time.perf_counter()
    subprocess.run(argv, stdin=content, env=env, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - begin) * 1000


def line(name, ms):
    ms = sorted(ms)
    print("%-10s p50 %.2f ms   p99 %.2f ms" % (name, statistics.median(ms), ms[int(len(ms) * 0.99)]))


def main():
    a = argparse.ArgumentParser()
    a.add_argument("-n", type=int, default=500)
    a.add_argument("--spool", default="/dev/shm")
    a = a.parse_args()
    with tempfile.TemporaryDirectory(dir=a.spool) as tmp, tempfile.TemporaryFile() as content:
        content.write(b"Subject: s\n\n" + (b"y" * 63 + b"\n") * 64)
        content.flush()
        s = harness.Sink("--brief")
        p = harness.Postern(tmp, [harness.provider(s.port)]).start()
        env = {**os.environ, "POSTERN_SUBMISSION": p.settings["submission"]["socket"], "POSTERN_DROP": "/nowhere"}
        floor, full = [], []
        for _ in range(a.n):
            floor.append(once([SENDMAIL, "-bi"], env, content))
            full.append(once([SENDMAIL, "-i", "ann@example.net"], env, content))
        line("floor", floor)
        line("sendmail", full)
        print("%-10s p50 %.2f ms" % ("more", statistics.median(full) - statistics.median(floor)))
        s.wait_messages(a.n)
        p.stop()
        s.stop()


main()
