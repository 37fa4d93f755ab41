# SPDX-License-Identifier: Apache-2.0
"""Where the log goes, and in what form."""
import re
import socket

import harness
import mails
from test_operate import tool

BAD = ["--reply", "rcpt<bad.one@example.net>=550:5.1.1:<bad.one@example.net> is nobody here"]


def test_addresses_are_nowhere_in_the_log(sink, postern):
    """Masked and hashed: neither envelope nor the replies that repeat it."""
    s = sink(*BAD)
    p = postern(s.port, log={"addresses": "masked"})
    harness.send_raw(p.port, mails.plain(), recipients=["ann@example.net", "bad.one@example.net"])
    assert p.wait_event("delivered", rcpt="a***@example.net")["code"] == "250"
    e = p.wait_event("bounced", rcpt="b***@example.net")
    assert "<b***@example.net> is nobody here" in e["text"]
    assert p.wait_event("accepted")["from"] == "a***@example.com"
    p.settings["log"]["addresses"] = "hashed"
    p.write_conf()
    assert tool(p, "reload")[0] == 0
    mark = p.log.mark()
    harness.send_raw(p.port, mails.plain(), recipients=["bad.one@example.net"])
    rc, ours, _ = tool(p, "log", "address", "Bad.One@example.net")
    assert rc == 0 and re.fullmatch(r"[0-9a-f]{16}@example\.net\n", ours.lower())
    ours = ours.split("@")[0] + "@example.net"
    e = p.wait_event("bounced", since=mark)
    assert e["rcpt"] == ours and "<%s> is nobody here" % ours in e["text"]
    p.stop()
    assert not re.search(r"(?<!\w)(ann|bad\.one|app)@", p.runs[0].err.text())
    p.start()  # the same one is the same one after a restart
    assert tool(p, "log", "address", "bad.one@example.net")[1] == ours + "\n"
    assert tool(p, "log", "address", "nobody")[0] == 64 and tool(p, "log", "address")[0] == 64
    p.stop()


def is_listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def test_a_syslog_that_hangs_stops_no_mail(sink, postern, tmp_path):
    """Nobody reads what it is sent; then somebody does, and the lines come."""
    path = str(tmp_path / "log.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(path)
        syslog.settimeout(harness.LONG)
        s = sink()
        p = postern(s.port, start=False, log={"to": "syslog", "syslog_socket": path, "level": "debug"},
                    listeners=[{"name": "local", "address": ["127.0.0.1:%d" % harness.free_port()]}])
        p.start(wait=False)
        port = int(p.settings["listeners"][0]["address"][0].rsplit(":", 1)[1])
        harness.wait_until(lambda: is_listening(port), what="the listener")
        for n in range(1, 16):  # ten datagrams fill the usual queue
            harness.send_raw(port, mails.plain())
        s.wait_messages(n)
        lines = []
        while sum("event=delivered" in x for x in lines) < n:
            lines.append(syslog.recv(4096).decode())
        pid = p.proc.pid
        p.stop()
    assert all(re.match(r"<2[0-3]>[A-Z][a-z]{2} [ 1-3]\d \d\d:\d\d:\d\d posternd\[%d\]: " % pid, x) for x in lines)
    assert not any(x.endswith("\n") for x in lines)
    assert sum("event=accepted" in x for x in lines) == n
