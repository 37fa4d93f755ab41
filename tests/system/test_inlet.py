# SPDX-License-Identifier: Apache-2.0
"""Who may come in, and that nobody who is slow, silent or rude stops others."""
import os
import select
import socket

import pytest

import harness
import mails


def listener(**more):
    return [{"name": "local", "address": ["127.0.0.1:0"], **more}]


def in_data(port):
    """A session whose content is about to come."""
    c = harness.Client(port)
    c.open()
    c.cmd("MAIL FROM:<a@example.com>")
    c.cmd("RCPT TO:<b@example.net>")
    assert c.cmd("DATA")[0] == 354
    return c


def close_all(clients):
    for c in clients:
        c.close()


def test_the_log_says_why_a_mail_was_not_taken(postern):
    p = postern()
    with in_data(p.port) as c:
        c.send(b"Subject: x\n\nlines of a file\n\r\n.\r\n")
        assert c.reply()[0] == 550
    e = p.wait_event("session.refused", code=550)
    assert (e["verb"], e["enhanced"], e["text"]) == (".", "5.5.2", "Bare LF in the content")
    p.stop()


def test_a_silent_client_is_told(sink, postern):
    p = postern(sink().port, listeners=listener(timeouts={"command": "200ms", "data": "200ms"}))
    with harness.Client(p.port) as c:
        assert c.reply()[0] == 220
        code, text = c.reply()
        assert code == 421 and text[0].startswith("4.4.2")
        assert c.is_closed()
    p.wait_event("session.timeout", listener="local", client="127.0.0.1")
    with harness.Client(p.port) as c:
        c.send("EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nSubject: x\r\n")
        assert [c.reply()[0] for _ in range(6)] == [220, 250, 250, 250, 354, 421]
        assert c.is_closed()
    assert not p.events("accepted")
    p.stop()


@pytest.mark.parametrize("threads", [1, 3])
def test_a_client_has_its_share(threads, sink, postern):
    p = postern(sink().port, listeners=listener(max_per_client=3), inlet_threads=threads)
    held = [harness.Client(p.port) for _ in range(3)]
    for c in held:
        assert c.reply()[0] == 220
    with harness.Client(p.port) as c:
        code, text = c.reply()
        assert code == 421 and text[0].startswith("4.7.0")
        assert c.is_closed()
    p.wait_event("session.limit", listener="local", client="127.0.0.1")
    assert held[0].cmd("QUIT")[0] == 221
    assert held[0].is_closed()
    harness.send_raw(p.port, mails.plain())
    close_all(held)
    p.stop()


def test_networks(sink, postern):
    p = postern(sink().port, listeners=listener(networks=["192.0.2.0/24", "2001:db8::/32"]))
    with harness.Client(p.port) as c:
        code, text = c.reply()
        assert code == 554 and text[0].startswith("5.7.1")
        assert c.is_closed()
    p.wait_event("session.network", client="127.0.0.1")
    p.settings["listeners"][0]["networks"].append("127.0.0.0/8")
    p.wait_event("reloaded", since=p.reload())
    harness.send_raw(p.port, mails.plain())
    p.stop()


def test_a_message_keeps_its_limits_over_a_reload(sink, postern):
    s = sink()
    p = postern(s.port)
    with in_data(p.port) as c:
        p.settings["listeners"][0]["max_size"] = "10K"
        p.wait_event("reloaded", since=p.reload())
        c.send(mails.mail("big", mails.lines_of(20000)).replace(b"\r\n.", b"\r\n..") + b".\r\n")
        assert c.reply()[0] == 250
        with harness.Client(p.port) as new:
            new.open()
            assert new.cmd("MAIL FROM:<a@example.com> SIZE=20000")[0] == 552
    s.wait_messages(1)
    p.stop()


