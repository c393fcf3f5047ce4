#include "net/http_stream.h"

namespace aurora_global::net {

HttpStream::Tls& HttpStream::secure(asio::ssl::context& context) {
  tls_ = std::make_unique<Tls>(std::move(socket_), context);
  return *tls_;
}

Task<boost::system::error_code> HttpStream::shake_hands(asio::ssl::stream_base::handshake_type as) {
  auto [error] = co_await tls_->async_handshake(as, use_result);
  co_return error;
}

Task<std::size_t> HttpStream::read_some(asio::mutable_buffer into,
                                        boost::system::error_code& error) {
  if (tls_) {
    auto [failed, size] = co_await tls_->async_read_some(into, use_result);
    error = failed;
    co_return size;
  }
  auto [failed, size] = co_await socket_.async_read_some(into, use_result);
  error = failed;
  co_return size;
}

Task<boost::system::error_code> HttpStream::write(std::string_view text) {
  while (!text.empty()) {
    const asio::const_buffer left(text.data(), text.size());
    std::size_t written = 0;
    if (tls_) {
      auto [error, size] = co_await tls_->async_write_some(left, use_result);
      if (error) co_return error;
      written = size;
    } else {
      auto [error, size] = co_await socket_.async_write_some(left, use_result);
      if (error) co_return error;
      written = size;
    }
    text.remove_prefix(written);
  }
  co_return boost::system::error_code();
}

}  // namespace aurora_global::net
