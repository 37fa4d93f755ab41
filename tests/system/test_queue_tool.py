# SPDX-License-Identifier: Apache-2.0
"""What an operator does with mail in the queue: held, released, tried now,
deleted.  Each act is durable when the command has said so."""
import json
import os
import socket
import subprocess

import pytest

import harness
import mails

POSTERN = os.environ.get("POSTERN", str(harness.BUILD / "postern"))
RULES = """rules = (
    { stage = "rcpt"; recipient = "later@*"; action = "451:4.3.0:later"; },
    { stage = "rcpt"; recipient = "busy@*"; action = "hang"; } );"""


def tool(p, *words):
    r = subprocess.run([POSTERN, *words, "-c", str(p.conf)], capture_output=True, text=True,
                       timeout=harness.LONG)
    return r.returncode, r.stdout, r.stderr


def send(p, to):
    """The id that it was accepted with."""
    return harness.send_raw(p.port, mails.plain(), recipients=[to]).split()[-1]


def test_acts_on_what_is_queued(sink, postern):
    s = sink(script=RULES)
    p = postern(s.port, retry={"min": "1h"})
    held = send(p, "later@example.net")
    p.wait_event("deferred", msg=held)
    assert tool(p, "queue", "retry", held) == (0, held + " due now\n", "")
    p.wait_event("deferred", n=2, msg=held)
    assert tool(p, "queue", "hold", held) == (0, held + " held\n", "")
    assert tool(p, "queue", "hold", held) == (0, held + " it is held already\n", "")
    rc, out, err = tool(p, "queue", "retry", held)
    assert (rc, out) == (65, "") and held in err and "queue release" in err
    assert "1 stays as before" in err
    p.wait_event("message.act", msg=held, act="hold", was="queued", uid=os.getuid())
    # it stays held, whatever happens to the daemon
    s.read_again(RULES.replace("later@", "no@"))
    p.kill9()
    p.start()
    other = send(p, "ann@example.net")
    p.wait_event("delivered", msg=other)
    assert len(s.wait_messages(1)) == 1
    assert tool(p, "queue", "release", held) == (0, held + " released\n", "")
    p.wait_event("delivered", msg=held)
    assert len(s.wait_messages(2)) == 2
    # what is being sent is left alone; the others are dealt with
    mark = s.out.mark()
    busy = send(p, "busy@example.net")
    s.wait_event("rule", since=mark)
    rc, out, err = tool(p, "queue", "delete", busy)
    assert (rc, out) == (75, "") and "being sent" in err
    rc, out, err = tool(p, "queue", "hold", busy, held)
    assert rc == 75 and "no such message" in err and "2 stay as before" in err
    for words, code, text in ((("delete", held, busy), 64, "2 messages would be deleted, and nobody is told; add --yes"),
                              (("delete", "x"), 64, "no message's id"), (("delete", "0" * 13), 64, "no message's id"), (("hold",), 64, "usage"),
                              (("keep", held), 64, "usage"), (("hold", "\udcff"), 65, "UTF-8")):
        rc, out, err = tool(p, "queue", *words)
        assert (rc, out) == (code, "") and text in err, (words, rc, err)
    s.stop()  # the session that hangs
    p.stop()


