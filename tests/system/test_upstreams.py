# SPDX-License-Identifier: Apache-2.0
"""Real servers as providers: the same mails arrive identical but for the
trace in front."""
import collections
import hashlib
import threading

import pytest

import harness
import mails
import peers

aiosmtpd = pytest.importorskip("aiosmtpd.controller", reason="python3-aiosmtpd is not installed")


def digest(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(params=[peers.Postfix, peers.Exim], ids=["postfix", "exim"])
def chain(request, made, sink, postern, tmp_path):
    """posternd -> a real server -> postern-sink."""
    s = sink()
    directory = tmp_path / "peer"
    directory.mkdir()
    peer = request.param(directory, s.port)
    made.append(peer)
    p = postern(peer.port, listeners=[{"name": "local", "address": ["127.0.0.1:0"], "max_size": "40M",
                                       "max_recipients": 1000}])
    return s, p


def test_small_content(chain):
    s, p = chain
    for make in mails.SMALL:
        harness.send_raw(p.port, make(), options=["BODY=8BITMIME"] if make is mails.eight_bit else [])
    got = s.wait_messages(len(mails.SMALL))
    assert collections.Counter(m["sha256_rest"] for m in got) == \
        collections.Counter(digest(make()) for make in mails.SMALL)
    p.stop()


def test_25_mib(chain):
    s, p = chain
    harness.send_raw(p.port, mails.big())
    assert s.wait_messages(1, harness.LONG * 5)[0]["sha256_rest"] == digest(mails.big())
    p.stop()


def test_a_thousand_recipients(chain):
    s, p = chain
    rcpts = ["r%04d@example.net" % i for i in range(1000)]
    harness.send_raw(p.port, mails.dots(), recipients=rcpts)

    def all_there(lines):
        got = s.events("message", lines)
        return got if sum(len(m["recipients"]) for m in got) >= 1000 else None
    got = s.out.wait(all_there, harness.LONG * 2, what="a thousand recipients")
    p.stop()
    assert sorted(r.split()[0] for m in got for r in m["recipients"]) == rcpts
    assert {m["sha256_rest"] for m in got} == {digest(mails.dots())}


class Aiosmtpd:
    def __init__(self):
        self.got, self.cond = [], threading.Condition()
        self.controller = aiosmtpd.Controller(self, hostname="127.0.0.1", port=harness.free_port(),
                                              data_size_limit=100 << 20, enable_SMTPUTF8=True)
        self.controller.start()
        self.port = self.controller.port

    async def handle_DATA(self, server, session, envelope):
        with self.cond:
            self.got.append((list(envelope.rcpt_tos), envelope.original_content))
            self.cond.notify_all()
        return "250 2.0.0 taken"

    def wait(self, recipients):
        with self.cond:
            assert self.cond.wait_for(lambda: sum(len(r) for r, _ in self.got) >= recipients, harness.LONG * 2)
            return list(self.got)

    def stop(self):
        self.controller.stop()


@pytest.fixture
def python_upstream(made, postern):
    up = Aiosmtpd()
    made.append(up)
    return up, postern(up.port, listeners=[{"name": "local", "address": ["127.0.0.1:0"], "max_size": "40M",
                                            "max_recipients": 1000}])


def test_aiosmtpd(python_upstream):
    up, p = python_upstream
    made = [make() for make in mails.SMALL] + [mails.big()]
    for content in made:
        harness.send_raw(p.port, content)
    got = sorted(digest(harness.without_received(c)[1]) for _, c in up.wait(len(made)))
    assert got == sorted(digest(c) for c in made)
    p.stop()


def test_aiosmtpd_a_thousand_recipients(python_upstream):
    up, p = python_upstream
    rcpts = ["r%04d@example.net" % i for i in range(1000)]
    harness.send_raw(p.port, mails.dots(), recipients=rcpts)
    got = up.wait(1000)
    assert sorted(r for rs, _ in got for r in rs) == rcpts
    assert {digest(harness.without_received(c)[1]) for _, c in got} == {digest(mails.dots())}
    p.stop()
