#include "drill/aws_platform.h"

#include <algorithm>

namespace aurora_global::drill {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPauseOnAws = 2s;
constexpr const char* kDisagree = "moving (the regions do not agree yet)";

}  // namespace

AwsPlatform::AwsPlatform(boost::asio::any_io_executor executor, DeployOutputs outputs,
                         awsclient::Endpoint endpoint, awsapi::Credentials credentials)
    : outputs_(std::move(outputs)),
      // What is reached in the clear is a platform of ours.
      pause_(endpoint.tls == nullptr ? Duration::zero() : Duration(kPauseOnAws)),
      aws_(std::move(executor), std::move(endpoint), std::move(credentials)) {
  for (const RegionOutputs& one : outputs_.regions) names_.push_back(one.region);
}

net::Task<Result<model::GlobalCluster>> AwsPlatform::global_cluster(Deadline deadline) {
  const Instant now = SystemClock().now();
  if (may_ask_ > now) co_await net::sleep_for(may_ask_ - now);
  Error last = make_error(ErrorKind::unavailable, "no region answers");
  std::optional<model::GlobalCluster> best;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const RegionId region = names_[i];
    // The rest of the time is shared: one that does not answer leaves the others their part.
    const Deadline limit = deadline.at_most(deadline.left() / (names_.size() - i));
    const auto views =
        co_await aws_.describe_global_clusters(region, limit, outputs_.global_cluster);
    if (views.has_error()) {
      last = views.error().in("region " + region.name);
      continue;
    }
    for (const auto& view : *views) {
      if (view.global.identifier != outputs_.global_cluster) continue;
      const model::GlobalCluster& global = view.global;
      if (best && best->status == "available" && global.status == "available" &&
          best->writer_region != global.writer_region) {
        best->status = kDisagree;
      }
      if (!best || (best->status == "available" && global.status != "available")) best = global;
    }
  }
  may_ask_ = SystemClock().now() + pause_;
  if (!best) co_return last.in("describe global cluster " + outputs_.global_cluster);
  co_return std::move(*best);
}

net::Task<Result<void>> AwsPlatform::check(Deadline deadline) {
  CO_TRY(const model::GlobalCluster global, co_await global_cluster(deadline));
  std::string members;
  for (const model::GlobalMember& member : global.members) {
    members += (members.empty() ? "" : ", ") + member.region.name;
  }
  for (const RegionOutputs& one : outputs_.regions) {
    if (global.member_in(one.region) != nullptr) continue;
    co_return make_error(ErrorKind::invalid,
                         "stack " + one.stack + " is of region " + one.region.name +
                             ", which is no member of global cluster " + global.identifier +
                             "; its members are in " + members +
                             ". Is this the outputs file of that deployment?");
  }
  co_return ok();
}

net::Task<Result<Situation>> AwsPlatform::situation(Deadline deadline) {
  CO_TRY(const model::GlobalCluster global, co_await global_cluster(deadline));
  co_return situation_of(global);
}

// AWS takes a switchover in the primary's region, a failover in the target's.
net::Task<Result<void>> AwsPlatform::move_writer(RegionId to, model::OperationKind kind,
                                                 Deadline deadline) {
  CO_TRY(const model::GlobalCluster global, co_await global_cluster(deadline));
  const model::GlobalMember* target = global.member_in(to);
  if (target == nullptr || to == global.writer_region) {
    co_return make_error(ErrorKind::invalid,
                         "region " + to.name + " is " +
                             (target == nullptr ? "no member" : "the primary already") +
                             " of global cluster " + global.identifier);
  }
  const RegionId asked = kind == model::OperationKind::switchover ? global.writer_region : to;
  const std::string arn = target->cluster_arn;
  co_return co_await aws_.move_writer(asked, outputs_.global_cluster, arn, kind, deadline);
}

net::Task<Result<model::Operation>> AwsPlatform::last_operation(RegionId, Deadline) {
  co_return make_error(ErrorKind::not_found, "AWS does not tell the steps of its operations");
}

Result<pgclient::Parameters> AwsPlatform::endpoint(const RegionId& region,
                                                   const std::string& name) const {
  return make_error(ErrorKind::invalid, "endpoint " + name + " of " + region.name +
                                            " cannot be reached from outside its VPC");
}

std::optional<Functions> AwsPlatform::functions(const RegionId& region) {
  for (const RegionOutputs& one : outputs_.regions) {
    if (one.region != region) continue;
    return Functions{&aws_, one.crud_global_endpoint, one.crud_write_forwarding};
  }
  return std::nullopt;
}

}  // namespace aurora_global::drill
