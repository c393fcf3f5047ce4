#include "pg/statements.h"

#include <deque>
#include <iterator>
#include <set>
#include <vector>

#include "pg/carry.h"
#include "pg/parse_context.h"
#include "pg/primary.h"
#include "pg/relay_parts.h"
#include "pg/statement_making.h"
#include "pg/unnamed_statement.h"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/plancache.h"
#include "utils/syscache.h"
}

namespace aurora_global::extension {
namespace {

struct Pending {
  enum class Kind { parse, sql, drop, drop_all };
  Kind kind;
  std::string name;
  std::string text;  // Server encoding.
  std::vector<std::uint32_t> types;
  Statements before = {};  // Those of the primary that it replaces or drops.
  bool by_message = true;  // Parse or Close, not SQL.
  bool done = false;       // The primary said so.
  bool failed = false;
};

std::vector<Pending>& pending() {
  static auto* list = new std::vector<Pending>;
  return *list;
}

// The Parse (answer '1') or Close ('3') messages of the client's that are not answered yet, as
// places in pending(); kUnnoted for those of no interest.
constexpr std::size_t kUnnoted = SIZE_MAX;
constexpr std::size_t kUnnamed = kUnnoted - 1;
std::deque<std::size_t>& unanswered(char answer) {
  static auto* parses = new std::deque<std::size_t>;
  static auto* closes = new std::deque<std::size_t>;
  return answer == '1' ? *parses : *closes;
}

bool refused = false;  // An error has come since the last ReadyForQuery.

// Statements that were made at the primary for the client's messages, and not yet answered.
std::set<std::string>& ensured() {
  static auto* names = new std::set<std::string>;
  return *names;
}

// The statement of this name as the primary has it.
Statements known_there(const Remote& r, const char* name) {
  const auto there = r.statements.find(std::string_view(name));
  return there == r.statements.end() ? Statements{} : Statements{*there};
}

// What the primary has not done by now it will not do.
void fail_unanswered(Remote& r) {
  for (auto one = pending().rbegin(); one != pending().rend(); ++one) {
    if (one->done || one->failed) continue;
    one->failed = true;
    if (one->kind != Pending::Kind::drop_all) r.statements.erase(one->name);
    for (const auto& [name, made] : one->before) r.statements[name] = made;
  }
}

void note_sql(const Remote& r, Pending::Kind kind, const char* name, std::string text) {
  Pending one{kind,
              name,
              std::move(text),
              {},
              kind == Pending::Kind::drop_all ? r.statements : known_there(r, name)};
  one.by_message = false;
  pending().push_back(std::move(one));
}

const char* tag_of(const Pending& one) {
  switch (one.kind) {
    case Pending::Kind::parse: break;
    case Pending::Kind::sql: return "PREPARE";
    case Pending::Kind::drop: return "DEALLOCATE";
    case Pending::Kind::drop_all: return one.text.c_str();
  }
  return "";
}

// By the relay that runs; here it still stands.
bool dropped(const char* name) {
  for (const Pending& one : pending()) {
    if (one.failed) continue;
    if (one.kind == Pending::Kind::drop_all) return true;
    if (one.kind == Pending::Kind::drop && one.name == name) return true;
  }
  return false;
}

std::set<std::string>& local_prepares() {
  static auto* names = new std::set<std::string>;
  return *names;
}

void send_parse(Remote& r, const char* name, const char* sql, const Oid* types, int count) {
  const char* encoded = pg_server_to_client(sql, static_cast<int>(strlen(sql)));
  contained([&] {
    MessageWriter(r.out).parse(name, encoded, {types, static_cast<std::size_t>(count)});
    r.exchange.sent(Request::parse, Whose::relay);
  });
}

void send_close(Remote& r, const char* name) {
  contained([&] {
    MessageWriter(r.out).close_statement(name);
    r.exchange.sent(Request::close, Whose::relay);
    r.statements.erase(name);
  });
}

// A parameter's value in its binary format where there is one, else as text.
char* encoded_value(const ParamExternData& value, int* size, std::int16_t* format) {
  Oid function = InvalidOid;
  bool varlena = false;
  HeapTuple type = SearchSysCacheCopy1(TYPEOID, ObjectIdGetDatum(value.ptype));
  const bool binary = HeapTupleIsValid(type) &&
                      OidIsValid(reinterpret_cast<Form_pg_type>(GETSTRUCT(type))->typsend);
  *format = binary ? 1 : 0;
  if (binary) {
    getTypeBinaryOutputInfo(value.ptype, &function, &varlena);
    bytea* bytes = OidSendFunctionCall(function, value.value);
    *size = VARSIZE(bytes) - VARHDRSZ;
    return VARDATA(bytes);
  }
  getTypeOutputInfo(value.ptype, &function, &varlena);
  char* text = OidOutputFunctionCall(function, value.value);
  text = pg_server_to_client(text, static_cast<int>(strlen(text)));
  *size = static_cast<int>(strlen(text));
  return text;
}

void send_bind(Remote& r, Portal portal, const char* statement) {
  ParamListInfo params = portal->portalParams;
  const int count = params == nullptr ? 0 : params->numParams;
  auto* values = static_cast<char**>(palloc0(sizeof(char*) * Max(count, 1)));
  auto* sizes = static_cast<int*>(palloc0(sizeof(int) * Max(count, 1)));
  auto* formats = static_cast<std::int16_t*>(palloc0(sizeof(std::int16_t) * Max(count, 1)));
  for (int i = 0; i < count; ++i) {
    if (params->params[i].isnull) continue;
    values[i] = encoded_value(params->params[i], &sizes[i], &formats[i]);
  }
  const int columns = portal->formats == nullptr ? 0 : portal->tupDesc->natts;
  contained([&] {
    MessageWriter writer(r.out);
    writer.begin('B');
    writer.put_text(portal->name);
    writer.put_text(statement);
    writer.put16(static_cast<std::int16_t>(count));
    for (int i = 0; i < count; ++i) writer.put16(formats[i]);
    writer.put16(static_cast<std::int16_t>(count));
    for (int i = 0; i < count; ++i) {
      writer.put32(values[i] == nullptr ? -1 : sizes[i]);
      if (values[i] != nullptr) {
        writer.put_bytes({values[i], static_cast<std::size_t>(sizes[i])});
      }
    }
    writer.put16(static_cast<std::int16_t>(columns));
    for (int i = 0; i < columns; ++i) writer.put16(portal->formats[i]);
    writer.end();
    r.exchange.sent(Request::bind, Whose::relay);
  });
}

// What cannot be made here any more (its table is gone) fails here when it is executed.
void carry_out(const Pending& one) {
  static auto* item = new StatementItem;
  const char* name = one.name.c_str();
  switch (one.kind) {
    case Pending::Kind::drop: DropPreparedStatement(name, false); return;
    case Pending::Kind::drop_all: DropAllPreparedStatements(); return;
    case Pending::Kind::sql:
    case Pending::Kind::parse: break;
  }
  contained([&] {
    *item = StatementItem{};
    item->name = one.name;
    item->text = one.text;
    item->from_sql = one.kind == Pending::Kind::sql;
    item->types = one.types;
  });
  make_statement(*item);
  note_parse_of(name);
}

std::uint32_t load32(const char* at) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(at[i]);
  return value;
}

// Of a Parse message.
std::vector<std::uint32_t> parameter_types(std::string_view body) {
  const char* text = body.data() + strlen(body.data()) + 1;
  const char* types = text + strlen(text) + 1;
  const auto left = static_cast<std::size_t>(body.data() + body.size() - types);
  const std::size_t count = left < 2 ? 0
                                     : std::size_t{static_cast<unsigned char>(types[0])} << 8 |
                                           static_cast<unsigned char>(types[1]);
  std::vector<std::uint32_t> out;
  for (std::size_t i = 0; i < count && 2 + 4 * i + 4 <= left; ++i) {
    out.push_back(load32(types + 2 + 4 * i));
  }
  return out;
}

}  // namespace

