# SPDX-License-Identifier: Apache-2.0
"""Logins as applications make them: swaks, msmtp, curl and Python's smtplib,
in clear on loopback and over TLS; the users file, by reloads and by postern
passwd; guesses."""
import base64
import os
import pathlib
import pty
import re
import select
import smtplib
import socket
import ssl
import subprocess
import threading

import pytest

import certs
import harness
import mails

TOOL = os.environ.get("POSTERN", str(harness.BUILD / "postern"))


def passwd(path, name, password, *options):
    r = subprocess.run([TOOL, "passwd", *options, "-c", str(path), name], input=password + "\n",
                       capture_output=True, text=True, timeout=harness.LONG)
    assert r.returncode == 0, r.stderr
    return r.stdout


@pytest.fixture
def users(tmp_path):
    path = tmp_path / "users"
    passwd(path, "ann", "geheim")
    passwd(path, "test", "123456", "--scram")
    return path


def listener(auth="required", **more):
    return [{"name": "local", "address": ["127.0.0.1:0"], "auth": auth, **more}]


def b64(text):
    return base64.b64encode(text.encode()).decode()


def run(*argv, **kw):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True,
                          timeout=harness.LONG, **kw)


def one_message(s):
    """The one that came, as the sink has kept it."""
    row, = s.wait_messages(1)
    return row


def received(s):
    files = [f for d in ("new", "cur") for f in (pathlib.Path(s.maildir) / d).glob("*")]
    return files[0].read_text()


# --- clients --------------------------------------------------------------------------

@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("user,password", [("ann", "geheim"), ("test", "123456")], ids=["crypt", "scram"])
def test_swaks(mechanism, user, password, sink, postern, users):
    s = sink()
    p = postern(s.port, users_file=str(users), listeners=listener())
    r = run("swaks", "--server", "127.0.0.1", "--port", p.port, "--auth", mechanism, "--auth-user", user,
            "--auth-password", password, "--from", "a@example.com", "--to", "b@example.net")
    assert r.returncode == 0, r.stdout
    one_message(s)
    assert re.search(r"with ESMTPA\s", received(s))
    p.wait_event("accepted", user=user, mech=mechanism, protocol="ESMTPA")
    p.stop()


def test_swaks_with_a_wrong_password(sink, postern, users):
    p = postern(sink().port, users_file=str(users), listeners=listener())
    r = run("swaks", "--server", "127.0.0.1", "--port", p.port, "--auth", "PLAIN", "--auth-user", "ann",
            "--auth-password", "guess", "--to", "b@example.net")
    assert r.returncode == 28 and "535 5.7.8" in r.stdout, r.stdout
    e = p.wait_event("login.failed", user="ann", client="127.0.0.1", mech="PLAIN")
    assert "guess" not in p.log.text() and e["listener"] == "local"
    p.stop()


def test_swaks_over_starttls(sink, postern, users, tmp_path):
    s = sink()
    cert = certs.make(tmp_path, "mx")
    p = postern(s.port, users_file=str(users), tls={"certificates": [cert.group()]},
                listeners=listener(tls="required"))
    r = run("swaks", "--server", "127.0.0.1", "--port", p.port, "--tls", "--auth", "LOGIN", "--auth-user",
            "ann", "--auth-password", "geheim", "--from", "a@example.com", "--to", "b@example.net")
    assert r.returncode == 0, r.stdout
    one_message(s)
    assert re.search(r"with ESMTPSA\s", received(s))
    p.stop()


@pytest.fixture
def msmtp(tmp_path):
    def send(port, method, user, password):
        conf = tmp_path / "msmtprc"
        conf.write_text("account default\nhost 127.0.0.1\nport %d\ntls off\nauth %s\nuser %s\npassword %s\n"
                        "from a@example.com\n" % (port, method, user, password))
        conf.chmod(0o600)
        return run("msmtp", "-C", conf, "b@example.net", input=mails.plain().decode())
    return send


