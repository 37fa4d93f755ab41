# SPDX-License-Identifier: Apache-2.0
"""What the RFCs ask where STARTTLS, AUTH and PROXY are spoken (P16, P17, P20,
P21), and the flaws that others had there."""
import base64
import concurrent.futures
import crypt  # of Debian 12; gone with 3.13
import hashlib
import hmac
import ssl
import struct
import warnings

import pytest

import certs
import harness
import mails
from test_requirements import MAIL, RCPT, check, data

PASSWORD = "p\u00e4ss word"


def b64(x):
    return base64.b64encode(x.encode() if isinstance(x, str) else x).decode()


def plain(user="ann", password=PASSWORD, authzid=""):
    return b64("\0".join([authzid, user, password]))


def scram_verifier(password, salt=b"salt-of-ours", rounds=4096):
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return "SCRAM-SHA-256$%d$%s$%s$%s" % (rounds, b64(salt), b64(stored),
                                          b64(hmac.digest(salted, b"Server Key", "sha256")))


@pytest.fixture
def users(tmp_path):
    salt = crypt.mksalt(crypt.METHOD_SHA512, rounds=1000)
    return str(harness.private(tmp_path / "users", "ann:%s\ntest:%s\n" % (
        crypt.crypt(PASSWORD, salt), crypt.crypt("1234", salt))))


@pytest.fixture
def cert(tmp_path):
    return certs.make(tmp_path, "mx")


@pytest.fixture
def up(sink, postern, users, cert):
    """STARTTLS and AUTH, both optional; max_errors so that a test may say many
    wrong things."""
    s = sink()
    p = postern(s.port, users_file=users, tls={"certificates": [cert.group()]},
                listeners=[{"name": "local", "address": ["127.0.0.1:0"], "tls": "optional", "auth": "optional",
                            "auth_failures": 1000, "max_errors": 1000}])
    p.sink = s
    yield p
    p.stop()


def trusting(cert):
    return ssl.create_default_context(cafile=cert.certificate)


def dialog(c, *lines):
    """The code of the reply to the last line; those before get 334."""
    for x in lines[:-1]:
        assert c.cmd(x)[0] == 334, x
    return c.cmd(lines[-1])[0]


# --- P16 ----------------------------------------------------------------------------


# Rows that end in a failed login, which costs a second and is counted for its
# name: each name is asked a few times only.
AUTHS = [
    (["AUTH PLAIN " + plain()], 235),
    (["auth plain " + plain()], 235),
    (["AUTH PLAIN", plain()], 235),
    (["AUTH LOGIN", b64("ann"), b64(PASSWORD)], 235),
    (["AUTH LOGIN " + b64("ann"), b64(PASSWORD)], 235),
    (["AUTH PLAIN " + plain(authzid="ann")], 235),
    (["AUTH PLAIN " + plain("test", "1234", "test")], 235),
    (["AUTH PLAIN dGVzdAB0ZXN0ADEyMzQ1Ng=="], 535),  # test test 123456
    (["AUTH PLAIN " + plain(password="wrong")], 535),
    (["AUTH PLAIN " + plain("nobody")], 535),
    (["AUTH PLAIN " + plain(authzid="test")], 535),
    (["AUTH LOGIN", "QUIT", "RSET"], 535),
    (["AUTH LOGIN", b64("ann"), b64("")], 501), (["AUTH LOGIN", b64("ann"), ""], 501),
    (["AUTH PLAIN ="], 501), (["AUTH PLAIN", ""], 501), (["AUTH LOGIN ="], 501),
    (["AUTH PLAIN *"], 501), (["AUTH PLAIN", "*"], 501), (["AUTH LOGIN", "*"], 501), (["AUTH LOGIN", b64("ann"), "*"], 501),
    (["AUTH PLAIN !"], 501), (["AUTH PLAIN " + plain() + "="], 501), (["AUTH PLAIN " + plain()[:-1]], 501),
    (["AUTH PLAIN AAA=BBB="], 501), (["AUTH PLAIN", " " + plain()], 501), (["AUTH LOGIN", "\u00fc"], 501),
    (["AUTH PLAIN", "QUIT"], 501), (["AUTH"], 501), (["AUTH "], 501), (["AUTH CRAM-MD5"], 504), (["AUTH PLAI"], 504),
    (["AUTH PLAIN2 " + plain()], 504), (["AUTH SCRAM-SHA-256"], 504),
]


