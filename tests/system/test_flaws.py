# SPDX-License-Identifier: Apache-2.0
"""The flaws that other relays had (test_flaw_...) and what their present
releases get wrong on the wire (test_peers_...).  Those that are a requirement
of an RFC, too, stand in test_requirements.py; smuggling in test_smuggling.py;
what poisons a queue in test_poison.py and test_bounces.py; mail that was
accepted and lost in test_kill9.py and the power cuts of tests/spool."""
import re

import pytest

import harness
import mails
from test_requirements import MAIL, RCPT, arrived, check, client, data, listener, up  # noqa: F401


# --- what happened to others ------------------------------------------------------


@pytest.mark.parametrize("verb", ["EHLO", "HELO", "VRFY", "NOOP", "MAIL FROM:<", "RCPT TO:<", "BDAT", "\u00fc"])
def test_flaw_length_a_long_argument(verb, up):
    """An EHLO of 4 KiB and more was a heap overflow: every length around our
    own bounds, and one reply to each."""
    with harness.Client(up.port) as c:
        assert c.reply()[0] == 220
        for n in (255, 256, 511, 1023, 4085, 4089, 4090, 4091, 4095, 4096, 4097, 12288, 65536):
            c.send(verb.encode() + b" " + b"a" * n + b"\r\nHELP\r\n")
            code, text = c.reply()
            assert code in (250, 252, 500, 501, 503), (verb, n, code)
            if verb == "BDAT":
                assert c.is_closed()
                return
            assert c.reply()[0] == 214, (verb, n)


@pytest.mark.parametrize("reply", [
    "250\r\n", "250 \r\n", "250 2.1.0\r\n", "250 2.1.0 \r\n", "250-\r\n250\r\n", "250 2.\r\n", "250 2.1.\r\n",
    "250-2.1.0 a\r\n250 2.1.0\r\n", "250 " + "x" * 1900 + "\r\n", "250 \u00ff\0\1\r\n",
], ids=repr)
def test_flaw_length_bare_replies_of_a_provider(reply, rude, postern):
    """Code alone, enhanced code alone, no text at all, far too much of it: the
    message goes through."""
    def talk(s):
        s.hello("ENHANCEDSTATUSCODES")
        for verb in ("MAIL", "RCPT"):
            s.expect(verb)
            s.say(reply)
        s.expect("DATA")
        s.say("354" + reply[3:] if "-" not in reply else "354 go\r\n")
        s.until_dot()
        s.say(reply)
        s.wait_close()
    r = rude(talk)
    p = postern(r.port)
    harness.send_raw(p.port, mails.plain())
    p.wait_event("delivered")
    p.stop()


@pytest.mark.parametrize("endless", ["250-x\r\n", "250", "x", "\r\n", "\n", "\0"], ids=repr)
def test_flaw_length_a_reply_without_end(endless, rude, sink, postern):
    """It ends the session, takes no memory, and the next provider has the
    message."""
    def talk(s):
        s.hello("ENHANCEDSTATUSCODES")
        s.expect("MAIL")
        while True:
            s.say(endless * 10000)
    r, good = rude(talk), sink()
    p = postern(harness.provider(r.port, name="bad", timeouts={"command": "2s"}), harness.provider(good.port, name="good"))
    before = p.rss_anon_kib()
    harness.send_raw(p.port, mails.plain())
    good.wait_messages(1)
    if not harness.SANITIZED:
        assert p.rss_anon_kib() - before < 4096
    p.stop()


SHELL = ["$(touch x)@example.net", ";sleep 66;@example.net", "a@example.net;x", "/etc/passwd@", "../../x@[x", "../../x@example.net",
         "a b@example.net", "a@b@example.net", "<a@example.net>", "a@example..net", ".@example.net"]
QUOTED = ['"$(touch x);|`id`"@example.net', '"a b"@example.net', '"../../../etc/passwd"@example.net',
          '"a\\"b"@example.net', '"%s %n%d"@example.net', "%s%n%x@example.net", "/etc/x@example.net",
          "'a'@example.net", "-oX/tmp/x@example.net", "{a}@example.net", "`id`@example.net", "|/bin/sh@example.net"]


