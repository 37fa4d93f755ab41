# SPDX-License-Identifier: Apache-2.0
"""A Debian root that systemd boots as process 1, in namespaces of its own without a
network: what an administrator does on a host is done there."""
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import harness
from debian import sh

HIERARCHIES = ("systemd", "unified")  # of a host with both; of one with cgroup v2 alone its root
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "TERM": "vt100", "LC_ALL": "C.UTF-8",
               "DEBIAN_FRONTEND": "noninteractive", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}


def cgroups():
    """The directories in which the machine's control groups are."""
    top = pathlib.Path("/sys/fs/cgroup")
    tops = [top / h for h in HIERARCHIES if (top / h / "cgroup.procs").exists()]
    return [t / ("postern-boot-%d" % os.getpid()) for t in tops or [top]]


class Machine:
    def __init__(self, root, log):
        self.root, self.log = pathlib.Path(root), pathlib.Path(log)
        self.nspawn = self.init = None
        self.cgroups = cgroups()

    def start(self):
        """Until it is up; the test is skipped where this host does not let it."""
        for c in self.cgroups:
            try:
                c.mkdir(exist_ok=True)
            except OSError as e:
                pytest.skip("no control group for a machine: %s" % e)
        # Its own filter keeps Landlock from what runs in it, which no host does.
        env = {**os.environ, "SYSTEMD_SECCOMP": "0",
               "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "0" if pathlib.Path("/sys/fs/cgroup/systemd").exists() else "1"}
        self.nspawn = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--private-network",
             "--machine=postern-%d" % os.getpid(), "--console=pipe", "-D", self.root],
            stdin=subprocess.DEVNULL, stdout=open(self.log, "wb"), stderr=subprocess.STDOUT, env=env,
            preexec_fn=self.into_cgroups)
        try:
            harness.wait_until(self.find_init, 30, "its process 1")
            harness.wait_until(lambda: self.ask("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"),
                               120, "its start")
        except AssertionError:
            said = self.log.read_text(errors="replace")[-500:]
            if self.init:
                said += self.ask("systemctl", "list-jobs").stdout
            self.stop()
            pytest.skip("systemd does not boot here: " + said)

    def into_cgroups(self):
        os.setsid()
        for c in self.cgroups:
            (c / "cgroup.procs").write_text("0")

    def find_init(self):
        pid = self.nspawn.pid
        assert self.nspawn.poll() is None, self.log.read_text(errors="replace")
        for child in pathlib.Path("/proc/%d/task/%d/children" % (pid, pid)).read_text().split():
            if pathlib.Path("/proc/%s/comm" % child).read_text() == "systemd\n":
                self.init = child
        return self.init

    def ask(self, *argv, **kw):
        """A command in it; whatever becomes of it."""
        return subprocess.run(["nsenter", "-t", self.init, "-a", "env", "-i", *["%s=%s" % e for e in ENVIRONMENT.items()],
                               *[str(a) for a in argv]], capture_output=True, text=True, timeout=300, **kw)

    def do(self, *argv, **kw):
        """A command in it that goes well; what it says."""
        r = self.ask(*argv, **kw)
        assert r.returncode == 0, (argv, r.returncode, r.stdout[-3000:], r.stderr[-3000:])
        return r.stdout

    def client(self, script, *args):
        """Python of this host in the machine's network, running."""
        return subprocess.Popen(["nsenter", "-t", self.init, "-n", sys.executable, "-c", script, *args],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def stop(self):
        if self.nspawn and self.nspawn.poll() is None:
            self.nspawn.terminate()  # it has the machine shut down
            try:
                self.nspawn.wait(30)
            except subprocess.TimeoutExpired:
                self.nspawn.terminate()  # at once
                self.nspawn.wait(30)
        for c in self.cgroups:
            for d, _, _ in os.walk(c, topdown=False):
                os.rmdir(d)


def repository(root, packages):
    """What is in the root's cache, and the packages, for its apt without a network."""
    there = root / "repo"
    there.mkdir()
    for p in [*(root / "var/cache/apt/archives").glob("*.deb"), *packages]:
        shutil.copy(p, there)
    (root / "etc/apt/sources.list").write_text("deb [trusted=yes] file:/repo ./\n")
    shutil.rmtree(root / "etc/apt/sources.list.d", ignore_errors=True)
    index(root)


def index(root):
    (root / "repo/Packages").write_text(sh("dpkg-scanpackages", "-m", ".", cwd=root / "repo"))
