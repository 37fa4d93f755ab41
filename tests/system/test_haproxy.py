# SPDX-License-Identifier: Apache-2.0
"""HAProxy in front, as people run it: send-proxy, send-proxy-v2 with a checksum,
health checks; clients speak STARTTLS or TLS with Postern through it."""
import shutil
import smtplib
import socket
import ssl

import pytest

import certs
import harness
import mails

HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"
pytestmark = pytest.mark.skipif(not shutil.which(HAPROXY), reason="no haproxy here")

CONF = """
global
    stats socket %(stats)s level admin
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    timeout check 10s
%(pairs)s
"""
PAIR = """
frontend f%(n)d
    bind %(bind)s
    default_backend b%(n)d
backend b%(n)d
    %(check)s
    server postern 127.0.0.1:%(port)d %(options)s
"""
SMTPCHK = "option smtpchk EHLO haproxy.test"


class HAProxy(harness.Program):
    """Its front doors lead to these ports with these options of "server"."""

    def __init__(self, directory, *servers):
        self.stats = directory / "haproxy.sock"
        self.ports, pairs = [], ""
        for n, (port, options, check) in enumerate(servers):
            self.ports.append(harness.free_port())
            pairs += PAIR % dict(n=n, bind="127.0.0.1:%d" % self.ports[-1], port=port, options=options, check=check)
        conf = directory / "haproxy.cfg"
        conf.write_text(CONF % dict(stats=self.stats, pairs=pairs))
        super().__init__([HAPROXY, "-db", "-f", conf])
        harness.wait_until(self.stats.exists, what="haproxy's socket")

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.stats))
            s.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: s.recv(65536), b"")).decode()

    def checks(self, n):
        """What the last check of server n came to."""
        rows = [x.split(",") for x in self.ask("show stat").splitlines() if x.startswith("b%d,postern," % n)]
        return rows[0][17], rows[0][36]  # status, check_status


@pytest.fixture
def haproxy(made, tmp_path):
    def start(*servers):
        h = HAProxy(tmp_path, *servers)
        made.append(h)
        return h
    return start


@pytest.fixture
def certificate(tmp_path):
    return certs.make(tmp_path, "cert", ["localhost"]).group()


def door(name, **more):
    # the balancer's own address is not in networks: what it carries decides
    return {"name": name, "address": ["127.0.0.1:0"], "proxy_from": ["127.0.0.1"], **more}


def port_of(p, name):
    return int(p.wait_event("listening", listener=name)["address"].rsplit(":", 1)[1])


def through(haproxy_port, source, context=None, implicit=False):
    """One message by smtplib from that address of loopback."""
    kind = smtplib.SMTP_SSL if implicit else smtplib.SMTP
    more = {"context": context} if implicit else {}
    with kind("localhost", haproxy_port, local_hostname="app.test", source_address=(source, 0),
              timeout=harness.LONG, **more) as c:
        if context and not implicit:
            c.starttls(context=context)
        c.sendmail("app@example.com", ["ann@example.net"], mails.plain())


def test_mail_through_haproxy(sink, postern, haproxy, certificate):
    s = sink()
    p = postern(s.port, log={"level": "debug"}, tls={"certificates": [certificate]},
                listeners=[door("local", networks=["127.0.0.0/30"], tls="optional"),
                           door("smtps", networks=["127.0.0.0/30"], tls="required", tls_mode="implicit")])
    plain, smtps = port_of(p, "local"), port_of(p, "smtps")
    h = haproxy((plain, "send-proxy", ""),
                (plain, "send-proxy-v2 proxy-v2-options crc32c,unique-id", ""),
                (smtps, "send-proxy-v2 proxy-v2-options crc32c", ""),
                (smtps, "send-proxy", ""))
    context = ssl.create_default_context(cafile=certificate["certificate"])
    through(h.ports[0], "127.0.0.2")
    through(h.ports[0], "127.0.0.2", context)
    through(h.ports[1], "127.0.0.2")
    through(h.ports[1], "127.0.0.2", context)
    through(h.ports[2], "127.0.0.2", context, implicit=True)
    through(h.ports[3], "127.0.0.2", context, implicit=True)
    p.wait_event("accepted", 6, client="127.0.0.2")
    for m in s.wait_messages(6):
        received, rest = harness.without_received(open(s.maildir + "/" + m["file"], "rb").read())
        assert b"([127.0.0.2])" in received
        assert rest == mails.plain()
    with pytest.raises((smtplib.SMTPException, OSError)):
        through(h.ports[1], "127.0.0.9")  # not of the networks
    p.wait_event("session.network", client="127.0.0.9")
    p.stop()


def test_haproxy_checks_are_answered_and_send_nothing(sink, postern, haproxy):
    """Its SMTP check, with the header that check-send-proxy makes of it."""
    p = postern(sink().port, log={"level": "debug"}, listeners=[door("local", networks=["203.0.113.0/24"])])
    h = haproxy((p.port, "send-proxy-v2 check check-send-proxy inter 50ms", SMTPCHK),
                (p.port, "send-proxy check check-send-proxy inter 50ms", SMTPCHK))
    harness.wait_until(lambda: h.checks(0) == ("UP", "L7OK"), what="a good check by version 2")
    p.wait_event("connect", 4, client="127.0.0.1", via="127.0.0.1")
    assert h.is_running()
    p.stop()
