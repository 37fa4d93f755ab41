# SPDX-License-Identifier: Apache-2.0
"""What replies mean: the operator's patterns, what only several messages
together tell, and the provider's own id of a message."""
import json
import os
import re
import subprocess
import threading

import pytest

import harness
import mails

POSTERN = os.environ.get("POSTERN", str(harness.BUILD / "postern"))
QUICK = {"quick": ["100ms", "200ms"], "min": "100ms", "max": "400ms"}

CONF = """%s
providers = ( { name = "ses"; host = "127.0.0.1"; tls = "off";
  replies = ( { stage = "mail"; code = "45"; class = "conns"; },
    { stage = "dot"; code = "554"; text = "over your plan"; class = "quota"; wait = "10m"; } ); } );
""" % ('user = "root"; group = "root";' if os.getuid() == 0 else "")


def classify(tmp_path, *words):
    conf = tmp_path / "postern.conf"
    conf.write_text(CONF)
    r = subprocess.run([POSTERN, "classify", "-c", str(conf), *words], capture_output=True, text=True,
                       timeout=harness.LONG)
    return r.returncode, r.stdout, r.stderr


def test_classify_tells_which_pattern_says_so(tmp_path):
    rc, out, err = classify(tmp_path, "ses", "dot", "554 5.7.1 You are Over Your Plan")
    assert (rc, err) == (0, "")
    lines = dict(x.split(None, 1) for x in out.splitlines())
    assert lines["class"] == "quota"
    assert lines["rule"] == "%s:4" % (tmp_path / "postern.conf")
    assert lines["wait"] == "10 min"
    assert "next provider" in lines["message"]


def test_classify_knows_what_is_built_in(tmp_path):
    rc, out, err = classify(tmp_path, "--json", "ses", "mail",
                            "421-4.7.0 Domain x is not allowed to send:\n421 4.7.0 recipient limit exceeded, "
                            "try again in 5 minutes")
    assert (rc, err) == (0, "")
    d = json.loads(out)
    assert (d["class"], d["wait_ms"], d["alert"]) == ("quota", 300000, False)
    assert "recipient limit exceeded" in d["rule"] and "file" not in d


def test_classify_depends_on_the_session(tmp_path):
    words = ("ses", "mail", "421 4.4.2 Timeout waiting for data from client.")
    assert "class      backoff" in classify(tmp_path, *words)[1]
    assert "class      stale" in classify(tmp_path, "--used", *words)[1]
    out = classify(tmp_path, "ses", "dot", "454 Throttling failure: Maximum sending rate exceeded.")[1]
    assert "none bounces" in out and all(len(x) <= 80 for x in out.splitlines()), out


@pytest.mark.parametrize("words,rc,says", [
    (("ses", "dot"), 64, "usage: postern classify"),
    (("nobody", "dot", "450 x"), 65, 'there is no provider "nobody"'),
    (("ses", "data base", "450 x"), 65, "write banner, ehlo"),
    (("ses", "dot", "go away"), 65, "a line without a reply code"),
])
def test_classify_says_what_is_wrong(words, rc, says, tmp_path):
    got, out, err = classify(tmp_path, *words)
    assert got == rc and says in err and out == ""


def test_classify_says_what_is_wrong_with_the_configuration(tmp_path):
    conf = tmp_path / "bad.conf"
    conf.write_text(CONF.replace('class = "conns"', 'class = "con"'))
    r = subprocess.run([POSTERN, "classify", "-c", str(conf), "ses", "dot", "450 x"], capture_output=True,
                       text=True, timeout=harness.LONG)
    assert r.returncode == 78
    assert "bad.conf:3: providers.replies.class" in r.stderr


