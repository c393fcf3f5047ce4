#include "pgwire/message.h"

#include <algorithm>

namespace aurora_global::pgwire {
namespace {

// Names of prepared statements and portals are cut to 63 bytes by PostgreSQL itself.
constexpr std::size_t kNamesBytes = 2 * 64;
// A message that is read whole must not make a router keep more than this.
constexpr std::size_t kReadBytesMax = 64 * 1024;

std::uint32_t u32_at(BytesView bytes, std::size_t at) {
  return (std::uint32_t{bytes[at]} << 24) | (std::uint32_t{bytes[at + 1]} << 16) |
         (std::uint32_t{bytes[at + 2]} << 8) | std::uint32_t{bytes[at + 3]};
}

// Reads a body from its front; after a failure everything reads as nothing.
class Reader {
 public:
  explicit Reader(BytesView bytes) : rest_(bytes) {}

  std::uint32_t u32() {
    if (rest_.size() < 4) return fail();
    const std::uint32_t value = u32_at(rest_, 0);
    rest_ = rest_.subspan(4);
    return value;
  }
  std::uint16_t u16() {
    if (rest_.size() < 2) return static_cast<std::uint16_t>(fail());
    const auto value = static_cast<std::uint16_t>((rest_[0] << 8) | rest_[1]);
    rest_ = rest_.subspan(2);
    return value;
  }
  char letter() {
    if (rest_.empty()) return static_cast<char>(fail());
    const char value = static_cast<char>(rest_[0]);
    rest_ = rest_.subspan(1);
    return value;
  }
  std::string_view text() {
    const auto end = std::find(rest_.begin(), rest_.end(), 0);
    if (end == rest_.end()) {
      fail();
      return {};
    }
    const auto size = static_cast<std::size_t>(end - rest_.begin());
    const std::string_view value(reinterpret_cast<const char*>(rest_.data()), size);
    rest_ = rest_.subspan(size + 1);
    return value;
  }
  BytesView bytes(std::size_t size) {
    if (rest_.size() < size) {
      fail();
      return {};
    }
    const BytesView value = rest_.first(size);
    rest_ = rest_.subspan(size);
    return value;
  }
  bool good() const { return good_; }
  bool at_end() const { return good_ && rest_.empty(); }
  BytesView rest() const { return rest_; }

 private:
  std::uint32_t fail() {
    good_ = false;
    rest_ = {};
    return 0;
  }

