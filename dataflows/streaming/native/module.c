/* The compiled half of reading: records out of the client's queue, and their values out of their
 * bytes. What it returns is what the Python half returns, only sooner; see __init__.py. */

#include "views.h"

#include <string.h>

#include "client.h"
#include "groups.h"
#include "records.h"
#include "times.h"

/* ---- match ---- */

PyDoc_STRVAR(match_doc,
"match(data, bounds, rows, fixed, fixed_ends, kinds, fits, begins, ends)\n--\n\n"
"Tell which rows have a layout, and where their values begin and end.\n\n"
"Record i is data[bounds[i]:bounds[i + 1]]; PADDING bytes follow the last one, and the fixed bytes.\n"
"Value j of rows[i] is between begins[j, i] and ends[j, i] where fits[i] is true. Raises ValueError\n"
"for arrays of the wrong size or places outside of the data.");

enum { DATA, BOUNDS, ROWS, FIXED, FIXED_ENDS, KINDS, FITS, BEGINS, ENDS, MATCH_VIEWS };

static PyObject *match(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    static const char *names[] = {"data", "bounds", "rows", "fixed", "fixed_ends",
                                  "kinds", "fits", "begins", "ends"};
    static const Py_ssize_t sizes[] = {1, 8, 8, 1, 8, 1, 1, 4, 4};
    struct view views[MATCH_VIEWS] = {0};
    PyObject *result = NULL;
    if (count != MATCH_VIEWS) {
        PyErr_Format(PyExc_TypeError, "match takes %d arguments", (int)MATCH_VIEWS);
        return NULL;
    }
    for (int i = 0; i < MATCH_VIEWS; i++)
        if (!hold(&views[i], args[i], names[i], sizes[i], i >= FITS)) goto done;

    const unsigned char *data = views[DATA].buffer.buf;
    const int64_t *bounds = views[BOUNDS].buffer.buf, *rows = views[ROWS].buffer.buf;
    const int64_t *fixed_ends = views[FIXED_ENDS].buffer.buf;
    char *fits = views[FITS].buffer.buf;
    int32_t *begins = views[BEGINS].buffer.buf, *ends = views[ENDS].buffer.buf;
    Py_ssize_t records = items(&views[BOUNDS], 8) - 1, wanted = items(&views[ROWS], 8);
    Py_ssize_t values = items(&views[KINDS], 1);
    int64_t size = views[DATA].buffer.len - PADDING;
    if (records < 0 || items(&views[FIXED_ENDS], 8) != values + 1 ||
        items(&views[FITS], 1) != wanted || items(&views[BEGINS], 4) != values * wanted ||
        items(&views[ENDS], 4) != values * wanted || size < 0 || size > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "arrays that do not belong together");
        goto done;
    }
    int64_t before = 0;
    for (Py_ssize_t i = 0; i <= values; i++) {
        if (fixed_ends[i] < before || fixed_ends[i] > views[FIXED].buffer.len - PADDING) {
            PyErr_SetString(PyExc_ValueError, "fixed_ends: outside of the fixed bytes");
            goto done;
        }
        before = fixed_ends[i];
    }
    struct layout layout = {(size_t)values, views[KINDS].buffer.buf, views[FIXED].buffer.buf,
                            fixed_ends};
    int outside = 0;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < wanted; i++) {
        int64_t row = rows[i];
        if (row < 0 || row >= records || bounds[row] < 0 || bounds[row] > bounds[row + 1] ||
            bounds[row + 1] > size) {
            outside = 1;
            break;
        }
        fits[i] = (char)record_fits(data, bounds[row], bounds[row + 1], &layout, begins + i,
                                    ends + i, (size_t)wanted);
    }
    Py_END_ALLOW_THREADS
    if (outside)
        PyErr_SetString(PyExc_ValueError, "rows: a record outside of the data");
    else
        result = Py_NewRef(Py_None);
done:
    release(views, MATCH_VIEWS);
    return result;
}

/* ---- texts ---- */

