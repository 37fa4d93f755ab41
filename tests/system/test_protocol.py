# SPDX-License-Identifier: Apache-2.0
"""A few things over the wire that only the whole can show."""
import socket
import time

import pytest

import harness
import mails


@pytest.fixture
def up(sink, postern):
    s = sink()
    p = postern(s.port)
    yield p
    p.stop()


def test_ehlo(up):
    with harness.Client(up.port) as c:
        texts = c.open()
        assert texts[0] == "postern.test"
        for x in ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "DSN"):
            assert x in texts
        assert [x for x in texts if x.startswith("SIZE ")]
        assert not [x for x in texts if x.startswith(("STARTTLS", "AUTH"))]
        assert c.cmd("QUIT")[0] == 221
        assert c.is_closed()


def test_everything_in_one_write(up):
    """PIPELINING to the hilt: two messages and QUIT in one segment."""
    one = "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"
    with harness.Client(up.port) as c:
        c.send("EHLO client.test\r\n")
        assert c.reply()[0] == 220
        assert c.reply()[0] == 250
        c.send((one + mails.plain().decode() + ".\r\n") * 2 + "QUIT\r\n")
        assert [c.reply()[0] for _ in range(9)] == [250, 250, 354, 250, 250, 250, 354, 250, 221]
    up.wait_event("delivered", n=2)


def test_octet_by_octet(up):
    with harness.Client(up.port) as c:
        c.open()
        for b in (b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n" + mails.dots()
                  .replace(b"\r\n.", b"\r\n..") + b".\r\n"):
            c.send(bytes([b]))
        assert [c.reply()[0] for _ in range(4)] == [250, 250, 354, 250]
    up.wait_event("delivered")


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r"], ids=repr)
def test_nothing_is_smuggled_in(end, up):
    with harness.Client(up.port) as c:
        c.open()
        c.cmd("MAIL FROM:<a@example.com>")
        c.cmd("RCPT TO:<b@example.net>")
        c.cmd("DATA")
        c.send(b"Subject: x\r\n\r\ntext" + end + b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<c@example.net>\r\n"
               b"DATA\r\nSubject: smuggled\r\n\r\n\r\n.\r\n")
        code, text = c.reply()
        assert code == 550 and text[0].startswith("5.5.2")
        assert c.cmd("NOOP")[0] == 250
    assert not up.events("accepted")


def test_many_idle_clients_stop_nobody(sink, postern):
    s = sink()
    p = postern(s.port, listeners=[{"name": "local", "address": ["127.0.0.1:0"], "max_connections": 300,
                                    "max_per_client": 300}])
    idle = [harness.Client(p.port) for _ in range(250)]
    try:
        for c in idle:
            assert c.reply()[0] == 220
        begin = time.monotonic()
        harness.send_raw(p.port, mails.plain())
        assert time.monotonic() - begin < 5
        s.wait_messages(1)
    finally:
        for c in idle:
            c.close()
    p.stop()


def test_one_connection_too_many_is_told(sink, postern):
    s = sink()
    p = postern(s.port, listeners=[{"name": "local", "address": ["127.0.0.1:0"], "max_connections": 5}])
    held = [harness.Client(p.port) for _ in range(5)]
    for c in held:
        assert c.reply()[0] == 220
    with harness.Client(p.port) as c:
        assert c.reply()[0] == 421
        assert c.is_closed()
    held[0].cmd("QUIT")
    held[0].is_closed()
    for c in held:
        c.close()
    harness.send_raw(p.port, mails.plain())
    p.stop()


def test_who_goes_away_in_the_middle_leaves_nothing(up):
    for at in (b"", b"EHLO x\r\n", b"EHLO x\r\nMAIL FROM:<a@example.com>\r\n",
               b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nSubject: cut",
               b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nSubject: cut\r\n\r\nx\r\n.\r"):
        for reset in (False, True):
            c = harness.Client(up.port)
            c.send(at)
            if reset:
                c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            c.close()
    harness.send_raw(up.port, mails.plain())
    up.wait_event("delivered")
    assert len(up.events("accepted")) == 1


def test_big_mail_that_breaks_off_is_cleaned_up(up):
    """Staged slices of a message that never ended are not delivered."""
    with harness.Client(up.port) as c:
        c.open()
        c.cmd("MAIL FROM:<a@example.com>")
        c.cmd("RCPT TO:<b@example.net>")
        c.cmd("DATA")
        c.send(mails.lines_of(3 * 1024 * 1024))
    harness.send_raw(up.port, mails.plain())
    up.wait_event("delivered")
    assert len(up.events("accepted")) == 1


def test_a_tls_hello_and_http_do_no_harm(up):
    for junk in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
                 b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes(range(256)) * 64):
        with harness.Client(up.port) as c:
            c.send(junk + b"\r\nQUIT\r\n")
            assert c.reply()[0] == 220
            try:
                c.sock.shutdown(socket.SHUT_WR)
                while c.sock.recv(4096):
                    pass
            except OSError:
                pass
    harness.send_raw(up.port, mails.plain())


def test_a_loop_is_ended(up):
    trace = b"".join(b"Received: from a by b; Tue, 24 Nov 2026 10:00:00 +0000\r\n" for _ in range(150))
    with harness.Client(up.port) as c:
        c.open()
        c.cmd("MAIL FROM:<a@example.com>")
        c.cmd("RCPT TO:<b@example.net>")
        c.cmd("DATA")
        c.send(trace + mails.plain() + b".\r\n")
        code, text = c.reply()
        assert code == 554 and "5.4.6" in text[0]
