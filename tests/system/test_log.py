# SPDX-License-Identifier: Apache-2.0
"""Where the log goes, and in what form."""
import json
import os
import re
import shutil
import smtplib
import socket
import subprocess
import urllib.request

import pytest

import harness
import mails
import peers
from test_auth import users  # noqa: F401
from test_operate import tool

BAD = ["--reply", "rcpt<bad.one@example.net>=550:5.1.1:<bad.one@example.net> is nobody here"]


def test_addresses_are_nowhere_in_the_log(sink, postern):
    """Masked and hashed: neither envelope nor the replies that repeat it."""
    s = sink(*BAD)
    p = postern(s.port, log={"addresses": "masked"})
    harness.send_raw(p.port, mails.plain(), recipients=["ann@example.net", "bad.one@example.net"])
    e = p.wait_event("delivered", rcpt="a***@example.net")
    assert e["code"] == "250" and re.fullmatch(r"\d+/\d+/\d+/\d+", e["delays"])
    assert e["relay"] == "127.0.0.1[127.0.0.1]:%d" % s.port
    e = p.wait_event("bounced", rcpt="b***@example.net")
    assert "<b***@example.net> is nobody here" in e["text"]
    assert p.wait_event("accepted")["from"] == "a***@example.com"
    p.settings["log"]["addresses"] = "hashed"
    p.write_conf()
    assert tool(p, "reload")[0] == 0
    mark = p.log.mark()
    harness.send_raw(p.port, mails.plain(), recipients=["bad.one@example.net"])
    rc, ours, _ = tool(p, "log", "address", "Bad.One@example.net")
    assert rc == 0 and re.fullmatch(r"[0-9a-f]{16}@example\.net\n", ours.lower())
    ours = ours.split("@")[0] + "@example.net"
    e = p.wait_event("bounced", since=mark)
    assert e["rcpt"] == ours and "<%s> is nobody here" % ours in e["text"]
    p.stop()
    assert not re.search(r"(?<!\w)(ann|bad\.one|app)@", p.runs[0].err.text())
    p.start()  # the same one is the same one after a restart
    assert tool(p, "log", "address", "bad.one@example.net")[1] == ours + "\n"
    assert tool(p, "log", "address", "nobody")[0] == 64 and tool(p, "log", "address")[0] == 64
    p.stop()


