# SPDX-License-Identifier: Apache-2.0
"""postern-sink by itself: what it says it does, it does."""
import base64
import hashlib
import os
import signal
import smtplib
import ssl
import subprocess
import time

import pytest

import certs
import harness
import mails


@pytest.fixture
def certificate(tmp_path):
    c = certs.make(tmp_path, "cert", ["localhost"])
    return c.certificate, c.key


def envelope(c):
    assert c.cmd("MAIL FROM:<a@example.com>")[0] == 250
    assert c.cmd("RCPT TO:<b@example.net>")[0] == 250


@pytest.mark.parametrize("make", mails.SMALL, ids=lambda f: f.__name__)
def test_keeps_and_tells(make, sink):
    s = sink()
    harness.send_raw(s.port, make(), recipients=["a@example.net", "b@example.net"])
    m = s.wait_messages(1)[0]
    assert open(s.maildir + "/" + m["file"], "rb").read() == make()
    assert m["sha256"] == m["sha256_rest"] == hashlib.sha256(make()).hexdigest()
    assert (m["size"], m["trace_bytes"]) == (len(make()), 0)
    assert (m["sender"], m["recipients"]) == ("app@example.com", ["a@example.net", "b@example.net"])
    n = s.stop()
    assert (n["messages"], n["recipients"], n["bytes"], n["foreign"]) == (1, 2, len(make()), 1)
    assert os.listdir(s.maildir + "/tmp") == []


def test_generated_mail_is_checked(sink, load):
    s = sink(maildir=None)
    r = load(s.port, 300, 7, "-s", "3000").result()
    assert r["acked"] == 300 and r["replies"] == {}
    again = load(s.port, 20, 2, "-p", "-R", "3", "-m", "5").result()
    assert again["acked"] == 20 and again["connects"] >= 4
    n = s.stop()
    assert (n["different"], n["whole"], n["duplicates"], n["damaged"]) == (320, 320, 0, 0)
    assert n["recipients"] == 360


def test_duplicates_and_damage_are_seen(sink):
    s = sink()
    text = b"Subject: x\r\n\r\nHello.\r\n"
    good = b"X-Bench: 00000001 %010u %010u %s\r\n"

    def crc32c(data):
        crc = 0xffffffff
        for byte in data:
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
        return b"%08x" % (crc ^ 0xffffffff)
    trace = b"Received: from x\r\n\tby y; now\r\n"
    for number, body in ((1, text), (2, text), (1, text)):
        harness.send_raw(s.port, trace + good % (number, len(text), crc32c(text)) + body)
    harness.send_raw(s.port, good % (3, len(text), crc32c(text)) + text.replace(b"H", b"h"))
    harness.send_raw(s.port, good % (4, len(text), crc32c(text)) + text + b"more\r\n")
    n = s.stop()
    assert (n["different"], n["duplicates"], n["damaged"], n["whole"]) == (4, 1, 2, 3)
    assert [m["damaged"] for m in s.messages()] == [False, False, False, True, True]
    assert s.messages()[0]["trace_bytes"] == len(trace)


@pytest.mark.parametrize("rule,at", [("banner=554:5.3.2:no", 0), ("ehlo=451", 1), ("mail=452:4.3.1:full", 2),
                                     ("rcpt<b@example.net>=550:5.1.1:who", 3), ("data=451:4.3.0:busy", 4),
                                     ("dot=550:5.7.1:spam", 5), ("rset=451", 6), ("noop=451", 7), ("quit=451", 8)])
