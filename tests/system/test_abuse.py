# SPDX-License-Identifier: Apache-2.0
"""Clients that are slow, rude, gone, or too many: memory stays bounded, others
are served or told 421, and nothing is left behind."""
import pathlib
import re
import socket
import struct
import subprocess
import threading

import pytest

import harness
import mails
from test_requirements import MAIL, RCPT, check, listener

SESSION = (b"EHLO x\r\n" + MAIL.encode() + b"\r\n" + RCPT.encode() + b"\r\nDATA\r\nSubject: cut\r\n\r\n..x\r\n.\r\n"
           + MAIL.encode() + b"\r\n" + RCPT.encode() + b"\r\nBDAT 5 LAST\r\nabc\r\nQUIT\r\n")


def reset(c):
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.file.close()
    c.sock.close()


def half(c):
    c.sock.shutdown(socket.SHUT_WR)
    c.file.read()
    c.close()


def is_free(p, n):
    """All of the n places of the listener can be had again."""
    def have():
        held = [harness.Client(p.port) for _ in range(n)]
        codes = [c.reply()[0] for c in held]
        for c, code in zip(held, codes):
            if code == 220:  # gone for the daemon, too, when it has said so
                assert c.cmd("QUIT")[0] == 221 and c.is_closed()
            c.close()
        return codes == [220] * n
    harness.wait_until(have, what="a free listener")


@pytest.mark.parametrize("go", [reset, half, harness.Client.close], ids=["reset", "half-close", "close"])
def test_abuse_gone_at_each_octet(go, sink, postern):
    """A session that ends at each of its octets, in each way: what was whole
    is delivered, what was not is not, and every place is free again."""
    s = sink()
    p = postern(s.port, listeners=listener(max_connections=8))
    for at in range(len(SESSION) + 1):
        c = harness.Client(p.port)
        try:
            c.send(SESSION[:at])
            go(c)
        except ConnectionError:
            c.close()
    is_free(p, 8)
    last = harness.send_raw(p.port, mails.plain()).split()[-1]
    p.wait_event("accepted", msg=last)
    taken = len(p.events("accepted"))
    whole = len(SESSION) - SESSION.index(b"\r\n.\r\n") - 4 + len(b"QUIT\r\n") + 1
    assert taken - 1 == whole if go is half else taken - 1 <= whole, (taken, whole)
    s.wait_messages(taken)
    p.stop()
    assert s.stop()["messages"] == taken


def test_abuse_octet_by_octet_from_many(sink, postern):
    """One octet a segment from fifty at once, while others are served."""
    s = sink()
    p = postern(s.port)
    slow = [harness.Client(p.port) for _ in range(50)]
    for i, octet in enumerate(SESSION):
        for c in slow:
            c.send(bytes([octet]))
        if i % 20 == 0:
            harness.send_raw(p.port, mails.plain())
    for c in slow:
        assert c.file.read().endswith(b"221 2.0.0 postern.test closing\r\n")
        c.close()
    s.wait_messages(100)
    p.stop()


def test_abuse_talk_before_the_greeting(sink, postern):
    """All of it before the greeting was read: in order all the same."""
    p = postern(sink().port)
    with harness.Client(p.port) as c:
        c.send(SESSION)
        assert [c.reply()[0] for _ in range(10)] == [220, 250, 250, 250, 354, 250, 250, 250, 250, 221]
    p.stop()


@pytest.mark.parametrize("line,code,most", [
    ("NOOP", 250, 100), ("RSET", 250, 100), ("VRFY x", 252, 100), ("HELP", 214, 100), ("EHLO x", 250, 100),
    ("JUNK", 500, 20), ("", 500, 20), ("RCPT TO:<a@b.example>", 503, 20), ("DATA", 503, 20), ("BDAT 0", 503, 20),
    ("MAIL FROM:<a@b.example> SIZE=999999999999", 552, 100), ("MAIL FROM:<\u00fc@b.example>", 553, 100),
    ("MAIL FROM:<a", 501, 20), ("STARTTLS x", 501, 20), ("AUTH X", 504, 20),
])
def test_abuse_floods_have_an_end(line, code, most, sink, postern):
    """Commands that move no mail: 421 at last, for all of them."""
    p = postern(sink().port)
    with harness.Client(p.port) as c:
        c.open()
        c.send(line.encode() + b"\r\n")
        first = c.reply()[0]
        assert first in (code, 502), first
        seen = 1
        while True:
            c.send(line.encode() + b"\r\n")
            got = c.reply()[0]
            if got == 421:
                break
            assert got == first
            seen += 1
            assert seen <= most + 1, "no end"
        assert seen >= most - 1 and c.is_closed()
    p.stop()