void ensure_statement(Remote& r, const char* name, Protocol protocol) {
  static auto* image = new SessionImage;
  if (name[0] == '\0') return;
  // No query of ours runs in a block that has failed, and none of the client's that needs it.
  if (protocol == Protocol::simple && r.exchange.status() == TransactionStatus::failed) return;
  const auto there = r.statements.find(std::string_view(name));
  const bool known = there != r.statements.end();
  if (known && there->second == kMadeThere) return;
  PreparedStatement* here = dropped(name) ? nullptr : FetchPreparedStatement(name, false);
  if (known && here != nullptr && there->second == here->prepare_time) return;
  if (known) send_close(r, name);
  if (here == nullptr) return;
  const CachedPlanSource* source = here->plansource;
  if (!here->from_sql && parses_the_same_now(here)) {
    send_parse(r, name, source->query_string, source->param_types, source->num_params);
  } else {
    contained([&] {
      *image = SessionImage{};
      image->kind = SessionImage::Kind::statements;
    });
    fill_identity(*image);
    add_statement(here, *image);
    contained([&] {
      const std::string sql = restoring_sql(*image);
      if (protocol == Protocol::simple) {
        send_own_query(r, sql);
      } else {
        send_own_named_statement(r, sql);
      }
    });
  }
  contained([&] {
    r.statements[name] = r.exchange.skipping() ? kDoubtful : here->prepare_time;
    ensured().insert(name);
  });
}

