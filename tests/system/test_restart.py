# SPDX-License-Identifier: Apache-2.0
"""SIGTERM and start under load: nothing lost, nothing twice.  POSTERN_ROUNDS
sets how often (default 5)."""
import os
import random
import signal
import socket
import subprocess
import sys
import time

import pytest

import harness
import mails

ROUNDS = int(os.environ.get("POSTERN_ROUNDS", "5"))
MESSAGES = 600


def test_nothing_lost_nothing_twice(sink, postern, load):
    s = sink(maildir=None)
    p = postern(s.port)
    rnd = random.Random(ROUNDS)
    for i in range(ROUNDS):
        mark = s.out.mark()
        job = load(p.port, MESSAGES, 10, first=i * MESSAGES)
        s.wait_messages(rnd.randrange(1, MESSAGES * 2 // 3), since=mark)
        p.stop()
        p.start()
        r = job.result()
        assert (r["acked"], r["unknown"]) == (MESSAGES, 0), r
        assert r["nonsense"] == 0
    s.wait_messages(ROUNDS * MESSAGES)
    p.stop()
    n = s.stop()
    assert (n["different"], n["duplicates"], n["damaged"]) == (ROUNDS * MESSAGES, 0, 0)


def test_a_stop_waits_for_the_reply_to_the_dot(sink, postern):
    """A session past its dot is waited for: no duplicate at the next start."""
    s = sink("--delay", "dot=1500")  # kept at once, told late
    p = postern(s.port)
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(1)
    p.stop()
    p.start()
    harness.send_raw(p.port, mails.dots())
    s.wait_messages(2)
    p.stop()
    assert s.stop()["messages"] == 2


def test_a_stop_lets_data_finish(sink, postern):
    s = sink()
    p = postern(s.port)
    with harness.Client(p.port) as c, harness.Client(p.port) as idle:
        idle.open()
        c.open()
        c.cmd("MAIL FROM:<app@example.com>")
        c.cmd("RCPT TO:<ann@example.net>")
        assert c.cmd("DATA")[0] == 354
        p.terminate()
        assert idle.reply()[0] == 421
        assert idle.is_closed()
        c.send(mails.plain() + b".\r\n")
        assert c.reply()[0] == 250
        assert c.reply()[0] == 421
        assert c.is_closed()
    p.stop()
    p.start()
    s.wait_messages(1)
    p.stop()
    assert s.stop()["messages"] == 1


def test_a_second_sigterm_ends_at_once(sink, postern):
    s = sink("--reply", "dot*1=hang")
    p = postern(s.port)
    harness.send_raw(p.port, mails.plain())
    s.wait_event("rule")
    p.proc.signal(signal.SIGTERM)
    p.wait_event("stopping")
    p.proc.signal(signal.SIGTERM)
    p.proc.wait(20)
    p.proc.check_reports()
    p.proc = None
    p.start()
    s.wait_messages(1)
    p.stop()


@pytest.mark.parametrize("stage", ["banner", "mail", "data", "body", "dot"])
def test_a_stop_is_bounded(stage, sink, postern):
    """A provider that hangs holds a stop for stop_grace at most."""
    s = sink("--reply", stage + "*1=hang")
    p = postern(s.port, stop_grace="1s")
    harness.send_raw(p.port, mails.plain())
    s.wait_event("rule")
    begin = time.monotonic()
    p.stop(20)
    assert time.monotonic() - begin < 10
    p.start()
    s.wait_messages(1)
    p.stop()
    assert s.stop()["messages"] == 1


HAND_ON = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_with_a_socket_of_the_service_manager_nobody_is_refused(sink, postern, load):
    """Who comes while the daemon is down waits, and is served by the next."""
    s = sink(maildir=None)
    with socket.create_server(("127.0.0.1", harness.free_port()), backlog=200) as held:
        port, fd = held.getsockname()[1], held.fileno()
        p = postern(s.port, start=False, listeners=[{"name": "local", "address": ["127.0.0.1:%d" % port]}])

        def start():
            p.start(under=[sys.executable, "-c", HAND_ON, str(fd)], pass_fds=[fd])
        start()
        job = load(port, MESSAGES, 10)
        s.wait_messages(100)
        p.stop()
        waiting = [harness.Client(port) for _ in range(30)]
        start()
        for c in waiting:
            c.open()
            c.close()
        r = job.result()
        assert (r["acked"], r["unknown"], r["nonsense"]) == (MESSAGES, 0, 0), r
        assert r["connect_failed"] == 0, r
        s.wait_messages(MESSAGES)
        p.stop()
    n = s.stop()
    assert (n["different"], n["duplicates"], n["damaged"]) == (MESSAGES, 0, 0)


EAGER = """
import socket, sys
for _ in range(1000):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as c:
        print(c.makefile("rb").read()[:9].decode(), flush=True)
"""


def test_who_waits_for_a_start_that_fails_is_told_to_come_again(sink, postern):
    """Else systemd would start the daemon anew for him at once, for ever; and where it
    does so for each who comes again at once it closes the door."""
    with socket.create_server(("127.0.0.1", harness.free_port()), backlog=200) as held:
        port, fd = held.getsockname()[1], held.fileno()
        p = postern(1, start=False, providrs=[], listeners=[{"name": "local", "address": ["127.0.0.1:%d" % port]}])
        p.write_conf()
        waiting = [socket.create_connection(("127.0.0.1", port), timeout=harness.LONG) for _ in range(30)]
        eager = subprocess.Popen([sys.executable, "-c", EAGER, str(port)], stdout=subprocess.PIPE, text=True)
        try:
            r = subprocess.run([sys.executable, "-c", HAND_ON, str(fd), harness.POSTERND, "-f", "-c", p.conf],
                               pass_fds=[fd], capture_output=True, text=True, timeout=harness.LONG)
        finally:
            eager.kill()
        assert r.returncode == 78 and "providrs" in r.stderr
        for c in waiting:
            assert c.makefile("rb").read().startswith(b"421 4.3.5 ")
            c.close()
        told = eager.communicate()[0].split("\n")[:-1]
        assert set(told) == {"421 4.3.5"} and len(told) > 30, told
