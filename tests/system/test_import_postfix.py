# SPDX-License-Identifier: Apache-2.0
"""contrib/import-postfix: ten main.cf as they stand on hosts, and a queue that
moves.  tests/import/NAME has main.cf with its maps, and what is made of it; "@"
stands for the directory.  POSTERN_ACCEPT=1 writes that anew, to be read."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import harness
import mails
import peers

TOP = pathlib.Path(__file__).parents[2]
SCRIPT = TOP / "contrib/import-postfix"
CASES = sorted(d.name for d in (TOP / "tests/import").iterdir())
V6 = os.path.exists("/proc/net/if_inet6") and "0" * 31 + "1 " in pathlib.Path("/proc/net/if_inet6").read_text()
MASTER = "smtp unix - - n - - smtp\nrelay unix - - n - - smtp\n"


@pytest.fixture(scope="module")
def postfix(tmp_path_factory):
    """A directory with postconf and the like, as POSTFIX_PATH wants it."""
    r, d = peers.unpacked("postfix"), tmp_path_factory.mktemp("postfix")
    peers.check_libraries(r / "usr/sbin/postconf", str(r / "usr/lib/postfix"))
    for name in ("postconf", "postcat", "postsuper"):
        (d / name).write_text("#!/bin/sh\nLD_LIBRARY_PATH='%s' exec '%s' \"$@\"\n"
                              % (r / "usr/lib/postfix", r / "usr/sbin" / name))
        (d / name).chmod(0o755)
    return d


def run(postfix, *argv, **env):
    r = subprocess.run([SCRIPT, *map(str, argv)], capture_output=True, text=True, timeout=harness.LONG,
                       env={**os.environ, "POSTFIX_PATH": str(postfix), **env})
    return r.returncode, r.stdout, r.stderr


def prepared(name, tmp_path):
    etc, out = tmp_path / "etc", tmp_path / "out"
    shutil.copytree(TOP / "tests/import" / name, etc)
    out.mkdir()
    main = (etc / "main.cf").read_text()
    (etc / "main.cf").write_text(main.replace("@/", "%s/" % etc))
    (etc / "master.cf").write_text(MASTER)
    (etc / "dynamicmaps.cf").write_text("")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=x",
                    "-keyout", etc / "key.pem", "-out", etc / "cert.pem"], check=True, capture_output=True)
    (etc / "both.pem").write_text((etc / "cert.pem").read_text() + (etc / "key.pem").read_text())
    for f in ("key.pem", "both.pem"):
        (etc / f).chmod(0o640)
    return etc, out


@pytest.mark.parametrize("name", CASES)
def test_what_becomes_of_it(name, postfix, tmp_path):
    etc, out = prepared(name, tmp_path)
    code, said, complaint = run(postfix, "-c", etc, "-o", out)
    assert (code, complaint) == (0, "")
    for made, kept in (("postern.conf", "expected.conf"), ("import-postfix.notes", "expected.notes")):
        text = (out / made).read_text().replace(str(etc), "@").replace(str(out), "@out")
        path = TOP / "tests/import" / name / kept
        if os.environ.get("POSTERN_ACCEPT"):
            path.write_text(text)
        assert text == (path.read_text() if V6 else without_v6(path.read_text()))
    for f in out.glob("*.pass"):
        assert f.stat().st_mode & 0o777 == 0o640
    (out / "postern.conf").write_text((out / "postern.conf").read_text() + 'user = "root";\n')
    r = subprocess.run([harness.POSTERND, "-t", "-c", out / "postern.conf"], capture_output=True, text=True)
    assert r.returncode == 0, r.stderr


def without_v6(conf):
    return re.sub(r', "\[::1?\]:25"', "", conf)


@pytest.mark.skipif(os.getuid() != 0, reason="a network of its own needs root")
@pytest.mark.parametrize("name", ("gmail", "no-relayhost"))
def test_a_host_without_ipv6_listens_without_it(name, postfix, tmp_path):
    """An address that is asked for by name and is not there would keep Postern from starting."""
    etc, out = prepared(name, tmp_path)
    subprocess.run(["unshare", "--net", "sh", "-c", "ip link set lo up && echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; "
                    "exec %s -c %s -o %s" % (SCRIPT, etc, out)], check=True, capture_output=True,
                   env={**os.environ, "POSTFIX_PATH": str(postfix)})
    assert (out / "postern.conf").read_text().replace(str(out), "@out") == without_v6(
        (TOP / "tests/import" / name / "expected.conf").read_text())


def test_passwords_are_taken_whole(postfix, tmp_path):
    etc, out = prepared("two-accounts", tmp_path)
    assert run(postfix, "-c", etc, "-o", os.path.relpath(out))[0] == 0  # the files are found from anywhere
    assert 'password_file = "/' in (out / "postern.conf").read_text()
    assert {f.name: f.read_text() for f in out.glob("*.pass")} == {
        "smtp-example-net.pass": "five\n", "ann-example-com.pass": "one:two\n", "example-org.pass": "two\n",
        "bob-example-com.pass": "three\n", "carol-example-com.pass": "four\n"}


def test_what_is_there_is_not_overwritten(postfix, tmp_path):
    etc, out = prepared("gmail", tmp_path)
    (out / "postern.conf").write_text("mine")
    code, _, complaint = run(postfix, "-c", etc, "-o", out)
    assert code == 1 and "is there already" in complaint
    assert (out / "postern.conf").read_text() == "mine" and not list(out.glob("*.pass"))
    # as the package leaves it, all comments
    shutil.copy(TOP / "etc/postern.conf", out)
    assert run(postfix, "-c", etc, "-o", out)[0] == 0
    assert "providers = " in (out / "postern.conf").read_text()
    assert run(postfix, "-c", etc)[0] == 64
    assert run(postfix, "-c", etc, "-o", tmp_path / "none")[0] == 1


# --- the queue -----------------------------------------------------------------------------

@pytest.mark.skipif(os.getuid() != 0, reason="Postfix needs root")
def test_a_queue_moves(sink, postern, postfix, tmp_path):
    """What Postfix could not deliver, deferred and on hold, binary-safe; what
    Postern does not take stays there."""
    peer = peers.Postfix(tmp_path / "peer", harness.free_port())
    try:
        contents = {"a@example.com": mails.plain(), "": mails.dots(), "b@example.com": mails.long_lines(),
                    "c@example.com": mails.eight_bit()}
        for sender, content in contents.items():
            harness.send_raw(peer.port, content, sender=sender, recipients=("x@example.net", "y@example.net"))
        inside = ["nsenter", "-t", str(peer.main_pid()), "-m"]

        def ids(*queues):
            return sorted(f.name for q in queues for f in (peer.queue / q).rglob("*") if f.is_file())
        harness.wait_until(lambda: len(ids("deferred")) == 4, what="four deferred messages")
        held = ids("deferred")[0]
        subprocess.run([*inside, postfix / "postsuper", "-c", peer.conf, "-h", held], check=True)
        # does what it is asked to, and then complains, as Postfix does of
        # maillog_file while it is stopped
        complains = tmp_path / "complains"
        shutil.copytree(postfix, complains)
        (complains / "postsuper").write_text((postfix / "postsuper").read_text().replace("exec ", "") + "exit 1\n")

        def move(*argv, path=postfix):
            return subprocess.run([*inside, SCRIPT, "-c", peer.conf, "--move-queue", *argv], capture_output=True,
                                  text=True, env={**os.environ, "POSTFIX_PATH": str(path)}, timeout=harness.LONG)
        own = subprocess.run([*inside, postfix / "postconf", "-c", peer.conf, "-h", "sendmail_path"],
                             capture_output=True, text=True, check=True).stdout.strip()
        r = move("--sendmail", own)
        assert r.returncode == 1 and "is Postfix's own" in r.stderr
        r = move("--sendmail", "/bin/false")
        assert r.returncode == 75 and "0 messages moved, 3 stay" in r.stdout, r.stderr
        assert len(ids("deferred", "hold", "incoming", "active")) == 4 and ids("hold") == [held]
        s = sink()
        p = postern(s.port, submission={"socket": str(tmp_path / "submission")})
        wrapper = tmp_path / "sendmail"
        wrapper.write_text("#!/bin/sh\nPOSTERN_SUBMISSION='%s/submission' exec '%s' \"$@\"\n"
                           % (tmp_path, harness.BUILD / "postern-sendmail"))
        wrapper.chmod(0o755)
        r = move("--sendmail", wrapper, path=complains)
        assert r.returncode == 0 and "3 messages moved, 0 stay" in r.stdout, r.stderr
        assert "1 message on hold there; --with-held" in r.stdout
        s.wait_messages(3)
        assert ids("deferred", "hold", "incoming", "active") == [held]
        r = move("--sendmail", wrapper, "--with-held")
        assert r.returncode == 0 and "1 message moved" in r.stdout, r.stderr
        got = s.wait_messages(4)
        assert {m["sender"] for m in got} == set(contents)
        for m in got:
            assert sorted(x.split()[0] for x in m["recipients"]) == ["x@example.net", "y@example.net"]
            content = open(s.maildir + "/" + m["file"], "rb").read()
            assert content.endswith(contents[m["sender"]].split(b"\r\n\r\n", 1)[1])
        assert ids("deferred", "hold", "incoming", "active") == []
        p.stop()
    finally:
        peer.stop()


@pytest.mark.skipif(os.getuid() != 0, reason="Postfix needs root")
def test_what_was_left_while_postfix_was_stopped_moves_too(sink, postern, postfix, tmp_path):
    """cron does not know that Postfix is about to go: what its sendmail wrote into
    the maildrop meanwhile, nobody would send."""
    r = peers.unpacked("postfix")
    peers.account("postfix", "postdrop")
    etc = prepared("debian-satellite", tmp_path)[0]
    queue = tmp_path / "queue"
    for d in ("maildrop", "pid", "hold"):
        (queue / d).mkdir(parents=True)
        shutil.chown(queue / d, "postfix")
    with open(etc / "main.cf", "a") as f:
        f.write("queue_directory = %s\ndata_directory = %s\ncommand_directory = %s\nmail_owner = postfix\n"
                "setgid_group = postdrop\n" % (queue, tmp_path, tmp_path))
    drop = tmp_path / "postdrop"  # is called with a clean environment
    drop.write_text("#!/bin/sh\nLD_LIBRARY_PATH='%s' exec '%s' \"$@\"\n" % (r / "usr/lib/postfix", r / "usr/sbin/postdrop"))
    drop.chmod(0o755)
    subprocess.run([r / "usr/sbin/sendmail", "-i", "-f", "ann@example.com", "-t"], check=True, capture_output=True,
                   input=b"To: x@example.net\nBcc: y@example.net\nSubject: report\n\n\xfc\n.\nend\n",
                   env={**os.environ, "MAIL_CONFIG": str(etc), "LD_LIBRARY_PATH": str(r / "usr/lib/postfix")})
    s = sink()
    p = postern(s.port, submission={"socket": str(tmp_path / "submission")})
    move = (postfix, "-c", etc, "--move-queue", "--sendmail", harness.BUILD / "postern-sendmail")
    env = {"POSTERN_SUBMISSION": str(tmp_path / "submission")}
    sleeper = tmp_path / "master"
    shutil.copy(shutil.which("sleep"), sleeper)
    with subprocess.Popen([sleeper, "60"]) as master:  # while it runs, its pickup takes that
        (queue / "pid/master.pid").write_text("%15d" % master.pid)
        assert run(*move, **env)[:2] == (0, "0 messages moved, 0 stay in Postfix\n")
        master.kill()
    whole, = (queue / "maildrop").iterdir()
    part = whole.with_name("0" + whole.name)  # of one that is being written
    part.write_bytes(whole.read_bytes()[:-20])
    part.chmod(0o600)
    code, said, complaint = run(*move, **env)
    assert (code, said) == (75, "1 message moved, 1 stay in Postfix\n")
    assert part.name + ": is being written still" in complaint
    got = s.wait_messages(1)[0]
    assert got["sender"] == "ann@example.com"
    assert sorted(x.split()[0] for x in got["recipients"]) == ["x@example.net", "y@example.net"]
    content = open(s.maildir + "/" + got["file"], "rb").read()
    assert content.endswith(b"\r\n\r\n\xfc\r\n.\r\nend\r\n") and b"Bcc" not in content
    assert list((queue / "maildrop").iterdir()) == [part]
    p.stop()
