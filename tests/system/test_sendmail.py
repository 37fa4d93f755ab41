# SPDX-License-Identifier: Apache-2.0
"""postern-sendmail: what programs that call sendmail rely on, option by
option.  One daemon serves a test's many calls."""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading

import pytest

import harness

SENDMAIL = os.environ.get("POSTERN_SENDMAIL", str(harness.BUILD / "postern-sendmail"))
ANN = "ann@example.net"
BODY = b"Subject: s\n\nhello\n"
ME = "root" if os.getuid() == 0 else os.environ.get("USER", "")


def sendmail(p, *words, stdin=BODY, env=None, name=None, **kw):
    """Calls it; name: the link that it is called by."""
    r = subprocess.run([name or SENDMAIL, *words], input=stdin, capture_output=True, timeout=harness.LONG,
                       env={**os.environ, **place(p), **(env or {})}, **kw)
    r.text = r.stderr.decode()
    return r


def place(p):
    return {"POSTERN_SUBMISSION": p.settings["submission"]["socket"],
            "POSTERN_DROP": p.settings["submission"]["drop_directory"]}


class Mails:
    """What arrived at a sink, message by message."""

    def __init__(self, sink):
        self.sink, self.seen = sink, 0

    def next(self):
        """(the sink's row, header lines unfolded, body)"""
        row = self.sink.wait_messages(self.seen + 1)[self.seen]
        self.seen += 1
        content = pathlib.Path(self.sink.maildir, row["file"]).read_bytes()
        header, _, body = content.partition(b"\r\n\r\n")
        lines = re.sub(rb"\r\n([ \t])", rb"\1", header).decode("utf-8", "replace").split("\r\n")
        return row, lines, body

    def none(self):
        return len(self.sink.messages()) == self.seen


def field(lines, name):
    found = [x.partition(":")[2].strip() for x in lines if x.lower().startswith(name.lower() + ":")]
    return found[0] if len(found) == 1 else found


@pytest.fixture
def door(sink, postern):
    s = sink()
    p = postern(s.port, domain="example.com")
    yield p, Mails(s)
    p.stop()
    s.stop()


def test_recipients_and_senders(door):
    p, mails = door
    ok = lambda *words, **kw: sendmail(p, *words, **kw).returncode == 0
    assert ok(ANN)
    row, head, body = mails.next()
    assert (row["sender"], row["recipients"]) == (ME + "@example.com", [ANN])
    assert "(uid=%d)" % os.getuid() in head[0] and "by postern.test with ESMTP" in head[0]
    assert field(head, "Date") and field(head, "Message-ID") and body == b"hello\r\n"
    assert field(head, "From").endswith("<%s@example.com>" % ME)
    p.wait_event("accepted", client="uid=%d" % os.getuid(), listener="sendmail")
    # -f, -r, -fX, the null sender, an address in a name
    for words, sender in ((("-f", "a@b.example"), "a@b.example"), (("-r", "a@b.example"), "a@b.example"),
                          (("-fa@b.example",), "a@b.example"), (("-f", "<>"), ""), (("-f", ""), ""),
                          (("-f", "A B <a@b.example>"), "a@b.example"), (("-f", "www-data"), "www-data@example.com")):
        assert ok(*words, ANN)
        assert mails.next()[0]["sender"] == sender
    # lists, names, routes, groups; what begins with a dash behind --
    assert ok("-i", "A <ann@example.net>, bob@example.net", "root", "--", "x@example.net")
    assert mails.next()[0]["recipients"] == [ANN, "bob@example.net", "root@example.com", "--@example.com", "x@example.net"]
    assert ok("-i", "--", "-fx@example.net")
    assert mails.next()[0]["recipients"] == ["-fx@example.net"]
    # some refused: the others get it
    r = sendmail(p, ANN, "bob@", "x y")
    assert r.returncode == 65 and "no address: bob@" in r.text and "no address: x y" in r.text
    assert mails.next()[0]["recipients"] == [ANN]
    for words, code, text in ((("-f", "a@", ANN), 65, "no address"), (("-f", "a@b, c@d", ANN), 65, "one sender"), ((), 64, "no recipient"),
                              (("x y",), 65, "no address"), (("-t",), 64, "no recipient"), (("-y", ANN), 64, "-y")):
        r = sendmail(p, *words)
        assert r.returncode == code and text in r.text and r.text.count("\n") == 1
    assert mails.none()


