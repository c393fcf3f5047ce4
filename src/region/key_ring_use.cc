// What a key of the ring is used for: its material is unwrapped for one use at a time.
#include <nlohmann/json.hpp>

#include "region/cipher.h"
#include "region/key_ring.h"

namespace aurora_global::region {
namespace {

using nlohmann::json;

// A blob: format, key id as text, version of the material, then what cipher.h makes. All before
// the cipher is authenticated together with the context.
constexpr char kBlobFormat = 1;
constexpr std::size_t kIdChars = 36;
constexpr std::size_t kHeaderBytes = 1 + kIdChars + 4;

Error refuse_use(std::string code, std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), std::move(code));
}

std::string wrapped_name(const std::string& id, std::size_t version) {
  return "key " + id + " version " + std::to_string(version);
}

std::string blob_header(const std::string& id, std::size_t version) {
  std::string header(1, kBlobFormat);
  header += id;
  for (int shift = 24; shift >= 0; shift -= 8) {
    header += static_cast<char>(version >> shift & 255);
  }
  return header;
}

// What is authenticated; std::map and JSON make one text of one context.
std::string beside(const std::string& header, const SealContext& context) {
  return header + json(context).dump();
}

}  // namespace

Result<SealedText> KeyRing::seal(const std::string& reference, const SealContext& context,
                                 const std::string& text) const {
  TRY(const Key* key, lookup(reference, "key or alias"));
  TRY_VOID(check_usable(*key));
  const std::size_t version = key->wrapped.size() - 1;
  auto material = vault_.open_sealed(wrapped_name(key->id, version), key->wrapped[version]);
  if (material.has_error()) {
    return make_error(ErrorKind::corrupt, material.error().message, "KMSInvalidStateException");
  }
  const std::string header = blob_header(key->id, version);
  SealedText sealed{header + encrypt(*material, beside(header, context), text), key->id};
  wipe(*material);
  return sealed;
}

Result<DataKey> KeyRing::data_key(const std::string& reference, const SealContext& context,
                                  std::size_t size) const {
  DataKey made{random_bytes(size), {}};
  TRY(made.sealed, seal(reference, context, made.text));
  return made;
}

Result<OpenedText> KeyRing::open(const std::string& blob, const SealContext& context,
                                 const std::string& expected) const {
  const Key* wanted = nullptr;
  if (!expected.empty()) {
    TRY(wanted, lookup(expected, "key or alias"));
  }
  const Error damaged =
      refuse_use("InvalidCiphertextException",
                 "The ciphertext was changed, was encrypted with another encryption "
                 "context, or its key is not (any more) in this region");
  if (blob.size() < kHeaderBytes || blob[0] != kBlobFormat) return damaged;
  const std::string header = blob.substr(0, kHeaderBytes);
  std::size_t version = 0;
  for (const char byte : header.substr(1 + kIdChars)) {
    version = version << 8 | static_cast<unsigned char>(byte);
  }
  const Key* key = alive(header.substr(1, kIdChars));
  if (key == nullptr || version >= key->wrapped.size()) return damaged;
  if (wanted != nullptr && wanted != key) {
    return refuse_use("IncorrectKeyException",
                      "The key ID in the request does not identify the key of this ciphertext");
  }
  TRY_VOID(check_usable(*key));
  auto material = vault_.open_sealed(wrapped_name(key->id, version), key->wrapped[version]);
  if (material.has_error()) {
    return make_error(ErrorKind::corrupt, material.error().message, "KMSInvalidStateException");
  }
  auto text = decrypt(*material, beside(header, context), blob.substr(kHeaderBytes));
  wipe(*material);
  if (!text) return damaged;
  return OpenedText{*std::move(text), key->id};
}

std::string KeyRing::new_material(const std::string& id, std::size_t version) const {
  std::string material = new_cipher_key();
  std::string wrapped = vault_.seal(wrapped_name(id, version), material);
  wipe(material);
  return wrapped;
}

}  // namespace aurora_global::region
