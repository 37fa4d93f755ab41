/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_client from the banner to ready (scenes for a scripted server), and
 * what holds of the object: memory, big content, secrets.  Transactions are in
 * test_client_txn.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "smtp/smtp_client_state.h"

#include "smtp_client_world.h"

#define TEXT(s)                                                                \
	{                                                                      \
		s, sizeof(s) - 1                                               \
	}
#define USER .user = "joe", .password = TEXT("secret")
#define NO_TLS                                                                 \
	"the server does not offer STARTTLS; nothing is sent in clear: "       \
	"something between may hide it, compare port and tls_mode\n"
#define HI "S 220 mx\nC EHLO me\n"

#define READY HI "S 250 mx\nE ready\n"

static const struct world_scene noops[] = {
	{ .why = "NOOP shows that the session lives",
	    .script = READY "noop\nC NOOP\nawaits noop\nS 250 ok\nE ready\n"
	                    "awaits idle\nquit\nC QUIT\n" },
	{ .why = "a server that does not know it is there all the same",
	    .script = READY "noop\nC NOOP\nS 502 5.5.1 what\nE ready\n" },
	{ .why = "but what else it may say is the session's end",
	    .script = READY "noop\nC NOOP\nS 454 4.7.0 not now\n"
	                    "E lost noop 454 4.7.0 not now\n" },
	{ .why = "as is 421",
	    .script = READY "noop\nC NOOP\nS 421 4.3.2 bye\n"
	                    "E lost noop 421 4.3.2 bye\n" },
	{ .why = "and an answer that is none",
	    .script = READY "noop\nC NOOP\nS 354 go\n"
	                    "E lost noop nonsense 354 in reply to NOOP: go\n" },
	{ .why = "and none at all",
	    .script = READY "noop\nC NOOP\nlate why\nE lost noop late why\n" },
	{ .why = "lost at the first command after a rest: as a re-used one",
	    .script = READY "rested\nsend one\nC MAIL FROM:<a@x>\nlost gone\n"
	                    "E done one mail lost gone (idle)\n"
	                    "E lost mail lost gone (idle)\n" },
};

static const struct world_scene hellos[] = {
	{ .why = "nothing is said before the banner",
	    .script = "awaits banner\n" },
	{ .why = "a banner of two lines",
	    .script = "S 220-mx\nS 220 hi\nC EHLO me\nawaits ehlo\n" },
	{ .why = "the banner refuses: QUIT, and why",
	    .script = "S 554 5.7.1 go away\nC QUIT\n"
	              "E lost banner 554 5.7.1 go away\n" },
	{ .why = "a 421 in its place needs no QUIT",
	    .script = "S 421 4.3.2 full\nE lost banner 421 4.3.2 full\n" },
	{ .why = "a banner that is none",
	    .script = "S 250 mx\nE lost banner nonsense 250 in reply to the"
	              " connection: mx\n" },
	{ .why = "not SMTP at all",
	    .script = "S HTTP/1.1 400 Bad Request\n"
	              "E lost banner nonsense a line without a reply code\n" },
	{ .why = "no banner in time",
	    .script = "late 20 s\nE lost banner late 20 s\n" },
	{ .why = "closed before the banner",
	    .script = "lost closed\nE lost banner lost closed\n" },
	{ .why = "EHLO is enough",
	    .script = HI "S 250-mx\nS 250 DSN\nE ready\nawaits idle\n" },
	{ .why = "EHLO refused for good: HELO, with nothing offered",
	    .script = HI "S 502 what\nC HELO me\nawaits ehlo\nS 250 mx\n"
	                 "E ready\nsend one\nC MAIL FROM:<a@x>\n" },
	{ .why = "capabilities in a reply of 5xx are none",
	    .script = HI "S 550-mx\nS 550 PIPELINING\nC HELO me\n"
	                 "S 250-mx\nS 250 PIPELINING\nE ready\nsend one\n"
	                 "C MAIL FROM:<a@x>\n" },
	{ .why = "HELO refused too",
	    .script = HI "S 500 what\nC HELO me\nS 550 no\nC QUIT\n"
	                 "E lost ehlo 550 no\n" },
	{ .why = "a 3xx to HELO",
	    .script = HI "S 500 what\nC HELO me\nS 354 go\n"
	                 "E lost ehlo nonsense 354 in reply to HELO: go\n" },
	{ .why = "EHLO refused for now",
	    .script = HI "S 451 later\nC QUIT\nE lost ehlo 451 later\n" },
	{ .why = "a 3xx to EHLO",
	    .script = HI "S 354 go\nE lost ehlo nonsense 354 in reply to EHLO:"
	                 " go\n" },
	{ .why = "lost at EHLO",
	    .script = HI "lost reset\nE lost ehlo lost reset\n" },
	{ .why = "half a reply, and then lost",
	    .script = HI "S 250-mx\nlost reset\nE lost ehlo lost reset\n" },
	{ .why = "given up before it is ready",
	    .script = HI "quit\nE lost quit local given up before it was"
	                 " ready\nquit\n" },
	{ .why = "freed when ready",
	    .script = HI "S 250 mx\nE ready\n",
	    .free = "ready" },
};

