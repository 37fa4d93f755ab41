// SPDX-License-Identifier: Apache-2.0
// nodemailer by sendmail.  Arguments: SENDMAIL TEXT.
'use strict';
const [path, text] = process.argv.slice(2);
require('nodemailer').createTransport({ sendmail: true, path }).sendMail({ from: 'App <b@b.example>', to: 'ann@example.net',
	bcc: 'bob@example.net', subject: 'hello', text, textEncoding: 'quoted-printable' }, (err) => process.exit(err ? 1 : 0));
