# SPDX-License-Identifier: Apache-2.0
"""A provider fails and the next takes over: at default settings, whatever it
fails with, soon, without a duplicate; and it gets its mail again when it is
back."""
import datetime
import os
import select
import signal
import socket
import time

import pytest

import certs
import checker
import harness
import mails

MESSAGES = 20
SESSIONS = 10  # max_connections, the default
ALONE = "POSTERN_LONG" in os.environ
QUEUED, RATES, FASTER = (100000, ["600 msg/min", "30000 msg/h"], 120) if ALONE else (10000, ["6000 msg/h"], 900)


def secret(directory, name, text):
    return str(harness.private(directory / name, text + "\n"))


# what goes wrong: options of the sink, settings of the provider
# Nobody can know what became of a message whose end is out: left to the timeout,
# of the dot, which is shorter here than it is by default; then it goes out again.
DOUBTFUL = {
    "no-mail-to-a-flight": (["--reply", "mail=hang"], {"timeouts": {"command": "3s", "dot": "8s"}}),
    "no-dot": (["--reply", "dot=hang", "--disable", "CHUNKING"], {"timeouts": {"dot": "8s"}}),
}
FAULTS = {
    **DOUBTFUL,
    "refused": (None, {}),
    "reset": (["--reply", "banner=reset"], {}),
    "no-banner": (["--reply", "banner=hang"], {}),
    "no-ehlo": (["--reply", "ehlo=hang"], {}),
    "no-mail": (["--reply", "mail=hang", "--disable", "CHUNKING"], {}),
    "no-rcpt": (["--reply", "rcpt=hang", "--disable", "CHUNKING"], {}),
    "no-data": (["--reply", "data=hang", "--disable", "CHUNKING"], {}),
    "no-mail-one-by-one": (["--reply", "mail=hang", "--disable", "CHUNKING,PIPELINING"], {}),
    "lost": (["--reply", "rcpt=drop", "--disable", "CHUNKING"], {}),
    "throttled": (["--reply", "dot=454:4.7.0:Throttling failure: Maximum sending rate exceeded"], {}),
    "busy": (["--reply", "mail=421:4.3.2:busy"], {}),
    "login": (["--auth", "me:right"], {"user": "me", "allow_clear_auth": True}),
    "certificate": ("tls", {"tls": "verify", "tls_name": "postern.test"}),
    "suspended": (["--reply", "mail=550:5.7.1:Your account has been suspended"], {}),
    "suspended-at-the-dot": (["--reply", "dot=554:5.7.1:Account suspended"], {}),
}


def start_faults(sink, tmp_path):
    """{fault: (sink or None, provider)}"""
    made = {}
    cert = certs.make(tmp_path, "stranger", names=("other.example",))
    for name, (options, settings) in FAULTS.items():
        more = dict(settings)
        if "user" in more:
            more["password_file"] = secret(tmp_path, "secret", "wrong")
        if options == "tls":
            options = ["--tls", "starttls", "--certificate", cert.certificate, "--key", cert.key]
            more["ca_file"] = cert.certificate
        s = sink(*options, maildir=None) if options is not None else None
        port = s.port if s else harness.free_port()
        made[name] = (s, harness.provider(port, name=name, **more))
    return made


class Clock:
    """That of the programs that are started with it."""

    def __init__(self, factor):
        self.factor, self.real, self.wall = factor, time.monotonic(), time.time()
        self.env = harness.shared_clock(factor)

    def now(self):
        """Wall clock, s."""
        return self.wall + (time.monotonic() - self.real) * self.factor

    @staticmethod
    def times(p, *words):
        """When each line with all the words was written."""
        return [datetime.datetime.fromisoformat(x.split()[0].replace("Z", "+00:00")).timestamp()
                for x in list(p.log.lines) if all(w in x for w in words)]


def routes(names):
    """Mail for NAME@example.net goes to NAME, else to good."""
    return [{"name": f, "match": {"recipient": [f + "@example.net"]}, "use": [f, "good"]}
            for f in names] + [{"name": "default", "use": ["good"]}]


def delivered(p, fault):
    """When each of its messages was, in ms after it came."""
    return [int(e["delay_ms"]) for e in p.events("delivered")
            if e["rcpt"].startswith(fault + "@") and e["provider"] == "good"]


