# SPDX-License-Identifier: Apache-2.0
"""What leaves is signed (DKIM), last of all; others verify it: python3-dkim,
directly and behind one more relay."""
import os
import subprocess

import dkim
import pytest

import harness
import mails

TOOL = os.environ.get("POSTERN", str(harness.BUILD / "postern"))
HEADERS = [
    b"From: ann@web1\r\nTo: b@example.net\r\nSubject: a\r\n",
    b"FROM: \t Ann   Smith <ann@web1>\r\nSubject:  a  b\t \r\n",
    b"From: =?utf-8?Q?J=C3=B6rg?=\r\n <j@web1>\r\nTo: a@example.net,\r\n\tb@example.net\r\nSubject: =?utf-8?Q?=C3=BC?=\r\n"
    b" =?utf-8?Q?=C3=A4?=\r\n",
    b"From: a@web1, b@web2\r\nSender: a@web1\r\nReply-To: c@example.net\r\n",
    b"From: a@web1\r\nFrom: b@web1\r\nSubject: one\r\nSubject: two\r\n",
    b"To: undisclosed-recipients:;\r\nX-Empty:\r\nx-case:no space\r\n",
    b"From: root\r\nCc: \r\nSubject:\r\n",
    "From: Jörg <j@web1>\r\nSubject: grüße\r\n".encode(),
    b"From: a@web1\r\nDKIM-Signature: v=1; a=rsa-sha256; d=web1; s=x;\r\n\th=From; bh=; b=\r\nReceived: by x; now\r\n",
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"=_x\"\r\nFrom: a@web1\r\nReferences: <a@b>\r\n"
    b" <c@d>\r\nIn-Reply-To: <c@d>\r\nList-Id: x <x.example.org>\r\n",
]
BODIES = [b"", b"\r\n", b"\r\nHello.\r\n", b"\r\na  b \t c \r\n\r\n \t\r\n\r\n\r\n", b"\r\n" + mails.dots().split(b"\r\n\r\n", 1)[1],
          "\r\nGrüße, 漢字\r\n".encode() + bytes(range(0x80, 0x100)) + b"\r\n", b"\r\n" + b"a" * 998 + b"\r\nb"]
LARGE = [b"\r\n" + mails.lines_of(100000), b"\r\n\r\n" + mails.lines_of(700000) + b"\r\n\r\n"]


class Key:
    """A key's file and, of all made, what DNS says."""
    zone = {}

    def __init__(self, directory, selector, domain="example.org", kind="rsa"):
        self.selector, self.domain = selector, domain
        self.file = directory / (selector + ".pem")
        r = subprocess.run([TOOL, "dkim", "genkey", "-a", kind, "-o", self.file, domain, selector],
                           capture_output=True, text=True, check=True)
        self.zone["%s._domainkey.%s." % (selector, domain)] = "".join(r.stdout.split('"')[1::2])

    def entry(self, **more):
        return dict(domain=self.domain, selector=self.selector, key_file=str(self.file), **more)


def dns(name, timeout=5):
    return Key.zone[name.decode()].encode()


def signatures(content):
    """The selectors of our signatures, which stand in front of all and verify."""
    head = content.split(b"\r\n\r\n", 1)[0]
    found = []
    for field in head.replace(b"\r\n\t", b" ").split(b"\r\n"):
        if field.lower().startswith(b"dkim-signature:") and b"s=x;" not in field:
            assert dkim.DKIM(content).verify(idx=len(found), dnsfunc=dns), content[:2000]
            found.append(field.split(b" s=")[1].split(b";")[0].decode())
    return found


def contents(sink, n):
    return {m["sender"]: open(sink.maildir + "/" + m["file"], "rb").read() for m in sink.wait_messages(n)}


@pytest.mark.parametrize("canonical", ["relaxed/relaxed", "simple/simple"])
def test_all_verify_also_behind_another_relay(canonical, sink, postern, tmp_path):
    rsa, ed = Key(tmp_path, "rsa"), Key(tmp_path, "ed", kind="ed25519")
    other = canonical.replace("relaxed", "-").replace("simple", "relaxed").replace("-", "simple")
    s = sink()
    second = postern(harness.provider(s.port))
    first = postern(harness.provider(second.port, rewrite={"from": "app@example.org"},
                                     headers={"remove": ["X-Empty"], "add": ["X-Sent-By: postern"]},
                                     dkim=[rsa.entry(canonicalization=canonical), ed.entry(canonicalization=other)]))
    all_of = [h + b for h in HEADERS for b in BODIES + ([] if canonical[0] == "s" else LARGE)]
    for i, content in enumerate(all_of):
        harness.send_raw(first.port, content, sender="m%d@example.org" % i)
    for sender, content in contents(s, len(all_of)).items():
        assert signatures(content) == ["rsa", "ed"], sender
    assert len(all_of) >= 60
    first.stop()
    second.stop()