def test_a_pattern_keeps_mail_that_would_bounce(sink, postern):
    """Where 554 at the dot means the plan, not the message."""
    bad, good = sink("--reply", "dot=554:5.7.1:Upgrade to send more"), sink()
    rule = {"stage": "dot", "code": "554", "text": "upgrade", "class": "quota", "wait": "20m"}
    p = postern(harness.provider(bad.port, name="bad", replies=[rule]),
                harness.provider(good.port, name="good"))
    harness.send_raw(p.port, mails.plain())
    assert p.wait_event("delivered")["provider"] == "good"
    assert p.wait_event("provider.trouble")["class"] == "quota"
    down = p.wait_event("provider.down", provider="bad")
    assert 19 * 60000 < int(down["for_ms"]) <= 20 * 60000
    assert not p.events("bounced")
    p.stop()


def test_the_providers_id_is_in_the_log(rude, postern):
    def talk(s):
        s.hello()
        while True:
            verb = s.line()[:4].upper()
            if verb == b"DATA":
                s.say("354 go on\r\n")
                s.until_dot()
                s.say("250 Ok 0100019cdd39ed2b-9d2a219c-6ec6-4ab3-ae1f-8902497e5831-000000\r\n")
                continue
            s.say("250 ok\r\n")
            if verb == b"QUIT":
                return
    p = postern(harness.provider(rude(talk).port))
    harness.send_raw(p.port, mails.plain())
    e = p.wait_event("delivered")
    assert e["provider_id"] == "0100019cdd39ed2b-9d2a219c-6ec6-4ab3-ae1f-8902497e5831-000000"
    p.stop()


def test_the_wait_that_a_reply_asks_for(sink, postern):
    s = sink("--reply", "rcpt=450:4.7.1:Greylisted, try again in 7000 seconds")
    p = postern(s.port)
    harness.send_raw(p.port, mails.plain())
    assert 6900000 < int(p.wait_event("deferred")["next_ms"]) <= 7000000
    p.stop()


@pytest.mark.parametrize("reply,seconds", [
    ("421:4.7.0:[TSS04] Messages from 192.0.2.1 temporarily deferred", 7200),
    ("421:4.7.0:Try again in 10 minutes", 600),
], ids=["yahoo", "minutes"])
def test_a_provider_is_left_alone_as_long_as_it_says(reply, seconds, sink, postern):
    s, good = sink("--reply", "mail=" + reply), sink()
    p = postern(harness.provider(s.port, name="bad"), good.port)
    harness.send_raw(p.port, mails.plain())
    good.wait_messages(1)
    assert seconds - 60 < int(p.wait_event("provider.down", provider="bad")["for_ms"]) / 1000 <= seconds
    p.stop()


# --- each known reply ---------------------------------------------------------------

ROW = re.compile(r'^\{ "([^"]+)", (BANNER|AUTH|MAIL|RCPT|DATA|DOT), (\d+), "([^"]*)", '
                 r'"((?:[^"\\]|\\.)*)", VERDICT_(\w+) \},', re.M)
# What a reply may not do to a message while another provider is healthy.
PROVIDERS = {"RATE", "QUOTA", "CONNS", "BACKOFF", "AUTH", "AUTH_TEMP", "SUSPENDED", "TLS", "IDENTITY", "STALE",
             "RECYCLE"}


def known_replies():
    """The rows of the unit test that are a provider's affair (after a refused EHLO
    HELO is tried, which is another story)."""
    text = (harness.HERE / ".." / "unit" / "test_verdict.c").read_text()
    rows = [m.groups() for m in ROW.finditer(text)]
    return [(why, stage, "%s %s%s" % (code, enhanced + " " if enhanced else "", words.replace('\\"', '"')), cls)
            for why, stage, code, enhanced, words, cls in rows if cls in PROVIDERS]


def refuses(stage, reply):
    """A provider that is fine but for one stage."""
    def talk(s):
        def answer(at, good):
            s.say((reply if at == stage else good) + "\r\n")
            if at == stage and (reply.startswith("421") or at == "BANNER"):
                raise EOFError
            return at != stage
        answer("BANNER", "220 rude.test")
        while True:
            verb = s.line().strip().upper().split(b" ")[0].decode("latin-1")
            if verb == "DATA":
                if answer("DATA", "354 go on"):
                    s.until_dot()
                    answer("DOT", "250 2.0.0 ok")
            elif verb == "EHLO":
                answer("EHLO", "250-rude.test\r\n250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN")
            elif verb == "QUIT":
                s.say("221 2.0.0 bye\r\n")
                return
            else:
                answer(verb, "235 2.7.0 ok" if verb == "AUTH" else "250 2.0.0 ok")
    return talk


