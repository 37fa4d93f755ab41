# SPDX-License-Identifier: Apache-2.0
"""Login by OAuth2: a token endpoint with every fault it may have, and a
provider that takes only the tokens that the endpoint gave out.  No message is
lost or bounced, never two requests at once, no token is tried a third time."""
import base64
import collections
import http.server
import json
import os
import shutil
import ssl
import subprocess
import threading
import urllib.parse

import pytest

import certs
import harness
import mails

USER = "relay@example.com"
SHORT = dict(breaker={"failures": 3, "open": "100ms", "open_max": "300ms"})
QUICK = dict(retry={"quick": ["100ms", "200ms"], "min": "100ms", "max": "400ms"})


class Endpoint:
    """Answers each POST by the next of its script, and then by a token."""

    def __init__(self, script=(), expires=3600, rotate=False, cert=None):
        self.script, self.expires, self.rotate = list(script), expires, rotate
        self.lock = threading.Lock()
        self.forms, self.valid = [], set()
        self.refresh, self.dead = "seed-refresh-token", False
        self.now = self.most = 0  # requests under way
        self.gate = threading.Event()
        self.gate.set()
        end = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                end.post(self)

            def log_message(self, *a):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http%s://localhost:%d/token" % ("s" if cert else "", self.server.server_address[1])
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert.certificate, cert.key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def post(self, h):
        form = dict(urllib.parse.parse_qsl(h.rfile.read(int(h.headers["Content-Length"])).decode()))
        with self.lock:
            self.forms.append(form)
            self.now += 1
            self.most = max(self.most, self.now)
            what = self.script.pop(0) if self.script else "token"
        self.gate.wait(harness.LONG)
        try:
            self.answer(h, form, what)
        except OSError:
            pass
        with self.lock:
            self.now -= 1

    def answer(self, h, form, what):
        if what == "drop":
            h.close_connection = True
            return
        if what == "html":
            return self.send(h, 200, b"<html><body>Please log in</body></html>", kind="text/html")
        if what == "big":
            return self.send(h, 200, b'{"access_token":"' + b"x" * 70000 + b'"}')
        if what == "redirect":
            return self.send(h, 307, b"", extra={"Location": self.url})
        if isinstance(what, int):
            extra = {"Retry-After": "1"} if what == 429 else {}
            return self.send(h, what, b'{"error":"busy"}', extra=extra)
        if what == "device":
            return self.send(h, 200, json.dumps({
                "device_code": "the-device-code", "user_code": "ABCD-1234", "expires_in": 900, "interval": "1",
                "verification_uri": "https://example.com/device"}).encode())
        if what in ("authorization_pending", "access_denied"):
            return self.send(h, 400, json.dumps({"error": what}).encode())
        if self.dead or form.get("refresh_token", self.refresh) != self.refresh:
            return self.send(h, 400, json.dumps(
                {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}).encode())
        body = {"access_token": self.new("a"), "token_type": "Bearer", "expires_in": self.expires}
        self.valid.add(body["access_token"])
        if self.rotate:
            body["refresh_token"] = self.refresh = self.new("r")
        if what == "text":
            body["expires_in"] = str(self.expires)
        self.send(h, 200, json.dumps(body).encode(), chunked=what in ("chunked", "text"))

    def new(self, kind):
        return kind + "-TOKEN-" + base64.urlsafe_b64encode(os.urandom(1500)).decode().rstrip("=")

    def send(self, h, status, body, kind="application/json", extra=None, chunked=False):
        h.send_response(status)
        h.send_header("Content-Type", kind)
        for k, v in (extra or {}).items():
            h.send_header(k, v)
        if chunked:
            h.send_header("Transfer-Encoding", "chunked")
            h.end_headers()
            for i in range(0, len(body), 100):
                part = body[i:i + 100]
                h.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            h.wfile.write(b"0\r\n\r\n")
        else:
            h.send_header("Content-Length", str(len(body)))
            h.end_headers()
            h.wfile.write(body)

    def stop(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Provider(harness.Rude):
    """Takes mail from who shows a token that is valid at the endpoint."""

    def __init__(self, endpoint, mechanism="XOAUTH2", two_steps=False):
        self.endpoint, self.mechanism, self.two_steps = endpoint, mechanism, two_steps
        self.refuse_all, self.now = False, 0
        self.tries, self.refused = collections.Counter(), collections.Counter()
        self.got, self.mails = threading.Condition(), []
        super().__init__(self.session)

    def shown(self, s):
        words = s.expect("AUTH " + self.mechanism).split()
        if self.two_steps and len(words) > 2:
            s.say("501 5.5.2 line too long\r\n")
            words = s.expect("AUTH " + self.mechanism).split()
            assert len(words) == 2
        if len(words) == 2:
            s.say("334 \r\n")
            words.append(s.line().strip())
        return base64.b64decode(words[2]).decode()

    def login(self, s):
        text = self.shown(s)
        start = "user=%s\1" % USER if self.mechanism == "XOAUTH2" else "n,a=%s,\1" % USER
        assert text.startswith(start) and text.endswith("\1\1"), text[:40]
        token = text[len(start):-2].removeprefix("auth=Bearer ")
        self.tries[token] += 1
        if token in self.endpoint.valid and not self.refuse_all:
            s.say("235 2.7.0 Accepted\r\n")
            return True
        self.refused[token] += 1
        s.say("334 %s\r\n" % base64.b64encode(b'{"status":"401","schemes":"bearer"}').decode())
        assert s.line() == (b"\r\n" if self.mechanism == "XOAUTH2" else b"AQ==\r\n")
        s.say("535 5.7.8 Not accepted\r\n")
        return False

    def session(self, s):
        with self.got:
            self.now += 1
        try:
            self.carry(s)
        finally:
            with self.got:
                self.now -= 1

    def carry(self, s):
        s.hello("AUTH PLAIN LOGIN " + self.mechanism)
        if not self.login(s):
            return
        while True:
            verb = s.line().upper()
            if verb.startswith(b"DATA"):
                s.say("354 go\r\n")
                body = s.until_dot()
                with self.got:
                    self.mails.append(body)
                    self.got.notify_all()
            if verb.startswith(b"QUIT"):
                s.say("221 bye\r\n")
                return
            s.say("250 ok\r\n")

    def wait_mails(self, n):
        with self.got:
            assert self.got.wait_for(lambda: len(self.mails) >= n, harness.LONG), len(self.mails)


@pytest.fixture
def world(postern, tmp_path):
    """world(endpoint, ...) -> endpoint, provider, a running daemon."""
    made = []

    def start(end, mechanism="XOAUTH2", two_steps=False, oauth=None, speed=1, start=True, **more):
        p = Provider(end, mechanism, two_steps)
        made.extend([end, p])
        tokens = tmp_path / "tokens"
        tokens.mkdir(mode=0o700, exist_ok=True)
        seed = harness.private(tmp_path / "seed", "seed-refresh-token\n")
        o = dict(client_id="the-client", token_url=end.url, scope="mail send", refresh_token_file=str(seed))
        o.update(oauth or {})
        account = harness.provider(p.port, user=USER, allow_clear_auth=True, oauth=o, **SHORT)
        d = postern(account, token_directory=str(tokens), log={"level": "debug"}, start=False, **QUICK, **more)
        return p, d if not start else d.start(env={"POSTERN_TEST_CLOCK": str(speed)} if speed > 1 else None)

    yield start
    for x in made:
        x.stop()


def no_secrets(d, end):
    """Neither log nor spool has what the endpoint gave out or was sent."""
    text = d.proc.err.text().encode() if d.proc else b""
    for f in d.spool.rglob("*"):
        if f.is_file():
            text += f.read_bytes()
    for token in list(end.valid) + [end.refresh, "seed-refresh-token"]:
        assert token.encode() not in text
        assert base64.b64encode(token.encode())[8:40] not in text


@pytest.mark.parametrize("mechanism,two_steps", [("XOAUTH2", False), ("XOAUTH2", True), ("OAUTHBEARER", True)])
def test_many_sessions_share_one_token_of_two_kilobytes(mechanism, two_steps, world):
    end = Endpoint()
    end.gate.clear()
    p, d = world(end, mechanism, two_steps)
    for i in range(12):
        harness.send_raw(d.port, mails.plain())
    harness.wait_until(lambda: end.now == 1, what="a request")
    end.gate.set()
    p.wait_mails(12)
    d.wait_event("delivered", n=12)
    no_secrets(d, end)
    d.stop()
    assert len(end.forms) == 1
    assert end.forms[0] == dict(grant_type="refresh_token", client_id="the-client", scope="mail send",
                                refresh_token="seed-refresh-token")
    assert len(p.mails) == 12


def test_an_endpoint_with_every_fault_delays_mail_and_loses_none(world):
    faults = [500, 429, "html", "drop", "big", "redirect", 401, 503]
    if not harness.TEST_CLOCK:
        faults = faults[:2]  # the waits between them grow
    end = Endpoint(faults + ["text"])
    p, d = world(end, speed=40 if harness.TEST_CLOCK else 1)
    harness.send_raw(d.port, mails.plain())
    p.wait_mails(1)
    d.wait_event("delivered")
    assert d.wait_event("token.failed")["text"].startswith("busy")
    no_secrets(d, end)
    d.stop()
    assert len(end.forms) == len(faults) + 1
    assert end.most == 1
    assert len(p.mails) == 1


def test_a_revoked_token_costs_one_refresh_and_no_mail(world):
    end = Endpoint()
    p, d = world(end)
    harness.send_raw(d.port, mails.plain())
    p.wait_mails(1)
    end.valid.clear()
    d.stop()
    d.start()
    harness.send_raw(d.port, mails.plain())
    p.wait_mails(2)
    d.wait_event("delivered")
    assert not d.events("provider.down"), "a revoked token is not the provider's trouble"
    d.stop()
    assert len(end.forms) == 2 and max(p.tries.values()) <= 2
    assert len(p.mails) == 2


def test_a_revoked_token_is_tried_twice_by_however_many_sessions(world):
    """Ten that open at once, with one that has been good for hours."""
    end = Endpoint()
    p, d = world(end, start=False)
    d.settings["providers"][0]["idle_timeout"] = "100ms"
    d.start()
    for turn in range(1, 4):
        if turn > 1:
            end.valid.clear()
        for i in range(20):
            harness.send_raw(d.port, mails.plain())
        p.wait_mails(20 * turn)
        d.wait_event("delivered", n=20 * turn)
        harness.wait_until(lambda: p.now == 0, what="the end of all sessions")
    d.stop()
    tries = sorted(p.tries.values())
    assert len(end.forms) == 3 and len(p.tries) == 3
    assert end.most == 1 and len(p.mails) == 60
    refused = [n for token, n in p.refused.items()]
    assert refused and max(refused) <= 2, (tries, refused)


def test_a_provider_that_refuses_all_tokens_is_left_alone(world):
    end = Endpoint()
    p, d = world(end)
    p.refuse_all = True
    harness.send_raw(d.port, mails.plain())
    d.wait_event("provider.down")
    assert not d.events("bounced") and not d.events("dead")
    d.stop()
    assert max(p.tries.values()) <= 2
    assert len(end.forms) == 2, "one token, and one refresh"
    assert not p.mails


def test_rotated_tokens_survive_kill_9(world):
    end = Endpoint(expires=1, rotate=True)
    p, d = world(end)
    for i in range(3):
        harness.send_raw(d.port, mails.plain())
        p.wait_mails(i + 1)
        d.wait_event("delivered")
        assert d.wait_event("token.fetched")["rotated"] == "yes"
        d.kill9()
        harness.wait_until(lambda: end.now == 0, what="the endpoint's rest")
        d.start()
    harness.send_raw(d.port, mails.plain())
    p.wait_mails(4)
    assert not d.events("token.dead")
    d.stop()
    assert end.most == 1 and len(end.forms) >= 3


def test_a_dead_grant_parks_the_account_until_a_person_mends_it(world, tmp_path):
    end = Endpoint()
    end.dead = True
    p, d = world(end)
    harness.send_raw(d.port, mails.plain())
    e = d.wait_event("token.dead")
    assert "invalid_grant: Token has been expired or revoked." in e["text"]
    assert "postern token login sink" in e["text"]
    harness.send_raw(d.port, mails.plain())
    assert len(end.forms) == 1
    end.dead, end.refresh = False, "another-refresh-token"
    (tmp_path / "seed").write_text("another-refresh-token\n")
    d.reload()
    p.wait_mails(2)
    assert len(d.events("token.dead")) == 1
    assert not d.events("bounced")
    d.stop()
    assert len(end.forms) == 2
    assert len(p.mails) == 2


def test_a_reload_neither_logs_in_nor_asks_again(world):
    """Neither while a session waits for the token nor when it is in use; with
    another scope it is another login."""
    end = Endpoint()
    end.gate.clear()
    p, d = world(end)
    harness.send_raw(d.port, mails.plain())
    harness.wait_until(lambda: end.now == 1, what="the request")
    for i in range(1, 4):
        d.settings["providers"][0]["weight"] = i
        d.wait_event("reloaded", since=d.reload())
        end.gate.set()
        p.wait_mails(i)
        harness.send_raw(d.port, mails.plain())
    p.wait_mails(4)
    assert (sum(p.tries.values()), len(end.forms)) == (1, 1)
    d.settings["providers"][0]["oauth"]["scope"] = "mail"
    d.wait_event("reloaded", since=d.reload())
    harness.send_raw(d.port, mails.plain())
    p.wait_mails(5)
    assert sum(p.tries.values()) == 2
    d.stop()


def test_a_token_of_a_run_before_is_used_again(world):
    end = Endpoint()
    p, d = world(end)
    harness.send_raw(d.port, mails.plain())
    p.wait_mails(1)
    d.stop()
    d.start()
    harness.send_raw(d.port, mails.plain())
    p.wait_mails(2)
    d.stop()
    assert len(end.forms) == 1


def token_command(d, verb, *options):
    return subprocess.run([harness.BUILD / "postern", "token", verb, *options, "-c", d.conf, "sink"],
                          capture_output=True, text=True, timeout=harness.LONG,
                          env={**os.environ, "POSTERN_TEST_CLOCK": "10"})  # a login polls each second


def test_a_login_by_a_code_mends_a_dead_grant(world, tmp_path):
    end = Endpoint(rotate=True)
    end.dead = True
    p, d = world(end, oauth=dict(device_url=end.url))
    harness.send_raw(d.port, mails.plain())
    d.wait_event("token.dead")
    r = token_command(d, "status")
    assert r.returncode == 69 and "tokens     none" in r.stdout
    r = token_command(d, "status", "--json")
    row = json.loads(r.stdout)
    assert r.returncode == 69 and (row["provider"], row["access"], row["refresh"]) == ("sink", "none", False)
    assert token_command(d, "refresh", "--json").returncode == 64
    if os.getuid() == 0:
        shutil.chown(tmp_path / "tokens", "nobody", "nogroup")
    end.dead = False
    end.script = ["device", "authorization_pending", "access_denied"]
    r = token_command(d, "login")
    assert r.returncode == 77 and "access_denied" in r.stderr
    end.script = ["device", "authorization_pending"]
    r = token_command(d, "login")
    assert r.returncode == 0, r.stderr
    assert "https://example.com/device" in r.stdout and "ABCD-1234" in r.stdout
    assert end.forms[-1]["device_code"] == "the-device-code"
    file, = (tmp_path / "tokens").iterdir()
    assert file.stat().st_uid == (tmp_path / "tokens").stat().st_uid and file.stat().st_mode & 0o777 == 0o600
    r = token_command(d, "status")
    assert r.returncode == 0 and "access     good for" in r.stdout and "refresh    kept" in r.stdout
    assert end.refresh not in r.stdout
    r = token_command(d, "status", "--json")
    row = json.loads(r.stdout)
    assert r.returncode == 0 and (row["access"], row["refresh"]) == ("good", True)
    assert row["file"] == file.name and row["expires_ms"] > row["got_ms"] and end.refresh not in r.stdout
    d.reload()
    p.wait_mails(1)
    no_secrets(d, end)
    d.stop()
    r = token_command(d, "forget")
    assert r.returncode == 0 and not list((tmp_path / "tokens").iterdir())


def test_an_application_and_a_service_account_ask_for_themselves(world, tmp_path):
    secret = harness.private(tmp_path / "secret", "the-client-secret\n")
    pem = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA"], capture_output=True, text=True, check=True).stdout
    key = harness.private(tmp_path / "key.json", json.dumps(
        dict(private_key=pem, client_email="service@example.com", private_key_id="k1")))
    app, service = Endpoint(), Endpoint()
    p, d = world(app, start=False)
    q, _ = world(service, start=False)
    one = d.settings["providers"][0]
    one["oauth"] = dict(client_id="the-client", client_secret_file=str(secret), token_url=app.url, scope="s/.default")
    two = dict(one, name="two", port=q.port, oauth=dict(key_file=str(key), token_url=service.url, scope="mail"))
    d.settings["providers"] = [one, two]
    d.settings["routes"] = [dict(name="two", match=dict(sender=["*@two.example"]), use=["two"]),
                            dict(name="default", use=["sink"])]
    d.start()
    harness.send_raw(d.port, mails.plain())
    harness.send_raw(d.port, mails.plain(), sender="a@two.example")
    p.wait_mails(1)
    q.wait_mails(1)
    d.wait_event("delivered", n=2)
    assert b"the-client-secret" not in d.proc.err.text().encode()
    no_secrets(d, app)
    d.stop()
    assert app.forms == [dict(grant_type="client_credentials", client_id="the-client",
                              client_secret="the-client-secret", scope="s/.default")]
    assert len(service.forms) == 1
    claims = service.forms[0]["assertion"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("service@example.com", USER, service.url)


def test_an_endpoint_that_nobody_vouches_for_gets_no_secret(world, tmp_path):
    end = Endpoint(cert=certs.make(tmp_path, "impostor"))
    p, d = world(end)
    harness.send_raw(d.port, mails.plain())
    e = d.wait_event("token.failed")
    assert "certificate" in e["text"]
    assert not d.events("bounced")
    d.stop()
    assert not end.forms and not p.tries


def test_one_that_its_ca_vouches_for_is_asked(world, tmp_path):
    cert = certs.make(tmp_path, "endpoint")
    p, d = world(Endpoint(cert=cert), oauth=dict(ca_file=cert.certificate))
    harness.send_raw(d.port, mails.plain())
    p.wait_mails(1)
    d.stop()


MISTAKES = [
    (dict(client_id="c"), "token_url: is missing"),
    (dict(client_id="c", token_url="http://example.com/"), "would show the secret to everybody"),
    (dict(client_id="c", token_url="ftp://example.com/"), "is no https URL"),
    (dict(client_id="c", token_url="https://me:pw@example.com/"), "a character that no URL has here"),
    (dict(client_id="c", token_url="https://x/%{tenant}/t"), "tenant: is missing"),
    (dict(client_id="c", token_url="https://x/t", grant="client_credentials"), "client_secret_file: is missing"),
    (dict(client_id="c", token_url="https://x/t", grant="jwt_bearer"), "key_file: is missing"),
    (dict(grant="refresh_token", key_file="/nonexistent", token_url="https://x/t"), "client_id: is missing"),
    (dict(client_id="c", token_url="https://x/t", refresh_token_file="/nonexistent"), "cannot be read"),
    (dict(client_id="c", token_url="https://x/t", ca_file="/nonexistent"), "certificates in PEM"),
    (dict(client_id="c", token_url="https://x/t", client_secret_credential="../c"), "no name of a credential"),
    (dict(client_id="c", token_url="https://x/t", client_secret_env="HOME", client_secret_credential="c"),
     "client_secret_credential: stands beside providers.oauth.client_secret_env; keep one of them"),
]


def test_each_mistake_is_told_at_its_line(postern, tmp_path):
    d = postern(harness.provider(25, user=USER, allow_clear_auth=True), start=False)
    tokens = tmp_path / "tokens"
    d.settings["token_directory"] = str(tokens)

    def check(oauth):
        d.settings["providers"][0]["oauth"] = oauth
        d.write_conf()
        return subprocess.run([harness.POSTERND, "-t", "-c", d.conf], capture_output=True, text=True)

    good = dict(client_id="c", token_url="https://x/%{tenant}/t", tenant="t")
    assert "token_directory: %s is not there; run: install -d -m 0700" % tokens in check(good).stderr
    tokens.mkdir(mode=0o755)
    assert "chmod 0700 %s" % tokens in check(good).stderr
    tokens.chmod(0o700)
    assert check(good).returncode == 0
    for oauth, text in MISTAKES:
        r = check(oauth)
        assert r.returncode == 78 and text in r.stderr, (oauth, r.stderr)
        assert "postern.conf:" in r.stderr
    d.settings["providers"][0]["auth"] = "plain"
    assert 'providers.auth: "plain" takes no token of oauth; write auth = "auto";' in check(good).stderr
    d.settings["providers"][0]["auth"] = "auto"
    d.settings["providers"][0]["password_env"] = "HOME"
    assert "stands beside a password" in check(good).stderr


def test_a_probe_and_status_tell_of_tokens(world):
    end = Endpoint()
    provider, p = world(end)
    tool = os.environ.get("POSTERN", str(harness.BUILD / "postern"))

    def ask(*words):
        r = subprocess.run([tool, *words, "--json", "-c", p.conf], capture_output=True, text=True, timeout=harness.LONG)
        return r.returncode, json.loads(r.stdout)

    name = p.settings["providers"][0]["name"]
    rc, row = ask("provider", "probe", name)
    assert rc == 0 and row["stages"][0]["stage"] == "token" and row["stages"][0]["good"]
    provider.refuse_all = end.dead = True
    rc, row = ask("provider", "probe", name)
    assert rc == 69 and row["class"] == "auth" and "scope" in row["mend"]
    assert "TOKEN-" not in json.dumps(row)
    rc, row = ask("provider", "probe", name)
    assert rc == 69 and row["stages"][-1]["stage"] == "token" and "postern token" in row["mend"]
    assert ask("status")[1]["alerts"][0]["about"] == "provider " + name
    p.stop()


def test_a_token_is_asked_for_by_an_operator(world):
    """Another one, although the first is good; it is used from then on."""
    end = Endpoint()
    provider, p = world(end)
    tool = os.environ.get("POSTERN", str(harness.BUILD / "postern"))

    def refresh(name):
        r = subprocess.run([tool, "token", "refresh", "-c", p.conf, name], capture_output=True, text=True,
                           timeout=harness.LONG)
        return r.returncode, r.stdout, r.stderr
    name = p.settings["providers"][0]["name"]
    p.wait_event("token.fetched", n=1)
    rc, out, err = refresh(name)
    assert (rc, err) == (0, "") and "postern token status" in out
    p.wait_event("token.fetched", n=2)
    rc, _, err = refresh("nobody")
    assert rc == 65 and "no such provider that logs in by OAuth2" in err
    p.stop()