def test_flaw_interpreter_addresses_are_only_text(sink, postern):
    """A sender that a shell ran as root; lines of an address in the queue's
    file: what is an address goes through as it is and is one word in the log,
    what is none is refused."""
    s = sink()
    p = postern(s.port, listeners=listener(max_errors=100))
    with harness.Client(p.port) as c:
        c.open()
        for bad in SHELL:
            check(c, ("MAIL FROM:<%s>" % bad, "501 5.1.7"), (MAIL, "250"), ("RCPT TO:<%s>" % bad, "501 5.1.3"),
                  ("RSET", "250"))
        check(c, ("MAIL FROM:<%s>" % QUOTED[0], "250"))
        for good in QUOTED:
            check(c, ("RCPT TO:<%s>" % good, "250"))
        assert data(c, mails.plain())[0] == 250
    m = s.wait_messages(1)[0]
    assert (m["sender"], m["recipients"]) == (QUOTED[0], QUOTED)
    for rcpt in QUOTED:
        p.wait_event("delivered", rcpt=rcpt)
    p.stop()


def test_flaw_memory_endless_input(sink, postern):
    """A line without an end, in the header and the body, a header without an
    end: refused at the limit, and only so much memory."""
    s = sink()
    p = postern(s.port, listeners=listener(max_size="1M"))
    before = p.rss_anon_kib()
    for piece, start in ((b"x" * 65536, b""), (b"x" * 65536, b"Subject: "), (b"X-A: b\r\n" * 8192, b""),
                         (b" fold\r\n" * 9000, b"Subject: x\r\n"), (b"." * 65536, b"a\r\n\r\n"), (b"\r\n" * 32768, b"a: b")):
        with harness.Client(p.port) as c:
            c.open()
            check(c, (MAIL, "250"), (RCPT, "250"), ("DATA", "354"))
            c.send(start)
            for _ in range(200):
                c.send(piece)
            c.send(b"\r\n.\r\n")
            code, text = c.reply()
            assert (code, text[0][:5]) == (552, "5.3.4"), text
            check(c, ("NOOP", "250"))
    if not harness.SANITIZED:
        assert p.rss_anon_kib() - before < 8192
    assert not p.events("accepted")
    p.stop()


TLS_HELLO = bytes.fromhex("16030100a5010000a10303") + bytes(range(160))
JUNK = [TLS_HELLO, b"\x80\x2e\x01\x00\x02" + bytes(44), b"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\nEHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n",
        b"SSH-2.0-x\r\n", b"\0" * 5000, b"\xff" * 5000, bytes(range(256)) * 100, b"\r\n" * 500, b"\n" * 5000, b"\r" * 5000,
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b"\r\n\r\n\0\r\nQUIT\n" + b"!\x11\x02\x0a\x01\x00",
        b"\xe2\x80\xae\xed\xa0\x80\xf4\x90\x80\x80 \xc0\x80\r\n"]


@pytest.mark.parametrize("junk", JUNK, ids=lambda j: repr(j[:12]))
def test_flaw_junk_other_protocols_and_bytes(junk, up):
    """A TLS hello stopped a daemon once: at the greeting's place, behind EHLO,
    inside a transaction, and as an address with SMTPUTF8."""
    for before in (b"", b"EHLO x\r\n", b"EHLO x\r\nMAIL FROM:<a@b.example> SMTPUTF8\r\n",
                   b"EHLO x\r\nMAIL FROM:<a@b.example> SMTPUTF8\r\nRCPT TO:<", b"EHLO x\r\nMAIL FROM:<"):
        with harness.Client(up.port) as c:
            try:
                c.send(before + junk + b">\r\nQUIT\r\n")
                c.sock.shutdown(1)
                got = c.file.read()
            except ConnectionError:
                continue
            assert got.startswith(b"220 ") and re.fullmatch(rb"(?:[1-5]\d\d[ -][\x20-\x7e]*\r\n)+", got), got
    harness.send_raw(up.port, mails.plain())
    up.wait_event("delivered")
    assert len(up.events("accepted")) == 1


# --- what peers get wrong ----------------------------------------------------------


def test_peers_two_recipients_in_one_line(up, client):
    """Postfix and Exim take both."""
    for sep in (b"\n", b"\r", b"\0", b"\n\r", b"\r\r\n"[:2]):
        check(client, (MAIL, "250"))
        client.send(RCPT.encode() + sep + RCPT.encode() + b"\r\n")
        code, text = client.reply()
        assert (code, text[0][:5]) == (500, "5.5.2")
        check(client, ("DATA", "503"), ("RSET", "250"))


CONTROLS = [chr(i) for i in range(32)] + ["\x7f"]


@pytest.mark.parametrize("form", ["a%sb@example.net", '"a%sb"@example.net', '"a\\%sb"@example.net', "a@exa%smple.net",
                                  "%sa@example.net", "a@example.net%s"], ids=repr)
