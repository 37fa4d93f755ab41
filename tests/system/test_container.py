# SPDX-License-Identifier: Apache-2.0
"""contrib/Containerfile: built by buildah upon a Debian that was fetched, then run as
its head says: no root, no right, a root that is read-only, one volume.  Fetches
packages; the long tier.  POSTERN_IMAGE=DIR takes a root that is there."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import textwrap

import pytest

import debian
from debian import sh

TOP = pathlib.Path(__file__).parents[2]
CONFIG = {"User": "10025:10025", "Volumes": {"/var/spool/postern": {}}, "StopSignal": "SIGTERM",
          "Entrypoint": ["/usr/sbin/posternd", "-f"]}
HEALTH = ["CMD", "postern", "status", "--json"]
needed = [t for t in ("debootstrap", "buildah", "unshare", "ip", "setpriv") if not shutil.which(t)]
pytestmark = [pytest.mark.skipif(not os.environ.get("POSTERN_LONG"), reason="long: builds an image"),
              pytest.mark.skipif(os.getuid() != 0, reason="needs root"),
              pytest.mark.skipif(bool(needed), reason="needs " + " ".join(needed))]

# In a network and a tree of mounts of its own: runs the image as an engine would, and
# the steps of argv[3] on it.
DRIVER = """
import json, os, signal, smtplib, socket, subprocess, sys
root, volume, steps, health = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
sh = lambda *a: subprocess.run(a, check=True)
sh("ip", "link", "set", "lo", "up")
sh("mount", "--bind", root, root)
sh("mount", "-o", "remount,bind,ro", root)
sh("mount", "-t", "proc", "proc", root + "/proc")
sh("mount", "--bind", "/dev", root + "/dev")
sh("mount", "-t", "tmpfs", "-o", "uid=10025,gid=10025,mode=755", "tmpfs", root + "/run/postern")
sh("mount", "--bind", volume, root + "/var/spool/postern")
nobody = ["chroot", root, "setpriv", "--reuid=10025", "--regid=10025", "--clear-groups", "--no-new-privs",
          "--bounding-set=-all", "--inh-caps=-all"]

def inside(*argv, **kw):
    return subprocess.run([*nobody, *argv], capture_output=True, text=True, timeout=60, **kw)

def queued():
    return json.loads(inside("postern", "queue", "count", "--json").stdout)["count"]

def healthy():
    return inside(*health).returncode == 0

class Daemon:
    def __enter__(self):
        self.proc = subprocess.Popen([*nobody, "/usr/sbin/posternd", "-f"], stderr=subprocess.PIPE, text=True)
        self.log = []
        for line in self.proc.stderr:
            self.log.append(line)
            if "event=started" in line:
                return self
        raise AssertionError("".join(self.log))

    def stop(self):
        self.proc.send_signal(signal.SIGTERM)
        self.log += self.proc.stderr.readlines()
        assert self.proc.wait() == 0

    def __exit__(self, *failed):
        if self.proc.poll() is None:
            self.stop()
        if failed[0]:
            print("".join(self.log))
exec(steps)
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """(its root, mounted; its configuration)"""
    if os.environ.get("POSTERN_IMAGE"):
        yield os.environ["POSTERN_IMAGE"]
        return
    tmp = tmp_path_factory.mktemp("image")
    env = {**os.environ, "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}

    def buildah(*words):
        return sh("buildah", "--root", tmp / "store", "--runroot", tmp / "run", *words, env=env).strip()
    debian.bootstrap(tmp / "root")
    sh("tar", "-C", tmp / "root", "-cf", tmp / "root.tar", ".")
    shutil.rmtree(tmp / "root")
    base = buildah("from", "scratch")
    buildah("add", "-q", base, tmp / "root.tar", "/")
    buildah("commit", "-q", "--rm", base, "docker.io/library/debian:12-slim")
    context = tmp / "context"
    context.mkdir()
    files = sh("git", "-C", TOP, "ls-files", "-z")
    subprocess.run("tar -C '%s' --null -T - -cf - | tar -C '%s' -xf -" % (TOP, context), shell=True, check=True,
                   input=files.encode())
    buildah("bud", "--pull-never", "--network", "host", "--format", "docker", "-t", "postern", "-f",
            context / "contrib/Containerfile", context)
    config = json.loads(buildah("inspect", "--type", "image", "localhost/postern"))["Docker"]["config"]
    assert {k: config.get(k) for k in CONFIG} == CONFIG and config["Healthcheck"]["Test"] == HEALTH
    box = buildah("from", "--pull-never", "localhost/postern")
    yield buildah("mount", box)
    buildah("umount", box)
    buildah("rm", "--all")
    buildah("rmi", "--all", "--force")
    shutil.rmtree(tmp)


def use(root, volume, steps):
    r = subprocess.run(["unshare", "-m", "-n", sys.executable, "-c", DRIVER, root, str(volume), textwrap.dedent(steps),
                        json.dumps(HEALTH[1:])], capture_output=True, text=True, timeout=300)
    assert r.returncode == 0, r.stdout[-5000:] + r.stderr[-3000:]


def test_image_runs_without_a_right_and_keeps_its_mail(image, tmp_path):
    volume = tmp_path / "volume"
    volume.mkdir()
    os.chown(volume, 10025, 10025)
    use(image, volume, """
        with Daemon() as d:
            assert healthy()
            status = open("/proc/%d/status" % d.proc.pid).read()
            for line in ("Uid:\\t10025\\t10025\\t10025\\t10025", "CapEff:\\t0000000000000000",
                         "CapBnd:\\t0000000000000000", "NoNewPrivs:\\t1", "Seccomp:\\t2"):
                assert line in status, status
            assert not [x for x in d.log if "sandbox.missing" in x or "drop.trouble" in x or "skipped" in x]
            http = socket.create_connection(("127.0.0.1", 8587))
            http.sendall(b"GET /healthz HTTP/1.0\\r\\n\\r\\n")
            assert b" 200 " in http.recv(1000)
            with smtplib.SMTP("127.0.0.1", 2525) as c:
                for i in range(50):
                    c.sendmail("app@example.com", ["r%d@example.net" % i], "Subject: c\\r\\n\\r\\nx\\r\\n")
            assert inside("touch", "/etc/postern/x").returncode != 0
            # in the midst of a message: it may end it, within the grace
            c = smtplib.SMTP("127.0.0.1", 2525)
            c.ehlo()
            c.mail("app@example.com")
            c.rcpt("last@example.net")
            assert c.docmd("DATA")[0] == 354
            d.proc.send_signal(signal.SIGTERM)
            while not any("event=stopping" in x for x in d.log):
                d.log.append(d.proc.stderr.readline())
            c.send(b"Subject: last\\r\\n\\r\\nx\\r\\n.\\r\\n")
            assert c.getreply()[0] == 250
            d.log += d.proc.stderr.readlines()
            assert d.proc.wait() == 0 and any("event=stopped" in x for x in d.log)
            assert not any("stop.overdue" in x for x in d.log)
        assert not healthy()
        with Daemon():
            assert healthy() and queued() == 51
    """)
