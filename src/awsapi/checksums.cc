#include "awsapi/checksums.h"

#include <openssl/evp.h>

#include <array>
#include <cstdint>

namespace aurora_global::awsapi {
namespace {

// A reflected cyclic redundancy check; `polynomial` is reflected, too.
template <typename Word, Word polynomial>
Word crc(std::string_view content) {
  static const std::array<Word, 256> kTable = [] {
    std::array<Word, 256> table{};
    for (std::size_t i = 0; i < table.size(); ++i) {
      auto value = static_cast<Word>(i);
      for (int bit = 0; bit < 8; ++bit)
        value = (value & 1) != 0 ? (value >> 1) ^ polynomial : value >> 1;
      table[i] = value;
    }
    return table;
  }();
  Word value = ~Word{0};
  for (const char c : content) {
    value = kTable[(value ^ static_cast<unsigned char>(c)) & 0xFF] ^ (value >> 8);
  }
  return ~value;
}

template <typename Word>
std::string bytes_of(Word value) {
  std::string bytes;
  for (int shift = static_cast<int>(sizeof(Word)) * 8 - 8; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(value >> shift);
  }
  return bytes;
}

std::string digest(const EVP_MD* kind, std::string_view content) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(content.data(), content.size(), bytes, &size, kind, nullptr);
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

std::optional<std::string> checksum(std::string_view algorithm, std::string_view content) {
  if (algorithm == "CRC32") return bytes_of(crc<std::uint32_t, 0xEDB88320u>(content));
  if (algorithm == "CRC32C") return bytes_of(crc<std::uint32_t, 0x82F63B78u>(content));
  if (algorithm == "CRC64NVME") {
    return bytes_of(crc<std::uint64_t, 0x9A6C9329AC4BC9B5u>(content));
  }
  if (algorithm == "SHA1") return digest(EVP_sha1(), content);
  if (algorithm == "SHA256") return digest(EVP_sha256(), content);
  return std::nullopt;
}

std::string md5(std::string_view content) { return digest(EVP_md5(), content); }

}  // namespace aurora_global::awsapi