@pytest.mark.parametrize("method", ["plain", "login", "scram-sha-256"])
def test_msmtp(method, sink, postern, tmp_path, msmtp):
    users = tmp_path / "users"
    passwd(users, "test", "123456", "--scram")
    passwd(users, "a,b=c", "p w,=", "--scram")
    s = sink()
    p = postern(s.port, users_file=str(users), listeners=listener())
    for user, password in (("test", "123456"), ("a,b=c", "p w,=")):
        r = msmtp(p.port, method, user, password)
        assert r.returncode == 0, r.stderr
    s.wait_messages(2)
    r = msmtp(p.port, method, "test", "1234567")
    assert r.returncode != 0 and "535" in r.stderr, r.stderr
    r = msmtp(p.port, method, "nobody", "123456")
    assert r.returncode != 0 and "535" in r.stderr, r.stderr
    p.stop()


def test_scram_is_for_files_of_verifiers_only(sink, postern, users, msmtp):
    p = postern(sink().port, users_file=str(users), listeners=listener())
    with smtplib.SMTP("127.0.0.1", p.port, timeout=harness.LONG) as c:
        c.ehlo()
        assert c.esmtp_features["auth"].split() == ["PLAIN", "LOGIN"]
    passwd(users, "ann", "geheim", "--scram")
    mark = p.reload()
    p.wait_event("reloaded", since=mark)
    with smtplib.SMTP("127.0.0.1", p.port, timeout=harness.LONG) as c:
        c.ehlo()
        assert c.esmtp_features["auth"].split() == ["PLAIN", "LOGIN", "SCRAM-SHA-256"]
    p.stop()


def test_curl(sink, postern, users, tmp_path):
    s = sink()
    p = postern(s.port, users_file=str(users), listeners=listener())
    mail = tmp_path / "mail"
    mail.write_bytes(mails.plain())
    r = run("curl", "-sS", "--url", "smtp://127.0.0.1:%d" % p.port, "--user", "ann:geheim", "--mail-from",
            "a@example.com", "--mail-rcpt", "b@example.net", "--upload-file", mail)
    assert r.returncode == 0, r.stderr
    one_message(s)
    r = run("curl", "-sS", "--url", "smtp://127.0.0.1:%d" % p.port, "--user", "ann:wrong", "--mail-from",
            "a@example.com", "--mail-rcpt", "b@example.net", "--upload-file", mail)
    assert r.returncode == 67, r.stderr  # login denied
    p.stop()


def test_smtplib_in_clear_and_over_tls(sink, postern, users, tmp_path):
    s = sink()
    cert = certs.make(tmp_path, "mx")
    p = postern(s.port, users_file=str(users), tls={"certificates": [cert.group()]},
                listeners=listener(tls="optional"))
    ctx = ssl.create_default_context()
    ctx.load_verify_locations(cert.certificate)
    for tls in (False, True):
        with smtplib.SMTP("localhost", p.port, timeout=harness.LONG) as c:
            if tls:
                c.starttls(context=ctx)
            c.login("ann", "geheim")
            assert c.docmd("AUTH", "PLAIN")[0] == 503
            c.sendmail("a@example.com", ["b@example.net"], mails.plain())
    s.wait_messages(2)
    p.stop()


def test_a_login_before_starttls_is_forgotten(sink, postern, users, tmp_path):
    cert = certs.make(tmp_path, "mx")
    p = postern(sink().port, users_file=str(users), tls={"certificates": [cert.group()]},
                listeners=listener(tls="optional"))
    ctx = ssl.create_default_context()
    ctx.load_verify_locations(cert.certificate)
    with smtplib.SMTP("localhost", p.port, timeout=harness.LONG) as c:
        c.login("ann", "geheim")
        c.starttls(context=ctx)
        c.ehlo()
        assert c.docmd("MAIL", "FROM:<a@example.com>")[0] == 530
        c.login("ann", "geheim")
        assert c.docmd("MAIL", "FROM:<a@example.com>")[0] == 250
    p.stop()


