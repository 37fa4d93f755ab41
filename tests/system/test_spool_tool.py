# SPDX-License-Identifier: Apache-2.0
"""The spool as a whole: copies of it, what reads them, a smaller file."""
import json
import os
import socket
import stat
import subprocess

import pytest

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
    under_way = load(p.port, 400, 4)
    p.wait_event("accepted", n=20)
    copy = tmp_path / "copy"
    rc, out, err = tool(p, "spool", "backup", copy)
    assert (rc, err) == (0, "") and str(copy) in out
    assert stat.S_IMODE(copy.stat().st_mode) == 0o700
    assert [x.name for x in copy.iterdir()] == ["data.mdb"]
    assert stat.S_IMODE((copy / "data.mdb").stat().st_mode) == 0o600
    under_way.result()
    held = ids_of(p)
    assert len(held) == 403
    rc, out, err = run("spool", "export", "-d", copy, tmp_path / "then")
    then = {x.name[:-5] for x in (tmp_path / "then").iterdir() if x.suffix == ".json"}
    assert (rc, err) == (0, "") and set(first) < then <= set(held) and len(then) >= 20
    # what came behind it is not in it; it is not written over
    late = send(p, 1)
    rc, out, err = tool(p, "spool", "backup", copy)
    assert rc == 73 and "is not empty" in err
    p.stop()
    # a daemon on the copy delivers what was queued then
    s = sink()
    other = postern(s.port, spool_directory=copy)
    s.wait_messages(len(then))
    for i in then:
        other.wait_event("delivered", msg=i)
    other_log = other.events("delivered")
    other.stop()
    assert {e["msg"] for e in other_log} == then and late[0] not in then


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
    # who leaves before it is whole is no trouble to the next one
    with socket.socket(socket.AF_UNIX) as s, open(tmp_path / "left", "wb") as f:
        s.connect(str(p.dir / "control.sock"))
        socket.send_fds(s, [line], [f.fileno()])
    harness.wait_until(lambda: tool(p, "spool", "backup", tmp_path / "next")[0] == 0, what="the next copy")
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


def rows_of(p, noun):
    rc, out, err = tool(p, noun, "list", "--json")
    assert rc == 0, err
    rows = [json.loads(x) for x in out.splitlines()]
    for r in rows:
        for k in ("age_ms", "due_in_ms", "dead_for_ms", "rcpts"):
            r.pop(k, None)
    return sorted(rows, key=lambda r: (r["id"], r["n"]))


RULES = """rules = ( { stage = "rcpt"; recipient = "dead@*"; action = "550:5.1.1:no such user"; },
    { stage = "rcpt"; recipient = "late@*"; action = "451:4.3.0:later"; } );"""


