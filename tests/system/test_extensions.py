# SPDX-License-Identifier: Apache-2.0
"""What a client may ask for besides delivery, as it shows at the provider and
in bounces: MT-PRIORITY (RFC 6710), FUTURERELEASE (RFC 4865), LIMITS (RFC
9422), BINARYMIME (RFC 3030); TLS-Required (RFC 8689 3)."""
import base64
import datetime
import re

import pytest

import harness
import mails


# of a user, and its crypt(3)
PASSWORD = (b"app's own", "$5$saltstring$UIy5LnaQoXAM/fK7HrylZ2C9tc5tiYPYWoDY/ix0dtC")


def content_of(s, m):
    return open(s.maildir + "/" + m["file"], "rb").read()


def keywords(texts):
    return {t.split()[0]: t for t in texts[1:]}


# --- what EHLO says ---------------------------------------------------------------

def test_ehlo_tells_what_is_true(sink, postern):
    p = postern(sink().port, listeners=[{"name": "local", "address": ["127.0.0.1:0"], "max_recipients": 123,
                                         "max_messages": 4, "max_hold": "2h"}])
    with harness.Client(p.port) as c:
        said = keywords(c.open())
    assert said["LIMITS"] == "LIMITS RCPTMAX=123 MAILMAX=4"
    assert said["MT-PRIORITY"] == "MT-PRIORITY"
    word, seconds, until = said["FUTURERELEASE"].split()
    until = datetime.datetime.strptime(until, "%Y-%m-%dT%H:%M:%SZ")
    assert seconds == "7200"
    assert abs((until - datetime.datetime.utcnow()).total_seconds() - 7200) < 60
    assert "REQUIRETLS" not in said, "in clear"
    p.stop()


def test_what_is_switched_off_is_refused(sink, postern):
    p = postern(sink().port, listeners=[{"name": "local", "address": ["127.0.0.1:0"], "max_hold": "off",
                                         "disable": ["MT-PRIORITY", "LIMITS", "REQUIRETLS"]}])
    with harness.Client(p.port) as c:
        said = keywords(c.open())
        assert not {"LIMITS", "MT-PRIORITY", "FUTURERELEASE", "REQUIRETLS"} & set(said)
        for parameter in ("MT-PRIORITY=1", "HOLDFOR=1", "HOLDUNTIL=2030-01-01T00:00:00Z", "REQUIRETLS"):
            assert c.cmd("MAIL FROM:<app@example.com> " + parameter)[0] == 555, parameter
    p.stop()


# --- MT-PRIORITY -------------------------------------------------------------------

def test_a_priority_goes_on_to_a_provider_that_offers_it(sink, postern):
    s = sink("--offer", "MT-PRIORITY")
    p = postern(s.port)
    text = harness.send_raw(p.port, mails.plain(), options=("MT-PRIORITY=-4",))
    assert text.startswith("2.0.0 queued as ")
    m = s.wait_messages(1)[0]
    assert "MT-PRIORITY=-4" in m["parameters"].split()
    received, rest = harness.without_received(content_of(s, m))
    assert re.search(rb"\sPRIORITY -4;", received)
    assert p.wait_event("accepted")["priority"] == "-4"
    harness.send_raw(p.port, mails.plain())
    m = s.wait_messages(2)[1]
    assert "MT-PRIORITY" not in m["parameters"]
    assert b"PRIORITY" not in harness.without_received(content_of(s, m))[0]
    p.stop()


def test_a_report_has_the_priority_of_its_message(sink, postern):
    s = sink("--offer", "MT-PRIORITY", "--reply", "rcpt<bad@example.net>=550:5.1.1:nobody")
    p = postern(s.port)
    harness.send_raw(p.port, mails.plain(), recipients=["bad@example.net"], options=("MT-PRIORITY=-4",))
    m = s.wait_messages(1)[0]
    assert m["sender"] == "" and "MT-PRIORITY=-4" in m["parameters"].split()
    p.stop()


def test_a_priority_stays_here_where_it_is_not_offered(sink, postern):
    s = sink()
    p = postern(s.port)
    harness.send_raw(p.port, mails.plain(), options=("MT-PRIORITY=4",))
    assert "MT-PRIORITY" not in s.wait_messages(1)[0]["parameters"]
    p.stop()


