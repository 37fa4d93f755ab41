# SPDX-License-Identifier: Apache-2.0
"""What the system tests share: programs of ours started on free ports of
loopback and stopped by their pid, and waiting for what they say, never for a
time.  Paths: POSTERN_BUILD (the build directory), or POSTERND, POSTERN_SINK
and POSTERN_LOAD each."""
import json
import os
import pathlib
import random
import re
import select
import signal
import socket
import ssl
import subprocess
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", os.getcwd()))
POSTERND = os.environ.get("POSTERND", str(BUILD / "posternd"))
SINK = os.environ.get("POSTERN_SINK", str(BUILD / "postern-sink"))
LOAD = os.environ.get("POSTERN_LOAD", str(BUILD / "tests/bench/postern-load"))

# One that is never reached unless something is wrong: slow machines, sanitizers.
LONG = float(os.environ.get("POSTERN_TEST_TIMEOUT", "60"))



def is_built_with(pattern):
    try:
        return re.search(pattern, open(POSTERND, "rb").read()) is not None
    except OSError:
        return False


SANITIZED = is_built_with(rb"__[at]san_init")  # --enable-sanitizers
TEST_CLOCK = is_built_with(rb"POSTERN_TEST_CLOCK")  # --enable-test-clock
REPORT = re.compile(
    r"ERROR: (Address|Leak|Thread|Memory)Sanitizer|WARNING: ThreadSanitizer|runtime error:|"
    r"Assertion .* failed|LeakSanitizer: detected")


class Lines:
    """The lines of a pipe, read by a thread; wait() looks at all there were
    and all that come."""

    def __init__(self, pipe):
        self.pipe, self.lines, self.ended = pipe, [], False
        self.cond = threading.Condition()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        for raw in self.pipe:
            with self.cond:
                self.lines.append(raw.decode("utf-8", "backslashreplace").rstrip("\n"))
                self.cond.notify_all()
        with self.cond:
            self.ended = True
            self.cond.notify_all()

    def wait(self, match, timeout=LONG, since=0, what="a line"):
        """match(lines since) -> something true; returned."""
        end = time.monotonic() + timeout
        with self.cond:
            while True:
                found = match(self.lines[since:])
                if found:
                    return found
                left = end - time.monotonic()
                if left <= 0 or self.ended:
                    raise AssertionError("%s did not come%s; the last lines:\n%s" % (
                        what, " (the program has ended)" if self.ended else "",
                        "\n".join(self.lines[-40:])))
                self.cond.wait(left)

    def text(self):
        with self.cond:
            return "\n".join(self.lines)

    def mark(self):
        with self.cond:
            return len(self.lines)


class Program:
    """A child; its standard output and error are Lines."""

    def __init__(self, argv, **kw):
        self.argv = [str(a) for a in argv]
        self.proc = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, **kw)
        self.out, self.err = Lines(self.proc.stdout), Lines(self.proc.stderr)

    @property
    def pid(self):
        return self.proc.pid

    def wait(self, timeout=LONG):
        try:
            rc = self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            self.proc.send_signal(signal.SIGABRT)  # its backtrace tells where it hangs
            try:
                self.proc.wait(10)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
            self.join()
            raise AssertionError("%s did not end:\n%s" % (self.argv[0], self.err.text()[-6000:]))
        self.join()
        return rc

    def join(self):
        self.out.thread.join(10)
        self.err.thread.join(10)
        self.proc.stdout.close()
        self.proc.stderr.close()

    def signal(self, signo):
        self.proc.send_signal(signo)

    def is_running(self):
        return self.proc.poll() is None

    def check_reports(self):
        m = REPORT.search(self.err.text())
        assert not m, "%s:\n%s" % (self.argv[0], self.err.text()[-8000:])


