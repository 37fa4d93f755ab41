# SPDX-License-Identifier: Apache-2.0
"""What the long plays share (million, soak, backlog): a directory, programs of
ours that do not outlive it, and what they use."""
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))
sys.dont_write_bytecode = True
import harness


def fail(what):
    print("%s: %s" % (os.path.basename(sys.argv[0]), what), file=sys.stderr)
    sys.exit(2)


def nap(seconds):
    if seconds > 0:
        select.select([], [], [], seconds)


class Stage:
    def __init__(self, name, directory, speed=1, keep=False):
        """speed: of the clock that all programs here share."""
        if speed != 1 and not harness.TEST_CLOCK:
            fail("the clock of %s cannot be made faster; build it with --enable-test-clock" % harness.POSTERND)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-%s." % name, dir=directory))
        self.keep, self.programs, self.env = keep, [], {}
        self.start_us = time.monotonic_ns() // 1000
        if speed != 1:
            self.env["POSTERN_TEST_CLOCK"] = "%g@%d" % (speed, self.start_us)

    def start(self, argv, **kw):
        p = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL,
                             env={**os.environ, **self.env, **kw.pop("env", {})}, **kw)
        self.programs.append(p)
        return p

    def sink(self, name, script, *options):
        """(the program, its port); it logs to NAME.log."""
        path = self.dir / (name + ".sink")
        path.write_text(script)
        with open(self.dir / (name + ".err"), "w") as err:
            p = self.start([harness.SINK, "-l", "127.0.0.1:0", "--script", path, *options], stdout=subprocess.PIPE,
                           stderr=err, text=True)
        line = p.stdout.readline()
        if not line.startswith("listening "):
            fail("postern-sink does not listen:\n%s" % (self.dir / (name + ".err")).read_text())
        return p, int(line.rsplit(":", 1)[1])

    def log_of(self, name):
        return self.dir / (name + ".log")

    def end_sink(self, p):
        """Its summary."""
        p.send_signal(signal.SIGTERM)
        return json.loads(p.communicate()[0].splitlines()[-1])

    def configure(self, settings):
        (self.dir / "spool").mkdir(mode=0o700, exist_ok=True)
        settings = {"hostname": "stage.test", "spool": {"directory": str(self.dir / "spool")},
                    "submission": {"socket": str(self.dir / "submission.sock"), "drop_directory": str(self.dir / "drop")},
                    "log": {"to": "stderr", "level": "warn"}, **settings}
        if os.getuid() == 0:
            settings.update(user="root", group="root")
        (self.dir / "postern.conf").write_text(harness.conf_text(settings))

    def daemon(self):
        """Started and listening: it says so where a service manager would hear it."""
        path = str(self.dir / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(path)
            with open(self.log_of("postern"), "a") as log:
                p = self.start([harness.POSTERND, "-f", "-c", self.dir / "postern.conf"], stderr=log,
                               env={"NOTIFY_SOCKET": path})
            s.settimeout(1)
            said = b""
            while b"READY=1" not in said:
                try:
                    said = s.recv(4096)
                except socket.timeout:
                    if p.poll() is not None:
                        fail("posternd does not start:\n%s" % self.log_of("postern").read_text())
        os.unlink(path)
        return p

    def end_daemon(self, p):
        p.send_signal(signal.SIGTERM)
        if p.wait(300) != 0:
            self.keep = True
            fail("posternd ended with %s; see %s" % (p.returncode, self.log_of("postern")))

    def load(self, port, number, *options):
        """postern-load; its report comes on standard output."""
        return self.start([harness.LOAD, "-t", "127.0.0.1:%d" % port, "-n", number, *options], stdout=subprocess.PIPE,
                          text=True)

    def check_reports(self):
        """What a sanitizer said."""
        report = harness.REPORT.search(self.log_of("postern").read_text(errors="replace"))
        if report:
            self.keep = True
            fail("%s; see %s" % (report[0], self.log_of("postern")))

    def close(self):
        for p in self.programs:
            if p.poll() is None:
                p.kill()
                p.wait()
        if self.keep:
            print("kept: %s" % self.dir)
        else:
            shutil.rmtree(self.dir)


class Arrivals:
    """Which of a generator's numbers the sinks have, read from their logs while
    they grow."""
    LINE = re.compile(r'\{"event":"message".*"number":(\d+)')

    def __init__(self, paths, number):
        self.at = {p: 0 for p in paths}
        self.has = bytearray(number)

    def read(self):
        for path in self.at:
            with open(path) as f:
                f.seek(self.at[path])
                for line in iter(f.readline, ""):
                    if not line.endswith("\n"):
                        break
                    self.at[path] = f.tell()
                    m = self.LINE.match(line)
                    if m and int(m[1]) < len(self.has):
                        self.has[int(m[1])] = 1

    def wait(self, numbers, is_over):
        """Until all of them are there, or is_over() says so; those that are not."""
        while True:
            self.read()
            missing = [n for n in numbers if not self.has[n]]
            if not missing or is_over():
                return missing
            nap(0.2)


# --- what a process uses ------------------------------------------------------------

def cpu_seconds(pid):
    f = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
    return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")


def status_kib(pid, field):
    """VmHWM, VmRSS, RssAnon ..."""
    for line in open("/proc/%d/status" % pid):
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))
