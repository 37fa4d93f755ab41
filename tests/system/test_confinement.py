# SPDX-License-Identifier: Apache-2.0
"""What keeps the daemon in: Landlock's walls around what it may write, the unit of
systemd, the profile for AppArmor."""
import ctypes
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import harness
import mails

CONTRIB = pathlib.Path(__file__).parents[2] / "contrib"
CREATE_RULESET, ABI = 444, 1
has_landlock = ctypes.CDLL(None).syscall(CREATE_RULESET, None, 0, ABI) > 0
TOOL = str(harness.BUILD / "postern")


def tool(name):
    where = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return where or pytest.skip("needs " + name)


def run(*words, **kw):
    return subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=harness.LONG, **kw)


@pytest.mark.skipif(not has_landlock, reason="this kernel has no Landlock")
def test_it_writes_nowhere_else(sink, postern, tmp_path):
    """A link that comes in later and leads out of the walls is not followed to
    write: the kernel says so, whoever the user is; the old log goes on."""
    logs, out = tmp_path / "log", tmp_path / "out"
    logs.mkdir()
    out.mkdir()
    (out / "victim").write_text("as it was\n")
    log = logs / "postern.log"
    s = sink()
    p = postern(s.port, log={"to": str(log)}, start=False).start(wait=False)
    harness.wait_until(lambda: log.exists() and "event=started" in log.read_text(), what="the start")
    log.rename(logs / "old.log")
    log.symlink_to(out / "victim")
    p.proc.signal(10)  # SIGUSR1
    harness.wait_until(lambda: "%s: Permission denied" % log in (logs / "old.log").read_text(), what="the denial")
    assert (out / "victim").read_text() == "as it was\n" and "sandbox.missing" not in (logs / "old.log").read_text()
    log.unlink()
    p.proc.signal(10)
    harness.wait_until(lambda: log.exists() and "event=log.reopened" in log.read_text(), what="the new log")
    port = int(re.search(r"address=127\.0\.0\.1:(\d+)", (logs / "old.log").read_text()).group(1))
    harness.send_raw(port, mails.plain())
    s.wait_messages(1)
    tasks = pathlib.Path("/proc/%d/task" % p.proc.pid).iterdir()
    assert {"logger", "spool", "relay", "inlet0"} <= {(t / "comm").read_text().strip() for t in tasks}
    p.stop()


@pytest.mark.skipif(not has_landlock, reason="this kernel has no Landlock")
def test_a_reload_that_would_write_elsewhere_says_so(sink, postern, tmp_path):
    """Where it may write is settled at the start; what it reads is not."""
    p = postern(sink().port)
    out, users = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    users.mkdir()
    harness.private(users / "users", "")
    told = '%s: "%s" is outside of the directories that the daemon may write to since its start; a restart takes it up'
    before = p.settings
    for key, path, more in (("log.to", out / "log", {"log": {"to": str(out / "log")}}),
                            ("token_directory", out, {"token_directory": str(out)}),
                            ("listeners.address", out / "sock", {"listeners": before["listeners"] + [
                                {"name": "u", "address": ["unix:%s" % (out / "sock")]}]})):
        p.settings = {**before, **more}
        mark = p.reload()
        e = p.wait_event("reload.failed", since=mark)
        assert e["text"].startswith(told % (key, path)), e
        r = run(TOOL, "check", "-c", p.conf)
        assert r.returncode != 0 and told % (key, path) in r.stdout + r.stderr, (r.stdout, r.stderr)
    assert list(out.iterdir()) == []
    p.settings = {**before, "users_file": str(users / "users"), "listeners": before["listeners"] + [
        {"name": "u", "address": ["unix:%s" % (p.dir / "another.sock")]}]}
    p.wait_event("reloaded", since=p.reload())
    p.stop()
    # as it says: a restart takes it up
    p.settings = {**before, "token_directory": str(out)}
    p.start()
    p.stop()


def test_the_unit_is_confined():
    analyze, unit = tool("systemd-analyze"), CONTRIB / "systemd/postern.service"
    r = run(analyze, "security", "--offline=true", "--no-pager", "--threshold=15", unit)
    assert r.returncode == 0, r.stdout[-300:]
    text = unit.read_text()
    # with it, who calls sendmail would be nobody
    assert "PrivateUsers=" not in text and re.search(r"^CapabilityBoundingSet=$", text, re.M)


