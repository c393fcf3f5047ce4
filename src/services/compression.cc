#include "services/compression.h"

#include <zlib.h>

#include <array>
#include <boost/beast/core/string.hpp>

namespace aurora_global::services {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's way to say: gzip, and nothing else.
constexpr std::size_t kChunkBytes = 64 * 1024;
// Of a body. An empty one has 20 bytes, so that many of them cost more than what is in them.
constexpr std::size_t kMembersMax = 10'000;

Error no_gzip() {
  return make_error(ErrorKind::invalid, "The request body is not what Content-Encoding says: gzip",
                    "InvalidParameterValue");
}

// One member after the other, as RFC 1952 has a file; what follows the last one is a refusal.
Result<std::string> gunzip(std::string_view packed, std::size_t most) {
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) return no_gzip();
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> owner(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string plain;
  std::array<char, kChunkBytes> chunk;
  std::size_t members = 0;
  for (bool inside = true; inside || stream.avail_in > 0;) {
    inside = true;
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = kChunkBytes;
    const uInt before = stream.avail_in;
    const int state = inflate(&stream, Z_NO_FLUSH);
    const std::size_t came = kChunkBytes - stream.avail_out;
    plain.append(chunk.data(), came);
    // No progress is possible with what there is: it breaks off.
    const bool stuck = came == 0 && stream.avail_in == before;
    if ((state != Z_OK && state != Z_STREAM_END) || (state == Z_OK && stuck)) return no_gzip();
    if (plain.size() > most) {
      return make_error(ErrorKind::invalid,
                        "The request body is over " + std::to_string(most) + " bytes",
                        "RequestTooLargeException");
    }
    if (state != Z_STREAM_END) continue;
    inside = false;
    if (++members > kMembersMax || inflateReset(&stream) != Z_OK) return no_gzip();
  }
  return plain;
}

}  // namespace

Result<void> decompress(net::HttpRequest& request) {
  const std::string encoding = net::header_value(request.headers, "Content-Encoding");
  if (encoding.empty() || boost::beast::iequals(encoding, "identity")) return ok();
  if (!boost::beast::iequals(encoding, "gzip")) {
    return make_error(ErrorKind::invalid,
                      "The Content-Encoding " + encoding + " is not supported; gzip is",
                      "InvalidParameterValue");
  }
  TRY(request.body, gunzip(request.body, net::kHttpBodyBytesMax));
  std::erase_if(request.headers, [](const auto& header) {
    return boost::beast::iequals(header.first, "Content-Encoding");
  });
  return ok();
}

}  // namespace aurora_global::services