def test_recipients_in_the_header(door):
    p, mails = door

    def to(text, *words):
        assert sendmail(p, "-t", *words, stdin=text).returncode == 0
        return mails.next()
    row, head, body = to(b'To: "Lee, Ann" <ann@example.net>,\n\tbob@example.net (Bob)\nCc: team: c@example.net,\n d@example.net;\n'
                         b"BCC: secret@example.net\nSubject: s\n\nhi\n")
    assert row["recipients"] == [ANN, "bob@example.net", "c@example.net", "d@example.net", "secret@example.net"]
    assert field(head, "Bcc") == [] and "secret" not in "".join(head)
    # the command line adds
    assert to(b"To: bob@example.net\n\n", ANN)[0]["recipients"] == [ANN, "bob@example.net"]
    # only Resent- fields where there are any
    row, head, body = to(b"To: old@example.net\nResent-To: ann@example.net\nResent-Bcc: bob@example.net\n\nhi\n")
    assert row["recipients"] == [ANN, "bob@example.net"] and field(head, "Resent-Bcc") == []
    # Bcc goes also without -t
    assert sendmail(p, ANN, stdin=b"Bcc: secret@example.net\n\nhi\n").returncode == 0
    row, head, body = mails.next()
    assert row["recipients"] == [ANN] and field(head, "Bcc") == []
    # more recipients than one transaction takes
    many = ["r%d@example.net" % i for i in range(1001)]
    assert sendmail(p, "-t", stdin=("To: " + ",\n ".join(many) + "\n\nhi\n").encode()).returncode == 0
    got = mails.next()[0]["recipients"]
    while len(got) < 1001:
        got += mails.next()[0]["recipients"]
    assert sorted(got) == sorted(many)
    r = sendmail(p, "-t", stdin=b"To: undisclosed-recipients:;\n\nhi\n")
    assert r.returncode == 64 and mails.none()


def test_content(door):
    p, mails = door

    def body(stdin, *words):
        assert sendmail(p, *words, ANN, stdin=stdin).returncode == 0
        return mails.next()[2]
    # a dot alone ends it, or does not
    assert body(b"Subject: s\n\na\n.\nb\n") == b"a\r\n"
    assert body(b"Subject: s\r\n\r\na\r\n.\r\nb\r\n") == b"a\r\n"
    for words in (("-i",), ("-oi",), ("-o", "i"), ("-it",)):
        assert body(b"To: ann@example.net\n\na\n.\n..\nb", *words) == b"a\r\n.\r\n..\r\nb\r\n"
    # line ends of all kinds, in header and body
    assert body(b"Subject: s\r\nX-A: b\n\r\na\r\nb\nc\r\r\nd\re\0f") == b"a\r\nb\r\nc\r\nd\r\nef\r\n"
    # no header, or one that ends without an empty line
    assert body(b"hello\nworld\n") == b"hello\r\nworld\r\n"
    assert body(b"Subject: s\nhello: world\nno field\n") == b"no field\r\n"
    assert body(b"Subject: s\n") == b"" and body(b"") == b""
    # long lines and bytes of all kinds
    text = b"x" * 5000 + b"\n" + bytes(set(range(256)) - {0, 10, 13}) + b"\n"
    for words in ((), ("-B8BITMIME",), ("-B", "7BIT")):
        assert body(b"Subject: s\n\n" + text, *words).replace(b"\r\n", b"\n") == text
    big = b"".join(b"%06d %s\n" % (i, b"y" * 60) for i in range(6000))
    assert body(b"Subject: s\n\n" + big).replace(b"\r\n", b"\n") == big
    # the header: no line of a CR; a folder's first line; 8 bit
    assert sendmail(p, ANN, stdin=b"From x Mon\nSubject: a\rBcc: b@example.net\nX-U: \xc3\xbc\n\nhi\n").returncode == 0
    row, head, text = mails.next()
    assert field(head, "Subject") == "a Bcc: b@example.net" and field(head, "X-U") == "\u00fc" and text == b"hi\r\n"
    r = sendmail(p, ANN, stdin=b"Subject: s\n\n" + b"z" * 70 + b"\n" * (13 << 20))
    assert r.returncode == 65 and "552" in r.text and mails.none()


