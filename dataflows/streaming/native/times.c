/* Event times: see times.h. */

#include "times.h"

#define DAY_US 86400000000LL
/* The years 1 to 9999. */
#define EARLIEST_US (-719162LL * DAY_US)
#define LATEST_US (2932897LL * DAY_US - 1)
#define MILLISECONDS_ABOVE 100000000000LL
#define MOST_DIGITS 15
#define DATE_TIME 19 /* YYYY-MM-DDThh:mm:ss */
#define LONGEST 35   /* with nine digits of a second and +hh:mm */

/* Returns the number that digits are; -1 where there is another character. */
static inline int64_t number(const unsigned char *text, size_t digits) {
    uint64_t value = 0; /* wraps around where it is none: no harm */
    unsigned bad = 0;
    for (size_t i = 0; i < digits; i++) {
        unsigned digit = (unsigned)text[i] - '0';
        bad |= digit > 9;
        value = value * 10 + digit;
    }
    return bad ? -1 : (int64_t)value;
}

static inline int in_range(int64_t us) { return us >= EARLIEST_US && us <= LATEST_US; }

static int64_t epoch_of(const unsigned char *text, size_t length) {
    int64_t value = number(text, length);
    if (value < 0) return INVALID_US;
    int64_t us = value * (value > MILLISECONDS_ABOVE ? 1000 : 1000000);
    return in_range(us) ? us : INVALID_US;
}

/* Days from 1970-01-01; Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static inline int64_t days_of(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t era = year / 400; /* years begin at 0 here: 1 January of year 1 is in March-year 0 */
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static inline int days_in(int64_t year, int64_t month) {
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

int64_t time_of(const unsigned char *text, size_t length) {
    if (length > 0 && length <= MOST_DIGITS) return epoch_of(text, length);
    if (length < DATE_TIME || length > LONGEST) return INVALID_US;
    if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != ' ') ||
        text[13] != ':' || text[16] != ':')
        return INVALID_US;
    int64_t year = number(text, 4), month = number(text + 5, 2), day = number(text + 8, 2);
    int64_t hour = number(text + 11, 2), minute = number(text + 14, 2);
    int64_t second = number(text + 17, 2);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour < 0 ||
        hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return INVALID_US;

    int64_t shift_minutes = 0;
    size_t end = length;
    if (text[length - 1] == 'Z') {
        end = length - 1;
    } else if (length >= DATE_TIME + 6 && text[length - 3] == ':' &&
               (text[length - 6] == '+' || text[length - 6] == '-')) {
        end = length - 6;
        int64_t hours = number(text + length - 5, 2), minutes = number(text + length - 2, 2);
        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return INVALID_US;
        shift_minutes = hours * 60 + minutes;
        if (text[length - 6] == '-') shift_minutes = -shift_minutes;
    }
    int64_t fraction_us = 0;
    if (end > DATE_TIME) {
        size_t digits = end - DATE_TIME - 1;
        if (!digits || (text[DATE_TIME] != '.' && text[DATE_TIME] != ',')) return INVALID_US;
        if (number(text + DATE_TIME + 1, digits) < 0) return INVALID_US;
        size_t kept = digits < 6 ? digits : 6; /* finer than a microsecond is cut off */
        fraction_us = number(text + DATE_TIME + 1, kept);
        for (; kept < 6; kept++) fraction_us *= 10;
    }
    int64_t seconds = (days_of(year, month, day) * 24 + hour) * 3600 + minute * 60 + second;
    int64_t us = (seconds - shift_minutes * 60) * 1000000 + fraction_us;
    return in_range(us) ? us : INVALID_US;
}
