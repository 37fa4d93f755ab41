# SPDX-License-Identifier: Apache-2.0
"""REQUIRETLS (RFC 8689): TLS all the way, or not at all."""
import ssl

import pytest

import certs
import harness
import mails


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    c = certs.make(tmp_path_factory.mktemp("certificate"), "cert", ["localhost"])
    return c.certificate, c.key


def content_of(s, m):
    return open(s.maildir + "/" + m["file"], "rb").read()


class Secure:
    """A session under TLS with a listener of Postern."""

    def __init__(self, port):
        self.c = harness.Client(port)
        self.c.open()
        assert self.c.cmd("STARTTLS")[0] == 220
        context = ssl._create_unverified_context()
        self.c.sock = context.wrap_socket(self.c.sock)
        self.c.file = self.c.sock.makefile("rb")
        code, texts = self.c.cmd("EHLO client.test")
        assert code == 250
        self.said = texts[1:]

    def send(self, content, sender="app@example.com", recipients=("ann@example.net",), options=""):
        c = self.c
        assert c.cmd("MAIL FROM:<%s>%s" % (sender, options))[0] == 250
        for r in recipients:
            assert c.cmd("RCPT TO:<%s>" % r)[0] == 250
        assert c.cmd("DATA")[0] == 354
        c.send(content + b".\r\n")
        assert c.reply()[0] == 250

    def close(self):
        self.c.close()


def secure_provider(port, cert, name="secure"):
    return dict(name=name, host="127.0.0.1", port=port, tls="verify", tls_name="localhost", ca_file=cert)


def secure_postern(postern, certificate, *providers, **more):
    cert, key = certificate
    return postern(*providers, listeners=[{"name": "local", "address": ["127.0.0.1:0"], "tls": "optional"}],
                   tls={"certificates": [{"certificate": cert, "key": key}]}, **more)


def test_requiretls_goes_to_those_that_offer_it(sink, postern, certificate):
    cert, key = certificate
    clear, lacking = sink(), sink("--certificate", cert, "--key", key)
    good = sink("--certificate", cert, "--key", key, "--offer", "REQUIRETLS")
    p = secure_postern(postern, certificate, harness.provider(clear.port, name="clear"),
                       secure_provider(lacking.port, cert, "lacking"), secure_provider(good.port, cert, "good"))
    c = Secure(p.port)
    assert "REQUIRETLS" in c.said
    c.send(mails.plain(), options=" REQUIRETLS")
    m = good.wait_messages(1)[0]
    assert "REQUIRETLS" in m["parameters"].split() and m["tls"].startswith("TLSv1.")
    c.send(mails.plain())
    clear.wait_messages(1)
    c.close()
    p.stop()
    assert clear.stop()["messages"] == 1
    assert lacking.stop()["messages"] == 0


def test_requiretls_is_bounced_when_nobody_offers_it(sink, postern, certificate):
    """5.7.30; the report has the header only, and goes although nobody offers
    REQUIRETLS (RFC 8689 5)."""
    cert, key = certificate
    s = sink("--certificate", cert, "--key", key)
    p = secure_postern(postern, certificate, secure_provider(s.port, cert))
    c = Secure(p.port)
    c.send(mails.plain(), options=" REQUIRETLS RET=FULL")
    m = s.wait_messages(1)[0]
    assert (m["sender"], m["recipients"][0].split()[0]) == ("", "app@example.com")
    assert "REQUIRETLS" not in m["parameters"]
    text = content_of(s, m)
    assert b"Status: 5.7.30" in text and b"text/rfc822-headers" in text and b"Hello." not in text
    assert p.wait_event("bounced")["enhanced"] == "5.7.30"
    c.close()
    p.stop()


def test_the_bounce_of_requiretls_keeps_it(sink, postern, certificate):
    cert, key = certificate
    s = sink("--certificate", cert, "--key", key, "--offer", "REQUIRETLS", "--reply",
             "rcpt<bad@example.net>=550:5.1.1:nobody")
    p = secure_postern(postern, certificate, secure_provider(s.port, cert))
    c = Secure(p.port)
    c.send(mails.plain(), recipients=["bad@example.net"], options=" REQUIRETLS RET=FULL")
    m = s.wait_messages(1)[0]
    assert m["sender"] == "" and "REQUIRETLS" in m["parameters"].split()
    assert b"Hello." not in content_of(s, m)
    c.close()
    p.stop()


def test_requiretls_waits_for_one_that_is_away(sink, postern, certificate):
    cert, key = certificate
    port = harness.free_port()
    clear = sink()
    p = secure_postern(postern, certificate, harness.provider(clear.port, name="clear"),
                       secure_provider(port, cert))
    c = Secure(p.port)
    c.send(mails.plain(), options=" REQUIRETLS")
    assert p.wait_event("parked")["reason"] == "requiretls"
    c.close()
    away = sink("--certificate", cert, "--key", key, "--offer", "REQUIRETLS", port=port)
    away.wait_messages(1)
    p.stop()
    assert clear.stop()["messages"] == 0
