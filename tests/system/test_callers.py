# SPDX-License-Identifier: Apache-2.0
"""The programs and libraries of Debian that call sendmail, with their own
options: the right recipients, no Bcc in what leaves, the body whole; under
NoNewPrivileges; also while the daemon is down, when the mail comes out of the drop
directory; and each notices where that cannot be used either."""
import email
import email.policy
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

import harness
from test_sendmail import ANN, ME, Mails, SENDMAIL, place, sendmail

HERE = pathlib.Path(__file__).resolve().parent / "clients"
BOB = "bob@example.net"
TEXT = "Hello\n.\n..dots\nGr\u00fc\u00dfe\n" + "x" * 400 + "\nend\n"


def run(env, *argv, stdin="", cwd=None):
    """UNDER: a program before it.  FAILS: that is what it should do."""
    r = subprocess.run([str(x) for x in [*env.get("UNDER", "").split(), *argv]], input=stdin.encode(), capture_output=True,
                       env={**os.environ, **env}, cwd=cwd, timeout=harness.LONG)
    assert (r.returncode != 0) == ("FAILS" in env), (argv[0], r.returncode, r.stdout, r.stderr)


def perl(way, module):
    def call(env, tmp):
        if subprocess.run(["perl", "-M" + module, "-e", "1"], capture_output=True).returncode != 0:
            pytest.skip(module + " is not installed")
        run(env, "perl", HERE / "by_sendmail.pl", way, SENDMAIL, TEXT)
    return call


def php(way):
    def call(env, tmp):
        run(env, "php", "-d", "sendmail_path=%s -t -i" % SENDMAIL, HERE / "by_sendmail.php", way, SENDMAIL, TEXT)
    return call


def ruby(env, tmp):
    if subprocess.run(["ruby", "-e", "require 'mail'"], capture_output=True).returncode != 0:
        pytest.skip("ruby-mail is not installed")
    run(env, "ruby", HERE / "by_sendmail.rb", SENDMAIL, TEXT)


def node(env, tmp):
    env = {**env, "NODE_PATH": "/usr/share/nodejs"}
    if subprocess.run(["node", "-e", "require('nodemailer')"], capture_output=True, env={**os.environ, **env}).returncode != 0:
        pytest.skip("nodemailer is not installed")
    run(env, "node", HERE / "by_sendmail.js", SENDMAIL, TEXT)


def bsd_mailx(env, tmp):
    rc = tmp / "mailrc"
    rc.write_text("set sendmail=%s\n" % SENDMAIL)
    run({**env, "MAILRC": str(rc), "HOME": str(tmp)}, "bsd-mailx", "-r", "b@b.example", "-s", "hello", "-b", BOB, ANN, stdin=TEXT)


def s_nail(env, tmp):
    run({**env, "HOME": str(tmp)}, "s-nail", "-:/", "-S", "mta=" + SENDMAIL, "-S", "v15-compat", "-S", "sendcharsets=utf-8", "-S", "sendwait", "-r", "b@b.example",
        "-s", "hello", "-b", BOB, ANN, stdin=TEXT)


def mutt(env, tmp):
    rc = tmp / "muttrc"
    rc.write_text("set sendmail=\"%s -oem -oi\"\nset use_envelope_from=yes\nset envelope_from_address=b@b.example\nset from=b@b.example\nset copy=no\n"
                  "set dsn_notify=\"failure,delay\"\nset dsn_return=hdrs\nset sendmail_wait=0\nset charset=utf-8\n" % SENDMAIL)
    run({**env, "HOME": str(tmp), "LC_ALL": "C.UTF-8"}, "mutt", "-n", "-F", rc, "-s", "hello", "-b", BOB, "--", ANN, stdin=TEXT)


