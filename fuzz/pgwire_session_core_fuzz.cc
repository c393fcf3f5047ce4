// SessionCore against a model of PostgreSQL's loop: whatever a client sends and whatever becomes of
// it, in whatever pieces and whenever it arrives, the session counts as idle only when nothing is
// under way, always when a client has ended what it began, and the client gets what the server says
// and nothing that the router asked. One that is stopped and has come to rest stays at rest.
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "pgwire/session_core.h"

namespace {

using namespace aurora_global;
using namespace aurora_global::pgwire;

void require(bool condition) {
  if (!condition) std::abort();
}

void put(Bytes& out, char type, const std::string& body = "") {
  out.push_back(static_cast<std::uint8_t>(type));
  const std::size_t size = body.size() + 4;
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(size >> shift));
  out.insert(out.end(), body.begin(), body.end());
}

struct Message {
  char type = 0;
  std::string name;
  Bytes bytes;
  bool own = false;
};

struct Answer {
  Bytes bytes;
  bool for_client = true;
};

// The loop of PostgresMain, as far as it decides which messages come back.
class Server {
 public:
  // `choice`: what becomes of it.
  void take(const Message& message, unsigned choice) {
    if (over_) return;
    own_ = message.own;
    if (own_) return question(choice);
    if (copying_) return copy(message.type, choice);
    if (skipping_ && message.type != 'S') return;
    switch (message.type) {
      case 'Q':
        simple_ = true;
        unnamed_.clear();
        return run(choice);
      case 'F':
        simple_ = true;
        if (choice % 4 == 0) return fail();
        say('V');
        return ready();
      case 'S':
        simple_ = true;
        if (skipping_ || !bound_ || choice % 8 != 0) return ready();
        return fail();  // A deferred constraint.
      case 'H': return flush();
      case 'd':
      case 'c':
      case 'f': return;  // Of a COPY that failed.
      default: simple_ = false; return extended(message, choice);
    }
  }

  // Nothing is under way, and nothing that a transaction's end would change.
  bool at_rest() const { return !copying_ && !skipping_ && !bound_; }
  bool over() const { return over_; }
  // Whether it has just stopped to read the data of a COPY.
  bool gave_up_copy() { return std::exchange(gave_up_copy_, false); }
  char status() const { return status_; }
  const Bytes& unnamed() const { return unnamed_; }
  bool silent() const { return out.empty() && held_.empty(); }
  // What it holds back may go at any time.
  void flush() {
    for (Answer& one : held_) out.push_back(std::move(one));
    held_.clear();
  }
  void restore(const Bytes& unnamed) { unnamed_ = unnamed; }
  std::deque<Answer> out;

 private:
  void extended(const Message& message, unsigned choice) {
    const bool good = choice % 4 != 0;
    switch (message.type) {
      case 'P':
        if (choice % 8 == 4) return fail("22021");  // Its bytes: nothing has been dropped.
        if (message.name.empty()) unnamed_.clear();
        if (!good) return fail();
        if (message.name.empty()) unnamed_ = message.bytes;
        return say('1');
      case 'B':
        if (!good) return fail();
        bound_ = true;
        return say('2');
      case 'D':
        if (!good) return fail();
        if (choice % 8 > 4) say('t');
        return say(choice % 3 == 0 ? 'n' : 'T');
      case 'C':
        if (message.name.empty()) unnamed_.clear();
        return say('3');
      case 'E': bound_ = true; return run(choice);
      default: return;
    }
  }

  void run(unsigned choice) {
    if (choice % 8 == 0) return fail();
    if (choice % 8 == 1) {
      if (status_ == 'E') return fail();
      status_ = 'T';  // BEGIN
    } else if (choice % 8 == 2) {
      status_ = 'I';  // COMMIT, ROLLBACK
    } else if (status_ == 'E') {
      return fail();
    } else if (choice % 8 == 3) {
      copying_ = true;
      say('G');
      return flush();
    } else {
      if (simple_) say('T');
      say('D');
      if (choice % 8 == 4) say('H');  // COPY OUT
      if (choice % 8 == 4) say('c');
    }
    done(choice);
  }

  void copy(char type, unsigned choice) {
    switch (type) {
      case 'd':
        if (choice % 4 == 0) fail();
        return;
      case 'c':
        copying_ = false;
        if (choice % 4 == 0) return fail();
        return done(choice);
      case 'f': return fail();
      case 'S':
      case 'H': return;
      default:  // "protocol synchronization was lost"
        over_ = true;
        return;
    }
  }

