/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions of smtp_client, each a scene for a scripted server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smtp_client_world.h"

#define HELLO(caps)                                                            \
	"S 220 mx\nC EHLO me\nS 250-mx\n" caps "S 250 HELP\nE ready\n"
#define BARE HELLO("")
#define PIPE HELLO("S 250-PIPELINING\n")
#define CHUNK HELLO("S 250-PIPELINING\nS 250-CHUNKING\n")

#define ONE "C MAIL FROM:<a@x>\nC RCPT TO:<b@y>\n"
#define ONE_PIPED ONE "C DATA\n"
#define ONE_CHUNK ONE "C BDAT 7 LAST\nC hello\n"
#define TWO "C MAIL FROM:<a@x>\nC RCPT TO:<b@y>\nC RCPT TO:<c@y>\n"
#define TWO_TEXT "C ..dot\nC end\nC .\n"
#define OK2 "S 250 ok\nS 250 ok\n"
#define RCPT_OK "E rcpt one 0 rcpt 250 ok\n"
#define RCPT_SENT "E rcpt one 0 rcpt 250 ok (sent)\n"
#define GO "S 354 go\n"

/* What one message does up to and including the server's word to the dot. */
#define ONE_DONE                                                               \
	"send one\n" ONE_PIPED OK2 GO RCPT_OK "C hello\nC .\nS 250 ok\n"       \
	"E done one dot 250 ok (sent)\n"

static const struct world_scene one_at_a_time[] = {
	{ .why = "without PIPELINING one command waits for the other",
	    .script = BARE
	    "send two\nawaits mail\nC MAIL FROM:<a@x>\n"
	    "S 250 2.1.0 ok\nC RCPT TO:<b@y>\nawaits rcpt\n"
	    "S 250 2.1.5 ok\nE rcpt two 0 rcpt 250 2.1.5 ok\n"
	    "C RCPT TO:<c@y>\nS 550 5.1.1 who\n"
	    "E rcpt two 1 rcpt 550 5.1.1 who\nC DATA\nawaits data\n"
	    "S 354 go\n" TWO_TEXT "awaits dot\ndot yes\nS 250 2.0.0 q1\n"
	    "E done two dot 250 2.0.0 q1 (sent)\nawaits idle\ndot no\n" },
	{ .why = "a refused sender ends it; no RSET is needed",
	    .script = BARE
	    "send one\nC MAIL FROM:<a@x>\nS 553 5.1.8 no\n"
	    "E done one mail 553 5.1.8 no\nsend one\nC MAIL FROM:<a@x>\n" },
	{ .why = "nobody accepted: no DATA, and RSET before the next",
	    .script = BARE
	    "send two\nC MAIL FROM:<a@x>\nS 250 ok\nC RCPT TO:<b@y>\n"
	    "S 450 later\nE rcpt two 0 rcpt 450 later\nC RCPT TO:<c@y>\n"
	    "S 550 no\nE rcpt two 1 rcpt 550 no\nE done two rcpt 550 no\n"
	    "send one\nC RSET\nawaits rset\nS 250 ok\nC MAIL FROM:<a@x>\n"
	    "S 250 ok\nC RCPT TO:<b@y>\n" },
	{ .why = "a refused RSET is the session's end",
	    .script = BARE
	    "send one\nC MAIL FROM:<a@x>\nS 250 ok\nC RCPT TO:<b@y>\n"
	    "S 550 no\nE rcpt one 0 rcpt 550 no\nE done one rcpt 550 no\n"
	    "send one\nC RSET\nS 500 what\nE done one rset 500 what (idle)\n"
	    "E lost rset 500 what (idle)\n" },
	{ .why = "without content it ends with the recipients; RSET by itself",
	    .script = BARE
	    "send bare\nC MAIL FROM:<a@x>\nS 250 ok\nC RCPT TO:<b@y>\n"
	    "S 250 ok\nE rcpt bare 0 rcpt 250 ok\nC RCPT TO:<c@y>\n"
	    "S 550 no\nE rcpt bare 1 rcpt 550 no\nE done bare rcpt 550 no\n"
	    "rset\nC RSET\nawaits rset\nS 250 ok\nE ready\n"
	    "send one\nC MAIL FROM:<a@x>\n" },
	{ .why = "the same in one flight, and RSET goes before the next",
	    .script =
	        PIPE "send bare\n" TWO OK2 "S 250 ok\n"
	             "E rcpt bare 0 rcpt 250 ok\nE rcpt bare 1 rcpt 250 ok\n"
	             "E done bare rcpt 250 ok\nsend one\nC RSET\n" ONE_PIPED },
	{ .why = "RSET by itself, refused",
	    .script = BARE "rset\nC RSET\nS 500 what\nE lost rset 500 what\n" },
	{ .why = "DATA refused: the outcome is DATA's, RSET before the next",
	    .script = BARE
	    "send one\nC MAIL FROM:<a@x>\nS 250 ok\nC RCPT TO:<b@y>\n"
	    "S 250 ok\n" RCPT_OK "C DATA\nS 451 4.3.0 no\n"
	    "E done one data 451 4.3.0 no\nnext one\nsend one\nC RSET\n" },
	{ .why = "a reply to the dot before there is one is no reply to it",
	    .script = BARE
	    "send one\nC MAIL FROM:<a@x>\nS 250 ok\nC RCPT TO:<b@y>\n"
	    "S 250 ok\n" RCPT_OK "C DATA\nS 354 go\nS 250 ok\n"
	    "E done one data nonsense a reply to content that was not yet"
	    " sent\nE lost data nonsense a reply to content that was not yet"
	    " sent\n",
	    .whole_only = true },
	{ .why = "the next one is asked for when the last is done",
	    .script = BARE
	    "send one\nnext null\nC MAIL FROM:<a@x>\nS 250 ok\n"
	    "C RCPT TO:<b@y>\nS 250 ok\n" RCPT_OK "C DATA\n" GO
	    "C hello\nC .\nS 250 ok\nE done one dot 250 ok (sent)\n"
	    "E next null\nC MAIL FROM:<>\nS 250 ok\nC RCPT TO:<b@y>\n"
	    "S 251 fwd\nE rcpt null 0 rcpt 251 fwd\nC DATA\n" GO "C .\n"
	    "S 550 5.7.1 spam\nE done null dot 550 5.7.1 spam (sent)\n" },
};

