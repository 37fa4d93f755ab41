# SPDX-License-Identifier: Apache-2.0
"""Configurations that are refused: one line each, with file, line and what
to write instead; exit 78.  And spools that cannot be used: one clear line,
nothing touched."""
import os
import subprocess

import pytest

import harness
import mails

GOOD = '''hostname = "postern.test";
%s
listeners = ( { name = "local"; address = [ "127.0.0.1:0" ]; } );
providers = ( { name = "one"; host = "127.0.0.1"; port = 2525; tls = "off"; } );
spool = { directory = "%%s"; };
log = { to = "stderr"; };
''' % ('user = "root"; group = "root";' if os.getuid() == 0 else "")


def check(tmp_path, text, *options):
    conf = tmp_path / "postern.conf"
    conf.write_text(text)
    return subprocess.run([harness.POSTERND, "-t", "-c", conf, *options], capture_output=True, text=True,
                          timeout=harness.LONG)


def good(tmp_path):
    spool = tmp_path / "spool"
    spool.mkdir(mode=0o700, exist_ok=True)
    return GOOD % spool


def test_a_good_one(tmp_path):
    r = check(tmp_path, good(tmp_path))
    assert r.returncode == 0, r.stdout + r.stderr


def test_the_values_of_a_provider_and_where_they_stand(tmp_path):
    (tmp_path / "near.conf").write_text('tls = "off";\nmax_recipients = 7;\n')
    text = good(tmp_path).replace('tls = "off"', 'profile = "near"; rate = [ "5 msg/s" ]')
    r = check(tmp_path, text + 'profile_directories = [ "." ];\n', "-v")
    assert r.returncode == 0, r.stdout + r.stderr
    lines = r.stdout.splitlines()
    assert 'one: host = "127.0.0.1" (%s/postern.conf:4)' % tmp_path in lines
    assert "one: max_recipients = 7 (profile near, %s/./near.conf:2)" % tmp_path in lines
    assert "one: weight = 1 (default)" in lines
    assert lines[-1] == "%s/postern.conf: ok" % tmp_path


# what is replaced, by what, the line it is on, what the complaint says
WRONG = [
    ('providers = (', 'routes = ( { name = "default"; use = [ "one" ]; mode = "redirect"; } ); providers = (', 0,
     'routes.redirect_to: is missing; write redirect_to = "staging@example.com";'),
    ('providers = (', 'routes = ( { name = "default"; use = [ "one" ]; redirect_to = "a@b.example"; } ); providers = (', 0,
     "routes.redirect_to: nothing is redirected"),
    ('providers = (', 'routes = ( { name = "default"; use = [ "one" ]; allow = [ "*" ]; } ); providers = (', 0,
     "routes.allow: everybody gets mail"),
    ('providers = (', 'routes = ( { name = "default"; use = [ "one" ]; mode = "capture"; on_dead = "x"; }, '
     '{ name = "x"; use = [ "one" ]; match = { sender = [ "a@b" ]; }; } ); providers = (', 0,
     "routes.on_dead: what is captured would leave by it"),
    ('port = 2525;', 'port = 2525; identity_policy = "rewrite";', 0,
     'providers.identity_policy: says what happens to senders outside of identities'),
    ('port = 2525;', 'port = 2525; identities = [ "a.example" ]; identity_policy = "rewrite";', 0,
     'providers.identity_policy: needs what others become; write rewrite = { sender = '),
    ('port = 2525;', 'port = 2525; rewrite = { from = "nobody"; };', 0, "providers.rewrite.from: "),
    ('port = 2525;', 'port = 2525; headers = { add = [ "X-A" ]; };', 0,
     'providers.headers.add: "X-A" is no field; write "X-Name: value"'),
    ('port = 2525;', 'port = 2525; headers = { remove = [ "X A" ]; };', 0,
     'providers.headers.remove: "X A" is no name of a field'),
    ('providers = (', 'control = { group = "nobody at all"; }; providers = (', 0, "control.group: "),
    ("hostname", "hostnme", None, "hostname"),
    ('port = 2525', 'port = 252500', None, "port"),
    ('port = 2525', 'port = "smtp"', None, "port"),
    ('tls = "off"', 'tls = "of"', None, "off"),
    ('host = "127.0.0.1";', '', None, "host"),
    ('name = "one";', '', None, "name"),
    ('"127.0.0.1:0"', '"localhost:25"', None, "address"),
    ('"127.0.0.1:0"', '"0.0.0.0:2525"', None, "networks"),
    ('tls = "off";', 'tls = "off"; user = "x"; password_file = "/nonexistent";', None, "/nonexistent"),
    ('tls = "off";', 'tls = "off"; max_connections = 0;', None, "max_connections"),
    ('tls = "off";', 'tls = "off"; max_connections = -1;', None, "max_connections"),
    ('tls = "off";', 'tls = "off"; idle_timeout = "8 parsecs";', None, "idle_timeout"),
    ('tls = "off";', 'tls = "off"; max_size = 99999999999999999999;', None, "99999999999999999999"),
    ('log = {', 'quota = 1;\nlog = {', None, "quota"),
    ('log = {', 'log = ;', None, "syntax"),
    ('log = { to = "stderr"; };', 'retry = { min = "1h"; max = "1m"; };\nlog = { to = "stderr"; };', None, "retry"),
]