def proxied(port, login=None):
    """A session of a client elsewhere, as a balancer says."""
    c = harness.Client(port)
    c.send("PROXY TCP4 192.0.2.1 127.0.0.1 40000 25\r\n")
    c.open()
    if login:
        assert c.cmd("AUTH PLAIN " + base64.b64encode(b"\0%s\0%s" % login).decode())[0] == 235
    return c


def test_only_those_here_and_those_logged_in_may_raise_it(sink, postern, tmp_path):
    """RFC 6710: others get 0, and X.3.6 with the new priority in the reply to
    their message."""
    users = harness.private(tmp_path / "users", "app:%s\n" % PASSWORD[1])
    s = sink("--offer", "MT-PRIORITY")
    p = postern(s.port, users_file=str(users),
                listeners=[{"name": "local", "address": ["127.0.0.1:0"], "proxy_from": ["127.0.0.1"], "networks": ["0.0.0.0/0"],
                            "auth": "optional", "allow_clear_auth": True}])
    for login, said, told in ((None, "2.3.6 0 is the new priority; queued as ", None),
                              ((b"app", PASSWORD[0]), "2.0.0 queued as ", "MT-PRIORITY=3")):
        with proxied(p.port, login) as c:
            for command in ("MAIL FROM:<app@example.com> MT-PRIORITY=3", "RCPT TO:<ann@example.net>"):
                assert c.cmd(command)[0] == 250
            assert c.cmd("DATA")[0] == 354
            c.send(mails.plain() + b".\r\n")
            code, text = c.reply()
            assert code == 250 and text[0].startswith(said)
        m = s.wait_messages(1 if login is None else 2)[-1]
        assert [x for x in m["parameters"].split() if x.startswith("MT-")] == ([told] if told else [])
    p.stop()


def test_the_queue_is_in_the_order_of_priorities(sink, postern):
    """While the provider is away, low ones come first and high ones last; they
    leave the other way round (but for one in eight)."""
    port = harness.free_port()
    p = postern(dict(harness.provider(port), max_connections=1))
    for priority in (-5, 0, 5):
        for i in range(8):
            harness.send_raw(p.port, mails.plain(), sender="p%d@example.com" % priority,
                             options=("MT-PRIORITY=%d" % priority,))
    p.stop()  # what is in hand goes back to the queue
    s = sink(port=port)
    p.start()
    order = [int(m["sender"].split("@")[0][1:]) for m in s.wait_messages(24)]
    place = {x: sum(i for i, y in enumerate(order) if y == x) for x in (-5, 0, 5)}
    assert place[5] < place[0] < place[-5], order
    assert sum(x == 5 for x in order[:8]) >= 5, order
    p.stop()


# --- FUTURERELEASE -----------------------------------------------------------------

def fast(p, factor):
    if not harness.SANITIZED:
        pytest.skip("built without the test clock")
    return p.start(env={"POSTERN_TEST_CLOCK": str(factor)})


def test_a_message_is_held_until_its_release(sink, postern):
    """An hour, over a restart; the rest of it at a thousand times the speed."""
    s = sink()
    p = postern(s.port)
    harness.send_raw(p.port, mails.plain(), sender="later@example.com", options=("HOLDFOR=3600",))
    harness.send_raw(p.port, mails.plain(), sender="now@example.com")
    assert s.wait_messages(1)[0]["sender"] == "now@example.com"
    e = p.wait_event("accepted")
    p.stop()
    p = fast(p, 1000)
    m = s.wait_messages(2)[1]
    assert m["sender"] == "later@example.com"
    d = p.wait_event("delivered")
    assert int(d["delay_ms"]) >= 3600 * 1000
    p.stop()
    assert s.stop()["messages"] == 2