def test_a_queue_moves_to_another_spool(sink, postern, tmp_path):
    s = sink(script=RULES)
    away = {"name": "away", "match": {"recipient": ["*@away.example"]}, "use": ["p1"]}
    p = postern(s.port, harness.free_port(), bounce={"to": "none"}, retry={"min": "1h"},
                routes=[away, {"name": "default", "use": ["p0"]}])
    two = harness.send_raw(p.port, mails.plain(), options=["ENVID=abc"], recipients=[
        "<late@example.net> NOTIFY=FAILURE,DELAY ORCPT=rfc822;o@x.example", "x@away.example", "ok@example.net"]).split()[-1]
    big = harness.send_raw(p.port, mails.plain() + b"0123456789abcde\r\n" * 20000,
                           recipients=["y@away.example"]).split()[-1]
    dead = harness.send_raw(p.port, mails.plain(), recipients=["dead@example.net"]).split()[-1]
    p.wait_event("bounced", msg=dead)
    p.wait_event("deferred", msg=two)
    assert tool(p, "queue", "hold", big)[0] == 0
    queue, letters = rows_of(p, "queue"), rows_of(p, "dead")
    assert len(queue) == 3 and len(letters) == 1
    body = tool(p, "message", "body", big)[1]
    rc, out, err = tool(p, "spool", "export", tmp_path / "out")
    assert rc == 75 and "stop posternd first" in err
    # of the running one the same comes
    rc, out, err = tool(p, "queue", "export", tmp_path / "live", "--where", "rcpt~@away.example")
    assert (rc, err) == (0, "") and out.startswith("2 messages are in"), (rc, out, err)
    rc, out, err = tool(p, "queue", "export", tmp_path / "live")
    assert rc == 0 and "2 were there, 0 cannot be read" in out
    rc, out, err = tool(p, "dead", "export", tmp_path / "live", "--json")
    assert (rc, err) == (0, "") and json.loads(out)["exported"] == 1
    for words, code, text in ((("queue", "export"), 64, "usage"), (("queue", "export", "x", "--yes"), 64, "usage"),
                              (("queue", "export", tmp_path / "no" / "such"), 73, "No such file"),
                              (("dead", "export", tmp_path / "live", "--where", "x"), 64, "the filter")):
        rc, out, err = tool(p, *words)
        assert (rc, out) == (code, "") and text in err, (words, rc, err)
    p.stop()
    rc, out, err = tool(p, "spool", "export", tmp_path / "out", "--json")
    assert (rc, err) == (0, "")
    assert json.loads(out) == {"directory": str(tmp_path / "out"), "exported": 3, "there": 0, "damaged": 0,
                               "gap": False}
    assert sorted(x.name for x in (tmp_path / "out").iterdir()) == sorted(
        i + end for i in (two, big, dead) for end in (".eml", ".json"))
    assert (tmp_path / "out" / (big + ".eml")).read_bytes().endswith(b"0123456789abcde\r\n" * 20000)
    envelope = json.loads((tmp_path / "out" / (two + ".json")).read_text())
    assert [(r["address"], r["state"]) for r in envelope["rcpts"]] == [
        ("late@example.net", "queued"), ("x@away.example", "queued"), ("ok@example.net", "delivered")]
    assert envelope["envid"] == "abc" and envelope["rcpts"][0]["notify"] == ["failure", "delay"]
    assert envelope["rcpts"][0]["orcpt"] == "rfc822;o@x.example"
    for x in (tmp_path / "live").iterdir():
        assert x.read_bytes() == (tmp_path / "out" / x.name).read_bytes(), x
    assert len(list((tmp_path / "live").iterdir())) == 6
    # once more: what is there stays
    rc, out, err = tool(p, "spool", "export", tmp_path / "out")
    assert rc == 0 and "3 were there" in out
    other = postern(s.port, harness.free_port(), bounce={"to": "none"}, retry={"min": "1h"}, start=False,
                    routes=[{"name": "default", "use": ["p0"]}, away])
    other.write_conf()
    rc, out, err = tool(other, "spool", "import", tmp_path / "out")
    assert (rc, err) == (0, "") and out.startswith("3 messages were taken in; 0 were there already")
    rc, out, err = tool(other, "spool", "import", tmp_path / "out", "--json")
    assert (rc, err) == (0, "") and json.loads(out) == {"imported": 0, "there": 3, "refused": 0}
    other.start()
    assert not other.events("spool.unclean")
    assert rows_of(other, "queue") == queue
    assert rows_of(other, "dead") == letters
    assert tool(other, "message", "body", big)[1] == body
    # it goes out from there
    s.read_again("")
    assert tool(other, "queue", "retry", two)[0] == 0
    other.wait_event("delivered", msg=two)
    assert tool(other, "dead", "resend", dead)[0] == 0
    other.wait_event("delivered", msg=dead)
    other.stop()


def test_what_is_no_message_is_refused(postern, tmp_path):
    p = postern(harness.free_port())
    mid = send(p, 1)[0]
    p.stop()
    out = tmp_path / "out"
    assert tool(p, "spool", "export", out)[0] == 0
    good = json.loads((out / (mid + ".json")).read_text())
    target = postern(harness.free_port(), start=False)
    target.write_conf()
    eml = (out / (mid + ".eml")).read_bytes()

    def refused(text, content=eml, **change):
        (out / (mid + ".json")).write_text(json.dumps({**good, **change}))
        (out / (mid + ".eml")).write_bytes(content)
        rc, told, err = tool(target, "spool", "import", out)
        assert rc == 65 and text in err and mid in err and told.startswith("0 messages"), (rc, told, err)

    refused("crc32c", eml[:-3] + b"!\r\n")
    refused("bytes", eml + b"x")
    refused('"id" is of another', id=mid[:-1] + ("1" if mid[-1] != "1" else "2"))
    refused('"address" is no address', rcpts=[{**good["rcpts"][0], "address": "<x>"}])
    (out / (mid + ".json")).write_text("{")
    rc, told, err = tool(target, "spool", "import", out)
    assert rc == 65 and "line 1" in err
    rc, told, err = tool(target, "spool", "import", tmp_path / "nowhere")
    assert rc == 66 and "No such file" in err


