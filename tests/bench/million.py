#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""million.py - a day of one million messages, with a peak of four times the
average, through three providers with limits, quotas, outages and a ban, while
posternd is killed twice.  Prints the day: what waited for how long, what was
lost, what came twice, whether a limit was passed in any window.

usage: million.py [--count N] [--speed N] [--hour SECONDS] [--directory DIR]
                  [--keep] [--json FILE]

--count      messages of the day (1000000)
--speed      how many times faster than real time its clock runs (60; 1: real
             time, a day); above 1 the programs need --enable-test-clock.
             A stall of the machine of 1 ms is one of so many ms to them.
--drain      hours after the day that its rest may take (12)
--hour       how long an hour of this day is, in its own time (3600)
--directory  the spool and the logs, which need some 2 KiB a message (/var/tmp)
--keep       do not remove them
--json       the figures, to a file

The programs are found in POSTERN_BUILD (or the current directory).  Exit: 1
where a message was lost, damaged or bounced, came twice by neither a kill nor a
lost session that posternd told of, or one more than a limit was tried, 2 where
the day could not be played.
"""
import argparse
import array
import json
import os
import pathlib
import subprocess
import sys
import time

import stage
import checker
import harness

# messages an hour, in shares of the average: the peak at nine is four times that
SHAPE = [.3, .2, .2, .2, .3, .4, .6, .8, 1.2, 4.0, 2.7, 1.4,
         1.2, 1.2, 1.3, 1.3, 1.2, 1.1, 1.0, .9, .8, .7, .6, .4]
CLASSES = {"high": 0.05, "normal": 0.75, "low": 0.20}
KILLS = (9.4, 15.5)  # hours
CONNECTIONS = 4  # of each class
SESSIONS = 8  # with each provider

# name: (an hour in shares of the average, a day in shares of the count, what
# happens to it: hours)
PROVIDERS = {
    "alder": (1.2, 0.30, [("closed", 13.5, 14.5)]),
    "birch": (1.0, 0.70, [("hang", 10.2, 10.7), ("busy", 16.0, 16.4)]),
    "cedar": (0.9, 0.70, [("ban", 18.0, 20.0)]),
}
FATES = {
    "hang": '{ stage = "mail"; action = "hang"; %s }',
    "busy": '{ stage = [ "banner", "mail" ]; action = "421:4.3.2:Server busy"; %s }',
    "ban": '{ stage = "mail"; action = "550:5.7.1:Your account has been suspended"; %s }',
}


class Day(stage.Stage):
    def __init__(self, opt):
        super().__init__("million", opt.directory, opt.speed, opt.keep)
        self.opt = opt
        self.hour_us = opt.hour * 1e6  # in the day's own time
        self.per_hour = opt.count / 24
        self.loads, self.kills = [], []

    # --- times: "own" is the day's clock, "real" the machine's -----------------

    def real_of_hour(self, hour):
        return self.start_us + hour * self.hour_us / self.opt.speed

    def own(self, real_us):
        return self.start_us + (real_us - self.start_us) * self.opt.speed

    def hour_of(self, own_us):
        return (own_us - self.start_us) / self.hour_us

    def now_hour(self):
        return self.hour_of(self.own(time.monotonic_ns() // 1000))

    # --- the programs --------------------------------------------------------------

    def rates(self, name):
        """An hour's and a day's limit, in this day's hours."""
        share, quota, _ = PROVIDERS[name]
        hour, s = self.opt.hour, "%ds"
        return ["%d msg/%s" % (max(1, int(share * self.per_hour)), s % hour),
                "%d msg/%s" % (max(1, int(quota * self.opt.count)), s % (24 * hour))]

    def script(self, name):
        span = lambda b, e: 'from = "%dms"; until = "%dms";' % (b * self.opt.hour * 1000, e * self.opt.hour * 1000)
        fates = PROVIDERS[name][2]
        return """limits = ( { rate = [ %s ]; action = "454:4.7.0:Throttling failure: rate exceeded"; } );
rules = ( %s );
closed = ( %s );
""" % (", ".join('"%s"' % r for r in self.rates(name)),
            ", ".join(FATES[what] % span(b, e) for what, b, e in fates if what != "closed"),
            ", ".join("{ %s }" % span(b, e) for what, b, e in fates if what == "closed"))

    def settings(self, ports):
        self.ports = {c: harness.free_port() for c in CLASSES}
        # a second of the machine's is no reason to give a session up
        timeouts = {k: "%ds" % max(v, self.opt.speed * n) for k, v, n in (
            ("banner", 20, 1), ("command", 30, 1), ("data", 60, 1), ("dot", 300, 5))}
        return {
            "listeners": [{"name": c, "address": ["127.0.0.1:%d" % p], "priority": c}
                          for c, p in self.ports.items()],
            "providers": [{"name": n, "host": "127.0.0.1", "port": p, "tls": "off", "max_connections": SESSIONS,
                           "rate": self.rates(n), "timeouts": timeouts} for n, p in ports.items()],
            "groups": [{"name": "pool", "members": list(ports)}],
            "routes": [{"name": "default", "use": ["pool"]}],
        }

    def begin_load(self, cls, hour, number, first):
        states = self.dir / ("%s-%d.states" % (cls, hour))
        rate = number / (self.hour_us / self.opt.speed / 1e6)
        p = self.load(self.ports[cls], number, "-c", CONNECTIONS, "-r", "%.3f" % rate, "-F", first, "-g", 60,
                      "-o", states)
        self.loads.append((cls, p, states))

    def wait_hour(self, hour):
        stage.nap((self.real_of_hour(hour) - time.monotonic_ns() / 1000) / 1e6)

    def play(self):
        self.sinks = {n: self.sink(n, self.script(n), "--brief", "--log", self.log_of(n)) for n in PROVIDERS}
        self.configure(self.settings({n: port for n, (_, port) in self.sinks.items()}))
        daemon, self.cpu, self.peak_kib, first = self.daemon(), 0, 0, 0
        steps = sorted([(h, "slice") for h in range(24)] + [(h, "kill") for h in KILLS] + [(24, "end")])
        for hour, what in steps:
            self.wait_hour(hour)
            if what == "kill":
                self.measure(daemon)
                daemon.kill()
                self.kills.append(self.own(time.monotonic_ns() // 1000))
                daemon.wait()
                daemon = self.daemon()
            for cls, share in CLASSES.items() if what == "slice" else ():
                n = max(1, round(share * SHAPE[hour] / sum(SHAPE) * self.opt.count))
                self.begin_load(cls, hour, n, first)
                first += n
        self.sent = first
        self.collect_loads()
        arrivals = stage.Arrivals([self.log_of(n) for n in PROVIDERS], first)
        missing = arrivals.wait(list(self.acked), lambda: self.now_hour() > 24 + self.opt.drain)
        self.queued = self.count_queue() if missing else 0
        self.measure(daemon)
        self.end_daemon(daemon)
        self.check_reports()
        for p, _ in self.sinks.values():
            self.end_sink(p)

    def count_queue(self):
        """How many still wait when the time is over: late, not lost."""
        out = subprocess.run([harness.BUILD / "postern", "queue", "count", "--json", "-s", self.dir / "control.sock"],
                             capture_output=True, text=True, check=True).stdout
        return json.loads(out.splitlines()[0])["count"]

    def measure(self, daemon):
        self.cpu += stage.cpu_seconds(daemon.pid)
        self.peak_kib = max(self.peak_kib, stage.status_kib(daemon.pid, "VmHWM"))

    def collect_loads(self):
        """number -> (class, own time of the 250) of what was acknowledged."""
        self.acked, self.unknown, self.unsent = {}, 0, 0
        for cls, p, states in self.loads:
            d = json.loads(p.communicate()[0])
            self.unknown += d["unknown"]
            self.unsent += d["refused"] + d["untried"]
            for line in open(states):
                number, state, us = line.split()
                if state == "acked":
                    self.acked[int(number)] = (cls, self.own(int(us)))
            os.unlink(states)

    # --- what came of it -----------------------------------------------------------

    def look(self):
        """One pass over each log."""
        first, last, by_kill, self.windows, self.refused = {}, {}, set(), {}, {}
        self.by_hour = {n: [0] * (24 + self.opt.drain + 1) for n in PROVIDERS}
        self.damaged, self.bounced, self.duplicates = 0, 0, 0
        for name in PROVIDERS:
            hits, opened, refused = array.array("Q"), {}, 0
            for r in checker.rows(self.log_of(name)):
                refused += r["event"] == "limit"
                if r["event"] == "connected":
                    opened[r["connection"]] = r["us"]
                if r["event"] != "message":
                    continue
                hits.append(r["us"])
                if "number" not in r:  # ours are all numbered: it is a notice
                    self.bounced += 1
                    continue
                k = r["number"]
                self.duplicates += k in first
                if self.is_by_kill(opened[r["connection"]], r["us"]):
                    by_kill.add((k, r["us"]))
                first[k] = min(r["us"], first.get(k, r["us"]))
                last[k] = max(r["us"], last.get(k, 0))
                self.damaged += r["damaged"]
                self.by_hour[name][min(len(self.by_hour[name]) - 1, max(0, int(self.hour_of(r["us"]))))] += 1
            self.refused[name] = refused
            for rate in self.rates(name):
                count, _, period = checker.parse_rate(rate)
                self.windows[name, rate] = (checker.most_in([(us, 1) for us in sorted(hits)], period)[0], count)
        self.lost = [k for k in self.acked if k not in first]
        self.not_by_kill = sum(last[k] > us and (k, us) not in by_kill for k, us in first.items())
        self.unsure = self.log_of("postern").read_text(errors="replace").count(" event=unsure ")
        self.waits = {c: [] for c in CLASSES}
        for k, (cls, us) in self.acked.items():
            if k in first:
                self.waits[cls].append(max(0, first[k] - us) / 1e6)
        self.sent_by_hour = [0] * 24
        for cls, us in self.acked.values():
            self.sent_by_hour[min(23, max(0, int(self.hour_of(us))))] += 1

    def is_by_kill(self, opened_us, us):
        """The spool may not have written down that it was sent: it came by a session
        that was open at a kill, in the last second (of the machine's) before, or after."""
        return any(opened_us < kill and us > kill - self.opt.speed * 1e6 for kill in self.kills)

    def is_well(self):
        return (not self.lost and not self.damaged and not self.bounced and self.not_by_kill <= self.unsure and
                not any(self.refused.values()) and all(m <= n for m, n in self.windows.values()))

    def tell(self):
        o = self.opt
        print("a day of %d messages: an hour is %g s, the clock runs %g times as fast" % (o.count, o.hour, o.speed))
        print("\nhour   acked  %s  waiting" % "  ".join("%7s" % n for n in PROVIDERS))
        waiting = 0
        for h in range(24 + self.opt.drain + 1):
            left = [self.by_hour[n][h] for n in PROVIDERS]
            sent = self.sent_by_hour[h] if h < 24 else 0
            waiting += sent - sum(left)
            if h < 24 or any(left):
                print("%4d %7d  %s  %7d" % (h, sent, "  ".join("%7d" % x for x in left), max(0, waiting)))
        print("\nwait (s)   messages       p50       p95       p99       max")
        for cls, w in self.waits.items():
            q = checker.quantiles(w, 0.5, 0.95, 0.99, 1) if w else [0] * 4
            print("%-8s %10d %9.1f %9.1f %9.1f %9.1f" % (cls, len(w), *q))
        print("\nlimit                             most in any window")
        for (name, rate), (most, allowed) in self.windows.items():
            print("%-8s %-24s %8d of %d%s" % (name, rate, most, allowed, "" if most <= allowed else "  OVER"))
        print("\none too many was tried: %s" % ", ".join("%s %d" % x for x in self.refused.items()))
        print("killed at %s; posternd took %.1f s of CPU, %.1f MiB at most" % (
            " and ".join("%.1f h" % h for h in KILLS), self.cpu, self.peak_kib / 1024))
        print("acknowledged %d, unknown to the sender %d, not handed in %d" % (len(self.acked), self.unknown, self.unsent))
        if self.queued:
            print("%d still wait, %d hours after the day: what follows counts them as lost" % (self.queued, o.drain))
        print("lost %d, damaged %d, bounced %d, duplicates %d (%d of them not by a kill; of %d it was told that they may "
              "be)" % (len(self.lost), self.damaged, self.bounced, self.duplicates, self.not_by_kill, self.unsure))

    def figures(self):
        return dict(count=self.opt.count, speed=self.opt.speed, hour=self.opt.hour, acked=len(self.acked),
                    unknown=self.unknown, unsent=self.unsent, queued=self.queued, lost=len(self.lost), damaged=self.damaged, bounced=self.bounced,
                    duplicates=self.duplicates, not_by_kill=self.not_by_kill, unsure=self.unsure, refused=self.refused,
                    cpu_s=self.cpu, peak_kib=self.peak_kib,
                    windows=[dict(provider=n, rate=r, most=m, allowed=a) for (n, r), (m, a) in self.windows.items()],
                    waits={c: checker.quantiles(w, 0.5, 0.95, 0.99, 1) for c, w in self.waits.items()},
                    delivered={n: sum(x) for n, x in self.by_hour.items()})


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--count", type=int, default=1000000)
    ap.add_argument("--speed", type=float, default=60)
    ap.add_argument("--drain", type=int, default=12)
    ap.add_argument("--hour", type=int, default=3600)
    ap.add_argument("--directory", default="/var/tmp")
    ap.add_argument("--keep", action="store_true")
    ap.add_argument("--json")
    opt = ap.parse_args()
    day = Day(opt)
    try:
        day.play()
        day.look()
        day.tell()
        if opt.json:
            pathlib.Path(opt.json).write_text(json.dumps(day.figures()))
    finally:
        day.close()
    return 0 if day.is_well() else 1


if __name__ == "__main__":
    sys.exit(main())
