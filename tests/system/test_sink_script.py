# SPDX-License-Identifier: Apache-2.0
"""postern-sink --script by itself: limits, rules, delays, outages as written."""
import select
import socket
import ssl
import subprocess
import time

import pytest

import certs
import harness
import mails


def talk(c, *lines):
    """The codes of the replies; a line that begins with '.' is content."""
    got = []
    for line in lines:
        c.send(("x\r\n.\r\n" if line == "." else line + "\r\n"))
        got.append(c.reply()[0])
    return got


MAIL = ("MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>", "DATA", ".")
FINE = [250, 250, 354, 250]


def opened(port):
    c = harness.Client(port)
    c.open()
    return c


def test_a_rate_is_counted_at_the_dot(sink):
    s = sink(script="""limits = ( { rate = [ "3 msg/min", "100 msg/hour" ];
        action = "454:4.7.0:Maximum sending rate exceeded"; } );""")
    with opened(s.port) as c:
        assert [talk(c, *MAIL)[-1] for _ in range(4)] == [250, 250, 250, 454]
    limit = s.wait_event("limit")[0]
    assert (limit["limit"], limit["stage"], limit["code"]) == ("3 msg/min", "dot", 454)
    refused = s.wait_event("refused")[0]
    assert (refused["verb"], refused["text"]) == (".", "Maximum sending rate exceeded")
    assert s.stop()["limits"] == 1
    assert len(s.messages()) == 3


def test_a_window_slides(sink):
    """In the sink's own log: never more than so many in any window, and room as
    soon as the oldest has left."""
    s = sink(script='limits = ( { rate = "5 msg/s"; action = "451:4.7.0:slower"; } );')
    with opened(s.port) as c:
        while len(s.messages()) < 8:
            talk(c, *MAIL)
    at = [m["us"] for m in s.messages()]
    s.stop()
    for i in range(len(at) - 5):
        assert at[i + 5] - at[i] >= 1000000


def test_recipients_are_counted_as_they_come(sink):
    s = sink(script="""limits = (
        { rate = "3 rcpt/day"; at = "rcpt"; action = "450:4.2.1:Peak SMTP relay limit exceeded"; } );""")
    with opened(s.port) as c:
        c.cmd("MAIL FROM:<a@example.com>")
        assert talk(c, *["RCPT TO:<%d@example.net>" % i for i in range(5)]) == [250] * 3 + [450] * 2
        assert talk(c, "DATA", ".") == [354, 250]
    s.stop()
    assert [e["nrcpts"] for e in s.events("counted")] == [1, 1, 1]


def test_connections_and_messages(sink):
    s = sink(script="""limits = (
        { connections = 2; at = "mail"; action = "432:4.3.2:Concurrent connections limit exceeded"; },
        { messages = 2; action = "drop"; } );""")
    with opened(s.port) as a, opened(s.port) as b, opened(s.port) as c:
        assert c.cmd(MAIL[0])[0] == 432
        assert talk(b, *MAIL) == FINE
        assert talk(a, *MAIL) == FINE
        assert talk(a, *MAIL) == FINE
        a.send(MAIL[0] + "\r\n")
        assert a.is_closed()
        s.wait_event("closed")
        assert talk(c, *MAIL) == FINE  # the first has gone
    s.stop()


RULES = [
    ('sender = "<>"', "MAIL FROM:<>", "MAIL FROM:<a@example.com>"),
    ('sender = "*@bulk.example"', "MAIL FROM:<x@bulk.example>", "MAIL FROM:<x@example.com>"),
    ("nth = 1", "MAIL FROM:<a@example.com>", "MAIL FROM:<a@example.com>"),
    ('message = "1-1"', "MAIL FROM:<a@example.com>", "MAIL FROM:<a@example.com>"),
    ("times = 1", "MAIL FROM:<a@example.com>", "MAIL FROM:<a@example.com>"),
]


@pytest.mark.parametrize("condition,hit,other", RULES, ids=[r[0] for r in RULES])
def test_rules(condition, hit, other, sink):
    s = sink(script='rules = ( { stage = "mail"; %s; action = "501:5.1.7:Invalid MAIL FROM"; } );' % condition)
    with opened(s.port) as c:
        assert c.cmd(hit)[0] == 501
        assert c.cmd(other)[0] == 250
    assert s.stop()["rules"] == 1


