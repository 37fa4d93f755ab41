/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sendmail_exit.h"

#include <sysexits.h>

#include "postern/base/str.h"

int
sendmail_exit_code(unsigned code, const char *enhanced)
{
	struct str s = str_of(enhanced);

	if (code / 100 == 2)
		return 0;
	if (code / 100 == 4)
		return EX_TEMPFAIL;
	if (str_starts_case(s, STR("5.7.")) || code == 554)
		return EX_NOPERM;
	if (str_starts_case(s, STR("5.1.")) ||
	    str_starts_case(s, STR("5.6.")) || code == 501 || code == 552 ||
	    str_is(s, "5.5.2"))
		return EX_DATAERR;
	return EX_UNAVAILABLE;
}
