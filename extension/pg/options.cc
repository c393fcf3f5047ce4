#include "pg/options.h"

#include "pg/consistency.h"
#include "pg/routed.h"

namespace aurora_global::extension {

Options options;

namespace {

const config_enum_entry kModes[] = {
    {"OFF", mode_off, false},
    {"EVENTUAL", mode_eventual, false},
    {"SESSION", mode_session, false},
    {"GLOBAL", mode_global, false},
    {nullptr, 0, false},
};

void define_aurora_options() {
  DefineCustomEnumVariable(
      "apg_write_forward.consistency_mode",
      "What reads of a forwarding session see: OFF, EVENTUAL, SESSION, GLOBAL.", nullptr,
      &options.consistency_mode, mode_session, kModes, PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("apg_write_forward.connect_timeout",
                          "How long to wait for a connection to the primary; 0 waits forever.",
                          nullptr, &options.connect_timeout_s, 30, 0, INT_MAX, PGC_USERSET,
                          GUC_UNIT_S, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("apg_write_forward.idle_in_transaction_session_timeout",
                          "The primary ends a forwarded transaction idle for so long; 0 never.",
                          nullptr, &options.idle_in_transaction_session_timeout_ms, 86'400'000, 0,
                          INT_MAX, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("apg_write_forward.idle_session_timeout",
                          "The primary ends a forwarded session idle for so long; 0 never.",
                          nullptr, &options.idle_session_timeout_ms, 300'000, 0, INT_MAX,
                          PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
  DefineCustomIntVariable(
      "apg_write_forward.max_forwarding_connections_percent",
      "How much of max_connections forwarded sessions may take, on the primary.", nullptr,
      &options.max_forwarding_connections_percent, 25, 1, 100, PGC_SIGHUP, 0, nullptr, nullptr,
      nullptr);
}

bool check_token(char** value, void**, GucSource) {
  if (**value == '\0' || token_is_valid(*value)) return true;
  GUC_check_errdetail("It is a timeline and a position of the WAL, such as 1:0/3000060.");
  return false;
}

void assign_token(const char* value, void*) {
  if (value != nullptr && *value != '\0') take_token(value);
}

void define_text(const char* name, const char* what, char** value, GucContext context, int flags) {
  DefineCustomStringVariable(name, what, nullptr, value, "", context, flags, nullptr, nullptr,
                             nullptr);
}

}  // namespace

void define_options() {
  define_aurora_options();
  DefineCustomBoolVariable("aurora_global.write_forwarding",
                           "This server, while a standby, forwards writes to the primary.", nullptr,
                           &options.write_forwarding, false, PGC_SIGHUP, 0, nullptr, nullptr,
                           nullptr);
  define_text("aurora_global.primary_conninfo",
              "Connection string to the primary for forwarded sessions, without user and database.",
              &options.primary_conninfo, PGC_SIGHUP, GUC_SUPERUSER_ONLY);
  define_text("aurora_global.region", "The Region of this server.", &options.region, PGC_SIGHUP, 0);
  define_text("aurora_global.instance", "The DB instance identifier of this server.",
              &options.instance, PGC_SIGHUP, 0);
  DefineCustomIntVariable("aurora_global.consistency_timeout",
                          "How long a read waits for replay before it runs at the primary.",
                          nullptr, &options.consistency_timeout_ms, 30'000, 1, INT_MAX, PGC_USERSET,
                          GUC_UNIT_MS, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("aurora_global.link_timeout",
                          "A primary from which no byte of WAL came for so long counts as gone.",
                          nullptr, &options.link_timeout_ms, 10'000, 100, INT_MAX, PGC_SIGHUP,
                          GUC_UNIT_MS, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("aurora_global.spare_connections",
                          "Sessions at the primary that are opened ahead, for each user, database "
                          "and set of connection parameters; 0: none.",
                          nullptr, &options.spare_connections, 2, 0, 64, PGC_SIGHUP, 0, nullptr,
                          nullptr, nullptr);
  DefineCustomIntVariable("aurora_global.max_staleness",
                          "Reads run at the primary if this standby is further behind; 0: never.",
                          nullptr, &options.max_staleness_ms, 0, 0, INT_MAX, PGC_USERSET,
                          GUC_UNIT_MS, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("aurora_global.reopen_every",
                          "For tests: the primary's side of a session is opened again after so "
                          "many of its transactions, as after an idle time-out; 0: never.",
                          nullptr, &options.reopen_every, 0, 0, INT_MAX, PGC_USERSET,
                          GUC_NOT_IN_SAMPLE, nullptr, nullptr, nullptr);
  define_text("aurora_global.local_functions",
              "Volatile functions that run on the standby, comma-separated.",
              &options.local_functions, PGC_USERSET, GUC_LIST_INPUT);
  define_text("aurora_global.primary_functions",
              "C functions that run at the primary, comma-separated.", &options.primary_functions,
              PGC_USERSET, GUC_LIST_INPUT);
  define_text("aurora_global.clients_role",
              "Roles that are created to log in, and are no superusers, become members of it.",
              &options.clients_role, PGC_SIGHUP, 0);
  define_text("rds.extensions", "By which AWS's drivers recognise Aurora.", &options.rds_extensions,
              PGC_SIGHUP, 0);
  DefineCustomIntVariable("aurora_global.epoch",
                          "Grows with each change of the primary; 0: nobody counts them.", nullptr,
                          &options.epoch, 0, 0, INT_MAX, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("aurora_global.forwarded_epoch",
                          "Set by a forwarding standby when it connects: the epoch it knows.",
                          nullptr, &options.forwarded_epoch, 0, 0, INT_MAX, PGC_BACKEND,
                          GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, nullptr, nullptr, nullptr);
  define_text("aurora_global.primary_region", "The region of the primary that a standby follows.",
              &options.primary_region, PGC_SIGHUP, 0);
  define_text("aurora_global.primary_instance", "The name of the server that a standby follows.",
              &options.primary_instance, PGC_SIGHUP, 0);
  DefineCustomStringVariable(
      "aurora_global.consistency_token",
      "Reads of this session have what the session had written that gave this token.",
      "aurora_global_consistency_token() gives one.", &options.consistency_token, "", PGC_USERSET,
      0, check_token, assign_token, nullptr);
  DefineCustomBoolVariable("aurora_global.report_session_state",
                           "The client is told what of the session a fresh one would not have.",
                           nullptr, &options.report_session_state, false, PGC_BACKEND, 0, nullptr,
                           nullptr, nullptr);
  DefineCustomStringVariable(
      "aurora_global.client", "Set by a router when it connects: ADDRESS:PORT/ENDPOINT.", nullptr,
      &options.client, "", PGC_BACKEND, GUC_NOT_IN_SAMPLE, check_client, assign_client, nullptr);
  define_text("aurora_global.forwarded_from",
              "Set by a forwarding standby when it connects: the instance it is.",
              &options.forwarded_from, PGC_BACKEND, GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE);
}

bool forwarding_possible() {
  return options.write_forwarding && options.consistency_mode != mode_off && RecoveryInProgress() &&
         MyProcPort != nullptr && !IsParallelWorker() && options.primary_conninfo[0] != '\0';
}

}  // namespace aurora_global::extension
