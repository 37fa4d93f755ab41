# SPDX-License-Identifier: Apache-2.0
"""What arrives at postern-sink is what was sent, octet by octet, but for one
Received field in front."""
import hashlib

import pytest

import harness
import mails


def check(sink, m, content):
    assert m["trace_bytes"] > 0
    assert m["sha256_rest"] == hashlib.sha256(content).hexdigest()
    received, rest = harness.without_received(open(sink.maildir + "/" + m["file"], "rb").read())
    assert len(received) == m["trace_bytes"]
    assert rest == content


@pytest.mark.parametrize("chunking", [True, False], ids=["bdat", "data"])
@pytest.mark.parametrize("make", mails.SMALL + [mails.only_header], ids=lambda f: f.__name__)
def test_small_content(make, chunking, sink, postern):
    s = sink(*([] if chunking else ["--disable", "CHUNKING"]))
    p = postern(s.port)
    harness.send_raw(p.port, make(), options=["BODY=8BITMIME"] if make is mails.eight_bit else [])
    m = s.wait_messages(1)[0]
    check(s, m, make())
    assert ("BODY=8BITMIME" in m["parameters"]) == (make is mails.eight_bit)
    p.stop()


@pytest.mark.parametrize("pipelining", [True, False], ids=["chained", "by-turns"])
def test_one_after_the_other_on_one_session(pipelining, sink, postern):
    """All of it in a row through one upstream session."""
    s = sink(*([] if pipelining else ["--disable", "PIPELINING,CHUNKING"]))
    p = postern(harness.provider(s.port, max_connections=1))
    for make in mails.SMALL:
        harness.send_raw(p.port, make())
    got = {m["sha256_rest"]: m for m in s.wait_messages(len(mails.SMALL))}
    for make in mails.SMALL:
        check(s, got[hashlib.sha256(make()).hexdigest()], make())
    p.stop()
    assert s.stop()["most_open"] == 1


@pytest.mark.parametrize("without", ["", "CHUNKING"], ids=["bdat", "data"])
def test_25_mib(without, sink, postern):
    s = sink(*(["--disable", without] if without else []))
    p = postern(s.port, listeners=[{"name": "local", "address": ["127.0.0.1:0"], "max_size": "40M"}])
    content = mails.big()
    harness.send_raw(p.port, content)
    check(s, s.wait_messages(1)[0], content)
    if not harness.SANITIZED:
        assert p.rss_anon_kib() < 32 * 1024
    p.stop()


def test_sizes_around_the_bounds_of_the_spool(sink, postern):
    """Inline, one chunk, several, staged: each size where something changes."""
    s = sink()
    p = postern(s.port)
    sizes = [n + d for n in (1400, 4080, 8160, 64 * 1024, 256 * 1024, 512 * 1024) for d in (-600, -1, 0, 1, 700)]
    made = [mails.mail("size-%d" % n, mails.lines_of(n)) for n in sizes]
    for content in made:
        harness.send_raw(p.port, content)
    got = {m["sha256_rest"]: m for m in s.wait_messages(len(made))}
    for content in made:
        check(s, got[hashlib.sha256(content).hexdigest()], content)
    p.stop()


def test_a_thousand_recipients(sink, postern):
    s = sink()
    p = postern(harness.provider(s.port, max_recipients=50),
                listeners=[{"name": "local", "address": ["127.0.0.1:0"], "max_recipients": 1000}])
    content = mails.dots()
    rcpts = ["r%04d@example.net" % i for i in range(1000)]
    harness.send_raw(p.port, content, recipients=rcpts)

    def all_there(lines):
        got = s.events("message", lines)
        return got if sum(len(m["recipients"]) for m in got) >= 1000 else None
    got = s.out.wait(all_there, what="a thousand recipients")
    p.stop()
    assert sorted(r for m in got for r in m["recipients"]) == rcpts
    assert max(len(m["recipients"]) for m in got) <= 50
    for m in got:
        check(s, m, content)


def test_bdat_in(sink, postern):
    """Handed in by BDAT in chunks that cut a line end and a dot line."""
    s = sink()
    p = postern(s.port)
    content = mails.dots()
    cuts = [0, 5, content.index(b"\r\n") + 1, content.index(b"\r\n.\r\n") + 3, len(content)]
    with harness.Client(p.port) as c:
        assert "CHUNKING" in c.open()
        c.cmd("MAIL FROM:<app@example.com>")
        c.cmd("RCPT TO:<ann@example.net>")
        for i in range(len(cuts) - 1):
            part = content[cuts[i]:cuts[i + 1]]
            last = " LAST" if i == len(cuts) - 2 else ""
            c.send(b"BDAT %d%s\r\n" % (len(part), last.encode()) + part)
            assert c.reply()[0] == 250
        c.cmd("QUIT")
    check(s, s.wait_messages(1)[0], content)
    p.stop()


def test_parameters_go_on_to_the_provider(sink, postern):
    s = sink()
    p = postern(s.port)
    content = mails.plain()
    with harness.Client(p.port) as c:
        assert "DSN" in c.open()
        assert c.cmd("MAIL FROM:<app@example.com> RET=HDRS ENVID=QQ+2B1 SMTPUTF8 BODY=8BITMIME")[0] == 250
        assert c.cmd("RCPT TO:<ann@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;ann+40old@example.net")[0] == 250
        assert c.cmd("DATA")[0] == 354
        c.send(content + b".\r\n")
        assert c.reply()[0] == 250
        c.cmd("QUIT")
    m = s.wait_messages(1)[0]
    assert "RET=HDRS" in m["parameters"] and "ENVID=QQ+2B1" in m["parameters"]
    assert "SMTPUTF8" in m["parameters"]
    assert m["recipients"] == ["ann@example.net NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;ann+40old@example.net"]
    p.stop()
