# SPDX-License-Identifier: Apache-2.0
"""The daemon as a process: options, rights, the background, signals, what it
tells a service manager, listeners that come and go."""
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest

import harness
import mails

ROOT = os.getuid() == 0
root_only = pytest.mark.skipif(not ROOT, reason="needs root")


def run(*argv, **kw):
    return subprocess.run([harness.POSTERND, *map(str, argv)], capture_output=True, text=True, timeout=harness.LONG,
                          **kw)


def status(pid):
    text = open("/proc/%d/status" % pid).read()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def modules():
    return run("-V").stdout


def local(*ports):
    return [{"name": "l%d" % i, "address": ["127.0.0.1:%d" % p]} for i, p in enumerate(ports)]


def can_connect(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


# --- options ---------------------------------------------------------------------

def test_version():
    r = run("-V")
    assert r.returncode == 0
    assert re.fullmatch(r"posternd \d+\.\d+\.\d+ \(modules:[a-z -]+; build: [0-9a-f]+\)\n", r.stdout)


def test_keys():
    rows = [line.split("\t") for line in run("-T").stdout.splitlines()]
    assert all(len(r) == 6 for r in rows)
    table = {r[0]: r for r in rows}
    assert table["providers.port"][3] == "1..65535"
    assert table["spool.directory"][5] == "restart"


@pytest.mark.parametrize("argv", [["-x"], ["-c"], ["-f", "word"]])
def test_wrong_options(argv):
    r = run(*argv)
    assert r.returncode == 64 and "usage:" in r.stderr


def test_a_configuration_that_is_missing(tmp_path):
    r = run("-t", "-c", tmp_path / "none.conf")
    assert r.returncode == 78
    assert "none.conf: file: cannot be read: No such file or directory" in r.stderr


def test_warnings_are_told_and_logged(sink, postern, tmp_path):
    p = postern(harness.provider(sink().port, null_sender="refuse"), start=False)
    p.write_conf()
    r = run("-t", "-c", p.conf)
    assert r.returncode == 0 and "bounce.from: is not set" in r.stderr and r.stdout == "%s: ok\n" % p.conf
    p.start()
    assert "bounce.from: is not set" in p.wait_event("config.warning")["text"]
    p.stop()


# --- the background ----------------------------------------------------------------

def test_detached_it_returns_when_it_is_ready(sink, postern, tmp_path):
    s = sink()
    p = postern(s.port, start=False, log={"to": str(tmp_path / "log")})
    p.write_conf()
    r = run("-c", os.path.relpath(p.conf, tmp_path), cwd=tmp_path)
    assert (r.returncode, r.stdout, r.stderr) == (0, "", "")
    path = tmp_path / "log"
    harness.wait_until(lambda: "event=started" in path.read_text(), what="the start")
    log = path.read_text()
    e = harness.parse_event(next(x for x in log.splitlines() if "event=starting" in x))
    pid, port = int(e["pid"]), int(re.search(r"127\.0\.0\.1:(\d+)", log.split("event=listening")[1]).group(1))
    try:
        assert os.readlink("/proc/%d/cwd" % pid) == "/"
        assert os.readlink("/proc/%d/fd/1" % pid) == "/dev/null"
        assert os.readlink("/proc/%d/fd/2" % pid) == str(path), "a crash is told there"
        assert os.getsid(pid) == pid
        harness.send_raw(port, mails.plain())
        s.wait_messages(1)
        os.kill(pid, signal.SIGHUP)  # it still finds its file
        harness.wait_until(lambda: "event=reloaded" in path.read_text(), what="the reload")
    finally:
        os.kill(pid, signal.SIGTERM)
    harness.wait_until(lambda: "event=stopped" in path.read_text(), what="the end")


def test_detached_it_says_why_it_did_not_start(postern, tmp_path):
    p = postern(2525, start=False, log={"to": str(tmp_path / "log")})
    p.write_conf()
    p.spool.rmdir()
    r = run("-c", p.conf)
    assert r.returncode not in (0, 70)
    assert str(p.spool) in r.stderr


def test_a_log_that_cannot_be_written(postern, tmp_path):
    p = postern(2525, start=False, log={"to": str(tmp_path / "none" / "log")})
    p.write_conf()
    r = run("-t", "-c", p.conf)  # the start is asked about before it is made
    assert r.returncode == 0 and "log.to: %s is not there, and the start needs it; run: install -d" % (
        tmp_path / "none") in r.stderr and "spool.directory" not in r.stderr
    p.settings["spool"] = {**p.settings["spool"], "directory": str(tmp_path / "nowhere")}
    p.write_conf()
    assert "spool.directory: %s is not there" % (tmp_path / "nowhere") in run("-t", "-c", p.conf).stderr
    r = run("-f", "-c", p.conf)
    assert r.returncode == 69 and "log.to" in r.stderr and "none/log" in r.stderr


# --- the service manager -------------------------------------------------------------

@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_what_the_service_manager_hears(kind, sink, postern, tmp_path):
    name = str(tmp_path / "notify") if kind == "path" else "@postern-test-%d" % os.getpid()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(name.replace("@", "\0"))
        s.settimeout(harness.LONG)
        p = postern(sink().port, start=False)
        p.start(env={"NOTIFY_SOCKET": name})
        assert s.recv(1000).decode() == "READY=1\nMAINPID=%d" % p.proc.pid
        p.reload()
        assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", s.recv(1000).decode())
        assert s.recv(1000).startswith(b"READY=1")
        p.stop()
        assert s.recv(1000) == b"STOPPING=1"


def test_signs_of_life(sink, postern, tmp_path):
    """Where the manager wants them, of this process."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(tmp_path / "notify"))
        s.settimeout(harness.LONG)
        p = postern(sink().port, start=False)
        p.start(env={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "5000000"})
        heard = [s.recv(1000) for _ in range(3)]
        assert heard[0].startswith(b"READY=1") and heard[1:] == [b"WATCHDOG=1"] * 2
        p.stop()
        while s.recv(1000) != b"STOPPING=1":
            pass
        p.start(env={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "1"})
        p.stop()
        assert [s.recv(1000)[:8] for _ in range(2)] == [b"READY=1\n", b"STOPPING"]


# --- rights ------------------------------------------------------------------------

@pytest.fixture
def as_nobody(postern):
    """A posternd that root starts and that becomes nobody."""
    def make(port, **kw):
        p = postern(port, start=False, user="nobody", group="nogroup", **kw)
        for d in (p.dir, p.spool, p.drop):
            os.chown(d, 65534, 65534)
        p.conf.parent.chmod(0o755)
        return p
    return make


@root_only
def test_rights_are_dropped(sink, as_nobody):
    s = sink()
    p = as_nobody(s.port).start()
    st = status(p.proc.pid)
    assert set(st["Uid"].split()) == set(st["Gid"].split()) == {"65534"}
    assert st["Groups"].split() == ["65534"]
    kept = 1 << 10 if "cap-ng" in modules() else 0  # CAP_NET_BIND_SERVICE
    assert int(st["CapPrm"], 16) == int(st["CapEff"], 16) == kept
    assert int(st["CapInh"], 16) == int(st["CapAmb"], 16) == 0
    assert st["NoNewPrivs"] == "1"
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(1)
    p.stop()


@root_only
@pytest.mark.skipif(harness.SANITIZED, reason="sanitizers need what it denies")
def test_system_calls_are_denied(sink, as_nobody):
    p = as_nobody(sink().port).start()
    if "seccomp" in modules():
        assert status(p.proc.pid)["Seccomp"] == "2"
        for task in os.listdir("/proc/%d/task" % p.proc.pid):
            assert "Seccomp:\t2" in open("/proc/%d/task/%s/status" % (p.proc.pid, task)).read()
    soft, hard = re.search(r"Max open files\s+(\d+)\s+(\d+)", open("/proc/%d/limits" % p.proc.pid).read()).groups()
    assert soft == str(min(int(hard), 1 << 20))
    p.stop()


@root_only
def test_a_reload_binds_a_low_port(sink, as_nobody):
    if "cap-ng" not in modules():
        pytest.skip("without libcap-ng")
    low = next(p for p in range(900, 1023) if not can_connect(p))
    p = as_nobody(sink().port).start()
    p.settings["listeners"] += [{"name": "low", "address": ["127.0.0.1:%d" % low]}]
    mark = p.reload()
    p.wait_event("listening", since=mark, address="127.0.0.1:%d" % low)
    with harness.Client(low) as c:
        c.open()
    p.stop()


@root_only
def test_files_are_read_with_the_daemons_rights(as_nobody, tmp_path):
    secret = harness.private(tmp_path / "secret", "x\n")
    p = as_nobody(2525)
    p.settings["providers"] = [harness.provider(2525, tls="verify", user="u", password_file=str(secret))]
    p.write_conf()
    r = run("-t", "-c", p.conf)
    assert r.returncode == 78 and "%s cannot be read (Permission denied)" % secret in r.stderr
    os.chown(secret, 0, 65534)
    secret.chmod(0o640)
    r = run("-t", "-c", p.conf)
    assert (r.returncode, r.stdout) == (0, "%s: ok\n" % p.conf)


@root_only
def test_an_ordinary_user_stays_that_user(sink, postern, tmp_path, as_nobody):
    s = sink()
    p = as_nobody(s.port)
    p.settings["user"] = "no-such-user"
    del p.settings["group"]
    p.write_conf()
    program = tmp_path / "posternd"  # the build may stand where that user may not look
    shutil.copy(harness.POSTERND, program)
    proc = harness.Program([program, "-f", "-c", p.conf], user=65534, group=65534, extra_groups=[])
    try:
        proc.err.wait(lambda ls: [x for x in ls if "event=started" in x])
        assert status(proc.pid)["Uid"].split() == ["65534"] * 4
    finally:
        proc.signal(signal.SIGTERM)
        assert proc.wait() == 0
    proc.check_reports()


@root_only
def test_no_such_user(postern):
    p = postern(2525, start=False, user="no-such-user")
    p.write_conf()
    r = run("-f", "-c", p.conf)
    assert r.returncode == 78
    assert 'user: there is no user "no-such-user"' in r.stderr


# --- listeners ------------------------------------------------------------------------

def test_listeners_come_and_go(sink, postern):
    s = sink()
    p = postern(s.port)
    first = p.port
    with harness.Client(first) as old:
        old.open()
        p.settings["listeners"] = local(0, 0)
        mark = p.reload()
        p.wait_event("reloaded", since=mark, listeners=2)
        p.wait_event("listener.closed", since=mark, address="127.0.0.1:%d" % first)
        ports = [int(e["address"].rsplit(":", 1)[1]) for e in p.events("listening") if e["listener"] in ("l0", "l1")]
        assert len(set(ports)) == 2
        assert not can_connect(first)
        for port in ports:
            harness.send_raw(port, mails.plain())
        assert old.cmd("NOOP")[0] == 250, "a session outlives its listener"
    p.settings["listeners"] = list(reversed(local(0, 0)))
    mark = p.reload()
    p.wait_event("reloaded", since=mark)
    assert all(can_connect(port) for port in ports), "those that stay are kept"
    s.wait_messages(2)
    p.stop()


def postern_tool(p, verb):
    return subprocess.run([harness.BUILD / "postern", verb, "-c", p.conf], capture_output=True, text=True,
                          timeout=harness.LONG)


def check(p):
    return postern_tool(p, "check")


def test_an_address_that_is_taken_changes_nothing(sink, postern):
    a, b = sink(), sink()
    p = postern(a.port)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        p.settings["providers"] = [harness.provider(b.port, name="b")]
        p.settings["listeners"] += local(0, taken.getsockname()[1])
        p.write_conf()
        r = check(p)  # a reload is asked about before it is made
        assert r.returncode == 78 and "Address already in use; ss -ltnp" in r.stderr, r
        mark = p.reload()
        e = p.wait_event("reload.failed", since=mark)
        assert "Address already in use" in e["text"]
    assert check(p).returncode == 0
    harness.send_raw(p.port, mails.plain())
    a.wait_messages(1)
    assert not p.events("reloaded")
    p.stop()


def test_a_log_that_cannot_be_opened_changes_nothing(sink, postern, tmp_path):
    s = sink()
    p = postern(s.port)
    p.settings["log"]["to"] = str(tmp_path / "none" / "log")
    p.settings["listeners"] += local(0)
    mark = p.reload()
    assert "none/log" in p.wait_event("reload.failed", since=mark)["text"]
    assert [e["listener"] for e in p.events("listening")] == ["local", "sendmail"]
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(1)
    p.stop()


def test_keys_that_need_a_restart_are_named(sink, postern, tmp_path):
    p = postern(sink().port)
    p.settings["inlet_threads"] = 4
    p.settings["spool"]["directory"] = str(tmp_path / "elsewhere")
    mark = p.reload()
    p.wait_event("reload.restart", since=mark, key="inlet_threads")
    p.wait_event("reload.restart", since=mark, key="spool.directory")
    p.wait_event("reloaded", since=mark)
    # whoever asks is told, and each time again, until the restart or the old value
    told = "inlet_threads: needs a restart\nspool.directory: needs a restart\n"
    for verb in ("reload", "check", "reload"):
        r = postern_tool(p, verb)
        assert r.returncode == 0 and r.stderr.endswith(told), r.stderr
    p.settings["inlet_threads"] = 1
    p.settings["spool"]["directory"] = str(p.spool)
    p.write_conf()
    r = postern_tool(p, "reload")
    assert (r.returncode, r.stderr) == (0, "")
    p.stop()


def test_a_unix_socket(sink, postern, tmp_path):
    s = sink()
    path = tmp_path / "smtp.sock"
    p = postern(s.port, start=False, listeners=local(0) + [{"name": "u", "address": ["unix:%s" % path]}]).start()
    with socket.socket(socket.AF_UNIX) as c:
        c.connect(str(path))
        f = c.makefile("rwb")
        assert f.readline().startswith(b"220 ")
        for line in (b"EHLO me", b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.net>", b"DATA", b"\r\nx\r\n.",
                     b"QUIT"):
            f.write(line + b"\r\n")
        f.flush()
        assert b"250 2.0.0" in f.read()
    s.wait_messages(1)
    p.stop()
    assert not path.exists()


def test_several_inlets(sink, postern, load):
    s = sink(maildir=None)
    p = postern(s.port, inlet_threads=3)
    assert load(p.port, 300, 12).result()["acked"] == 300
    s.wait_messages(300)
    p.stop()


@root_only
@pytest.mark.skipif(not shutil.which("ip") or not shutil.which("unshare"), reason="needs iproute2 and util-linux")
def test_without_listeners_it_is_port_25_of_loopback(postern, tmp_path):
    """In a network of its own; once with IPv6, once without."""
    p = postern(2525, start=False)
    del p.settings["listeners"]
    for v6 in ("0", "1"):
        p.write_conf()
        proc = harness.Program(["unshare", "--net", "sh", "-c",
                                "ip link set lo up && echo %s >/proc/sys/net/ipv6/conf/all/disable_ipv6; "
                                "exec %s -f -c %s" % (v6, harness.POSTERND, p.conf)])
        try:
            proc.err.wait(lambda ls: [x for x in ls if "event=started" in x])
            text = proc.err.text()
        finally:
            proc.signal(signal.SIGTERM)
            assert proc.wait() == 0
        proc.check_reports()
        assert "address=127.0.0.1:25" in text
        assert ("address=[::1]:25" in text) == (v6 == "0")
        assert ("event=listener.skipped" in text) == (v6 == "1")


# --- signals --------------------------------------------------------------------------

def test_usr1_opens_the_log_again(sink, postern, tmp_path):
    log = tmp_path / "postern.log"
    p = postern(sink().port, log={"to": str(log)}, start=False).start(wait=False)
    harness.wait_until(lambda: log.exists() and "event=started" in log.read_text(), what="the start")
    log.rename(tmp_path / "old.log")
    p.proc.signal(signal.SIGUSR1)
    harness.wait_until(lambda: log.exists() and "event=log.reopened" in log.read_text(), what="the new file")
    assert "reloaded" not in log.read_text()
    p.stop()


def test_the_grace_is_bounded(sink, postern):
    """A client in the midst of a message does not hold a stop up for ever."""
    p = postern(sink().port, stop_grace="500ms")
    with harness.Client(p.port) as c:
        c.open()
        c.cmd("MAIL FROM:<a@example.com>")
        c.cmd("RCPT TO:<b@example.net>")
        assert c.cmd("DATA")[0] == 354
        c.send(b"Subject: x\r\n")
        p.terminate()
        assert c.reply()[0] == 421
    p.stop()


def test_sighup_while_stopping_is_ignored(sink, postern):
    s = sink("--reply", "dot*1=hang")
    p = postern(s.port, stop_grace="1s")
    harness.send_raw(p.port, mails.plain())
    s.wait_event("rule")
    p.terminate()
    p.wait_event("stopping")
    p.proc.signal(signal.SIGHUP)
    assert p.proc.wait() == 0
    p.stop()


def test_standard_descriptors_that_are_closed(postern):
    """What is opened takes the place of none of them: a log line would go into the spool, a listing to the daemon."""
    p = postern(start=False)
    p.write_conf()
    daemon = subprocess.Popen(["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", harness.POSTERND, "-f", "-c", p.conf])
    try:
        def lists():
            r = subprocess.run(["/bin/sh", "-c", '"$@" <&- >&-', "sh", harness.BUILD / "postern", "queue", "list", "-c", p.conf],
                               stderr=subprocess.PIPE, timeout=harness.LONG)
            return (r.returncode, r.stderr) == (0, b"")
        harness.wait_until(lists, what="it is there")
        assert [os.readlink("/proc/%d/fd/%d" % (daemon.pid, fd)) for fd in (0, 1, 2)] == ["/dev/null"] * 3
    finally:
        daemon.terminate()
        assert daemon.wait(harness.LONG) == 0
