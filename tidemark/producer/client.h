/* The part of librdkafka's public interface that a producer needs: types and numbers are those of
 * rdkafka.h. */

#ifndef TIDEMARK_PRODUCER_CLIENT_H
#define TIDEMARK_PRODUCER_CLIENT_H

#include "librdkafka.h"

/* rd_kafka_vu_t: one argument of rd_kafka_produceva. */
struct argument {
    int kind;
    union {
        void *topic;
        int32_t partition;
        int flags;
        struct {
            const void *bytes;
            size_t size;
        } memory;
        struct {
            const char *name;
            const void *bytes;
            ssize_t size;
        } header;
        char padding[64];
    } is;
};

enum { ARGUMENT_TOPIC = 2, ARGUMENT_PARTITION, ARGUMENT_VALUE, ARGUMENT_KEY,
       ARGUMENT_FLAGS = 7, ARGUMENT_HEADER = 9 };
enum { COPY = 2, PURGE_QUEUE = 1, PURGE_IN_FLIGHT = 2 };
enum { CONF_OK = 0, PRODUCER = 0 };
enum { QUEUE_FULL = -184 };

/* rd_kafka_metadata_t and what it holds */
struct partition_metadata;
struct topic_metadata {
    const char *topic;
    int partition_count;
    const struct partition_metadata *partitions;
    int32_t err;
};
struct metadata {
    int broker_count;
    const void *brokers;
    int topic_count;
    const struct topic_metadata *topics;
};

typedef void (*report_function)(void *handle, const struct message *message, void *opaque);
typedef void (*error_function)(void *handle, int err, const char *reason, void *opaque);
typedef void (*log_function)(const void *handle, int level, const char *source, const char *text);

struct client {
    void *(*conf_new)(void);
    void (*conf_destroy)(void *conf);
    int (*conf_set)(void *conf, const char *name, const char *value, char *why, size_t size);
    void (*conf_set_opaque)(void *conf, void *opaque);
    void (*conf_set_dr_msg_cb)(void *conf, report_function);
    void (*conf_set_error_cb)(void *conf, error_function);
    void (*conf_set_log_cb)(void *conf, log_function);
    void *(*new)(int type, void *conf, char *why, size_t size);
    void (*destroy)(void *handle);
    void *(*topic_new)(void *handle, const char *topic, void *conf);
    void (*topic_destroy)(void *topic);
    const char *(*topic_name)(const void *topic);
    int (*produce)(void *topic, int32_t partition, int flags, void *value, size_t size,
                   const void *key, size_t key_size, void *private);
    int (*last_error)(void);
    void *(*produceva)(void *handle, const struct argument *arguments, size_t count);
    int (*error_code)(const void *error);
    void (*error_destroy)(void *error);
    int (*poll)(void *handle, int timeout_ms);
    int (*flush)(void *handle, int timeout_ms);
    int (*purge)(void *handle, int flags);
    int (*outq_len)(void *handle);
    int (*metadata)(void *handle, int all_topics, void *topic, const struct metadata **found,
                    int timeout_ms);
    void (*metadata_destroy)(const struct metadata *metadata);
    int (*message_headers)(const struct message *message, void **headers);
    int (*header_get_all)(const void *headers, size_t index, const char **name, const void **bytes,
                          size_t *size);
};

#endif
