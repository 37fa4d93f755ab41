# SPDX-License-Identifier: Apache-2.0
"""Certificates made on the spot with openssl(1)."""
import os
import subprocess


class Cert:
    def __init__(self, directory, name):
        self.certificate = os.path.join(str(directory), name + ".pem")
        self.key = os.path.join(str(directory), name + ".key")

    def group(self):
        """As an entry of tls.certificates."""
        return {"certificate": self.certificate, "key": self.key}


def make(directory, name, names=("localhost", "postern.test"), kind="ec", issuer=None):
    """kind: ec or rsa.  A CA of its own unless signed by issuer."""
    c = Cert(directory, name)
    key = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
           "rsa": ["-newkey", "rsa:2048"]}[kind]
    san = ",".join(("IP:" if n[0].isdigit() else "DNS:") + n for n in names)
    argv = ["openssl", "req", "-x509", "-nodes", *key, "-keyout", c.key, "-out", c.certificate,
            "-days", "30", "-subj", "/CN=" + name]
    if san:
        argv += ["-addext", "subjectAltName=" + san]
    if issuer is not None:
        argv += ["-CA", issuer.certificate, "-CAkey", issuer.key,
                 "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(argv, check=True, capture_output=True)
    os.chmod(c.key, 0o600)
    return c


def expire(c):
    """The same, since yesterday no longer good."""
    subprocess.run(["openssl", "x509", "-in", c.certificate, "-signkey", c.key, "-days", "-1", "-out",
                    c.certificate + ".new"], check=True, capture_output=True)
    os.rename(c.certificate + ".new", c.certificate)
    return c