def test_the_dead(sink, postern):
    s = sink(script="rules = ( { stage = \"rcpt\"; times = 3; action = \"550:5.1.1:no such user\"; } );")
    p = postern(s.port, bounce={"to": "none"})
    ids = [send(p, "r%d@example.net" % i) for i in range(3)]
    for i in ids:
        p.wait_event("bounced", msg=i)
    rc, out, err = tool(p, "dead", "list")
    lines = out.splitlines()
    assert lines[0].split() == ["ID", "DEAD", "PROVIDER", "CAUSE", "SENDER", "RECIPIENT"]
    assert [x.split()[0] for x in lines[1::2]] == ids
    assert lines[1].split()[2:] == ["p0", "app@example.com", "r0@example.net"]
    assert lines[2].strip() == "550 5.1.1 no such user" and all(len(x) <= 80 for x in lines)
    rows = [json.loads(x) for x in tool(p, "dead", "list", "--json", "--where", "rcpt~r1@", "--limit", "1")[1].splitlines()]
    assert [(r["id"], r["state"], r["route"]) for r in rows] == [(ids[1], "dead", "default")]
    assert not tool(p, "queue", "list")[1]
    rc, out, err = tool(p, "queue", "delete", ids[0])
    assert (rc, out) == (65, "") and "postern dead delete" in err
    assert tool(p, "dead", "resend", ids[0]) == (0, ids[0] + " queued again\n", "")
    assert s.wait_messages(1)
    assert p.wait_event("delivered", msg=ids[0])["tries"] == "1"
    rc, out, err = tool(p, "dead", "delete", *ids[1:])
    assert rc == 64 and "add --yes" in err
    assert tool(p, "dead", "delete", ids[1])[:2] == (0, ids[1] + " deleted\n")
    assert tool(p, "dead", "resend", ids[1])[0] == 65
    p.kill9()
    p.start()
    assert tool(p, "dead", "resend", ids[2])[0] == 0
    s.wait_messages(2)
    # a bounce that cannot be delivered, either
    s.read_again("rules = ( { stage = \"rcpt\"; action = \"550:5.1.1:no such user\"; } );")
    p.settings["bounce"]["to"] = "sender"
    p.write_conf()
    assert tool(p, "reload") == (0, "", "")
    first = send(p, "ann@example.net")
    notice = p.wait_event("notice", parent=first)["msg"]
    p.wait_event("bounced", msg=notice)
    harness.wait_until(lambda: [json.loads(x).get("notice_of") for x in tool(
        p, "dead", "list", "--json")[1].splitlines()] == [None, first], what="the dead notice in the spool")
    assert "a notice about " + first in tool(p, "dead", "list")[1]
    p.stop()
    s.stop()
    assert len(s.messages()) == 2


def wait_dead(p, n):
    """They are logged before they are committed."""
    harness.wait_until(lambda: tool(p, "dead", "list", "--json")[1].count("\n") == n, what="%d dead letters" % n)


def test_a_list_that_cannot_be_written_is_no_success(sink, postern):
    """Of a whole disk the shell says nothing."""
    p = postern(sink(script='rules = ( { stage = "rcpt"; action = "550:5.1.1:no such user"; } );').port, bounce={"to": "none"})
    for _ in range(2):
        send(p, "ann@example.net")
    wait_dead(p, 2)
    with open("/dev/full", "w") as full:
        for words in (("dead", "list"), ("dead", "list", "--json"), ("queue", "count"), ("status",), ("trace", "ann@example.net")):
            r = subprocess.run([POSTERN, *words, "-c", str(p.conf)], stdout=full, timeout=harness.LONG)
            assert r.returncode == 74, words
    p.stop()


def test_what_comes_back_may_have_another_priority(sink, postern):
    """So that a great number of it does not stand before what comes meanwhile."""
    s = sink(script="rules = ( { stage = \"rcpt\"; times = 3; action = \"550:5.1.1:no such user\"; } );")
    p = postern(s.port, bounce={"to": "none"})
    ids = [send(p, "r%d@example.net" % i) for i in range(3)]
    wait_dead(p, 3)
    assert tool(p, "provider", "pause", "p0")[0] == 0
    assert tool(p, "dead", "resend", "--priority", "low", ids[0])[0] == 0
    assert tool(p, "dead", "resend", "--priority", "high", "--where", "id=" + ids[1], "--yes")[0] == 0
    assert tool(p, "dead", "resend", ids[2])[0] == 0

    def priorities():
        return [json.loads(x)["priority"] for x in tool(p, "queue", "list", "--json")[1].splitlines()]
    assert priorities() == ["low", "high", "normal"]
    for words, text in ((("dead", "resend", "--priority", "lo", ids[0]), "write high, normal or low"),
                        (("dead", "delete", "--priority", "low", ids[0]), "release and resend alone"),
                        (("queue", "hold", "--priority", "low", ids[0]), "release and resend alone"),
                        (("dead", "list", "--priority", "low"), "usage"),
                        (("queue", "list", "--priority", "low"), "usage")):
        rc, out, err = tool(p, *words)
        assert (rc, out) == (64, "") and text in err, (words, err)
    assert tool(p, "queue", "hold", *ids)[0] == 0
    assert tool(p, "queue", "release", "--priority", "low", "--where", "state=held", "--yes")[0] == 0
    assert priorities() == ["low"] * 3
    p.kill9()
    p.start()
    assert priorities() == ["low"] * 3
    assert tool(p, "provider", "resume", "p0")[0] == 0
    s.wait_messages(3)
    p.stop()


