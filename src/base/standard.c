/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/base/standard.h"

#include <fcntl.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

void
standard_fill(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) != -1)
			continue;
		if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDWR) !=
		    fd)
			_exit(EX_OSERR);
	}
}

bool
standard_written(void)
{
	return fflush(stdout) == 0 && ferror(stdout) == 0;
}