static const struct world_scene pipelined[] = {
	{ .why = "one group, then content and dot",
	    .script = PIPE "send one\n" ONE_PIPED "awaits mail\n" OK2 RCPT_OK
	                   "awaits data\n" },
	{ .why = "replies that come in one piece", .script = PIPE ONE_DONE },
	{ .why = "partial acceptance",
	    .script = PIPE
	    "send two\n" TWO "C DATA\nS 250 ok\nS 550 no\nS 250 ok\n" GO
	    "E rcpt two 0 rcpt 550 no\nE rcpt two 1 rcpt 250 ok\n" TWO_TEXT
	    "S 250 ok\nE done two dot 250 ok (sent)\n" },
	{ .why =
	        "354 though nobody was accepted: a lone dot, its reply ignored",
	    .script = PIPE
	    "send two\n" TWO "C DATA\nS 250 ok\nS 550 no\nS 450 later\n" GO
	    "E rcpt two 0 rcpt 550 no\nE rcpt two 1 rcpt 450 later\n"
	    "C .\ndot no\nS 250 taken\nE done two rcpt 450 later\n"
	    "send one\n" ONE_PIPED },
	{ .why = "354 though the sender was refused: a lone dot too",
	    .script =
	        PIPE "send one\n" ONE_PIPED "S 550 5.7.1 no\nS 503 no\n" GO
	             "C .\nS 554 none\nE done one mail 550 5.7.1 no\n" },
	{ .why = "refused sender, the rest refused as well",
	    .script = PIPE
	    "send two\n" TWO "C DATA\nS 451 later\nS 503 no\nS 503 no\n"
	    "S 503 no\nE done two mail 451 later\nsend one\n" ONE_PIPED },
	{ .why = "nobody accepted, DATA refused: RSET leads the next group",
	    .script = PIPE
	    "send one\n" ONE_PIPED "S 250 ok\nS 550 no\nS 554 no\n"
	    "E rcpt one 0 rcpt 550 no\nE done one rcpt 550 no\nsend one\n"
	    "C RSET\n" ONE_PIPED "awaits rset\nS 250 ok\n" OK2 GO RCPT_OK
	    "C hello\nC .\n" },
	{ .why = "a recipient taken after a refused sender: the session is "
	         "given up",
	    .script = PIPE
	    "send one\n" ONE_PIPED "S 550 no\nS 250 ok\nS 503 no\n"
	    "E done one mail 550 no\nE lost rcpt nonsense a recipient taken"
	    " after the sender was refused\n" },
	{ .why = "the same with 354: no dot, nothing delivered",
	    .script = PIPE
	    "send one\n" ONE_PIPED "S 550 no\nS 250 ok\n" GO
	    "E done one mail 550 no\nE lost data nonsense content wanted"
	    " after the sender was refused\n" },
	{ .why = "421 in place of a recipient's reply",
	    .script =
	        PIPE "send two\n" TWO "C DATA\n" OK2 "S 421 4.3.2 bye\n"
	             "E rcpt two 0 rcpt 250 ok\nE done two rcpt 421 4.3.2 bye\n"
	             "E lost rcpt 421 4.3.2 bye\n" },
	{ .why =
	        "lost among the recipients: those without a reply share done()",
	    .script = PIPE
	    "send two\n" TWO "C DATA\n" OK2 "E rcpt two 0 rcpt 250 ok\n"
	    "lost reset by peer\nE done two rcpt lost reset by peer\n"
	    "E lost rcpt lost reset by peer\n" },
	{ .why = "lost after the dot: sent, and no verdict",
	    .script = PIPE
	    "send one\n" ONE_PIPED OK2 GO RCPT_OK "C hello\nC .\ndot yes\n"
	    "late no reply\nE done one dot late no reply (sent)\n"
	    "E lost dot late no reply (sent)\n" },
	{ .why = "lost after all were refused: what was said counts",
	    .script = PIPE "send one\n" ONE_PIPED "S 250 ok\nS 550 no\n"
	                   "E rcpt one 0 rcpt 550 no\nlost gone\n"
	                   "E done one rcpt 550 no\nE lost data lost gone\n" },
	{ .why = "421 to the dot is a verdict, and the session's end",
	    .script = PIPE "send one\n" ONE_PIPED OK2 GO RCPT_OK
	                   "C hello\nC .\nS 421 4.7.0 slow\n"
	                   "E done one dot 421 4.7.0 slow (sent)\n"
	                   "E lost dot 421 4.7.0 slow (sent)\n" },
	{ .why = "2xx to DATA is nonsense",
	    .script =
	        PIPE "send one\n" ONE_PIPED OK2 "S 250 fine\n" RCPT_OK
	             "E done one data nonsense 250 in reply to DATA: fine\n"
	             "E lost data nonsense 250 in reply to DATA: fine\n" },
	{ .why = "3xx to MAIL is nonsense",
	    .script =
	        PIPE "send one\n" ONE_PIPED "S 354 go\n"
	             "E done one mail nonsense 354 in reply to MAIL FROM: go\n"
	             "E lost mail nonsense 354 in reply to MAIL FROM: go\n" },
	{ .why = "3xx to RCPT is nonsense",
	    .script =
	        PIPE "send one\n" ONE_PIPED "S 250 ok\nS 354 go\n"
	             "E done one rcpt nonsense 354 in reply to RCPT TO: go\n"
	             "E lost rcpt nonsense 354 in reply to RCPT TO: go\n" },
	{ .why = "3xx to the dot is nonsense, in doubt",
	    .script = PIPE
	    "send one\n" ONE_PIPED OK2 GO RCPT_OK "C hello\nC .\nS 354 go\n"
	    "E done one dot nonsense 354 in reply to the final dot: go"
	    " (sent)\n"
	    "E lost dot nonsense 354 in reply to the final dot: go"
	    " (sent)\n" },
	{ .why = "1xx is nonsense",
	    .script = PIPE
	    "send one\n" ONE_PIPED "S 150 wait\n"
	    "E done one mail nonsense 150 in reply to MAIL FROM: wait\n"
	    "E lost mail nonsense 150 in reply to MAIL FROM: wait\n" },
	{ .why = "rubbish in the middle",
	    .script =
	        PIPE "send one\n" ONE_PIPED "S 250 ok\nS hello\n"
	             "E done one rcpt nonsense a line without a reply code\n"
	             "E lost rcpt nonsense a line without a reply code\n" },
};

