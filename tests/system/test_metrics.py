# SPDX-License-Identifier: Apache-2.0
"""Metrics and health by HTTP, as Prometheus and an orchestrator see them."""
import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess

import pytest

import harness
import mails
import scrape

pytestmark = pytest.mark.skipif(not harness.is_built_with(rb"MHD_start_daemon"),
                                reason="built without libmicrohttpd")


def config_hash(m):
    found = [re.fullmatch(r'postern_config_info\{hash="([0-9a-f]{16})"\}', k) for k in m]
    return [x[1] for x in found if x][0]


def test_what_became_of_mail_is_counted(sink, postern):
    s = sink(script='rules = ( { stage = "rcpt"; recipient = "no@*"; action = "550:5.1.1:no"; } );')
    p = postern(harness.provider(s.port, name="a", rate=["1000 rcpt/day"], disable=["CHUNKING"]), http=scrape.settings())
    harness.send_raw(p.port, mails.plain())
    harness.send_raw(p.port, mails.plain(), recipients=("no@example.net",), sender="")
    p.wait_event("delivered")
    p.wait_event("bounced")
    m = scrape.metrics(p)
    assert m['postern_messages_received_total{listener="local"}'] == 2
    assert m['postern_messages_received_total{listener="sendmail"}'] == 0
    assert m['postern_smtp_connections_total{listener="local"}'] >= 1
    assert m['postern_smtp_refusals_total{listener="local",class="5xx"}'] == 0
    assert m['postern_smtp_commands_total{verb=".",class="2xx"}'] == 2
    assert m['postern_smtp_commands_total{verb="DATA",class="3xx"}'] == 2
    assert m['postern_message_size_bytes_count{source="smtp"}'] == 2
    assert 'postern_message_size_bytes_count{source="sendmail"}' not in m
    assert m['postern_loop_lag_seconds_count{thread="inlet"}'] > 2
    harness.wait_until(lambda: scrape.metrics(p)['postern_smtp_sessions_total{listener="local",tls="none"}'] == 2)
    assert scrape.metrics(p)['postern_smtp_sessions{listener="local",tls="none"}'] == 0
    before = config_hash(m)
    # a listener's counts go on by its name, and a new one's begin
    p.settings["listeners"].append({"name": "more", "address": ["127.0.0.1:0"]})
    p.write_conf()
    p.proc.signal(signal.SIGHUP)
    p.wait_event("reloaded")
    m = scrape.metrics(p)
    assert m['postern_messages_received_total{listener="local"}'] == 2
    assert m['postern_messages_received_total{listener="more"}'] == 0
    assert config_hash(m) != before
    before, p.settings["bogus"] = config_hash(m), 1  # what is refused is not in force
    p.wait_event("reload.failed", since=p.reload())
    m = scrape.metrics(p)
    assert (config_hash(m), m["postern_config_refused"]) == (before, 1)
    del p.settings["bogus"]
    assert m['postern_delivery_results_total{provider="a",result="delivered"}'] == 1
    assert m['postern_delivery_attempts_total{provider="a",class="ok"}'] >= 1
    assert m['postern_delivery_seconds_count{provider="a"}'] == 1
    assert m['postern_queue_wait_seconds_count{priority="normal"}'] == 1
    assert m['postern_delivery_seconds_bucket{provider="a",le="+Inf"}'] == 1
    assert m['postern_attempt_stage_seconds_count{provider="a",stage="connect"}'] >= 1
    assert m['postern_attempt_stage_seconds_count{provider="a",stage="content"}'] == 1
    assert m['postern_quota_limit{owner="provider/a",window="1000 rcpt/1d"}'] == 1000
    assert 1 <= m['postern_quota_used{owner="provider/a",window="1000 rcpt/1d"}'] <= 2
    assert m['postern_upstream_connections_opened_total{provider="a"}'] >= 1
    assert m['postern_breaker_state{provider="a"}'] == 0
    assert m['postern_provider_level{provider="a"}'] == 0
    assert sum(v for k, v in m.items() if k.startswith("postern_build_info{")) == 1
    assert m["postern_spool_commit_seconds_count"] >= 2
    assert m["process_open_fds"] > 10
    assert m['postern_worker_queue{pool="read"}'] == m['postern_worker_queue{pool="listing"}'] == 0
    assert 0 <= m["postern_spool_oldest_reader_seconds"] < 60


