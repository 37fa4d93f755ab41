# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: what can be reloaded is, and a mistake changes nothing."""
import harness
import mails


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
    import signal
    p.proc.signal(signal.SIGHUP)
    harness.wait_until(log.exists, what="a new log file")
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(1)
    harness.wait_until(lambda: "event=delivered" in log.read_text(), what="the delivery in the new file")
    p.stop()
