// A connection that carries HTTP, with or without TLS: what Asio and Beast would otherwise generate
// for either kind of stream is compiled once. Internal to net/http.
#pragma once

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <memory>

#include "net/task.h"

namespace aurora_global::net {

class HttpStream {
 public:
  using Tls = asio::ssl::stream<asio::ip::tcp::socket>;

  explicit HttpStream(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}
  // From now on it is TLS; to be followed by a handshake.
  Tls& secure(asio::ssl::context& context);
  Task<boost::system::error_code> shake_hands(asio::ssl::stream_base::handshake_type as);

  asio::ip::tcp::socket& socket() { return tls_ ? tls_->next_layer() : socket_; }
  // How many bytes came; 0 with an error.
  Task<std::size_t> read_some(asio::mutable_buffer into, boost::system::error_code& error);
  Task<boost::system::error_code> write(std::string_view text);

 private:
  asio::ip::tcp::socket socket_;  // Moved from with TLS.
  std::unique_ptr<Tls> tls_;
};

enum class HttpPart { header, whole };

// Reads until `parser` has the part, as Beast's async_read_header() and async_read() do, with their
// errors. What was read past it stays in `buffer`.
template <bool isRequest>
Task<boost::system::error_code> read_http(HttpStream& stream, boost::beast::flat_buffer& buffer,
                                          boost::beast::http::basic_parser<isRequest>& parser,
                                          HttpPart part) {
  namespace http = boost::beast::http;
  constexpr std::size_t kReadBytes = 65536;
  const auto done = [&] {
    return part == HttpPart::header ? parser.is_header_done() : parser.is_done();
  };
  parser.eager(part == HttpPart::whole);
  while (!done()) {
    boost::system::error_code error = http::error::need_more;
    if (buffer.size() > 0) buffer.consume(parser.put(buffer.data(), error));
    if (error && error != http::error::need_more) co_return error;
    if (!error) continue;
    const std::size_t room = std::min(kReadBytes, buffer.max_size() - buffer.size());
    if (room == 0) co_return http::error::buffer_overflow;
    error = {};
    buffer.commit(co_await stream.read_some(buffer.prepare(room), error));
    if (error == asio::error::eof) {
      if (!parser.got_some()) co_return http::error::end_of_stream;
      error = {};
      parser.put_eof(error);
      co_return error;
    }
    if (error) co_return error;
  }
  co_return boost::system::error_code();
}

// The header of a message as it is sent: start line, fields, the empty line.
template <typename Fields>
void append_fields(std::string& text, const Fields& fields) {
  for (const auto& field : fields) {
    text.append(field.name_string()).append(": ").append(field.value()).append("\r\n");
  }
  text.append("\r\n");
}

}  // namespace aurora_global::net