#define TLS .tls = SMTP_TLS_STARTTLS

static const struct world_scene tls[] = {
	{ .why = "STARTTLS, then EHLO again, the first one's offers forgotten",
	    .script = HI "S 250-mx\nS 250-PIPELINING\nS 250 STARTTLS\n"
	                 "C STARTTLS\nawaits starttls\nS 220 go\nE secure\n"
	                 "awaits tls\nsecured\nC EHLO me\nS 250-mx\nS 250 DSN\n"
	                 "E ready\nsend one\nC MAIL FROM:<a@x>\n",
	    .settings = { TLS } },
	{ .why = "it is not said twice",
	    .script = HI "S 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\n"
	                 "E secure\nsecured\nC EHLO me\nS 250-mx\n"
	                 "S 250 STARTTLS\nE ready\n",
	    .settings = { TLS } },
	{ .why = "bytes in the same read as its reply",
	    .script = HI "S 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\n"
	                 "S 250-evil\nE lost tls nonsense response injection:"
	                 " bytes in clear before the TLS handshake; somebody"
	                 " between may have put them there\n",
	    .settings = { TLS },
	    .whole_only = true },
	{ .why = "bytes after it, before the handshake is done",
	    .script =
	        HI "S 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\n"
	           "E secure\ns 2\nE lost tls nonsense response injection:"
	           " bytes in clear before the TLS handshake; somebody"
	           " between may have put them there\n",
	    .settings = { TLS } },
	{ .why = "STARTTLS is not offered",
	    .script = HI "S 250 mx\nC QUIT\nE lost starttls local " NO_TLS,
	    .settings = { TLS } },
	{ .why = "nor after HELO",
	    .script = HI "S 500 what\nC HELO me\nS 250 mx\nC QUIT\nE lost"
	                 " starttls local " NO_TLS,
	    .settings = { TLS } },
	{ .why = "it is refused",
	    .script = HI "S 250-mx\nS 250 STARTTLS\nC STARTTLS\n"
	                 "S 454 4.7.0 not now\nC QUIT\n"
	                 "E lost starttls 454 4.7.0 not now\n",
	    .settings = { TLS } },
	{ .why = "a wish: not offered, so in clear",
	    .script = HI "S 250 mx\nE ready\n",
	    .settings = { .tls = SMTP_TLS_OPPORTUNISTIC } },
	{ .why = "a wish: refused, so in clear",
	    .script = HI "S 250-mx\nS 250 STARTTLS\nC STARTTLS\n"
	                 "S 454 4.7.0 not now\nE ready\n",
	    .settings = { .tls = SMTP_TLS_OPPORTUNISTIC } },
	{ .why = "a wish that comes true",
	    .script = HI "S 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\n"
	                 "E secure\nsecured\nC EHLO me\nS 250 mx\n"
	                 "E ready\n",
	    .settings = { .tls = SMTP_TLS_OPPORTUNISTIC } },
	{ .why = "a wish sends no password in clear",
	    .script = HI "S 250-mx\nS 250 AUTH PLAIN\nC QUIT\nE lost auth "
	                 "local no password is sent without TLS\n",
	    .settings = { .tls = SMTP_TLS_OPPORTUNISTIC, .user = "u" } },
	{ .why = "another 2xx is no consent",
	    .script = HI "S 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 250 ok\n"
	                 "E lost starttls nonsense 250 in reply to STARTTLS:"
	                 " ok\n",
	    .settings = { TLS } },
	{ .why = "the handshake fails",
	    .script = HI "S 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\n"
	                 "E secure\nlost bad certificate\n"
	                 "E lost tls lost bad certificate\nsecured\n",
	    .settings = { TLS } },
	{ .why = "TLS from the first byte",
	    .script = "awaits tls\nsecured\nawaits banner\n" HI
	              "S 250-mx\nS 250 STARTTLS\nE ready\n",
	    .settings = { .tls = SMTP_TLS_IMPLICIT } },
	{ .why = "a banner in clear where TLS is due",
	    .script = "s 2\nE lost tls nonsense response injection: bytes in"
	              " clear before the TLS handshake; somebody between may"
	              " have put them there\n",
	    .settings = { .tls = SMTP_TLS_IMPLICIT } },
};