static const struct world_scene chained[] = {
	{ .why = "the next commands leave with the dot",
	    .script = PIPE
	    "send one\nnext two\n" ONE_PIPED OK2 GO RCPT_OK "E next two\n"
	    "C hello\nC .\n" TWO "C DATA\nawaits dot\ndot yes\n"
	    "S 250 ok\nE done one dot 250 ok (sent)\nawaits mail\ndot no\n"
	    "next one\nS 250 ok\n" OK2 GO "E rcpt two 0 rcpt 250 ok\n"
	    "E rcpt two 1 rcpt 250 ok\nE next one\n" TWO_TEXT ONE_PIPED
	    "S 250 q2\nE done two dot 250 q2 (sent)\n" OK2 GO RCPT_OK
	    "C hello\nC .\nS 250 q3\nE done one dot 250 q3 (sent)\n"
	    "awaits idle\n" },
	{ .why = "all replies of two in one piece",
	    .script = PIPE
	    "send one\nnext one\n" ONE_PIPED OK2 GO RCPT_OK "E next one\n"
	    "C hello\nC .\n" ONE_PIPED "S 550 5.6.0 no\n" OK2 GO
	    "E done one dot 550 5.6.0 no (sent)\n" RCPT_OK
	    "C hello\nC .\nS 250 ok\nE done one dot 250 ok (sent)\n" },
	{ .why = "421 to the first one's dot: the next never began",
	    .script = PIPE
	    "send one\nnext two\n" ONE_PIPED OK2 GO RCPT_OK "E next two\n"
	    "C hello\nC .\n" TWO "C DATA\nS 421 4.3.2 bye\n"
	    "E done one dot 421 4.3.2 bye (sent)\n"
	    "E done two mail lost bye\nE lost dot 421 4.3.2 bye (sent)\n" },
	{ .why = "lost at the first one's dot: in doubt, and the next is not",
	    .script = PIPE
	    "send one\nnext two\n" ONE_PIPED OK2 GO RCPT_OK "E next two\n"
	    "C hello\nC .\n" TWO "C DATA\nlost reset\n"
	    "E done one dot lost reset (sent)\n"
	    "E done two mail lost reset\nE lost dot lost reset (sent)\n" },
	{ .why = "the one behind an unanswered dot is taken back",
	    .script = PIPE
	    "send one\nnext two\n" ONE_PIPED OK2 GO RCPT_OK "E next two\n"
	    "C hello\nC .\n" TWO "C DATA\nunchain\n"
	    "E done two mail lost taken back before its content\n"
	    "dot yes\nawaits dot\nS 250 ok\n"
	    "E done one dot 250 ok (sent)\n"
	    "E lost quit local given up after its last reply\n" },
	{ .why = "none is behind it: nothing changes",
	    .script =
	        PIPE "send one\n" ONE_PIPED "unchain\n" OK2 GO RCPT_OK
	             "C hello\nC .\nunchain\nS 250 ok\n"
	             "E done one dot 250 ok (sent)\nsend one\n" ONE_PIPED },
	{ .why = "a chained one that is refused leaves the next in order",
	    .script = PIPE
	    "send one\nnext two\n" ONE_PIPED OK2 GO RCPT_OK "E next two\n"
	    "C hello\nC .\n" TWO "C DATA\nnext one\n"
	    "S 250 ok\nS 452 full\nS 503 no\nS 503 no\nS 503 no\n"
	    "E done one dot 250 ok (sent)\nE done two mail 452 full\n"
	    "E next one\n" ONE_PIPED },
	{ .why = "one that must not go is done at once, out of turn",
	    .script = PIPE
	    "send one\nnext utf8\n" ONE_PIPED OK2 GO RCPT_OK "E next utf8\n"
	    "E done utf8 mail local the peer does not offer SMTPUTF8\n"
	    "C hello\nC .\nS 250 ok\nE done one dot 250 ok (sent)\n" },
	{ .why = "the next one after a lone dot comes when that is answered",
	    .script =
	        PIPE "send one\nnext one\n" ONE_PIPED "S 250 ok\nS 550 no\n" GO
	             "E rcpt one 0 rcpt 550 no\nC .\nS 554 no\n"
	             "E done one rcpt 550 no\nE next one\n" ONE_PIPED },
	{ .why = "a session used again after idling says so",
	    .script = PIPE ONE_DONE "send one\n" ONE_PIPED "lost closed\n"
	                            "E done one mail lost closed (idle)\n"
	                            "E lost mail lost closed (idle)\n" },
	{ .why = "after MAIL was answered it is no longer stale",
	    .script = PIPE ONE_DONE
	    "send one\n" ONE_PIPED "S 250 ok\nlost closed\n"
	    "E done one rcpt lost closed\nE lost rcpt lost closed\n" },
	{ .why = "a refused MAIL on it says so too",
	    .script =
	        PIPE ONE_DONE "send one\n" ONE_PIPED "S 421 idle too long\n"
	                      "E done one mail 421 idle too long (idle)\n"
	                      "E lost mail 421 idle too long (idle)\n" },
	{ .why = "a chained one has not idled",
	    .script = PIPE
	    "send one\nnext one\n" ONE_PIPED OK2 GO RCPT_OK "E next one\n"
	    "C hello\nC .\n" ONE_PIPED "S 250 ok\n"
	    "E done one dot 250 ok (sent)\nlost closed\n"
	    "E done one mail lost closed\nE lost mail lost closed\n" },
	{ .why = "421 between transactions",
	    .script = PIPE ONE_DONE
	    "S 421 4.4.2 idle\nE lost idle 421 4.4.2 idle\n" },
	{ .why = "another refusal between transactions",
	    .script = PIPE ONE_DONE
	    "S 451 4.7.0 timeout\nE lost idle 451 4.7.0 timeout\n" },
	{ .why = "a reply that nobody asked for",
	    .script = PIPE ONE_DONE
	    "S 250 what\n"
	    "E lost idle nonsense 250 in reply to nothing: what\n" },
	{ .why = "closed between transactions",
	    .script = PIPE "lost closed\nE lost idle lost closed\n" },
	{ .why = "QUIT is answered",
	    .script = PIPE ONE_DONE "quit\nC QUIT\nawaits quit\nS 221 bye\n"
	                            "E lost quit 221 bye\n" },
	{ .why = "QUIT is not answered",
	    .script = PIPE
	    "quit\nC QUIT\nquit\nlost closed\nE lost quit lost closed\n" },
};

