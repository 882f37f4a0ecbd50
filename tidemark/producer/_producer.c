/* A producer of librdkafka's that takes many records at a call, and reports only what failed. */

#include "views.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

/* ---- what the client tells, kept until it is asked for ---- */

enum { FAILURES = 64, ERRORS = 16, NAME_SIZE = 256, REASON_SIZE = 512 };

/* Records of one topic that failed in one way. */
struct failure {
    int32_t err;
    char topic[NAME_SIZE];
    long long count, largest;
};

struct told {
    int err;
    char reason[REASON_SIZE];
};

struct topic {
    char name[NAME_SIZE];
    void *topic;
    struct topic *next;
};

typedef struct {
    PyObject_HEAD
    struct client client;
    void *handle;
    struct topic *topics;
    struct failure failures[FAILURES];
    int failure_count;
    struct told errors[ERRORS];
    int error_count;
    int in_use;
} Producer;

static long long size_of(const struct client *client, const struct message *message) {
    long long size = (long long)(message->length + message->key_length);
    void *headers = NULL;
    if (client->message_headers(message, &headers) == 0) {
        const char *name;
        const void *bytes;
        size_t length;
        for (size_t i = 0; !client->header_get_all(headers, i, &name, &bytes, &length); i++)
            size += (long long)(strlen(name) + length);
    }
    return size;
}

/* Reports come while the client is polled, so in the thread that does that, without the GIL. */
static void on_report(void *handle, const struct message *message, void *opaque) {
    Producer *self = opaque;
    if (!message->err) return;
    const char *name = self->client.topic_name(message->topic);
    long long size = size_of(&self->client, message);
    int at = 0;
    while (at < self->failure_count && (self->failures[at].err != message->err ||
                                        strcmp(self->failures[at].topic, name)))
        at++;
    if (at == FAILURES)
        at--; /* rather miscounted than forgotten */
    else if (at == self->failure_count) {
        self->failure_count++;
        self->failures[at] = (struct failure){.err = message->err};
        snprintf(self->failures[at].topic, NAME_SIZE, "%s", name);
    }
    self->failures[at].count++;
    if (size > self->failures[at].largest) self->failures[at].largest = size;
}

static void on_error(void *handle, int err, const char *reason, void *opaque) {
    Producer *self = opaque;
    if (self->error_count == ERRORS) return;
    struct told *told = &self->errors[self->error_count++];
    told->err = err;
    snprintf(told->reason, REASON_SIZE, "%s", reason ? reason : "");
}

/* It would print each failed connection to stderr. */
static void on_log(const void *handle, int level, const char *source, const char *text) {}

/* ---- life ---- */

static void destroy(Producer *self) {
    struct topic *topic = self->topics;
    self->topics = NULL;
    while (topic) {
        struct topic *next = topic->next;
        self->client.topic_destroy(topic->topic);
        free(topic);
        topic = next;
    }
    if (self->handle) self->client.destroy(self->handle);
    self->handle = NULL;
}

static void producer_dealloc(PyObject *object) {
    Producer *self = (Producer *)object;
    Py_BEGIN_ALLOW_THREADS
    destroy(self);
    Py_END_ALLOW_THREADS
    Py_TYPE(object)->tp_free(object);
}

/* Sets the properties, a dictionary of texts. */
static int configured(const struct client *client, void *conf, PyObject *properties) {
    PyObject *name, *value;
    Py_ssize_t at = 0;
    char why[REASON_SIZE];
    while (PyDict_Next(properties, &at, &name, &value)) {
        const char *name_text = PyUnicode_AsUTF8(name);
        const char *value_text = name_text ? PyUnicode_AsUTF8(value) : NULL;
        if (!value_text) return 0;
        if (client->conf_set(conf, name_text, value_text, why, sizeof why) != CONF_OK) {
            PyErr_SetString(PyExc_ValueError, why);
            return 0;
        }
    }
    return 1;
}

