# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: what can be reloaded is, and a mistake changes nothing."""
import os
import signal
import subprocess

import pytest

import harness
import mails

POSTERN = os.environ.get("POSTERN", str(harness.BUILD / "postern"))


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
    p.stop()
    assert a.stop()["messages"] == 0 and b.stop()["messages"] == 2
    p.conf.write_text("hostnme = 1;\n")  # nor does the usual place answer here
    rc, _, err = tool(p, "reload")
    assert rc == 78 and ":1: hostnme: " in err and "write -s socket" in err
