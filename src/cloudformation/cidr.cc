#include "cloudformation/cidr.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <optional>

#include "cloudformation/errors.h"
#include "cloudformation/limits.h"

namespace aurora_global::cloudformation {
namespace {

__extension__ using Address = unsigned __int128;

struct Block {
  int family = AF_INET;
  Address first = 0;  // The address of the range, host bits cleared.
  unsigned prefix = 0;

  unsigned bits() const { return family == AF_INET ? 32 : 128; }
};

std::optional<Block> parse_block(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  const std::string address(text.substr(0, slash));
  const std::string_view length = text.substr(slash + 1);
  Block block;
  if (address.find(':') != address.npos) block.family = AF_INET6;
  std::array<unsigned char, 16> bytes{};
  if (inet_pton(block.family, address.c_str(), bytes.data()) != 1) return std::nullopt;
  for (unsigned i = 0; i < block.bits() / 8; ++i) block.first = (block.first << 8) | bytes[i];
  const char* end = length.data() + length.size();
  const auto read = std::from_chars(length.data(), end, block.prefix);
  if (read.ec != std::errc() || read.ptr != end || block.prefix > block.bits()) {
    return std::nullopt;
  }
  const unsigned host = block.bits() - block.prefix;
  block.first = host >= 128 ? 0 : block.first >> host << host;
  return block;
}

std::string text_of(const Block& block, Address address, std::uint64_t host_bits) {
  std::array<unsigned char, 16> bytes{};
  for (unsigned i = block.bits() / 8; i-- > 0; address >>= 8) {
    bytes[i] = static_cast<unsigned char>(address & 0xFF);
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(block.family, bytes.data(), text.data(), text.size());
  return std::string(text.data()) + "/" + std::to_string(block.bits() - host_bits);
}

}  // namespace

Result<std::vector<std::string>> cidr_ranges(std::string_view block, std::uint64_t count,
                                             std::uint64_t host_bits) {
  const auto parsed = parse_block(block);
  if (!parsed) return template_error("Fn::Cidr: " + shown(block) + " is no address range");
  if (count < 1 || count > kCidrBlocksMax) {
    return template_error("Fn::Cidr: count must be between 1 and " +
                          std::to_string(kCidrBlocksMax));
  }
  const unsigned left = parsed->bits() - parsed->prefix;
  const bool fits = host_bits >= 1 && host_bits <= left &&
                    (left - host_bits >= 9 || count <= (std::uint64_t{1} << (left - host_bits)));
  if (!fits) {
    return template_error("Fn::Cidr: " + std::to_string(count) + " ranges with " +
                          std::to_string(host_bits) + " bits do not fit into " + shown(block));
  }
  std::vector<std::string> ranges;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Address offset = host_bits >= 128 ? 0 : Address(i) << host_bits;
    ranges.push_back(text_of(*parsed, parsed->first + offset, host_bits));
  }
  return ranges;
}

}  // namespace aurora_global::cloudformation
