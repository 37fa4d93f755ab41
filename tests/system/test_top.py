# SPDX-License-Identifier: Apache-2.0
"""postern top: the figures as text, and on a terminal that pyte plays."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pyte
import pytest

import harness
import mails

POSTERN = os.environ.get("POSTERN", str(harness.BUILD / "postern"))
on_screen = pytest.mark.skipif(b"postern: it was built without ncurses" in open(POSTERN, "rb").read(),
                               reason="built without ncurses")


class Screen:
    """What a person sees of a program on a terminal of its own, and its keys."""

    def __init__(self, argv, columns, lines, locale="C.UTF-8", term="linux"):
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.fd, inner = pty.openpty()
        self.set_size(columns, lines)
        env = {k: v for k, v in os.environ.items() if k not in ("LC_ALL", "LINES", "COLUMNS")}
        self.proc = subprocess.Popen([str(a) for a in argv], stdin=inner, stdout=inner, stderr=inner,
                                     start_new_session=True,
                                     env={**env, "LC_ALL": locale, "TERM": term})
        os.close(inner)

    def set_size(self, columns, lines):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns, lines):
        self.screen.resize(lines, columns)
        self.set_size(columns, lines)
        self.proc.send_signal(signal.SIGWINCH)

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def text(self):
        return "\n".join(x.rstrip() for x in self.screen.display)

    def wait(self, match, what):
        """Until match(what is seen)."""
        end = time.monotonic() + harness.LONG
        while not match(self.text()):
            left = end - time.monotonic()
            ready = left > 0 and select.select([self.fd], [], [], left)[0]
            if not ready or not self.feed():
                raise AssertionError("%s is not on the screen:\n%s" % (what, self.text()))
        return self.text()

    def rows(self, match, what):
        return self.wait(lambda text: match(text.split("\n")), what).split("\n")

    def sees(self, part):
        return self.wait(lambda text: part in text, part)

    def feed(self):
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: the program has ended
            return False
        self.stream.feed(data)
        return True

    def end(self):
        """Its exit code, once it has ended."""
        while self.feed():
            pass
        return self.proc.wait(harness.LONG)

    def stop(self):
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()
        os.close(self.fd)


@pytest.fixture
def terminal(made):
    def start(*argv, columns=80, lines=24, **kw):
        made.append(Screen(argv, columns, lines, **kw))
        return made[-1]
    return start


def run(p, *words, **kw):
    r = subprocess.run([POSTERN, *words, "-c", str(p.conf)], capture_output=True, text=True,
                       timeout=harness.LONG, stdin=subprocess.DEVNULL, **kw)
    return r.returncode, r.stdout, r.stderr


def status(p):
    return json.loads(run(p, "status", "--json")[1])


def still(doc):
    """What does not change while nothing happens."""
    queue = {k: v for k, v in doc["queue"].items() if k != "oldest_s"}
    return [queue, doc["in"], doc["out"], doc["windows"],
            [[d[k] for k in ("state", "sessions", "waiting", "sending", "results")] for d in doc["providers"]]]


@pytest.fixture
def busy(sink, postern, tmp_path):
    """Three messages delivered, one waits for a provider that is away."""
    s = sink()
    p = postern(harness.provider(s.port, name="ses", rate=["1000 rcpt/day"]),
                harness.provider(harness.free_port(), name="backup", breaker={"failures": 1, "open": "60s"}),
                routes=[{"name": "b", "match": {"recipient": ["b@example.net"]}, "use": ["backup"]},
                        {"name": "default", "use": ["ses"]}],
                control={"socket": str(tmp_path / "c.sock")})
    for _ in range(3):
        harness.send_raw(p.port, mails.plain())
    harness.send_raw(p.port, mails.plain(), recipients=["b@example.net"])
    s.wait_messages(3)
    p.wait_event("provider.down", provider="backup")
    harness.wait_until(lambda: status(p)["queue"]["queued"] == 1, what="three delivered, one queued")
    return p


def test_text_has_the_numbers_of_status(busy):
    p = busy
    harness.wait_until(lambda: status(p)["out"]["last_minute"] == 3 and "oldest_s" in status(p)["queue"],
                       what="the figures of the last second")
    got = []

    def look():
        doc = status(p)
        got[:] = [doc, *run(p, "top", "--batch", "-n", "1")]
        return still(doc) == still(status(p))

    harness.wait_until(look, what="a moment at which nothing happens")
    doc, rc, out, err = got
    assert (rc, err) == (0, "")
    lines = out.splitlines()
    assert all(len(x) <= 80 for x in lines) and out.isascii(), out
    assert "postern %s, pid %d, up " % (doc["version"], doc["pid"]) in lines[0] and lines[0].endswith(": accepts mail")
    q = doc["queue"]
    assert re.fullmatch(r"queue   %d queued \(%d, oldest \d+[sm]\), %d held, %d in doubt, %d dead" % (
        q["queued"], q["bytes"], q["held"], q["doubt"], q["dead"]), lines[1]), lines[1]
    assert lines[2].split() == ["in", "-/s", str(doc["in"]["last_minute"]), "last", "minute",
                                str(doc["in"]["sessions"]), "sessions"]
    assert lines[3].split()[:6] == ["out", "-/s", "3", "last", "minute", str(doc["out"]["in_hand"])]
    ms = doc["out"]["delivery_ms"]
    assert lines[4].startswith("times   P50 %d ms, P95 %d ms, P99 %d ms; CPU " % (ms["p50"], ms["p95"], ms["p99"]))
    assert lines[5].startswith("spool   ")
    rows = {x.split()[0]: x.split() for x in lines[7:10]}
    assert rows["ses"][1:3] == ["ok", "normal"] and rows["ses"][-2] == "3"
    assert rows["backup"][1] == "open" and rows["backup"][-2:] == ["0", "-"]
    assert int(rows["ses"][4]) == sum(doc["providers"][0]["sessions"].values())
    table = [x.split() for x in lines[11:14]]
    assert table[0][:5] == ["PROVIDER", "HIGH", "NORMAL", "LOW", "SENDING"]
    for row, d in zip(table[1:], doc["providers"]):
        w, r = d["waiting"], d["results"]
        assert row == [d["name"]] + [str(n) for n in (w["high"], w["normal"], w["low"], d["sending"],
                                                      r["delivered"], r["deferred"], r["bounced"])]
    assert "\nTO BE MENDED\n" in out and "\nCHANGES since top looks\nnone\n" in out
    assert lines[-1].split()[:5] == ["provider/ses", "1000", "rcpt/1d", "3", "1000"]
    # the second tells of what came between the two, and of other bounds
    rc, out, err = run(p, "top", "--batch", "-n", "2", "-d", "1", env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert (rc, err) == (0, "") and out.count("accepts mail") == 2
    assert "\nin          0.0/s " in out and "\u2581" in out


def test_no_screen_is_a_clear_error(busy, terminal):
    p = busy
    rc, out, err = run(p, "top")
    assert (rc, out) == (64, "") and err == ("postern: this is no terminal; postern top --batch prints without a "
                                             "terminal\n") or "built without ncurses" in err
    assert run(p, "top", "-n", "1")[0] == 64 and run(p, "top", "x")[0] == 64
    rc, _, err = run(p, "top", "--batch", "-n", "0")
    assert rc == 64 and '"0" is no number; write one of 1 to ' in err
    assert run(p, "top", "--batch", "-d", "3601")[0] == 64
    t = subprocess.run([POSTERN, "top", "--batch", "-s", str(p.dir / "nothing")], capture_output=True, text=True)
    assert t.returncode == 69 and t.stderr == "postern: %s/nothing: No such file or directory\n" % p.dir


@on_screen
def test_a_terminal_that_nobody_knows(busy, terminal):
    t = terminal(POSTERN, "top", "-c", busy.conf, term="no-such-terminal")
    assert t.end() == 64
    assert "terminfo does not know the terminal (TERM=no-such-terminal)" in t.text().replace("\n", "")


@on_screen
@pytest.mark.parametrize("locale, low", [("C.UTF-8", "\u2581"), ("C", "_")])
def test_screens_of_any_size(busy, terminal, locale, low):
    t = terminal(POSTERN, "top", "-d", "1", "-c", busy.conf, locale=locale)

    def whole(rows):
        """From the first line to the last one, and no other is where it does not belong."""
        return rows[0][8:].startswith("Z postern ") and rows[6].startswith("[1 providers]") and \
            rows[7].startswith("PROVIDER") and rows[8].startswith("ses ") and not any(rows[10:-2]) and \
            rows[-1].startswith("q quit")

    rows = t.rows(lambda rows: whole(rows) and rows[2].endswith(low), "two documents")  # then there is a rate
    assert len(rows) == 24 and rows[7].split()[-2:] == ["DELIVERED", "P95"] and " 0.0/s " in rows[2]
    assert rows[8].split()[1:3] == ["ok", "normal"] and rows[9].split()[:2] == ["backup", "open"]
    t.resize(200, 50)
    rows = t.rows(lambda rows: whole(rows) and rows[7].endswith("LAST TROUBLE"), "a wide page")
    assert len(rows) == 50 and re.search(r" net +\d+[sm] ago at connect: connect: Connection refused$", rows[9])
    assert len(rows[2]) == 200
    t.resize(40, 11)
    rows = t.rows(lambda rows: whole(rows) and rows[7].endswith(" LEVEL"), "a small page")
    assert len(rows) == 11
    t.resize(80, 24)
    t.rows(lambda rows: whole(rows) and rows[7].endswith(" P95"), "the first page again")
    t.press("q")
    assert t.end() == 0


@on_screen
def test_keys(busy, terminal):
    p = busy
    t = terminal(POSTERN, "top", "-d", "1", "-c", p.conf)
    t.sees("q quit")
    t.press("2")
    t.sees("PROVIDER           HIGH   NORMAL")
    t.press("3")
    t.sees("TO BE MENDED")
    t.press("4")
    t.sees("provider/ses             1000 rcpt/1d")
    t.press("?")
    t.sees("any key leads back")
    t.press("1s")  # any key: the first is used up
    t.sees(" by name")
    t.press("1")
    t.sees("[1 providers]")
    t.press("/SES\n")
    t.wait(lambda text: "with SES" in text and "backup" not in text, "ses alone")
    t.press("p")
    t.sees("leave ses alone until it is resumed? y: yes, else no")
    t.press("n")
    t.sees("nothing was done")
    assert "paused" not in status(p)["providers"][0]
    t.press("p")
    t.sees("leave ses alone")
    t.press("y")
    t.sees("ses is left alone")
    p.wait_event("provider.paused", provider="ses", uid=os.getuid())
    t.sees("paused")
    t.press("p")
    t.sees("have ses asked again?")
    t.press("y")
    p.wait_event("provider.resumed", provider="ses", uid=os.getuid())
    t.press("\x1b")
    t.sees("backup")
    t.press("r")
    t.sees("try all now that waits after ")
    t.press("y")
    t.sees(" due now")
    t.press("3")
    t.wait(lambda text: re.search(r"\d\dZ ses: ok -> paused", text), "a change")
    t.press("\x1b[B\x1b[A")  # keys that send more than one character
    t.press("q")
    assert t.end() == 0


@on_screen
def test_a_daemon_that_goes_and_comes(busy, terminal):
    p = busy
    t = terminal(POSTERN, "top", "-d", "1", "-c", p.conf)
    t.sees("accepts mail")
    p.stop()
    t.sees("NO ANSWER since ")
    t.sees("queue   1 queued")  # what was known stays
    p.start()
    t.sees("accepts mail")
    t.press("3")
    text = t.sees("the daemon was started anew")
    assert "the daemon answers again" in text and "no answer: " in text
    os.kill(t.proc.pid, signal.SIGTERM)
    assert t.end() != 0
    t.screen.reset()


@on_screen
def test_a_terminal_that_goes_away(busy, terminal):
    t = terminal(POSTERN, "top", "-c", busy.conf)
    t.sees("accepts mail")
    os.close(t.fd)
    t.fd = os.open("/dev/null", os.O_RDONLY)
    t.proc.wait(harness.LONG)