#define HIDDEN "(the reply repeats what was sent to log in; it is not shown)\n"
#define PLAIN "C AUTH PLAIN AGpvZQBzZWNyZXQ=\n"
/* With TLS there already, so that a password may go. */
#define IN_TLS .tls = SMTP_TLS_IMPLICIT, USER
#define TLS_HI "secured\n" HI "S 250-mx\n"
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X300 X50 X50 X50 X50 X50 X50
#define E1 "eHh4"
#define E10 E1 E1 E1 E1 E1 E1 E1 E1 E1 E1
#define E199                                                                   \
	E10 E10 E10 E10 E10 E10 E10 E10 E10 E10 E10 E10 E10 E10 E10 E10 E10    \
	    E10 E10 E1 E1 E1 E1 E1 E1 E1 E1 E1

static const struct world_scene auths[] = {
	{ .why = "PLAIN in one step",
	    .script = TLS_HI "S 250 AUTH LOGIN PLAIN\n" PLAIN "awaits auth\n"
	                     "S 235 2.7.0 ok\nE ready\n",
	    .settings = { IN_TLS } },
	{ .why = "PLAIN in two steps where the line would be too long",
	    .script = TLS_HI "S 250 AUTH PLAIN\nC AUTH PLAIN\nS 334\n"
	                     "C AGpvZQB4" E199 "eHg=\nS 235 ok\nE ready\n",
	    .settings = { .tls = SMTP_TLS_IMPLICIT,
	        .user = "joe",
	        .password = TEXT(X300 X300) } },
	{ .why = "LOGIN",
	    .script = TLS_HI "S 250 AUTH LOGIN\nC AUTH LOGIN\n"
	                     "S 334 VXNlcm5hbWU6\nC am9l\n"
	                     "S 334 UGFzc3dvcmQ6\nC c2VjcmV0\nS 235 ok\n"
	                     "E ready\n",
	    .settings = { IN_TLS } },
	{ .why = "LOGIN by order",
	    .script = TLS_HI "S 250 AUTH PLAIN LOGIN\nC AUTH LOGIN\n",
	    .settings = { IN_TLS, .auth = "login" } },
	{ .why = "XOAUTH2 with a token, in one step",
	    .script = TLS_HI
	    "S 250 AUTH PLAIN OAUTHBEARER XOAUTH2\n"
	    "C AUTH XOAUTH2 dXNlcj1qb2UBYXV0aD1CZWFyZXIgc2VjcmV0AQE=\n"
	    "S 235 ok\nE ready\n",
	    .settings = { IN_TLS, .auth = "bearer" } },
	{ .why = "OAUTHBEARER where that is all",
	    .script = TLS_HI
	    "S 250 AUTH OAUTHBEARER\n"
	    "C AUTH OAUTHBEARER bixhPWpvZSwBYXV0aD1CZWFyZXIgc2VjcmV0AQE=\n"
	    "S 235 ok\nE ready\n",
	    .settings = { IN_TLS, .auth = "bearer" } },
	{ .why = "a name with what separates",
	    .script =
	        TLS_HI "S 250 AUTH OAUTHBEARER\n"
	               "C AUTH OAUTHBEARER "
	               "bixhPWo9MkNlPTNELAFhdXRoPUJlYXJlciBzZWNyZXQBAQ==\n"
	               "S 235 ok\nE ready\n",
	    .settings = { .tls = SMTP_TLS_IMPLICIT,
	        .user = "j,e=",
	        .password = { "secret", 6 },
	        .auth = "oauthbearer" } },
	{ .why = "a line too long for the server: two steps",
	    .script = TLS_HI
	    "S 250 AUTH XOAUTH2\n"
	    "C AUTH XOAUTH2 dXNlcj1qb2UBYXV0aD1CZWFyZXIgc2VjcmV0AQE=\n"
	    "S 500 line too long\nC AUTH XOAUTH2\n"
	    "S 334 \nC dXNlcj1qb2UBYXV0aD1CZWFyZXIgc2VjcmV0AQE=\n"
	    "S 235 ok\nE ready\n",
	    .settings = { IN_TLS, .auth = "xoauth2" } },
	{ .why = "and not a third time",
	    .script = TLS_HI
	    "S 250 AUTH XOAUTH2\n"
	    "C AUTH XOAUTH2 dXNlcj1qb2UBYXV0aD1CZWFyZXIgc2VjcmV0AQE=\n"
	    "S 501 no\nC AUTH XOAUTH2\nS 501 no\nC QUIT\n"
	    "E lost auth 501 no\n",
	    .settings = { IN_TLS, .auth = "xoauth2" } },
	{ .why = "what is wrong is told, and wants an empty line",
	    .script = TLS_HI
	    "S 250 AUTH XOAUTH2\n"
	    "C AUTH XOAUTH2 dXNlcj1qb2UBYXV0aD1CZWFyZXIgc2VjcmV0AQE=\n"
	    "S 334 eyJ9\nC \nS 535 5.7.8 bad\nC QUIT\n"
	    "E lost auth 535 5.7.8 bad\n",
	    .settings = { IN_TLS, .auth = "xoauth2" } },
	{ .why = "or ^A (RFC 7628 3.2.3)",
	    .script = TLS_HI
	    "S 250 AUTH OAUTHBEARER\n"
	    "C AUTH OAUTHBEARER bixhPWpvZSwBYXV0aD1CZWFyZXIgc2VjcmV0AQE=\n"
	    "S 334 eyJ9\nC AQ==\nS 535 5.7.8 bad\nC QUIT\n"
	    "E lost auth 535 5.7.8 bad\n",
	    .settings = { IN_TLS, .auth = "oauthbearer" } },
	{ .why = "and its status stands in the refusal's text",
	    .script = TLS_HI
	    "S 250 AUTH XOAUTH2\n"
	    "C AUTH XOAUTH2 dXNlcj1qb2UBYXV0aD1CZWFyZXIgc2VjcmV0AQE=\n"
	    "S 334 eyJzdGF0dXMiOiI0MDEifQ==\nC \nS 535 5.7.8 bad\nC QUIT\n"
	    "E lost auth 535 5.7.8 bad (status 401 for the token)\n",
	    .settings = { IN_TLS, .auth = "xoauth2" } },
	{ .why = "PLAIN in two steps where one was refused",
	    .script = TLS_HI "S 250 AUTH PLAIN\n" PLAIN "S 501 no\n"
	                     "C AUTH PLAIN\nS 334\nC AGpvZQBzZWNyZXQ=\n"
	                     "S 235 ok\nE ready\n",
	    .settings = { IN_TLS } },
	{ .why = "the strongest: RFC 7677's example",
	    .script = TLS_HI
	    "S 250 AUTH PLAIN LOGIN SCRAM-SHA-256 CRAM-MD5\n"
	    "C AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8="
	    "\nS 334 cj1yT3ByTkdmd0ViZVJXZ2JORWtxTyVodllEcFdVYTJSYVRDQWZ1eEZ"
	    "JbGopaE5sRiRrMCxzPVcyMlphSjBTTlk3c29Fc1VFamI2Z1E9PSxpPTQwOTY=\n"
	    "C Yz1iaXdzLHI9ck9wck5HZndFYmVSV2diTkVrcU8laHZZRHBXVWEyUmFUQ0FmdXh"
	    "GSWxqKWhObEYkazAscD1kSHpiWmFwV0lrNGpVaE4rVXRlOXl0YWc5empmTUhnc3F"
	    "tbWl6N0FuZFZRPQ==\nS 334 dj02cnJpVFJCaTIzV3BSUi93dHVwK21NaFVaVW4"
	    "vZEI1bkxUSlJzamw5NUc0PQ==\nC \nS 235 ok\nE ready\n",
	    .settings = { .tls = SMTP_TLS_IMPLICIT,
	        .user = "user",
	        .password = TEXT("pencil"),
	        .nonce = "rOprNGfwEbeRWgbNEkqO" } },
	{ .why = "in before the server has proven anything",
	    .script = TLS_HI "S 250 AUTH SCRAM-SHA-256\n"
	                     "C AUTH SCRAM-SHA-256 biwsbj1qb2Uscj1u\nS 235 ok\n"
	                     "E lost auth nonsense the server let us in without"
	                     " proving that it knows the password: somebody"
	                     " else may have answered\n",
	    .settings = { IN_TLS, .nonce = "n" } },
	{ .why = "EXTERNAL, as whom the certificate names",
	    .script = TLS_HI "S 250 AUTH PLAIN EXTERNAL\nC AUTH EXTERNAL =\n"
	                     "S 235 ok\nE ready\n",
	    .settings = { .tls = SMTP_TLS_IMPLICIT,
	        .user = "",
	        .auth = "external" } },
	{ .why = "a token is no password",
	    .script = TLS_HI "S 250 AUTH PLAIN LOGIN\nC QUIT\n"
	                     "E lost auth local the server offers no AUTH that"
	                     " we may use (PLAIN LOGIN)\n",
	    .settings = { IN_TLS, .auth = "bearer" } },
	{ .why = "an empty password",
	    .script = TLS_HI "S 250 AUTH PLAIN\nC AUTH PLAIN AGpvZQA=\n",
	    .settings = { .tls = SMTP_TLS_IMPLICIT, .user = "joe" } },
	{ .why = "refused: QUIT, and why",
	    .script =
	        TLS_HI "S 250 AUTH PLAIN\n" PLAIN "S 535 5.7.8 bad\nC QUIT\n"
	               "E lost auth 535 5.7.8 bad\n",
	    .settings = { IN_TLS } },
	{ .why = "perhaps the server cannot do what it offers for this user",
	    .script =
	        TLS_HI "S 250 AUTH CRAM-MD5 LOGIN\nC AUTH CRAM-MD5\n"
	               "S 334 PDFAeD4=\n"
	               "C am9lIDQ0NTNjM2QwZmQxNjg3OTJkNTY1YzcyOGI0ZGY2NzM5\n"
	               "S 535 5.7.8 bad\nC QUIT\n"
	               "E lost auth 535 5.7.8 bad (by CRAM-MD5; if the"
	               " password is right, write auth = \"login\";)\n",
	    .settings = { IN_TLS } },
	{ .why = "but where it was the operator's choice",
	    .script = TLS_HI "S 250 AUTH SCRAM-SHA-1 LOGIN\n"
	                     "C AUTH SCRAM-SHA-1 biwsbj1qb2Uscj1u\n"
	                     "S 535 5.7.8 bad\nC QUIT\n"
	                     "E lost auth 535 5.7.8 bad\n",
	    .settings = { IN_TLS, .auth = "scram-sha-1", .nonce = "n" } },
	{ .why = "a refusal that repeats the login is not shown",
	    .script = TLS_HI "S 250 AUTH PLAIN\n" PLAIN
	                     "S 535 bad command: AUTH PLAIN AGpvZQBzZWNyZXQ=\n"
	                     "C QUIT\nE lost auth 535 " HIDDEN,
	    .settings = { IN_TLS } },
	{ .why = "nor one with the password in it",
	    .script = TLS_HI "S 250 AUTH PLAIN\n" PLAIN
	                     "S 421 4.7.0 joe:secret is wrong\n"
	                     "E lost auth 421 4.7.0 " HIDDEN,
	    .settings = { IN_TLS } },
	{ .why = "nor nonsense of that kind",
	    .script = TLS_HI "S 250 AUTH LOGIN\nC AUTH LOGIN\nS 334 x\n"
	                     "C am9l\nS 334 x\nC c2VjcmV0\n"
	                     "S 250 c2VjcmV0?\nE lost auth nonsense 250 in "
	                     "reply to AUTH: " HIDDEN,
	    .settings = { IN_TLS } },
	{ .why = "refused in the middle",
	    .script = TLS_HI "S 250 AUTH LOGIN\nC AUTH LOGIN\nS 334 x\n"
	                     "C am9l\nS 454 4.7.0 later\nC QUIT\n"
	                     "E lost auth 454 4.7.0 later\n",
	    .settings = { IN_TLS } },
	{ .why = "more is asked than there is to say",
	    .script = TLS_HI "S 250 AUTH PLAIN\n" PLAIN "S 334 more\n"
	                     "E lost auth nonsense the server asks for more"
	                     " than the mechanism has to say\n",
	    .settings = { IN_TLS } },
	{ .why = "and by LOGIN",
	    .script = TLS_HI "S 250 AUTH LOGIN\nC AUTH LOGIN\nS 334 x\n"
	                     "C am9l\nS 334 x\nC c2VjcmV0\nS 334 x\n"
	                     "E lost auth nonsense the server asks for more"
	                     " than the mechanism has to say\n",
	    .settings = { IN_TLS } },
	{ .why = "another 2xx is no welcome",
	    .script = TLS_HI "S 250 AUTH PLAIN\n" PLAIN "S 250 ok\n"
	                     "E lost auth nonsense 250 in reply to AUTH: ok\n",
	    .settings = { IN_TLS } },
	{ .why = "lost at it",
	    .script = TLS_HI "S 250 AUTH PLAIN\n" PLAIN "lost reset\n"
	                     "E lost auth lost reset\n",
	    .settings = { IN_TLS } },
	{ .why = "nothing of ours is offered",
	    .script = TLS_HI "S 250 AUTH XOAUTH2\nC QUIT\n"
	                     "E lost auth local the server offers no AUTH that"
	                     " we may use (XOAUTH2)\n",
	    .settings = { IN_TLS } },
	{ .why = "nothing is offered",
	    .script = TLS_HI "S 250 DSN\nC QUIT\nE lost auth local the server"
	                     " offers no AUTH that we may use (none at all)\n",
	    .settings = { IN_TLS } },
	{ .why = "what is offered is disabled",
	    .script = TLS_HI "S 250 AUTH PLAIN\nC QUIT\nE lost auth local the"
	                     " server offers no AUTH that we may use (PLAIN)\n",
	    .settings = { IN_TLS, .disable = SMTP_CAP_AUTH_PLAIN } },
	{ .why = "never in clear",
	    .script = HI "S 250-mx\nS 250 AUTH PLAIN\nC QUIT\n"
	                 "E lost auth local no password is sent without TLS\n",
	    .settings = { USER } },
	{ .why = "unless the operator says so",
	    .script = HI "S 250-mx\nS 250 AUTH PLAIN\n" PLAIN,
	    .settings = { USER, .auth_clear = true } },
	{ .why = "offered in clear, withdrawn in TLS",
	    .script = HI "S 250-mx\nS 250-AUTH PLAIN\nS 250 STARTTLS\n"
	                 "C STARTTLS\nS 220 go\nE secure\nsecured\nC EHLO me\n"
	                 "S 250 mx\nC QUIT\nE lost auth local the server offers"
	                 " no AUTH that we may use (none at all)\n",
	    .settings = { TLS, USER } },
};

