/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tls_tickets.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/base/rand.h"

static struct tls_tickets all = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* With the lock held. */
static void
rotate(struct tls_tickets *t, uint64_t now_ms)
{
	struct tls_tickets_key *k = &t->newest;

	if (k->is_made && now_ms - k->born_ms < TLS_TICKETS_MS)
		return;
	t->former = *k;
	rand_bytes(k->name, sizeof k->name);
	rand_bytes(k->cipher, sizeof k->cipher);
	rand_bytes(k->mac, sizeof k->mac);
	k->born_ms = now_ms;
	k->is_made = true;
}

/* Nobody may have asked for a long time: its age decides, not its place. */
static bool
opens(const struct tls_tickets_key *k, uint64_t now_ms,
    const unsigned char name[16])
{
	return k->is_made && now_ms - k->born_ms < 2 * TLS_TICKETS_MS &&
	       memcmp(k->name, name, sizeof k->name) == 0;
}

void
tls_tickets_seal(
    struct tls_tickets *t, uint64_t now_ms, struct tls_tickets_key *key)
{
	pthread_mutex_lock(&t->lock);
	rotate(t, now_ms);
	*key = t->newest;
	pthread_mutex_unlock(&t->lock);
}

enum tls_tickets_found
tls_tickets_open(struct tls_tickets *t, uint64_t now_ms,
    const unsigned char name[16], struct tls_tickets_key *key)
{
	enum tls_tickets_found found = TLS_TICKETS_NONE;

	pthread_mutex_lock(&t->lock);
	rotate(t, now_ms);
	if (opens(&t->newest, now_ms, name)) {
		found = TLS_TICKETS_NEWEST;
		*key = t->newest;
	} else if (opens(&t->former, now_ms, name)) {
		found = TLS_TICKETS_FORMER;
		*key = t->former;
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

static bool
set_up(struct tls_tickets_key *k, const unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(
		    OSSL_MAC_PARAM_KEY, k->mac, sizeof k->mac),
		OSSL_PARAM_construct_utf8_string(
		    OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_CipherInit_ex(
	           cipher, EVP_aes_256_cbc(), NULL, k->cipher, iv, seal) == 1 &&
	       EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* 1: go on; 2: and give a new one; 0: no ticket, a whole handshake; -1: no.
 * lint: OpenSSL has six parameters for it. */
static int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal)
{
	enum tls_tickets_found found = TLS_TICKETS_NEWEST;
	struct tls_tickets_key k;
	bool ok;

	(void)ssl;
	if (seal) {
		tls_tickets_seal(&all, clock_mono_ms(), &k);
		memcpy(name, k.name, sizeof k.name);
		rand_bytes(
		    iv, (size_t)EVP_CIPHER_get_iv_length(EVP_aes_256_cbc()));
	} else {
		found = tls_tickets_open(&all, clock_mono_ms(), name, &k);
		if (found == TLS_TICKETS_NONE)
			return 0;
	}
	ok = set_up(&k, iv, cipher, mac, seal);
	mem_wipe(&k, sizeof k);
	if (!ok)
		return -1;
	return found == TLS_TICKETS_FORMER ? 2 : 1;
}

void
tls_tickets_use(struct ssl_ctx_st *ctx)
{
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
	SSL_CTX_set_timeout(ctx, TLS_TICKETS_MS / 1000);
	SSL_CTX_set_num_tickets(ctx, 1); /* each resumption brings the next */
}
