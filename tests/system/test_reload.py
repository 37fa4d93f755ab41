# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: what can be reloaded is, and a mistake changes nothing.  POSTERN_LONG:
1,000 reloads under load instead of 20."""
import json
import os
import signal
import subprocess
import urllib.request

import pytest

import certs
import harness
import mails

POSTERN = os.environ.get("POSTERN", str(harness.BUILD / "postern"))
RELOADS, MESSAGES = (1000, 20000) if "POSTERN_LONG" in os.environ else (20, 600)


def tool(p, *words):
    r = subprocess.run([POSTERN, *words, "-c", str(p.conf)], capture_output=True, text=True, timeout=harness.LONG)
    return r.returncode, r.stdout, r.stderr


def test_another_provider(sink, postern):
    a, b = sink(), sink()
    p = postern(a.port)
    harness.send_raw(p.port, mails.plain())
    a.wait_messages(1)
    p.settings["providers"] = [harness.provider(b.port, name="b")]
    p.wait_event("reloaded", since=p.reload())
    harness.send_raw(p.port, mails.plain())
    b.wait_messages(1)
    p.stop()
    assert a.stop()["messages"] == 1


def test_a_mistake_keeps_the_old_one(sink, postern):
    s = sink()
    p = postern(s.port)
    p.settings["hostnme"] = "x"
    mark = p.reload()
    p.log.wait(lambda ls: [x for x in ls if "hostnme" in x], since=mark)
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(1)
    p.stop()


def test_limits_of_a_listener(sink, postern):
    s = sink()
    p = postern(s.port)
    p.settings["listeners"][0]["max_size"] = "10K"
    p.wait_event("reloaded", since=p.reload())
    with harness.Client(p.port) as c:
        assert "SIZE 10240" in c.open()
        assert c.cmd("MAIL FROM:<a@example.com> SIZE=10241")[0] == 552
    p.stop()


def things_of(p):
    """Descriptors and threads of the process."""
    here = "/proc/%d/" % p.proc.pid
    return len(os.listdir(here + "fd")), len(os.listdir(here + "task"))


def pooled(p):
    """Sessions with the provider."""
    row = json.loads(tool(p, "provider", "show", "one", "--json")[1])
    return sum(row["sessions"].values())


def test_many_reloads_under_load(sink, postern, load):
    """Nothing is lost, nothing comes twice, no client's session is dropped; the
    provider never sees more sessions than it may; what a reload took is given back."""
    s = sink(maildir=None)
    p = postern(harness.provider(s.port, name="one", max_connections=8, idle_timeout="1s"),
                http={"address": "127.0.0.1:%d" % harness.free_port()})
    more = {"name": "more", "address": ["127.0.0.1:%d" % harness.free_port()]}
    first = p.settings["listeners"]
    old = harness.Client(p.port)
    old.open()
    sent, sizes = 0, []
    for _ in range(2):
        mark = s.out.mark()
        job = load(p.port, MESSAGES, 10, "-r", "2000", first=sent)
        for i in range(RELOADS // 2):
            p.settings["listeners"] = [dict(first[0], max_size="%dK" % (100 + i))] + [more] * (i % 2)
            p.wait_event("reloaded", since=p.reload(), listeners=1 + i % 2)
        sent += MESSAGES
        r = job.result()
        assert (r["acked"], r["lost"], r["connect_failed"]) == (MESSAGES, 0, 0), r
        s.wait_messages(MESSAGES, since=mark)
        harness.wait_until(lambda: pooled(p) == 0, what="the end of sessions that have nothing to do")
        if not sizes:
            sizes = [*things_of(p), p.rss_anon_kib()]
    harness.wait_until(lambda: list(things_of(p)) <= sizes[:2], what="no more descriptors and threads than before")
    if not harness.SANITIZED:  # that keeps what is freed
        harness.wait_until(lambda: p.rss_anon_kib() < sizes[2] + 2048, what="no more memory than before")
    assert old.cmd("NOOP")[0] == 250
    old.close()
    with urllib.request.urlopen("http://%s/readyz" % p.settings["http"]["address"]) as r:
        assert r.status == 200
    p.stop()
    n = s.stop()
    assert (n["different"], n["duplicates"]) == (sent, 0)
    assert n["most_open"] <= 8, n  # none changes what a session sees: they go on


def account(tmp_path, s, password="secret", **more):
    """One that logs in by a file with that in it."""
    secret = harness.private(tmp_path / "secret", password + "\n")
    return harness.provider(s.port, name="one", user="me", password_file=str(secret), allow_clear_auth=True, **more)


def test_what_a_session_does_not_see_leaves_it_alone(sink, postern, tmp_path):
    """Whatever else a reload changes, the provider sees no new connection and
    no new login; another password is another session."""
    s, other = sink("--auth", "me:secret", maildir=None), sink(maildir=None)
    p = postern(account(tmp_path, s, warm=1), harness.provider(other.port, name="two"))
    s.wait_event("connected")
    one, two = p.settings["providers"]
    free = "127.0.0.1:%d" % harness.free_port()
    changes = [
        {}, {"log": {"level": "debug"}}, {"providers": [one, dict(two, port=harness.free_port())]}, {"providers": [one]},
        {"providers": [one, two], "routes": [{"name": "default", "use": ["two"]},
                                             {"name": "a", "match": {"sender": ["*"]}, "use": ["one"]}]},
        {"providers": [dict(one, rate=["100 msg/s"], weight=3, rewrite={"sender": "new@example.com"},
                            breaker={"failures": 7}), two]},
        {"listeners": p.settings["listeners"] + [{"name": "more", "address": [free]}]},
        {"retry": {"min": "30s"}, "routes": [{"name": "default", "use": ["one"]}]}]
    for i, change in enumerate(changes):
        p.settings.update(change)
        p.wait_event("reloaded", since=p.reload())
        harness.send_raw(p.port, mails.plain())
        assert s.wait_messages(i + 1)[-1]["connection"] == 1, change
    assert s.messages()[-1]["sender"] == "new@example.com", "what is new holds at once"
    assert len(s.events("connected")) == 1
    (tmp_path / "secret").write_text("wrong\n")
    mark = p.reload()
    p.wait_event("provider.closed", since=mark, reason="reload")
    p.wait_event("provider.alert", since=mark, provider="one")
    account(tmp_path, s)
    p.wait_event("reloaded", since=p.reload())
    harness.send_raw(p.port, mails.plain())
    assert s.wait_messages(len(changes) + 1)[-1]["connection"] > 2
    p.stop()


def test_what_is_being_sent_comes_to_its_end(sink, postern):
    """By the settings that it began with, on a session that then goes on; what
    waits goes by the new ones."""
    s, b = sink("--delay", "data=700"), sink()
    p = postern(harness.provider(s.port, name="one", max_connections=1, null_sender="refuse"),
                harness.provider(b.port, name="two"), bounce={"from": "first@example.com"},
                routes=[{"name": "default", "use": ["one"]}])
    for _ in range(2):
        harness.send_raw(p.port, mails.plain(), sender="")
    s.wait_event("connected")
    p.settings.update(bounce={"from": "second@example.com"}, routes=[{"name": "default", "use": ["two", "one"]}])
    p.settings["providers"][1]["null_sender"] = "refuse"
    p.wait_event("reloaded", since=p.reload())
    s.wait_messages(1)
    p.settings["routes"] = [{"name": "default", "use": ["one"]}]
    p.wait_event("reloaded", since=p.reload())
    harness.send_raw(p.port, mails.plain(), sender="")
    p.wait_event("delivered", n=3)
    p.stop()
    assert {m["connection"] for m in s.messages()} == {1}
    senders = [m["sender"] for m in s.messages()]
    assert senders[0] == "first@example.com" and senders[-1] == "second@example.com"


def test_other_certificates_are_other_sessions(sink, postern, tmp_path):
    """What the files hold counts, not their names."""
    own, new = certs.make(tmp_path, "own"), certs.make(tmp_path, "new")
    ca = tmp_path / "ca.pem"
    ca.write_text(open(own.certificate).read())
    s = sink("--tls", "starttls", "--certificate", own.certificate, "--key", own.key, maildir=None)
    p = postern(harness.provider(s.port, name="one", tls="verify", tls_name="postern.test", ca_file=str(ca)))
    for i, (text, n) in enumerate((("", 1), ("", 1), (open(new.certificate).read(), 2), ("", 2))):
        if text:
            ca.write_text(ca.read_text() + text)
        p.wait_event("reloaded", since=p.reload())
        harness.send_raw(p.port, mails.plain())
        assert s.wait_messages(i + 1)[-1]["connection"] == n
    p.stop()
    assert s.stop()["connections"] == 2


def test_reloads_while_a_provider_is_down(sink, postern):
    """Each is one more attempt, no message's, and its time out gets longer all
    the same: 1 s at first, a minute in the end."""
    s, b = sink("--reply", "banner=421:4.3.2:busy", maildir=None), sink(maildir=None)
    p = postern(harness.provider(s.port, name="one", breaker={"failures": 1, "open": "1s", "open_max": "60s"}),
                harness.provider(b.port, name="two"))
    harness.send_raw(p.port, mails.plain())
    p.wait_event("provider.down", provider="one")
    b.wait_messages(1)
    for _ in range(20):
        n = len(s.events("rule"))
        p.wait_event("reloaded", since=p.reload())
        s.wait_event("rule", n + 1)
    harness.wait_until(lambda: len(p.events("provider.trouble")) == len(s.events("rule")), what="its last refusal")
    row = json.loads(tool(p, "provider", "show", "one", "--json")[1])
    assert row["state"] == "open" and 40000 < row["for_ms"] <= 72000, row
    harness.send_raw(p.port, mails.plain())
    b.wait_messages(2)
    assert all("msg" not in e for e in p.events("provider.trouble")[1:])
    p.stop()
    # the first, a reload's each, and some when its time, still short, was over
    assert s.stop()["connections"] <= 1 + 20 + 4


# one a line; what is wrong with it
TWENTY = [
    ('hostnam = "x";', 'hostnam: is no key; did you mean "hostname"?'),
    ('inlet_threads = 5000000000;', "inlet_threads: 5000000000 is too large a number; write at most"),
    ('stop_grace = 20;', 'stop_grace: a duration has a unit; write stop_grace = "20s";'),
    ('watch = yes;', "watch: has to be true or false; write watch = true;"),
    ('root = "ops";', 'root: "ops" is no address; write one such as'),
    ('users_file = "%(dir)s/users";', "users_file: others can read or change %(dir)s/users; run: chmod o-rwx"),
    ('include = [ "none.conf" ];', "include: %(dir)s/none.conf is not there; write"),
    ('listeners = ( { name = "a"; address = [ "0.0.0.0:25" ]; },',
     'listeners.address: "0.0.0.0:25" lets everybody in; write networks = '),
    ('{ name = "b"; address = [ "127.0.0.1" ]; },', 'listeners.address: "127.0.0.1" is no address to listen on; write'),
    ('{ name = "c"; address = [ "127.0.0.1:26" ]; max_size = "25X"; },', 'listeners.max_size: "X" is no unit of size; write K'),
    ('{ name = "d"; address = [ "127.0.0.1:27" ]; tls = "required"; },', "listeners.tls: needs a certificate; write tls = "),
    ('{ name = "e"; address = [ "127.0.0.1:28" ]; timeouts = { comand = "1s"; }; } );',
     'listeners.timeouts.comand: is no key; did you mean "command"?'),
    ('providers = ( { name = "p"; host = smtp.example.com; },', 'providers.host: smtp.example.com has no quotes; write "smtp'),
    ('{ name = "q"; host = "h"; tls = "verfy"; },', 'providers.tls: "verfy" is not possible; did you mean "verify"?'),
    ('{ name = "r"; host = "h"; user = "u"; password_file = "/none"; },', "providers.password_file: /none cannot be read"),
    ('{ name = "s"; host = "h"; rate = [ "14 msgs/s" ]; },', 'providers.rate: "14 msgs/s" is no rate; write one such as'),
    ('{ name = "p"; host = "h"; } );', 'providers.name: "p" stands twice; write another name'),
    ('routes = ( { name = "news"; use = [ "nobody" ]; match = { sender = [ "a@b" ]; }; } );',
     'routes.use: there is no provider or group "nobody"; write the name of one'),
    ('log = { level = "loud"; };', 'log.level: "loud" is not possible; write "error"'),
    ('http = { address = "0.0.0.0:8587"; };', "http.address: lets everybody read who can connect"),
]


def test_twenty_mistakes(sink, postern):
    """Each is told, once, with its place and what to write, whoever asks, and
    nothing changes."""
    s = sink()
    p = postern(s.port)
    here = {"dir": p.dir}
    (p.dir / "users").write_text("")
    (p.dir / "users").chmod(0o644)
    text = "".join(x[0] + "\n" for x in TWENTY) % here
    p.conf.write_text(text + 'user = "root"; submission = { socket = "%s"; };\n' % p.settings["submission"]["socket"])
    want = ["%s:%d: %s" % (p.conf, n, x[1] % here) for n, x in enumerate(TWENTY, 1)]

    def are_they(text):
        lines = text.splitlines()
        assert len(lines) == len(want), text
        for line, begin in zip(lines, want):
            assert line.startswith(begin), line
    r = subprocess.run([harness.POSTERND, "-t", "-c", p.conf], capture_output=True, text=True, timeout=harness.LONG)
    assert r.returncode == 78
    are_they(r.stderr)
    for verb, last in (("check", "a reload would change nothing"), ("reload", "the settings stay as they are")):
        rc, out, err = tool(p, verb)
        assert (rc, out) == (78, "") and err.endswith("\npostern: %s\n" % last), err
        are_they(err[:err.rindex("postern: ")])
    p.wait_event("reload.failed", n=len(want))
    assert len(p.events("reload.failed")) == len(want)
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(1)
    p.stop()


def test_listeners_come_and_go(sink, postern):
    """Sessions of one that goes end on the old values, also those that had
    only just connected; the others notice nothing of it."""
    s, gone, new = sink(), harness.free_port(), harness.free_port()
    p = postern(s.port)
    p.settings["listeners"] += [{"name": "gone", "address": ["127.0.0.1:%d" % gone], "max_size": "10K"}]
    p.wait_event("reloaded", since=p.reload())
    a, b = harness.Client(gone), harness.Client(p.port)
    for c in (a, b):
        c.open()
        assert c.cmd("MAIL FROM:<a@example.com>")[0] == 250
    p.settings["listeners"] = [{"name": "new", "address": ["127.0.0.1:%d" % new], "max_size": "20K"}] + \
        p.settings["listeners"][:1]
    p.proc.signal(signal.SIGSTOP)  # so that they wait in the kernel's queue
    waiting = [harness.Client(gone) for _ in range(150)]
    mark = p.reload()
    p.proc.signal(signal.SIGCONT)
    p.wait_event("listener.closed", since=mark, listener="gone")
    p.wait_event("reloaded", since=mark)
    with pytest.raises(ConnectionRefusedError):
        harness.Client(gone)
    for c in waiting:
        c.open()
        assert c.cmd("QUIT")[0] == 221
        c.close()
    for c in (a, b):
        assert c.cmd("RCPT TO:<b@example.net>")[0] == 250 and c.cmd("DATA")[0] == 354
        c.send(mails.plain() + b".\r\n")
        assert c.reply()[0] == 250
    for c, size in ((a, 10), (harness.Client(new), 20)):
        if size == 20:
            assert "SIZE %d" % (size << 10) in c.open()
        assert c.cmd("MAIL FROM:<a@example.com> SIZE=%d" % ((size << 10) + 1))[0] == 552
        c.close()
    b.close()
    s.wait_messages(2)
    p.stop()


def test_under_load_nothing_is_lost(sink, postern, load):
    a, b = sink(maildir=None), sink(maildir=None)
    p = postern(a.port)
    job = load(p.port, 3000, 10)
    for i in range(5):
        to = (b, a)[i % 2]
        mark = to.out.mark()
        p.settings["providers"] = [harness.provider(to.port, name="p%d" % i)]
        p.wait_event("reloaded", since=p.reload())
        if job.is_running():
            to.wait_messages(10, since=mark)
    assert job.result()["acked"] == 3000

    def count(lines):
        return len(a.messages()) + len(b.messages()) >= 3000
    # both sinks are looked at whenever one of them says something
    harness.wait_until(lambda: count(None), what="3000 messages")
    p.stop()
    na, nb = a.stop(), b.stop()
    assert na["different"] + nb["different"] == 3000
    assert na["duplicates"] + nb["duplicates"] == 0


def test_log_rotation(sink, postern, tmp_path):
    s = sink()
    log = tmp_path / "postern.log"
    p = postern(s.port, log={"to": str(log)}, start=False)
    p.start(wait=False)

    def port():
        return log.exists() and "event=listening" in log.read_text() and log.read_text()
    text = harness.wait_until(port, what="the log file")
    p.port = int(text.split("127.0.0.1:")[1].split()[0].strip('"'))
    log.rename(tmp_path / "postern.log.1")
    p.proc.signal(signal.SIGHUP)
    harness.wait_until(log.exists, what="a new log file")
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(1)
    harness.wait_until(lambda: "event=delivered" in log.read_text(), what="the delivery in the new file")
    p.stop()


def test_watch(sink, postern, tmp_path):
    """A change of any of its files is a reload, however it is made; a mistake
    is told once and leaves everything as it was."""
    a, b = sink(), sink()
    for n in ("1", "2"):
        (tmp_path / ("..data" + n)).mkdir()
        (tmp_path / ("..data" + n) / "name.conf").write_text('hostname = "name%s.test";\n' % n)
    (tmp_path / "..data").symlink_to("..data1")
    (tmp_path / "name.conf").symlink_to("..data/name.conf")
    p = postern(a.port, watch=True, include=[str(tmp_path / "*.conf")], start=False)
    del p.settings["hostname"]
    p.start()

    def banner():
        with harness.Client(p.port) as c:
            return c.open()
    # an editor's way: another file takes its name
    mark = p.log.mark()
    p.settings["providers"] = [harness.provider(b.port, name="b")]
    new = p.conf.with_suffix(".new")
    new.write_text(harness.conf_text(p.settings))
    new.rename(p.conf)
    p.wait_event("config.changed", since=mark, file=str(p.conf))
    p.wait_event("reloaded", since=mark)
    harness.send_raw(p.port, mails.plain())
    b.wait_messages(1)
    # written in place, with mistakes
    mark = p.log.mark()
    p.conf.write_text(p.conf.read_text() + "hostnme = 1;\nwach = true;\n")
    p.log.wait(lambda ls: [x for x in ls if "reload.failed" in x and "wach" in x], since=mark)
    rc, out, _ = tool(p, "status")
    assert rc == 0 and "  configuration: refused since " in out and " UTC: 2 mistakes\n" in out
    harness.send_raw(p.port, mails.plain())
    b.wait_messages(2)
    # mended by a secret's volume: the link to a directory changes
    mark2 = p.log.mark()
    p.write_conf()
    p.wait_event("reloaded", since=mark2)
    assert "configuration" not in tool(p, "status")[1]
    assert len([x for x in p.log.lines[mark:] if "event=reload.failed" in x]) == 2
    assert len([x for x in p.log.lines[mark:] if "event=config.changed" in x]) == 2
    assert "name1.test" in banner()
    mark = p.log.mark()
    (tmp_path / ".new").symlink_to("..data2")
    (tmp_path / ".new").rename(tmp_path / "..data")
    p.wait_event("reloaded", since=mark)
    assert "name2.test" in banner()
    # a full disk, and what an editor leaves there
    mark = p.log.mark()
    whole = p.conf.read_text()
    p.conf.write_text("")
    p.wait_event("reload.failed", since=mark)
    rc, _, err = tool(p, "check", "-s", str(p.dir / "control.sock"))
    assert rc == 78 and str(p.conf) + ": is empty" in err
    mark = p.log.mark()
    p.conf.write_text(whole)
    p.wait_event("reloaded", since=mark)
    harness.send_raw(p.port, mails.plain())
    b.wait_messages(3)
    p.stop()
    assert a.stop()["messages"] == 0 and b.stop()["messages"] == 3
    p.conf.write_text("hostnme = 1;\n")  # nor does the usual place answer here
    rc, _, err = tool(p, "reload")
    assert rc == 78 and ":1: hostnme: " in err and "write -s socket" in err