static void
play_all(const struct world_scene *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		world_play(&s[i]);
}

static void
the_greeting_is_understood(void **state)
{
	(void)state;
	play_all(hellos, sizeof hellos / sizeof hellos[0]);
}

static void
a_noop_shows_whether_it_lives(void **state)
{
	(void)state;
	play_all(noops, sizeof noops / sizeof noops[0]);
}

static void
nothing_in_clear_is_used_after_starttls(void **state)
{
	(void)state;
	play_all(tls, sizeof tls / sizeof tls[0]);
}

static void
a_password_goes_where_it_may(void **state)
{
	(void)state;
	play_all(auths, sizeof auths / sizeof auths[0]);
}

/* --- the object, by hand ----------------------------------------------------
 */

struct owner {
	struct smtp_client *client;
	struct buf wrote;
	size_t writes, dones;
	uint32_t rcpts;
	struct smtp_txn *next;
	struct str stream; /* what content() gives, in pieces */
	size_t piece;
	struct outcome last;
};

static void
on_write(void *arg, const char *p, size_t n)
{
	struct owner *o = arg;

	o->writes++;
	assert_int_equal(buf_add(&o->wrote, p, n), 0);
}

static void
on_event(void *arg)
{
	(void)arg;
}

static void
on_rcpt(
    void *arg, struct smtp_txn *t, uint32_t index, const struct outcome *out)
{
	struct owner *o = arg;

	(void)t;
	(void)out;
	assert_int_equal(index, o->rcpts);
	o->rcpts++;
}

