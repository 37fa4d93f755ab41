# SPDX-License-Identifier: Apache-2.0
"""The Debian packages on a host: a root that systemd boots, in which Postern takes the
place of Postfix, is used, upgraded, given up for Postfix again and purged.  Fetches
packages; the long tier.  POSTERN_DEBS=DIR takes packages that are there."""
import json
import os
import re
import shutil

import pytest

import apparmor
import certs
import debian
import harness
import machine

needed = [t for t in ("debootstrap", "dpkg-buildpackage", "dpkg-scanpackages", "dh", "systemd-nspawn", "nsenter")
          if not shutil.which(t)]
pytestmark = [pytest.mark.skipif(not os.environ.get("POSTERN_LONG"), reason="long: builds and installs packages"),
              pytest.mark.skipif(os.getuid() != 0, reason="needs root"),
              pytest.mark.skipif(bool(needed), reason="needs " + " ".join(needed))]
CONF = '''providers = ( { name = "sink"; host = "127.0.0.1"; port = 2525; tls = "off"; } );
root = "ops@example.com"; from = "noreply@example.com"; domain = "example.com";
'''
BUSY = "busy@example.net"
LETTER = "Subject: a letter\n\nx\n"

# Sends until its standard input ends; tells what was taken and what was refused.
SENDER = """
import json, select, smtplib, sys
taken = refused = again = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    try:
        with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60) as c:
            for i in range(5):
                c.sendmail("a@example.com", ["busy@example.net"], "Subject: b\\r\\n\\r\\nx\\r\\n")
                taken += 1
    except ConnectionRefusedError:
        refused += 1
    except (smtplib.SMTPException, OSError):
        again += 1
print(json.dumps({"taken": taken, "refused": refused, "again": again}))
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """With systemd, cron and Postfix, and Postern within apt's reach."""
    tmp = tmp_path_factory.mktemp("boot")
    root = tmp / "root"
    debs = debian.packages(tmp)[1]
    debian.bootstrap(root)
    debian.apt(root, "update")
    debian.apt(root, "install", "systemd", "systemd-sysv", "dbus", "cron", "logrotate", "iproute2", "procps", "adduser",
               "bsdutils", "strace")
    (root / "etc/apt/apt.conf.d/docker-clean").unlink(missing_ok=True)
    for d in debs:
        shutil.copy(d, root / "root" / d.name)
    debian.apt(root, "install", "--download-only", *["/root/" + d.name for d in debs])
    debian.apt(root, "install", "--download-only", "postfix")
    # nothing there would ever be online
    os.symlink("/dev/null", root / "etc/systemd/system/systemd-networkd-wait-online.service")
    machine.repository(root, debs + [debian.newer(d, tmp / ("newer-" + d.name)) for d in debs])
    (root / "etc/apt/preferences.d/first").write_text("Package: postern*\nPin: version 0.1.0-1\nPin-Priority: 1001\n")
    m = machine.Machine(root, tmp / "console")
    try:
        m.start()
        m.do("apt-get", "-q", "update")
        m.do("useradd", "-m", "ann")
        yield m
    finally:
        m.stop()


def apt(m, *argv):
    return m.do("apt-get", "-y", "-q", "--no-install-recommends", *argv)


def main_pid(m):
    return m.do("systemctl", "show", "-p", "MainPID", "--value", "postern.service").strip()


def queued(m):
    return json.loads(m.do("postern", "queue", "count", "--json"))["count"]


def journal(m, *argv):
    return m.do("journalctl", "-u", "postern", "-o", "cat", *argv)


def delivered(m, to):
    """How many messages for that one the sink has taken."""
    log = m.root / "var/lib/sink.log"
    return log.read_text().count('"recipients":["%s"]' % to) if log.exists() else 0


def arrives(m, to, *how):
    """What sendmail takes, called so, for one who has got nothing yet."""
    m.do(*how, "sendmail", "-i", to, input=LETTER)
    harness.wait_until(lambda: delivered(m, to))


