# SPDX-License-Identifier: Apache-2.0
"""No window of a provider's rate is ever exceeded, as the provider counts, and
what it allows is used.  The runs of a test are under way together."""
import datetime
import os

import pytest

import checker
import harness

LEARNED_US = 2500000  # until enough replies have told how steady a provider is


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

    def wait(self, number=None):
        if len(self.sinks) > 1:
            self.postern.wait_event("delivered", n=self.number)
        else:
            self.sinks[0].wait_messages(number or self.number)

    def check(self, *rates):
        checker.assert_never_over(self.rows(), *rates)

    def check_use(self, rate, least=None):
        """From when the spread of replies is known.  least: in place of what
        that spread allows, on a machine that does nothing else."""
        rows = self.rows()
        begin = checker.messages(rows)[0]["us"] + LEARNED_US
        late = [r for r in rows if r["event"] == "message" and r["us"] >= begin]
        count, of, period = checker.parse_rate(rate)
        bound = least or period / (period + max(checker.reply_spread_us(rows), 5000)) - 0.02
        hits = checker.counted(late, of)
        used = sum(n for _, n in hits[:-1]) / (count * (hits[-1][0] - hits[0][0]) / period)
        assert used >= bound, "%s: %.3f used, not %.3f" % (rate, used, bound)


@pytest.fixture
def start(sink, postern, load):
    return sink, postern, load


def test_no_window_is_exceeded_and_all_of_it_is_used(start):
    one = dict(max_connections=1)
    quick = Run(start, 60, (20, dict(rate=["14 msg/s"])))
    slow = Run(start, 60, (200, dict(rate=["14 msg/s"])))
    single = Run(start, 40, (20, dict(rate=["9 msg/s"], **one)))
    two = Run(start, 60, (20, dict(rate=["10 msg/s", "24 msg/3s"])))
    rcpts = Run(start, 30, (20, dict(rate=["20 rcpt/s"], max_connections=3)), rcpts=5)
    for run in (quick, slow, single, two, rcpts):
        run.wait()
    quick.check("14 msg/s")
    slow.check("14 msg/s")
    single.check("9 msg/s")
    two.check("10 msg/s", "24 msg/3s")
    rcpts.check("20 rcpt/s")
    alone = os.environ.get("POSTERN_LONG")
    quick.check_use("14 msg/s", None if alone else 0.8)
    slow.check_use("14 msg/s", None if alone else 0.8)
    two.check_use("24 msg/3s", 0.95 if alone else 0.8)


def test_recipients_are_never_more_than_a_window_takes(start):
    run = Run(start, 2, (20, dict(rate=["6 rcpt/s"])), rcpts=10)
    run.wait(4)  # each leaves in parts
    run.check("6 rcpt/s")
    assert max(m["nrcpts"] for m in checker.messages(run.rows())) == 6


def test_providers_share_a_limit(start):
    limits = [{"name": "tenant", "rate": ["12 msg/s"], "max_connections": 3}]
    shared = dict(limits=["tenant"])
    run = Run(start, 27, (20, dict(rate=["8 msg/s"], **shared)), (20, shared), limits=limits,
              groups=[{"name": "both", "members": ["p0", "p1"], "balance": "weighted"}],
              routes=[{"name": "default", "use": ["both"]}])
    run.wait()
    run.check("12 msg/s")
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


def change(run):
    rates = run.postern.settings["providers"][0]["rate"]
    rates[0] = "10 msg/2s" if rates[0] != "10 msg/2s" else "12 msg/2s"
    mark = run.postern.reload()
    run.postern.wait_event("reloaded", since=mark)


def restart(run):
    run.postern.stop()
    run.postern.start(env=run.env)


def kill(run):
    run.postern.kill9()
    run.postern.start(env=run.env)


def test_neither_a_reload_nor_a_stop_nor_a_crash_forgets(start):
    rate = ["12 msg/2s"]
    runs = [on_the_way(start, rate[:], 20, (4, 9), change), on_the_way(start, rate, 20, (4, 9), restart),
            on_the_way(start, rate, 20, (4, 9), kill)]
    for run in runs:
        run.wait(20)
        run.check("12 msg/2s")


@pytest.mark.skipif(not harness.TEST_CLOCK, reason="built without the test clock")
def test_nor_do_they_of_windows_that_are_reserved_in_blocks(start):
    rate = ["60 msg/2min"]
    runs = [on_the_way(start, rate, 90, (20,), do, clock=30) for do in (restart, kill)]
    for run in runs:
        run.wait(90)
        run.check("60 msg/2min")


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
    assert p.wait_event("provider.level", level="slowed")["reason"] == "rate"
    assert not [e for e in p.events("provider.level") if e["level"] == "backing-off"]


@pytest.mark.skipif(not harness.TEST_CLOCK, reason="built without the test clock")
def test_levels_are_climbed_and_left(start):
    script = """
        limits = ( { rate = "9 msg/s"; action = "%s"; } );
        rules = ( { stage = "dot"; action = "%s"; from = "15s"; until = "30s"; },
          { stage = "dot"; action = "550:5.4.5:Daily quota exceeded, try again in 20 seconds";
            from = "30s"; until = "45s"; } );""" % (SLOWER, SLOWER)
    s, p = scripted(start, script, 400, clock=20)
    s.wait_messages(400)
    p.wait_event("provider.level", level="normal")
    levels = [e["level"] for e in p.events("provider.level")]
    at = 0
    for level in ("slowed", "backing-off", "switched", "normal"):
        assert level in levels[at:], levels
        at = levels.index(level, at)
    quota = [e for e in p.events("provider.level") if e["level"] == "switched"]
    assert quota[0]["reason"] == "quota"


def test_a_quota_is_no_pace(start):
    """An hour's quota is no reason to crawl once the provider has said "slower"."""
    script = 'rules = ( { stage = "dot"; action = "%s"; from = "1s"; until = "1500ms"; } );' % SLOWER
    s, p = scripted(start, script, 40, rate=["20 msg/s", "1000 msg/hour"])
    s.wait_messages(40)
    slowed = p.wait_event("provider.level", level="slowed")
    assert int(slowed["per_minute"]) > 2 * 1000 / 60


def test_above_the_soft_rate_it_is_slower(start):
    run = Run(start, 22, (20, dict(rate=["20 msg/s"], soft_rate="10 msg/s", slow_factor=0.25)))
    run.wait()
    assert run.postern.wait_event("provider.level", level="slowed")["reason"] == "soft-rate"
    hits = [us for us, _ in checker.counted(run.rows())]
    assert (hits[-1] - hits[14]) / (len(hits) - 15) >= 180000, "5 a second would be slow enough"


def test_a_ramp_gives_more_each_day_and_the_rest_goes_elsewhere(start):
    yesterday = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=1)
    ramp = {"start": str(yesterday), "first": "5 msg/day", "factor": 2.0, "days": 5}
    run = Run(start, 16, (20, dict(ramp=ramp)), (20, {}))
    run.wait()
    assert len(run.sinks[0].messages()) == 10
    assert len(run.sinks[1].messages()) == 6
    assert run.postern.wait_event("provider.level", provider="p0", level="switched")["reason"] == "window"