def test_a_certificate_is_a_login(sink, postern, users, tmp_path):
    """AUTH EXTERNAL, for the user whom the certificate names; a certificate of
    somebody who is no user, or none, is not enough."""
    server, ca = (certs.make(tmp_path, x) for x in ("mx", "ca"))
    ann, eve = (certs.make(tmp_path, x, names=(), issuer=ca) for x in ("ann", "eve"))
    s = sink()
    p = postern(s.port, users_file=str(users), tls={"certificates": [server.group()]},
                listeners=listener(tls="required", client_ca=ca.certificate))

    def connect(cert):
        ctx = ssl.create_default_context()
        ctx.load_verify_locations(server.certificate)
        if cert:
            ctx.load_cert_chain(cert.certificate, cert.key)
        c = smtplib.SMTP("localhost", p.port, timeout=harness.LONG)
        c.starttls(context=ctx)
        c.ehlo()
        return c, c.esmtp_features["auth"].split()

    c, offered = connect(ann)
    assert offered == ["PLAIN", "LOGIN", "EXTERNAL"]
    assert c.docmd("AUTH", "EXTERNAL " + b64("test"))[0] == 535  # not whom it names
    assert c.docmd("AUTH", "EXTERNAL =") == (235, b"2.7.0 Authenticated")
    passwd(users, "ann", "neu")  # she does not log in with that one
    p.wait_event("reloaded", since=p.reload())
    c.sendmail("a@example.com", ["b@example.net"], mails.plain())
    c.quit()
    c, _ = connect(ann)
    assert c.docmd("AUTH", "EXTERNAL")[0] == 334
    assert c.docmd(b64("ann"))[0] == 235
    c.quit()
    for cert in (eve, None):
        c, offered = connect(cert)
        assert offered == ["PLAIN", "LOGIN"]
        assert c.docmd("AUTH", "EXTERNAL =")[0] == 504
        assert c.docmd("MAIL", "FROM:<a@example.com>")[0] == 530
        c.quit()
    s.wait_messages(1)
    p.wait_event("accepted", user="ann", protocol="ESMTPSA")
    p.stop()


# --- what a user may ---------------------------------------------------------------------

def test_a_users_options_count(sink, postern, users):
    text = users.read_text().replace("\ntest:", "\ntest:", 1)
    lines = text.splitlines()
    lines[0] += ":senders=ann@example.com,*@lists.example.com;priority=low"
    users.write_text("\n".join(lines) + "\n")
    s = sink()
    p = postern(s.port, users_file=str(users), listeners=listener())
    with smtplib.SMTP("127.0.0.1", p.port, timeout=harness.LONG) as c:
        c.login("ann", "geheim")
        assert c.mail("eve@example.com")[0] == 553
        c.sendmail("ann@example.com", ["b@example.net"], mails.plain())
        c.sendmail("x@lists.example.com", ["b@example.net"], mails.plain())
    with smtplib.SMTP("127.0.0.1", p.port, timeout=harness.LONG) as c:
        c.login("test", "123456")
        c.sendmail("eve@example.com", ["b@example.net"], mails.plain())
    s.wait_messages(3)
    p.stop()


# --- reloads --------------------------------------------------------------------------------

def can_log_in(port, user, password):
    with smtplib.SMTP("127.0.0.1", port, timeout=harness.LONG) as c:
        try:
            c.login(user, password)
            return True
        except smtplib.SMTPAuthenticationError:
            return False


def test_a_reload_changes_who_may_log_in(sink, postern, users):
    s = sink()
    p = postern(s.port, users_file=str(users), listeners=listener())
    assert can_log_in(p.port, "ann", "geheim")
    inside, other = [smtplib.SMTP("127.0.0.1", p.port, timeout=harness.LONG) for _ in range(2)]
    inside.login("ann", "geheim")
    other.login("test", "123456")
    outside = smtplib.SMTP("127.0.0.1", p.port, timeout=harness.LONG)
    outside.ehlo()
    passwd(users, "ann", "neu")
    passwd(users, "bob", "auch")
    assert can_log_in(p.port, "ann", "geheim")  # not yet
    p.wait_event("reloaded", since=p.reload())
    assert not can_log_in(p.port, "ann", "geheim")
    assert can_log_in(p.port, "ann", "neu") and can_log_in(p.port, "bob", "auch")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        outside.login("ann", "geheim")  # it connected before
    outside.close()
    # who is inside with a password that is none any more may be a thief; others go on
    other.sendmail("a@example.com", ["b@example.net"], mails.plain())
    assert inside.mail("a@example.com")[0] == 421
    p.wait_event("login.over", user="ann", mech="PLAIN", client="127.0.0.1")
    with pytest.raises(smtplib.SMTPServerDisconnected):
        inside.noop()
    s.wait_messages(1)
    run(TOOL, "passwd", "--delete", "-c", users, "ann")
    run(TOOL, "passwd", "--delete", "-c", users, "test")
    p.wait_event("reloaded", since=p.reload())
    assert not can_log_in(p.port, "ann", "neu")
    assert other.mail("a@example.com")[0] == 421
    other.close()
    p.wait_event("login.over", user="test")
    users.write_text("ann:geheim\n")
    e = p.wait_event("reload.failed", since=p.reload())
    assert "users:1: users_file: the secret is neither" in e["text"]
    assert can_log_in(p.port, "bob", "auch")
    p.stop()