def test_p16_auth(up):
    """4954 4: "=" an empty response, "*" cancels with 501, not base64 501, not
    a mechanism 504; a second AUTH 503; 4616 2: authzid, authcid and password
    between NULs.  What failed leaves nothing behind."""
    def one(row):
        lines, code = row
        with harness.Client(up.port) as c:
            c.open()
            assert dialog(c, *lines) == code, lines
            check(c, ("NOOP", "250"))
            if code == 235:
                check(c, ("AUTH PLAIN " + plain(), "503 5.5.1"), ("RSET", "250"), ("AUTH PLAIN " + plain(), "503"),
                      ("EHLO x", "250"))
            else:
                check(c, ("AUTH PLAIN " + plain(), "235 2.7.0"))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(one, AUTHS))


PW = PASSWORD.encode()
PLAINS = [b"ann", b"", b"\0", b"\0\0", b"\0ann", b"\0ann\0", b"\0\0" + PW, b"ann\0" + PW, b"\0ann\0" + PW + b"\0",
          b"\0ann\0" + PW + b"\0x", b"\0\0ann\0" + PW, b"\0ann\0\0" + PW, b"\0ann\0" + PW + b" ", b"\0ann \0" + PW,
          b"\0Ann\0" + PW, b"x\0ann\0" + PW, b"ann\0\0" + PW]


def test_p16_plain_to_the_nul(up):
    """4616 2: exactly three parts; bytes behind a second NUL of a password, or
    somebody else's authzid, are no login (peers: that depends on conditions in
    Exim's configuration)."""
    def one(octets):
        with harness.Client(up.port) as c:
            c.open()
            assert dialog(c, "AUTH PLAIN " + (b64(octets) or "=")) in (501, 535), octets
            check(c, ("NOOP", "250"), ("AUTH PLAIN", "334"))
            assert c.cmd(b64(octets))[0] in (501, 535), octets
            check(c, ("NOOP", "250"))
    with concurrent.futures.ThreadPoolExecutor(len(PLAINS)) as pool:
        list(pool.map(one, PLAINS))
    assert not up.events("login")


def test_p16_not_in_a_transaction(up):
    """4954 3: 503 in a transaction, and the transaction goes on."""
    with harness.Client(up.port) as c:
        assert c.reply()[0] == 220
        check(c, ("AUTH PLAIN " + plain(), "503"), ("HELO x", "250"), ("AUTH PLAIN " + plain(), "503"))
        assert any(x.startswith("AUTH ") for x in c.cmd("EHLO x")[1])
        check(c, (MAIL, "250"), ("AUTH PLAIN " + plain(), "503 5.5.1"), (RCPT, "250"), ("AUTH LOGIN", "503"))
        assert data(c, mails.plain())[0] == 250
        check(c, ("AUTH PLAIN " + plain(), "235"))
    assert "user" not in up.wait_event("accepted")


def test_p16_lines_of_12288_octets(up):
    """4954 4: at least that long in an exchange; a longer one gets one reply,
    500 5.5.6, and its tail is no command and no response."""
    with harness.Client(up.port) as c:
        c.open()
        # all of 12,288 with CRLF; what it says is too long for a password
        assert dialog(c, "AUTH PLAIN " + "QUJD" * 3068 + "QQQ") == 501
        assert dialog(c, "AUTH PLAIN", "QUJD" * 3071 + "QQ") == 501
        assert dialog(c, "AUTH PLAIN", b64(b"\0ann\0" + b"x" * 9200)) == 501
        for long in ("QUJD" * 3073, "A" * (1 << 20)):
            c.send("AUTH LOGIN\r\n" + long + "\r\nVRFY x\r\n")
            assert [c.reply()[0] for _ in range(3)] == [334, 500, 252]
            c.send("AUTH PLAIN " + long + "\r\nVRFY x\r\n")
            assert [c.reply()[0] for _ in range(2)] == [500, 252]
        check(c, ("AUTH PLAIN " + plain(), "235"))


