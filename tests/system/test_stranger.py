# SPDX-License-Identifier: Apache-2.0
"""No open relay: a client in another network, with every configuration that is
shipped.  Two network namespaces with a cable between them; root only."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import harness

TOP = pathlib.Path(__file__).resolve().parents[2]
HOST, STRANGER, LAN_HOST, LAN = "198.51.100.1", "198.51.100.2", "10.9.9.1", "10.9.9.2"
HOST6, STRANGER6 = "2001:db8:1::1", "2001:db8:1::2"


def ip(*args):
    return subprocess.run(["ip", *args], capture_output=True, text=True)


def may_make_namespaces():
    if os.getuid() != 0 or not shutil.which("ip"):
        return False
    name = "pt%d" % os.getpid()
    made = ip("netns", "add", name).returncode == 0
    usable = made and ip("-n", name, "link", "set", "lo", "up").returncode == 0
    if made:
        ip("netns", "del", name)
    return usable


pytestmark = pytest.mark.skipif(not may_make_namespaces(), reason="needs root, ip(8) and namespaces")


@pytest.fixture
def network():
    """The names of two namespaces: the host's, and that of who is elsewhere."""
    a, b = "pta%d" % os.getpid(), "ptb%d" % os.getpid()
    try:
        for args in (
                ["netns", "add", a], ["netns", "add", b],
                ["-n", a, "link", "set", "lo", "up"], ["-n", b, "link", "set", "lo", "up"],
                ["-n", a, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", b],
                ["-n", a, "addr", "add", HOST + "/24", "dev", "wire"],
                ["-n", b, "addr", "add", STRANGER + "/24", "dev", "wire"],
                ["-n", a, "addr", "add", LAN_HOST + "/24", "dev", "wire"],
                ["-n", b, "addr", "add", LAN + "/24", "dev", "wire"],
                ["-n", a, "addr", "add", HOST6 + "/64", "dev", "wire", "nodad"],
                ["-n", b, "addr", "add", STRANGER6 + "/64", "dev", "wire", "nodad"],
                ["-n", a, "link", "set", "wire", "up"], ["-n", b, "link", "set", "wire", "up"]):
            r = ip(*args)
            if r.returncode and any(":" in x for x in args):
                continue  # a host without IPv6
            assert r.returncode == 0, (args, r.stderr)
        yield a, b
    finally:
        ip("netns", "del", a)
        ip("netns", "del", b)


# What a client gets, run where it is: arguments: target, source, port; prints
# the replies as they came, or why there was no session.
CLIENT = r"""
import json, socket, ssl, sys
target, source, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
said = []
tls = ssl.create_default_context()
tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
def line(f):
    while True:
        got = f.readline().decode("utf-8", "replace").rstrip()
        if not got:
            raise EOFError
        if got[3:4] != "-":
            said.append(got)
            return got
        extensions.append(got[4:])
def talk(sock):
    global extensions
    extensions = []
    f = sock.makefile("rwb")
    def cmd(text):
        f.write(text.encode() + b"\r\n"); f.flush()
        return line(f)
    line(f)
    cmd("EHLO stranger.example")
    if "STARTTLS" in extensions and not isinstance(sock, ssl.SSLSocket):
        cmd("STARTTLS")
        secure = tls.wrap_socket(sock)
        f = secure.makefile("rwb")
        cmd("EHLO stranger.example")
    cmd("MAIL FROM:<a@example.com>")
    cmd("RCPT TO:<victim@example.net>")
    if cmd("DATA")[:3] == "354":
        cmd("Subject: x\r\n\r\nrelayed\r\n.")
    cmd("RSET")
    cmd("AUTH PLAIN AGEAYg==")
    cmd("MAIL FROM:<>")
    cmd("RCPT TO:<victim@example.net>")
for implicit in (False, True):
    try:
        sock = socket.create_connection((target, port), 10, (source, 0))
        if implicit:
            sock = tls.wrap_socket(sock)
        talk(sock)
    except (OSError, EOFError) as e:
        said.append("end: " + type(e).__name__)
print(json.dumps(said))
"""


def client(namespace, target, source, port):
    r = subprocess.run(["ip", "netns", "exec", namespace, sys.executable, "-c", CLIENT,
                        target, source, str(port)], capture_output=True, text=True, timeout=harness.LONG)
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout)


# --- the configurations ------------------------------------------------------------------

def examples():
    page = (TOP / "man/postern.conf.5").read_text()
    page = page[page.index(".Sh EXAMPLES"):]
    page = page[:page.index("\n.Sh ", 1)]
    texts = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", page, re.M | re.S)
    return [t.replace(r"\(dq", '"').replace(r"\e", "\\") for t in texts]


