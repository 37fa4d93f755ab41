# SPDX-License-Identifier: Apache-2.0
"""Trouble with a provider never bounces a message and never loses one: it
waits, or goes another way."""
import threading

import pytest

import harness
import mails

# Times that a test can wait for.
QUICK = dict(
    retry={"quick": ["100ms", "200ms"], "min": "100ms", "max": "400ms"})
SHORT = dict(
    timeouts={"connect": "2s", "banner": "1s", "command": "1s", "data": "1s", "dot": "1s"},
    breaker={"failures": 3, "open": "100ms", "open_max": "300ms"})

# The content has not been accepted in these, so it must arrive exactly once.
BEFORE_THE_DOT = [
    "banner*2=421", "banner*2=554", "banner*2=drop", "banner*2=reset", "banner*2=hang",
    "ehlo*2=421", "ehlo*2=drop", "ehlo*2=reset", "ehlo*2=hang",
    "mail*2=421", "mail*2=drop", "mail*2=reset", "mail*2=hang",
    "rcpt*2=421", "rcpt*2=drop", "rcpt*2=reset", "rcpt*2=hang",
    "data*2=421", "data*2=drop", "data*2=reset", "data*2=hang",
    "body*2=drop", "body*2=reset", "body*2=hang",
    "dot*2=421:4.3.2:going down",
]
# Nobody can know whether these were accepted; the sink throws them away.
AT_THE_DOT = ["dot*2=drop", "dot*2=reset", "dot*2=hang"]


@pytest.mark.parametrize("without", ["", "CHUNKING", "CHUNKING,PIPELINING"], ids=["bdat", "data", "plain"])
@pytest.mark.parametrize("rule", BEFORE_THE_DOT + AT_THE_DOT)
def test_one_provider_has_trouble(rule, without, sink, postern):
    s = sink("--reply", rule, *(["--disable", without] if without else []))
    p = postern(harness.provider(s.port, **SHORT), **QUICK)
    harness.send_raw(p.port, mails.plain())
    m = s.wait_messages(1)[0]
    assert m["sender"] == "app@example.com"
    p.wait_event("delivered")
    p.stop()
    n = s.stop()
    assert n["messages"] == 1, "a bounce, or a duplicate"
    assert n["rules"] == 2


@pytest.mark.parametrize("rule", ["banner=421", "banner=hang", "ehlo=drop", "mail=421", "mail=hang",
                                  "rcpt=reset", "data=hang", "body=drop", "dot=421"])
def test_the_second_provider_takes_over(rule, sink, postern):
    bad, good = sink("--reply", rule), sink()
    p = postern(harness.provider(bad.port, name="bad", **SHORT), harness.provider(good.port, name="good"),
                **QUICK)
    for i in range(3):
        harness.send_raw(p.port, mails.plain())
    good.wait_messages(3)
    assert p.wait_event("delivered", n=3)["provider"] == "good"
    p.stop()
    assert bad.stop()["messages"] == 0
    assert good.stop()["messages"] == 3


def test_a_provider_that_is_down_comes_up(sink, postern):
    port = harness.free_port()
    p = postern(harness.provider(port, **SHORT), **QUICK)
    for i in range(20):
        harness.send_raw(p.port, mails.plain())
    s = sink(port=port)
    s.wait_messages(20)
    p.stop()
    assert s.stop()["messages"] == 20


def test_it_survives_a_stop_meanwhile(sink, postern):
    port = harness.free_port()
    p = postern(harness.provider(port, **SHORT), **QUICK)
    for i in range(5):
        harness.send_raw(p.port, mails.plain())
    p.stop()
    s = sink(port=port)
    p.start()
    s.wait_messages(5)
    p.stop()
    assert s.stop()["messages"] == 5


def test_an_unknown_host_is_trouble_of_the_provider(sink, postern):
    good = sink()
    p = postern(dict(name="nowhere", host="does-not-exist.invalid", port=25, tls="off", **SHORT),
                harness.provider(good.port, name="good"), **QUICK)
    harness.send_raw(p.port, mails.plain())
    good.wait_messages(1)
    p.stop()
    assert good.stop()["messages"] == 1


def test_a_refused_login_bounces_nothing(sink, postern, tmp_path):
    """Wrong password; then the operator mends it and reloads."""
    secret = harness.private(tmp_path / "secret", "wrong\n")
    s = sink("--auth", "me:right")
    p = postern(harness.provider(s.port, user="me", password_file=str(secret), allow_clear_auth=True, **SHORT),
                **QUICK)
    harness.send_raw(p.port, mails.plain())
    s.wait_event("closed")
    secret.write_text("right\n")
    p.reload()
    m = s.wait_messages(1)[0]
    assert m["sender"] == "app@example.com"
    p.stop()
    assert s.stop()["messages"] == 1


def test_a_password_changed_meanwhile_is_taken_at_the_refusal(sink, postern, tmp_path):
    """Without a reload, without an alert, and with one bad login."""
    secret = harness.private(tmp_path / "secret", "wrong\n")
    s = sink("--auth", "me:right")
    p = postern(harness.provider(s.port, user="me", password_file=str(secret), allow_clear_auth=True, **SHORT))
    secret.write_text("right\n")
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(1)
    p.wait_event("delivered")
    assert p.events("provider.password") and not p.events("provider.alert")
    p.stop()
    assert s.stop()["connections"] == 2