def test_the_next_takes_over_whatever_goes_wrong(sink, postern, tmp_path):
    """Within 6 s, and at once for all that had not got to their final dot."""
    faults = start_faults(sink, tmp_path)
    good = sink(maildir=None)
    p = postern(*[x[1] for x in faults.values()], harness.provider(good.port, name="good", max_connections=50),
                routes=routes(faults))
    for i in range(MESSAGES):
        harness.send_raw(p.port, mails.plain(), recipients=["%s@example.net" % f for f in faults])
    good.wait_messages(MESSAGES * len(faults))
    p.wait_event("delivered", n=MESSAGES * len(faults))
    late = {f: delivered(p, f) for f in faults}
    touched = {f: s.stop()["rules"] for f, (s, _) in faults.items()
               if s and FAULTS[f][0][1].split("=")[0] in ("mail", "rcpt", "data", "dot")}
    logins = len([1 for e in p.events("provider.alert") if e["class"] == "auth"])
    alerts = {e["provider"]: e for e in p.events("provider.alert")}
    stalled = {e["provider"] for e in p.events("provider.stalled")}
    probes = {f: s.stop()["connections"] for f, (s, _) in faults.items() if s}
    unsure = {e["provider"] for e in p.events("unsure")}
    p.stop()
    n = good.stop()
    assert n["messages"] == MESSAGES * len(faults), "a duplicate, or a bounce"
    for f in faults:
        assert len(late[f]) == MESSAGES, f
        doubtful = SESSIONS if f in DOUBTFUL else 0
        assert min(late[f]) < 6000, (f, sorted(late[f]))
        # the others no later than this machine can carry them
        assert sorted(late[f])[-1 - doubtful] < 9900, (f, sorted(late[f]))
        assert not doubtful or max(late[f]) >= 8000, (f, sorted(late[f]))
    assert unsure == set(DOUBTFUL)
    # where all wait for the dot's answer, one more looks whether it is back
    assert all(n <= SESSIONS + (f in DOUBTFUL) for f, n in touched.items()), touched
    assert all(x <= SESSIONS + 6 for x in probes.values()), probes
    assert set(alerts) == {"login", "certificate", "suspended", "suspended-at-the-dot"}
    assert all("reload" in e["advice"] for e in alerts.values())
    assert logins == 1 and probes["login"] <= 3
    assert stalled == {f for f in faults if f.startswith("no-")}


@pytest.mark.clock
def test_it_gets_its_mail_again(sink, postern):
    """After refusals and after silence, within 75 s of its return."""
    good, hung = sink(maildir=None), sink("--reply", "banner=hang", maildir=None)
    port = {"refused": harness.free_port(), "hung": hung.port}
    clock = Clock(20)
    p = postern(*[harness.provider(port[f], name=f) for f in port],
                harness.provider(good.port, name="good", max_connections=50),
                routes=routes(port), start=False)
    p.start(env=clock.env)
    for i in range(5):  # refusals that open it
        harness.send_raw(p.port, mails.plain(), recipients=[f + "@example.net" for f in port])
        good.wait_messages(2 * i + 2)
    for f, n in (("refused", 9), ("hung", 4)):  # by then it is open for a minute
        p.wait_event("provider.trouble", n=n, provider=f)
    assert len(p.events("provider.trouble")) < 20, "a handful of probes"
    hung.stop()
    mark, since = p.log.mark(), clock.now()
    back = {f: sink(maildir=None, port=port[f]) for f in port}
    for f in port:
        p.wait_event("provider.up", provider=f, since=mark)
        harness.send_raw(p.port, mails.plain(), recipients=[f + "@example.net"])
        back[f].wait_messages(1)
        assert clock.times(p, "event=provider.up", "provider=" + f)[-1] - since < 75, f
    p.stop()
    assert good.stop()["messages"] == 10


@pytest.mark.clock
@pytest.mark.parametrize("without", ["", "CHUNKING"])
def test_what_waits_in_vain_keeps_nobody_out(without, sink, postern):
    """All sessions hang at their final dot, for minutes yet; the provider is well
    again, and gets mail."""
    options = ["--disable", without] if without else []
    good, bad = sink(maildir=None), sink("--reply", "dot*2=hang", *options, maildir=None)
    clock = Clock(10)
    p = postern(harness.provider(bad.port, name="bad", max_connections=2),
                harness.provider(good.port, name="good"), start=False)
    p.start(env=clock.env)
    for i in range(8):
        harness.send_raw(p.port, mails.plain())
    good.wait_messages(6)
    since = clock.now()
    assert p.wait_event("provider.up", provider="bad")["breaker"] == "half-open"
    assert clock.times(p, "event=provider.up")[0] - since < 75
    for i in range(3):
        harness.send_raw(p.port, mails.plain())
        bad.wait_messages(i + 1)
    assert not p.events("unsure")
    p.kill9()  # a stop would wait for them
    assert bad.stop()["most_open"] == 3
    assert good.stop()["messages"] == 6


def commits(p):
    """The store's two meta pages: each commit changes one of them."""
    with open(p.spool / "data.mdb", "rb") as f:
        return f.read(2 * 4096)