def test_p16_pipelined_commands_keep_their_place(up):
    """Behind an AUTH that is thought about, in one write: in order, and by the
    rights that it gave."""
    with harness.Client(up.port) as c:
        c.open()
        c.send("AUTH PLAIN %s\r\nNOOP\r\nAUTH LOGIN\r\n%s\r\n%s\r\nVRFY x\r\nAUTH PLAIN %s\r\n%s\r\n%s\r\nDATA\r\nx\r\n.\r\nQUIT\r\n" % (
            plain(password="no"), b64("ann"), b64("no"), plain(), MAIL, RCPT))
        assert [c.reply()[0] for _ in range(11)] == [535, 250, 334, 334, 535, 252, 235, 250, 250, 354, 250]
    assert up.wait_event("accepted")["user"] == "ann"


def test_p16_a_client_gone_while_its_password_is_hashed(up):
    """The answer that comes late finds nobody, whatever was pipelined."""
    for i in range(8):
        c = harness.Client(up.port)
        c.open()
        c.send("AUTH PLAIN %s\r\n%s\r\n" % (plain(password="w%d" % i), MAIL * (i % 2)))
        if i % 3:
            c.sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER: reset
        c.close()
    with harness.Client(up.port) as c:
        c.open()
        assert c.cmd("AUTH PLAIN " + plain("test", "1234"))[0] == 235


def test_p16_scram(sink, postern, tmp_path):
    """5802 3, 7677: where every user has a verifier; nonce, proof and the
    server's signature; a nonce as long as a client may like."""
    path = harness.private(tmp_path / "scram-users", "ann:%s\n" % scram_verifier(PASSWORD))
    p = postern(sink().port, users_file=str(path), listeners=[
        {"name": "local", "address": ["127.0.0.1:0"], "auth": "required", "auth_failures": 100}])

    def exchange(c, password, nonce, user="ann"):
        bare = "n=%s,r=%s" % (user, nonce)
        code, text = c.cmd("AUTH SCRAM-SHA-256 " + b64("n,," + bare))
        if code != 334:
            return code, None
        first = base64.b64decode(text[0], validate=True).decode()
        got = dict(x.split("=", 1) for x in first.split(","))
        assert got["r"].startswith(nonce) and len(got["r"]) >= len(nonce) + 16
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(got["s"]), int(got["i"]))
        final = "c=biws,r=" + got["r"]
        said = ",".join([bare, first, final]).encode()
        key = hmac.digest(salted, b"Client Key", "sha256")
        sign = hmac.digest(hashlib.sha256(key).digest(), said, "sha256")
        proof = bytes(a ^ b for a, b in zip(key, sign))
        code, text = c.cmd(b64(final + ",p=" + b64(proof)))
        if code != 334:
            return code, None
        server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), said, "sha256")
        assert base64.b64decode(text[0]) == b"v=" + base64.b64encode(server)
        return c.cmd("")
    with harness.Client(p.port) as c:
        assert "AUTH PLAIN LOGIN SCRAM-SHA-256" in c.open()
        assert exchange(c, "wrong", "abc")[0] == 535
        assert exchange(c, PASSWORD, "abc", "nobody")[0] == 535
        for n in (200, 1000):  # taken whole or refused, never cut short
            assert exchange(c, "wrong", "n" * n)[0] in (501, 535)
        assert exchange(c, PASSWORD, "fyko+d2lbbFgONRv9qkxdawL")[0] == 235
        check(c, (MAIL, "250"))
    p.stop()


