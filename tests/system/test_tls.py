# SPDX-License-Identifier: Apache-2.0
"""TLS of the applications' side: STARTTLS and from the first byte on, with
Python's ssl, openssl s_client and swaks as clients."""
import os
import shutil
import smtplib
import ssl
import subprocess

import pytest

import certs
import harness
import mails


@pytest.fixture
def cert(tmp_path):
    return certs.make(tmp_path, "mx")


def listener(tls="optional", **more):
    return [{"name": "local", "address": ["127.0.0.1:0"], "tls": tls, **more}]


def implicit(**more):
    return listener("required", tls_mode="implicit", **more)


def group(*all_certs, **more):
    return {"certificates": [c.group() for c in all_certs], **more}


def trusting(*all_certs, **more):
    """A context of a client that trusts these alone."""
    ctx = ssl.create_default_context()
    for c in all_certs:
        ctx.load_verify_locations(c.certificate)
    for k, v in more.items():
        setattr(ctx, k, v)
    return ctx


def shown(port, ctx, name):
    """The certificate that a client who asks for this name is shown."""
    with harness.Client(port) as c:
        c.open()
        c.starttls(ctx, name)
        return dict(x[0] for x in c.sock.getpeercert()["subject"])["commonName"]


# --- mail goes through -------------------------------------------------------------