static void
on_done(void *arg, struct smtp_txn *t, const struct outcome *out)
{
	struct owner *o = arg;

	(void)t;
	o->dones++;
	o->last = *out;
}

static struct smtp_txn *
on_next(void *arg)
{
	struct owner *o = arg;
	struct smtp_txn *t = o->next;

	o->next = NULL;
	return t;
}

static void
on_content(void *arg, struct smtp_txn *t, uint64_t offset)
{
	struct owner *o = arg;
	size_t left = o->stream.len - (size_t)offset;
	size_t n = left < o->piece ? left : o->piece;

	(void)t;
	smtp_client_content(o->client, o->stream.p + offset, n, n == left);
}

static void
on_lost(void *arg, const struct outcome *out)
{
	struct owner *o = arg;

	o->last = *out;
}

static const struct smtp_client_hooks hooks = { on_write, on_event, on_event,
	on_rcpt, on_done, on_next, on_content, on_lost };

static void
say(struct owner *o, const char *text)
{
	smtp_client_feed(o->client, text, strlen(text));
}

static void
open_owner(struct owner *o, const char *ehlo)
{
	static const struct smtp_client_settings plain = { .helo = "me" };

	*o = (struct owner){ .piece = 64 << 10 };
	buf_init(&o->wrote, 1 << 26);
	o->client = smtp_client_new(&plain, &hooks, o);
	say(o, "220 mx\r\n");
	say(o, ehlo);
	assert_true(smtp_client_is_ready(o->client));
	buf_clear(&o->wrote);
	o->writes = 0;
}

