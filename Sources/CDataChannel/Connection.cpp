#include "Border.h"
#include "CDataChannel.h"

#include <rtc/global.hpp>
#include <rtc/peerconnection.hpp>

#include <array>
#include <chrono>
#include <mutex>
#include <stdexcept>

/// GCC 13 calls this when an exception meets `noexcept`; the libstdc++ of Debian 12 (GCC 12) does not have it yet.
extern "C" __attribute__((weak, noreturn)) void __cxa_call_terminate(void *) noexcept { std::terminate(); }

struct cdc_connection {
    rtc::PeerConnection peer;
    std::array<std::shared_ptr<rtc::DataChannel>, 2> channels;
    cdc_callbacks callbacks;

    cdc_connection(rtc::Configuration configuration, const cdc_callbacks &callbacks)
        : peer(std::move(configuration)), callbacks(callbacks) {}
};

namespace {

using shoal::copied;
using shoal::guarded;

rtc::Configuration libraryConfiguration(const cdc_configuration &wanted) {
    rtc::Configuration configuration;
    configuration.certificatePemFile = wanted.certificate_pem;
    configuration.keyPemFile = wanted.key_pem;
    if (wanted.bind_address)
        configuration.bindAddress = wanted.bind_address;
    for (size_t index = 0; index < wanted.ice_server_count; index++)
        configuration.iceServers.emplace_back(std::string(wanted.ice_servers[index]));
    if (wanted.relay_only)
        configuration.iceTransportPolicy = rtc::TransportPolicy::Relay;
    configuration.maxMessageSize = wanted.maximum_message;
    // Offers and answers are made when they are asked for, not when a channel appears.
    configuration.disableAutoNegotiation = true;
    return configuration;
}

/// Hands over all that has arrived. Runs on the association's one receiving thread, so that order is kept; with a
/// message callback instead, the thread that opens the channel would race it.
void deliver(cdc_connection *connection, cdc_channel channel) {
    const auto &callbacks = connection->callbacks;
    while (auto message = connection->channels[channel]->receive()) {
        if (auto *bytes = std::get_if<rtc::binary>(&*message))
            callbacks.received(callbacks.context, channel, bytes->data(), bytes->size(), false);
        else if (auto *text = std::get_if<rtc::string>(&*message))
            callbacks.received(callbacks.context, channel, text->data(), text->size(), true);
    }
}

void addChannel(cdc_connection *connection, cdc_channel channel, const char *label, bool unordered) {
    rtc::DataChannelInit init;
    init.negotiated = true;
    init.id = static_cast<uint16_t>(channel);
    init.reliability.unordered = unordered;
    auto made = connection->peer.createDataChannel(label, init);
    connection->channels[channel] = made;
    const auto &callbacks = connection->callbacks;
    made->onOpen([&callbacks, channel] { callbacks.opened(callbacks.context, channel); });
    made->onClosed([&callbacks] { callbacks.ended(callbacks.context, CDC_END_DISCONNECTED); });
    made->onAvailable([connection, channel] { deliver(connection, channel); });
}

void listen(cdc_connection *connection) {
    const auto &callbacks = connection->callbacks;
    connection->peer.onGatheringStateChange([&callbacks](rtc::PeerConnection::GatheringState state) {
        if (state == rtc::PeerConnection::GatheringState::Complete)
            callbacks.gathered(callbacks.context);
    });
    connection->peer.onStateChange([&callbacks](rtc::PeerConnection::State state) {
        switch (state) {
        case rtc::PeerConnection::State::Failed: callbacks.ended(callbacks.context, CDC_END_FAILED); break;
        case rtc::PeerConnection::State::Disconnected: callbacks.ended(callbacks.context, CDC_END_DISCONNECTED); break;
        case rtc::PeerConnection::State::Closed: callbacks.ended(callbacks.context, CDC_END_CLOSED); break;
        default: break;
        }
    });
    connection->peer.onDataChannel(
        [&callbacks](std::shared_ptr<rtc::DataChannel>) { callbacks.ended(callbacks.context, CDC_END_FOREIGN); });
}

int hexadecimal(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    return -1;
}

} // namespace

void cdc_free(char *text) { std::free(text); }

void cdc_initialize(const cdc_settings *settings) {
    static std::once_flag once;
    std::call_once(once, [settings] {
        using std::chrono::milliseconds;
        rtc::InitLogger(rtc::LogLevel::None);
        rtc::SetThreadPoolSize(settings->threads);
        rtc::SctpSettings sctp;
        sctp.sendBufferSize = settings->send_buffer;
        sctp.recvBufferSize = settings->receive_buffer;
        sctp.initialCongestionWindow = settings->initial_window;
        sctp.maxBurst = settings->maximum_burst;
        sctp.heartbeatInterval = milliseconds(settings->heartbeat_interval);
        sctp.maxRetransmitAttempts = settings->retransmit_attempts;
        sctp.minRetransmitTimeout = milliseconds(settings->minimum_retransmit_timeout);
        sctp.initialRetransmitTimeout = milliseconds(settings->initial_retransmit_timeout);
        rtc::SetSctpSettings(sctp);
    });
}

