# SPDX-License-Identifier: Apache-2.0
"""postern provider probe: each stage with its time, and what to do about what
is wrong."""
import json
import os
import subprocess

import certs
import harness

POSTERN = os.environ.get("POSTERN", str(harness.BUILD / "postern"))


def probe(p, name, *words):
    r = subprocess.run([POSTERN, "provider", "probe", name, *words, "-c", str(p.conf)], capture_output=True,
                       text=True, timeout=harness.LONG)
    return r.returncode, r.stdout, r.stderr


def secret(tmp_path, text):
    return str(harness.private(tmp_path / ("secret-" + text), text))


def test_all_is_well(sink, postern, tmp_path):
    ca = certs.make(tmp_path, "ca")
    own = certs.make(tmp_path, "own", names=("postern.test", "mx.example"), issuer=ca)
    s = sink("--tls", "starttls", "--certificate", own.certificate, "--key", own.key, "--auth", "me:right",
             "--delay", "mail=100")
    p = postern(harness.provider(s.port, name="a", tls="verify", tls_name="postern.test", ca_file=ca.certificate,
                                 user="me", password_file=secret(tmp_path, "right"), identities=["example.com"]))
    rc, out, err = probe(p, "a", "--json")
    assert (rc, err) == (0, "")
    row = json.loads(out)
    stages = {x["stage"]: x for x in row["stages"]}
    assert [x["stage"] for x in row["stages"]] == [
        "dns", "connect", "banner", "ehlo", "starttls", "tls", "ehlo", "auth", "mail", "rcpt", "rset"]
    assert row["good"] and all(x["good"] for x in row["stages"]) and "mend" not in row
    assert stages["mail"]["ms"] >= 100 and stages["mail"]["text"] == "postmaster@example.com"
    assert stages["rcpt"]["code"] == 250 and stages["dns"]["text"] == "127.0.0.1"
    assert row["tls"]["names"] == "postern.test, mx.example" and row["tls"]["issuer"] == "ca"
    assert row["tls"]["version"].startswith("TLSv1.3 ") and row["tls"]["pin"] == certs.pin(own)
    rc, out, _ = probe(p, "a", "--from", "x@example.org", "--to", "y@example.org")
    assert rc == 0 and "mail" in out and "x@example.org" in out and "certificate for postern.test, mx.example, by ca" in out
    p.stop()
    n = s.stop()
    assert n["messages"] == 0 and n["connections"] == 2


def faults(sink, rude, tmp_path):
    """{provider: (settings, what is written about it, class)}"""
    stranger = certs.make(tmp_path, "stranger", names=("other.example",))
    stray = ["--certificate", stranger.certificate, "--key", stranger.key]
    login = dict(user="me", password_file=secret(tmp_path, "wrong"), allow_clear_auth=True)
    held = []

    def hang(s):
        held.append(s)
        s.sock.recv(100)
        s.sock.recv(100)

    def web(s):
        s.say("HTTP/1.1 400 Bad Request\r\n\r\n")
        s.wait_close()

    def reply(text, **more):
        return dict(port=sink("--reply", text).port, **more)
    return {
        "no-name": (dict(port=25, host="does-not-exist.invalid"), "compare host, letter by letter", "net"),
        "refused": (dict(port=harness.free_port()), "compare host and port", "net"),
        "web": (dict(port=rude(web).port), "no SMTP server listens there", "net"),
        "waits-for-tls": (dict(port=rude(hang).port, timeouts={"banner": "300ms"}), 'tls_mode = "implicit"', "net"),
        "begins-in-clear": (dict(port=sink().port, tls="required", tls_mode="implicit"), 'tls_mode = "starttls"', "tls"),
        "no-starttls": (dict(port=sink().port, tls="required"), "something between may hide it", "tls"),
        "name": (dict(port=sink("--tls", "starttls", *stray).port, tls="verify", ca_file=stranger.certificate,
                      tls_name="postern.test"), "write one of these as tls_name", "tls"),
        "stranger": (dict(port=sink("--tls", "starttls", *stray).port, tls="verify", tls_name="other.example"),
                     'pins = [ "%s" ]' % certs.pin(stranger), "tls"),
        "address": (reply("banner=554:5.7.1:Your IP is not allowed to connect"), "have the provider let its address in", None),
        "no-auth": (dict(port=sink().port, **login), "it takes no login here", None),
        "login": (dict(port=sink("--auth", "me:right").port, **login), "compare user and password_file", "auth"),
        "app-password": (dict(port=sink(
            "--auth", "me:wrong", "--reply", "auth=534:5.7.9:Application-specific password required").port, **login),
                         "make an app password", "auth"),
        "wants-login": (reply("mail=530:5.7.0:Authentication required"), "it wants a login", "auth"),
        "sender": (reply("mail=550:5.7.60:Client does not have permissions to send as this sender"),
                   "verify address or domain", "identity"),
        "suspended": (reply("mail=550:5.7.1:Your account has been suspended"), "what it holds against this account", "suspended"),
        "relay": (reply("rcpt=554:5.7.1:Relay access denied"), "relays only for those it knows", None),
        "recipient": (reply("rcpt=550:5.1.1:No such user"), "ask with another --to", "rcpt"),
        "slower": (reply("mail=454:4.7.0:Throttling failure: Maximum sending rate exceeded"), "lower rate", "rate"),
        "silent": (reply("rcpt=hang", timeouts={"command": "300ms"}), "fallen silent", "net"),
    }


def test_what_is_wrong_is_told_with_its_mend(sink, rude, postern, tmp_path):
    all_of = faults(sink, rude, tmp_path)
    p = postern(*[harness.provider(x[0].pop("port"), name=name, **x[0]) for name, x in all_of.items()])
    for name, (_, mend, cls) in all_of.items():
        rc, out, err = probe(p, name, "--json")
        assert rc == 69, (name, rc, err)
        row = json.loads(out)
        assert [x["good"] for x in row["stages"]] == [True] * (len(row["stages"]) - 1) + [False], (name, row)
        assert mend in row["mend"], (name, row)
        assert cls is None or row["class"] == cls, (name, row)
    # none of it counts, but for refused logins
    r = subprocess.run([POSTERN, "provider", "list", "--json", "-c", str(p.conf)], capture_output=True, text=True)
    assert {x["state"] for x in map(json.loads, r.stdout.splitlines())} == {"ok"}
    assert probe(p, "login")[0] == probe(p, "login")[0] == 69
    rc, out, err = probe(p, "login")
    assert rc == 75 and out == "" and "postern provider resume" in err
    assert "mend        compare user" not in out
    assert "mend        nothing listens there" in probe(p, "refused")[1]
    assert all(len(x) <= 80 for x in probe(p, "refused")[1].splitlines())
    assert probe(p, "nobody")[0] == 65
    p.stop()


def test_a_reload_or_a_stop_ends_a_probe(sink, postern):
    s = sink("--reply", "rcpt=hang")
    p = postern(harness.provider(s.port, name="a"))

    def ask(n):
        r = subprocess.Popen([POSTERN, "provider", "probe", "a", "-c", str(p.conf)], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        s.wait_event("connected", n=n)
        return r

    first = ask(1)
    rc, _, err = probe(p, "a")
    assert rc == 75 and "under way" in err
    p.settings["providers"][0]["helo"] = "other.test"  # one that changed nothing would leave it alone
    p.reload()
    _, err = first.communicate(timeout=harness.LONG)
    assert first.returncode == 75 and "ask again" in err
    second = ask(2)
    p.stop()
    _, err = second.communicate(timeout=harness.LONG)
    assert second.returncode == 75 and "being stopped" in err
