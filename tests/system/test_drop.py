# SPDX-License-Identifier: Apache-2.0
"""The drop directory: mail that sendmail leaves while there is no daemon."""
import os
import pathlib
import random
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time

import pytest

import harness
from test_sendmail import ANN, Mails, SENDMAIL, place, sendmail

NAME = re.compile(r"[0-9a-f]{32}$")
HOUR = 3600


def crc32c(data):
    table = []
    for i in range(256):
        for _ in range(8):
            i = (i >> 1) ^ 0x82F63B78 if i & 1 else i >> 1
        table.append(i)
    c = 0xFFFFFFFF
    for b in data:
        c = table[(c ^ b) & 255] ^ (c >> 8)
    return c ^ 0xFFFFFFFF


def dropped(content, commands=b"MAIL FROM:<a@b.example>\r\nRCPT TO:<ann@example.net>\r\nDATA\r\n"):
    """A file as sendmail writes it."""
    data = commands + content + b".\r\n"
    return data + b"postern-drop 1 %019d %08x\n" % (len(data), crc32c(data))


def put(p, data, name=None, age=0):
    path = p.drop / (name or "%032x" % random.getrandbits(128))
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "wb", buffering=0) as f:
        os.fchmod(f.fileno(), 0o640)  # by the descriptor: a daemon may take the file at once
        f.write(data)
        if age:
            os.utime(f.fileno(), (time.time() - age,) * 2)
    return path


def names(p):
    return sorted(x.name for x in p.drop.iterdir())


def gone(p):
    harness.wait_until(lambda: not names(p), what="an empty drop directory")


def test_mail_waits_for_the_daemon(sink, postern):
    s = sink()
    mails = Mails(s)
    p = postern(s.port, start=False, domain="example.com")
    for words, text in ((("-i", "-f", "a@b.example", "root", ANN), b"Subject: s\n\n.\n..a\nb\x00\xff\rc"), (("-t",), b"To: bob@example.net\nBcc: ann@example.net\n\nhi\n"),
                        (("-N", "never", ANN), b"x" * 200000)):
        assert sendmail(p, *words, stdin=text).returncode == 0
    assert len(names(p)) == 3
    for path in p.drop.iterdir():
        st = path.stat()
        assert NAME.match(path.name) and stat.S_IMODE(st.st_mode) == 0o640 and st.st_uid == os.getuid()
    p.start()
    got = [mails.next() for _ in range(3)]
    rows = sorted((row["sender"], *row["recipients"]) for row, _, _ in got)
    assert rows[0] == ("a@b.example", "root@example.com", ANN)
    assert rows[2][1:] == ("bob@example.net", ANN) and rows[1][1].startswith(ANN + " NOTIFY=NEVER")
    row, head, body = [x for x in got if x[0]["sender"] == "a@b.example"][0]
    assert body == b".\r\n..a\r\nb\xff\r\nc\r\n" and "(uid=%d)" % os.getuid() in head[0]
    assert max(len(x[2]) for x in got) == 200002
    p.wait_event("drop.taken", n=3, uid=os.getuid())
    gone(p)
    # while it runs, at once
    assert sendmail(p, ANN, env={"POSTERN_SUBMISSION": "/nowhere/s"}).returncode == 0
    mails.next()
    gone(p)
    assert mails.none()
    p.stop()
    # neither possible: one line, 75
    p.drop.rmdir()
    r = sendmail(p, ANN)
    assert r.returncode == 75 and "try again later" in r.text and r.text.count("\n") == 1


