/* What no pump in Python can outrun: the loop of bare_relay.py in C. It reads nothing and checks nothing.
 *
 * Build: cc -O2 -o bare_relay bare_relay.c -lrabbitmq
 * Usage: bare_relay AMQP_URL QUEUE EXCHANGE
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_tcp_socket.h>
#endif

enum { CHANNEL = 1, PREFETCH = 1000, BATCH = 500 };

typedef struct {
    amqp_connection_state_t connection;
    amqp_bytes_t exchange;
    uint64_t unconfirmed[PREFETCH]; /* tags of what was delivered, at the number of its publication */
    uint64_t published, confirmed, acknowledged;
} relay_t;

static void require(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "bare_relay: %s\n", what);
        exit(1);
    }
}

static void answered(amqp_connection_state_t connection, const char *what) {
    require(amqp_get_rpc_reply(connection).reply_type == AMQP_RESPONSE_NORMAL, what);
}

static amqp_connection_state_t connect_to(char *url) {
    struct amqp_connection_info to;
    require(amqp_parse_url(url, &to) == AMQP_STATUS_OK, "this is no AMQP URL");
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    require(socket && amqp_socket_open(socket, to.host, to.port) == AMQP_STATUS_OK, "the broker does not answer");
    amqp_rpc_reply_t reply = amqp_login(connection, to.vhost, 0, 131072, 60, AMQP_SASL_METHOD_PLAIN, to.user, to.password);
    require(reply.reply_type == AMQP_RESPONSE_NORMAL, "the broker refuses the login");
    amqp_channel_open(connection, CHANNEL);
    answered(connection, "no channel");
    return connection;
}

static void pass_on(relay_t *relay, const amqp_basic_deliver_t *delivery) {
    amqp_message_t message;
    amqp_rpc_reply_t reply = amqp_read_message(relay->connection, CHANNEL, &message, 0);
    require(reply.reply_type == AMQP_RESPONSE_NORMAL, "a message broke off");
    relay->unconfirmed[relay->published++ % PREFETCH] = delivery->delivery_tag;
    int status = amqp_basic_publish(relay->connection, CHANNEL, relay->exchange, delivery->routing_key, 0, 0,
                                    &message.properties, message.body);
    require(status == AMQP_STATUS_OK, "cannot publish");
    amqp_destroy_message(&message);
}

static void confirmed(relay_t *relay, uint64_t number) {
    if (number <= relay->confirmed) return;
    relay->confirmed = number;
    if (number - relay->acknowledged < BATCH && number < relay->published) return;
    uint64_t tag = relay->unconfirmed[(number - 1) % PREFETCH];
    require(amqp_basic_ack(relay->connection, CHANNEL, tag, true) == AMQP_STATUS_OK, "cannot acknowledge");
    relay->acknowledged = number;
}

static void relay_one(relay_t *relay) {
    amqp_frame_t frame;
    require(amqp_simple_wait_frame(relay->connection, &frame) == AMQP_STATUS_OK, "the connection is lost");
    if (frame.frame_type != AMQP_FRAME_METHOD) return;
    if (frame.payload.method.id == AMQP_BASIC_DELIVER_METHOD) pass_on(relay, frame.payload.method.decoded);
    if (frame.payload.method.id == AMQP_BASIC_ACK_METHOD)
        confirmed(relay, ((amqp_basic_ack_t *)frame.payload.method.decoded)->delivery_tag);
    amqp_maybe_release_buffers(relay->connection);
}

int main(int count, char **given) {
    require(count == 4, "usage: bare_relay AMQP_URL QUEUE EXCHANGE");
    relay_t relay = {.connection = connect_to(given[1]), .exchange = amqp_cstring_bytes(given[3])};
    amqp_basic_qos(relay.connection, CHANNEL, 0, PREFETCH, false);
    amqp_confirm_select(relay.connection, CHANNEL);
    amqp_basic_consume(relay.connection, CHANNEL, amqp_cstring_bytes(given[2]), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    answered(relay.connection, "cannot consume");
    for (;;) relay_one(&relay);
}
