# SPDX-License-Identifier: Apache-2.0
"""TLS to providers: whatever is wrong with it is the provider's trouble, told
in words that say what to do; no password leaves, and mail goes another way."""
import base64
import ssl
import threading

import pytest

import certs
import harness
import mails

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of TLS 1.0

PASSWORD = "correct horse battery"
SHORT = dict(timeouts={"connect": "5s", "banner": "5s", "command": "5s", "starttls": "1s"},
             breaker={"failures": 1, "open": "1m", "open_max": "1m"})


class Provider(harness.Rude):
    """A server with STARTTLS that keeps all that it hears.  behind: what it
    says behind its 220, in clear.  offers: in its EHLO."""

    def __init__(self, context=None, behind="", offers=("STARTTLS",), hang=False, pause=False,
                 refuse=False):
        self.context, self.behind, self.offers = context, behind, offers
        self.hang, self.pause, self.refuse = hang, pause, refuse
        self.ended = []
        self.heard, self.lock = b"", threading.Lock()
        super().__init__(self.serve)

    def listen(self, file):
        line = file.readline()
        with self.lock:
            self.heard += line
        if not line:
            raise EOFError
        return line

    def serve(self, s):
        s.say("220 provider.test\r\n")
        while True:
            verb = self.listen(s.file)[:4].upper()
            if verb == b"EHLO":
                lines = ["provider.test"] + list(self.offers)
                s.say("".join("250%s%s\r\n" % ("-" if x is not lines[-1] else " ", x) for x in lines))
            elif verb == b"STAR":
                self.start(s)
                return
            else:
                self.answer(verb, s.file, s.sock)

    def start(self, s):
        if self.refuse:
            s.say("454 4.7.0 not now\r\n")
            self.take(s.file, s.sock)
            return
        s.say("220 go on\r\n" + ("" if self.pause else self.behind))
        if self.pause:  # until the handshake has begun
            s.sock.recv(1)
            s.say(self.behind)
        if self.hang or self.behind:
            s.wait_close()
            return
        t = self.context.wrap_socket(s.sock, server_side=True)
        self.ended.append((t.version(), t.cipher()[0], t.getpeercert(True) is not None, t.session_reused))
        self.take(t.makefile("rb"), t)

    def take(self, file, sock):
        while True:
            self.answer(self.listen(file)[:4].upper(), file, sock)

    def answer(self, verb, file, sock):
        """What comes behind the greeting, in clear or not."""
        if verb == b"DATA":
            sock.sendall(b"354 go on\r\n")
            while self.listen(file) != b".\r\n":
                pass
        if verb == b"EHLO":
            sock.sendall(b"250-provider.test\r\n250 AUTH PLAIN LOGIN\r\n")
        elif verb == b"QUIT":
            sock.sendall(b"221 bye\r\n")
            raise EOFError
        else:
            sock.sendall(b"250 2.0.0 fine\r\n")


def context_of(cert):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(cert.certificate, cert.key)
    return c


def only_10(cert):
    c = context_of(cert)
    c.set_ciphers("ALL:@SECLEVEL=0")
    c.minimum_version = c.maximum_version = ssl.TLSVersion.TLSv1
    return c


INJECTED = "250-provider.test\r\n250 AUTH PLAIN LOGIN\r\n235 2.7.0 welcome\r\n"


@pytest.fixture
def faults(made, tmp_path):
    """Name: (server, settings, words of its error)."""
    good = certs.make(tmp_path, "good")
    other = certs.make(tmp_path, "other", names=("a.example", "b.example"))
    expired = certs.expire(certs.make(tmp_path, "expired"))
    early = certs.early(certs.make(tmp_path, "early"), tmp_path)
    signed = certs.make(tmp_path, "signed", issuer=certs.make(tmp_path, "Some_CA"))
    alone = certs.make(tmp_path, "alone")
    own = dict(ca_file=good.certificate)
    rows = {
        "expired": (Provider(context_of(expired)), dict(ca_file=expired.certificate),
                    ["certificate of localhost expired 24 hours ago (20", "the provider has to renew it"]),
        "early": (Provider(context_of(early)), dict(ca_file=early.certificate),
                  ["certificate of localhost is not valid yet", "is the clock of this machine right?"]),
        "name": (Provider(context_of(other)), dict(ca_file=other.certificate),
                 ["certificate is not for localhost but for a.example, b.example; ", "tls_name"]),
        "alone": (Provider(context_of(alone)), own,
                  ["certificate of localhost is self-signed", 'pins = [ "%s" ];' % certs.pin(alone)]),
        "ca": (Provider(context_of(signed)), own,
               ["signed by Some_CA, not known here; write ca_file", certs.pin(signed)]),
        "system": (Provider(context_of(signed)), {}, ["signed by Some_CA, not known here"]),
        "stripped": (Provider(offers=("AUTH PLAIN LOGIN",)), own, ["does not offer STARTTLS; nothing is sent"]),
        "injected": (Provider(behind=INJECTED), own, ["response injection"]),
        "late": (Provider(behind=INJECTED, pause=True), own, ["what localhost says is no TLS"]),
        "old": (Provider(only_10(good)), own, ["TLS: localhost speaks no version from 1.2 on"]),
        "hang": (Provider(hang=True), own, ["the TLS handshake took too long"]),
    }
    made.extend(row[0] for row in rows.values())
    return rows