def test_a_breaker_opens_and_closes(sink, postern):
    port = harness.free_port()
    p = postern(harness.provider(port, name="a", breaker={"failures": 1, "open": "1s", "open_max": "1s"}),
                retry={"quick": ["1s"]}, http=scrape.settings())
    harness.send_raw(p.port, mails.plain())
    p.wait_event("provider.down")
    m = scrape.metrics(p)
    assert m['postern_breaker_state{provider="a"}'] in (1, 2)
    assert m['postern_provider_usable{provider="a"}'] == 0
    assert m['postern_queue_messages{state="queued",priority="normal"}'] == 1
    harness.wait_until(lambda: 0 < scrape.metrics(p).get('postern_queue_oldest_seconds{priority="normal"}', 0) < 60)
    assert scrape.metrics(p)['postern_queue_oldest_seconds{priority="high"}'] == 0
    assert m['postern_upstream_failures_total{provider="a",class="net"}'] >= 1
    s = sink(port=port)
    s.wait_messages(1)
    p.wait_event("delivered")
    m = scrape.metrics(p)
    assert m['postern_breaker_state{provider="a"}'] == 0
    assert m['postern_provider_usable{provider="a"}'] == 1
    assert m['postern_breaker_transitions_total{provider="a",to="closed"}'] == 1
    assert m['postern_breaker_transitions_total{provider="a",to="half-open"}'] >= 1


def test_the_same_as_one_document(sink, postern, tmp_path):
    s = sink()
    control = tmp_path / "control.sock"
    p = postern(harness.provider(s.port, name="a", rate=["1000 rcpt/day"]),
                http=scrape.settings(), control={"socket": str(control)})
    harness.send_raw(p.port, mails.plain())
    p.wait_event("delivered")
    status, head, body = scrape.ask(p, "GET", "/v1/stats")
    assert (status, head["Content-Type"]) == (200, "application/json")
    doc = json.loads(body)
    assert (doc["v"], doc["pid"], doc["accepts"]) == (1, p.proc.pid, True)
    assert doc["config"] == config_hash(scrape.metrics(p))
    assert doc["in"]["messages"] == doc["out"]["results"]["delivered"] == 1
    a = doc["providers"][0]
    assert (a["name"], a["state"], a["usable"], a["results"]["delivered"]) == ("a", "ok", True, 1)
    assert 0 <= a["wait_ms"]["p50"] <= a["delivery_ms"]["p50"] == a["delivery_ms"]["p99"] < 60000
    assert doc["out"]["delivery_ms"] == a["delivery_ms"]
    assert a["stages_ms"]["connect"]["count"] >= 1
    assert doc["windows"] == [{"owner": "provider/a", "window": "1000 rcpt/1d", "used": 1, "max": 1000}]
    harness.wait_until(lambda: json.loads(scrape.get(p, "/v1/stats")[1])["out"]["last_minute"] == 1)
    with socket.socket(socket.AF_UNIX) as c:
        c.settimeout(harness.LONG)
        c.connect(str(control))
        c.sendall(b'{"v":1,"request":"stats"}\n')
        lines = c.makefile().read().splitlines()
    row = json.loads(lines[0])["row"]
    assert doc["process"]["cpu_s"] > 0 and doc["process"]["rss"] > 1 << 20 and doc["process"]["fds"] > 10
    assert set(row) == set(doc) and row["providers"][0]["results"] == a["results"]
    assert json.loads(lines[1])["done"] is True
    # what the page says of it is what is there
    page = open(os.path.join(os.path.dirname(__file__), "../../docs/metrics.md")).read()
    told = set(re.findall(r"`(\w+)`", page[page.index("## Without"):]))
    assert set(doc) <= told
    for part in ("queue", "spool", "in", "out", "process"):
        assert set(doc[part]) <= told, part


