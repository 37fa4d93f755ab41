<?php
// SPDX-License-Identifier: Apache-2.0
// mail() by sendmail_path, and PHPMailer by sendmail and by mail().  Arguments:
// WAY SENDMAIL TEXT; the rest is as the caller of the test wants it.
[, $way, $sendmail, $text] = $argv;
if ($way === 'mail') {
	$ok = mail('ann@example.net', "Gr\u{fc}\u{df}e", $text, "From: App <app@example.com>\r\nBcc: bob@example.net\r\nX-A: b", '-fb@b.example');
	exit($ok ? 0 : 1);
}
require '/usr/share/php/libphp-phpmailer/autoload.php';
$m = new PHPMailer\PHPMailer\PHPMailer(true);
$way === 'sendmail' ? $m->isSendmail() : $m->isMail();
$m->Sendmail = $sendmail;
$m->CharSet = 'utf-8';
$m->setFrom('b@b.example', 'App');
$m->addAddress('ann@example.net');
$m->addBCC('bob@example.net');
$m->Subject = "Gr\u{fc}\u{df}e";
$m->Body = $text;
$m->send();
