# SPDX-License-Identifier: Apache-2.0
"""What an operator wants of a running daemon: providers paused and resumed."""
import json
import os
import re
import signal
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
    assert json.loads(tool(p, "provider", "pause", "a", "--json")[1])["state"] == "paused"
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
    assert tool(p, "provider", "pause", "b", "--for", "30d")[0] == 0
    assert tool(p, "provider", "list")[1].splitlines()[2].split()[3] in ("29d", "30d")
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


def test_mail_does_not_die_of_a_pause(sink, postern):
    """Where each round counts, waiting for an operator is none."""
    port = harness.free_port()
    p = postern(harness.provider(port, breaker={"failures": 1, "open": "100ms", "open_max": "100ms"}),
                retry={"quick": ["100ms"], "attempts": 2})
    harness.send_raw(p.port, mails.plain())
    p.wait_event("dead")
    assert tool(p, "provider", "pause", "sink", "--for", "1s") == (0, "", "")
    harness.send_raw(p.port, mails.plain())
    s = sink(port=port)
    s.wait_messages(1)
    assert len(p.events("dead")) == 1
    p.stop()


def test_resume_asks_at_once(sink, postern, tmp_path):
    """What would have to be waited for is minutes: refused logins, an account
    that was suspended."""
    harness.private(tmp_path / "secret", "wrong")
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


def test_the_level_of_the_log_and_a_check(sink, postern):
    p = postern(sink().port, root="ops@example.com")
    assert tool(p, "log", "level") == (0, "info\n", "")
    assert tool(p, "log", "level", "--json") == (0, '{"level":"info"}\n', "")
    assert tool(p, "log", "address", "a@example.com", "--json") == (0, '{"address":"a@example.com"}\n', "")
    assert tool(p, "log", "level", "debug") == (0, "", "")
    assert tool(p, "log", "level") == (0, "debug\n", "")
    assert tool(p, "log", "level", "debug", "--json") == (0, '{"level":"debug"}\n', "")
    p.wait_event("log.level", now="debug")
    harness.send_raw(p.port, mails.plain())
    p.wait_event("provider.connected")  # of debug
    p.proc.signal(signal.SIGUSR1)  # as logrotate does
    p.wait_event("log.reopened")
    assert tool(p, "log", "level") == (0, "debug\n", "")
    assert tool(p, "reload")[0] == 0 and tool(p, "log", "level") == (0, "info\n", "")
    rc, _, err = tool(p, "log", "level", "loud")
    assert rc == 64 and "error, warn, info or debug" in err
    assert tool(p, "log")[0] == 64
    # a check changes nothing
    assert tool(p, "check") == (0, "", "")
    p.settings["inlet_threads"] = 2
    p.write_conf()
    rc, _, err = tool(p, "check")
    assert (rc, err) == (0, "inlet_threads: needs a restart\n")
    p.conf.write_text(p.conf.read_text() + 'hostnme = "x";\n')
    rc, _, err = tool(p, "check")
    assert rc == 78 and err.count("hostnme") == 1 and "would change nothing" in err
    assert not p.events("reloaded")[1:] and "hostnme" not in p.log.text()
    for words in (["check"], ["reload"], ["reload", "--or-check"]):
        rc, out, err = tool(p, *words, "--json")
        assert rc == 78 and "hostnme" in json.loads(out)["mistake"] and "hostnme" not in err, words
    p.stop()


def test_help():
    def ask(*words):
        r = subprocess.run([POSTERN, "help", *words], capture_output=True, text=True, timeout=harness.LONG)
        return r.returncode, r.stdout, r.stderr

    rc, out, err = ask()
    assert (rc, err) == (0, "") and "  status " in out and "  passwd " not in out
    everything = ask("all")[1]
    assert "  passwd " in everything and all(len(x) <= 80 for x in everything.splitlines())
    out = ask("status")[1]
    assert "usage: postern status [-c file]" in out and "\n  --watch\n" in out
    for word in re.findall(r"^  ([a-z]+)", everything, re.M):  # each has an entry in the page, too
        assert re.search(r"\n\n  \S", ask(word)[1]), word
    rc, out, _ = ask("providers.max_connections")
    assert rc == 0 and out.startswith("providers.max_connections\n  type      number\n  default   ")
    assert "  taken up  by a reload\n\n  " in out
    assert "listeners.client_rate\n" in ask("_rate")[1]
    assert all(len(x) <= 80 for x in ask("providers.dkim.sign")[1].splitlines() + ask("listeners.disable")[1].splitlines())
    # a part that but one has: the whole entry
    assert ask("oken_dir") == ask("token_directory") and "Where OAuth2 tokens are kept" in ask("oken_dir")[1]
    rc, out, err = ask("nonsense")
    assert rc == 65 and out == "" and "postern.conf(5)" in err
    # a verb behind the command, and the ways in which other programs are asked
    assert ask("queue", "list") == ask("queue") and ask("help") == ask()
    for words, same in ((["--help"], []), (["-h"], []), (["queue", "list", "--help"], ["queue"]), (["top", "-h"], ["top"])):
        r = subprocess.run([POSTERN, *words], capture_output=True, text=True, timeout=harness.LONG)
        assert (r.returncode, r.stdout, r.stderr) == ask(*same), words


def test_an_option_that_is_none():
    """Each command says which, and how it is used; nothing is done."""
    for name in re.findall(r"^  ([a-z]+)", subprocess.run([POSTERN, "help", "all"], capture_output=True, text=True,
                                                          timeout=harness.LONG).stdout, re.M):
        r = subprocess.run([POSTERN, name, "-z"], capture_output=True, text=True, timeout=harness.LONG,
                           stdin=subprocess.DEVNULL)
        assert r.returncode == 64 and r.stdout == "", (name, r)
        assert name == "dkim" or r.stderr.startswith("postern %s: " % name), r.stderr
        assert "usage: postern %s " % name in r.stderr, r.stderr
    for name in ("queue", "dead"):
        r = subprocess.run([POSTERN, name, "list", "--limit", "0"], capture_output=True, text=True, timeout=harness.LONG)
        assert r.returncode == 64 and '"0" is no number; write one of 1 to' in r.stderr, r.stderr
