/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group "tls" and what listeners make of it: what is told of a mistake, and
 * who shares a context.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/conf/conf.h"

#include "certs.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct cert good, rsa, expired, open_key;

static void
make_certificates(void)
{
	certs_setup();
	certs_make(&good, "good", "DNS:mx.example.com", 100, NULL);
	certs_make_rsa(&rsa, "rsa", "DNS:mx.example.com", 2048);
	certs_make(&expired, "expired", "DNS:mx.example.com", -1, NULL);
	certs_make(&open_key, "open", "DNS:mx.example.com", 100, NULL);
	chmod(good.key, 0600);
	chmod(rsa.key, 0640);
	chmod(expired.key, 0600);
	chmod(open_key.key, 0644);
}

/* "$d" is the directory of the certificates. */
static char *
expand(const char *text)
{
	char *all = mem_str("");

	for (const char *at; (at = strstr(text, "$d")) != NULL; text = at + 2) {
		char *more = mem_printf(
		    "%s%.*s%s", all, (int)(at - text), text, certs_dir());

		free(all);
		all = more;
	}
	{
		char *more = mem_printf("%s%s", all, text);

		free(all);
		return more;
	}
}

static struct settings *
load(const char *text, struct conf_report *r)
{
	char *whole = expand(text), *path = expand("$d/main.conf");
	struct settings *s = NULL;
	FILE *f = fopen(path, "w");

	fputs("user = \"root\";\n", f);
	fputs(whole, f);
	fclose(f);
	(void)!conf_load(&s, path, false, r);
	free(whole);
	free(path);
	return s;
}

static struct settings *
load_good(const char *text)
{
	struct conf_report r;
	struct settings *s = load(text, &r);

	if (s == NULL)
		fail_msg("%s", r.mistakes[0]);
	conf_report_done(&r);
	return s;
}

#define PAIR(name)                                                             \
	"{ certificate = \"$d/" name ".pem\"; key = \"$d/" name ".key\"; }"
#define GOOD "tls = { certificates = ( " PAIR("good") " ); };\n"
#define LISTENER(more)                                                         \
	"listeners = ( { name = \"l\"; address = [ \"127.0.0.1:0\" ]; " more   \
	" } );\n"

