/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "postern/base/clock.h"
#include "postern/io/tls.h"

#include "certs.h"
#include "conn_world.h"
#include "io/conn_priv.h"
#include "io/tls_priv.h"

#define BIG ((size_t)3 * 1024 * 1024)

static char big[BIG];
static struct cert ca, other_ca, good, expired, early, alone, stranger, other,
    many;

static void
make_certificates(void)
{
	const char *names = "DNS:mx.example.com,IP:127.0.0.1,IP:::1";

	certs_setup();
	certs_make(&ca, "ca", "DNS:ca", 100, NULL);
	certs_make(&good, "good", names, 100, &ca);
	certs_make(&expired, "expired", names, -1, &ca);
	certs_make_early(&early, "early", names, 3, &ca);
	certs_make(&alone, "alone", names, 100, NULL);
	certs_make(&other_ca, "other_ca", "DNS:ca", 100, NULL);
	certs_make(&stranger, "stranger", names, 100, &other_ca);
	certs_make(&other, "other", "DNS:a.example.com", 100, &ca);
	certs_make(&many, "many",
	    "DNS:a.example.com,DNS:b.example.com,IP:127.0.0.9,"
	    "DNS:c.example.com,DNS:d.example.com",
	    100, &ca);
	for (size_t i = 0; i < BIG; i++)
		big[i] = (char)(i * 17 + i / 253);
}

static struct tls_context *
server_of(const struct cert *c, const char *min_version)
{
	struct tls_certificate pair = { c->certificate, c->key };
	struct tls_server_settings s = { .certificates = &pair,
		.ncertificates = 1,
		.min_version = min_version };
	struct tls_context *t = NULL;
	struct err err = { 0 };

	if (tls_server_new(&t, &s, &err) < 0)
		fail_msg("%s", err.text);
	return t;
}

static struct tls_context *
client_of(enum tls_verify verify, const char *min_version)
{
	struct tls_client_settings s = { .verify = verify,
		.ca_file = ca.certificate,
		.min_version = min_version };
	struct tls_context *t = NULL;
	struct err err = { 0 };

	if (tls_client_new(&t, &s, &err) < 0)
		fail_msg("%s", err.text);
	return t;
}

struct both {
	struct side server, client;
	struct tls_context *s, *c;
};

static void
start_both(struct both *b, const char *name)
{
	int fd[2];

	world_tcp_pair(fd);
	world_adopt(&b->server, fd[0]);
	world_adopt(&b->client, fd[1]);
	conn_secure_server(b->server.c, b->s);
	conn_secure_client(b->client.c, b->c, name);
}

/* Both ends secured with the good certificate. */
static void
secure_both(struct both *b)
{
	b->s = server_of(&good, NULL);
	b->c = client_of(TLS_VERIFY_FULL, NULL);
	start_both(b, "mx.example.com");
	world_until_event(&b->server, 'S');
	world_until_event(&b->client, 'S');
}

static void
done_both(struct both *b)
{
	world_done(&b->server);
	world_done(&b->client);
	tls_free(&b->s);
	tls_free(&b->c);
}

static bool
has_big(void *arg)
{
	return ((struct side *)arg)->got.len >= BIG;
}

static void
both_sides_talk(void **state)
{
	struct both b = { 0 };

	(void)state;
	secure_both(&b);
	assert_true(conn_is_secure(b.client.c));
	assert_string_equal(conn_tls_version(b.client.c), "TLSv1.3");
	assert_non_null(strstr(conn_tls_cipher(b.server.c), "AES"));
	conn_write(b.client.c, big, BIG);
	conn_write(b.server.c, big, BIG);
	world_until(has_big, &b.server, "the client's bytes");
	world_until(has_big, &b.client, "the server's bytes");
	assert_memory_equal(buf_at(&b.server.got), big, BIG);
	assert_memory_equal(buf_at(&b.client.got), big, BIG);
	assert_true(b.client.most_held <= 64 * 1024);
	assert_null(b.client.c->out.mem);
	assert_int_equal(b.client.c->events, EV_READ);
	done_both(&b);
}

