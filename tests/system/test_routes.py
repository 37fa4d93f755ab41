# SPDX-License-Identifier: Apache-2.0
"""Routes: which way a message takes, seen where it arrives."""
import base64
import json
import os
import subprocess

import harness
import mails

POSTERN = os.environ.get("POSTERN", str(harness.BUILD / "postern"))


def ways(*ports):
    """Providers a, b, ..."""
    return [harness.provider(port, name=chr(ord("a") + i)) for i, port in enumerate(ports)]


def route(name, *use, **match):
    return {"name": name, "use": list(use), **({"match": match} if match else {})}


def relay(postern, *ports, routes, **settings):
    return postern(*ways(*ports), routes=routes, **settings)


def rcpts(sink):
    return sorted(r for m in sink.messages() for r in m["recipients"])


def mail(header=b"", size=0):
    return header + mails.plain() + b"x" * 70 * (size // 72) + b"\r\n"


def explain(p, *words):
    got = subprocess.run([harness.POSTERND, "-t", "-c", p.conf, "--route", *words],
                         capture_output=True, text=True, timeout=harness.LONG)
    return got.returncode, got.stdout, got.stderr


def test_recipients_of_one_message_leave_by_their_routes(sink, postern):
    a, b = sink(), sink()
    p = relay(postern, a.port, b.port, routes=[
        route("inside", "b", recipient=["ann@example.net", "*@*.example.org"]),
        route("default", "a")])
    harness.send_raw(p.port, mail(), recipients=[
        "ann@example.net", "bob@example.net", "eve@sub.example.org", "joe@example.org"])
    a.wait_messages(1)
    b.wait_messages(1)
    assert p.wait_event("accepted")["route"] == "default,inside"
    p.stop()
    assert rcpts(a) == ["bob@example.net", "joe@example.org"]
    assert rcpts(b) == ["ann@example.net", "eve@sub.example.org"]


def test_header_size_and_sender(sink, postern):
    a, b = sink(), sink()
    p = relay(postern, a.port, b.port, routes=[
        route("campaigns", "b", header=["X-Campaign: spring*", "X-Bulk: yes"]),
        route("large", "b", size=">500K"),
        route("news", "b", sender=["*@news.example.com"]),
        route("default", "a")])

    def went(content, **kw):
        n = len(p.events("accepted"))
        harness.send_raw(p.port, content, **kw)
        return p.wait_event("accepted", n + 1)["route"]
    assert went(mail()) == "default"
    assert went(mail(b"x-campaign: spring sale\r\n")) == "campaigns"
    assert went(mail(b"X-Campaign: autumn\r\n")) == "default"
    assert went(mail(b"X-Campaign:\r\n  spring\r\n")) == "campaigns"
    # behind so much of a header that it lies in the spool by then
    assert went(mail(b"X-Filler: " + b"y" * 60 + b"\r\n" +
                     (b"X-Filler: " + b"y" * 60 + b"\r\n") * 5000 + b"X-Bulk: yes\r\n")) == "campaigns"
    assert went(mail(size=600 << 10)) == "large"
    assert went(mail(), sender="a@news.example.com") == "news"
    a.wait_messages(2)
    b.wait_messages(5)
    p.stop()
    assert len(a.messages()) == 2 and len(b.messages()) == 5


def test_users_and_listeners_have_routes_of_their_own(sink, postern, tmp_path):
    a, b, c = sink(), sink(), sink()
    secret = subprocess.run(["openssl", "passwd", "-6", "secret"], check=True,
                            capture_output=True, text=True).stdout.strip()
    users = harness.private(tmp_path / "users", "app:%s:route=users\n" % secret)
    p = relay(postern, a.port, b.port, c.port, users_file=str(users), routes=[
        route("users", "b"), route("devices", "c"), route("news", "c", sender=["*@news.example.com"]),
        route("default", "a")], listeners=[
            {"name": "local", "address": ["127.0.0.1:0"], "auth": "optional"},
            {"name": "devices", "address": ["127.0.0.1:0"], "route": "devices"}])
    devices = int(p.wait_event("listening", listener="devices")["address"].rsplit(":", 1)[1])
    harness.send_raw(p.port, mail())
    harness.send_raw(devices, mail())
    with harness.Client(p.port) as client:
        client.open()
        secret = base64.b64encode(b"\0app\0secret").decode()
        assert client.cmd("AUTH PLAIN " + secret)[0] == 235
        assert client.cmd("MAIL FROM:<a@news.example.com>")[0] == 250
        assert client.cmd("RCPT TO:<b@example.net>")[0] == 250
        assert client.cmd("DATA")[0] == 354
        client.send(mail() + b".\r\n")
        assert client.reply()[0] == 250
    for s in a, b, c:
        s.wait_messages(1)
    p.stop()
    assert [len(s.messages()) for s in (a, b, c)] == [1, 1, 1]
    assert "news.example.com" in b.messages()[0]["sender"]


def test_changed_rules_hold_for_new_mail(sink, postern):
    a, b = sink(), sink()
    p = relay(postern, a.port, b.port, routes=[
        route("news", "b", sender=["*@news.example.com"]), route("default", "a")])
    harness.send_raw(p.port, mail(), sender="a@news.example.com")
    b.wait_messages(1)
    p.settings["routes"] = [route("other", "b", sender=["*@other.example.com"]), route("default", "a")]
    p.wait_event("reloaded", since=p.reload())
    harness.send_raw(p.port, mail(), sender="a@news.example.com")
    a.wait_messages(1)
    harness.send_raw(p.port, mail(), sender="a@other.example.com")
    b.wait_messages(2)
    p.stop()
    assert len(a.messages()) == 1 and len(b.messages()) == 2


def test_a_message_in_flight_keeps_the_rules_it_began_with(sink, postern):
    a, b = sink(), sink()
    p = relay(postern, a.port, b.port, routes=[
        route("news", "b", sender=["*@news.example.com"]), route("default", "a")])
    with harness.Client(p.port) as client:
        client.open()
        assert client.cmd("MAIL FROM:<a@news.example.com>")[0] == 250
        assert client.cmd("RCPT TO:<b@example.net>")[0] == 250
        assert client.cmd("DATA")[0] == 354
        p.settings["routes"] = [route("default", "a", )]
        p.wait_event("reloaded", since=p.reload())
        client.send(mail() + b".\r\n")
        assert client.reply()[0] == 250
    assert p.wait_event("accepted")["route"] == "news"
    # its route is gone by now: the default one takes it
    a.wait_messages(1)
    p.stop()
    assert len(a.messages()) == 1 and not b.messages()


def test_the_route_of_a_message_can_be_asked_without_a_daemon(postern):
    p = relay(postern, harness.free_port(), harness.free_port(), groups=[
        {"name": "pool", "members": ["a", "b"]}], routes=[
            route("news", "b", sender=["*@news.example.com"], header=["X-Campaign: *"]),
            route("inside", "pool", "a", recipient=["example.net"]),
            route("lan", "b", client=["10.0.0.0/8", "2001:db8::/32"]),
            route("big", "b", size=">1M"),
            route("devices", "a")], listeners=[
                {"name": "local", "address": ["127.0.0.1:0"]},
                {"name": "devices", "address": ["127.0.0.1:0"], "route": "devices"}])
    lines = p.conf.read_text().splitlines()
    at = "%s:%d" % (p.conf, 1 + next(i for i, x in enumerate(lines) if x.startswith("routes")))
    ask = ["--from", "x@example.com", "--to", "y@example.org"]
    assert explain(p, *ask) == (0, "y@example.org: route default\n"
                                "  rule: not written (no other route fits)\n  use: a, b\n", "")
    assert explain(p, *ask, "--to", "z@example.net")[1].endswith(
        "z@example.net: route inside\n  rule: %s (its match)\n  use: pool (a, b), a\n" % at)
    assert "route news\n" in explain(
        p, "--from", "a@news.example.com", "--to", "y@example.org", "--header", "X-Campaign: q")[1]
    assert "route lan\n" in explain(p, *ask, "--client", "10.1.2.3")[1]
    assert "route lan\n" in explain(p, *ask, "--client", "2001:db8::1")[1]
    assert "route big\n" in explain(p, *ask, "--size", "2M")[1]
    assert "route devices\n  rule: %s (the listener's route)\n" % at in explain(
        p, *ask, "--listener", "devices")[1]
    assert "route default\n" in explain(p, "--from", "<>", "--to", "y@example.org")[1]
    for wrong, says in ((["--from", "x@example.com"], "--to ADDRESS"),
                        ([*ask, "--client", "lan"], "no numeric address"),
                        ([*ask, "--size", "big"], "--size"),
                        ([*ask, "--listener", "x"], "--listener"),
                        ([*ask, "--to", "a b"], "--to: \"a b\" is no address")):
        rc, _, err = explain(p, *wrong)
        assert rc == 64 and says in err, err
    p.stop()


def test_the_daemon_tells_the_way_and_how_it_stands(sink, postern):
    a, b = sink(), sink()
    p = relay(postern, a.port, b.port, groups=[
        {"name": "pool", "members": ["a", "b"], "balance": "weighted"}], routes=[
            route("pair", "pool", recipient=["example.net"]), route("default", "a", "b")])
    p.settings["providers"][0]["max_size"] = "1M"
    p.write_conf()

    def ask(*words):
        got = subprocess.run([POSTERN, "route", "-c", p.conf, "--from", "x@example.com", *words],
                             capture_output=True, text=True, timeout=harness.LONG)
        return got.returncode, got.stdout, got.stderr

    assert subprocess.run([POSTERN, "reload", "-c", p.conf], timeout=harness.LONG).returncode == 0
    assert ask("--to", "y@example.org") == (
        0, "y@example.org: route default\n  rule: %s:%d (no other route fits)\n  use: a, b\n"
        "  -> a: ok\n     b: ok\n  picked by: the order of use\n" % (
            p.conf, 1 + next(i for i, x in enumerate(p.conf.read_text().splitlines()) if x.startswith("routes"))), "")
    # asked for, it is nobody's turn that is used up
    picks = [json.loads(ask("--to", "y@example.net", "--json")[1]) for _ in range(2)]
    assert picks[0] == picks[1] and picks[0]["balance"] == "weighted"
    rows = ask("--to", "y@example.org", "--to", "y@example.net", "--size", "2M", "--json")[1].splitlines()
    assert [[c["pick"] for c in json.loads(row)["candidates"]] for row in rows] == [[False, True]] * 2
    assert json.loads(rows[0])["candidates"][0]["lacks"] == "size"
    subprocess.run([POSTERN, "provider", "pause", "b", "--for", "1h", "-c", p.conf], timeout=harness.LONG)
    out = ask("--to", "y@example.org", "--size", "2M")[1]
    assert "     a: ok, not for this message (size)\n     b: paused, for 3600 s\n  it waits: none can be used now\n" in out
    for words, says in ((("--to", "a b"), "--to: \"a b\" is no address"), (("--to", "y@example.org", "--client", "lan"), "no numeric"),
                        ((), "usage"), (("--to", "y@example.org", "--listener", "x"), "--listener")):
        rc, _, err = ask(*words)
        assert rc == 64 and says in err, err
    p.stop()