static const struct world_scene chunked[] = {
	{ .why = "envelope and content in one flight",
	    .script = CHUNK "send one\n" ONE_CHUNK
	                    "awaits mail\ndot yes\n" OK2 RCPT_SENT
	                    "awaits dot\nS 250 2.0.0 q\n"
	                    "E done one dot 250 2.0.0 q (sent)\n" },
	{ .why = "the next flight when the verdict is in",
	    .script = CHUNK
	    "send one\nnext null\n" ONE_CHUNK OK2 "S 250 ok\n" RCPT_SENT
	    "E done one dot 250 ok (sent)\nE next null\nC MAIL FROM:<>\n"
	    "C RCPT TO:<b@y>\nC BDAT 0 LAST\n" OK2 "S 250 ok\n"
	    "E rcpt null 0 rcpt 250 ok (sent)\nE done null dot 250 ok "
	    "(sent)\n" },
	{ .why = "a dot is no dot, and no CRLF is added",
	    .script = CHUNK
	    "send two\n" TWO "C BDAT 9 LAST\nC .dot\nc end\n" OK2 OK2
	    "E rcpt two 0 rcpt 250 ok (sent)\nE rcpt two 1 rcpt 250 ok (sent)\n"
	    "E done two dot 250 ok (sent)\n" },
	{ .why = "nobody accepted: BDAT is refused, RSET leads the next flight",
	    .script = CHUNK
	    "send one\n" ONE_CHUNK "S 250 ok\nS 550 no\nS 554 none\n"
	    "E rcpt one 0 rcpt 550 no (sent)\nE done one rcpt 550 no (sent)\n"
	    "send one\nC RSET\n" ONE_CHUNK "S 250 ok\n" OK2
	    "S 250 ok\n" RCPT_SENT
	    "E done one dot 250 ok (sent)\nsend one\n" ONE_CHUNK },
	{ .why = "the sender refused",
	    .script = CHUNK
	    "send one\n" ONE_CHUNK "S 452 no\nS 503 no\nS 503 no\n"
	    "E done one mail 452 no (sent)\nsend one\nC RSET\n" ONE_CHUNK },
	{ .why = "the content refused",
	    .script =
	        CHUNK "send one\n" ONE_CHUNK OK2 "S 554 5.6.0 no\n" RCPT_SENT
	              "E done one dot 554 5.6.0 no (sent)\nsend one\nC "
	              "RSET\n" ONE_CHUNK },
	{ .why = "lost before any reply: all had left, it is in doubt",
	    .script = CHUNK "send one\n" ONE_CHUNK "lost reset\n"
	                    "E done one mail lost reset (sent)\n"
	                    "E lost mail lost reset (sent)\n" },
	{ .why = "3xx to BDAT is nonsense",
	    .script = CHUNK
	    "send one\n" ONE_CHUNK OK2 "S 354 go\n" RCPT_SENT
	    "E done one dot nonsense 354 in reply to BDAT LAST: go (sent)\n"
	    "E lost dot nonsense 354 in reply to BDAT LAST: go (sent)\n" },
	{ .why = "CHUNKING without PIPELINING is not used",
	    .script = HELLO(
	        "S 250-CHUNKING\n") "send one\nC MAIL FROM:<a@x>\nS 250 ok\n"
	                            "C RCPT TO:<b@y>\nS 250 ok\n" RCPT_OK
	                            "C DATA\n" },
	{ .why = "nor when it is disabled",
	    .script = CHUNK "send one\n" ONE_PIPED,
	    .settings = { .disable = SMTP_CAP_CHUNKING } },
};

