# SPDX-License-Identifier: Apache-2.0
"""What Prometheus makes of the metrics, by its own tool: the text, the rules and
the dashboard."""
import json
import pathlib
import re
import shutil
import subprocess

import pytest

import harness
import mails
import peers
import scrape

pytestmark = pytest.mark.skipif(not harness.is_built_with(rb"MHD_start_daemon"),
                                reason="built without libmicrohttpd")
CONTRIB = pathlib.Path(__file__).resolve().parents[2] / "contrib"


@pytest.fixture(scope="module")
def promtool():
    where = shutil.which("promtool") or str(peers.unpacked("prometheus") / "usr/bin/promtool")

    def run(*words, **kw):
        return subprocess.run([where, *words], capture_output=True, timeout=harness.LONG, **kw)
    return run


@pytest.fixture
def text(sink, postern):
    """Of a daemon that has seen most of what there is."""
    s = sink()
    p = postern(harness.provider(harness.free_port(), name="down"),
                harness.provider(s.port, name="up", rate=["1000 rcpt/day"], disable=["CHUNKING"]), http=scrape.settings())
    harness.send_raw(p.port, mails.plain())
    p.wait_event("delivered", provider="up")
    harness.wait_until(lambda: scrape.metrics(p)['postern_queue_messages{state="queued",priority="normal"}'] == 0)
    return scrape.get(p, "/metrics")[1]


def test_the_text_is_as_it_should_be(promtool, text):
    r = promtool("check", "metrics", input=text)
    assert (r.returncode, r.stdout, r.stderr) == (0, b"", b"")
    assert b'\npostern_failovers_total{from="down",to="up",reason="net"} 1\n' in text


def test_rules_alert_when_they_should(promtool):
    r = promtool("check", "rules", "rules.yml", cwd=CONTRIB / "prometheus")
    assert r.returncode == 0, r.stdout + r.stderr
    r = promtool("test", "rules", "rules_test.yml", cwd=CONTRIB / "prometheus")
    assert r.returncode == 0, r.stdout + r.stderr


def test_each_expression_of_the_dashboard_has_an_answer(promtool, text, tmp_path):
    """On what a daemon really exports, with the labels that Prometheus adds."""
    board = json.loads((CONTRIB / "grafana/postern.json").read_text())
    asked = [t["expr"] for panel in board["panels"] for t in panel["targets"]]
    assert len(asked) > 20
    series = []
    for line in text.decode().splitlines():
        if line.startswith("#"):
            continue
        name, value = line.rsplit(" ", 1)
        name, labels = re.match(r"(\w+)(?:\{(.*)\})?$", name).groups()
        labels = ",".join(x for x in (labels, 'instance="a"', 'job="postern"') if x)
        series.append({"series": "%s{%s}" % (name, labels), "values": "%sx30" % value})
    rows = []
    for expr in asked:
        for name, value in (("$__rate_interval", "5m"), ("$instance", "a"), ("$provider", ".*")):
            expr = expr.replace(name, value)
        rows.append({"expr": "clamp_max(count(%s), 1)" % expr, "eval_time": "20m",
                     "exp_samples": [{"labels": "{}", "value": 1}]})
    (tmp_path / "test.yml").write_text(json.dumps({
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": rows}]}))
    r = promtool("test", "rules", str(tmp_path / "test.yml"))
    assert r.returncode == 0, r.stdout + r.stderr