static PyObject *producer_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *properties, *addresses;
    static char *names[] = {"properties", "functions", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O:Producer", names, &PyDict_Type,
                                     &properties, &addresses))
        return NULL;
    Producer *self = (Producer *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    struct client *client = &self->client;
    if (!fill_functions(client, sizeof *client, addresses)) goto failed;
    void *conf = client->conf_new();
    if (!configured(client, conf, properties)) {
        client->conf_destroy(conf);
        goto failed;
    }
    client->conf_set_opaque(conf, self);
    client->conf_set_dr_msg_cb(conf, on_report);
    client->conf_set_error_cb(conf, on_error);
    client->conf_set_log_cb(conf, on_log);
    char why[REASON_SIZE] = "";
    Py_BEGIN_ALLOW_THREADS
    self->handle = client->new(PRODUCER, conf, why, sizeof why);
    /* The configuration is the client's from then on, if it was made. */
    if (!self->handle) client->conf_destroy(conf);
    Py_END_ALLOW_THREADS
    if (self->handle) return (PyObject *)self;
    PyErr_SetString(PyExc_ValueError, why);
failed:
    Py_DECREF(self);
    return NULL;
}

/* For one thread at a time, and open. */
static int entered(Producer *self) {
    if (!self->in_use && self->handle) {
        self->in_use = 1;
        return 1;
    }
    PyErr_SetString(PyExc_RuntimeError,
                    self->in_use ? "the producer is in use" : "the producer is closed");
    return 0;
}

/* Returns NULL with an exception set where the client refuses the name. */
static void *topic_of(Producer *self, const char *name) {
    for (struct topic *each = self->topics; each; each = each->next)
        if (!strcmp(each->name, name)) return each->topic;
    struct topic *made = malloc(sizeof *made);
    if (!made) return PyErr_NoMemory();
    made->topic =
        strlen(name) < NAME_SIZE ? self->client.topic_new(self->handle, name, NULL) : NULL;
    if (!made->topic) {
        free(made);
        PyErr_Format(PyExc_ValueError, "the client refuses topic %.300s", name);
        return NULL;
    }
    strcpy(made->name, name);
    made->next = self->topics;
    self->topics = made;
    return made->topic;
}

/* ---- records one by one ---- */

enum { MOST_HEADERS = 64, ARGUMENTS = 5 + MOST_HEADERS };

struct names {
    PyObject *topic, *key, *value, *headers, *partition;
};

/* What a record holds, and what the client is told of it. */
struct held {
    PyObject *topic, *key, *value, *headers, *partition;
    struct argument arguments[ARGUMENTS];
    size_t count;
    Py_ssize_t bytes;
};

static void let_go(struct held *held) {
    Py_CLEAR(held->topic);
    Py_CLEAR(held->key);
    Py_CLEAR(held->value);
    Py_CLEAR(held->headers);
    Py_CLEAR(held->partition);
}

static int bytes_of(struct held *held, int kind, PyObject *from) {
    struct argument *argument = &held->arguments[held->count++];
    argument->kind = kind;
    argument->is.memory.bytes = NULL;
    argument->is.memory.size = 0;
    if (from == Py_None) return 1;
    if (!PyBytes_Check(from)) {
        PyErr_SetString(PyExc_TypeError, "keys, values and headers are bytes");
        return 0;
    }
    argument->is.memory.bytes = PyBytes_AS_STRING(from);
    argument->is.memory.size = (size_t)PyBytes_GET_SIZE(from);
    held->bytes += PyBytes_GET_SIZE(from);
    return 1;
}

static int headers_of(struct held *held, PyObject *headers) {
    if (!PyTuple_Check(headers) || PyTuple_GET_SIZE(headers) > MOST_HEADERS) {
        PyErr_Format(PyExc_TypeError, "headers: not a tuple of up to %d", (int)MOST_HEADERS);
        return 0;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(headers); i++) {
        PyObject *pair = PyTuple_GET_ITEM(headers, i);
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2 ||
            !PyBytes_Check(PyTuple_GET_ITEM(pair, 1))) {
            PyErr_SetString(PyExc_TypeError, "headers: not pairs of a name and bytes");
            return 0;
        }
        struct argument *argument = &held->arguments[held->count++];
        PyObject *value = PyTuple_GET_ITEM(pair, 1);
        argument->kind = ARGUMENT_HEADER;
        Py_ssize_t name_size;
        argument->is.header.name =
            PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(pair, 0), &name_size);
        if (!argument->is.header.name) return 0;
        argument->is.header.bytes = PyBytes_AS_STRING(value);
        argument->is.header.size = PyBytes_GET_SIZE(value);
        held->bytes += name_size + PyBytes_GET_SIZE(value);
    }
    return 1;
}

