# SPDX-License-Identifier: Apache-2.0
"""What an operator sees of the queue: postern queue list and count."""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile

import pytest

import harness
import mails

POSTERN = os.environ.get("POSTERN", str(harness.BUILD / "postern"))
SLOW = """rules = (
  { stage = "rcpt"; recipient = "wait*"; action = "450:4.2.2:mailbox full"; },
  { stage = "rcpt"; recipient = "gone*"; action = "550:5.1.1:no such user"; }
);"""


def tool(p, *words):
    r = subprocess.run([POSTERN, *words, "-c", str(p.conf)], capture_output=True, text=True,
                       timeout=harness.LONG)
    return r.returncode, r.stdout, r.stderr


def rows(p, *words):
    rc, out, err = tool(p, *words, "--json")
    assert (rc, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


def id_of(reply):
    return reply.split()[-1]


def test_what_stands_in_the_queue(sink, postern):
    s = sink(script=SLOW)
    p = postern(harness.provider(s.port, name="a"), bounce={"to": "none"}, listeners=[
        {"name": "local", "address": ["127.0.0.1:0"]},
        {"name": "held", "address": ["127.0.0.1:0"], "hold": True}])
    held = int(p.wait_event("listening", listener="held")["address"].rsplit(":", 1)[1])
    assert tool(p, "queue", "list") == (0, "", "")
    assert rows(p, "queue", "count") == [{"count": 0, "bytes": 0}]
    wait = id_of(harness.send_raw(p.port, mails.plain(), recipients=["ann@example.net", "wait@example.net",
                                                                    "wait2@example.org"]))
    harness.send_raw(p.port, mails.plain(), recipients=["gone@example.net"])
    kept = [id_of(harness.send_raw(held, mails.plain(), sender="", recipients=[
        "somebody.with.a.very.long.name@department.example.com"])) for _ in range(2)]
    p.wait_event("deferred")
    p.wait_event("bounced")
    harness.wait_until(lambda: len(rows(p, "queue", "list", "--where", "state=deferred")) == 1,
                       what="the delivery that was put off")

    # for people
    rc, out, err = tool(p, "queue", "list")
    lines = out.splitlines()
    assert (rc, err, len(lines)) == (0, "", 4)
    assert lines[0].split() == ["ID", "STATE", "AGE", "PROVIDER", "WHY", "SENDER", "RECIPIENT"]
    assert all(len(x) <= 80 for x in lines)
    assert lines[1].startswith(wait + " deferred ") and " a         450 4.2.2 app@example.com" in lines[1]
    assert lines[1].endswith(" +1")
    assert lines[2].startswith(kept[0] + " held ") and " operator  <> " in lines[2] and lines[2].endswith("..")

    # for programs
    row = rows(p, "queue", "list", "--limit", "1")[0]
    assert (row["id"], row["n"], row["state"], row["provider"], row["route"]) == (wait, 0, "deferred", "a", "default")
    assert (row["priority"], row["lane"], row["attempts"], row["nrcpts"]) == ("normal", 0, 1, 2)
    assert (row["sender"], row["listener"], row["client"]) == ("app@example.com", "local", "127.0.0.1")
    assert row["message_id"] == "<plain@example.com>" and row["size"] > len(mails.plain())
    assert row["rcpts"][0] == {"address": "wait@example.net", "code": 450, "enhanced": "4.2.2",
                               "text": "mailbox full"}
    assert 0 < row["due_in_ms"] <= 3600 * 1000 and 0 <= row["age_ms"] < 3600 * 1000
    assert row["due_ms"] > row["arrival_ms"]
    row = rows(p, "queue", "list", "--where", "state=held")[0]
    assert (row["cause"], row["sender"]) == ("operator", "") and "due_ms" not in row

    # filters
    for where, n in (("code~4.2 and rcpt~@example.org", 1), ("domain=department.example.com", 2), ("age>1h", 0),
                     ("listener=held or provider=a", 3), ("state=dead", 0)):
        assert len(rows(p, "queue", "list", "--where", where)) == n, where
        assert rows(p, "queue", "count", "--where", where)[0]["count"] == n, where
    rc, out, err = tool(p, "queue", "list", "--where", "provder=a")
    assert (rc, out) == (64, "") and "column 1" in err and "write one of age" in err
    rc, out, err = tool(p, "queue", "count", "--group-by", "provder")
    assert (rc, out) == (64, "") and "provder" in err

    # groups
    assert [(r["state"], r["cause"], r["count"]) for r in rows(p, "queue", "count", "--group-by", "state,cause")] == [
        ("held", "operator", 2), ("deferred", "", 1)]
    lines = tool(p, "queue", "count", "--group-by", "state,code")[1].splitlines()
    assert lines[0].split() == ["COUNT", "SIZE", "state", "code"]
    assert lines[1].split()[0::2] == ["2", "held"] and lines[2].rstrip().endswith(" 450 4.2.2")
    assert all(len(x.rstrip()) <= 80 for x in lines)

    # for programs that know Postfix
    rc, out, err = tool(p, "queue", "list", "--mailq")
    lines = out.splitlines()
    assert lines[0] == "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------"
    assert re.fullmatch(r"%s +\d+ \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d app@example\.com" % wait, lines[1])
    assert lines[1][17] == " " and lines[1].index("app@") == lines[0].index("--Sender")
    assert lines[2] == "(450 4.2.2 mailbox full)".rjust(78)
    assert lines[3:6] == [" " * 47 + "wait@example.net", " " * 47 + "wait2@example.org", ""]
    assert lines[6].startswith(kept[0] + "! ") and lines[6].endswith(" <>")
    assert lines[7].endswith("(held: operator)") and lines[9] == ""
    kbytes = sum(r["size"] for r in rows(p, "queue", "list")) // 1024
    assert lines[-2:] == ["", "-- %d Kbytes in 3 Requests." % kbytes] and len(lines) == 15
    out = tool(p, "queue", "list", "--mailq", "--where", "provider=a")[1]
    assert out.endswith("\n-- 0 Kbytes in 1 Request.\n")
    assert tool(p, "queue", "list", "--mailq", "--where", "age>1h") == (0, "Mail queue is empty\n", "")

    for words in (("list", "--limit", "0"), ("list", "--mailq", "--json"), ("count", "--mailq"), ("list", "--limit", "x"), ("list", "--group-by", "state"),
                  ("count", "--limit", "1"), ("list", "all"), ("nothing",), ()):
        rc, out, err = tool(p, "queue", *words)
        assert rc == 64 and "usage: postern queue" in err
    p.stop()


def caller(p):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(harness.LONG)
    s.connect(str(p.dir / "control.sock"))
    return s


def descriptors(p):
    return len(os.listdir("/proc/%d/fd" % p.proc.pid))


def reader(p):
    """A listing that has begun, and what was read of it."""
    s = caller(p)
    s.sendall(b'{"v":1,"request":"queue.list"}\n')
    return s, s.recv(4096)


def test_a_long_queue(postern, load):
    """Whoever does not read stops the walk, and costs no memory; whoever goes
    ends it; what is read is whole."""
    number, callers = (1200, 5) if harness.SANITIZED else (2500, 15)
    p = postern(harness.provider(harness.free_port(), name="a"))
    load(p.port, number, 20, "-s", "512").result()
    arrivals = {r["id"]: r["arrival_ms"] for r in rows(p, "queue", "list")}
    ids = list(arrivals)
    assert ids == sorted(ids) and len(ids) == number
    assert len(rows(p, "queue", "list", "--limit", "300")) == 300
    # the first ones of all, in the memory of these
    big = harness.send_raw(p.port, mails.plain() + b"x" * 70 * 40, recipients=["big@example.net"]).split()[-1]
    ids.append(big)
    number += 1
    by_size = rows(p, "queue", "list", "--sort", "size")
    assert len(by_size) == 100 and by_size[0]["id"] == big
    assert by_size == sorted(by_size, key=lambda r: (-r["size"], r["id"]))  # what is equal stays as it was
    assert [r["arrival_ms"] for r in rows(p, "queue", "list", "--sort", "age", "--limit", "5")] == \
        sorted(arrivals.values())[:5]
    assert rows(p, "queue", "list", "--sort", "-age", "--limit", "1")[0]["id"] == big
    assert len(rows(p, "queue", "list", "--sort", "age", "--limit", "1000", "--where", "size<2K")) == 1000
    for words, text in ((("--sort", "sender"), "write age, attempts"), (("--sort", "age", "--limit", "1001"), "1000"),
                        (("--sort", "age", "--mailq"), "usage")):
        rc, out, err = tool(p, "queue", "list", *words)
        assert (rc, out) == (64, "") and text in err, (words, err)
    before, memory = descriptors(p), p.rss_anon_kib()
    slow = [reader(p) for _ in range(callers)]
    # what 15 have not read would be 15 MB
    assert rows(p, "queue", "count")[0]["count"] == number
    if not harness.SANITIZED:
        assert p.rss_anon_kib() - memory < 10 * 1024
    s, text = slow[0]
    while b'"done"' not in text[-100:]:
        text += s.recv(65536)
    lines = [json.loads(x) for x in text.splitlines()]
    assert [x["row"]["id"] for x in lines[:-1]] == ids
    for s, _ in slow:
        s.close()
    harness.wait_until(lambda: descriptors(p) <= before, what="the end of those who left")
    r = subprocess.run("%s queue list -c %s | head -3" % (POSTERN, p.conf), shell=True, capture_output=True,
                       text=True, timeout=harness.LONG)
    assert len(r.stdout.splitlines()) == 3
    # and the daemon stops while others read
    slow = [reader(p) for _ in range(3)]
    p.stop()
    for s, _ in slow:
        s.close()


THREE = """
import socket, sys
s = [socket.socket(socket.AF_UNIX) for _ in range(3)]
for x in s:
    x.connect(sys.argv[1])
print(s[2].recv(4096))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be others")
def test_others_see_their_own_mail_alone(postern):
    home = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
    home.chmod(0o755)
    path, tool_of_all = home / "s", home / "postern"
    shutil.copy(POSTERN, tool_of_all)  # the build may stand where a stranger may not look
    p = postern(harness.provider(harness.free_port(), name="a", breaker={"failures": 1, "open": "1h", "open_max": "1h"}),
                control={"socket": str(path)}, submission={"socket": str(home / "submission")})

    def as_nobody(*words):
        r = subprocess.run([tool_of_all, *words, "-s", str(path)], user=65534, group=65534, extra_groups=(),
                           capture_output=True, text=True, timeout=harness.LONG, cwd="/")
        return r.returncode, r.stdout, r.stderr
    try:
        harness.send_raw(p.port, mails.plain())
        p.wait_event("provider.down")
        # a check that reads it would find all well, for ever
        rc, out, err = as_nobody("queue", "list", "--mailq")
        assert (rc, out) == (0, "Mail queue is empty\n") and "members of control.group see all" in err
        rc, out, err = as_nobody("queue", "list")
        assert (rc, out) == (77, "") and "control.group" in err
        rc, out, err = tool(p, "queue", "list", "--mailq")
        assert "in 1 Request." in out and err == ""
        sendmail = home / "postern-sendmail"
        shutil.copy(harness.BUILD / "postern-sendmail", sendmail)
        subprocess.run([sendmail, "-f", "me@example.com", "own@example.net"], input=b"Subject: s\n\nb\n", check=True,
                       user=65534, group=65534, extra_groups=(), cwd="/", timeout=harness.LONG,
                       env={**os.environ, "POSTERN_SUBMISSION": str(home / "submission")})
        rc, out, err = as_nobody("queue", "list", "--mailq")
        assert rc == 0 and "own@example.net" in out and out.endswith("\n-- 0 Kbytes in 1 Request.\n")
        # not in the provider's words, which may be about others
        assert "(delivery temporarily suspended: provider a is not used: net)" in out
        assert "a is not used: net" not in tool(p, "queue", "list", "--mailq")[1]
        mine = rows(p, "queue", "list", "--where", "client=uid=65534")[0]
        assert mine["sender"] == "me@example.com"
        # and what became of it, by any of its names; nothing of others, whose id was guessed
        other = rows(p, "queue", "list", "--where", "not client=uid=65534")[0]
        for words in (["message", "show"], ["why"], ["trace"]):
            rc, out, err = as_nobody(*words, mine["id"])
            assert rc == 0 and mine["id"] in out, err
            rc, out, err = as_nobody(*words, other["id"])
            assert (rc, out) == (65, ""), (words, out, err)
        for name in (mine["message_id"], "own@example.net"):
            assert as_nobody("trace", name)[1].splitlines()[-1].startswith("%-20s %s queued" % ("now", mine["id"]))
        assert as_nobody("trace", other["sender"])[0] == as_nobody("trace", other["rcpts"][0]["address"])[0] == 65
        assert tool(p, "trace", other["sender"])[0] == 0
        for words in (["message", "headers"], ["message", "body"], ["queue", "delete"]):
            assert as_nobody(*words, mine["id"])[0] == 77, words
        assert "in 2 Requests." in tool(p, "queue", "list", "--mailq")[1]
        r = subprocess.run(["/usr/bin/python3", "-c", THREE, str(path)], user=65534, group=65534, extra_groups=(),
                           capture_output=True, text=True, timeout=harness.LONG, cwd="/")
        assert "too many requests" in r.stdout, r.stderr
        p.stop()
    finally:
        shutil.rmtree(home)


def test_one_message(sink, postern):
    """postern message and why, of a delivery in each state."""
    s = sink(script=SLOW)
    p = postern(harness.provider(s.port, name="a"), harness.provider(
        harness.free_port(), name="b", breaker={"failures": 1, "open": "1h", "open_max": "1h"}),
        bounce={"to": "none"},
        routes=[{"name": "off", "match": {"sender": ["*@off.example"]}, "use": ["b"]},
                {"name": "default", "use": ["a"]}],
        listeners=[{"name": "local", "address": ["127.0.0.1:0"]},
                   {"name": "held", "address": ["127.0.0.1:0"], "hold": True}])
    held = int(p.wait_event("listening", listener="held")["address"].rsplit(":", 1)[1])
    body = bytes(range(1, 256)).replace(b"\r", b"").replace(b"\n", b"") + b"\r\n\r\n" + mails.lines_of(100000)
    mail = mails.mail("all", body)
    two = id_of(harness.send_raw(p.port, mail, recipients=["wait%d@example.net" % i for i in range(40)]))
    off = id_of(harness.send_raw(p.port, mails.plain(), sender="x@off.example"))
    kept = id_of(harness.send_raw(held, mails.plain()))
    gone = id_of(harness.send_raw(p.port, mails.plain()))
    p.wait_event("deferred")
    p.wait_event("provider.down", provider="b")
    p.wait_event("delivered", msg=gone)
    harness.wait_until(lambda: tool(p, "message", "show", gone)[0] == 65, what="the end of what was delivered")

    # show
    row = rows(p, "message", "show", two)[0]
    assert row["nrcpts"] == len(row["rcpts"]) == 40 and row["state"] == "deferred"
    out = tool(p, "message", "show", two)[1].splitlines()
    assert out[0] == "message     " + two and "state       deferred" in out
    assert "recipient   wait39@example.net: 450 4.2.2 mailbox full" in out
    assert any(x.startswith("due         20") and " (in " in x for x in out)
    rc, out, err = tool(p, "message", "show", gone)
    assert (rc, out) == (65, "") and "no such message" in err
    for verb in ("show", "headers", "body"):
        rc, out, err = tool(p, "message", verb, "x")
        assert rc == 64 and "no message's id" in err
        assert tool(p, "message", verb, gone)[0] == 65
        assert tool(p, "message", verb)[0] == 64

    # headers and body are what was accepted, octet by octet
    parts = [subprocess.run([POSTERN, "message", part, two, "-c", str(p.conf)], capture_output=True,
                            timeout=harness.LONG).stdout for part in ("headers", "body")]
    assert parts[1] == body and parts[0].endswith(b"\r\n\r\n")
    assert harness.without_received(parts[0])[1] + parts[1] == mail
    p.wait_event("control.request", request="message.body", uid=os.getuid())
    short = subprocess.run([POSTERN, "message", "headers", kept, "-c", str(p.conf)], capture_output=True,
                           timeout=harness.LONG).stdout
    trace = len(harness.without_received(short)[0])
    for short in (1, 2, 3):  # the header's end lies across the slices that it is read in
        head = b"Subject: s\r\nX-Pad: "
        head += b" a" * ((32768 - short - trace - len(head)) // 2)
        head += b"a" * (32768 - short - trace - len(head)) + b"\r\n\r\n"
        long = id_of(harness.send_raw(held, head + b"body\r\n"))
        parts = [subprocess.run([POSTERN, "message", part, long, "-c", str(p.conf)], capture_output=True,
                                timeout=harness.LONG).stdout for part in ("headers", "body")]
        assert len(parts[0]) == 32768 - short + 4 and parts[1] == b"body\r\n"

    # why
    why = rows(p, "why", two)[0]
    assert why["text"].startswith("it is tried again in ") and why["id"] == two
    assert "  last reply, of a: 450 4.2.2 mailbox full" in tool(p, "why", two)[1]
    why = rows(p, "why", off)[0]
    assert "no provider of its route can be used now" in why["text"]
    assert [(c["name"], c["state"], c["pick"]) for c in why["candidates"]] == [("b", "open", False)]
    out = tool(p, "why", off)[1]
    assert out.startswith(off + " (queued; route off)\n") and "     b: open (net), for " in out
    assert rows(p, "why", kept)[0]["hint"] == "postern queue release brings it back"
    assert tool(p, "why", gone)[0] == 65
    assert tool(p, "why", "x")[0] == tool(p, "why")[0] == 64
    p.stop()


RECEIPT = """rules = (
  { stage = "rcpt"; recipient = "wait*"; action = "450:4.2.2:mailbox full"; },
  { stage = "rcpt"; recipient = "gone*"; action = "550:5.1.1:no such user"; },
  { stage = "dot"; action = "250:2.0.0:Ok: queued as 4bXyZ12345"; }
);"""


def test_long_words_of_others_stay_within_a_screen(sink, postern):
    """What trace, why and message show print has 80 columns, whatever a provider
    says, and moves no cursor."""
    words = "mailbox of this user is full since a long time \\x1b[2J and may be emptied by its owner alone, see our pages"
    s = sink(script='rules = ( { stage = "rcpt"; action = "450:4.2.2:%s"; } );' % words)
    shut = sink(script='rules = ( { stage = "dot"; action = "554:5.7.1:account suspended, %s"; } );' % words)
    p = postern(harness.provider(s.port, name="a"), harness.provider(shut.port, name="b"), listeners=[
        {"name": "local", "address": ["127.0.0.1:0"]},
        {"name": "held", "address": ["127.0.0.1:0"], "hold": True}],
        routes=[{"name": "b", "match": {"sender": ["b@example.com"]}, "use": ["b"]}, {"name": "default", "use": ["a"]}])
    held = int(p.wait_event("listening", listener="held")["address"].rsplit(":", 1)[1])
    rcpts = ["somebody.%d@department.example.net" % i for i in range(12)]
    late = id_of(harness.send_raw(p.port, mails.plain(), recipients=rcpts))
    kept = id_of(harness.send_raw(held, mails.plain(), recipients=rcpts))
    harness.wait_until(lambda: "deferred" in tool(p, "trace", late)[1], what="the journal")
    for verb in (("trace",), ("why",), ("message", "show")):
        for i in (late, kept):
            rc, out, err = tool(p, *verb, i)
            assert (rc, err) == (0, "") and "\x1b" not in out
            assert [x for x in out.splitlines() if len(x) > 80] == [], verb
            assert i == kept or words.replace("\\x1b", "?") in " ".join(out.split())
    assert re.search(r"^    operator$", tool(p, "trace", kept)[1], re.M)
    harness.send_raw(p.port, mails.plain(), sender="b@example.com")
    p.wait_event("provider.down", provider="b")
    out = tool(p, "provider", "show", "b")[1]
    assert [x for x in out.splitlines() if len(x) > 80] == []
    assert "554 5.7.1 account suspended, " + words.replace("\\x1b", "?") in " ".join(out.split())
    p.stop()


def test_what_became_of_it(sink, postern):
    """postern trace, while a message is there and after it has left."""
    s = sink(script=RECEIPT)
    p = postern(harness.provider(s.port, name="a"), bounce={"to": "none"},
                routes=[{"name": "news", "match": {"sender": ["*@news.example"]}, "use": ["a"]},
                        {"name": "default", "use": ["a"]}])
    left = id_of(harness.send_raw(p.port, mails.plain(), sender="x@news.example", recipients=["Ann@example.net"]))
    p.wait_event("delivered", msg=left)
    stays = id_of(harness.send_raw(p.port, mails.mail("b", b"b\r\n"), recipients=["bob@example.net", "wait@example.net",
                                                                                 "gone@example.net"]))
    p.wait_event("deferred", msg=stays)
    harness.wait_until(lambda: len(rows(p, "trace", left)) == 2 and len(rows(p, "trace", stays)) == 5, what="the journal")

    got = rows(p, "trace", left)
    assert [(e["event"], e["id"], e["nrcpts"]) for e in got] == [("received", left, 1), ("delivered", left, 1)]
    assert (got[0]["route"], got[0]["why"], got[0]["client"]) == ("news", "its match", "127.0.0.1")
    assert (got[1]["provider"], got[1]["code"], got[1]["enhanced"]) == ("a", 250, "2.0.0")
    assert got[1]["text"] == "Ok: queued as 4bXyZ12345" and got[0]["at_ms"] <= got[1]["at_ms"]

    got = rows(p, "trace", stays)
    assert [e["event"] for e in got] == ["received", "delivered", "dead", "deferred", "now"]
    assert (got[0]["route"], got[0]["why"], got[0]["nrcpts"]) == ("default", "no other route fits", 3)
    assert (got[2]["code"], got[2]["text"], got[3]["code"]) == (550, "no such user", 450)
    assert got[4]["state"] == "deferred" and got[4]["rcpts"][0]["address"] == "wait@example.net"

    # by all its names
    for name in ("ann@example.net", "X@NEWS.example", "plain@example.com", "<plain@example.com>"):
        assert [e["id"] for e in rows(p, "trace", name)] == [left, left], name
    assert {e["id"] for e in rows(p, "trace", "4bXyZ12345")} == {left, stays}
    assert {e["id"] for e in rows(p, "trace", "bob@example.net")} == {stays}

    # what an operator does is there, too
    assert tool(p, "queue", "hold", stays)[0] == 0
    got = rows(p, "trace", stays)
    assert (got[-2]["event"], got[-2]["cause"], got[-2]["uid"]) == ("held", "operator", os.getuid())
    assert got[-1]["state"] == "held"

    out = tool(p, "trace", left)[1].splitlines()
    assert [x[20:] for x in out if x[0] != " "] == [" %s received (1 recipient) from 127.0.0.1" % left,
                                                    " %s delivered (1 recipient) by a" % left]
    assert out[1] == "    route news: its match" and out[3] == "    250 2.0.0 Ok: queued as 4bXyZ12345"
    assert tool(p, "trace", stays)[1].splitlines()[-1].endswith("%s held: operator, route default" % stays)
    rc, out, err = tool(p, "trace", "nobody@nowhere.example")
    assert (rc, out) == (65, "") and "journal goes back to 20" in err
    assert tool(p, "trace")[0] == tool(p, "trace", "")[0] == 64
    # as long as the journal is kept
    p.stop()
    p.start()
    assert [e["event"] for e in rows(p, "trace", left)] == ["received", "delivered"]
    p.stop()
