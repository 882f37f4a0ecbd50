/* The part of librdkafka's public interface that reading needs. */

#ifndef TIDEMARK_CLIENT_H
#define TIDEMARK_CLIENT_H

#include "librdkafka.h"

struct client {
    void *(*queue_get_partition)(void *handle, const char *topic, int32_t partition);
    void (*queue_forward)(void *queue, void *to);
    ssize_t (*consume_batch_queue)(void *queue, int timeout_ms, struct message **found, size_t most);
    const char *(*message_errstr)(const struct message *message);
    int64_t (*message_timestamp)(const struct message *message, int *kind);
    void (*message_destroy)(struct message *message);
    void (*queue_destroy)(void *queue);
};

#endif
