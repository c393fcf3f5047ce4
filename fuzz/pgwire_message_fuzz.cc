// Messages of both sides. However a stream arrives, it is cut into the same messages, all of its
// bytes are given out once and in order, and little is kept. And a session is said to be idle only
// when it is, whatever a client sends and in whatever order the answers come: a small server that
// follows PostgreSQL's own loop knows the truth.
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "pgwire/message.h"
#include "pgwire/session_tracker.h"

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
  SessionTracker tracker;
  for (const Message& message : whole.messages) {
    require(std::equal(message.bytes.begin(), message.bytes.end(), input.begin() + at));
    at += message.bytes.size();
    read(message);
    look == look_at_client ? tracker.client(message.type) : tracker.server(message.type, 'I');
  }
}

// ---- the tracker

struct Answer {
  char type = 0;
  char status = 0;
};

// The loop of PostgresMain, as far as it decides which messages come back.
class Server {
 public:
  // `choice`: what becomes of it.
  void take(char type, unsigned choice) {
    if (over_) return;
    if (copying_) return copy(type, choice);
    if (skipping_ && type != 'S') return;
    switch (type) {
      case 'Q':
        simple_ = true;
        batch_ = false;
        return run(choice);
      case 'S': skipping_ = batch_ = false; return ready();
      case 'P':
      case 'B':
      case 'D':
      case 'C':
      case 'E':
        simple_ = false;
        batch_ = true;
        return type == 'E' ? run(choice) : choice % 4 == 0 ? fail() : say('1');
      case 'H': batch_ = true; return;
      default: return;  // Data after a COPY that failed.
    }
  }

  bool at_rest() const { return !copying_ && !skipping_ && !batch_; }
  bool over() const { return over_; }
  char status() const { return status_; }
  std::deque<Answer> answers;

 private:
  void run(unsigned choice) {
    switch (choice % 8) {
      case 0: return fail();
      case 1:
        if (status_ == 'E') return fail();
        status_ = 'T';  // BEGIN
        break;
      case 2: status_ = 'I'; break;  // COMMIT, ROLLBACK
      case 3:
        if (status_ == 'E') return fail();
        copying_ = true;
        return say('G');
      default:
        if (status_ == 'E') return fail();
        say('D');
        break;
    }
    done();
  }

  void copy(char type, unsigned choice) {
    switch (type) {
      case 'd':
        if (choice % 4 == 0) return fail();
        return;
      case 'c': copying_ = false; return done();
      case 'f': return fail();
      case 'H':
      case 'S': return;
      default:  // "protocol synchronization was lost"
        say('E');
        over_ = true;
        return;
    }
  }

  void fail() {
    copying_ = false;
    if (status_ == 'T') status_ = 'E';
    say('E');
    if (simple_) return ready();
    skipping_ = true;
  }

  void done() {
    say('C');
    if (simple_) ready();
  }
  void ready() { answers.push_back({'Z', status_}); }
  void say(char type) { answers.push_back({type, 0}); }

  char status_ = 'I';
  bool simple_ = true;
  bool batch_ = false;     // Messages of the extended protocol since the last Sync.
  bool skipping_ = false;  // An error in a batch: nothing counts until its Sync.
  bool copying_ = false;
  bool over_ = false;
};

// Two bits of a byte say who does something, the others what.
class Conversation {
 public:
  void step(std::uint8_t byte) {
    const unsigned choice = byte >> 2;
    switch (byte & 3) {
      case 0:
      case 1: return send(kTypes[choice % kTypes.size()]);
      case 2: return serve(choice);
      case 3: return deliver();
    }
  }

  void end() {
    while (!sent_.empty()) serve(63);
    while (!server_.answers.empty()) deliver();
    // Such a session may seem busy for longer than it is: it is not moved.
    if (server_.over() || !usual_) return;
    require(tracker_.quiet() == server_.at_rest());
    require(tracker_.idle() == (server_.at_rest() && server_.status() == 'I'));
  }

 private:
  static constexpr std::string_view kTypes = "QSPBEHdcfDC";

  void send(char type) {
    const bool data = type == 'd' || type == 'c' || type == 'f';
    // What no driver does: a query in an open batch, a Flush of nothing, and within the data of a
    // COPY anything else, or data that nobody has asked for. Whether the server answers it may
    // depend on what goes wrong there.
    usual_ = usual_ && (type != 'Q' || tracker_.at_boundary()) &&
             (type != 'H' || !tracker_.at_boundary()) && data == tracker_.copying_in();
    tracker_.client(type);
    sent_.push_back(type);
    check();
  }

  void serve(unsigned choice) {
    if (sent_.empty()) return;
    server_.take(sent_.front(), choice);
    sent_.pop_front();
    check();
  }

  void deliver() {
    if (server_.answers.empty()) return;
    const Answer answer = server_.answers.front();
    server_.answers.pop_front();
    tracker_.server(answer.type, answer.status);
    check();
  }

  void check() const {
    if (!tracker_.idle() || server_.over()) return;
    require(server_.at_rest() && server_.status() == 'I' && server_.answers.empty());
    // Data after a COPY that failed may be on its way; nobody will miss it.
    for (const char type : sent_) require(type == 'd' || type == 'c' || type == 'f');
  }

  SessionTracker tracker_;
  Server server_;
  std::deque<char> sent_;
  bool usual_ = true;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView input(data, size);
  split(input, look_at_client);
  split(input, look_at_server);
  Conversation conversation;
  for (const std::uint8_t byte : input) conversation.step(byte);
  conversation.end();
  return 0;
}