  void question(unsigned choice) {
    if (choice % 3 == 0) {
      say('E');
    } else {
      for (const char type : {'1', '2', 'D', 'C', '3'}) say(type);
    }
    bound_ = false;
    ready();
  }

  void fail(const char* sqlstate = "42601") {
    gave_up_copy_ = copying_;
    copying_ = false;
    if (status_ == 'T') status_ = 'E';
    Answer answer;
    put_error(answer.bytes, "ERROR", {"", sqlstate, "", ""});
    answer.for_client = !own_;
    held_.push_back(std::move(answer));
    flush();
    if (simple_) return ready();
    skipping_ = true;
  }

  void done(unsigned choice) {
    say(choice % 16 == 5 ? 'I' : choice % 16 == 6 && !simple_ ? 's' : 'C');
    if (simple_) ready();
  }
  void ready() {
    skipping_ = bound_ = false;
    say('Z', std::string(1, status_));
    flush();
  }
  void say(char type, const std::string& body = "", bool for_client = true) {
    Answer answer;
    put(answer.bytes, type, body);
    answer.for_client = for_client && !own_;
    held_.push_back(std::move(answer));
  }

  std::deque<Answer> held_;
  char status_ = 'I';
  bool own_ = false;
  bool simple_ = true;
  bool bound_ = false;     // Something that the implicit transaction ends.
  bool skipping_ = false;  // An error in a batch: nothing counts until its Sync.
  bool copying_ = false;
  bool gave_up_copy_ = false;
  bool over_ = false;
  Bytes unnamed_;
};

// The low bits of a byte say who does something, the others what.
class Conversation {
 public:
  void step(std::uint8_t byte) {
    const unsigned choice = byte >> 3;
    switch (byte & 7) {
      case 0:
      case 1:
      case 2: return send(kTypes[choice % kTypes.size()], choice);
      case 3: return serve(choice);
      case 4:
      case 5: return deliver(choice);
      case 6: return router(choice);
      case 7:
        stopped_ = choice % 2 == 1;
        rests_ = false;
        return pass();
    }
  }

  void end() {
    stopped_ = rests_ = false;
    pass();
    settle();
    for (const char type : {'f', 'S'}) {
      send(type, 0);
      pass();
      settle();
    }
    if (server_.over() || ambiguous_) return;
    require(kept_.empty() && !core_.pending() && !core_.answers_due() && !core_.copying());
    require(core_.in_transaction() == (server_.status() != 'I'));
    require(core_.idle() == !core_.in_transaction());
  }

 private:
  static constexpr std::string_view kTypes = "QSPBEHdcfDCFPBES";

  SessionCore::Hold hold() const { return {stopped_, false, false}; }

  void send(char type, unsigned choice) {
    const std::string name = choice % 3 == 0 ? "" : choice % 3 == 1 ? "a" : "b";
    std::string body = std::to_string(++serial_);
    const std::string zero(1, '\0');
    if (type == 'P') body = name + zero + body + zero;
    if (type == 'B') body = zero + name + zero + body;
    if (type == 'D' || type == 'C') body = (choice % 4 == 0 ? "P" : "S") + name + zero;
    put(kept_, type, body);
    // Some of it may be on its way only.
    if (choice % 5 != 0) pass();
  }

  // What the client has sent goes as far as the core lets it.
  void pass() {
    for (;;) {
      const bool late = giving_up_ && core_.copying();
      const auto cut = core_.cut(kept_, hold());
      require(cut.has_value() && cut->forward + cut->drop <= kept_.size());
      require(!rests_ || cut->forward == 0);
      const std::size_t known = sent_.size();
      take(BytesView(kept_).first(cut->forward));
      for (std::size_t i = known; i < sent_.size(); ++i) {
        ambiguous_ = ambiguous_ || (late && sent_[i].type == 'S');
      }
      kept_.erase(kept_.begin(),
                  kept_.begin() + static_cast<std::ptrdiff_t>(cut->forward + cut->drop));
      if (cut->then == SessionCore::Then::tell_client) {
        require(cut->bytes.size() > 5);
      } else if (cut->then == SessionCore::Then::wait || kept_.empty() ||
                 cut->forward + cut->drop == 0) {
        break;
      }
    }
    check();
  }

  void take(BytesView bytes) {
    Splitter whole([](char, std::size_t size) { return size; });
    while (!bytes.empty()) {
      const auto piece = whole.next(bytes);
      require(piece.has_value() && piece->has_value());
      const BytesView one = (*piece)->bytes;
      const auto name = statement_name((*piece)->type, one.subspan(kHeaderBytes));
      sent_.push_back({(*piece)->type, std::string(name.value_or("a portal")),
                       Bytes(one.begin(), one.end()), false});
      bytes = bytes.subspan(one.size());
    }
  }

