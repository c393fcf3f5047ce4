#include "drill/platform.h"

#include <algorithm>

namespace aurora_global::drill {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration kOneRegionLimit = 2s;

WallTime wall(const json& from, const char* key) {
  return WallTime(std::chrono::microseconds(from.value(key, std::int64_t{0})));
}

model::Operation operation_of(const json& from) {
  model::Operation operation;
  operation.id = from.value("id", "");
  operation.kind =
      model::kind_named(from.value("kind", "")).value_or(model::OperationKind::switchover);
  operation.global_cluster = from.value("global_cluster", "");
  operation.from.name = from.value("from", "");
  operation.to.name = from.value("to", "");
  operation.epoch.value = from.value("epoch", std::uint64_t{0});
  operation.step = model::step_named(from.value("step", "")).value_or(model::Step::aborted);
  operation.started = wall(from, "started_us");
  operation.ended = wall(from, "ended_us");
  operation.reason = from.value("reason", "");
  for (const json& step : from.value("steps", json::array())) {
    model::StepTiming timing;
    timing.step = model::step_named(step.value("step", "")).value_or(model::Step::aborted);
    timing.started = wall(step, "started_us");
    timing.ended = wall(step, "ended_us");
    timing.note = step.value("note", "");
    operation.timings.push_back(std::move(timing));
  }
  return operation;
}

// How new a region's knowledge is; 0 where the platform does not tell.
std::uint64_t epoch_in(const json& status, const std::string& global_cluster) {
  for (const json& global : status.value("globals", json::array())) {
    if (global.value("identifier", "") == global_cluster) {
      return global.value("epoch", std::uint64_t{0});
    }
  }
  return 0;
}

}  // namespace

Situation situation_of(const model::GlobalCluster& global) {
  Situation situation;
  situation.status = global.status;
  situation.writer = global.writer_region;
  situation.synchronized = true;
  for (const model::GlobalMember& member : global.members) {
    situation.members.push_back(member.region);
    const auto arn = model::parse_cluster_arn(member.cluster_arn);
    if (arn.has_value()) situation.clusters[member.region] = arn->identifier;
    if (member.region != global.writer_region && !member.connected) situation.synchronized = false;
  }
  return situation;
}

RdsPlatform::RdsPlatform(boost::asio::any_io_executor executor, Options options)
    : options_(std::move(options)) {
  for (const Region& region : options_.regions) {
    names_.push_back(region.region);
    clients_.push_back(
        std::make_unique<awsclient::AwsClient>(executor, region.api_address, options_.credentials));
  }
}

// A region that was away may still believe an old truth, so all are asked: the highest epoch wins,
// and of its believers one that sees an operation under way.
net::Task<Result<model::GlobalCluster>> RdsPlatform::global_cluster(Deadline deadline) {
  Error last = make_error(ErrorKind::unavailable, "no region answers");
  std::optional<model::GlobalCluster> best;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const RegionId region = names_[i];
    const Deadline limit = deadline.at_most(kOneRegionLimit);
    const auto views = co_await clients_[i]->describe_global_clusters(region, limit);
    if (views.has_error()) {
      last = views.error().in("region " + region.name);
      continue;
    }
    const auto status = co_await clients_[i]->platform_status(region, limit);
    for (const auto& view : *views) {
      if (view.global.identifier != options_.global_cluster) continue;
      model::GlobalCluster global = view.global;
      global.epoch.value = status.has_value() ? epoch_in(*status, options_.global_cluster) : 0;
      bool better = !best || global.epoch > best->epoch;
      if (best && global.epoch == best->epoch) {
        // The writer's own region knows best who is connected to it.
        better = best->status == "available" &&
                 (global.status != "available" || global.writer_region == region);
      }
      if (better) best = std::move(global);
    }
  }
  if (!best) co_return last.in("describe global cluster " + options_.global_cluster);
  co_return std::move(*best);
}

net::Task<Result<Situation>> RdsPlatform::situation(Deadline deadline) {
  CO_TRY(const model::GlobalCluster global, co_await global_cluster(deadline));
  co_return situation_of(global);
}

net::Task<Result<void>> RdsPlatform::move_writer(RegionId to, model::OperationKind kind,
                                                 Deadline deadline) {
  CO_TRY(const model::GlobalCluster global, co_await global_cluster(deadline));
  const model::GlobalMember* target = global.member_in(to);
  const auto at = std::find(names_.begin(), names_.end(), to);
  if (target == nullptr || at == names_.end()) {
    co_return make_error(ErrorKind::not_found,
                         "region " + to.name + " is not a member of " + options_.global_cluster);
  }
  awsclient::AwsClient& client = *clients_[static_cast<std::size_t>(at - names_.begin())];
  const std::string arn = target->cluster_arn;
  co_return co_await client.move_writer(to, options_.global_cluster, arn, kind, deadline);
}

net::Task<Result<model::Operation>> RdsPlatform::last_operation(RegionId to, Deadline deadline) {
  const auto at = std::find(names_.begin(), names_.end(), to);
  if (at == names_.end()) {
    co_return make_error(ErrorKind::not_found, "there is no region " + to.name);
  }
  awsclient::AwsClient& client = *clients_[static_cast<std::size_t>(at - names_.begin())];
  CO_TRY(const json status, co_await client.platform_status(to, deadline));
  for (const json& one : status.value("operations", json::array())) {
    model::Operation operation = operation_of(one);
    if (operation.global_cluster == options_.global_cluster && operation.to == to) {
      co_return operation;
    }
  }
  co_return make_error(ErrorKind::not_found, "no operation has moved the writer to " + to.name);
}

std::optional<Functions> RdsPlatform::functions(const RegionId& region) {
  const auto at = std::find(names_.begin(), names_.end(), region);
  if (at == names_.end()) return std::nullopt;
  return Functions{clients_[static_cast<std::size_t>(at - names_.begin())].get()};
}

Result<pgclient::Parameters> RdsPlatform::endpoint(const RegionId& region,
                                                   const std::string& name) const {
  const char* const known[] = {"global-writer", "cluster", "reader"};
  for (const Region& one : options_.regions) {
    if (one.region != region) continue;
    for (std::size_t i = 0; i < std::size(known); ++i) {
      if (name != known[i]) continue;
      pgclient::Parameters parameters = options_.login;
      parameters.values.emplace_back("host", one.endpoint_hosts[i]);
      parameters.values.emplace_back("port", std::to_string(one.port));
      return parameters;
    }
    return make_error(ErrorKind::invalid,
                      "no endpoint '" + name + "'; there are global-writer, cluster, reader");
  }
  return make_error(ErrorKind::not_found, "there is no region " + region.name);
}

}  // namespace aurora_global::drill
