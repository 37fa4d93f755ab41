# SPDX-License-Identifier: Apache-2.0
"""Where the log goes, and in what form."""
import re

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
