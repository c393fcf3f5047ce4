// Messages of both sides. However a stream arrives, it is cut into the same messages, all of its
// bytes are given out once and in order, and little is kept.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "pgwire/message.h"

namespace {

using namespace aurora_global;
using namespace aurora_global::pgwire;

void require(bool condition) {
  if (!condition) std::abort();
}

// ---- the splitter

struct Message {
  char type = 0;
  std::size_t size = 0;
  Bytes bytes;
  bool operator==(const Message&) const = default;
};

struct Cut {
  std::vector<Message> messages;  // The last may be a part.
  Bytes kept;
  bool refused = false;
};

// Gives the splitter chunks of sizes that `step` chooses, in memory that ends where they end.
Cut cut(BytesView input, Splitter::Look look, std::size_t step) {
  Cut cut;
  Splitter splitter(look);
  std::size_t given = 0;
  for (std::size_t at = 0; at < input.size() && !cut.refused;) {
    const std::size_t size = std::min(input.size() - at, step == 0 ? input.size() : 1 + at % step);
    Bytes buffer = cut.kept;
    buffer.insert(buffer.end(), input.begin() + at, input.begin() + at + size);
    buffer.shrink_to_fit();
    at += size;
    BytesView rest(buffer);
    for (;;) {
      const bool between = splitter.between();
      const auto piece = splitter.next(rest);
      if (piece.has_error()) {
        require(between && piece.error().kind == ErrorKind::corrupt);
        cut.refused = true;
        break;
      }
      if (!piece->has_value()) break;
      const Piece& part = **piece;
      require(part.begins == between && part.ends == splitter.between());
      require(!part.bytes.empty() && part.bytes.data() == rest.data());
      require(part.bytes.size() <= rest.size() && part.size <= kMessageBytesMax + 1);
      if (part.begins) {
        require(part.bytes.size() >= std::min(part.size, look(part.type, part.size)));
        cut.messages.push_back({part.type, part.size, {}});
      }
      Message& message = cut.messages.back();
      require(message.type == part.type && message.size == part.size);
      message.bytes.insert(message.bytes.end(), part.bytes.begin(), part.bytes.end());
      require(part.ends == (message.bytes.size() == message.size));
      rest = rest.subspan(part.bytes.size());
      given += part.bytes.size();
    }
    cut.kept.assign(rest.begin(), rest.end());
    require(given + cut.kept.size() == at);
    require(splitter.between() || cut.kept.empty());
  }
  return cut;
}

// ---- bodies

void read(const Message& message) {
  if (message.bytes.size() != message.size || message.size < kHeaderBytes) return;
  const Bytes copy(message.bytes.begin() + kHeaderBytes, message.bytes.end());
  const BytesView body(copy);
  parse_authentication(body);
  parse_backend_key(body);
  parse_data_row(body);
  parse_sasl_initial(body);
  for (const char type : {'P', 'B', 'C', 'D'}) statement_name(type, body);
  if (const auto status = parse_parameter_status(body)) {
    Bytes again;
    put_parameter_status(again, status->name, status->value);
    require(Bytes(again.begin() + kHeaderBytes, again.end()) == copy);
  }
  if (const auto error = parse_error(body)) {
    Bytes again;
    put_error(again, error->severity, *error);
    const auto same = parse_error(BytesView(again).subspan(kHeaderBytes));
    require(same && same->severity == error->severity && same->sqlstate == error->sqlstate &&
            same->message == error->message && same->hint == error->hint);
  }
}

void split(BytesView input, Splitter::Look look) {
  const Cut whole = cut(input, look, 0);
  for (const std::size_t step : {1, 2, 7, 64}) {
    const Cut other = cut(input, look, step);
    require(other.messages == whole.messages && other.refused == whole.refused);
    if (!whole.refused) require(other.kept == whole.kept);
  }
  std::size_t at = 0;
  for (const Message& message : whole.messages) {
    require(std::equal(message.bytes.begin(), message.bytes.end(), input.begin() + at));
    at += message.bytes.size();
    read(message);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView input(data, size);
  split(input, look_at_client);
  split(input, look_at_server);
  return 0;
}