def test_no_trouble_of_a_provider_bounces_while_another_is_healthy(rude, sink, postern, tmp_path):
    """Each row has a provider, and a route by its own sender."""
    rows, good = known_replies(), sink()
    assert len(rows) > 80
    secret = harness.private(tmp_path / "pass", "secret\n")
    providers = [harness.provider(rude(refuses(stage, reply)).port, name="row%d" % i, user="u",
                                  password_file=str(secret), allow_clear_auth=True)
                 for i, (_, stage, reply, _) in enumerate(rows)]
    routes = [{"name": "r%d" % i, "match": {"sender": ["*@d%d.example.com" % i]}, "use": ["row%d" % i, "good"]}
              for i in range(len(rows))] + [{"name": "default", "use": ["good"]}]
    p = postern(*providers, harness.provider(good.port, name="good"), routes=routes)
    with harness.Client(p.port) as c:
        c.open()
        for i in range(len(rows)):
            for word in ("MAIL FROM:<s@d%d.example.com>" % i, "RCPT TO:<r%d@example.net>" % i):
                assert c.cmd(word)[0] == 250
            assert c.cmd("DATA")[0] == 354
            assert c.cmd("Subject: x\r\n\r\nx\r\n.")[0] == 250
    good.wait_messages(len(rows))
    p.wait_event("delivered", n=len(rows))
    assert all(e["provider"] == "good" for e in p.events("delivered"))
    assert not p.events("bounced") and not p.events("dead") and not p.events("deferred")
    told = {e["provider"]: e for e in p.events("provider.trouble") + p.events("provider.alert")}
    for i, (why, _, reply, cls) in enumerate(rows):
        e = told.get("row%d" % i)
        # an identity is no trouble; nothing has been on these sessions yet
        want = {"IDENTITY": None, "STALE": "backoff", "RECYCLE": "rate"}.get(cls, cls.lower().replace("_", "-"))
        assert (e and e["class"]) == want, (why, reply, e)
    p.stop()


# --- what several messages together tell ------------------------------------------------

def poisoned(sessions, cond):
    """A provider that loses its session whenever one sender's message is whole."""
    def talk(s):
        s.hello("ENHANCEDSTATUSCODES", "PIPELINING")
        bad = False
        while True:
            line = s.line().upper()
            verb = line[:4]
            if verb == b"MAIL":
                bad = b"POISON" in line
            if verb == b"DATA":
                s.say("354 go on\r\n")
                s.until_dot()
                with cond:
                    sessions["lost" if bad else "taken"] += 1
                    cond.notify_all()
                if bad:
                    raise EOFError
            s.say("250 2.0.0 ok\r\n")
            if verb == b"QUIT":
                return
    return talk


def test_one_that_costs_sessions_is_held_and_opens_no_breaker(rude, postern):
    cond, n = threading.Condition(), {"lost": 0, "taken": 0}
    r = rude(poisoned(n, cond))
    p = postern(harness.provider(r.port, breaker={"failures": 3, "open": "1m", "open_max": "1m"}), retry=QUICK)
    harness.send_raw(p.port, mails.plain(), sender="poison@example.org")
    others = 0
    with harness.Client(p.port) as c:
        c.open()
        while not p.events("message.poison"):
            assert others < 5000
            for word in ("MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>"):
                assert c.cmd(word)[0] == 250
            assert c.cmd("DATA")[0] == 354
            assert c.cmd("Subject: x\r\n\r\nx\r\n.")[0] == 250
            others += 1
            with cond:  # it got through before the next one comes
                assert cond.wait_for(lambda: n["taken"] >= others, harness.LONG)
    e = p.wait_event("message.poison")
    assert e["provider"] == "sink"
    p.wait_event("delivered", n=others)
    assert not p.events("provider.down"), "the breaker was opened for the others"
    assert not p.events("bounced") and not p.events("dead")
    assert n["lost"] == 9  # three rounds of three sessions
    p.stop()
    assert p.start().wait_event("spool.opened", held=1)
    p.stop()