def test_a_rule_at_the_dot_knows_the_envelope(sink):
    s = sink(script="""rules = ( { stage = [ "dot", "rset" ]; recipient = "*@slow.example";
        action = "451:4.3.0:later"; } );""")
    with opened(s.port) as c:
        assert talk(c, *MAIL) == FINE
        assert talk(c, MAIL[0], MAIL[1], "RCPT TO:<c@SLOW.example>", "DATA", ".")[-1] == 451
        assert talk(c, "RSET") == [250]  # the recipient is gone by then
    s.stop()


def test_connections_have_numbers(sink):
    s = sink(script='rules = ( { stage = "banner"; connection = "2-3"; action = "421:4.3.2:not now"; } );')
    got = []
    for _ in range(4):
        with harness.Client(s.port) as c:
            got.append(c.reply()[0])
    s.stop()
    assert got == [220, 421, 421, 220]


def test_one_in_five(sink):
    s = sink(script='rules = ( { stage = "dot"; every = 5; action = "451:4.3.0:later"; } );')
    with opened(s.port) as c:
        got = [talk(c, *MAIL)[-1] for _ in range(20)]
    s.stop()
    assert [i for i, code in enumerate(got, 1) if code == 451] == [5, 10, 15, 20]


def test_the_same_seed_has_the_same_luck(sink):
    text = 'seed = 11;\nrules = ( { stage = "dot"; probability = 0.3; action = "451:4.3.0:later"; } );'
    rows = []
    for _ in range(2):
        s = sink(script=text)
        with opened(s.port) as c:
            rows.append([talk(c, *MAIL)[-1] for _ in range(40)])
        s.stop()
    assert rows[0] == rows[1]
    assert 2 <= rows[0].count(451) <= 25


def test_an_outage_begins_and_ends(sink):
    s = sink(script="""rules = ( { stage = "mail"; from = "1s"; until = "1500ms"; action = "421:4.3.0:down"; } );""")
    got = []
    while got.count(250) == 0 or got[-1] != 250 or 421 not in got:
        with opened(s.port) as c:
            got.append(c.cmd(MAIL[0])[0])
    s.stop()
    begin = s.events("started")[0]["us"]
    assert [e for e in s.events("rule") if not 1000000 <= e["us"] - begin < 1600000] == []
    first = got.index(421)
    assert set(got[:first]) <= {250} and set(got[first:got.index(250, first)]) == {421}


def test_a_closed_door_refuses(sink):
    s = sink(script='closed = ( { from = "0s"; until = "200ms"; } );')
    s.wait_event("shut")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", s.port))
    s.wait_event("opened")
    harness.send_raw(s.port, mails.plain())
    s.stop()


def test_read_again(sink):
    s = sink(script="")
    harness.send_raw(s.port, mails.plain())
    with opened(s.port) as c:
        s.read_again('rules = ( { stage = "mail"; action = "421:4.3.0:down"; } );')
        assert c.cmd(MAIL[0])[0] == 421
    s.read_again("closed = ( { from = \"0s\"; } );")
    s.wait_event("shut")
    s.read_again("")
    s.wait_event("opened")
    harness.send_raw(s.port, mails.plain())
    with open(s.script, "w") as f:
        f.write("rules = 3;")
    s.signal(harness.signal.SIGHUP)
    s.err.wait(lambda lines: [x for x in lines if ":1: rules: write a list" in x])
    harness.send_raw(s.port, mails.plain())  # it goes on as it was
    assert s.stop()["messages"] == 3


def test_a_long_line(sink):
    """Each reply is held back by itself: a group that is pipelined takes the
    time once, one reply after the other each time."""
    s = sink(script='delays = ( { delay = "300ms"; } );')
    with harness.Client(s.port) as c:
        begin = time.monotonic()
        c.open()
        lockstep = time.monotonic() - begin
        group = "".join(x + "\r\n" for x in MAIL[:3]) + "x\r\n.\r\n" + "NOOP\r\n" * 20
        c.send(group)
        s.wait_messages(1)  # handled meanwhile
        at = [c.reply()[0] and time.monotonic() - begin - lockstep for _ in range(24)]
    s.stop()
    assert lockstep >= 0.6
    assert at[0] >= 0.29
    assert at[-1] < 24 * 0.3  # not summed


def test_work_comes_before_the_count(sink):
    """What takes its work is counted after it, and the next commands wait."""
    s = sink(script='delays = ( { stage = "dot"; work = "200ms-210ms"; } );')
    with opened(s.port) as c:
        c.send("".join(x + "\r\n" for x in MAIL[:3]) + "x\r\n.\r\nNOOP\r\n")
        assert [c.reply()[0] for _ in range(5)] == FINE + [250]
    s.stop()
    m = s.messages()[0]
    assert m["us"] - m["mail_us"] >= 200000


