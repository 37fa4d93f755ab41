# SPDX-License-Identifier: Apache-2.0
"""Mail for this host: who reads it."""
import os
import subprocess

import pytest

import harness
from test_sendmail import ANN, Mails, SENDMAIL, field, sendmail

CRLF = b"Subject: s\r\n\r\nhello\r\n"
ALIASES = """\
# who reads what
postmaster: root
www-data:   ann@example.net, bob@example.net,
            ops
ops:        carl@example.net, ann@example.net
"""


def postern_tool(p, *words):
    return subprocess.run([os.environ.get("POSTERN", str(harness.BUILD / "postern")), *words, "-c", str(p.conf)],
                          capture_output=True, text=True, timeout=harness.LONG)


@pytest.fixture
def host(sink, postern, tmp_path):
    """(daemon with aliases, what arrives)"""
    s = sink("--reply", "rcpt<bad@example.net>=550:5.1.1:no such user")
    file = tmp_path / "aliases"
    file.write_text(ALIASES)
    p = postern(s.port, root="ops@example.com", local_domains=["web1"], aliases_file=str(file))
    return p, Mails(s), file


def test_aliases(host):
    """Whoever brings it; bounces, too; and what is said of the file comes with a reload."""
    p, mails, file = host
    assert sendmail(p, "Www-Data", "nobody", "bob@example.net").returncode == 0
    assert mails.next()[0]["recipients"] == ["ann@example.net", "bob@example.net", "carl@example.net", "ops@example.com"]
    harness.send_raw(p.port, CRLF, recipients=("WWW-DATA@web1", "Postmaster", ANN))
    assert mails.next()[0]["recipients"] == ["ann@example.net", "bob@example.net", "carl@example.net", "ops@example.com"]
    # as cron and swaks do
    assert sendmail(p, "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "www-data").returncode == 0
    assert mails.next()[0]["recipients"] == ["ann@example.net", "bob@example.net", "carl@example.net"]
    r = subprocess.run(["swaks", "--server", "127.0.0.1:%d" % p.port, "--from", "x@example.com", "--to", "ops@web1,root@web1"],
                       capture_output=True, text=True, timeout=harness.LONG)
    assert r.returncode == 0, r.stdout
    assert mails.next()[0]["recipients"] == ["carl@example.net", "ann@example.net", "ops@example.com"]
    harness.send_raw(p.port, CRLF, recipients=("www-data@web1.example.net",))
    assert mails.next()[0]["recipients"] == ["www-data@web1.example.net"]
    harness.send_raw(p.port, CRLF, sender="www-data@web1", recipients=("bad@example.net",))
    assert mails.next()[0]["recipients"] == ["%s@example.net NOTIFY=NEVER" % x for x in ("ann", "bob", "carl")]
    file.write_text("ops: ops\nwww-data: |/usr/bin/procmail\n")
    p.reload()
    harness.wait_until(lambda: len(p.events("reload.failed")) == 2, what="each mistake is told")
    told = [e["text"].replace("\\", "") for e in p.events("reload.failed")]
    assert '%s:1: aliases_file: "ops" comes back to itself' % file in told[0], told
    assert '%s:2: aliases_file: "|/usr/bin/procmail" is a command' % file in told[1], told
    assert sendmail(p, "ops").returncode == 0
    assert mails.next()[0]["recipients"] == ["carl@example.net", "ann@example.net"], "as it was"
    file.write_text("ops: dora@example.net\n")
    mark = p.reload()
    p.wait_event("reloaded", since=mark)
    assert sendmail(p, "ops", "www-data").returncode == 0
    assert mails.next()[0]["recipients"] == ["dora@example.net", "ops@example.com"]
    p.stop()


def test_nobody_reads_it(sink, postern, tmp_path):
    """It is kept, nobody gets it or a bounce, and status says what is to be done; which helps."""
    s = sink()
    p = postern(s.port, local_domains=["web1"])
    mails = Mails(s)
    assert sendmail(p, "root@web1", ANN).returncode == 0
    assert mails.next()[0]["recipients"] == [ANN]
    e = p.wait_event("dead", rcpt="root@web1")
    assert e["cause"] == "no alias" and e["enhanced"] == "5.1.1", e
    harness.wait_until(lambda: "local mail: 1 dead letters" in postern_tool(p, "status").stdout, what="it is counted")
    out = postern_tool(p, "status").stdout
    assert "set root to who reads such mail" in out and all(len(x) <= 80 for x in out.splitlines()), out
    assert "no alias" in postern_tool(p, "dead", "list").stdout
    why = postern_tool(p, "why", e["msg"]).stdout
    assert "nobody reads the mail for a user of this host" in why and "set root" in why, why
    r = subprocess.run([harness.POSTERND, "-t", "-c", p.conf], capture_output=True, text=True)
    assert r.returncode == 0 and "root: is not set" in r.stdout + r.stderr
    assert mails.none()
    # what status says is done
    file = tmp_path / "aliases"
    file.write_text("root: bob@example.net, carl@example.net, %s\n" % ANN)
    p.settings["aliases_file"] = str(file)
    mark = p.reload()
    p.wait_event("reloaded", since=mark)
    r = postern_tool(p, "dead", "resend", "--yes", "--where", 'cause="no alias"')
    assert r.returncode == 0, r.stderr
    assert mails.next()[0]["recipients"] == ["bob@example.net", "carl@example.net"]
    harness.wait_until(lambda: "local mail" not in postern_tool(p, "status").stdout, what="nothing is to be mended")
    assert "0 dead" in postern_tool(p, "status").stdout
    p.settings["local_domains"] = []  # root@web1 is as any other address is, then
    p.stop()
    p.start()
    assert sendmail(p, "root@web1").returncode == 0
    assert mails.next()[0]["recipients"] == ["root@web1"]
    p.stop()


def test_from(sink, postern):
    """A sender here is one that a provider knows; the queue and bounces know who it was."""
    s = sink("--reply", "rcpt<bad@example.net>=550:5.1.1:no such user")
    p = postern(harness.provider(s.port, identities=["noreply@example.com", "app@example.com"], identity_policy="refuse"),
                root="ops@example.com", local_domains=["web1", "localhost", "postern.test"], **{"from": "noreply@example.com"})
    mails = Mails(s)
    assert sendmail(p, "-f", "www-data@web1", "-F", "The Site", ANN).returncode == 0
    row, head, _ = mails.next()
    assert row["sender"] == "noreply@example.com" and field(head, "From") == '"The Site" <noreply@example.com>', head
    p.wait_event("accepted", **{"from": "www-data@web1"})
    text = b"From: Cron <root@LocalHost> (Daemon)\r\nReply-To: ann@example.org, root@web1\r\n" + CRLF
    harness.send_raw(p.port, text, sender="app@example.com")
    row, head, _ = mails.next()
    assert row["sender"] == "app@example.com" and field(head, "From") == "Cron <noreply@example.com> (Daemon)"
    assert field(head, "Reply-To") == "ann@example.org, noreply@example.com"
    harness.send_raw(p.port, b"From: app@example.com\r\n" + CRLF, sender="app@example.com")
    row, head, _ = mails.next()
    assert row["sender"] == field(head, "From") == "app@example.com"
    harness.send_raw(p.port, b"From: app@example.com\r\n" + CRLF, sender="www-data@web1", recipients=("bad@example.net",))
    row, head, body = mails.next()
    assert row["recipients"] == ["ops@example.com NOTIFY=NEVER"] and row["sender"] == ""
    assert field(head, "From").endswith("<noreply@example.com>"), head
    with harness.Client(p.port) as c:
        c.open()
        assert c.cmd("MAIL FROM:<www-data@web2>")[0] == 550, "no provider may send as it"
    p.stop()


def test_newaliases(host, tmp_path):
    p, mails, file = host
    env = {"POSTERN_TOOL": str(harness.BUILD / "postern"), "POSTERN_CONTROL": str(p.dir / "control.sock")}
    link = tmp_path / "newaliases"
    link.symlink_to(SENDMAIL)
    file.write_text("ops: eve@example.net\n")
    r = sendmail(p, name=link, env=env)
    assert (r.returncode, r.stdout, r.text) == (0, b"", "")
    assert sendmail(p, "ops").returncode == 0
    assert mails.next()[0]["recipients"] == ["eve@example.net"]
    file.write_text("ops: eve@example.net\nann: /var/mail/ann\n")
    r = sendmail(p, "-bi", env=env)
    wrong = '%s:2: aliases_file: "/var/mail/ann" is a file, which is not written to; write an address\n' % file
    assert r.returncode == 78 and r.text.startswith(wrong) and "stay as they are" in r.text, r.text
    assert sendmail(p, "ann").returncode == 0
    assert mails.next()[0]["recipients"] == ["ops@example.com"]
    p.stop()
    down = ["reload", "--or-check"]
    r = postern_tool(p, *down)
    assert (r.returncode, r.stdout, r.stderr) == (78, "", wrong)
    file.write_text(ALIASES)
    r = postern_tool(p, *down)
    assert (r.returncode, r.stdout, r.stderr) == (0, "", "")
    assert postern_tool(p, "reload").returncode == 69
    assert sendmail(p, "-bi", env={"POSTERN_TOOL": "/nowhere/postern"}).returncode == 0
