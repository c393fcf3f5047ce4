#include "pg/carry.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstring>

#include "pg/consistency.h"
#include "pg/local_cursors.h"
#include "pg/parse_context.h"
#include "pg/primary.h"
#include "pg/remote.h"
#include "pg/session.h"
#include "pg/session_report.h"
#include "pg/statement_making.h"
#include "pg/unnamed_statement.h"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_control.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "utils/timeout.h"
}

namespace aurora_global::extension {
namespace {

constexpr std::size_t kSealBytes = 32;
constexpr std::size_t kPieceDigits = 256 * 1024;
constexpr std::size_t kImageBytesMax = 64 * 1024 * 1024;
// So long an image proves rights that its user has lost meanwhile.
constexpr std::int64_t kFreshUs = std::int64_t{3600} * 1000 * 1000;
// Statements of a router's own.
constexpr std::string_view kReserved = "_aurora_global";

constexpr char kNothing[] = "none";
constexpr char kUnnamed[] = "unnamed";
constexpr std::string_view kAfter = "after ";

char* session_text = nullptr;
char* settings_text = nullptr;

// ---- the seal

// The nonce of initdb, which every copy of the cluster has and nobody is shown.
std::string seal_of(std::string_view bytes) {
  static const char* nonce = GetMockAuthenticationNonce();
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  std::string sealed = "aurora_global session";
  sealed += bytes;
  HMAC(EVP_sha256(), nonce, MOCK_AUTH_NONCE_LEN,
       reinterpret_cast<const unsigned char*>(sealed.data()), sealed.size(), mac, &size);
  return std::string(reinterpret_cast<const char*>(mac), size);
}

std::string sealed_hex(const SessionImage& image) {
  const std::string bytes = encode(image);
  return to_hex(seal_of(bytes)) + to_hex(bytes);
}

std::optional<SessionImage> open_seal(std::string_view hex) {
  const auto bytes = from_hex(hex);
  if (!bytes || bytes->size() < kSealBytes) return std::nullopt;
  const std::string_view image = std::string_view(*bytes).substr(kSealBytes);
  if (CRYPTO_memcmp(seal_of(image).data(), bytes->data(), kSealBytes) != 0) return std::nullopt;
  return decode_image(image);
}

// ---- taking it

SessionImage& taken() {
  static auto* image = new SessionImage;
  return *image;
}

// The first column of each row, in the caller's memory. Inside a transaction.
List* query(const char* sql) {
  MemoryContext caller = CurrentMemoryContext;
  List* texts = NIL;
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  if (SPI_execute(sql, true, 0) != SPI_OK_SELECT) elog(ERROR, "SPI_execute failed");
  for (std::uint64_t i = 0; i < SPI_processed; ++i) {
    char* text = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
    MemoryContext old = MemoryContextSwitchTo(caller);
    texts = lappend(texts, pstrdup(text == nullptr ? "" : text));
    MemoryContextSwitchTo(old);
  }
  SPI_finish();
  return texts;
}

// For people. "": nothing stands in the way.
const char* obstacle() {
  StringInfoData text;
  initStringInfo(&text);
  const std::uint32_t there = pins_at_primary() | pins_of_forwarded_session();
  const auto add = [&](bool is, const char* what) {
    if (is) appendStringInfo(&text, "%s%s", text.len > 0 ? " and " : "", what);
  };
  // The schema stays when what was in it is gone.
  add((there & pin_temporary) != 0 ||
          query("SELECT 1 FROM (SELECT relnamespace FROM pg_catalog.pg_class UNION ALL "
                "SELECT pronamespace FROM pg_catalog.pg_proc UNION ALL "
                "SELECT typnamespace FROM pg_catalog.pg_type) of(schema) "
                "WHERE schema OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema() LIMIT 1") !=
              NIL,
      "temporary objects");
  add((there & pin_locks) != 0 ||
          query("SELECT 1 FROM pg_catalog.pg_lock_status() "
                "WHERE pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND "
                "locktype OPERATOR(pg_catalog.=) 'advisory' LIMIT 1") != NIL,
      "advisory locks");
  add((there & pin_cursors) != 0 ||
          query("SELECT 1 FROM pg_catalog.pg_cursor() WHERE is_holdable LIMIT 1") != NIL,
      "a cursor WITH HOLD");
  add((there & pin_listening) != 0, "channels that it listens to at the primary");
  return text.data;
}

void take_whole() {
  SessionImage& image = taken();
  contained([&] { image = SessionImage{}; });
  fill_identity(image);
  capture_settings(Carrier::move, image.settings);
  ListCell* cell;
  foreach (cell, query("SELECT name FROM pg_catalog.pg_prepared_statement()")) {
    const char* name = static_cast<const char*>(lfirst(cell));
    if (std::string_view(name).starts_with(kReserved)) continue;
    PreparedStatement* statement = FetchPreparedStatement(name, false);
    if (statement != nullptr) add_statement(statement, image);
  }
  add_unnamed(image);
  foreach (cell, query("SELECT * FROM pg_catalog.pg_listening_channels()")) {
    contained([&] { image.channels.emplace_back(static_cast<const char*>(lfirst(cell))); });
  }
}

void begin_rows(const char* name, DestReceiver* receiver, TupOutputState** state) {
  *state = begin_tup_output_tupdesc(receiver, GetPGVariableResultDesc(name), &TTSOpsVirtual);
}

void put_row(TupOutputState* state, std::string_view text) {
  Datum value =
      PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
  bool null = false;
  do_tup_output(state, &value, &null);
}

void show_session(const char* name, DestReceiver* receiver) {
  static auto* hex = new std::string;
  TupOutputState* state = nullptr;
  take_whole();
  const char* why_not = obstacle();
  contained([&] { *hex = sealed_hex(taken()); });
  if (hex->size() > 2 * kImageBytesMax) {
    why_not = "more state than is carried";
    hex->clear();
  }
  begin_rows(name, receiver, &state);
  put_row(state, why_not);
  const std::size_t pieces = (hex->size() + kPieceDigits - 1) / kPieceDigits;
  for (std::size_t i = 0; i < pieces; ++i) {
    const std::string_view digits = std::string_view(*hex).substr(i * kPieceDigits, kPieceDigits);
    put_row(state, psprintf("%zu/%zu:%.*s", i + 1, pieces, static_cast<int>(digits.size()),
                            digits.data()));
  }
  end_tup_output(state);
  contained([&] {
    hex->clear();
    hex->shrink_to_fit();
    taken() = SessionImage{};
  });
}

void show_settings(const char* name, DestReceiver* receiver) {
  static auto* hex = new std::string;
  TupOutputState* state = nullptr;
  SessionImage& image = taken();
  contained([&] {
    image = SessionImage{};
    image.kind = SessionImage::Kind::settings;
  });
  fill_identity(image);
  capture_settings(Carrier::forwarding, image.settings);
  contained([&] { *hex = sealed_hex(image); });
  begin_rows(name, receiver, &state);
  put_row(state, *hex);
  end_tup_output(state);
}

// ---- restoring it

std::string& collected() {
  static auto* digits = new std::string;
  return *digits;
}

[[noreturn]] void refuse_piece(const char* what) {
  collected().clear();
  ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
          errmsg("invalid value for parameter \"%s\": %s", kSessionSetting, what));
  pg_unreachable();
}

// True: the last one. "2/3:DIGITS".
bool collect(const char* piece) {
  static unsigned long due = 1;
  char* end = nullptr;
  const unsigned long index = strtoul(piece, &end, 10);
  const unsigned long count = *end == '/' ? strtoul(end + 1, &end, 10) : 0;
  if (*end != ':' || index < 1 || index > count) refuse_piece("it is no piece of a session");
  if (index == 1) {
    due = 1;
    collected().clear();
  }
  if (index != due) refuse_piece("a piece is missing");
  const char* digits = end + 1;
  if (collected().size() + strlen(digits) > 2 * (kImageBytesMax + kSealBytes)) {
    refuse_piece("it is too long");
  }
  contained([&] { collected() += digits; });
  ++due;
  return index == count;
}

void check_roles(const SessionImage& image) {
  if (!OidIsValid(image.session)) return;  // Taken in a transaction that has changed them.
  if (GetSessionUserId() == image.session && GetCurrentRoleId() == image.role) return;
  ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
          errmsg("a role of the session was dropped and made again"));
}