static int partition_of(struct held *held, PyObject *partitions, int32_t *partition) {
    *partition = -1;
    if (held->partition == Py_None) return 1;
    PyObject *found = PyDict_GetItemWithError(partitions, held->topic);
    long number = PyLong_AsLong(held->partition);
    long of = found ? PyLong_AsLong(found) : 0;
    if (PyErr_Occurred()) return 0;
    if (of < 1 || of > INT32_MAX || number < 0) {
        PyErr_Format(PyExc_ValueError, "partitions: none for topic %S", held->topic);
        return 0;
    }
    *partition = (int32_t)(number % of);
    return 1;
}

/* Fills in what is told of a record; it holds on to all of that. */
static int hold_record(Producer *self, struct held *held, PyObject *record,
                       const struct names *names, PyObject *partitions) {
    held->count = 0;
    held->bytes = 0;
    if (!(held->topic = PyObject_GetAttr(record, names->topic)) ||
        !(held->key = PyObject_GetAttr(record, names->key)) ||
        !(held->value = PyObject_GetAttr(record, names->value)) ||
        !(held->headers = PyObject_GetAttr(record, names->headers)) ||
        !(held->partition = PyObject_GetAttr(record, names->partition)))
        return 0;
    const char *name = PyUnicode_AsUTF8(held->topic);
    void *topic = name ? topic_of(self, name) : NULL;
    if (!topic) return 0;
    struct argument *first = held->arguments;
    first[0].kind = ARGUMENT_TOPIC;
    first[0].is.topic = topic;
    first[1].kind = ARGUMENT_PARTITION;
    first[2].kind = ARGUMENT_FLAGS;
    first[2].is.flags = COPY;
    held->count = 3;
    return partition_of(held, partitions, &first[1].is.partition) &&
           bytes_of(held, ARGUMENT_VALUE, held->value) &&
           bytes_of(held, ARGUMENT_KEY, held->key) && headers_of(held, held->headers);
}

PyDoc_STRVAR(send_doc,
"send(records, first, partitions, most_bytes)\n--\n\n"
"Hand records over in order, those from `first` on, until the client's queue is full, one is\n"
"refused, or so many bytes have been taken.\n\n"
"A record has `topic`, `key`, `value`, `headers` and `partition`: the number modulo what\n"
"`partitions` has of the topic, or None. Returns the place of the first that was not taken, the\n"
"bytes of those that were, and the error that refused it, 0 if none did.");

enum { AT_ONCE = 128 };

