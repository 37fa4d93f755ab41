#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""backlog.py - what a million waiting messages cost while a provider's rate holds
them back: CPU, memory, writes.

usage: backlog.py [--count N] [--seconds N] [--rate RATE] [--directory DIR]
                  [--keep]

--count      messages that wait (1000000)
--seconds    how long is looked (30)
--rate       what the provider allows ("14 msg/s")
--directory  the spool, some 2 KiB a message (/var/tmp)

The queue is filled while the provider is down; then it takes the rate, and no
more is handed in.  Exit: 1 where it takes more than a hundredth of a core, or
more went out than the rate lets.
"""
import argparse
import json
import sys
import time

import stage
import checker
import harness

CORE_MAX = 0.01
SETTLE_SECONDS = 3  # after the provider is back


def written_kib(pid):
    for line in open("/proc/%d/io" % pid):
        if line.startswith("write_bytes:"):
            return int(line.split()[1]) // 1024


def play(st, opt):
    """Figures while it waits and sends at the rate."""
    sink, sink_port = st.sink("slow", "", "--brief", "--log", st.log_of("slow"))
    port = harness.free_port()
    settings = {"listeners": [{"name": "in", "address": ["127.0.0.1:%d" % port]}],
                "providers": [stage.harness.provider(harness.free_port(), name="slow", rate=[opt.rate])]}
    st.configure(settings)
    daemon = st.daemon()
    report = json.loads(st.load(port, opt.count, "-c", 100, "-g", 60).communicate()[0])
    st.end_daemon(daemon)
    if report["acked"] != opt.count:
        stage.fail("only %d were acknowledged" % report["acked"])
    settings["providers"][0]["port"] = sink_port
    st.configure(settings)
    daemon = st.daemon()
    stage.nap(SETTLE_SECONDS)
    cpu, kib, begin = stage.cpu_seconds(daemon.pid), written_kib(daemon.pid), time.monotonic()
    stage.nap(opt.seconds)
    took = time.monotonic() - begin
    figures = dict(cpu=(stage.cpu_seconds(daemon.pid) - cpu) / took, kib_per_s=(written_kib(daemon.pid) - kib) / took,
                   anon_kib=stage.status_kib(daemon.pid, "RssAnon"))
    st.end_daemon(daemon)
    st.check_reports()
    st.end_sink(sink)
    rows = checker.read(st.log_of("slow"))
    return figures, rows


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--count", type=int, default=1000000)
    ap.add_argument("--seconds", type=float, default=30)
    ap.add_argument("--rate", default="14 msg/s")
    ap.add_argument("--directory", default="/var/tmp")
    ap.add_argument("--keep", action="store_true")
    opt = ap.parse_args()
    st = stage.Stage("backlog", opt.directory, keep=opt.keep)
    try:
        f, rows = play(st, opt)
    finally:
        st.close()
    w = checker.window(rows, opt.rate)
    print("%d waiting at %s: %.2f %% of a core, %.1f MiB anonymous, %.0f KiB written a second" % (
        opt.count, opt.rate, 100 * f["cpu"], f["anon_kib"] / 1024, f["kib_per_s"]))
    print("%d sent, at most %d of %d in any window, %.1f %% of what is allowed" % (
        len(checker.messages(rows)), w.most, w.allowed, 100 * w.use))
    return 0 if f["cpu"] <= CORE_MAX and w.most <= w.allowed else 1


if __name__ == "__main__":
    sys.exit(main())