PyDoc_STRVAR(texts_doc,
"texts(data, begins, ends)\n--\n\n"
"Copy texts out: return their 32-bit offsets, one more than texts, and their bytes, padded.\n\n"
"Raises ValueError for places outside of the data, of which PADDING bytes more must be there.");

static PyObject *texts(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    struct view views[3] = {0};
    PyObject *offsets = NULL, *out = NULL, *result = NULL;
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "texts takes 3 arguments");
        return NULL;
    }
    if (!hold(&views[0], args[0], "data", 1, 0) || !hold(&views[1], args[1], "begins", 4, 0) ||
        !hold(&views[2], args[2], "ends", 4, 0))
        goto done;
    const int32_t *begins = views[1].buffer.buf, *ends = views[2].buffer.buf;
    Py_ssize_t rows = items(&views[1], 4);
    int64_t size = views[0].buffer.len - PADDING, total = 0;
    int outside = items(&views[2], 4) != rows;
    for (Py_ssize_t i = 0; i < rows && !outside; i++) {
        outside = begins[i] < 0 || begins[i] > ends[i] || ends[i] > size;
        total += ends[i] - begins[i];
    }
    if (outside || total > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "places outside of the data");
        goto done;
    }
    offsets = PyBytes_FromStringAndSize(NULL, (rows + 1) * 4);
    out = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)total + PADDING);
    if (!offsets || !out) goto done;
    char *to = PyBytes_AS_STRING(out);
    int32_t *places = (int32_t *)PyBytes_AS_STRING(offsets);
    Py_BEGIN_ALLOW_THREADS
    copy_texts(views[0].buffer.buf, begins, ends, (size_t)rows, (unsigned char *)to, places);
    memset(to + total, 0, PADDING);
    Py_END_ALLOW_THREADS
    result = PyTuple_Pack(2, offsets, out);
done:
    Py_XDECREF(offsets);
    Py_XDECREF(out);
    release(views, 3);
    return result;
}

/* ---- times ---- */

PyDoc_STRVAR(times_doc,
"times(data, begins, ends, found)\n--\n\n"
"Parse texts as event times into `found`, 64-bit microseconds since the epoch.\n\n"
"What is no time, or written in an unusual way, is the lowest number there is. Raises ValueError\n"
"for places outside of the data.");

static PyObject *times(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    struct view views[4] = {0};
    PyObject *result = NULL;
    if (count != 4) {
        PyErr_SetString(PyExc_TypeError, "times takes 4 arguments");
        return NULL;
    }
    if (!hold(&views[0], args[0], "data", 1, 0) || !hold(&views[1], args[1], "begins", 4, 0) ||
        !hold(&views[2], args[2], "ends", 4, 0) || !hold(&views[3], args[3], "found", 8, 1))
        goto done;
    const unsigned char *data = views[0].buffer.buf;
    const int32_t *begins = views[1].buffer.buf, *ends = views[2].buffer.buf;
    int64_t *found = views[3].buffer.buf, size = views[0].buffer.len;
    Py_ssize_t rows = items(&views[1], 4);
    int outside = items(&views[2], 4) != rows || items(&views[3], 8) != rows;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < rows && !outside; i++) {
        outside = begins[i] < 0 || begins[i] > ends[i] || ends[i] > size;
        if (!outside) found[i] = time_of(data + begins[i], (size_t)(ends[i] - begins[i]));
    }
    Py_END_ALLOW_THREADS
    if (outside)
        PyErr_SetString(PyExc_ValueError, "places outside of the data");
    else
        result = Py_NewRef(Py_None);
done:
    release(views, 4);
    return result;
}

/* ---- groups ---- */

/* A column of texts as Arrow has them, of which rows [first, first + rows) are looked at. */
struct text_column {
    struct view offsets, data;
    Py_ssize_t first;
};

static void release_texts(struct text_column *column) {
    release(&column->offsets, 1);
    release(&column->data, 1);
}

