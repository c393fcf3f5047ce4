#include "pg/message.h"

extern "C" {
#include "libpq/auth.h"
#include "nodes/memnodes.h"
#include "replication/walsender.h"
}

namespace aurora_global::extension {
namespace {

// The first piece has this size (initStringInfo).
constexpr std::size_t kFirstBytes = 1024;

const MemoryContextMethods* real = nullptr;
MemoryContextMethods watching;  // Until a statement's parsing begins.
MemoryContextMethods resting;   // After that, until the next message.
const PQcommMethods* real_comm = nullptr;
PQcommMethods first_comm;

const char* message = nullptr;
MessageCallbacks callbacks;
bool calling = false;  // Which takes memory, too.

// An error leaves it set until the next message.
void before_parse(const char* text) {
  calling = true;
  callbacks.before_parse(text);
  calling = false;
}

// Only Execute takes its text from there.
bool executes_portal() {
  Portal portal = GetPortalByName(message);
  return PortalIsValid(portal) && debug_query_string == portal->sourceText;
}

// The text of a Parse message whose parameters' types are to be kept in `size` bytes. PostgreSQL
// parses an unnamed statement in a context of its own, and this is the last it takes from here.
const char* parse_text(Size size) {
  const char* end = message + kFirstBytes;
  const char* text = static_cast<const char*>(memchr(message, 0, kFirstBytes));
  if (text == nullptr || ++text >= end) return nullptr;
  const auto* count = static_cast<const char*>(memchr(text, 0, static_cast<Size>(end - text)));
  if (count == nullptr || count + 3 > end) return nullptr;
  const int parameters =
      static_cast<unsigned char>(count[1]) << 8 | static_cast<unsigned char>(count[2]);
  return parameters > 0 && static_cast<Size>(parameters) * sizeof(Oid) == size ? text : nullptr;
}

void* watched_alloc(MemoryContext context, Size size) {
  void* piece = real->alloc(context, size);
  if (message == nullptr) {
    message = static_cast<const char*>(piece);
    calling = false;
    callbacks.begins();
  } else if (calling) {
    return piece;
  } else if (debug_query_string == nullptr && !ActiveSnapshotSet()) {
    const char* text = parse_text(size);
    if (text != nullptr) before_parse(text);
  } else if (debug_query_string != nullptr && IsTransactionState() && !ActiveSnapshotSet()) {
    context->methods = &resting;
    if (!executes_portal()) before_parse(debug_query_string);
  }
  return piece;
}

void watched_reset(MemoryContext context) {
  real->reset(context);
  message = nullptr;
  context->methods = &watching;
}

void watch(MemoryContext context) {
  real = context->methods;
  watching = resting = *real;
  watching.alloc = watched_alloc;
  watching.reset = resting.reset = watched_reset;
  message = "";  // That of the first message is not known, which executes no portal.
  context->methods = &watching;
}

// The first ReadyForQuery is the first thing that is sent when the context is there.
int first_putmessage(char type, const char* body, size_t size) {
  if (MessageContext != nullptr) {
    watch(MessageContext);
    PqCommMethods = real_comm;
  }
  return real_comm->putmessage(type, body, size);
}

}  // namespace

long execute_row_limit(const char* portal) {
  const std::size_t name = strlen(portal) + 1;
  if (real == nullptr || message == nullptr || name + 4 > kFirstBytes) return 0;
  if (strcmp(message, portal) != 0) return 0;
  std::uint32_t rows = 0;
  memcpy(&rows, message + name, sizeof rows);
  const auto limit = static_cast<std::int32_t>(pg_ntoh32(rows));
  return limit > 0 ? limit : 0;
}

void watch_messages(const MessageCallbacks& of) {
  if (am_walsender || real_comm != nullptr) return;
  callbacks = of;
  real_comm = PqCommMethods;
  first_comm = *real_comm;
  first_comm.putmessage = first_putmessage;
  PqCommMethods = &first_comm;
}

}  // namespace aurora_global::extension