def test_replies_before_a_drop_take_their_time(sink):
    s = sink(script="""delays = ( { delay = "50ms"; } );
        rules = ( { stage = "dot"; action = "drop"; } );""")
    with harness.Client(s.port) as c:
        c.send("EHLO x\r\n" + "".join(x + "\r\n" for x in MAIL[:3]) + "x\r\n.\r\n")
        assert [c.reply()[0] for _ in range(5)] == [220, 250, 250, 250, 354]
        assert c.is_closed()
    assert s.stop()["messages"] == 0


def test_idle_sessions_end(sink):
    s = sink(script="""idle = { after = "100ms";
        action = "451:4.4.2:Timeout waiting for data from client."; };""")
    with opened(s.port) as c:
        assert c.reply() == (451, ["4.4.2 Timeout waiting for data from client."])
        assert c.is_closed()
    assert [e["action"] for e in s.wait_event("idle")] == ["reply"]
    s.stop()


def test_a_hanging_session_is_not_idle(sink):
    s = sink(script="""idle = { after = "100ms"; action = "421:4.4.2:Timeout"; };
        rules = ( { stage = "mail"; action = "hang"; } );""")
    with opened(s.port) as a:
        a.send(MAIL[0] + "\r\n")
        s.wait_event("rule")
        with opened(s.port) as b:
            assert b.reply()[0] == 421
        assert select.select([a.sock], [], [], 0)[0] == []
    s.stop()


def test_a_working_session_is_not_idle(sink):
    s = sink(script="""idle = { after = "100ms"; action = "421:4.4.2:Timeout"; };
        delays = ( { stage = "dot"; work = "300ms"; }, { stage = "mail"; delay = "300ms"; } );""")
    with opened(s.port) as c:
        assert talk(c, *MAIL) == FINE
        assert c.reply()[0] == 421  # now it is
    s.stop()


def test_capabilities_change(sink):
    s = sink("--auth", "me:right", script="""ehlo = (
        { disable = [ "PIPELINING" ]; },
        { until = "1s"; disable = "CHUNKING"; },
        { from = "1s"; disable = [ "AUTH", "DSN" ]; offer = "MT-PRIORITY"; } );""")
    seen = set()
    while len(seen) < 2:
        with harness.Client(s.port) as c:
            offered = {x.split()[0] for x in c.open()}
            seen.add(frozenset(offered & {"PIPELINING", "CHUNKING", "AUTH", "DSN", "MT-PRIORITY"}))
    s.stop()
    assert seen == {frozenset({"AUTH", "DSN"}), frozenset({"CHUNKING", "MT-PRIORITY"})}


def test_certificates_change_and_handshakes_fail(sink, tmp_path):
    good = certs.make(tmp_path, "good")
    bad = certs.make(tmp_path, "bad", ("elsewhere.example",), issuer=good)
    s = sink("--tls", "starttls", script="""certificates = (
            { certificate = "%s"; key = "%s"; },
            { from = "1s"; certificate = "%s"; key = "%s"; } );
        rules = ( { stage = "handshake"; connection = 1; action = "reset"; } );""" % (
            good.certificate, good.key, bad.certificate, bad.key))
    context = ssl.create_default_context(cafile=good.certificate)
    with opened(s.port) as c:
        assert c.cmd("STARTTLS")[0] == 220
        with pytest.raises(OSError):
            context.wrap_socket(c.sock, server_hostname="localhost").recv(1)
    names = set()
    while len(names) < 2:
        with opened(s.port) as c:
            try:
                c.starttls(context, "localhost")
                names.add("good")
            except ssl.SSLCertVerificationError as e:
                assert "Hostname mismatch" in str(e)
                names.add("bad")
    s.stop()


