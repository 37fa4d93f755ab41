# SPDX-License-Identifier: Apache-2.0
"""Who may send what: senders, recipients, rates; each limit with its own reply."""
import base64
import subprocess

import pytest

import harness
import mails


def listener(**more):
    return [{"name": "local", "address": ["127.0.0.1:0"], **more}]


def envelope(c, sender="a@example.com", rcpts=("b@example.net",)):
    """The replies to MAIL and each RCPT: code and text."""
    return [flat(c.cmd("MAIL FROM:<%s>" % sender))] + \
        [flat(c.cmd("RCPT TO:<%s>" % r)) for r in rcpts]


def flat(reply):
    return "%d %s" % (reply[0], reply[1][0])


def send(c, sender="a@example.com", rcpts=("b@example.net",)):
    assert all(r.startswith("250") for r in envelope(c, sender, rcpts))
    assert c.cmd("DATA")[0] == 354
    c.send(mails.plain() + b".\r\n")
    assert c.reply()[0] == 250


def test_senders_and_recipients(sink, postern):
    s = sink()
    p = postern(s.port, listeners=listener(senders=["*@example.com", "<>", "app@example.org"],
                                           recipients=["example.net", "*@*.example.net"]))
    with harness.Client(p.port) as c:
        c.open()
        send(c, "ann@EXAMPLE.COM", ["bob@example.net", "bob@sub.Example.NET"])
        c.cmd("RSET")
        assert envelope(c, "ann@sub.example.com")[0].startswith("553 5.7.1 ")
        assert envelope(c, "App@example.org")[0].startswith("553 5.7.1 ")
        send(c, "")
        mail, good, bad = envelope(c, "app@example.org", ["bob@example.net", "bob@example.com"])
        assert mail.startswith("250") and good.startswith("250") and bad.startswith("550 5.7.1 ")
    p.wait_event("refused", **{"from": "ann@sub.example.com", "code": 553, "enhanced": "5.7.1"})
    p.wait_event("refused", to="bob@example.com", code=550, enhanced="5.7.1")
    p.settings["listeners"][0]["recipients"].append("bob@example.com")
    p.wait_event("reloaded", since=p.reload())
    with harness.Client(p.port) as c:
        c.open()
        send(c, "app@example.org", ["bob@example.com"])
    s.wait_messages(3)
    p.stop()


def test_what_is_held_does_not_leave(sink, postern):
    s = sink()
    p = postern(s.port, listeners=listener(hold=True) + [
        {"name": "open", "address": ["127.0.0.1:0"], "priority": "high", "lane": "news"}])
    port = int(p.wait_event("listening", listener="open")["address"].rsplit(":", 1)[1])
    harness.send_raw(p.port, mails.plain())
    p.wait_event("accepted", listener="local", held="operator")
    harness.send_raw(port, mails.plain())
    s.wait_messages(1)
    p.stop()
    assert len(s.messages()) == 1
    p.start()  # and a start releases nothing
    harness.send_raw(int(p.wait_event("listening", listener="open")["address"].rsplit(":", 1)[1]),
                     mails.plain())
    s.wait_messages(2)
    p.stop()
    assert len(s.messages()) == 2


def test_what_is_held_does_not_expire(postern):
    p = postern(harness.free_port(), retry={"quick": ["100ms"], "min": "100ms", "max": "200ms", "give_up": "2s"},
                listeners=listener(hold=True) + [{"name": "open", "address": ["127.0.0.1:0"]}])
    port = int(p.wait_event("listening", listener="open")["address"].rsplit(":", 1)[1])
    harness.send_raw(p.port, mails.plain(), sender="held@example.com")
    harness.send_raw(port, mails.plain(), sender="sent@example.com")
    p.wait_event("bounced", cause="expired")  # the one that came later
    p.stop()
    p.start()
    assert p.wait_event("spool.opened")["held"] == "1"
    p.stop()
    assert len([e for r in p.runs for e in r.err.lines if "event=bounced" in e]) == 1


