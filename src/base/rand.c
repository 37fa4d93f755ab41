/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/base/rand.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>

/* xoshiro256** (Blackman and Vigna), one a thread. */
static _Thread_local uint64_t state[4];
static _Thread_local bool seeded;

void
rand_bytes(void *p, size_t n)
{
	char *at = p;

	while (n) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			abort();
		at += got;
		n -= (size_t)got;
	}
}

static uint64_t
rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

/* splitmix64: any seed makes a good state. */
void
rand_seed(uint64_t seed)
{
	for (int i = 0; i < 4; i++) {
		uint64_t z = seed += 0x9e3779b97f4a7c15u;

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		state[i] = z ^ (z >> 31);
	}
	seeded = true;
}

uint64_t
rand_u64(void)
{
	uint64_t result, t;

	if (!seeded) {
		uint64_t seed;

		rand_bytes(&seed, sizeof seed);
		rand_seed(seed);
	}
	result = rotl(state[1] * 5, 7) * 9;
	t = state[1] << 17;
	state[2] ^= state[0];
	state[3] ^= state[1];
	state[1] ^= state[2];
	state[0] ^= state[3];
	state[2] ^= t;
	state[3] = rotl(state[3], 45);
	return result;
}

uint64_t
rand_below(uint64_t n)
{
	uint64_t skip, r;

	if (n == 0)
		return 0;
	skip = -n % n; /* 2^64 mod n: so many values would be one too often */
	do
		r = rand_u64();
	while (r < skip);
	return r % n;
}
