# SPDX-License-Identifier: Apache-2.0
# Ruby's mail by sendmail.  Arguments: SENDMAIL TEXT.
require "mail"

sendmail, text = ARGV
Mail.new(from: "App <b@b.example>", to: "ann@example.net", bcc: "bob@example.net", subject: "hello", charset: "UTF-8", body: text)
    .tap { |m| m.delivery_method(:sendmail, location: sendmail) }.deliver!