def test_p16_floods_of_refused_commands_have_an_end(sink, postern, users, cert):
    """Where a login or TLS is required first, too; and AUTH and STARTTLS again
    and again behind a good one."""
    ctx = trusting(cert)
    for more in ({"auth": "required"}, {"tls": "required"}):
        p = postern(sink().port, users_file=users, tls={"certificates": [cert.group()]},
                    listeners=[{"name": "local", "address": ["127.0.0.1:0"], "tls": "optional", **more}])
        for line in ("MAIL FROM:<a@b.example>", "JUNK", "AUTH PLAIN " + plain() if "auth" in more else "RSET"):
            with harness.Client(p.port) as c:
                c.open()
                if line.startswith("AUTH"):
                    c.starttls(ctx)
                    check(c, ("EHLO x", "250"), (line, "235"))
                    line = "STARTTLS"
                codes = [c.cmd(line)[0] for _ in range(21)]
                assert codes[-1] == 421 and set(codes[:-1]) <= {503, 530}, codes
                assert c.is_closed()
        p.stop()


def test_flaw_auth_state_is_not_used_again(up):
    """A SASL object that was used again after a failure was a flaw of Postfix:
    every mechanism after every failure at each of its steps."""
    cuts = [["AUTH PLAIN", "*"], ["AUTH PLAIN", "!"], ["AUTH LOGIN", b64("ann"), "*"], ["AUTH LOGIN", "!"],
            ["AUTH LOGIN", b64("ann"), b64("")], ["AUTH X"], ["AUTH LOGIN", b64("x" * 3000)]]
    with harness.Client(up.port) as c:
        c.open()
        for first in cuts:
            for second in cuts:
                assert dialog(c, *first) in (501, 504, 535)
                assert dialog(c, *second) in (501, 504, 535)
        assert dialog(c, "AUTH LOGIN", b64("ann"), "*") == 501
        assert dialog(c, "AUTH LOGIN", b64("test"), b64(PASSWORD)) == 535  # ann's
        check(c, ("AUTH PLAIN " + plain(), "235"))


# --- P17 ----------------------------------------------------------------------------


def test_p17_starttls(up, cert):
    """3207 4: an argument 501; 4.2: what was known of the client is forgotten,
    EHLO, login and transaction, and STARTTLS is not offered again."""
    ctx = trusting(cert)
    with harness.Client(up.port) as c:
        assert "STARTTLS" in c.open()
        check(c, ("AUTH PLAIN " + plain(), "235"), ("STARTTLS now", "501 5.5.4"), (MAIL, "250"),
              ("STARTTLS", "503"), ("RSET", "250"))
        c.starttls(ctx)
        check(c, (MAIL, "503"), ("RCPT TO:<a@b.example>", "503"))
        texts = c.cmd("EHLO x")[1]
        assert "STARTTLS" not in texts
        check(c, ("STARTTLS", "503 5.5.1"), (MAIL, "250"), (RCPT, "250"))
        assert data(c, mails.plain())[0] == 250
        check(c, ("AUTH PLAIN " + plain(), "235"))
    e = up.wait_event("accepted", protocol="ESMTPS")
    assert "user" not in e


INJECTED = b"EHLO evil\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<evil@example.net>\r\nDATA\r\nx\r\n.\r\n"


@pytest.mark.parametrize("cut", [0, 1, 5, len(INJECTED)])
def test_p17_flaw_nothing_is_kept_over_the_handshake(cut, up, cert):
    """CVE-2011-0411 and forty others: octets read in clear before the
    handshake are never heard; no reply in clear follows the 220."""
    ctx = trusting(cert)
    with harness.Client(up.port) as c:
        c.open()
        c.send(b"STARTTLS\r\n" + INJECTED[:cut])
        assert c.reply()[0] == 220
        if cut == 0:
            c.secure(ctx)
            assert c.cmd("EHLO x")[0] == 250
            return
        # whatever lies behind it, the next words are those of a handshake
        try:
            c.secure(ctx)
        except (ssl.SSLError, OSError):
            pass  # they were taken for a part of the handshake: no session
        else:
            check(c, (MAIL, "503"), ("NOOP", "250"))
            c.sock.settimeout(0.3)
            with pytest.raises(TimeoutError):
                c.sock.recv(1)
    assert not up.events("accepted")


@pytest.mark.parametrize("junk", [b"NOOP\r\n", b"\0" * 100, b"\x16\x03\x01\xff\xff" + bytes(70000), b"\x15\x03\x01\x00\x02\x02\x00"],
                         ids=["command", "zeros", "too-long", "alert"])
