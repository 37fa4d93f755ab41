# SPDX-License-Identifier: Apache-2.0
"""What the spool is given to hold: many big messages at once, and messages
whose every part is as long as it may be."""
import itertools

import pytest

import harness

NOBODY = dict(breaker={"failures": 1, "open": "60s", "open_max": "60s"})


@pytest.mark.skipif(harness.SANITIZED, reason="a sanitizer's memory is no measure")
def test_many_big_messages_share_the_memory(postern, load):
    """1,000 clients send 1 MiB each at once: beyond the budget there is what
    each session has read but not yet handed on, no more."""
    clients, budget = 1000, 16 << 10  # KiB
    p = postern(harness.provider(1, **NOBODY), spool={"memory": "16M"},
                listeners=[{"name": "local", "address": ["127.0.0.1:0"],
                            "max_connections": clients, "max_per_client": clients}],
                start=False)
    # what is free is given back at once, so that it is not counted
    p.start(env={"MALLOC_MMAP_THRESHOLD_": "16384"})
    job = load(p.port, clients, clients, "-s", str(1 << 20))
    top = 0
    while job.is_running():
        top = max(top, p.rss_anon_kib())
    r = job.result()
    assert r["acked"] == clients, r
    # a session's input (64 KiB), a part of a slice, its own things
    assert top < budget + clients * (64 + 16 + 8) + (12 << 10), top
    p.stop()


def test_everything_as_long_as_it_may_be(postern, rude):
    """1,000 long recipients with ORCPT, refused for now and then for good with
    long replies that are all different."""
    numbers = itertools.count()
    heard = []

    def reply(code, enhanced):
        return "%d %s %s\r\n" % (code, enhanced, ("%06d" % next(numbers)).ljust(480, "x"))

    def talk(s):
        s.hello("PIPELINING", "DSN", "8BITMIME", "SIZE")
        while True:
            line = s.line()
            verb = line[:4].upper()
            if verb == b"RCPT":
                heard.append(line)
                s.say(reply(451, "4.2.1") if len(heard) <= 1000 else reply(550, "5.1.1"))
            elif verb == b"DATA":
                s.say("554 5.5.1 No valid recipients\r\n")
            elif verb == b"QUIT":
                return s.say("221 2.0.0 Bye\r\n")
            else:
                s.say("250 2.0.0 Ok\r\n")

    server = rude(talk)
    p = postern(harness.provider(server.port), bounce={"to": "none"},
                retry={"quick": ["100ms"], "min": "1s", "max": "1s"})
    long = "@" + ".".join(["d" * 60] * 3) + ".example"
    sender = "s" * 60 + long
    with harness.Client(p.port) as c:
        assert c.reply()[0] == 220
        assert c.cmd("EHLO " + ("h" * 62 + ".") * 4 + "hh")[0] == 250
        code, text = c.cmd("MAIL FROM:<%s> ENVID=%s RET=FULL" % (sender, "e" * 100))
        assert code == 250, text
        for i in range(1000):
            to = ("%04d" % i).ljust(60, "r") + long
            code, text = c.cmd("RCPT TO:<%s> NOTIFY=FAILURE,DELAY,SUCCESS ORCPT=rfc822;%s" % (to, "o" * 490))
            assert code == 250, text
        assert c.cmd("DATA")[0] == 354
        c.send("Message-ID: <%s@example.com>\r\nSubject: long\r\n\r\nbody\r\n.\r\n" % ("m" * 900))
        code, text = c.reply()
        assert code == 250, text
    harness.wait_until(lambda: len(heard) >= 2000, what="both attempts")
    for n in (2001, 2002):  # what was refused for good does not come again
        assert send_short(p) == 250
        harness.wait_until(lambda: len(heard) >= n, what="the next message")
        p.stop()
        p.start()
    assert len(heard) == 2002
    assert len(set(heard[:2000])) == 1000
    p.stop()


def send_short(p):
    with harness.Client(p.port) as c:
        c.open()
        c.cmd("MAIL FROM:<a@example.com>")
        c.cmd("RCPT TO:<short@example.net>")
        c.cmd("DATA")
        return c.cmd("Subject: short\r\n\r\nbody\r\n.")[0]
