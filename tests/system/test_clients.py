# SPDX-License-Identifier: Apache-2.0
"""The mail libraries and programs that applications use, each with its own
settings to the plain local listener while a certificate is configured, by
STARTTLS and AUTH, and by the port where TLS begins at once: what arrives is
octet by octet what they say they sent."""
import base64
import email.message
import email.policy
import hashlib
import mailbox
import os
import pathlib
import shutil
import smtplib
import ssl
import subprocess
import urllib.parse

import pytest

import certs
import harness
import mails

HERE = pathlib.Path(__file__).resolve().parent / "clients"
USER, PASSWORD = "app", "Pass word/1"
THREE = ["ann@example.net", "bob@example.net", "carl@example.net"]
MODES = ["plain", "starttls", "implicit"]


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    """One posternd with the three listeners, and its sink, for all clients."""
    tmp = tmp_path_factory.mktemp("clients")
    ca = certs.make(tmp, "ca", names=())
    cert = certs.make(tmp, "localhost", names=("localhost", "127.0.0.1"), issuer=ca)
    users = tmp / "users"
    subprocess.run([harness.BUILD / "postern", "passwd", "-c", users, USER], input=PASSWORD.encode() + b"\n", check=True,
                   stderr=subprocess.DEVNULL)
    sink = harness.Sink(maildir=str(tmp / "Maildir"))
    sink.maildir = str(tmp / "Maildir")
    ports = [harness.free_port(), harness.free_port()]
    strict = {"tls": "required", "auth": "required"}
    p = harness.Postern(tmp / "postern", [harness.provider(sink.port)], users_file=str(users),
                        tls={"certificates": [cert.group()]},
                        listeners=[{"name": "local", "address": ["127.0.0.1:0"]},
                                   {"name": "submission", "address": ["127.0.0.1:%d" % ports[0]], **strict},
                                   {"name": "smtps", "address": ["127.0.0.1:%d" % ports[1]], "tls_mode": "implicit",
                                    **strict}])
    try:
        p.start()
        p.ports = dict(zip(MODES, [p.port] + ports))
        p.sink, p.ca = sink, ca.certificate
        yield p
        p.stop()
    finally:
        p.clean_up()
        sink.stop()


