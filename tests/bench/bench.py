#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bench.py - Postern between our generator and our sink, beside the
generator straight to the sink in the same run.

usage: bench.py [--scenario a,b,..] [--runs N] [--factor F] [--json FILE]
                [--delayed-ack] [--spool DIRECTORY]

The programs are found in POSTERN_BUILD (or the current directory).  Prints
one line a scenario, of medians over the runs:

accept/s    acknowledged messages a second
e2e/s       messages at the sink a second, from the first MAIL to the last
250 ms      from the final dot to its 250: p50 p95 p99
cpu s/k     CPU seconds of posternd for 1,000 messages
anon MiB    its anonymous memory (RssAnon) at the end of the run
ceiling/s   the same load straight to the sink

The scenario storm is another one: mail of a user who has logged in, without and
with a storm of wrong passwords from many clients, and how many of those were
answered meanwhile.
"""
import argparse
import atexit
import base64
import json
import os
import pathlib
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", os.getcwd()))
TICKS = os.sysconf("SC_CLK_TCK")

# name: messages, connections, octets, messages a connection, rate (0: closed loop)
SCENARIOS = {
    "1k-c1": (3000, 1, 1024, 0, 0),
    "1k-c10": (20000, 10, 1024, 0, 0),
    "1k-c100": (40000, 100, 1024, 0, 0),
    "4k-c10": (20000, 10, 4096, 0, 0),
    "64k-c10": (4000, 10, 65536, 0, 0),
    "1k-c10-m1": (10000, 10, 1024, 1, 0),
    "low": (400, 4, 4096, 1, 40),
    "storm": (1200, 10, 4096, 1, 60),
}
STORMERS = 400  # connections that guess, each from an address of its own
STORM_SECONDS = 300  # then they end by themselves

STARTED = []


def start(argv, **kw):
    """A program that does not outlive this one."""
    STARTED.append(subprocess.Popen(argv, **kw))
    return STARTED[-1]


def stop_all():
    for p in STARTED:
        if p.poll() is None:
            p.kill()
            p.wait()


def line_of(proc, start):
    """The next line of its standard output that begins so."""
    for raw in proc.stdout:
        if raw.startswith(start):
            return raw.strip()
    sys.exit("bench: %s ended before it said %r" % (proc.args[0], start))


class Sink:
    def __init__(self, number, delayed):
        argv = [BUILD / "postern-sink", "-l", "127.0.0.1:0", "--count", str(number)]
        self.p = start(argv + (["--delayed-ack"] if delayed else []),
                       stdout=subprocess.PIPE, text=True)
        self.port = int(line_of(self.p, "listening").rsplit(":", 1)[1])

    def arrived(self):
        return json.loads(line_of(self.p, '{"event":"count"'))

    def stop(self):
        self.p.send_signal(signal.SIGTERM)
        d = json.loads(line_of(self.p, '{"event":"summary"'))
        self.p.wait()
        return d


CONF = """hostname = "bench.test";
%(user)s
%(root)s
listeners = ( { name = "bench"; address = [ "127.0.0.1:0" ]; %(listener)s } );
providers = ( { name = "sink"; host = "127.0.0.1"; port = %(port)d; tls = "off";
    max_connections = 20; max_messages_per_connection = 10000; } );