# At that pace half a minute is 33 ms, for which a busy machine may well be away.
PATIENT = {"timeouts": {"command": "1d", "data": "1d", "handshake": "10m", "linger": "1m"}}
PATIENT_WITH_IT = {"timeouts": {"connect": "10m", "banner": "10m", "command": "10m", "data": "10m", "block": "10m",
                                "dot": "1h"}}


@pytest.mark.clock
def test_an_hour_without_any_provider(sink, postern, load, tmp_path):
    """Memory, spool and attempts stay as they are; then all leaves, in order, and
    no faster than it may."""
    port, clock = harness.free_port(), Clock(FASTER)
    p = postern(harness.provider(port, max_connections=1, rate=RATES, **PATIENT_WITH_IT), start=False,
                listeners=[{"name": "local", "address": ["127.0.0.1:0"], **PATIENT}])
    p.start(env=clock.env)
    assert load(p.port, QUEUED, 10, "-s", "1000").result(harness.LONG * 10)["acked"] == QUEUED
    at = clock.now()
    p.wait_event("provider.down")
    before, rss = commits(p), p.rss_anon_kib()
    harness.wait_until(lambda: clock.now() - at > 3600, what="an hour")
    p.wait_event("provider.trouble", since=p.log.mark())  # all of the hour are logged
    assert commits(p) == before, "something was written meanwhile"
    grew = p.rss_anon_kib() - rss
    tried = [t - at for t in clock.times(p, "event=provider.trouble") if at <= t < at + 3600]
    print("%d queued, an hour: %d KiB of %d more, %d attempts" % (QUEUED, grew, rss, len(tried)))
    assert grew < 8192
    # once a minute; a machine that is busy comes to some of them late
    assert 20 <= len(tried) <= 3600 / 48 + 1, tried
    s = sink("--disable", "CHUNKING", "--brief", "--count", str(QUEUED), port=port, maildir=None,
             log=str(tmp_path / "log"), env=clock.env)
    s.wait_event("count", timeout=harness.LONG * 10)
    silences = len(p.events("provider.stalled"))
    p.stop()
    n, rows = s.stop(), checker.read(tmp_path / "log")
    # no more out of order than ten clients were when they sent
    disorder = max(abs(i - m["number"]) for i, m in enumerate(checker.messages(rows)))
    windows = {rate: checker.window(rows, rate) for rate in RATES}
    print("then %s; %d places out of order at most; %d silences" % (
        ", ".join("%d in any window of %s" % (w.most, rate) for rate, w in windows.items()), disorder, silences))
    assert disorder < 100
    assert (n["different"], n["duplicates"], n["damaged"]) == (QUEUED, 0, 0)
    # at this pace a few ms are silence, and after each one more asks
    assert checker.most_at_once(rows) <= 1 + silences
    assert all(w.most <= w.allowed for w in windows.values())


@pytest.mark.clock
def test_a_slow_line_is_not_silence(rude, sink, postern):
    """A big message on its way, no reply for half a minute: as long as the provider
    takes something it is waited for."""
    took = []

    def talk(s):
        s.hello("ENHANCEDSTATUSCODES")
        for _ in range(2):
            s.line()
            s.say("250 2.0.0 ok\r\n")
        s.expect("DATA")
        s.say("354 go on\r\n")
        begun, end = clock.now(), b""
        while not end.endswith(b"\r\n.\r\n"):
            end = (end + s.sock.recv(32768))[-8:]
            select.select([], [], [], 0.05)  # the line's pace
        took.append(clock.now() - begun)
        s.say("250 2.0.0 ok\r\n")
        s.wait_close()
    slow, good, clock = rude(talk), sink(maildir=None), Clock(10)
    slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)  # for all that it accepts
    p = postern(harness.provider(slow.port, name="slow"), harness.provider(good.port, name="good"), start=False)
    p.start(env=clock.env)
    harness.send_raw(p.port, mails.mail("big", mails.lines_of(1500000)))
    assert p.wait_event("delivered")["provider"] == "slow"
    assert not p.events("provider.stalled")
    p.stop()
    assert took[0] > 15, "it was too fast to show anything"
    assert good.stop()["messages"] == 0


@pytest.mark.clock
def test_a_daemon_that_slept_blames_nobody(sink, postern):
    """Stopped for longer than silence may last, with a reply on its way."""
    s = sink("--delay", "dot=200")
    p = postern(harness.provider(s.port), start=False)
    clock = Clock(10)
    p.start(env=clock.env)
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(1)
    p.proc.signal(signal.SIGSTOP)
    at = time.monotonic()
    harness.wait_until(lambda: time.monotonic() - at > 1.2, what="more than a second")
    p.proc.signal(signal.SIGCONT)
    p.wait_event("delivered")
    assert not p.events("provider.stalled") and not p.events("provider.trouble")
    p.stop()
