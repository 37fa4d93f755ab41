# SPDX-License-Identifier: Apache-2.0
"""Real mail servers of Debian as providers: unpacked side by side (they
cannot be installed together) below POSTERN_PEERS or RB_PEERS, fetched there
with apt-get download where they are missing.  Root only: they switch users."""
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import socket

import pytest

import harness

ROOT = pathlib.Path(os.environ.get("POSTERN_PEERS") or os.environ.get("RB_PEERS") or "/var/tmp/postern-peers")


class locked:
    """One test at a time, whichever process runs it."""

    def __init__(self, name):
        ROOT.mkdir(parents=True, exist_ok=True)
        self.file = open(ROOT / (name + ".lock"), "w")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


def account(user, *groups):
    for g in (user,) + groups:
        if subprocess.run(["getent", "group", g], capture_output=True).returncode != 0:
            subprocess.run(["groupadd", "-r", g], check=True)
    if subprocess.run(["getent", "passwd", user], capture_output=True).returncode != 0:
        subprocess.run(["useradd", "-r", "-g", user, "-d", "/nonexistent", "-s", "/usr/sbin/nologin", user],
                       check=True)


def unpacked(package):
    """The directory where the package's files are, or the test is skipped."""
    if os.getuid() != 0:
        pytest.skip("only root can run %s with its own users" % package)
    with locked("fetch"):
        return fetched(package)


def fetched(package):
    where = ROOT / "root" / package
    if where.is_dir():
        return where
    debs = ROOT / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    r = subprocess.run(["apt-get", "download", package], cwd=debs, capture_output=True, text=True)
    if r.returncode != 0:
        pytest.skip("%s cannot be fetched: %s" % (package, r.stderr.strip()[-200:]))
    deb = sorted(debs.glob(package + "_*.deb"))[-1]
    part = where.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    subprocess.run(["dpkg", "-x", deb, part], check=True)
    part.rename(where)
    return where


def check_libraries(binary, libraries=""):
    out = subprocess.run(["ldd", binary], capture_output=True, text=True,
                         env={**os.environ, "LD_LIBRARY_PATH": libraries}).stdout
    missing = [x.split()[0] for x in out.splitlines() if "not found" in x]
    if missing:
        pytest.skip("%s lacks %s" % (binary, ", ".join(missing)))


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            return s.recv(3) == b"220"
    except OSError:
        return False


class Peer:
    """A server in the foreground, in a mount namespace of its own where `bound`
    lies over the path that was compiled into it; one at a time on a machine, for
    the path is there for all."""
    made_directory = None

    def main_pid(self):
        return self.proc.pid

    def run(self, bound, path, command):
        self.lock = locked(pathlib.Path(path).name)
        if not os.path.isdir(path):
            os.makedirs(path)
            self.made_directory = path
        script = "mount --bind '%s' '%s' && exec %s" % (bound, path, command)
        self.proc = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.said = harness.Lines(self.proc.stdout)
        harness.wait_until(lambda: answers(self.port) or self.proc.poll() is not None, what=type(self).__name__)
        if self.proc.poll() is not None:
            self.stop()
            pytest.skip("%s does not start here: %s" % (type(self).__name__, self.said.text()[-500:]))

    def stop(self):
        if self.proc.poll() is None:
            os.kill(self.main_pid(), signal.SIGTERM)
        self.proc.wait(harness.LONG)
        self.said.thread.join(10)
        if self.made_directory:
            os.rmdir(self.made_directory)
            self.made_directory = None
        self.lock.file.close()


class Postfix(Peer):
    """Relays everything to the sink; limits raised.  sasl: Cyrus SASL's
    configuration; more: of main.cf."""

    def __init__(self, directory, sink_port, sasl="", **more):
        r = unpacked("postfix")
        account("postfix", "postdrop")
        check_libraries(r / "usr/lib/postfix/sbin/smtpd", str(r / "usr/lib/postfix"))
        self.port = harness.free_port()
        self.conf, self.queue = directory / "postfix", directory / "queue"
        shutil.copytree(r / "etc/postfix", self.conf)
        for d in ("data", "queue"):
            (directory / d).mkdir()
        shutil.chown(directory / "data", "postfix")
        for d in [directory] + list(directory.parents)[:-2]:
            d.chmod(d.stat().st_mode | 0o111)
        main = dict(
            compatibility_level="3.6", queue_directory=directory / "queue", data_directory=directory / "data",
            command_directory=r / "usr/sbin", daemon_directory=r / "usr/lib/postfix/sbin",
            sendmail_path=r / "usr/sbin/sendmail", shlib_directory=r / "usr/lib/postfix",
            meta_directory=self.conf, maillog_file=directory / "maillog", maillog_file_prefixes="/",
            mail_owner="postfix", setgid_group="postdrop", inet_interfaces="127.0.0.1", inet_protocols="ipv4",
            myhostname="upstream.test", mydestination="", alias_maps="", local_recipient_maps="",
            relayhost="[127.0.0.1]:%d" % sink_port, mynetworks="127.0.0.0/8", biff="no",
            smtpd_relay_restrictions="permit_mynetworks, reject", in_flow_delay="0",
            message_size_limit=100 << 20, smtpd_recipient_limit=2000)
        main.update(more)
        (self.conf / "main.cf").write_text("".join("%s = %s\n" % x for x in main.items()))
        services = ["127.0.0.1:%d inet n - n - - smtpd" % self.port, "pickup unix n - n 60 1 pickup",
                    "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr",
                    "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce",
                    "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce", "verify unix - - n - 1 verify",
                    "proxymap unix - - n - - proxymap", "smtp unix - - n - - smtp", "relay unix - - n - - smtp",
                    "error unix - - n - - error", "retry unix - - n - - error", "discard unix - - n - - discard",
                    "flush unix n - n 1000? 0 flush", "showq unix n - n - - showq", "anvil unix - - n - 1 anvil",
                    "scache unix - - n - 1 scache", "tlsmgr unix - - n 1000? 1 tlsmgr",
                    "postlog unix-dgram n - n - 1 postlogd"]
        (self.conf / "master.cf").write_text("\n".join(services) + "\n")
        (self.conf / "dynamicmaps.cf").write_text("")
        (self.conf / "sasl").mkdir(exist_ok=True)
        (self.conf / "sasl/smtpd.conf").write_text(sasl)
        self.run(r / "usr/lib/postfix", "/usr/lib/postfix",
                 "'%s' -c '%s' start-fg" % (r / "usr/sbin/postfix", self.conf))


    def main_pid(self):
        """The master's: the command that started it only waits for it."""
        return int((self.queue / "pid/master.pid").read_text())


