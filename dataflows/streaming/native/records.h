/* What reading records takes, without Python: safe to call with the global lock released. */

#ifndef TIDEMARK_RECORDS_H
#define TIDEMARK_RECORDS_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that must be readable after the last record: words of 8 are loaded at any place of it, and
 * texts are copied 16 bytes at a time. */
#define PADDING 32

enum kind { TEXT, DIGITS, DECIMAL };

/* A layout: fixed[i] stands before values[i], the last one at the end of the record. */
struct layout {
    size_t values;
    const unsigned char *kinds; /* one a value */
    const unsigned char *fixed; /* all fixed bytes, one after the other */
    const int64_t *fixed_ends;  /* values + 1 of them */
};

/* Tells whether data[at, end) has the layout, and where each of its values begins and ends.
 *
 * The places are written `stride` entries apart. A record that fits is valid JSON and UTF-8, its
 * texts have neither escapes nor control characters, and its numbers are plain. */
int record_fits(const unsigned char *data, int64_t at, int64_t end, const struct layout *layout,
                int32_t *begins, int32_t *ends, size_t stride);

/* Copies texts one after the other and writes where each begins, `count` + 1 offsets in all.
 * `out` has room for all of them and PADDING bytes more. */
void copy_texts(const unsigned char *data, const int32_t *begins, const int32_t *ends, size_t count,
                unsigned char *out, int32_t *offsets);

#endif
