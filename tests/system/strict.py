# SPDX-License-Identifier: Apache-2.0
"""SMTP as RFC 5321 reads it to the letter, written down a second time: what
the codes to a client's octets must be, and which messages stand in them; and
the same where a listener lets LF alone end a line.  And a provider that keeps
every octet it is sent."""
import re
import socket

import harness

BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")


def unstuffed(content, newline):
    """The content of DATA: the first dot of a line goes."""
    return re.sub(rb"(?:(?<=%s)|\A)\." % newline, b"", content)


def data_end(rest, newline):
    """(content, what follows the dot) or (None, b"")"""
    end = re.search(rb"(?:(?<=%s)|\A)\.%s" % (newline, rb"\r?\n" if newline == b"\n" else newline), rest)
    return (rest[:end.start()], rest[end.end():]) if end else (None, b"")


def normal(content):
    """Lines that end with LF alone end with CRLF."""
    return re.sub(rb"(?<!\r)\n", b"\r\n", content)


class Reading:
    """codes and messages ((sender, [recipients], content)) of the octets that
    a client sent behind the greeting; is_over: QUIT was said.  lenient: LF
    alone ends a line, and content where DATA ended so."""

    def __init__(self, octets, lenient=False):
        self.codes, self.messages, self.is_over = [], [], False
        self.rest, self.hello, self.lenient = octets, False, lenient
        self.forget()
        while not self.is_over:
            line, end, rest = self.rest.partition(b"\n" if lenient else b"\r\n")
            if not end:
                break
            self.rest, self.newline = rest, b"\n"
            if not lenient or line.endswith(b"\r"):
                self.newline = b"\r\n"
                line = line[:-1] if lenient else line
            self.command(line)

    def forget(self):
        self.sender, self.recipients, self.chunks, self.binary = None, [], None, False

    def say(self, code):
        self.codes.append(code)

    def command(self, line):
        verb = line.rstrip(b" \t").split(b" ")[0].upper()
        do = getattr(self, "on_" + verb.decode("latin-1").lower(), None)
        if BARE.search(line) or do is None or not verb:
            self.say(500)
        else:
            do(line)

    def on_ehlo(self, line):
        self.hello = True
        self.forget()
        self.say(250)

    def on_noop(self, line):
        self.say(250)

    def on_rset(self, line):
        self.forget()
        self.say(250)

    def on_quit(self, line):
        self.is_over = True
        self.say(221)

    def on_mail(self, line):
        if not self.hello or self.sender is not None:
            return self.say(503)
        self.sender = line[line.index(b"<") + 1:line.index(b">")]
        self.binary = line.endswith(b" BODY=BINARYMIME")
        self.say(250)

    def on_rcpt(self, line):
        if self.sender is None or self.chunks is not None:
            return self.say(503)
        self.recipients.append(line[line.index(b"<") + 1:line.index(b">")])
        self.say(250)

    def on_data(self, line):
        if not self.recipients or self.chunks is not None:
            return self.say(503)
        self.say(354)
        content, self.rest = data_end(self.rest, self.newline)
        if content is not None:
            self.end(unstuffed(content, self.newline))

    def on_bdat(self, line):
        words = line.split()
        size, last = int(words[1]), len(words) > 2
        if len(self.rest) < size:
            self.rest = b""
            return
        chunk, self.rest = self.rest[:size], self.rest[size:]
        if not self.recipients:
            return self.say(503)
        self.chunks = (self.chunks or b"") + chunk
        # a CR at the end of a chunk may be half a line end
        whole = self.chunks[:-1] if not last and self.chunks.endswith(b"\r") else self.chunks
        if self.is_bad(normal(whole) if self.lenient else whole):
            self.forget()
            self.say(550)
        elif last:
            self.end(self.chunks)
        else:
            self.say(250)

    def is_bad(self, content):
        """RFC 3030: a binary body holds anything."""
        return BARE.search(content.partition(b"\r\n\r\n")[0] if self.binary else content)

    def end(self, content):
        content = normal(content) if self.lenient else content
        if self.is_bad(content):
            self.say(550)
        else:
            self.messages.append((self.sender, list(self.recipients), content))
            self.say(250)
        self.forget()


class Keeper(harness.Rude):
    """A provider that takes everything and keeps the octets of each session;
    extensions: what it offers.  Without BINARYMIME nothing bare may come."""

    def __init__(self, *extensions):
        self.extensions, self.streams, self.kept = extensions, {}, 0
        super().__init__(self.serve)

    def line(self, s):
        x = s.line()
        self.streams[s.number] += x
        return x

    def serve(self, s):
        self.streams[s.number] = b""
        s.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.say("220 keeper.test\r\n")
        while True:
            line = self.line(s)
            verb = line[:4].upper()
            if verb == b"EHLO":
                s.say("".join("250-%s\r\n" % x for x in ("keeper.test",) + self.extensions) + "250 PIPELINING\r\n")
            elif verb == b"DATA":
                s.say("354 go on\r\n")
                while self.line(s) != b".\r\n":
                    pass
                self.keep(s)
            elif verb == b"BDAT":
                words = line.split()
                self.streams[s.number] += s.file.read(int(words[1]))
                if len(words) > 2:
                    self.keep(s)
                else:
                    s.say("250 ok\r\n")
            else:
                s.say("221 bye\r\n" if verb == b"QUIT" else "250 ok\r\n")
                if verb == b"QUIT":
                    return

    def keep(self, s):
        with self.cond:
            self.kept += 1
            self.cond.notify_all()
        s.say("250 2.0.0 kept\r\n")

    def wait_kept(self, n):
        with self.cond:
            assert self.cond.wait_for(lambda: self.kept >= n, harness.LONG), "%d of %d came" % (self.kept, n)

    def messages(self):
        """By strict reading of all that was sent; nothing bare may be in it."""
        got = []
        for octets in list(self.streams.values()):
            bare = BARE.search(octets)
            assert not bare or "BINARYMIME" in self.extensions, octets[max(0, bare.start() - 100):bare.end() + 100]
            got += Reading(octets).messages
        assert len(got) == self.kept, "%d messages were answered, %d can be read" % (self.kept, len(got))
        return got