static PyObject *producer_send(PyObject *object, PyObject *args) {
    Producer *self = (Producer *)object;
    PyObject *records, *partitions, *result = NULL;
    Py_ssize_t first, most;
    if (!PyArg_ParseTuple(args, "O!nO!n", &PyList_Type, &records, &first, &PyDict_Type,
                          &partitions, &most))
        return NULL;
    if (first < 0) {
        PyErr_SetString(PyExc_ValueError, "first: below 0");
        return NULL;
    }
    if (!entered(self)) return NULL;
    struct names names = {
        PyUnicode_InternFromString("topic"),   PyUnicode_InternFromString("key"),
        PyUnicode_InternFromString("value"),   PyUnicode_InternFromString("headers"),
        PyUnicode_InternFromString("partition"),
    };
    struct held *held = PyMem_Calloc(AT_ONCE, sizeof *held);
    int made = held && names.topic && names.key && names.value && names.headers && names.partition;
    if (!held) PyErr_NoMemory();
    int failure = 0;
    Py_ssize_t bytes = 0, at = first;
    while (made && !failure && bytes < most) {
        /* As many as are sure to be wanted: what is held on to is handed over. */
        Py_ssize_t count = 0, next_bytes = bytes;
        /* What a record's attributes run may change the list. */
        while (made && count < AT_ONCE && next_bytes < most && at + count < PyList_GET_SIZE(records)) {
            PyObject *record = Py_NewRef(PyList_GET_ITEM(records, at + count));
            made = hold_record(self, &held[count], record, &names, partitions);
            next_bytes += held[count++].bytes;
            Py_DECREF(record);
        }
        Py_ssize_t ready = made ? count : 0, sent = 0;
        Py_BEGIN_ALLOW_THREADS
        for (; sent < ready; sent++) {
            void *error =
                self->client.produceva(self->handle, held[sent].arguments, held[sent].count);
            if (error) {
                failure = self->client.error_code(error);
                self->client.error_destroy(error);
                break;
            }
            bytes += held[sent].bytes;
        }
        Py_END_ALLOW_THREADS
        at += sent;
        for (Py_ssize_t i = 0; i < count; i++) let_go(&held[i]);
        if (!count) break;
    }
    if (made) result = Py_BuildValue("nni", at, bytes, failure == QUEUE_FULL ? 0 : failure);
    PyMem_Free(held);
    Py_XDECREF(names.topic);
    Py_XDECREF(names.key);
    Py_XDECREF(names.value);
    Py_XDECREF(names.headers);
    Py_XDECREF(names.partition);
    self->in_use = 0;
    return result;
}

/* ---- records as columns ---- */

enum { PARTITIONS, KEY_BOUNDS, KEYS, VALUE_BOUNDS, VALUES, NULLS, COLUMN_VIEWS };

/* Cuts row `row` out of joined bytes; 0 for one outside of them. */
static int cut(const struct view *bounds, const struct view *joined, Py_ssize_t row,
               const char **begin, size_t *size) {
    const int64_t *bound = (const int64_t *)bounds->buffer.buf + row;
    if (bound[0] < 0 || bound[0] > bound[1] || bound[1] > joined->buffer.len) return 0;
    *begin = (const char *)joined->buffer.buf + bound[0];
    *size = (size_t)(bound[1] - bound[0]);
    return 1;
}

PyDoc_STRVAR(send_columns_doc,
"send_columns(topic, partitions, key_bounds, keys, value_bounds, values, nulls)\n--\n\n"
"Hand records over in order until one is refused.\n\n"
"Record i goes to partitions[i] (32 bits), with keys[key_bounds[i]:key_bounds[i + 1]] and the value\n"
"that lies likewise (bounds of 64 bits); nulls[i] (8 bits) says by VALUE_IS_NULL and KEY_IS_NULL\n"
"what it lacks. Returns how many were taken and the error that refused the next, 0 if none did.\n"
"Raises ValueError for arrays that do not belong together.");

static PyObject *producer_send_columns(PyObject *object, PyObject *args) {
    static const char *names[] = {"partitions",   "key_bounds", "keys",
                                  "value_bounds", "values",     "nulls"};
    static const Py_ssize_t sizes[] = {4, 8, 1, 8, 1, 1};
    Producer *self = (Producer *)object;
    PyObject *from[COLUMN_VIEWS], *result = NULL;
    struct view views[COLUMN_VIEWS] = {0};
    const char *name;
    if (!PyArg_ParseTuple(args, "sOOOOOO", &name, &from[0], &from[1], &from[2], &from[3],
                          &from[4], &from[5]))
        return NULL;
    if (!entered(self)) return NULL;
    for (int i = 0; i < COLUMN_VIEWS; i++)
        if (!hold(&views[i], from[i], names[i], sizes[i], 0)) goto done;
    Py_ssize_t rows = items(&views[PARTITIONS], 4), at = 0;
    if (items(&views[KEY_BOUNDS], 8) != rows + 1 ||
        items(&views[VALUE_BOUNDS], 8) != rows + 1 || items(&views[NULLS], 1) != rows) {
        PyErr_SetString(PyExc_ValueError, "arrays that do not belong together");
        goto done;
    }
    void *topic = topic_of(self, name);
    if (!topic) goto done;
    const int32_t *partitions = views[PARTITIONS].buffer.buf;
    const unsigned char *nulls = views[NULLS].buffer.buf;
    int failure = 0, outside = 0;
    Py_BEGIN_ALLOW_THREADS
    for (; at < rows; at++) {
        const char *key, *value;
        size_t key_size, value_size;
        outside = !cut(&views[KEY_BOUNDS], &views[KEYS], at, &key, &key_size) ||
                  !cut(&views[VALUE_BOUNDS], &views[VALUES], at, &value, &value_size);
        if (outside) break;
        int no_key = nulls[at] & KEY_IS_NULL, no_value = nulls[at] & VALUE_IS_NULL;
        if (self->client.produce(topic, partitions[at], COPY, no_value ? NULL : (void *)value,
                                 no_value ? 0 : value_size, no_key ? NULL : key,
                                 no_key ? 0 : key_size, NULL)) {
            failure = self->client.last_error();
            break;
        }
    }
    Py_END_ALLOW_THREADS
    if (outside)
        PyErr_SetString(PyExc_ValueError, "a record outside of the data");
    else
        result = Py_BuildValue("ni", at, failure);
done:
    release(views, COLUMN_VIEWS);
    self->in_use = 0;
    return result;
}

