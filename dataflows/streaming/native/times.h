/* Event times as people write them most: ISO-8601, or epoch seconds or milliseconds. */

#ifndef TIDEMARK_TIMES_H
#define TIDEMARK_TIMES_H

#include <stddef.h>
#include <stdint.h>

#define INVALID_US INT64_MIN

/* Returns microseconds since the epoch; INVALID_US for what is no time, or an unusual one.
 * The same as `_parse_layout` in timestamps.py. */
int64_t time_of(const unsigned char *text, size_t length);

#endif
