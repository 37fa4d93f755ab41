/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/clients.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/list.h"
#include "postern/base/map.h"
#include "postern/base/mem.h"
#include "postern/io/addr.h"

/* A listener is in the table while it has connections. */
struct door {
	struct list in_doors;
	char *name;
	uint32_t open;
	struct map *clients; /* key of the address -> count as a pointer */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list doors = { &doors, &doors };

static uint64_t
key_of_v4(const void *bytes)
{
	uint32_t v4;

	memcpy(&v4, bytes, sizeof v4);
	return UINT64_C(0xffff) << 32 | v4; /* in no /64 that is in use */
}

static uint64_t
key_of_uid(uid_t uid)
{
	uint32_t halves[2] = { htonl(1), (uint32_t)uid }; /* ::/16: reserved */
	uint64_t key;

	memcpy(&key, halves, sizeof key);
	return key;
}

uint64_t
clients_key(const struct addr *a)
{
	const struct sockaddr_in *in4 = (const void *)&a->ss;
	const struct sockaddr_in6 *in6 = (const void *)&a->ss;
	uint64_t prefix;
	uid_t uid;

	if (addr_uid(a, &uid))
		return key_of_uid(uid);
	if (a->ss.ss_family == AF_INET)
		return key_of_v4(&in4->sin_addr);
	if (a->ss.ss_family != AF_INET6)
		return 1;
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return key_of_v4(in6->sin6_addr.s6_addr + 12);
	memcpy(&prefix, in6->sin6_addr.s6_addr, sizeof prefix);
	return prefix;
}

void
clients_name(const struct addr *a, const char *text, char out[CLIENTS_NAME])
{
	const struct in6_addr *in6 =
	    &((const struct sockaddr_in6 *)(const void *)&a->ss)->sin6_addr;
	struct in6_addr prefix = { 0 };
	char name[INET6_ADDRSTRLEN];

	if (a->ss.ss_family != AF_INET6) {
		(void)snprintf(out, CLIENTS_NAME, "%s", text);
	} else if (IN6_IS_ADDR_V4MAPPED(in6)) {
		(void)inet_ntop(AF_INET, in6->s6_addr + 12, out, CLIENTS_NAME);
	} else {
		memcpy(prefix.s6_addr, in6->s6_addr, 8);
		(void)inet_ntop(AF_INET6, &prefix, name, sizeof name);
		(void)snprintf(out, CLIENTS_NAME, "%s/64", name);
	}
}

static struct door *
find_door(const char *name)
{
	for (struct list *l = doors.next; l != &doors; l = l->next) {
		struct door *d = LIST_OF(l, struct door, in_doors);

		if (strcmp(d->name, name) == 0)
			return d;
	}
	return NULL;
}

static struct door *
new_door(const char *name)
{
	struct door *d = mem_new(sizeof *d);

	d->name = mem_str(name);
	d->clients = map_new();
	list_push(&doors, &d->in_doors);
	return d;
}

static void
free_door(struct door *d)
{
	list_remove(&d->in_doors);
	map_free(&d->clients);
	free(d->name);
	free(d);
}

static uint32_t
count_of(const struct door *d, uint64_t key)
{
	return (uint32_t)(uintptr_t)map_get(d->clients, key);
}

static void
set_count(struct door *d, uint64_t key, uint32_t count)
{
	if (count == 0)
		map_del(d->clients, key);
	else
		map_put(d->clients, key, (void *)(uintptr_t)count);
}

static enum clients_room
take(const char *listener, uint64_t key, const struct clients_limits *limits)
{
	struct door *d = find_door(listener);
	uint32_t open = d == NULL ? 0 : d->open;
	uint32_t mine = d == NULL ? 0 : count_of(d, key);

	if (limits->listener_max != 0 && open >= limits->listener_max)
		return CLIENTS_LISTENER_FULL;
	if (limits->client_max != 0 && mine >= limits->client_max)
		return CLIENTS_CLIENT_FULL;
	if (d == NULL)
		d = new_door(listener);
	d->open++;
	set_count(d, key, mine + 1);
	return CLIENTS_OK;
}

enum clients_room
clients_take(const char *listener, const struct addr *peer,
    const struct clients_limits *limits)
{
	uint64_t key = clients_key(peer);
	enum clients_room room;

	pthread_mutex_lock(&lock);
	room = take(listener, key, limits);
	pthread_mutex_unlock(&lock);
	return room;
}

void
clients_give(const char *listener, const struct addr *peer)
{
	uint64_t key = clients_key(peer);
	struct door *d;

	pthread_mutex_lock(&lock);
	d = find_door(listener);
	assert(d != NULL && d->open > 0 && count_of(d, key) > 0);
	set_count(d, key, count_of(d, key) - 1);
	d->open--;
	if (d->open == 0)
		free_door(d);
	pthread_mutex_unlock(&lock);
}
