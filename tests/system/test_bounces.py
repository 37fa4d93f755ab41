# SPDX-License-Identifier: Apache-2.0
"""What cannot be delivered: RFC 3464 bounces, dead letters, retries."""
import email
import email.policy
import quopri

import pytest

import harness
import mails

FAST = {"quick": ["100ms"], "min": "1s", "max": "1s", "give_up": "3s"}


def content(sink, m):
    return open(sink.maildir + "/" + m["file"], "rb").read()


def parse_bounce(sink, m):
    """(fields of the message, list of fields of each recipient, the text, the
    returned part)"""
    msg = email.message_from_bytes(content(sink, m), policy=email.policy.default)
    assert msg.get_content_type() == "multipart/report"
    kind = msg.get_param("report-type")
    assert kind in ("delivery-status", "global-delivery-status")  # RFC 6533
    parts = list(msg.iter_parts())
    assert [x.get_content_type() for x in parts][:2] == ["text/plain", "message/" + kind]
    blocks = parts[1].get_payload()[1:] if kind == "delivery-status" else []
    return msg, [dict(b.items()) for b in blocks], parts[0].get_content(), parts[2]


def bounces(sink):
    return [m for m in sink.messages() if m["sender"] != "app@example.com"]


def send(p, *recipients, sender="app@example.com", body=None):
    return harness.send_raw(p.port, body or mails.plain(), sender=sender, recipients=recipients)


def test_a_refused_recipient_is_told_to_the_sender(sink, postern):
    s = sink("--reply", "rcpt<bad@example.net>=550:5.1.1:no such user here")
    p = postern(s.port)
    send(p, "bad@example.net", "good@example.net")
    got = s.wait_messages(2)
    p.stop()
    s.stop()
    assert len(s.messages()) == 2
    normal = next(m for m in got if m["sender"])
    assert normal["recipients"] == ["good@example.net"]
    bounce = next(m for m in got if not m["sender"])
    assert [r.split()[0] for r in bounce["recipients"]] == ["app@example.com"]
    msg, rows, text, returned = parse_bounce(s, bounce)
    assert len(rows) == 1
    assert rows[0]["Final-Recipient"].replace(" ", "") == "rfc822;bad@example.net"
    assert rows[0]["Action"] == "failed"
    assert rows[0]["Status"] == "5.1.1"
    assert "no such user here" in rows[0]["Diagnostic-Code"]
    assert "bad@example.net" in text
    assert msg["Auto-Submitted"].startswith("auto-")
    assert b"<plain@example.com>" in returned.as_bytes()


@pytest.mark.parametrize("rule", ["mail<app@example.com>=550:5.7.1:not you", "data*1=554:5.6.0:no", "dot*1=550:5.7.1:spam"])
def test_a_refused_message_is_told_once(rule, sink, postern):
    s = sink("--reply", rule)
    p = postern(s.port)
    send(p, "a@example.net", "b@example.net", "c@example.net")
    bounce = s.wait_messages(1)[0]
    p.stop()
    s.stop()
    assert len(s.messages()) == 1, "one bounce for all recipients"
    _, rows, _, _ = parse_bounce(s, bounce)
    assert sorted(r["Final-Recipient"].split(";")[1].strip() for r in rows) == \
        ["a@example.net", "b@example.net", "c@example.net"]


def test_never_for_the_null_sender(sink, postern):
    s = sink("--reply", "rcpt<bad@example.net>=550:5.1.1:no")
    p = postern(s.port)
    send(p, "bad@example.net", "good@example.net", sender="")
    s.wait_messages(1)
    p.wait_event("bounced")
    send(p, "good@example.net")
    s.wait_messages(2)
    p.stop()
    assert s.stop()["messages"] == 2


def test_a_bounce_that_bounces_ends(sink, postern):
    s = sink("--reply", "rcpt=550:5.1.1:nobody at all")
    p = postern(s.port)
    send(p, "bad@example.net")
    p.wait_event("bounced", n=2)
    p.stop()
    assert s.stop()["messages"] == 0


