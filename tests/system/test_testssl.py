# SPDX-License-Identifier: Apache-2.0
"""What testssl.sh says of the default settings.  Minutes long: it runs where
POSTERN_LONG is set, as contrib/check --long does."""
import json
import os
import subprocess

import pytest

import certs

pytestmark = pytest.mark.skipif("POSTERN_LONG" not in os.environ, reason="minutes long; set POSTERN_LONG")

# What is asked of an answer, by the name that testssl.sh gives it.
NOT_OFFERED = ["SSLv2", "SSLv3", "TLS1", "TLS1_1", "cipherlist_NULL", "cipherlist_aNULL", "cipherlist_EXPORT",
               "cipherlist_LOW", "cipherlist_3DES_IDEA", "cipherlist_AVERAGE"]
NOT_VULNERABLE = ["heartbleed", "CCS", "ROBOT", "secure_client_renego", "CRIME_TLS", "POODLE_SSL", "SWEET32",
                  "FREAK", "DROWN", "LOGJAM", "BEAST", "LUCKY13"]
# Of a certificate made for a test, of the host's openssl, and of names in the DNS;
# of resumption its client gives up early on a busy machine (test_tls looks at it).
NOT_OURS = ("cert_", "engine_problem", "DNS_CAArecord", "service", "sessionresumption_")
CIPHERS = {"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"} | {
    "ECDHE-%s-%s" % (a, b) for a in ("RSA", "ECDSA")
    for b in ("AES256-GCM-SHA384", "CHACHA20-POLY1305", "AES128-GCM-SHA256")}


def ask(port, out, *options):
    r = subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none", "--ip",
                        "127.0.0.1", "--jsonfile", out, *options, "localhost:%d" % port],
                       capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=1800)
    print(r.stdout)
    return {row["id"]: row for row in json.load(open(out))}


@pytest.mark.parametrize("mode", ["starttls", "implicit"])
def test_the_default_settings(mode, sink, postern, tmp_path):
    ec, rsa = certs.make(tmp_path, "ec"), certs.make(tmp_path, "rsa", kind="rsa")
    listener = {"name": "local", "address": ["127.0.0.1:0"], "tls": "required"}
    if mode == "implicit":
        listener["tls_mode"] = "implicit"
    p = postern(sink().port, tls={"certificates": [ec.group(), rsa.group()]}, listeners=[listener])
    rows = ask(p.port, str(tmp_path / "out.json"), *(["--starttls", "smtp"] if mode == "starttls" else []))
    for name in NOT_OFFERED:
        assert "not offered" in rows[name]["finding"], rows[name]
    for name in NOT_VULNERABLE:
        assert "not vulnerable" in rows[name]["finding"] or rows[name]["severity"] == "OK", rows[name]
    assert "final" in rows["TLS1_3"]["finding"] and "offered" in rows["TLS1_2"]["finding"]
    assert rows["secure_renego"]["severity"] == "OK" and rows["cipher_order"]["severity"] == "OK"
    ciphers = {r["finding"].split()[1] for name, r in rows.items() if name.startswith("cipher_x")}
    assert ciphers == CIPHERS
    bad = [r for name, r in rows.items() if r["severity"] not in ("OK", "INFO") and not name.startswith(NOT_OURS)]
    assert not bad
    p.stop()