def test_all_that_a_filter_finds(sink, postern, load):
    s = sink(script=RULES)
    p = postern(s.port, bounce={"to": "none"},
                listeners=[{"name": "local", "address": ["127.0.0.1:0"], "hold": True}])
    assert load(p.port, 150, 10).result()["acked"] == 150
    ids = [send(p, "r%d@example.net" % i) for i in range(5)] + [send(p, "busy@example.net")]
    rc, out, err = tool(p, "queue", "release", "--where", "state=held and sender=load@example.org")
    assert (rc, out) == (64, "") and "150 deliveries would be released; add --yes" in err
    assert tool(p, "queue", "delete", "--where", "rcpt=r4@example.net", "--yes") == (0, "1 delivery deleted\n", "")
    assert not s.messages()
    assert tool(p, "queue", "release", "--where", "sender=load@example.org", "--yes") == (
        0, "150 deliveries released\n", "")
    s.wait_messages(150)
    assert tool(p, "queue", "release", ids[5])[0] == 0
    s.wait_event("rule")
    rc, out, err = tool(p, "queue", "hold", "--where", "", "--yes")
    assert rc == 75 and out == "0 deliveries held\n" and ids[5] + ": it is being sent" in err
    assert tool(p, "queue", "retry", "--where", "") == (0, "0 deliveries due now\n", "")
    for words, text in ((("--where", "rcpt="), "column"), (("--where", "", ids[0]), "usage"), (("--limit", "3"), "usage"),
                        (("--where", "\udcff"), "UTF-8")):
        rc, out, err = tool(p, "queue", "hold", *words)
        assert rc in (64, 65) and out == "" and text in err, (words, err)
    for words in (("queue", "delete"), ("dead", "delete")):  # the variable of a script that is not set
        rc, out, err = tool(p, *words, "--where", " ", "--yes")
        assert rc == 64 and out == "" and "an empty filter is everything" in err
    # the dead: each once, although all of them die again
    s.read_again("rules = ( { stage = \"rcpt\"; action = \"550:5.1.1:no such user\"; } );")
    assert tool(p, "queue", "release", *ids[:4])[0] == 0
    wait_dead(p, 4)
    rc, out, err = tool(p, "dead", "resend", "--where", "code=550")
    assert rc == 64 and "4 deliveries would be queued again; add --yes" in err
    assert tool(p, "dead", "resend", "--where", "code=550", "--yes", "--json")[1] == (
        '{"act":"resend","done":4,"left":0,"last":true}\n')
    p.wait_event("bounced", n=8)
    wait_dead(p, 4)
    rc, out, err = tool(p, "dead", "delete", "--where", "code=550")
    assert rc == 64 and "4 deliveries would be deleted, and nobody is told" in err
    assert tool(p, "dead", "delete", "--where", "code=550", "--yes")[1] == "4 deliveries deleted\n"
    assert len(p.events("bounced")) == 8
    s.stop()
    p.stop()


