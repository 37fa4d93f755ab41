#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# MIME::Lite and Email::Sender by sendmail.  Arguments: WAY SENDMAIL TEXT.
use strict;
use warnings;
my ($way, $sendmail, $text) = @ARGV;
if ($way eq 'MIME::Lite') {
	require MIME::Lite;
	my $m = MIME::Lite->new(From => 'App <b@b.example>', To => 'ann@example.net', Bcc => 'bob@example.net',
	    Subject => 'hello', Data => $text, Encoding => '8bit');
	$m->send_by_sendmail(Sendmail => $sendmail, SetSender => 1) or die;
} else {
	require Email::Sender::Simple;
	require Email::Sender::Transport::Sendmail;
	Email::Sender::Simple->send("From: App <b\@b.example>\nTo: ann\@example.net\nSubject: hello\n\n$text",
	    { from => 'b@b.example', to => [ 'ann@example.net', 'bob@example.net' ],
	      transport => Email::Sender::Transport::Sendmail->new({ sendmail => $sendmail }) });
}
