/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates made on the spot, for the tests of TLS: PEM files in a directory
 * of its own.
 */
#ifndef CERTS_H
#define CERTS_H

struct cert {
	char certificate[128], key[128]; /* paths */
};

/* days: from now on, < 0: expired since.  names: "DNS:a,IP:127.0.0.1".
 * issuer NULL: signed by itself, and a CA. */
void certs_make(struct cert *c, const char *file, const char *names, int days,
    const struct cert *issuer);
/* One that is good in so many days only. */
void certs_make_early(struct cert *c, const char *file, const char *names,
    int from, const struct cert *issuer);
/* The same with an RSA key of so many bits; else it is ECDSA's P-256. */
void certs_make_rsa(
    struct cert *c, const char *file, const char *names, unsigned bits);
void certs_setup(void); /* the directory */
void certs_remove(void);
const char *certs_dir(void);

#endif