#define STREAM "C MAIL FROM:<s@x>\nC RCPT TO:<b@y>\n"
#define STREAM_GO                                                              \
	"send stream\n" STREAM "C DATA\n" OK2 GO                               \
	"E rcpt stream 0 rcpt 250 ok\nE content stream 0\n"

static const struct world_scene streamed[] = {
	{ .why = "content piece by piece, the dot with the last",
	    .script = PIPE STREAM_GO
	    "awaits body\ncontent .ab~.\nE content stream 6\n"
	    "C ..ab\nc ..\ndot no\nnext one\nlast x~\nE next one\nC x\n"
	    "C .\n" ONE_PIPED "dot yes\nS 250 ok\n"
	    "E done stream dot 250 ok (sent)\n" },
	{ .why = "an end without bytes, a CRLF is added",
	    .script = PIPE STREAM_GO
	    "content ab\nE content stream 2\nc ab\nlast\nC \n"
	    "C .\nS 250 ok\nE done stream dot 250 ok (sent)\n" },
	{ .why = "it cannot be read: given up before the dot",
	    .script =
	        PIPE STREAM_GO "content ab~\nE content stream 4\nC ab\n"
	                       "unread disk\nE done stream body local disk\n"
	                       "E lost body local disk\nlast x\n" },
	{ .why = "refused while it is on its way",
	    .script = PIPE STREAM_GO
	    "content ab~\nE content stream 4\nC ab\n"
	    "S 552 5.3.4 big\nE done stream body 552 5.3.4 big\n"
	    "E lost body 552 5.3.4 big\n" },
	{ .why = "accepted while it is on its way: nonsense",
	    .script = PIPE STREAM_GO
	    "S 250 ok\n"
	    "E done stream body nonsense 250 in reply to the content: ok\n"
	    "E lost body nonsense 250 in reply to the content: ok\n" },
	{ .why = "lost while it is on its way",
	    .script =
	        PIPE STREAM_GO "lost reset\nE done stream body lost reset\n"
	                       "E lost body lost reset\n" },
	{ .why = "in chunks: the envelope does not wait for the content",
	    .script = CHUNK
	    "send stream\nE content stream 0\n" STREAM "content ab~\n"
	    "E content stream 4\nC BDAT 4\nC ab\n" OK2
	    "E rcpt stream 0 rcpt 250 ok\nlast c~\nC BDAT 3 LAST\nC c\n"
	    "awaits body\nS 250 ok\nawaits dot\nS 250 ok\n"
	    "E done stream dot 250 ok (sent)\n" },
	{ .why = "at most four chunks without a reply",
	    .script = CHUNK
	    "send stream\nE content stream 0\n" STREAM
	    "content a\nE content stream 1\nC BDAT 1\nc a\n"
	    "content b\nE content stream 2\nC BDAT 1\nc b\n"
	    "content c\nE content stream 3\nC BDAT 1\nc c\n"
	    "content d\nC BDAT 1\nc d\n" OK2
	    "E rcpt stream 0 rcpt 250 ok\nS 250 ok\nE content stream 4\n"
	    "last\nC BDAT 0 LAST\n" OK2 "S 250 ok\nS 250 ok\n"
	    "E done stream dot 250 ok (sent)\n" },
	{ .why = "a chunk refused: no more of them, RSET leads the next flight",
	    .script = CHUNK
	    "send stream\nE content stream 0\n" STREAM "content ab~\n"
	    "E content stream 4\nC BDAT 4\nC ab\n" OK2 "S 552 big\n"
	    "E rcpt stream 0 rcpt 250 ok\nawaits body\ncontent cd~\n"
	    "E done stream body 552 big\nsend one\nC RSET\n" ONE_CHUNK },
	{ .why = "the recipient refused before the content came",
	    .script = CHUNK "send stream\nE content stream 0\n" STREAM
	                    "S 250 ok\nS 550 no\nE rcpt stream 0 rcpt 550 no\n"
	                    "content ab~\nE done stream rcpt 550 no\nsend "
	                    "one\nC RSET\n" ONE_CHUNK },
	{ .why = "the same, and then it cannot be read: what was said counts",
	    .script = CHUNK "send stream\nE content stream 0\n" STREAM
	                    "S 250 ok\nS 550 no\nE rcpt stream 0 rcpt 550 no\n"
	                    "unread disk\nE done stream rcpt 550 no\n"
	                    "E lost body local disk\n" },
};

