# SPDX-License-Identifier: Apache-2.0
"""Certificates made on the spot with openssl(1)."""
import base64
import datetime
import hashlib
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


def early(c, directory, days=3):
    """The same, not good before so many days from now."""
    day = [datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=n) for n in (days, days + 30)]
    conf = os.path.join(str(directory), "early.conf")
    with open(conf, "w") as f:
        f.write("[ca]\ndefault_ca=c\n[c]\ndatabase=%s.db\nnew_certs_dir=%s\nserial=%s.serial\n"
                "policy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n" % (conf, directory, conf))
    open(conf + ".db", "w").close()
    subprocess.run(["openssl", "x509", "-x509toreq", "-copy_extensions", "copy", "-in", c.certificate, "-signkey",
                    c.key, "-out", conf + ".csr"], check=True, capture_output=True)
    subprocess.run(["openssl", "ca", "-batch", "-config", conf, "-selfsign", "-create_serial", "-notext", "-md",
                    "sha256", "-keyfile", c.key, "-in", conf + ".csr", "-out", c.certificate + ".new",
                    "-startdate", day[0].strftime("%Y%m%d%H%M%SZ"), "-enddate", day[1].strftime("%Y%m%d%H%M%SZ")],
                   check=True, capture_output=True)
    os.rename(c.certificate + ".new", c.certificate)
    return c


def pin(c):
    """SHA-256 of the public key, in base64."""
    key = subprocess.run(["openssl", "x509", "-in", c.certificate, "-noout", "-pubkey"], check=True,
                         capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=key, check=True,
                         capture_output=True).stdout
    return base64.b64encode(hashlib.sha256(der).digest()).decode()
