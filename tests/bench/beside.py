#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""beside.py - Postern beside Postfix as a relay: the same load, the same sink, in
turns.

usage: beside.py [--scenario a,b,..] [--runs N] [--factor F] [--spool DIRECTORY]

Postfix is Debian's, unpacked below POSTERN_PEERS (tests/system/peers.py) and set as
fast as it goes: 20 connections to the sink, kept open, as many as Postern has;
processes that are not replaced; no slowing of what comes in.  Both sync each
message before they say 250.  Needs root.  Of each run as in bench.py:

e2e/s       messages at the sink a second, from the first MAIL to the last
cpu s/k     CPU seconds of all of its processes for 1,000 messages

and how many times as much Postern does in a second.  Medians over the runs; run it
where nothing else runs.
"""
import argparse
import atexit
import os
import pathlib
import shutil
import statistics
import sys
import tempfile

sys.dont_write_bytecode = True
import bench  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
import peers  # noqa: E402

SCENARIOS = ["1k-c1", "1k-c10", "1k-c100", "4k-c10", "64k-c10", "1k-c10-m1"]
SHARE = 0.2  # of Postern's number of messages: it takes as long with them
TUNED = dict(max_use="10000", initial_destination_concurrency="20", smtp_destination_concurrency_limit="20",
             smtpd_client_port_logging="no", qmgr_message_active_limit="60000",
             default_process_limit="200")


def ticks(pid):
    """(of the process, of its children that ended, its parent)"""
    f = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
    return int(f[11]) + int(f[12]), int(f[13]) + int(f[14]), int(f[1])


class Postfix:
    def __init__(self, directory, sink_port):
        self.peer = peers.Postfix(pathlib.Path(directory), sink_port, **{
            **TUNED, "smtp_connection_cache_destinations": "[127.0.0.1]:%d" % sink_port})
        self.port = self.peer.port

    def cpu(self):
        master = self.peer.main_pid()
        own, ended, _ = ticks(master)
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and ticks(int(name))[2] == master:
                    own += ticks(int(name))[0]
            except (FileNotFoundError, ProcessLookupError):
                pass
        return (own + ended) / bench.TICKS

    def stop(self):
        self.peer.stop()


def one(relay, scenario, number, where):
    """(messages a second, CPU seconds for a thousand)"""
    directory = tempfile.mkdtemp(prefix="postern-beside.", dir=where)
    try:
        sink = bench.Sink(number, False)
        r = relay(directory, sink.port)
        try:
            before = r.cpu()
            load = bench.generate(r.port, scenario, number)
            arrived = sink.arrived()
            cpu = r.cpu() - before
        finally:
            r.stop()
        bench.check(scenario, number, sink.stop())
    finally:
        shutil.rmtree(directory)
    return bench.rates(load, arrived)[1], cpu * 1000 / number


def main():
    ap = argparse.ArgumentParser(usage=__doc__)
    ap.add_argument("--scenario", default=",".join(SCENARIOS))
    ap.add_argument("--runs", type=int, default=3)
    ap.add_argument("--factor", type=float, default=1.0)
    ap.add_argument("--spool", default="/var/tmp", help="queues are below this directory")
    a = ap.parse_args()
    if os.getuid() != 0:
        sys.exit("beside: Postfix needs root")
    atexit.register(bench.stop_all)
    print("%-10s %18s %18s %7s   %s" % ("", "Postern e2e/s", "Postfix e2e/s", "times", "cpu s/k"))
    for name in a.scenario.split(","):
        number = max(50, int(bench.SCENARIOS[name][0] * a.factor))
        rows = {bench.Postern: [], Postfix: []}
        for _ in range(a.runs):
            for relay in rows:
                n = number if relay is bench.Postern else max(50, int(number * SHARE))
                rows[relay].append(one(relay, name, n, a.spool))
        (ours, cpu), (theirs, their_cpu) = [
            [statistics.median(r[i] for r in of) for i in (0, 1)] for of in rows.values()]
        print("%-10s %18.0f %18.0f %7.1f   %.3f : %.3f" % (name, ours, theirs, ours / theirs, cpu, their_cpu), flush=True)


if __name__ == "__main__":
    main()