def git(env, tmp):
    if not os.path.exists("/usr/lib/git-core/git-send-email"):
        pytest.skip("git-email is not installed")
    patch = tmp / "0001.patch"
    patch.write_text("From %s Mon Sep 17 00:00:00 2001\nFrom: App <b@b.example>\nDate: Sun, 29 Nov 2026 10:00:00 +0000\nSubject: [PATCH] hello\n\n%s"
                     % ("0" * 40, TEXT))
    run({**env, "HOME": str(tmp), "GIT_CONFIG_NOSYSTEM": "1"}, "git", "send-email", "--quiet", "--confirm=never", "--8bit-encoding=UTF-8",
        "--transfer-encoding=8bit", "--sendmail-cmd=" + SENDMAIL, "--from=App <b@b.example>", "--envelope-sender=b@b.example", "--to=" + ANN, "--bcc=" + BOB,
        "--suppress-cc=all", patch, cwd=tmp)


def need(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=program + " is not installed")


long = pytest.mark.skipif(not os.environ.get("POSTERN_LONG"), reason="slow to start; of the long tier")
SLOW = {"Ruby-mail", "nodemailer", "Email-Sender", "PHPMailer-mail"}
CALLERS = [pytest.param(call, id=name, marks=[need(program)] + [long] * (name in SLOW)) for name, call, program in (
    ("PHP-mail", php("mail"), "php"), ("PHPMailer-sendmail", php("sendmail"), "php"), ("PHPMailer-mail", php("isMail"), "php"),
    ("MIME-Lite", perl("MIME::Lite", "MIME::Lite"), "perl"), ("Email-Sender", perl("Email::Sender", "Email::Sender"), "perl"),
    ("Ruby-mail", ruby, "ruby"), ("nodemailer", node, "node"), ("bsd-mailx", bsd_mailx, "bsd-mailx"), ("s-nail", s_nail, "s-nail"),
    ("mutt", mutt, "mutt"), ("git-send-email", git, "git"))]


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    tmp = tmp_path_factory.mktemp("callers")
    s = harness.Sink(maildir=str(tmp / "Maildir"))
    s.maildir = str(tmp / "Maildir")
    p = harness.Postern(tmp / "postern", [harness.provider(s.port)])
    try:
        p.start()
        yield p, Mails(s)
        p.stop()
    finally:
        p.clean_up()
        s.stop()


def check(p, mails):
    row, head, body = mails.next()
    assert row["sender"] == "b@b.example"
    assert sorted(x.split()[0] for x in row["recipients"]) == [ANN, BOB]
    content = pathlib.Path(mails.sink.maildir, row["file"]).read_bytes()
    message = email.message_from_bytes(content, policy=email.policy.SMTP)
    assert message["Bcc"] is None and message["Date"] and message["Message-ID"] and message["From"]
    text = message.get_payload(decode=True).decode(message.get_content_charset("utf-8")).replace("\r", "")  # Ruby's own
    assert text.rstrip("\n") == TEXT.rstrip("\n")
    assert mails.none()
    return row


@pytest.mark.parametrize("call", CALLERS)
def test_caller(call, door, tmp_path):
    p, mails = door
    call({**place(p), "UNDER": "setpriv --no-new-privs"}, tmp_path)
    row = check(p, mails)
    if call is mutt:
        assert "RET=HDRS" in row["parameters"] and row["recipients"][0].endswith(" NOTIFY=FAILURE,DELAY")
    # nobody listens: the same, by the drop directory
    call({**place(p), "POSTERN_SUBMISSION": str(tmp_path / "nobody")}, tmp_path)
    check(p, mails)
    # nor is there a place for it: the caller knows, but for Ruby's, which looks at no exit code
    if call is ruby:
        return
    call({"POSTERN_SUBMISSION": str(tmp_path / "nobody"), "POSTERN_DROP": str(tmp_path / "nowhere"), "FAILS": "1"}, tmp_path)
    assert mails.none()