def is_listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def test_a_syslog_that_hangs_stops_no_mail(sink, postern, tmp_path):
    """Nobody reads what it is sent; then somebody does, and the lines come."""
    path = str(tmp_path / "log.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(path)
        syslog.settimeout(harness.LONG)
        s = sink()
        p = postern(s.port, start=False, log={"to": "syslog", "syslog_socket": path, "level": "debug"},
                    listeners=[{"name": "local", "address": ["127.0.0.1:%d" % harness.free_port()]}])
        p.start(wait=False)
        port = int(p.settings["listeners"][0]["address"][0].rsplit(":", 1)[1])
        harness.wait_until(lambda: is_listening(port), what="the listener")
        for n in range(1, 16):  # ten datagrams fill the usual queue
            harness.send_raw(port, mails.plain())
        s.wait_messages(n)
        lines = []
        while sum("event=delivered" in x for x in lines) < n:
            lines.append(syslog.recv(4096).decode())
        pid = p.proc.pid
        p.stop()
    assert all(re.match(r"<2[0-3]>[A-Z][a-z]{2} [ 1-3]\d \d\d:\d\d:\d\d posternd\[%d\]: " % pid, x) for x in lines)
    assert not any(x.endswith("\n") for x in lines)
    assert sum("event=accepted" in x for x in lines) == n


def pflogsumm(path, *options):
    """Its grand totals, and what it warns of."""
    r = subprocess.run(["pflogsumm", *options, str(path)], capture_output=True, text=True, timeout=harness.LONG,
                       env={**os.environ, "LC_ALL": "C"})
    assert r.returncode == 0, r.stderr
    totals = re.findall(r"^ +(\d+) +(received|delivered|deferred|bounced|rejected)\b(?:  \((\d+) deferrals\))?",
                        r.stdout, re.M)
    return {word: int(n) for n, word, _ in totals}, r.stdout


TRAFFIC = [["ann@example.net"], ["ann@example.net", "bob@example.net"], ["bad.one@example.net"],
           ["later@example.net"], ["ann@example.net", "bad.one@example.net"]]


@pytest.mark.skipif(not shutil.which("pflogsumm"), reason="pflogsumm is not installed")
def test_pflogsumm_counts_exactly(sink, postern, tmp_path):
    """Deliveries, deferrals, bounces and rejections; what is sent about them is
    delivered, too, and received from nobody."""
    log = tmp_path / "mail.log"
    s = sink(*BAD, "--reply", "rcpt<later@example.net>=450:4.2.0:try (again) later")
    p = postern(s.port, start=False, log={"to": str(log), "format": "postfix"}, bounce={"from": "mailer@example.com"},
                listeners=[{"name": "local", "address": ["127.0.0.1:%d" % harness.free_port()],
                            "senders": ["*@example.com", "<>"]}])
    p.start(wait=False)
    port = int(p.settings["listeners"][0]["address"][0].rsplit(":", 1)[1])
    harness.wait_until(lambda: is_listening(port), what="the listener")
    for rcpts in TRAFFIC:
        harness.send_raw(port, mails.plain(), recipients=rcpts)
    with pytest.raises(Exception):
        harness.send_raw(port, mails.plain(), sender="app@elsewhere.example")
    harness.wait_until(lambda: log.read_text().count("status=sent") == 6
                       and log.read_text().count("status=deferred") == 1, what="the deliveries")
    p.stop()
    totals, report = pflogsumm(log, "--syslog-name=postern")
    assert totals == {"received": 5, "delivered": 6, "deferred": 1, "bounced": 2, "rejected": 1}, report
    assert "try (again" in report and "nobody here" in report
    lines = log.read_text().splitlines()
    print("\n".join(lines))
    head = r"[A-Z][a-z]{2} [ 1-3]\d \d\d:\d\d:\d\d \S+ postern/(\w+)\[%d\]: " % p.runs[0].pid
    assert all(re.match(head, x) for x in lines)
    sent = [x for x in lines if "to=<bob@example.net>" in x]
    assert len(sent) == 1 and re.fullmatch(
        head + r"\w{13}: to=<bob@example\.net>, relay=127\.0\.0\.1\[127\.0\.0\.1\]:%d, delay=[\d.]+, "
        r"delays=[\d.]+/[\d.]+/[\d.]+/[\d.]+, dsn=2\.0\.0, status=sent \(250 2\.0\.0 .*\)" % s.port, sent[0])
    ids = [re.search(r"(\w{13}): client=unknown\[127\.0\.0\.1\]", x).group(1) for x in lines if ": client=" in x]
    for i in ids:  # the one that is deferred is still there
        assert sum(x.endswith("%s: removed" % i) for x in lines) == (0 if i == ids[3] else 1)
    # tools that know no other name than Postfix's
    p.settings["log"].update(postfix_tag="postfix", to=str(tmp_path / "other.log"))
    p.start(wait=False)
    harness.wait_until(lambda: is_listening(port), what="the listener")
    harness.send_raw(port, mails.plain())
    harness.wait_until(lambda: "status=sent" in (tmp_path / "other.log").read_text(), what="the delivery")
    p.stop()
    totals, report = pflogsumm(tmp_path / "other.log")
    assert (totals["received"], totals["delivered"]) == (1, 1), report


def test_what_repeats_is_counted(postern):
    """A client that guesses passwords fills no log; the count is told at the
    end of the minute, or of the daemon."""
    p = postern(harness.free_port(), log={"repeats": 3},
                listeners=[{"name": "local", "address": ["127.0.0.1:0"], "networks": ["192.0.2.0/24"]}])
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", p.port)) as s:
            assert b"554" in s.recv(512)
    p.stop()
    text = p.runs[0].err.text()
    assert text.count("event=session.network") == 3
    assert len(re.findall(r"WARN  event=log\.repeated of=session\.network client=127\.0\.0\.1 count=7 seconds=\d+", text)) == 1


def test_the_parts_of_a_delay(sink, postern):
    """The first message waits for a session to be opened, the second finds it."""
    slow = sink("--delay", "ehlo=300", "--delay", "dot=200")
    p = postern(harness.provider(slow.port, idle_timeout="5m"))
    for n in (1, 2):
        harness.send_raw(p.port, mails.plain())
        e = p.wait_event("delivered", n=n)
        _, _, setup, sent = (int(x) for x in e["delays"].split("/"))
        assert (setup >= 280) == (n == 1) and sent >= 190, e["delays"]
        assert int(e["delay_ms"]) >= setup + sent
    p.stop()


# --- others that read it --------------------------------------------------------------

RSYSLOG = '''global(workDirectory="%(dir)s")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="%(dir)s/socket" RateLimit.Interval="0")
template(name="graded" type="string" string="%%syslogfacility-text%%.%%syslogseverity-text%% %%syslogtag%%%%msg%%\\n")
mail.* action(type="omfile" file="%(dir)s/graded" template="graded")
mail.* action(type="omfile" file="%(dir)s/mail.log" template="RSYSLOG_TraditionalFileFormat")
'''


@pytest.fixture
def rsyslog(tmp_path):
    """Debian's, with a socket of its own; the directory of what it writes."""
    if not shutil.which("rsyslogd"):
        pytest.skip("rsyslog is not installed")
    (tmp_path / "conf").write_text(RSYSLOG % {"dir": tmp_path})
    (tmp_path / "mail.log").touch()
    with open(tmp_path / "said", "wb") as said:
        r = subprocess.Popen(["rsyslogd", "-n", "-i", tmp_path / "pid", "-f", tmp_path / "conf"], stderr=said)
    try:
        harness.wait_until((tmp_path / "socket").exists, what="rsyslog's socket")
        yield tmp_path
    finally:
        r.terminate()
        r.wait(harness.LONG)
    assert (tmp_path / "said").read_text() == ""


def test_rsyslog_has_each_line_whole(sink, postern, rsyslog):
    """With facility and severity, as long as lines get, whatever a provider says."""
    s = sink("--reply", "rcpt<bad.one@example.net>=550:5.1.1:%s" % " ".join(['<b> %n \\ "x"'] * 14))
    p = postern(s.port, log={"to": "syslog", "syslog_socket": str(rsyslog / "socket"), "format": "json"}, start=False,
                listeners=[{"name": "local", "address": ["127.0.0.1:%d" % harness.free_port()]}])
    p.start(wait=False)
    port = int(p.settings["listeners"][0]["address"][0].rsplit(":", 1)[1])
    harness.wait_until(lambda: is_listening(port), what="the listener")
    for _ in range(20):
        harness.send_raw(port, mails.plain(), sender="a" * 64 + "@" + "b" * 63 + ".example.com",
                         recipients=["ann@example.net", "bad.one@example.net"])
    graded = rsyslog / "graded"
    harness.wait_until(lambda: graded.exists() and graded.read_text().count('"event":"bounced"') == 20
                       and graded.read_text().count('"event":"delivered","msg"') >= 20, what="the lines")
    pid = p.proc.pid
    p.stop()
    severities = {"error": "err", "warn": "warning", "info": "info"}
    for line in graded.read_text().splitlines():
        head, body = line.split(": ", 1)
        e = json.loads(body)
        assert head == "mail.%s posternd[%d]" % (severities[e["level"]], pid), line
        if e["event"] == "bounced":
            assert e["text"].count('<b> %n \\ "x"') > 5
        if e["event"] == "accepted":
            assert e["from"].endswith("b.example.com")


def exporter_says(port):
    with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port, timeout=harness.LONG) as r:
        return dict(line.rsplit(" ", 1) for line in r.read().decode().splitlines() if line.startswith("postfix_"))


