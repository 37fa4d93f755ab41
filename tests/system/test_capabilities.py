# SPDX-License-Identifier: Apache-2.0
"""What a provider offers, and what a message needs of it."""
import threading

import pytest

import harness
import mails


def test_ascii_announced_as_8bit_needs_no_8bitmime(sink, postern):
    s = sink("--disable", "8BITMIME")
    p = postern(s.port)
    harness.send_raw(p.port, mails.HEAD % (b"x", b"x") + b"\r\nhello\r\n", options=("BODY=8BITMIME",))
    m = s.wait_messages(1)[0]
    assert (m["sender"], m["parameters"].count("BODY=")) == ("app@example.com", 0)
    p.stop()
    assert s.stop()["messages"] == 1, "a bounce"


def server(offers, got, wait_for=None):
    """Each session offers what offers(number) says."""
    def talk(s):
        s.hello("ENHANCEDSTATUSCODES", *offers(s.number))
        while True:
            verb = s.line()[:4].upper()
            if verb == b"DATA":
                s.say("354 go on\r\n")
                content = s.until_dot()
                if wait_for:
                    wait_for(s)
                got.append((s.number, content))
            s.say("250 2.0.0 ok\r\n")
            if verb == b"QUIT":
                return
    return talk


@pytest.mark.parametrize("less,more,content", [
    ([], ["8BITMIME"], mails.eight_bit()),
    (["SIZE 1000"], ["SIZE 100000"], mails.mail("large", b"x\r\n" * 2000)),
    (["PIPELINING"], ["8BITMIME"], mails.eight_bit()),
], ids=["8bitmime", "size", "pipelining"])
def test_an_older_session_offers_less(less, more, content, rude, postern):
    """What its session cannot carry goes on another, and is not bounced."""
    got, sent, over = [], threading.Event(), threading.Event()

    def wait_for(s):
        if s.number == 1 and not sent.is_set():
            r.wait_sessions(2)
            p.wait_event("provider.connected", n=2)
            for i in range(10):
                harness.send_raw(p.port, content)
            sent.set()
        elif s.number == 2 and not over.is_set():
            # the older one is what there is; it can do none of them, and ends
            p.wait_event("provider.closed")
            over.set()
    r = rude(server(lambda number: less if number == 1 else more, got, wait_for))
    p = postern(harness.provider(r.port, max_connections=2), log={"level": "debug"})
    for i in range(10):
        harness.send_raw(p.port, mails.plain())
    p.wait_event("delivered", n=20)
    p.stop()
    assert not p.runs[0].err.text().count("event=bounced")


def test_what_a_provider_could_until_lately_is_waited_for(rude, postern):
    """One of several machines behind a name lacks 8BITMIME: the message waits
    for the others."""
    got = []
    r = rude(server(lambda number: [] if number == 2 else ["8BITMIME"], got))
    p = postern(harness.provider(r.port, max_connections=1, max_messages_per_connection=1))
    harness.send_raw(p.port, mails.eight_bit())
    p.wait_event("delivered", n=1)
    harness.send_raw(p.port, mails.plain())
    p.wait_event("delivered", n=2)
    harness.send_raw(p.port, mails.eight_bit())
    p.wait_event("parked")
    harness.send_raw(p.port, mails.plain())
    p.wait_event("delivered", n=4)
    assert [number for number, x in got] == [1, 2, 3, 4]
    assert not p.events("bounced")
    p.stop()