def replaces_postfix(m):
    """What is installed in its stead works at once, without a word of configuration."""
    m.do("sh", "-c", "echo postfix postfix/main_mailer_type select Local only | debconf-set-selections")
    apt(m, "install", "postfix")
    m.do("systemctl", "is-active", "postfix")
    said = apt(m, "install", "postern", "postern-sendmail")
    assert "Removing postfix" in said
    assert m.do("systemctl", "is-active", "postern.service", "postern.socket").split() == ["active"] * 2
    assert m.do("systemctl", "is-enabled", "postern.service", "postern.socket").split() == ["enabled"] * 2
    m.do("sendmail", "-i", "first@example.net", input=LETTER)
    assert queued(m) == 1
    assert "no provider configured" in journal(m, "-p", "warning")
    assert "event=accepted" not in journal(m, "-p", "warning") and "event=accepted" in journal(m, "-p", "info")
    assert "sandbox.missing" not in journal(m)
    level = re.search(r"exposure level for postern.service: ([0-9.]+)",
                      m.do("systemd-analyze", "security", "postern.service"))
    assert float(level.group(1)) <= 1.5


def is_configured(m):
    """A provider; what had waited leaves."""
    m.do("systemd-run", "--quiet", "--unit=sink", "postern-sink", "-l", "127.0.0.1:2525", "--log", "/var/lib/sink.log")
    (m.root / "etc/postern/postern.conf").write_text(CONF)
    m.do("systemctl", "reload", "postern")
    harness.wait_until(lambda: delivered(m, "first@example.net") == 1)
    (m.root / "etc/cron.d/minute").write_text("* * * * * ann echo from cron\n")


def takes_mail_from_all(m):
    """Users, and services that may do next to nothing."""
    m.do("su", "ann", "-c", "/usr/sbin/sendmail -i su@example.net", input=LETTER)
    harness.wait_until(lambda: delivered(m, "su@example.net") == 1)
    (m.root / "etc/postern").chmod(0o750)
    shutil.chown(m.root / "etc/postern", group=(m.root / "var/spool/postern").stat().st_gid)
    m.do("su", "ann", "-c", "/usr/sbin/sendmail -i closed@example.net", input=LETTER)
    harness.wait_until(lambda: delivered(m, "closed@example.net") == 1)
    services = (["User=ann", "NoNewPrivileges=yes", "PrivateTmp=yes", "ProtectSystem=strict"],
                ["DynamicUser=yes"],
                ["User=ann", "PrivateNetwork=yes", "PrivateUsers=yes"],
                ["DynamicUser=yes", "ProtectHome=yes", "PrivateDevices=yes", "RestrictAddressFamilies=AF_UNIX",
                 "SystemCallFilter=@system-service", "MemoryDenyWriteExecute=yes", "CapabilityBoundingSet="])
    for n, properties in enumerate(services):
        arrives(m, "service%d@example.net" % n, "systemd-run", "--quiet", "--pipe", "--wait",
                *["-p" + p for p in properties])


def mistakes_are_told(m):
    """By the reload that fails, where the daemon goes on with what it had, and by the
    start, which does not; then what comes in waits in the drop directory."""
    conf, pid = m.root / "etc/postern/postern.conf", main_pid(m)
    conf.write_text(CONF + 'hostnam = "x";\n')
    assert m.ask("systemctl", "reload", "postern").returncode != 0
    assert "postern.conf:3: hostnam" in journal(m, "-p", "err")
    assert main_pid(m) == pid
    assert m.ask("systemctl", "restart", "postern").returncode != 0
    assert "postern.conf:3: hostnam" in journal(m, "-p", "err", "-n", "3")
    m.do("sendmail", "-i", "late@example.net", input=LETTER)
    sender = m.client(SENDER, "25")
    # who connects starts it, is told to come again, and so are those who do, for a while
    harness.wait_until(lambda: journal(m).count("hostnam: is no key") >= 6)
    m.do("systemctl", "is-active", "postern.socket")
    said = json.loads(sender.communicate("")[0])
    assert said["refused"] == 0 and said["again"] > 0
    conf.write_text(CONF)
    m.do("systemctl", "restart", "postern")  # at once, whatever systemd thinks of so many
    assert main_pid(m) not in (pid, "0")
    m.do("systemctl", "is-active", "postern.socket")
    harness.wait_until(lambda: delivered(m, "late@example.net") == 1)


