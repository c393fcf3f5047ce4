// What a running server says of its settings.
#include "region/instance/engine.h"

namespace aurora_global::region {

net::Task<Result<std::vector<std::string>>> Engine::settings_below(PrimarySettings primary,
                                                                   Deadline deadline) {
  std::vector<std::string> below;
  for (std::size_t i = 0; i < primary.size(); ++i) {
    std::vector<pgclient::Param> name{std::string(kPrimarySettings[i])};
    CO_TRY(const auto rows, co_await sql("SELECT current_setting($1)::int < " +
                                             std::to_string(primary[i]) + ", current_setting($1)",
                                         std::move(name), deadline));
    if (rows.text(0, 0) != "t") continue;
    below.push_back(std::string(kPrimarySettings[i]) + " is " + std::string(rows.text(0, 1)) +
                    " here and " + std::to_string(primary[i]) + " in the primary");
  }
  co_return below;
}

// pg_file_settings reads the file as a start would; what a standby's start was given goes before
// it. What the file does not have any more is in no row of it, but marked in pg_settings soon.
net::Task<Result<bool>> Engine::any_waits_for_start(std::vector<std::string> names,
                                                    Deadline deadline) {
  std::string list = "{";
  for (const std::string& name : names) list += (list.size() > 1 ? "," : "") + name;
  std::vector<pgclient::Param> params = {list + "}"};
  CO_TRY(const auto rows,
         co_await sql("SELECT EXISTS (SELECT 1 FROM pg_settings WHERE pending_restart) OR EXISTS "
                      "(SELECT 1 FROM pg_file_settings f JOIN pg_settings s ON lower(s.name) = "
                      "lower(f.name) WHERE f.error IS NOT NULL AND s.source <> 'command line' "
                      "AND f.name = ANY ($1::text[]))",
                      std::move(params), deadline));
  co_return rows.text(0, 0) == "t";
}

}  // namespace aurora_global::region
