# SPDX-License-Identifier: Apache-2.0
"""What a provider offers, and what a message needs of it."""
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
