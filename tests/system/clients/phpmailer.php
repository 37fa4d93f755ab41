<?php
// SPDX-License-Identifier: Apache-2.0
// PHPMailer sends what an application would: text, HTML with an attachment, a
// subject beyond ASCII, three recipients, then ten in the same session.  It
// prints each message as it says it was sent, in base64.  Arguments: MODE PORT
// CA USER PASSWORD.
require '/usr/share/php/libphp-phpmailer/autoload.php';

[, $mode, $port, $ca, $user, $password] = $argv;
$m = new PHPMailer\PHPMailer\PHPMailer(true);
$m->isSMTP();
$m->Host = 'localhost';
$m->Port = (int)$port;
$m->CharSet = 'utf-8';
$m->SMTPKeepAlive = true;
if ($mode !== 'plain') {
	$m->SMTPSecure = $mode === 'implicit' ? 'ssl' : 'tls';
	$m->SMTPAuth = true;
	$m->Username = $user;
	$m->Password = $password;
	$m->SMTPOptions = ['ssl' => ['cafile' => $ca]];
}

function send($m, $subject, $html = null, $rcpts = ['ann@example.net'])
{
	$m->clearAllRecipients();
	$m->clearAttachments();
	$m->setFrom('app@example.com', 'App');
	foreach ($rcpts as $r)
		$m->addAddress($r);
	$m->Subject = $subject;
	$m->isHTML($html !== null);
	$m->Body = $html ?? "Hello\n.\n..dots\nGr\u{fc}\u{df}e\n";
	$m->AltBody = '';
	if ($html !== null) {
		$m->AltBody = 'words';
		$m->addStringAttachment(str_repeat("\0\r\n.\xff", 5000), 'data.bin');
	}
	$m->send();
	// its SMTP class ends the last line once more
	echo base64_encode($m->getSentMIMEMessage() . "\r\n"), "\n";
}

send($m, 'text');
send($m, 'html', '<p>Hello</p>');
send($m, "Gr\u{fc}\u{df}e \u{1f642}");
send($m, 'three', null, ['ann@example.net', 'bob@example.net', 'carl@example.net']);
for ($i = 0; $i < 10; $i++)
	send($m, "ten $i");
$m->smtpClose();