def test_a_message_is_held_until_a_time(sink, postern):
    s = sink()
    p = fast(postern(s.port, start=False), 1000)
    with harness.Client(p.port) as c:
        now = keywords(c.open())["FUTURERELEASE"].split()[2]
    now = datetime.datetime.strptime(now, "%Y-%m-%dT%H:%M:%SZ") - datetime.timedelta(days=7)
    until = (now + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    harness.send_raw(p.port, mails.plain(), options=("HOLDUNTIL=" + until,))
    assert p.wait_event("accepted")["release"] == until
    s.wait_messages(1)
    assert int(p.wait_event("delivered")["delay_ms"]) >= 3500 * 1000
    p.stop()


def test_too_long_a_hold_is_refused(sink, postern):
    p = postern(sink().port)
    with harness.Client(p.port) as c:
        c.open()
        for hold in ("HOLDFOR=604801", "HOLDUNTIL=2099-01-01T00:00:00Z", "HOLDFOR=x", "HOLDFOR=1 HOLDFOR=1",
                     "HOLDFOR=1 HOLDUNTIL=2026-01-01T00:00:00Z"):
            assert c.cmd("MAIL FROM:<app@example.com> " + hold)[0] == 501, hold
        assert c.cmd("MAIL FROM:<app@example.com> HOLDFOR=604800")[0] == 250
    p.stop()


def test_its_time_to_give_up_begins_with_the_release(sink, postern):
    """Held for longer than mail is tried: it goes all the same; one that cannot
    be delivered is given up so long after its release, and the report tells
    when that was.  Nobody is warned while it is held."""
    s = sink("--reply", "rcpt<later@example.net>=450:4.2.0:later")
    p = fast(postern(s.port, start=False, retry={"give_up": "10m", "warn_after": "5m", "min": "60s", "max": "60s"}),
             200)
    harness.send_raw(p.port, mails.plain(), sender="good@example.com", options=("HOLDFOR=1800",))
    harness.send_raw(p.port, mails.plain(), sender="bad@example.com", recipients=["later@example.net"],
                     options=("HOLDFOR=1800",))
    messages = s.wait_messages(2)
    assert messages[0]["sender"] == "good@example.com"
    report = messages[1]
    assert (report["sender"], report["recipients"][0].split()[0]) == ("", "bad@example.com")
    text = content_of(s, report)
    until = [e for e in p.events("accepted") if e["from"] == "bad@example.com"][0]["release"]
    assert b"Future-Release-Request: until;" + until.encode() + b"\r\n" in text
    assert b"Action: failed" in text and b"Status: 4.4.7" in text
    seconds = int(re.search(rb"given up after (\d+) seconds", text).group(1))
    assert 600 <= seconds < 1500
    p.stop()
    assert s.stop()["messages"] == 2, "somebody was warned"


def test_tls_required_no_is_passed_on(sink, postern):
    """The header asks that the recipient's policy be ignored; a provider's TLS
    is the operator's, so it is passed on as it is (RFC 8689 4.2.2)."""
    s = sink()
    p = postern(s.port)
    content = b"TLS-Required: No\r\n" + mails.plain()
    harness.send_raw(p.port, content)
    assert harness.without_received(content_of(s, s.wait_messages(1)[0]))[1] == content
    p.stop()


# --- LIMITS of a provider ----------------------------------------------------------

def test_limits_of_a_provider_are_heeded(sink, postern):
    s = sink("--limits", "RCPTMAX=3 MAILMAX=2 RCPTDOMAINMAX=2")
    p = postern(dict(harness.provider(s.port), max_connections=1))
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(1)
    rcpts = ["u%d@d%d.test" % (i, i % 4) for i in range(12)]
    harness.send_raw(p.port, mails.plain(), recipients=rcpts)
    harness.wait_until(lambda: sum(len(m["recipients"]) for m in s.messages()) == 13, what="all recipients")
    got, domains, sent = [], {}, {}
    for m in s.messages()[1:]:
        assert len(m["recipients"]) <= 3
        got += m["recipients"]
    for m in s.messages():
        sent[m["connection"]] = sent.get(m["connection"], 0) + 1
        domains.setdefault(m["connection"], set()).update(r.split("@")[1] for r in m["recipients"])
    assert sorted(got) == sorted(rcpts)
    assert max(sent.values()) <= 2
    assert max(len(d) for d in domains.values()) <= 2
    p.stop()


# --- BINARYMIME --------------------------------------------------------------------

BINARY = {"name": "local", "address": ["127.0.0.1:0"], "binary": True}


def send_binary(port, content, sender="app@example.com", size=None):
    """In chunks of that many octets."""
    with harness.Client(port) as c:
        assert "BINARYMIME" in keywords(c.open())
        assert c.cmd("MAIL FROM:<%s> BODY=BINARYMIME RET=FULL" % sender)[0] == 250
        assert c.cmd("RCPT TO:<ann@example.net>")[0] == 250
        size = size or len(content)
        for at in range(0, len(content), size):
            part = content[at:at + size]
            c.send(b"BDAT %d%s\r\n" % (len(part), b" LAST" if at + size >= len(content) else b""))
            c.send(part)
            assert c.reply()[0] == 250


@pytest.mark.parametrize("size", [None, 1000, 70000], ids=["whole", "small", "large"])
def test_binary_content_arrives_as_it_is(size, sink, postern):
    """All bytes there are, and what would end other mail; small and staged."""
    junk = bytes(range(256)) + b"\r\n.\r\nMAIL FROM:<x@y>\n.\n\r\r\n\0" + b"z" * 2000
    s = sink("--offer", "BINARYMIME")
    p = postern(s.port, listeners=[BINARY])
    for i, body in enumerate((junk, junk * 300, b"\n", b"x")):
        content = mails.HEAD % (b"binary", b"binary") + b"\r\n" + body
        send_binary(p.port, content, size=size)
        m = s.wait_messages(i + 1)[i]
        assert "BODY=BINARYMIME" in m["parameters"].split()
        assert harness.without_received(content_of(s, m))[1] == content
    p.stop()


def test_lines_that_are_announced_as_binary_need_no_binarymime(sink, postern):
    s = sink()
    p = postern(s.port, listeners=[BINARY])
    send_binary(p.port, mails.eight_bit())
    m = s.wait_messages(1)[0]
    assert "BODY=8BITMIME" in m["parameters"].split()
    assert harness.without_received(content_of(s, m))[1] == mails.eight_bit()
    p.stop()


@pytest.mark.parametrize("without", [None, "CHUNKING", "PIPELINING"])
def test_binary_content_is_bounced_where_nobody_takes_it(without, sink, postern):
    s = sink(*(["--offer", "BINARYMIME", "--disable", without] if without else []))
    p = postern(s.port, listeners=[BINARY])
    send_binary(p.port, mails.HEAD % (b"binary", b"binary") + b"\r\nbare\nLF")
    m = s.wait_messages(1)[0]
    text = content_of(s, m)
    assert m["sender"] == "" and b"Status: 5.6.3" in text and b"bare" not in text
    p.stop()


# --- AUTH= of MAIL -----------------------------------------------------------------

def test_who_wrote_it_is_not_taken_on_trust(sink, postern, tmp_path):
    """RFC 4954 5: AUTH= is taken where AUTH is offered; a server that does not
    trust it tells AUTH=<> to the next one, if that has logged us in."""
    users = harness.private(tmp_path / "users", "app:%s\n" % PASSWORD[1])
    secret = harness.private(tmp_path / "secret", "s3cret\n")
    s, plain = sink("--auth", "me:s3cret"), sink()
    p = postern(dict(harness.provider(s.port), user="me", password_file=str(secret), allow_clear_auth=True),
                users_file=str(users),
                listeners=[{"name": "local", "address": ["127.0.0.1:0"], "auth": "optional"}])
    with harness.Client(p.port) as c:
        c.open()
        assert c.cmd("MAIL FROM:<app@example.com> AUTH=nobody")[0] == 501
    harness.send_raw(p.port, mails.plain(), options=("AUTH=e+3Dmc2@example.com",))
    harness.send_raw(p.port, mails.plain(), sender="none@example.com")
    told = {m["sender"]: m["parameters"].split() for m in s.wait_messages(2)}
    assert "AUTH=<>" in told["app@example.com"]
    assert not [x for x in told["none@example.com"] if x.startswith("AUTH")]
    p.settings["providers"] = [harness.provider(plain.port, name="plain")]
    mark = p.reload()
    p.wait_event("reloaded", since=mark)
    harness.send_raw(p.port, mails.plain(), options=("AUTH=<>",))
    assert "AUTH" not in plain.wait_messages(1)[0]["parameters"]
    p.stop()