char *cdc_create(const cdc_configuration *configuration, const cdc_callbacks *callbacks, cdc_connection **result) {
    return guarded([&] {
        auto connection = std::make_unique<cdc_connection>(libraryConfiguration(*configuration), *callbacks);
        listen(connection.get());
        addChannel(connection.get(), CDC_CONTROL, "control", false);
        addChannel(connection.get(), CDC_BULK, "bulk", true);
        auto &bulk = *connection->channels[CDC_BULK];
        bulk.setBufferedAmountLowThreshold(configuration->drained_threshold);
        const auto &kept = connection->callbacks;
        bulk.onBufferedAmountLow([&kept] { kept.drained(kept.context); });
        *result = connection.release();
    });
}

char *cdc_offer(cdc_connection *connection) {
    return guarded([&] { connection->peer.setLocalDescription(rtc::Description::Type::Offer); });
}

char *cdc_answer(cdc_connection *connection, const char *offer) {
    return guarded([&] {
        connection->peer.setRemoteDescription(rtc::Description(offer, rtc::Description::Type::Offer));
        connection->peer.setLocalDescription(rtc::Description::Type::Answer);
    });
}

char *cdc_accept(cdc_connection *connection, const char *answer) {
    return guarded([&] {
        connection->peer.setRemoteDescription(rtc::Description(answer, rtc::Description::Type::Answer));
    });
}

char *cdc_local_description(cdc_connection *connection) {
    char *sdp = nullptr;
    cdc_free(guarded([&] {
        if (auto description = connection->peer.localDescription())
            sdp = copied(std::string(*description));
    }));
    return sdp;
}

char *cdc_send(
    cdc_connection *connection, cdc_channel channel, const void *head, size_t head_size, const void *body,
    size_t body_size) {
    return guarded([&] {
        // Reserved and appended, not resized: the bytes are written once.
        rtc::binary message;
        message.reserve(head_size + body_size);
        auto *first = static_cast<const rtc::byte *>(head);
        message.insert(message.end(), first, first + head_size);
        auto *second = static_cast<const rtc::byte *>(body);
        message.insert(message.end(), second, second + body_size);
        connection->channels[channel]->send(std::move(message));
    });
}

size_t cdc_buffered(cdc_connection *connection, cdc_channel channel) {
    return connection->channels[channel]->bufferedAmount();
}

bool cdc_remote_fingerprint(cdc_connection *connection, uint8_t fingerprint[32]) {
    bool found = false;
    cdc_free(guarded([&] {
        const auto shown = connection->peer.remoteFingerprint();
        if (shown.algorithm != rtc::CertificateFingerprint::Algorithm::Sha256 || shown.value.size() != 95)
            return;
        for (size_t index = 0; index < 32; index++) {
            const int high = hexadecimal(shown.value[3 * index]), low = hexadecimal(shown.value[3 * index + 1]);
            if (high < 0 || low < 0)
                return;
            fingerprint[index] = static_cast<uint8_t>(high << 4 | low);
        }
        found = true;
    }));
    return found;
}

void cdc_statistics_read(cdc_connection *connection, cdc_statistics *statistics) {
    *statistics = {0, 0, -1, nullptr, nullptr, false};
    cdc_free(guarded([&] {
        auto &peer = connection->peer;
        statistics->bytes_sent = peer.bytesSent();
        statistics->bytes_received = peer.bytesReceived();
        if (auto roundTrip = peer.rtt())
            statistics->round_trip = roundTrip->count();
        rtc::Candidate local, remote;
        if (!peer.getSelectedCandidatePair(&local, &remote))
            return;
        statistics->local_candidate = copied(local.candidate());
        statistics->remote_candidate = copied(remote.candidate());
        statistics->is_relayed =
            local.type() == rtc::Candidate::Type::Relayed || remote.type() == rtc::Candidate::Type::Relayed;
    }));
}

void cdc_close(cdc_connection *connection) {
    cdc_free(guarded([&] { connection->peer.close(); }));
}

void cdc_destroy(cdc_connection *connection) {
    if (!connection)
        return;
    // Each reset waits for the callback that is running, and leaves nothing to call later.
    cdc_free(guarded([&] {
        connection->peer.resetCallbacks();
        for (auto &channel : connection->channels)
            if (channel)
                channel->resetCallbacks();
    }));
    delete connection;
}
