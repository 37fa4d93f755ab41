# SPDX-License-Identifier: Apache-2.0
"""The spool as a whole: copies of it, what reads them, a smaller file."""
import json
import os
import socket
import stat
import subprocess

import harness
import mails

POSTERN = os.environ.get("POSTERN", str(harness.BUILD / "postern"))


def run(*words):
    r = subprocess.run([POSTERN, *[str(w) for w in words]], capture_output=True, text=True, timeout=harness.LONG)
    return r.returncode, r.stdout, r.stderr


def tool(p, *words):
    return run(*words, "-c", p.conf)


def ids_of(p):
    rc, out, err = tool(p, "queue", "list", "--json")
    assert rc == 0, err
    return sorted(json.loads(x)["id"] for x in out.splitlines())


def send(p, n):
    return [harness.send_raw(p.port, mails.plain(), recipients=["r%d@example.net" % i]).split()[-1]
            for i in range(n)]


def test_a_backup_while_mail_goes_on(sink, postern, load, tmp_path):
    nowhere = harness.free_port()
    p = postern(nowhere)
    first = send(p, 3)
    load(p.port, 200, 4).result()
    copy = tmp_path / "copy"
    rc, out, err = tool(p, "spool", "backup", copy)
    assert (rc, err) == (0, "") and str(copy) in out
    assert stat.S_IMODE(copy.stat().st_mode) == 0o700
    assert [x.name for x in copy.iterdir()] == ["data.mdb"]
    assert stat.S_IMODE((copy / "data.mdb").stat().st_mode) == 0o600
    held = ids_of(p)
    assert set(first) < set(held) and len(held) == 203
    # what came behind it is not in it; it is not written over
    late = send(p, 1)
    rc, out, err = tool(p, "spool", "backup", copy)
    assert rc == 73 and "is not empty" in err and "data.mdb" in err
    p.stop()
    # a daemon on the copy delivers what was queued then
    s = sink()
    other = postern(s.port, spool_directory=copy)
    s.wait_messages(203)
    for i in first:
        other.wait_event("delivered", msg=i)
    assert not other.events("delivered") or late[0] not in [e["msg"] for e in other.events("delivered")]
    other.stop()


def test_a_copy_is_not_everybodys(postern, tmp_path):
    p = postern(harness.free_port())
    send(p, 1)
    path = p.dir / "full"
    # a file that came along has to be one, empty, and written to
    for fd, text in ((os.open("/dev/null", os.O_RDWR), "no empty one"),
                     (os.open(p.conf, os.O_RDWR), "no empty one"), (None, "no file came")):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(harness.LONG)
            s.connect(str(p.dir / "control.sock"))
            line = b'{"v":1,"request":"spool.backup"}\n'
            if fd is None:
                s.sendall(line)
            else:
                socket.send_fds(s, [line], [fd])
                os.close(fd)
            with s.makefile() as f:
                answer = json.loads(f.readline())
        assert answer["exit"] == 64 and text in answer["error"]
    assert not path.exists()
    # offline it is made by the tool itself
    p.stop()
    rc, out, err = tool(p, "spool", "backup", path, "--json")
    assert (rc, err) == (0, "")
    assert json.loads(out) == {"directory": str(path), "bytes": (path / "data.mdb").stat().st_size}
    for words, code, text in ((("backup",), 64, "usage"), (("backup", "a", "b"), 64, "usage"), (("x",), 64, "usage"),
                              (("backup", tmp_path / "no" / "such"), 73, "No such file"),
                              (("compact", "-d", tmp_path), 78, "no data.mdb"),
                              (("compact", "-s", "x"), 64, "usage")):
        rc, out, err = tool(p, "spool", *words)
        assert (rc, out) == (code, "") and text in err, (words, rc, err)


def test_a_smaller_file(sink, postern, load):
    p = postern(harness.free_port())
    load(p.port, 300, 4).result()
    rc, out, err = tool(p, "spool", "compact")
    assert rc == 75 and "in use" in err and "stop posternd first" in err
    kept = send(p, 2)
    rc, out, err = tool(p, "queue", "delete", "--where", "sender~load", "--yes")
    before = ids_of(p)
    p.stop()
    size = (p.spool / "data.mdb").stat().st_size
    rc, out, err = tool(p, "spool", "compact", "--json")
    row = json.loads(out)
    assert (rc, err) == (0, "") and row["before"] == size
    assert row["after"] == (p.spool / "data.mdb").stat().st_size < size
    p.start()
    assert ids_of(p) == before and set(kept) <= set(before)
    p.stop()