static const struct world_scene held[] = {
	{ .why = "the content leaves, its dot waits for the owner",
	    .script = PIPE
	    "send held\n" ONE_PIPED OK2 GO "E rcpt held 0 rcpt 250 ok\n"
	    "E hold held\nC hello\nawaits body\ndot no\nrelease\nC .\n"
	    "awaits dot\ndot yes\nS 250 ok\n"
	    "E done held dot 250 ok (sent)\n" },
	{ .why = "one command after the other, too",
	    .script =
	        BARE "send held\nC MAIL FROM:<a@x>\nS 250 ok\nC RCPT TO:<b@y>\n"
	             "S 250 ok\nE rcpt held 0 rcpt 250 ok\nC DATA\n" GO
	             "E hold held\nC hello\nrelease\nC .\nS 250 ok\n"
	             "E done held dot 250 ok (sent)\n" },
	{ .why = "the next one leaves with the dot, not before",
	    .script = PIPE
	    "send held\nnext one\n" ONE_PIPED OK2 GO
	    "E rcpt held 0 rcpt 250 ok\nE hold held\nC hello\nrelease\n"
	    "E next one\nC .\n" ONE_PIPED "S 250 ok\n"
	    "E done held dot 250 ok (sent)\n" },
	{ .why = "in chunks nothing of the content leaves before",
	    .script =
	        CHUNK "send held\nE hold held\n" ONE "awaits mail\ndot no\n" OK2
	              "E rcpt held 0 rcpt 250 ok\nawaits body\nrelease\n"
	              "C BDAT 7 LAST\nC hello\nS 250 ok\n"
	              "E done held dot 250 ok (sent)\n" },
	{ .why = "the owner's word may come before the replies",
	    .script =
	        CHUNK "send held\nE hold held\n" ONE "release\nC BDAT 7 LAST\n"
	              "C hello\n" OK2 "S 250 ok\n"
	              "E rcpt held 0 rcpt 250 ok (sent)\n"
	              "E done held dot 250 ok (sent)\n" },
	{ .why = "pieces that come later are not asked for before",
	    .script =
	        CHUNK "send heldstream\nE hold heldstream\nC MAIL FROM:<a@x>\n"
	              "C RCPT TO:<b@y>\nrelease\nE content heldstream 0\n"
	              "last x~\nC BDAT 3 LAST\nC x\n" OK2 "S 250 ok\n"
	              "E rcpt heldstream 0 rcpt 250 ok (sent)\n"
	              "E done heldstream dot 250 ok (sent)\n" },
	{ .why = "nor does their dot leave, all the rest does",
	    .script =
	        PIPE "send heldstream\n" ONE_PIPED OK2 GO
	             "E rcpt heldstream 0 rcpt 250 ok\nE hold heldstream\n"
	             "E content heldstream 0\nlast x~\nC x\nrelease\nC .\n"
	             "S 250 ok\nE done heldstream dot 250 ok (sent)\n" },
	{ .why = "nobody is to get it: nothing is waited for",
	    .script =
	        CHUNK "send held\nE hold held\n" ONE "S 250 ok\nS 550 no\n"
	              "E rcpt held 0 rcpt 550 no\nE done held rcpt 550 no\n"
	              "release\nsend one\nC RSET\n" ONE_CHUNK },
	{ .why = "a lone dot waits for nobody",
	    .script =
	        PIPE "send held\n" ONE_PIPED "S 250 ok\nS 550 no\n" GO
	             "E rcpt held 0 rcpt 550 no\nC .\ndot no\nS 554 none\n"
	             "E done held rcpt 550 no\n" },
	{ .why = "lost while it waits: the end has not left",
	    .script = PIPE
	    "send held\n" ONE_PIPED OK2 GO "E rcpt held 0 rcpt 250 ok\n"
	    "E hold held\nC hello\nlost reset\n"
	    "E done held body lost reset\nE lost body lost reset\n"
	    "release\n" },
	{ .why = "the hook may free the client",
	    .script = PIPE "send held\n" ONE_PIPED OK2 GO
	                   "E rcpt held 0 rcpt 250 ok\nE hold held\n",
	    .free = "hold" },
};

static const struct world_scene gated[] = {
	{ .why = "a bare LF: not a byte of it leaves",
	    .script = PIPE
	    "send barelf\n" ONE_PIPED OK2 GO "E rcpt barelf 0 rcpt 250 ok\n"
	    "E done barelf body local the content holds a bare LF\n"
	    "E lost body local the content holds a bare LF\n" },
	{ .why = "a bare LF in a chunk",
	    .script =
	        CHUNK "send barelf\n"
	              "E done barelf body local the content holds a bare LF\n"
	              "E lost body local the content holds a bare LF\n" },
	{ .why = "a CR at the very end",
	    .script = PIPE
	    "send barecr\n" ONE_PIPED OK2 GO "E rcpt barecr 0 rcpt 250 ok\n"
	    "E done barecr body local the content holds a bare CR\n"
	    "E lost body local the content holds a bare CR\n" },
	{ .why = "a CR at the very end of a chunk",
	    .script =
	        CHUNK "send barecr\n"
	              "E done barecr body local the content holds a bare CR\n"
	              "E lost body local the content holds a bare CR\n" },
	{ .why = "an address that ends itself",
	    .script = PIPE
	    "send forged\nE done forged mail local a recipient's address"
	    " cannot be sent\nsend one\n" ONE_PIPED },
	{ .why = "an address with a line end",
	    .script = PIPE
	    "send forgedline\nE done forgedline mail local a recipient's"
	    " address cannot be sent\n" },
	{ .why = "an address with a quote that does not end",
	    .script = PIPE
	    "send forgedquote\nE done forgedquote mail local a recipient's"
	    " address cannot be sent\n" },
	{ .why = "a sender that says QUIT",
	    .script = PIPE
	    "send forgedsender\nE done forgedsender mail local the sender's"
	    " address cannot be sent\n" },
	{ .why = "an envelope id of two words",
	    .script = PIPE
	    "send forgedenvid\nE done forgedenvid mail local the envelope"
	    " id cannot be sent\n" },
	{ .why = "an original recipient of two words",
	    .script = PIPE
	    "send forgedorcpt\nE done forgedorcpt mail local an original"
	    " recipient cannot be sent\n" },
	{ .why = "quoted, the same signs are right",
	    .script = PIPE "send quoted\nC MAIL FROM:<a@x>\n"
	                   "C RCPT TO:<\"b> \\\"b\"@y>\nC DATA\n" },
	{ .why = "UTF-8 in an address only with SMTPUTF8",
	    .script =
	        HELLO("S 250-SMTPUTF8\n") "send bareutf8\nE done bareutf8 mail"
	                                  " local the sender's address cannot "
	                                  "be sent\n" },
	{ .why = "8-bit content to a peer without 8BITMIME",
	    .script = BARE
	    "send eight\n"
	    "E done eight mail local the peer does not offer 8BITMIME\n" },
	{ .why = "unless the operator lets it pass",
	    .script = BARE "send eight\nC MAIL FROM:<a@x>\n",
	    .settings = { .eight_bit_pass = true } },
};