static void
clear_text_goes_before_the_handshake(void **state)
{
	struct side s = { 0 };
	struct tls_context *t = server_of(&good, NULL);
	char in[64];
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_adopt(&s, fd[0]);
	conn_write(s.c, "220 go\r\n", 8);
	conn_secure_server(s.c, t);
	conn_write(s.c, "never in clear", 14);
	world_turns(3);
	assert_int_equal(world_drain(fd[1], in, sizeof in), 8);
	assert_memory_equal(in, "220 go\r\n", 8);
	conn_close_after(&s.c, 1000); /* no handshake: nothing more to send */
	assert_int_equal(world_drain(fd[1], in, sizeof in), 0);
	close(fd[1]);
	world_done(&s);
	tls_free(&t);
}

static void
a_lot_of_clear_text_goes_before_the_handshake(void **state)
{
	struct both b = { .s = server_of(&good, NULL),
		.c = client_of(TLS_VERIFY_FULL, NULL) };
	int fd[2];

	(void)state;
	world_tcp_pair(fd);
	world_adopt(&b.server, fd[0]);
	world_adopt(&b.client, fd[1]);
	for (int i = 0; i < 4; i++) /* more than the kernel takes at once */
		conn_write(b.server.c, big, BIG);
	conn_secure_server(b.server.c, b.s);
	conn_write(b.server.c, "x", 1);
	while (b.client.got.len < 4 * BIG)
		world_turns(1);
	conn_secure_client(b.client.c, b.c, "mx.example.com");
	world_until_event(&b.client, 'S');
	while (b.client.got.len < 4 * BIG + 1)
		world_turns(1);
	done_both(&b);
}

static void
secure_on_starttls(struct side *s, enum conn_event ev)
{
	if (ev == CONN_DATA && !conn_is_secure(s->c))
		conn_secure_server(s->c, s->arg);
}

static void
what_was_injected_before_tls_is_thrown_away(void **state)
{
	struct tls_context *t = server_of(&good, NULL);
	struct side s = { .leave = true, .on = secure_on_starttls, .arg = t };
	struct both b = { .c = client_of(TLS_VERIFY_FULL, NULL) };
	int fd[2];

	(void)state;
	world_tcp_pair(fd);
	world_adopt(&s, fd[0]);
	assert_int_equal(write(fd[1], "STARTTLS\r\nRSET\r\n", 16), 16);
	world_until_event(&s, 'D');
	assert_int_equal(conn_input(s.c).len, 0);
	world_adopt(&b.client, fd[1]);
	conn_secure_client(b.client.c, b.c, "mx.example.com");
	world_until_event(&s, 'S');
	s.leave = false;
	conn_write(b.client.c, "EHLO", 4);
	while (s.got.len < 4)
		world_turns(1);
	assert_memory_equal(buf_at(&s.got), "EHLO", 4);
	world_done(&s);
	done_both(&b);
	tls_free(&t);
}

static const struct {
	const char *why;
	const struct cert *cert;
	enum tls_verify verify;
	const char *name, *client_min;
	const char *words[2]; /* of the error; NULL: the handshake succeeds */
} cases[] = {
	{ "the right name", &good, TLS_VERIFY_FULL, "mx.example.com", NULL,
	    { NULL } },
	{ "a dot at its end", &good, TLS_VERIFY_FULL, "mx.example.com.", NULL,
	    { NULL } },
	{ "case does not count", &good, TLS_VERIFY_FULL, "MX.Example.com",
	    "1.3", { NULL } },
	{ "an IPv4 address", &good, TLS_VERIFY_FULL, "127.0.0.1", NULL,
	    { NULL } },
	{ "an IPv6 address", &good, TLS_VERIFY_FULL, "::1", NULL, { NULL } },
	{ "another address", &good, TLS_VERIFY_FULL, "127.0.0.2", NULL,
	    { "not for 127.0.0.2 but for mx.example.com, 127.0.0.1, ::1;" } },
	{ "another name", &other, TLS_VERIFY_FULL, "example.com", NULL,
	    { "certificate is not for example.com but for a.example.com; if it "
	      "is the right server write one of these as tls_name" } },
	{ "many other names", &many, TLS_VERIFY_FULL, "example.com", NULL,
	    { "a.example.com, b.example.com, 127.0.0.9 and 2 more; if it" } },
	{ "no name at all", &good, TLS_VERIFY_FULL, "", NULL,
	    { "TLS: the server's name cannot be verified" } },
	{ "expired", &expired, TLS_VERIFY_FULL, "mx.example.com", NULL,
	    { "certificate of mx.example.com expired 24 hours ago (20",
	        " UTC); the provider has to renew it" } },
	{ "not yet valid", &early, TLS_VERIFY_FULL, "mx.example.com", NULL,
	    { "certificate of mx.example.com is not valid yet, for 3 days "
	      "(until 20",
	        " UTC); is the clock of this machine right?" } },
	{ "signed by itself", &alone, TLS_VERIFY_FULL, "mx.example.com", NULL,
	    { "certificate of mx.example.com is self-signed; write ca_file, or "
	      "if you know this key pins = [ \"",
	        "=\" ];" } },
	{ "unknown issuer", &stranger, TLS_VERIFY_FULL, "mx.example.com", NULL,
	    { "certificate of mx.example.com: signed by other_ca, not known "
	      "here; write ca_file, or pins = [ \"",
	        "=\" ];" } },
	{ "not verified: expired", &expired, TLS_VERIFY_NONE, "example.com",
	    NULL, { NULL } },
	{ "not verified: no name", &alone, TLS_VERIFY_NONE, "", NULL,
	    { NULL } },
};