def test_a_change_on_the_way_is_seen(sink, postern, tmp_path):
    """Each signed field, one more of the oversigned ones, the body; but not what
    providers set themselves."""
    key = Key(tmp_path, "k")
    s = sink()
    p = postern(harness.provider(s.port, dkim=[key.entry(lifetime="7d")]))
    harness.send_raw(p.port, b"Date: x\r\nMessage-ID: <a@b>\r\nFrom: Ann <ann@example.org>\r\nTo: b@c\r\nSubject: hello\r\n"
                     b"\r\nHello.\r\n")
    content = contents(s, 1)["app@example.com"]

    def verifies(c):
        return dkim.verify(c, dnsfunc=dns)
    assert verifies(content)
    for old, new in ((b"Subject: hello", b"Subject: Hello"), (b"To: b@c", b"To: b@d"), (b"Hello.", b"hello."),
                     (b"From: Ann", b"From: x@y\r\nFrom: Ann"), (b"To: b@c", b"To: b@c\r\nCc: e@f"),
                     (b"To: b@c", b"Subject: first\r\nTo: b@c")):
        assert content.count(old) == 1
        assert not verifies(content.replace(old, new))
    for old, new in ((b"Date: x", b"Date: y"), (b"Message-ID: <a@b>", b"Message-ID: <c@d>")):
        assert verifies(content.replace(old, new))
    tags = dict(t.strip().split(b"=", 1) for t in content[15:content.index(b"\r\nReceived:")].split(b";"))
    assert int(tags[b"x"]) - int(tags[b"t"]) == 7 * 86400
    p.stop()


def test_whose_mail_is_signed(sink, postern, tmp_path):
    """That of the domain and of those below it, or of the patterns; by the
    route's keys and the provider's; the rest leaves as it is."""
    org, net = Key(tmp_path, "org"), Key(tmp_path, "net", domain="example.net")
    s = sink()
    p = postern(harness.provider(s.port, dkim=[org.entry()]),
                routes=[{"name": "default", "dkim": [net.entry(**{"from": ["ann@example.org", "*@example.net"]})]}])
    wants = {"ann@example.org": ["net", "org"], "bob@mail.example.org": ["org"], "c@example.net": ["net"],
             "d@sub.example.net": [], "e@notexample.org": [], "f@EXAMPLE.ORG": ["org"]}
    plain = b"From: a@example.org, b@example.org\r\n\r\nx\r\n"
    for sender in wants:
        harness.send_raw(p.port, b"From: <%s>\r\n\r\nx\r\n" % sender.encode(), sender=sender)
    harness.send_raw(p.port, plain, sender="two@example.org")
    got = contents(s, len(wants) + 1)
    assert harness.without_received(got.pop("two@example.org"))[1] == plain
    assert {k: signatures(v) for k, v in got.items()} == wants
    p.stop()


def test_each_provider_signs_anew(sink, postern, tmp_path):
    """What the first refuses leaves through the next, by the next one's key."""
    a, b = Key(tmp_path, "a"), Key(tmp_path, "b")
    first = sink(script='rules = ( { stage = "dot"; action = "451:4.3.0:not now"; } );')
    second = sink()
    p = postern(harness.provider(first.port, "first", dkim=[a.entry()]),
                harness.provider(second.port, "second", dkim=[b.entry()]),
                routes=[{"name": "default", "use": ["first", "second"]}])
    harness.send_raw(p.port, b"From: a@example.org\r\n\r\nx\r\n")
    assert signatures(contents(second, 1)["app@example.com"]) == ["b"]
    p.stop()


def test_a_restart_in_the_middle(sink, postern, tmp_path):
    """Nothing waits for a signature that nobody makes any more."""
    key = Key(tmp_path, "k")
    s = sink()
    p = postern(harness.provider(s.port, max_connections=1, dkim=[key.entry()]))
    for i in range(50):
        harness.send_raw(p.port, b"From: a@example.org\r\n\r\nx\r\n", sender="m%d@example.org" % i)
    p.kill9()
    p.start()
    n = 50
    while len(contents(s, n)) < 50:  # what was finished right before may have come twice
        n += 1
    assert n < 60 and all(signatures(c) == ["k"] for c in contents(s, n).values())
    p.stop()
