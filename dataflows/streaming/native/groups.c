/* Grouping by a hash table with open addressing: see groups.h. */

#include "groups.h"

#include <stdlib.h>
#include <string.h>

#define FEWEST 512
#define MOST_EXPECTED (1 << 20)
#define FIRST_BYTES 4096
#define HALF 0xFFFFFFFF00000000ULL

static inline uint64_t word8(const unsigned char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline uint64_t word4(const unsigned char *at) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Folds the 128 bits of a product: the mixing step of wyhash (Wang Yi, public domain). */
static inline uint64_t mix(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Only good within one process: the seed is another one in each, so that nobody can send keys that
 * all fall into one slot. */
static inline uint64_t hash_of(const unsigned char *at, size_t length, uint64_t seed) {
    uint64_t first, last, hash = seed ^ 0xA0761D6478BD642FULL;
    size_t left = length;
    for (; left > 16; at += 16, left -= 16)
        hash = mix(word8(at) ^ 0xE7037ED1A0B428DBULL, word8(at + 8) ^ hash);
    if (left >= 8) {
        first = word8(at);
        last = word8(at + left - 8);
    } else if (left >= 4) {
        first = word4(at);
        last = word4(at + left - 4);
    } else if (left) {
        first = (uint64_t)at[0] << 16 | (uint64_t)at[left >> 1] << 8 | at[left - 1];
        last = 0;
    } else
        first = last = 0;
    return mix(0x8EBC6AF09C88C6E3ULL ^ length, mix(first ^ 0xE7037ED1A0B428DBULL, last ^ hash));
}

static inline uint64_t finalized(uint64_t value) {
    value = (value ^ (value >> 33)) * 0xFF51AFD7ED558CCDULL;
    value = (value ^ (value >> 33)) * 0xC4CEB9FE1A85EC53ULL;
    return value ^ (value >> 33);
}

uint64_t stable_hash(const unsigned char *bytes, size_t length) {
    uint64_t hash = finalized(length + 0x9E3779B97F4A7C15ULL);
    for (; length >= 8; bytes += 8, length -= 8) hash = finalized(hash ^ word8(bytes));
    if (!length) return hash;
    uint64_t word = 0;
    memcpy(&word, bytes, length);
    return finalized(hash ^ word);
}

int groups_open(struct groups *groups, size_t columns, uint64_t seed, size_t expected) {
    memset(groups, 0, sizeof *groups);
    groups->columns = columns;
    groups->seed = seed;
    groups->room = FEWEST;
    while (groups->room < expected && groups->room < MOST_EXPECTED) groups->room *= 2;
    groups->mask = 2 * groups->room - 1;
    groups->slots = calloc(groups->mask + 1, sizeof *groups->slots);
    groups->hashes = malloc(groups->room * sizeof *groups->hashes);
    groups->keys = calloc(columns ? columns : 1, sizeof *groups->keys);
    if (!groups->slots || !groups->hashes || !groups->keys) return 0;
    for (size_t column = 0; column < columns; column++) {
        struct arena *arena = &groups->keys[column];
        arena->room = FIRST_BYTES;
        arena->bytes = malloc(arena->room);
        arena->offsets = malloc((groups->room + 1) * sizeof *arena->offsets);
        if (!arena->bytes || !arena->offsets) return 0;
        arena->offsets[0] = 0;
    }
    return 1;
}

void groups_close(struct groups *groups) {
    for (size_t column = 0; groups->keys && column < groups->columns; column++) {
        free(groups->keys[column].bytes);
        free(groups->keys[column].offsets);
    }
    free(groups->keys);
    free(groups->hashes);
    free(groups->slots);
}

static int resized(void *array, size_t bytes) {
    void **place = array;
    void *larger = realloc(*place, bytes);
    if (larger) *place = larger;
    return larger != NULL;
}

/* Makes room for twice as many groups. */
static int grow(struct groups *groups) {
    size_t room = 2 * groups->room, slots = 2 * (groups->mask + 1);
    if (room > INT32_MAX / 2) return 0;
    if (!resized(&groups->hashes, room * sizeof *groups->hashes)) return 0;
    for (size_t column = 0; column < groups->columns; column++)
        if (!resized(&groups->keys[column].offsets, (room + 1) * sizeof(int32_t))) return 0;
    uint64_t *larger = calloc(slots, sizeof *larger);
    if (!larger) return 0;
    for (size_t group = 0; group < groups->count; group++) {
        uint64_t hash = groups->hashes[group];
        size_t at = hash & (slots - 1);
        while (larger[at]) at = (at + 1) & (slots - 1);
        larger[at] = (hash & HALF) | (group + 1);
    }
    free(groups->slots);
    groups->slots = larger;
    groups->mask = slots - 1;
    groups->room = room;
    return 1;
}

static inline int equal(const struct groups *groups, size_t group, const struct text *key) {
    for (size_t column = 0; column < groups->columns; column++) {
        const struct arena *arena = &groups->keys[column];
        int32_t begin = arena->offsets[group];
        if (arena->offsets[group + 1] - begin != key[column].length ||
            memcmp(arena->bytes + begin, key[column].bytes, (size_t)key[column].length))
            return 0;
    }
    return 1;
}

static int64_t add(struct groups *groups, const struct text *key, uint64_t hash) {
    for (size_t column = 0; column < groups->columns; column++) {
        struct arena *arena = &groups->keys[column];
        size_t used = arena->used + (size_t)key[column].length;
        if (used > INT32_MAX) return GROUPS_TOO_LARGE;
        if (used > arena->room) {
            size_t room = 2 * arena->room > used ? 2 * arena->room : used;
            if (!resized(&arena->bytes, room)) return GROUPS_FULL;
            arena->room = room;
        }
        memcpy(arena->bytes + arena->used, key[column].bytes, (size_t)key[column].length);
        arena->used = used;
        arena->offsets[groups->count + 1] = (int32_t)used;
    }
    groups->hashes[groups->count] = hash;
    return (int64_t)groups->count++;
}

static int64_t find(struct groups *groups, const struct text *key, uint64_t hash) {
    if (groups->count == groups->room && !grow(groups)) return GROUPS_FULL;
    size_t at = hash & groups->mask;
    for (; groups->slots[at]; at = (at + 1) & groups->mask) {
        uint64_t slot = groups->slots[at];
        size_t group = (size_t)(slot & ~HALF) - 1;
        if ((slot & HALF) == (hash & HALF) && equal(groups, group, key)) return (int64_t)group;
    }
    int64_t group = add(groups, key, hash);
    if (group >= 0) groups->slots[at] = (hash & HALF) | (uint64_t)(group + 1);
    return group;
}

int64_t groups_find(struct groups *groups, const struct text *keys, size_t count, int64_t *found) {
    uint64_t hashes[GROUPS_AT_ONCE];
    /* The slots are fetched from memory while the next keys are hashed. */
    for (size_t i = 0; i < count; i++) {
        const struct text *key = keys + i * groups->columns;
        hashes[i] = groups->seed;
        for (size_t column = 0; column < groups->columns; column++)
            hashes[i] = hash_of(key[column].bytes, (size_t)key[column].length, hashes[i]);
        __builtin_prefetch(&groups->slots[hashes[i] & groups->mask]);
    }
    for (size_t i = 0; i < count; i++) {
        found[i] = find(groups, keys + i * groups->columns, hashes[i]);
        if (found[i] < 0) return found[i];
    }
    return 0;
}