static const struct {
	const char *text, *told;
} mistakes[] = {
	{ LISTENER("tls = \"optional\";"),
	    "main.conf:2: listeners.tls: needs a certificate; write tls = { "
	    "certificates = ( { certificate = \"...\"; key = \"...\"; } ); }; "
	    "at the top" },
	{ LISTENER("tls = \"sometimes\";"),
	    "main.conf:2: listeners.tls: \"sometimes\" is not possible; write "
	    "\"off\", \"optional\" or \"required\"" },
	{ GOOD LISTENER("tls_mode = \"implicit\";"),
	    "main.conf:3: listeners.tls_mode: \"implicit\" needs TLS; write "
	    "tls = \"required\"; or take tls_mode away" },
	{ GOOD LISTENER("tls = \"off\"; tls_mode = \"implicit\";"),
	    "main.conf:3: listeners.tls_mode: \"implicit\" needs TLS; write "
	    "tls = \"required\"; or take tls_mode away" },
	{ GOOD LISTENER("tls = \"optional\"; tls_mode = \"implicit\";"),
	    "main.conf:3: listeners.tls: is not \"optional\" from the first "
	    "byte on; write tls = \"required\";" },
	{ GOOD LISTENER("client_ca = \"$d/good.pem\";"),
	    "main.conf:3: listeners.client_ca: is not asked for without TLS; "
	    "write tls = \"required\"; or take client_ca away" },
	{ GOOD LISTENER("tls = \"required\"; client_ca = \"$d/none.pem\";"),
	    "main.conf:3: listeners.client_ca: certificates in $d/none.pem: "
	    "No such file or directory; write a file with certificates in "
	    "PEM" },
	{ "tls = { certificates = ( { key = \"$d/good.key\"; } ); };",
	    "main.conf:2: tls.certificates.certificate: is missing; write "
	    "certificate = \"/etc/postern/FILE.pem\";" },
	{ "tls = { certificates = ( {\n certificate = \"$d/good.pem\"; } ); };",
	    "main.conf:2: tls.certificates.key: is missing; write key = "
	    "\"/etc/postern/FILE.key\";" },
	{ "tls = { certificates = ( " PAIR("open") " ); };",
	    "main.conf:2: tls.certificates.key: others can read or change "
	    "$d/open.key; run: chmod o-rwx $d/open.key" },
	{ "tls = { certificates = ( { certificate = \"$d/good.pem\";\n"
	  "key = \"$d/none.key\"; } ); };",
	    "main.conf:3: tls.certificates.key: $d/none.key cannot be read (No "
	    "such file or directory); write the name of a file that only the "
	    "daemon's group can read (chmod 0640)" },
	{ "tls = { certificates = ( { certificate = \"$d/good.pem\";\n"
	  "key = \"$d/rsa.key\"; } ); };",
	    "main.conf:3: tls.certificates.key: key $d/rsa.key: key type "
	    "mismatch; write a certificate in PEM, the next ones of its chain "
	    "behind it, and its own key without a passphrase" },
	{ "tls = { certificates = ( { certificate = \"$d/expired.pem\";\n"
	  "key = \"$d/good.key\"; } ); };",
	    "main.conf:3: tls.certificates.key: key $d/good.key: key values "
	    "mismatch; write a certificate in PEM, the next ones of its chain "
	    "behind it, and its own key without a passphrase" },
	{ "tls = { certificates = ( { key = \"$d/good.key\";\n"
	  "certificate = \"$d/none.pem\"; } ); };",
	    "main.conf:3: tls.certificates.certificate: certificate "
	    "$d/none.pem: No such file or directory; write a certificate in "
	    "PEM, the next ones of its chain behind it, and its own key "
	    "without "
	    "a passphrase" },
	{ "tls = { certificate = \"/x\"; };",
	    "main.conf:2: tls.certificate: is no key here; write it in "
	    "tls.certificates, providers" },
	{ "tls = { certificates = ( ); };\ntls2 = 1;",
	    "main.conf:3: tls2: is no key; did you mean \"tls\"?" },
	{ "tls = { certificates = { }; };",
	    "main.conf:2: tls.certificates: has to be a list of groups; write "
	    "certificates = ( { ... } );" },
	{ "tls = { certificates = [ \"/x\" ]; };",
	    "main.conf:2: tls.certificates: has to be a list of groups; write "
	    "certificates = ( { ... } );" },
	{ "tls = { min_version = \"1.1\"; };",
	    "main.conf:2: tls.min_version: \"1.1\" is not possible; did you "
	    "mean \"1.2\"?" },
	{ "tls = { ciphers = \"HIGH:ECDHE-RSA-AES256\"; };",
	    "main.conf:2: tls.ciphers: OpenSSL has nothing of the name "
	    "\"ECDHE-RSA-AES256\"; write names of \"openssl ciphers -v\" with "
	    "\":\" between" },
	{ "tls = {\nciphersuites = \"HIGH\"; };",
	    "main.conf:3: tls.ciphersuites: OpenSSL has nothing of the name "
	    "\"HIGH\"; write names of \"openssl ciphers -v\" with \":\" "
	    "between" },
	{ LISTENER("lenient = [ \"old-tls\" ]; lenient_networks = [ "
	           "\"127.0.0.0/8\" ];"),
	    "main.conf:2: listeners.lenient: \"old-tls\" is nothing without "
	    "TLS; write tls = \"optional\"; or take the word away" },
	{ LISTENER("timeouts = { handshake = \"11m\"; };"),
	    "main.conf:2: listeners.timeouts.handshake: \"11m\" is out of "
	    "range; write \"100ms\" to \"10m\"" },
};

static void
mistakes_are_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(mistakes); i++) {
		struct conf_report r;
		struct settings *s = load(mistakes[i].text, &r);
		char *want = expand(mistakes[i].told);
		size_t cut = strlen(certs_dir()) + 1;

		if (s != NULL)
			fail_msg("taken: %s", mistakes[i].text);
		if (r.nmistakes != 1 || strcmp(r.mistakes[0] + cut, want) != 0)
			fail_msg("%zu mistakes, \"%s\" instead of \"%s\"",
			    r.nmistakes, r.mistakes[0] + cut, want);
		free(want);
		conf_report_done(&r);
	}
}

static void
too_many_certificates_are_a_mistake(void **state)
{
	char *all = mem_str("tls = { certificates = ( ");
	struct conf_report r;

	(void)state;
	for (int i = 0; i < 65; i++) {
		char *more =
		    mem_printf("%s%s" PAIR("good"), all, i > 0 ? ", " : "");

		free(all);
		all = more;
	}
	{
		char *whole = mem_printf("%s ); };", all);

		assert_null(load(whole, &r));
		free(whole);
	}
	assert_int_equal(r.nmistakes, 1);
	assert_non_null(strstr(r.mistakes[0], "has 65 groups; write at most "
	                                      "64"));
	conf_report_done(&r);
	free(all);
}

static void
an_expired_certificate_is_a_warning(void **state)
{
	struct conf_report r;
	struct settings *s =
	    load("tls = { certificates = ( " PAIR("expired") " ); };", &r);

	(void)state;
	assert_non_null(s);
	assert_int_equal(r.nwarnings, 2); /* and that there is no provider */
	for (size_t i = 0; i < r.nwarnings; i++) {
		if (strstr(r.warnings[i], "expired.pem has expired on 20") !=
		    NULL)
			break;
		assert_int_equal(i, 0);
	}
	conf_report_done(&r);
	conf_free(&s);
}

