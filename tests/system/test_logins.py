# SPDX-License-Identifier: Apache-2.0
"""Each mechanism against servers that others wrote: who logs in as whom is told
by the log of each."""
import http.server
import json
import pathlib
import subprocess
import threading
import urllib.parse

import pytest

import certs
import harness
import mails
import peers

USER, PASSWORD = "relay@upstream.test", 'p,=w"\\ 1'


def secret(directory, name, text):
    return str(harness.private(directory / name, text + "\n"))


def account(peer, mechanism, directory, **more):
    """The same provider, once for each mechanism."""
    row = dict(harness.provider(peer.port, name=mechanism), auth=mechanism, allow_clear_auth=True)
    if mechanism != "external":
        row.update(user=USER, password_file=secret(directory, "password", PASSWORD))
    row.update(more)
    return row


def deliver(postern, sink, accounts, *wrong, **more):
    """A message by each; that it arrives says that the login was right, for
    nobody else may relay.  What is told of those that are wrong."""
    names = [a["name"] for a in accounts]
    p = postern(*accounts, *wrong, retry={"quick": []},
                routes=[{"name": n, "match": {"recipient": [n + "@example.net"]}, "use": [n]} for n in names] +
                       [{"name": "default", "use": [w["name"] for w in wrong] + names[:1]}], **more)
    to = [n + "@example.net" for n in names] + (["any@example.net"] if wrong else [])
    harness.send_raw(p.port, mails.plain(), recipients=to)
    p.wait_event("delivered", n=len(to))
    assert {e["provider"] for e in p.events("delivered")} == set(names)
    sink.wait_messages(len(to))
    told = {e["provider"]: e["text"] for e in p.events("provider.alert")}
    p.stop()
    return told


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


class Tokens:
    """Gives tokens out (POST), and tells a mail server whose one is (GET)."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                self.say(200, {"access_token": "token-of-" + form["client_id"], "expires_in": 3600})

            def do_GET(self):
                good = self.path == "/?token=token-of-good"
                self.say(200 if good else 401, {"email": USER} if good else {"error": "invalid_token"})

            def say(self, status, body):
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *a):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d/" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def test_dovecot(made, sink, postern, tmp_path):
    """And both that take a token, with what it says of a wrong one.  It keeps a
    hash of another user's password, and yet offers him what it cannot do."""
    s, tokens = sink(), Tokens()
    made.append(tokens)
    directory = tmp_path / "peer"
    directory.mkdir()
    store = tmp_path / "tokens"
    store.mkdir(mode=0o700)
    shadow = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=PASSWORD, check=True, capture_output=True,
                            text=True).stdout.strip()
    peer = peers.Dovecot(directory, s.port, "%s:{PLAIN}%s\nhashed@x.test:{CRYPT}%s\n" % (USER, PASSWORD, shadow),
                         tokens.url + "?token=")
    made.append(peer)

    def bearer(name, mechanism, client):
        oauth = dict(client_id=client, client_secret_file=secret(tmp_path, "client", "x"), token_url=tokens.url)
        return dict(harness.provider(peer.port, name=name), auth=mechanism, user=USER, allow_clear_auth=True,
                    oauth=oauth)
    accounts = [account(peer, m, tmp_path)
                for m in ("auto", "scram-sha-256", "scram-sha-1", "cram-md5", "plain", "login")]
    accounts += [bearer(m, m, "good") for m in ("xoauth2", "oauthbearer")]
    accounts.append(dict(account(peer, "plain", tmp_path), name="hashed-plain", user="hashed@x.test"))
    wrong = [dict(account(peer, "auto", tmp_path), name="hashed", user="hashed@x.test")]
    wrong += [bearer("wrong-" + m, m, "bad") for m in ("xoauth2", "oauthbearer")]
    told = deliver(postern, s, accounts, *wrong, token_directory=str(store))
    for m in ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"):
        assert "user=<%s>, method=%s" % (USER, m) in (directory / "log").read_text()
    assert {n: t[t.index("("):] for n, t in told.items()} == {
        "hashed": '(by SCRAM-SHA-256; if the password is right, write auth = "plain";)',
        "wrong-xoauth2": "(status 401 for the token)", "wrong-oauthbearer": "(status invalid_token for the token)"}
