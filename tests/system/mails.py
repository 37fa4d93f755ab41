# SPDX-License-Identifier: Apache-2.0
"""Mail that must arrive octet by octet as it was sent."""
import random

HEAD = (b"Date: Tue, 24 Nov 2026 10:00:00 +0100\r\n"
        b"From: App <app@example.com>\r\n"
        b"To: Ann <ann@example.net>\r\n"
        b"Message-ID: <%s@example.com>\r\n"
        b"Subject: %s\r\n"
        b"MIME-Version: 1.0\r\n")
TEXT = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"


def mail(name, body, head=TEXT):
    return HEAD % (name.encode(), name.encode()) + head + body


def lines_of(size):
    """Text of that many octets in lines of 76, the same each time."""
    rnd = random.Random(size)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789 ."
    line = ["".join(rnd.choices(letters, k=76)).encode() + b"\r\n" for _ in range(97)]
    body = b"".join(line) * (size // (78 * 97) + 1)
    return body[:size - 2] + b"\r\n"


def plain():
    return mail("plain", b"Hello.\r\n")


def eight_bit():
    return mail("eight-bit", "Grüße, 漢字, 🙂\r\n".encode() + bytes(range(0x80, 0x100)) + b"\r\n")


def dots():
    return mail("dots", b".\r\n..\r\n...\r\n.x\r\n..x\r\n\r\n.\r\n\r\n. \r\nx.\r\n.\r\n")


def long_lines():
    return mail("long-lines", b"a" * 998 + b"\r\n" + b"." + b"b" * 997 + b"\r\n" + b"c" * 998 + b"\r\n")


def empty_body():
    return mail("empty-body", b"")


def only_header():
    return HEAD % (b"only-header", b"only-header")


def folded():
    return mail("folded", b"x\r\n", b"X-Folded: a\r\n\tb\r\n  c\r\nX-Empty:\r\nx-case:no space\r\n" + TEXT)


def trailing_space():
    return mail("trailing-space", b"signature \r\n-- \r\n\t\r\n \r\n\r\n\r\n")


def big():
    return mail("big", lines_of(25 * 1024 * 1024 - 1000))


# All that a relay between may pass on as it is.
SMALL = [plain, eight_bit, dots, long_lines, empty_body, folded, trailing_space]
