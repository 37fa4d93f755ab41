# SPDX-License-Identifier: Apache-2.0
"""One message that ends each session it is sent on does not keep the others
from leaving, though it is always the first of the queue."""
import threading

import pytest

import harness
import mails


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "dot"])
@pytest.mark.parametrize("word", ["", "421 4.3.0 content filter has crashed\r\n"], ids=["drop", "421"])
def test_the_others_leave(word, stage, rude, postern):
    got, bad, cond = [], [], threading.Condition()

    def talk(s):
        s.hello("ENHANCEDSTATUSCODES", "PIPELINING")
        poison = False

        def crash(at):
            if poison and at == stage:
                with cond:
                    bad.append(1)
                    cond.notify_all()
                s.say(word)
                raise EOFError
        while True:
            line = s.line().upper()
            verb = line[:4]
            if verb == b"MAIL":
                poison = b"POISON" in line
            crash(verb.decode("latin-1"))
            if verb == b"DATA":
                s.say("354 go on\r\n")
                s.until_dot()
                crash("dot")
                with cond:
                    got.append(1)
                    cond.notify_all()
            s.say("250 2.0.0 ok\r\n")
            if verb == b"QUIT":
                return
    r = rude(talk)
    p = postern(harness.provider(r.port, breaker={"failures": 5, "open": "100ms", "open_max": "300ms"}),
                retry={"quick": ["100ms", "200ms"], "min": "30s"})
    harness.send_raw(p.port, mails.plain(), sender="poison@example.org")
    with cond:  # its first round is over, and the provider looks broken
        assert cond.wait_for(lambda: len(bad) >= 4, harness.LONG)
    for i in range(20):
        harness.send_raw(p.port, mails.plain())
    with cond:
        assert cond.wait_for(lambda: len(got) == 20, harness.LONG), (len(got), len(bad))
    p.wait_event("deferred")
    assert not p.events("bounced")
    p.stop()
    assert len(bad) < 12
