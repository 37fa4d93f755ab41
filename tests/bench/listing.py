#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""listing.py - what an operator's look at a long queue takes, and what it costs
the mail that goes through meanwhile.

usage: listing.py [--count N] [--seconds N] [--rate N] [--directory DIR] [--keep]

--count      messages that wait (1000000)
--seconds    how long mail goes through, with and without somebody who looks (20)
--rate       of that mail, messages a second (500)
--directory  the spool, some 2 KiB a message (/var/tmp)

Exit: 1 where the first row takes 100 ms, counting all by three fields 3 s (of a
million), or where that mail's rate or the 99th percentile of its delay is a fifth
worse while the whole queue is listed and counted again and again.
"""
import argparse
import json
import re
import subprocess
import sys
import threading
import time

import stage
import harness

POSTERN = str(harness.BUILD / "postern")
FIRST_MS, COUNT_S, WORSE = 100, 3.0, 1.2
DELAY = re.compile(rb"event=delivered .* delays=(\d+)/(\d+)/(\d+)")


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
        self.st, self.times, self.over = st, 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.is_set():
            words = ("list", "--json") if self.times % 2 else ("count", "--group-by", "domain")
            p = self.st.start(ask(self.st, *words), stdout=subprocess.DEVNULL)
            while p.poll() is None and not self.over.wait(0.01):
                pass
            if p.poll() is None:
                p.terminate()
                p.wait()
            else:
                self.times += 1

    def end(self):
        self.over.set()
        self.join()
        return self.times


def mail(st, opt, port):
    """(messages a second, p50 and p99 of the delay in ms) of mail that goes through."""
    log = st.log_of("postern")
    at, n = log.stat().st_size, int(opt.seconds * opt.rate)
    begin = time.monotonic()
    report = json.loads(st.load(port, n, "-c", 10, "-r", opt.rate, "-f", "now@load.example").communicate()[0])
    took = time.monotonic() - begin
    if report["acked"] != n:
        stage.fail("only %d were acknowledged" % report["acked"])
    delays, end = [], time.monotonic() + 60
    while len(delays) < n and time.monotonic() < end:
        stage.nap(0.2)
        with open(log, "rb") as f:
            f.seek(at)
            delays = [sum(map(int, m.groups())) for m in DELAY.finditer(f.read())]
    if len(delays) < n:
        stage.fail("only %d were delivered" % len(delays))
    delays.sort()
    return n / took, delays[len(delays) // 2], delays[len(delays) * 99 // 100]


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
    f["alone"] = mail(st, opt, port)
    looker = Looker(st)
    f["beside"] = mail(st, opt, port)
    f["looks"] = looker.end()
    f["again"] = mail(st, opt, port)
    f["anon_kib"] = stage.status_kib(daemon.pid, "RssAnon") - anon
    st.end_daemon(daemon)
    st.check_reports()
    return f


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--count", type=int, default=1000000)
    ap.add_argument("--seconds", type=float, default=20)
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
    for name in ("alone", "beside", "again"):
        print("%-6s %6.1f messages/s, delay p50 %d ms, p99 %d ms%s" % (
            name, *f[name], ", beside %d looks at all" % f["looks"] if name == "beside" else ""))
    p99 = max(f["alone"][2], f["again"][2])
    bad = [what for what, is_bad in (
        ("the first row", f["first_ms"] >= FIRST_MS),
        ("counting", f["count_s"] >= COUNT_S * opt.count / 1e6),
        ("the rate", f["beside"][0] * WORSE < opt.rate),
        ("the delay", f["beside"][2] > max(p99 * WORSE, p99 + 1))) if is_bad]
    if bad:
        print("too slow: " + ", ".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
