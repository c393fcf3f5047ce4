#include "pg/reported.h"

#include <vector>

#include "core/wire.h"
#include "pg/session.h"

extern "C" {
#include "libpq/pqformat.h"
#include "utils/guc_tables.h"
}

namespace aurora_global::extension {
namespace {

struct Reported {
  config_generic* gen;
  std::string there;
};

// Those of this library are not the client's, and whether the answering server is a standby is told
// of the one that the client is connected to.
bool is_of_servers(const config_generic* gen) {
  return std::string_view(gen->name).starts_with("aurora_global.") ||
         strcmp(gen->name, "in_hot_standby") == 0;
}

std::vector<Reported>& list() {
  static auto* settings = new std::vector<Reported>;
  if (!settings->empty()) return *settings;
  config_generic** variables = get_guc_variables();
  for (int i = 0; i < GetNumConfigOptions(); ++i) {
    if ((variables[i]->flags & GUC_REPORT) == 0 || is_of_servers(variables[i])) continue;
    contained([&] { settings->push_back({variables[i], ""}); });
  }
  return *settings;
}

}  // namespace

void begin_reporting() {
  for (Reported& one : list()) {
    const char* text = shown_outside_block(one.gen);
    contained([&] { one.there = text; });
  }
}

void note_reported(std::string_view body) {
  const auto name = first_text(body);
  const auto value = name ? first_text(body.substr(name->size() + 1)) : std::nullopt;
  if (!value) return;
  for (Reported& one : list()) {
    if (*name == one.gen->name) contained([&] { one.there = *value; });
  }
}

void report_settings() {
  for (const Reported& one : list()) {
    char*& told = one.gen->last_reported;
    if (told != nullptr && one.there == told) continue;
    free(told);
    told = strdup(one.there.c_str());
    StringInfoData message;
    pq_beginmessage(&message, 'S');
    pq_sendstring(&message, one.gen->name);
    pq_sendstring(&message, one.there.c_str());
    pq_endmessage(&message);
  }
}

}  // namespace aurora_global::extension
