# SPDX-License-Identifier: Apache-2.0
"""The Debian packages: built, looked at by lintian, installed into a root that has
nothing, used as the unit starts it, upgraded with a queue, purged.  Fetches
packages; the long tier.  POSTERN_DEBS=DIR takes those that are there."""
import os
import pathlib
import shutil
import subprocess
import sys
import textwrap

import pytest

import debian
from debian import apt, sh

TOP = pathlib.Path(__file__).parents[2]
QUEUED = 10000
needed = [t for t in ("debootstrap", "dpkg-buildpackage", "lintian", "dh", "unshare", "ip") if not shutil.which(t)]
pytestmark = [pytest.mark.skipif(not os.environ.get("POSTERN_LONG"), reason="long: builds and installs packages"),
              pytest.mark.skipif(os.getuid() != 0, reason="needs root"),
              pytest.mark.skipif(bool(needed), reason="needs " + " ".join(needed))]

# In a network of its own, for port 25: starts the daemon as postern.service does,
# with the sockets of postern.socket, and runs the steps of argv[2].
DRIVER = """
import json, os, signal, socket, smtplib, subprocess, sys
root, steps = sys.argv[1], sys.argv[2]
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(["mount", "-t", "proc", "proc", root + "/proc"], check=True)
doors = []
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    s = socket.socket(family)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((host, 25))
    s.listen(4096)
    doors.append(s)
user = [l.split(":") for l in open(root + "/etc/passwd") if l.startswith("postern:")][0]
hears = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
where = "/run/postern-notify"
try:
    os.unlink(root + where)
except FileNotFoundError:
    pass
hears.bind(root + where)
os.chmod(root + where, 0o666)
hears.settimeout(60)
pid = os.fork()
if pid == 0:
    for fd, s in enumerate(doors, 10):
        os.dup2(s.fileno(), fd)
    for fd in (10, 11):
        os.dup2(fd, fd - 7)
    os.closerange(5, 64)
    os.chroot(root)
    os.chdir("/")
    os.setgroups([int(user[3])])
    os.setgid(int(user[3]))
    os.setuid(int(user[2]))
    os.umask(0o027)
    line = next(l for l in open("/lib/systemd/system/postern.service") if l.startswith("ExecStart="))
    argv = line.strip().split("=", 1)[1].split()
    os.execve(argv[0], argv, {"PATH": "/usr/bin:/bin", "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2",
                              "NOTIFY_SOCKET": where})
assert hears.recv(1000).startswith(b"READY=1")

def inside(*argv, **kw):
    r = subprocess.run(["chroot", root, *argv], capture_output=True, text=True, **kw)
    assert r.returncode == 0, (argv, r.stdout, r.stderr)
    return r.stdout

def queued():
    return json.loads(inside("postern", "queue", "count", "--json"))["count"]
try:
    exec(steps)
finally:
    os.kill(pid, signal.SIGTERM)
    assert os.waitpid(pid, 0)[1] == 0
"""


def use(root, steps):
    sh("unshare", "-n", "-m", "-p", "-f", sys.executable, "-c", DRIVER, root, textwrap.dedent(steps), timeout=600)


def test_build_install_use_upgrade_purge(tmp_path):
    root = tmp_path / "root"
    changes, debs = debian.packages(tmp_path)
    sh("lintian", "--fail-on", "error", "--allow-root", changes)
    debian.bootstrap(root)
    apt(root, "update")
    for d in debs:
        shutil.copy(d, root / "root" / d.name)
    apt(root, "install", "logrotate", *["/root/" + d.name for d in debs])
    for unit in ("postern.service", "postern.socket"):
        r = subprocess.run(["systemd-analyze", "verify", "--man=no", "--root=%s" % root, unit], capture_output=True, text=True)
        assert r.returncode == 0 and "postern" not in r.stderr, r.stderr
    for there, mode in (("spool/postern", 0o700), ("spool/postern-drop", 0o3733), ("log/postern", 0o2750)):
        assert (root / "var" / there).stat().st_mode & 0o7777 == mode, there
    for there in ("apparmor.d/usr.sbin.posternd", "apparmor.d/local/usr.sbin.posternd", "fail2ban/filter.d/postern.conf",
                  "fail2ban/jail.d/postern.conf", "logrotate.d/postern"):
        assert (root / "etc" / there).exists(), there
    shutil.copy(TOP / "contrib/debian/tests/sendmail-contract", root / "root")
    use(root, 'inside("/root/sendmail-contract")')
    use(root, """
        inside("/usr/sbin/sendmail", "-i", "ann@example.net", input="Subject: a\\n\\nx\\n")
        inside("/usr/lib/sendmail", "-t", input="To: bob@example.net\\nSubject: b\\n\\nx\\n")
        assert queued() == 2
        assert "ann@example.net" in inside("mailq")
        for host in ("127.0.0.1", "::1"):
            c = smtplib.SMTP(host, 25)
            for i in range(%d):
                c.sendmail("a@example.com", ["r%%d@example.net" %% i], "Subject: c\\r\\n\\r\\nx\\r\\n")
            c.quit()
        assert queued() == %d
    """ % (QUEUED // 2, QUEUED + 2))
    shutil.copy(debian.newer(debs[0], tmp_path / "newer"), root / "root/newer.deb")
    apt(root, "install", "/root/newer.deb")
    assert "0.1.0-2" in sh("chroot", root, "dpkg-query", "-W", "postern")
    use(root, """
        assert queued() == %d
        with open(root + "/etc/postern/postern.conf", "a") as f:
            f.write('log = { to = "/var/log/postern/postern.log"; };')
        inside("postern", "reload")
        inside("logrotate", "-f", "/etc/logrotate.d/postern")
        inside("/usr/sbin/sendmail", "-i", "ann@example.net", input="Subject: a\\n\\nx\\n")
    """ % (QUEUED + 2))
    old, new = ((root / "var/log/postern" / n).read_text() for n in ("postern.log.1", "postern.log"))
    assert "event=reloaded" in old + new and "event=log.reopened" in new and "event=accepted" in new
    assert (root / "var/log/postern/postern.log").stat().st_mode & 0o777 == 0o640
    apt(root, "purge", "postern", "postern-sendmail")
    for gone in ("var/spool/postern", "var/spool/postern-drop", "var/lib/postern", "var/log/postern",
                 "etc/postern", "etc/apparmor.d/usr.sbin.posternd", "etc/logrotate.d/postern",
                 "usr/sbin/sendmail", "usr/sbin/posternd", "lib/systemd/system/postern.service"):
        assert not (root / gone).exists(), gone
