#include "net/tls.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace aurora_global::net {
namespace {

constexpr long kValidSeconds = 10L * 365 * 24 * 3600;
constexpr int kSerialBits = 128;

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Memory = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Number = std::unique_ptr<BIGNUM, Freer<BN_free>>;

Error openssl_error(std::string_view what) {
  char text[256] = "";
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  return make_error(ErrorKind::internal, std::string(what) + ": " + text);
}

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Result<TlsContext> context(asio::ssl::context::method method,
                           const std::filesystem::path& certificate,
                           const std::filesystem::path& key, const std::filesystem::path& trusted,
                           int verify_mode) {
  auto tls = std::make_shared<asio::ssl::context>(method);
  boost::system::error_code error;
  std::filesystem::path at = certificate;
  if (!certificate.empty()) tls->use_certificate_chain_file(certificate.string(), error);
  if (!error && !key.empty()) {
    at = key;
    tls->use_private_key_file(key.string(), asio::ssl::context::pem, error);
  }
  if (!error && !trusted.empty()) {
    at = trusted;
    tls->load_verify_file(trusted.string(), error);
  }
  if (error) {
    return make_error(ErrorKind::invalid, "cannot use " + at.string() + ": " + error.message());
  }
  SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_2_VERSION);
  tls->set_verify_mode(verify_mode);
  return tls;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX about;
  X509V3_set_ctx_nodb(&about);
  X509V3_set_ctx(&about, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &about, nid, value.c_str());
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

bool fill(X509* certificate, EVP_PKEY* key, const std::string& common_name) {
  const Number serial(BN_new());
  if (BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) != 1) return false;
  BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate));
  X509_set_version(certificate, X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -300);  // Clocks of two sites differ a little.
  X509_gmtime_adj(X509_getm_notAfter(certificate), kValidSeconds);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto* text = reinterpret_cast<const unsigned char*>(common_name.c_str());
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1;
}

Result<KeyPair> pem_of(X509* certificate, EVP_PKEY* key) {
  const Memory certificate_text(BIO_new(BIO_s_mem()));
  const Memory key_text(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(certificate_text.get(), certificate) != 1 ||
      PEM_write_bio_PrivateKey(key_text.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_error("write certificate");
  }
  return KeyPair{text_of(certificate_text.get()), text_of(key_text.get())};
}

struct Extension {
  int nid;
  std::string value;
};

// Signs a fresh key; with no issuer, by itself.
Result<KeyPair> issue(const KeyPair* issuer, const std::string& common_name,
                      const std::vector<Extension>& extensions) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  if (!key || !certificate || !fill(certificate.get(), key.get(), common_name)) {
    return openssl_error("make certificate");
  }
  Certificate issuer_certificate;
  Key issuer_key;
  if (issuer != nullptr) {
    const Memory certificate_text(BIO_new_mem_buf(issuer->certificate_pem.data(), -1));
    const Memory key_text(BIO_new_mem_buf(issuer->private_key_pem.data(), -1));
    issuer_certificate.reset(PEM_read_bio_X509(certificate_text.get(), nullptr, nullptr, nullptr));
    issuer_key.reset(PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
    if (!issuer_certificate || !issuer_key) return openssl_error("read issuer");
  }
  X509* signer = issuer_certificate ? issuer_certificate.get() : certificate.get();
  EVP_PKEY* signing_key = issuer_key ? issuer_key.get() : key.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer));
  for (const Extension& extension : extensions) {
    if (!add_extension(certificate.get(), signer, extension.nid, extension.value)) {
      return openssl_error("add extension " + extension.value);
    }
  }
  if (X509_sign(certificate.get(), signing_key, EVP_sha256()) == 0) {
    return openssl_error("sign certificate");
  }
  return pem_of(certificate.get(), key.get());
}

}  // namespace

Result<TlsContext> server_tls(const std::filesystem::path& certificate,
                              const std::filesystem::path& key,
                              const std::filesystem::path& client_ca) {
  return context(asio::ssl::context::tls_server, certificate, key, client_ca,
                 asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
}

Result<TlsContext> server_tls(const std::filesystem::path& certificate,
                              const std::filesystem::path& key) {
  return context(asio::ssl::context::tls_server, certificate, key, {}, asio::ssl::verify_none);
}

Result<TlsContext> client_tls(const std::filesystem::path& certificate,
                              const std::filesystem::path& key,
                              const std::filesystem::path& server_ca) {
  return context(asio::ssl::context::tls_client, certificate, key, server_ca,
                 asio::ssl::verify_peer);
}

Result<TlsContext> client_tls(const std::filesystem::path& server_ca) {
  return context(asio::ssl::context::tls_client, "", "", server_ca, asio::ssl::verify_peer);
}

std::string peer_common_name(SSL* connection) {
  const Certificate certificate(SSL_get1_peer_certificate(connection));
  if (!certificate) return "";
  char name[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name,
                            sizeof name);
  return name;
}

Result<KeyPair> make_issuer(const std::string& common_name) {
  return issue(nullptr, common_name,
               {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                {NID_key_usage, "critical,keyCertSign,cRLSign"},
                {NID_subject_key_identifier, "hash"}});
}

Result<KeyPair> issue_server(const KeyPair& issuer, const std::string& common_name,
                             const std::vector<std::string>& dns_names,
                             const std::vector<std::string>& ip_addresses) {
  std::string names;
  for (const std::string& name : dns_names) names += (names.empty() ? "DNS:" : ",DNS:") + name;
  for (const std::string& ip : ip_addresses) names += (names.empty() ? "IP:" : ",IP:") + ip;
  return issue(&issuer, common_name,
               {{NID_basic_constraints, "critical,CA:FALSE"},
                {NID_key_usage, "critical,digitalSignature"},
                {NID_ext_key_usage, "serverAuth"},
                {NID_authority_key_identifier, "keyid:always"},
                {NID_subject_alt_name, names}});
}

Result<KeyPair> issue_client(const KeyPair& issuer, const std::string& common_name) {
  return issue(&issuer, common_name,
               {{NID_basic_constraints, "critical,CA:FALSE"},
                {NID_key_usage, "critical,digitalSignature"},
                {NID_ext_key_usage, "clientAuth"},
                {NID_authority_key_identifier, "keyid:always"}});
}

}  // namespace aurora_global::net
