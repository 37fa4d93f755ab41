# SPDX-License-Identifier: Apache-2.0
"""Sessions with a provider: never more of them at a time than it allows, and
none that ends blocks the place of the next."""
import json
import socket
import subprocess
import threading

import pytest

import harness
import mails


def test_never_one_too_many(sink, postern, load):
    """Recycled again and again under load: the provider, which allows as many
    as we may open, never has to refuse one."""
    s = sink("--max-connections", "5", maildir=None)
    p = postern(harness.provider(s.port, max_connections=5, max_messages_per_connection=10))
    assert load(p.port, 2000, 20).result()["acked"] == 2000
    s.wait_messages(2000)
    p.stop()
    n = s.stop()
    assert (n["different"], n["duplicates"], n["damaged"]) == (2000, 0, 0)
    assert n["connections"] >= 200
    assert n["refused_connections"] == 0, n
    assert n["most_open"] <= 5


def test_never_one_too_many_where_sessions_fail(sink, postern, load):
    """Neither where they end in other ways than by QUIT."""
    rules = []
    for stage, what in (("mail", "421"), ("rcpt", "421"), ("data", "drop"), ("mail", "reset"), ("ehlo", "421")):
        rules += ["--reply", "%s*10=%s" % (stage, what)]
    s = sink("--max-connections", "3", *rules, maildir=None)
    p = postern(harness.provider(s.port, max_connections=3,
                                 breaker={"failures": 3, "open": "100ms", "open_max": "200ms"}),
                retry={"quick": ["100ms"], "min": "100ms", "max": "200ms"})
    assert load(p.port, 500, 10).result()["acked"] == 500
    s.wait_messages(500)
    p.stop()
    n = s.stop()
    assert (n["different"], n["duplicates"], n["damaged"]) == (500, 0, 0)
    assert n["refused_connections"] == 0, n


def test_never_one_too_many_after_a_reload(sink, postern, load):
    """The sessions of before count while they finish, under another name of
    the provider too."""
    s = sink("--max-connections", "4", "--delay", "dot=20", maildir=None)
    p = postern(harness.provider(s.port, max_connections=4))
    job = load(p.port, 1000, 20)
    for i, most in enumerate((4, 2, 4, 1, 3, 4)):
        mark = s.out.mark()
        p.settings["providers"] = [harness.provider(s.port, name="p%d" % i, max_connections=most)]
        p.wait_event("reloaded", since=p.reload())
        s.wait_messages(20, since=mark)
    assert job.result()["acked"] == 1000
    s.wait_messages(1000)
    p.stop()
    n = s.stop()
    assert (n["different"], n["duplicates"], n["damaged"]) == (1000, 0, 0)
    assert n["refused_connections"] == 0, n


def test_a_session_that_was_idle_for_too_long_leaves_its_place(sink, postern):
    s = sink()
    p = postern(harness.provider(s.port, max_connections=1, idle_timeout="1s"))
    for i in range(3):
        harness.send_raw(p.port, mails.plain())
        s.wait_messages(i + 1)
        s.wait_event("closed", i + 1)
    p.stop()
    assert s.stop()["connections"] == 3


def test_a_provider_that_never_closes_blocks_nobody(rude, postern):
    """QUIT without a reply: after the time for it the place is free."""
    def talk(s):
        s.hello("ENHANCEDSTATUSCODES")
        while True:
            verb = s.line()[:4].upper()
            if verb == b"QUIT":
                gone.append(1)
                over.wait(harness.LONG)
                return
            if verb == b"DATA":
                s.say("354 go on\r\n")
                s.until_dot()
            s.say("250 2.0.0 ok\r\n")
    gone, over = [], threading.Event()
    r = rude(talk)
    p = postern(harness.provider(r.port, max_connections=1, max_messages_per_connection=1, timeouts={"quit": "1s"}))
    for i in range(3):
        harness.send_raw(p.port, mails.plain())
    p.wait_event("delivered", n=3)
    p.stop()
    over.set()
    assert len(gone) >= 2


