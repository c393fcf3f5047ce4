#include "pg/unnamed_statement.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "pg/options.h"
#include "pg/parse_context.h"
#include "pg/session_report.h"

extern "C" {
#include "libpq/pqformat.h"
#include "parser/parse_node.h"
}

namespace aurora_global::extension {
namespace {

// ---- as it stands here

// PostgreSQL keeps what it has parsed in a context of its own, and ours of it with it: what is
// dropped there, for whatever reason, is forgotten here.
struct Here {
  MemoryContext context = nullptr;  // Null: none that we know of.
  const char* text = nullptr;
  Oid* types = nullptr;
  int count = 0;
  TimestampTz parsed_at = 0;
  int encoding = 0;  // In which it came.
};
Here here;

struct Arriving {
  ParseContext context;
  std::string encoding;
};
std::optional<Arriving>& arriving() {
  static auto* one = new std::optional<Arriving>;
  return *one;
}

void set_local(const char* name, const char* value) {
  set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, ERROR, false);
}

// parse_param.c's.
struct VarParamState {
  Oid** types;
  int* count;
};

void forget_here(void* context) {
  if (here.context == context) here = {};
}

// Where the statement lies that is being parsed, if it has no name.
MemoryContext unnamed_source() {
  if (ActivePortal != nullptr ||
      strcmp(CurrentMemoryContext->name, "unnamed prepared statement") != 0)
    return nullptr;
  MemoryContext source = CurrentMemoryContext->firstchild;
  return source != nullptr && strcmp(source->name, "CachedPlanSource") == 0 ? source : nullptr;
}

// ---- as it stands there

struct Parsed {
  std::string text;  // Server encoding.
  std::vector<std::uint32_t> types;
};

struct There {
  bool known = false;     // What stands there is the client's.
  bool replaced = false;  // By the relay; it is no more what stands here.
  std::optional<Parsed> statement;
  std::deque<Parsed> unanswered;
};

There& there() {
  static auto* one = new There;
  return *one;
}

// ---- back to here

// So much goes into a socket at once. A longer statement is gone: its next user gets 26000.
constexpr std::size_t kTextBytesMax = 64 * 1024;
constexpr std::size_t kReceiveBytes = 8192;  // PQ_RECV_BUFFER_SIZE

struct Restoring {
  bool due = false;
  bool under_way = false;
  pgsocket client = PGINVALID_SOCKET;
  bool ssl = false;
  int ours = -1;             // What is written here,
  int theirs = -1;           // PostgreSQL reads there.
  char said[kReceiveBytes];  // By the client, and taken from PostgreSQL's buffer.
  std::size_t said_bytes = 0;
} restoring;

void write_ours(std::string_view bytes) {
  ssize_t size = -1;
  do {
    size = ::send(restoring.ours, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (size < 0 && errno == EINTR);
  if (size < 0 || static_cast<std::size_t>(size) != bytes.size()) {
    ereport(FATAL, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not keep a statement: %m"));
  }
}

// PostgreSQL reads from the client again, first what it had read already.
void end_restoring() {
  if (restoring.said_bytes > 0) {
    write_ours({restoring.said, restoring.said_bytes});
    pq_startmsgread();
    pq_peekbyte();  // All of it goes to PostgreSQL's buffer, which is empty.
    pq_endmsgread();
  }
  restoring.under_way = false;
  MyProcPort->sock = restoring.client;
  MyProcPort->ssl_in_use = restoring.ssl;
  ::close(restoring.ours);
  ::close(restoring.theirs);
}

std::string restoring_messages(const char* text) {
  std::string out;
  MessageWriter writer(out);
  if (text != nullptr && strlen(text) <= kTextBytesMax) {
    writer.parse("", text, there().statement->types);
  } else {
    writer.close_statement("");
  }
  writer.sync();
  return out;
}

}  // namespace

void note_unnamed_here(const ParseState* state) {
  MemoryContext source = unnamed_source();
  if (source == nullptr || !(forwarding_possible() || options.report_session_state)) return;
  auto* types = static_cast<const VarParamState*>(state->p_ref_hook_state);
  auto* forget = static_cast<MemoryContextCallback*>(
      MemoryContextAllocZero(source, sizeof(MemoryContextCallback)));
  forget->func = forget_here;
  forget->arg = source;
  Here now;
  now.context = source;
  now.text = MemoryContextStrdup(source, state->p_sourcetext);
  now.count = state->p_paramref_hook == nullptr ? 0 : *types->count;
  now.types = static_cast<Oid*>(
      MemoryContextAlloc(source, sizeof(Oid) * static_cast<Size>(Max(now.count, 1))));
  if (now.count > 0) memcpy(now.types, *types->types, sizeof(Oid) * static_cast<Size>(now.count));
  now.parsed_at = GetCurrentStatementStartTimestamp();
  now.encoding = pg_get_client_encoding();
  MemoryContextRegisterResetCallback(source, forget);
  here = now;
  note_session_unnamed();
}

void add_unnamed(SessionImage& image) {
  if (here.context == nullptr) return;
  const ParseContext* context = parse_context_at(here.parsed_at);
  const char* encoding = pg_encoding_to_char(here.encoding);
  if (context == nullptr) return;
  contained([&] {
    const auto found = std::find(image.contexts.begin(), image.contexts.end(), *context);
    image.unnamed =
        UnnamedItem{encoding, static_cast<std::uint32_t>(found - image.contexts.begin())};
    if (found == image.contexts.end()) image.contexts.push_back(*context);
  });
}

std::uint64_t unnamed_of_other_settings() {
  if (here.context == nullptr) return 0;
  const bool same =
      here.encoding == pg_get_client_encoding() && holds_now(parse_context_at(here.parsed_at));
  return same ? 0 : static_cast<std::uint64_t>(here.parsed_at);
}

void expect_unnamed(const SessionImage* image) {
  contained([&] {
    arriving().reset();
    if (image == nullptr || !image->unnamed || image->unnamed->context == kUnknownContext) return;
    arriving() = {image->contexts[image->unnamed->context], image->unnamed->encoding};
  });
}

void parse_unnamed_as_it_was() {
  set_local("client_min_messages", "error");
  set_local("log_min_messages", "error");
  if (!arriving()) return;
  hold_parse_context(arriving()->context);
  set_local("client_encoding", arriving()->encoding.c_str());
  expect_unnamed(nullptr);
}

void begin_unnamed(bool portal_is_unnamed) {
  contained([&] {
    there() = {};
    there().known = portal_is_unnamed;
  });
}

void ensure_unnamed(Remote& r) {
  if (there().known || there().replaced || !there().unanswered.empty()) return;
  const char* text = here.context == nullptr ? nullptr : here.text;
  if (text != nullptr) text = pg_server_to_client(text, static_cast<int>(strlen(text)));
  contained([&] {
    MessageWriter writer(r.out);
    if (text == nullptr) {
      writer.close_statement("");
    } else {
      writer.parse("", text, {here.types, static_cast<std::size_t>(here.count)});
    }
    r.exchange.sent(text == nullptr ? Request::close : Request::parse, Whose::relay);
    there().known = true;
  });
}

const char* unnamed_text() {
  if (!there().unanswered.empty()) return there().unanswered.back().text.c_str();
  if (there().replaced) return there().statement ? there().statement->text.c_str() : "";
  return here.context == nullptr ? "" : here.text;
}

void note_unnamed_parse(const char* text, std::vector<std::uint32_t> types) {
  contained([&] { there().unanswered.push_back({text, std::move(types)}); });
}

void note_unnamed_parsed() {
  contained([&] {
    there().replaced = true;
    there().statement = std::move(there().unanswered.front());
    there().unanswered.pop_front();
  });
}

void note_unnamed_dropped() {
  there().replaced = true;
  there().statement.reset();
}

void forget_unnamed_unanswered() { there().unanswered.clear(); }

void expect_restoring() {
  // Where none stands here, none has to go.
  restoring.due = there().replaced && (there().statement || here.context != nullptr);
}

void restore_unnamed() {
  if (!restoring.due) return;
  restoring.due = false;
  static auto* messages = new std::string;
  auto& statement = there().statement;
  const char* text = nullptr;
  if (statement) {
    text = pg_server_to_client(statement->text.c_str(), static_cast<int>(statement->text.size()));
  }
  contained([&] { *messages = restoring_messages(text); });
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    ereport(FATAL, errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("socketpair: %m"));
  }
  restoring.ours = pair[0];
  restoring.theirs = pair[1];
  write_ours(*messages);
  restoring.said_bytes = 0;
  pq_startmsgread();
  while (pq_buffer_has_data() && restoring.said_bytes < kReceiveBytes) {
    restoring.said[restoring.said_bytes++] = static_cast<char>(pq_getbyte());
  }
  pq_endmsgread();
  restoring.client = MyProcPort->sock;
  restoring.ssl = MyProcPort->ssl_in_use;
  MyProcPort->sock = restoring.theirs;
  MyProcPort->ssl_in_use = false;
  restoring.under_way = true;
}

bool answers_restoring(char type, std::string_view body) {
  if (!restoring.under_way) return false;
  const bool ends = type == 'E' && error_field(body, 'V') == "FATAL";
  if (type == 'Z' || ends) end_restoring();
  return type != 'S' && !ends;
}

}  // namespace aurora_global::extension
