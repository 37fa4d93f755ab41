# SPDX-License-Identifier: Apache-2.0
"""The control socket, and the commands that ask by it."""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest

import harness
import mails

POSTERN = os.environ.get("POSTERN", str(harness.BUILD / "postern"))
LIST = b'{"v":1,"request":"provider.list"}\n'


def tool(p, *words):
    r = subprocess.run([POSTERN, *words, "-c", str(p.conf)], capture_output=True, text=True,
                       timeout=harness.LONG)
    return r.returncode, r.stdout, r.stderr


def call(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(harness.LONG)
    s.connect(str(path))
    return s


def answer(s):
    """Up to the last line: behind it there is nothing to read."""
    lines = []
    with s, s.makefile() as f:
        while not lines or "row" in lines[-1]:
            lines.append(json.loads(f.readline()))
    return lines


def say(s, line):
    try:
        s.sendall(line)
    except BrokenPipeError:
        pass  # it was turned away and told why


def ask(path, line):
    s = call(path)
    say(s, line)
    return answer(s)


def test_providers_as_they_are(sink, postern):
    s = sink()
    p = postern(harness.provider(s.port, name="a"), harness.provider(harness.free_port(), name="b"))
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(1)
    rc, out, err = tool(p, "provider", "list")
    assert (rc, err) == (0, "")
    lines = out.splitlines()
    assert [x.split()[0] for x in lines] == ["PROVIDER", "a", "b"]
    assert all(len(x) <= 80 for x in lines)
    p.wait_event("delivered")
    rc, out, err = tool(p, "provider", "show", "a", "--json")
    row = json.loads(out)
    assert (row["state"], row["level"], row["delivered"]) == ("ok", "normal", 1)
    assert sum(row["sessions"].values()) == 1
    assert "delivered   1" in tool(p, "provider", "show", "a")[1]
    rc, out, err = tool(p, "provider", "show", "c")
    assert rc == 65 and "no such provider" in err
    p.stop()
    rc, out, err = tool(p, "provider", "list")
    assert rc == 69 and "control.sock" in err


def test_a_rate_that_holds_mail_up_is_told_of(sink, postern):
    """How full the windows are, its own and those that it shares, and when the
    next message may go."""
    p = postern(harness.provider(sink().port, name="a", rate=["20 msg/min", "9 rcpt/day"], limits=["tenant"]),
                harness.provider(harness.free_port(), name="b", rate=["7 msg/min"]),
                limits=[{"name": "tenant", "rate": ["900 rcpt/h"]}, {"name": "other", "rate": ["5 msg/h"]}],
                routes=[{"name": "default", "use": ["a"]}])
    ids = [harness.send_raw(p.port, mails.plain()).split()[-1] for _ in range(7)]

    def shown():
        row = json.loads(tool(p, "provider", "show", "a", "--json")[1])
        return row if row.get("slot_ms") and row["sending"] == 0 else None
    row = harness.wait_until(shown, what="mail that waits for a slot")
    went = row["delivered"]
    assert (row["state"], sum(row["waiting"].values())) == ("ok", 7 - went) and 0 < went < 7
    assert row["windows"] == [
        {"owner": "provider/a", "window": "20 msg/1m", "used": went, "max": 20},
        {"owner": "provider/a", "window": "9 rcpt/1d", "used": went, "max": 9},
        {"owner": "limit/tenant", "window": "900 rcpt/1h", "used": went, "max": 900}]
    assert 0 < row["slot_ms"] <= 60000
    rc, out, err = tool(p, "provider", "show", "a")
    assert "\nlimit       limit/tenant 900 rcpt/1h: %d of 900 used\n" % went in out
    assert re.search(r"^next slot   in \d+ s, by its rate$", out, re.M)
    assert re.search(r"it waits its turn at a, whose rate lets the next go in \d+ s$", tool(p, "why", ids[-1])[1], re.M)
    out = tool(p, "provider", "show", "b")[1]
    assert "\nlimit       provider/b 7 msg/1m: 0 of 7 used\n" in out and "next slot" not in out
    p.stop()


def test_a_provider_that_is_down_says_why(postern):
    p = postern(harness.provider(harness.free_port(), name="a", breaker={"failures": 1, "open": "1h", "open_max": "1h"}))
    harness.send_raw(p.port, mails.plain())
    p.wait_event("provider.down")
    row = json.loads(tool(p, "provider", "show", "a", "--json")[1])
    assert row["state"] == "open" and row["why"]
    assert 0 < row["for_ms"] <= 1.2 * 3600 * 1000
    # its last words, and when they were
    trouble = row["trouble"]
    assert (trouble["stage"], trouble["code"], trouble["class"]) == ("connect", 0, "net")
    assert "refused" in trouble["text"] and 0 <= trouble["age_ms"] < 60000
    assert abs(time.time() * 1000 - trouble["at_ms"]) < 60000
    for words in (("provider", "list"), ("status",)):
        assert re.search(r"^    \d+m?s ago at connect: .*refused$", tool(p, *words)[1], re.M), words
    assert re.search(r"^trouble +\d+m?s ago at connect: .*refused$", tool(p, "provider", "show", "a")[1], re.M)
    p.stop()


def test_reload_waits_and_tells(sink, postern):
    a, b = sink(), sink()
    p = postern(a.port)
    p.settings["providers"] = [harness.provider(b.port, name="b")]
    p.write_conf()
    assert tool(p, "reload") == (0, "", "")
    harness.send_raw(p.port, mails.plain())
    b.wait_messages(1)
    p.wait_event("control.request", request="reload", uid=os.getuid())
    p.conf.write_text(p.conf.read_text() + 'hostnme = "x";\n')
    rc, _, err = tool(p, "reload")
    assert rc == 78 and err.count("hostnme") == 1 and "stay as they are" in err
    p.stop()


def test_a_file_with_mistakes_does_not_hide_the_daemon(sink, postern):
    p = postern(sink().port)
    good = p.conf.read_text()
    p.conf.write_text(good.replace("port = ", "prot = ", 1))
    rc, out, err = tool(p, "status")
    assert rc == 0 and "accepts mail" in out and err == ""
    p.conf.write_text(good + "providers = ( {")
    rc, out, err = tool(p, "status")
    assert rc == 78 and "write -s" in err and "postern.conf" in err
    r = subprocess.run([POSTERN, "status", "-s", str(p.dir / "control.sock")], capture_output=True, text=True)
    assert r.returncode == 0 and "accepts mail" in r.stdout
    p.stop()


def test_a_stop_with_questions_under_way(sink, postern):
    """Each is made of many of the relay, which ends first."""
    line = json.dumps({"v": 1, "request": "route", "from": "a@x.example",
                       "to": ["b%d@x.example" % i for i in range(100)]}).encode() + b"\n"
    p = postern(harness.free_port())
    for _ in range(2):
        callers = [call(p.dir / "control.sock") for _ in range(20)]
        for s in callers:
            s.sendall(line)
        assert b'"row"' in callers[0].recv(65536)
        p.stop()
        for s in callers:
            s.close()
        p.start()
    p.stop()


def test_rude_callers(sink, postern):
    p = postern(sink().port)
    path = p.dir / "control.sock"
    for line in (b"\n", b"hello\n", b"[1]\n", b'{"v":1}\n', b'{"request":"reload"}\n', b'{"v":1,"request":7}\n'):
        assert "a request is one line" in ask(path, line)[0]["error"]
    assert "version 1" in ask(path, b'{"v":2,"request":"reload"}\n')[0]["error"]
    assert ask(path, b'{"v":1,"request":"nothing"}\n')[0]["exit"] == 64
    assert ask(path, b'{"v":1,"request":"provider.show"}\n')[0]["exit"] == 64
    full = LIST[:-2] + b" " * (65535 - len(LIST)) + b"}\n"
    assert ask(path, full)[-1] == {"v": 1, "done": True}
    assert "65536" in ask(path, b" " * 65536)[0]["error"]
    call(path).close()
    idle = [call(path) for _ in range(32)]
    refused = ask(path, b"")
    assert refused[0]["exit"] == 75
    for s in idle:
        s.close()
    # nor do those stay who have their answer and do not go
    harness.wait_until(lambda: "done" in ask(path, LIST)[-1], what="room for a caller")
    for _ in range(100):
        s = call(path)
        say(s, LIST)
        idle.append(s)
    said = [s.recv(65536) for s in idle[32:]]
    assert sum(b'"exit":75' in x for x in said) >= 68
    assert len(os.listdir("/proc/%d/fd" % p.proc.pid)) < 100
    for s in idle:
        s.close()
    harness.wait_until(lambda: "done" in ask(path, LIST)[-1], what="room for a caller")
    p.stop()
    assert not path.exists()


@pytest.mark.clock
def test_callers_that_say_or_read_nothing(sink, postern):
    p = postern(sink().port, start=False)
    p.start(env=harness.shared_clock(20))
    silent, done = call(p.dir / "control.sock"), call(p.dir / "control.sock")
    done.sendall(LIST)
    said = answer(silent)
    assert "no request came in 10 seconds" in said[0]["error"]
    assert answer(done)[-1] == {"v": 1, "done": True}
    p.stop()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be others")
def test_who_may_ask(sink, postern, tmp_path):
    path, tool_of_all = tmp_path / "s", tmp_path / "postern"
    shutil.copy(POSTERN, tool_of_all)  # the build may stand where a stranger may not look
    p = postern(sink().port, control={"socket": str(path), "group": "adm", "admin_group": "staff"})

    def as_group(*groups, words=("provider", "list")):
        r = subprocess.run([tool_of_all, *words, "-s", str(path)], user=65534, group=65534, extra_groups=groups,
                           capture_output=True, text=True, timeout=harness.LONG, cwd="/")
        return r.returncode, r.stderr
    rc, err = as_group()
    assert rc == 77 and "control.group" in err
    assert as_group("adm") == (0, "")
    rc, err = as_group("adm", words=("reload",))
    assert rc == 77 and "control.admin_group" in err
    assert as_group("adm", "staff", words=("reload",)) == (0, "")
    p.stop()


# Whom a request is for, at the least: anyone on the host (about the own mail, and
# sendmail's door), members of control.group, members of control.admin_group.
LEAST = {
    "anyone": {"mailq", "message.show", "route", "trace", "why"},
    "group": {"check", "dead.list", "log.address", "log.level", "message.headers", "provider.list",
              "provider.show", "queue.count", "queue.list", "stats"},
    "admin": {"dead.delete", "dead.export", "dead.resend", "log.set", "message.body", "provider.pause",
              "provider.probe", "provider.resume", "queue.delete", "queue.export", "queue.hold", "queue.release",
              "queue.reroute", "queue.retry", "reload", "spool.backup", "token.refresh"},
}
ASKS = """
import json, socket, sys
path, names = sys.argv[1], sys.argv[2:]
while names:
    with socket.socket(socket.AF_UNIX) as s, s.makefile() as f:
        s.settimeout(60)
        s.connect(path)
        words = {"listener": "sendmail", "from": "a@example.com", "to": ["b@example.com"]}
        s.sendall(json.dumps({"v": 1, "request": names[0], **words}).encode() + b"\\n")
        code = json.loads(f.readlines()[-1]).get("exit", 0)
    if code != 75:  # else the place of the one before is not free yet
        print(names.pop(0), code)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be others")
def test_who_may_ask_what(sink, postern, tmp_path):
    """Each request, by each kind of caller; a request that has no row here is a
    mistake."""
    every = set().union(*LEAST.values())
    source = (pathlib.Path(__file__).parents[2] / "src/admin/control.c").read_text()
    assert set(re.findall(r'\{ "([a-z.]+)", CONTROL_ROLE_', source)) == every
    p = postern(sink().port, control={"socket": str(tmp_path / "s"), "group": "adm", "admin_group": "staff"})

    def allowed(**who):
        r = subprocess.run(["/usr/bin/python3", "-c", ASKS, str(tmp_path / "s"), *sorted(every)], **who,
                           capture_output=True, text=True, timeout=harness.LONG, cwd="/")
        codes = dict(x.split() for x in r.stdout.splitlines())
        assert codes.keys() == every, r.stderr
        return {x for x in every if codes[x] != "77"}
    anyone, group = LEAST["anyone"], LEAST["anyone"] | LEAST["group"]
    assert allowed(user=65534, group=65534, extra_groups=[]) == anyone
    assert allowed(user=65534, group="users", extra_groups=["cdrom", 4242]) == anyone
    assert allowed(user=65534, group=65534, extra_groups=["adm"]) == group
    assert allowed(user=65534, group="adm", extra_groups=[]) == group
    assert allowed(user=65534, group=65534, extra_groups=["cdrom", "staff"]) == every
    assert allowed(user=65534, group="staff", extra_groups=["adm"]) == every
    assert allowed(user=0, group=65534, extra_groups=[]) == every
    told = {(e["request"], e["uid"]) for e in p.events("control.request")}
    assert told == {(x, uid) for x in LEAST["admin"] for uid in ("0", "65534")}
    p.stop()


def test_where_the_settings_of_a_provider_are_from(postern):
    """Of the entry, of one that it is like, and by default; no daemon is asked."""
    p = postern(harness.provider(2525, "one", max_connections=3, idle_timeout="5s"),
                dict(name="two", like="one", max_connections=7), start=False)
    p.write_conf()
    rc, out, err = tool(p, "provider", "show", "--settings", "two")
    rows = dict(line.split(" = ", 1) for line in out.splitlines())
    assert rc == 0
    assert re.fullmatch(r"7; # %s:\d+" % re.escape(str(p.conf)), rows["max_connections"])
    assert re.fullmatch(r'"5s"; # like one, %s:\d+' % re.escape(str(p.conf)), rows["idle_timeout"])
    assert rows["max_messages_per_connection"] == "100; # default"
    rc, out, _ = tool(p, "provider", "show", "--settings", "--json", "two")
    assert rc == 0 and {"key": "max_messages_per_connection", "value": "100", "origin": "default"} in [
        json.loads(line) for line in out.splitlines()]
    assert tool(p, "provider", "show", "--settings", "nobody")[0] == 65
    assert tool(p, "provider", "list", "--settings")[0] == 64
