# SPDX-License-Identifier: Apache-2.0
"""The session is lost after the end of a message had left: held or tried again,
as the route says; the dead go another way; notices are bounded.  POSTERN_LONG:
5,000 messages instead of 200."""
import collections
import json
import os
import subprocess

import harness
import mails

POSTERN = os.environ.get("POSTERN", str(harness.BUILD / "postern"))
LONG = "POSTERN_LONG" in os.environ
MESSAGES = 5000 if LONG else 200
ROUNDS = 8 if LONG else 2
# One in five: half of those has been taken by the provider, half has not.
LOST = """seed = 7; rules = (
    { stage = "kept"; probability = 0.1; action = "drop"; },
    { stage = "dot"; probability = 0.11; action = "drop"; } );"""
# Lost sessions are what this is about, not what keeps the mail.
PATIENT = {"breaker": {"failures": 1000, "open": "1s"}, "max_connections": 10}


def route(**more):
    return [{"name": "default", "use": ["sink"], **more}]


def tool(p, *words):
    r = subprocess.run([POSTERN, *words, "-c", str(p.conf)], capture_output=True, text=True,
                       timeout=harness.LONG)
    assert (r.returncode, r.stderr) == (0, "")
    return r.stdout


def copies(s):
    return collections.Counter((m["run"], m["number"]) for m in s.messages())


def doubts(p):
    return {e["msg"] for e in p.events("doubt")}


def all_settled(p, n):
    """Each message is delivered, or held in doubt."""
    def enough(lines):
        rows = [harness.parse_event(x) for x in lines if "event=d" in x]
        return len({e["msg"] for e in rows if e and e["event"] in ("delivered", "doubt")}) >= n
    p.log.wait(enough, timeout=harness.LONG * (10 if LONG else 2), what="the end of all messages")


def held_at_start(p):
    """What the daemon says is in doubt when it opens the spool again."""
    p.start()
    return int(p.wait_event("spool.opened")["doubt"])


def test_held_nothing_arrives_twice(sink, postern, load):
    s = sink(script=LOST, maildir=None)
    p = postern(harness.provider(s.port, **PATIENT), routes=route(on_doubt="hold"))
    r = load(p.port, MESSAGES, 10).result()
    assert r["acked"] == MESSAGES
    all_settled(p, MESSAGES)
    held, delivered = doubts(p), {e["msg"] for e in p.events("delivered")}
    assert not held & delivered
    assert len(held) + len(delivered) == MESSAGES
    assert MESSAGES // 10 < len(held) < MESSAGES // 3
    assert not p.events("unsure")
    p.stop()
    assert held_at_start(p) == len(held)
    rows = tool(p, "queue", "list", "--json", "--where", "state=doubt").splitlines()
    assert sorted(json.loads(r)["id"] for r in rows) == sorted(held)  # all of them
    seen = copies(s)
    assert max(seen.values()) == 1
    assert len(delivered) < len(seen) < MESSAGES  # some were taken, some not
    # an operator lets some of them go, and takes the others as delivered
    s.read_again("rules = ();")
    some = sorted(held)[:10]
    out = tool(p, "queue", "release", *some)
    assert out.count("may have been delivered before") == len(some)
    s.wait_messages(sum(seen.values()) + len(some))
    assert tool(p, "queue", "delete", "--yes", "--where", "state=doubt") == "%d deliveries deleted\n" % (
        len(held) - len(some))
    p.stop()
    s.stop()
    assert sum(copies(s).values()) == sum(seen.values()) + len(some)
    assert max(copies(s).values()) <= 2
    assert held_at_start(p) == 0
    p.stop()
    print("hold: %d messages, %d held, 0 duplicates" % (MESSAGES, len(held)))


def test_tried_again_nothing_is_lost(sink, postern, load):
    s = sink(script=LOST, maildir=None)
    p = postern(harness.provider(s.port, **PATIENT), routes=route(on_doubt="retry"),
                retry={"quick": ["100ms"], "min": "200ms", "max": "1s"})
    r = load(p.port, MESSAGES, 10).result()
    assert r["acked"] == MESSAGES
    all_settled(p, MESSAGES)
    unsure = len(p.events("unsure"))
    assert not p.events("doubt")
    p.stop()
    s.stop()
    seen = copies(s)
    assert len(seen) == MESSAGES
    twice = sum(n - 1 for n in seen.values())
    assert 0 < twice <= unsure  # each duplicate was said to be possible
    print("retry: %d messages, %d duplicates of %d possible, 0 lost" % (MESSAGES, twice, unsure))


def test_killed_after_the_end_has_left(sink, postern, load):
    """Some sessions are behind a final dot that is never answered when the
    daemon is killed."""
    script = """seed = 3; rules = (
        { stage = "kept"; every = 10; times = 3; action = "hang"; } );"""
    s = sink(script=script, maildir=None)
    p = postern(harness.provider(s.port, **PATIENT), routes=route(on_doubt="hold"))
    acked, found = set(), 0
    for i in range(ROUNDS):
        s.read_again(script)
        mark = s.out.mark()
        job = load(p.port, 150, 10, first=i * 150)
        s.wait_messages(60, since=mark)
        p.kill9()
        p.start()
        if p.events("spool.doubt"):
            found += int(p.wait_event("spool.doubt")["messages"])
        r = job.result()
        acked |= {(r["run"], n) for n, state in r["states"].items() if state == "acked"}
    p.kill9()  # what still hangs
    held = held_at_start(p)
    s.read_again("rules = ();")

    def rest(lines):
        seen = {(m["run"], m["number"]) for m in s.events("message", lines)}
        return len(acked - seen) <= held
    s.out.wait(rest, what="all that is not held")
    p.stop()
    s.stop()
    assert found >= ROUNDS
    assert max(copies(s).values()) == 1
    assert held_at_start(p) == held
    p.stop()


def test_the_dead_go_another_way_once(sink, postern):
    refuse = "rcpt=550:5.1.1:nobody of that name"
    one, two = sink("--reply", refuse), sink()
    p = postern(harness.provider(one.port, "one"), harness.provider(two.port, "two"),
                routes=[{"name": "default", "use": ["one"], "on_dead": "spare"},
                        {"name": "spare", "use": ["two"], "on_dead": "default",
                         "match": {"user": ["nobody"]}}])
    harness.send_raw(p.port, mails.plain(), recipients=["ann@example.net"])
    assert two.wait_messages(1)[0]["recipients"] == ["ann@example.net"]
    assert p.wait_event("handed")["route"] == "spare"
    two.stop()
    p.wait_event("delivered", rcpt="ann@example.net", provider="two")
    p.stop()
    one.stop()
    assert not p.runs[-1].err.text().count("event=bounced")


def test_notices_are_bounded_and_have_a_route(sink, postern):
    s = sink("--reply", "rcpt<bad@example.net>=550:5.1.1:no such user")
    back = sink()
    p = postern(harness.provider(s.port, "one"), harness.provider(back.port, "two"),
                routes=[{"name": "default", "use": ["one"]},
                        {"name": "notices", "use": ["two"], "match": {"user": ["nobody"]}}],
                bounce={"route": "notices", "rate": "2 msg/hour"})
    for _ in range(4):
        harness.send_raw(p.port, mails.plain(), recipients=["bad@example.net"])
    p.wait_event("dead", 2, cause="bounce capped")
    got = back.wait_messages(2)
    assert [m["sender"] for m in got] == ["", ""]
    p.stop()
    assert back.stop()["messages"] == 2
    assert s.stop()["messages"] == 0
    assert p.start().wait_event("spool.opened")["dead"] == "4"
