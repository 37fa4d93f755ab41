# SPDX-License-Identifier: Apache-2.0
"""Each mechanism against servers that others wrote: who logs in as whom is told
by the log of each."""
import pathlib
import subprocess

import pytest

import certs
import harness
import mails
import peers

USER, PASSWORD = "relay@upstream.test", 'p,=w"\\ 1'


def secret(directory, name, text):
    path = directory / name
    path.write_text(text + "\n")
    path.chmod(0o600)
    return str(path)


def account(peer, mechanism, directory, **more):
    """The same provider, once for each mechanism."""
    row = dict(harness.provider(peer.port, name=mechanism), auth=mechanism, allow_clear_auth=True)
    if mechanism != "external":
        row.update(user=USER, password_file=secret(directory, "password", PASSWORD))
    row.update(more)
    return row


def deliver(postern, sink, accounts):
    """A message by each; that it arrives says that the login was right, for
    nobody else may relay."""
    names = [a["name"] for a in accounts]
    p = postern(*accounts, retry={"quick": []},
                routes=[{"name": n, "match": {"recipient": [n + "@example.net"]}, "use": [n]} for n in names] +
                       [{"name": "default", "use": [names[0]]}])
    harness.send_raw(p.port, mails.plain(), recipients=[n + "@example.net" for n in names])
    p.wait_event("delivered", n=len(names))
    assert {e["provider"] for e in p.events("delivered")} == set(names)
    sink.wait_messages(len(names))
    p.stop()


def test_postfix_with_cyrus_sasl(made, sink, postern, tmp_path):
    s = sink()
    directory = tmp_path / "peer"
    directory.mkdir()
    db = directory / "sasldb2"
    tool = peers.unpacked("sasl2-bin") / "usr/sbin/saslpasswd2"
    peers.check_libraries(tool)
    for plugin in ("libscram.so", "libcrammd5.so", "libsasldb.so"):
        if not list(pathlib.Path("/usr/lib").glob("*/sasl2/" + plugin)):
            pytest.skip("libsasl2-modules, libsasl2-modules-db are not installed: there is no " + plugin)
    subprocess.run([tool, "-p", "-c", "-f", db, "-u", "upstream.test", "relay"], input=PASSWORD.encode(), check=True)
    db.chmod(0o644)
    sasl = ("pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: %s\n"
            "mech_list: PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256\n" % db)
    peer = peers.Postfix(directory, s.port, sasl=sasl, smtpd_sasl_auth_enable="yes",
                         smtpd_relay_restrictions="permit_sasl_authenticated, reject")
    made.append(peer)
    deliver(postern, s, [account(peer, m, tmp_path)
                         for m in ("auto", "scram-sha-256", "scram-sha-1", "cram-md5", "plain", "login")])
    log = (directory / "maillog").read_text()
    for m in ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"):
        assert "sasl_method=%s, sasl_username=%s" % (m, USER) in log, log
    assert log.count("sasl_method=SCRAM-SHA-256") == 2, "the strongest is not the first"
    assert "authentication failed" not in log


AUTHENTICATORS = """
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and {{eq{$auth2}{%(user)s}}{eq{$auth3}{%(password)s}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = User Name : Password
  server_condition = ${if and {{eq{$auth1}{%(user)s}}{eq{$auth2}{%(password)s}}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${if eq{$auth1}{%(user)s}{%(password)s}fail}
  server_set_id = $auth1
"""
EXTERNAL = """
external:
  driver = external
  public_name = EXTERNAL
  server_param2 = ${certextract{subj_altname,mail,>:}{$tls_in_peercert}}
  server_param3 = ${certextract{subject,CN}{$tls_in_peercert}}
  server_condition = ${if eq{$auth3}{our_relay}}
  server_set_id = $auth3
"""


def test_exim(made, sink, postern, tmp_path):
    """EXTERNAL, too, by a certificate over TLS 1.3."""
    s = sink()
    directory = tmp_path / "peer"
    directory.mkdir()
    server, ca = certs.make(tmp_path, "server"), certs.make(tmp_path, "our_ca")
    mine = certs.make(tmp_path, "our_relay", issuer=ca)
    subprocess.run(["chmod", "0644", server.key, server.certificate, ca.certificate], check=True)
    main = ("tls_certificate = %s\ntls_privatekey = %s\ntls_verify_certificates = %s\ntls_try_verify_hosts = *\n"
            "acl_smtp_rcpt = only_users\n" % (server.certificate, server.key, ca.certificate))
    acl = "only_users:\n  accept authenticated = *\n  deny\n"
    words = dict(user=USER, password=PASSWORD.replace("\\", "\\\\").replace(",", "\\x2c").replace('"', "\\x22"))
    peer = peers.Exim(directory, s.port, main=main, acl=acl, authenticators=AUTHENTICATORS % words + EXTERNAL)
    made.append(peer)
    tls = dict(tls="verify", tls_name="localhost", ca_file=server.certificate, allow_clear_auth=False)
    accounts = [account(peer, m, tmp_path, **tls) for m in ("auto", "cram-md5", "plain", "login")]
    accounts.append(account(peer, "external", tmp_path, certificate=mine.certificate, key=mine.key, **tls))
    deliver(postern, s, accounts)
    log = (directory / "log/mainlog").read_text()
    for m in ("cram:" + USER, "plain:" + USER, "login:" + USER, "external:our_relay"):
        assert "A=" + m in log, log
    assert log.count("A=cram:") == 2, "the strongest is not the first"
