# SPDX-License-Identifier: Apache-2.0
"""postern dkim genkey: the key and its record belong together, as another signer
and verifier sees them."""
import base64
import os
import re
import subprocess

import dkim
import pytest
from nacl.signing import SigningKey

import harness

TOOL = os.environ.get("POSTERN", str(harness.BUILD / "postern"))
MAIL = b"From: Ann <ann@example.com>\r\nTo: b@example.org\r\nSubject: a\r\n\r\nHello.\r\n"


def genkey(*argv):
    return subprocess.run([TOOL, "dkim", "genkey", *map(str, argv)], capture_output=True, text=True)


def record_of(text, name):
    """The strings of a zone's TXT line, joined."""
    head, rest = text.split(" IN TXT (", 1)
    assert head == name + "."
    assert rest.endswith(" )\n")
    strings = re.findall(r'"([^"]*)"', rest)
    assert all(0 < len(s) <= 255 for s in strings)
    return "".join(strings)


def seed_of(pem):
    """The 32 octets of an Ed25519 key, as python3-dkim wants them."""
    return base64.b64encode(base64.b64decode("".join(pem.splitlines()[1:-1]))[-32:])


@pytest.mark.parametrize("kind", [(), ("-b", 3072), ("-a", "ed25519")], ids=["rsa", "rsa-3072", "ed25519"])
def test_what_the_key_signs_the_record_verifies(kind, tmp_path):
    path = tmp_path / "key.pem"
    r = genkey(*kind, "-o", path, "example.com", "s2026")
    assert (r.returncode, r.stderr) == (0, "")
    assert path.stat().st_mode & 0o7777 == 0o640
    record = record_of(r.stdout, "s2026._domainkey.example.com")
    pem = path.read_text()
    is_ed = "ed25519" in kind
    signature = dkim.sign(MAIL, b"s2026", b"example.com", seed_of(pem) if is_ed else pem.encode(),
                          signature_algorithm=b"ed25519-sha256" if is_ed else b"rsa-sha256")
    asked = []

    def dns(name, timeout=5):
        asked.append(name)
        return record.encode()
    assert dkim.verify(signature + MAIL, dnsfunc=dns)
    assert not dkim.verify(signature + MAIL.replace(b"Hello", b"hello"), dnsfunc=dns)
    assert asked[0] == b"s2026._domainkey.example.com."
    if is_ed:
        assert record.endswith("p=" + base64.b64encode(SigningKey(base64.b64decode(seed_of(pem)))
                                                       .verify_key.encode()).decode())


def test_a_key_that_is_there_stays(tmp_path):
    path = tmp_path / "key.pem"
    path.write_text("precious")
    r = genkey("-o", path, "example.com", "s")
    assert r.returncode == 73 and r.stdout == ""
    assert "is there already" in r.stderr
    assert path.read_text() == "precious"


@pytest.mark.parametrize("argv, code, says", [
    (("example.com", "s"), 64, "usage: "),
    (("-o", "KEY", "example.com"), 64, "usage: "),
    (("-o", "KEY", "-a", "dsa", "example.com", "s"), 64, "usage: "),
    (("-o", "KEY", "-b", "1024", "example.com", "s"), 64, "2048 to 4096"),
    (("-o", "KEY", "-b", "4097", "example.com", "s"), 64, "2048 to 4096"),
    (("-o", "KEY", "not a domain", "s"), 65, "is no domain"),
    (("-o", "KEY", "example.com", "s;x"), 65, "is no selector"),
])
def test_what_cannot_be_is_told(argv, code, says, tmp_path):
    r = genkey(*[tmp_path / "key" if a == "KEY" else a for a in argv])
    assert r.returncode == code and says in r.stderr and r.stdout == ""
    assert not (tmp_path / "key").exists()
