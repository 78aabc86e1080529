#include "Border.h"
#include "CDataChannel.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include <memory>
#include <stdexcept>

namespace {

template <auto release> struct Release {
    template <typename Object> void operator()(Object *object) const { release(object); }
};

using Key = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Release<X509_free>>;
using Memory = std::unique_ptr<BIO, Release<BIO_free_all>>;

/// One day back, because peers' clocks differ; a year ahead, longer than any process lives.
constexpr long validFrom = -24 * 3600;
constexpr long validUntil = 365 * 24 * 3600;

void check(bool worked) {
    if (worked)
        return;
    char reason[200];
    ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
    throw std::runtime_error(std::string("OpenSSL could not make a certificate: ") + reason);
}

Certificate selfSigned(EVP_PKEY *key) {
    Certificate certificate(X509_new());
    check(certificate != nullptr);
    uint64_t serial = 0;
    check(RAND_bytes(reinterpret_cast<unsigned char *>(&serial), sizeof serial) == 1);
    check(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1));
    check(X509_set_version(certificate.get(), 2)); // X.509 version 3
    check(X509_gmtime_adj(X509_getm_notBefore(certificate.get()), validFrom) != nullptr);
    check(X509_gmtime_adj(X509_getm_notAfter(certificate.get()), validUntil) != nullptr);
    X509_NAME *name = X509_get_subject_name(certificate.get());
    auto *common = reinterpret_cast<const unsigned char *>("shoal");
    check(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, common, -1, -1, 0));
    check(X509_set_issuer_name(certificate.get(), name));
    check(X509_set_pubkey(certificate.get(), key));
    check(X509_sign(certificate.get(), key, EVP_sha256()) != 0);
    return certificate;
}

template <typename Write> std::string pem(Write write) {
    Memory memory(BIO_new(BIO_s_mem()));
    check(memory != nullptr && write(memory.get()));
    char *bytes = nullptr;
    const long count = BIO_get_mem_data(memory.get(), &bytes);
    return std::string(bytes, static_cast<size_t>(count));
}

} // namespace

char *cdc_certificate_make(cdc_certificate *result) {
    return shoal::guarded([&] {
        Key key(EVP_EC_gen("P-256"));
        check(key != nullptr);
        const Certificate certificate = selfSigned(key.get());
        unsigned int size = 0;
        check(X509_digest(certificate.get(), EVP_sha256(), result->fingerprint, &size) && size == 32);
        const auto certificatePEM = pem([&](BIO *bio) { return PEM_write_bio_X509(bio, certificate.get()) == 1; });
        const auto keyPEM = pem([&](BIO *bio) {
            return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1;
        });
        result->certificate_pem = shoal::copied(certificatePEM);
        result->key_pem = shoal::copied(keyPEM);
    });
}
