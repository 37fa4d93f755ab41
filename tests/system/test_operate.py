# SPDX-License-Identifier: Apache-2.0
"""What an operator wants of a running daemon: providers paused and resumed."""
import json
import os
import subprocess

import harness
import mails

POSTERN = os.environ.get("POSTERN", str(harness.BUILD / "postern"))


def tool(p, *words):
    r = subprocess.run([POSTERN, *words, "-c", str(p.conf)], capture_output=True, text=True,
                       timeout=harness.LONG)
    return r.returncode, r.stdout, r.stderr


def show(p, name):
    return json.loads(tool(p, "provider", "show", name, "--json")[1])


def test_a_paused_provider_is_left_alone(sink, postern):
    a, b = sink(), sink()
    p = postern(harness.provider(a.port, name="a"), harness.provider(b.port, name="b"))
    harness.send_raw(p.port, mails.plain())
    a.wait_messages(1)
    assert tool(p, "provider", "pause", "a") == (0, "", "")
    a.wait_event("closed")  # the idle session goes
    harness.send_raw(p.port, mails.plain())
    b.wait_messages(1)
    row = show(p, "a")
    assert (row["state"], row["paused"]["uid"], "for_ms" in row) == ("paused", os.getuid(), False)
    assert "paused      by uid %d at 20" % os.getuid() in tool(p, "provider", "show", "a")[1]
    assert tool(p, "provider", "list")[1].splitlines()[1].split()[:4] == ["a", "paused", "normal", "-"]
    p.wait_event("provider.paused", provider="a", uid=os.getuid())
    # neither a reload, be it with another password, nor a restart says otherwise
    p.settings["providers"][0]["helo"] = "other.test"
    p.settings["providers"][0]["host"] = "localhost"
    p.write_conf()
    assert tool(p, "reload") == (0, "", "")
    harness.send_raw(p.port, mails.plain())
    b.wait_messages(2)
    p.stop()
    p.start()
    p.wait_event("provider.paused", provider="a", uid=os.getuid())
    harness.send_raw(p.port, mails.plain())
    b.wait_messages(3)
    assert len(a.events("connected")) == 1
    assert tool(p, "provider", "resume", "a") == (0, "", "")
    p.wait_event("provider.resumed", provider="a", uid=os.getuid())
    harness.send_raw(p.port, mails.plain())
    a.wait_messages(2)
    row = show(p, "a")
    assert row["state"] == "ok" and "paused" not in row
    # with nobody else the mail waits; and a pause may have an end
    assert tool(p, "provider", "pause", "b", "--for", "1h")[0] == 0
    assert 3590000 < show(p, "b")["for_ms"] <= 3600000
    assert tool(p, "provider", "pause", "a", "--for", "500ms")[0] == 0
    harness.send_raw(p.port, mails.plain())
    p.wait_event("provider.up", provider="a", n=2)
    a.wait_messages(3)
    assert len(b.messages()) == 3
    for words, code, why in ((("pause", "c"), 65, "no such provider"), (("resume", "c"), 65, "no such provider"),
                             (("pause",), 64, "usage"), (("resume", "a", "--for", "1h"), 64, "usage"),
                             (("pause", "a", "--for", "soon"), 64, "--for"),
                             (("pause", "a", "--for", "0s"), 64, "3650 days"),
                             (("pause", "a", "--for", "3651d"), 64, "--for")):
        rc, _, err = tool(p, "provider", *words)
        assert rc == code and why in err, (words, err)
    p.stop()


def test_resume_asks_at_once(sink, postern, tmp_path):
    """What would have to be waited for is minutes: refused logins, an account
    that was suspended."""
    (tmp_path / "secret").write_text("wrong")
    (tmp_path / "secret").chmod(0o600)
    login = sink("--auth", "me:right")
    account = sink("--reply", "mail*1=550:5.7.1:Your account has been suspended")
    p = postern(
        harness.provider(login.port, name="login", user="me", allow_clear_auth=True,
                         password_file=str(tmp_path / "secret")),
        harness.provider(account.port, name="account"),
        routes=[{"name": "a", "match": {"recipient": ["a@example.net"]}, "use": ["account"]},
                {"name": "default", "use": ["login"]}])
    harness.send_raw(p.port, mails.plain(), recipients=["a@example.net", "b@example.net"])
    p.wait_event("provider.alert", provider="login", **{"class": "auth"})
    p.wait_event("provider.alert", provider="account", **{"class": "suspended"})
    assert show(p, "login")["for_ms"] > 60000 and show(p, "account")["for_ms"] > 60000
    # three in ten minutes are refused before a person looks
    for i in range(2):
        assert tool(p, "provider", "resume", "login") == (0, "", "")
        p.wait_event("provider.alert", provider="login", n=i + 2)
    login.stop()
    sink("--auth", "me:wrong", port=login.port)
    assert tool(p, "provider", "resume", "account") == (0, "", "")
    account.wait_messages(1)
    assert tool(p, "provider", "resume", "login") == (0, "", "")
    p.wait_event("delivered", n=2)
    assert show(p, "login")["state"] == show(p, "account")["state"] == "ok"
    p.stop()
