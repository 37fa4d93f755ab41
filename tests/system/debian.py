# SPDX-License-Identifier: Apache-2.0
"""A Debian root that has nothing, for the tests that install what is built."""
import os
import pathlib
import shutil
import subprocess


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
