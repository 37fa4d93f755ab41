# SPDX-License-Identifier: Apache-2.0
"""sendmail without a daemon: relay.conf names a relay, which is spoken to over
TCP and TLS; nothing is kept, and what cannot be sent is the caller's again."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

import certs
import harness
from test_auth import passwd
from test_sendmail import ANN, BODY, Mails, SENDMAIL, field

SUBMIT = os.environ.get("POSTERN_SUBMIT", str(harness.BUILD / "postern-submit"))
BOB = "bob@example.net"


class Client:
    """A relay.conf, and sendmail with it."""

    def __init__(self, directory, port, **keys):
        self.path, self.drop = directory / "relay.conf", directory / "drop"
        self.drop.mkdir(exist_ok=True)
        self.write(host="127.0.0.1", port=port, **{"tls": "off", "domain": "example.com", "helo": "web1", **keys})

    def write(self, **keys):
        self.path.write_text(harness.conf_text(keys))

    def env(self):
        return {"POSTERN_RELAY": str(self.path), "POSTERN_SUBMIT": SUBMIT, "POSTERN_DROP": str(self.drop)}

    def call(self, *words, stdin=BODY, name=SENDMAIL, env=None, **kw):
        r = subprocess.run([name, *words], input=stdin, capture_output=True, timeout=harness.LONG,
                           env={**os.environ, **self.env(), **(env or {})}, **kw)
        r.text = r.stderr.decode()
        assert list(self.drop.iterdir()) == [] and "Sanitizer" not in r.text, r.text
        return r


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "relay.pass"
    path.write_text("geheim\n")
    path.chmod(0o640)
    return path


def test_by_tls_with_a_login(sink, tmp_path, secret):
    c = certs.make(tmp_path, "relay")
    s = sink("--tls", "required", "--certificate", c.certificate, "--key", c.key, "--auth", "web1:geheim")
    safe = dict(tls="verify", tls_name="localhost", ca_file=c.certificate, user="web1", password_file=str(secret))
    client, mails = Client(tmp_path, s.port, **safe), Mails(s)
    r = client.call("-t", "-F", "Ann", "-f", "www-data", stdin="To: root, ann@example.net\nBcc: bob@example.net\nSubject: s\n\na\n.\nb\n".encode())
    assert (r.returncode, r.text, r.stdout) == (0, "", b"")
    row, head, body = mails.next()
    assert row["tls"] and row["helo"] == "web1"
    assert row["sender"] == "www-data@example.com" and row["recipients"] == ["root@example.com", ANN, BOB]
    assert field(head, "From") == '"Ann" <www-data@example.com>' and field(head, "To") == "root@example.com, ann@example.net"
    assert field(head, "Bcc") == [] and field(head, "Date") and field(head, "Message-ID").endswith("@web1>") and body == b"a\r\n"
    # 8 bit and what a notification has; more recipients than a transaction takes
    many = ["r%d@example.net" % i for i in range(101)]
    text = "Gr\u00fc\u00dfe\r\n.\r\n..\r\nend\r\n".encode()
    assert client.call("-i", "-N", "failure", "-R", "hdrs", "-V", "a b", *many, stdin=b"From: a@b.example\r\n\r\n" + text).returncode == 0
    for n in (100, 1):
        row, head, body = mails.next()
        assert row["recipients"] == [x + " NOTIFY=FAILURE" for x in many[:n]] and body == text
        assert "RET=HDRS" in row["parameters"] and "ENVID=a+20b" in row["parameters"] and "BODY=8BITMIME" in row["parameters"]
        many = many[n:]
    # what asks about recipients, or about a queue, sends nothing
    r = client.call("-bv", ANN, "root")
    assert r.returncode == 0 and [x.split(b": 250 ")[0] for x in r.stdout.splitlines()] == [b"ann@example.net", b"root@example.com"]
    for words, code, out in ((("-bp",), 0, b"Mail queue is empty\n"), (("-q",), 0, b""), (("-bi",), 0, b""), (("-bs",), 69, b"554 5.3.3")):
        r = client.call(*words)
        assert r.returncode == code and r.stdout.startswith(out)
    # a certificate that proves nothing: no word behind the handshake
    for keys in (dict(tls_name="elsewhere.example"), dict(ca_file=certs.make(tmp_path, "other").certificate)):
        client.write(host="127.0.0.1", port=s.port, **{**safe, **keys})
        r = client.call(ANN)
        assert r.returncode == 75 and "try again later: 127.0.0.1: tls: " in r.text and r.text.count("\n") == 1
    # a login that is refused is not the message's fault
    secret.write_text("falsch\n")
    client.write(host="127.0.0.1", port=s.port, **safe)
    r = client.call(ANN)
    assert r.returncode == 75 and "127.0.0.1: auth: " in r.text and "falsch" not in r.text
    assert mails.none()


def test_what_a_relay_says(sink, tmp_path):
    s = sink("--reply", "rcpt<no@example.net>=550:5.1.1:no such user", "--reply", "rcpt<full@example.net>=452:4.2.2:full",
             "--reply", "mail<never@example.net>=550:5.7.1:you may not", "--reply", "mail<big@example.net>=552:5.3.4:too big")
    client, mails = Client(tmp_path, s.port), Mails(s)
    r = client.call("no@example.net", ANN, "full@example.net")
    assert r.returncode == 75 and r.text == ("sendmail: no@example.net: 550 5.1.1 no such user\n"
                                             "sendmail: full@example.net: 452 4.2.2 full\n")
    assert mails.next()[0]["recipients"] == [ANN]
    for words, code, text in ((("no@example.net",), 65, "550 5.1.1"), (("-f", "never@example.net", ANN), 77, "550 5.7.1"),
                              (("-f", "big@example.net", ANN), 65, "552 5.3.4"), ((ANN, "x y"), 65, "no address: x y")):
        r = client.call(*words)
        assert r.returncode == code and text in r.text and r.text.count("\n") == 1, r.text
    assert mails.next()[0]["recipients"] == [ANN] and mails.none()
    r = client.call("-bv", "no@example.net", ANN)
    assert r.returncode == 65 and r.stdout.startswith(b"no@example.net: 550 5.1.1 no such user\nann@example.net: 250 ")
    s.stop()
    r = client.call(ANN)
    assert r.returncode == 75 and "try again later: 127.0.0.1: connect: " in r.text and r.text.count("\n") == 1


def test_a_relay_that_stops_halfway(made, tmp_path):
    """Some have got it: who has not is told."""
    def talk(s):
        s.hello("PIPELINING", "LIMITS RCPTMAX=3")
        for _ in range(4):
            s.line()
            s.say("250 ok\r\n")
        s.expect("DATA")
        s.say("354 go on\r\n")
        s.until_dot()
        s.say("250 ok\r\n")
        s.expect("MAIL")
    made.append(harness.Rude(talk))
    r = Client(tmp_path, made[0].port).call(*["r%d@example.net" % i for i in range(5)])
    assert r.returncode == 75 and r.text.startswith("sendmail: not sent to the last 2 recipients, try again later: 127.0.0.1: ")
    assert r.text.count("\n") == 1


def test_a_relay_that_hangs(made, tmp_path):
    """Each wait has an end, the largest message as well."""
    def talk(s):
        if s.number == 1:
            s.wait_close()
        s.hello("PIPELINING", "SIZE")
        for verb in ("MAIL", "RCPT"):
            s.expect(verb)
            s.say("250 ok\r\n")
        s.expect("DATA")
        s.say("354 go on\r\n")
        if s.number == 2:
            made[0].wait_sessions(3)  # and nothing is read
        s.until_dot()
        s.wait_close()
    made.append(harness.Rude(talk))
    client = Client(tmp_path, made[0].port, timeouts={"banner": "200ms", "block": "300ms", "dot": "200ms"})
    for body, stage in ((BODY, "banner"), (b"Subject: s\n\n" + (b"x" * 70 + b"\n") * 400000, "body"), (BODY, "dot")):
        r = client.call(ANN, stdin=body)
        assert r.returncode == 75 and ": %s: " % stage in r.text and r.text.count("\n") == 1, r.text


def test_mistakes_in_the_file(tmp_path, secret):
    """All at once, with the line, before anything is read."""
    secret.chmod(0o644)
    client = Client(tmp_path, 25)
    client.path.write_text('prot = 25;\nroot = "ops@example.com";\nproviders = ( { name = "a"; } );\nrate = [ "1 msg/s" ];\n'
                           'tls = "opportunistic";\nuser = "x";\nallow_clear_auth = true;\nallow_unverified_auth = true;\n'
                           'password_file = "%s";\ntimeouts = { dott = "5s"; };\nlog = { to = "stderr"; };\n' % secret)
    r = client.call(ANN, stdin=None, pass_fds=())
    where = "sendmail: %s" % client.path
    assert r.returncode == 78 and [x.split(";")[0] for x in r.text.splitlines()] == [
        where + ": host: is missing", where + ':1: prot: is no key', where + ":2: root: has no meaning without a daemon",
        where + ":3: providers: has no meaning without a daemon", where + ":4: rate: has no meaning without a daemon",
        where + ':5: tls: "opportunistic" is not for a relay file, since whoever breaks the handshake would read the mail',
        where + ":9: password_file: others can read or change %s" % secret, where + ":10: timeouts.dott: is no key",
        where + ":11: log: has no meaning without a daemon"]
    client.path.unlink()
    r = client.call(ANN)
    assert r.returncode == 78 and "No such file" in r.text
    # and the program that it takes
    r = client.call(ANN, env={"POSTERN_SUBMIT": "/nowhere/postern-submit"})
    assert r.returncode == 69 and "/nowhere/postern-submit" in r.text
    r = subprocess.run([SUBMIT], capture_output=True, timeout=harness.LONG)
    assert r.returncode == 64 and b"postern-submit FILE" in r.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become others")
def test_a_user_without_rights(sink, postern, tmp_path, secret):
    """By a real Postern elsewhere, under NoNewPrivileges; the password is for
    a group, and a file that is not for the caller is not passed over."""
    s = sink()
    c = certs.make(tmp_path, "relay")
    passwd(tmp_path / "users", "web1", "geheim", "--scram")
    p = postern(s.port, tls={"certificates": [c.group()]}, users_file=str(tmp_path / "users"),
                listeners=[{"name": "submit", "address": ["127.0.0.1:0"], "tls": "required", "tls_mode": "implicit", "auth": "required"}])
    client, mails = Client(tmp_path, p.port, tls="verify", tls_mode="implicit", tls_name="localhost", ca_file=c.certificate,
                           user="web1", password_file=str(secret)), Mails(s)
    for program in (SENDMAIL, SUBMIT):
        shutil.copy(program, tmp_path)
    env = {"POSTERN_SUBMIT": str(tmp_path / "postern-submit")}

    def call(gid):
        bare = "--reuid 65534 --regid %d --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all" % gid
        return client.call(*bare.split(), str(tmp_path / "postern-sendmail"), ANN, name="setpriv", env=env, cwd="/")
    os.chown(secret, 0, 33)
    r = call(33)
    assert r.returncode == 0, r.text
    row, head, body = mails.next()
    assert row["sender"] == "nobody@example.com" and "SCRAM" not in r.text
    p.wait_event("accepted", user="web1")
    r = call(34)
    assert r.returncode == 78 and "password_file" in r.text and "denied" in r.text.lower()
    client.path.chmod(0o600)
    r = call(33)
    assert r.returncode == 78 and "cannot be read" in r.text
    assert mails.none()
    p.stop()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount, and be others")
def test_a_closed_directory(tmp_path):
    """It may hide a relay file, unless there is a daemon: a drop directory alone
    is none, and nobody would fetch what is left there."""
    binary = pathlib.Path(SENDMAIL).read_bytes()
    etc, sbin = (pathlib.Path(re.search(rb"(/[^\0\n ]*)/" + name, binary)[1].decode())
                 for name in (rb"postern/relay\.conf\0", rb"posternd\0"))
    if etc in (pathlib.Path("/etc"), pathlib.Path("/usr/etc")) or not (etc.is_dir() and sbin.is_dir()):
        pytest.skip("nothing can be put in the place of %s and %s" % (etc, sbin))
    home = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
    home.chmod(0o755)
    try:
        shutil.copy(SENDMAIL, home / "postern-sendmail")
        shutil.copy(SUBMIT, home / "postern-submit")
        for name in ("drop", "etc", "etc/postern", "sbin"):
            (home / name).mkdir()
        (home / "etc/postern").chmod(0o700)
        (home / "drop").chmod(0o3733)
        script = ('set -e; mount --bind etc "$0"; mount --bind sbin "$1"; mount -t tmpfs none /run; '
                  "exec setpriv --reuid 65534 --regid 65534 --clear-groups ./postern-sendmail " + ANN)
        env = {**os.environ, "POSTERN_SUBMIT": str(home / "postern-submit"), "POSTERN_DROP": str(home / "drop")}
        env.pop("POSTERN_SUBMISSION", None)

        def call():
            return subprocess.run(["unshare", "-m", "sh", "-c", script, etc, sbin], cwd=home, env=env, input=BODY,
                                  capture_output=True, timeout=harness.LONG)
        r = call()
        assert r.returncode == 78 and b"postern/relay.conf" in r.stderr and b"ermission denied" in r.stderr
        assert list((home / "drop").iterdir()) == []
        (home / "sbin/posternd").touch(0o755)
        r = call()
        assert (r.returncode, r.stderr) == (0, b"") and len(list((home / "drop").iterdir())) == 1
    finally:
        shutil.rmtree(home)


def test_what_the_pages_show(tmp_path, secret):
    """Each file is taken as it stands: what is complained of is the call."""
    found = []
    for page in ("postern-sendmail.8", "postern-cookbook.7"):
        text = (pathlib.Path(__file__).parents[2] / "man" / page).read_text().replace(r"\(dq", '"')
        found += re.findall(r'^\.Bd [^\n]*\n(host = "relay.*?)^\.Ed$', text, re.M | re.S)
    assert len(found) == 2
    client = Client(tmp_path, 25)
    for text in found:
        client.path.write_text(text.replace("/etc/postern/relay.pass", str(secret)))
        r = client.call(env={"RELAY_PASSWORD": "geheim"})
        assert r.returncode == 64 and r.text == "sendmail: no recipient; name one, or say -t\n"


def test_few_libraries():
    """What the package of sendmail brings along."""
    if harness.SANITIZED:
        pytest.skip("the sanitizers bring their own")
    libs = subprocess.run(["ldd", SUBMIT], capture_output=True, text=True).stdout.split("\n")
    assert {x.split()[0].split("/")[-1].split(".")[0] for x in libs if x.strip()} <= {
        "linux-vdso", "ld-linux-x86-64", "libc", "libm", "libpthread", "libssl", "libcrypto", "libev", "libcares", "libconfig"}
