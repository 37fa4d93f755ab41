# SPDX-License-Identifier: Apache-2.0
"""kill -9 under load.  POSTERN_ROUNDS sets how often (default 5)."""
import collections
import datetime
import os
import random
import time

import harness
import mails

ROUNDS = int(os.environ.get("POSTERN_ROUNDS", "5"))
MESSAGES = 600
CONNECTIONS = 10
SESSIONS = 5  # upstream
# What was finished so shortly before the kill that its DONE need not have
# been committed: 20 ms, and a commit, which takes what the disk takes: no more
# than the slowest 250 of the round, which waited for one.
LAZY = 0.020


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_nothing_acknowledged_is_lost(sink, postern, load):
    s = sink(maildir=None)
    p = postern(harness.provider(s.port, max_connections=SESSIONS))
    rnd = random.Random(ROUNDS)
    kills, acked, runs, slowest = [], set(), [], []
    for i in range(ROUNDS):
        mark = s.out.mark()
        job = load(p.port, MESSAGES, CONNECTIONS, first=i * MESSAGES)
        s.wait_messages(rnd.randrange(1, MESSAGES * 2 // 3), since=mark)
        before = time.time()
        p.kill9()
        kills.append((before, time.time()))
        p.start()
        r = job.result()
        assert r["acked"] + r["unknown"] == MESSAGES, r
        assert r["unknown"] <= CONNECTIONS
        slowest.append(max(0.1, r["ack_ms"][3] / 1000) if r["ack_ms"] else 0.1)
        acked |= {(r["run"], n) for n, state in r["states"].items() if state == "acked"}
        runs.append(r["run"])
    copies = collections.Counter()

    def all_there(lines):
        copies.clear()
        copies.update((m["run"], m["number"]) for m in s.events("message", lines))
        return not acked - copies.keys()
    s.out.wait(all_there, what="all that was acknowledged")
    p.stop()
    n = s.stop()
    copies.clear()
    copies.update((m["run"], m["number"]) for m in s.messages())
    assert n["damaged"] == 0 and n["foreign"] == 0
    assert not acked - copies.keys()
    by_round = collections.Counter(run for (run, _), k in copies.items() for _ in range(k - 1))
    times = [seconds(m["time"]) for m in s.messages()]
    for run, (before, after), commit in zip(runs, kills, slowest):
        finished = sum(before - LAZY - commit <= t <= after for t in times)
        assert by_round[run] <= SESSIONS + finished, (by_round, finished)
    print("kill -9: %d rounds, %d acknowledged, 0 lost, duplicates: %d in all, %d in the worst round"
          % (ROUNDS, len(acked), sum(by_round.values()), max(by_round.values(), default=0)))


def test_a_message_in_flight_at_three_kills_is_held(sink, postern):
    """It may be what kills the daemon: held as poison; the others go on."""
    s = sink("--reply", "mail<bad@example.com>=hang")
    p = postern(s.port)
    harness.send_raw(p.port, mails.plain(), sender="bad@example.com")
    for i in range(3):
        s.wait_event("rule", i + 1)
        p.kill9()
        p.start()
    assert p.wait_event("spool.opened")["held"] == "1"
    assert p.wait_event("spool.poison")["messages"] == "1"
    harness.send_raw(p.port, mails.plain())
    assert s.wait_messages(1)[0]["sender"] == "app@example.com"
    assert len(s.events("rule")) == 3
    p.stop()