def four():
    """(content, recipients) of what every client sends."""
    html = email.message.EmailMessage(policy=email.policy.SMTP)
    html["From"], html["To"], html["Subject"] = "app@example.com", "ann@example.net", "html"
    html["Date"], html["Message-ID"] = "Tue, 24 Nov 2026 10:00:00 +0100", "<html@example.com>"
    html.set_content("words\n")
    html.add_alternative("<p>Hello</p>\n", subtype="html")
    html.add_attachment(b"\0\r\n.\xff" * 5000, maintype="application", subtype="octet-stream", filename="data.bin")
    subject = mails.plain().replace(b"Subject: plain", b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_=F0=9F=99=82?=")
    return [(mails.dots() + b"end\r\n", THREE[:1]), (html.as_bytes(), THREE[:1]), (subject, THREE[:1]), (mails.mail("three", b"3\r\n"), THREE)]


def ten():
    return [(mails.mail("ten-%d" % i, b"%d\r\n" % i), THREE[:1]) for i in range(10)]


def run(argv, **kw):
    r = subprocess.run([str(a) for a in argv], capture_output=True, timeout=harness.LONG, **kw)
    assert r.returncode == 0, (argv, r.stdout[-3000:], r.stderr[-3000:])
    return r.stdout


def need(*programs):
    return [pytest.mark.skipif(shutil.which(x) is None, reason=x + " is not installed") for x in programs]


# Each sends all of it and returns the contents, as it says they were.


def by_swaks(mode, p, tmp):
    """A session for each message: it knows no other way."""
    options = {"plain": [], "starttls": ["--tls"], "implicit": ["--tlsc"]}[mode]
    if mode != "plain":
        options += ["--tls-verify", "--tls-ca-path", p.ca, "--auth", "PLAIN", "--auth-user", USER, "--auth-password",
                    PASSWORD]
    sent = four() + ten()[:2]
    for content, rcpts in sent:
        (tmp / "mail").write_bytes(content.replace(b"\r\n", b"\n")[:-1])  # it ends the last line itself
        run(["swaks", "--silent", "1", "--server", "localhost", "--port", p.ports[mode], "--from", "app@example.com",
             "--to", ",".join(rcpts), "--data", "@%s" % (tmp / "mail"), *options])
    return [c for c, _ in sent]


def by_msmtp(mode, p, tmp):
    options = [] if mode == "plain" else [
        "--tls=on", "--tls-starttls=%s" % ("on" if mode == "starttls" else "off"), "--tls-trust-file=" + p.ca, "--auth=on",
        "--user=" + USER, "--passwordeval=cat %s" % (tmp / "password")]
    (tmp / "password").write_text(PASSWORD + "\n")
    sent = four() + ten()[:2]
    for content, rcpts in sent:
        run(["msmtp", "--host=localhost", "--port=%d" % p.ports[mode], *options, "-f", "app@example.com", "--", *rcpts],
            input=content.replace(b"\r\n", b"\n"), env={"HOME": str(tmp), "PATH": "/usr/bin:/bin"})
    return [c for c, _ in sent]


def by_curl(mode, p, tmp):
    """All in one session."""
    url = "%s://localhost:%d" % ("smtps" if mode == "implicit" else "smtp", p.ports[mode])
    options = [] if mode == "plain" else ["--ssl-reqd", "--cacert", p.ca, "--user", "%s:%s" % (USER, PASSWORD)]
    argv, sent = ["curl", "-sS"], four() + ten()
    for i, (content, rcpts) in enumerate(sent):
        (tmp / ("mail%d" % i)).write_bytes(content)
        argv += (["--next", "-sS"] if i else []) + [url, *options, "--mail-from", "app@example.com", "-T", tmp / ("mail%d" % i)]
        argv += [x for r in rcpts for x in ("--mail-rcpt", r)]
    run(argv)
    return [c for c, _ in sent]


def by_s_nail(mode, p, tmp):
    """It writes the message itself, and keeps what it sent."""
    login = "" if mode == "plain" else "%s:%s@" % (USER, urllib.parse.quote(PASSWORD, safe=""))
    url = "%s://%slocalhost:%d" % ("smtps" if mode == "implicit" else "smtp", login, p.ports[mode])
    options = ["-S", "v15-compat", "-S", "mta=" + url, "-S", "from=app@example.com", "-S", "record=%s" % (tmp / "sent"),
               "-S", "ttycharset=utf-8", "-S", "sendwait", "-S", "hostname=client.test"]
    if mode == "plain":
        options += ["-S", "smtp-auth=none"]
    else:
        options += ["-S", "tls-verify=strict", "-S", "tls-ca-file=" + p.ca, "-S", "tls-ca-no-defaults", "-S", "smtp-auth=plain"]
        options += ["-S", "smtp-use-starttls"] if mode == "starttls" else []
    (tmp / "data.bin").write_bytes(b"\0\r\n.\xff" * 5000)
    (tmp / "page.html").write_text("<p>Hello</p>\n")
    env = {"HOME": str(tmp), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TMPDIR": str(tmp)}
    for subject, more, rcpts in (("text", [], THREE[:1]), ("html", ["-a", tmp / "page.html", "-a", tmp / "data.bin"], THREE[:1]),
                                 ("Gr\u00fc\u00dfe \U0001f642", [], THREE[:1]), ("three", [], THREE)):
        run(["s-nail", "-:/", *options, *more, "-s", subject, *rcpts], input="Hello\n.x\nGr\u00fc\u00dfe\n".encode(), env=env)
    box = mailbox.mbox(tmp / "sent", create=False)
    return [box.get_bytes(k).replace(b"\n", b"\r\n") for k in box.keys()]


def by_smtplib(mode, p, tmp):
    context = ssl.create_default_context(cafile=p.ca)
    if mode == "implicit":
        s = smtplib.SMTP_SSL("localhost", p.ports[mode], context=context, timeout=harness.LONG)
    else:
        s = smtplib.SMTP("localhost", p.ports[mode], timeout=harness.LONG)
    with s:
        if mode == "starttls":
            s.starttls(context=context)
        if mode != "plain":
            s.login(USER, PASSWORD)
        sent = four() + ten()
        for content, rcpts in sent:
            s.sendmail("app@example.com", rcpts, content)
        utf8 = email.message.EmailMessage(policy=email.policy.SMTPUTF8)
        utf8["From"], utf8["To"], utf8["Subject"] = "app@example.com", "gr\u00fc\u00dfe@example.net", "\u6f22\u5b57"
        utf8.set_content("Gr\u00fc\u00dfe\n", cte="8bit")
        s.send_message(utf8)
    return [c for c, _ in sent] + [utf8.as_bytes()]


def script(program, name, mode, p, tmp, env=None, **kw):
    return run([program, HERE / name, mode, p.ports[mode], p.ca, USER, PASSWORD],
               env={**os.environ, "HOME": str(tmp), **(env or {})}, **kw)


def told(out):
    return [base64.b64decode(x) for x in out.split()]


def by_perl(mode, p, tmp):
    lines, sent = [], four() + ten()
    for i, (content, rcpts) in enumerate(sent):
        (tmp / ("mail%d" % i)).write_bytes(content)
        lines.append(" ".join([str(tmp / ("mail%d" % i)), "app@example.com", *rcpts]))
    script("perl", "net_smtp.pl", mode, p, tmp, input="\n".join(lines).encode() + b"\n")
    return [c for c, _ in sent]


def by_phpmailer(mode, p, tmp):
    if not os.path.exists("/usr/share/php/libphp-phpmailer/autoload.php"):
        pytest.skip("PHPMailer is not installed")
    return told(script("php", "phpmailer.php", mode, p, tmp))


def by_ruby_mail(mode, p, tmp):
    if subprocess.run(["ruby", "-e", "require 'mail'"], capture_output=True).returncode != 0:
        pytest.skip("Ruby's mail is not installed")
    return told(script("ruby", "ruby_mail.rb", mode, p, tmp, env={"SSL_CERT_FILE": p.ca}))


def by_nodemailer(mode, p, tmp):
    env = {"NODE_PATH": "/usr/share/nodejs"}
    if subprocess.run(["node", "-e", "require('nodemailer')"], capture_output=True, env={**os.environ, **env}).returncode != 0:
        pytest.skip("nodemailer is not installed")
    return told(script("node", "nodemailer.js", mode, p, tmp, env=env))


CLIENTS = [
    pytest.param(by_swaks, 6, marks=need("swaks")), pytest.param(by_msmtp, 6, marks=need("msmtp")),
    pytest.param(by_curl, 14, marks=need("curl")), pytest.param(by_s_nail, 4, marks=need("s-nail")),
    pytest.param(by_smtplib, 15), pytest.param(by_perl, 14, marks=need("perl")),
    pytest.param(by_phpmailer, 14, marks=need("php")), pytest.param(by_ruby_mail, 14, marks=need("ruby")),
    pytest.param(by_nodemailer, 14, marks=need("node")),
]


@pytest.mark.parametrize("client,number", CLIENTS)
@pytest.mark.parametrize("mode", MODES)
def test_clients(mode, client, number, relay, tmp_path):
    mark, log = relay.sink.out.mark(), relay.log.mark()
    sent = client(mode, relay, tmp_path)
    assert len(sent) == number
    got = relay.sink.wait_messages(number, since=mark)
    assert len(got) == number
    sums = {m["sha256_rest"]: m for m in got}
    for content in sent:
        assert hashlib.sha256(content).hexdigest() in sums, "not as it was sent: %r\n%r" % (content[-300:], [
            open(relay.sink.maildir + "/" + x["file"], "rb").read()[-300:] for x in got][:2])
    assert sorted(len(m["recipients"]) for m in got) == [1] * (number - 1) + [3]
    listener = {"plain": "local", "starttls": "submission", "implicit": "smtps"}[mode]
    for i in range(number):
        e = relay.wait_event("accepted", n=i + 1, since=log, listener=listener)
    assert e["protocol"] in ({"SMTP", "ESMTP", "UTF8SMTP"} if mode == "plain" else {"ESMTPSA", "UTF8SMTPSA"})
    assert e.get("user") == (None if mode == "plain" else USER)
