# SPDX-License-Identifier: Apache-2.0
"""Many recipients, each with a fate of its own."""
import pytest

import harness
import mails


@pytest.mark.parametrize("reply", ["552 5.5.3 Too many recipients", "452 4.5.3 Too many recipients",
                                   "556 The number of RCPTs is over size"])
@pytest.mark.parametrize("at", ["DATA", "dot"])
def test_too_many_said_at_the_end(at, reply, rude, postern):
    """The provider takes every RCPT and complains later: halves are tried
    until it takes them."""
    most, asked, taken = 3, [], []

    def talk(s):
        s.hello("PIPELINING", "ENHANCEDSTATUSCODES")
        rcpts = []
        while True:
            x = s.line().strip().upper()
            if x.startswith(b"RCPT"):
                rcpts.append(x)
            if x.startswith(b"DATA"):
                asked.append(len(rcpts))
                many = len(rcpts) > most
                if many and at == "DATA":
                    s.say(reply + "\r\n")
                    continue
                s.say("354 go on\r\n")
                s.until_dot()
                if not many:
                    taken.extend(rcpts)
                s.say((reply if many else "250 2.0.0 ok") + "\r\n")
                rcpts = []
                continue
            if x.startswith(b"MAIL") or x == b"RSET":
                rcpts = []
            s.say("250 2.0.0 ok\r\n")
            if x == b"QUIT":
                return
    r = rude(talk)
    p = postern(harness.provider(r.port))
    harness.send_raw(p.port, mails.plain(), recipients=["r%d@example.net" % i for i in range(20)])
    p.wait_event("delivered", n=20)
    p.stop()
    assert len(taken) == len(set(taken)) == 20
    assert len(asked) < 20, asked