def test_series_do_not_depend_on_the_mail(sink, postern):
    s = sink()
    p = postern(harness.provider(s.port, name="a"), http=scrape.settings())

    def send(i):
        with harness.Client(p.port) as c:
            c.open()
            c.cmd("EHLO bogus%d.example" % i)
            c.cmd("AUTH BOGUS%d" % i)
            c.cmd("MAIL FROM:<s%d@example.com>" % i)
            c.cmd("RCPT TO:<r@d%d.example>" % i)
            c.cmd("DATA")
            assert c.cmd("X-Tenant: t%d\r\n\r\nhi\r\n." % i)[0] == 250
        p.wait_event("delivered", n=i + 1)

    send(0)
    before = set(scrape.metrics(p))
    for i in range(1, 20):
        send(i)
    m = scrape.metrics(p)
    assert m['postern_delivery_results_total{provider="a",result="delivered"}'] == 20
    assert not [x for x in m if re.search(r"bogus|example|BOGUS", x)]
    # what happened for the first time has lines of its own: a step's, the oldest's
    assert not [x for x in set(m) - before if "_stage_" not in x and "_oldest_" not in x and "{" in x and "_total" not in x]
    assert len(m) < 1.5 * len(before)


def test_alive_and_ready_until_it_stops(postern):
    p = postern(http=scrape.settings())
    assert scrape.get(p, "/healthz") == (200, b"alive\n")
    assert scrape.get(p, "/readyz") == (200, b"ready\n")
    with harness.Client(p.port) as c:
        c.open()
        c.cmd("EHLO app.example")
        c.cmd("MAIL FROM:<a@example.com>")
        c.cmd("RCPT TO:<b@example.net>")
        c.cmd("DATA")
        p.terminate()
        p.wait_event("stopping")
        assert scrape.get(p, "/readyz") == (503, b"it is stopping\n")
        assert scrape.get(p, "/healthz") == (200, b"alive\n")
        assert c.cmd("\r\nhi\r\n.")[0] == 250
    p.stop()


def test_only_what_there_is_is_answered(postern):
    p = postern(http=scrape.settings(max_connections=4, timeout="1s"))
    status, head, body = scrape.ask(p, "POST", "/metrics", b"x" * 100)
    assert (status, head["Allow"], body) == (405, "GET, HEAD", b"only GET and HEAD are known\n")
    status, head, body = scrape.ask(p, "HEAD", "/metrics")
    assert status == 200 and int(head["Content-Length"]) > 1000 and body == b""
    assert head["Content-Type"].startswith("text/plain; version=0.0.4")
    assert scrape.get(p, "/")[0] == 404
    assert scrape.get(p, "/metrics/../healthz")[0] == 404
    status = scrape.ask(p, "GET", "/healthz", headers={"X-Long": "x" * 20000})[0]
    assert status in (413, 431)
    idle = [socket.create_connection(("127.0.0.1", scrape.port(p))) for _ in range(5)]
    for x in idle[:4]:  # a second without a word, and they are closed
        x.settimeout(harness.LONG)
        assert x.recv(100) == b""
    idle[4].settimeout(harness.LONG)
    idle[4].sendall(b"GET /healthz HTTP/1.0\r\n\r\n")  # the fifth had to wait for that
    assert b"alive" in b"".join(iter(lambda: idle[4].recv(4096), b""))
    for x in idle:
        x.close()
    p.stop()


def test_a_unix_socket_has_the_mode_that_is_set(postern, tmp_path):
    path = tmp_path / "http.sock"
    p = postern(http={"address": "unix:%s" % path, "mode": "0600"})
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    c = http.client.HTTPConnection("localhost", timeout=harness.LONG)
    c.sock = socket.socket(socket.AF_UNIX)
    c.sock.connect(str(path))
    c.request("GET", "/healthz")
    assert c.getresponse().read() == b"alive\n"
    c.close()
    p.stop()
    assert not path.exists()


def test_strangers_are_let_in_by_word_only(postern):
    p = postern(http={"address": "0.0.0.0:%d" % harness.free_port()}, start=False)
    p.write_conf()
    check = [harness.POSTERND, "-t", "-c", p.conf]
    r = subprocess.run(check, capture_output=True, text=True, timeout=harness.LONG)
    assert r.returncode == 78 and "http.address: lets everybody read" in r.stderr
    p.settings["http"]["allow_remote"] = True
    p.write_conf()
    assert subprocess.run(check, capture_output=True, timeout=harness.LONG).returncode == 0