static const struct world_scene parameters[] = {
	{ .why = "none where nothing is offered",
	    .script = BARE "send dsn\nC MAIL FROM:<a@x>\n" },
	{ .why = "SIZE where it is known",
	    .script = HELLO(
	        "S 250-SIZE 1000\n") "send one\nC MAIL FROM:<a@x> SIZE=8\n" },
	{ .why = "no SIZE where it is not",
	    .script = HELLO("S 250-SIZE\n") "send two\nC MAIL FROM:<a@x>\n" },
	{ .why = "BODY and SMTPUTF8",
	    .script = HELLO(
	        "S 250-8BITMIME\nS 250-SMTPUTF8\n") "send utf8\nC MAIL "
	                                            "FROM:<a\xc3\xbc@x> "
	                                            "BODY=8BITMIME SMTPUTF8\n"
	                                            "S 250 ok\nC RCPT "
	                                            "TO:<b\xc3\xbc@y>\n" },
	{ .why = "no BODY for content of 7 bits",
	    .script =
	        HELLO("S 250-8BITMIME\n") "send one\nC MAIL FROM:<a@x>\n" },
	{ .why = "RET, ENVID, NOTIFY, ORCPT",
	    .script =
	        HELLO("S 250-DSN\n") "send dsn\nC MAIL FROM:<a@x> RET=FULL "
	                             "ENVID=id+2B1\nS 250 ok\n"
	                             "C RCPT TO:<b@y> NOTIFY=SUCCESS,DELAY "
	                             "ORCPT=rfc822;B+2B@y\n"
	                             "S 250 ok\nE rcpt dsn 0 rcpt 250 ok\n"
	                             "C RCPT TO:<c@y> NOTIFY=NEVER\n" },
	{ .why = "RET=HDRS",
	    .script = HELLO(
	        "S 250-DSN\n") "send hdrs\nC MAIL FROM:<a@x> RET=HDRS\n" },
};

static const struct world_scene freed[] = {
	{ .why = "freed by rcpt()",
	    .script = PIPE "send two\n" TWO "C DATA\n" OK2 OK2
	                   "E rcpt two 0 rcpt 250 ok\n",
	    .free = "rcpt" },
	{ .why = "freed by the end of done()",
	    .script = PIPE "send one\n" ONE_PIPED OK2 GO RCPT_OK
	                   "C hello\nC .\nS 250 ok\n"
	                   "E done one dot 250 ok (sent)\n",
	    .free = "done" },
	{ .why = "freed by done() when two are lost",
	    .script = PIPE "send one\nnext two\n" ONE_PIPED OK2 GO RCPT_OK
	                   "E next two\n"
	                   "C hello\nC .\n" TWO "C DATA\nlost reset\n"
	                   "E done one dot lost reset (sent)\n",
	    .free = "done" },
	{ .why = "freed by next() in the middle of a write",
	    .script = PIPE "send one\nnext two\n" ONE_PIPED OK2 GO RCPT_OK
	                   "E next two\n",
	    .free = "next" },
	{ .why = "freed by next() after done()",
	    .script = CHUNK "send one\nnext one\n" ONE_CHUNK OK2
	                    "S 250 ok\n" RCPT_SENT
	                    "E done one dot 250 ok (sent)\nE next one\n",
	    .free = "next" },
	{ .why = "freed by content()",
	    .script = PIPE STREAM_GO,
	    .free = "content" },
	{ .why = "freed by lost()",
	    .script = PIPE "lost x\nE lost idle lost x\n",
	    .free = "lost" },
	{ .why = "freed by ready()", .script = PIPE, .free = "ready" },
};

static void
play_all(const struct world_scene *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		world_play(&s[i]);
}

#define LOGIN "C AUTH PLAIN AGpvZQBzZWNyZXQ=\nS 235 ok\nE ready\n"
#define SECURED(caps)                                                          \
	"secured\nS 220 mx\nC EHLO me\nS 250-mx\n" caps "S 250 HELP\nE "       \
	"ready\n"

