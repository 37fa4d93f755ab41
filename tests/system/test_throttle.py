# SPDX-License-Identifier: Apache-2.0
"""No window of a provider's rate is ever exceeded, as the provider counts, and
what it allows is used.  The runs of a test are under way together."""
import datetime
import json
import os
import socket

import pytest

import checker
import harness
import scrape

LEARNED = 20  # so many replies tell how steady a provider is; what was guarded more before ...
LEARNED_US = 60000000  # ... is forgotten after two windows, and is little of a longer one than this
REPLY_US = 500000
GUARD_US = 5000  # against less than this it is guarded in any case
ALONE = "POSTERN_LONG" in os.environ  # nothing else runs: all of a rate can be used
LONGER = 4 if ALONE else 1  # until what the first windows were late by is a small part


class Run:
    """A daemon with its providers, and mail for them."""

    def __init__(self, start, number, *providers, rcpts=1, clock=1, **settings):
        sink, postern, load = start
        env = harness.shared_clock(clock) if clock != 1 else None
        self.number, self.env = number, env
        self.sinks = [sink("--delay", "dot=%d" % delay, env=env) for delay, _ in providers]
        rows = [harness.provider(s.port, name="p%d" % i, **more)
                for i, (s, (_, more)) in enumerate(zip(self.sinks, providers))]
        self.postern = postern(*rows, start=False, **settings)
        self.postern.start(env=env)
        self.load = load(self.postern.port, number, 4, "-R", str(rcpts))

    def rows(self):
        return [r for s in self.sinks for r in s.events()]

    def wait(self, number=None, timeout=harness.LONG):
        if len(self.sinks) > 1:
            self.postern.wait_event("delivered", n=self.number, timeout=timeout)
        else:
            self.sinks[0].wait_messages(number or self.number, timeout)

    def check(self, *rates):
        checker.assert_never_over(self.rows(), *rates)

    def reply_spread_us(self):
        """As the provider sees it, and as the daemon does, which guards against
        it: on a machine with other work to do that is more."""
        took = sorted(int(e["delays"].split("/")[2]) for e in self.postern.events("delivered"))
        seen = 1000 * (took[int(0.99 * (len(took) - 1))] - took[int(0.01 * (len(took) - 1))])
        return max(checker.reply_spread_us(self.rows()), seen, GUARD_US)

    def check_use(self, rate, least=0):
        """Once the spread of replies is known: what that allows, or least."""
        rows = sorted(self.rows(), key=lambda r: r.get("us", 0))
        count, _, period = checker.parse_rate(rate)
        begin = checker.messages(rows)[LEARNED]["us"] + 2 * min(period, LEARNED_US) + REPLY_US
        used, spread = checker.spent(rows, rate, begin), self.reply_spread_us()
        bound = max(least, period / (period + spread) - 0.02) if ALONE else 0.8
        print("%s: %.4f used, replies vary by %.1f ms" % (rate, used, spread / 1000))
        assert used >= bound, "%s: %.4f used, not %.4f" % (rate, used, bound)


@pytest.fixture
def start(sink, postern, load):
    return sink, postern, load


def test_no_window_is_exceeded_and_all_of_it_is_used(start):
    one = dict(max_connections=1)
    quick = Run(start, 60 * LONGER, (20, dict(rate=["14 msg/s"])))
    slow = Run(start, 60 * LONGER, (200, dict(rate=["14 msg/s"])))
    single = Run(start, 50 * LONGER, (20, dict(rate=["9 msg/s"], **one)))
    two = Run(start, 76 * LONGER, (20, dict(rate=["10 msg/s", "24 msg/3s"])))
    rcpts = Run(start, 34 * LONGER, (20, dict(rate=["20 rcpt/s"], max_connections=3)), rcpts=5)
    for run in (quick, slow, single, two, rcpts):
        run.wait()
    two.check("10 msg/s")
    for run, rate in ((quick, "14 msg/s"), (slow, "14 msg/s"), (single, "9 msg/s"), (two, "24 msg/3s"),
                      (rcpts, "20 rcpt/s")):
        run.check(rate)
        run.check_use(rate)