def test_each_fault_is_told_and_costs_no_password_and_no_mail(faults, sink, postern, tmp_path):
    secret = harness.private(tmp_path / "secret", PASSWORD + "\n")
    good = sink()
    providers = [dict(name=name, host="127.0.0.1", port=server.port, tls_name="localhost", user="me",
                      password_file=str(secret), **SHORT, **more) for name, (server, more, _) in faults.items()]
    p = postern(*providers, harness.provider(good.port, name="good"),
                routes=[{"name": n, "match": {"recipient": [n + "@example.net"]}, "use": [n, "good"]}
                        for n in faults] + [{"name": "default", "use": ["good"]}])
    harness.send_raw(p.port, mails.plain(), recipients=["%s@example.net" % n for n in faults])
    p.wait_event("delivered", n=len(faults))
    told = {e["provider"]: e for e in p.events("provider.trouble") + p.events("provider.alert")}
    assert {e["provider"] for e in p.events("delivered")} == {"good"}
    p.stop()
    assert good.stop()["messages"] == len(faults), "a bounce, or a duplicate"
    for name, (server, _, words) in faults.items():
        assert all(w in told[name]["text"] for w in words), (name, told[name])
        assert told[name]["class"] == ("net" if name in ("injected", "hang") else "tls"), told[name]
        assert b"AUTH" not in server.heard and b"MAIL" not in server.heard, (name, server.heard)
        assert base64.b64encode(PASSWORD.encode())[:8] not in server.heard


def test_opportunistic_tls_is_taken_where_it_can_be_had(made, sink, postern, tmp_path):
    """And mail goes in clear where it cannot."""
    cert = certs.expire(certs.make(tmp_path, "cert"))
    servers = {
        "has": Provider(context_of(cert)),
        "lacks": Provider(offers=()),
        "refuses": Provider(refuse=True),
        "breaks": Provider(only_10(cert)),
    }
    made.extend(servers.values())
    p = postern(*[dict(name=n, host="127.0.0.1", port=s.port, tls="opportunistic", max_connections=1, **SHORT)
                  for n, s in servers.items()],
                routes=[{"name": n, "match": {"recipient": [n + "@example.net"]}, "use": [n]}
                        for n in servers] + [{"name": "default", "use": ["has"]}])
    for _ in range(2):
        harness.send_raw(p.port, mails.plain(), recipients=["%s@example.net" % n for n in servers])
    p.wait_event("delivered", n=8)
    assert {(e["provider"]) for e in p.events("provider.clear")} == {"breaks"}
    assert "speaks no version from 1.2 on" in p.events("provider.clear")[0]["text"]
    assert not p.events("provider.alert")
    p.stop()
    assert servers["has"].ended and not servers["breaks"].ended
    assert servers["breaks"].heard.count(b"STARTTLS") == 1, "each session tries TLS again"
    assert servers["refuses"].heard.count(b"MAIL FROM") == servers["lacks"].heard.count(b"MAIL FROM") == 2


def test_pins_versions_ciphers_a_certificate_of_ours_and_resumption(made, postern, tmp_path):
    alone, ca = certs.make(tmp_path, "alone"), certs.make(tmp_path, "our_ca")
    mine = certs.make(tmp_path, "mine", issuer=ca)
    asks = context_of(alone)
    asks.verify_mode = ssl.CERT_REQUIRED
    asks.load_verify_locations(ca.certificate)
    twelve = context_of(alone)
    twelve.maximum_version = ssl.TLSVersion.TLSv1_2
    servers = {"asks": Provider(asks), "twelve": Provider(twelve), "old": Provider(twelve), "pinned": Provider(asks)}
    made.extend(servers.values())
    own = dict(pins=["A" * 43 + "=", certs.pin(alone)])
    more = {
        "asks": dict(certificate=mine.certificate, key=mine.key, ciphersuites="TLS_AES_128_GCM_SHA256", **own),
        "twelve": dict(ciphers="ECDHE-ECDSA-AES128-GCM-SHA256", max_recipients=1, max_connections=1,
                       max_messages_per_connection=1, **own),
        "old": dict(min_version="1.3", **own),
        "pinned": dict(pins=[certs.pin(ca)]),
    }
    p = postern(*[dict(name=n, host="127.0.0.1", port=s.port, **SHORT, **more[n]) for n, s in servers.items()],
                routes=[{"name": n, "match": {"recipient": ["*@%s.net" % n]}, "use": [n]}
                        for n in ("asks", "twelve")] +
                       [{"name": "default", "use": ["old", "pinned", "asks"]}])
    harness.send_raw(p.port, mails.plain(), recipients=["a@asks.net", "a@twelve.net", "b@twelve.net", "a@example.net"])
    p.wait_event("delivered", n=4)
    told = {e["provider"]: e["text"] for e in p.events("provider.alert")}
    p.stop()
    assert servers["asks"].ended[0] [:3] == ("TLSv1.3", "TLS_AES_128_GCM_SHA256", True)
    assert [x[:2] for x in servers["twelve"].ended] == [("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256")] * 2
    assert [x[3] for x in servers["twelve"].ended] == [False, True], "the second session is not resumed"
    assert 'speaks no version from 1.3 on; ask for a newer server, or write min_version = "1.2";' in told["old"]
    assert 'none of pins; if it has a new one that you know, write pins = [ "%s" ];' % certs.pin(alone) in told["pinned"]
