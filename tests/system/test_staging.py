# SPDX-License-Identifier: Apache-2.0
"""Staging that mails nobody: a route keeps what it is handed, or sends it to
one address, but for those whom it may mail."""
import harness

CONTENT = b"From: a@b\r\nSubject: x\r\n\r\nx\r\n"


def test_capture_but_for_those_allowed(sink, postern):
    """Nobody else gets it, nobody is told, and what waits is held to a mode
    that comes with a reload."""
    s = sink()
    route = {"name": "default", "use": ["sink"], "mode": "capture", "allow": ["*@example.com"]}
    p = postern(harness.provider(s.port), routes=[route])
    harness.send_raw(p.port, CONTENT, recipients=["bob@example.net", "dev@example.com", "eve@example.org"])
    m = s.wait_messages(1)[0]
    assert [r.split()[0] for r in m["recipients"]] == ["dev@example.com"]
    e = p.wait_event("captured", n=2)
    assert e["cause"] == "captured"
    assert {x["rcpt"] for x in p.events("captured")} == {"bob@example.net", "eve@example.org"}
    harness.send_raw(p.port, CONTENT, recipients=["bob@example.net"], options=["BODY=8BITMIME"])
    p.wait_event("captured", n=3)
    assert not p.events("notice") and not p.events("bounced")
    p.settings["routes"] = [dict(route, mode="deliver")]
    del p.settings["routes"][0]["allow"]
    p.wait_event("reloaded", since=p.reload())
    harness.send_raw(p.port, CONTENT, recipients=["bob@example.net"])
    m = s.wait_messages(2)[1]
    assert [r.split()[0] for r in m["recipients"]] == ["bob@example.net"]
    p.stop()


def test_redirect_but_for_those_allowed(sink, postern):
    """One message for each recipient, which says whose it was; its size is
    said as it leaves, and a large one comes from the store."""
    s = sink()
    p = postern(harness.provider(s.port, rewrite={"from": "app@example.org"}),
                routes=[{"name": "default", "use": ["sink"], "mode": "redirect",
                         "redirect_to": "staging@example.com", "allow": ["dev@example.com"]}])
    harness.send_raw(p.port, CONTENT, recipients=["bob@example.net", "dev@example.com", "eve@example.org"])
    got = {}
    for m in s.wait_messages(3):
        content = open(s.maildir + "/" + m["file"], "rb").read()
        assert "SIZE=%d" % len(content) in m["parameters"]
        first, rest = content.split(b"\r\n", 1)
        if first.startswith(b"Received:"):
            first, rest = b"", content
        assert harness.without_received(rest)[1] == (
            b"From: app@example.org\r\nReply-To: a@b\r\nSubject: x\r\n\r\nx\r\n")
        got[first] = m["recipients"]
    assert got == {b"": ["dev@example.com"],
                   b"X-Original-To: bob@example.net": ["staging@example.com NOTIFY=NEVER"],
                   b"X-Original-To: eve@example.org": ["staging@example.com NOTIFY=NEVER"]}
    large = CONTENT + b"0123456789abcdef\r\n" * 40000
    harness.send_raw(p.port, large, recipients=["zoe@example.net"])
    m = s.wait_messages(4)[3]
    content = open(s.maildir + "/" + m["file"], "rb").read()
    assert content.startswith(b"X-Original-To: zoe@example.net\r\n") and content.endswith(large[-700000:])
    p.stop()