PAGE = 4096


def salvaged(p, out):
    """What is there of each message, the ids that are named, and whether some
    are lost without a name."""
    rc, told, err = tool(p, "spool", "salvage", out, "--json")
    assert rc in (0, 65, 74), (rc, err)
    named = {x.split()[1].rstrip(":") for x in err.splitlines() if not x.split()[1].startswith("what")}
    have = {x.name[:-5] for x in out.iterdir() if x.suffix == ".json"}
    gap = "cannot be found" in err
    if rc != 74:
        row = json.loads(told)
        assert row["exported"] + row["there"] == len(have) and row["gap"] == gap
        assert (rc == 65) == (row["damaged"] > 0 or gap)
    return rc, have, named, gap, err


def test_what_reads_is_saved_of_a_damaged_spool(postern, tmp_path):
    p = postern(harness.free_port())
    ids = [harness.send_raw(p.port, mails.plain() + b"line %04d\r\n" % i * (20 + 1500 * (i % 3)),
                            recipients=["r%d@example.net" % i]).split()[-1] for i in range(40)]
    p.stop()
    data = p.spool / "data.mdb"
    whole = data.read_bytes()
    rc, have, named, gap, err = salvaged(p, tmp_path / "whole")
    assert (rc, have, named, gap) == (0, set(ids), set(), False)
    good = {i: (tmp_path / "whole" / (i + ".eml")).read_bytes() for i in ids}
    # content that is not what was accepted
    data.write_bytes(whole.replace(b"line 0005", b"LINE 0005"))
    rc, have, named, gap, err = salvaged(p, tmp_path / "content")
    assert (rc, have, named, gap) == (65, set(ids) - {ids[5]}, {ids[5]}, False) and "not what was accepted" in err
    # pages that tell nonsense, each in turn; whatever that ends, no message is
    # passed over in silence, and what is saved is what was accepted
    saved, ended = 0, 0
    pages = range(2, len(whole) // PAGE, 1 if os.environ.get("POSTERN_LONG") else 41)
    for n in pages:
        data.write_bytes(whole[:n * PAGE] + bytes((i * 37 + n) % 256 for i in range(PAGE)) + whole[(n + 1) * PAGE:])
        out = tmp_path / ("page%d" % n)
        rc, have, named, gap, err = salvaged(p, out)
        assert rc == 74 or gap or have | named >= set(ids), (n, err)
        for i in have:
            assert (out / (i + ".eml")).read_bytes() == good[i]
        saved += len(have)
        ended += "ends the process" in err
    assert saved > len(pages) * len(ids) // 2
    data.write_bytes(whole)
    # what was saved goes into a new spool
    target = postern(harness.free_port(), start=False)
    target.write_conf()
    assert tool(target, "spool", "import", tmp_path / "content")[1].startswith("39 messages were taken in")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be others")
def test_what_root_makes_is_the_owners(postern, tmp_path):
    nobody = 65534
    p = postern(harness.free_port())
    send(p, 2)
    p.stop()
    assert tool(p, "spool", "export", tmp_path / "out")[0] == 0
    os.chmod(tmp_path, 0o755)
    spool = tmp_path / "theirs"
    spool.mkdir(mode=0o700)
    os.chown(spool, nobody, nobody)
    for words in (("import", tmp_path / "out"), ("compact",), ("backup", tmp_path / "copy"), ("import", tmp_path / "out")):
        rc, out, err = tool(p, "spool", *words, "-d", spool)
        assert (rc, err) == (0, ""), (words, rc, err)
    for d in (spool, tmp_path / "copy"):
        names = [d, *d.iterdir()]
        assert {x.stat().st_uid for x in names} == {nobody} and len(names) > 1, names
    assert "2 were there already" in out
    assert (tmp_path / "out").stat().st_uid == 0