def test_p17_a_handshake_that_fails_ends_the_session(junk, up):
    """Nothing in clear is said or heard after 220."""
    with harness.Client(up.port) as c:
        c.open()
        check(c, ("STARTTLS", "220"))
        try:
            c.send(junk)
            c.sock.shutdown(1)
            got = c.sock.recv(65536)
        except ConnectionError:
            got = b""
        assert got == b"" or got[0] == 0x15, got  # a TLS alert at most
    with harness.Client(up.port) as c:
        c.open()


def test_peers_old_versions_of_tls(up, cert):
    """Postfix and Exim of Debian 12 shake hands with TLS 1.0 and 1.1."""
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        ctx = trusting(cert)
        ctx.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ctx.minimum_version = ctx.maximum_version = version
        with harness.Client(up.port) as c:
            c.open()
            with pytest.raises((ssl.SSLError, OSError)):
                c.starttls(ctx)


# --- P20, P21 -----------------------------------------------------------------------


def test_p20_proxy_and_xclient_only_from_who_may(up):
    """The PROXY protocol before the greeting and XCLIENT (Postfix's document)
    are for configured peers: to others they are no commands, and are not
    believed."""
    v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + bytes([192, 0, 2, 1, 192, 0, 2, 2, 0, 1, 0, 25])
    for header in (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n", b"PROXY UNKNOWN\r\n", v2):
        with harness.Client(up.port) as c:
            c.send(header + b"\r\n")
            assert c.reply()[0] == 220
            assert c.reply()[0] in (421, 500)
    with harness.Client(up.port) as c:
        assert not [x for x in c.open() if x.startswith(("XCLIENT", "XFORWARD"))]
        for line in ("XCLIENT ADDR=192.0.2.1 LOGIN=ann", "XFORWARD ADDR=192.0.2.1", "PROXY TCP4 192.0.2.1 192.0.2.2 1 25"):
            assert c.cmd(line)[0] in (500, 502, 503, 550)
        check(c, (MAIL, "250"), (RCPT, "250"))
        assert data(c, mails.plain())[0] == 250
    e = up.wait_event("accepted")
    assert e["client"] == "127.0.0.1" and "user" not in e
    got = open(up.sink.maildir + "/" + up.sink.wait_messages(1)[0]["file"], "rb").read()
    assert b"192.0.2" not in got


def test_p21_what_is_not_offered_is_refused(sink, postern):
    """5321 4.1.1.11: 555 for a parameter that is not in EHLO's reply: 6710
    MT-PRIORITY, 4865 HOLDFOR, 2852 BY, 8689 REQUIRETLS, 7293 RRVS, 3030
    BINARYMIME, 1845 TRANSID, and those that were switched off."""
    off = ["8BITMIME", "CHUNKING", "SMTPUTF8", "DSN", "MT-PRIORITY", "REQUIRETLS", "DELIVERBY"]
    p = postern(sink().port, listeners=[{"name": "local", "address": ["127.0.0.1:0"], "max_errors": 100,
                                         "disable": off, "max_hold": "off"}])
    with harness.Client(p.port) as c:
        texts = " ".join(c.open())
        assert not [x for x in off + ["FUTURERELEASE", "RRVS", "BINARYMIME"] if x in texts], texts
        for x in ("MT-PRIORITY=3", "HOLDFOR=60", "HOLDUNTIL=2036-01-01T00:00:00Z", "BY=100;R", "REQUIRETLS", "TRANSID=<x@y>",
                  "BODY=BINARYMIME", "BODY=8BITMIME", "BODY=7BIT", "SMTPUTF8", "RET=FULL", "ENVID=x", "SUBMITTER=a@b", "XYZ"):
            assert c.cmd(MAIL + " " + x)[0] in (555, 501), x
        check(c, (MAIL, "250"))
        for x in ("RRVS=2014-04-03T23:01:00Z", "NOTIFY=NEVER", "ORCPT=rfc822;a@b", "CONPERM", "XRCPTFORWARD=x"):
            check(c, (RCPT + " " + x, "555 5.5.4"))
        check(c, (RCPT, "250"), ("BDAT 3 LAST\r\nabc", "502"))
    p.stop()