def one_more(m):
    """Of the sender's has arrived."""
    n = delivered(m, BUSY)
    harness.wait_until(lambda: delivered(m, BUSY) > n)


def restarts_refuse_nobody(m):
    """The door is systemd's."""
    before, sender = delivered(m, BUSY), m.client(SENDER, "25")
    for i in range(3):
        one_more(m)
        m.do("systemctl", "restart", "postern")
    one_more(m)
    said = json.loads(sender.communicate("")[0])
    assert said["refused"] == 0 and said["taken"] > 0
    harness.wait_until(lambda: queued(m) == 0)
    assert delivered(m, BUSY) - before >= said["taken"]


def a_box_keeps_its_door(m):
    """A restart makes new sockets where one who has mounted the directory finds them."""
    m.do("systemd-run", "--quiet", "--unit=box", "-pTemporaryFileSystem=/run", "-pBindPaths=/run/postern",
         "-pInaccessiblePaths=/var/spool/postern-drop", "sleep", "infinity")
    pid = m.do("systemctl", "show", "-p", "MainPID", "--value", "box.service").strip()
    m.do("systemctl", "restart", "postern")
    arrives(m, "boxed@example.net", "nsenter", "-m", "-t", pid)
    m.do("systemctl", "stop", "box")


def a_hanging_one_is_replaced(m):
    """By the watchdog."""
    drop_in(m, "postern.service", "[Service]\nWatchdogSec=1s\nTimeoutAbortSec=1s\nRestartSec=100ms\n")
    m.do("systemctl", "restart", "postern")
    pid = main_pid(m)
    m.do("kill", "-STOP", pid)
    harness.wait_until(lambda: main_pid(m) not in (pid, "0"))
    harness.wait_until(lambda: m.ask("systemctl", "is-active", "postern").returncode == 0)
    assert "Watchdog timeout" in m.do("journalctl", "-u", "postern")
    arrives(m, "woken@example.net")
    drop_in(m, "postern.service", None)
    m.do("systemctl", "restart", "postern")


def drop_in(m, unit, text):
    d = m.root / "etc/systemd/system" / (unit + ".d")
    shutil.rmtree(d, ignore_errors=True)
    if text:
        d.mkdir()
        (d / "test.conf").write_text(text)
    m.do("systemctl", "daemon-reload")


def low_ports_are_sockets(m):
    """The reload that cannot have it says what to do, and that is right."""
    conf = m.root / "etc/postern/postern.conf"
    conf.write_text(CONF + 'listeners = ( { name = "local"; address = [ "127.0.0.1:25", "[::1]:25" ]; },\n'
                    '{ name = "submit"; address = [ "127.0.0.1:587" ]; } );\n')
    assert m.ask("systemctl", "reload", "postern").returncode != 0
    said = journal(m, "-p", "err", "-n", "3")
    assert "127.0.0.1:587" in said and "postern.socket" in said
    drop_in(m, "postern.socket", "[Socket]\nListenStream=127.0.0.1:587\n")
    m.do("systemctl", "stop", "postern.service")
    m.do("systemctl", "restart", "postern.socket", "postern.service")
    sender = m.client(SENDER, "587")
    one_more(m)
    assert json.loads(sender.communicate("")[0])["refused"] == 0
    conf.write_text(CONF)
    drop_in(m, "postern.socket", None)
    m.do("systemctl", "stop", "postern.service")
    m.do("systemctl", "restart", "postern.socket", "postern.service")


