/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of the reply to the final dot, without its codes, and the
 * provider's id in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relay/receipt.h"

static const struct {
	const char *why, *text, *id;
} replies[] = {
	/* clang-format off */
{ "SES", "Ok 01000170d10e6a6c-71c65177-ce88-4135-9258-48c0e8bf916d-000000", "01000170d10e6a6c-71c65177-ce88-4135-9258-48c0e8bf916d-000000" },
{ "SendGrid", "Ok: queued as nhIMmON9SFOPcT0ii4nt2A", "nhIMmON9SFOPcT0ii4nt2A" },
{ "Mailgun, with an id", "Queued. ID=<20261124093112.1.ABCDEF@mg.example.com>", "20261124093112.1.ABCDEF@mg.example.com" },
{ "Mailgun, without", "Great success", "" },
{ "Postfix", "Ok: queued as 4Qz8Xk2fYpz9rxs", "4Qz8Xk2fYpz9rxs" },
{ "Mailjet", "OK queued as a08b7f37-ed61-423a-ba75-38ed2fd4b54c", "a08b7f37-ed61-423a-ba75-38ed2fd4b54c" },
{ "Brevo", "OK: queued as <202611240931.98765432101@smtp-relay.mailin.fr>", "202611240931.98765432101@smtp-relay.mailin.fr" },
{ "SparkPost", "OK 51/6C-12345-ABCDEF56", "51/6C-12345-ABCDEF56" },
{ "Gmail, with its two spaces", "OK  1653776100 r33-20020a056870582100b000f169cbbb32sm1847208oap.43 - gsmtp", "r33-20020a056870582100b000f169cbbb32sm1847208oap.43" },
{ "Microsoft 365", "<20111025103822.7F94E1C0299@app> [InternalId=21474836480, Hostname=X.eurprd01.prod.outlook.com] 9123 bytes in 0.1, 80 KB/sec Queued mail for delivery", "21474836480" },
{ "Exchange, older", "<WEB01JswFCHOzyfyz5b000015ac@smtp.example.com> Queued mail for delivery", "WEB01JswFCHOzyfyz5b000015ac@smtp.example.com" },
{ "Exchange, no id at all", "Queued mail for delivery", "" },
{ "Yandex", "Ok: queued on smtp3m.mail.yandex.net as 1430081058-6ltgNFKSir-iHEKdOrm", "1430081058-6ltgNFKSir-iHEKdOrm" },
{ "Aliyun", "Data Ok: queued as freedom ###envid=148316944", "148316944" },
{ "NetEase", "Mail OK queued as smtp1,C9GowAD3_abc123.4S2 1447918484", "smtp1,C9GowAD3_abc123.4S2" },
{ "QQ says nothing behind it", "Ok: queued as ", "" },
{ "QQ, and a full stop", "Ok: queued as.", "" },
{ "sendmail", "x9AB12cd012345 Message accepted for delivery", "x9AB12cd012345" },
{ "OpenSMTPD", "8f1bd0e3 Message accepted for delivery", "8f1bd0e3" },
{ "Exim", "OK id=1q2w3e-0004Rt-Yu", "1q2w3e-0004Rt-Yu" },
{ "Haraka", "Message Queued (A1B2C3D4-E5F6-7890-ABCD-EF0123456789.1)", "A1B2C3D4-E5F6-7890-ABCD-EF0123456789.1" },
{ "a sentence", "Message accepted, thank you", "" },
{ "a sentence behind the mark", "queued as soon as possible", "" },
{ "a word alone", "OK understood-as-it-stands", "" },
{ "too short to be one", "Ok: queued as 7", "" },
{ "nothing", "", "" },
	/* clang-format on */
};

static void
each_form_has_its_id(void **state)
{
	char id[RECEIPT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
		receipt_read(id, replies[i].text);
		if (strcmp(id, replies[i].id) != 0)
			fail_msg("%s: \"%s\"", replies[i].why, id);
	}
}

static void
one_that_is_too_long_is_none(void **state)
{
	char text[512] = "queued as ", id[RECEIPT_MAX];
	size_t n = strlen(text);

	(void)state;
	memset(text + n, '1', RECEIPT_MAX - 1);
	receipt_read(id, text);
	assert_int_equal(strlen(id), RECEIPT_MAX - 1);
	text[n + RECEIPT_MAX - 1] = '1';
	receipt_read(id, text);
	assert_string_equal(id, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_has_its_id),
		cmocka_unit_test(one_that_is_too_long_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
