# SPDX-License-Identifier: Apache-2.0
"""DELIVERBY (RFC 2852): what a client says in BY=, as it shows at the provider
and in the notices."""
import re

import pytest

import harness
import mails


def content_of(s, m):
    return open(s.maildir + "/" + m["file"], "rb").read()


def fast(p, factor):
    if not harness.SANITIZED:
        pytest.skip("built without the test clock")
    return p.start(env={"POSTERN_TEST_CLOCK": str(factor)})


def by_of(m):
    """Seconds and letters of BY= at the provider."""
    seconds, letters = re.search(r"\bBY=(-?\d+);(\w+)", m["parameters"]).groups()
    return int(seconds), letters


def test_it_is_offered_and_can_be_switched_off(sink, postern):
    s = sink()
    for off in (False, True):
        p = postern(s.port, listeners=[{"name": "local", "address": ["127.0.0.1:0"], "disable": ["DELIVERBY"] if off else []}])
        with harness.Client(p.port) as c:
            assert ("DELIVERBY" in c.open()) != off
            assert c.cmd("MAIL FROM:<app@example.com> BY=60;R")[0] == (555 if off else 250)
        p.stop()


def test_the_provider_is_told_the_time_that_is_left(sink, postern):
    """Half an hour held, and a restart: of an hour half an hour is left."""
    s = sink("--offer", "DELIVERBY")
    p = fast(postern(s.port, start=False), 1000)
    harness.send_raw(p.port, mails.plain(), options=("BY=3600;R", "HOLDFOR=1800"))
    assert re.fullmatch(r"[-\d]+T[:\d]+Z;R", p.wait_event("accepted")["by"])
    p.stop()
    p = fast(p, 1000)
    seconds, letters = by_of(s.wait_messages(1)[0])
    assert letters == "R" and 0 < seconds <= 1800
    p.wait_event("delivered")
    p.stop()
    assert s.stop()["messages"] == 1, "and nobody is told"


def test_what_is_not_handed_on_in_time_comes_back(sink, postern):
    s = sink("--offer", "DELIVERBY", "--reply", "rcpt<later@example.net>=450:4.2.0:later")
    p = fast(postern(s.port, start=False, retry={"min": "60s", "max": "60s"}), 200)
    harness.send_raw(p.port, mails.plain(), recipients=["ann@example.net", "later@example.net"], options=("BY=600;R",))
    good, report = s.wait_messages(2)
    assert good["recipients"][0].split()[0] == "ann@example.net"
    assert (report["sender"], report["recipients"][0].split()[0]) == ("", "app@example.com")
    text = content_of(s, report)
    assert b"Action: failed" in text and b"Status: 5.4.7" in text and b"later@example.net" in text
    assert b"\r\nDeliver-By-Date: " in text and b"Final-Recipient: rfc822; ann@" not in text
    e = p.wait_event("bounced")
    assert e["cause"] == "deadline" and e["rcpt"] == "later@example.net" and int(e["delay_ms"]) >= 598 * 1000
    p.stop()


def test_who_is_only_to_be_told_is_told_once_and_it_goes_on(sink, postern):
    """With nobody to hand it to for longer than that."""
    port = harness.free_port()
    p = fast(postern(port, start=False), 200)
    harness.send_raw(p.port, mails.plain(), options=("BY=300;N",))
    p.wait_event("notice")
    s = sink("--offer", "DELIVERBY", port=port)
    messages = {m["sender"]: m for m in s.wait_messages(2)}
    seconds, letters = by_of(messages["app@example.com"])
    assert letters == "N" and seconds < 0
    text = content_of(s, messages[""])
    assert b"Action: delayed" in text and b"Status: 4.4.7" in text and b"\r\nDeliver-By-Date: " in text
    p.wait_event("delivered", 2)
    assert len(p.events("notice")) == 1
    p.stop()
    assert s.stop()["messages"] == 2


@pytest.mark.parametrize("by,action,status", [("BY=60;R", b"failed", b"5.4.7"), ("BY=60;N", b"relayed", b"2.")])
def test_a_provider_that_does_not_offer_it(sink, postern, by, action, status):
    """To be returned: it is, at once.  Else it goes there, and its sender hears
    that nobody watches the time from there on."""
    s = sink()
    p = postern(s.port)
    harness.send_raw(p.port, mails.plain(), options=(by,))
    report = s.wait_messages(1 if action == b"failed" else 2)[-1]
    text = content_of(s, report)
    assert report["sender"] == "" and b"Action: " + action in text and b"Status: " + status in text
    assert not any("BY=" in m["parameters"] for m in s.messages())
    p.stop()


def test_a_trace_tells_each_handing_on(sink, postern):
    s = sink("--offer", "DELIVERBY")
    p = postern(s.port)
    harness.send_raw(p.port, mails.plain(), options=("BY=60;RT",))
    first, report = s.wait_messages(2)
    assert by_of(first)[1] == "RT" and b"Action: relayed" in content_of(s, report)
    p.stop()
