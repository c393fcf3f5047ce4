// A byte stream to a client or a server: a TCP or Unix socket, plain or under TLS.
//
// What a session relays goes from one socket to the other through one scratch buffer of the thread,
// so that an idle session holds next to no memory for it. OpenSSL works on the socket itself.
//
// One thread. One task may wait for reading while another one waits for writing.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <filesystem>
#include <memory>
#include <span>

#include "net/http.h"
#include "net/task.h"
#include "pgwire/startup.h"

namespace aurora_global::router {

class Channel {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;

  // A connected socket.
  explicit Channel(Socket socket);
  static net::Task<Result<Channel>> connect_tcp(std::string address, Deadline deadline);
  // To PostgreSQL's socket in `directory`.
  static net::Task<Result<Channel>> connect_unix(std::filesystem::path directory,
                                                 Deadline deadline);
  Channel(Channel&&) = default;

  enum class State { done, again, ended };
  struct Moved {
    State state = State::done;
    std::size_t bytes = 0;
    // Of a read: there may be more already. Else the next one would only say `again`.
    bool more = false;
  };
  // `again`: wait first. `ended`: the other side has closed, or the stream is broken.
  Moved read_some(std::span<std::uint8_t> into);
  Moved write_some(pgwire::BytesView bytes);
  // Waits for bytes, and reads them: with fewer system calls than readable() and read_some().
  // `into` is touched when there are some, not while waiting, and has room for more than
  // kFirstBytes.
  net::Task<Moved> receive(std::span<std::uint8_t> into);
  // Return false when the channel was closed here, or the task cancelled.
  net::Task<bool> readable();
  net::Task<bool> writable();
  // Either of the two. Fails with `timeout` or `unavailable`.
  net::Task<Result<void>> readable_or_writable(Deadline deadline);

  // TLS from here on. Fail with `denied` or `timeout`. A client verifies the server's certificate
  // and not its name: the issuer signs nothing but this platform's servers.
  net::Task<Result<void>> accept_tls(net::TlsContext context, Deadline deadline);
  net::Task<Result<void>> connect_tls(net::TlsContext context, Deadline deadline);
  bool tls() const { return tls_ != nullptr; }
  SSL* ssl() const { return tls_.get(); }

  // The whole of `bytes`. Fails with `unavailable` or `timeout`.
  net::Task<Result<void>> write(pgwire::Bytes bytes, Deadline deadline);
  // At least one byte, appended to `to`. Fails with `unavailable` (also at the end) or `timeout`.
  net::Task<Result<void>> read(pgwire::Bytes& to, Deadline deadline);

  // The other side has ended or broken the connection, as far as is known without reading.
  bool broken();
  bool open() const { return socket_.is_open(); }
  // Nothing more will be written; what the other side says is still read.
  void end_writing();
  void close();
  Socket& socket() { return socket_; }

 private:
  static constexpr std::size_t kFirstBytes = 1024;  // More than most messages of an application.
  enum class Want { read, write };
  net::Task<bool> wait(Want want);
  net::Task<Result<void>> shake_hands(int (*step)(SSL*), Deadline deadline);
  State refused(int result, Want& wanted);

  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  Socket socket_;
  std::array<std::uint8_t, kFirstBytes> first_;
  net::TlsContext context_;
  std::unique_ptr<SSL, Free> tls_;
  Want read_wants_ = Want::read;
  Want write_wants_ = Want::write;
};

}  // namespace aurora_global::router