@pytest.mark.clock
def test_a_password_mended_later_needs_no_reload(sink, postern, tmp_path):
    """Three bad logins, and nothing more for ten minutes; but the file is
    looked at."""
    secret = harness.private(tmp_path / "secret", "wrong\n")
    s = sink("--auth", "me:right")
    p = postern(harness.provider(s.port, user="me", password_file=str(secret), allow_clear_auth=True, **SHORT),
                start=False, **QUICK)
    p.start(env=harness.shared_clock(20))
    harness.send_raw(p.port, mails.plain())
    p.wait_event("provider.alert")
    secret.write_text("right\n")
    p.wait_event("provider.password")
    e = p.wait_event("delivered")
    assert int(e["delay_ms"]) < 60000, "the breaker was waited for"
    p.stop()
    assert s.stop()["messages"] == 1


def test_a_refused_login_goes_another_way(sink, postern, tmp_path):
    secret = harness.private(tmp_path / "secret", "wrong\n")
    s, good = sink("--auth", "me:right"), sink()
    p = postern(harness.provider(s.port, name="locked", user="me", password_file=str(secret),
                                 allow_clear_auth=True, **SHORT),
                harness.provider(good.port, name="good"), **QUICK)
    for i in range(10):
        harness.send_raw(p.port, mails.plain())
    good.wait_messages(10)
    p.stop()
    # at most three bad logins in ten minutes: accounts get locked for less
    assert s.stop()["connections"] <= 3
    assert good.stop()["messages"] == 10


def test_a_provider_that_hangs_gets_no_password_in_clear(sink, postern, tmp_path):
    """STARTTLS is required and not offered: no login, no mail."""
    secret = harness.private(tmp_path / "secret", "s3cret\n")
    s, good = sink(), sink()
    p = postern(dict(name="clear", host="127.0.0.1", port=s.port, tls="required", user="me",
                     password_file=str(secret), allow_unverified_auth=True, **SHORT),
                harness.provider(good.port, name="good"), **QUICK)
    harness.send_raw(p.port, mails.plain())
    good.wait_messages(1)
    p.stop()
    assert s.stop()["messages"] == 0


def test_sessions_that_went_stale_cost_nothing(sink, postern):
    """The provider closes idle sessions; the next mail goes at once."""
    s = sink("--max-messages", "1")
    p = postern(s.port, retry={"quick": [], "min": "1h", "max": "2h"})
    for i in range(5):
        harness.send_raw(p.port, mails.plain())
        s.wait_messages(i + 1)
    p.stop()
    assert s.stop()["messages"] == 5


def test_a_provider_that_recycles_sessions_under_load(sink, postern, load):
    """421 after each tenth message, in the middle of a chain."""
    s = sink("--max-messages", "10")
    p = postern(s.port, retry={"quick": ["100ms"], "min": "100ms", "max": "400ms"})
    assert load(p.port, 500, 10).result()["acked"] == 500
    s.wait_messages(500)
    p.stop()
    n = s.stop()
    assert (n["different"], n["duplicates"], n["damaged"]) == (500, 0, 0)


def test_a_provider_that_allows_few_connections(sink, postern, load):
    s = sink("--max-connections", "2")
    p = postern(harness.provider(s.port, max_connections=10, **SHORT), **QUICK)
    assert load(p.port, 500, 20).result()["acked"] == 500
    s.wait_messages(500)
    p.stop()
    n = s.stop()
    assert (n["different"], n["duplicates"], n["damaged"]) == (500, 0, 0)


@pytest.mark.parametrize("without", ["", "CHUNKING", "CHUNKING,PIPELINING"], ids=["bdat", "data", "plain"])
def test_trouble_under_load_loses_nothing(without, sink, postern, load):
    """Every stage fails now and then, at random places of a chain."""
    rules = ["--disable", without] if without else []
    for stage, what in (("mail", "421"), ("rcpt", "drop"), ("data", "reset"), ("body", "drop"), ("mail", "drop")):
        rules += ["--reply", "%s*5=%s" % (stage, what)]
    s = sink(*rules)
    p = postern(harness.provider(s.port, **SHORT), **QUICK)
    assert load(p.port, 1000, 20).result()["acked"] == 1000
    s.wait_messages(1000)
    p.stop()
    n = s.stop()
    assert (n["different"], n["duplicates"], n["damaged"], n["foreign"]) == (1000, 0, 0, 0)


def hello(s):
    s.hello("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES")


def after_mail(reply):
    def case(s):
        hello(s)
        s.expect("MAIL")
        s.say(reply)
        s.wait_close()
    return case


