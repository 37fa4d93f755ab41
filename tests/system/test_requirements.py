# SPDX-License-Identifier: Apache-2.0
"""What the RFCs ask of a server that takes mail in, P1 to P15, P18, P19 and
P22 of the list of requirements; each test names the section in its words.
STARTTLS, AUTH and PROXY have a file of their own."""
import base64
import email
import re
import subprocess
import threading
import time

import pytest

import harness
import mails
import strict

MAIL, RCPT = "MAIL FROM:<app@example.com>", "RCPT TO:<ann@example.net>"


def listener(**more):
    return [{"name": "local", "address": ["127.0.0.1:0"], **more}]


@pytest.fixture
def up(sink, postern):
    """Ready to relay; its sink is up.sink."""
    s = sink()
    p = postern(s.port, root="ops@example.com")
    p.sink = s
    yield p
    p.stop()


@pytest.fixture
def client(up):
    with harness.Client(up.port) as c:
        c.open()
        yield c


def check(c, *dialog):
    """(command, what the reply must begin with) in turns."""
    for command, want in dialog:
        code, text = c.cmd(command)
        got = "%d %s" % (code, text[0])
        assert got.startswith(want), (command[:200], got, want)


def data(c, content):
    check(c, ("DATA", "354"))
    c.send(content + b".\r\n")
    return c.reply()


def arrived(p, n=1):
    m = p.sink.wait_messages(n)[-1]
    return m, open(p.sink.maildir + "/" + m["file"], "rb").read()


def test_p01_a_bare_lf_or_cr_ends_no_command(client):
    """5321 2.3.8: lines consist of characters and end with CRLF only."""
    for bare in (b"NOOP\nNOOP\r\n", b"NOOP\rNOOP\r\n", b"NOOP\n\r\n", b"NOOP\r\r\n", b"\nNOOP\r\n", b"NO\0OP\r\n"):
        client.send(bare)
        code, text = client.reply()
        assert (code, text[0][:5]) == (500, "5.5.2"), bare
    check(client, ("VRFY x", "252"))


def test_p01_a_bare_lf_or_cr_ends_no_content(up, client):
    """5321 4.1.1.4: the custom of accepting lines ending only in <LF>, as a
    concession to non-conforming behaviour, MUST NOT be followed for "." lines."""
    check(client, (MAIL, "250"), (RCPT, "250"), ("DATA", "354"))
    client.send(b"Subject: x\r\n\r\nx\n.\n\n.\r\n\r\n.\nx\r.\r\r\n.\rQUIT\r\n.\r\nVRFY x\r\n")
    assert client.reply()[0] == 550
    assert client.reply()[0] == 252
    assert not up.events("accepted")


@pytest.mark.parametrize("extensions", [(), ("CHUNKING",)], ids=["data", "bdat"])
def test_p02_nothing_bare_is_sent_on(extensions, made, postern):
    """5321 2.3.8: SMTP client implementations MUST NOT transmit CR or LF but
    as a line end; 4.5.2: a dot at a line's start is doubled, whichever way the
    line came in."""
    keeper = strict.Keeper(*extensions)
    made.append(keeper)
    p = postern(keeper.port)
    content = mails.dots()
    with harness.Client(p.port) as c:
        c.open()
        check(c, (MAIL, "250"), (RCPT, "250"))
        c.send(b"BDAT %d LAST\r\n" % len(content) + content)
        assert c.reply()[0] == 250
        for bad in (b"a\r.\r\n", b"a\n.\r\n", b"\0\r\n", b"a\r"):
            check(c, (MAIL, "250"), (RCPT, "250"))
            c.send(b"BDAT %d LAST\r\n" % len(bad) + bad)
            code, text = c.reply()
            assert (code, text[0][:5]) == (550, "5.5.2")
    keeper.wait_kept(1)
    p.stop()
    assert [harness.without_received(m[2])[1] for m in keeper.messages()] == [content]