# --- guesses --------------------------------------------------------------------------------

def test_guesses_are_stopped_and_others_log_in(sink, postern, users):
    """Twenty guesses at once of one client at one name: ten are looked at, the
    rest are not; another name of the same client still may."""
    p = postern(sink().port, users_file=str(users), listeners=listener(auth_failures=1))
    codes = []

    def guess(i):
        with harness.Client(p.port) as c:
            c.open()
            codes.append(c.cmd("AUTH PLAIN " + b64("\0ann\0Zz9x%d" % i))[0])

    threads = [threading.Thread(target=guess, args=(i,)) for i in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert set(codes) == {535, 454} and 10 <= codes.count(535) <= 12, codes
    p.wait_event("login.limit", user="ann", client="127.0.0.1")
    assert len(p.events("login.limit")) == 1
    assert can_log_in(p.port, "test", "123456")
    with pytest.raises(smtplib.SMTPAuthenticationError) as e, \
            smtplib.SMTP("127.0.0.1", p.port, timeout=harness.LONG) as c:
        c.login("ann", "geheim")
    assert e.value.smtp_code in (421, 454)
    assert "Zz9x" not in p.log.text() and "geheim" not in p.log.text()
    p.stop()


def login_code(port, user, password):
    with harness.Client(port) as c:
        c.open()
        return c.cmd("AUTH PLAIN " + b64("\0%s\0%s" % (user, password)))[0]


def test_the_operator_says_how_many_may_fail(sink, postern, users):
    """Two an hour with one name, four with all; a reload takes other limits
    up.  (The clock runs faster where it can: each failure waits a second.)"""
    p = postern(sink().port, start=False, users_file=str(users),
                listeners=listener(auth_failures_name="2 login/hour", auth_failures_client="4 login/hour"))
    p.start(env={"POSTERN_TEST_CLOCK": "10"})
    assert [login_code(p.port, "ann", "x%d" % i) for i in range(3)] == [535, 535, 454]
    assert [login_code(p.port, "test", "x%d" % i) for i in range(2)] == [535, 535]
    assert login_code(p.port, "eve", "x") == 454, "the fifth of the client"
    p.settings["listeners"] = listener(auth_failures_name="3 login/hour", auth_failures_client="50 login/hour")
    p.write_conf()
    p.wait_event("reloaded", since=p.reload())
    assert [login_code(p.port, "ann", "y%d" % i) for i in range(2)] == [535, 454]
    assert login_code(p.port, "test", "123456") == 235
    p.stop()


def test_clients_that_leave_while_they_wait(sink, postern, users):
    p = postern(sink().port, users_file=str(users), listeners=listener())
    for i in range(40):
        s = socket.create_connection(("127.0.0.1", p.port))
        s.sendall(b"EHLO c\r\nAUTH PLAIN %s\r\n" % b64("\0u%d\0x" % i).encode())
        s.close()
    assert can_log_in(p.port, "ann", "geheim")
    p.stop()


# --- postern passwd --------------------------------------------------------------------------

def on_terminal(answers, *argv):
    """Types the answers, one a prompt; (exit code, what the terminal shows)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(TOOL, [TOOL, "passwd", *argv])
    seen = b""
    answers = list(answers)
    while True:
        ready, _, _ = select.select([fd], [], [], harness.LONG)
        assert ready, seen
        try:
            got = os.read(fd, 4096)
        except OSError:
            got = b""
        if not got:
            break
        seen += got
        if seen.endswith(b": ") and answers:
            os.write(fd, answers.pop(0).encode() + b"\n")
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()


def test_passwd_asks_twice_and_shows_nothing(tmp_path):
    path = tmp_path / "users"
    rc, seen = on_terminal(["geheim", "geheim"], "-c", str(path), "ann")
    assert rc == 0 and "geheim" not in seen, seen
    assert "Password of ann: " in seen and "Once more: " in seen
    before = path.read_text()
    assert before.startswith("ann:$y$") and "geheim" not in before
    rc, seen = on_terminal(["geheim", "geheimer"], "-c", str(path), "ann")
    assert rc == 65 and "the two are not the same" in seen
    assert path.read_text() == before


def test_passwd_keeps_the_rest_of_the_file(tmp_path):
    path = tmp_path / "users"
    path.write_text("# ours\n\nann:old:lane=bulk;priority=low\nbob:x\n")
    path.chmod(0o604)
    if os.getuid() == 0:
        os.chown(path, 65534, 65534)
    before = path.stat()
    passwd(path, "ann", "neu", "--scram")
    passwd(path, "eve", "auch")
    lines = path.read_text().splitlines()
    assert lines[:2] == ["# ours", ""] and lines[3] == "bob:x"
    assert re.fullmatch(r"ann:SCRAM-SHA-256\$15000\$[^:]+:lane=bulk;priority=low", lines[2])
    assert re.fullmatch(r"eve:\$y\$[^:]+", lines[4])
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert [x.name for x in tmp_path.iterdir()] == ["users"]


def test_passwd_follows_a_link(tmp_path):
    real = tmp_path / "real"
    real.write_text("ann:x\n")
    link = tmp_path / "users"
    link.symlink_to(real)
    passwd(link, "bob", "neu")
    assert link.is_symlink() and real.read_text().startswith("ann:x\nbob:$y$")


def test_passwd_makes_a_file_that_others_cannot_read(tmp_path):
    path = tmp_path / "users"
    passwd(path, "ann", "neu")
    assert path.stat().st_mode & 0o777 == 0o640


def test_passwd_by_many_at_once_loses_nobody(tmp_path):
    path = tmp_path / "users"
    path.write_text("")
    all_at_once = [subprocess.Popen([TOOL, "passwd", "-c", path, "user%d" % i], stdin=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL) for i in range(12)]
    for x in all_at_once:
        x.communicate(b"pw\n", timeout=harness.LONG)
        assert x.returncode == 0
    assert sorted(x.split(":")[0] for x in path.read_text().splitlines()) == \
        sorted("user%d" % i for i in range(12))


def test_passwd_says_what_it_does_not_take(tmp_path):
    path = tmp_path / "users"
    for options, password, says in (
            (["ann"], "", "the password is empty"), (["ann"], "x" * 512, "longer than 511 bytes"),
            (["--scram", "ann"], "gehäm", "ASCII"), (["a b"], "x", "a name has 1 to 255 bytes"),
            (["a:b"], "x", "a name has"), (["#ann"], "x", "a name has"),
            (["--delete", "ann"], "", "has no user ann")):
        r = run(TOOL, "passwd", "-c", path, *options, input=password + "\n")
        assert r.returncode == 65 and says in r.stderr, (options, r.stderr)
    for argv in (["passwd"], ["passwd", "a", "b"], ["passwd", "--delete", "--scram", "a"], []):
        r = run(TOOL, *argv, input="")
        assert r.returncode == 64 and "usage: postern " in r.stderr and "postern passwd" in r.stderr
    assert not path.exists()
    assert "ann:$y$" in passwd(path, "ann", "x" * 511, "--print") and not path.exists()


def test_postern_passwd_changes_options_and_leaves_the_password(users):
    before = users.read_text().splitlines()

    def option(*words, name="ann"):
        return run(TOOL, "passwd", *[x for w in words for x in ("--option", w)], "-c", users, name)
    assert option("priority=low", "quota=5000 rcpt/day@00:00Z").returncode == 0
    assert users.read_text().splitlines() == [
        before[0] + ":priority=low;quota=5000 rcpt/day@00:00Z", before[1]]
    assert option("priority=high", "lane=user").returncode == 0
    assert option("quota=").returncode == 0
    assert users.read_text().splitlines() == [before[0] + ":priority=high;lane=user", before[1]]
    for word, says in (("colour=red", "unknown"), ("priority=urgent", "priority is none"), ("lane", "KEY=VALUE"),
                       ("quota=1 msg/s", "an hour and more")):
        r = option(word)
        assert r.returncode == 65 and says in r.stderr, r.stderr
    r = option("lane=user", name="nobody")
    assert r.returncode == 65 and "has no user nobody" in r.stderr
    assert users.read_text().splitlines() == [before[0] + ":priority=high;lane=user", before[1]]
