# SPDX-License-Identifier: Apache-2.0
"""A Debian root that has nothing, for the tests that install what is built."""
import os
import pathlib
import re
import shutil
import subprocess

TOP = pathlib.Path(__file__).parents[2]


def sh(*argv, **kw):
    r = subprocess.run([str(a) for a in argv], capture_output=True, text=True, **kw)
    assert r.returncode == 0, "%s\n%s\n%s" % (argv, r.stdout[-3000:], r.stderr[-3000:])
    return r.stdout


def bootstrap(root):
    """Fetched by debootstrap, or a copy of POSTERN_DEBIAN=DIR."""
    if os.environ.get("POSTERN_DEBIAN"):
        sh("cp", "-a", os.environ["POSTERN_DEBIAN"], root)
    else:
        sh("debootstrap", "--variant=minbase", "bookworm", root)
    # a proxy, perhaps
    shutil.copytree("/etc/apt/apt.conf.d", pathlib.Path(root) / "etc/apt/apt.conf.d", dirs_exist_ok=True)


def apt(root, *argv):
    return sh("unshare", "-m", "sh", "-c", 'mount -t proc proc "$0/proc" && exec chroot "$0" apt-get -y '
              '--no-install-recommends "$@"', root, *argv,
              env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"})


def packages(tmp_path):
    """What contrib/build-deb makes, or POSTERN_DEBS=DIR: .changes, [server, client]."""
    built = pathlib.Path(os.environ.get("POSTERN_DEBS", tmp_path / "built"))
    if not built.exists():
        sh(TOP / "contrib/build-deb", built, env={**os.environ, "DEB_BUILD_OPTIONS": "nocheck parallel=2"})
    return next(built.glob("*.changes")), [next(built.glob("%s_*.deb" % n)) for n in ("postern", "postern-sendmail")]


def newer(deb, to):
    """The same package with a higher version."""
    sh("dpkg-deb", "-R", deb, to)
    control = to / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*", "Version: 0.1.0-2", control.read_text(), flags=re.M))
    sh("dpkg-deb", "-b", to, str(to) + ".deb")
    return str(to) + ".deb"