class Dovecot(Peer):
    """Submission, which relays everything to the sink.  users: of a
    passwd-file; tokeninfo: the URL that tells whose a token is."""

    def __init__(self, directory, sink_port, users, tokeninfo):
        core, submission = unpacked("dovecot-core"), unpacked("dovecot-submissiond")
        account("dovecot")
        account("dovenull")
        lib = directory / "lib"
        shutil.copytree(core / "usr/lib/dovecot", lib, symlinks=True)
        shutil.copytree(submission / "usr/lib/dovecot", lib, symlinks=True, dirs_exist_ok=True)
        check_libraries(lib / "auth", "%s:%s" % (lib, lib / "modules/old-stats"))
        self.port = harness.free_port()
        for d in ("run", "state", "home"):
            (directory / d).mkdir()
        shutil.chown(directory / "home", "dovecot")
        for d in [directory] + list(directory.parents)[:-2]:
            d.chmod(d.stat().st_mode | 0o111)
        (directory / "users").write_text(users)
        (directory / "oauth2").write_text("tokeninfo_url = %s\n" % tokeninfo)
        conf = directory / "dovecot.conf"
        conf.write_text("""
protocols = submission
base_dir = %(d)s/run
state_dir = %(d)s/state
log_path = %(d)s/log
hostname = upstream.test
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256 xoauth2 oauthbearer
auth_verbose = yes
auth_failure_delay = 0
first_valid_uid = 1
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%%u %(d)s/users
  mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
}
passdb {
  driver = oauth2
  args = %(d)s/oauth2
  mechanisms = xoauth2 oauthbearer
}
userdb {
  driver = static
  args = uid=dovecot gid=dovecot home=%(d)s/home
}
mail_location = maildir:%(d)s/home/mail
service submission-login {
  inet_listener submission {
    address = 127.0.0.1
    port = %(port)d
  }
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
submission_relay_host = 127.0.0.1
submission_relay_port = %(sink)d
""" % dict(d=directory, port=self.port, sink=sink_port))
        # dovecot would look for doveconf in /usr/bin
        self.run(lib, "/usr/lib/dovecot", "'%s' -f service=master -c '%s' -m master -e '%s' -F -c '%s'" % (
            core / "usr/bin/doveconf", conf, core / "usr/sbin/dovecot", conf))


class Exim(Peer):
    """Relays everything to the sink; limits raised.  main, acl, authenticators: of
    its configuration."""

    def __init__(self, directory, sink_port, main="acl_smtp_rcpt = accept\ntls_advertise_hosts =\n",
                 acl="", authenticators=""):
        r = unpacked("exim4-daemon-light")
        account("Debian-exim")
        binary = r / "usr/sbin/exim4"
        check_libraries(binary)
        binary.chmod(0o4755)
        self.port = harness.free_port()
        etc, spool, log = directory / "etc", directory / "spool", directory / "log"
        for d in (etc, spool, log):
            d.mkdir()
        for d in (spool, log):
            shutil.chown(d, "Debian-exim", "Debian-exim")
        for d in [directory] + list(directory.parents)[:-2]:
            d.chmod(d.stat().st_mode | 0o111)
        (etc / "exim4.conf").write_text("""
primary_hostname = upstream.test
exim_path = %(binary)s
spool_directory = %(spool)s
log_file_path = %(log)s/%%slog
exim_user = Debian-exim
exim_group = Debian-exim
never_users = root
daemon_smtp_ports = %(port)d
local_interfaces = 127.0.0.1
notifier_socket =
qualify_domain = upstream.test
message_size_limit = 100M
recipients_max = 2000
smtp_accept_max = 100
%(main)s
begin acl
%(acl)s
begin routers
smarthost:
  driver = manualroute
  transport = remote
  route_list = * 127.0.0.1
  self = send
begin transports
remote:
  driver = smtp
  port = %(sink)d
  allow_localhost
begin retry
* * F,2h,1m
begin authenticators
%(authenticators)s
""" % dict(main=main, acl=acl, authenticators=authenticators, binary=binary, spool=spool, log=log, port=self.port, sink=sink_port))
        self.run(etc, "/etc/exim4", "'%s' -bdf -q1m" % binary)
