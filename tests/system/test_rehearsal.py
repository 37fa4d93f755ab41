# SPDX-License-Identifier: Apache-2.0
"""The example of postern-sink(1): an outage is rehearsed as written there, only
faster."""
import re

import pytest

import checker
import harness

MANUAL = harness.HERE.parent.parent / "man" / "postern-sink.1"
FASTER = 45


def displays():
    """What the section shows between .Bd and .Ed."""
    text = MANUAL.read_text()
    section = text[text.index(".Sh REHEARSING"):]
    section = section[:section.index("\n.Sh ")]
    return [x.replace("\\e", "\\") for x in re.findall(r"^\.Bd [^\n]*\n(.*?)^\.Ed$", section, re.M | re.S)]


@pytest.mark.clock
def test_an_outage_as_in_the_manual(made, tmp_path):
    script, conf, commands, limits = displays()
    (tmp_path / "outage.sink").write_text(script + limits)  # they may stand together
    harness.Sink(script=str(tmp_path / "outage.sink")).stop()
    (tmp_path / "outage.sink").write_text(script)
    clock = harness.shared_clock(FASTER)
    logs = {name: str(tmp_path / (name + ".log")) for name in ("primary", "backup")}
    backup = harness.Sink(log=logs["backup"], env=clock)
    made.append(backup)
    primary = harness.Sink(log=logs["primary"], script=str(tmp_path / "outage.sink"), env=clock)
    made.append(primary)
    spool = tmp_path / "spool"
    spool.mkdir(mode=0o700)
    for old, new in (("2601", str(primary.port)), ("2602", str(backup.port)), ("/tmp/rehearsal", str(spool)),
                     ("127.0.0.1:2525", "127.0.0.1:0")):
        assert old in conf
        conf = conf.replace(old, new)
    (tmp_path / "rehearsal.conf").write_text('user = "root"; group = "root";\n' * (harness.os.getuid() == 0) + conf)
    p = harness.Program([harness.POSTERND, "-f", "-c", tmp_path / "rehearsal.conf"],
                        env={**harness.os.environ, **clock})
    made.append(p)
    line = p.err.wait(lambda ls: next((x for x in ls if "event=listening" in x), None))
    port = int(re.search(r"127\.0\.0\.1:(\d+)", line).group(1))
    sent = int(re.search(r"seq (\d+)", commands).group(1))
    load = harness.Load(port, tmp_path, sent, 4, "-r", str(FASTER))
    made.append(load)
    primary.signal(harness.signal.SIGHUP)  # only now its time begins, however slow all this was
    assert load.result()["acked"] == sent
    p.err.wait(lambda ls: sum("event=delivered" in x for x in ls) >= sent or None, what="every delivery")
    p.signal(harness.signal.SIGTERM)
    assert p.wait() == 0
    p.check_reports()
    for s in (primary, backup):
        s.signal(harness.signal.SIGTERM)
        s.wait()
        s.check_reports()

    at = {name: checker.read(path) for name, path in logs.items()}
    begin = [e["us"] for e in at["primary"] if e["event"] == "started"][-1]
    after = lambda name: [(m["us"] - begin) / 1e6 for m in checker.messages(at[name])]
    assert not [t for t in after("primary") if 30 <= t < 90]
    assert [t for t in after("primary") if t < 30]
    assert [t for t in after("primary") if t >= 90], "it did not come back"
    assert len(after("primary")) + len(after("backup")) == sent
    assert checker.duplicates(*at.values()) == {}
    events = [e["event"] for e in map(harness.parse_event, p.err.lines) if e]
    for name in re.findall(r"event=([a-z.]+)", MANUAL.read_text()):
        assert name in events, "%s, of which the manual speaks, did not come" % name
    assert "bounced" not in events and "dead" not in events
