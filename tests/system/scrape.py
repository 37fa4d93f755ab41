# SPDX-License-Identifier: Apache-2.0
"""Asks a daemon by HTTP, as Prometheus does."""
import http.client

import harness


def settings(**more):
    return {"address": "127.0.0.1:%d" % harness.free_port(), **more}


def port(p):
    return int(p.settings["http"]["address"].rsplit(":", 1)[1])


def ask(p, method, path, body=None, headers=None):
    """(status, header, body)"""
    c = http.client.HTTPConnection("127.0.0.1", port(p), timeout=harness.LONG)
    try:
        c.request(method, path, body, headers or {})
        r = c.getresponse()
        return r.status, r.headers, r.read()
    finally:
        c.close()


def get(p, path):
    status, _, body = ask(p, "GET", path)
    return status, body


def metrics(p):
    """{ 'name{label="value"}': value }"""
    status, body = get(p, "/metrics")
    assert status == 200
    rows = (x.rsplit(" ", 1) for x in body.decode().splitlines() if not x.startswith("#"))
    return {name: float(value) for name, value in rows}