def long_windows(start, rates, clock=1):
    """Each with replies after 20 ms and after 200 ms, a window and more each;
    what is to be used of it after 20 ms."""
    runs = [(rate, least if delay == 20 else 0, Run(start, n, (delay, dict(rate=[rate])), clock=clock))
            for rate, n, least in rates for delay in (20, 200)]
    for rate, least, run in runs:
        run.wait(timeout=harness.LONG * 10)
        run.check(rate)
        run.check_use(rate, least)


@pytest.mark.skipif(not ALONE, reason="takes minutes")
def test_nor_are_windows_of_seconds_and_minutes(start):
    long_windows(start, [("50 msg/10s", 400, 0.99), ("30 msg/min", 120, 0.99)])


@pytest.mark.clock
@pytest.mark.skipif(not ALONE, reason="takes minutes")
def test_nor_are_windows_of_hours(start):
    """By this clock a hundredth of a minute is 20 ms, which a busy machine does not keep."""
    long_windows(start, [("30 msg/min", 120, 0), ("1000 msg/h", 2000, 0.99)], clock=30)


def test_recipients_are_never_more_than_a_window_takes(start):
    run = Run(start, 2, (20, dict(rate=["6 rcpt/s"])), rcpts=10)
    run.wait(4)  # each leaves in parts
    run.check("6 rcpt/s")
    assert max(m["nrcpts"] for m in checker.messages(run.rows())) == 6


def test_providers_share_a_limit(start):
    limits = [{"name": "tenant", "rate": ["12 msg/s"], "max_connections": 3}]
    shared = dict(limits=["tenant"])
    run = Run(start, 55 * LONGER, (20, dict(rate=["8 msg/s"], **shared)), (20, shared), limits=limits,
              groups=[{"name": "both", "members": ["p0", "p1"], "balance": "weighted"}],
              routes=[{"name": "default", "use": ["both"]}])
    run.wait()
    run.check("12 msg/s")
    run.check_use("12 msg/s")
    checker.assert_never_over(run.sinks[0].events(), "8 msg/s")
    assert all(checker.messages(s.events()) for s in run.sinks)
    together = sorted((r for r in run.rows() if r["event"] in ("connected", "closed")), key=lambda r: r["us"])
    assert checker.most_open(together) <= 3


def on_the_way(start, rate, number, at, do, clock=1):
    """Something happens to the daemon when so many have arrived."""
    run = Run(start, number, (20 * clock, dict(rate=rate, max_connections=2)), clock=clock)
    run.load.wait()
    for n in at:
        run.wait(n)
        do(run)
    return run


LOWER = {"12 msg/2s": "10 msg/2s", "60 msg/2min": "50 msg/2min"}


def change(run):
    """Less, and the next time what it was."""
    rates = run.postern.settings["providers"][0]["rate"]
    rates[0] = {**LOWER, **{b: a for a, b in LOWER.items()}}[rates[0]]
    mark = run.postern.reload()
    run.postern.wait_event("reloaded", since=mark)


def change_others(run):
    """What says nothing of rates, twice."""
    for weight in (2, 3):
        run.postern.settings["providers"][0]["weight"] = weight
        run.postern.wait_event("reloaded", since=run.postern.reload())


def restart(run):
    run.postern.stop()
    run.postern.start(env=run.env)


def kill(run):
    run.postern.kill9()
    run.postern.start(env=run.env)


def test_neither_a_reload_nor_a_stop_nor_a_crash_forgets(start):
    rate = ["12 msg/2s"]
    runs = [on_the_way(start, rate[:], 20, (4, 9), do) for do in (change, change_others, restart, kill)]
    for run in runs:
        run.wait(20)
        run.check("12 msg/2s")


@pytest.mark.clock
def test_nor_does_a_crash_after_many_windows(start):
    """What is reserved of a short one was so at the first message, long ago."""
    rate = ["30 msg/min"]
    run = on_the_way(start, rate, 110, (75,), kill, clock=60)
    run.wait(110)
    run.check("30 msg/min")


@pytest.mark.clock
def test_nor_do_they_of_windows_that_are_reserved_in_blocks(start):
    rate = ["60 msg/2min"]
    steady = Run(start, 120, (20, dict(rate=["30 msg/min"])), clock=30)
    runs = [on_the_way(start, rate[:], 90, (20,), do, clock=30) for do in (change, restart, kill)]
    for run in runs:
        run.wait(90)
        run.check("60 msg/2min")
    steady.wait()
    steady.check("30 msg/min")
    steady.check_use("30 msg/min")