# What others say, as it was recorded: words, standard input, who sends, what the
# body becomes.  A report of theirs ends at a lone dot where they do not say -i.
REPORT = "To: ann@example.net\nSubject: report\n\na\n.\nb"
RECORDED = {
    "anacron": (["-FAnacron", "-odi", ANN], "From: Anacron <root>\nTo: ann@example.net\n\na\n", None, "a"),
    "bcron": (["-FCronDaemon", "-i", "-odi", "-oem", ANN], "From: root (Cron Daemon)\nTo: ann@example.net\n\na\n.\nb", None, "a\n.\nb"),
    "Mail-Mailer-logwatch-mdadm-debsecan-warnquota": (["-t"], REPORT, None, "a"),
    "unattended-upgrades-apt-listchanges": (["-oi", "-t"], REPORT, None, "a\n.\nb"),
    "fail2ban": (["-f", "fail2ban@b.example", ANN], "Subject: [Fail2Ban]\nFrom: F <fail2ban@b.example>\nTo: ann@example.net\n\na\n",
                 "fail2ban@b.example", "a"),
    "apt-listbugs": (["-t", "-odi"], REPORT, None, "a"),
    "rkhunter": ([ANN], "Subject: s\n\na\n", None, "a"),
    "cron-apt": (["-t", "-oi"], REPORT, None, "a\n.\nb"),
    "Ruby-mail-exim": (["-i", "-t", "-f", "b@b.example", "--"], "To: ann@example.net\r\n\r\na\r\n.\r\nb\r\n", "b@b.example", "a\n.\nb"),
    "PHPMailer": (["-t", "-i", "-oi", "-fb@b.example", "-t"], "To: ann@example.net\r\nSubject: s\r\n\r\na\nb\r\n", "b@b.example", "a\nb"),
}


def test_others_as_recorded(door):
    p, mails = door
    for name, (words, text, sender, body) in RECORDED.items():
        assert sendmail(p, *words, stdin=text.encode()).returncode == 0, name
        row, head, got = mails.next()
        assert (row["sender"], row["recipients"]) == (sender or ME + "@postern.test", [ANN]), name
        assert got.decode().replace("\r\n", "\n").rstrip("\n") == body, name
        sources = [x for x in head if x.startswith("From: ")]
        assert len(sources) == 1 and "@" in sources[0], (name, sources)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can run cron")
@pytest.mark.skipif(shutil.which("cron") is None, reason="cron is not installed")
def test_cron(door):
    """cron with a table of its own, in a mount namespace where /usr/sbin has
    nothing but this sendmail."""
    p, mails = door
    home = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
    home.chmod(0o755)
    try:
        for d in ("run", "sbin", "spool/crontabs", "cron.d"):
            (home / d).mkdir(parents=True)
        shutil.copy("/usr/sbin/cron", home / "cron")
        shutil.copy(SENDMAIL, home / "sbin/sendmail")
        table = home / "spool/crontabs/root"
        table.write_text("MAILTO=ann@example.net\n" + "".join("%s=%s\n" % x for x in place(p).items())
                         + "@reboot printf 'Gr\\303\\274\\303\\237e\\n.\\nend'\n")
        table.chmod(0o600)
        (home / "crontab").write_text("")
        script = "".join("mount --bind %s %s && " % (home / a, b) for a, b in (
            ("run", "/run"), ("sbin", "/usr/sbin"), ("spool", "/var/spool/cron"), ("cron.d", "/etc/cron.d"), ("crontab", "/etc/crontab")))
        # cron hands its own environment down to sendmail
        cron = subprocess.Popen(["unshare", "-m", "sh", "-c", script + "exec %s/cron -f" % home], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **place(p)})
        try:
            row, head, body = mails.next()
        finally:
            cron.terminate()
            said, _ = cron.communicate()
        assert row["recipients"] == [ANN] and body == "Gr\u00fc\u00dfe\r\n.\r\nend\r\n".encode(), said
        assert "BODY=8BITMIME" in row["parameters"]
        assert [x for x in head if x.startswith("From: ")] == ["From: root@postern.test (Cron Daemon)"]
    finally:
        shutil.rmtree(home)