@pytest.mark.parametrize("mode", ["starttls", "implicit"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_mail_arrives_identical(mode, version, sink, postern, cert):
    s = sink()
    p = postern(s.port, tls=group(cert), listeners=implicit() if mode == "implicit" else listener())
    ctx = trusting(cert, minimum_version=version, maximum_version=version)
    contents = [mails.plain(), mails.eight_bit(), mails.dots(), mails.mail("big", mails.lines_of(3 << 20))]
    if mode == "implicit":
        client = smtplib.SMTP_SSL("localhost", p.port, context=ctx, timeout=harness.LONG)
    else:
        client = smtplib.SMTP("localhost", p.port, timeout=harness.LONG)
        client.starttls(context=ctx)
    version_name, cipher = client.sock.version(), client.sock.cipher()[0]
    for x in contents:
        client.sendmail("app@example.com", ["ann@example.net"], x, mail_options=["BODY=8BITMIME"])
    client.quit()
    rows = s.wait_messages(len(contents))
    got = {}
    for row in rows:
        raw = open(os.path.join(s.maildir, row["file"]), "rb").read() if "file" in row else None
        assert raw is not None
        received, rest = harness.without_received(raw)
        got[rest] = b" ".join(received.split())
    assert set(got) == set(contents)
    for received in got.values():
        assert b"with ESMTPS (%s %s) id" % (version_name.encode(), cipher.encode()) in received
    e = p.wait_event("accepted", protocol="ESMTPS")
    assert e["tls"] == "%s %s" % (version_name, cipher)
    p.stop()


@pytest.mark.parametrize("mode,option", [("starttls", "-tls"), ("implicit", "-tlsc")])
def test_swaks(mode, option, sink, postern, cert):
    s = sink()
    p = postern(s.port, tls=group(cert), listeners=implicit() if mode == "implicit" else listener("required"))
    r = subprocess.run(["swaks", "--server", "127.0.0.1:%d" % p.port, option, "--tls-verify", "--tls-ca-path",
                        cert.certificate, "--tls-sni", "localhost", "--from", "app@example.com", "--to",
                        "ann@example.net"], capture_output=True, text=True, timeout=harness.LONG)
    assert r.returncode == 0, r.stdout
    s.wait_messages(1)
    p.stop()


# --- who is offered what -------------------------------------------------------------

def test_loopback_offers_none_by_itself(sink, postern, cert):
    """Applications verify certificates: none is made out to localhost."""
    s = sink()
    p = postern(s.port, tls=group(cert), listeners=[{"name": "local", "address": ["127.0.0.1:0"]}])
    with harness.Client(p.port) as c:
        assert "STARTTLS" not in c.open()
        assert c.cmd("STARTTLS")[0] == 502
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(1)
    p.stop()


def test_required_means_required(sink, postern, cert):
    p = postern(sink().port, tls=group(cert), listeners=listener("required"))
    with harness.Client(p.port) as c:
        assert "STARTTLS" in c.open()
        code, text = c.cmd("MAIL FROM:<a@example.com>")
        assert code == 530 and text[0].startswith("5.7.0")
        c.starttls(trusting(cert))
        assert "STARTTLS" not in c.cmd("EHLO client.test")[1]
        assert c.cmd("MAIL FROM:<a@example.com>")[0] == 250
    p.stop()


# --- what was said before TLS counts for nothing ----------------------------------------

INJECTED = b"EHLO evil.test\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<ann@example.net>\r\nDATA\r\nSubject: evil\r\n\r\n.\r\n"


@pytest.mark.parametrize("cut", [10, 11, 15, 26, 80, len(INJECTED) + 10])
def test_nothing_behind_starttls_is_heard(cut, sink, postern, cert):
    """All in one segment: thrown away.  In two: the second is no TLS."""
    s = sink()
    p = postern(s.port, tls=group(cert), listeners=listener())
    text = b"STARTTLS\r\n" + INJECTED
    with harness.Client(p.port) as c:
        c.open()
        c.send(text[:cut])
        if cut < len(text):
            code, _ = c.reply()
            assert code == 220
            c.send(text[cut:])
            assert b"250" not in c.file.read()
            e = p.wait_event("session.handshake")
            assert "no TLS" in e["text"]
        else:
            assert c.reply()[0] == 220
            c.secure(trusting(cert))
            assert c.cmd("MAIL FROM:<a@example.com>")[0] == 503
            assert c.cmd("NOOP")[0] == 250
    harness.send_raw(p.port, mails.plain())
    assert [m["sender"] for m in s.wait_messages(1)] == ["app@example.com"]
    assert not [e for e in p.events("accepted") if e["from"] == "evil@example.com"]
    p.stop()


# --- handshakes that fail -------------------------------------------------------------

def test_each_failure_is_told(sink, postern, cert):
    p = postern(sink().port, tls=group(cert), listeners=[
        *listener(), {**implicit(timeouts={"handshake": "200ms"})[0], "name": "smtps"}])
    port = {e["listener"]: int(e["address"].rsplit(":", 1)[1])
            for e in (p.wait_event("listening", listener=n) for n in ("local", "smtps"))}
    # SMTP in clear where TLS is spoken
    with harness.Client(port["smtps"]) as c:
        c.send("EHLO client.test\r\n")
        assert b"220" not in c.file.read()
    e = p.wait_event("session.handshake", listener="smtps", client="127.0.0.1")
    assert e["text"] == "TLS: what came is no TLS"
    # nothing at all
    mark = p.log.mark()
    with harness.Client(port["smtps"]) as c:
        assert c.is_closed()
    p.wait_event("session.handshake", since=mark, text="Nothing came for too long")
    # TLS where SMTP is spoken in clear
    with harness.Client(port["local"]) as c:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            c.secure(trusting(cert))
    p.wait_event("session.stranger", listener="local")
    # a client that trusts others
    mark = p.log.mark()
    with harness.Client(port["local"]) as c:
        c.open()
        with pytest.raises(ssl.SSLError):
            c.starttls(ssl.create_default_context())
    e = p.wait_event("session.handshake", since=mark, listener="local")
    assert "unknown ca" in e["text"]
    # one that is too old
    mark = p.log.mark()
    r = s_client(port["local"], "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert r is None
    p.wait_event("session.handshake", since=mark, text="TLS: unsupported protocol")
    p.stop()


def test_stalled_handshakes_stop_nobody(sink, postern, cert):
    s = sink()
    p = postern(s.port, tls=group(cert), listeners=implicit(timeouts={"handshake": "2s"}))
    stalled = [harness.Client(p.port) for _ in range(100)]
    for i, c in enumerate(stalled):
        c.send(b"\x16\x03\x01\x02\x00\x01\x00"[:i % 8])
    client = smtplib.SMTP_SSL("localhost", p.port, context=trusting(cert), timeout=harness.LONG)
    client.sendmail("app@example.com", ["ann@example.net"], mails.plain())
    client.quit()
    s.wait_messages(1)
    p.wait_event("session.handshake", n=100)
    for c in stalled:
        assert c.is_closed()
        c.close()
    p.stop()


# --- versions and ciphers ---------------------------------------------------------------

def s_client(port, *options):
    """What openssl negotiates: "TLSv1.2 ECDHE-...", or None."""
    r = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-starttls", "smtp", "-brief",
                        *options], input="QUIT\r\n", capture_output=True, text=True, timeout=harness.LONG)
    found = {k: v for k, _, v in (x.partition(": ") for x in r.stderr.splitlines())}
    if "Protocol version" not in found:
        return None
    return found["Protocol version"] + " " + found["Ciphersuite"]


WEAK = ":@SECLEVEL=0"


def test_what_is_offered_by_default(sink, postern, tmp_path):
    ec, rsa = certs.make(tmp_path, "ec"), certs.make(tmp_path, "rsa", kind="rsa")
    p = postern(sink().port, tls=group(ec, rsa), listeners=listener())
    assert s_client(p.port) == "TLSv1.3 TLS_AES_256_GCM_SHA384"
    for cipher in ("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"):
        assert s_client(p.port, "-tls1_2", "-cipher", cipher) == "TLSv1.2 " + cipher
    # the server's order wins
    assert s_client(p.port, "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384") == \
        "TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384"
    for refused in (["-tls1_1", "-cipher", "ALL" + WEAK], ["-tls1", "-cipher", "ALL" + WEAK],
                    ["-tls1_2", "-cipher", "kRSA" + WEAK], ["-tls1_2", "-cipher", "kDHE" + WEAK],
                    ["-tls1_2", "-cipher", "SHA1:SHA256:SHA384:!AESGCM:!CHACHA20" + WEAK],
                    ["-tls1_2", "-cipher", "aNULL" + WEAK], ["-tls1_2", "-cipher", "AESCCM" + WEAK]):
        assert s_client(p.port, *refused) is None, refused
    p.stop()


def test_more_by_key(sink, postern, tmp_path):
    rsa = certs.make(tmp_path, "rsa", kind="rsa")
    p = postern(sink().port, listeners=listener(), tls=group(
        rsa, ciphers="ECDHE+AESGCM:DHE-RSA-AES256-SHA256", ciphersuites="TLS_CHACHA20_POLY1305_SHA256"))
    assert s_client(p.port, "-tls1_2", "-cipher", "DHE-RSA-AES256-SHA256") == "TLSv1.2 DHE-RSA-AES256-SHA256"
    assert s_client(p.port) == "TLSv1.3 TLS_CHACHA20_POLY1305_SHA256"
    p.settings["tls"]["min_version"] = "1.3"
    p.wait_event("reloaded", since=p.reload())
    assert s_client(p.port, "-tls1_2") is None
    assert s_client(p.port) == "TLSv1.3 TLS_CHACHA20_POLY1305_SHA256"
    p.stop()


def test_old_devices(sink, postern, cert):
    """TLS 1.0 and old ciphers for those who are named, and for nobody else."""
    old = ["-tls1", "-cipher", "ALL" + WEAK]
    p = postern(sink().port, tls=group(cert), listeners=listener(
        lenient=["old-tls"], lenient_networks=["127.0.0.0/8"]))
    assert s_client(p.port, *old).startswith("TLSv1 ")
    p.wait_event("lenient", client="127.0.0.1")
    assert s_client(p.port, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA" + WEAK) == \
        "TLSv1.2 ECDHE-ECDSA-AES256-SHA"
    p.wait_event("lenient", n=2)
    mark = p.log.mark()
    assert s_client(p.port) == "TLSv1.3 TLS_AES_256_GCM_SHA384"
    p.settings["listeners"][0]["lenient_networks"] = ["192.0.2.7"]
    p.wait_event("reloaded", since=p.reload())
    assert s_client(p.port, *old) is None
    p.wait_event("session.handshake", since=mark)
    assert len(p.events("lenient")) == 2
    p.stop()


def test_nothing_is_renegotiated(sink, postern, cert):
    p = postern(sink().port, tls=group(cert), listeners=listener())
    r = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % p.port, "-starttls", "smtp", "-tls1_2",
                        "-crlf"], input="R\n", capture_output=True, text=True, timeout=harness.LONG)
    assert "Compression: NONE" in r.stdout
    assert "Secure Renegotiation IS supported" in r.stdout
    assert "RENEGOTIATING" in r.stderr + r.stdout
    assert "no renegotiation" in r.stderr
    p.stop()