def test_the_postfix_exporter_counts_exactly(sink, postern, rsyslog, users):
    """Debian's prometheus-postfix-exporter, by way of rsyslog.  Its own errors: it takes
    the comma behind sasl_method along, and what it says of the parts of a delay has no
    stage."""
    program = peers.unpacked("prometheus-postfix-exporter") / "usr/bin/prometheus-postfix-exporter"
    at = harness.free_port()
    with open(rsyslog / "exporter", "wb") as said:
        x = subprocess.Popen([program, "--web.listen-address=127.0.0.1:%d" % at, "--log.unsupported",
                              "--postfix.logfile_path=%s" % (rsyslog / "mail.log"),
                              "--postfix.showq_path=%s" % (rsyslog / "no-showq")], stderr=said)
    try:
        harness.wait_until(lambda: is_listening(at), what="the exporter")
        s = sink(*BAD, "--reply", "rcpt<later@example.net>=450:4.2.0:try again later")
        p = postern(s.port, start=False, users_file=str(users),
                    log={"to": "syslog", "syslog_socket": str(rsyslog / "socket"), "format": "postfix", "postfix_tag": "postfix"},
                    listeners=[{"name": "local", "address": ["127.0.0.1:%d" % harness.free_port()], "auth": "optional",
                                "recipients": ["*@example.net"]}])
        p.start(wait=False)
        port = int(p.settings["listeners"][0]["address"][0].rsplit(":", 1)[1])
        harness.wait_until(lambda: is_listening(port), what="the listener")
        for rcpts in TRAFFIC:
            harness.send_raw(port, mails.plain(), recipients=rcpts)
        with pytest.raises(Exception):
            harness.send_raw(port, mails.plain(), recipients=["ann@elsewhere.example"])
        with smtplib.SMTP("127.0.0.1", port) as c:
            c.login("ann", "geheim")
            c.sendmail("app@example.com", ["ann@example.net"], mails.plain())
        harness.wait_until(lambda: exporter_says(at)["postfix_qmgr_messages_removed_total"] == "7"
                           and exporter_says(at)["postfix_smtpd_disconnects_total"] == "8", what="the last of them")
        got = exporter_says(at)
        p.stop()
    finally:
        x.terminate()
        x.wait(harness.LONG)
    attempts, received = 10, 8  # each recipient's; two bounces and one by ann among them
    assert {k: int(v) for k, v in got.items() if v != "0" and not re.search("bucket|_sum|posternd", k)} == {
        "postfix_smtpd_connects_total": len(TRAFFIC) + 3,  # and to see that it listens
        "postfix_smtpd_disconnects_total": len(TRAFFIC) + 3,
        'postfix_smtpd_messages_processed_total{sasl_method=""}': len(TRAFFIC),
        'postfix_smtpd_messages_processed_total{sasl_method="PLAIN,"}': 1,
        'postfix_smtpd_messages_rejected_total{code="550"}': 1,
        "postfix_cleanup_messages_processed_total": received,
        "postfix_qmgr_messages_inserted_receipients_count": received,
        "postfix_qmgr_messages_inserted_size_bytes_count": received,
        "postfix_qmgr_messages_removed_total": received - 1,
        "postfix_smtp_status_deferred": 1,
        'postfix_smtp_delivery_delay_seconds_count{stage=""}': 4 * attempts,
        'postfix_unsupported_log_entries_total{service="bounce"}': 2}
    assert got["postfix_qmgr_messages_inserted_receipients_sum"] == str(attempts)
