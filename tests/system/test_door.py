# SPDX-License-Identifier: Apache-2.0
"""How clients come in: through a load balancer (PROXY protocol), by unix
sockets, and against the rules where a listener lets them."""
import base64
import grp
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys

import pytest

import harness
import mails

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


class From(harness.Client):
    """A client on another address of loopback."""

    def __init__(self, port, source="127.0.0.1", first=b""):
        host = "::1" if ":" in source else "127.0.0.1"
        self.sock = socket.create_connection((host, port), harness.LONG, (source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")
        self.send(first)


def line(client, family="TCP4", server="192.0.2.25"):
    return ("PROXY %s %s %s 50000 25\r\n" % (family, client, server)).encode()


def binary(client=None, tlvs=b"", command=1):
    if client is None:
        return SIGNATURE + bytes([0x20 | command, 0]) + struct.pack("!H", len(tlvs)) + tlvs
    family = socket.AF_INET6 if ":" in client else socket.AF_INET
    host = socket.inet_pton(family, client)
    body = host + host + struct.pack("!HH", 50000, 25) + tlvs
    return (SIGNATURE + bytes([0x21, 0x21 if ":" in client else 0x11])
            + struct.pack("!H", len(body)) + body)


ANYWHERE = ["0.0.0.0/0", "::/0"]


def balanced(postern, port, **more):
    more.setdefault("networks", ANYWHERE)
    return postern(port, listeners=[{"name": "local", "address": ["127.0.0.1:0"],
                                     "proxy_from": ["127.0.0.1"], **more}],
                   log={"level": "debug"})


def send(c, sender="app@example.com"):
    for cmd, code in (("MAIL FROM:<%s>" % sender, 250), ("RCPT TO:<b@example.net>", 250), ("DATA", 354)):
        got = c.cmd(cmd)
        assert got[0] == code, (cmd, got)
    c.send(mails.plain() + b".\r\n")
    code, text = c.reply()
    assert code == 250, text


def content(sink, message):
    return open(sink.maildir + "/" + message["file"], "rb").read()


# --- PROXY ---------------------------------------------------------------------------

@pytest.mark.parametrize("header, client, shown", [
    (line("198.51.100.7"), "198.51.100.7", b"([198.51.100.7])"),
    (line("2001:db8::7", "TCP6", "2001:db8::25"), "2001:db8::7", b"([IPv6:2001:db8::7])"),
    (binary("198.51.100.7"), "198.51.100.7", b"([198.51.100.7])"),
    (binary("2001:db8::7", b"\x04\0\x03xxx"), "2001:db8::7", b"([IPv6:2001:db8::7])"),
])
def test_the_client_is_the_one_that_the_balancer_names(header, client, shown, sink, postern):
    """In the log and in Received; the header whole, and one octet a segment."""
    s = sink()
    p = balanced(postern, s.port, networks=["198.51.100.0/24", "2001:db8::/32"])
    with From(p.port, first=header) as c:
        c.open()
        send(c)
        assert c.cmd("QUIT")[0] == 221
    with From(p.port) as c:
        for octet in header:
            c.send(bytes([octet]))
        c.open()
        send(c)
    p.wait_event("connect", client=client, via="127.0.0.1")
    p.wait_event("accepted", 2, client=client)
    for m in s.wait_messages(2):
        assert shown in content(s, m).split(b"\r\n\tby")[0].replace(b"\r\n\t", b" ")
    p.stop()


def test_networks_and_shares_go_by_the_client_behind_the_balancer(sink, postern):
    p = balanced(postern, sink().port, networks=["198.51.100.0/24"], max_per_client=2)
    with From(p.port, first=line("203.0.113.1")) as c:
        code, text = c.reply()
        assert code == 554 and text[0].startswith("5.7.1")
        assert c.is_closed()
    p.wait_event("session.network", client="203.0.113.1")
    held = [From(p.port, first=line("198.51.100.7")) for _ in range(2)]
    for c in held:
        assert c.reply()[0] == 220
    with From(p.port, first=binary("198.51.100.7")) as c:
        code, text = c.reply()
        assert code == 421 and text[0].startswith("4.7.0")
    with From(p.port, first=binary("198.51.100.8")) as c:  # another client has room
        c.open()
    for c in held:
        c.close()
    p.stop()


def test_nothing_is_said_before_the_header(sink, postern):
    p = balanced(postern, sink().port, timeouts={"proxy": "300ms"})
    with From(p.port, first=b"PROXY TCP4 ") as c:
        assert c.is_closed()  # and not a word before
    e = p.wait_event("session.proxy", client="127.0.0.1")
    assert "time" in e["text"]
    p.stop()


@pytest.mark.parametrize("header", [
    b"EHLO client.test\r\nMAIL FROM:<a@example.com>\r\n",
    line("198.51.100.7").replace(b"\r\n", b"\n"),
    b"PROXY UNKNOWN " + b"x" * 200,
    binary("198.51.100.7")[:-1] + b"",
    binary("198.51.100.7", b"\x03\0\x04abcd"),
    SIGNATURE + b"\x21\x11\xff\xff",
    b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
], ids=["smtp", "lf", "long", "cut", "checksum", "huge", "tls"])
def test_junk_from_a_balancer_is_cut_off_without_a_word(header, sink, postern):
    p = balanced(postern, sink().port)
    with From(p.port, first=header) as c:
        c.sock.shutdown(socket.SHUT_WR)
        assert c.is_closed()
    p.wait_event("session.proxy", client="127.0.0.1")
    with From(p.port, first=line("198.51.100.7")) as c:
        c.open()
    p.stop()


@pytest.mark.parametrize("header", [line("127.0.0.9"), binary("127.0.0.9")], ids=["line", "binary"])
def test_p20_a_header_from_anybody_else_is_not_believed(header, sink, postern):
    p = balanced(postern, sink().port)
    with From(p.port, "127.0.0.2") as c:
        assert c.reply()[0] == 220
        c.send(header + b"EHLO x\r\nMAIL FROM:<a@example.com>\r\n")
        code, text = c.reply()
        assert code == 421 and "PROXY" in text[0]
        assert c.is_closed()
    assert not [e for e in p.events() if e.get("client") == "127.0.0.9"]
    with From(p.port, "127.0.0.2") as c:  # and without one it is a client
        c.open()
        send(c)
    p.wait_event("accepted", client="127.0.0.2")
    p.stop()


def test_p20_a_second_header_is_not_believed(sink, postern):
    p = balanced(postern, sink().port)
    with From(p.port, first=line("198.51.100.7") + line("127.0.0.9")) as c:
        assert c.reply()[0] == 220
        assert c.reply()[0] == 421
        assert c.is_closed()
    assert not [e for e in p.events() if e.get("client") == "127.0.0.9"]
    p.stop()


@pytest.mark.parametrize("header", [binary(command=0), b"PROXY UNKNOWN\r\n", binary()],
                         ids=["local", "unknown", "unspec"])
def test_a_check_is_greeted_and_may_never_relay(header, sink, postern):
    """Whatever the networks are: the balancer need not be in them."""
    p = balanced(postern, sink().port, networks=["198.51.100.0/24"])
    with From(p.port, first=header) as c:
        c.open()
        assert c.cmd("NOOP")[0] == 250
        code, text = c.cmd("MAIL FROM:<a@example.com>")
        assert code == 550 and text[0].startswith("5.7.1")
        assert c.cmd("RCPT TO:<b@example.net>")[0] == 503
        assert c.cmd("QUIT")[0] == 221
    p.stop()


def test_a_reload_takes_the_balancers_up(sink, postern):
    p = postern(sink().port)
    with From(p.port) as c:
        c.open()
    p.settings["listeners"][0].update(proxy_from=["127.0.0.1"], networks=ANYWHERE)
    p.wait_event("reloaded", since=p.reload())
    with From(p.port, first=line("198.51.100.7")) as c:
        c.open()
    p.stop()


# --- XCLIENT -----------------------------------------------------------------------------

def filtered(postern, port, **more):
    more.setdefault("networks", ANYWHERE)
    return postern(port, listeners=[{"name": "local", "address": ["127.0.0.1:0"],
                                     "xclient_from": ["127.0.0.1"], **more}], log={"level": "debug"})


def test_a_filter_hands_its_client_on(sink, postern):
    """The session begins anew, with what was pipelined behind; log, Received and
    networks go by the address that was told."""
    s = sink()
    p = filtered(postern, s.port, networks=["127.0.0.1", "198.51.100.0/24"])
    with From(p.port) as c:
        assert "XCLIENT NAME ADDR PORT PROTO HELO LOGIN" in c.open()
        c.send("XCLIENT NAME=client.example ADDR=198.51.100.7 PORT=50000 HELO=its+20name LOGIN=ann\r\n"
               "MAIL FROM:<a@example.com>\r\nEHLO filter.test\r\n")
        code, text = c.reply()
        assert code == 220 and text[0].startswith("postern.test ESMTP")
        assert c.reply()[0] == 503  # no EHLO yet
        assert c.reply()[0] == 250
        send(c)
        assert c.cmd("XCLIENT ADDR=203.0.113.1")[0] == 554  # not of the networks
        assert c.is_closed()
    e = p.wait_event("session.xclient", address="198.51.100.7:50000")
    assert (e["client"], e["name"], e["helo"], e["user"]) == ("127.0.0.1", "client.example", "its name", "ann")
    e = p.wait_event("accepted", client="198.51.100.7")
    assert (e["helo"], e["user"]) == ("its name", "ann")
    p.wait_event("session.network", client="203.0.113.1")
    assert content(s, s.wait_messages(1)[0]).startswith(b"Received: from its?name ([198.51.100.7]) by ")
    p.stop()


def test_a_client_without_an_address_may_send_nothing(sink, postern):
    p = filtered(postern, sink().port)
    with From(p.port) as c:
        c.open()
        assert c.cmd("XCLIENT ADDR=[UNAVAILABLE]")[0] == 220
        assert c.cmd("EHLO x")[0] == 250
        code, text = c.cmd("MAIL FROM:<a@example.com>")
        assert code == 550 and text[0].startswith("5.7.1")
        assert c.cmd("XCLIENT ADDR=198.51.100.7")[0] == 220
        assert c.cmd("EHLO x")[0] == 250
        send(c)
    p.wait_event("accepted", client="198.51.100.7")
    p.stop()


def test_shares_go_by_the_address_that_a_filter_tells(sink, postern):
    p = filtered(postern, sink().port, max_per_client=1)
    with From(p.port) as c:
        c.open()
        assert c.cmd("XCLIENT ADDR=198.51.100.7")[0] == 220
        with From(p.port) as second:  # the filter's own place is free again
            second.open()
            assert second.cmd("XCLIENT ADDR=198.51.100.7")[0] == 421
        with From(p.port) as third:
            third.open()
            assert third.cmd("XCLIENT ADDR=198.51.100.8")[0] == 220
    p.stop()


def test_wrong_attributes_and_wrong_times(sink, postern):
    p = filtered(postern, sink().port)
    with From(p.port) as c:
        c.open()
        for bad in ("", " ADDR=", " ADDR=2001:db8::1", " NAME=a NAME=b", " DESTADDR=192.0.2.1", " LOGIN=a+0Db"):
            code, text = c.cmd("XCLIENT" + bad)
            assert code == 501 and text[0].startswith("5.5.4"), bad
        assert c.cmd("MAIL FROM:<a@example.com>")[0] == 250
        assert c.cmd("XCLIENT ADDR=198.51.100.7")[0] == 503
        assert c.cmd("RSET")[0] == 250
        send(c)
    p.wait_event("accepted", client="127.0.0.1")
    p.stop()


def test_p20_xclient_is_for_those_who_are_named(sink, postern):
    p = filtered(postern, sink().port)
    with From(p.port, "127.0.0.2") as c:
        assert not [x for x in c.open() if "XCLIENT" in x]
        assert c.cmd("XCLIENT ADDR=198.51.100.7")[0] == 502
        send(c)
    p.wait_event("accepted", client="127.0.0.2")
    with From(p.port) as c:  # and not for whom a filter names
        c.open()
        assert c.cmd("XCLIENT ADDR=127.0.0.2")[0] == 220
        c.cmd("EHLO x")
        send(c)
    p.wait_event("accepted", 2, client="127.0.0.2")
    p.stop()


# --- unix sockets ----------------------------------------------------------------------

class Unix(harness.Client):
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(harness.LONG)
        self.sock.connect(str(path))
        self.file = self.sock.makefile("rb")


def unix(path, **more):
    return [{"name": "local", "address": ["127.0.0.1:0"]},
            {"name": "socket", "address": ["unix:%s" % path], **more}]


def test_the_user_of_a_unix_socket_stands_in_log_and_received(sink, postern, tmp_path):
    s, path = sink(), tmp_path / "smtp.sock"
    p = postern(s.port, listeners=unix(path, users=[str(os.getuid())]))
    with Unix(path) as c:
        c.open()
        send(c)
    p.wait_event("accepted", client="uid=%d" % os.getuid(), listener="socket")
    assert b"(uid=%d)" % os.getuid() in content(s, s.wait_messages(1)[0]).split(b"\r\n\tby")[0]
    p.stop()


def test_others_than_users_and_groups_are_refused_in_the_greeting(sink, postern, tmp_path):
    path = tmp_path / "smtp.sock"
    p = postern(sink().port, listeners=unix(path, users=["daemon"], groups=["4000000000"]))
    with Unix(path) as c:
        code, text = c.reply()
        assert code == 554 and text[0].startswith("5.7.1") and "uid=%d" % os.getuid() in text[0]
        assert c.is_closed()
    p.wait_event("session.user", client="uid=%d" % os.getuid(), listener="socket")
    p.settings["listeners"][1]["groups"] = [grp.getgrgid(os.getgid()).gr_name]
    p.wait_event("reloaded", since=p.reload())
    with Unix(path) as c:
        c.open()
    p.stop()


AS_USER = """
import os, socket, sys
os.setgroups([int(sys.argv[3])] if len(sys.argv) > 3 else [])
os.setgid(65534)
os.setuid(int(sys.argv[2]))
s = socket.socket(socket.AF_UNIX)
s.bind(b"\\0uid=0-%d" % os.getpid()) # its own word about itself does not count
s.connect(sys.argv[1])
print(s.recv(4096).decode().strip())
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes others")
def test_a_share_is_each_users(sink, postern, tmp_path):
    path = tmp_path / "smtp.sock"
    for d in (tmp_path, *tmp_path.parents):
        if d.owner() == "root" and d.stat().st_mode & 0o5 != 0o5 and str(d).startswith("/tmp/"):
            d.chmod(d.stat().st_mode | 0o5)
    p = postern(sink().port, listeners=unix(path, max_per_client=1, users=["0", "12345"], groups=["54321"]))

    def greeting(*ids):
        return subprocess.run([sys.executable, "-c", AS_USER, str(path), *map(str, ids)],
                              stdout=subprocess.PIPE, text=True, timeout=harness.LONG, check=True).stdout
    with Unix(path) as c:
        assert c.reply()[0] == 220
        with Unix(path) as second:
            assert second.reply()[0] == 421
        assert greeting(12345).startswith("220 ")
        assert greeting(12346).startswith("554 5.7.1")
        assert greeting(12346, 54321).startswith("220 ")  # a group of several
    p.stop()


def test_the_mode_of_a_unix_socket(sink, postern, tmp_path):
    path = tmp_path / "smtp.sock"
    p = postern(sink().port, listeners=unix(path, mode="0600"))
    assert path.stat().st_mode & 0o777 == 0o600
    p.settings["listeners"][1]["mode"] = "0660"
    p.wait_event("reloaded", since=p.reload())
    assert path.stat().st_mode & 0o777 == 0o660
    p.stop()


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(sink, postern, tmp_path):
    path = tmp_path / "smtp.sock"
    old = socket.socket(socket.AF_UNIX)
    old.bind(str(path))
    old.listen()
    p = postern(sink().port, listeners=unix(path), start=False)
    p.start(wait=False)
    assert p.proc.wait() != 0
    assert str(path) in p.log.text() and "in use" in p.log.text()
    with socket.socket(socket.AF_UNIX) as c:
        c.connect(str(path))  # it is still the other's
    old.close()
    p.start()
    with Unix(path) as c:
        c.open()
    p.stop()
    assert not path.exists()


# --- old clients --------------------------------------------------------------------------

def lenient(postern, port, *words, start_with={}, **more):
    return postern(port, listeners=[{"name": "local", "address": ["127.0.0.1:0"],
                                     "lenient": list(words), **more}], **start_with)


def test_an_old_device_gets_its_mail_through(sink, postern):
    """Everything in LF, an odd name, spaces, no brackets; once a session the
    log says how often."""
    s = sink()
    p = lenient(postern, s.port, "bare-newline", "space-after-colon", "no-brackets", "helo-syntax")
    with harness.Client(p.port) as c:
        c.send(b"HELO my printer\nMAIL FROM: scan@example.com\nRCPT TO:<b@example.net>\nDATA\n"
               b"Subject: x\n\n..dot\nend\n.\nQUIT\n")
        assert [c.reply()[0] for _ in range(7)] == [220, 250, 250, 250, 354, 250, 221]
    _, rest = harness.without_received(content(s, s.wait_messages(1)[0]))
    assert rest == b"Subject: x\r\n\r\n.dot\r\nend\r\n"
    e = p.wait_event("lenient", client="127.0.0.1", listener="local")
    assert e["helo"] == "my printer" and e["bare_newline"] == "6"
    assert (e["space_after_colon"], e["no_brackets"], e["helo_syntax"]) == ("1", "1", "1")
    p.stop()


def test_lenient_is_for_its_networks_only(sink, postern):
    p = lenient(postern, sink().port, "space-after-colon", lenient_networks=["127.0.0.2"])
    for source, code in (("127.0.0.1", 501), ("127.0.0.2", 250)):
        with From(p.port, source) as c:
            c.open()
            assert c.cmd("MAIL FROM: <a@example.com>")[0] == code
    p.wait_event("lenient", client="127.0.0.2")
    assert len(p.events("lenient")) == 1
    p.stop()


def test_by_default_nothing_is_lenient(sink, postern):
    p = postern(sink().port)
    with harness.Client(p.port) as c:
        assert c.reply()[0] == 220
        assert c.cmd("HELO my printer")[0] == 501
        assert c.cmd("HELO")[0] == 501
        assert c.cmd("EHLO x\nNOOP")[0] == 500
        assert c.cmd("EHLO x")[0] == 250
        assert c.cmd("MAIL FROM: <a@example.com>")[0] == 501
        assert c.cmd("MAIL FROM:a@example.com")[0] == 501
    assert "event=lenient" not in p.stop().err.text()


def plain(user, password):
    return "AUTH PLAIN " + base64.b64encode(b"\0%s\0%s" % (user.encode(), password.encode())).decode()


def test_a_device_that_has_to_log_in_is_nobody(sink, postern):
    """Any name and password from lenient_networks only; the name is logged, and
    it gives no right: where a login is required, it is none."""
    s = sink()
    words = dict(lenient=["any-auth", "clear-auth"], lenient_networks=["127.0.0.2"])
    p = lenient(postern, s.port, **words)
    with From(p.port) as c:
        assert not [x for x in c.open() if x.startswith("AUTH")]
        assert c.cmd(plain("scanner", "x"))[0] >= 500
    with From(p.port, "127.0.0.2") as c:
        assert "AUTH PLAIN LOGIN" in c.open()
        assert c.cmd(plain("scanner", "whatever"))[0] == 235
        send(c)
    e = p.wait_event("login.any", client="127.0.0.2", user="scanner")
    assert "whatever" not in p.log.text()
    assert "user" not in p.wait_event("accepted", client="127.0.0.2")
    assert p.wait_event("lenient", client="127.0.0.2")["any_auth"] == "1"
    p.stop()


def test_any_login_is_none_where_one_is_required(sink, postern, tmp_path):
    hashed = subprocess.run(["openssl", "passwd", "-5", "right"], stdout=subprocess.PIPE, text=True, check=True)
    users = harness.private(tmp_path / "users", "ann:" + hashed.stdout)
    p = lenient(postern, sink().port, "any-auth", lenient_networks=["127.0.0.1"], auth="required",
                start_with=dict(users_file=str(users)))
    with From(p.port) as c:
        c.open()
        assert c.cmd(plain("scanner", "whatever"))[0] == 235
        assert c.cmd("MAIL FROM:<a@example.com>")[0] == 530
    with From(p.port) as c:
        c.open()
        assert c.cmd(plain("ann", "right"))[0] == 235
        send(c)
    p.wait_event("accepted", user="ann")
    p.stop()


@pytest.mark.parametrize("before, after", [
    (before, after) for before in (b"\n", b"\r\n", b"\n\n", b"\r\n\n", b"\n\r\n")
    for after in (b"\n", b"\r\n", b"\n\n", b"\r\n\n")
    if not (before.endswith(b"\r\n") and after.startswith(b"\r\n"))])  # the end of content
def test_lenient_lets_no_second_message_in(before, after, sink, postern):
    """From a client that says DATA with CRLF, content with every mixture about
    the dot but CRLF on both sides, and a whole transaction behind."""
    s = sink()
    p = lenient(postern, s.port, "bare-newline")
    with harness.Client(p.port) as c:
        c.open()
        for cmd in ("MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>", "DATA"):
            assert c.cmd(cmd)[0] < 400
        c.send(b"Subject: x\r\n\r\na" + before + b"." + after
               + b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<c@example.net>\r\nDATA\r\nboo\r\n.\r\n")
        assert c.reply()[0] == 250
        assert c.cmd("NOOP")[0] == 250
    got = s.wait_messages(1)[0]
    assert got["sender"] == "a@example.com"
    assert b"\nMAIL FROM:<evil" in content(s, got)
    p.stop()
    assert len(s.messages()) == 1


@pytest.mark.parametrize("listener, said", [
    (dict(lenient=["old-tls"]), "lenient_networks"),
    (dict(lenient=["clear-auth"]), "lenient_networks"),
    (dict(lenient=["any-auth"]), "lenient_networks"),
    (dict(lenient_networks=["127.0.0.1"]), "nobody is treated leniently"),
    (dict(lenient=["bare_newline"]), "bare-newline"),
    (dict(users=["root"]), "unix:/run/postern/smtp.sock"),
    (dict(mode="0660"), "unix:/run/postern/smtp.sock"),
    (dict(proxy_from=[]), "is empty"),
    (dict(proxy_from=["127.0.0.1"]), "lets everybody in whom they hand on"),
    (dict(xclient_from=["127.0.0.1"]), "lets everybody in whom they hand on"),
    (dict(address=["unix:/tmp/no.sock"], proxy_from=["127.0.0.1"], networks=["10.0.0.0/8"]), "not for unix sockets"),
    (dict(proxy_from=["127.0.0.1/8"]), "127.0.0.0/8"),
])
def test_mistakes_are_named(listener, said, sink, postern):
    p = postern(sink().port, listeners=[{"name": "local", "address": ["127.0.0.1:0"], **listener}],
                start=False)
    p.start(wait=False)
    assert p.proc.wait() == 78
    assert said in p.log.text()


# --- sockets of a service manager -----------------------------------------------------------

# What systemd does: sockets from descriptor 3 on, told by the environment.
HAND_OVER = """
import os, socket, sys
fds = []
for i, where in enumerate(sys.argv[1].split(",")):
    if where.startswith("/"):
        s = socket.socket(socket.AF_UNIX)
        s.bind(where)
    elif where.startswith("udp:"):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("127.0.0.1", 0))
    else:
        s = socket.socket(socket.AF_INET6 if ":" in where else socket.AF_INET)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((where.rsplit("-", 1)[0], int(where.rsplit("-", 1)[1])))
    if s.type != socket.SOCK_DGRAM:
        s.listen()
    fds.append(os.dup(os.dup2(s.detach(), 100 + i)))
for i, fd in enumerate(fds):
    os.dup2(fd, 3 + i)
    os.set_inheritable(3 + i, True)
os.environ.update(LISTEN_FDS=str(len(fds)), LISTEN_PID=str(os.getpid() + int(sys.argv[2])),
                  LISTEN_FDNAMES=":".join("name%d" % i for i in range(len(fds))))
argv = sys.argv[3:]
if os.environ.get("AS_NOBODY"):
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
os.execv(argv[0], argv)
"""


def handed(*where, pid=0):
    return [sys.executable, "-c", HAND_OVER, ",".join(where), str(pid)]


def test_sockets_of_the_service_manager_are_used(sink, postern, tmp_path):
    """Each for the listener that has its address; what fits none, or is no
    listening stream socket, is told and closed; a reload keeps them, and brings
    one back that it took away."""
    s, port, other, path = sink(), harness.free_port(), harness.free_port(), tmp_path / "smtp.sock"
    p = postern(s.port, start=False,
                listeners=[{"name": "local", "address": ["127.0.0.1:%d" % port]},
                           {"name": "socket", "address": ["unix:%s" % path]}])
    p.start(under=handed("127.0.0.1-%d" % port, "127.0.0.1-%d" % other, str(path), "udp:"))
    inode = path.stat().st_ino
    e = p.wait_event("listener.misfit", address="127.0.0.1:%d" % other)
    assert e["fd"] == "4" and e["name"] == "name1"
    assert "stream" in p.wait_event("listener.misfit", fd=6)["text"]
    for c in (harness.Client(port), Unix(path)):
        with c:
            c.open()
            send(c)
    both = p.settings["listeners"]
    p.settings["listeners"] = both[1:]
    mark = p.reload()
    p.wait_event("listener.closed", since=mark)
    assert "clients wait" in p.wait_event("listener.misfit", since=mark, address="127.0.0.1:%d" % port)["text"]
    p.settings["listeners"] = both
    p.wait_event("reloaded", since=p.reload())
    with harness.Client(port) as c:
        c.open()
        send(c)
    s.wait_messages(3)
    p.stop()
    assert path.stat().st_ino == inode  # the path is the manager's


def test_a_socket_for_both_families_knows_who_is_who(sink, postern):
    """As "ListenStream=25" makes it: an IPv4 client is not ::ffff:127.0.0.1."""
    port = harness.free_port()
    p = postern(sink().port, start=False,
                listeners=[{"name": "both", "address": ["[::]:%d" % port], "networks": ["127.0.0.1", "::1"]}])
    p.start(wait=False, under=handed("::-%d" % port))
    p.wait_event("started")
    for host in ("127.0.0.1", "::1"):
        with From(port, host) as c:
            c.open()
            send(c)
        p.wait_event("accepted", client=host)
    p.stop()


def test_sockets_for_another_process_are_left_alone(sink, postern):
    port = harness.free_port()
    p = postern(sink().port, start=False,
                listeners=[{"name": "local", "address": ["127.0.0.1:%d" % port]}])
    p.start(wait=False, under=handed("127.0.0.1-%d" % port, pid=1))
    assert p.proc.wait() != 0  # it opens its own, and that address is taken
    assert "in use" in p.log.text()


@pytest.mark.skipif(os.getuid() != 0, reason="only root binds the port for others")
def test_an_ordinary_user_serves_a_low_port(sink, postern, tmp_path):
    """One that it was handed, also over reloads; another one is a mistake, by
    which nothing changes."""
    p = postern(sink().port, start=False, listeners=[{"name": "local", "address": ["127.0.0.1:989"]}])
    program = tmp_path / "posternd"  # the build may stand where that user may not look
    shutil.copy(harness.POSTERND, program)
    p.write_conf()
    for d in (p.dir, p.spool):
        os.chown(d, 65534, 65534)
    proc = harness.Program([*handed("127.0.0.1-989"), program, "-f", "-c", p.conf],
                           env={**os.environ, "AS_NOBODY": "1"})
    try:
        proc.err.wait(lambda ls: [x for x in ls if "event=started" in x])
        with harness.Client(989) as c:
            c.open()
            held, high = p.settings["listeners"][0]["address"], "127.0.0.1:%d" % harness.free_port()
            for address, code, says in ((held + ["127.0.0.1:988"], 78, "CAP_NET_BIND_SERVICE"), (held + [high], 0, ""),
                                        ([high], 0, ""), (held + [high], 0, "")):
                p.settings["listeners"][0]["address"] = address
                p.write_conf()
                r = subprocess.run([harness.BUILD / "postern", "reload", "-c", p.conf], capture_output=True, text=True)
                assert r.returncode == code and says in r.stderr, (address, r)
                if code:
                    assert "listener \"local\": listen on 127.0.0.1:988: Permission denied; " in r.stderr
                    assert "systemd" in r.stderr and "stay as they are" in r.stderr
            assert c.cmd("NOOP")[0] == 250
        with harness.Client(989) as c:
            c.open()
    finally:
        proc.signal(signal.SIGTERM)
        assert proc.wait() == 0
    proc.check_reports()


# --- several inlets -------------------------------------------------------------------------

def watched(pid):
    """How many descriptors each of its event loops watches, the most first."""
    rows = []
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            if "eventpoll" in os.readlink("/proc/%d/fd/%s" % (pid, fd)):
                rows.append(open("/proc/%d/fdinfo/%s" % (pid, fd)).read().count("tfd:"))
        except OSError:
            pass  # closed meanwhile
    return sorted(rows, reverse=True)


def test_four_inlets_share_a_burst(sink, postern):
    """Each connection goes to the inlet with the fewest, those on their way
    counted: also when many are accepted at once."""
    s = sink()
    p = postern(s.port, inlet_threads=4)
    held = []
    for _ in range(400):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", p.port))
        held.append(sock)
    for sock in held:
        sock.settimeout(harness.LONG)
        assert sock.recv(3) == b"220"
    harness.wait_until(lambda: sum(watched(p.proc.pid)[:4]) >= 400, what="the last ones to be waited for")
    each = watched(p.proc.pid)[:4]
    assert min(each) >= 90 and max(each) <= 120, each
    load = harness.Load(p.port, p.dir, 400, 20).result()
    assert load["acked"] == 400
    s.wait_messages(400)
    for sock in held:
        sock.close()
    p.stop()