def its_tools_work(m):
    """As the unit confines the daemon."""
    m.do("/usr/bin/postern", "spool", "backup", "/var/lib/postern/copy")
    assert (m.root / "var/lib/postern/copy").is_dir()
    shutil.rmtree(m.root / "var/lib/postern/copy")
    assert "sink" in m.do("postern", "status")
    assert "delivered (1 recipient) by sink" in m.do("postern", "trace", "woken@example.net")
    m.do("script", "-qec", "postern top", "/dev/null", input="q")


def logs_are_rotated(m):
    conf = m.root / "etc/postern/postern.conf"
    conf.write_text(CONF + 'log = { to = "/var/log/postern/postern.log"; };\n')
    m.do("systemctl", "reload", "postern")
    m.do("logrotate", "-f", "/etc/logrotate.d/postern")
    log = m.root / "var/log/postern/postern.log"
    harness.wait_until(lambda: log.exists() and "event=log.reopened" in log.read_text())
    assert "event=reloaded" in (m.root / "var/log/postern/postern.log.1").read_text()
    conf.write_text(CONF)
    m.do("systemctl", "reload", "postern")


# As much as can be said of files.
WHOLE = """
providers = ( { name = "sink"; host = "localhost"; port = 2525; tls = "off";
                dkim = ( { domain = "example.com"; selector = "s"; key_file = "/etc/postern/dkim.pem"; } ); },
              { name = "second"; host = "smtp.example.net"; user = "a"; password_file = "/etc/postern/second.pass"; },
              { name = "mine"; like = "second"; ca_file = "/etc/postern/door.pem"; } );
listeners = ( { name = "local"; address = [ "127.0.0.1:25", "[::1]:25" ]; tls = "optional"; },
              { name = "socket"; address = [ "unix:/run/postern/smtp.sock" ]; } );
tls = { certificates = ( { certificate = "/etc/postern/door.pem"; key = "/etc/postern/door.key"; } ); };
aliases_file = "/etc/aliases"; users_file = "/etc/postern/users"; watch = true; include = [ "/etc/postern/conf.d/*.conf" ];
http = { address = "127.0.0.1:9025"; }; log = { to = "/var/log/postern/postern.log"; }; domain = "example.com";
"""


def does_what_its_profile_allows(m):
    """AppArmor's, wherever the kernel has it: each path of which the daemon makes use."""
    etc, trace = m.root / "etc/postern", m.root / "var/lib/postern/trace"
    certs.make(etc, "door")
    certs.make(etc, "dkim", kind="rsa")
    os.rename(etc / "dkim.key", etc / "dkim.pem")
    (etc / "second.pass").write_text("secret\n")
    (m.root / "etc/aliases").write_text("root: ops@example.com\n")
    m.do("sh", "-c", "echo geheim | postern passwd -c /etc/postern/users ann")
    m.do("sh", "-c", "chgrp -R postern /etc/postern && chmod -R g+rX,o-rwx /etc/postern")
    (etc / "postern.conf").write_text(WHOLE)
    drop_in(m, "postern.service", "[Service]\nSystemCallFilter=\nProtectProc=default\nKillMode=mixed\n"
            "CapabilityBoundingSet=CAP_SYS_PTRACE CAP_DAC_READ_SEARCH\n"
            "AmbientCapabilities=CAP_SYS_PTRACE CAP_DAC_READ_SEARCH\n"
            "ExecStart=\nExecStart=/usr/bin/%s -D -o "
            "/var/lib/postern/trace /usr/sbin/posternd -f\n" % " ".join(apparmor.STRACE).replace("%", "%%"))
    m.do("systemctl", "stop", "postern")
    m.do("sendmail", "-i", "dropped@example.net", input=LETTER)
    m.do("systemctl", "start", "postern")
    harness.wait_until(lambda: delivered(m, "dropped@example.net"))
    arrives(m, "seen@example.net")
    m.do("systemctl", "reload", "postern")
    m.do("logrotate", "-f", "/etc/logrotate.d/postern")
    m.do("postern", "spool", "backup", "/var/lib/postern/copy")
    m.do("systemctl", "stop", "postern")
    paths = {(p.removesuffix(" (deleted)"), mode) for p, mode in apparmor.used(trace.read_text()) if p.startswith("/")}
    names = sorted({p for p, _ in paths})
    real = dict(zip(names, m.do("realpath", "-m", *names).splitlines()))
    for p in m.ask("find", *names, "-maxdepth", "0", "-type", "d").stdout.splitlines():
        real[p] += "/"
    profile = apparmor.Profile(m.root / "etc/apparmor.d/usr.sbin.posternd")
    refused = sorted({(real[p], mode) for p, mode in paths if not profile.allows(real[p], mode)})
    assert refused == [], refused
    assert {"/var/spool/postern/data.mdb", "/etc/postern/door.key", "/run/postern/control.sock"} <= set(names)
    assert not profile.allows("/etc/shadow", "r") and not profile.allows("/usr/bin/id", "r")
    drop_in(m, "postern.service", None)
    for name in ("door.pem", "door.key", "dkim.pem", "dkim.key", "second.pass", "users"):
        (etc / name).unlink(missing_ok=True)
    (etc / "postern.conf").write_text(CONF)
    m.do("systemctl", "start", "postern")


