// A resource type "Test::Thing" whose resources are kept by a world of the test's, which can be
// told to fail, to wait, and to stop.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "net/task.h"
#include "services/cloudformation/names.h"
#include "services/cloudformation/waiting.h"

namespace aurora_global::services::cloudformation::testing {

struct World {
  std::map<std::string, nlohmann::json> things;  // By physical id: their properties.
  std::set<std::string> fails;                   // "create A", "update A", "remove A".
  std::set<std::string> waits;                   // The same; until it is taken out of here.
  std::vector<std::string> calls;                // What has begun.
  std::size_t under_way = 0, most_under_way = 0;
  std::set<std::string> tokens;
  int checks_until_throw = 0;  // 0: no check throws.

  net::Event* begins = nullptr;  // Told of each call.

  // Until `holds`, which only a call that begins can change; the test fails after a while.
  net::Task<void> until(std::function<bool()> holds) {
    net::Event event(co_await boost::asio::this_coro::executor);
    begins = &event;
    const Deadline limit = Deadline::in(std::chrono::seconds(20));
    while (!holds() && !limit.passed()) {
      auto waiting = event.wait(limit);
      co_await std::move(waiting);
    }
    begins = nullptr;
    EXPECT_TRUE(holds());
  }
  net::Task<void> begun(std::string call) {
    return until(
        [this, call] { return std::find(calls.begin(), calls.end(), call) != calls.end(); });
  }
};

class Thing : public Provider {
 public:
  explicit Thing(World& world) : world_(world) {}

  const TypeTable& table() const override {
    static constexpr Property kProperties[] = {
        {.name = "Name", .kind = Kind::text, .replacing = Replacing::always},
        {.name = "Value"},
        {.name = "Tags", .kind = Kind::list},
        {.name = "Hook", .fate = Fate::refused, .note = "no hooks"},
    };
    static constexpr Attribute kAttributes[] = {
        {.name = "Arn"}, {.name = "Value", .stable = false}, {.name = "List"}};
    static constexpr TypeTable kTable{
        .type = "Test::Thing", .properties = kProperties, .attributes = kAttributes};
    return kTable;
  }

  Result<void> check(const nlohmann::json&) const override {
    if (world_.checks_until_throw > 0 && --world_.checks_until_throw == 0) {
      if (world_.begins != nullptr) world_.begins->notify();
      throw std::runtime_error("this provider is broken");
    }
    return ok();
  }
  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    world_.tokens.insert(request.token);
    made.physical_id = name_or_generated(request, "Name");
    world_.things[made.physical_id] = request.properties;
    auto working = work("create", request);
    CO_TRY_VOID(co_await std::move(working));
    made.attributes = attributes_of(made.physical_id, request.properties);
    co_return ok();
  }
  net::Task<Result<void>> update(const ResourceRequest& request, Made& made) override {
    auto working = work("update", request);
    CO_TRY_VOID(co_await std::move(working));
    world_.things[made.physical_id] = request.properties;
    made.attributes = attributes_of(made.physical_id, request.properties);
    co_return ok();
  }
  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    auto working = work("remove", request);
    CO_TRY_VOID(co_await std::move(working));
    world_.things.erase(request.physical_id);
    co_return ok();
  }
  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    auto working = work("read", request);
    CO_TRY_VOID(co_await std::move(working));
    // By its ARN as well.
    const bool is_arn = request.physical_id.starts_with("arn:");
    const auto found = world_.things.find(request.physical_id.substr(is_arn ? 4 : 0));
    if (found == world_.things.end()) co_return make_error(ErrorKind::not_found, "gone");
    made.physical_id = found->first;
    made.attributes = attributes_of(found->first, found->second);
    co_return ok();
  }

 private:
  static nlohmann::json attributes_of(const std::string& id, const nlohmann::json& properties) {
    return {{"Arn", "arn:" + id},
            {"Value", core::property_or_null(properties, "Value")},
            {"List", nlohmann::json::array({1})}};
  }

  net::Task<Result<void>> work(std::string verb, const ResourceRequest& request) {
    const std::string call = verb + " " + request.logical_id;
    world_.calls.push_back(call);
    world_.most_under_way = std::max(world_.most_under_way, ++world_.under_way);
    if (world_.begins != nullptr) world_.begins->notify();
    Probe probe = [this, call]() -> net::Task<Result<bool>> {
      co_return !world_.waits.contains(call);
    };
    auto waiting =
        wait_until(request, request.logical_id, std::move(probe),
                   {.first = std::chrono::milliseconds(1), .most = std::chrono::milliseconds(5)});
    const auto waited = co_await std::move(waiting);
    --world_.under_way;
    if (waited.has_error()) co_return waited.error();
    if (!world_.fails.contains(call)) co_return ok();
    co_return make_error(ErrorKind::conflict, call + " does not work");
  }

  World& world_;
};

// The same under the name of a type that can be imported, by "Name".
class ImportableThing final : public Thing {
 public:
  static constexpr const char* kType = "AWS::SSM::Parameter";
  explicit ImportableThing(World& world) : Thing(world), table_(Thing::table()) {
    table_.type = kType;
  }
  const TypeTable& table() const override { return table_; }

 private:
  TypeTable table_;
};

}  // namespace aurora_global::services::cloudformation::testing
