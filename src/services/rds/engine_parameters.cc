#include "services/rds/engine_parameters.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>

namespace aurora_global::services::rds {
namespace {

// As pg_settings of PostgreSQL 15 tells them; limits of what takes memory at the start are lower
// here. What is not in it is this platform's (WAL, replication, files, addresses, TLS), or could
// keep a server from starting.
constexpr EngineParameter kParameters[] = {
    {"apg_write_forward.consistency_mode", ParameterKind::word, ParameterApply::at_once, 0, 0,
     "session,eventual,global,off", "", "session"},
    {"array_nulls", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"autovacuum", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"autovacuum_analyze_scale_factor", ParameterKind::real, ParameterApply::at_once, 0, 100, "",
     "", "0.1"},
    {"autovacuum_analyze_threshold", ParameterKind::whole, ParameterApply::at_once, 0, 2147483647,
     "", "", "50"},
    {"autovacuum_freeze_max_age", ParameterKind::whole, ParameterApply::at_start, 100000,
     2000000000, "", "", "200000000"},
    {"autovacuum_max_workers", ParameterKind::whole, ParameterApply::at_start, 1, 32, "", "", "3"},
    {"autovacuum_multixact_freeze_max_age", ParameterKind::whole, ParameterApply::at_start, 10000,
     2000000000, "", "", "400000000"},
    {"autovacuum_naptime", ParameterKind::whole, ParameterApply::at_once, 1, 2147483, "", "s",
     "60"},
    {"autovacuum_vacuum_cost_delay", ParameterKind::real, ParameterApply::at_once, -1, 100, "",
     "ms", "2"},
    {"autovacuum_vacuum_cost_limit", ParameterKind::whole, ParameterApply::at_once, -1, 10000, "",
     "", "-1"},
    {"autovacuum_vacuum_insert_scale_factor", ParameterKind::real, ParameterApply::at_once, 0, 100,
     "", "", "0.2"},
    {"autovacuum_vacuum_insert_threshold", ParameterKind::whole, ParameterApply::at_once, -1,
     2147483647, "", "", "1000"},
    {"autovacuum_vacuum_scale_factor", ParameterKind::real, ParameterApply::at_once, 0, 100, "", "",
     "0.2"},
    {"autovacuum_vacuum_threshold", ParameterKind::whole, ParameterApply::at_once, 0, 2147483647,
     "", "", "50"},
    {"autovacuum_work_mem", ParameterKind::whole, ParameterApply::at_once, -1, 2147483647, "", "kB",
     "-1"},
    {"backslash_quote", ParameterKind::word, ParameterApply::at_once, 0, 0, "safe_encoding,on,off",
     "", "safe_encoding"},
    {"bgwriter_delay", ParameterKind::whole, ParameterApply::at_once, 10, 10000, "", "ms", "200"},
    {"bgwriter_lru_maxpages", ParameterKind::whole, ParameterApply::at_once, 0, 1073741823, "", "",
     "100"},
    {"bgwriter_lru_multiplier", ParameterKind::real, ParameterApply::at_once, 0, 10, "", "", "2"},
    {"bytea_output", ParameterKind::word, ParameterApply::at_once, 0, 0, "escape,hex", "", "hex"},
    {"check_function_bodies", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"checkpoint_completion_target", ParameterKind::real, ParameterApply::at_once, 0, 1, "", "",
     "0.9"},
    {"client_min_messages", ParameterKind::word, ParameterApply::at_once, 0, 0,
     "debug5,debug4,debug3,debug2,debug1,log,notice,warning,error", "", "notice"},
    {"constraint_exclusion", ParameterKind::word, ParameterApply::at_once, 0, 0, "partition,on,off",
     "", "partition"},
    {"cpu_index_tuple_cost", ParameterKind::real, ParameterApply::at_once, 0, 1.79769e+308, "", "",
     "0.005"},
    {"cpu_operator_cost", ParameterKind::real, ParameterApply::at_once, 0, 1.79769e+308, "", "",
     "0.0025"},
    {"cpu_tuple_cost", ParameterKind::real, ParameterApply::at_once, 0, 1.79769e+308, "", "",
     "0.01"},
    {"cursor_tuple_fraction", ParameterKind::real, ParameterApply::at_once, 0, 1, "", "", "0.1"},
    {"deadlock_timeout", ParameterKind::whole, ParameterApply::at_once, 1, 2147483647, "", "ms",
     "1000"},
    {"default_statistics_target", ParameterKind::whole, ParameterApply::at_once, 1, 10000, "", "",
     "100"},
    {"default_toast_compression", ParameterKind::word, ParameterApply::at_once, 0, 0, "pglz,lz4",
     "", "pglz"},
    {"default_transaction_deferrable", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "",
     "off"},
    {"default_transaction_isolation", ParameterKind::word, ParameterApply::at_once, 0, 0,
     "serializable,repeatable read,read committed,read uncommitted", "", "read committed"},
    {"effective_cache_size", ParameterKind::whole, ParameterApply::at_once, 1, 2147483647, "",
     "8kB", "524288"},
    {"enable_async_append", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"enable_bitmapscan", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"enable_gathermerge", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"enable_hashagg", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"enable_hashjoin", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"enable_incremental_sort", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"enable_indexonlyscan", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"enable_indexscan", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"enable_material", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"enable_memoize", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"enable_mergejoin", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"enable_nestloop", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"enable_parallel_append", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"enable_parallel_hash", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"enable_partition_pruning", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"enable_partitionwise_aggregate", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "",
     "off"},
    {"enable_partitionwise_join", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "",
     "off"},
    {"enable_seqscan", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"enable_sort", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"enable_tidscan", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"escape_string_warning", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"extra_float_digits", ParameterKind::whole, ParameterApply::at_once, -15, 3, "", "", "1"},
    {"from_collapse_limit", ParameterKind::whole, ParameterApply::at_once, 1, 2147483647, "", "",
     "8"},
    {"geqo", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"geqo_effort", ParameterKind::whole, ParameterApply::at_once, 1, 10, "", "", "5"},
    {"geqo_generations", ParameterKind::whole, ParameterApply::at_once, 0, 2147483647, "", "", "0"},
    {"geqo_pool_size", ParameterKind::whole, ParameterApply::at_once, 0, 2147483647, "", "", "0"},
    {"geqo_seed", ParameterKind::real, ParameterApply::at_once, 0, 1, "", "", "0"},
    {"geqo_selection_bias", ParameterKind::real, ParameterApply::at_once, 1.5, 2, "", "", "2"},
    {"geqo_threshold", ParameterKind::whole, ParameterApply::at_once, 2, 2147483647, "", "", "12"},
    {"gin_fuzzy_search_limit", ParameterKind::whole, ParameterApply::at_once, 0, 2147483647, "", "",
     "0"},
    {"gin_pending_list_limit", ParameterKind::whole, ParameterApply::at_once, 64, 2147483647, "",
     "kB", "4096"},
    {"hash_mem_multiplier", ParameterKind::real, ParameterApply::at_once, 1, 1000, "", "", "2"},
    {"idle_in_transaction_session_timeout", ParameterKind::whole, ParameterApply::at_once, 0,
     2147483647, "", "ms", "0"},
    {"idle_session_timeout", ParameterKind::whole, ParameterApply::at_once, 0, 2147483647, "", "ms",
     "0"},
    {"intervalstyle", ParameterKind::word, ParameterApply::at_once, 0, 0,
     "postgres,postgres_verbose,sql_standard,iso_8601", "", "postgres"},
    {"jit", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"jit_above_cost", ParameterKind::real, ParameterApply::at_once, -1, 1.79769e+308, "", "",
     "100000"},
    {"jit_expressions", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"jit_inline_above_cost", ParameterKind::real, ParameterApply::at_once, -1, 1.79769e+308, "",
     "", "500000"},
    {"jit_optimize_above_cost", ParameterKind::real, ParameterApply::at_once, -1, 1.79769e+308, "",
     "", "500000"},
    {"jit_tuple_deforming", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"join_collapse_limit", ParameterKind::whole, ParameterApply::at_once, 1, 2147483647, "", "",
     "8"},
    {"lock_timeout", ParameterKind::whole, ParameterApply::at_once, 0, 2147483647, "", "ms", "0"},
    {"log_autovacuum_min_duration", ParameterKind::whole, ParameterApply::at_once, -1, 2147483647,
     "", "ms", "600000"},
    {"log_checkpoints", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "off"},
    {"log_connections", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "off"},
    {"log_disconnections", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "off"},
    {"log_duration", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "off"},
    {"log_error_verbosity", ParameterKind::word, ParameterApply::at_once, 0, 0,
     "terse,default,verbose", "", "default"},
    {"log_executor_stats", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "off"},
    {"log_lock_waits", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "off"},
    {"log_min_duration_sample", ParameterKind::whole, ParameterApply::at_once, -1, 2147483647, "",
     "ms", "-1"},
    {"log_min_duration_statement", ParameterKind::whole, ParameterApply::at_once, -1, 2147483647,
     "", "ms", "-1"},
    {"log_min_error_statement", ParameterKind::word, ParameterApply::at_once, 0, 0,
     "debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic", "", "error"},
    {"log_min_messages", ParameterKind::word, ParameterApply::at_once, 0, 0,
     "debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic", "", "warning"},
    {"log_parameter_max_length", ParameterKind::whole, ParameterApply::at_once, -1, 1073741823, "",
     "B", "-1"},
    {"log_parameter_max_length_on_error", ParameterKind::whole, ParameterApply::at_once, -1,
     1073741823, "", "B", "0"},
    {"log_parser_stats", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "off"},
    {"log_planner_stats", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "off"},
    {"log_recovery_conflict_waits", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "",
     "off"},
    {"log_statement", ParameterKind::word, ParameterApply::at_once, 0, 0, "none,ddl,mod,all", "",
     "none"},
    {"log_statement_sample_rate", ParameterKind::real, ParameterApply::at_once, 0, 1, "", "", "1"},
    {"log_statement_stats", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "off"},
    {"log_temp_files", ParameterKind::whole, ParameterApply::at_once, -1, 2147483647, "", "kB",
     "-1"},
    {"log_transaction_sample_rate", ParameterKind::real, ParameterApply::at_once, 0, 1, "", "",
     "0"},
    {"logical_decoding_work_mem", ParameterKind::whole, ParameterApply::at_once, 64, 2147483647, "",
     "kB", "65536"},
    {"maintenance_io_concurrency", ParameterKind::whole, ParameterApply::at_once, 0, 1000, "", "",
     "10"},
    {"maintenance_work_mem", ParameterKind::whole, ParameterApply::at_once, 1024, 2147483647, "",
     "kB", "65536"},
    {"max_connections", ParameterKind::whole, ParameterApply::at_start, 20, 5000, "", "", ""},
    {"max_locks_per_transaction", ParameterKind::whole, ParameterApply::at_start, 64, 1024, "", "",
     "64"},
    {"max_parallel_maintenance_workers", ParameterKind::whole, ParameterApply::at_once, 0, 1024, "",
     "", "2"},
    {"max_parallel_workers", ParameterKind::whole, ParameterApply::at_once, 0, 1024, "", "", "8"},
    {"max_parallel_workers_per_gather", ParameterKind::whole, ParameterApply::at_once, 0, 1024, "",
     "", "2"},
    {"max_pred_locks_per_page", ParameterKind::whole, ParameterApply::at_once, 0, 2147483647, "",
     "", "2"},
    {"max_pred_locks_per_relation", ParameterKind::whole, ParameterApply::at_once, -2147483648,
     2147483647, "", "", "-2"},
    {"max_pred_locks_per_transaction", ParameterKind::whole, ParameterApply::at_start, 64, 1024, "",
     "", "64"},
    {"max_prepared_transactions", ParameterKind::whole, ParameterApply::at_start, 0, 5000, "", "",
     "0"},
    {"max_standby_streaming_delay", ParameterKind::whole, ParameterApply::at_once, -1, 2147483647,
     "", "ms", "30000"},
    {"min_parallel_index_scan_size", ParameterKind::whole, ParameterApply::at_once, 0, 715827882,
     "", "8kB", "64"},
    {"min_parallel_table_scan_size", ParameterKind::whole, ParameterApply::at_once, 0, 715827882,
     "", "8kB", "1024"},
    {"parallel_leader_participation", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "",
     "on"},
    {"parallel_setup_cost", ParameterKind::real, ParameterApply::at_once, 0, 1.79769e+308, "", "",
     "1000"},
    {"parallel_tuple_cost", ParameterKind::real, ParameterApply::at_once, 0, 1.79769e+308, "", "",
     "0.1"},
    {"plan_cache_mode", ParameterKind::word, ParameterApply::at_once, 0, 0,
     "auto,force_generic_plan,force_custom_plan", "", "auto"},
    {"quote_all_identifiers", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "off"},
    {"random_page_cost", ParameterKind::real, ParameterApply::at_once, 0, 1.79769e+308, "", "",
     "4"},
    {"rds.force_ssl", ParameterKind::word, ParameterApply::at_once, 0, 0, "1", "", "1"},
    {"rds.logical_replication", ParameterKind::word, ParameterApply::at_start, 0, 0, "0", "", "0"},
    {"seq_page_cost", ParameterKind::real, ParameterApply::at_once, 0, 1.79769e+308, "", "", "1"},
    {"shared_preload_libraries", ParameterKind::libraries, ParameterApply::at_start, 0, 0,
     "auto_explain,pg_stat_statements", "", ""},
    {"standard_conforming_strings", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "",
     "on"},
    {"statement_timeout", ParameterKind::whole, ParameterApply::at_once, 0, 2147483647, "", "ms",
     "0"},
    {"synchronize_seqscans", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"tcp_keepalives_count", ParameterKind::whole, ParameterApply::at_once, 0, 2147483647, "", "",
     "0"},
    {"tcp_keepalives_idle", ParameterKind::whole, ParameterApply::at_once, 0, 2147483647, "", "s",
     "0"},
    {"tcp_keepalives_interval", ParameterKind::whole, ParameterApply::at_once, 0, 2147483647, "",
     "s", "0"},
    {"temp_buffers", ParameterKind::whole, ParameterApply::at_once, 100, 1073741823, "", "8kB",
     "1024"},
    {"temp_file_limit", ParameterKind::whole, ParameterApply::at_once, -1, 2147483647, "", "kB",
     "-1"},
    {"timezone", ParameterKind::zone, ParameterApply::at_once, 0, 0, "", "", "UTC"},
    {"track_activities", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"track_activity_query_size", ParameterKind::whole, ParameterApply::at_start, 100, 102400, "",
     "B", "1024"},
    {"track_commit_timestamp", ParameterKind::truth, ParameterApply::at_start, 0, 0, "", "", "off"},
    {"track_counts", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "on"},
    {"track_functions", ParameterKind::word, ParameterApply::at_once, 0, 0, "none,pl,all", "",
     "none"},
    {"track_io_timing", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "off"},
    {"track_wal_io_timing", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "off"},
    {"transform_null_equals", ParameterKind::truth, ParameterApply::at_once, 0, 0, "", "", "off"},
    {"vacuum_cost_delay", ParameterKind::real, ParameterApply::at_once, 0, 100, "", "ms", "0"},
    {"vacuum_cost_limit", ParameterKind::whole, ParameterApply::at_once, 1, 10000, "", "", "200"},
    {"vacuum_cost_page_dirty", ParameterKind::whole, ParameterApply::at_once, 0, 10000, "", "",
     "20"},
    {"vacuum_cost_page_hit", ParameterKind::whole, ParameterApply::at_once, 0, 10000, "", "", "1"},
    {"vacuum_cost_page_miss", ParameterKind::whole, ParameterApply::at_once, 0, 10000, "", "", "2"},
    {"vacuum_failsafe_age", ParameterKind::whole, ParameterApply::at_once, 0, 2100000000, "", "",
     "1600000000"},
    {"vacuum_freeze_min_age", ParameterKind::whole, ParameterApply::at_once, 0, 1000000000, "", "",
     "50000000"},
    {"vacuum_freeze_table_age", ParameterKind::whole, ParameterApply::at_once, 0, 2000000000, "",
     "", "150000000"},
    {"vacuum_multixact_failsafe_age", ParameterKind::whole, ParameterApply::at_once, 0, 2100000000,
     "", "", "1600000000"},
    {"vacuum_multixact_freeze_min_age", ParameterKind::whole, ParameterApply::at_once, 0,
     1000000000, "", "", "5000000"},
    {"vacuum_multixact_freeze_table_age", ParameterKind::whole, ParameterApply::at_once, 0,
     2000000000, "", "", "150000000"},
    {"work_mem", ParameterKind::whole, ParameterApply::at_once, 64, 2147483647, "", "kB", "4096"},
    {"xmlbinary", ParameterKind::word, ParameterApply::at_once, 0, 0, "base64,hex", "", "base64"},
    {"xmloption", ParameterKind::word, ParameterApply::at_once, 0, 0, "content,document", "",
     "content"},
};

// Parameters that Aurora or PostgreSQL has, and that cannot be had here.
constexpr std::string_view kOfAurora[] = {"apg_", "aurora_",      "rds.",
                                          "rds_", "babelfishpg_", "aurora."};

Error no_such_value(std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), "InvalidParameterValue");
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    words.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return words;
}