def test_abuse_a_flood_of_data_without_recipients(sink, postern):
    p = postern(sink().port, listeners=listener(max_recipients=1))
    with harness.Client(p.port) as c:
        c.open()
        check(c, (MAIL, "250"), ("RCPT TO:<@>", "501"))
        c.send(b"DATA\r\n" * 200)
        codes = []
        while not codes or codes[-1] != 421:
            codes.append(c.reply()[0])
        assert set(codes[:-1]) == {554} and len(codes) <= 101
    p.stop()


def test_abuse_a_flood_of_recipients(sink, postern):
    """Far more than are allowed: 452 to each, those that were taken get the
    mail, and it ends some time; memory is bounded."""
    s = sink()
    p = postern(s.port, listeners=listener(max_recipients=1000))
    before = p.rss_anon_kib()
    with harness.Client(p.port) as c:
        c.open()
        check(c, (MAIL, "250"))
        t = threading.Thread(target=c.send, args=(b"".join(
            b"RCPT TO:<%d-%s@example.net>\r\n" % (i, b"x" * 50) for i in range(3000)) + b"DATA\r\n.\r\n",))
        t.start()
        assert [c.reply()[0] for _ in range(3000)] == [250] * 1000 + [452] * 2000
        assert [c.reply()[0] for _ in range(2)] == [354, 250]
        t.join()

        def flood():
            try:
                c.send(MAIL.encode() + b"\r\n")
                for _ in range(600):
                    c.send((RCPT.encode() + b"\r\n") * 100)
            except OSError:
                pass  # it was ended
        t = threading.Thread(target=flood)
        t.start()
        codes = []
        while not codes or codes[-1] != 421:
            codes.append(c.reply()[0])
        t.join()
        assert codes.count(250) == 1001 and codes.count(452) >= 10000
    if not harness.SANITIZED:
        assert p.rss_anon_kib() - before < 4096
    p.stop()


def test_abuse_a_flood_of_connections(sink, postern):
    """Two thousand that come and are gone, some by reset, with a client that
    sends mail all the while."""
    s = sink()
    p = postern(s.port, listeners=listener(max_connections=50, max_per_client=40))
    before = p.rss_anon_kib()
    codes = set()
    for i in range(2000):
        c = harness.Client(p.port)
        if i % 3 == 0:
            reset(c)
            continue
        if i % 3 == 1:
            codes.add(c.reply()[0])
        c.close()
    is_free(p, 40)
    assert codes <= {220, 421} and 220 in codes
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(1)
    if not harness.SANITIZED:
        assert p.rss_anon_kib() - before < 8192
    p.stop()


def test_abuse_slow_readers_take_no_memory(sink, postern):
    """Who sends commands and takes no reply is not read any more; the others
    are."""
    s = sink()
    p = postern(s.port, listeners=listener(max_idle_commands=100000))
    before = p.rss_anon_kib()
    rude = [harness.Client(p.port) for _ in range(30)]
    for c in rude:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
        c.sock.setblocking(False)
        try:
            for _ in range(40):
                c.sock.send(b"EHLO x\r\n" * 4000)
        except BlockingIOError:
            pass
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(1)
    if not harness.SANITIZED:
        assert (p.rss_anon_kib() - before) / len(rude) < 160
    for c in rude:
        c.close()
    p.stop()


def test_abuse_descriptors_run_out(sink, postern):
    """With room for few: those over it hear 421 and are not left without a
    word, what was begun goes on, and all is well when there is room again."""
    s = sink()
    p = postern(s.port, start=False, listeners=listener(max_connections=1000, max_per_client=1000))
    p.start(under=["prlimit", "--nofile=60:60"])
    with harness.Client(p.port) as old:
        old.open()
        held = [harness.Client(p.port) for _ in range(200)]
        codes = [c.reply()[0] for c in held]
        assert 30 <= codes.count(421) and 10 <= codes.count(220) and codes.count(421) + codes.count(220) == 200
        p.wait_event("listener.full")
        check(old, (MAIL, "250"), (RCPT, "250"), ("DATA", "354"))
        old.send(mails.plain() + b".\r\n")
        assert old.reply()[0] == 250
        for c in held:
            c.close()
    harness.wait_until(lambda: can_greet(p.port), what="a greeting")
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(2)
    p.stop()


def can_greet(port):
    with harness.Client(port) as c:
        return c.reply()[0] == 220


# --- each limit: at it, and one over it --------------------------------------------


def one_message(c, content=b"x\r\n", code=250):
    check(c, (MAIL, "250"), (RCPT, "250"), ("DATA", "354"))
    c.send(content + b".\r\n")
    assert c.reply()[0] == code


def at_max_messages(p, c):
    for _ in range(3):
        one_message(c)
    check(c, (MAIL, "421 4.7.0"))
    assert c.is_closed()


