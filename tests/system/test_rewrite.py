# SPDX-License-Identifier: Apache-2.0
"""A message leaves as its provider wants it: another sender, another From,
fields fewer or more; the rest is what was sent, octet by octet."""
import hashlib

import pytest

import harness
import mails

REWRITE = {"sender": "bounces@example.org", "from": "app@example.org"}
HEADERS = {"remove": ["X-Internal"], "add": ["X-Sent-By: postern"]}
HEAD = (b"Date: Tue, 24 Nov 2026 10:00:00 +0100\r\nx-internal: 1\r\n 2\r\nFrom: =?utf-8?Q?J=C3=B6rg?=\r\n"
        b" <j@web1>\r\nSubject: a\r\n\tb\r\n")
BECOMES = (b"Date: Tue, 24 Nov 2026 10:00:00 +0100\r\nFrom: =?utf-8?Q?J=C3=B6rg?=\r\n <app@example.org>\r\n"
           b"Reply-To: =?utf-8?Q?J=C3=B6rg?=\r\n <j@web1>\r\nSubject: a\r\n\tb\r\nX-Sent-By: postern\r\n")


def arrived(sink, m):
    content = open(sink.maildir + "/" + m["file"], "rb").read()
    return content, harness.without_received(content)[1]


@pytest.mark.parametrize("without", ["", "CHUNKING", "CHUNKING,PIPELINING"], ids=["bdat", "data", "by-turns"])
def test_small_and_large_ones_in_a_row(without, sink, postern):
    """From memory, and from the store, through one session."""
    s = sink(*(["--disable", without] if without else []))
    p = postern(harness.provider(s.port, max_connections=1, rewrite=REWRITE, headers=HEADERS))
    bodies = [b"", b"\r\n", b"\r\n.\r\n..x\r\nFrom: not@this\r\n",
              b"\r\n" + mails.lines_of(100000), b"\r\n" + mails.lines_of(700000)]
    for body in bodies:
        harness.send_raw(p.port, HEAD + body)
    got = s.wait_messages(len(bodies))
    rests = {}
    for m in got:
        content, rest = arrived(s, m)
        rests[hashlib.sha256(rest).hexdigest()] = rest
        assert m["sender"] == "bounces@example.org"
        assert "SIZE=%d" % len(content) in m["parameters"]
    for body in bodies:
        assert hashlib.sha256(BECOMES + body).hexdigest() in rests
    p.stop()


def test_the_null_sender_stays(sink, postern):
    s = sink()
    p = postern(harness.provider(s.port, rewrite=REWRITE))
    harness.send_raw(p.port, b"From: MAILER-DAEMON\r\n\r\nx\r\n", sender="")
    m = s.wait_messages(1)[0]
    assert m["sender"] == ""
    assert arrived(s, m)[1] == b"From: app@example.org\r\n\r\nx\r\n"
    p.stop()


def test_the_route_and_the_provider(sink, postern):
    """Both are asked; of two addresses the provider's is used.  What does not
    take the route stays as it is."""
    plain, strict = sink(), sink()
    p = postern(harness.provider(plain.port, "plain"),
                harness.provider(strict.port, "strict", rewrite={"from": "strict@example.org"},
                                 headers={"remove": ["X-B"]}),
                routes=[{"name": "app", "match": {"sender": ["app@example.com"]}, "use": ["plain"],
                         "rewrite": {"sender": "b@example.org", "from": "route@example.org"}},
                        {"name": "both", "match": {"sender": ["both@example.com"]}, "use": ["strict"],
                         "rewrite": {"from": "route@example.org"},
                         "headers": {"remove": ["X-A"], "add": ["X-C: d"]}},
                        {"name": "default", "use": ["plain"]}])
    content = b"From: a@b\r\nX-A: 1\r\nX-B: 2\r\n\r\nx\r\n"
    for sender in ("app@example.com", "both@example.com", "other@example.com"):
        harness.send_raw(p.port, content, sender=sender)
    got = {m["sender"]: arrived(plain, m)[1] for m in plain.wait_messages(2)}
    assert got == {"b@example.org": b"From: route@example.org\r\nReply-To: a@b\r\nX-A: 1\r\nX-B: 2\r\n\r\nx\r\n",
                   "other@example.com": content}
    m = strict.wait_messages(1)[0]
    assert m["sender"] == "both@example.com"
    assert arrived(strict, m)[1] == b"From: strict@example.org\r\nReply-To: a@b\r\nX-C: d\r\n\r\nx\r\n"
    p.stop()


def test_a_header_too_large_goes_where_nothing_is_asked(sink, postern):
    """And comes back where every provider asks for something."""
    asks, plain = sink(), sink()
    p = postern(harness.provider(asks.port, "asks", rewrite={"from": "app@example.org"}),
                harness.provider(plain.port, "plain"),
                routes=[{"name": "only", "match": {"sender": ["only@example.com"]}, "use": ["asks"]},
                        {"name": "default", "use": ["asks", "plain"]}])
    content = b"From: a@b\r\n" + b"X-Long: %s\r\n" % (b"y" * 900) * 80 + b"\r\nx\r\n"
    harness.send_raw(p.port, content)
    assert arrived(plain, plain.wait_messages(1)[0])[1] == content
    harness.send_raw(p.port, content, sender="only@example.com")
    e = p.wait_event("bounced")
    assert e["enhanced"] == "5.6.0" and "64 KiB" in e["text"]
    bounce = asks.wait_messages(1)[0]
    assert bounce["sender"] == "" and bounce["recipients"][0].startswith("only@example.com")
    p.stop()



def test_hosts_below_a_domain_are_hidden(sink, postern):
    """In the envelope, in the header, and before identities are looked at."""
    s = sink()
    p = postern(harness.provider(s.port, identities=["example.com", "other@example.org"],
                                 rewrite={"masquerade": ["example.com"]}))
    for sender in ("root@web1.example.com", "other@example.org", ""):
        harness.send_raw(p.port, b"From: Cron <root@web1.example.com>\r\nTo: a@web1.example.com\r\n\r\nx\r\n",
                         sender=sender)
    got = {m["sender"]: arrived(s, m)[1] for m in s.wait_messages(3)}
    assert got == dict.fromkeys(("root@example.com", "other@example.org", ""),
                                b"From: Cron <root@example.com>\r\nTo: a@web1.example.com\r\n\r\nx\r\n")
    p.stop()