// Those of one context together, for entering one takes longer than parsing a statement.
void restore_statements(const SessionImage& image) {
  for (std::uint32_t context = 0; context < image.contexts.size(); ++context) {
    int nest_level = 0;
    int security = 0;
    Oid user = InvalidOid;
    enter_parse_context(image.contexts[context], &nest_level, &user, &security);
    for (const StatementItem& one : image.statements) {
      if (one.context == context) make_statement(one);
    }
    leave_parse_context(nest_level, user, security);
    for (const StatementItem& one : image.statements) {
      if (one.context == context) note_parsed_elsewhere(one.name.c_str(), image.contexts[context]);
    }
  }
  for (const StatementItem& one : image.statements) {
    if (one.context == kUnknownContext) make_statement(one);
  }
}

void restore_whole(const SessionImage& image, bool trusted) {
  DropAllPreparedStatements();
  note_session_forgotten();
  Async_UnlistenAll();
  apply_settings(Carrier::move, image.settings, trusted);
  check_roles(image);
  restore_statements(image);
  expect_unnamed(trusted ? &image : nullptr);
  for (const std::string& channel : image.channels) {
    Async_Listen(channel.c_str());
    note_session_listens();
  }
}

// The transaction block began before it came here, and now() is the same all through it.
void begin_at(TimestampTz time) {
  // What parallel workers do; builds with assertions insist on their being such.
#ifndef USE_ASSERT_CHECKING
  SetParallelStartTimestamps(time, GetCurrentStatementStartTimestamp());
#else
  (void)time;
#endif
}

