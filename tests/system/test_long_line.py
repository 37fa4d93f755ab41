# SPDX-License-Identifier: Apache-2.0
"""A provider far away: each reply takes 100 ms on the line, whatever was asked
meanwhile."""
import statistics

import pytest

import harness

RTT_US = 100000
SLOWER = 0.5  # the clock's, so that a busy machine does not count
NUMBER = 8


@pytest.mark.clock
@pytest.mark.parametrize("without", ["", "CHUNKING"])
def test_one_session_sends_a_message_each_round_trip(without, sink, postern, load):
    clock = harness.shared_clock(SLOWER)
    options = ["--disable", without] if without else []
    s = sink(*options, script='delays = ( { delay = "100ms"; } );', env=clock, maildir=None)
    port = harness.free_port()
    p = postern(harness.provider(port, max_connections=1), start=False)
    p.start(env=clock)
    assert load(p.port, NUMBER, 4).result()["acked"] == NUMBER  # all wait: nobody listens there
    p.stop()
    p.settings["providers"][0]["port"] = s.port
    p.start(env=clock)
    at = [m["us"] for m in s.wait_messages(NUMBER)]
    p.stop()
    assert len({m["connection"] for m in s.messages()}) == 1
    gaps = [b - a for a, b in zip(at, at[1:])]
    assert statistics.median(gaps) <= RTT_US / 0.9, gaps
    s.stop()