spool = { directory = "%(spool)s"; };
submission = { socket = "%(dir)s/submission.sock"; drop_directory = "%(dir)s/drop"; };
log = { to = "%(dir)s/postern.log"; };
"""


class Postern:
    def __init__(self, directory, sink_port, users=None, root="", listener=""):
        """root, listener: more keys, at the top and of the listener."""
        if users:
            root += 'users_file = "%s";' % users
            listener += 'auth = "required";'
        self.dir = directory
        spool = pathlib.Path(directory) / "spool"
        spool.mkdir(mode=0o700)
        conf = pathlib.Path(directory) / "postern.conf"
        user = 'user = "root"; group = "root";' if os.getuid() == 0 else ""
        conf.write_text(CONF % dict(user=user, port=sink_port, spool=spool, dir=directory,
                                    root=root, listener=listener))
        log = pathlib.Path(directory) / "postern.log"
        log.touch()
        self.p = start([BUILD / "posternd", "-f", "-c", conf])
        tail = subprocess.Popen(["tail", "-n", "+1", "-s", "0.02", "-F", log], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)
        for line in tail.stdout:
            if "event=listening" in line:
                self.port = int(line.split("127.0.0.1:")[1].split()[0].strip('"'))
                break
        tail.terminate()
        tail.wait()
        tail.stdout.close()

    def cpu(self):
        f = open("/proc/%d/stat" % self.p.pid).read().rsplit(")", 1)[1].split()
        return (int(f[11]) + int(f[12])) / TICKS

    def anon(self):
        for line in open("/proc/%d/status" % self.p.pid):
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 1024

    def stop(self):
        self.p.send_signal(signal.SIGTERM)
        if self.p.wait() != 0:
            sys.exit("bench: posternd ended with %d" % self.p.returncode)


def generate(port, scenario, number, login=None, first=0):
    _, connections, size, per_connection, rate = SCENARIOS[scenario]
    argv = [BUILD / "tests/bench/postern-load", "-t", "127.0.0.1:%d" % port, "-n", str(number),
            "-c", str(connections), "-s", str(size), "-m", str(per_connection), "-r", str(rate)]
    argv += ["-a", login, "-g", "60", "-F", str(first)] if login else []
    p = subprocess.run(argv, stdout=subprocess.PIPE, text=True)
    d = json.loads(p.stdout)
    if p.returncode != 0:
        sys.exit("bench: %s: not everything was acknowledged: %s" % (scenario, p.stdout))
    return d


def rates(load, arrived):
    took = (arrived["last_us"] - load["start_us"]) / 1e6
    return load["acked_per_s"], arrived["different"] / took


def check(name, number, summary):
    bad = {k: summary[k] for k in ("damaged", "duplicates", "foreign") if summary[k]}
    if summary["different"] != number:
        bad["lost"] = number - summary["different"]
    if bad:
        sys.exit("bench: %s: %s" % (name, bad))


def one(scenario, number, delayed, where):
    sink = Sink(number, delayed)
    ceiling = rates(generate(sink.port, scenario, number), sink.arrived())[1]
    check("ceiling", number, sink.stop())
    directory = tempfile.mkdtemp(prefix="postern-bench.", dir=where)
    try:
        sink = Sink(number, delayed)
        postern = Postern(directory, sink.port)
        before = postern.cpu()
        load = generate(postern.port, scenario, number)
        arrived = sink.arrived()
        cpu, anon = postern.cpu() - before, postern.anon()
        postern.stop()
        check(scenario, number, sink.stop())
    finally:
        shutil.rmtree(directory)
    accept, e2e = rates(load, arrived)
    return dict(scenario=scenario, number=number, accept_per_s=accept, e2e_per_s=e2e,
                ack_p50=load["ack_ms"][0], ack_p95=load["ack_ms"][1], ack_p99=load["ack_ms"][2],
                cpu_s_per_k=cpu * 1000 / number, anon_mib=anon, ceiling_per_s=ceiling)


def plain(user, password):
    return base64.b64encode(("\0%s\0%s" % (user, password)).encode()).decode()


def guess(port):
    """Wrong passwords, of names that are there and of others, until SIGTERM; prints
    how many were answered."""
    signal.alarm(STORM_SECONDS)
    sel = selectors.DefaultSelector()
    tries, answers, said = 0, {}, {}

    def begin(host):
        nonlocal tries
        s = socket.socket()
        s.setblocking(False)
        s.bind(("127.%d.%d.%d" % (1 + host // 62500, host // 250 % 250, 1 + host % 250), 0))
        s.connect_ex(("127.0.0.1", port))
        name = "user%d" % (tries % 20) if tries % 2 else "nobody%d" % tries
        said[s] = ("EHLO x\r\nAUTH PLAIN %s\r\n" % plain(name, "guess%d" % tries)).encode()
        sel.register(s, selectors.EVENT_WRITE, host)
        tries += 1

    signal.signal(signal.SIGTERM, lambda *a: sys.exit(print(json.dumps(answers), flush=True)))
    for host in range(STORMERS):
        begin(host)
    print("storm", flush=True)
    while True:
        for key, _ in sel.select():
            s, got = key.fileobj, None
            try:
                if s in said:
                    s.send(said.pop(s))
                    sel.modify(s, selectors.EVENT_READ, key.data)
                    continue
                got = s.recv(4096)
            except OSError:
                got = b""
            code = got.rsplit(b"\r\n", 2)[-2][:3].decode() if got.count(b"\n") > 0 else ""
            if got and code in ("220", "250"):
                continue
            answers[code] = answers.get(code, 0) + 1
            sel.unregister(s)
            said.pop(s, None)
            s.close()
            begin(key.data + STORMERS if key.data < 100 * STORMERS else key.data % STORMERS)


def storm(a):
    """Mail of one who has logged in: alone, and while others guess."""
    number = max(10, int(SCENARIOS["storm"][0] * a.factor))
    rows = {"alone": [], "storm": []}
    for _ in range(a.runs):
        for how in rows:
            rows[how].append(storm_run(number, how == "storm", a.spool))
    for how, runs in rows.items():
        m = [statistics.median(r["ack_ms"][i] for r in runs) for i in range(3)]
        w = [statistics.median(r["whole_ms"][i] for r in runs) for i in range(3)]
        print("%-10s 250 ms %.2f/%.2f/%.2f, with connection and login %.2f/%.2f/%.2f %s" % (
            how, *m, *w, [r["guesses"] for r in runs] if how == "storm" else ""), flush=True)


def storm_run(number, with_storm, where):
    directory = tempfile.mkdtemp(prefix="postern-bench.", dir=where)
    users = pathlib.Path(directory) / "users"
    for i in range(20):
        subprocess.run([BUILD / "postern", "passwd", "-c", users, "user%d" % i], input=b"pass%d\n" % i,
                       check=True, stderr=subprocess.DEVNULL)
    try:
        sink = Sink(number + 10, False)
        postern = Postern(directory, sink.port, users)
        login = plain("user1", "pass1")
        generate(postern.port, "storm", 10, login, number)  # it is known by now
        guesser = None
        if with_storm:
            guesser = start([sys.executable, __file__, "--guess", str(postern.port)],
                            stdout=subprocess.PIPE, text=True)
            line_of(guesser, "storm")
        load = generate(postern.port, "storm", number, login)
        sink.arrived()
        load["guesses"] = None
        if guesser:
            guesser.send_signal(signal.SIGTERM)
            load["guesses"] = json.loads(line_of(guesser, "{"))
            guesser.wait()
        postern.stop()
        check("storm", number + 10, sink.stop())
        return load
    finally:
        shutil.rmtree(directory)


def main():
    ap = argparse.ArgumentParser(usage=__doc__)
    ap.add_argument("--scenario", default=",".join(SCENARIOS))
    ap.add_argument("--runs", type=int, default=1)
    ap.add_argument("--factor", type=float, default=1.0)
    ap.add_argument("--json")
    ap.add_argument("--delayed-ack", action="store_true")
    ap.add_argument("--spool", help="make the spools below this directory")
    ap.add_argument("--guess", type=int, help=argparse.SUPPRESS)
    a = ap.parse_args()
    if a.guess:
        guess(a.guess)
    atexit.register(stop_all)
    signal.signal(signal.SIGTERM, lambda *x: sys.exit("bench: ended by SIGTERM"))
    print("%-10s %9s %9s %23s %9s %9s %10s" % ("", "accept/s", "e2e/s", "250 ms p50/p95/p99",
                                              "cpu s/k", "anon MiB", "ceiling/s"))
    for name in a.scenario.split(","):
        if name == "storm":
            storm(a)
            continue
        number = max(10, int(SCENARIOS[name][0] * a.factor))
        rows = [one(name, number, a.delayed_ack, a.spool) for _ in range(a.runs)]
        if a.json:
            with open(a.json, "a") as f:
                f.writelines(json.dumps(r) + "\n" for r in rows)
        m = {k: statistics.median(r[k] for r in rows) for k in rows[0] if k != "scenario"}
        print("%-10s %9.0f %9.0f %23s %9.3f %9.1f %10.0f" % (
            name, m["accept_per_s"], m["e2e_per_s"],
            "%.2f/%.2f/%.2f" % (m["ack_p50"], m["ack_p95"], m["ack_p99"]),
            m["cpu_s_per_k"], m["anon_mib"], m["ceiling_per_s"]), flush=True)


if __name__ == "__main__":
    main()
