#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What really arrived, from the logs of postern-sink (--log): rates in any
window, re-used sessions, failover, loss, duplicates, order.  The tests use it;
by itself it prints what it finds.

usage: checker.py [--rate RATE[@STAGE]]... LOG...

RATE is one of postern.conf(5), such as "14 msg/s"; STAGE is where the sink
counted it: dot (the default), mail, rcpt or data.  With several logs a rate is
counted over all of them together (one limit shared by several providers).
Exit: 1 where a rate was passed in some window, or a message came twice.
"""
import argparse
import collections
import json
import re
import sys

PERIODS = {"s": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400}
RATE = re.compile(r"(\d+)\s*(msg|rcpt)\s*/\s*(\d*)(s|min|m|hour|h|day|d)$")
Window = collections.namedtuple("Window", "most at_us allowed use")


def rows(path):
    """The rows of a log, one by one; a line that is cut (the sink was killed) is
    left out."""
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.startswith("{") and line.endswith("}\n"):
                yield json.loads(line)


def read(path):
    return list(rows(path))


def messages(rows):
    return [r for r in rows if r["event"] == "message"]


# --- rates ------------------------------------------------------------------------

def parse_rate(text):
    """(count, "msg" or "rcpt", period in us)"""
    m = RATE.match(text.strip())
    if not m:
        raise ValueError("%r is no rate" % text)
    return int(m[1]), m[2], int(m[3] or 1) * PERIODS[m[4]] * 1000000


def counted(rows, of="msg", at="dot"):
    """When how many counted: [(us, n)] in order."""
    hits = []
    for r in rows:
        if at == "dot" and r["event"] == "message":
            hits.append((r["us"], r["nrcpts"] if of == "rcpt" else 1))
        elif r["event"] == "counted" and r["stage"] == at:
            hits.append((r["us"], r["nrcpts"] if of == "rcpt" else 1))
    return sorted(hits)


def most_in(hits, period_us):
    """The most that lies in any window of that length, which includes one of its
    ends and not the other, and the time of the last one in it.  Exact: each
    window that gains one ends at one; O(n)."""
    most, at, held, first = 0, None, 0, 0
    for us, n in hits:
        held += n
        while hits[first][0] <= us - period_us:
            held -= hits[first][1]
            first += 1
        if held > most:
            most, at = held, us
    return most, at


def window(rows, rate, at="dot"):
    """How a rate was used, and whether it was passed.  use: what was sent of what
    might have been, from the first message to the last."""
    count, of, period = parse_rate(rate)
    hits = counted(rows, of, at)
    most, when = most_in(hits, period)
    span = hits[-1][0] - hits[0][0] if hits else 0
    # the first burst of a window is paid by the time after the last one
    use = sum(n for _, n in hits) / (count * (1 + span / period)) if hits else 0
    return Window(most, when, count, use)


def assert_never_over(rows, *rates, at="dot"):
    for rate in rates:
        w = window(rows, rate, at)
        assert w.most <= w.allowed, "%s: %d in the window that ends at %s us" % (rate, w.most, w.at_us)


def spent(rows, rate, since_us=0, at="dot"):
    """How much of a rate is used from then on, where something waits all the
    time: at best each follows one window after the one it had to wait for, which
    is that many before it."""
    count, of, period = parse_rate(rate)
    units = [us for us, n in counted(rows, of, at) for _ in range(n)]
    waits = [b - a for a, b in zip(units, units[count:]) if b >= since_us]
    return period * len(waits) / sum(waits) if waits else 0


def reply_spread_us(rows):
    """From MAIL to the count, the spread between the fastest and the slowest
    hundredth: what a relay can see of a provider's unsteadiness."""
    took = sorted(m["us"] - m["mail_us"] for m in messages(rows))
    return took[int(0.99 * (len(took) - 1))] - took[int(0.01 * (len(took) - 1))] if took else 0


# --- sessions -----------------------------------------------------------------------