def test_what_is_no_mail_of_sendmails(sink, postern, tmp_path):
    """Links, pipes, halves and lies are not read, and those that are old go."""
    s = sink()
    p = postern(s.port, start=False)
    secret = tmp_path / "secret"
    secret.write_bytes(dropped(b"secret\r\n"))
    good = dropped(b"good\r\n")
    name = ("%032x" % i for i in range(100))
    kept = [next(name) for _ in range(6)]
    os.symlink(secret, p.drop / kept[0])
    os.link(secret, p.drop / kept[1])
    os.mkfifo(p.drop / kept[2])
    (p.drop / kept[3]).mkdir()
    put(p, good[:-1], kept[4])
    put(p, b"", kept[5])
    old = [put(p, data, next(name), age=2 * HOUR).name for data in (good[:-1], good + b"x", b"", good.replace(b"drop 1", b"drop 2"))]
    refused = [put(p, data, next(name)).name for data in (
        dropped(b"y\r\n" * 99999).replace(b"y", b"z", 1), good.replace(b"good", b"evil"), dropped(b"x\r\n", b"RCPT TO:<ann@example.net>\r\nDATA\r\n"), dropped(b"x\r\n", b"QUIT\r\n"),
        dropped(b"x\r\n", b"MAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\n"), dropped(b"x\r\n", b"MAIL FROM:<a@b>\r\nDATA\r\n"),
        dropped(b"x\r\n", b"MAIL FROM:<a@b> NONSENSE=1\r\nRCPT TO:<ann@example.net>\r\nDATA\r\n"),
        dropped(b"x\r\n", b"MAIL FROM:<a@b>\r\nRCPT TO:<%s>\r\nDATA\r\n" % (b"x" * 3000)), dropped(b"bare\rCR\r\n"))]
    part = put(p, dropped(b"part\r\n", b"MAIL FROM:<a@b>\r\nRCPT TO:<@>\r\nRCPT TO:<ann@example.net>\r\nDATA\r\n"), next(name)).name
    (p.drop / "notes.txt").write_text("x")
    bad = p.drop / ("bad." + next(name))
    bad.write_text("x")
    os.utime(bad, (time.time() - 15 * 24 * HOUR,) * 2)
    put(p, good)
    p.start()
    texts = {m[2] for m in [Mails(s).next()]}
    s.wait_messages(2)
    p.wait_event("drop.refused", n=len(refused) + 1)
    p.wait_event("drop.removed", n=len(old) + 1)
    harness.wait_until(lambda: len(names(p)) == len(kept) + len(refused) + 2, what="only what stays")
    assert names(p) == sorted(kept + ["bad." + x for x in refused + [part]] + ["notes.txt"])
    reasons = {e["file"]: e["text"] for e in p.events("drop.refused")}
    assert "checksum" in reasons[refused[0]] and all("not what sendmail" in reasons[x] for x in refused[1:4]) and "501 5.1.3" in reasons[part]
    assert len(s.messages()) == 2 and secret.exists()
    p.stop()


def test_who_may_and_when(sink, postern):
    """Users and senders as at the socket; what cannot be taken now stays."""
    s = sink()
    p = postern(s.port, start=False, submission={"users": ["65534"], "senders": ["*@example.com"]})
    first = put(p, dropped(b"x\r\n")).name
    p.start()
    assert "may not send" in p.wait_event("drop.refused", file=first)["text"]
    p.settings["submission"]["users"] = [str(os.getuid())]
    mark = p.reload()
    p.wait_event("reloaded", since=mark)
    second = put(p, dropped(b"x\r\n")).name
    assert "5.7.1" in p.wait_event("drop.refused", file=second)["text"]
    del p.settings["submission"]["senders"]
    p.settings["spool"]["max_size"] = "1M"
    p.settings["providers"] = []
    mark = p.reload()
    p.wait_event("reloaded", since=mark)
    harness.send_raw(p.port, b"Subject: big\r\n\r\n" + b"x" * 70 + b"\r\n" * 600000)
    p.wait_event("spool.full")
    third = [put(p, dropped(b"x\r\n")).name for _ in range(3)]
    e = p.wait_event("drop.later")
    assert e["file"] in third and "452" in e["text"] and not s.messages()
    assert names(p) == sorted(third + ["bad." + x for x in (first, second)])
    assert len(p.events("drop.later")) == 1, "his other files wait, too"
    r = sendmail(p, ANN)  # who is told so is not served by the drop directory
    assert r.returncode == 75 and "452 4.3.1" in r.text and r.text.count("\n") == 1
    del p.settings["spool"]["max_size"]
    p.settings["providers"] = [harness.provider(s.port)]
    p.reload()
    p.wait_event("spool.room")
    p.reload()  # which looks again at once, not in a minute
    s.wait_messages(4)
    harness.wait_until(lambda: len(names(p)) == 2, what="the rest to go")
    p.stop()