def test_names(door):
    p, mails = door

    def sender(*words, env=None, stdin=BODY):
        assert sendmail(p, *words, "-f", "a@b.example", ANN, env=env, stdin=stdin).returncode == 0
        return mails.next()[1]
    assert field(sender("-F", "Ann Lee"), "From") == '"Ann Lee" <a@b.example>'
    assert field(sender("-FCronDaemon"), "From") == '"CronDaemon" <a@b.example>'
    assert field(sender(env={"NAME": "Bob"}), "From") == '"Bob" <a@b.example>'
    assert field(sender("-F", 'A "B" \\ <c@d>'), "From") == '"A \\"B\\" \\\\ <c@d>" <a@b.example>'
    head = sender("-F", "x\r\nBcc: evil@example.net\n\nboo")
    assert field(head, "From") == '"xBcc: evil@example.netboo" <a@b.example>' and field(head, "Bcc") == []
    head = sender(env={"NAME": "x\nX-Evil: y"})
    assert field(head, "X-Evil") == []
    import email.header
    for name in ("\u00c4nn \u20ac " * 8, "\u00fc"):
        text = field(sender("-F", name), "From").rpartition(" <")[0]
        assert str(email.header.make_header(email.header.decode_header(text))) == name.strip()
    assert field(sender("-F", b"\xff\xfe ok"), "From") == '"?? ok" <a@b.example>'
    assert field(sender("-F", "unused", stdin=b"From: me@example.net\n\nhi\n"), "From") == "me@example.net"


def test_notifications_and_other_options(door):
    p, mails = door
    assert sendmail(p, "-N", "failure,delay", "-R", "hdrs", "-V", "id+1 x", ANN).returncode == 0
    row = mails.next()[0]
    assert "RET=HDRS" in row["parameters"] and "ENVID=id+2B1+20x" in row["parameters"]
    assert "NOTIFY=FAILURE,DELAY" in str(row).upper()
    assert sendmail(p, "-Nnever", ANN).returncode == 0
    assert "NOTIFY=NEVER" in str(mails.next()[0]).upper()
    # what other mail systems have: taken
    for words in ("-odb", "-odf", "-odi", "-odq", "-oem", "-oep", "-oeq", "-oew", "-om", "-o7", "-oA/etc/x", "-OTimeout.queue=1d", "-L tag",
                  "-h 3", "-m", "-n", "-U", "-G", "-Am", "-Ac", "-p ESMTP:x", "-v", "-vv", "-em", "-d8", "-C /nowhere", "-J", "-s"):
        assert sendmail(p, *words.split(), ANN).returncode == 0, words
        mails.next()
    trace = p.dir / "trace"
    assert sendmail(p, "-X", str(trace), ANN).returncode == 0 and not trace.exists()
    mails.next()
    for words in ("-N sometimes", "-N failure,", "-R all", "-B 9BIT", "-b x", "-V \u00fc", "-V ", "-f"):
        r = sendmail(p, *words.split(" "), *(() if words == "-f" else (ANN,)))
        assert r.returncode == 64 and r.text.count("\n") == 1, words
    # it says which, and what is wrong with it
    for words, said in (("-f", "-f lacks its argument"), ("-Z", "-Z is no option"), ("--help", "--help is no option"),
                        ("-t", "the header names none"), ("-i", "name one, or say -t"), ("-qXy", "-q Xy: write -q for all")):
        r = sendmail(p, words)
        assert r.returncode == 64 and said in r.text and r.text.count("\n") == 1, (words, r.text)
    assert mails.none()