def test_p03_ehlo_again_and_commands_before_it(up):
    """5321 4.1.4: EHLO may be issued again and acts as RSET; NOOP, HELP, EXPN,
    VRFY, RSET and QUIT need none; 4.3.1: HELO's reply is one line."""
    with harness.Client(up.port) as c:
        assert c.reply()[0] == 220
        check(c, ("NOOP", "250"), ("RSET", "250"), ("VRFY ann", "252"), ("HELP", "214"),
              (MAIL, "503"), (RCPT, "503"), ("DATA", "503"))
        assert c.cmd("HELO client.test") == (250, ["postern.test"])
        assert len(c.cmd("EHLO client.test")[1]) > 1
        check(c, (MAIL, "250"), (MAIL, "503"), (RCPT, "250"), ("EHLO client.test", "250"), (RCPT, "503"),
              ("DATA", "503"), (MAIL, "250"), ("DATA", "503"), (RCPT, "250"), ("RSET", "250"), (RCPT, "503"))
        check(c, (MAIL, "250"), (RCPT, "250"))
        assert data(c, mails.plain())[0] == 250
        check(c, (RCPT, "503"), ("DATA", "503"), (MAIL, "250"), ("QUIT", "221"))
        assert c.is_closed()
    with harness.Client(up.port) as c:
        assert c.reply()[0] == 220
        check(c, ("QUIT", "221"))
        assert c.is_closed()


def test_p04_the_minimum_and_postmaster(up, client):
    """5321 4.5.1: EHLO HELO MAIL RCPT DATA RSET NOOP QUIT VRFY; "RCPT
    TO:<Postmaster>" in any case, without a domain."""
    names = ["Postmaster", "postmaster", "POSTMASTER", "PostMaster"]
    for i, name in enumerate(names):
        check(client, ("vrfy x", "252"), ("noop", "250"), ("rset", "250"), ("helo x", "250"), ("ehlo x", "250"),
              ("mail from:<app@example.com>", "250"), ("rcpt to:<%s>" % name, "250"))
        assert data(client, mails.mail("to-%s" % name, b"x\r\n"))[0] == 250
        m, _ = arrived(up, i + 1)
        assert m["recipients"] == ["ops@example.com"]
    check(client, ("quit", "221"))


def test_p05_white_space_and_unknown_parameters(client):
    """5321 4.1.1: receivers SHOULD tolerate trailing white space before CRLF;
    4.1.1.11: 555 for parameters that are not recognised."""
    check(client, ("NOOP \t ", "250"), (MAIL + "  \t", "250"), (RCPT + " ", "250"), ("RSET ", "250"),
          (MAIL + " XYZZY=1", "555 5.5.4"), (MAIL, "250"), (RCPT + " XYZZY", "555 5.5.4"), (RCPT, "250"))
    check(client, ("DATA \t", "354"))
    client.send(b".\r\n")
    assert client.reply()[0] == 250


