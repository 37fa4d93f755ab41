# SPDX-License-Identifier: Apache-2.0
"""Applications as they are: swaks, curl, msmtp, Python's smtplib."""
import hashlib
import shutil
import smtplib
import subprocess

import pytest

import certs
import harness
import mails


def need(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=program + " is not installed")


def by_swaks(port, content, tmp_path):
    file = tmp_path / "mail"
    file.write_bytes(content.replace(b"\r\n", b"\n")[:-1])  # swaks ends the last line itself
    subprocess.run(["swaks", "--silent", "1", "--server", "127.0.0.1:%d" % port, "--from", "app@example.com",
                    "--to", "ann@example.net", "--data", "@%s" % file], check=True, timeout=harness.LONG)


def by_curl(port, content, tmp_path):
    file = tmp_path / "mail"
    file.write_bytes(content)
    subprocess.run(["curl", "-sS", "smtp://127.0.0.1:%d" % port, "--mail-from", "app@example.com",
                    "--mail-rcpt", "ann@example.net", "-T", file], check=True, timeout=harness.LONG)


def by_msmtp(port, content, tmp_path):
    subprocess.run(["msmtp", "--host=127.0.0.1", "--port=%d" % port, "-f", "app@example.com", "--",
                    "ann@example.net"], input=content.replace(b"\r\n", b"\n"), check=True,
                   timeout=harness.LONG, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})


def by_smtplib(port, content, tmp_path):
    with smtplib.SMTP("127.0.0.1", port, timeout=harness.LONG) as s:
        s.sendmail("app@example.com", ["ann@example.net"], content)


@pytest.mark.parametrize("send", [pytest.param(by_swaks, marks=need("swaks")),
                                  pytest.param(by_curl, marks=need("curl")),
                                  pytest.param(by_msmtp, marks=need("msmtp")), by_smtplib])
def test_arrives_as_sent(send, sink, postern, tmp_path):
    s = sink()
    p = postern(s.port)
    content = mails.plain()
    send(p.port, content, tmp_path)
    m = s.wait_messages(1)[0]
    assert m["sender"] == "app@example.com"
    assert m["recipients"] == ["ann@example.net"]
    assert m["sha256_rest"] == hashlib.sha256(content).hexdigest()
    accepted = p.wait_event("accepted")
    delivered = p.wait_event("delivered")
    assert delivered["msg"] == accepted["msg"]
    assert delivered["provider"] == "p0"
    p.stop()
    assert s.stop()["messages"] == 1


def test_received_says_how_it_came(sink, postern):
    s = sink()
    p = postern(s.port)
    reply = harness.send_raw(p.port, mails.plain())
    m = s.wait_messages(1)[0]
    received, rest = harness.without_received(open(s.maildir + "/" + m["file"], "rb").read())
    assert rest == mails.plain()
    text = b" ".join(received.split()).decode()
    accepted = p.wait_event("accepted")
    assert text.startswith("Received: from client.test (")
    assert "127.0.0.1" in text
    assert "by postern.test" in text
    assert "with ESMTP id %s" % accepted["msg"] in text
    assert accepted["msg"] in reply
    assert "for <ann@example.net>" in text


def test_received_names_no_recipient_of_several(sink, postern):
    s = sink()
    p = postern(s.port)
    harness.send_raw(p.port, mails.plain(), recipients=("ann@example.net", "secret@example.net"))
    m = s.wait_messages(1)[0]
    received, _ = harness.without_received(open(s.maildir + "/" + m["file"], "rb").read())
    assert b"example.net" not in received


def test_a_thousand_messages_of_a_hundred_sessions(sink, postern, load):
    s = sink()
    p = postern(s.port)
    r = load(p.port, 1000, 100, "-s", "2000").result()
    assert r["acked"] == 1000 and r["nonsense"] == 0 and r["replies"] == {}
    s.wait_messages(1000)
    p.stop()
    n = s.stop()
    assert (n["different"], n["duplicates"], n["damaged"], n["foreign"]) == (1000, 0, 0, 0)


def test_many_messages_on_few_upstream_sessions(sink, postern, load):
    """Sessions are used again, and not more often than is allowed."""
    s = sink()
    p = postern(harness.provider(s.port, max_connections=2, max_messages_per_connection=20))
    r = load(p.port, 200, 10).result()
    assert r["acked"] == 200
    s.wait_messages(200)
    p.stop()
    n = s.stop()
    assert n["most_open"] <= 2
    assert max(m["nth"] for m in s.messages()) <= 20
    assert n["connections"] >= 10
    assert n["duplicates"] == 0


@pytest.mark.parametrize("without", ["", "PIPELINING", "CHUNKING", "PIPELINING,CHUNKING",
                                     "PIPELINING,CHUNKING,SIZE,8BITMIME,SMTPUTF8,DSN,ENHANCEDSTATUSCODES"])
def test_providers_that_offer_less(without, sink, postern, load):
    s = sink(*(["--disable", without] if without else []))
    p = postern(s.port)
    assert load(p.port, 100, 5).result()["acked"] == 100
    s.wait_messages(100)
    p.stop()
    n = s.stop()
    assert (n["different"], n["duplicates"], n["damaged"]) == (100, 0, 0)
    assert n["replies_5xx"] == 0


def test_tls_and_auth(sink, postern, tmp_path):
    """STARTTLS and implicit TLS, verified, with a login."""
    cert = certs.make(tmp_path, "cert", ["localhost"], "rsa")
    secret = harness.private(tmp_path / "secret", "s3cret word\n")
    for mode in ("starttls", "implicit"):
        for mechanism in ("auto", "plain", "login"):
            s = sink("--certificate", cert.certificate, "--key", cert.key, "--tls",
                     "required" if mode == "starttls" else "implicit", "--auth", "me:s3cret word")
            p = postern(dict(name="secure", host="127.0.0.1", port=s.port, tls="verify", tls_mode=mode,
                             tls_name="localhost", ca_file=cert.certificate, user="me", password_file=str(secret),
                             auth=mechanism))
            harness.send_raw(p.port, mails.plain())
            m = s.wait_messages(1)[0]
            assert m["tls"].startswith("TLSv1.")
            p.stop()
            assert "s3cret" not in "\n".join(r.err.text() for r in p.runs)
            s.stop()


def test_a_certificate_for_another_name_gets_nothing(sink, postern, tmp_path):
    """Neither mail nor password goes to a server that cannot be verified."""
    cert = certs.make(tmp_path, "cert", ["other.test"])
    secret = harness.private(tmp_path / "secret", "s3cret\n")
    s = sink("--certificate", cert.certificate, "--key", cert.key, "--auth", "me:s3cret")
    good = sink()
    p = postern(dict(name="wrong", host="127.0.0.1", port=s.port, tls="verify", tls_name="localhost",
                     ca_file=cert.certificate, user="me", password_file=str(secret)),
                harness.provider(good.port, name="second"))
    harness.send_raw(p.port, mails.plain())
    good.wait_messages(1)
    p.stop()
    assert s.stop()["messages"] == 0