const char* statement_text(const char* name) {
  for (auto one = pending().rbegin(); one != pending().rend(); ++one) {
    if (one->failed || one->kind != Pending::Kind::parse) continue;
    if (one->name == name) return one->text.c_str();
  }
  PreparedStatement* here = dropped(name) ? nullptr : FetchPreparedStatement(name, false);
  return here == nullptr ? nullptr : here->plansource->query_string;
}

Inspection inspect_portal(Portal portal) {
  const char* name = portal->prepStmtName;
  PreparedStatement* here =
      name == nullptr || name[0] == '\0' ? nullptr : FetchPreparedStatement(name, false);
  if (here == nullptr || !here->from_sql) return inspect(portal->sourceText);
  return inspect(here->plansource->raw_parse_tree);
}

void note_local_prepare(const char* name) {
  contained([&] { local_prepares().insert(name); });
}

void ensure_local_prepares(Remote& r, Protocol protocol) {
  for (const std::string& name : local_prepares()) ensure_statement(r, name.c_str(), protocol);
}

void send_portal(Remote& r, Portal portal, long max_rows) {
  const char* statement = portal->prepStmtName == nullptr ? "" : portal->prepStmtName;
  if (statement[0] != '\0') {
    ensure_statement(r, statement, Protocol::extended);
  } else {
    ParamListInfo params = portal->portalParams;
    const int count = params == nullptr ? 0 : params->numParams;
    auto* types = static_cast<Oid*>(palloc(sizeof(Oid) * Max(count, 1)));
    for (int i = 0; i < count; ++i) types[i] = params->params[i].ptype;
    send_parse(r, "", portal->sourceText, types, count);
  }
  send_bind(r, portal, statement);
  contained([&] {
    MessageWriter(r.out).execute(portal->name, static_cast<std::int32_t>(max_rows));
    r.exchange.sent(Request::execute, Whose::client);
  });
}

void note_parsed(Remote& r, const char* name, const char* sql, std::string_view body) {
  if (name[0] == '\0') {
    contained([&] {
      unanswered('1').push_back(kUnnamed);
      note_unnamed_parse(sql, parameter_types(body));
    });
    return;
  }
  ensure_statement(r, name, Protocol::extended);  // So that it is refused if it exists.
  contained([&] {
    Pending one{Pending::Kind::parse, name, sql, parameter_types(body), known_there(r, name)};
    r.statements[name] = kMadeThere;
    unanswered('1').push_back(pending().size());
    pending().push_back(std::move(one));
  });
}

void note_closed(Remote& r, const char* name) {
  contained([&] {
    if (name == nullptr || name[0] == '\0') {
      unanswered('3').push_back(name == nullptr ? kUnnoted : kUnnamed);
      return;
    }
    unanswered('3').push_back(pending().size());
    pending().push_back({Pending::Kind::drop, name, "", {}, known_there(r, name)});
    r.statements.erase(name);
  });
}

void forget_noted() {
  pending().clear();
  for (char answer : {'1', '3'}) unanswered(answer).clear();
  refused = false;
}

