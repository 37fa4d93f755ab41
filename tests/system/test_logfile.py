# SPDX-License-Identifier: Apache-2.0
"""The log as others of the system handle it: logrotate renames it, fail2ban looks
for who guesses passwords."""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import harness
from test_auth import b64, users

CONTRIB = pathlib.Path(__file__).parents[2] / "contrib"
GUESSERS = ["192.0.2.7", "2001:db8::7", "192.0.2.8"]


def tool(name):
    where = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return where or pytest.skip("needs " + name)


# --- fail2ban -------------------------------------------------------------------------

def guess(port, client, user, password):
    """A login by way of a balancer, so that the client is who we like."""
    with harness.Client(port) as c:
        c.send(b"PROXY TCP%d %s %s 9999 25\r\n" % (6 if ":" in client else 4, client.encode(), client.encode()))
        c.open()
        return c.cmd("AUTH PLAIN " + b64("\0%s\0%s" % (user, password)))[0]


def found(lines, tmp_path, by=CONTRIB / "fail2ban/postern-filter.conf"):
    """The addresses that the filter finds in the log."""
    log = tmp_path / "for-fail2ban.log"
    log.write_text(lines)
    r = subprocess.run([tool("fail2ban-regex"), "-v", "--print-no-missed", str(log), str(by)],
                       capture_output=True, text=True, timeout=harness.LONG)
    assert r.returncode == 0 and "ERROR" not in r.stdout + r.stderr, r.stdout + r.stderr
    # "|    192.0.2.7  Sun Nov 29 12:27:15 2026"
    return sorted(re.findall(r"^\|\s{4,}([0-9a-f.:]+)\s+\w{3} \w{3} ", r.stdout, re.M))


@pytest.mark.parametrize("form", ["text", "json", "postfix"])
def test_fail2ban_finds_who_guesses(form, sink, postern, users, tmp_path):
    p = postern(sink().port, users_file=str(users), start=False, log={"format": form, "level": "debug", "postfix_tag": "postfix"}, listeners=[
        {"name": "local", "address": ["127.0.0.1:0"], "auth": "required", "proxy_from": ["127.0.0.1"],
         "allow_clear_auth": True}])
    p.start(wait=False)
    line = p.log.wait(lambda lines: next((x for x in lines if "listening" in x and "127.0.0.1:" in x), None))
    port = int(re.search(r"127\.0\.0\.1:(\d+)", line).group(1))
    who = [(c, "ann", "wrong") for c in GUESSERS] + [
        ("192.0.2.9", 'x" client=198.51.100.1 user="', "wrong"), ("192.0.2.10", "ann", "geheim")]
    with concurrent.futures.ThreadPoolExecutor(len(who)) as pool:
        assert list(pool.map(lambda w: guess(port, *w), who)) == [535] * 4 + [235]
    log = p.log
    p.stop()
    text = log.text()
    failed = "SASL PLAIN authentication failed" if form == "postfix" else "login.failed"
    assert text.count(failed) == 4 and "192.0.2.10" in text
    if form == "postfix":  # the filter is fail2ban's own
        assert found(text, tmp_path, "postfix[mode=auth]") == sorted(GUESSERS + ["192.0.2.9"])
        return
    journal = "".join("2026-11-29T12:00:00.123456+0000 web1 posternd[421]: %s\n" % x for x in text.splitlines())
    assert found(text + "\n" + journal, tmp_path) == sorted(2 * (GUESSERS + ["192.0.2.9"]))


def test_fail2ban_takes_the_jail(tmp_path):
    """As Debian's fail2ban reads it: off until somebody turns it on."""
    client, etc = tool("fail2ban-client"), tmp_path / "fail2ban"
    shutil.copytree("/etc/fail2ban", etc)
    for old in etc.glob("jail.d/*"):
        old.unlink()
    shutil.copy(CONTRIB / "fail2ban/postern-filter.conf", etc / "filter.d/postern.conf")
    jail = etc / "jail.d/postern.conf"
    shutil.copy(CONTRIB / "fail2ban/postern-jail.conf", jail)

    def dump():
        r = subprocess.run([client, "-c", str(etc), "--dp"], capture_output=True, text=True, timeout=harness.LONG)
        assert r.returncode == 0, r.stdout + r.stderr
        return r.stdout
    assert "postern" not in dump()
    jail.write_text(jail.read_text().replace("enabled = false", "enabled = true"))
    on = dump()
    assert "['add', 'postern', 'systemd']" in on and "login\\\\.failed" in on, on


# --- logrotate ------------------------------------------------------------------------

@pytest.mark.skipif(os.getuid() != 0, reason="logrotate changes its user")
def test_logrotate_loses_nothing(sink, postern, load, tmp_path):
    """Rotated again and again while mail comes in: each message is told of, once."""
    rotate, logs, bin = tool("logrotate"), tmp_path / "log", tmp_path / "bin"
    logs.mkdir()
    bin.mkdir()
    log = logs / "postern.log"
    p = postern(sink().port, log={"to": str(log)}, start=False).start(wait=False)
    harness.wait_until(lambda: log.exists() and "event=started" in log.read_text(), what="the start")
    port = int(re.search(r"address=127\.0\.0\.1:(\d+)", log.read_text()).group(1))
    # the daemon of this test alone is signalled
    (bin / "pidof").write_text("#!/bin/sh\n[ \"$*\" = posternd ] && echo %d\n" % p.proc.pid)
    (bin / "pidof").chmod(0o755)
    conf = tmp_path / "logrotate.conf"
    conf.write_text((CONTRIB / "logrotate").read_text().replace("/var/log/postern/", str(logs) + "/")
                    .replace("postern adm", "root root"))
    conf.chmod(0o644)

    def run(*options):
        r = subprocess.run([rotate, "-s", str(tmp_path / "state"), *options, str(conf)], capture_output=True, text=True,
                           env={**os.environ, "PATH": "%s:%s" % (bin, os.environ["PATH"])}, timeout=harness.LONG)
        assert r.returncode == 0 and "error" not in r.stderr, r.stderr
        return r.stderr
    assert "rotating pattern: %s/*.log" % logs in run("-d") and log.exists() and len(list(logs.iterdir())) == 1
    x = load(port, 2000, 4, "-r", "1000")
    for n in range(1, 4):
        harness.wait_until(lambda: log.read_text().count("event=accepted") > 50, what="lines of the new log")
        run("-f")
        harness.wait_until(lambda: "event=log.reopened" in log.read_text(), what="the new log")
    assert x.result()["acked"] == 2000
    p.stop()
    files = sorted(f.name for f in logs.iterdir())
    assert files == ["postern.log", "postern.log.1", "postern.log.2.gz", "postern.log.3.gz"], files
    text = "".join(subprocess.run(["zcat", "-f", str(f)], capture_output=True, text=True).stdout
                   for f in logs.iterdir())
    taken = re.findall(r"event=accepted msg=(\w+)", text)
    assert len(taken) == len(set(taken)) == 2000
    assert "log.dropped" not in text and log.stat().st_mode & 0o777 == 0o640