void restore(const SessionImage& image, bool trusted) {
  if (image.database != MyDatabaseId || image.login != GetAuthenticatedUserId()) {
    ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
            errmsg("the session was another user's, or in another database"));
  }
  const bool additive =
      image.kind == SessionImage::Kind::block || image.kind == SessionImage::Kind::statements;
  if (IsTransactionBlock() && !additive) {
    ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
            errmsg("a session cannot be restored inside a transaction block"));
  }
  switch (image.kind) {
    case SessionImage::Kind::whole: return restore_whole(image, trusted);
    case SessionImage::Kind::settings:
      apply_settings(Carrier::forwarding, image.settings, trusted);
      return check_roles(image);
    case SessionImage::Kind::block:
      if (image.began_at != 0 && IsTransactionBlock()) begin_at(image.began_at);
      return apply_block_settings(image.settings, trusted);
    case SessionImage::Kind::statements: return restore_statements(image);
  }
}

// An error says what it is that cannot be restored.
template <typename Restore>
void restore_or_say_why(const Restore& restore) {
  MemoryContext context = CurrentMemoryContext;
  // The client's transaction may still choose its isolation afterwards.
  PushActiveSnapshot(GetCatalogSnapshot(InvalidOid));
  PG_TRY();
  { restore(); }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    const char* setting = setting_being_applied();
    if (setting[0] == '\0') PG_RE_THROW();
    ErrorData* error = CopyErrorData();
    FlushErrorState();
    ereport(ERROR, errcode(error->sqlerrcode),
            errmsg("setting %s could not be restored: %s", setting, error->message));
  }
  PG_END_TRY();
  PopActiveSnapshot();
}

void restore_collected() {
  bool fresh = false;
  const SessionImage& image = unsealed(collected(), &fresh);
  contained([] {
    collected().clear();
    collected().shrink_to_fit();
  });
  restore_or_say_why([&] { restore(image, fresh); });
}

// What nobody has touched and no ALTER ROLE concerns; whose settings a user may not SET stay.
void restore_nothing() {
  static auto* nothing = new SessionImage;
  fill_identity(*nothing);
  expect_unnamed(nullptr);
  nothing->session = GetAuthenticatedUserId();  // And no role.
  restore_or_say_why([] { restore(*nothing, false); });
}

const char* piece_of(const VariableSetStmt* statement) {
  if (statement->kind != VAR_SET_VALUE || statement->is_local ||
      list_length(statement->args) != 1) {
    refuse_piece("it is only SET, to one piece of a session");
  }
  auto* constant = static_cast<A_Const*>(linitial(statement->args));
  if (!IsA(constant, A_Const) || constant->isnull || !IsA(&constant->val, String)) {
    refuse_piece("it is no piece of a session");
  }
  return strVal(&constant->val);
}

bool refuse_value(char** value, void**, GucSource) { return **value == '\0'; }

const char* show_nothing() { return ""; }

}  // namespace

bool is_carry_statement(const Node* statement) {
  const char* name = nullptr;
  if (IsA(statement, VariableShowStmt)) {
    name = reinterpret_cast<const VariableShowStmt*>(statement)->name;
    if (pg_strcasecmp(name, kSessionSettingsSetting) == 0) return true;
  } else if (IsA(statement, VariableSetStmt)) {
    name = reinterpret_cast<const VariableSetStmt*>(statement)->name;
  }
  return name != nullptr && pg_strcasecmp(name, kSessionSetting) == 0;
}