class Session:
    """sendmail -bs and, in the daemon's place, the test: greets, hears something,
    and says something."""

    def __init__(self, path, said, answer=b"", factor=1):
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(str(path))
            door.listen()
            self.child = subprocess.Popen([SENDMAIL, "-bs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                          env={**os.environ, "POSTERN_SUBMISSION": str(path), "POSTERN_TEST_CLOCK": str(factor)})
            self.peer = door.accept()[0]
        path.unlink()
        with contextlib.suppress(OSError):  # it may have given up already
            self.peer.sendall(b"220 x\r\n")
            self.child.stdin.write(said)
            self.child.stdin.flush()
        with contextlib.suppress(OSError):
            if answer:
                self.peer.recv(len(said))
                self.peer.sendall(answer)

    def ends(self):
        """Its exit status, and what it said to its caller and to the terminal.
        The caller's side stays open until then."""
        late = threading.Timer(harness.LONG, self.child.kill)
        late.start()
        out, err, code = self.child.stdout.read(), self.child.stderr.read(), self.child.wait()
        late.cancel()
        with contextlib.suppress(OSError):
            self.child.stdin.close()
        self.peer.close()
        return code, out, err


GROUP = b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<root>\r\n"
GIVEN_UP = b"421 4.4.2 The mail system does not answer, try again later\r\n"


@pytest.mark.skipif(not harness.TEST_CLOCK, reason="needs the test clock")
def test_a_daemon_that_hangs(tmp_path):
    """Nobody waits for it without an end: neither who has an answer to come, nor
    who has something to say that it does not take."""
    for said, answer in ((GROUP, b"250 Ok\r\n250 Ok\r\n"), (b"x" * 10000000, b"")):
        code, out, err = Session(tmp_path / "s", said, answer, factor=600).ends()
        assert (code, err) == (75, b"sendmail: the daemon does not answer\n") and out.endswith(GIVEN_UP)


def test_a_daemon_that_dies(tmp_path):
    """It is told, unless the daemon has told itself that it goes."""
    for last, code in ((b"", 75), (b"250 Ok\r\n", 75), (b"354 Go\r\n", 75), (b"421 4.3.2 Shutting down\r\n", 0), (b"221 Bye\r\n", 0)):
        s = Session(tmp_path / "s", GROUP, b"250-x\r\n" + last)
        s.peer.close()
        said = b"220 x\r\n250-x\r\n" + last
        assert s.ends() == ((75, said + GIVEN_UP, b"sendmail: the daemon has closed the connection\n") if code else (0, said, b"")), last


def test_modes(door):
    p, mails = door
    assert sendmail(p, "-bm", ANN).returncode == 0
    mails.next()
    # -bs: the daemon's parser
    r = sendmail(p, "-bs", stdin=b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<root>\r\nDATA\r\nSubject: s\r\n\r\nhi\r\n.\r\nNONSENSE\r\nQUIT\r\n")
    codes = re.findall(rb"^(\d{3}) ", r.stdout, re.M)
    assert r.returncode == 0 and codes == [b"220", b"250", b"250", b"250", b"354", b"250", b"500", b"221"]
    assert mails.next()[0]["recipients"] == ["root@example.com"]
    r = sendmail(p, "-bs", stdin=b"EHLO x\r\n")  # and no QUIT
    assert r.returncode == 0 and r.stdout.startswith(b"220")
    # no descriptor that it opens becomes a standard one
    r = sendmail(p, "-c", 'exec "$0" "$1" <&- >&- 2>&-', SENDMAIL, ANN, name="sh")
    assert r.returncode == 74
    # by name
    for name, words, code in (("newaliases", (), 0), ("sendmail", ("-bi",), 0), ("sendmail", ("-I",), 0), ("sendmail", (ANN,), 0)):
        link = p.dir / name
        if not link.exists():
            link.symlink_to(SENDMAIL)
        assert sendmail(p, *words, name=link).returncode == code
    mails.next()
    assert mails.none()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can put a program in the daemon's place")
def test_the_daemon_by_another_name(tmp_path):
    """-bd and -bD become posternd; a program in its place tells its words."""
    r = subprocess.run([SENDMAIL, "-bd"], capture_output=True, text=True, timeout=harness.LONG)
    daemon = pathlib.Path(r.stderr.partition(":")[0])
    if daemon.exists() or not daemon.parent.exists():
        pytest.skip("an installed posternd would start, or none could be")
    assert r.returncode == 69 and daemon.name == "posternd"
    (tmp_path / "posternd").write_text("#!/bin/sh\necho posternd $*\n")
    (tmp_path / "posternd").chmod(0o755)
    for word, said in (("-bd", "posternd\n"), ("-bD", "posternd -f\n")):
        r = subprocess.run(["unshare", "-m", "sh", "-c", 'mount --bind "$0" "$1" && exec "$2" "$3"', tmp_path, daemon.parent, SENDMAIL, word],
                           capture_output=True, text=True, timeout=harness.LONG)
        assert (r.returncode, r.stdout, r.stderr) == (0, said, "")


def test_the_queue(sink, postern):
    """mailq, -bp and -q: postern does it."""
    s = sink()
    p = postern(harness.provider(s.port, breaker={"failures": 1, "open": "1h", "open_max": "1h"}), start=False)
    env = {"POSTERN_TOOL": str(harness.BUILD / "postern"), "POSTERN_CONTROL": str(p.dir / "control.sock")}
    mailq = p.dir / "mailq"
    mailq.symlink_to(SENDMAIL)
    p.start()
    assert sendmail(p, name=mailq, env=env).stdout == b"Mail queue is empty\n"
    s.stop()
    for rcpt in (ANN, 'quo"ted@example.net', "bob@example.net"):
        assert sendmail(p, "--", rcpt.replace('quo"ted', '"quo\\"ted"')).returncode == 0
    p.wait_event("provider.down")
    said = b"(delivery temporarily suspended: connect to 127.0.0.1:%d: Connection refused)" % s.port
    harness.wait_until(lambda: sendmail(p, name=mailq, env=env).stdout.count(said) == 3, what="the table")
    for words in ((), ("-v",)):
        r = sendmail(p, *words, name=mailq, env=env)
        assert r.returncode == 0 and r.stdout == sendmail(p, "-bp", env=env).stdout
        assert b"ann@example.net" in r.stdout and b"in 3 Requests." in r.stdout
    for words in (("-q",), ("-q30m",), ("-qRann",), ("-qR@example.net",), ("-qS@",), ('-qR\\"ted',), ("-qI1",), ("-qR",), ("-qS",), ("-qI",)):
        r = sendmail(p, *words, env=env)
        assert r.returncode == 0, (words, r.text)
        p.wait_event("control.request", uid=os.getuid())
    r = sendmail(p, "-qR" + "x" * 5000, env=env)
    assert r.returncode == 64
    r = sendmail(p, "-bp", env={**env, "POSTERN_TOOL": "/nowhere/postern"})
    assert r.returncode == 69 and "/nowhere/postern" in r.text
    p.stop()


def test_where_mail_would_go(sink, postern):
    """-bv: nothing is sent, standard input stays unread; the answers, then rule
    and provider, for everybody; 67 where a user of this host has no reader."""
    s = sink()
    home = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
    home.chmod(0o755)
    try:
        shutil.copy(SENDMAIL, home / "sendmail")
        shutil.copy(harness.BUILD / "postern", home / "postern")
        (home / "aliases").write_text("ops: carl@example.net, dora@example.net\n")
        p = postern(harness.provider(s.port), harness.provider(s.port, "second"), directory=home / "p",
                    submission={"socket": str(home / "p/submission.sock"), "senders": ["*@postern.test", "*@b.example"]},
                    aliases_file=str(home / "aliases"), routes=[
                        {"name": "news", "match": {"recipient": ["*@news.example"]}, "use": ["sink"]},
                        {"name": "none", "match": {"recipient": ["*@none.example"]}, "use": ["second"]}, {"name": "default", "use": ["sink"]}])
        p.dir.chmod(0o755)
        env = {"POSTERN_TOOL": str(home / "postern"), "POSTERN_CONTROL": str(p.dir / "control.sock")}
        subprocess.run([home / "postern", "provider", "pause", "second", "-s", p.dir / "control.sock"], check=True, capture_output=True)

        def ask(*words, **kw):
            r = sendmail(p, "-bv", *words, name=home / "sendmail", env=env, cwd="/", **kw)
            return r.returncode, re.sub(r" \(.*?(%s:\d+, )" % re.escape(str(p.conf)), " (FILE, ", r.stdout.decode()).splitlines()
        others = [{}] + [dict(user=65534, group=65534, extra_groups=[])] * (os.getuid() == 0)
        for who in others:
            rc, lines = ask("ops", "x@news.example", ANN, **who)
            assert rc == 0 and lines == [
                "ops: 250 2.1.5 Ok", "x@news.example: 250 2.1.5 Ok", "ann@example.net: 250 2.1.5 Ok",
                "ops -> carl@example.net: provider sink, by route default (FILE, no other route fits)",
                "ops -> dora@example.net: provider sink, by route default (FILE, no other route fits)",
                "x@news.example: provider sink, by route news (FILE, its match)",
                "ann@example.net: provider sink, by route default (FILE, no other route fits)"]
            rc, lines = ask("-f", "a@b.example", "nobody@localhost", "x@none.example", **who)
            assert rc == 67 and lines[2:] == [
                "nobody@localhost: kept as a dead letter: no alias of that name, and root is not set",
                "x@none.example: waits: route none (FILE, its match), no provider can be used now"]
            # who is refused learns no more
            assert ask("-f", "a@example.net", ANN, **who) == (77, [])
            assert ask("-f", "b", "<ann@example.net>", **who)[0] == 0  # what lacks a domain has that of all
        for who in others[1:]:  # nor how another door does it
            for words in (("--listener", "local"), ("--listener", "sendmail", "--user", "app"), ()):
                r = subprocess.run([home / "postern", "route", "-s", p.dir / "control.sock", "--from", "a@b.example", "--to", ANN, *words],
                                   capture_output=True, text=True, cwd="/", **who)
                assert r.returncode == 77 and "operators ask alone" in r.stderr and r.stdout == ""
        r = sendmail(p, "-bv", ANN, env={**env, "POSTERN_TOOL": "/nowhere/postern"})
        assert r.returncode == 0 and r.stdout == b"ann@example.net: 250 2.1.5 Ok\n" and "/nowhere/postern" in r.text
        many = ["r%d@example.net" % i for i in range(101)]
        assert len(ask(*many)[1]) == 202
        assert s.messages() == []
        p.stop()
        r = sendmail(p, "-bv", ANN, env=env)
        assert r.returncode == 75 and r.text.count("\n") == 1
    finally:
        shutil.rmtree(home)


def test_mail_for_this_host(sink, postern):
    """root reads it, whoever brings it; bounces for its users, too."""
    s = sink("--reply", "rcpt<bad@example.net>=550:5.1.1:no such user")
    p = postern(s.port, root="ops@example.net", local_domains=["web1", "LOCALHOST"])
    mails = Mails(s)
    harness.send_raw(p.port, BODY.replace(b"\n", b"\r\n"), sender="app@web1", recipients=("bad@example.net",))
    assert mails.next()[0]["recipients"] == ["ops@example.net NOTIFY=NEVER"], "the bounce"
    assert sendmail(p, "root", "www-data", "x@Web1", "y@localhost", ANN, "z@web1.example.com").returncode == 0
    assert mails.next()[0]["recipients"] == ["ops@example.net", ANN, "z@web1.example.com"]
    harness.send_raw(p.port, BODY.replace(b"\n", b"\r\n"), recipients=("root@localhost", "ops@example.net", "Postmaster"))
    assert mails.next()[0]["recipients"] == ["ops@example.net"]
    del p.settings["local_domains"]
    mark = p.reload()
    p.wait_event("reloaded", since=mark)
    harness.send_raw(p.port, BODY.replace(b"\n", b"\r\n"), recipients=("root@web1", "root@localhost", "root@POSTERN.test"))
    assert mails.next()[0]["recipients"] == ["root@web1", "ops@example.net"]
    p.stop()


def test_who_may_send(sink, postern):
    s = sink()
    home = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
    home.chmod(0o755)
    try:
        copy = home / "sendmail"
        shutil.copy(SENDMAIL, copy)
        p = postern(s.port, directory=home / "p", submission={"socket": str(home / "p/submission.sock"), "users": [str(os.getuid())],
                                                              "senders": ["*@example.com"], "max_size": "1K"})
        home.joinpath("p").chmod(0o755)
        mails = Mails(s)
        assert sendmail(p, "-f", "a@example.com", ANN).returncode == 0
        mails.next()
        r = sendmail(p, "-f", "a@example.net", ANN)
        assert r.returncode == 77 and "553 5.7.1" in r.text
        r = sendmail(p, "-f", "a@example.com", ANN, stdin=b"x" * 1025)
        assert r.returncode == 65 and "5.3.4" in r.text
        if os.getuid() == 0:
            r = sendmail(p, "-f", "a@example.com", ANN, name=copy, user=65534, group=65534, cwd="/")
            assert r.returncode == 77 and "uid=65534" in r.text
            p.settings["submission"]["groups"] = ["nogroup"]
            mark = p.reload()
            p.wait_event("reloaded", since=mark)
            # no right is needed but to open the socket
            bare = "--reuid 65534 --regid 65534 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all"
            r = sendmail(p, *bare.split(), copy, "-f", "a@example.com", ANN, name="setpriv", cwd="/")
            assert r.returncode == 0, r.text
            assert "(uid=65534)" in mails.next()[1][0]
        assert mails.none()
        p.stop()
        r = sendmail(p, "-bs", stdin=b"EHLO x\r\n")
        assert r.returncode == 75 and r.stdout.startswith(b"421 4.3.2")
        s.stop()
    finally:
        shutil.rmtree(home)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make places for others")
def test_places_are_made(postern):
    """The directories of socket and dropped mail, where they are missing; and
    what programs of others find there."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
    home.chmod(0o755)
    try:
        shutil.copy(SENDMAIL, home / "sendmail")
        p = postern(directory=home / "p", start=False, user="nobody", group="nogroup",
                    submission={"socket": str(home / "run/s"), "drop_directory": str(home / "left")})
        p.dir.chmod(0o755)
        os.chown(p.spool, 65534, 65534)
        p.start()
        for d, mode in (("run", 0o40755), ("left", 0o43733)):
            st = (home / d).stat()
            assert (st.st_mode, st.st_uid, st.st_gid) == (mode, 65534, 65534)
        assert sendmail(p, ANN, name=home / "sendmail", user=65534, group=65534, cwd="/").returncode == 0
        p.wait_event("accepted", client="uid=65534")
        p.stop()
        assert not (home / "run/s").exists()
        assert sendmail(p, ANN, name=home / "sendmail", user=1, group=1, cwd="/").returncode == 0
        assert [(x.stat().st_uid, x.stat().st_gid) for x in (home / "left").iterdir()] == [(1, 65534)]
        p.start()
        p.wait_event("drop.taken", uid=1)
        p.stop()
    finally:
        shutil.rmtree(home)


def test_libc_alone():
    if harness.SANITIZED:
        pytest.skip("the sanitizers bring their own")
    libs = subprocess.run(["ldd", SENDMAIL], capture_output=True, text=True).stdout.split("\n")
    assert {x.split()[0].split("/")[-1].split(".")[0] for x in libs if x.strip()} == {"linux-vdso", "libc", "ld-linux-x86-64"}
    assert os.stat(SENDMAIL).st_mode & 0o6000 == 0