static bool
has_words(const char *text, const char *const words[2])
{
	return strstr(text, words[0]) != NULL &&
	       (words[1] == NULL || strstr(text, words[1]) != NULL);
}

static void
the_certificate_is_verified(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct both b = { .s = server_of(cases[i].cert, NULL),
			.c = client_of(cases[i].verify, cases[i].client_min) };
		bool fails = cases[i].words[0] != NULL;

		start_both(&b, cases[i].name);
		world_until_event(&b.client, fails ? 'F' : 'S');
		if (world_has(&b.client, fails ? 'S' : 'F'))
			fail_msg("%s", cases[i].why);
		if (fails && !has_words(b.client.error, cases[i].words))
			fail_msg("%s: %s", cases[i].why, b.client.error);
		if (fails) {
			assert_int_equal(b.client.sys_errno, 0);
			world_until_event(&b.server, 'F');
		}
		done_both(&b);
	}
}

static void
what_is_no_tls_fails(void **state)
{
	struct side s = { 0 };
	struct tls_context *t = client_of(TLS_VERIFY_FULL, NULL);
	int fd[2];

	(void)state;
	world_pair(fd, SOCK_STREAM);
	world_adopt(&s, fd[0]);
	conn_secure_client(s.c, t, "mx.example.com");
	assert_int_equal(write(fd[1], "220 plain text\r\n", 16), 16);
	world_until_event(&s, 'F');
	assert_string_equal(s.error,
	    "TLS: what mx.example.com says is no TLS; compare port and "
	    "tls_mode with its documents");
	world_done(&s);
	close(fd[1]);

	world_pair(fd, SOCK_STREAM);
	world_adopt(&s, fd[0]);
	conn_secure_client(s.c, t, "mx.example.com");
	shutdown(fd[1], SHUT_WR);
	world_until_event(&s, 'F');
	assert_string_equal(
	    s.error, "TLS: the peer closed during the handshake");
	world_done(&s);
	close(fd[1]);

	world_pair(fd, SOCK_STREAM);
	world_adopt(&s, fd[0]);
	conn_timeout(s.c, 20);
	conn_secure_client(s.c, t, "mx.example.com");
	world_until_event(&s, 'T'); /* a silent peer */
	world_done(&s);
	close(fd[1]);
	tls_free(&t);
}