bool is_among(std::string_view words, std::string_view word) {
  const auto all = words_of(words);
  return std::find(all.begin(), all.end(), word) != all.end();
}

template <typename Number>
bool is_number_within(const std::string& text, double min, double max) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() &&
         static_cast<double>(value) >= min && static_cast<double>(value) <= max;
}

// Of the system's own list, which is PostgreSQL's.
bool is_zone(const std::string& value) {
  const bool fine = !value.empty() && value.size() <= 64 && value[0] != '/' &&
                    value.find("..") == std::string::npos &&
                    std::all_of(value.begin(), value.end(), [](unsigned char c) {
                      return std::isalnum(c) != 0 || c == '_' || c == '/' || c == '+' || c == '-';
                    });
  std::error_code error;
  return fine && std::filesystem::is_regular_file("/usr/share/zoneinfo/" + value, error);
}

bool is_allowed(const EngineParameter& parameter, const std::string& value) {
  switch (parameter.kind) {
    case ParameterKind::truth: return is_among("0,1,on,off,true,false", value);
    case ParameterKind::word: return is_among(parameter.words, value);
    case ParameterKind::whole:
      return is_number_within<std::int64_t>(value, parameter.min, parameter.max);
    case ParameterKind::real: return is_number_within<double>(value, parameter.min, parameter.max);
    case ParameterKind::zone: return is_zone(value);
    case ParameterKind::libraries: {
      const auto all = words_of(value);
      return value.empty() || std::all_of(all.begin(), all.end(), [&](std::string_view one) {
               return is_among(parameter.words, one) &&
                      std::count(all.begin(), all.end(), one) == 1;
             });
    }
  }
  return false;
}