def test_peers_control_characters_in_a_path(form, sink, postern):
    """Postfix and Exim take them; Exim takes a bare CR and a space in a path
    and says them back."""
    p = postern(sink().port, listeners=listener(max_errors=200, max_idle_commands=1000))
    with harness.Client(p.port) as c:
        c.open()
        for ctl in CONTROLS + ([" "] if '"' not in form else []):
            for command in ("MAIL FROM:<%s>", "RCPT TO:<%s>"):
                if command.startswith("R"):
                    check(c, (MAIL, "250"))
                c.send(command % (form % ctl) + "\r\n")
                line = c.file.readline()
                assert line[:4] in (b"500 ", b"501 "), (form, ctl, line)
                assert re.fullmatch(rb"[\x20-\x7e]+\r\n", line), line
                check(c, ("RSET", "250"))
    p.stop()


@pytest.mark.parametrize("length", [998, 999, 1000, 2000, 5000, 66000])
def test_peers_long_lines_arrive_unchanged(length, up):
    """Exim neither delivers nor returns a header line of 5,000 octets, and
    returns body lines over 998; Postfix folds them: signatures break."""
    content = mails.mail("long", b"b" * length + b"\r\n." + b"c" * length + b"\r\n",
                         b"X-Long: " + b"h" * (length - 10) + b"\r\n" + mails.TEXT)
    harness.send_raw(up.port, content)
    assert harness.without_received(arrived(up)[1])[1] == content


def test_peers_thirty_received_fields_are_no_loop(up):
    """Exim's limit is 30."""
    content = b"Received: from a by b; Tue, 24 Nov 2026 10:00:00 +0000\r\n" * 60 + mails.plain()
    harness.send_raw(up.port, content)
    assert harness.without_received(arrived(up)[1])[1] == content


def test_peers_bcc_and_return_path_are_kept(up):
    """Postfix and OpenSMTPD delete Bcc, Postfix and Exim Return-Path; what an
    application signed stays as it is."""
    content = mails.mail("kept", b"x\r\n", b"Bcc: Bob <bob@example.net>\r\nReturn-Path: <x@example.com>\r\n"
                         b"Resent-Bcc: <c@example.net>\r\nDelivered-To: x\r\nContent-Length: 3\r\n" + mails.TEXT)
    harness.send_raw(up.port, content)
    assert harness.without_received(arrived(up)[1])[1] == content


@pytest.mark.parametrize("length", [66000, 1 << 20])
def test_peers_a_long_line_gets_one_reply(length, up, client):
    """Exim says several, and client and server are out of step."""
    for verb in (b"", b"EHLO ", b"MAIL FROM:<", b"AUTH PLAIN "):
        client.send(verb + b"A" * length + b"\r\nVRFY x\r\n")
        assert client.reply()[0] == 500
        assert client.reply()[0] == 252


def test_peers_commands_that_must_work_do(up):
    """OpenSMTPD refuses a second EHLO, RSET before EHLO, NOOP with an
    argument, quoted local-parts; VRFY is unknown to it."""
    with harness.Client(up.port) as c:
        assert c.reply()[0] == 220
        check(c, ("RSET", "250"), ("NOOP some words", "250"), ("EHLO x", "250"), ("EHLO x", "250"), ("VRFY x", "252"),
              ('MAIL FROM:<"a b"@example.com> SIZE=999999999', "552"), ('MAIL FROM:<"a b"@example.com>', "250"),
              ('RCPT TO:<"c\\"d"@example.net>', "250"))
        assert data(c, mails.plain())[0] == 250
    assert arrived(up)[0]["recipients"] == ['"c\\"d"@example.net']


def test_peers_junk_commands_have_an_end(up):
    """OpenSMTPD takes 300 of them, and goes on."""
    with harness.Client(up.port) as c:
        assert c.reply()[0] == 220
        c.send("JUNK\r\n" * 300)
        codes = [c.reply()[0] for _ in range(21)]
        assert codes == [500] * 20 + [421]
        assert c.is_closed()


def test_peers_hundred_idle_clients_are_not_silence(sink, postern):
    """Postfix with its 100 processes says nothing to the 101st; here it is
    served, and one over the limit is told so."""
    s = sink()
    p = postern(s.port, listeners=listener(max_connections=102, max_per_client=200))
    idle = [harness.Client(p.port) for _ in range(101)]
    for c in idle:
        assert c.reply()[0] == 220
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(1)
    idle.append(harness.Client(p.port))
    assert idle[-1].reply()[0] == 220
    with harness.Client(p.port) as c:
        code, text = c.reply()
        assert (code, text[0][:5]) == (421, "4.7.0") and c.is_closed()
    for c in idle:
        c.close()
    p.stop()