static void
versions_below_the_floor_are_refused(void **state)
{
	struct both b = { .s = server_of(&good, "1.3"),
		.c = client_of(TLS_VERIFY_FULL, NULL) };
	struct tls_client_settings set = { .min_version = "1.1" };
	struct err err = { 0 };
	struct tls_context *t = NULL;

	(void)state;
	assert_int_equal(tls_client_new(&t, &set, &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_null(t);
	start_both(&b, "mx.example.com");
	world_until_event(&b.client, 'S');
	assert_string_equal(conn_tls_version(b.client.c), "TLSv1.3");
	done_both(&b);
}

static void
bad_files_are_refused(void **state)
{
	struct {
		const char *certificate, *key, *sentence;
	} bad[] = {
		{ "/nonexistent", good.key, "certificate /nonexistent: " },
		{ good.certificate, "/nonexistent", "key /nonexistent: " },
		{ good.certificate, ca.key, "key " },
		{ good.key, good.key, "certificate " },
	};
	struct tls_client_settings no_ca = { .verify = TLS_VERIFY_FULL,
		.ca_file = "/nonexistent" };
	struct tls_context *t = NULL;
	struct err err;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct tls_certificate c = { bad[i].certificate, bad[i].key };
		struct tls_server_settings s = { .certificates = &c,
			.ncertificates = 1 };

		err = (struct err){ 0 };
		assert_int_equal(tls_server_new(&t, &s, &err), -1);
		assert_null(t);
		if (strncmp(err.text, bad[i].sentence,
		        strlen(bad[i].sentence)) != 0)
			fail_msg("%s", err.text);
	}
	assert_int_equal(tls_client_new(&t, &no_ca, &err), -1);
	assert_string_equal(err.text,
	    "CA certificates in /nonexistent: No such file or directory");
}

/* A server that asks for the CA's certificates, and a client that has c or
 * none; 'S' or 'F' at the server. */
static void
meet_with(struct both *b, const struct cert *c, char event)
{
	struct tls_certificate pair = { good.certificate, good.key };
	struct tls_server_settings s = { .certificates = &pair,
		.ncertificates = 1,
		.client_ca = ca.certificate };
	struct tls_client_settings client = { .verify = TLS_VERIFY_FULL,
		.ca_file = ca.certificate };
	struct tls_certificate own = { NULL, NULL };
	struct err err = { 0 };

	memset(b, 0, sizeof *b);
	if (tls_server_new(&b->s, &s, &err) < 0)
		fail_msg("%s", err.text);
	if (c != NULL)
		own = (struct tls_certificate){ c->certificate, c->key };
	client.own = own;
	if (tls_client_new(&b->c, &client, &err) < 0)
		fail_msg("%s", err.text);
	start_both(b, "mx.example.com");
	world_until_event(&b->server, event);
}

static void
a_client_may_have_a_certificate(void **state)
{
	struct both b;
	char name[32];

	(void)state;
	meet_with(&b, NULL, 'S');
	assert_false(conn_tls_client(b.server.c, name, sizeof name));
	done_both(&b);
	meet_with(&b, &good, 'S');
	assert_true(conn_tls_client(b.server.c, name, sizeof name));
	assert_string_equal(name, "good");
	assert_false(conn_tls_client(b.server.c, name, 4)); /* and its end */
	/* Its certificate is proved in each session: there is no ticket. */
	conn_write(b.server.c, "hi", 2);
	world_until_event(&b.client, 'D');
	world_done(&b.server);
	world_done(&b.client);
	start_both(&b, "mx.example.com");
	world_until_event(&b.client, 'S');
	assert_false(SSL_session_reused(b.client.c->ssl));
	done_both(&b);
	meet_with(&b, &alone, 'F');
	assert_string_equal(b.server.error,
	    "certificate of the client: self-signed certificate");
	done_both(&b);
	meet_with(&b, &expired, 'F');
	assert_string_equal(b.server.error,
	    "certificate of the client: certificate has expired");
	done_both(&b);
}

/* The pin of a certificate's key, by another road than the code's own. */
static void
pin_of(const struct cert *c, unsigned char pin[TLS_PIN_LEN])
{
	char command[512], text[64];
	FILE *f;

	snprintf(command, sizeof command,
	    "openssl x509 -in '%s' -noout -pubkey | openssl pkey -pubin "
	    "-outform der | openssl dgst -sha256 -binary | openssl base64",
	    c->certificate);
	f = popen(command, "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof text, f));
	assert_int_equal(pclose(f), 0);
	text[strcspn(text, "\n")] = '\0';
	assert_int_equal(tls_pin_parse(pin, text), 0);
	text[3] = '*';
	assert_int_equal(tls_pin_parse(pin, text), -1);
	text[0] = '\0';
	assert_int_equal(tls_pin_parse(pin, text), -1);
}

static void
a_pin_takes_the_place_of_chain_name_and_dates(void **state)
{
	static const struct {
		const struct cert *cert;
		bool good;
	} rows[] = { { &alone, true }, { &expired, true }, { &good, false } };
	unsigned char pins[2][TLS_PIN_LEN];
	struct tls_client_settings set = { .verify = TLS_VERIFY_FULL,
		.pins = (const unsigned char(*)[TLS_PIN_LEN])pins,
		.npins = 2 };
	struct err err = { 0 };

	(void)state;
	pin_of(&expired, pins[0]);
	pin_of(&alone, pins[1]);
	for (size_t i = 0; i < 3; i++) {
		struct both b = { .s = server_of(rows[i].cert, NULL) };

		assert_int_equal(tls_client_new(&b.c, &set, &err), 0);
		start_both(&b, "elsewhere.example.com");
		world_until_event(&b.client, rows[i].good ? 'S' : 'F');
		if (!rows[i].good &&
		    strstr(b.client.error,
		        "the key of elsewhere.example.com is none of pins; if "
		        "it has a new one that you know, write pins = [ \"") ==
		        NULL)
			fail_msg("%s", b.client.error);
		done_both(&b);
	}
}

static void
what_both_cannot_is_told(void **state)
{
	struct tls_client_settings set = { .min_version = "1.3",
		.ciphersuites = "TLS_AES_128_GCM_SHA256" };
	struct both b = { .s = server_of(&good, NULL) };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(tls_client_new(&b.c, &set, &err), 0);
	start_both(&b, "mx.example.com");
	world_until_event(&b.client, 'S');
	assert_string_equal(
	    conn_tls_cipher(b.client.c), "TLS_AES_128_GCM_SHA256");
	world_done(&b.server);
	world_done(&b.client);
	SSL_CTX_set_max_proto_version(b.s->ctx, TLS1_2_VERSION);
	start_both(&b, "mx.example.com");
	world_until_event(&b.client, 'F');
	assert_string_equal(b.client.error,
	    "TLS: mx.example.com speaks no version from 1.3 on; ask for a "
	    "newer server, or write min_version = \"1.2\";");
	done_both(&b);
	b = (struct both){ .s = server_of(&good, NULL) };
	set = (struct tls_client_settings){ .ciphers = "AES128-SHA" };
	assert_int_equal(tls_client_new(&b.c, &set, &err), 0);
	SSL_CTX_set_max_proto_version(b.s->ctx, TLS1_2_VERSION);
	start_both(&b, "mx.example.com");
	world_until_event(&b.client, 'F');
	assert_non_null(strstr(b.client.error, "no cipher in common with us"));
	done_both(&b);
}

static void
a_session_is_resumed(void **state)
{
	struct both b = { 0 };

	(void)state;
	secure_both(&b);
	assert_false(SSL_session_reused(b.client.c->ssl));
	conn_write(b.server.c, "hi", 2); /* the tickets come with it */
	world_until_event(&b.client, 'D');
	world_done(&b.server);
	world_done(&b.client);
	start_both(&b, "mx.example.com");
	world_until_event(&b.client, 'S');
	assert_true(SSL_session_reused(b.client.c->ssl));
	world_done(&b.server);
	world_done(&b.client);
	start_both(&b, "127.0.0.1"); /* another name: a session of its own */
	world_until_event(&b.client, 'S');
	assert_false(SSL_session_reused(b.client.c->ssl));
	done_both(&b);
}

static void
an_end_with_and_without_a_word(void **state)
{
	struct both b = { 0 };

	(void)state;
	secure_both(&b);
	conn_write(b.client.c, "QUIT", 4);
	conn_close_after(&b.client.c, 1000);
	world_until_event(&b.server, 'C');
	assert_int_equal(b.server.got.len, 4);
	assert_string_equal(b.server.events, "SDC");
	done_both(&b);

	memset(&b, 0, sizeof b);
	secure_both(&b);
	conn_write(b.client.c, "QUIT", 4);
	world_turns(1);
	shutdown(conn_fd(b.client.c), SHUT_WR); /* no close_notify */
	world_until_event(&b.server, 'C');
	assert_string_equal(b.server.events, "SDC");
	done_both(&b);
}

static void
close_after_sends_everything(void **state)
{
	struct both b = { 0 };

	(void)state;
	secure_both(&b);
	conn_write(b.server.c, big, BIG);
	conn_close_after(&b.server.c, 10000);
	world_until_event(&b.client, 'C');
	assert_int_equal(b.client.got.len, BIG);
	assert_memory_equal(buf_at(&b.client.got), big, BIG);
	done_both(&b);
}

static void
input_inside_tls_waits_and_is_found(void **state)
{
	struct both b = { .s = server_of(&good, NULL),
		.c = client_of(TLS_VERIFY_FULL, NULL) };
	int fd[2];

	(void)state;
	world_tcp_pair(fd);
	world_adopt_with(&b.server, fd[0], 4096, 0);
	world_adopt(&b.client, fd[1]);
	b.server.leave = true;
	conn_secure_server(b.server.c, b.s);
	conn_secure_client(b.client.c, b.c, "mx.example.com");
	world_until_event(&b.client, 'S');
	conn_write(b.client.c, big, 15000); /* one record */
	while (conn_input(b.server.c).len < 4096)
		world_turns(1);
	world_turns(20);
	assert_int_equal(conn_input(b.server.c).len, 4096);
	/* The rest is in the TLS object: the descriptor is silent. */
	b.server.leave = false;
	conn_take(b.server.c, 4096);
	while (b.server.got.len < 15000 - 4096)
		world_turns(1);

	conn_pause(b.server.c);
	conn_write(b.client.c, big, 15000);
	world_turns(20);
	assert_int_equal(b.server.got.len, 15000 - 4096);
	conn_resume(b.server.c);
	while (b.server.got.len < 30000 - 4096)
		world_turns(1);

	b.server.leave = true;
	conn_write(b.client.c, big, 15000);
	while (conn_input(b.server.c).len < 4096)
		world_turns(1);
	world_turns(20);
	conn_drop_input(b.server.c); /* also what is inside */
	b.server.leave = false;
	buf_clear(&b.server.got);
	conn_write(b.client.c, "next", 4);
	while (b.server.got.len < 4)
		world_turns(1);
	assert_memory_equal(buf_at(&b.server.got), "next", 4);
	done_both(&b);
}

static void
a_slow_reader_slows_the_writer(void **state)
{
	struct both b = { 0 };
	size_t n = 0;

	(void)state;
	secure_both(&b);
	conn_pause(b.server.c);
	while (!conn_is_full(b.client.c)) {
		conn_write(b.client.c, big, 128 * 1024);
		n += 128 * 1024;
		world_turns(2);
	}
	assert_false(world_has(&b.client, 'R'));
	conn_resume(b.server.c);
	world_until_event(&b.client, 'R');
	while (b.server.got.len < n)
		world_turns(1);
	assert_int_equal(b.server.got.len, n);
	done_both(&b);
}

static void
writing_to_one_who_left_fails(void **state)
{
	struct both b = { 0 };

	(void)state;
	secure_both(&b);
	conn_write(b.server.c, "421 bye", 7);
	world_turns(0);
	conn_close_after(&b.server.c, 100);
	while (b.client.c) {
		conn_write(b.client.c, big, 1000);
		world_turns(1);
	}
	assert_int_equal(b.client.got.len, 7);
	done_both(&b);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(both_sides_talk),
		TEST(clear_text_goes_before_the_handshake),
		TEST(a_lot_of_clear_text_goes_before_the_handshake),
		TEST(what_was_injected_before_tls_is_thrown_away),
		TEST(the_certificate_is_verified),
		TEST(what_is_no_tls_fails),
		TEST(versions_below_the_floor_are_refused),
		TEST(bad_files_are_refused),
		TEST(a_client_may_have_a_certificate),
		TEST(a_pin_takes_the_place_of_chain_name_and_dates),
		TEST(what_both_cannot_is_told),
		TEST(a_session_is_resumed),
		TEST(an_end_with_and_without_a_word),
		TEST(close_after_sends_everything),
		TEST(input_inside_tls_waits_and_is_found),
		TEST(a_slow_reader_slows_the_writer),
		TEST(writing_to_one_who_left_fails),
	};
	int rc;

	make_certificates();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	certs_remove();
	return rc;
}
