/* Records as places in their bytes: see records.h. */

#include "records.h"

#include <string.h>

#define EACH(byte) (0x0101010101010101ULL * (byte))

static inline uint64_t word_at(const unsigned char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Marks the bytes of a word that end or interrupt a plain text: a quotation mark, a backslash, a
 * control character, or one that is not ASCII. The lowest mark is always right; higher ones may be
 * borrows of it. */
static inline uint64_t special_bytes(uint64_t word) {
    uint64_t quote = word ^ EACH('"');
    uint64_t backslash = word ^ EACH('\\');
    return (((quote - EACH(1)) & ~quote) | ((backslash - EACH(1)) & ~backslash) |
            ((word - EACH(0x20)) & ~word) | word) & EACH(0x80);
}

/* Number of the lowest byte that is marked. */
static inline int first_marked(uint64_t marks) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#error "words are read as little-endian"
#endif
    return __builtin_ctzll(marks) >> 3;
}

/* Tells whether bytes are UTF-8 as in RFC 3629: no surrogates, nothing overlong. */
static int is_utf8(const unsigned char *at, const unsigned char *end) {
    while (at < end) {
        unsigned char lead = *at++;
        int more;
        unsigned char low = 0x80, high = 0xBF; /* of the second byte */
        if (lead < 0x80) {
            continue;
        } else if (lead >= 0xC2 && lead <= 0xDF) {
            more = 1;
        } else if (lead >= 0xE0 && lead <= 0xEF) {
            more = 2;
            if (lead == 0xE0) low = 0xA0;
            if (lead == 0xED) high = 0x9F;
        } else if (lead >= 0xF0 && lead <= 0xF4) {
            more = 3;
            if (lead == 0xF0) low = 0x90;
            if (lead == 0xF4) high = 0x8F;
        } else {
            return 0;
        }
        if (end - at < more || *at < low || *at > high) return 0;
        for (int i = 1; i < more; i++)
            if ((at[i] & 0xC0) != 0x80) return 0;
        at += more;
    }
    return 1;
}

/* Returns where a text ends, at its quotation mark; -1 if it is not plain. */
static inline int64_t text_end(const unsigned char *data, int64_t begin, int64_t end) {
    int ascii = 1;
    int64_t at = begin;
    while (at < end) {
        uint64_t marks = special_bytes(word_at(data + at));
        if (!marks) {
            at += 8;
            continue;
        }
        at += first_marked(marks);
        if (at >= end) return -1;
        if (data[at] == '"') return ascii || is_utf8(data + begin, data + at) ? at : -1;
        if (data[at] < 0x80) return -1;
        ascii = 0;
        at++;
    }
    return -1;
}

static inline int is_digit(unsigned char byte) { return byte >= '0' && byte <= '9'; }

/* Returns where digits end, of which there are at most so many; -1 if there are more or none. */
static inline int64_t digits_end(const unsigned char *data, int64_t at, int64_t end, int most) {
    int64_t begin = at;
    while (at < end && is_digit(data[at])) at++;
    return at > begin && at - begin <= most ? at : -1;
}

/* Returns where a whole number without a sign ends; none has a zero in front. */
static inline int64_t whole_end(const unsigned char *data, int64_t at, int64_t end, int most) {
    int64_t found = digits_end(data, at, end, most);
    return found > at + 1 && data[at] == '0' ? -1 : found;
}

/* Returns where a number without an exponent ends. */
static inline int64_t decimal_end(const unsigned char *data, int64_t at, int64_t end) {
    if (at < end && data[at] == '-') at++;
    at = whole_end(data, at, end, 15);
    if (at < 0 || at >= end || data[at] != '.') return at;
    return digits_end(data, at + 1, end, 15);
}

/* Compares bytes that are mostly short and mostly the same. Both have PADDING after them. */
static inline int same(const unsigned char *a, const unsigned char *b, int64_t length) {
    while (length >= 8) {
        if (word_at(a) != word_at(b)) return 0;
        a += 8, b += 8, length -= 8;
    }
    if (!length) return 1;
    return (word_at(a) ^ word_at(b)) << (64 - 8 * length) == 0;
}

int record_fits(const unsigned char *data, int64_t at, int64_t end, const struct layout *layout,
                int32_t *begins, int32_t *ends, size_t stride) {
    int64_t fixed = 0;
    for (size_t value = 0; value < layout->values; value++) {
        int64_t length = layout->fixed_ends[value] - fixed;
        if (end - at < length || !same(data + at, layout->fixed + fixed, length)) return 0;
        fixed += length;
        at += length;
        int64_t found;
        switch (layout->kinds[value]) {
        case TEXT:
            found = text_end(data, at, end);
            break;
        case DIGITS:
            found = whole_end(data, at, end, 18);
            break;
        default:
            found = decimal_end(data, at, end);
        }
        if (found < 0) return 0;
        begins[value * stride] = (int32_t)at;
        ends[value * stride] = (int32_t)found;
        at = found;
    }
    int64_t length = layout->fixed_ends[layout->values] - fixed;
    return end - at == length && same(data + at, layout->fixed + fixed, length);
}

void copy_texts(const unsigned char *data, const int32_t *begins, const int32_t *ends, size_t count,
                unsigned char *out, int32_t *offsets) {
    int32_t written = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t length = ends[i] - begins[i];
        const unsigned char *from = data + begins[i];
        unsigned char *to = out + written;
        offsets[i] = written;
        /* Mostly short: a copy of fixed size is an instruction, and what is too much of it is
         * overwritten by the next. */
        memcpy(to, from, 16);
        if (length > 16) memcpy(to + 16, from + 16, (size_t)length - 16);
        written += length;
    }
    offsets[count] = written;
}