  BytesView rest_;
  bool good_ = true;
};

// Writes one message: its length is filled in at the end.
class Writer {
 public:
  Writer(Bytes& out, char type) : out_(out) {
    if (type != 0) out_.push_back(static_cast<std::uint8_t>(type));
    start_ = out_.size();
    u32(0);
  }
  ~Writer() {
    const auto size = static_cast<std::uint32_t>(out_.size() - start_);
    for (std::size_t i = 0; i < 4; ++i) {
      out_[start_ + i] = static_cast<std::uint8_t>(size >> (8 * (3 - i)));
    }
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void u32(std::uint32_t value) {
    for (const int shift : {24, 16, 8, 0})
      out_.push_back(static_cast<std::uint8_t>(value >> shift));
  }
  void u16(std::size_t value) {
    out_.push_back(static_cast<std::uint8_t>(value >> 8));
    out_.push_back(static_cast<std::uint8_t>(value));
  }
  void letter(char value) { out_.push_back(static_cast<std::uint8_t>(value)); }
  void bytes(std::string_view text) { out_.insert(out_.end(), text.begin(), text.end()); }
  void text(std::string_view text) {
    bytes(text);
    letter('\0');
  }

 private:
  Bytes& out_;
  std::size_t start_ = 0;
};

std::string string_of(BytesView bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

Result<std::optional<Piece>> Splitter::next(BytesView input) {
  Piece piece;
  if (left_ == 0) {
    if (input.size() < kHeaderBytes) return std::optional<Piece>();
    const char type = static_cast<char>(input[0]);
    const std::size_t length = u32_at(input, 1);
    if (length < 4 || length > kMessageBytesMax) {
      return make_error(ErrorKind::corrupt, "invalid message length " + std::to_string(length));
    }
    const std::size_t size = length + 1;
    if (input.size() < std::min(size, look_(type, size))) return std::optional<Piece>();
    type_ = type;
    size_ = left_ = size;
    piece.begins = true;
  } else if (input.empty()) {
    return std::optional<Piece>();
  }
  const std::size_t taken = std::min(left_, input.size());
  left_ -= taken;
  piece.type = type_;
  piece.size = size_;
  piece.ends = left_ == 0;
  piece.bytes = input.first(taken);
  return std::optional<Piece>(piece);
}

std::size_t look_at_client(char type, std::size_t size) {
  switch (type) {
    case 'P':
    case 'B':
    case 'C':
    case 'D': return std::min(size, kHeaderBytes + 1 + kNamesBytes);
    default: return kHeaderBytes;
  }
}

std::size_t look_at_server(char type, std::size_t size) {
  switch (type) {
    case 'C':
    case 'E':
    case 'N':
    case 'S':
    case 'Z': return size <= kReadBytesMax ? size : kHeaderBytes;
    default: return kHeaderBytes;
  }
}

std::optional<ParameterStatus> parse_parameter_status(BytesView body) {
  Reader reader(body);
  const std::string_view name = reader.text();
  const std::string_view value = reader.text();
  if (!reader.at_end()) return std::nullopt;
  return ParameterStatus{name, value};
}

std::optional<ServerError> parse_error(BytesView body) {
  Reader reader(body);
  ServerError error;
  for (;;) {
    const char field = reader.letter();
    if (!reader.good()) return std::nullopt;
    if (field == '\0') return error;
    const std::string_view value = reader.text();
    switch (field) {
      case 'V': error.severity = value; break;
      case 'C': error.sqlstate = value; break;
      case 'M': error.message = value; break;
      case 'H': error.hint = value; break;
      default: break;
    }
  }
}

std::optional<Authentication> parse_authentication(BytesView body) {
  Reader reader(body);
  const std::uint32_t kind = reader.u32();
  if (!reader.good()) return std::nullopt;
  return Authentication{kind, reader.rest()};
}

std::optional<BackendKey> parse_backend_key(BytesView body) {
  Reader reader(body);
  const std::uint32_t process_id = reader.u32();
  const std::uint32_t secret_key = reader.u32();
  if (!reader.at_end()) return std::nullopt;
  return BackendKey{process_id, secret_key};
}

std::optional<Row> parse_data_row(BytesView body) {
  constexpr std::uint32_t kNull = 0xffffffff;
  Reader reader(body);
  const std::size_t columns = reader.u16();
  if (columns * 4 > reader.rest().size()) return std::nullopt;
  Row row(columns);
  for (auto& column : row) {
    const std::uint32_t size = reader.u32();
    if (size != kNull) column = string_of(reader.bytes(size));
    if (!reader.good()) return std::nullopt;
  }
  if (!reader.at_end()) return std::nullopt;
  return row;
}

std::optional<SaslInitial> parse_sasl_initial(BytesView body) {
  constexpr std::uint32_t kNone = 0xffffffff;
  Reader reader(body);
  SaslInitial initial;
  initial.mechanism = reader.text();
  const std::uint32_t size = reader.u32();
  if (size != kNone) initial.data = string_of(reader.bytes(size));
  if (!reader.at_end()) return std::nullopt;
  return initial;
}

std::optional<std::string_view> statement_name(char type, BytesView body) {
  Reader reader(body);
  if (type == 'B') reader.text();  // The portal.
  if ((type == 'C' || type == 'D') && reader.letter() != 'S') return std::nullopt;
  const std::string_view name = reader.text();
  if (!reader.good()) return std::nullopt;
  return name;
}

void put_startup(Bytes& out, const std::map<std::string, std::string>& parameters) {
  Writer message(out, 0);
  message.u32(3u << 16);
  for (const auto& [name, value] : parameters) {
    message.text(name);
    message.text(value);
  }
  message.letter('\0');
}

void put_ssl_request(Bytes& out) {
  Writer message(out, 0);
  message.u32(80877103);
}

void put_negotiation(Bytes& out, const std::vector<std::string>& unknown) {
  Writer message(out, 'v');
  message.u32(3u << 16);
  message.u32(static_cast<std::uint32_t>(unknown.size()));
  for (const std::string& name : unknown) message.text(name);
}

void put_authentication_ok(Bytes& out) {
  Writer message(out, 'R');
  message.u32(0);
}

void put_sasl_mechanisms(Bytes& out, const std::vector<std::string>& mechanisms) {
  Writer message(out, 'R');
  message.u32(10);
  for (const std::string& name : mechanisms) message.text(name);
  message.letter('\0');
}

void put_sasl_continue(Bytes& out, std::string_view data) {
  Writer message(out, 'R');
  message.u32(11);
  message.bytes(data);
}

void put_sasl_final(Bytes& out, std::string_view data) {
  Writer message(out, 'R');
  message.u32(12);
  message.bytes(data);
}

void put_parameter_status(Bytes& out, std::string_view name, std::string_view value) {
  Writer message(out, 'S');
  message.text(name);
  message.text(value);
}

void put_backend_key(Bytes& out, BackendKey key) {
  Writer message(out, 'K');
  message.u32(key.process_id);
  message.u32(key.secret_key);
}

void put_ready(Bytes& out, char status) { Writer(out, 'Z').letter(status); }

void put_parse(Bytes& out, std::string_view name, std::string_view sql,
               const std::vector<std::uint32_t>& types) {
  Writer message(out, 'P');
  message.text(name);
  message.text(sql);
  message.u16(types.size());
  for (const std::uint32_t type : types) message.u32(type);
}

void put_bind(Bytes& out, std::string_view portal, std::string_view statement,
              const Row& parameters) {
  Writer message(out, 'B');
  message.text(portal);
  message.text(statement);
  message.u16(0);
  message.u16(parameters.size());
  for (const auto& value : parameters) {
    message.u32(value ? static_cast<std::uint32_t>(value->size()) : 0xffffffff);
    if (value) message.bytes(*value);
  }
  message.u16(0);
}

void put_execute(Bytes& out, std::string_view portal) {
  Writer message(out, 'E');
  message.text(portal);
  message.u32(0);
}

void put_close_statement(Bytes& out, std::string_view name) {
  Writer message(out, 'C');
  message.letter('S');
  message.text(name);
}

void put_describe_statement(Bytes& out, std::string_view name) {
  Writer message(out, 'D');
  message.letter('S');
  message.text(name);
}

void put_sync(Bytes& out) { Writer(out, 'S'); }

void put_flush(Bytes& out) { Writer(out, 'H'); }

void put_query(Bytes& out, std::string_view sql) { Writer(out, 'Q').text(sql); }

void put_terminate(Bytes& out) { Writer(out, 'X'); }

void put_error(Bytes& out, std::string_view severity, const ServerError& error) {
  Writer message(out, 'E');
  const auto field = [&](char type, std::string_view text) {
    message.letter(type);
    message.text(text);
  };
  field('S', severity);
  field('V', severity);
  field('C', error.sqlstate);
  field('M', error.message);
  if (!error.hint.empty()) field('H', error.hint);
  message.letter('\0');
}

}  // namespace aurora_global::pgwire
