#include "cli/command.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <exception>

namespace aurora_global::cli {

using namespace std::chrono_literals;

int exit_code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
    case ErrorKind::not_found:
    case ErrorKind::denied: return kExitUsage;
    case ErrorKind::timeout:
    case ErrorKind::unavailable:
    case ErrorKind::exhausted: return kExitUnavailable;
    case ErrorKind::cancelled:
    case ErrorKind::superseded:
    case ErrorKind::conflict:
    case ErrorKind::corrupt:
    case ErrorKind::data_loss_refused:
    case ErrorKind::internal: return kExitFailed;
  }
  return kExitFailed;
}

int report(const Error& error) {
  std::fprintf(stderr, "aurora-global: %s%s%s%s\n", error.message.c_str(),
               error.code.empty() ? "" : " [", error.code.c_str(), error.code.empty() ? "" : "]");
  return exit_code_of(error.kind);
}

Result<void> run_quietly(
    std::function<net::Task<Result<void>>(boost::asio::any_io_executor)> body) {
  boost::asio::io_context context(1);
  Result<void> outcome = make_error(ErrorKind::internal, "the command did not end");
  boost::asio::co_spawn(context, body(context.get_executor()),
                        [&](std::exception_ptr failure, Result<void> result) {
                          if (!failure) {
                            outcome = std::move(result);
                            return;
                          }
                          try {
                            std::rethrow_exception(failure);
                          } catch (const std::exception& error) {
                            outcome = make_error(ErrorKind::internal, error.what());
                          }
                        });
  context.run();
  return outcome;
}

int run_command(std::function<net::Task<Result<void>>(boost::asio::any_io_executor)> body) {
  const auto outcome = run_quietly(std::move(body));
  return outcome.has_value() ? kExitOk : report(outcome.error());
}

Result<Connected> connect_to(const Home& home, boost::asio::any_io_executor executor) {
  TRY(Platform platform, home.load());
  TRY(awsapi::Credentials credentials, home.credentials());
  Connected connected{home, std::move(platform), std::move(credentials), {}};
  for (std::size_t i = 0; i < connected.platform.regions.size(); ++i) {
    connected.clients[connected.platform.regions[i]] = std::make_unique<awsclient::AwsClient>(
        executor, api_address(connected.platform, static_cast<int>(i) + 1), connected.credentials);
  }
  return connected;
}

net::Task<Result<Situation>> situation(Connected& connected, Deadline deadline) {
  Error last = make_error(ErrorKind::unavailable, "no region answers");
  std::optional<Situation> best;
  for (const RegionId& region : connected.platform.regions) {
    const auto found =
        co_await connected.at(region).describe_global_clusters(region, deadline.at_most(2s));
    if (found.has_error()) {
      last = found.error().in("region " + region.name);
      continue;
    }
    for (const auto& view : *found) {
      if (view.global.identifier != connected.platform.global_cluster) continue;
      // A region that is cut off may hold an old truth; one that moves the writer knows best.
      const bool better = !best || view.global.status != "available";
      if (better) best = Situation{view.global, region};
    }
  }
  if (best) co_return std::move(*best);
  co_return last.in("there is no global cluster " + connected.platform.global_cluster);
}

}  // namespace aurora_global::cli