def reuse(rows):
    """Messages of each session that brought any, in the order of the sessions."""
    n = collections.Counter(m["connection"] for m in messages(rows))
    return [n[c] for c in sorted(n)]


def most_open(rows):
    most = now = 0
    for r in rows:
        now += (r["event"] == "connected") - (r["event"] == "closed")
        most = max(most, now)
    return most


def most_at_once(rows):
    """Transactions that went on at the same time, from MAIL to the final dot: a
    connection that the sink has not yet seen closed is none."""
    most = now = 0
    for _, step in sorted(x for m in messages(rows) for x in ((m["mail_us"], 1), (m["us"], -1))):
        now += step
        most = max(most, now)
    return most


def attempts(rows, begin_us, end_us):
    """Connections that began in that time."""
    return [r for r in rows if r["event"] == "connected" and begin_us <= r["us"] < end_us]


def first_after_us(rows, begin_us):
    """How long until the next message; None: none came."""
    after = [m["us"] - begin_us for m in messages(rows) if m["us"] >= begin_us]
    return min(after) if after else None


# --- messages -----------------------------------------------------------------------

def key(m):
    """What tells a message from others: its place in a generator's run, or its
    Message-ID."""
    return (m["run"], m["number"]) if "run" in m else m["message_id"]


def duplicates(*logs):
    """{key: how often} of those that were kept more than once, at whichever
    sink; told or not."""
    n = collections.Counter(key(m) for rows in logs for m in messages(rows))
    return {k: c for k, c in n.items() if c > 1}


def untold(*logs):
    """Keys of messages whose reply the client never got: it cannot know."""
    return {key(m) for rows in logs for m in messages(rows) if "fate" in m}


def lost(expected, *logs):
    """The expected keys that no sink has."""
    return set(expected) - {key(m) for rows in logs for m in messages(rows)}


def damaged(*logs):
    return [key(m) for rows in logs for m in messages(rows) if m.get("damaged")]


def disorder(rows):
    """By how many places the worst message came too late: 0 in perfect order of
    the generator's numbers."""
    order = [m["number"] for m in sorted(messages(rows), key=lambda m: m["us"])]
    place = {n: i for i, n in enumerate(sorted(order))}
    return max((i - place[n] for i, n in enumerate(order)), default=0)


def quantiles(values, *at):
    """The nearest ranks; None without values."""
    v = sorted(values)
    return [v[min(len(v) - 1, int(q * len(v)))] if v else None for q in at]


# --- a report -----------------------------------------------------------------------

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--rate", action="append", default=[], metavar="RATE[@STAGE]")
    ap.add_argument("log", nargs="+")
    opt = ap.parse_args()
    logs = [read(p) for p in opt.log]
    wrong = 0
    for path, rows in zip(opt.log, logs):
        n, per = messages(rows), reuse(rows)
        refused = collections.Counter("%d %s" % (r["code"], r["text"]) for r in rows if r["event"] == "refused")
        print("%s: %d messages in %d sessions (at most %d at a time, %s a session), spread %.1f ms" % (
            path, len(n), len(per), most_open(rows), "%d to %d" % (min(per), max(per)) if per else "0",
            reply_spread_us(rows) / 1000))
        for text, times in refused.most_common(10):
            print("  refused %6d  %s" % (times, text))
    together = [r for rows in logs for r in rows]
    for rate in opt.rate:
        text, _, stage = rate.partition("@")
        w = window(together, text, stage or "dot")
        wrong += w.most > w.allowed
        print("%-16s at most %d in any window, %.1f %% used%s" % (
            rate, w.most, 100 * w.use, "" if w.most <= w.allowed else "  OVER at %d us" % w.at_us))
    twice = duplicates(*logs)
    print("%d came more than once, %d of them were never told" % (len(twice), len(set(twice) & untold(*logs))))
    return 1 if wrong or twice else 0


if __name__ == "__main__":
    sys.exit(main())
