# SPDX-License-Identifier: Apache-2.0
"""When a provider that was left alone is asked again: by the times of what is
wrong with it, and at once when an operator says that it was mended."""
import pytest

import certs
import harness
import mails

MINUTE_US = 60 * 1000000
LATE_US = 30 * 1000000  # 0.3 s of a busy machine
# minutes of the first opening, doubled each time; what an attempt is at the sink
TABLE = {
    "certificate": (1, lambda e: e["event"] == "connected"),
    "login": (5, lambda e: e["event"] == "refused" and e["verb"] == "AUTH"),
    "suspended": (15, lambda e: e["event"] == "refused" and e["verb"] == "MAIL"),
}


class World:
    """Accounts that a person has to mend, each with a route of its own and a
    healthy one behind it."""

    def __init__(self, sink, postern, tmp_path, env=None, **others):
        self.certs = [certs.make(tmp_path, "stranger", names=("other.example",)), certs.make(tmp_path, "own")]
        ca = tmp_path / "ca.pem"
        ca.write_text("".join(open(c.certificate).read() for c in self.certs))
        self.secret = tmp_path / "secret"
        self.write_secret("secret")
        login = 'rules = ( { stage = "auth"; action = "535:5.7.8:Bad credentials"; } );'
        blocked = 'rules = ( { stage = "mail"; action = "550:5.7.1:Your account has been suspended"; } );'
        new = lambda *options, **kw: sink(*options, env=env, maildir=None, **kw)
        self.sinks = {"certificate": new("--tls", "starttls", script=self.shown(0)),
                      "login": new("--auth", "me:secret", script=login), "suspended": new(script=blocked)}
        more = {"certificate": dict(tls="verify", tls_name="postern.test", ca_file=str(ca)),
                "login": dict(user="me", password_file=str(self.secret), allow_clear_auth=True)}
        self.good = new()
        rows = [harness.provider(s.port, name=n, **more.get(n, {})) for n, s in self.sinks.items()]
        rows += [harness.provider(name=n, **x) for n, x in others.items()]
        self.names = [x["name"] for x in rows]
        routes = [{"name": n, "match": {"recipient": ["*@%s.test" % n]}, "use": [n, "good"]} for n in self.names]
        self.p = postern(*rows, harness.provider(self.good.port, name="good"),
                         routes=routes + [{"name": "default", "use": ["good"]}], start=False)
        self.p.start(env=env)

    def write_secret(self, text):
        harness.private(self.secret, text + "\n")

    def shown(self, i):
        c = self.certs[i]
        return 'certificates = ( { certificate = "%s"; key = "%s"; } );' % (c.certificate, c.key)

    def mend(self, name):
        """When, by the sink's clock."""
        return self.sinks[name].read_again(self.shown(1) if name == "certificate" else "")["us"]

    def send(self, name):
        """Who delivered it."""
        mark = self.p.log.mark()
        harness.send_raw(self.p.port, mails.plain(), recipients=["ann@%s.test" % name])
        return self.p.wait_event("delivered", since=mark, rcpt="ann@%s.test" % name)["provider"]

    def attempts(self, name):
        return [e["us"] for e in self.sinks[name].events() if TABLE[name][1](e)]


def test_a_reload_asks_at_once(sink, postern, tmp_path):
    """Whatever was in the way, and however long it would be left alone."""
    hung, nobody = sink("--reply", "banner=hang", maildir=None), harness.free_port()
    long = {"breaker": {"failures": 1, "open": "1h", "open_max": "1h"}, "timeouts": {"banner": "1s"}}
    w = World(sink, postern, tmp_path, hung=dict(port=hung.port, **long), refused=dict(port=nobody, **long))
    w.write_secret("wrong")
    w.sinks["login"].read_again("")
    w.p.wait_event("reloaded", since=w.p.reload())
    for name in w.names:
        assert w.send(name) == "good"
        w.p.wait_event("provider.down", provider=name)
    hung.stop()
    back = {"hung": sink(maildir=None, port=hung.port), "refused": sink(maildir=None, port=nobody)}
    w.mend("certificate")
    w.mend("suspended")
    w.write_secret("secret")
    for name in w.names:
        assert w.send(name) == "good", "nobody has said that it was mended"
    mark = w.p.reload()
    for name in w.names:
        if name != "login":  # a session without a message asks first; who has a new password is nobody of before
            w.p.wait_event("provider.up", since=mark, provider=name)
    for name in w.names:
        assert w.send(name) == name
    w.p.stop()
    for s in list(back.values()) + list(w.sinks.values()):
        assert s.stop()["messages"] == 1


@pytest.mark.clock
@pytest.mark.skipif("POSTERN_LONG" not in harness.os.environ, reason="takes minutes")
def test_what_a_person_must_mend_is_asked_less_and_less(sink, postern, tmp_path):
    """And has its mail again after the time that is left, without anybody's word."""
    w = World(sink, postern, tmp_path, env=harness.shared_clock(100))
    for name in w.names:
        assert w.send(name) == "good"
    for i in range(2):  # a session without a message gets through: the next one tells
        w.p.wait_event("provider.up", n=i + 1, provider="suspended")
        assert w.send("suspended") == "good"
    mended = {name: w.mend(name) for name in w.names}
    for name, (minutes, _) in TABLE.items():
        tried = [us for us in w.attempts(name) if us < mended[name]]
        gaps = [b - a for a, b in zip(tried, tried[1:])]
        print("%-11s tried again after %s minutes" % (name, ", ".join("%.1f" % (g / MINUTE_US) for g in gaps)))
        assert len(gaps) >= 2
        for i, gap in enumerate(gaps):
            length = min(60, minutes << i) * MINUTE_US
            assert 0.8 * length <= gap <= 1.2 * length + LATE_US, (name, gaps)
    for name, (minutes, _) in TABLE.items():
        w.p.wait_event("provider.up", n=3 if name == "suspended" else 1, provider=name, timeout=2 * harness.LONG)
        assert w.send(name) == name
    w.p.stop()
    assert not w.p.runs[-1].err.text().count("event=bounced")
    for s in w.sinks.values():
        assert s.stop()["messages"] == 1