void run_carry_statement(Node* statement, DestReceiver* receiver, QueryCompletion* completion) {
  // What the client allows its own statements does not bound who carries it.
  disable_timeout(STATEMENT_TIMEOUT, false);
  if (IsA(statement, VariableSetStmt)) {
    const char* piece = piece_of(reinterpret_cast<VariableSetStmt*>(statement));
    if (strcmp(piece, kNothing) == 0) {
      restore_nothing();
    } else if (strcmp(piece, kUnnamed) == 0) {
      parse_unnamed_as_it_was();
    } else if (std::string_view(piece).starts_with(kAfter)) {
      const char* token = piece + kAfter.size();
      if (!token_is_valid(token)) refuse_piece("it is no consistency token");
      take_token(token);
    } else if (collect(piece)) {
      restore_collected();
    }
    if (completion != nullptr) SetQueryCompletion(completion, CMDTAG_SET, 0);
    return;
  }
  const char* name = reinterpret_cast<VariableShowStmt*>(statement)->name;
  if (IsTransactionBlock()) {
    ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
            errmsg("a session cannot be read inside a transaction block"));
  }
  PushActiveSnapshot(GetTransactionSnapshot());
  if (pg_strcasecmp(name, kSessionSetting) == 0) {
    show_session(name, receiver);
  } else {
    show_settings(name, receiver);
  }
  PopActiveSnapshot();
  if (completion != nullptr) SetQueryCompletion(completion, CMDTAG_SHOW, 0);
}

std::string restoring_sql(const SessionImage& image) {
  return std::string("SET ") + kSessionSetting + " = '1/1:" + sealed_hex(image) + "'";
}

void fill_identity(SessionImage& image) {
  image.database = MyDatabaseId;
  image.login = GetAuthenticatedUserId();
  image.session = GetSessionUserId();
  image.role = GetCurrentRoleId();
  image.taken_at = GetCurrentTimestamp();
}

void add_statement(PreparedStatement* statement, SessionImage& image) {
  const CachedPlanSource* source = statement->plansource;
  const char* text = statement_text_of(statement);
  const ParseContext* context = parse_context_of(statement);
  const TupleDesc columns = source->resultDesc;
  contained([&] {
    StatementItem& item = image.statements.emplace_back();
    item.name = statement->stmt_name;
    item.text = text;
    item.from_sql = statement->from_sql;
    item.types.assign(source->param_types, source->param_types + source->num_params);
    item.prepared_at = statement->prepare_time;
    if (columns != nullptr) {
      item.columns.emplace();
      for (int i = 0; i < columns->natts; ++i) {
        const FormData_pg_attribute* column = TupleDescAttr(columns, i);
        item.columns->push_back(
            {NameStr(column->attname), column->atttypid, column->atttypmod, column->attcollation});
      }
    }
    if (context == nullptr) return;
    for (std::size_t i = 0; i < image.contexts.size(); ++i) {
      if (image.contexts[i] == *context) item.context = static_cast<std::uint32_t>(i);
    }
    if (item.context == kUnknownContext) {
      item.context = static_cast<std::uint32_t>(image.contexts.size());
      image.contexts.push_back(*context);
    }
  });
}

const SessionImage& unsealed(std::string_view hex, bool* fresh) {
  static auto* image = new SessionImage;
  const bool genuine = contained([&] {
    auto opened = open_seal(hex);
    if (opened) *image = std::move(*opened);
    return opened.has_value();
  });
  if (!genuine) {
    ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
            errmsg("the session's image was not taken by a server of this cluster"));
  }
  const std::int64_t age = GetCurrentTimestamp() - image->taken_at;
  *fresh = age < kFreshUs && age > -kFreshUs;
  return *image;
}

void install_carry() {
  for (const auto& [name, text] : {std::pair{kSessionSetting, &session_text},
                                   std::pair{kSessionSettingsSetting, &settings_text}}) {
    DefineCustomStringVariable(
        name, "What a session is made of, for who carries it.", nullptr, text, "", PGC_USERSET,
        GUC_NO_SHOW_ALL | GUC_NO_RESET_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, refuse_value,
        nullptr, show_nothing);
  }
}

}  // namespace aurora_global::extension
