/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/owner.h"

#include <assert.h>
#include <sys/stat.h>
#include <unistd.h>

int
owner_become(const char *directory, struct err *err)
{
	struct stat st;

	if (getuid() != 0)
		return 0;
	if (stat(directory, &st) != 0 || setegid(st.st_gid) != 0 ||
	    seteuid(st.st_uid) != 0)
		return err_sys(err, "%s", directory);
	return 0;
}

void
owner_back(void)
{
	int rc = 0;

	if (getuid() == 0)
		rc = seteuid(0) != 0 || setegid(0) != 0;
	assert(rc == 0); /* root may */
}