static const struct world_scene wishes[] = {
	{ .why = "a priority where it is offered; nobody to name without login",
	    .script = HELLO("S 250-MT-PRIORITY\n") "send urgent\n"
	                                           "C MAIL FROM:<a@x> "
	                                           "MT-PRIORITY=-3\n" },
	{ .why = "binary content in a chunk",
	    .script = HELLO("S 250-PIPELINING\nS 250-CHUNKING\nS "
	                    "250-BINARYMIME\n") "send binary\nC MAIL "
	                                        "FROM:<a@x> BODY=BINARYMIME\n"
	                                        "C RCPT TO:<b@y>\nC BDAT 5 "
	                                        "LAST\nC \nc x\ry\n" },
	{ .why = "its header is lines",
	    .script = HELLO("S 250-PIPELINING\nS 250-CHUNKING\nS "
	                    "250-BINARYMIME\n") "send badbinary\n"
	                                        "E done badbinary body local "
	                                        "the content holds a bare LF\n"
	                                        "E lost body local the content "
	                                        "holds a bare LF\n" },
	{ .why = "no BINARYMIME, no binary content",
	    .script = CHUNK "send binary\nE done binary mail local the peer "
	                    "does not offer BINARYMIME\n" },
	{ .why = "nor without chunks",
	    .script = HELLO("S 250-PIPELINING\n"
	                    "S 250-BINARYMIME\n") "send binary\n"
	                                          "E done binary mail local "
	                                          "the peer does not offer "
	                                          "BINARYMIME\n" },
	{ .why = "not where it is not",
	    .script = BARE "send urgent\nC MAIL FROM:<a@x>\n" },
	{ .why = "nor where it is disabled",
	    .script =
	        HELLO("S 250-MT-PRIORITY\n") "send urgent\nC MAIL FROM:<a@x>\n",
	    .settings = { .disable = SMTP_CAP_MT_PRIORITY } },
	{ .why = "after a login: the author is not known",
	    .script = "S 220 mx\nC EHLO me\nS 250-mx\nS 250 AUTH PLAIN\n" LOGIN
	              "send urgent\nC MAIL FROM:<a@x> AUTH=<>\n",
	    .settings = { .user = "joe",
	        .password = { "secret", 6 },
	        .auth_clear = true } },
	{ .why = "after a login, but nobody has asked",
	    .script = "S 220 mx\nC EHLO me\nS 250-mx\nS 250 AUTH PLAIN\n" LOGIN
	              "send one\nC MAIL FROM:<a@x>\n",
	    .settings = { .user = "joe",
	        .password = { "secret", 6 },
	        .auth_clear = true } },
	{ .why = "REQUIRETLS under TLS",
	    .script = SECURED("S 250-REQUIRETLS\n") "send safe\n"
	                                            "C MAIL FROM:<a@x> "
	                                            "REQUIRETLS\n",
	    .settings = { .tls = SMTP_TLS_IMPLICIT } },
	{ .why = "a deadline",
	    .script = HELLO("S 250-DELIVERBY\n") "send soon\n"
	                                         "C MAIL FROM:<a@x> "
	                                         "BY=60;RT\n" },
	{ .why = "one that is past",
	    .script = HELLO("S 250-DELIVERBY 3600\n") "send late\n"
	                                              "C MAIL FROM:<a@x> "
	                                              "BY=-5;N\n" },
	{ .why = "just what the server needs",
	    .script = HELLO("S 250-DELIVERBY 60\n") "send soon\n"
	                                            "C MAIL FROM:<a@x> "
	                                            "BY=60;RT\n" },
	{ .why = "a second less than it needs",
	    .script = HELLO("S 250-DELIVERBY 61\n") "send soon\n"
	                                            "E done soon mail local "
	                                            "the peer takes longer "
	                                            "than the message may\n" },
	{ .why = "where it is not offered: not to be returned",
	    .script = HELLO("") "send late\nC MAIL FROM:<a@x>\n" },
	{ .why = "where it is not offered: to be returned",
	    .script = HELLO("") "send soon\n"
	                        "E done soon mail local the peer does not "
	                        "offer DELIVERBY\n" },
	{ .why = "never in clear, whatever the server says",
	    .script = HELLO("S 250-REQUIRETLS\n") "send safe\n"
	                                          "E done safe mail local the "
	                                          "peer does not offer "
	                                          "REQUIRETLS\n" },
	{ .why = "nor where it is not offered",
	    .script = SECURED("") "send safe\n"
	                          "E done safe mail local the peer does not "
	                          "offer REQUIRETLS\n",
	    .settings = { .tls = SMTP_TLS_IMPLICIT } },
};

#define SCENES(test, table)                                                    \
	static void test(void **state)                                         \
	{                                                                      \
		(void)state;                                                   \
		play_all(table, sizeof(table) / sizeof(table)[0]);             \
	}

SCENES(one_command_waits_for_the_other, one_at_a_time)
SCENES(a_group_leaves_at_once, pipelined)
SCENES(the_next_one_leaves_with_the_dot, chained)
SCENES(envelope_and_content_are_one_flight, chunked)
SCENES(content_comes_in_pieces, streamed)
SCENES(the_end_waits_for_its_owner, held)
SCENES(the_gate_lets_nothing_else_out, gated)
SCENES(parameters_are_said_where_offered, parameters)
SCENES(wishes_are_told_to_those_that_know_them, wishes)
SCENES(any_hook_may_free_the_client, freed)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_command_waits_for_the_other),
		cmocka_unit_test(a_group_leaves_at_once),
		cmocka_unit_test(the_next_one_leaves_with_the_dot),
		cmocka_unit_test(envelope_and_content_are_one_flight),
		cmocka_unit_test(content_comes_in_pieces),
		cmocka_unit_test(the_end_waits_for_its_owner),
		cmocka_unit_test(the_gate_lets_nothing_else_out),
		cmocka_unit_test(parameters_are_said_where_offered),
		cmocka_unit_test(wishes_are_told_to_those_that_know_them),
		cmocka_unit_test(any_hook_may_free_the_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