def configurations():
    yield "postern.conf", (TOP / "etc/postern.conf").read_text()
    yield "postern.conf.full", (TOP / "etc/postern.conf.full").read_text()
    for i, text in enumerate(examples()):
        yield "example-%d" % (i + 1), text


def certificate(directory, name):
    """A certificate and its key, in one file; each time the same."""
    path = directory / name
    if path.exists():
        return path
    key = directory / (name + ".key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=relay.example.com", "-keyout", key, "-out", path],
                   check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + key.read_bytes())
    return path


def make_file(directory, path):
    """What a configuration names in /etc/postern, in a directory of the test."""
    to = directory / pathlib.Path(path).name
    if to.exists():
        return to
    if to.suffix in (".pem", ".crt", ".key"):
        shutil.copy(certificate(directory, "made.pem"), to)
    elif to.name == "users":
        to.write_text("app:$6$saltsalt$" + "x" * 86 + "\n")
    else:
        to.write_text("secret\n")
    to.chmod(0o600)
    return to


class AsShipped(harness.Postern):
    """A daemon with a configuration as it is, but for places and the user."""

    def __init__(self, directory, text):
        super().__init__(directory, [])
        self.text = text

    def place(self, text):
        text = text.replace("/var/spool/postern", str(self.spool)).replace("/run/postern/", "%s/" % self.dir)
        text = re.sub(r'to = "/var/log/[^"]*"', 'to = "stderr"', text)
        text = re.sub(r'"unix:/run/[^"]*"', '"unix:%s/smtp.sock"' % self.dir, text)
        text = re.sub(r'^user = "[^"]*"', 'user = "root"', text, flags=re.M)
        text = re.sub(r'^(\s*)((?:users|groups) = \[)[^\]]*', r'\1\2 "root" ', text, flags=re.M)
        shown = re.sub(r"#.*", "", text)
        for path in set(re.findall(r'"(/etc/postern/[^"*]+)"', shown)):
            text = text.replace('"%s"' % path, '"%s"' % make_file(self.dir, path))
        if not re.search(r"^user = ", text, re.M):
            text += 'user = "root"; group = "root";\n'
        if not re.search(r"^submission = ", text, re.M):
            text += 'submission = { socket = "%s/s"; drop_directory = "%s/drop"; };\n' % (self.dir, self.dir)
        if not re.search(r"^spool = ", text, re.M):
            text += 'spool = { directory = "%s"; };\n' % self.spool
        return text

    def write_conf(self):
        self.conf.write_text(self.place(self.text))

    def start_in(self, namespace):
        self.start(wait=False, under=["ip", "netns", "exec", namespace])
        self.wait_event("started")
        return self

    def addresses(self):
        """(address, port) of each listener that is on a network."""
        found = []
        for e in self.events("listening"):
            m = re.match(r"\[?([0-9a-f.:]+)\]?:(\d+)$", e["address"])
            if m:
                found.append((m.group(1), int(m.group(2))))
        return found


CONFIGURATIONS = dict(configurations())


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_stranger_cannot_relay(name, network, made, tmp_path):
    here, elsewhere = network
    p = AsShipped(tmp_path / "postern", CONFIGURATIONS[name])
    made.append(p)
    p.start_in(here)
    assert p.addresses(), "nothing listens: nothing is proved"
    for port in {port for _, port in p.addresses()}:
        for target, source in ((HOST, STRANGER), (HOST6, STRANGER6), (LAN_HOST, STRANGER)):
            said = client(elsewhere, target, source, port)
            assert not any(x.startswith("354") or "2.1.5" in x for x in said), (target, port, said)
    assert not p.events("accepted")
    for address, port in p.addresses():  # it works, or the above would say nothing
        if address in ("127.0.0.1", "::1"):
            said = client(here, address, address, port)
            assert any("queued as" in x for x in said), said
        elif "networks" in CONFIGURATIONS[name] and "10.0.0.0/8" in CONFIGURATIONS[name]:
            said = client(elsewhere, LAN_HOST, LAN, port)
            assert any("queued as" in x or x.startswith("530") for x in said), said
    p.stop()


def test_a_listener_for_everybody_is_a_mistake(network, made, tmp_path):
    """Nobody opens a relay by leaving something out."""
    p = AsShipped(tmp_path / "postern",
                  'listeners = ( { name = "all"; address = [ "0.0.0.0:25", "[::]:25" ]; } );\n')
    made.append(p)
    p.start(wait=False, under=["ip", "netns", "exec", network[0]])
    assert p.proc.wait() == 78
    assert "lets everybody in" in p.proc.err.text()
    p.proc = None
