/// WebRTC connections with Shoal's two data channels, over libdatachannel's C++ interface: its C interface has neither
/// PEM certificates in memory, nor fingerprints, nor round-trip times, and the two cannot be mixed.
///
/// Rules for the caller:
/// - Nothing here is called from a callback: libdatachannel deadlocks when it is (its issues #1611 and #1616).
///   Callbacks copy, post and return.
/// - One thread at a time uses a connection.
/// - No C++ exception leaves these functions. Those that can fail return NULL, or a sentence that says what went wrong
///   and is to be freed with ``cdc_free``.
#ifndef SHOAL_CDATACHANNEL_H
#define SHOAL_CDATACHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Frees a string that a function of this header returned. NULL is fine.
void cdc_free(char *text);

/// What holds for all connections of the process. Durations in milliseconds, sizes in bytes.
typedef struct cdc_settings {
    unsigned int threads;
    size_t send_buffer;
    size_t receive_buffer;
    size_t initial_window;
    size_t maximum_burst;
    unsigned int heartbeat_interval;
    unsigned int retransmit_attempts;
    unsigned int minimum_retransmit_timeout;
    unsigned int initial_retransmit_timeout;
} cdc_settings;

/// To be called before the first connection is made; later calls change nothing.
void cdc_initialize(const cdc_settings *settings);

/// A self-signed ECDSA P-256 certificate, which is what a WebRTC peer is known by.
typedef struct cdc_certificate {
    char *certificate_pem;
    char *key_pem;
    uint8_t fingerprint[32]; ///< SHA-256 of the DER form, as `a=fingerprint` has it.
} cdc_certificate;

/// Makes a certificate; its strings are freed with ``cdc_free``.
char *cdc_certificate_make(cdc_certificate *certificate);

/// The two channels, which both sides negotiate out of band; the values are their stream numbers.
typedef enum cdc_channel {
    CDC_CONTROL = 0, ///< Ordered, reliable.
    CDC_BULK = 1,    ///< Unordered, reliable.
} cdc_channel;

/// Why a connection is of no use any more.
typedef enum cdc_end {
    CDC_END_FAILED,       ///< No path was found, or the DTLS or SCTP handshake failed.
    CDC_END_DISCONNECTED, ///< The peer closed the connection or a channel, or stopped answering.
    CDC_END_CLOSED,       ///< ``cdc_close`` is done.
    CDC_END_FOREIGN,      ///< The peer opened a channel of its own.
} cdc_end;

/// Called on libdatachannel's threads, several at once; messages of a connection arrive on one thread at a time, those
/// of a channel in order, and may come before `opened`.
typedef struct cdc_callbacks {
    void *context; ///< Must live until ``cdc_destroy`` has returned; no callback runs after that.
    void (*gathered)(void *context);
    void (*opened)(void *context, cdc_channel channel);
    void (*received)(void *context, cdc_channel channel, const void *bytes, size_t count, bool is_text);
    /// What `bulk` has buffered fell to the threshold. Also called from within ``cdc_send``.
    void (*drained)(void *context);
    void (*ended)(void *context, cdc_end end);
} cdc_callbacks;

typedef struct cdc_configuration {
    const char *certificate_pem;
    const char *key_pem;
    const char *bind_address;       ///< NULL: all interfaces except loopback.
    const char *const *ice_servers; ///< URLs: `stun:host:port`, `turn:user:password@host:port`.
    size_t ice_server_count;
    bool relay_only;
    size_t maximum_message;     ///< What we accept; longer messages arrive cut to it.
    size_t drained_threshold;   ///< See `drained`.
} cdc_configuration;

typedef struct cdc_connection cdc_connection;

/// Makes a connection with both channels; nothing is sent before ``cdc_offer`` or ``cdc_answer``.
char *cdc_create(const cdc_configuration *configuration, const cdc_callbacks *callbacks, cdc_connection **connection);

/// Starts gathering candidates for an offer; `gathered` follows.
char *cdc_offer(cdc_connection *connection);
/// Takes the peer's offer and starts gathering candidates for the answer; `gathered` follows.
char *cdc_answer(cdc_connection *connection, const char *offer);
/// Takes the peer's answer to our offer.
char *cdc_accept(cdc_connection *connection, const char *answer);

/// Our offer or answer with the candidates gathered so far; NULL when there is none yet. Freed with ``cdc_free``.
char *cdc_local_description(cdc_connection *connection);

/// Sends one binary message, which is `head` followed by `body`; both are copied.
char *cdc_send(
    cdc_connection *connection, cdc_channel channel, const void *head, size_t head_size, const void *body,
    size_t body_size);
/// Bytes that wait in libdatachannel's queue. What SCTP has taken over, up to its send buffer, is not counted.
size_t cdc_buffered(cdc_connection *connection, cdc_channel channel);

/// SHA-256 of the certificate that the peer showed in the DTLS handshake; false before that.
bool cdc_remote_fingerprint(cdc_connection *connection, uint8_t fingerprint[32]);

typedef struct cdc_statistics {
    uint64_t bytes_sent;
    uint64_t bytes_received;
    int64_t round_trip; ///< SCTP's smoothed round-trip time in milliseconds; −1 when unknown.
    char *local_candidate;  ///< Of the selected pair, as SDP writes it; NULL before there is one. Freed with ``cdc_free``.
    char *remote_candidate; ///< Likewise.
    bool is_relayed;        ///< The pair leads over a TURN server.
} cdc_statistics;

void cdc_statistics_read(cdc_connection *connection, cdc_statistics *statistics);

/// Sends what is buffered, then shuts the connection down; `ended` says when that is done.
void cdc_close(cdc_connection *connection);
/// Ends the connection at once. Blocks until running callbacks have returned; none is called afterwards.
void cdc_destroy(cdc_connection *connection);

#ifdef __cplusplus
}
#endif

#endif
