// SPDX-License-Identifier: Apache-2.0
// nodemailer sends what an application would: text, HTML with an attachment, a
// subject beyond ASCII, three recipients, then ten over a pool of one session.
// It prints each message as it was built, in base64.  Arguments: MODE PORT CA
// USER PASSWORD.
'use strict';
const fs = require('fs');
const nodemailer = require('nodemailer');

const [mode, port, ca, user, pass] = process.argv.slice(2);
const options = { host: 'localhost', port: Number(port) };
if (mode !== 'plain')
	Object.assign(options, { secure: mode === 'implicit', requireTLS: mode === 'starttls',
		auth: { user, pass }, tls: { ca: fs.readFileSync(ca) } });

function transport(more) {
	const t = nodemailer.createTransport({ ...options, ...more });
	t.use('stream', (mail, done) => mail.message.build((err, built) => {
		if (!err)
			console.log(Buffer.from(built.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1')
				.toString('base64')); // as it ends lines on the wire
		done(err);
	}));
	return t;
}

const from = 'App <app@example.com>', to = 'ann@example.net', text = 'Hello\n.\n..dots\nGr\u00fc\u00dfe\n';

async function main() {
	const single = transport({});
	await single.sendMail({ from, to, subject: 'text', text });
	await single.sendMail({ from, to, subject: 'html', text: 'words', html: '<p>Hello</p>',
		attachments: [{ filename: 'data.bin', content: Buffer.alloc(25000, Buffer.from([0, 13, 10, 46, 255])) }] });
	await single.sendMail({ from, to, subject: 'Gr\u00fc\u00dfe \u{1f642}', text });
	await single.sendMail({ from, to: [to, 'bob@example.net', 'carl@example.net'], subject: 'three', text });
	const pool = transport({ pool: true, maxConnections: 1 });
	for (let i = 0; i < 10; i++)
		await pool.sendMail({ from, to, subject: 'ten ' + i, text });
	pool.close();
}

main().catch((err) => {
	console.error(err);
	process.exit(1);
});
