/* The part of librdkafka's public interface that is used here. The library is the one that
 * confluent-kafka has loaded: its functions come as addresses, nothing is linked. */

#ifndef TIDEMARK_CLIENT_H
#define TIDEMARK_CLIENT_H

#include <stddef.h>
#include <stdint.h>
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

struct client {
    void *(*queue_get_partition)(void *handle, const char *topic, int32_t partition);
    void (*queue_forward)(void *queue, void *to);
    ssize_t (*consume_batch_queue)(void *queue, int timeout_ms, struct message **found, size_t most);
    const char *(*message_errstr)(const struct message *message);
    int64_t (*message_timestamp)(const struct message *message, int *kind);
    void (*message_destroy)(struct message *message);
    void (*queue_destroy)(void *queue);
};

#define CLIENT_FUNCTIONS 7

#endif