static int hold_texts(struct text_column *column, PyObject *offsets, PyObject *data,
                      Py_ssize_t first, Py_ssize_t rows) {
    if (!hold(&column->offsets, offsets, "offsets", 4, 0)) return 0;
    /* A column of empty texts has no data at all. */
    if (data != Py_None && !hold(&column->data, data, "data", 1, 0)) return 0;
    column->first = first;
    if (first < 0 || rows < 0 || items(&column->offsets, 4) - 1 - rows < first) {
        PyErr_SetString(PyExc_ValueError, "rows outside of the offsets");
        return 0;
    }
    return 1;
}

/* Returns 0 for a text outside of the data. */
static inline int text_at(const struct text_column *column, Py_ssize_t row, struct text *text) {
    const int32_t *offsets = (const int32_t *)column->offsets.buffer.buf + column->first + row;
    int64_t size = column->data.held ? column->data.buffer.len : 0;
    if (offsets[0] < 0 || offsets[0] > offsets[1] || offsets[1] > size) return 0;
    text->bytes = (const unsigned char *)column->data.buffer.buf + offsets[0];
    if (!column->data.held) text->bytes = (const unsigned char *)"";
    text->length = offsets[1] - offsets[0];
    return 1;
}

enum { OUTSIDE = -3 };

static void raise_for(int64_t failure) {
    if (failure == OUTSIDE)
        PyErr_SetString(PyExc_ValueError, "texts outside of the data");
    else if (failure == GROUPS_TOO_LARGE)
        PyErr_SetString(PyExc_OverflowError, "a column of more than 2 GiB");
    else
        PyErr_NoMemory();
}

/* The keys of a column as (offsets, data). */
static PyObject *arena_as_bytes(const struct groups *groups, size_t column) {
    const struct arena *arena = &groups->keys[column];
    return Py_BuildValue("y#y#", (const char *)arena->offsets,
                         (Py_ssize_t)((groups->count + 1) * sizeof *arena->offsets),
                         (const char *)arena->bytes, (Py_ssize_t)arena->used);
}

PyDoc_STRVAR(distinct_doc,
"distinct(offsets, data, first, rows, seed)\n--\n\n"
"Number the distinct texts of a column, in the order in which they come first.\n\n"
"Returns the number of each row, 64 bits each, and the distinct texts as (offsets, data). `data` may\n"
"be None where all texts are empty. Raises ValueError for texts outside of the data, OverflowError\n"
"for more than fit in 32-bit offsets.");

static PyObject *distinct(PyObject *module, PyObject *args) {
    PyObject *offsets, *data, *codes = NULL, *texts = NULL, *result = NULL;
    Py_ssize_t first, rows;
    unsigned long long seed;
    struct text_column column = {0};
    struct groups groups = {0};
    if (!PyArg_ParseTuple(args, "OOnnK", &offsets, &data, &first, &rows, &seed)) return NULL;
    if (!hold_texts(&column, offsets, data, first, rows)) goto done;
    codes = PyBytes_FromStringAndSize(NULL, rows * 8);
    if (!codes) goto done;
    int64_t *code = (int64_t *)PyBytes_AS_STRING(codes), failure = 0;
    Py_BEGIN_ALLOW_THREADS
    if (!groups_open(&groups, 1, seed, 0)) failure = GROUPS_FULL;
    for (Py_ssize_t row = 0; row < rows && !failure; row += GROUPS_AT_ONCE) {
        struct text texts_now[GROUPS_AT_ONCE];
        size_t now = rows - row < GROUPS_AT_ONCE ? (size_t)(rows - row) : GROUPS_AT_ONCE;
        for (size_t i = 0; i < now && !failure; i++)
            if (!text_at(&column, row + (Py_ssize_t)i, &texts_now[i])) failure = OUTSIDE;
        if (!failure) failure = groups_find(&groups, texts_now, now, code + row);
    }
    Py_END_ALLOW_THREADS
    if (failure) {
        raise_for(failure);
        goto done;
    }
    texts = arena_as_bytes(&groups, 0);
    if (texts) result = PyTuple_Pack(2, codes, texts);
done:
    groups_close(&groups);
    Py_XDECREF(codes);
    Py_XDECREF(texts);
    release_texts(&column);
    return result;
}

