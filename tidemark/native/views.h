/* Arrays of the caller's, checked before they are used. */

#ifndef TIDEMARK_VIEWS_H
#define TIDEMARK_VIEWS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

struct view {
    Py_buffer buffer;
    int held;
};

static inline void release(struct view *views, int count) {
    for (int i = 0; i < count; i++)
        if (views[i].held) PyBuffer_Release(&views[i].buffer);
}

static inline int hold(struct view *view, PyObject *from, const char *name, Py_ssize_t item,
                       int writable) {
    int flags = writable ? PyBUF_CONTIG : PyBUF_CONTIG_RO;
    if (PyObject_GetBuffer(from, &view->buffer, flags) < 0) return 0;
    view->held = 1;
    if (view->buffer.len % item || (uintptr_t)view->buffer.buf % (uintptr_t)item) {
        PyErr_Format(PyExc_ValueError, "%s: no array of items of %zd bytes", name, item);
        return 0;
    }
    return 1;
}

static inline Py_ssize_t items(const struct view *view, Py_ssize_t item) {
    return view->buffer.len / item;
}

#endif
