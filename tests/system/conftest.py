# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
sys.dont_write_bytecode = True

import pytest

import harness


# What hangs fails, and the tests after it still run (python3-pytest-timeout).
HUNG = 10 * harness.LONG


def pytest_configure(config):
    config.addinivalue_line("markers", "timeout: seconds")
    config.addinivalue_line("markers", "clock: hours, by a clock that runs faster (--enable-test-clock)")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("clock") and not harness.TEST_CLOCK:
            item.add_marker(pytest.mark.skip(reason="built without the test clock"))
        if "POSTERN_LONG" not in os.environ:
            item.add_marker(pytest.mark.timeout(HUNG))


@pytest.fixture
def tmp_path():
    """A directory that others may look into, too, as programs that become others
    must; its name is short enough for a socket's.  POSTERN_KEEP=1 keeps it."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="postern-test-"))
    path.chmod(0o755)
    yield path
    if not os.environ.get("POSTERN_KEEP"):
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def made(tmp_path):
    """What a test has started; cleaned up in the reverse order."""
    stack = []
    yield stack
    for x in reversed(stack):
        if isinstance(x, harness.Postern):
            x.clean_up()
            for run in x.runs:  # shown where the test failed
                print("--- posternd %d said:\n%s" % (run.pid, run.err.text()[-6000:]))
        elif isinstance(x, harness.Program):
            if x.is_running():
                x.proc.kill()
                x.wait()
        else:
            x.stop()


@pytest.fixture
def sink(made, tmp_path):
    """Starts postern-sink with the options given; script: a script's text."""
    def start(*options, **kw):
        if "script" in kw:
            path = tmp_path / ("script%d" % len(made))
            path.write_text(kw["script"])
            kw["script"] = str(path)
        kw.setdefault("maildir", str(tmp_path / ("Maildir%d" % len(made))))
        s = harness.Sink(*options, **kw)
        s.maildir = kw["maildir"]
        made.append(s)
        return s
    return start


@pytest.fixture
def postern(made, tmp_path):
    """Starts posternd with these providers (ports or dicts) and settings."""
    def start(*providers, **kw):
        begin = kw.pop("start", True)
        rows = [harness.provider(p, name="p%d" % i) if isinstance(p, int) else p
                for i, p in enumerate(providers)]
        p = harness.Postern(kw.pop("directory", tmp_path / ("postern%d" % len(made))), rows, **kw)
        made.append(p)
        return p.start() if begin else p
    return start


@pytest.fixture
def rude(made):
    def start(talk):
        r = harness.Rude(talk)
        made.append(r)
        return r
    return start


@pytest.fixture
def load(made, tmp_path):
    def start(port, number, connections=10, *options, **kw):
        x = harness.Load(port, tmp_path, number, connections, *options, **kw)
        made.append(x)
        return x
    return start