@pytest.mark.parametrize("notify,bounced", [("NEVER", False), ("SUCCESS", False), ("FAILURE", True), ("DELAY,FAILURE", True)])
def test_notify_is_heeded(notify, bounced, sink, postern):
    s = sink("--reply", "rcpt<bad@example.net>=550:5.1.1:no")
    p = postern(s.port)
    with harness.Client(p.port) as c:
        c.open()
        c.cmd("MAIL FROM:<app@example.com> ENVID=env+2Bid RET=HDRS")
        assert c.cmd("RCPT TO:<bad@example.net> NOTIFY=%s ORCPT=rfc822;old@example.net" % notify)[0] == 250
        c.cmd("DATA")
        c.send(mails.plain() + b".\r\n")
        assert c.reply()[0] == 250
    p.wait_event("bounced")
    send(p, "good@example.net")
    p.wait_event("delivered", n=2 if bounced else 1)
    if bounced:
        got = s.wait_messages(2)
        b = next(m for m in got if not m["sender"])
        msg, rows, _, returned = parse_bounce(s, b)
        assert rows[0]["Original-Recipient"].replace(" ", "") == "rfc822;old@example.net"
        assert "env+id" in content(s, b).decode()
        assert b"Hello." not in content(s, b), "only the header was asked for"
    else:
        s.wait_messages(1)
    p.stop()
    assert s.stop()["messages"] == (2 if bounced else 1)


def test_a_provider_that_refuses_null_senders(sink, postern):
    """Paid providers do: the bounce leaves with bounce.from."""
    s = sink("--reply", "rcpt<bad@example.net>=550:5.1.1:no", "--reply", "mail<>=550:5.1.7:no null senders")
    p = postern(harness.provider(s.port, null_sender="refuse"), bounce={"from": "bounces@example.com"})
    send(p, "bad@example.net")
    m = s.wait_messages(1)[0]
    assert m["sender"] == "bounces@example.com"
    parse_bounce(s, m)
    p.stop()
    assert s.stop()["messages"] == 1


def test_bounces_to_an_address(sink, postern):
    s = sink("--reply", "rcpt<bad@example.net>=550:5.1.1:no")
    p = postern(s.port, bounce={"to": "ops@example.com"})
    send(p, "bad@example.net")
    m = s.wait_messages(1)[0]
    assert [r.split()[0] for r in m["recipients"]] == ["ops@example.com"]
    p.stop()


def test_no_bounces_at_all(sink, postern):
    s = sink("--reply", "rcpt<bad@example.net>=550:5.1.1:no")
    p = postern(s.port, bounce={"to": "none"})
    send(p, "bad@example.net")
    p.wait_event("bounced")
    send(p, "good@example.net")
    s.wait_messages(1)
    p.stop()
    assert s.stop()["messages"] == 1


def test_a_busy_recipient_is_tried_again(sink, postern):
    s = sink("--reply", "rcpt<busy@example.net>*2=450:4.2.1:try later")
    p = postern(s.port, retry={"quick": ["100ms"], "min": "1s", "max": "1s"})
    send(p, "busy@example.net", "good@example.net")
    got = s.wait_messages(2)
    assert sorted(m["recipients"][0] for m in got) == ["busy@example.net", "good@example.net"]
    p.stop()
    assert s.stop()["messages"] == 2


def test_a_busy_server_is_tried_again(sink, postern):
    s = sink("--reply", "dot*2=451:4.3.0:busy")
    p = postern(s.port, retry={"quick": ["100ms"], "min": "1s", "max": "1s"})
    send(p, "ann@example.net")
    s.wait_messages(1)
    p.stop()
    assert s.stop()["messages"] == 1


def test_it_is_given_up_in_the_end(sink, postern):
    s = sink("--reply", "rcpt<busy@example.net>=450:4.2.1:never")
    p = postern(s.port, retry=FAST)
    send(p, "busy@example.net")
    m = s.wait_messages(1)[0]
    _, rows, text, _ = parse_bounce(s, m)
    assert rows[0]["Action"] == "failed"
    assert rows[0]["Status"][0] in "45"
    p.stop()
    assert s.stop()["messages"] == 1


def test_too_many_recipients_for_the_provider(sink, postern):
    """452 after some: the rest goes in the next transaction, at once."""
    s = sink("--max-recipients", "100")
    p = postern(harness.provider(s.port, max_recipients=500), retry={"quick": [], "min": "1h", "max": "2h"},
                listeners=[{"name": "local", "address": ["127.0.0.1:0"], "max_recipients": 500}])
    send(p, *["r%03d@example.net" % i for i in range(250)])

    def all_there(lines):
        return sum(len(m["recipients"]) for m in s.events("message", lines)) >= 250
    s.out.wait(all_there, what="250 recipients")
    p.stop()
    assert sorted(r for m in s.messages() for r in m["recipients"]) == ["r%03d@example.net" % i for i in range(250)]