def shared_clock(factor):
    """The environment of programs that share a clock which runs so fast from now
    on; they have to be built with --enable-test-clock."""
    return {"POSTERN_TEST_CLOCK": "%g@%d" % (factor, time.monotonic_ns() // 1000)}


# --- postern-sink -----------------------------------------------------------------

class Sink(Program):
    """postern-sink with its log on the pipe, or in a file of the caller's.
    script: the file it reads."""

    def __init__(self, *options, port=0, maildir=None, script=None, log="-", env=None):
        argv = [SINK, "--listen", "127.0.0.1:%d" % port, "--log", log]
        if maildir:
            argv += ["--maildir", maildir]
        if script:
            argv += ["--script", script]
        self.script = script
        super().__init__(argv + list(options), env={**os.environ, **(env or {})})
        self.summary = None
        line = self.out.wait(lambda ls: next((x for x in ls if x.startswith("listening ")), None),
                             what="postern-sink's listening line")
        self.port = int(line.rsplit(":", 1)[1])

    def events(self, name=None, lines=None):
        rows = []
        for line in self.out.lines if lines is None else lines:
            if line.startswith("{"):
                d = json.loads(line)
                if name is None or d["event"] == name:
                    rows.append(d)
        return rows

    def messages(self):
        return self.events("message")

    def wait_messages(self, n, timeout=LONG, since=0):
        """At least n messages are here."""
        def enough(lines):
            hits = [x for x in lines if x.startswith('{"event":"message"')]
            return hits if len(hits) >= n else None
        got = self.out.wait(enough, timeout, since, "message %d at the sink" % n)
        return [json.loads(x) for x in got]

    def wait_event(self, name, n=1, timeout=LONG, since=0):
        def enough(lines):
            hits = [x for x in lines if x.startswith('{"event":"%s"' % name)]
            return hits if len(hits) >= n else None
        got = self.out.wait(enough, timeout, since, "event %s (%d) at the sink" % (name, n))
        return [json.loads(x) for x in got]

    def read_again(self, text):
        """Another script from now on; its time begins."""
        pathlib.Path(self.script).write_text(text)
        n = len(self.events("started"))
        self.signal(signal.SIGHUP)
        return self.wait_event("started", n + 1)[-1]

    def stop(self):
        """Its summary; asserts that it ended well."""
        if self.summary is None:
            if self.is_running():
                self.signal(signal.SIGTERM)
            rc = self.wait()
            self.check_reports()
            assert rc == 0, "postern-sink: exit %s\n%s" % (rc, self.err.text())
            self.summary = self.events("summary")[-1]
        return self.summary


# --- posternd ---------------------------------------------------------------------

def conf_value(v):
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, (int, float)):
        return repr(v)
    if isinstance(v, str):
        return '"%s"' % v.replace("\\", "\\\\").replace('"', '\\"')
    if isinstance(v, dict):
        return "{ %s }" % " ".join("%s = %s;" % (k, conf_value(x)) for k, x in v.items())
    if v and isinstance(v[0], dict):
        return "( %s )" % ", ".join(conf_value(x) for x in v)
    return "[ %s ]" % ", ".join(conf_value(x) for x in v)


def conf_text(settings):
    return "".join("%s = %s;\n" % (k, conf_value(v)) for k, v in settings.items())


FIELD = re.compile(r'([A-Za-z_0-9]+)=("(?:[^"\\]|\\.)*"|\S*)')


def parse_event(line):
    """A line of the log as a dict (values as text), or None."""
    if "event=" not in line:
        return None
    d = {}
    for k, v in FIELD.findall(line):
        if v.startswith('"'):
            v = v[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        d.setdefault(k, v)
    return d if "event" in d else None


def private(path, text):
    """A file that nobody else may read, as one with a password has to be."""
    path.write_text(text)
    path.chmod(0o600)
    return path


def provider(port, name="sink", **more):
    """A provider on this machine without TLS."""
    d = dict(name=name, host="127.0.0.1", port=port, tls="off")
    d.update(more)
    return d


class Postern:
    """posternd with a spool in a directory of its own; may be started again
    and again on it."""

    def __init__(self, directory, providers, **settings):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.spool = pathlib.Path(settings.pop("spool_directory", self.dir / "spool"))
        self.spool.mkdir(mode=0o700, exist_ok=True)
        self.drop = self.dir / "drop"
        self.drop.mkdir(exist_ok=True)
        self.drop.chmod(0o3733)
        self.port = None
        self.settings = {
            "hostname": "postern.test",
            "listeners": [{"name": "local", "address": ["127.0.0.1:0"]}],
            "providers": list(providers),
            "spool": {"directory": str(self.spool)},
            "submission": {"socket": str(self.dir / "submission.sock"), "drop_directory": str(self.dir / "drop")},
            "log": {"to": "stderr", "level": "info", "repeats": 0},  # tests wait for each line
        }
        if os.getuid() == 0:
            self.settings.update(user="root", group="root")
        for k, v in settings.items():
            if isinstance(v, dict) and isinstance(self.settings.get(k), dict):
                self.settings[k] = {**self.settings[k], **v}
            else:
                self.settings[k] = v
        self.conf = self.dir / "postern.conf"
        self.told = None  # the process that was sent SIGTERM
        self.proc = None
        self.runs = []  # everything that was started

    def write_conf(self):
        self.conf.write_text(conf_text(self.settings))

    def start(self, wait=True, env=None, under=(), **kw):
        """under: a program that runs it, such as prlimit with its options."""
        self.write_conf()
        self.proc = Program([*under, POSTERND, "-f", "-c", self.conf],
                            env={**os.environ, **(env or {})}, **kw)
        self.runs.append(self.proc)
        if wait:
            self.port = self.listening()
            if self.settings["listeners"][0]["address"] == ["127.0.0.1:0"]:
                # keep the port when it is started again
                self.settings["listeners"][0]["address"] = ["127.0.0.1:%d" % self.port]
        return self

    def listening(self):
        """The port of the first listener."""
        e = self.wait_event("listening")
        text = " ".join(e.values())
        return int(re.search(r"127\.0\.0\.1:(\d+)", text).group(1))

    @property
    def log(self):
        return self.proc.err

    def events(self, name=None):
        rows = [parse_event(x) for x in list(self.log.lines)]
        return [e for e in rows if e and (name is None or e["event"] == name)]

    def wait_event(self, name, n=1, timeout=LONG, since=0, **fields):
        """The n-th event of that name whose fields are as given."""
        def match(lines):
            hits = 0
            for line in lines:
                if "event=" + name not in line:
                    continue
                e = parse_event(line)
                if e and e["event"] == name and all(e.get(k) == str(v) for k, v in fields.items()):
                    hits += 1
                    if hits == n:
                        return e
            return None
        return self.log.wait(match, timeout, since, "event %s %s (%d)" % (name, fields, n))

    def reload(self):
        self.write_conf()
        mark = self.log.mark()
        self.proc.signal(signal.SIGHUP)
        return mark

    def terminate(self):
        """SIGTERM, the first; stop() then only waits: a second one would end
        the daemon at once."""
        self.told = self.proc
        self.proc.signal(signal.SIGTERM)

    def stop(self, timeout=LONG):
        """SIGTERM; it ends with 0 and without a report."""
        if self.proc is None:
            return
        if self.told is not self.proc and self.proc.is_running():
            self.terminate()
        rc = self.proc.wait(timeout)
        proc, self.proc = self.proc, None
        proc.check_reports()
        assert rc == 0, "posternd: exit %s\n%s" % (rc, proc.err.text()[-6000:])
        return proc

    def kill9(self):
        proc, self.proc = self.proc, None
        proc.signal(signal.SIGKILL)
        proc.wait()
        proc.check_reports()
        return proc

    def clean_up(self):
        if self.proc is not None and self.proc.is_running():
            self.proc.signal(signal.SIGKILL)
            self.proc.wait()

    def rss_anon_kib(self):
        for line in open("/proc/%d/status" % self.proc.pid):
            if line.startswith("RssAnon:"):
                return int(line.split()[1])


# --- load ---------------------------------------------------------------------------

class Load(Program):
    """postern-load; result() waits for its end.  A disk that others keep busy may
    let a commit wait for many seconds: it does not give up before LONG."""

    def __init__(self, port, directory, number, connections=10, *options, first=0):
        self.states_file = os.path.join(str(directory), "load-%d-%d.states" % (os.getpid(), first))
        super().__init__([LOAD, "-t", "127.0.0.1:%d" % port, "-n", str(number), "-c",
                          str(connections), "-F", str(first), "-g", str(LONG), "-o", self.states_file, *options])

    def result(self, timeout=LONG * 3):
        rc = self.wait(timeout)
        self.check_reports()
        assert rc in (0, 1), self.err.text()
        d = json.loads(self.out.lines[-1])
        states = [x.split() for x in open(self.states_file)]
        os.unlink(self.states_file)
        d["states"] = {int(n): s for n, s, _ in states}
        d["settled_us"] = {int(n): int(us) for n, _, us in states}  # monotonic
        return d


# --- a provider that is rude on purpose -----------------------------------------------

class Rude:
    """A scripted server: talk(session) is called in a thread for each
    connection.  What postern-sink --reply cannot do: nonsense on the wire."""

    def __init__(self, talk):
        self.talk, self.sessions, self.errors = talk, 0, []
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.cond = threading.Condition()
        self.wake_r, self.wake_w = os.pipe()
        self.open = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            ready, _, _ = select.select([self.sock, self.wake_r], [], [])
            if self.wake_r in ready:
                return
            conn, _ = self.sock.accept()
            with self.cond:
                self.sessions += 1
                self.open.append(conn)
                self.cond.notify_all()
            threading.Thread(target=self.one, args=(conn, self.sessions), daemon=True).start()

    def one(self, conn, number):
        s = RudeSession(conn, number)
        try:
            self.talk(s)
        except (OSError, EOFError):
            pass
        except Exception as e:
            self.errors.append(e)
        finally:
            conn.close()
            with self.cond:
                self.open.remove(conn)
                self.cond.notify_all()

    def wait_sessions(self, n, timeout=LONG):
        with self.cond:
            assert self.cond.wait_for(lambda: self.sessions >= n, timeout), \
                "session %d did not come" % n

    def stop(self):
        os.write(self.wake_w, b"x")
        self.thread.join()
        self.sock.close()
        with self.cond:
            for c in self.open:
                try:
                    c.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        os.close(self.wake_r)
        os.close(self.wake_w)
        assert not self.errors, self.errors


class RudeSession:
    def __init__(self, sock, number):
        self.sock, self.number = sock, number
        self.sock.settimeout(LONG)
        self.file = sock.makefile("rb")

    def say(self, text):
        self.sock.sendall(text.encode("latin-1") if isinstance(text, str) else text)

    def line(self):
        x = self.file.readline()
        if not x:
            raise EOFError
        return x

    def expect(self, verb):
        x = self.line()
        assert x.upper().startswith(verb.upper().encode()), (verb, x)
        return x

    def until_dot(self):
        body = []
        while True:
            x = self.line()
            if x == b".\r\n":
                return b"".join(body)
            body.append(x)

    def hello(self, *extensions):
        self.say("220 rude.test\r\n")
        self.expect("EHLO")
        lines = ["rude.test"] + list(extensions)
        for i, x in enumerate(lines):
            self.say("250%s%s\r\n" % ("-" if i < len(lines) - 1 else " ", x))

    def wait_close(self):
        while self.file.read(4096):
            pass


# --- the client's side ------------------------------------------------------------------

class Client:
    """An SMTP client on the wire, octet by octet."""

    def __init__(self, port, timeout=LONG):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def reply(self):
        """(code, [text])"""
        texts = []
        while True:
            line = self.file.readline()
            assert line.endswith(b"\r\n"), "a reply that does not end: %r" % line
            texts.append(line[4:-2].decode("latin-1"))
            if line[3:4] != b"-":
                return int(line[:3]), texts

    def cmd(self, text):
        self.send(text + "\r\n")
        return self.reply()

    def open(self):
        assert self.reply()[0] == 220
        code, texts = self.cmd("EHLO client.test")
        assert code == 250
        return texts

    def secure(self, context, name="postern.test", session=None):
        """From here on TLS."""
        self.file.close()
        self.sock = context.wrap_socket(self.sock, server_hostname=name, session=session)
        self.file = self.sock.makefile("rb")

    def starttls(self, context, name="postern.test", session=None):
        assert self.cmd("STARTTLS")[0] == 220
        self.secure(context, name, session)

    def is_closed(self):
        try:
            return self.sock.recv(1) == b""
        except (ConnectionResetError, ssl.SSLEOFError):
            return True

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.close()


def send_raw(port, content, sender="app@example.com", recipients=("ann@example.net",), options=()):
    """One message, its octets exactly as given (CRLF line ends, dots not yet
    doubled); the reply's text to the final dot.  A recipient in <> may have
    options behind it."""
    with Client(port) as c:
        c.open()
        code, text = c.cmd("MAIL FROM:<%s>%s" % (sender, "".join(" " + o for o in options)))
        assert code == 250, text
        for r in recipients:
            code, text = c.cmd("RCPT TO:" + (r if r.startswith("<") else "<%s>" % r))
            assert code == 250, (r, text)
        assert c.cmd("DATA")[0] == 354
        if content.startswith(b"."):
            content = b"." + content
        c.send(content.replace(b"\r\n.", b"\r\n.."))
        if content and not content.endswith(b"\r\n"):
            c.send(b"\r\n")
        c.send(b".\r\n")
        code, text = c.reply()
        assert code == 250, text
        try:
            c.cmd("QUIT")
        except (OSError, AssertionError):
            pass  # it ended with this message
        return text[-1]


def without_received(content):
    """(the first field, which is Received, the rest)"""
    assert content[:9].lower() == b"received:", content[:200]
    at = 0
    while True:
        at = content.index(b"\r\n", at) + 2
        if content[at:at + 1] not in (b" ", b"\t"):
            return content[:at], content[at:]


def free_port():
    """Nobody listens there, and nobody is given it by chance before the test
    listens itself: it is below the ports that the system hands out."""
    while True:
        port = random.randrange(10000, 30000)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_until(check, timeout=LONG, what="it"):
    """For what tells nobody when it changes (a file of another program):
    asks again and again."""
    end = time.monotonic() + timeout
    while True:
        x = check()
        if x:
            return x
        if time.monotonic() > end:
            raise AssertionError("%s did not come about" % what)
        select.select([], [], [], 0.02)