  void serve(unsigned choice) {
    if (choice == 31) server_.flush();
    if (sent_.empty()) return;
    const Message message = sent_.front();
    sent_.pop_front();
    server_.take(message, choice);
    if (server_.gave_up_copy()) note_lost_copy();
    check();
  }

  // The core cannot know whether a Sync among the data has been read with them. The end of the data
  // is none behind a message that a COPY takes for an error.
  void note_lost_copy() {
    giving_up_ = true;
    bool data = true;
    for (const Message& one : sent_) {
      if (data && (one.type == 'c' || one.type == 'f')) return;
      ambiguous_ = ambiguous_ || one.type == 'S';
      data = data && (one.type == 'd' || one.type == 'H' || one.type == 'S');
    }
  }

  // Some bytes of what the server has said.
  void deliver(unsigned choice) {
    std::size_t count = choice == 31 ? 100 : choice % 8 + 1;
    while (!server_.out.empty() && count > 0) {
      const Answer answer = server_.out.front();
      const std::size_t size = std::min(count, answer.bytes.size() - at_);
      arrived_.insert(arrived_.end(), answer.bytes.begin() + static_cast<std::ptrdiff_t>(at_),
                      answer.bytes.begin() + static_cast<std::ptrdiff_t>(at_ + size));
      count -= size;
      at_ += size;
      const std::size_t before = arrived_.size();
      hear(answer.for_client);
      if (at_ == answer.bytes.size()) {
        require(arrived_.empty());
        server_.out.pop_front();
        at_ = 0;
      } else if (arrived_.size() == before) {
        count = count > 0 ? count : 0;
      }
    }
    pass();
  }

  void hear(bool for_client) {
    std::size_t taken = 0;
    for (;;) {
      const auto piece = splitter_.next(BytesView(arrived_).subspan(taken));
      require(piece.has_value());
      if (!*piece) break;
      const bool client = core_.server(**piece) == SessionCore::Route::client;
      require(ambiguous_ || server_.over() || client == for_client);
      giving_up_ = giving_up_ && (*piece)->type != 'E';
      taken += (*piece)->bytes.size();
    }
    arrived_.erase(arrived_.begin(), arrived_.begin() + static_cast<std::ptrdiff_t>(taken));
  }

  // What the router does by itself.
  void router(unsigned choice) {
    if (choice % 4 == 0 && stopped_ && !kept_.empty()) {
      core_.cancel_waiting(hold());
      return pass();
    }
    if (core_.needs_flush()) {
      core_.flushed();
      sent_.push_back({'H', "", {}, false});
      return;
    }
    if (!core_.idle() || server_.over()) return;
    if (choice % 2 == 0 || core_.uncertain()) {
      core_.ask(1);
      sent_.push_back({'O', "", {}, true});
      return;
    }
    move();
  }

  void move() {
    if (core_.unnamed_in_doubt()) core_.unnamed_is_there(!server_.unnamed().empty());
    Server fresh;
    fresh.restore(core_.unnamed());
    server_ = fresh;
    sent_.clear();
    arrived_.clear();
    at_ = 0;
    splitter_ = Splitter(look_at_server);
    core_.moved();
    check();
  }

  void settle() {
    while (!sent_.empty() || !server_.out.empty()) {
      while (!sent_.empty()) serve(29);
      while (!server_.out.empty()) deliver(31);
    }
  }

  void check() {
    if (!core_.idle() || server_.over() || ambiguous_) return;
    rests_ = stopped_;
    require(server_.at_rest() && server_.status() == 'I' && server_.silent() && arrived_.empty());
    require(server_.unnamed() == core_.unnamed() ||
            (core_.unnamed_in_doubt() && server_.unnamed().empty()));
    // Data that no COPY reads may be on its way; nobody will miss it. Nor a Flush.
    for (const Message& one : sent_) {
      require(one.type == 'd' || one.type == 'c' || one.type == 'f' || one.type == 'H');
    }
  }

  SessionCore core_;
  Server server_;
  Splitter splitter_{look_at_server};
  Bytes kept_;
  std::deque<Message> sent_;
  Bytes arrived_;
  std::size_t at_ = 0;
  std::size_t serial_ = 0;
  bool stopped_ = false;
  bool rests_ = false;  // Since it is stopped.
  bool giving_up_ = false;
  bool ambiguous_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Conversation conversation;
  for (std::size_t i = 0; i < size; ++i) conversation.step(data[i]);
  conversation.end();
  return 0;
}