static void
close_owner(struct owner *o)
{
	smtp_client_free(&o->client);
	buf_done(&o->wrote);
}

static void
idle_sessions_hold_no_buffer(void **state)
{
	struct owner o;

	(void)state;
	open_owner(&o, "250-mx\r\n250 PIPELINING\r\n");
	smtp_client_send(o.client, world_txn("one"));
	assert_int_equal(o.writes, 1);
	say(&o, "250 ok\r\n250 ok\r\n354 go\r\n");
	assert_int_equal(o.writes, 2);
	assert_true(o.client->out.cap > 0); /* kept while it works */
	say(&o, "250 ok\r\n");
	assert_int_equal(o.client->out.cap, 0);
	assert_int_equal(o.dones, 1);
	close_owner(&o);
}

static void
the_awaited_reply_counts_up(void **state)
{
	uint64_t before, after;
	struct owner o;

	(void)state;
	open_owner(&o, "250 mx\r\n");
	smtp_client_send(o.client, world_txn("one"));
	assert_int_equal(smtp_client_awaits(o.client, &before), OUTCOME_MAIL);
	say(&o, "250-ok\r\n");
	assert_int_equal(smtp_client_awaits(o.client, &after), OUTCOME_MAIL);
	assert_int_equal(before, after); /* the reply is not whole */
	say(&o, "250 ok\r\n");
	assert_int_equal(smtp_client_awaits(o.client, &after), OUTCOME_RCPT);
	assert_true(after > before);
	close_owner(&o);
}