@pytest.mark.parametrize("threads", [1, 3])
def test_over_the_rate_is_refused(threads, sink, postern):
    s = sink()
    p = postern(s.port, inlet_threads=threads,
                listeners=listener(client_rate=["5 msg/day", "7 rcpt/day"], over_rate="refuse"))
    for _ in range(5):  # each a session of its own, over all threads
        harness.send_raw(p.port, mails.plain())
    with harness.Client(p.port) as c:
        c.open()
        mail, _ = envelope(c)
        assert mail.startswith("450 4.7.1 Too many messages from 127.0.0.1; try again in 1")
        assert mail.endswith(" s")
    p.wait_event("refused", code=450, enhanced="4.7.1", client="127.0.0.1")
    p.wait_event("reloaded", since=p.reload())  # is no way out
    with harness.Client(p.port) as c:
        c.open()
        assert envelope(c)[0].startswith("450 4.7.1")
    p.settings["listeners"][0]["client_rate"][0] = "6 msg/day"
    p.wait_event("reloaded", since=p.reload())
    with harness.Client(p.port) as c:
        c.open()
        replies = envelope(c, rcpts=["b%d@example.net" % i for i in range(3)])
        assert [r[:9] for r in replies] == ["250 2.1.0", "250 2.1.5", "250 2.1.5", "450 4.7.1"]
        assert c.cmd("DATA")[0] == 354  # the others go
        c.send(mails.plain() + b".\r\n")
        assert c.reply()[0] == 250
    s.wait_messages(6)
    p.stop()


def test_over_the_rate_is_slowed(sink, postern):
    """Nobody else waits, and all of it arrives."""
    s = sink()
    p = postern(s.port, listeners=listener(client_rate=["2 msg/4s"]) + [
        {"name": "another", "address": ["127.0.0.1:0"]}])
    other = int(p.wait_event("listening", listener="another")["address"].rsplit(":", 1)[1])
    with harness.Client(p.port) as c:
        c.open()
        send(c)
        send(c)
        c.send("MAIL FROM:<slow@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n")
        e = p.wait_event("slowed", listener="local", client="127.0.0.1", who="127.0.0.1")
        assert 0 < int(e["wait_ms"]) <= 4000
        harness.send_raw(other, mails.plain())
        assert [c.reply()[0] for _ in range(3)] == [250, 250, 354]
        c.send(mails.plain() + b".\r\n")
        assert c.reply()[0] == 250
    p.wait_event("accepted", **{"from": "slow@example.com"})
    order = [(e["listener"], e["from"]) for e in p.events("accepted")]
    assert order[2:] == [("another", "app@example.com"), ("local", "slow@example.com")]
    s.wait_messages(4)
    p.stop()


# --- each limit, at it and one over it ------------------------------------------------

def test_one_recipient_too_many(sink, postern):
    p = postern(sink().port, listeners=listener(max_recipients=3))
    with harness.Client(p.port) as c:
        c.open()
        replies = envelope(c, rcpts=["b%d@example.net" % i for i in range(4)])
        assert [r[:9] for r in replies[1:]] == ["250 2.1.5"] * 3 + ["452 4.5.3"]
    p.stop()


def test_one_message_too_many(sink, postern):
    s = sink()
    p = postern(s.port, listeners=listener(max_messages=2))
    with harness.Client(p.port) as c:
        c.open()
        send(c)
        send(c)
        assert flat(c.cmd("MAIL FROM:<a@example.com>")).startswith("421 4.7.0 ")
        assert c.is_closed()
    s.wait_messages(2)
    p.stop()


@pytest.mark.parametrize("key", ["max_connections", "max_per_client"])
def test_one_connection_too_many(key, sink, postern):
    p = postern(sink().port, listeners=listener(**{key: 2}))
    with harness.Client(p.port) as a, harness.Client(p.port) as b:
        assert a.reply()[0] == 220 and b.reply()[0] == 220
        with harness.Client(p.port) as c:
            assert flat(c.reply()).startswith("421 4.7.0 ")
            assert c.is_closed()
    p.stop()


