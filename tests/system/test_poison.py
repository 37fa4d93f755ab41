# SPDX-License-Identifier: Apache-2.0
"""One message that ends each session it is sent on does not keep the others
from leaving, though it is always the first of the queue."""
import os
import subprocess
import threading

import pytest

import harness
import mails

POSTERN = os.environ.get("POSTERN", str(harness.BUILD / "postern"))


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


def test_an_operator_lets_it_try_again(sink, postern):
    """Held after three rounds, which need not be waited for; released, it has as
    many again."""
    script = """rules = ( { stage = "dot"; sender = "poison@*"; action = "drop"; } );"""
    s = sink(script=script)
    p = postern(harness.provider(s.port, breaker={"failures": 50, "open": "100ms", "open_max": "100ms"}),
                retry={"quick": ["100ms"], "min": "1h"})

    def tool(*words):
        r = subprocess.run([POSTERN, "queue", *words, "-c", str(p.conf)], capture_output=True, text=True,
                           timeout=harness.LONG)
        return r.returncode, r.stdout

    def until_held(verb):
        held, rounds = len(p.events("message.poison")), 0
        while len(p.events("message.poison")) == held:
            harness.send_raw(p.port, mails.plain())
            mark = p.log.mark()
            assert tool("retry" if rounds else verb, poison)[0] == 0
            p.log.wait(lambda lines: any(poison in x and ("event=deferred" in x or "event=message.poison" in x)
                                         for x in lines), since=mark, what="the end of a round")
            rounds += 1
        return rounds
    harness.send_raw(p.port, mails.plain())
    poison = harness.send_raw(p.port, mails.plain(), sender="poison@example.org").split()[-1]
    p.wait_event("deferred", msg=poison)
    until_held("retry")
    assert until_held("release") >= 3
    s.read_again("rules = ();")
    assert tool("release", poison) == (0, poison + " released\n")
    p.wait_event("delivered", msg=poison)
    assert not p.events("bounced")
    p.stop()
