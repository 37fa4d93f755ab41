#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""idle.py - what connections cost that say nothing, and whether they are in
anybody's way.

usage: idle.py [--connections N] [--tls] [--threads N] [--sessions N] [--json FILE]

Opens N connections (10,000; each has said EHLO, with --tls inside of STARTTLS)
and holds them.  The programs are found in POSTERN_BUILD (or the current
directory).  Prints

KiB each      anonymous memory (RssAnon) that posternd has gained, a connection
open/s        connections opened a second
session ms    a client that hands in one message and leaves: p50 and p99 with
              nobody else there, and while all of them idle
"""
import argparse
import json
import resource
import shutil
import socket
import ssl
import statistics
import subprocess
import tempfile
import time

import bench

BUFFERS = 4096  # of a held connection, on our side
MAIL = (b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n",
        b"Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n")


def keys(directory, a):
    """What bench.Postern has to be told."""
    more = a.connections + 100
    k = dict(root="inlet_threads = %d;" % a.threads,
             listener="max_connections = %d; max_per_client = %d;" % (more, more))
    if a.tls:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "2", "-subj", "/CN=bench.test", "-keyout", directory + "/key",
                        "-out", directory + "/cert"], check=True, stderr=subprocess.DEVNULL)
        k["root"] += ' tls = { certificates = ( { certificate = "%s/cert"; key = "%s/key"; } ); };' % (
            directory, directory)
        k["listener"] += ' tls = "optional";'
    return k


def read_reply(sock, code):
    got = b""
    while not got.endswith(b"\r\n") or got[:-2].rsplit(b"\r\n", 1)[-1][3:4] == b"-":
        part = sock.recv(4096)
        if not part:
            raise SystemExit("idle: closed after %r" % got)
        got += part
    if not got.startswith(code):
        raise SystemExit("idle: %r instead of %r" % (got, code))


def hold(port, context):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFERS)
    sock.connect(("127.0.0.1", port))
    read_reply(sock, b"220")
    if context:
        sock.sendall(b"EHLO idle.test\r\n")
        read_reply(sock, b"250")
        sock.sendall(b"STARTTLS\r\n")
        read_reply(sock, b"220")
        sock = context.wrap_socket(sock)
    sock.sendall(b"EHLO idle.test\r\n")
    read_reply(sock, b"250")
    return sock


def session(port):
    """ms of a client that hands one message in."""
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        read_reply(sock, b"220")
        sock.sendall(b"EHLO new.test\r\n")
        read_reply(sock, b"250")
        sock.sendall(MAIL[0])
        got = b""
        while b"354 " not in got:
            got += sock.recv(4096)
        sock.sendall(MAIL[1])
        while b"\r\n221 " not in got:
            part = sock.recv(4096)
            if not part:
                raise SystemExit("idle: closed after %r" % got)
            got += part
    if b"queued as" not in got:
        raise SystemExit("idle: %r" % got)
    return (time.perf_counter() - began) * 1000


def sessions(port, n):
    rows = sorted(session(port) for _ in range(n))
    return statistics.median(rows), rows[int(n * 0.99)]


def figures(a, directory, postern):
    context = None
    if a.tls:
        context = ssl.create_default_context(cafile=directory + "/cert")
        context.check_hostname = False
    sessions(postern.port, 20)
    alone = sessions(postern.port, a.sessions)
    before, began = postern.anon(), time.perf_counter()
    held = [hold(postern.port, context) for _ in range(a.connections)]
    took, gained = time.perf_counter() - began, postern.anon() - before
    beside = sessions(postern.port, a.sessions)
    for sock in held:
        sock.close()
    return dict(scenario="idle-tls" if a.tls else "idle", connections=a.connections, threads=a.threads,
                kib_each=gained * 1024 / a.connections, open_per_s=a.connections / took,
                alone_p50=alone[0], alone_p99=alone[1], beside_p50=beside[0], beside_p99=beside[1])


def measure(a, directory):
    sink = bench.Sink(2 * a.sessions + 20, False)
    postern = bench.Postern(directory, sink.port, **keys(directory, a))
    try:
        d = figures(a, directory, postern)
        postern.stop()
        sink.stop()
        return d
    finally:
        for p in (postern.p, sink.p):
            if p.poll() is None:
                p.kill()
                p.wait()


def main():
    ap = argparse.ArgumentParser(usage=__doc__)
    ap.add_argument("--connections", type=int, default=10000)
    ap.add_argument("--tls", action="store_true")
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--sessions", type=int, default=300)
    ap.add_argument("--json")
    a = ap.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    directory = tempfile.mkdtemp(prefix="postern-idle.")
    try:
        d = measure(a, directory)
    finally:
        shutil.rmtree(directory)
    if a.json:
        with open(a.json, "a") as f:
            f.write(json.dumps(d) + "\n")
    print("%(scenario)s: %(connections)d connections, %(kib_each).2f KiB each, %(open_per_s).0f open/s; "
          "session ms p50/p99: %(alone_p50).2f/%(alone_p99).2f alone, "
          "%(beside_p50).2f/%(beside_p99).2f beside them" % d)


if __name__ == "__main__":
    main()
