# SPDX-License-Identifier: Apache-2.0
"""postern status: how the daemon is, for people, programs and a screen."""
import json
import os
import subprocess

import harness
import mails

POSTERN = os.environ.get("POSTERN", str(harness.BUILD / "postern"))


def status(p, *words):
    r = subprocess.run([POSTERN, "status", *words, "-c", str(p.conf)], capture_output=True, text=True,
                       timeout=harness.LONG)
    return r.returncode, r.stdout, r.stderr


def test_one_page_tells_how_it_is(sink, postern, tmp_path):
    harness.private(tmp_path / "secret", "wrong")
    a, b = sink(), sink("--auth", "me:right")
    p = postern(harness.provider(a.port, name="a"),
                harness.provider(b.port, name="b", user="me", allow_clear_auth=True, password_file=str(tmp_path / "secret")),
                routes=[{"name": "b", "match": {"recipient": ["b@example.net"]}, "use": ["b"]},
                        {"name": "default", "use": ["a"]}])
    rc, out, err = status(p)
    assert (rc, err) == (0, "") and ": accepts mail\n" in out and "To be mended" not in out
    harness.send_raw(p.port, mails.plain(), recipients=["a@example.net", "b@example.net"])
    p.wait_event("delivered")
    p.wait_event("provider.alert", provider="b")
    # what is delivered goes with the next commit
    harness.wait_until(lambda: "\nqueue   1 queued" in status(p)[1], what="one queued")
    rc, out, err = status(p)
    lines = out.splitlines()
    assert all(len(x) <= 80 for x in lines), out
    assert lines[0].startswith("postern ") and "pid %d" % p.proc.pid in lines[0]
    assert lines[1].startswith("queue   1 queued (") and lines[1].endswith("), 0 held, 0 in doubt, 0 dead")
    assert lines[2].startswith("in      ") and ", 1 since the start" in lines[2]
    assert lines[3].startswith("out     ") and ", 1 since the start" in lines[3]
    assert lines[4].startswith("times   to delivery: half within ")
    assert lines[5].startswith("spool   ")
    assert [x.split()[:2] for x in lines[7:10]] == [["PROVIDER", "STATE"], ["a", "ok"], ["b", "open"]]
    assert lines[10].startswith("    ") and " ago at auth: 535 5.7.8 " in lines[10]
    assert lines[12:14] == ["To be mended:", "  provider b: not used: auth"] and "user and password" in lines[14]
    row = json.loads(status(p, "--json")[1])
    assert row["queue"]["queued"] == 1 and row["alerts"][0]["about"] == "provider b"
    lines = subprocess.run([POSTERN, "queue", "list", "-c", p.conf], capture_output=True, text=True).stdout.splitlines()
    assert lines[0].split()[4] == "WHY" and lines[1].split()[3] == "open"  # no provider was tried, none can be
    mailq = [POSTERN, "queue", "list", "--mailq", "-c", p.conf]
    assert "(delivery temporarily suspended: host 127.0.0.1:%d said: 535 5.7.8 " % b.port in \
        subprocess.run(mailq, capture_output=True, text=True).stdout
    show = subprocess.run([POSTERN, "provider", "show", "b", "-c", p.conf], capture_output=True, text=True).stdout
    assert "mend        " in show and "user and password" in show
    watch = harness.Program([POSTERN, "status", "--watch", "--json", "-c", p.conf])
    watch.out.wait(lambda lines: len(lines) >= 2, what="the second document")
    assert watch.is_running()
    harness.wait_until(lambda: ", oldest " in status(p)[1].splitlines()[1], what="the age of the oldest")
    p.stop()  # then there is nobody to ask
    assert watch.wait() == 69
    assert status(p)[0] == 69 and status(p, "x")[0] == 64


def test_without_a_provider(postern):
    p = postern()
    rc, out, _ = status(p)
    assert rc == 0 and "  postern: no provider is configured: mail waits\n    write providers" in out
    harness.send_raw(p.port, mails.plain())
    r = subprocess.run([POSTERN, "queue", "list", "--mailq", "-c", p.conf], capture_output=True, text=True)
    assert "(no provider is configured for its route)" in r.stdout
    p.stop()