def test_replies(rule, at, sink):
    s = sink("--reply", rule)
    code = int(rule.split("=")[1][:3])
    with harness.Client(s.port) as c:
        got = [c.reply()]
        if at > 0:
            got += [c.cmd(x) for x in ("EHLO x", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>")]
            got.append(c.cmd("DATA"))
            if got[-1][0] == 354:
                c.send(b"x\r\n.\r\n")
            else:
                c.send(b"NOOP\r\n")
            got += [c.reply()] + [c.cmd(x) for x in ("RSET", "NOOP", "QUIT")]
        assert got[at][0] == code, got
        if at == 0:
            assert c.is_closed()
    n = s.stop()
    assert n["rules"] == 1
    assert n["messages"] == (1 if at > 5 else 0)


@pytest.mark.parametrize("what", ["drop", "reset"])
@pytest.mark.parametrize("stage", ["banner", "ehlo", "mail", "rcpt", "data", "body", "dot", "kept", "quit"])
def test_goes_away(stage, what, sink):
    s = sink("--reply", "%s*1=%s" % (stage, what))
    try:
        c = None  # a reset may come before connect() has returned
        c = harness.Client(s.port)
        if stage != "banner":
            c.send("EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n")
        while c.sock.recv(4096):
            pass
        assert what == "drop"
    except ConnectionResetError:
        pass
    if c:
        c.close()
    harness.send_raw(s.port, mails.plain())  # only once
    n = s.stop()
    assert n["rules"] == 1
    assert n["messages"] == (2 if stage in ("kept", "quit") else 1)


def test_hangs(sink):
    s = sink("--reply", "mail*1=hang")
    with harness.Client(s.port) as c:
        c.open()
        c.send("MAIL FROM:<a@example.com>\r\n")
        s.wait_event("rule")
        harness.send_raw(s.port, mails.plain())  # the others are served
        c.sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            c.sock.recv(1)
    s.wait_event("closed", 2)
    assert s.stop()["messages"] == 1


def test_delays(sink):
    s = sink("--delay", "50", "--delay", "dot=300", "--delay", "data=0")
    with harness.Client(s.port) as c:
        begin = time.monotonic()
        c.open()
        envelope(c)
        assert c.cmd("DATA")[0] == 354
        before = time.monotonic() - begin
        c.send(b"x\r\n.\r\n")
        assert c.reply()[0] == 250
        after = time.monotonic() - begin
    assert 0.2 <= before
    assert after - before >= 0.29
    s.stop()


def test_delayed_commands_keep_their_order(sink):
    s = sink("--delay", "20")
    with harness.Client(s.port) as c:
        c.send("EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nx\r\n.\r\n"
               "NOOP\r\nQUIT\r\n")
        assert [c.reply()[0] for _ in range(8)] == [220, 250, 250, 250, 354, 250, 250, 221]
        assert c.is_closed()
    s.stop()


@pytest.mark.parametrize("mechanism", ["PLAIN", "PLAIN-later", "LOGIN", "LOGIN-initial"])
@pytest.mark.parametrize("password", ["right", "wrong"])
def test_auth(mechanism, password, sink):
    s = sink("--auth", "me:right")
    b64 = lambda x: base64.b64encode(x.encode()).decode()
    with harness.Client(s.port) as c:
        assert "AUTH PLAIN LOGIN" in c.open()
        assert c.cmd("MAIL FROM:<a@example.com>")[0] == 530
        if mechanism == "PLAIN":
            code = c.cmd("AUTH PLAIN " + b64("\0me\0" + password))[0]
        elif mechanism == "PLAIN-later":
            assert c.cmd("AUTH PLAIN")[0] == 334
            code = c.cmd(b64("\0me\0" + password))[0]
        else:
            if mechanism == "LOGIN":
                assert c.cmd("AUTH LOGIN") == (334, ["VXNlcm5hbWU6"])
                assert c.cmd(b64("me")) == (334, ["UGFzc3dvcmQ6"])
            else:
                assert c.cmd("AUTH LOGIN " + b64("me"))[0] == 334
            code = c.cmd(b64(password))[0]
        assert code == (235 if password == "right" else 535)
        assert c.cmd("MAIL FROM:<a@example.com>")[0] == (250 if password == "right" else 530)
        if password == "right":
            assert c.cmd("AUTH PLAIN")[0] == 503
    s.stop()


def test_auth_that_is_cancelled_or_rubbish(sink):
    s = sink("--auth", "me:right")
    with harness.Client(s.port) as c:
        c.open()
        assert c.cmd("AUTH PLAIN")[0] == 334
        assert c.cmd("*")[0] == 501
        assert c.cmd("AUTH PLAIN =")[0] == 535
        assert c.cmd("AUTH PLAIN !!!!")[0] == 501
        assert c.cmd("AUTH LOGIN")[0] == 334
        assert c.cmd("xyz")[0] == 501
        assert c.cmd("AUTH GSSAPI")[0] == 504
        assert c.cmd("AUTH PLAIN " + "QUFB" * 1000)[0] == 501
        assert c.cmd("NOOP")[0] == 250
    s.stop()


def test_starttls(sink, certificate):
    cert, key = certificate
    s = sink("--certificate", cert, "--key", key, "--tls", "required", "--auth", "me:right")
    context = ssl.create_default_context(cafile=cert)
    with smtplib.SMTP("localhost", s.port, timeout=harness.LONG) as c:
        c.ehlo()
        assert c.has_extn("starttls") and not c.has_extn("auth")
        assert c.docmd("MAIL FROM:<a@example.com>")[0] == 530
        assert c.docmd("AUTH PLAIN =")[0] == 530
        c.starttls(context=context)
        c.ehlo()
        assert c.has_extn("auth") and not c.has_extn("starttls")
        c.login("me", "right")
        c.sendmail("a@example.com", ["b@example.net"], mails.plain())
    assert s.wait_messages(1)[0]["tls"].startswith("TLSv1")
    s.stop()


def test_what_stands_behind_starttls_is_thrown_away(sink, certificate):
    cert, key = certificate
    s = sink("--certificate", cert, "--key", key)
    with harness.Client(s.port) as c:
        c.open()
        c.send(b"STARTTLS\r\nEHLO injected\r\nMAIL FROM:<evil@example.com>\r\n")
        assert c.reply()[0] == 220
        context = ssl.create_default_context(cafile=cert)
        c.sock = context.wrap_socket(c.sock, server_hostname="localhost")
        c.file = c.sock.makefile("rb")
        assert c.cmd("RCPT TO:<b@example.net>")[0] == 503
    s.stop()


def test_implicit_tls(sink, certificate):
    cert, key = certificate
    s = sink("--certificate", cert, "--key", key, "--tls", "implicit")
    with smtplib.SMTP_SSL("localhost", s.port, timeout=harness.LONG,
                          context=ssl.create_default_context(cafile=cert)) as c:
        c.sendmail("a@example.com", ["b@example.net"], mails.eight_bit())
    s.wait_messages(1)
    s.stop()


@pytest.mark.parametrize("name", ["PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN",
                                  "ENHANCEDSTATUSCODES"])
def test_extensions_are_left_out(name, sink):
    every = sink()
    with harness.Client(every.port) as c:
        assert [x for x in c.open() if x.startswith(name)]
    s = sink("--disable", name)
    with harness.Client(s.port) as c:
        assert not [x for x in c.open() if x.startswith(name)]


def test_limits(sink):
    s = sink("--max-size", "1000", "--max-recipients", "2", "--max-messages", "2", "--max-connections", "1")
    with harness.Client(s.port) as c:
        assert "SIZE 1000" in c.open()
        with harness.Client(s.port) as d:
            assert d.reply()[0] == 421
            assert d.is_closed()
        assert c.cmd("MAIL FROM:<a@example.com> SIZE=1001")[0] == 552
        for i in range(2):
            envelope(c)
            assert c.cmd("RCPT TO:<c@example.net>")[0] == 250
            assert c.cmd("RCPT TO:<d@example.net>")[0] == 452
            assert c.cmd("DATA")[0] == 354
            c.send(b"x\r\n.\r\n")
            assert c.reply()[0] == 250
        assert c.cmd("MAIL FROM:<a@example.com>")[0] == 421
        assert c.is_closed()
    n = s.stop()
    assert (n["messages"], n["refused_connections"]) == (2, 1)


def test_ends_after_so_many(sink):
    s = sink("--once", "2")
    for i in range(2):
        harness.send_raw(s.port, mails.plain())
    assert s.wait() == 0
    assert [e["messages"] for e in s.events("count") + s.events("summary")] == [2, 2]


def test_counts_and_goes_on(sink):
    s = sink("--count", "1")
    for i in range(2):
        harness.send_raw(s.port, mails.plain())
    s.wait_event("count")
    assert s.is_running()
    assert s.stop()["messages"] == 2


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it(signo, sink):
    s = sink()
    with harness.Client(s.port) as c:
        c.open()
        s.signal(signo)
        assert s.wait() == 0
        assert c.is_closed()
    assert s.events("summary")[0]["open"] == 1


def test_unix_socket(tmp_path):
    import socket
    p = harness.Program([harness.SINK, "-l", "unix:%s/s" % tmp_path])
    p.out.wait(lambda ls: [x for x in ls if x.startswith("listening unix:")])
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(tmp_path / "s"))
        assert s.recv(3) == b"220"
    p.signal(signal.SIGTERM)
    assert p.wait() == 0
    p.check_reports()


@pytest.mark.parametrize("options", [["--tls", "starttls"], ["--tls", "x"], ["--reply", "x=550"], ["--delay", "x"],
                                     ["--disable", "NONE"], ["--offer", "SIZE"], ["--auth", "me"], ["-l", "192.0.2.1:25"],
                                     ["-l", "somewhere"], ["--max-size", "big"], ["--certificate", "x"],
                                     ["--max-recipients", "10001"], ["extra"], ["--nonsense"]],
                         ids=" ".join)
def test_wrong_command_lines(options):
    p = subprocess.run([harness.SINK] + options, capture_output=True, text=True, timeout=harness.LONG)
    assert p.returncode == 64
    assert "postern-sink: " in p.stderr


@pytest.mark.parametrize("options", [["--certificate", "/nonexistent", "--key", "/nonexistent"],
                                     ["--maildir", "/nonexistent/x"], ["--log", "/nonexistent/x"]], ids=" ".join)
def test_what_cannot_be_used(options):
    p = subprocess.run([harness.SINK, "-l", "127.0.0.1:0"] + options, capture_output=True, text=True,
                       timeout=harness.LONG)
    assert p.returncode == 69
    assert "/nonexistent" in p.stderr


def test_load_in_an_open_loop(sink, load):
    s = sink(maildir=None)
    r = load(s.port, 100, 4, "-r", "400").result()
    took = (r["end_us"] - r["start_us"]) / 1e6
    assert r["acked"] == 100 and took >= 0.24
    s.stop()


def test_load_tells_what_was_refused(sink, load):
    s = sink("--reply", "mail*3=451:4.3.0:busy", "--reply", "dot*2=550:5.7.1:no", "--reply", "dot*1=drop", maildir=None)
    r = load(s.port, 50, 1).result()
    assert (r["acked"], r["refused"], r["unknown"]) == (47, 2, 1)
    assert r["replies"] == {"451": 3, "550": 2}
    assert s.stop()["different"] == 47
