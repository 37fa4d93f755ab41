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

PASSWORD = "correct horse battery"
SHORT = dict(timeouts={"connect": "5s", "banner": "5s", "command": "5s", "starttls": "1s"},
             breaker={"failures": 1, "open": "1m", "open_max": "1m"})


class Provider(harness.Rude):
    """A server with STARTTLS that keeps all that it hears.  behind: what it
    says behind its 220, in clear.  offers: in its EHLO."""

    def __init__(self, context=None, behind="", offers=("STARTTLS",), hang=False, pause=False):
        self.context, self.behind, self.offers = context, behind, offers
        self.hang, self.pause = hang, pause
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
                s.say("221 bye\r\n")
                return

    def start(self, s):
        s.say("220 go on\r\n" + ("" if self.pause else self.behind))
        if self.pause:  # until the handshake has begun
            s.sock.recv(1)
            s.say(self.behind)
        if self.hang or self.behind:
            s.wait_close()
            return
        t = self.context.wrap_socket(s.sock, server_side=True)
        file = t.makefile("rb")
        while True:
            self.listen(file)
            t.sendall(b"250-provider.test\r\n250 AUTH PLAIN LOGIN\r\n")


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


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_each_fault_is_told_and_costs_no_password_and_no_mail(faults, sink, postern, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
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