WRONG = [
    ("rules = ( { stage = \"mail\" ; } );", ":1: rules: an entry needs stage and action"),
    ("\n\nrules = ( { stage = \"male\"; action = \"drop\"; } );", ":3: stage: \"male\" is no stage"),
    ("rules = ( {\nstage = \"body\";\naction = \"550\"; } );", "no reply may come in the body"),
    ("rules = ( { stage = \"mail\"; action = \"fall\"; } );", ":1: action: \"fall\" is no action"),
    ("rules = ( { stag = \"mail\"; } );", ":1: stag: is no key here; write one of stage, action"),
    ("rules = ( { stage = \"mail\"; action = \"drop\"; from = 3; } );", ":1: from: write a text in quotes"),
    ("rules = ( { stage = \"mail\"; action = \"drop\"; from = \"3\"; } );", ":1: from: \"3\" is no time"),
    ("rules = ( { stage = \"mail\"; action = \"drop\"; from = \"31d\"; } );", "\"31d\" is no time"),
    ("rules = ( { stage = \"mail\"; action = \"drop\"; until = \"0s\"; } );", "write a time above 0s"),
    ("rules = ( { stage = \"mail\"; action = \"drop\"; nth = \"5-3\"; } );", ":1: nth: write a number or a range"),
    ("rules = ( { stage = \"mail\"; action = \"drop\"; every = 0; } );", "write a number above 0"),
    ("rules = ( { stage = \"mail\"; action = \"drop\"; probability = 1.5; } );", "write a probability"),
    ("rules = { stage = \"mail\"; };", ":1: rules: write a list of groups"),
    ("rules = ( 3 );", ":1: rules: write groups"),
    ("limits = ( { rate = \"5 msg\"; action = \"451\"; } );", "is no rate; write one such as"),
    ("limits = ( { rate = \"5 msg/s\"; } );", ":1: limits: an entry needs action"),
    ("limits = ( { action = \"451\"; } );", "an entry needs one of rate, connections, messages"),
    ("limits = ( { rate = \"5 msg/s\"; at = \"rcpt\"; action = \"451\"; } );", "messages are counted at mail"),
    ("limits = ( { rate = \"1000001 msg/s\"; action = \"451\"; } );", "a rate counts at most 1000000"),
    ("limits = ( { rate = \"1 msg/s\"; window = \"big\"; action = \"451\"; } );", "write \"sliding\" or \"fixed\""),
    ("delays = ( { delay = \"2h\"; } );", ":1: delay: write at most \"1h\""),
    ("delays = ( { delay = \"2s-1s\"; } );", "the second time is shorter"),
    ("ehlo = ( { disable = \"VRFY\"; } );", "\"VRFY\" is no extension"),
    ("certificates = ( { key = \"x\"; } );", "certificate and key belong together"),
    ("idle = { after = \"1s\"; };", "idle: it needs after and action"),
    ("seed = 12345678901;", ":1: a number has more than 9 digits"),
    ("# 12345678901\n/* \"12345678901 */ seed = 0;", ":2: seed: write a number above 0"),
    ("rule = ( );", ":1: rule: is no key here; write one of limits"),
    ("rules = (", "syntax error"),
]


@pytest.mark.parametrize("text,said", WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_mistakes_are_named_with_file_and_line(text, said, tmp_path):
    path = tmp_path / "script"
    path.write_text(text)
    p = subprocess.run([harness.SINK, "--script", path], capture_output=True, text=True, timeout=harness.LONG)
    assert p.returncode == 64
    assert "--script: %s" % path in p.stderr and said in p.stderr, p.stderr
    assert "runtime error" not in p.stderr and "Sanitizer" not in p.stderr


@pytest.mark.parametrize("entry,what,n", [("{ stage = \"mail\"; action = \"drop\"; }", "rules", 256),
                                          ("{ delay = \"1s\"; }", "delays", 256),
                                          ("{ rate = \"1 msg/s\"; action = \"drop\"; }", "limits", 64),
                                          ("{ from = \"1d\"; }", "closed", 64), ("{ offer = \"BINARYMIME\"; }", "ehlo", 64)])
def test_lists_have_an_end(entry, what, n, tmp_path, sink):
    sink(script="%s = ( %s );" % (what, ", ".join([entry] * n))).stop()
    path = tmp_path / "script"
    path.write_text("%s = ( %s );" % (what, ", ".join([entry] * (n + 1))))
    p = subprocess.run([harness.SINK, "--script", path], capture_output=True, text=True, timeout=harness.LONG)
    assert p.returncode == 64 and "more than %d" % n in p.stderr


def test_a_script_that_is_too_large_or_missing(tmp_path):
    path = tmp_path / "script"
    for text, said in ((None, "No such file"), ("#" * (1 << 21), "larger than 1 MiB")):
        if text:
            path.write_text(text)
        p = subprocess.run([harness.SINK, "--script", path], capture_output=True, text=True, timeout=harness.LONG)
        assert p.returncode == 64 and said in p.stderr