def test_one_byte_too_many(sink, postern):
    s = sink()
    p = postern(s.port, listeners=listener(max_size="1K"))
    body = mails.plain()
    body += b"x" * (1024 - len(body) - 2) + b"\r\n"
    assert len(body) == 1024
    with harness.Client(p.port) as c:
        c.open()
        assert c.cmd("MAIL FROM:<a@example.com> SIZE=1025")[0] == 552
        for text, code in ((body, "250 2.0.0"), (body[:-2] + b"x\r\n", "552 5.3.4")):
            assert all(r.startswith("250") for r in envelope(c))
            assert c.cmd("DATA")[0] == 354
            c.send(text + b".\r\n")
            assert flat(c.reply()).startswith(code)
    s.wait_messages(1)
    p.stop()


# --- the header made whole ---------------------------------------------------------------

def arrived(s):
    """What arrived without our Received, in the order of arrival."""
    return [harness.without_received(open(s.maildir + "/" + m["file"], "rb").read())[1]
            for m in s.messages()]


def test_headers_are_made_whole_and_bcc_goes(sink, postern):
    s = sink()
    p = postern(s.port, domain="example.org", listeners=listener(repair_headers=True, remove_bcc=True))
    text = (b"From: root (Cron Daemon)\r\nTo: root, Ann <ann@example.net>\r\nBcc: secret@example.net,\r\n"
            b" more@example.net\r\nSubject: x\r\n\r\nBcc: stays\r\n.\r\n")
    harness.send_raw(p.port, text, sender="cron@example.com")
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(2)
    p.stop()
    a, b = arrived(s)
    if b != mails.plain():
        a, b = b, a
    head, body = a.split(b"\r\n\r\n", 1)
    lines = head.split(b"\r\n")
    assert lines[:3] == [b"From: root@example.org (Cron Daemon)",
                         b"To: root@example.org, Ann <ann@example.net>", b"Subject: x"]
    assert lines[3].startswith(b"Date: ") and len(lines) == 5
    e = p.runs[-1].err.text()
    assert lines[4].startswith(b"Message-ID: <") and lines[4].endswith(b"@postern.test>")
    assert "message_id=" + lines[4][len("Message-ID: "):].decode() in e
    assert body == b"Bcc: stays\r\n.\r\n"
    assert b == mails.plain()  # nothing was missing: octet by octet as it came


def test_what_cannot_be_completed_is_told(sink, postern):
    s = sink()
    p = postern(s.port, listeners=listener(repair_headers=True))
    text = mails.plain().replace(b"To: Ann", b'To: "ann\r\nCc: Ann')
    harness.send_raw(p.port, text)
    p.wait_event("header.left", header="To", text="its addresses are not understood")
    s.wait_messages(1)
    p.stop()
    assert arrived(s) == [text]


# --- too much to do ---------------------------------------------------------------------

def test_a_long_queue_asks_for_patience(sink, postern):
    """At the limit all is well; one over it new messages come later; it passes
    by itself once the queue has left."""
    port = harness.free_port()
    p = postern(port, overload={"queued": 4}, listeners=listener(max_idle_commands=100000),
                retry={"quick": ["100ms"], "min": "100ms", "max": "200ms"})
    with harness.Client(p.port) as c:
        c.open()

        def is_refused():
            code, text = c.cmd("MAIL FROM:<a@example.com>")
            c.cmd("RSET")
            assert code == 250 or (code == 451 and text[0].startswith("4.3.2 ")), text
            return code == 451
        for _ in range(5):  # the fifth as well: four are no more than four
            send(c)
        harness.wait_until(is_refused, what="451")
        p.wait_event("overload", queued=5)
        s = sink(port=port)
        s.wait_messages(5)
        harness.wait_until(lambda: not is_refused(), what="250")
        p.wait_event("overload.over")
        send(c)
    s.wait_messages(6)
    p.stop()
    assert len(p.runs[-1].err.text().split("event=overload ")) == 2