SLOWER = "454:4.7.0:Throttling failure: Maximum sending rate exceeded"


def scripted(start, script, number, clock=1, **provider):
    """One provider that does what the script says; its daemon; mail for it."""
    sink, postern, load = start
    env = harness.shared_clock(clock) if clock != 1 else None
    s = sink(script=script, env=env)
    p = postern(harness.provider(s.port, **provider), start=False)
    p.start(env=env)
    load(p.port, number, 4).wait()
    return s, p


def test_what_a_provider_takes_is_found(start):
    script = 'limits = ( { rate = "9 msg/s"; action = "%s"; } );' % SLOWER
    s, p = scripted(start, script, 40, rate=["14 msg/s"])
    s.wait_messages(40)
    p.wait_event("delivered", n=40)
    refused = [r for r in s.events() if r["event"] == "refused"]
    assert 0 < len(refused) <= 6
    assert p.wait_event("provider.level", now="slowed")["reason"] == "rate"
    assert not [e for e in p.events("provider.level") if e["now"] == "backing-off"]
    # a reload does not forget it
    p.settings["providers"][0]["weight"] = 2
    p.wait_event("reloaded", since=p.reload())
    assert level_in_list(p) == "slowed"


@pytest.mark.skipif(not ALONE, reason="takes minutes")
def test_of_what_a_provider_takes_most_is_used(start):
    """It allows less than is configured, or nothing is, and says so by refusals."""
    script = 'limits = ( { rate = "9 msg/s"; action = "%s"; } ); delays = ( { stage = "dot"; delay = "%s"; } );'
    runs = [(more, delay, scripted(start, script % (SLOWER, delay), 900, **more))
            for more in (dict(rate=["14 msg/s"]), {}) for delay in ("20ms", "200ms")]
    for more, delay, (s, p) in runs:
        s.wait_messages(900, timeout=4 * harness.LONG)
        took = [m["us"] for m in s.messages()]
        refused = len([r for r in s.events() if r["event"] == "refused"])
        begin = 90  # ten seconds until it is found
        used = (len(took) - 1 - begin) * 1e6 / (took[-1] - took[begin]) / 9
        print("%s, replies after %s: %.3f refusals for one accepted, %.3f of what it allows used" % (
            more or "no rate", delay, refused / len(took), used))
        assert refused <= 0.05 * len(took) and used >= 0.9


@pytest.mark.clock
@pytest.mark.skipif(not ALONE, reason="a machine that is busy stretches a minute of this clock")
def test_a_window_of_a_minute_is_found(start):
    """And kept to; how much of it is used counts where nothing else is done."""
    number = 240
    script = 'limits = ( { rate = "30 msg/min"; action = "%s"; } );' % SLOWER
    s, p = scripted(start, script, number, clock=20)
    s.wait_messages(number)
    found = p.wait_event("provider.window")
    assert 25 <= int(found["messages"]) <= 30 and found["window_s"] == "60"
    rows = s.events()
    took = [m["us"] for m in checker.messages(rows)]
    refused = [r["us"] for r in rows if r["event"] == "refused"]
    # one proves it; until it is known those under way may be refused too, and who asks
    assert len([us for us in refused if us > took[60]]) <= 2
    assert len(refused) <= 20
    assert took[-1] - took[60] <= (number / 30 - 2) * 60e6 / 0.9


LEVELS = ["slowed", "backing-off", "switched", "normal"]


def in_order(seen, wanted):
    rest = iter(seen)
    return all(x in rest for x in wanted)


def note(levels, level):
    if level != (levels or [None])[-1]:
        levels.append(level)


def level_in_list(p):
    """What `postern provider list` asks for."""
    with socket.socket(socket.AF_UNIX) as c:
        c.settimeout(harness.LONG)
        c.connect(str(p.dir / "control.sock"))
        c.sendall(b'{"v":1,"request":"provider.list"}\n')
        return json.loads(c.makefile().readline())["row"]["level"]


def level_in_metrics(p):
    n = scrape.metrics(p)['postern_provider_level{provider="sink"}']
    return ("normal", "slowed", "backing-off", "switched")[int(n)]


