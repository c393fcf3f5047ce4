// The C functions that extension/sql/aurora_global--1.0.sql declares.
#include "pg/consistency.h"
#include "pg/counters.h"
#include "pg/fence.h"
#include "pg/promotion.h"
#include "pg/routed.h"
#include "pg/session.h"

extern "C" {
#include "funcapi.h"
#include "utils/guc_tables.h"
#include "utils/pg_lsn.h"
}

namespace aurora_global::extension {
namespace {

Datum counters(FunctionCallInfo fcinfo, Counter first, Counter end) {
  TupleDesc columns = nullptr;
  if (get_call_result_type(fcinfo, nullptr, &columns) != TYPEFUNC_COMPOSITE ||
      columns->natts != end - first) {
    ereport(ERROR, errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
            errmsg("the function is not declared as this library has it"),
            errhint("Run the extension's SQL script of this version."));
  }
  Datum values[kAllCounters];
  bool nulls[kAllCounters] = {};
  for (int i = first; i < end; ++i) {
    values[i - first] = Int64GetDatum(static_cast<int64>(counted(static_cast<Counter>(i))));
  }
  return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls));
}

bool lists(const SettingItems& items, const char* name) {
  for (const SettingItem& item : items) {
    if (item.name == name) return true;
  }
  return false;
}

bool lists(const Named& settings, const char* name) {
  for (const auto& one : settings) {
    if (one.first == name) return true;
  }
  return false;
}

// Each setting, its rule, and who takes it along now.
void session_items(FunctionCallInfo fcinfo) {
  static auto* moving = new SettingItems;
  static auto* forwarding = new SettingItems;
  static auto* startup = new Named;
  InitMaterializedSRF(fcinfo, 0);
  auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  capture_settings(Carrier::move, *moving);
  capture_settings(Carrier::forwarding, *forwarding);
  capture_startup_settings(*startup);
  config_generic** variables = get_guc_variables();
  for (int i = 0; i < GetNumConfigOptions(); ++i) {
    const char* name = variables[i]->name;
    const std::string_view rule = name_of(rule_of(variables[i]));
    Datum values[] = {
        CStringGetTextDatum(name),
        PointerGetDatum(cstring_to_text_with_len(rule.data(), static_cast<int>(rule.size()))),
        BoolGetDatum(lists(*moving, name)), BoolGetDatum(lists(*forwarding, name)),
        BoolGetDatum(lists(*startup, name))};
    bool nulls[5] = {};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
  }
}

// Beside the REVOKE, which an owner of the database could undo.
void require_superuser() {
  if (superuser()) return;
  ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
          errmsg("only a superuser may move the primary"));
}

std::int64_t epoch_argument(FunctionCallInfo fcinfo) {
  const std::int64_t epoch = PG_GETARG_INT64(0);
  if (epoch <= 0) {
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("an epoch is positive"));
  }
  return epoch;
}

int milliseconds(int value) {
  if (value < 0) {
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("the milliseconds to wait are not negative"));
  }
  return value;
}

}  // namespace
}  // namespace aurora_global::extension

extern "C" {

PG_FUNCTION_INFO_V1(aurora_global_forwarding_status);
PGDLLEXPORT Datum aurora_global_forwarding_status(PG_FUNCTION_ARGS) {
  using namespace aurora_global::extension;
  return counters(fcinfo, Counter{}, kCounters);
}

PG_FUNCTION_INFO_V1(aurora_global_reopened);
PGDLLEXPORT Datum aurora_global_reopened(PG_FUNCTION_ARGS) {
  using namespace aurora_global::extension;
  return counters(fcinfo, reopened, kAllCounters);
}

PG_FUNCTION_INFO_V1(aurora_global_session_items);
PGDLLEXPORT Datum aurora_global_session_items(PG_FUNCTION_ARGS) {
  aurora_global::extension::session_items(fcinfo);
  return static_cast<Datum>(0);
}

PG_FUNCTION_INFO_V1(aurora_global_session_clients);
PGDLLEXPORT Datum aurora_global_session_clients(PG_FUNCTION_ARGS) {
  aurora_global::extension::list_clients(fcinfo);
  return static_cast<Datum>(0);
}

PG_FUNCTION_INFO_V1(aurora_global_consistency_token);
PGDLLEXPORT Datum aurora_global_consistency_token(PG_FUNCTION_ARGS) {
  const char* token = aurora_global::extension::consistency_token();
  if (token[0] == '\0') PG_RETURN_NULL();
  PG_RETURN_TEXT_P(cstring_to_text(token));
}

PG_FUNCTION_INFO_V1(aurora_global_fence);
PGDLLEXPORT Datum aurora_global_fence(PG_FUNCTION_ARGS) {
  using namespace aurora_global::extension;
  require_superuser();
  PG_RETURN_LSN(
      raise_fence(epoch_argument(fcinfo), milliseconds(PG_GETARG_INT32(1)), PG_GETARG_BOOL(2)));
}

PG_FUNCTION_INFO_V1(aurora_global_unfence);
PGDLLEXPORT Datum aurora_global_unfence(PG_FUNCTION_ARGS) {
  using namespace aurora_global::extension;
  require_superuser();
  lift_fence(epoch_argument(fcinfo));
  PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(aurora_global_fenced_epoch);
PGDLLEXPORT Datum aurora_global_fenced_epoch(PG_FUNCTION_ARGS) {
  (void)fcinfo;
  PG_RETURN_INT64(static_cast<int64>(aurora_global::extension::fenced_epoch()));
}

PG_FUNCTION_INFO_V1(aurora_global_await_replay);
PGDLLEXPORT Datum aurora_global_await_replay(PG_FUNCTION_ARGS) {
  using namespace aurora_global::extension;
  PG_RETURN_BOOL(await_replay(PG_GETARG_LSN(0), milliseconds(PG_GETARG_INT32(1))));
}

PG_FUNCTION_INFO_V1(aurora_global_promote);
PGDLLEXPORT Datum aurora_global_promote(PG_FUNCTION_ARGS) {
  using namespace aurora_global::extension;
  require_superuser();
  PG_RETURN_BOOL(promote(milliseconds(PG_GETARG_INT32(0))));
}
}