def test_a_user_of_many_files_lets_others_come(sink, postern):
    s = sink("--brief")
    p = postern(s.port, start=False)
    for i in range(120):
        put(p, dropped(b"%d\r\n" % i))
    p.start()
    s.wait_messages(120)
    gone(p)
    p.stop()
    assert s.stop()["messages"] == 120


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be others")
def test_others_leave_mail_but_see_none(sink, postern):
    home = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
    home.chmod(0o755)
    s = sink()
    try:
        shutil.copy(SENDMAIL, home / "sendmail")
        p = postern(s.port, directory=home / "p", start=False, domain="example.com")
        p.dir.chmod(0o755)
        nobody = dict(user=65534, group=65534, cwd="/")
        for _ in range(2):
            assert sendmail(p, ANN, name=home / "sendmail", preexec_fn=lambda: os.umask(0o77), **nobody).returncode == 0
        listed = subprocess.run(["ls", p.drop], capture_output=True, **nobody)
        assert listed.returncode != 0 and len(names(p)) == 2
        assert all(stat.S_IMODE(x.stat().st_mode) == 0o640 and x.stat().st_uid == 65534 for x in p.drop.iterdir())
        p.start()
        mails = Mails(s)
        for _ in range(2):
            row, head, _ = mails.next()
            assert "(uid=65534)" in head[0] and row["sender"] == "nobody@example.com"
        gone(p)
        p.stop()
    finally:
        shutil.rmtree(home)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small file system")
def test_a_full_disk(postern):
    p = postern(start=False)
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=3733", "postern-test", p.drop], capture_output=True, text=True)
    if r.returncode != 0:
        pytest.skip("no small file system can be mounted here: " + r.stderr.strip())
    try:
        r = sendmail(p, ANN, stdin=b"x\n" * 100000)
        assert r.returncode == 75 and "No space left" in r.text and r.text.count("\n") == 1 and names(p) == []
        assert sendmail(p, ANN).returncode == 0 and len(names(p)) == 1
    finally:
        subprocess.run(["umount", "-l", p.drop], check=True)


@pytest.mark.skipif(not harness.TEST_CLOCK, reason="needs the test clock")
def test_a_daemon_that_hangs_keeps_nobody(sink, postern):
    s = sink()
    p = postern(s.port)
    p.proc.signal(signal.SIGSTOP)
    try:
        assert sendmail(p, ANN, env={"POSTERN_TEST_CLOCK": "100"}).returncode == 0
        assert len(names(p)) == 1
    finally:
        p.proc.signal(signal.SIGCONT)
    s.wait_messages(1)
    gone(p)
    p.stop()
    assert s.stop()["messages"] == 1


def test_half_a_message_is_none(sink, postern):
    """sendmail killed before its input has ended has sent and left nothing."""
    p = postern(sink().port)
    for env in ({}, {"POSTERN_SUBMISSION": "/nowhere/s"}):
        child = subprocess.Popen([SENDMAIL, ANN], stdin=subprocess.PIPE, env={**os.environ, **place(p), **env})
        child.stdin.write(b"Subject: s\n\nhalf" + b"x" * 100000)
        child.stdin.flush()
        child.kill()
        child.wait()
        child.stdin.close()
    assert sendmail(p, ANN).returncode == 0
    p.wait_event("delivered")
    assert len(p.events("accepted")) == 1 and names(p) == []
    p.stop()


def test_kill9_neither_loses_nor_doubles(sink, postern):
    """The daemon is killed again and again while it takes files: each message
    is in its spool once."""
    rounds = int(os.environ.get("POSTERN_ROUNDS", 5))
    s = sink("--brief")
    p = postern(start=False)
    left = 0
    for i in range(rounds):
        for _ in range(20):
            put(p, dropped(b"X-Number: %d\r\n\r\nx\r\n" % left))
            left += 1
        p.start()
        p.wait_event("drop.taken", n=random.randint(1, 15))
        time_to_die = random.random() * 0.01
        harness.select.select([], [], [], time_to_die)
        p.kill9()
    p.settings["providers"] = [harness.provider(s.port)]
    p.start()
    s.wait_messages(left)
    gone(p)
    p.stop()
    assert s.stop()["messages"] == left
    found = [re.search(rb"X-Number: (\d+)", x.read_bytes()).group(1) for x in pathlib.Path(s.maildir, "new").iterdir()]
    assert sorted(map(int, found)) == list(range(left))