@pytest.mark.parametrize("tls", ({"tls": "off"}, {"tls": "required", "tls_mode": "implicit"}), ids=("banner", "handshake"))
def test_never_one_too_many_where_a_reload_comes_while_it_connects(tls, rude, postern):
    """One that is given up before it was of any use counts until the provider
    has closed it, too, which takes its time here."""
    def talk(s):
        most.append(len(r.open))
        s.wait_close()
        never.wait(0.3)
    most, never = [], threading.Event()
    r = rude(talk)

    def provider(i):
        return harness.provider(r.port, max_connections=1, helo="h%d.test" % i, timeouts={"quit": "30s"}, **tls)
    p = postern(provider(0))
    harness.send_raw(p.port, mails.plain())
    for i in range(1, 4):
        r.wait_sessions(i)
        p.settings["providers"] = [provider(i)]
        p.reload()
    r.wait_sessions(4)
    p.stop()
    assert max(most) == 1, most


def test_a_provider_that_allows_fewer_by_and_by(rude, postern):
    """432 to MAIL while more than two are open, though ten were allowed
    before: those beyond are closed, instead of asking again on all of them."""
    most, refused, taken = [10], [], []

    def talk(s):
        s.hello("ENHANCEDSTATUSCODES")
        while True:
            verb = s.line()[:4].upper()
            if verb == b"QUIT":
                s.say("221 2.0.0 bye\r\n")
                return
            if verb == b"MAIL" and len(r.open) > most[0]:
                refused.append(s.number)
                s.say("432 4.3.2 Concurrent connections limit exceeded\r\n")
                continue
            if verb == b"DATA":
                s.say("354 go on\r\n")
                s.until_dot()
                with r.cond:
                    taken.append(1)
                    if most[0] == 10:
                        r.cond.wait_for(lambda: r.sessions >= 10, harness.LONG)
                        most[0] = 2
                    r.cond.notify_all()
            s.say("250 2.0.0 ok\r\n")
    r = rude(talk)
    p = postern(harness.provider(r.port, max_connections=10))
    for i in range(100):
        harness.send_raw(p.port, mails.plain())
    with r.cond:
        assert r.cond.wait_for(lambda: len(taken) == 100, harness.LONG), (len(taken), len(refused))
    p.stop()
    assert len(refused) < 40, len(refused)


@pytest.mark.parametrize("what", ["421", "drop", "reset", "hang"])
def test_lost_at_rcpt_the_next_provider_is_asked_at_once(what, sink, postern):
    bad, good = sink("--reply", "rcpt=" + what, "--disable", "CHUNKING"), sink()
    p = postern(harness.provider(bad.port, name="bad", timeouts={"command": "1s"}),
                harness.provider(good.port, name="good"))
    harness.send_raw(p.port, mails.plain())
    good.wait_messages(1)
    p.stop()
    assert bad.stop()["connections"] == 1


def test_as_many_sessions_as_the_rate_can_use(sink, postern, load):
    """10 a second of 200 ms each are two or three at a time, and not the ten that
    would be allowed for all that waits."""
    s = sink("--delay", "dot=200", maildir=None)
    p = postern(harness.provider(s.port, max_connections=10, rate=["10 msg/s"]))
    assert load(p.port, 40, 10).result()["acked"] == 40
    s.wait_messages(40)
    p.stop()
    n = s.stop()
    assert (n["different"], n["duplicates"]) == (40, 0)
    assert 2 <= n["most_open"] <= 6, n


def both(a, b, postern, **limit):
    """Providers of one limit, and a route to each."""
    return postern(harness.provider(a.port, name="a", limits=["both"], idle_timeout="1h", max_messages_per_connection=1000),
                   harness.provider(b.port, name="b", limits=["both"]), limits=[dict(name="both", **limit)],
                   routes=[{"name": "b", "match": {"sender": ["b@example.com"]}, "use": ["b"]},
                           {"name": "default", "use": ["a"]}])


def send_many(p, n, sender):
    with harness.Client(p.port) as c:
        c.open()
        for i in range(n):
            assert c.cmd("MAIL FROM:<%s@example.com>" % sender)[0] == 250
            assert c.cmd("RCPT TO:<ann@example.net>")[0] == 250
            assert c.cmd("DATA")[0] == 354
            assert c.cmd("Subject: x\r\n\r\nx\r\n.")[0] == 250


