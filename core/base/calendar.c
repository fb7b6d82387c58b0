/*
 * calendar.c - civil dates, by the algorithms of Howard Hinnant, "chrono-compatible
 * low-level date algorithms" (2014): years that begin in March, eras of 400 years.
 */
#include "core/base/calendar.h"

#define ERA_DAYS 146097
#define EPOCH_SHIFT 719468 /* From 0000-03-01 to 1970-01-01. */

struct date {
    int32_t year;
    int32_t month;
    int32_t day;
};

static int32_t day_from_date(struct date date)
{
    int32_t year = date.year - (date.month <= 2);
    int32_t era = year / 400;
    int32_t year_of_era = year - era * 400;
    int32_t month = (date.month + 9) % 12;
    int32_t day_of_year = (153 * month + 2) / 5 + date.day - 1;
    int32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * ERA_DAYS + day_of_era - EPOCH_SHIFT;
}

static struct date date_from_day(int32_t day)
{
    int32_t shifted = day + EPOCH_SHIFT;
    int32_t era = shifted / ERA_DAYS;
    int32_t day_of_era = shifted - era * ERA_DAYS;
    int32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int32_t month = (5 * day_of_year + 2) / 153;

    return (struct date){
        .year = year_of_era + era * 400 + (month >= 10),
        .month = month < 10 ? month + 3 : month - 9,
        .day = day_of_year - (153 * month + 2) / 5 + 1,
    };
}

/* Reads exactly `count` digits; false when one is none. */
static bool read_digits(const uint8_t *text, size_t count, int32_t *number)
{
    int32_t value = 0;

    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (text[i] - '0');
    }
    *number = value;
    return true;
}

enum status day_from_text(struct bytes text, int32_t *day)
{
    struct date date;
    const uint8_t *at = text.data;

    if (text.size != DAY_TEXT_SIZE || at[4] != '-' || at[7] != '-') {
        return STATUS_MALFORMED;
    }
    if (!read_digits(at, 4, &date.year) || !read_digits(at + 5, 2, &date.month) ||
        !read_digits(at + 8, 2, &date.day)) {
        return STATUS_MALFORMED;
    }
    if (date.year < 1970 || date.month < 1 || date.month > 12 || date.day < 1 || date.day > 31) {
        return STATUS_MALFORMED;
    }
    int32_t found = day_from_date(date);
    struct date back = date_from_day(found);
    if (back.month != date.month || back.day != date.day) {
        return STATUS_MALFORMED; /* The 31st of a short month. */
    }
    *day = found;
    return STATUS_OK;
}

static void write_digits(char *text, size_t count, int32_t number)
{
    while (count > 0) {
        text[--count] = (char)('0' + number % 10);
        number /= 10;
    }
}

void day_to_text(int32_t day, char text[DAY_TEXT_SIZE + 1])
{
    ENSURE(day >= DAY_MIN);
    ENSURE(day <= DAY_MAX);
    struct date date = date_from_day(day);

    write_digits(text, 4, date.year);
    text[4] = '-';
    write_digits(text + 5, 2, date.month);
    text[7] = '-';
    write_digits(text + 8, 2, date.day);
    text[DAY_TEXT_SIZE] = '\0';
}

/* `.123456` in front of the final Z, cut to milliseconds. */
static bool read_fraction(struct bytes text, int32_t *milliseconds)
{
    int32_t value = 0;
    int32_t unit = 100;

    if (text.size < 2 || text.data[0] != '.') {
        return text.size == 0;
    }
    for (size_t i = 1; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value += (text.data[i] - '0') * unit;
        unit /= 10;
    }
    *milliseconds = value;
    return true;
}

enum status time_from_text(struct bytes text, uint64_t *time_ms)
{
    int32_t day = 0;
    int32_t hour = 0;
    int32_t minute = 0;
    int32_t second = 0;
    int32_t milliseconds = 0;
    const uint8_t *at = text.data;

    if (text.size < DAY_TEXT_SIZE ||
        day_from_text((struct bytes){at, DAY_TEXT_SIZE}, &day) != STATUS_OK) {
        return STATUS_MALFORMED;
    }
    if (text.size > DAY_TEXT_SIZE) {
        if (text.size < 20 || at[10] != 'T' || at[13] != ':' || at[16] != ':' ||
            at[text.size - 1] != 'Z') {
            return STATUS_MALFORMED;
        }
        if (!read_digits(at + 11, 2, &hour) || !read_digits(at + 14, 2, &minute) ||
            !read_digits(at + 17, 2, &second) || hour > 23 || minute > 59 || second > 59 ||
            !read_fraction((struct bytes){at + 19, text.size - 20}, &milliseconds)) {
            return STATUS_MALFORMED;
        }
    }
    *time_ms = (uint64_t)day * DAY_MS +
               (uint64_t)(((hour * 60 + minute) * 60 + second) * 1000 + milliseconds);
    return STATUS_OK;
}

void time_to_text(uint64_t time_ms, char text[TIME_TEXT_SIZE + 1])
{
    int32_t rest = (int32_t)(time_ms % DAY_MS);

    day_to_text(day_of(time_ms), text);
    text[10] = 'T';
    write_digits(text + 11, 2, rest / 3600000);
    text[13] = ':';
    write_digits(text + 14, 2, rest / 60000 % 60);
    text[16] = ':';
    write_digits(text + 17, 2, rest / 1000 % 60);
    text[19] = '.';
    write_digits(text + 20, 3, rest % 1000);
    text[23] = 'Z';
    text[TIME_TEXT_SIZE] = '\0';
}