static void
capabilities_and_size_are_told(void **state)
{
	struct owner o;

	(void)state;
	open_owner(&o, "250-mx\r\n250-SIZE 1000\r\n250 DSN\r\n");
	assert_int_equal(
	    smtp_client_capabilities(o.client), SMTP_CAP_SIZE | SMTP_CAP_DSN);
	assert_int_equal(smtp_client_size_max(o.client), 1000);
	close_owner(&o);
	open_owner(&o, "250 mx\r\n");
	assert_int_equal(smtp_client_size_max(o.client), 0);
	close_owner(&o);
}

/* Lines of 80 octets, every other one with a dot in front. */
static struct str
big_content(size_t n)
{
	char *p = mem_new(n);

	for (size_t i = 0; i < n; i++)
		p[i] = i % 80 == 78 ? '\r' : i % 80 == 79 ? '\n' : 'x';
	for (size_t i = 0; i < n; i += 160)
		p[i] = '.';
	return (struct str){ p, n };
}

static const struct smtp_txn_rcpt somebody = { .address = TEXT("b@y") };

/* What DATA makes of it. */
static void
assert_stuffed(struct str raw, struct str sent)
{
	size_t at = 0;

	for (size_t i = 0; i < raw.len; i++) {
		if (i % 160 == 0)
			assert_int_equal(sent.p[at++], '.');
		assert_int_equal(sent.p[at++], raw.p[i]);
	}
	assert_int_equal(sent.len - at, 3);
	assert_memory_equal(sent.p + at, ".\r\n", 3);
}

static void
big_content_is_stuffed_in_slices(void **state)
{
	struct str raw = big_content(80 * 20000);
	struct smtp_txn t = { .nrcpts = 1, .rcpts = &somebody };
	struct owner o;

	(void)state;
	for (int streamed = 0; streamed < 2; streamed++) {
		open_owner(&o, "250-mx\r\n250 PIPELINING\r\n");
		t.content = streamed ? (struct str){ NULL, 0 } : raw;
		o.stream = raw;
		o.piece = 200000; /* more than a slice */
		smtp_client_send(o.client, &t);
		say(&o, "250 ok\r\n250 ok\r\n");
		buf_clear(&o.wrote);
		say(&o, "354 go\r\n");
		assert_stuffed(raw, buf_str(&o.wrote));
		assert_true(smtp_client_after_dot(o.client));
		say(&o, "250 ok\r\n");
		assert_int_equal(o.dones, 1);
		assert_int_equal(o.last.stage, OUTCOME_DOT);
		close_owner(&o);
	}
	free((char *)(uintptr_t)raw.p);
}

/* Takes "BDAT n[ LAST]" and its n octets off; their number. */
static size_t
take_chunk(struct buf *b, struct str raw, size_t at, bool *last)
{
	char *p = buf_at(b), *end;
	size_t n = strtoul(p + 5, &end, 10), head;

	assert_memory_equal(p, "BDAT ", 5);
	*last = strncmp(end, " LAST", 5) == 0;
	head = (size_t)(end - p) + (*last ? 5 : 0) + 2;
	assert_memory_equal(p + head - 2, "\r\n", 2);
	assert_memory_equal(p + head, raw.p + at, n);
	buf_drop(b, head + n);
	return n;
}

static void
big_content_goes_in_chunks(void **state)
{
	struct str raw = big_content(80 * 20000);
	struct smtp_txn t = { .nrcpts = 1, .rcpts = &somebody };
	struct owner o;

	(void)state;
	for (int streamed = 0; streamed < 2; streamed++) {
		size_t at = 0, chunks = 0;
		bool last = false;

		open_owner(&o, "250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n");
		t.content = streamed ? (struct str){ NULL, 0 } : raw;
		o.stream = raw;
		smtp_client_send(o.client, &t);
		buf_drop(&o.wrote, strlen("MAIL FROM:<>\r\nRCPT TO:<b@y>\r\n"));
		say(&o, "250 ok\r\n250 ok\r\n");
		while (!last) {
			at += take_chunk(&o.wrote, raw, at, &last);
			if (++chunks % CLIENT_PIECES_MAX == 0 && !last)
				assert_int_equal(o.wrote.len, 0);
			if (chunks % CLIENT_PIECES_MAX == 0)
				for (int i = 0; i < CLIENT_PIECES_MAX; i++)
					say(&o, "250 ok\r\n");
		}
		while (o.dones == 0)
			say(&o, "250 ok\r\n");
		assert_int_equal(at, raw.len);
		assert_int_equal(o.last.stage, OUTCOME_DOT);
		assert_int_equal(
		    chunks, streamed ? (raw.len + 65535) / 65536 : 7);
		close_owner(&o);
	}
	free((char *)(uintptr_t)raw.p);
}