# --- certificates ------------------------------------------------------------------------

def test_a_name_chooses_the_certificate(sink, postern, tmp_path):
    first = certs.make(tmp_path, "first")
    second = certs.make(tmp_path, "second", ["two.test", "*.wild.test"], kind="rsa")
    p = postern(sink().port, tls=group(first, second), listeners=listener())
    ctx = trusting(first, second)
    assert shown(p.port, ctx, "postern.test") == "first"
    assert shown(p.port, ctx, "two.test") == "second"
    assert shown(p.port, ctx, "x.wild.test") == "second"
    ctx.check_hostname = False
    assert shown(p.port, ctx, "unknown.test") == "first"
    p.stop()


def test_new_certificates_and_old_sessions(sink, postern, tmp_path):
    old, new = certs.make(tmp_path, "old"), certs.make(tmp_path, "new")
    live = certs.Cert(tmp_path, "live")
    s = sink()
    for a, b in ((old.certificate, live.certificate), (old.key, live.key)):
        shutil.copy(a, b)
    p = postern(s.port, tls=group(live), listeners=listener())
    with harness.Client(p.port) as c:
        c.open()
        c.starttls(trusting(old))
        assert c.cmd("EHLO client.test")[0] == 250
        assert c.cmd("MAIL FROM:<app@example.com>")[0] == 250
        for a, b in ((new.certificate, live.certificate), (new.key, live.key)):
            shutil.copy(a, b)
        p.wait_event("reloaded", since=p.reload())
        assert shown(p.port, trusting(new), "postern.test") == "new"
        # a key that does not fit changes nothing
        shutil.copy(old.key, live.key)
        mark = p.reload()
        p.wait_event("reload.failed", since=mark)
        assert shown(p.port, trusting(new), "postern.test") == "new"
        assert c.cmd("RCPT TO:<ann@example.net>")[0] == 250
        assert c.cmd("DATA")[0] == 354
        c.send(mails.plain() + b".\r\n")
        assert c.reply()[0] == 250
        assert c.cmd("QUIT")[0] == 221
    s.wait_messages(1)
    p.stop()


