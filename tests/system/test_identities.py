# SPDX-License-Identifier: Apache-2.0
"""Senders that an account may not send as go by another one, are rewritten, or
are refused before anything is queued."""
import pytest

import harness
import mails

OWN = "Ann <ann@one.example>"


def content(author, body=b"x\r\n"):
    return b"From: %s\r\nSubject: x\r\n\r\n" % author.encode() + body


def arrived(sink, m):
    return harness.without_received(open(sink.maildir + "/" + m["file"], "rb").read())[1]


def test_reroute_to_who_may_send_it(sink, postern):
    """By envelope and by From, from memory and from the store; who may send as
    nobody of both gets it back.  Bounces are not judged."""
    one, two = sink(), sink()
    p = postern(harness.provider(one.port, "one", identities=["one.example"]),
                harness.provider(two.port, "two", identities=["*@two.example", "x@one.example"]))
    large = mails.lines_of(400000)
    for sender, author, body in [("a@one.example", OWN, b"1\r\n"),
                                 ("a@two.example", "b@two.example", b"2\r\n"),
                                 ("x@one.example", "b@two.example", b"3\r\n"),
                                 ("x@one.example", "(c) <@r:b@two.example>", large),
                                 ("", "nobody@three.example", b"5\r\n")]:
        harness.send_raw(p.port, content(author, body), sender=sender)
    assert sorted(m["sender"] for m in two.wait_messages(3)) == ["a@two.example", "x@one.example", "x@one.example"]
    assert sorted(m["sender"] for m in one.wait_messages(2)) == ["", "a@one.example"]
    for author in (OWN + ", b@two.example", "b@two.example", "Ann"):
        mark = p.log.mark()
        harness.send_raw(p.port, content(author), sender="a@one.example")
        e = p.wait_event("bounced", since=mark)
        assert e["enhanced"] == "5.7.1" and "identities" in e["text"]
    p.stop()


def test_rewrite_only_others(sink, postern):
    s = sink()
    p = postern(harness.provider(s.port, identities=["one.example"], identity_policy="rewrite",
                                 rewrite={"sender": "b@one.example", "from": "app@one.example"}))
    harness.send_raw(p.port, content(OWN), sender="a@one.example")
    harness.send_raw(p.port, content("Bob <bob@two.example>"), sender="bob@two.example")
    harness.send_raw(p.port, content("Bob <bob@two.example>"), sender="a@one.example")
    got = sorted((m["sender"], arrived(s, m)) for m in s.wait_messages(3))
    other = content("Bob <app@one.example>\r\nReply-To: Bob <bob@two.example>")
    assert got == [("a@one.example", content(OWN)), ("b@one.example", other), ("b@one.example", other)]
    p.stop()


@pytest.mark.parametrize("policy", ["reroute", "rewrite"])
def test_refused_at_mail_where_nobody_may(policy, sink, postern):
    """Unless one that may rewrite it is there."""
    s = sink()
    other = {"identities": ["two.example"], "identity_policy": policy,
             "rewrite": {"sender": "b@two.example", "from": "b@two.example"}}
    p = postern(harness.provider(s.port, "one", identities=["one.example"], identity_policy="refuse"),
                harness.provider(s.port, "two", **other))
    with harness.Client(p.port) as c:
        c.open()
        for sender, code in [("a@one.example", 250), ("a@two.example", 250), ("", 250),
                             ("a@three.example", 550 if policy == "reroute" else 250)]:
            assert c.cmd("MAIL FROM:<%s>" % sender)[0] == code, sender
            c.cmd("RSET")
    p.stop()