def at_max_errors(p, c):
    for _ in range(3):
        check(c, ("JUNK", "500"))
    check(c, ("NOOP", "250"), ("JUNK", "421 4.7.0"))
    assert c.is_closed()


def at_max_idle_commands(p, c):
    for _ in range(4):  # EHLO was the first
        check(c, ("NOOP", "250"))
    check(c, ("NOOP", "421 4.7.0"))
    assert c.is_closed()


def at_max_line(p, c):
    check(c, ("NOOP " + "x" * (2000 - 7), "250"), ("NOOP " + "x" * (2000 - 6), "500 5.5.2"), ("NOOP", "250"))


def at_max_recipients(p, c):
    check(c, (MAIL, "250"), ("RCPT TO:<a@b.example>", "250"), ("RCPT TO:<b@b.example>", "250"),
          ("RCPT TO:<c@b.example>", "452 4.5.3"))


def at_max_size(p, c):
    one_message(c, b"x" * 1022 + b"\r\n")
    one_message(c, b"x" * 1023 + b"\r\n", 552)
    check(c, (MAIL + " SIZE=1024", "250"), ("RSET", "250"), (MAIL + " SIZE=1025", "552"))


def at_max_connections(p, c):
    with harness.Client(p.port) as second, harness.Client(p.port) as third:
        assert [second.reply()[0], third.reply()[0]] == [220, 421]


def at_max_hold(p, c):
    check(c, (MAIL + " HOLDFOR=7200", "250"), ("RSET", "250"), (MAIL + " HOLDFOR=7201", "501"),
          (MAIL + " HOLDFOR=4294967296", "501"), (MAIL + " HOLDUNTIL=2099-01-01T00:00:00Z", "501"))


@pytest.mark.parametrize("key,value,at", [
    ("max_messages", 3, at_max_messages), ("max_errors", 3, at_max_errors),
    ("max_idle_commands", 5, at_max_idle_commands), ("max_line", 2000, at_max_line),
    ("max_recipients", 2, at_max_recipients), ("max_size", "1K", at_max_size),
    ("max_connections", 2, at_max_connections), ("max_per_client", 2, at_max_connections), ("max_hold", "2h", at_max_hold),
])
def test_limit_at_it_and_one_over(key, value, at, sink, postern):
    p = postern(sink().port, listeners=listener(**{key: value}))
    with harness.Client(p.port) as c:
        c.open()
        at(p, c)
    p.stop()


@pytest.mark.parametrize("key,start", [("command", ""), ("data", MAIL + "\r\n" + RCPT + "\r\nDATA\r\nx"), ("session", "")])
def test_limit_of_time(key, start, sink, postern):
    """421, then the end; a session's whole time is counted however busy it
    is."""
    p = postern(sink().port, listeners=listener(timeouts={key: "1s"}, max_idle_commands=100000))
    with harness.Client(p.port) as c:
        c.open()
        c.send(start)
        for _ in range(3 if start else 0):
            c.reply()
        code = 250
        while code == 250:
            if key == "session":
                c.send("NOOP\r\n")
            code, text = c.reply()
        assert (code, text[0][:5]) == (421, "4.4.2")
        assert c.is_closed()
    p.stop()


def test_limit_of_lingering(sink, postern):
    """Who does not hang up after 221 is hung up on."""
    p = postern(sink().port, listeners=listener(timeouts={"linger": "100ms"}))
    with harness.Client(p.port) as c:
        c.open()
        check(c, ("QUIT", "221"))
        assert c.is_closed()

        def is_gone():
            try:
                c.sock.send(b"x")
                return False
            except OSError:
                return True
        harness.wait_until(is_gone, what="the end of the connection")
    p.stop()


# Where the limits of listeners that have no test here have theirs.
ELSEWHERE = {
    "client_rate": "test_policy.py", "user_rate": "test_policy.py", "auth_failures": "test_auth.py",
    "auth_failures_name": "test_auth.py", "auth_failures_client": "test_auth.py",
    "handshake": "test_tls.py", "proxy": "test_door.py",
}


def test_limit_each_has_a_test():
    """A key that bounds what a client may do, and that no test sets, is a key
    that nobody has tried to go beyond."""
    keys = subprocess.run([harness.POSTERND, "-T"], capture_output=True, text=True, check=True).stdout
    rows = [x.split("\t") for x in keys.splitlines() if x.startswith("listeners.")]
    limits = [r[0].rsplit(".", 1)[1] for r in rows if r[1] in ("number", "size", "duration", "array of rates", "rate of logins")]
    assert len(limits) >= 18
    here = pathlib.Path(__file__)
    for key in limits:
        text = here.with_name(ELSEWHERE.get(key, here.name)).read_text()
        assert re.search(r"\b%s\b" % key, text), key