# --- users -------------------------------------------------------------------------------

def login(c, name):
    c.open()
    word = base64.b64encode(("\0%s\0secret" % name).encode()).decode()
    assert c.cmd("AUTH PLAIN " + word)[0] == 235


def test_what_a_user_has_counts_instead_of_the_listeners(sink, postern, tmp_path):
    s = sink()
    secret = subprocess.run(["openssl", "passwd", "-6", "secret"], check=True,
                            capture_output=True, text=True).stdout.strip()
    users = harness.private(
        tmp_path / "users",
        "plain:%s\napp:%s:senders=app@example.org,<>;rate=3 msg/day;priority=high\n" % (secret, secret))
    p = postern(s.port, users_file=str(users), listeners=listener(
        auth="required", senders=["*@example.com"], user_rate=["1 msg/day"], over_rate="refuse"))
    with harness.Client(p.port) as c:
        login(c, "plain")
        send(c, "ann@example.com")
        assert envelope(c, "app@example.org")[0].startswith("553 5.7.1 You may not send as this")
        reply = envelope(c, "ann@example.com")[0]
        assert reply.startswith("450 4.7.1 Too many messages from plain; try again in ")
    with harness.Client(p.port) as c:
        login(c, "app")
        assert envelope(c, "ann@example.com")[0].startswith("553 5.7.1 You may not send as this")
        send(c, "app@example.org")
        send(c, "")
    with harness.Client(p.port) as c:  # another session, the same user
        login(c, "app")
        send(c, "app@example.org")
        assert envelope(c, "app@example.org")[0].startswith("450 4.7.1 Too many messages from app; ")
    p.wait_event("refused", user="app", code=553, **{"from": "ann@example.com"})
    s.wait_messages(4)
    p.stop()


def test_a_users_quota_outlives_a_restart_and_a_crash(sink, postern, tmp_path):
    s = sink()
    secret = subprocess.run(["openssl", "passwd", "-6", "secret"], check=True,
                            capture_output=True, text=True).stdout.strip()
    users = harness.private(tmp_path / "users", "app:%s:quota=5 rcpt/day\nother:%s\n" % (secret, secret))
    p = postern(s.port, users_file=str(users), listeners=listener(auth="required"))
    over = "450 4.7.1 The quota of app is used up; try again in "
    with harness.Client(p.port) as c:
        login(c, "app")
        send(c, rcpts=["a@example.net", "b@example.net"])
        # what is not accepted counts only while it may be
        assert envelope(c, rcpts=["c%d@example.net" % i for i in range(3)])[-1].startswith("250")
        assert flat(c.cmd("RCPT TO:<d@example.net>")).startswith(over)
        c.cmd("RSET")
        send(c, rcpts=["c@example.net", "d@example.net"])
    s.wait_messages(2)
    p.stop()
    p.start()
    with harness.Client(p.port) as c:
        login(c, "app")
        replies = envelope(c, rcpts=["e@example.net", "f@example.net"])
        assert replies[1].startswith("250") and replies[2].startswith(over)
        assert c.cmd("DATA")[0] == 354
        c.send(mails.plain() + b".\r\n")
        assert c.reply()[0] == 250
    p.wait_event("refused", to="f@example.net", code=450, enhanced="4.7.1")
    p.kill9()
    p.start()
    with harness.Client(p.port) as c:
        login(c, "app")
        assert envelope(c)[1].startswith(over)
    with harness.Client(p.port) as c:
        login(c, "other")
        send(c)
    s.wait_messages(4)
    p.settings["users_file"] = str(users)
    users.write_text("app:%s:quota=6 rcpt/day\n" % secret)
    p.wait_event("reloaded", since=p.reload())
    with harness.Client(p.port) as c:
        login(c, "app")
        send(c)
    s.wait_messages(5)
    p.stop()
