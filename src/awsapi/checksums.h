// The checksums that S3 takes with a body. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aurora_global::awsapi {

// By the name of AWS's: "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256". The bytes, the most
// significant first; nullopt for another name.
std::optional<std::string> checksum(std::string_view algorithm, std::string_view content);

// Raw bytes.
std::string md5(std::string_view content);

inline constexpr std::string_view kChecksums[] = {"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"};

}  // namespace aurora_global::awsapi