void note_answer(char type, std::string_view body) {
  if (type == '1' || type == '3') {
    auto& waiting = unanswered(type);
    if (waiting.empty()) return;
    const std::size_t place = waiting.front();
    waiting.pop_front();
    if (place == kUnnamed && type == '1') note_unnamed_parsed();
    if (place == kUnnamed && type == '3') note_unnamed_dropped();
    if (place < pending().size()) pending()[place].done = true;
  }
  if (type != 'C') return;
  for (Pending& one : pending()) {
    if (one.by_message || one.done || one.failed || first_text(body) != tag_of(one)) continue;
    one.done = true;
    return;
  }
}

void compact_noted() {
  constexpr std::size_t kEnough = 256;
  if (pending().size() < kEnough) return;
  contained([&] {
    std::set<std::string> seen;
    std::vector<Pending> kept;
    for (auto one = pending().rbegin(); one != pending().rend(); ++one) {
      if (!one->done || !seen.insert(one->name).second) continue;
      kept.push_back(std::move(*one));
      if (kept.back().kind == Pending::Kind::drop_all) break;
    }
    pending().assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
  });
}

void note_parse_failed() {
  const auto& waiting = unanswered('1');
  if (!waiting.empty() && waiting.front() == kUnnamed) note_unnamed_dropped();
}

void note_refusal(Remote& r) {
  forget_unnamed_unanswered();
  contained([&] {
    for (const std::string& name : ensured()) {
      const auto there = r.statements.find(name);
      if (there != r.statements.end() && there->second != kMadeThere) there->second = kDoubtful;
    }
    ensured().clear();
    fail_unanswered(r);
  });
  refused = true;
}

void note_ready(Remote& r) {
  if (refused) note_refusal(r);
  ensured().clear();
  if (!refused) return;
  refused = false;
  for (char answer : {'1', '3'}) unanswered(answer).clear();
}

void note_prepared(Remote& r, const Inspection& found, const char* text, Protocol protocol) {
  ListCell* cell;
  foreach (cell, found.prepared) {
    auto* raw = static_cast<RawStmt*>(lfirst(cell));
    if (IsA(raw->stmt, PrepareStmt)) {
      const char* name = reinterpret_cast<PrepareStmt*>(raw->stmt)->name;
      const char* start = text + Max(raw->stmt_location, 0);
      const std::size_t size =
          raw->stmt_len > 0 ? static_cast<std::size_t>(raw->stmt_len) : strlen(start);
      ensure_statement(r, name, protocol);
      contained([&] {
        note_sql(r, Pending::Kind::sql, name, std::string(start, size));
        r.statements[name] = kMadeThere;
      });
    } else if (IsA(raw->stmt, DiscardStmt)) {
      contained([&] {
        note_sql(r, Pending::Kind::drop_all, "", "DISCARD ALL");
        r.statements.clear();
      });
    } else if (IsA(raw->stmt, DeallocateStmt)) {
      const char* name = reinterpret_cast<DeallocateStmt*>(raw->stmt)->name;
      if (name != nullptr) {
        ensure_statement(r, name, protocol);
        contained([&] {
          note_sql(r, Pending::Kind::drop, name, "");
          r.statements.erase(name);
        });
      } else {
        contained([&] {
          note_sql(r, Pending::Kind::drop_all, "", "DEALLOCATE ALL");
          r.statements.clear();
        });
      }
    }
  }
}

void make_prepared_statements(Remote& r) {
  for (const Pending& one : pending()) {
    if (!one.done) continue;
    carry_out(one);
    if (one.kind != Pending::Kind::parse && one.kind != Pending::Kind::sql) continue;
    PreparedStatement* here = FetchPreparedStatement(one.name.c_str(), false);
    const auto there = r.statements.find(one.name);
    if (here != nullptr && there != r.statements.end()) there->second = here->prepare_time;
  }
  forget_noted();
}

bool note_parameter(Remote& r, std::string_view body) {
  const auto name = first_text(body);
  if (!name || *name != kCommitParameter) return false;
  const auto value = first_text(body.substr(name->size() + 1));
  const auto position = contained([&] { return decode_position(value.value_or("")); });
  if (position) r.position = *position;
  return true;
}

}  // namespace aurora_global::extension