@pytest.mark.parametrize("old,new,line,says", WRONG, ids=[w[1].strip()[:40] or "without-" + w[0][:12] for w in WRONG])
def test_a_wrong_one(old, new, line, says, tmp_path):
    text = good(tmp_path)
    assert old in text
    r = check(tmp_path, text.replace(old, new, 1))
    out = r.stdout + r.stderr
    assert r.returncode == 78, out
    assert "postern.conf:" in out
    assert says in out
    assert "Sanitizer" not in out


def test_all_mistakes_at_once(tmp_path):
    text = good(tmp_path).replace("hostname", "hostnam").replace("port =", "prt =")
    r = check(tmp_path, text)
    assert r.returncode == 78
    out = (r.stdout + r.stderr)
    assert "postern.conf:1:" in out and "hostnam" in out and "prt" in out
    assert "hostname" in out, "did you mean"


def test_a_secret_that_others_can_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x\n")
    secret.chmod(0o644)
    text = good(tmp_path).replace('tls = "off";', 'tls = "required"; user = "u"; password_file = "%s";' % secret)
    r = check(tmp_path, text)
    assert r.returncode == 78
    assert str(secret) in r.stdout + r.stderr


def test_include(tmp_path):
    d = tmp_path / "conf.d"
    d.mkdir()
    (d / "a.conf").write_text('providers = ( { name = "two"; host = "127.0.0.1"; port = 2526; tls = "off"; } );\n')
    (d / "b.conf").write_text('providers = ( { name = "three"; prt = 1; } );\n')
    text = good(tmp_path) + 'include = [ "%s/*.conf" ];\n' % d
    r = check(tmp_path, text)
    assert r.returncode == 78
    assert "b.conf:1" in r.stdout + r.stderr
    (d / "b.conf").unlink()
    assert check(tmp_path, text).returncode == 0


def test_without_a_provider_mail_is_held(sink, postern):
    p = postern()
    harness.send_raw(p.port, mails.plain())
    assert "no provider" in p.log.text()
    p.stop()
    s = sink()
    p.settings["providers"] = [harness.provider(s.port)]
    p.start()
    s.wait_messages(1)
    p.stop()


def start_fails(p):
    """It ends at once and says why on standard error."""
    p.start(wait=False)
    rc = p.proc.wait()
    text = p.proc.err.text()
    p.proc.check_reports()
    p.proc = None
    assert rc != 0
    return text


def test_a_spool_directory_that_is_missing(postern, tmp_path):
    p = postern(2525, start=False)
    p.spool.rmdir()
    assert str(p.spool) in start_fails(p)
    assert not p.spool.exists()


def test_a_foreign_directory(postern):
    p = postern(2525, start=False)
    (p.spool / "holiday.jpg").write_text("x")
    assert str(p.spool) in start_fails(p)
    assert os.listdir(p.spool) == ["holiday.jpg"]


def test_a_spool_that_is_in_use(postern, sink):
    s = sink()
    p = postern(s.port)
    q = postern(s.port, start=False)
    q.spool = p.spool
    q.settings["spool"]["directory"] = str(p.spool)
    text = start_fails(q)
    assert str(p.spool) in text
    harness.send_raw(p.port, mails.plain())  # the first is none the worse
    s.wait_messages(1)
    p.stop()


def test_a_port_that_is_taken(postern, sink):
    s = sink()
    p = postern(s.port)
    q = postern(s.port, start=False, listeners=[{"name": "local", "address": ["127.0.0.1:%d" % p.port]}])
    assert str(p.port) in start_fails(q)
    p.stop()


@pytest.mark.skipif(harness.SANITIZED, reason="sanitizers need all the address space there is")
def test_little_address_space(sink, postern):
    """A spool that was made with more of it opens where there is less."""
    s = sink()
    p = postern(s.port)
    p.stop()
    p.start(under=["prlimit", "--as=8000000000"])
    harness.send_raw(p.port, mails.plain())
    s.wait_messages(1)
    p.stop()