static void
what_a_listener_does_by_default(void **state)
{
	struct settings *s = load_good(GOOD
	    "listeners = (\n"
	    "{ name = \"a\"; address = [ \"127.0.0.1:0\", \"[::1]:0\" ]; },\n"
	    "{ name = \"b\"; address = [ \"unix:/tmp/x\" ]; },\n"
	    "{ name = \"c\"; address = [ \"127.0.0.1:1\", \"0.0.0.0:2\" ];\n"
	    "  networks = [ \"10.0.0.0/8\" ]; },\n"
	    "{ name = \"d\"; address = [ \"0.0.0.0:465\" ];\n"
	    "  networks = [ \"10.0.0.0/8\" ]; tls_mode = \"implicit\"; },\n"
	    "{ name = \"e\"; address = [ \"0.0.0.0:3\" ]; tls = \"off\";\n"
	    "  networks = [ \"10.0.0.0/8\" ]; },\n"
	    "{ name = \"f\"; address = [ \"127.0.0.1:4\" ];\n"
	    "  tls = \"required\"; } );");
	static const struct {
		enum inlet_tls use;
		bool implicit;
	} want[] = {
		{ INLET_TLS_OFF, false },
		{ INLET_TLS_OFF, false },
		{ INLET_TLS_OPTIONAL, false },
		{ INLET_TLS_REQUIRED, true },
		{ INLET_TLS_OFF, false },
		{ INLET_TLS_REQUIRED, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(want); i++) {
		const struct inlet_listener *l = &s->inlet.listeners[i];

		assert_int_equal(l->tls_use, want[i].use);
		assert_int_equal(l->implicit_tls, want[i].implicit);
		assert_int_equal(l->tls != NULL, want[i].use != INLET_TLS_OFF);
		assert_int_equal(l->timeouts.handshake, 30000);
	}
	conf_free(&s);
}

static void
without_a_certificate_there_is_no_tls(void **state)
{
	struct settings *s = load_good(
	    "listeners = ( { name = \"a\"; address = [ \"0.0.0.0:2\" ];\n"
	    "networks = [ \"10.0.0.0/8\" ]; } );");

	(void)state;
	assert_int_equal(s->inlet.listeners[0].tls_use, INLET_TLS_OFF);
	assert_null(s->inlet.listeners[0].tls);
	conf_free(&s);
	s = load_good(GOOD); /* the listener by default is loopback */
	assert_null(s->inlet.listeners[0].tls);
	conf_free(&s);
}

static void
listeners_that_want_the_same_share_a_context(void **state)
{
	struct settings *s =
	    load_good("tls = { certificates = ( " PAIR("good") ", " PAIR(
	        "rsa") " ); };\n"
	               "listeners = (\n"
	               "{ name = \"a\"; address = [ \"127.0.0.1:1\" ];\n"
	               "  tls = \"optional\"; },\n"
	               "{ name = \"b\"; address = [ \"127.0.0.1:2\" ];\n"
	               "  tls = \"required\"; tls_mode = \"implicit\"; },\n"
	               "{ name = \"c\"; address = [ \"127.0.0.1:3\" ];\n"
	               "  tls = \"required\"; client_ca = \"$d/good.pem\"; },\n"
	               "{ name = \"d\"; address = [ \"127.0.0.1:4\" ];\n"
	               "  tls = \"required\"; client_ca = \"$d/good.pem\"; },\n"
	               "{ name = \"e\"; address = [ \"127.0.0.1:5\" ];\n"
	               "  tls = \"required\"; client_ca = \"$d/rsa.pem\"; },\n"
	               "{ name = \"f\"; address = [ \"127.0.0.1:6\" ];\n"
	               "  tls = \"optional\"; lenient = [ \"old-tls\" ];\n"
	               "  lenient_networks = [ \"127.0.0.2\" ]; } );");
	const struct inlet_listener *l = s->inlet.listeners;

	(void)state;
	assert_ptr_equal(l[0].tls, l[1].tls);
	assert_ptr_not_equal(l[1].tls, l[2].tls);
	assert_ptr_equal(l[2].tls, l[3].tls);
	assert_ptr_not_equal(l[3].tls, l[4].tls);
	assert_ptr_equal(l[0].tls, l[5].tls);
	assert_null(l[0].tls_old);
	assert_non_null(l[5].tls_old);
	assert_ptr_not_equal(l[5].tls, l[5].tls_old);
	conf_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(too_many_certificates_are_a_mistake),
		cmocka_unit_test(an_expired_certificate_is_a_warning),
		cmocka_unit_test(what_a_listener_does_by_default),
		cmocka_unit_test(without_a_certificate_there_is_no_tls),
		cmocka_unit_test(listeners_that_want_the_same_share_a_context),
	};
	int rc;

	make_certificates();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	certs_remove();
	return rc;
}
