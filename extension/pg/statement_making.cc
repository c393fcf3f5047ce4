#include "pg/statement_making.h"

#include "pg/holdoffs.h"
#include "pg/session_report.h"

extern "C" {
#include "catalog/pg_type.h"
#include "parser/analyze.h"
#include "parser/parse_node.h"
#include "parser/parser.h"
#include "utils/plancache.h"
#include "utils/syscache.h"
}

namespace aurora_global::extension {
namespace {

// What StorePreparedStatement() and its like make of a name.
PreparedStatement* made(const StatementItem& item) {
  char name[NAMEDATALEN];
  strlcpy(name, item.name.c_str(), sizeof name);
  return FetchPreparedStatement(name, false);
}

Oid* types_of(const StatementItem& item) {
  auto* types = static_cast<Oid*>(palloc(sizeof(Oid) * (item.types.size() + 1)));
  for (std::size_t i = 0; i < item.types.size(); ++i) types[i] = item.types[i];
  return types;
}

// The statement itself; for SQL's PREPARE what it prepares.
RawStmt* parsed(const StatementItem& item) {
  List* statements = raw_parser(item.text.c_str(), RAW_PARSE_DEFAULT);
  if (statements == NIL) return nullptr;
  auto* raw = static_cast<RawStmt*>(linitial(statements));
  if (!item.from_sql) return raw;
  auto* inner = makeNode(RawStmt);
  inner->stmt = reinterpret_cast<PrepareStmt*>(raw->stmt)->query;
  inner->stmt_location = raw->stmt_location;
  inner->stmt_len = raw->stmt_len;
  return inner;
}

void make_analyzed(const StatementItem& item) {
  if (item.from_sql) {
    const char* text = pstrdup(item.text.c_str());
    auto* raw = static_cast<RawStmt*>(linitial(raw_parser(text, RAW_PARSE_DEFAULT)));
    ParseState* state = make_parsestate(nullptr);
    state->p_sourcetext = text;
    PrepareQuery(state, reinterpret_cast<PrepareStmt*>(raw->stmt), raw->stmt_location,
                 raw->stmt_len);
    return;
  }
  RawStmt* raw = parsed(item);
  CachedPlanSource* source = CreateCachedPlan(
      raw, item.text.c_str(), raw == nullptr ? CMDTAG_UNKNOWN : CreateCommandTag(raw->stmt));
  Oid* types = types_of(item);
  int count = static_cast<int>(item.types.size());
  List* queries = NIL;
  if (raw != nullptr) {
    queries = pg_analyze_and_rewrite_varparams(raw, item.text.c_str(), &types, &count, nullptr);
  }
  CompleteCachedPlan(source, queries, nullptr, types, count, nullptr, nullptr,
                     CURSOR_OPT_PARALLEL_OK, true);
  StorePreparedStatement(item.name.c_str(), source, false);
}

// PostgreSQL analyzes it when it is used.
void make_unanalyzed(const StatementItem& item) {
  RawStmt* raw = parsed(item);
  CachedPlanSource* source = CreateCachedPlan(
      raw, item.text.c_str(), raw == nullptr ? CMDTAG_UNKNOWN : CreateCommandTag(raw->stmt));
  CompleteCachedPlan(source, NIL, nullptr, types_of(item), static_cast<int>(item.types.size()),
                     nullptr, nullptr, CURSOR_OPT_PARALLEL_OK, true);
  source->is_valid = false;
  StorePreparedStatement(item.name.c_str(), source, item.from_sql);
}

bool has_columns(const StatementItem& item, TupleDesc columns) {
  if (!item.columns) return columns == nullptr;
  if (columns == nullptr || columns->natts != static_cast<int>(item.columns->size())) return false;
  for (int i = 0; i < columns->natts; ++i) {
    const FormData_pg_attribute* have = TupleDescAttr(columns, i);
    const StatementItem::Column& want = (*item.columns)[static_cast<std::size_t>(i)];
    if (want.name != NameStr(have->attname) || want.type != have->atttypid ||
        want.modifier != have->atttypmod || want.collation != have->attcollation) {
      return false;
    }
  }
  return true;
}

// The client was told these columns, and PostgreSQL holds it to them.
void keep_columns(const StatementItem& item, CachedPlanSource* source) {
  if (has_columns(item, source->resultDesc)) return;
  if (item.columns) {
    for (const StatementItem::Column& column : *item.columns) {
      if (!SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(column.type))) return;
    }
  }
  MemoryContext old = MemoryContextSwitchTo(source->context);
  source->resultDesc = nullptr;
  if (item.columns) {
    source->resultDesc = CreateTemplateTupleDesc(static_cast<int>(item.columns->size()));
    AttrNumber number = 0;
    for (const StatementItem::Column& column : *item.columns) {
      ++number;
      TupleDescInitEntry(source->resultDesc, number, column.name.c_str(), column.type,
                         column.modifier, 0);
      TupleDescInitEntryCollation(source->resultDesc, number, column.collation);
    }
  }
  MemoryContextSwitchTo(old);
  source->is_valid = false;
}

void make(const StatementItem& item, bool analyzed) {
  DropPreparedStatement(item.name.c_str(), false);
  if (analyzed) {
    PushActiveSnapshot(GetCatalogSnapshot(InvalidOid));  // No transaction's.
    make_analyzed(item);
    PopActiveSnapshot();
  } else {
    make_unanalyzed(item);
  }
  PreparedStatement* statement = made(item);
  if (item.prepared_at != 0) {
    keep_columns(item, statement->plansource);
    statement->prepare_time = item.prepared_at;
  }
  if (item.from_sql) note_session_prepared();
}

// An error leaves the transaction as it is.
bool try_to_make(const StatementItem& item) {
  MemoryContext context = CurrentMemoryContext;
  ResourceOwner owner = CurrentResourceOwner;
  volatile bool good = true;
  BeginInternalSubTransaction(nullptr);
  MemoryContextSwitchTo(context);
  const Holdoffs holdoffs;
  PG_TRY();
  {
    make(item, true);
    ReleaseCurrentSubTransaction();
  }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    FlushErrorState();
    holdoffs.put_back();
    RollbackAndReleaseCurrentSubTransaction();
    good = false;
  }
  PG_END_TRY();
  MemoryContextSwitchTo(context);
  CurrentResourceOwner = owner;
  return good;
}

}  // namespace

const char* statement_text_of(const PreparedStatement* statement) {
  const CachedPlanSource* source = statement->plansource;
  const RawStmt* raw = source->raw_parse_tree;
  if (!statement->from_sql || raw == nullptr) return source->query_string;
  const char* start = source->query_string + Max(raw->stmt_location, 0);
  if (raw->stmt_len <= 0) return start;
  const char* rest = start + raw->stmt_len;
  // pg_prepared_statements shows a statement that came alone with its semicolon.
  const bool alone = start == source->query_string && rest[strspn(rest, "; \t\r\n")] == '\0';
  return alone ? start : pnstrdup(start, static_cast<Size>(raw->stmt_len));
}

void make_statement(const StatementItem& item) {
  // The notices of its text were given where it was made.
  const int client_level = client_min_messages;
  const int log_level = log_min_messages;
  client_min_messages = log_min_messages = ERROR;
  PG_TRY();
  {
    if (!try_to_make(item)) make(item, false);
  }
  PG_FINALLY();
  {
    client_min_messages = client_level;
    log_min_messages = log_level;
  }
  PG_END_TRY();
}

}  // namespace aurora_global::extension