std::string shortest(double value) {
  if (std::abs(value) < 1e15 && std::floor(value) == value) {
    return std::to_string(static_cast<std::int64_t>(value));
  }
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return error == std::errc() ? std::string(text, end) : "";
}

}  // namespace

std::span<const EngineParameter> engine_parameters() { return kParameters; }

const EngineParameter* engine_parameter(std::string_view name) {
  const auto* found = std::find_if(std::begin(kParameters), std::end(kParameters),
                                   [&](const auto& one) { return one.name == name; });
  return found == std::end(kParameters) ? nullptr : found;
}

std::string allowed_values(const EngineParameter& parameter) {
  switch (parameter.kind) {
    case ParameterKind::truth: return "0,1";
    case ParameterKind::whole:
    case ParameterKind::real: return shortest(parameter.min) + "-" + shortest(parameter.max);
    case ParameterKind::zone: return "names of time zones";
    default: return std::string(parameter.words);
  }
}

std::string_view data_type(const EngineParameter& parameter) {
  switch (parameter.kind) {
    case ParameterKind::truth: return "boolean";
    case ParameterKind::whole: return "integer";
    case ParameterKind::real: return "float";
    case ParameterKind::libraries: return "list";
    default: return "string";
  }
}

Result<void> check_parameter(const std::string& name, const std::string& value) {
  const EngineParameter* parameter = engine_parameter(name);
  if (parameter == nullptr) {
    const bool auroras = std::any_of(std::begin(kOfAurora), std::end(kOfAurora),
                                     [&](std::string_view one) { return name.starts_with(one); });
    return no_such_value(auroras ? "The parameter " + name +
                                       " is Aurora's, and PostgreSQL on this platform has none of "
                                       "that name"
                                 : "Could not find parameter with name: " + name +
                                       ", or it is this platform's own to set");
  }
  if (is_allowed(*parameter, value)) return ok();
  return no_such_value("Invalid parameter value: " + value + " for: " + name +
                       " allowed values are: " + allowed_values(*parameter));
}

}  // namespace aurora_global::services::rds
