# SPDX-License-Identifier: Apache-2.0
"""Every way to write an end of content that is none: CR, LF, CRLF and NUL,
none, one or two of them, before and behind the dot, with commands of a second
message behind.  Which messages stand in the octets is read a second time in
strict.py; exactly those must reach the provider, and nothing bare may."""
import collections
import concurrent.futures
import itertools
import socket

import pytest

import harness
import strict

ATOMS = [b"", b"\r", b"\n", b"\r\n", b"\0"]
SIDES = sorted({a + b for a, b in itertools.product(ATOMS, ATOMS)})
HELLO = b"EHLO client.test\r\n"
ENVELOPE = b"MAIL FROM:<app@example.com>\r\nRCPT TO:<ann@example.net>\r\n"
EVIL = (b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<evil@example.net>\r\nDATA\r\n"
        b"Subject: evil\r\n\r\nsecond\r\n.\r\nQUIT\r\n")


def contents(dots):
    """(content, where the dot and what stands around it begin and end)"""
    for i, (before, dot, after) in enumerate(itertools.product(SIDES, dots, SIDES)):
        head = b"Subject: case %d\r\n\r\nfirst" % i
        around = before + dot + after
        yield head + around, len(head), len(head) + len(around)


def by_data():
    start = HELLO + ENVELOPE + b"DATA\r\n"
    for content, a, b in contents([b".", b"..", b""]):
        yield start + content + EVIL, len(start) + a, len(start) + b


def by_data_lf():
    """From a client whose lines end with LF alone."""
    for octets, a, b in by_data():
        start, rest = octets[:a].replace(b"\r\n", b"\n"), octets[b:].replace(b"\r\n", b"\n")
        yield start + octets[a:b] + rest, len(start), len(start) + b - a


def by_bdat():
    """The content alone; with the second message's commands as content, too;
    in two chunks cut at the dot."""
    for content, a, b in contents([b"."]):
        for inner, outer in ((content, EVIL), (content + EVIL, b"QUIT\r\n")):
            start = HELLO + ENVELOPE + b"BDAT %d LAST\r\n" % len(inner)
            yield start + inner + outer, len(start) + a, len(start) + b
        dot = content.index(b".", a)
        start = HELLO + ENVELOPE + b"BDAT %d\r\n" % dot
        yield (start + content[:dot] + b"BDAT %d LAST\r\n" % (len(content) - dot) + content[dot:] + EVIL,
               len(start) + a, len(start) + b)


def talk(port, pieces):
    """Sends the pieces and hangs up its side; the codes that come."""
    with socket.create_connection(("127.0.0.1", port), harness.LONG) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for x in pieces:
                s.sendall(x)
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # QUIT was among it
        got = b"".join(iter(lambda: s.recv(65536), b""))
    lines = got.split(b"\r\n")
    assert lines.pop() == b"" and not strict.BARE.search(got), got
    codes = [int(x[:3]) for x in lines if x[3:4] != b"-"]
    assert codes[0] == 220
    return codes[1:]


def whole(octets, a, b):
    return [octets]


def byte_by_byte(octets, a, b):
    return [octets[i:i + 1] for i in range(len(octets))]


def run(port, streams, ways, lenient=False):
    """All streams in all ways; the messages that must have been taken."""
    def one(job):
        octets, pieces = job
        want = strict.Reading(octets, lenient)
        codes = talk(port, pieces)
        assert codes == want.codes, (octets, codes, want.codes)
        return want.messages
    jobs = [(octets, way(octets, a, b)) for octets, a, b in streams for way in ways]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return [m for messages in pool.map(one, jobs) for m in messages]


def ended(content):
    """By DATA a last line without its end is given one."""
    return content if content.endswith(b"\r\n") or not content else content + b"\r\n"


def check(keeper, want, reports=0):
    keeper.wait_kept(len(want) + reports)
    got = [m for m in keeper.messages() if m[0]]
    assert len(got) + reports == keeper.kept
    left = collections.Counter((s, tuple(r), ended(harness.without_received(c)[1])) for s, r, c in got)
    left.subtract((s, tuple(r), ended(c)) for s, r, c in want)
    wrong = [x for x in left.items() if x[1]]
    assert not wrong, wrong[:3]


@pytest.fixture
def between(made, postern):
    """posternd between us and a provider that keeps every octet."""
    def start(*extensions, **listener):
        keeper = strict.Keeper(*extensions)
        made.append(keeper)
        p = postern(keeper.port, listeners=[{"name": "local", "address": ["127.0.0.1:0"], "max_errors": 100,
                                             **listener}])
        return p, keeper
    return start


@pytest.mark.parametrize("out", [(), ("CHUNKING",)], ids=["to-data", "to-bdat"])
@pytest.mark.parametrize("streams", [by_data, by_bdat], ids=lambda f: f.__name__)
def test_flaw_smuggling_in_and_out(streams, out, between):
    p, keeper = between(*out)
    check(keeper, run(p.port, streams(), [whole, byte_by_byte]))
    p.stop()


@pytest.mark.parametrize("streams", [by_data, by_data_lf, by_bdat], ids=lambda f: f.__name__)
def test_flaw_smuggling_where_lf_may_end_a_line(streams, between):
    """To a listener that lets LF alone end a line, content ends as its DATA
    did: who says CRLF cannot be made to say two messages by an LF in one."""
    p, keeper = between(lenient=["bare-newline"])
    check(keeper, run(p.port, streams(), [whole, byte_by_byte], lenient=True))
    p.stop()


def by_binary():
    """Bodies that were announced as binary; cut in chunks everywhere."""
    for octets, a, b in by_bdat():
        yield octets.replace(ENVELOPE, ENVELOPE.replace(b"example.com>", b"example.com> BODY=BINARYMIME"), 1), a, b


@pytest.mark.parametrize("out", [("CHUNKING", "BINARYMIME"), ("CHUNKING",)], ids=["to-binary", "to-bdat"])
def test_flaw_smuggling_of_binary_bodies(out, between):
    """They hold everything, arrive as they are where a provider takes them, in
    chunks; to others they do not go."""
    p, keeper = between(*out, binary=True)
    want = run(p.port, by_binary(), [whole])
    if "BINARYMIME" in out:
        check(keeper, want)
    else:
        fit = [m for m in want if not strict.BARE.search(m[2]) and m[2].endswith(b"\r\n")]
        check(keeper, fit, reports=len(want) - len(fit))  # of each other the sender is told
    p.stop()


def test_flaw_smuggling_cut_off_at_each_position(between):
    """The client is gone at each octet around the dot: what was ended before
    counts, the rest does not."""
    def cut():
        for octets, a, b in by_data():
            if octets[a:b].count(b".") == 1:
                yield from ((octets[:at], a, at) for at in range(a, b + 3))
    p, keeper = between()
    want = run(p.port, cut(), [whole])
    check(keeper, want)
    p.stop()
