# SPDX-License-Identifier: Apache-2.0
"""A password is nowhere but in its file and on the wire: not in the log at any
level, not in the arguments, the spool, an error, or what the control socket
says; not even where a provider repeats it."""
import base64
import os
import subprocess

import harness
import mails

POSTERN = os.environ.get("POSTERN", str(harness.BUILD / "postern"))
GOOD, BAD, ECHO = "Tr0ub4dor&3-good", "Tr0ub4dor&3-bad", "Tr0ub4dor&3-echo"
QUICK = dict(retry={"quick": ["100ms"], "min": "100ms", "max": "400ms"})


def forms(password):
    """As it is, and as mechanisms send it."""
    raw = password.encode()
    return [raw, base64.b64encode(raw), base64.b64encode(b"\0me\0" + raw), raw.hex().encode()]


def parrot(s):
    s.hello("AUTH PLAIN")
    line = s.expect("AUTH").decode().strip()
    decoded = base64.b64decode(line.split()[2]).decode().replace("\0", " ")
    s.say("535-5.7.8 what is %s\r\n535 5.7.8 and%s\r\n" % (line, decoded))


def run(*argv):
    r = subprocess.run([str(x) for x in argv], capture_output=True, timeout=harness.LONG)
    return r.stdout + r.stderr


def test_no_password_is_told(sink, rude, postern, tmp_path):
    files = {}
    for name, text in (("good", GOOD), ("bad", BAD), ("echo", ECHO)):
        files[name] = harness.private(tmp_path / name, text + "\n")
    s, r = sink("--auth", "me:" + GOOD), rude(parrot)

    def account(name, port, **more):
        return harness.provider(port, name=name, user="me", password_file=str(files[name]), allow_clear_auth=True,
                                **more)
    names = ("bad", "echo", "good")
    p = postern(account("bad", s.port, auth="login"), account("echo", r.port), account("good", s.port),
                log={"level": "debug"},
                routes=[{"name": n, "match": {"recipient": [n + "@example.net"]}, "use": [n, "good"]}
                        for n in names[:2]] + [{"name": "default", "use": ["good"]}], **QUICK)
    harness.send_raw(p.port, mails.plain(), recipients=[n + "@example.net" for n in names])
    p.wait_event("delivered", n=3)
    assert len(p.events("provider.alert")) == 2
    assert "is not shown" in [e["text"] for e in p.events("provider.alert") if e["provider"] == "echo"][0]
    found = open("/proc/%d/cmdline" % p.proc.pid, "rb").read()
    for words in (("provider", "list", "--json"), ("provider", "list"), ("provider", "show", "bad"),
                  ("provider", "show", "echo", "--json"), ("provider", "show", "good")):
        out = run(POSTERN, *words, "-c", p.conf)
        assert b"good" in out or b"bad" in out or b"echo" in out, (words, out)
        found += out
    files["bad"].chmod(0o644)
    out = run(harness.POSTERND, "-t", "-c", p.conf)
    assert b"run: chmod o-rwx" in out
    files["bad"].chmod(0o600)
    files["bad"].write_text(BAD + "\nmore\n")
    out += run(harness.POSTERND, "-t", "-c", p.conf)
    assert b"more than one line" in out
    found += out + run(harness.POSTERND, "-t", "-v", "-c", p.conf)
    ended = p.stop()
    found += ended.err.text().encode()
    found += b"".join(f.read_bytes() for f in p.spool.rglob("*") if f.is_file())
    for password in (GOOD, BAD, ECHO):
        for form in forms(password):
            assert form not in found, found[found.index(form) - 200:][:400]
