# SPDX-License-Identifier: Apache-2.0
# Ruby's mail sends what an application would: text, HTML with an attachment, a
# subject beyond ASCII, three recipients, then ten (it opens a session for each
# unless it is handed one).  It prints each message as it was encoded, in
# base64.  Arguments: MODE PORT CA USER PASSWORD.
require "mail"
require "net/smtp"

mode, port, ca, user, password = ARGV
settings = { address: "localhost", port: port.to_i }
if mode != "plain"
  settings.update(user_name: user, password: password, authentication: :plain, openssl_verify_mode: "peer")
  settings[mode == "implicit" ? :tls : :enable_starttls] = true
end
Mail.defaults { delivery_method :smtp, settings }

def make(subject, to = "ann@example.net")
  Mail.new(from: "App <app@example.com>", to: to, subject: subject, charset: "UTF-8",
           body: "Hello\n.\n..dots\nGr\u00fc\u00dfe\n")
end

def say(m)
  puts [m.encoded.gsub(/\r?\n/, "\r\n")].pack("m0") # as net/smtp ends lines
end

html = make("html")
html.body = nil
html.text_part = Mail::Part.new { body "words" }
html.html_part = Mail::Part.new { content_type "text/html; charset=UTF-8"; body "<p>Hello</p>" }
html.attachments["data.bin"] = "\0\r\n.\xff".b * 5000
all = [make("text"), html, make("Gr\u00fc\u00dfe \u{1f642}"),
       make("three", %w[ann@example.net bob@example.net carl@example.net])]
all.each do |m|
  m.deliver!
  say(m)
end

one = Net::SMTP.new("localhost", port.to_i)
if mode != "plain"
  context = OpenSSL::SSL::SSLContext.new
  context.set_params(ca_file: ca)
  mode == "implicit" ? one.enable_tls(context) : one.enable_starttls(context)
  one.start("client.test", user, password, :plain)
else
  one.start("client.test")
end
10.times do |i|
  m = make("ten #{i}")
  m.delivery_method :smtp_connection, connection: one
  m.deliver!
  say(m)
end
one.finish