static void
many_recipients_are_one_group(void **state)
{
	enum { N = 5000 };
	struct smtp_txn_rcpt *r = mem_array(N, sizeof *r);
	struct smtp_txn t = {
		.nrcpts = N, .rcpts = r, .content = TEXT("x\r\n")
	};
	struct owner o;

	(void)state;
	for (int i = 0; i < N; i++)
		r[i] = somebody;
	open_owner(&o, "250-mx\r\n250 PIPELINING\r\n");
	smtp_client_send(o.client, &t);
	assert_int_equal(o.wrote.len, strlen("MAIL FROM:<>\r\nDATA\r\n") +
	                                  N * strlen("RCPT TO:<b@y>\r\n"));
	say(&o, "250 ok\r\n");
	for (int i = 0; i < N; i++)
		say(&o, i % 2 == 0 ? "250 ok\r\n" : "550 no\r\n");
	assert_int_equal(o.rcpts, N);
	say(&o, "354 go\r\n");
	say(&o, "250 ok\r\n");
	assert_int_equal(o.dones, 1);
	close_owner(&o);
	free(r);
}

static void
the_longest_command_fits(void **state)
{
	char long_word[CLIENT_ADDRESS_MAX + 1];
	struct smtp_txn_rcpt r = { .address = { long_word, CLIENT_ADDRESS_MAX },
		.orcpt = { long_word, CLIENT_ADDRESS_MAX } };
	struct smtp_txn t = {
		.nrcpts = 1, .rcpts = &r, .content = TEXT("x\r\n")
	};
	struct owner o;

	(void)state;
	memset(long_word, 'x', sizeof long_word);
	t.sender = t.envid = r.address;
	open_owner(&o, "250-mx\r\n250-PIPELINING\r\n250 DSN\r\n");
	smtp_client_send(o.client, &t);
	assert_true(o.wrote.len > 4 * CLIENT_ADDRESS_MAX);
	say(&o, "550 no\r\n550 no\r\n550 no\r\n");
	r.address.len++;
	smtp_client_send(o.client, &t);
	assert_int_equal(o.dones, 2);
	assert_int_equal(o.last.io, OUTCOME_LOCAL);
	close_owner(&o);
}

/* free(3) is watched (see Makefile.am): no block with a secret in it goes. */
void __real_free(void *p);
void __wrap_free(void *p);
size_t malloc_usable_size(void *p);

static const char *watched[3];
static size_t found;

void
__wrap_free(void *p)
{
	size_t n = p != NULL && watched[0] != NULL ? malloc_usable_size(p) : 0;

	for (size_t i = 0; n > 0 && i < 3; i++) {
		size_t len = strlen(watched[i]);

		for (size_t at = 0; at + len <= n; at++)
			found += memcmp((char *)p + at, watched[i], len) == 0;
	}
	__real_free(p);
}

static void
no_memory_is_freed_with_a_secret_in_it(void **state)
{
	static char seen[4096];
	struct smtp_client_settings s = { .helo = "me",
		.user = "joe",
		.password = TEXT("secret"),
		.auth_clear = true };
	static const char *const mechanisms[] = { "PLAIN", "LOGIN" };

	(void)state;
	watched[0] = "secret";
	watched[1] = "zZWNyZXQ"; /* in PLAIN */
	watched[2] = "c2VjcmV0"; /* in LOGIN */
	for (int i = 0; i < 2; i++) {
		struct owner o = { .piece = 1 };

		buf_init(&o.wrote, sizeof seen);
		o.wrote.mem = seen; /* not from the heap */
		o.wrote.cap = sizeof seen;
		s.auth = mechanisms[i];
		o.client = smtp_client_new(&s, &hooks, &o);
		say(&o, "220 mx\r\n250-mx\r\n250 AUTH PLAIN LOGIN\r\n");
		if (i == 1)
			say(&o, "334 x\r\n334 x\r\n");
		say(&o, "235 ok\r\n");
		assert_true(smtp_client_is_ready(o.client));
		assert_null(o.client->password.p);
		smtp_client_free(&o.client);
	}
	watched[0] = NULL;
	assert_int_equal(found, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_greeting_is_understood),
		cmocka_unit_test(a_noop_shows_whether_it_lives),
		cmocka_unit_test(nothing_in_clear_is_used_after_starttls),
		cmocka_unit_test(a_password_goes_where_it_may),
		cmocka_unit_test(idle_sessions_hold_no_buffer),
		cmocka_unit_test(the_awaited_reply_counts_up),
		cmocka_unit_test(capabilities_and_size_are_told),
		cmocka_unit_test(big_content_is_stuffed_in_slices),
		cmocka_unit_test(big_content_goes_in_chunks),
		cmocka_unit_test(many_recipients_are_one_group),
		cmocka_unit_test(the_longest_command_fits),
		cmocka_unit_test(no_memory_is_freed_with_a_secret_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
