/* Groups rows by texts: numbers the distinct combinations in the order in which they come first. */

#ifndef TIDEMARK_GROUPS_H
#define TIDEMARK_GROUPS_H

#include <stddef.h>
#include <stdint.h>

/* The hash of stats/hashing.py, which is the same for ever. */
uint64_t stable_hash(const unsigned char *bytes, size_t length);

#define GROUPS_AT_ONCE 32

/* A text; its bytes need nothing after them. */
struct text {
    const unsigned char *bytes;
    int32_t length;
};

/* Texts one after the other, as Arrow has them: text i is between offsets[i] and offsets[i + 1]. */
struct arena {
    unsigned char *bytes;
    int32_t *offsets;
    size_t used, room;
};

struct groups {
    size_t columns, count, room;
    struct arena *keys; /* a column each, `count` texts long */
    uint64_t *hashes;   /* of each group */
    uint64_t *slots;    /* half of a hash, and the number of the group, from 1 */
    size_t mask;        /* slots - 1, a power of two */
    uint64_t seed;
};

enum { GROUPS_FULL = -1, GROUPS_TOO_LARGE = -2 };

/* Makes room for `expected` groups; there may be more. Returns 0 where there is no memory. */
int groups_open(struct groups *groups, size_t columns, uint64_t seed, size_t expected);
void groups_close(struct groups *groups);

/* Writes the numbers of the groups of `count` combinations of texts, at most GROUPS_AT_ONCE, to
 * `found`; groups that are new are made. `keys` has the texts of the first one, then of the next.
 * Returns 0, GROUPS_FULL where there is no memory, or GROUPS_TOO_LARGE where a column would exceed
 * 2 GiB. */
int64_t groups_find(struct groups *groups, const struct text *keys, size_t count, int64_t *found);

#endif
