/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/replay - runs a fuzzer over stored inputs, without libFuzzer:
 * the files and directories named, or tests/fuzz/corpus/NAME below $srcdir.
 * Words that begin with "-" (libFuzzer's) are passed over.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long runs;

/* The bytes in memory of their own, so that ASan sees a read beyond. */
static int
run_file(const char *path, size_t size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(size > 0 ? size : 1);
	int ok = f != NULL && data != NULL;

	ok = ok && fread(data, 1, size, f) == size;
	if (ok) {
		LLVMFuzzerTestOneInput(data, size);
		runs++;
	} else {
		perror(path);
	}
	free(data);
	if (f != NULL)
		fclose(f);
	return ok ? 0 : 1;
}

/* A file, or the files of a directory (one level). */
static int
run_path(const char *path)
{
	struct dirent **found;
	struct stat st;
	char child[4096];
	int bad = 0;
	int n;

	if (stat(path, &st) != 0) {
		perror(path);
		return 1;
	}
	if (!S_ISDIR(st.st_mode))
		return run_file(path, (size_t)st.st_size);
	n = scandir(path, &found, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(child, sizeof child, "%s/%s", path, found[i]->d_name);
		if (stat(child, &st) == 0 && S_ISREG(st.st_mode))
			bad |= run_file(child, (size_t)st.st_size);
		free(found[i]);
	}
	if (n >= 0)
		free(found);
	return n < 0 || bad;
}

static int
run_corpus(const char *program)
{
	const char *name = strstr(program, "fuzz_");
	const char *next, *top = getenv("srcdir");
	char path[4096];

	while (name != NULL && (next = strstr(name + 1, "fuzz_")) != NULL)
		name = next;
	if (name == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s",
	    top != NULL ? top : ".", name + strlen("fuzz_"));
	return run_path(path);
}

int
main(int argc, char **argv)
{
	int bad = 0, named = 0;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-')
			continue;
		named = 1;
		bad |= run_path(argv[i]);
	}
	if (!named)
		bad = run_corpus(argv[0]);
	printf("%lu inputs\n", runs);
	return bad || runs == 0;
}
