# SPDX-License-Identifier: Apache-2.0
"""The checker of the sinks' logs, against what can be counted by hand."""
import random
import subprocess
import sys

import pytest

import checker
import harness
import mails


def row(us, connection=1, **more):
    return {"event": "message", "us": us, "mail_us": us - 10, "connection": connection, "nrcpts": 1,
            "message_id": "<%d@x>" % us, "code": 250, **more}


@pytest.mark.parametrize("text,is_it", [("14 msg/s", (14, "msg", 1000000)), ("500 rcpt/min", (500, "rcpt", 60000000)),
                                        ("40 msg/8s", (40, "msg", 8000000)), ("1 msg/day", (1, "msg", 86400000000))])
def test_rates_are_read(text, is_it):
    assert checker.parse_rate(text) == is_it


@pytest.mark.parametrize("times,most", [([0, 5, 9], 3), ([0, 5, 10], 2), ([0, 10, 20], 1), ([], 0),
                                        ([0, 9, 10, 18, 19], 3), ([3, 3, 3], 3)])
def test_a_window_is_half_open(times, most):
    assert checker.most_in([(t, 1) for t in times], 10)[0] == most


def test_windows_agree_with_counting_each():
    rand = random.Random(4)
    for _ in range(200):
        hits = sorted((rand.randrange(300), rand.randrange(1, 4)) for _ in range(rand.randrange(1, 60)))
        period = rand.randrange(1, 60)
        by_hand = max(sum(n for t, n in hits if end - period < t <= end) for end in range(400))
        assert checker.most_in(hits, period)[0] == by_hand


def test_a_rate_that_is_passed_is_told():
    rows = [row(i * 100000) for i in range(20)]
    checker.assert_never_over(rows, "10 msg/s", "20 msg/min")
    with pytest.raises(AssertionError):
        checker.assert_never_over(rows, "9 msg/s")
    assert checker.window(rows, "10 msg/s").use == pytest.approx(20 / 29)
    assert checker.spent(rows, "10 msg/s") == 1  # and the last of a burst is no loss
    assert checker.spent([row(i * 1100000 + k) for i in range(5) for k in range(10)], "10 msg/s") == pytest.approx(1 / 1.1)
    assert checker.spent(rows, "9 msg/s", 500000) == pytest.approx(10 / 9) and checker.spent(rows, "30 msg/s") == 0
    assert checker.spent([row(i * 500000, nrcpts=5) for i in range(9)], "10 rcpt/s") == 1
    with pytest.raises(AssertionError):
        checker.assert_never_over([row(0, nrcpts=6), row(1, nrcpts=5)], "10 rcpt/s")
    counted = [{"event": "counted", "stage": "rcpt", "us": i, "nrcpts": 1} for i in range(3)]
    assert checker.window(counted + rows, "5 rcpt/s", at="rcpt").most == 3


def test_messages_are_told_apart():
    a, b = [row(1), row(2), row(3, message_id="<2@x>")], [row(4, message_id="<1@x>", fate="drop"), row(5)]
    assert checker.duplicates(a, b) == {"<1@x>": 2, "<2@x>": 2}
    assert checker.untold(a, b) == {"<1@x>"}
    assert checker.lost({"<1@x>", "<5@x>", "<6@x>"}, a, b) == {"<6@x>"}
    n = [row(i, run="r", number=k) for i, k in enumerate((1, 2, 5, 3, 4))]
    assert checker.disorder(n) == 1 and checker.disorder(n[:3]) == 0
    assert checker.quantiles(range(100), 0.5, 0.99) == [50, 99]


def test_sessions():
    rows = [{"event": "connected", "us": 0, "connection": 1}, {"event": "connected", "us": 5, "connection": 2},
            row(10, 1), row(11, 1), row(20, 2), {"event": "closed", "us": 21, "connection": 1}]
    assert checker.reuse(rows) == [2, 1]
    assert checker.most_open(rows) == 2
    assert [checker.most_at_once(x) for x in (rows, [row(10, 1), row(20, 2)], [])] == [2, 1, 0]
    assert checker.first_after_us(rows, 12) == 8 and checker.first_after_us(rows, 30) is None
    assert len(checker.attempts(rows, 1, 6)) == 1


def test_it_reads_what_the_sink_writes(sink, tmp_path):
    log = tmp_path / "log"
    s = harness.Sink("--brief", log=str(log))
    try:
        for _ in range(3):
            harness.send_raw(s.port, b"Message-ID: <same@x>\r\n" + mails.plain())
    finally:
        s.signal(harness.signal.SIGTERM)
        s.wait()
    rows = checker.read(str(log))
    assert checker.duplicates(rows) == {"<same@x>": 3}
    assert "recipients" not in checker.messages(rows)[0]
    p = subprocess.run([sys.executable, checker.__file__, "--rate", "2 msg/min", log], capture_output=True, text=True)
    assert p.returncode == 1
    assert "at most 3 in any window" in p.stdout and "OVER" in p.stdout and "1 came more than once" in p.stdout
