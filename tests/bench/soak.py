#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""soak.py - hours at a steady rate while the providers fail at random: memory,
descriptors and the spool's file must not grow, and nothing may be lost.

usage: soak.py [--seconds N] [--rate N] [--seed N] [--directory DIR] [--keep]

--seconds    how long (7200, or SOAK_SECONDS)
--rate       messages a second (200)
--seed       of the faults; printed, so that a run can be played again
--directory  the spool and the logs (/var/tmp)

What posternd uses is looked at each hundredth of the time; the median of the
last fifth may be above that of the second fifth by a tenth and the slack of
GROWTH.  Exit: 1 where something grew, was lost, damaged or bounced.
"""
import argparse
import json
import os
import random
import statistics
import sys
import time

import stage
import harness

FIRST = 0.2  # what comes before is warming up
# what may not grow: by a tenth, and so much
GROWTH = {"RssAnon KiB": 4096, "descriptors": 16, "data.mdb KiB": 16384}
PROVIDERS = 3
DRAIN_SECONDS = 300
# a rule or what else, for some seconds
MILD = [
    ('rules', 'stage = "mail"; probability = 0.3; action = "451:4.3.0:try again later";'),
    ('rules', 'stage = [ "rcpt", "data" ]; probability = 0.1; action = "reset";'),
    ('rules', 'stage = "dot"; probability = 0.05; action = "drop";'),
    ('ehlo', 'disable = [ "PIPELINING", "CHUNKING" ];'),
]
HARD = [
    ('rules', 'stage = "banner"; action = "421:4.3.2:Server busy";'),
    ('rules', 'stage = "mail"; action = "hang";'),
    ('rules', 'stage = "dot"; action = "454:4.7.0:Throttling failure: Maximum sending rate exceeded";'),
    ('rules', 'stage = "ehlo"; probability = 0.5; action = "drop";'),
    ('delays', 'delay = "20ms-400ms";'),
    ('delays', 'stage = "dot"; work = "100ms-900ms";'),
    ('closed', ''),
]


def script(rand, seconds, faults):
    """Faults one after the other, with quiet between them; the last tenth is
    quiet, so that all of it gets out."""
    lists = {"rules": [], "delays": [], "ehlo": [], "closed": []}
    at = rand.uniform(5, 60)
    while at < 0.9 * seconds and len(lists["closed"]) < 60 and len(lists["ehlo"]) < 60 and len(lists["rules"]) < 250:
        what, fault = rand.choice(faults)
        until = at + rand.uniform(2, max(3, min(90, seconds / 20)))
        lists[what].append('{ from = "%dms"; until = "%dms"; %s }' % (at * 1000, until * 1000, fault))
        at = until + rand.uniform(5, max(6, min(180, seconds / 10)))
    return "seed = %d;\n" % rand.randrange(1, 1 << 29) + "".join(
        "%s = ( %s );\n" % (k, ",\n  ".join(v)) for k, v in lists.items())


def look(st, daemon):
    return {"RssAnon KiB": stage.status_kib(daemon.pid, "RssAnon"),
            "descriptors": stage.descriptors(daemon.pid),
            "data.mdb KiB": os.path.getsize(st.dir / "spool" / "data.mdb") // 1024}


def play(st, opt, rand):
    # the first always takes most of what it gets: the file of a spool is as large
    # as the longest queue was, and that is not what is looked for here
    faults = lambda i: MILD if i == 0 else MILD + HARD
    sinks = {n: st.sink(n, script(rand, opt.seconds, faults(i)), "--brief", "--log", st.log_of(n))
             for i, n in enumerate("p%d" % i for i in range(PROVIDERS))}
    port = harness.free_port()
    # a journal that is full long before the comparison begins: it grows to its bound
    st.configure({"listeners": [{"name": "in", "address": ["127.0.0.1:%d" % port]}],
                  "spool": {"directory": str(st.dir / "spool"), "journal": "4M"},
                  "providers": [stage.harness.provider(p, name=n, timeouts={"command": "5s", "dot": "10s"})
                                for n, (_, p) in sinks.items()]})
    daemon = st.daemon()
    load = st.load(port, int(opt.seconds * opt.rate), "-c", 10, "-r", opt.rate, "-g", 120, "-s", 2048,
                   "-f", "app@example.org")
    begin, samples = time.monotonic(), []
    while load.poll() is None:
        stage.nap(begin + (len(samples) + 1) * opt.seconds / 100 - time.monotonic())
        samples.append(look(st, daemon))
    report = json.loads(load.communicate()[0])
    arrivals = stage.Arrivals([st.log_of(n) for n in sinks], report["number"])
    end = time.monotonic() + DRAIN_SECONDS
    missing = arrivals.wait(range(report["number"]), lambda: time.monotonic() > end)
    cpu = stage.cpu_seconds(daemon.pid)
    st.end_daemon(daemon)
    st.check_reports()
    return report, samples, len(missing), cpu, [st.end_sink(p) for p, _ in sinks.values()]


def tell(report, samples, missing, cpu, summaries):
    """Prints it; the number of things that are wrong."""
    wrong, n = 0, len(samples)
    early, late = samples[int(FIRST * n):int(2 * FIRST * n)], samples[int((1 - FIRST) * n):]
    for what, slack in GROWTH.items():
        a, b = (statistics.median(x[what] for x in part) for part in (early, late))
        grew = b > a * 1.1 + slack
        wrong += grew
        print("%-14s %10.0f early, %10.0f late, %10d at most%s" % (
            what, a, b, max(x[what] for x in samples), "  GREW" if grew else ""))
    total = lambda name: sum(x[name] for x in summaries)
    # whoever hands in cannot know what became of those without a reply
    lost = max(0, missing - report["unknown"] - report["refused"] - report["untried"])
    twice = total("messages") - total("foreign") - (report["number"] - missing)
    print("%d acknowledged, %d came twice (the session was lost after the dot), %d lost, %d damaged, %d bounced" % (
        report["acked"], twice, lost, total("damaged"), total("foreign")))
    print("faults: %d rules carried out, %d replies of 4xx, %d connections; %.1f s of CPU" % (
        total("rules"), total("replies_4xx"), total("connections"), cpu))
    return wrong + lost + total("damaged") + total("foreign") + (report["acked"] < 0.999 * report["number"])


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--seconds", type=float, default=float(os.environ.get("SOAK_SECONDS", 7200)))
    ap.add_argument("--rate", type=float, default=200)
    ap.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    ap.add_argument("--directory", default="/var/tmp")
    ap.add_argument("--keep", action="store_true")
    opt = ap.parse_args()
    print("soak: %g messages a second for %g s, seed %d" % (opt.rate, opt.seconds, opt.seed), flush=True)
    st = stage.Stage("soak", opt.directory, keep=opt.keep)
    try:
        return 1 if tell(*play(st, opt, random.Random(opt.seed))) else 0
    finally:
        st.close()


if __name__ == "__main__":
    sys.exit(main())