def strangers(p, n, senders=5):
    """n messages on one connection."""
    with harness.Client(p.port) as c:
        c.open()
        for i in range(n):
            c.send("MAIL FROM:<s%d@example.com>\r\nRCPT TO:<r%d@example.net>\r\nDATA\r\n" % (i % senders, i))
            assert [c.reply()[0] for _ in range(3)] == [250, 250, 354]
            assert c.cmd("Subject: x\r\n\r\nx\r\n.")[0] == 250


def failed(p):
    return len(p.events("bounced") + p.events("dead"))


def test_a_suspension_in_unknown_words_bounces_no_queue(sink, postern):
    bad, good = sink("--reply", "dot=550:5.7.1:The moon is in the wrong house"), sink()
    p = postern(harness.provider(bad.port, name="bad"), harness.provider(good.port, name="good"),
                bounce={"to": "none"})
    strangers(p, 1000)
    good.wait_messages(991)
    e = p.wait_event("provider.alert")
    assert (e["class"], e["provider"]) == ("strange", "bad")
    p.wait_event("delivered", n=991)
    assert failed(p) == 9
    p.stop()


@pytest.mark.parametrize("words", ["5.7.1:Administrative prohibition", "5.7.1:Relay access denied"])
def test_nor_does_one_that_refuses_each_recipient(words, sink, postern):
    bad = sink("--reply", "rcpt=550:" + words)
    p = postern(harness.provider(bad.port, name="bad"), bounce={"to": "none"}, retry=QUICK)
    strangers(p, 50)
    e = p.wait_event("provider.alert")
    assert (e["class"], e["provider"]) == ("strange", "bad")
    assert failed(p) == 9
    p.stop()
    bad.stop()
    good = sink(port=bad.port)
    p.start()
    assert subprocess.run([POSTERN, "provider", "resume", "bad", "-c", p.conf], timeout=harness.LONG).returncode == 0
    good.wait_messages(41)
    p.wait_event("delivered", n=41)
    p.stop()


@pytest.mark.parametrize("stage", [b"RCPT", b"DATA"])
def test_bad_mail_that_looked_like_a_suspension_keeps_nobody_away(stage, rude, postern):
    got = []

    def talk(s):
        s.hello()
        bad = False
        while True:
            line = s.line()
            verb = line[:4].upper()
            bad = b"bad" in line if verb == b"RCPT" else bad
            if bad and verb == stage:
                if stage == b"DATA":
                    s.say("354 go on\r\n")
                    s.until_dot()
                s.say("550 5.7.1 The moon is in the wrong house\r\n")
            elif verb == b"DATA":
                s.say("354 go on\r\n")
                s.until_dot()
                got.append(1)
                s.say("250 ok\r\n")
            else:
                s.say("250 ok\r\n")
            if verb == b"QUIT":
                return
    p = postern(harness.provider(rude(talk).port, name="one"), bounce={"to": "none"})
    for i in range(11):
        harness.send_raw(p.port, mails.plain(), sender="s%d@example.com" % i, recipients=["bad@example.net"])
    p.wait_event("provider.alert")
    for i in range(3):
        harness.send_raw(p.port, mails.plain())
    mark = p.log.mark()
    assert subprocess.run([POSTERN, "provider", "resume", "one", "-c", p.conf], timeout=harness.LONG).returncode == 0
    p.wait_event("delivered", n=3)
    assert not [x for x in p.log.lines[mark:] if "provider.alert" in x]
    assert failed(p) == 9 and len(got) == 3
    p.stop()


def test_a_sender_whom_all_refuse_is_told_once_each_was_asked(sink, postern):
    s = sink("--reply", "mail=553:5.7.1:Sender address rejected")
    p = postern(*[s.port] * 18, bounce={"to": "none"})
    harness.send_raw(p.port, mails.plain())
    assert p.wait_event("bounced")["tries"] == "1"
    p.stop()
    assert s.stop()["replies_5xx"] == 18 * 3  # MAIL, RCPT and DATA