PyDoc_STRVAR(key_groups_doc,
"key_groups(offsets, data, first, rows, groups)\n--\n\n"
"Return the key group of each text, 64 bits each: its stable hash modulo the number of groups.\n\n"
"Raises ValueError for texts outside of the data.");

static PyObject *key_groups(PyObject *module, PyObject *args) {
    PyObject *offsets, *data, *result = NULL;
    Py_ssize_t first, rows, count;
    struct text_column column = {0};
    if (!PyArg_ParseTuple(args, "OOnnn", &offsets, &data, &first, &rows, &count)) return NULL;
    if (count < 1) {
        PyErr_SetString(PyExc_ValueError, "there is at least one group");
        return NULL;
    }
    if (!hold_texts(&column, offsets, data, first, rows)) goto done;
    result = PyBytes_FromStringAndSize(NULL, rows * 8);
    if (!result) goto done;
    int64_t *group = (int64_t *)PyBytes_AS_STRING(result);
    int outside = 0;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t row = 0; row < rows && !outside; row++) {
        struct text text = {0};
        outside = !text_at(&column, row, &text);
        if (!outside)
            group[row] = (int64_t)(stable_hash(text.bytes, (size_t)text.length) % (uint64_t)count);
    }
    Py_END_ALLOW_THREADS
    if (outside) {
        raise_for(OUTSIDE);
        Py_CLEAR(result);
    }
done:
    release_texts(&column);
    return result;
}

/* Rows that are added up: columns of texts, then of numbers. */
struct part {
    Py_ssize_t rows;
    struct text_column *texts;
    struct view *numbers;
    Py_ssize_t *first_numbers;
};

static void part_release(struct part *part, Py_ssize_t texts, Py_ssize_t numbers) {
    for (Py_ssize_t i = 0; part->texts && i < texts; i++) release_texts(&part->texts[i]);
    if (part->numbers) release(part->numbers, (int)numbers);
    PyMem_Free(part->texts);
    PyMem_Free(part->numbers);
    PyMem_Free(part->first_numbers);
}

static int part_hold(struct part *part, PyObject *from, Py_ssize_t texts, Py_ssize_t numbers) {
    PyObject *text_columns, *number_columns;
    if (!PyTuple_Check(from)) {
        PyErr_SetString(PyExc_TypeError, "parts: not a tuple");
        return 0;
    }
    if (!PyArg_ParseTuple(from, "nO!O!", &part->rows, &PyList_Type, &text_columns, &PyList_Type,
                          &number_columns))
        return 0;
    if (part->rows < 0 || PyList_GET_SIZE(text_columns) != texts ||
        PyList_GET_SIZE(number_columns) != numbers) {
        PyErr_SetString(PyExc_ValueError, "parts: columns that do not belong together");
        return 0;
    }
    part->texts = PyMem_Calloc((size_t)texts + 1, sizeof *part->texts);
    part->numbers = PyMem_Calloc((size_t)numbers + 1, sizeof *part->numbers);
    part->first_numbers = PyMem_Calloc((size_t)numbers + 1, sizeof *part->first_numbers);
    if (!part->texts || !part->numbers || !part->first_numbers) {
        PyErr_NoMemory();
        return 0;
    }
    for (Py_ssize_t i = 0; i < texts; i++) {
        PyObject *offsets, *data;
        Py_ssize_t first;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(text_columns, i), "OOn", &offsets, &data, &first) ||
            !hold_texts(&part->texts[i], offsets, data, first, part->rows))
            return 0;
    }
    for (Py_ssize_t i = 0; i < numbers; i++) {
        PyObject *values;
        Py_ssize_t *first = &part->first_numbers[i];
        if (!PyArg_ParseTuple(PyList_GET_ITEM(number_columns, i), "On", &values, first) ||
            !hold(&part->numbers[i], values, "numbers", 8, 0))
            return 0;
        if (*first < 0 || items(&part->numbers[i], 8) - part->rows < *first) {
            PyErr_SetString(PyExc_ValueError, "rows outside of the numbers");
            return 0;
        }
    }
    return 1;
}

