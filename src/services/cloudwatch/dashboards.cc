// Dashboards: kept and shown.
#include <algorithm>

#include "base/json.h"
#include "services/cloudwatch/operations.h"

namespace aurora_global::services::cloudwatch {
namespace {

using database::Statement;
using nlohmann::json;

constexpr std::size_t kDashboardsMax = 500;
constexpr std::size_t kDashboardNameMax = 255;
constexpr std::size_t kWidgetsMax = 500;
constexpr std::size_t kDashboardPageMax = 1000;

std::string dashboard_arn(const Context& context, const std::string& name) {
  return "arn:aws:cloudwatch::" + context.facts.account_id + ":dashboard/" + name;
}

Error bad_input(const std::string& path, const std::string& message) {
  return make_error(ErrorKind::invalid, "The field " + path + " is invalid: " + message,
                    "InvalidParameterInput");
}

Result<void> check_name(const std::string& name) {
  const bool fine = !name.empty() && name.size() <= kDashboardNameMax &&
                    std::all_of(name.begin(), name.end(), [](unsigned char c) {
                      return std::isalnum(c) != 0 || c == '-' || c == '_';
                    });
  if (fine) return ok();
  return bad_input("DashboardName", "it has 1 to 255 letters, digits, hyphens and underscores");
}

Result<void> check_body(const std::string& body) {
  const json parsed = parse_json(body);
  if (!parsed.is_object()) return bad_input("DashboardBody", "it is no JSON object");
  const json widgets = parsed.value("widgets", json());
  if (!widgets.is_array()) return bad_input("DashboardBody", "it has no list widgets");
  if (widgets.size() > kWidgetsMax) return bad_input("DashboardBody", "it has over 500 widgets");
  for (std::size_t i = 0; i < widgets.size(); ++i) {
    const std::string path = "/widgets/" + std::to_string(i);
    const json& widget = widgets[i];
    if (!widget.is_object() || !widget.value("type", json()).is_string()) {
      return bad_input(path, "a widget is an object with a type");
    }
    if (!widget.value("properties", json()).is_object()) {
      return bad_input(path + "/properties", "a widget has properties");
    }
  }
  return ok();
}

Error no_such_dashboard(const std::string& name) {
  return make_error(ErrorKind::not_found, "Dashboard " + name + " does not exist",
                    "ResourceNotFound");
}

struct Dashboard {
  std::string name, body;
  std::int64_t modified = 0;
};

Result<std::vector<Dashboard>> stored_dashboards(sqlite3* raw) {
  std::vector<Dashboard> all;
  Statement select(raw, "SELECT name, body, modified FROM dashboard ORDER BY name");
  for (;;) {
    TRY(const bool more, select.step());
    if (!more) return all;
    all.push_back({select.text(0), select.text(1), select.number(2)});
  }
}

}  // namespace

Answer put_dashboard(Context& context, Members members) {
  Dashboard made;
  made.name = members.required("DashboardName");
  made.body = members.required("DashboardBody");
  made.modified = SystemClock().wall_now().time_since_epoch().count();
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(check_name(made.name));
  CO_TRY_VOID(check_body(made.body));
  auto job = [made](sqlite3* raw) -> Result<void> {
    TRY(const auto all, stored_dashboards(raw));
    const bool present = std::any_of(all.begin(), all.end(),
                                     [&](const Dashboard& one) { return one.name == made.name; });
    if (!present && all.size() >= kDashboardsMax) {
      return bad_input("DashboardName", "a region keeps at most 500 dashboards");
    }
    Statement put(raw, "INSERT OR REPLACE INTO dashboard(name, body, modified) VALUES (?, ?, ?)");
    put.bind(1, made.name);
    put.bind(2, made.body);
    put.bind(3, made.modified);
    TRY_VOID(put.step());
    return ok();
  };
  auto working = context.database.work<void>(std::move(job));
  CO_TRY_VOID(co_await std::move(working));
  co_return json{{"DashboardValidationMessages", json::array()}};
}

Answer get_dashboard(Context& context, Members members) {
  const std::string name = members.required("DashboardName");
  CO_TRY_VOID(members.finish());
  auto reading = context.database.work<std::vector<Dashboard>>(stored_dashboards);
  CO_TRY(const auto all, co_await std::move(reading));
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Dashboard& one) { return one.name == name; });
  if (found == all.end()) co_return no_such_dashboard(name);
  co_return json{{"DashboardArn", dashboard_arn(context, name)},
                 {"DashboardBody", found->body},
                 {"DashboardName", name}};
}

Answer list_dashboards(Context& context, Members members) {
  const std::string prefix = members.text("DashboardNamePrefix");
  const auto from = static_cast<std::size_t>(members.page_token("NextToken").value_or(0));
  CO_TRY_VOID(members.finish());
  auto reading = context.database.work<std::vector<Dashboard>>(stored_dashboards);
  CO_TRY(auto all, co_await std::move(reading));
  std::erase_if(all, [&](const Dashboard& one) { return !one.name.starts_with(prefix); });
  json answer = {{"DashboardEntries", json::array()}};
  const std::size_t to = std::min(from + kDashboardPageMax, all.size());
  for (std::size_t i = from; i < to; ++i) {
    answer["DashboardEntries"].push_back(
        {{"DashboardName", all[i].name},
         {"DashboardArn", dashboard_arn(context, all[i].name)},
         {"LastModified", static_cast<double>(all[i].modified) / 1e6},
         {"Size", all[i].body.size()}});
  }
  if (to < all.size()) answer["NextToken"] = std::to_string(to);
  co_return answer;
}

// All of them or none.
Answer delete_dashboards(Context& context, Members members) {
  const auto names = members.texts("DashboardNames");
  if (names.empty()) members.problem("DashboardNames is required", "MissingParameter");
  CO_TRY_VOID(members.finish());
  auto job = [names](sqlite3* raw) {
    return database::in_transaction(raw, [&]() -> Result<void> {
      TRY(const auto all, stored_dashboards(raw));
      for (const std::string& name : names) {
        const bool present = std::any_of(all.begin(), all.end(),
                                         [&](const Dashboard& one) { return one.name == name; });
        if (!present) return no_such_dashboard(name);
        Statement erase(raw, "DELETE FROM dashboard WHERE name = ?");
        erase.bind(1, name);
        TRY_VOID(erase.step());
      }
      return ok();
    });
  };
  auto working = context.database.work<void>(std::move(job));
  CO_TRY_VOID(co_await std::move(working));
  co_return json::object();
}

}  // namespace aurora_global::services::cloudwatch