def test_smtputf8_is_never_sent_to_who_cannot(sink, postern):
    s = sink("--disable", "SMTPUTF8")
    p = postern(s.port)
    with harness.Client(p.port) as c:
        c.open()
        c.cmd("MAIL FROM:<app@example.com> SMTPUTF8 BODY=8BITMIME")
        c.send("RCPT TO:<grün@example.net>\r\n".encode())
        assert c.reply()[0] == 250
        c.cmd("DATA")
        c.send(mails.plain() + b".\r\n")
        assert c.reply()[0] == 250
    m = s.wait_messages(1)[0]
    assert m["sender"] == ""
    assert "SMTPUTF8" not in m["parameters"]
    parse_bounce(s, m)
    said = quopri.decodestring(content(s, m)).decode()
    assert "Status: 5.6.7\r\n" in said and "grün@example.net" in said
    p.stop()


def test_too_big_for_the_provider(sink, postern):
    s = sink("--max-size", "100000")
    p = postern(s.port)
    send(p, "ann@example.net", body=mails.mail("size", mails.lines_of(200000)))
    m = s.wait_messages(1)[0]
    assert m["sender"] == ""
    _, rows, _, _ = parse_bounce(s, m)
    assert rows[0]["Status"] == "5.3.4"
    p.stop()


def test_too_big_for_one_goes_by_the_other(sink, postern):
    small, large = sink("--max-size", "100000"), sink()
    p = postern(small.port, large.port)
    send(p, "ann@example.net", body=mails.mail("size", mails.lines_of(200000)))
    assert large.wait_messages(1)[0]["sender"] == "app@example.com"
    p.stop()
    assert small.stop()["messages"] == 0


def test_it_expires_while_the_provider_is_away(sink, postern):
    """Given up in time, told when somebody takes mail again; kept as dead."""
    import socket
    with socket.create_server(("127.0.0.1", 0)) as x:
        port = x.getsockname()[1]
    p = postern(harness.provider(port, breaker={"open": "100ms", "open_max": "300ms"}),
                retry={"quick": ["100ms"], "min": "100ms", "max": "200ms", "give_up": "2s"})
    send(p, "ann@example.net")
    p.wait_event("bounced")
    s = sink(port=port)
    m = s.wait_messages(1)[0]
    _, rows, _, _ = parse_bounce(s, m)
    assert rows[0]["Action"] == "failed"
    assert rows[0]["Status"].startswith(("4.4.", "5.4."))
    p.stop()
    assert s.stop()["messages"] == 1
    p.start()
    assert p.wait_event("spool.opened")["dead"] == "1"
    p.stop()


def test_delay_is_told_once(sink, postern):
    s = sink("--reply", "rcpt<busy@example.net>*8=450:4.2.1:try later")
    p = postern(s.port, retry={"quick": [], "min": "300ms", "max": "400ms", "warn_after": "1s"})
    send(p, "busy@example.net")
    got = s.wait_messages(2)
    notice, mail = got if not got[0]["sender"] else got[::-1]
    _, rows, _, _ = parse_bounce(s, notice)
    assert rows[0]["Action"] == "delayed"
    assert rows[0]["Will-Retry-Until"]
    assert mail["recipients"] == ["busy@example.net"]
    p.stop()
    assert s.stop()["messages"] == 2


def test_success_is_told_where_the_provider_cannot(sink, postern):
    """NOTIFY=SUCCESS goes on where DSN is offered; else a report says that it
    was relayed (RFC 3461 5.2.2)."""
    for without, messages in (("DSN", 2), ("CHUNKING", 1)):
        s = sink("--disable", without)
        p = postern(s.port)
        with harness.Client(p.port) as c:
            c.open()
            c.cmd("MAIL FROM:<app@example.com>")
            assert c.cmd("RCPT TO:<ann@example.net> NOTIFY=SUCCESS")[0] == 250
            c.cmd("DATA")
            c.send(mails.plain() + b".\r\n")
            assert c.reply()[0] == 250
        got = s.wait_messages(messages)
        if messages == 2:
            report = next(m for m in got if not m["sender"])
            _, rows, _, _ = parse_bounce(s, report)
            assert rows[0]["Action"] == "relayed"
        p.stop()
        assert s.stop()["messages"] == messages