struct sums {
    uint64_t *values; /* `numbers` of each group; unsigned, so that they may wrap around */
    size_t room;
};

static int sums_grow(struct sums *sums, size_t room, size_t width) {
    if (room <= sums->room) return 1;
    uint64_t *larger = realloc(sums->values, room * width * sizeof *larger);
    if (!larger) return 0;
    memset(larger + sums->room * width, 0, (room - sums->room) * width * sizeof *larger);
    sums->values = larger;
    sums->room = room;
    return 1;
}

/* Adds the rows of a part to the groups' sums; returns what went wrong, or 0. `keys` has room for
 * GROUPS_AT_ONCE combinations. */
static int64_t part_add(const struct part *part, struct groups *groups, struct text *keys,
                        struct sums *sums, size_t numbers) {
    int64_t found[GROUPS_AT_ONCE];
    for (Py_ssize_t row = 0; row < part->rows; row += GROUPS_AT_ONCE) {
        Py_ssize_t left = part->rows - row;
        size_t now = left < GROUPS_AT_ONCE ? (size_t)left : GROUPS_AT_ONCE;
        for (size_t column = 0; column < groups->columns; column++)
            for (size_t i = 0; i < now; i++)
                if (!text_at(&part->texts[column], row + (Py_ssize_t)i,
                             &keys[i * groups->columns + column]))
                    return OUTSIDE;
        int64_t failure = groups_find(groups, keys, now, found);
        if (failure) return failure;
        if (!sums_grow(sums, groups->room, numbers)) return GROUPS_FULL;
        for (size_t number = 0; number < numbers; number++) {
            const uint64_t *values = part->numbers[number].buffer.buf;
            values += part->first_numbers[number] + row;
            for (size_t i = 0; i < now; i++)
                sums->values[(size_t)found[i] * numbers + number] += values[i];
        }
    }
    return 0;
}

static PyObject *sums_as_bytes(const struct sums *sums, size_t count, size_t width, size_t number) {
    PyObject *column = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * 8));
    uint64_t *to = column ? (uint64_t *)PyBytes_AS_STRING(column) : NULL;
    for (size_t group = 0; column && group < count; group++)
        to[group] = sums->values[group * width + number];
    return column;
}

/* (groups, [(offsets, data), ...], [sums, ...]) */
static PyObject *added_up(const struct groups *groups, const struct sums *sums, size_t numbers) {
    PyObject *texts = PyList_New(0), *columns = PyList_New(0), *result = NULL;
    int made = texts && columns;
    for (size_t i = 0; made && i < groups->columns; i++) {
        PyObject *column = arena_as_bytes(groups, i);
        made = column && PyList_Append(texts, column) == 0;
        Py_XDECREF(column);
    }
    for (size_t i = 0; made && i < numbers; i++) {
        PyObject *column = sums_as_bytes(sums, groups->count, numbers, i);
        made = column && PyList_Append(columns, column) == 0;
        Py_XDECREF(column);
    }
    if (made) result = Py_BuildValue("nOO", (Py_ssize_t)groups->count, texts, columns);
    Py_XDECREF(texts);
    Py_XDECREF(columns);
    return result;
}

PyDoc_STRVAR(add_up_doc,
"add_up(parts, texts, numbers, seed)\n--\n\n"
"Add the numbers of rows up by their texts.\n\n"
"A part is (rows, [(offsets, data, first), ...], [(numbers, first), ...]): so many columns of texts\n"
"and of 64-bit numbers, of which the rows from `first` on count. Returns the number of groups, their\n"
"texts as (offsets, data) and their sums. Sums wrap around. Raises ValueError for rows outside of\n"
"their columns, OverflowError for texts that do not fit in 32-bit offsets.");