def test_p06_the_floors_of_sizes(sink, postern):
    """5321 4.5.3.1: local-part 64, domain 255, path 256, command line 512,
    reply line 512, text line 1000 (the stuffed dot not counted), content 64K,
    100 recipients: also where every limit is set as low as it may be."""
    s = sink()
    p = postern(s.port, listeners=listener(max_line=512, max_recipients=100, max_size="64K"))
    p.sink = s
    domain = ".".join(["d" * 60] * 4)[:189]
    path = "l" * 64 + "@" + domain
    assert len("<%s>" % path) == 256
    lines = b"." + b"a" * 997 + b"\r\n" + b"b" * 998 + b"\r\n"
    content = mails.mail("floors", lines * 30)
    content += b"c" * (65536 - len(content) - 2) + b"\r\n"
    assert len(content) == 65536
    with harness.Client(p.port) as c:
        c.open()
        check(c, ("NOOP " + "x" * 505, "250"), ("MAIL FROM:<%s@example.com>" % ("l" * 64), "250"))
        check(c, ("RCPT TO:<%s>" % path, "250"))
        for i in range(99):
            check(c, ("RCPT TO:<r%d@example.net>" % i, "250"))
        check(c, ("DATA", "354"))
        c.send(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        code, text = c.reply()
        assert code == 250, text
    got = s.wait_messages(1)
    assert len(got[0]["recipients"]) == 100
    assert harness.without_received(arrived(p)[1])[1] == content
    p.stop()


def test_p06_a_domain_of_255(client):
    """5321 4.5.3.1.2: the path's 256 octets leave room for it in EHLO only."""
    name = ".".join(["d" * 63] * 4)
    assert len(name) == 255
    check(client, ("EHLO " + name, "250"), ("EHLO " + name + "x", "501"), ("HELO " + name, "250"))


def test_p06_beyond_the_recipients_allowed_452(sink, postern):
    """5321 4.5.3.1.10: 452, not 5xx; those that were taken get the message."""
    s = sink()
    p = postern(s.port, listeners=listener(max_recipients=100))
    with harness.Client(p.port) as c:
        c.open()
        check(c, (MAIL, "250"))
        for i in range(100):
            check(c, ("RCPT TO:<r%d@example.net>" % i, "250"))
        for i in range(3):
            check(c, ("RCPT TO:<one-more@example.net>", "452 4.5.3"))
        assert data(c, mails.plain())[0] == 250
    assert len(s.wait_messages(1)[0]["recipients"]) == 100
    p.stop()


def test_p06_replies_are_no_longer_than_512(client):
    """5321 4.5.3.1.5, whatever the client made the server say."""
    long = "x" * 400
    client.send("".join("%s\r\n" % x for x in (
        "EHLO " + "d" * 255, long, "MAIL FROM:<%s@example.com>" % long, "MAIL FROM:<a@b> %s=1" % long,
        "VRFY " + long, "HELP " + long, "BDAT 0 " + long)))
    for _ in range(40):
        line = client.file.readline()
        if not line:
            break
        assert len(line) <= 512 and line.endswith(b"\r\n"), line


def test_p07_one_long_line_one_reply(up, client):
    """5321 4.5.3.1.4: 500; the tail of the line is never a command, and the
    memory that it takes is bounded."""
    before = up.rss_anon_kib()
    for part in (b"NOOP " + b"x" * 5000, b"x" * (4 << 20), b"VRFY \n" * (1 << 18), b"\rQUIT\r" * (1 << 18)):
        client.send(part)
        client.send(b"\r\n")
        code, text = client.reply()
        assert (code, text[0][:5]) == (500, "5.5.2")
        check(client, ("VRFY x", "252"))
    if not harness.SANITIZED:
        assert up.rss_anon_kib() - before < 2048


def test_p08_five_minutes(sink, postern):
    """5321 4.5.3.2.7: a server SHOULD have a timeout of at least 5 minutes
    while it is awaiting the next command from the sender."""
    keys = subprocess.run([harness.POSTERND, "-T"], capture_output=True, text=True, check=True).stdout
    row = re.search(r"^listeners\.timeouts\.command\t\S+\t\"(\d+)m\"", keys, re.M)
    assert row and int(row.group(1)) >= 5
    if not harness.SANITIZED:
        return  # built without the test clock
    p = postern(sink().port, start=False)
    p.start(env={"POSTERN_TEST_CLOCK": "100"})
    with harness.Client(p.port) as c:
        c.open()
        began = time.monotonic()
        assert c.reply()[0] == 421
        assert (time.monotonic() - began) * 100 >= 299
    p.stop()


def test_p09_refused_later_the_sender_is_told(sink, postern):
    """5321 6.1: a server that has said 250 and cannot deliver MUST send a
    notice to the reverse-path; 4.5.5: none for the null reverse-path."""
    s = sink("--reply", "rcpt<bad@example.net>=550:5.1.1:nobody")
    p = postern(s.port)
    harness.send_raw(p.port, mails.plain(), sender="", recipients=["bad@example.net"])
    harness.send_raw(p.port, mails.plain(), sender="app@example.com", recipients=["bad@example.net"])
    m = s.wait_messages(1)[0]
    assert (m["sender"], m["recipients"][0].split()[0]) == ("", "app@example.com")
    harness.send_raw(p.port, mails.plain(), sender="", recipients=["good@example.net"])
    s.wait_messages(2)
    p.stop()
    s.stop()
    assert [x["recipients"][0].split()[0] for x in s.messages()] == ["app@example.com", "good@example.net"]


def test_p10_one_received_and_nothing_else(up):
    """5321 4.4: a Received field with from, by, with and a date goes in front,
    and nothing else is changed (6.4); 7.2: no recipient in it where there are
    several."""
    content = mails.mail("p10", b"x\r\n", b"Bcc: <c@example.net>\r\nReturn-Path: <r@example.com>\r\nreceived: x; y\r\n"
                         + mails.TEXT)
    harness.send_raw(up.port, content, recipients=["ann@example.net", "hidden@example.net"])
    m, got = arrived(up)
    field, rest = harness.without_received(got)
    assert rest == content
    assert b"hidden" not in field and b"ann@" not in field
    text = field.decode().replace("\r\n", "")
    assert re.match(r"Received: from client\.test \(.*127\.0\.0\.1.*\)\s+by postern\.test .*with ESMTP.*; "
                    r"\w{3}, [ \d]\d \w{3} \d{4} \d\d:\d\d:\d\d [-+]\d{4}", text), text


def test_p11_source_routes_are_dropped(up, client):
    """5321 appendix C: the syntax MUST be accepted, the route SHOULD be
    ignored."""
    check(client, ("MAIL FROM:<@relay.example,@b.example:app@example.com>", "250"),
          ("RCPT TO:<@relay.example:ann@example.net>", "250"))
    assert data(client, mails.plain())[0] == 250
    m, _ = arrived(up)
    assert (m["sender"], m["recipients"]) == ("app@example.com", ["ann@example.net"])


def test_p12_a_hundred_received_fields_are_no_loop(up):
    """5321 6.3: the threshold SHOULD be at least 100 Received entries."""
    field = b"Received: from a by b; Tue, 24 Nov 2026 10:00:00 +0000\r\n"
    harness.send_raw(up.port, field * 100 + mails.plain())
    up.sink.wait_messages(1)
    with harness.Client(up.port) as c:
        c.open()
        check(c, (MAIL, "250"), (RCPT, "250"))
        code, text = data(c, field * 101 + mails.plain())
        assert (code, text[0][:5]) == (554, "5.4.6")
        check(c, (MAIL, "250"))


def test_p13_sizes(sink, postern):
    """1870 5: a declared overrun is refused at MAIL with 552, numbers have up
    to 20 digits (4); 6: a real one behind the content, and what is no larger
    than the limit is taken."""
    s = sink()
    p = postern(s.port, listeners=listener(max_size="10K"))
    content = mails.mail("exact", b"")
    content += b"x" * (10240 - len(content) - 2) + b"\r\n"
    with harness.Client(p.port) as c:
        assert "SIZE 10240" in c.open()
        for size in (10241, 2 ** 32, 2 ** 32 + 5, 2 ** 64, 2 ** 64 + 5, 99999999999999999999):
            check(c, (MAIL + " SIZE=%d" % size, "552 5.3.4"))
        for size in ("1" * 21, "-1", "0x10", "", "1.0", "+5"):
            check(c, (MAIL + " SIZE=%s" % size, "501"))
        check(c, (MAIL + " SIZE=00000000000000010240", "250"), (RCPT, "250"))
        assert data(c, content)[0] == 250
        check(c, (MAIL + " SIZE=1", "250"), (RCPT, "250"))
        code, text = data(c, b"x" + content)
        assert (code, text[0][:5]) == (552, "5.3.4")
        check(c, (MAIL, "250"), (RCPT, "250"))
        c.send(b"BDAT 10000\r\n" + content[:10000] + b"BDAT 241 LAST\r\n" + b"y" * 239 + b"\r\n")
        assert [c.reply()[0] for _ in range(2)] == [250, 552]
        check(c, ("NOOP", "250"))
    assert harness.without_received(open(s.maildir + "/" + s.wait_messages(1)[0]["file"], "rb").read())[1] == content
    p.stop()


def test_p14_replies_come_in_order_and_none_is_lost(sink, postern):
    """2920 3.2: commands may come in groups; responses in order, all of them,
    at once when the input is empty; nothing of the input is lost when a
    command fails.  Far more than the sockets hold, read while it is written."""
    p = postern(sink().port, listeners=listener(max_idle_commands=100000, max_errors=10000))
    group = [("NOOP", 250), ("VRFY x", 252), ("HELP", 214), ("BOGUS", 500), ("RCPT TO:<a@b>", 503), ("DATA", 503),
             ("MAIL FROM:<>", 250), ("RCPT TO:<a@b.example> BAD=1", 555), ("DATA", 554), ("RSET", 250)]
    with harness.Client(p.port) as c:
        c.open()
        t = threading.Thread(target=c.send, args=("".join(x + "\r\n" for x, _ in group) * 2000,))
        t.start()
        for i in range(2000):
            assert [c.reply()[0] for _ in group] == [code for _, code in group], i
        t.join()
        c.send("NO")
        c.send("OP\r\nVR")
        assert c.reply()[0] == 250  # it does not wait for the rest
    p.stop()


def test_p14_content_may_be_followed_by_commands(up, client):
    """2920 3.1: the end of content may stand in one group with the commands of
    the next message, the answer to it coming late or not."""
    one = (MAIL + "\r\n" + RCPT + "\r\nDATA\r\n").encode() + mails.plain() + b".\r\n"
    client.send(one * 20 + b"RSET\r\nVRFY x\r\nQUIT\r\nNOOP\r\n")
    for _ in range(20):
        assert [client.reply()[0] for _ in range(4)] == [250, 250, 354, 250]
    assert [client.reply()[0] for _ in range(3)] == [250, 252, 221]
    assert client.is_closed()
    up.sink.wait_messages(20)


def test_p15_enhanced_codes(sink, postern):
    """2034 4: on every 2xx, 4xx and 5xx but the greeting and the replies to
    HELO and EHLO; the class is the first digit."""
    p = postern(sink().port, listeners=listener(max_errors=100, max_recipients=1, max_size="1K"))
    with harness.Client(p.port) as c:
        code, text = c.reply()
        assert code == 220 and not re.match(r"\d\.\d", text[0])
        for plain in ("EHLO", "EHLO a b", "HELO", "HELO x", "EHLO x"):
            _, text = c.cmd(plain)
            assert not re.match(r"\d\.\d+\.\d+ ", text[0]), (plain, text)
        assert "ENHANCEDSTATUSCODES" in c.cmd("EHLO x")[1]
        for command in ("NOOP", "VRFY", "VRFY x", "HELP", "RSET", "RSET x", "BOGUS", "", " ", "EXPN x", "ETRN x", "TURN",
                        RCPT, "DATA", "BDAT 0", "MAIL", "MAIL FROM:", "MAIL FROM:<a", "MAIL FROM:<a@b> SIZE=99999",
                        "MAIL FROM:<a@b> X=Y", "MAIL FROM:<a@b> SIZE=x", "MAIL FROM:<a@b> BODY=X", MAIL, MAIL, "DATA",
                        "RCPT TO:<>", "RCPT TO:<ann>", "RCPT TO:<a@b> NOTIFY=X", "DATA", RCPT, RCPT, "DATA x", "\1",
                        "BDAT 0", "DATA", "BDAT 0 LAST", MAIL, RCPT):
            code, text = c.cmd(command)
            m = re.match(r"([245])\.\d{1,3}\.\d{1,3} ", text[0])
            assert m and m.group(1) == str(code)[0], (command, code, text)
        check(c, ("DATA", "354"))
        c.send(b"x" * 2000 + b"\r\n.\r\n" + b"QUIT\r\n")
        for want in (552, 221):
            code, text = c.reply()
            assert code == want and re.match(r"[25]\.\d\.\d ", text[0])
    p.stop()


def test_p18_chunks(up, client):
    """3030 2: a BDAT that fails has its octets taken and discarded before the
    reply; DATA after BDAT is 503; a BDAT after LAST is 503; LAST may be
    empty; RSET discards the chunks."""
    quit = b"QUIT\r\nQUIT\r\n"

    def bdat(octets, last=""):
        client.send(b"BDAT %d%s\r\n" % (len(octets), last.encode()) + octets)
        return client.reply()[0]
    assert bdat(quit) == 503
    check(client, (MAIL, "250"))
    assert bdat(quit, " LAST") == 503
    check(client, (RCPT, "250"))
    assert bdat(b"Subject: a\r\n\r\n") == 250
    check(client, ("DATA", "503"), (RCPT, "503"), (MAIL, "503"))
    assert bdat(b".\r\nx") == 250
    check(client, ("RSET", "250"), (MAIL, "250"), (RCPT, "250"))
    assert bdat(b"Subject: b\r\n\r\nb\r\n") == 250
    assert bdat(b"", " last") == 250
    assert bdat(quit, " LAST") == 503
    m, got = arrived(up)
    assert harness.without_received(got)[1] == b"Subject: b\r\n\r\nb\r\n"
    # what was refused in the first chunk is refused to the last, in step
    check(client, (MAIL, "250"), (RCPT, "250"))
    client.send(b"BDAT 3\r\na\nbBDAT %d\r\n" % len(quit) + quit + b"BDAT %d LAST\r\n" % len(quit) + quit + b"VRFY x\r\n")
    assert [client.reply()[0] for _ in range(4)] == [550, 503, 503, 252]


@pytest.mark.parametrize("argument", ["", "x", "-1", "1 FIRST", "1LAST", "0x5", "1 LAST LAST", "9" * 21])
def test_p18_a_chunk_of_unknown_size_ends_the_session(argument, client):
    """3030 2: what follows cannot be told from commands."""
    check(client, (MAIL, "250"), (RCPT, "250"))
    client.send("BDAT %s\r\nQUIT\r\nVRFY x\r\n" % argument)
    assert client.reply()[0] == 501
    assert client.is_closed()


@pytest.mark.parametrize("size", [2 ** 32 + 4, 2 ** 63, 2 ** 64 - 1, 2 ** 64 + 4, 10 ** 20 - 1])
def test_p18_sizes_do_not_wrap(size, up, client):
    """3030 2: with room for twenty digits; a wrapped one would make commands
    of content."""
    check(client, (MAIL, "250"), (RCPT, "250"))
    client.send(b"BDAT %d\r\n" % size + b"xxxx\r\n" + b"VRFY x\r\n" * 100)
    client.sock.shutdown(1)
    assert client.file.read() == b""
    assert not up.events("accepted")


def test_p19_parameters_go_on(up, client):
    """6152 2, 6531 3.4, 3461 5: BODY, SMTPUTF8, RET, ENVID, NOTIFY and ORCPT
    are the next hop's, too."""
    client.send("MAIL FROM:<gr\u00fc\u00dfe@example.com> BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=a+2Bb\r\n"
                "RCPT TO:<ann@example.net> NOTIFY=DELAY,FAILURE ORCPT=rfc822;ann@example.net\r\n".encode())
    assert [client.reply()[0] for _ in range(2)] == [250, 250]
    assert data(client, mails.eight_bit())[0] == 250
    m, _ = arrived(up)
    assert m["sender"] == "gr\u00fc\u00dfe@example.com"
    for x in ("BODY=8BITMIME", "SMTPUTF8", "RET=FULL", "ENVID=a+2Bb"):
        assert x in m["parameters"]
    name, *rest = m["recipients"][0].split()
    assert name == "ann@example.net" and sorted(rest) == ["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;ann@example.net"]


UTF8_HEADER = mails.mail("utf8", b"x\r\n", "X-Name: Gr\u00fc\u00dfe\r\n".encode() + mails.TEXT)


@pytest.mark.parametrize("content,options,recipient,status", [
    (UTF8_HEADER, ["SMTPUTF8"], "ann@example.net", b"5.6.7"),
    (UTF8_HEADER, ["SMTPUTF8", "RET=FULL"], "ann@example.net", b"5.6.7"),
    (mails.plain(), ["SMTPUTF8"], "gr\u00fc\u00dfe@example.net", b"5.6.7"),
    (mails.eight_bit(), ["BODY=8BITMIME"], "ann@example.net", b"5.6.3"),
    (mails.eight_bit(), ["BODY=8BITMIME", "RET=FULL"], "ann@example.net", b"5.6.3"),
], ids=["header", "header-full", "address", "eight-bit", "eight-bit-full"])
def test_p19_an_old_next_hop_is_not_sent_what_it_cannot_read(content, options, recipient, status, sink, postern):
    """6531 3.2: no UTF-8 to a server that does not offer SMTPUTF8, the message
    is returned with 5.6.7; 6152 3: 8-bit content is returned where 8BITMIME is
    not offered.  The report, which goes the same way, is all ASCII."""
    s = sink("--disable", "SMTPUTF8,8BITMIME")
    p = postern(s.port)
    with harness.Client(p.port) as c:
        c.open()
        c.send((MAIL + " " + " ".join(options) + "\r\nRCPT TO:<%s>\r\n" % recipient).encode())
        assert [c.reply()[0] for _ in range(2)] == [250, 250]
        assert data(c, content)[0] == 250
    m = s.wait_messages(1)[0]
    assert m["sender"] == ""
    got = open(s.maildir + "/" + m["file"], "rb").read()
    report = email.message_from_bytes(got)
    fields = report.get_payload()[1]
    fields = fields.get_payload(decode=True) or fields.as_bytes()
    assert b"Status: " + status in fields and max(got) < 0x80
    p.stop()
    assert s.stop()["messages"] == 1


def test_p22_idle_and_slow_clients_stop_nobody(sink, postern):
    """Those that are idle, drip, never read, or stall in a handshake; over the
    limit a client is told 421, and never left without a word."""
    s = sink()
    p = postern(s.port, listeners=listener(max_connections=161, max_per_client=1000, max_idle_commands=100000))
    rude = [harness.Client(p.port) for _ in range(160)]
    for i, c in enumerate(rude):
        if i % 4 == 1:
            c.send("EH")
        elif i % 4 == 2:
            c.sock.setblocking(False)
            try:
                for _ in range(20):
                    c.sock.send(b"VRFY x\r\n" * 1000)
            except BlockingIOError:
                pass
        elif i % 4 == 3:
            c.send(base64.b16decode("160301"))  # of a TLS hello that never ends
    for i in range(3):
        harness.send_raw(p.port, mails.plain())
    s.wait_messages(3)
    held = []
    for _ in range(60):  # those that began with TLS are gone already
        held.append(harness.Client(p.port))
    codes = [c.reply()[0] for c in held]
    assert set(codes) == {220, 421}
    for c in held + rude:
        c.close()
    harness.send_raw(p.port, mails.plain())
    p.stop()
