#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""listing.py - what an operator's look at a long queue takes, and what it costs
the mail that goes through meanwhile.

usage: listing.py [--count N] [--rounds N] [--seconds N] [--rate N]
                  [--directory DIR] [--keep]

--count      messages that wait (1000000)
--rounds     of mail that goes through beside somebody who looks; before and after
             each is one of mail alone (7)
--seconds    of a round (5)
--rate       of that mail, messages a second (500)
--directory  the spool, some 2 KiB a message (/var/tmp)

A message's delay is from when its sender meant to begin with it until the sink
has its end.  A round beside is held against the mean of the two alone around it,
so that what else the machine does counts the same; of all rounds the medians.
"noise" is how far the rounds alone are from each other in the same way.

Exit: 1 where the first row takes 100 ms, counting all by three fields 3 s (of a
million), or where that mail's rate or the 99th percentile of its delay is a fifth
worse while the whole queue is listed and counted again and again.
"""
import argparse
import json
import statistics
import subprocess
import sys
import threading
import time

import stage
import harness

POSTERN = str(harness.BUILD / "postern")
FIRST_MS, COUNT_S, WORSE = 100, 3.0, 1.2
QUANTILES = (50, 95, 99)


def ask(st, *words):
    return [POSTERN, "queue", *words, "-s", str(st.dir / "control.sock")]


def first_row_ms(st):
    """Until the second line, which is behind the heading."""
    begin = time.monotonic()
    p = st.start(ask(st, "list", "--where", "age>0s and not code=450"), stdout=subprocess.PIPE)
    p.stdout.readline()
    line = p.stdout.readline()
    took = (time.monotonic() - begin) * 1000
    p.stdout.close()
    p.wait()
    if not line:
        stage.fail("nothing is listed")
    return took


def count_s(st, opt):
    begin = time.monotonic()
    out = st.start(ask(st, "count", "--group-by", "route,provider,code", "--json"), stdout=subprocess.PIPE).communicate()[0]
    took = time.monotonic() - begin
    n = sum(json.loads(line)["count"] for line in out.splitlines())
    if n < opt.count:
        stage.fail("only %d are counted" % n)
    return took


class Looker(threading.Thread):
    """Somebody who lists and counts the whole queue again and again."""

    def __init__(self, st):
        super().__init__(daemon=True)
        self.st, self.counts_s, self.over = st, [], threading.Event()
        self.start()

    def run(self):
        while not self.over.is_set():
            begin = time.monotonic()
            if self.is_whole("count", "--group-by", "route,provider,code"):
                self.counts_s.append(time.monotonic() - begin)
            self.is_whole("list", "--json")

    def is_whole(self, *words):
        p = self.st.start(ask(self.st, *words), stdout=subprocess.DEVNULL)
        while p.poll() is None and not self.over.wait(0.01):
            pass
        if p.poll() is None:
            p.terminate()
        return p.wait() == 0

    def end(self):
        self.over.set()
        self.join()


def arrivals(log, at, run, n):
    """When the sink had each message of a run, by their numbers."""
    us, end = {}, time.monotonic() + 60
    while len(us) < n and time.monotonic() < end:
        stage.nap(0.1)
        us = {}
        with open(log) as f:
            f.seek(at)
            for line in f:
                if line.endswith("\n") and run in line:
                    m = json.loads(line)
                    us[m["number"]] = m["us"]
    if len(us) < n:
        stage.fail("only %d were delivered" % len(us))
    return us


def mail(st, opt, port):
    """(messages a second, the delay's quantiles in ms) of mail that goes through."""
    log, n = st.log_of("fast"), int(opt.seconds * opt.rate)
    at = log.stat().st_size
    report = json.loads(st.load(port, n, "-c", 10, "-r", opt.rate, "-f", "now@load.example").communicate()[0])
    if report["acked"] != n:
        stage.fail("only %d were acknowledged" % report["acked"])
    us = arrivals(log, at, report["run"], n)
    delays = sorted((us[i] - report["start_us"] - i * 1e6 / opt.rate) / 1e3 for i in range(n))
    return (n / (max(us.values()) - report["start_us"]) * 1e6, *(delays[n * q // 100] for q in QUANTILES))


class Rounds:
    """Mail alone, beside somebody who looks, alone, beside ... alone."""

    def __init__(self, st, opt, port):
        self.counts_s, self.beside = [], []
        self.alone = [mail(st, opt, port)]
        for _ in range(opt.rounds):
            looker = Looker(st)
            self.beside.append(mail(st, opt, port))
            looker.end()
            self.counts_s += looker.counts_s
            self.alone.append(mail(st, opt, port))

    @staticmethod
    def medians(rounds):
        return [statistics.median(column) for column in zip(*rounds)]

    def ratios(self):
        """Of rate and quantiles: how many times as much beside as alone."""
        return self.medians([[2 * is_ / (a + b) for a, is_, b in zip(*three)]
                             for three in zip(self.alone, self.beside, self.alone[1:])])

    def noise(self):
        return self.medians([[max(a, b) / min(a, b) for a, b in zip(*two)]
                             for two in zip(self.alone, self.alone[1:])])

    def show(self):
        form = "%-7s %7.1f messages/s, delay p50 %.2f ms, p95 %.2f ms, p99 %.2f ms"
        print(form % ("alone", *self.medians(self.alone)))
        print(form % ("beside", *self.medians(self.beside)))
        for name, of in (("ratio", self.ratios()), ("noise", self.noise())):
            print("%-7s %7.3f times       , delay p50 %.2f   , p95 %.2f   , p99 %.2f" % (name, *of))
        if self.counts_s:
            print("beside that mail all were counted in %.2f s" % statistics.median(self.counts_s))


def play(st, opt):
    _, sink_port = st.sink("fast", "", "--brief", "--log", st.log_of("fast"))
    port = harness.free_port()
    settings = {
        "control": {"socket": str(st.dir / "control.sock")},
        "listeners": [{"name": "in", "address": ["127.0.0.1:%d" % port]}],
        "providers": [harness.provider(sink_port, name="fast"),
                      harness.provider(harness.free_port(), name="down")],
        "routes": [{"name": "stuck", "match": {"sender": ["*@stuck.example"]}, "use": ["down"]},
                   {"name": "default", "use": ["fast"]}]}
    st.configure(settings)
    daemon = st.daemon()
    report = json.loads(st.load(port, opt.count, "-c", 100, "-g", 60, "-f", "a@stuck.example").communicate()[0])
    st.end_daemon(daemon)
    if report["acked"] != opt.count:
        stage.fail("only %d were acknowledged" % report["acked"])
    st.configure({**settings, "log": {"to": "stderr", "level": "info"}})
    daemon = st.daemon()
    f = {}
    f["first_ms"] = min(first_row_ms(st) for _ in range(5))
    f["cold_s"] = count_s(st, opt)
    f["count_s"] = min(count_s(st, opt) for _ in range(3))
    anon = stage.status_kib(daemon.pid, "RssAnon")
    f["rounds"] = Rounds(st, opt, port)
    f["anon_kib"] = stage.status_kib(daemon.pid, "RssAnon") - anon
    st.end_daemon(daemon)
    st.check_reports()
    return f


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--count", type=int, default=1000000)
    ap.add_argument("--rounds", type=int, default=7)
    ap.add_argument("--seconds", type=float, default=5)
    ap.add_argument("--rate", type=float, default=500)
    ap.add_argument("--directory", default="/var/tmp")
    ap.add_argument("--keep", action="store_true")
    opt = ap.parse_args()
    st = stage.Stage("listing", opt.directory, keep=opt.keep)
    try:
        f = play(st, opt)
    finally:
        st.close()
    print("%d wait: first row %.0f ms, counted by three fields in %.2f s (first time %.2f s), %+d KiB anonymous" % (
        opt.count, f["first_ms"], f["count_s"], f["cold_s"], f["anon_kib"]))
    f["rounds"].show()
    ratios = f["rounds"].ratios()
    bad = [what for what, is_bad in (
        ("the first row", f["first_ms"] >= FIRST_MS),
        ("counting", f["count_s"] >= COUNT_S * opt.count / 1e6),
        ("the rate", ratios[0] * WORSE < 1),
        ("the delay", ratios[-1] > WORSE)) if is_bad]
    if bad:
        print("too slow: " + ", ".join(bad))
    if f["rounds"].noise()[-1] > WORSE:
        print("the rounds alone differ as much: run it where nothing else runs")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