static PyObject *add_up(PyObject *module, PyObject *args) {
    PyObject *from, *result = NULL;
    Py_ssize_t texts, numbers;
    unsigned long long seed;
    if (!PyArg_ParseTuple(args, "O!nnK", &PyList_Type, &from, &texts, &numbers, &seed)) return NULL;
    if (texts < 1 || numbers < 1 || texts > 1024 || numbers > 1024) {
        PyErr_SetString(PyExc_ValueError, "rows have texts and numbers");
        return NULL;
    }
    Py_ssize_t count = PyList_GET_SIZE(from);
    struct groups groups = {0};
    struct sums sums = {0};
    struct part *parts = PyMem_Calloc((size_t)count + 1, sizeof *parts);
    struct text *keys = PyMem_Calloc((size_t)texts * GROUPS_AT_ONCE, sizeof *keys);
    if (!parts || !keys) {
        PyErr_NoMemory();
        goto done;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (!part_hold(&parts[i], PyList_GET_ITEM(from, i), texts, numbers)) goto done;
    int64_t failure = 0;
    size_t rows = 0;
    for (Py_ssize_t i = 0; i < count; i++) rows += (size_t)parts[i].rows;
    Py_BEGIN_ALLOW_THREADS
    if (!groups_open(&groups, (size_t)texts, seed, rows)) failure = GROUPS_FULL;
    for (Py_ssize_t i = 0; i < count && !failure; i++)
        failure = part_add(&parts[i], &groups, keys, &sums, (size_t)numbers);
    Py_END_ALLOW_THREADS
    if (failure)
        raise_for(failure);
    else
        result = added_up(&groups, &sums, (size_t)numbers);
done:
    groups_close(&groups);
    free(sums.values);
    for (Py_ssize_t i = 0; parts && i < count; i++) part_release(&parts[i], texts, numbers);
    PyMem_Free(parts);
    PyMem_Free(keys);
    return result;
}

/* ---- Queue ---- */

typedef struct {
    PyObject_HEAD
    PyObject *consumer; /* owns the client's handle, which must not go before the queue does */
    struct client client;
    void *queue;
    int in_use;
} Queue;

/* What every client of confluent-kafka begins with, in the versions that __init__.py takes. */
typedef struct {
    PyObject_HEAD
    void *handle;
} ClientObject;

static void queue_release(Queue *self) {
    void *queue = self->queue;
    self->queue = NULL;
    if (queue) {
        Py_BEGIN_ALLOW_THREADS
        self->client.queue_destroy(queue);
        Py_END_ALLOW_THREADS
    }
    Py_CLEAR(self->consumer);
}

static void queue_dealloc(PyObject *self) {
    queue_release((Queue *)self);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *queue_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *consumer, *addresses;
    const char *topic;
    int partition;
    struct client client;
    static char *names[] = {"consumer", "topic", "partition", "functions", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OsiO:Queue", names, &consumer, &topic,
                                     &partition, &addresses) ||
        !fill_functions(&client, sizeof client, addresses))
        return NULL;
    void *handle = ((ClientObject *)consumer)->handle;
    if (!handle) {
        PyErr_SetString(PyExc_RuntimeError, "the consumer is closed");
        return NULL;
    }
    Queue *self = (Queue *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->client = client;
    self->consumer = Py_NewRef(consumer);
    Py_BEGIN_ALLOW_THREADS
    self->queue = self->client.queue_get_partition(handle, topic, partition);
    /* Not through the consumer's own queue: that one brings the client's events, too, which only
     * confluent-kafka can take. */
    if (self->queue) self->client.queue_forward(self->queue, NULL);
    Py_END_ALLOW_THREADS
    if (!self->queue) {
        PyErr_Format(PyExc_RuntimeError, "%s has no partition %d", topic, partition);
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

PyDoc_STRVAR(close_doc, "close()\n--\n\nRelease the queue; the consumer may be closed only after it.");

static PyObject *queue_close(PyObject *object, PyObject *unused) {
    Queue *self = (Queue *)object;
    if (self->in_use) {
        PyErr_SetString(PyExc_RuntimeError, "the queue is in use");
        return NULL;
    }
    queue_release(self);
    Py_RETURN_NONE;
}

/* The errors among what was fetched: (records before it, code, text) of each. */
static PyObject *errors_of(const struct client *client, struct message **found, ssize_t count) {
    PyObject *errors = PyList_New(0);
    Py_ssize_t records = 0;
    for (ssize_t i = 0; errors && i < count; i++) {
        if (!found[i]->err) {
            records++;
            continue;
        }
        const char *text = client->message_errstr(found[i]);
        text = text ? text : "";
        PyObject *reason = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
        PyObject *error = reason ? Py_BuildValue("niN", records, (int)found[i]->err, reason) : NULL;
        if (!error || PyList_Append(errors, error) < 0) Py_CLEAR(errors);
        Py_XDECREF(error);
    }
    return errors;
}

struct size {
    Py_ssize_t records, value_bytes, key_bytes;
};

static struct size size_of(struct message **found, ssize_t count) {
    struct size size = {0};
    for (ssize_t i = 0; i < count; i++) {
        if (found[i]->err) continue;
        size.records++;
        size.value_bytes += (Py_ssize_t)(found[i]->payload ? found[i]->length : 0);
        size.key_bytes += (Py_ssize_t)(found[i]->key ? found[i]->key_length : 0);
    }
    return size;
}

struct columns {
    char *values, *keys;
    int64_t *value_bounds, *key_bounds, *offsets, *times_ms;
    char *kinds; /* of the timestamp, and what is null */
};

static void copy_columns(const struct client *client, struct message **found, ssize_t count,
                         struct columns to) {
    int64_t value = 0, key = 0;
    *to.value_bounds++ = 0;
    *to.key_bounds++ = 0;
    for (ssize_t i = 0; i < count; i++) {
        const struct message *message = found[i];
        if (message->err) continue;
        int kind = 0;
        *to.times_ms++ = client->message_timestamp(message, &kind);
        *to.offsets++ = message->offset;
        if (message->payload) {
            memcpy(to.values + value, message->payload, message->length);
            value += (int64_t)message->length;
        } else
            kind |= VALUE_IS_NULL;
        if (message->key) {
            memcpy(to.keys + key, message->key, message->key_length);
            key += (int64_t)message->key_length;
        } else
            kind |= KEY_IS_NULL;
        *to.value_bounds++ = value;
        *to.key_bounds++ = key;
        *to.kinds++ = (char)kind;
    }
    memset(to.values + value, 0, PADDING);
}

PyDoc_STRVAR(consume_doc,
"consume(most, timeout_ms)\n--\n\n"
"Return up to so many records and errors, as (values, value_bounds, keys, key_bounds, offsets,\n"
"times_ms, kinds, errors); all but the last are bytes.\n\n"
"The bounds are 64-bit numbers, one more than there are records, as are offsets and times, one a\n"
"record; PADDING zeros follow the values. A byte of kinds has the kind of the record's timestamp\n"
"(0: none), VALUE_IS_NULL and KEY_IS_NULL. Of each error: how many of the records came before it,\n"
"its code and its text. Raises MemoryError; what was fetched is lost then.");

static PyObject *queue_consume(PyObject *object, PyObject *args) {
    Queue *self = (Queue *)object;
    Py_ssize_t most;
    int timeout_ms;
    if (!PyArg_ParseTuple(args, "ni", &most, &timeout_ms)) return NULL;
    if (!self->queue || self->in_use || most < 1) {
        PyErr_SetString(PyExc_RuntimeError, "the queue is closed or in use");
        return NULL;
    }
    struct message **found = PyMem_RawMalloc((size_t)most * sizeof *found);
    if (!found) return PyErr_NoMemory();
    const struct client *client = &self->client;
    ssize_t count;
    struct size size;
    self->in_use = 1;
    Py_BEGIN_ALLOW_THREADS
    count = client->consume_batch_queue(self->queue, timeout_ms, found, (size_t)most);
    if (count < 0) count = 0; /* the queue is being shut down */
    size = size_of(found, count);
    Py_END_ALLOW_THREADS
    Py_ssize_t bounds = (size.records + 1) * 8, numbers = size.records * 8;
    PyObject *result = NULL;
    PyObject *values = PyBytes_FromStringAndSize(NULL, size.value_bytes + PADDING);
    PyObject *value_bounds = PyBytes_FromStringAndSize(NULL, bounds);
    PyObject *keys = PyBytes_FromStringAndSize(NULL, size.key_bytes);
    PyObject *key_bounds = PyBytes_FromStringAndSize(NULL, bounds);
    PyObject *offsets = PyBytes_FromStringAndSize(NULL, numbers);
    PyObject *times_ms = PyBytes_FromStringAndSize(NULL, numbers);
    PyObject *kinds = PyBytes_FromStringAndSize(NULL, size.records);
    PyObject *errors = errors_of(client, found, count);
    int made = values && value_bounds && keys && key_bounds && offsets && times_ms && kinds && errors;
    struct columns to = {0};
    if (made)
        to = (struct columns){
            PyBytes_AS_STRING(values),
            PyBytes_AS_STRING(keys),
            (int64_t *)PyBytes_AS_STRING(value_bounds),
            (int64_t *)PyBytes_AS_STRING(key_bounds),
            (int64_t *)PyBytes_AS_STRING(offsets),
            (int64_t *)PyBytes_AS_STRING(times_ms),
            PyBytes_AS_STRING(kinds),
        };
    Py_BEGIN_ALLOW_THREADS
    if (made) copy_columns(client, found, count, to);
    for (ssize_t i = 0; i < count; i++) client->message_destroy(found[i]);
    Py_END_ALLOW_THREADS
    self->in_use = 0;
    PyMem_RawFree(found);
    if (made)
        result = PyTuple_Pack(8, values, value_bounds, keys, key_bounds, offsets, times_ms, kinds,
                              errors);
    Py_XDECREF(values);
    Py_XDECREF(value_bounds);
    Py_XDECREF(keys);
    Py_XDECREF(key_bounds);
    Py_XDECREF(offsets);
    Py_XDECREF(times_ms);
    Py_XDECREF(kinds);
    Py_XDECREF(errors);
    return result;
}

static PyMethodDef queue_methods[] = {
    {"consume", queue_consume, METH_VARARGS, consume_doc},
    {"close", queue_close, METH_NOARGS, close_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(queue_doc,
"Queue(consumer, topic, partition, functions)\n--\n\n"
"The records of one partition of a consumer, past the consumer's own queue.\n\n"
"`functions` are the addresses of the client's functions, in the order of client.h.");

static PyTypeObject QueueType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "dataflows.streaming.native._native.Queue",
    .tp_doc = queue_doc,
    .tp_basicsize = sizeof(Queue),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = queue_new,
    .tp_dealloc = queue_dealloc,
    .tp_methods = queue_methods,
};

/* ---- module ---- */

static PyMethodDef functions[] = {
    {"match", (PyCFunction)(void (*)(void))match, METH_FASTCALL, match_doc},
    {"texts", (PyCFunction)(void (*)(void))texts, METH_FASTCALL, texts_doc},
    {"times", (PyCFunction)(void (*)(void))times, METH_FASTCALL, times_doc},
    {"distinct", distinct, METH_VARARGS, distinct_doc},
    {"key_groups", key_groups, METH_VARARGS, key_groups_doc},
    {"add_up", add_up, METH_VARARGS, add_up_doc},
    {NULL, NULL, 0, NULL},
};

static int add_all(PyObject *module) {
    if (PyType_Ready(&QueueType) < 0 ||
        PyModule_AddObjectRef(module, "Queue", (PyObject *)&QueueType) < 0)
        return -1;
    if (PyModule_AddIntMacro(module, PADDING) < 0 || PyModule_AddIntMacro(module, VALUE_IS_NULL) < 0)
        return -1;
    return PyModule_AddIntMacro(module, KEY_IS_NULL);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, add_all}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_native",
    .m_doc = "Records of a partition: out of the client's queue, and their values out of their bytes.",
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&definition); }