def test_an_expired_certificate_is_told(sink, postern, tmp_path):
    old = certs.expire(certs.make(tmp_path, "old"))
    p = postern(sink().port, tls=group(old), listeners=listener())
    e = p.wait_event("config.warning")
    assert "old.pem has expired on" in e["text"]
    p.stop()


# --- tickets ---------------------------------------------------------------------------

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_tickets_hold_in_each_thread_and_after_a_reload(version, sink, postern, cert):
    p = postern(sink().port, tls=group(cert), listeners=listener(), inlet_threads=3)
    ctx = trusting(cert, minimum_version=version, maximum_version=version)
    session, held = None, []
    for i in range(6):
        c = harness.Client(p.port)
        held.append(c)  # so that the next one goes to another thread
        c.open()
        c.starttls(ctx, session=session)
        assert c.sock.session_reused == (i > 0)
        assert c.cmd("EHLO client.test")[0] == 250
        session = c.sock.session
        if i == 3:
            p.wait_event("reloaded", since=p.reload())
    for c in held:
        c.close()
    p.stop()
    p.start()
    with harness.Client(p.port) as c:
        c.open()
        c.starttls(ctx, session=session)
        assert not c.sock.session_reused  # the keys were never written
    p.stop()


# --- many ----------------------------------------------------------------------------------

@pytest.mark.skipif(harness.SANITIZED, reason="sanitizers have memory of their own")
def test_an_idle_session_is_small(sink, postern, cert):
    """40 KiB of anonymous memory each, the client's not counted."""
    n = 300
    p = postern(sink().port, tls=group(cert), listeners=listener())
    ctx = trusting(cert)
    held = []
    with harness.Client(p.port) as c:  # what is needed once
        c.open()
        c.starttls(ctx)
        c.cmd("EHLO client.test")
    before = p.rss_anon_kib()
    for _ in range(n):
        c = harness.Client(p.port)
        c.open()
        c.starttls(ctx)
        assert c.cmd("EHLO client.test")[0] == 250
        held.append(c)
    assert (p.rss_anon_kib() - before) / n < 40
    for c in held:
        c.close()
    p.stop()