def test_an_idle_session_makes_room_for_another_provider(sink, postern):
    a, b = sink(), sink()
    p = both(a, b, postern, max_connections=1)
    send_many(p, 1, "a")
    a.wait_messages(1)
    send_many(p, 1, "b")
    b.wait_messages(1)
    assert p.wait_event("delivered", provider="b")
    p.stop()


def test_providers_of_a_limit_take_turns_at_its_connections(sink, postern):
    a, b = sink(), sink()
    p = both(a, b, postern, max_connections=1, rate=["20 msg/s"])
    send_many(p, 200, "a")
    send_many(p, 3, "b")
    b.wait_messages(3)
    done = len(a.messages())
    assert done < 150, "it had to wait for all of the other's"
    a.wait_messages(done + 1)  # which go on then
    p.stop()


def test_one_that_is_back_is_asked_beside_one_that_took_over(sink, postern):
    a, b = sink(), sink()
    p = postern(*[harness.provider(s.port, name=n, limits=["both"], max_messages_per_connection=1000,
                                   breaker={"failures": 1, "open": "1s", "open_max": "1s"}) for n, s in (("a", a), ("b", b))],
                limits=[{"name": "both", "rate": ["20 msg/s"], "max_connections": 1}], retry={"quick": ["100ms"]})
    a.stop()
    send_many(p, 200, "a")
    b.wait_messages(10)
    c = sink(port=a.port)
    p.wait_event("provider.up", provider="a")
    assert len(b.messages()) < 150, "it had to wait for all of the other's"
    c.wait_messages(1)
    p.stop()


@pytest.mark.clock
def test_the_dead_do_not_keep_a_limit_from_who_works(sink, rude, postern):
    """They accept connections and say nothing, each for longer than their breakers
    are open: a probe after the other, and the one connection is never free."""
    def mute(s):
        s.wait_close()
    good, dead = sink(maildir=None), {n: rude(mute) for n in ("b", "c")}
    p = postern(harness.provider(good.port, name="a", limits=["all"], max_messages_per_connection=10000),
                *[harness.provider(d.port, name=n, limits=["all"], timeouts={"banner": "4s"},
                                   breaker={"failures": 1, "open": "1s", "open_max": "1s"}) for n, d in dead.items()],
                limits=[{"name": "all", "rate": ["5 msg/s"], "max_connections": 1}],
                routes=[{"name": n, "match": {"sender": [n + "@example.com"]}, "use": [n]} for n in dead]
                + [{"name": "default", "use": ["a"]}], start=False)
    p.start(env=harness.shared_clock(20))
    for n in dead:
        send_many(p, 2, n)
    send_many(p, 200, "a")
    good.wait_messages(200)
    at = [m["us"] for m in good.messages()]
    took, all_of_it = 4 * len(p.events("provider.trouble")), (at[-1] - at[0]) / 1e6 * 20
    assert took <= 0.3 * all_of_it + 16, "they had it for most of the time: %d of %d s" % (took, all_of_it)
    p.stop()


@pytest.mark.clock
def test_an_address_given_up_is_no_absence_since_the_boot(sink, postern):
    """Both addresses of a provider are mute, so that the second is the probe of the
    first while another waits for the one connection: it rests for a while, not for
    days."""
    with socket.create_server(("127.0.0.1", 0)) as four:
        port = four.getsockname()[1]
        with socket.create_server(("::1", port), family=socket.AF_INET6):
            good = sink(maildir=None)
            p = postern(harness.provider(port, name="a", host="localhost", limits=["both"], breaker={"open": "2s"}),
                        harness.provider(good.port, name="b", limits=["both"]),
                        limits=[{"name": "both", "max_connections": 1}],
                        routes=[{"name": "a", "match": {"sender": ["a@example.com"]}, "use": ["a"]},
                                {"name": "default", "use": ["b"]}], start=False)
            p.start(env=harness.shared_clock(10))

            def row():
                out = subprocess.run([harness.BUILD / "postern", "provider", "list", "--json", "-c", p.conf],
                                     capture_output=True, text=True, check=True).stdout
                return json.loads(out.splitlines()[0])
            send_many(p, 1, "a")
            send_many(p, 1, "b")
            harness.wait_until(lambda: row()["state"] == "half-open", what="the next address is tried")
            send_many(p, 1, "b")
            good.wait_messages(2)
            found = row()
            p.stop()
    assert found["name"] == "a" and (found.get("for_ms") or 0) < 3600000, found


