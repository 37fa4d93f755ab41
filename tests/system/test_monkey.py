# SPDX-License-Identifier: Apache-2.0
"""Words of the protocol in no order at all, from many clients at once, with
everything switched on that a listener knows: whatever they say, nobody else is
hurt, no place is lost, and what sanitizers see would be told at the end.  The
same each time (a seed), but for the order among the clients."""
import concurrent.futures
import random
import socket
import ssl
import struct

import pytest

import certs
import harness
import mails
from test_requirements_secure import b64, plain, users  # noqa: F401

WORDS = [
    "EHLO x", "HELO x", "EHLO", "EHLO [IPv6:::1]", "NOOP", "RSET", "VRFY x", "HELP", "JUNK", "", " ", "QUIT", "STARTTLS", "STARTTLS x",
    "MAIL FROM:<a@example.com>", "MAIL FROM:<>", "MAIL FROM: a@example.com", "MAIL FROM:<a@example.com> SIZE=99999999999",
    "MAIL FROM:<a@example.com> BODY=BINARYMIME", "MAIL FROM:<a@example.com> MT-PRIORITY=3 HOLDFOR=1", "MAIL FROM:<a@example.com> REQUIRETLS",
    "MAIL FROM:<a@example.com> BODY=8BITMIME RET=HDRS ENVID=x AUTH=<>", "RCPT TO:<b@example.net>", "RCPT TO:<no@example.org>",
    "RCPT TO:<postmaster>", "RCPT TO:<b@example.net> NOTIFY=NEVER", "DATA", "DATA", "Subject: x\r\n\r\nx\r\n.", ".", "x\r\n..y\r\n.",
    "BDAT 0", "BDAT 0 LAST", "BDAT 5\r\nabc\r", "BDAT 5 LAST\r\nab\0\n\r", "BDAT 10 LAST\r\nQUIT", "BDAT x", "BDAT 99999999999999999999 LAST",
    "AUTH PLAIN " + plain(), "AUTH PLAIN " + plain(password="no"), "AUTH PLAIN", plain(), "AUTH LOGIN", b64("ann"), b64("no"), "*", "=",
    "AUTH LOGIN " + b64("test"), b64("1234"), "AUTH SCRAM-SHA-256 " + b64("n,,n=ann,r=x"), "AUTH EXTERNAL =", "AUTH X",
    "XCLIENT ADDR=192.0.2.1", "XCLIENT ADDR=192.0.2.2 HELO=y LOGIN=ann", "XCLIENT ADDR=[UNAVAILABLE]", "XCLIENT ADDR=IPV6:2001:db8::1 PORT=1",
    "XCLIENT LOGIN=nobody NAME=n", "XCLIENT LOGIN=[UNAVAILABLE]", "XCLIENT ADDR=x", "XCLIENT", "\xff\x00\x01", "A" * 5000, "AUTH PLAIN " + "A" * 13000,
    "PROXY TCP4 192.0.2.1 192.0.2.2 1 25", "GET / HTTP/1.0", "\x16\x03\x01\x00\x05hello",
]
FIRST = [b"", b"", b"PROXY TCP4 192.0.2.9 192.0.2.2 1 25\r\n", b"PROXY UNKNOWN\r\n", b"PROXY TCP6 ::1 ::1 1 2\r\n",
         b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x01\x00\x19",
         b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff" + b"x" * 3000, b"PROXY " + b"x" * 200]


def pieces(rnd, octets):
    """Cut anywhere, or not at all."""
    if rnd.random() < 0.5:
        return [octets]
    cuts = sorted(rnd.randrange(len(octets) + 1) for _ in range(rnd.randrange(1, 6)))
    return [octets[a:b] for a, b in zip([0] + cuts, cuts + [len(octets)])]


def talk(seed, ports, context):
    rnd = random.Random(seed)
    with socket.create_connection(("127.0.0.1", rnd.choice(ports)), harness.LONG) as s:
        try:
            if rnd.random() < 0.3:
                s.sendall(b"EHLO x\r\nSTARTTLS\r\n")
                seen = b""
                while b"\r\n220 " not in seen and b"502 " not in seen and b"421 " not in seen:
                    seen += s.recv(65536) or b"421 "
                s = context.wrap_socket(s)
            words = ["EHLO x"] + rnd.choices(WORDS, k=rnd.randrange(1, 40))
            octets = rnd.choice(FIRST) + "".join(w + rnd.choice(["\r\n"] * 9 + ["\n"]) for w in words).encode("latin-1")
            for x in pieces(rnd, octets):
                s.sendall(x)
                if rnd.random() < 0.2:
                    s.settimeout(0.001)
                    try:
                        s.recv(1000)
                    except TimeoutError:
                        pass
                    s.settimeout(harness.LONG)
            end = rnd.randrange(4)
            if end == 0:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif end > 1:
                s.shutdown(socket.SHUT_WR)
                if end == 3:
                    while s.recv(65536):
                        pass
        except (OSError, ssl.SSLError):
            pass
        s.close()


@pytest.mark.parametrize("threads", [1, 3])
def test_flaw_state_words_in_no_order(threads, sink, postern, users, tmp_path):
    cert = certs.make(tmp_path, "mx")
    context = ssl.create_default_context(cafile=cert.certificate)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    s = sink("--reply", "rcpt<no@example.org>=550")
    everything = {"tls": "optional", "auth": "optional", "binary": True, "repair_headers": True, "remove_bcc": True,
                  "auth_failures": 3, "max_recipients": 3, "max_messages": 4, "max_size": "64K", "max_per_client": 40,
                  "networks": ["127.0.0.0/8", "192.0.2.0/24"], "client_rate": ["2000 msg/s"], "user_rate": ["1000 rcpt/s"],
                  "timeouts": {"command": "3s", "data": "3s", "session": "10s", "handshake": "2s", "proxy": "2s", "linger": "1s"},
                  "lenient": ["bare-newline", "space-after-colon", "no-brackets", "helo-syntax"]}
    ports = [harness.free_port(), harness.free_port(), harness.free_port()]
    more = [{}, {"xclient_from": ["127.0.0.1"]}, {"proxy_from": ["127.0.0.1"]}]
    p = postern(s.port, inlet_threads=threads, users_file=users, tls={"certificates": [cert.group()]},
                listeners=[{"name": "local", "address": ["127.0.0.1:0"], "max_per_client": 2}] +
                [{"name": "l%d" % i, "address": ["127.0.0.1:%d" % ports[i]], **everything, **more[i]} for i in range(3)],
                log={"level": "debug"})
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for _ in pool.map(lambda seed: talk(seed, ports, context), range(1500)):
            pass
    harness.send_raw(p.port, mails.plain())
    for port in ports:  # no place is lost

        def all_free():
            held = [harness.Client(port) for _ in range(40)]
            codes = []
            for c in held:
                if port == ports[2]:
                    c.send(b"PROXY TCP4 192.0.2.9 192.0.2.2 1 25\r\n")
                codes.append(c.reply()[0])
            for c in held:
                c.close()
            return codes == [220] * 40
        harness.wait_until(all_free, what="a free listener")
    p.stop()
