# SPDX-License-Identifier: Apache-2.0
"""postern-cookbook(7): each file there is taken as it stands, and each command
exists."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import harness

TOP = pathlib.Path(__file__).parents[2]
TOOL = os.environ.get("POSTERN", str(harness.BUILD / "postern"))
PAGE = (TOP / "man/postern-cookbook.7").read_text().replace(r"\&", "")
WANTED = ["Amazon SES", "Microsoft 365 with OAuth2", "Google Workspace", "An account pool of two SendGrid accounts",
          "Staging that mails nobody", "A laptop, a server: mail of this host alone", "Mail of cron, www-data and other users",
          "Relay for a subnet",
          "Two providers, the second for bad days", "Postfix", "msmtp", "nullmailer", "Exim with a smarthost",
          "Behind HAProxy", "In a container", "In a service mesh", "Certificates of certbot"]


def recipes():
    """(section, text) of each file."""
    found = []
    for part in PAGE.split("\n.Ss ")[1:]:
        for text in re.findall(r"^\.Bd -literal -offset indent\n(.*?)^\.Ed$", part, re.M | re.S):
            found.append((part.splitlines()[0], text.replace(r"\(dq", '"').replace(r"\e", "\\")))
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """What the recipes name in /etc/postern."""
    d = tmp_path_factory.mktemp("etc")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                    "/CN=relay.example.com", "-keyout", d / "relay.key", "-out", d / "relay.crt"],
                   check=True, capture_output=True)
    subprocess.run([TOOL, "dkim", "genkey", "-a", "ed25519", "-o", d / "p2026.pem", "example.com", "p2026"],
                   check=True, capture_output=True)
    (d / "google.json").write_text(json.dumps(dict(
        type="service_account", client_email="app@project.iam.gserviceaccount.com", private_key_id="1",
        private_key=(d / "relay.key").read_text(), token_uri="https://oauth2.googleapis.com/token")))
    (d / "users").write_text("app@example.com:$6$saltsalt$" + "x" * 86 + "\n")
    for name in set(re.findall(r"/etc/postern/([a-z0-9]+\.(?:pass|key|secret))", PAGE)) - {"relay.key"}:
        (d / name).write_text("secret\n")
    (d / "aliases").write_text(re.search(r"^postmaster: root\n(?:.+: .+\n)+", PAGE, re.M).group())
    for f in d.iterdir():
        f.chmod(0o640)
    return d


@pytest.mark.parametrize("section, text", recipes(), ids=["%s-%d" % (s.split()[0].strip(","), i)
                                                          for i, (s, t) in enumerate(recipes())])
def test_a_recipe_is_taken(section, text, files, tmp_path):
    conf = tmp_path / "postern.conf"
    shutil.copytree(files, tmp_path / "etc")
    text = text.replace("/etc/postern", str(tmp_path / "etc")).replace("/var/spool/postern", str(tmp_path))
    text = text.replace("/etc/aliases", str(tmp_path / "etc/aliases"))
    text = re.sub(r'user = "nobody"; group = "nogroup";', "", text)
    (tmp_path / "tokens").mkdir(0o700)
    conf.write_text('user = "root"; token_directory = "%s/tokens"; profile_directories = [ "%s/etc/providers.d" ];\n'
                    % (tmp_path, TOP) + text)
    r = subprocess.run([harness.POSTERND, "-t", "-c", conf], capture_output=True, text=True)
    assert r.returncode == 0, r.stderr
    assert "warning" not in r.stderr.lower(), r.stderr


def test_the_page_has_what_is_asked_for():
    sections = re.findall(r"^\.Ss (.*)$", PAGE, re.M)
    assert [w for w in WANTED if w not in sections] == []
    assert {s for s, t in recipes()} >= set(WANTED) - {"Postfix", "Certificates of certbot"}


def test_each_command_exists():
    usage = subprocess.run([TOOL], capture_output=True, text=True)
    usage = usage.stdout + usage.stderr
    named = set(re.findall(r"(?:# |Ta |\.Ql )postern ((?:(?:dead|dkim|log|message|provider|queue|spool|token) )?[a-z]+)", PAGE))
    assert len(named) >= 8
    for words in named:
        for word in words.split():
            assert re.search(r"\b%s\b" % word, usage), words
