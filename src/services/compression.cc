#include "services/compression.h"

#include <zlib.h>

#include <boost/beast/core/string.hpp>

namespace aurora_global::services {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's way to say: gzip, and nothing else.
constexpr std::size_t kChunkBytes = 64 * 1024;

Error no_gzip() {
  return make_error(ErrorKind::invalid, "The request body is not what Content-Encoding says: gzip",
                    "InvalidParameterValue");
}

Result<std::string> gunzip(const std::string& packed, std::size_t most) {
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) return no_gzip();
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> owner(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string plain;
  for (int state = Z_OK; state != Z_STREAM_END;) {
    const std::size_t before = plain.size();
    plain.resize(before + kChunkBytes);
    stream.next_out = reinterpret_cast<Bytef*>(plain.data() + before);
    stream.avail_out = kChunkBytes;
    state = inflate(&stream, Z_NO_FLUSH);
    plain.resize(before + kChunkBytes - stream.avail_out);
    // No progress is possible with what there is: it breaks off.
    const bool stuck = state == Z_BUF_ERROR || (state == Z_OK && plain.size() == before);
    if ((state != Z_OK && state != Z_STREAM_END) || stuck) return no_gzip();
    if (plain.size() > most) {
      return make_error(ErrorKind::invalid,
                        "The request body is over " + std::to_string(most) + " bytes",
                        "RequestTooLargeException");
    }
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