/* ---- what becomes of them ---- */

/* Calls the client; `number` is a time in milliseconds, or flags. */
static PyObject *called(Producer *self, int number, int (*function)(void *, int)) {
    Py_BEGIN_ALLOW_THREADS
    function(self->handle, number);
    Py_END_ALLOW_THREADS
    self->in_use = 0;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(poll_doc, "poll(timeout_ms)\n--\n\nTake in reports, and wait so long for one.");

static PyObject *producer_poll(PyObject *object, PyObject *args) {
    Producer *self = (Producer *)object;
    int timeout_ms;
    if (!PyArg_ParseTuple(args, "i", &timeout_ms) || !entered(self)) return NULL;
    return called(self, timeout_ms, self->client.poll);
}

PyDoc_STRVAR(flush_doc,
"flush(timeout_ms)\n--\n\nSend what waits at once, and wait so long until nothing is unacknowledged.");

static PyObject *producer_flush(PyObject *object, PyObject *args) {
    Producer *self = (Producer *)object;
    int timeout_ms;
    if (!PyArg_ParseTuple(args, "i", &timeout_ms) || !entered(self)) return NULL;
    return called(self, timeout_ms, self->client.flush);
}

PyDoc_STRVAR(purge_doc, "purge()\n--\n\nGive up what is not acknowledged; it is reported as failed.");

static PyObject *producer_purge(PyObject *object, PyObject *unused) {
    Producer *self = (Producer *)object;
    if (!entered(self)) return NULL;
    return called(self, PURGE_QUEUE | PURGE_IN_FLIGHT, self->client.purge);
}

PyDoc_STRVAR(failures_doc,
"failures()\n--\n\n"
"Return what has failed: (topic, error, records, bytes of the largest) of each topic and error.");

static PyObject *producer_failures(PyObject *object, PyObject *unused) {
    Producer *self = (Producer *)object;
    PyObject *result = PyList_New(0);
    for (int i = 0; result && i < self->failure_count; i++) {
        const struct failure *each = &self->failures[i];
        PyObject *item =
            Py_BuildValue("siLL", each->topic, (int)each->err, each->count, each->largest);
        if (!item || PyList_Append(result, item) < 0) Py_CLEAR(result);
        Py_XDECREF(item);
    }
    return result;
}

PyDoc_STRVAR(errors_doc,
"errors()\n--\n\nReturn what the client has said of itself since the last call: (error, text) of each.");

static PyObject *producer_errors(PyObject *object, PyObject *unused) {
    Producer *self = (Producer *)object;
    PyObject *result = PyList_New(0);
    for (int i = 0; result && i < self->error_count; i++) {
        const char *text = self->errors[i].reason;
        PyObject *reason = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
        PyObject *item = reason ? Py_BuildValue("iN", self->errors[i].err, reason) : NULL;
        if (!item || PyList_Append(result, item) < 0) Py_CLEAR(result);
        Py_XDECREF(item);
    }
    if (result) self->error_count = 0;
    return result;
}

PyDoc_STRVAR(partitions_doc,
"partitions(topic, timeout_ms)\n--\n\n"
"Ask the broker for the partitions of a topic; None asks only whether it answers.\n\n"
"Returns their count, the error of the topic and the error of the question, each 0 if none.");

static PyObject *producer_partitions(PyObject *object, PyObject *args) {
    Producer *self = (Producer *)object;
    const char *name;
    int timeout_ms, count = 0, topic_failure = 0, failure;
    if (!PyArg_ParseTuple(args, "zi", &name, &timeout_ms) || !entered(self)) return NULL;
    void *topic = name ? topic_of(self, name) : NULL;
    if (name && !topic) {
        self->in_use = 0;
        return NULL;
    }
    const struct metadata *found = NULL;
    Py_BEGIN_ALLOW_THREADS
    failure = self->client.metadata(self->handle, 0, topic, &found, timeout_ms);
    for (int i = 0; !failure && name && i < found->topic_count; i++)
        if (!strcmp(found->topics[i].topic, name)) {
            count = found->topics[i].partition_count;
            topic_failure = found->topics[i].err;
        }
    if (!failure) self->client.metadata_destroy(found);
    Py_END_ALLOW_THREADS
    self->in_use = 0;
    return Py_BuildValue("iii", count, topic_failure, failure);
}

PyDoc_STRVAR(close_doc, "close()\n--\n\nGive the client up, with all that it has not sent.");

static PyObject *producer_close(PyObject *object, PyObject *unused) {
    Producer *self = (Producer *)object;
    if (!self->handle) Py_RETURN_NONE;
    if (!entered(self)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    destroy(self);
    Py_END_ALLOW_THREADS
    self->in_use = 0;
    Py_RETURN_NONE;
}

static Py_ssize_t producer_length(PyObject *object) {
    Producer *self = (Producer *)object;
    return self->handle ? self->client.outq_len(self->handle) : 0;
}

static PyMethodDef methods[] = {
    {"send", producer_send, METH_VARARGS, send_doc},
    {"send_columns", producer_send_columns, METH_VARARGS, send_columns_doc},
    {"poll", producer_poll, METH_VARARGS, poll_doc},
    {"flush", producer_flush, METH_VARARGS, flush_doc},
    {"purge", producer_purge, METH_NOARGS, purge_doc},
    {"failures", producer_failures, METH_NOARGS, failures_doc},
    {"errors", producer_errors, METH_NOARGS, errors_doc},
    {"partitions", producer_partitions, METH_VARARGS, partitions_doc},
    {"close", producer_close, METH_NOARGS, close_doc},
    {NULL, NULL, 0, NULL},
};

static PySequenceMethods as_sequence = {.sq_length = producer_length};

PyDoc_STRVAR(producer_doc,
"Producer(properties, functions)\n--\n\n"
"A producer; `len` of it is how many records are neither acknowledged nor reported as failed.\n\n"
"`properties` are librdkafka's, as texts; `functions` the addresses of its functions, in the order of\n"
"client.h. For one thread at a time: raises RuntimeError otherwise, and after `close`; ValueError for\n"
"properties that the client refuses.");

static PyTypeObject ProducerType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "tidemark.producer._producer.Producer",
    .tp_doc = producer_doc,
    .tp_basicsize = sizeof(Producer),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = producer_new,
    .tp_dealloc = producer_dealloc,
    .tp_methods = methods,
    .tp_as_sequence = &as_sequence,
};

static int add_all(PyObject *module) {
    if (PyType_Ready(&ProducerType) < 0 ||
        PyModule_AddObjectRef(module, "Producer", (PyObject *)&ProducerType) < 0)
        return -1;
    if (PyModule_AddIntMacro(module, VALUE_IS_NULL) < 0) return -1;
    return PyModule_AddIntMacro(module, KEY_IS_NULL);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, add_all}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_producer",
    .m_doc = "A producer that takes many records at a call.",
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__producer(void) { return PyModuleDef_Init(&definition); }