def test_other_ways(sink, postern):
    """Rules that came after the mail: the route of a recipient, of a header's
    field, of a user who is no more."""
    a, b = sink(), sink()
    p = postern(harness.provider(a.port, name="a"), harness.provider(b.port, name="b"),
                listeners=[{"name": "local", "address": ["127.0.0.1:0"], "hold": True}])
    both = harness.send_raw(p.port, mails.plain(), recipients=["x@one.example", "y@two.example", "z@two.example"]).split()[-1]
    news = harness.send_raw(p.port, b"X-Campaign: spring\r\n" + mails.plain(), recipients=["n@one.example"]).split()[-1]
    large = harness.send_raw(p.port, b"X-Campaign: none\r\n" + mails.mail("big", mails.lines_of(200000)),
                             recipients=["l@one.example"]).split()[-1]
    assert tool(p, "queue", "reroute", "--where", "") == (0, "0 deliveries sent other ways\n", "")
    p.settings["routes"] = [
        {"name": "two", "match": {"recipient": ["*@two.example"]}, "use": ["b"], "priority": "low"},
        {"name": "news", "match": {"header": ["X-Campaign: s*"]}, "use": ["b"]},
        {"name": "default", "use": ["a"]}]
    p.write_conf()
    assert tool(p, "reload") == (0, "", "")
    rc, out, err = tool(p, "queue", "reroute", "--where", "not route=two")
    assert (rc, out) == (64, "") and "2 deliveries would be sent other ways; add --yes" in err
    assert tool(p, "queue", "reroute", both) == (0, "1 delivery sent other ways\n", "")
    p.wait_event("message.act", msg=both, act="reroute", was="operator")
    assert tool(p, "queue", "reroute", "--where", "", "--yes") == (0, "1 delivery sent other ways\n", "")
    rows = [json.loads(x) for x in tool(p, "queue", "list", "--json")[1].splitlines()]
    assert sorted((r["id"], r["n"], r["route"], r["priority"], r["state"], r["nrcpts"]) for r in rows) == sorted([
        (both, 0, "default", "normal", "held", 1), (both, 1, "two", "low", "held", 2),
        (news, 0, "news", "normal", "held", 1), (large, 0, "default", "normal", "held", 1)])
    p.kill9()
    p.start()
    assert tool(p, "queue", "release", "--where", "", "--yes")[1] == "4 deliveries released\n"
    got = {x for m in a.wait_messages(2) for x in m["recipients"]}, {x for m in b.wait_messages(2) for x in m["recipients"]}
    assert got == ({"x@one.example", "l@one.example"}, {"y@two.example", "z@two.example", "n@one.example"})
    harness.wait_until(lambda: tool(p, "queue", "list", "--json")[1] == "", what="the commit of the last delivery")
    rc, out, err = tool(p, "queue", "reroute", both, news)
    assert (rc, out) == (65, "0 deliveries sent other ways\n") and err.count("no such message") == 2
    p.stop()


@pytest.mark.parametrize("verb", ["hold", "reroute"])
def test_stopped_in_the_middle(sink, postern, load, verb):
    """The daemon ends while it deals with many: some are done, none is lost."""
    p = postern(harness.provider(harness.free_port(), name="a"),
                routes=[{"name": "default", "use": ["a"]}])
    assert load(p.port, 400, 10).result()["acked"] == 400
    p.settings["routes"].insert(0, {"name": "other", "match": {"sender": ["*"]}, "use": ["a"]})
    p.write_conf()
    assert tool(p, "reload") == (0, "", "")
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(harness.LONG)
        s.connect(str(p.dir / "control.sock"))
        s.sendall(b'{"v":1,"request":"queue.%s","where":"","yes":true}\n' % verb.encode())
        assert b'"done":' in s.recv(65536)  # a step
        p.stop()
    s = sink()
    p.settings["providers"] = [harness.provider(s.port, name="a")]
    p.start()
    done = len(tool(p, "queue", "list", "--where", "state=held" if verb == "hold" else "route=other")[1].splitlines())
    tool(p, "queue", "release", "--yes", "--where", "")
    s.wait_messages(400)
    assert done > 64 or verb == "reroute"
    p.stop()
    s.stop()
    assert len({(m["run"], m["number"]) for m in s.messages()}) == len(s.messages()) == 400


def test_killed_between_act_and_delivery(sink, postern):
    """Mail of a listener that holds it; nothing of what was said is forgotten,
    and nothing arrives that was deleted."""
    port = harness.free_port()
    p = postern(harness.provider(port, breaker={"open": "100ms", "open_max": "100ms"}),
                listeners=[{"name": "local", "address": ["127.0.0.1:0"], "hold": True}])
    ids = [send(p, "r%d@example.net" % i) for i in range(6)]
    assert tool(p, "queue", "release", *ids[:2])[0] == 0
    assert tool(p, "queue", "delete", "--yes", *ids[2:4]) == (0, "".join(i + " deleted\n" for i in ids[2:4]), "")
    p.kill9()
    s = sink(port=port)
    p.start()
    s.wait_messages(2)
    rc, out, err = tool(p, "queue", "release", *ids[2:])
    assert rc == 65 and err.count("no such message") == 2
    assert out == "".join(i + " released\n" for i in ids[4:])
    s.wait_messages(4)
    assert tool(p, "queue", "release", ids[0])[0] == 65
    p.stop()
    s.stop()
    assert len(s.messages()) == 4