def upgrades_keep_the_queue(m):
    """While clients send, and none of them is refused."""
    before = delivered(m, BUSY)
    m.do("postern", "provider", "pause", "sink")
    m.do("sendmail", "-i", "kept@example.net", input=LETTER)
    (m.root / "etc/apt/preferences.d/first").unlink()
    pid, sender = main_pid(m), m.client(SENDER, "25")
    apt(m, "install", "postern")
    assert m.do("dpkg-query", "-W", "-f", "${Version} ", "postern", "postern-sendmail").split() == ["0.1.0-2"] * 2
    assert main_pid(m) not in (pid, "0")
    said = json.loads(sender.communicate("")[0])
    assert said["refused"] == 0 and said["taken"] > 0
    assert delivered(m, "kept@example.net") == 0  # it is paused still
    m.do("postern", "provider", "resume", "sink")
    harness.wait_until(lambda: delivered(m, BUSY) >= before + said["taken"] and queued(m) == 0)
    assert delivered(m, "kept@example.net") == 1


def cron_mails(m):
    """To ann, whose mail root reads."""
    harness.wait_until(lambda: delivered(m, "ops@example.com"), 90)
    (m.root / "etc/cron.d/minute").unlink()


def gives_way_to_postfix(m):
    """And takes its place again; the daemon is there all the while."""
    assert "Removing postern-sendmail" in apt(m, "install", "postfix")
    m.do("systemctl", "is-active", "postern.service")
    assert "Removing postfix" in apt(m, "install", "postern-sendmail")
    arrives(m, "again@example.net")


def leaves_nothing(m):
    said = apt(m, "purge", "postern", "postern-sendmail", "postfix")
    assert "not empty" not in said
    m.do("systemctl", "stop", "sink")
    m.do("systemctl", "daemon-reload")
    assert not m.do("systemctl", "list-units", "--all", "--plain", "--no-legend", "postern*")
    left = m.do("find", "/", "/run", "-xdev", "(", "-path", "/repo", "-o", "-path", "/proc", "-o", "-path", "/root", ")", "-prune",
                "-o", "-name", "*postern*", "-print").split()
    assert left == [], left


STEPS = (replaces_postfix, is_configured, takes_mail_from_all, mistakes_are_told, restarts_refuse_nobody,
         a_box_keeps_its_door, a_hanging_one_is_replaced, low_ports_are_sockets, its_tools_work, logs_are_rotated,
         does_what_its_profile_allows, upgrades_keep_the_queue, cron_mails, gives_way_to_postfix, leaves_nothing)


def test_a_host_with_postern(host):
    for step in STEPS:
        try:
            step(host)
        except AssertionError:
            print(step.__name__, host.ask("journalctl", "-n", "60", "--no-pager").stdout)
            raise