@pytest.mark.clock
def test_a_slow_login_is_worth_its_while(sink, postern):
    """Its turn begins when it may send, and the others' is as long."""
    a, b = sink(maildir=None), sink("--delay", "banner=200", maildir=None)
    p = postern(harness.provider(a.port, name="a", limits=["both"], rate=["10 msg/s"], max_messages_per_connection=10000),
                harness.provider(b.port, name="b", limits=["both"]), limits=[{"name": "both", "max_connections": 1}],
                routes=[{"name": "b", "match": {"sender": ["b@example.com"]}, "use": ["b"]},
                        {"name": "default", "use": ["a"]}], start=False)
    p.start(env=harness.shared_clock(20))
    send_many(p, 400, "a")
    send_many(p, 3, "b")
    b.wait_messages(3)
    p.stop()
    assert b.stop()["connections"] <= 2


@pytest.mark.clock
def test_a_provider_without_a_slot_leaves_its_connection_to_others(sink, postern):
    a, b = sink(maildir=None), sink("--delay", "banner=20", maildir=None)
    p = postern(harness.provider(a.port, name="a", limits=["both"], rate=["20 msg/s"], max_messages_per_connection=10000),
                harness.provider(b.port, name="b", limits=["both"], rate=["1 msg/6s"]),
                limits=[{"name": "both", "max_connections": 1}],
                routes=[{"name": "b", "match": {"sender": ["b@example.com"]}, "use": ["b"]},
                        {"name": "default", "use": ["a"]}], start=False)
    p.start(env=harness.shared_clock(20))
    send_many(p, 6, "b")
    send_many(p, 400, "a")
    b.wait_messages(3)
    p.stop()
    n = b.stop()
    assert n["connections"] <= n["messages"] + 1, n


@pytest.mark.clock
def test_who_waits_for_its_own_sessions_takes_none_of_others(sink, postern):
    """Its one connection is busy with a message of before the reload."""
    a, b = sink(maildir=None), sink("--delay", "dot=1000", maildir=None)
    p = postern(harness.provider(a.port, name="a", limits=["both"], rate=["20 msg/s"], max_messages_per_connection=10000),
                harness.provider(b.port, name="b", limits=["both"], max_connections=1, idle_timeout="1h"),
                limits=[{"name": "both", "max_connections": 2}],
                routes=[{"name": "b", "match": {"sender": ["b@example.com"]}, "use": ["b"]},
                        {"name": "default", "use": ["a"]}], start=False)
    p.start(env=harness.shared_clock(4))
    send_many(p, 1, "b")
    b.wait_messages(1)  # its reply is a second away
    p.settings["providers"][1]["disable"] = ["CHUNKING"]
    p.wait_event("reloaded", since=p.reload())
    send_many(p, 1, "b")
    send_many(p, 100, "a")
    b.wait_messages(2)
    p.stop()
    assert a.stop()["connections"] <= 2


def test_providers_of_a_limit_take_turns_at_its_rate(sink, postern):
    sinks = [sink(maildir=None) for _ in range(4)]
    routes = [{"name": "r%d" % i, "match": {"sender": ["s%d@example.com" % i]}, "use": ["p%d" % i]} for i in (1, 2, 3)]
    p = postern(*[harness.provider(s.port, name="p%d" % i, limits=["all"]) for i, s in enumerate(sinks)],
                limits=[{"name": "all", "rate": ["20 msg/s"]}], routes=routes + [{"name": "default", "use": ["p0"]}])
    for i in range(4):
        send_many(p, 120, "s%d" % i)
    before = [len(s.messages()) for s in sinks]  # from here on all of them have mail
    sinks[0].wait_messages(before[0] + 8)
    got = [len(s.messages()) - n for s, n in zip(sinks, before)]
    assert min(got) >= 4, got
    p.stop()
