# SPDX-License-Identifier: Apache-2.0
# Perl's Net::SMTP sends the files that are named on standard input, all in one
# session.  Arguments: MODE PORT CA USER PASSWORD; a line: FILE SENDER RCPT...
use strict;
use warnings;
use Net::SMTP;

my ($mode, $port, $ca, $user, $password) = @ARGV;
my %options = (Port => $port, Timeout => 60);
$options{SSL} = 1, $options{SSL_ca_file} = $ca if $mode eq "implicit";
my $smtp = Net::SMTP->new("localhost", %options) or die "no session: $@";
if ($mode eq "starttls") {
	$smtp->starttls(SSL_ca_file => $ca) or die "no TLS: " . $smtp->message;
}
if ($mode ne "plain") {
	$smtp->auth($user, $password) or die "no login: " . $smtp->message;
}
while (my $line = <STDIN>) {
	chomp $line;
	my ($file, $sender, @rcpts) = split / /, $line;
	open my $in, "<:raw", $file or die "$file: $!";
	my $content = do { local $/; <$in> };
	$content =~ s/\r\n/\n/g;
	$smtp->mail($sender, Bits => 8) or die $smtp->message;
	$smtp->to(@rcpts) or die $smtp->message;
	$smtp->data($content) or die $smtp->message;
}
$smtp->quit;
