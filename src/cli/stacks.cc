// `stacks`: CloudFormation's stacks of every region, what they have, their events as they come.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "cli/command.h"
#include "cli/words.h"
#include "services/cloudformation/providers/all.h"

namespace aurora_global::cli {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using Texts = std::map<std::string, std::string>;

constexpr Duration kAskStacksLimit = 5s;

std::string text_in(const json& of, const char* name) { return of.value(name, std::string()); }

net::Task<Result<json>> list_of(Connected& connected, RegionId region, awsapi::Form form,
                                std::string list) {
  auto asking = connected.at(region).cloudformation_list(region, std::move(form), std::move(list),
                                                         Deadline::in(kAskStacksLimit));
  CO_TRY(const std::vector<Texts> members, co_await std::move(asking));
  co_return json(members);
}

// The stacks of a region, the oldest first, with what they have.
net::Task<Result<json>> stacks_of(Connected& connected, RegionId region, StacksOptions options) {
  auto asking = list_of(connected, region, {{"Action", "DescribeStacks"}}, "Stacks");
  CO_TRY(json stacks, co_await std::move(asking));
  std::reverse(stacks.begin(), stacks.end());
  for (json& stack : stacks) {
    if (!options.resources) continue;
    awsapi::Form form{{"Action", "ListStackResources"}, {"StackName", text_in(stack, "StackId")}};
    auto listing = list_of(connected, region, std::move(form), "StackResourceSummaries");
    auto resources = co_await std::move(listing);
    stack["Resources"] = resources.has_value() ? std::move(*resources) : json::array();
    for (json& one : stack["Resources"]) {
      one["RecordedOnly"] =
          services::cloudformation::is_recorded_only(text_in(one, "ResourceType"));
    }
  }
  co_return stacks;
}

net::Task<json> collect_stacks(Connected& connected, StacksOptions options) {
  json all = json::array();
  for (const RegionId& region : connected.platform.regions) {
    auto asking = stacks_of(connected, region, options);
    auto stacks = co_await std::move(asking);
    if (stacks.has_value()) {
      all.push_back({{"region", region.name}, {"stacks", std::move(*stacks)}});
    } else {
      all.push_back({{"region", region.name}, {"error", stacks.error().message}});
    }
  }
  co_return all;
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text + "  ";
}

std::string resource_line(const json& of) {
  std::string line = "    " + padded(text_in(of, "LogicalResourceId"), 28) +
                     padded(text_in(of, "ResourceStatus"), 18) + text_in(of, "ResourceType");
  if (const std::string id = text_in(of, "PhysicalResourceId"); !id.empty()) line += "  " + id;
  if (of.value("RecordedOnly", false)) line += "  (recorded only)";
  return line + "\n";
}

std::string stacks_table(const json& all) {
  std::string out;
  for (const json& region : all) {
    out += text_in(region, "region") + "\n";
    if (region.contains("error")) {
      out += "  " + text_in(region, "error") + "\n";
      continue;
    }
    if (region["stacks"].empty()) out += "  no stacks\n";
    for (const json& stack : region["stacks"]) {
      out += "  " + padded(text_in(stack, "StackName"), 32) + text_in(stack, "StackStatus") + "\n";
      if (const std::string why = text_in(stack, "StackStatusReason");
          !why.empty() && text_in(stack, "StackStatus").find("FAILED") != std::string::npos) {
        out += "    " + why + "\n";
      }
      for (const json& one : stack.value("Resources", json::array())) out += resource_line(one);
    }
  }
  return out;
}

void print_event(const std::string& region, const json& event, StacksOptions options) {
  if (options.json) {
    std::printf("%s\n", printable({{"region", region}, {"event", event}}).c_str());
    return;
  }
  std::string line = text_in(event, "Timestamp") + "  " + padded(region, 10) +
                     padded(text_in(event, "StackName"), 28) +
                     padded(text_in(event, "ResourceStatus"), 20) +
                     text_in(event, "LogicalResourceId");
  const std::string why = text_in(event, "ResourceStatusReason");
  if (!why.empty()) line += "  " + why;
  std::printf("%s\n", line.c_str());
}

// Prints the events that are new since the last look.
class EventWatch {
 public:
  EventWatch(Connected& connected, StacksOptions options)
      : connected_(connected), options_(options) {}

  // Of a region that does not answer nothing is new.
  net::Task<void> look() {
    for (const RegionId& region : connected_.platform.regions) {
      auto asking = list_of(connected_, region, {{"Action", "ListStacks"}}, "StackSummaries");
      const auto stacks = co_await std::move(asking);
      if (stacks.has_error()) continue;
      for (const json& stack : *stacks) {
        auto looking = look_at(region, stack);
        co_await std::move(looking);
      }
    }
    is_first_ = false;
  }

 private:
  net::Task<void> look_at(RegionId region, const json& stack) {
    const std::string id = text_in(stack, "StackId");
    const std::string status = text_in(stack, "StackStatus");
    const std::string state = status + text_in(stack, "LastUpdatedTime");
    if (!status.ends_with("_IN_PROGRESS") && states_[id] == state) co_return;
    awsapi::Form form{{"Action", "DescribeStackEvents"}, {"StackName", id}};
    auto asking = list_of(connected_, region, std::move(form), "StackEvents");
    const auto events = co_await std::move(asking);
    if (events.has_error()) co_return;
    states_[id] = state;
    std::set<std::string>& known = seen_[id];
    for (auto event = events->rbegin(); event != events->rend(); ++event) {
      const bool is_new = known.insert(text_in(*event, "EventId")).second;
      if (is_new && !is_first_) print_event(region.name, *event, options_);
    }
  }

  Connected& connected_;
  StacksOptions options_;
  bool is_first_ = true;
  std::map<std::string, std::set<std::string>> seen_;  // Events, by stack.
  std::map<std::string, std::string> states_;          // By stack: what they were read at.
};

net::Task<Result<void>> show_stacks(const Home& home, StacksOptions options,
                                    boost::asio::any_io_executor executor) {
  CO_TRY(Connected connected, connect_to(home, executor));
  CO_TRY_VOID(require_running(home, connected.platform));
  EventWatch watch(connected, options);
  if (options.watch) {
    // Before the stacks are shown: what happens from then on is told.
    auto looking = watch.look();
    co_await std::move(looking);
  }
  auto collecting = collect_stacks(connected, options);
  const json all = co_await std::move(collecting);
  const std::string text = options.json ? printable(all) + "\n" : stacks_table(all);
  std::fputs(text.c_str(), stdout);
  // Nobody reads any more, or nothing can be written.
  while (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && options.watch) {
    auto looking = watch.look();
    co_await std::move(looking);
    co_await net::sleep_for(1s);
  }
  co_return ok();
}

}  // namespace

int stacks(const Home& home, StacksOptions options) {
  const auto shown = run_quietly(
      [&](boost::asio::any_io_executor executor) { return show_stacks(home, options, executor); });
  // Watching has no other end.
  if (shown.has_error() && options.watch && shown.error().kind == ErrorKind::cancelled) {
    return exit_code_of(shown.error());
  }
  return shown.has_value() ? kExitOk : report(shown.error());
}

}  // namespace aurora_global::cli