def test_dripping_clients_stop_nobody(sink, postern):
    s = sink()
    p = postern(s.port)
    slow = [in_data(p.port) for _ in range(150)]
    for octet in b"Subject: slow\r\n\r\n":
        for c in slow:
            c.send(bytes([octet]))
        harness.send_raw(p.port, mails.plain())
    s.wait_messages(17)
    for c in slow:
        c.send(".\r\n")
    for c in slow:
        assert c.reply()[0] == 250
    close_all(slow)
    s.wait_messages(17 + 150)
    p.stop()


def flood(sock, line):
    """Writes until nothing is taken any more; how many octets went."""
    sock.setblocking(False)
    sent = 0
    while select.select([], [sock], [], 0.5)[1]:
        try:
            sent += sock.send(line * 1000)
        except BlockingIOError:
            pass
    return sent


def test_clients_that_never_read_stop_nobody(sink, postern):
    s = sink()
    p = postern(s.port, listeners=listener(max_idle_commands=100000))
    rude = [harness.Client(p.port) for _ in range(5)]
    for c in rude:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        assert flood(c.sock, b"VRFY x\r\n") < 16 << 20
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(1)
    close_all(rude)
    p.stop()


def test_many_big_mails_share_the_memory(sink, postern):
    """Twenty times 2 MiB at once with 1 MiB for all of them."""
    s = sink()
    p = postern(s.port, spool={"memory": "1M"})
    body = mails.mail("big", mails.lines_of(2 << 20))
    clients = [in_data(p.port) for _ in range(20)]
    for at in range(0, len(body), 100000):
        for c in clients:
            c.send(body[at:at + 100000].replace(b"\r\n.", b"\r\n.."))
    if not harness.SANITIZED:
        assert p.rss_anon_kib() < 32 << 10
    for c in clients:
        c.send(".\r\n")
    for c in clients:
        assert c.reply()[0] == 250
    close_all(clients)
    s.wait_messages(20)
    p.stop()


@pytest.mark.skipif(harness.SANITIZED, reason="memory is not what it is without sanitizers")
def test_memory_of_a_burst_is_given_back(sink, postern, load):
    """Six hundred clients with 1 MiB each leave tens of MiB that nobody uses;
    a while after them the process is small again."""
    s = sink()
    p = postern(s.port, listeners=listener(max_connections=1000, max_per_client=1000))
    assert load(p.port, 600, 600, "-s", str(1 << 20)).result()["acked"] == 600
    s.wait_messages(600)
    harness.wait_until(lambda: p.rss_anon_kib() < 16 << 10, what="the memory of the burst")
    p.stop()


@pytest.mark.skipif(harness.SANITIZED, reason="memory is not what it is without sanitizers")
def test_an_idle_session_costs_little(sink, postern):
    p = postern(sink().port, listeners=listener(max_connections=2000, max_per_client=2000))
    with harness.Client(p.port) as c:
        c.open()
        before = p.rss_anon_kib()
        idle = [harness.Client(p.port) for _ in range(1500)]
        for c in idle:
            c.open()
        assert (p.rss_anon_kib() - before) / len(idle) < 4
        close_all(idle)
    p.stop()


def test_a_unix_socket(sink, postern, tmp_path):
    s = sink()
    path = tmp_path / "smtp.sock"
    p = postern(s.port, listeners=listener() + [{"name": "socket", "address": ["unix:%s" % path]}])
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(harness.LONG)
        sock.connect(str(path))
        sock.sendall(b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"
                     + mails.plain() + b".\r\nQUIT\r\n")
        got = b"".join(iter(lambda: sock.recv(4096), b""))
    assert b"queued as" in got
    p.wait_event("accepted", client="uid=%d" % os.getuid(), listener="socket")
    s.wait_messages(1)
    p.stop()
    assert not path.exists()


def test_who_closes_its_side_still_hears(sink, postern):
    """As "printf ... | nc" does."""
    s = sink()
    p = postern(s.port)
    with harness.Client(p.port) as c:
        c.send(b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"
               + mails.plain() + b".\r\n")
        c.sock.shutdown(socket.SHUT_WR)
        assert [c.reply()[0] for _ in range(6)] == [220, 250, 250, 250, 354, 250]
        assert c.is_closed()
    s.wait_messages(1)
    p.stop()