def test_a_bulk_of_unknown_users_is_no_suspension(sink, postern):
    s = sink("--reply", "rcpt=550:5.1.1:No such user here")
    p = postern(s.port, bounce={"to": "none"})
    strangers(p, 30)
    p.wait_event("bounced", n=30)
    assert not p.events("provider.alert") and not p.events("provider.down")
    p.stop()


def test_without_another_provider_the_queue_waits(sink, postern):
    bad = sink("--reply", "mail=550:5.7.1:The moon is in the wrong house")
    p = postern(harness.provider(bad.port, name="bad"), bounce={"to": "none"}, retry=QUICK)
    strangers(p, 50)
    e = p.wait_event("provider.down")
    assert int(e["for_ms"]) > 10 * 60000
    assert failed(p) == 9
    # Asked again it is still the same that refuses everybody, and rests longer each time.
    for restart, minutes in ((False, 20), (True, 40)):
        if restart:
            p.stop()
            p.start()
        mark = p.reload()
        p.wait_event("provider.alert", since=mark)
        assert int(p.wait_event("provider.down", since=mark)["for_ms"]) > minutes * 60000
        assert failed(p) == (0 if restart else 9)
    mark = p.log.mark()
    assert subprocess.run([POSTERN, "provider", "resume", "bad", "-c", p.conf], timeout=harness.LONG).returncode == 0
    p.wait_event("provider.alert", since=mark)
    assert failed(p) == 0
    p.stop()
    p.settings["providers"] = [harness.provider(sink().port, name="new")]
    p.start()
    p.wait_event("delivered", n=41)
    p.stop()


def test_two_senders_are_no_everybody(sink, postern):
    """Their own content may well be what nobody takes."""
    s = sink("--reply", "dot=550:5.7.1:We do not like your words")
    p = postern(s.port, bounce={"to": "none"})
    strangers(p, 30, senders=2)
    p.log.wait(lambda ls: failed(p) == 30 or None)
    assert not p.events("provider.alert")
    p.stop()


def test_a_provider_that_wants_nobody_now_is_left(sink, postern):
    """Every recipient of every message: later.  Whose trouble that is, the
    tenth in a row tells; what comes then goes another way."""
    bad, good = sink("--reply", "rcpt=450:4.3.0:The moon is in the wrong house"), sink()
    p = postern(harness.provider(bad.port, name="bad", breaker={"failures": 3, "open": "1m", "open_max": "1m"}),
                harness.provider(good.port, name="good"))
    sent = 0
    while not p.events("provider.down"):
        assert sent < 100
        strangers(p, 1)
        sent += 1
        p.log.wait(lambda ls: len(p.events("deferred") + p.events("delivered")) >= sent or None)
    assert p.events("provider.trouble")[-1]["class"] == "backoff"
    assert len(p.events("deferred")) <= 14
    strangers(p, 5)
    good.wait_messages(5)
    p.stop()


@pytest.mark.parametrize("without", ["", "CHUNKING"], ids=["bdat", "data"])
def test_those_chained_behind_it_are_no_suspects(without, sink, postern):
    """One session for all: each time others are in hand when it is lost."""
    s = sink("--reply", "mail<poison@example.org>=drop", *(["--disable", without] if without else []))
    p = postern(harness.provider(s.port, max_connections=1, breaker={"failures": 5, "open": "100ms",
                                                                     "open_max": "200ms"}), retry=QUICK)
    harness.send_raw(p.port, mails.plain(), sender="poison@example.org")
    sent = 0
    while not p.events("message.poison"):
        assert sent < 5000
        strangers(p, 10)
        sent += 10
        s.wait_messages(sent)
    p.wait_event("delivered", n=sent)
    assert len(p.events("message.poison")) == 1
    assert not p.events("bounced") and not p.events("dead")
    p.stop()
    assert p.start().wait_event("spool.opened", held=1, queued=0)
    p.stop()
