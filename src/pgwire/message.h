// Messages of the frontend/backend protocol, version 3: where they begin and end, and the few that
// a router reads or writes itself.
//
// Source: PostgreSQL 15 manual, 55.7 "Message Formats". Pure: bytes in, values out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pgwire/startup.h"

namespace aurora_global::pgwire {

inline constexpr std::size_t kHeaderBytes = 5;  // Type, and a length that counts itself.
// PostgreSQL's own limit for one message (PQ_LARGE_MESSAGE_LIMIT, MaxAllocSize - 1), and the type.
inline constexpr std::size_t kMessageBytesMax = 0x3fffffff;

// A part of one message, in the bytes that were given.
struct Piece {
  char type = 0;
  std::size_t size = 0;  // Of the whole message, with its header.
  bool begins = false;
  bool ends = false;
  BytesView bytes;
};

// Cuts a stream into messages without copying or keeping any of it.
class Splitter {
 public:
  // How many bytes of a message of `type` and `size` must be there before its first piece is given.
  using Look = std::size_t (*)(char type, std::size_t size);

  explicit Splitter(Look look) : look_(look) {}

  // The piece at the front of `input`. Nullopt: what there is does not suffice; the caller keeps it
  // and comes back with more. Fails with `corrupt` for a length that no message has.
  Result<std::optional<Piece>> next(BytesView input);
  // The next byte begins a message.
  bool between() const { return left_ == 0; }

 private:
  Look look_;
  char type_ = 0;
  std::size_t size_ = 0;
  std::size_t left_ = 0;  // Of the present message.
};

// Of a client: its type, and the names that Parse, Bind, Describe and Close speak of.
std::size_t look_at_client(char type, std::size_t size);
// Of a server: whole messages of what a router reads, the type of all others.
std::size_t look_at_server(char type, std::size_t size);

// ---- what a router reads. A `body` is a message without its header; nullopt: it is malformed.

struct ParameterStatus {
  std::string_view name;
  std::string_view value;
};
std::optional<ParameterStatus> parse_parameter_status(BytesView body);

struct ServerError {
  std::string severity;
  std::string sqlstate;
  std::string message;
  std::string hint;
};
std::optional<ServerError> parse_error(BytesView body);

// Authentication*: its kind, and what follows (mechanisms, SASL data).
struct Authentication {
  std::uint32_t kind = 0;  // 0 is AuthenticationOk.
  BytesView data;
};
std::optional<Authentication> parse_authentication(BytesView body);

struct BackendKey {
  std::uint32_t process_id = 0;
  std::uint32_t secret_key = 0;
};
std::optional<BackendKey> parse_backend_key(BytesView body);

// The columns of a DataRow; nullopt is NULL.
using Row = std::vector<std::optional<std::string>>;
std::optional<Row> parse_data_row(BytesView body);

// SASLInitialResponse of a client.
struct SaslInitial {
  std::string mechanism;
  std::string data;
};
std::optional<SaslInitial> parse_sasl_initial(BytesView body);

// The name that a Parse, Bind, Describe or Close of a prepared statement speaks of; nullopt: of a
// portal, or malformed. `body` may be cut off after the name.
std::optional<std::string_view> statement_name(char type, BytesView body);

// ---- what a router writes. They append to `out`.

void put_startup(Bytes& out, const std::map<std::string, std::string>& parameters);
void put_ssl_request(Bytes& out);
// NegotiateProtocolVersion: 3.0 it is, and these options are not known.
void put_negotiation(Bytes& out, const std::vector<std::string>& unknown);
void put_authentication_ok(Bytes& out);
void put_sasl_mechanisms(Bytes& out, const std::vector<std::string>& mechanisms);
void put_sasl_continue(Bytes& out, std::string_view data);
void put_sasl_final(Bytes& out, std::string_view data);
void put_parameter_status(Bytes& out, std::string_view name, std::string_view value);
void put_backend_key(Bytes& out, BackendKey key);
void put_ready(Bytes& out, char status);
void put_parse(Bytes& out, std::string_view name, std::string_view sql,
               const std::vector<std::uint32_t>& types);
// Parameters and results as text, the unnamed portal's name given.
void put_bind(Bytes& out, std::string_view portal, std::string_view statement,
              const Row& parameters);
void put_execute(Bytes& out, std::string_view portal);
void put_close_statement(Bytes& out, std::string_view name);
void put_describe_statement(Bytes& out, std::string_view name);
void put_sync(Bytes& out);
void put_flush(Bytes& out);
void put_query(Bytes& out, std::string_view sql);
void put_terminate(Bytes& out);
void put_error(Bytes& out, std::string_view severity, const ServerError& error);

}  // namespace aurora_global::pgwire
