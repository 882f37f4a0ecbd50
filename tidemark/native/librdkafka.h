/* What the compiled parts share of librdkafka's public interface. The library is the one that
 * confluent-kafka has loaded: its functions come as addresses, nothing is linked. */

#ifndef TIDEMARK_LIBRDKAFKA_H
#define TIDEMARK_LIBRDKAFKA_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

/* rd_kafka_message_t, as rdkafka.h defines it for all versions from 0.9 on. */
struct message {
    int32_t err;
    void *topic;
    int32_t partition;
    void *payload;
    size_t length;
    void *key;
    size_t key_length;
    int64_t offset;
    void *private;
};

/* What a record of ours lacks. */
enum { VALUE_IS_NULL = 16, KEY_IS_NULL = 32 };

/* Fills a table of function pointers, which holds nothing else, with a tuple of addresses. */
static inline int fill_functions(void *table, size_t size, PyObject *addresses) {
    size_t count = size / sizeof(uintptr_t);
    if (!PyTuple_Check(addresses) || PyTuple_GET_SIZE(addresses) != (Py_ssize_t)count) {
        PyErr_Format(PyExc_ValueError, "functions: no tuple of %zu", count);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        uintptr_t address =
            (uintptr_t)PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(addresses, (Py_ssize_t)i));
        if (PyErr_Occurred()) return 0;
        if (!address) {
            PyErr_SetString(PyExc_ValueError, "functions: an address is missing");
            return 0;
        }
        memcpy((char *)table + i * sizeof address, &address, sizeof address);
    }
    return 1;
}

#endif