def nice_of(p, name):
    """Of the daemon's thread of that name."""
    for task in pathlib.Path("/proc/%d/task" % p.proc.pid).iterdir():
        comm, fields = (task / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
        if comm == name:
            return int(fields.split()[16])
    return None


# Becomes argv[2:] with the calls of argv[1] alone, as systemd has it with
# SystemCallErrorNumber=EPERM.
FILTERED = """
import errno, os, seccomp, sys
f = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
for call in sys.argv[1].split(","):
    try:
        f.add_rule(seccomp.ALLOW, call)
    except (RuntimeError, ValueError):
        pass  # of another architecture
f.load()
os.execv(sys.argv[2], sys.argv[2:])
"""


def allowed_calls():
    """What SystemCallFilter of the unit leaves, line by line."""
    groups, name = {}, None
    for line in run(tool("systemd-analyze"), "syscall-filter").stdout.splitlines():
        if line.startswith("@"):
            name = line.strip()
            groups[name] = []
        elif name and line.strip() and not line.strip().startswith("#"):
            groups[name].append(line.strip())

    def expand(word):
        return set().union(*map(expand, groups[word])) if word.startswith("@") else {word}
    left = expand("@default") | {"execve", "exit", "exit_group", "getrlimit", "rt_sigreturn", "sigreturn"}
    for words in re.findall("^SystemCallFilter=(.*)$", (CONTRIB / "systemd/postern.service").read_text(), re.M):
        calls = set().union(*map(expand, words.lstrip("~").split()))
        left = left - calls if words.startswith("~") else left | calls
    return left


@pytest.mark.skipif(harness.SANITIZED, reason="sanitizers need what it denies")
@pytest.mark.skipif(run("/usr/bin/python3", "-c", "import seccomp").returncode != 0, reason="needs python3-seccomp")
def test_the_calls_of_the_unit_are_enough(sink, postern, tmp_path):
    """With what the unit leaves of the system's calls it starts, takes mail by
    both doors, delivers, and puts up its own walls; and who looks at the queue
    stands back for mail."""
    s = sink()
    p = postern(s.port, start=False, control={"socket": str(tmp_path / "control.sock")})
    p.start(under=["/usr/bin/python3", "-c", FILTERED, ",".join(sorted(allowed_calls()))])
    harness.send_raw(p.port, mails.plain())
    r = run(harness.BUILD / "postern-sendmail", "-i", "ann@example.net", input="Subject: x\n\nx\n",
            env={**os.environ, "POSTERN_SUBMISSION": p.settings["submission"]["socket"], "POSTERN_DROP": "/nonexistent"})
    assert r.returncode == 0, r.stderr
    s.wait_messages(2)
    p.wait_event("reloaded", since=p.reload())
    assert p.events("sandbox.missing") == []
    assert run(TOOL, "queue", "count", "-s", tmp_path / "control.sock").returncode == 0
    assert nice_of(p, "listing") == min(nice_of(p, "spool") + 10, 19)
    p.stop()


def test_apparmor_takes_the_profile():
    parser, profile = tool("apparmor_parser"), CONTRIB / "apparmor"
    r = run(parser, "--skip-kernel-load", "--skip-cache", profile)
    assert r.returncode == 0 and not re.search("(?i)error|warning", r.stderr), r.stderr
    r = run(parser, "--names", "--skip-cache", profile)
    assert r.stdout.split() == ["posternd"]
    rules = [x.strip() for x in profile.read_text().splitlines() if re.match(r"\s+(owner )?[/@]", x)]
    assert not [x for x in rules if "x" in x.rstrip(",").split()[-1]]  # it runs nothing
    # where the packages have the daemon write, and what the keys have as defaults
    written = {x.split()[-2].split("{,")[0] for x in rules if "w" in x.split()[-1]}
    for d in re.findall(r"^d (\S+)", (CONTRIB / "systemd/postern.tmpfiles").read_text(), re.M):
        assert d.replace("/run/", "@{run}/") + "/" in written, d