@pytest.mark.clock
@pytest.mark.skipif(not harness.is_built_with(rb"MHD_start_daemon"), reason="built without libmicrohttpd")
def test_levels_are_climbed_and_left(start):
    """As the log, `postern provider list` and /metrics tell."""
    sink, postern, load = start
    script = """
        limits = ( { rate = "9 msg/s"; action = "%s"; } );
        rules = ( { stage = "dot"; action = "%s"; from = "15s"; until = "30s"; },
          { stage = "dot"; action = "550:5.4.5:Daily quota exceeded, try again in 20 seconds";
            from = "30s"; until = "45s"; } );""" % (SLOWER, SLOWER)
    env = harness.shared_clock(15)
    s = sink(script=script, env=env)
    p = postern(harness.provider(s.port), start=False, http=scrape.settings())
    p.start(env=env)
    mail = load(p.port, 400, 4)
    listed, measured = [], []

    def is_over():
        logged = [e["now"] for e in p.events("provider.level")]
        note(listed, level_in_list(p))
        note(measured, level_in_metrics(p))
        return in_order(logged, LEVELS) and listed[-1] == measured[-1] == "normal"

    harness.wait_until(is_over, what="each level in the log, and the normal one again")
    assert in_order(listed, LEVELS), listed
    assert in_order(measured, LEVELS), measured
    quota = [e for e in p.events("provider.level") if e["now"] == "switched"]
    assert quota[0]["reason"] == "quota"
    assert scrape.metrics(p)['postern_provider_level_changes_total{provider="sink"}'] >= len(LEVELS)
    assert mail.wait() == 0
    s.wait_messages(400)


def test_a_quota_is_no_pace(start):
    """An hour's quota is no reason to crawl once the provider has said "slower"."""
    script = 'rules = ( { stage = "dot"; action = "%s"; from = "1s"; until = "1500ms"; } );' % SLOWER
    s, p = scripted(start, script, 40, rate=["20 msg/s", "1000 msg/hour"])
    s.wait_messages(40)
    slowed = p.wait_event("provider.level", now="slowed")
    assert int(slowed["per_minute"]) > 2 * 1000 / 60


def test_above_the_soft_rate_it_is_slower(start):
    run = Run(start, 22, (20, dict(rate=["20 msg/s"], soft_rate="10 msg/s", slow_factor=0.25)))
    run.wait()
    assert run.postern.wait_event("provider.level", now="slowed")["reason"] == "soft-rate"
    hits = [us for us, _ in checker.counted(run.rows())]
    assert (hits[-1] - hits[14]) / (len(hits) - 15) >= 180000, "5 a second would be slow enough"


def test_a_ramp_gives_more_each_day_and_the_rest_goes_elsewhere(start):
    yesterday = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=1)
    ramp = {"start": str(yesterday), "first": "5 msg/day", "factor": 2.0, "days": 5}
    run = Run(start, 16, (20, dict(ramp=ramp)), (20, {}))
    run.wait()
    assert len(run.sinks[0].messages()) == 10
    assert len(run.sinks[1].messages()) == 6
    assert run.postern.wait_event("provider.level", provider="p0", now="switched")["reason"] == "window"


@pytest.mark.parametrize("good", [0, 1])
def test_what_may_have_been_counted_is(rude, postern, good):
    """With CHUNKING all has left before anything is answered: a session that is
    lost then may have cost the window a message, also one that had been idle."""
    sent = []

    def talk(s):
        s.hello("PIPELINING", "CHUNKING")
        while True:
            line = s.line().split()
            if line[0].upper() != b"BDAT":
                continue
            s.file.read(int(line[1]))
            sent.append(1)
            if len(sent) > good:
                return
            for _ in range(3):  # MAIL, RCPT, BDAT
                s.say("250 2.0.0 Ok\r\n")
    p = postern(harness.provider(rude(talk).port, rate=["2 msg/h"], breaker={"failures": 100}),
                retry={"quick": ["100ms"] * 5})
    for _ in range(good):
        harness.send_raw(p.port, b"Subject: x\r\n\r\nx\r\n")
        p.wait_event("delivered")
    harness.send_raw(p.port, b"Subject: x\r\n\r\nx\r\n")
    assert p.wait_event("provider.level", now="switched")["reason"] == "window"
    p.stop()
    assert len(sent) == 2