NONSENSE = {
    "rubbish-banner": lambda s: (s.say("hello there\r\n"), s.wait_close()),
    "binary-banner": lambda s: (s.say(bytes(range(256)) * 4), s.wait_close()),
    "http": lambda s: (s.say("HTTP/1.1 400 Bad Request\r\n\r\n"), s.wait_close()),
    "half-a-banner": lambda s: s.say("22"),
    "banner-250": lambda s: (s.say("250 hi\r\n"), s.wait_close()),
    "endless-banner": lambda s: [s.say("220-" + "x" * 500 + "\r\n") for _ in range(10000)],
    "endless-line": lambda s: [s.say("2" * 4096) for _ in range(1000)],
    "reply-code-999": after_mail("999 what\r\n"),
    "reply-code-100": after_mail("100 what\r\n"),
    "354-to-mail": after_mail("354 go\r\n"),
    "mixed-codes": after_mail("250-2.1.0 fine\r\n550 5.0.0 not\r\n"),
    "nul-in-a-reply": after_mail(b"250 2.1.0 fi\0ne\r\n250 ok\r\n250 ok\r\n"),
    "no-text": after_mail("4\r\n"),
    "250-before-the-dot": lambda s: (hello(s), s.expect("MAIL"), s.say("250 2.1.0 ok\r\n250 2.1.5 ok\r\n"),
                                     s.expect("RCPT"), s.expect("DATA"), s.say("354 go on\r\n250 2.0.0 ok\r\n"),
                                     s.wait_close()),
    "replies-that-nobody-asked-for": after_mail("250 1\r\n250 2\r\n250 3\r\n250 4\r\n250 5\r\n250 6\r\n"),
}


@pytest.mark.parametrize("case", list(NONSENSE))
def test_nonsense_loses_nothing(case, rude, sink, postern):
    def talk(s):
        if s.number > 4:
            s.say("421 later\r\n")
        else:
            NONSENSE[case](s)
    bad, good = rude(talk), sink()
    p = postern(harness.provider(bad.port, name="rude", **SHORT), harness.provider(good.port, name="good"),
                **QUICK)
    harness.send_raw(p.port, mails.plain())
    m = good.wait_messages(1)[0]
    assert m["sender"] == "app@example.com"
    assert bad.sessions >= 1
    p.stop()
    assert good.stop()["messages"] == 1


@pytest.mark.parametrize("without", ["", "CHUNKING", "CHUNKING,PIPELINING"], ids=["bdat", "data", "plain"])
def test_what_was_kept_and_not_answered_goes_twice_at_most(without, sink, postern, load):
    """Nobody can know: it is sent again, and nothing else is."""
    s = sink("--reply", "kept*3=drop", "--reply", "kept*3=reset", *(["--disable", without] if without else []),
             maildir=None)
    p = postern(harness.provider(s.port, **SHORT), **QUICK)
    assert load(p.port, 300, 10).result()["acked"] == 300
    s.wait_messages(306)
    p.stop()
    n = s.stop()
    assert (n["different"], n["damaged"]) == (300, 0)
    # with a chain, what stood behind the lost reply may have been kept too
    assert 6 <= n["duplicates"] <= 6 * 4


def test_a_provider_that_stops_reading(rude, sink, postern):
    """The window closes in the middle of the content."""
    def talk(s):
        s.hello("PIPELINING")
        for verb in ("MAIL", "RCPT"):
            s.expect(verb)
            s.say("250 ok\r\n")
        s.expect("DATA")
        s.say("354 go on\r\n")
        hold.wait(harness.LONG)
    hold = threading.Event()
    bad, good = rude(talk), sink()
    p = postern(dict(harness.provider(bad.port, name="full"), timeouts=dict(SHORT["timeouts"], block="1s")),
                harness.provider(good.port, name="good"), **QUICK)
    harness.send_raw(p.port, mails.mail("stuck", mails.lines_of(20 * 1024 * 1024)))
    good.wait_messages(1)
    hold.set()
    p.stop()
    assert good.stop()["messages"] == 1


def test_a_slow_provider_keeps_nobody_from_the_other(sink, postern):
    """Messages wait for a slow one no longer than its replies take; memory
    does not grow with them."""
    slow = sink("--delay", "dot=200")
    p = postern(harness.provider(slow.port, max_connections=3))
    for i in range(20):
        harness.send_raw(p.port, mails.plain())
    slow.wait_messages(20)
    p.stop()
    n = slow.stop()
    assert (n["messages"], n["most_open"]) == (20, 3)


def test_354_is_not_250(rude, sink, postern):
    """A provider that says 354 although it refused everybody gets a lone dot."""
    seen = []

    def talk(s):
        s.hello("PIPELINING", "ENHANCEDSTATUSCODES")
        s.expect("MAIL")
        s.say("250 2.1.0 ok\r\n")
        s.expect("RCPT")
        s.say("450 4.2.0 not now\r\n")
        x = s.line()
        if x.upper().startswith(b"DATA"):
            s.say("354 go on\r\n")
            seen.append(s.until_dot())
            s.say("554 5.5.1 no recipients\r\n")
        s.wait_close()
    bad = rude(talk)
    p = postern(harness.provider(bad.port, name="rude", **SHORT), retry={"quick": [], "min": "1s", "max": "1s"})
    harness.send_raw(p.port, mails.plain())
    bad.wait_sessions(1)
    p.wait_event("deferred")
    p.stop()
    assert all(x == b"" for x in seen), seen
