#include "cli/region_daemon.h"

#include "net/log.h"
#include "net/main_loop.h"
#include "net/pid_file.h"
#include "net/tls.h"
#include "region/daemon.h"
#include "region/machine.h"
#include "services/api_server.h"
#include "services/health.h"

namespace aurora_global::cli {
namespace {

using namespace std::chrono_literals;

net::Task<Result<void>> serve(const region::RegionConfig& config,
                              boost::asio::any_io_executor executor, net::Event& stop) {
  CO_TRY(const auto machine, region::Machine::open(executor, config));
  CO_TRY(const auto daemon, region::Daemon::open(config, machine->outside()));
  services::ApiOptions options{
      config.home, config.api_address, {}, std::chrono::seconds(config.metrics_interval_s)};
  CO_TRY(const auto keys, region::load_credentials(config.credentials_file));
  if (!keys.empty()) options.credentials = {keys.begin()->first, keys.begin()->second, ""};
  CO_TRY(const auto services, services::ApiServer::open(executor, *daemon, std::move(options)));
  const net::HttpHandler handler = services->handler();
  CO_TRY(net::TlsContext tls,
         net::server_tls(config.tls_dir() / "server.crt", config.tls_dir() / "server.key"));
  daemon->set_api_handler(handler);
  services::HealthListeners health(executor, *daemon, config.health_port);
  net::TaskGroup tasks(executor);
  auto outcome = daemon->start();
  std::vector<std::unique_ptr<net::HttpServer>> apis;
  for (const std::string& address : {config.api_address, config.localhost_address}) {
    if (outcome.has_error() || address.empty()) continue;
    net::HttpServing serving{.tls = tls, .plain_as_well = true};
    serving.large = services::large_bodies();
    auto api = net::HttpServer::listen(tasks, address, handler, std::move(serving));
    if (api.has_value()) {
      apis.push_back(std::move(*api));
    } else {
      outcome = api.error();
    }
  }
  const bool served = outcome.has_value();
  if (served) {
    services->start();
    health.start();
    log::info("APIs on {}, PostgreSQL {}", config.api_address, daemon->facts().engine_version);
    while (!co_await stop.wait_for(1h)) {
    }
    log::info("ending");
    for (const auto& api : apis) api->close();
  }
  co_await health.stop();
  co_await services->stop();
  tasks.stop();
  co_await tasks.join();
  co_await daemon->stop();
  if (served) outcome = co_await daemon->stop_instances(Deadline::in(60s));
  co_return outcome;
}

net::Task<int> daemon_body(const region::RegionConfig& config,
                           boost::asio::any_io_executor executor, net::Event& stop) {
  const auto outcome = co_await serve(config, executor, stop);
  if (outcome.has_value()) co_return 0;
  log::error("{}", outcome.error().message);
  co_return 1;
}

}  // namespace

int run_region(const std::filesystem::path& config_file) {
  net::init_logging("region");
  const auto config = region::load_region_config(config_file);
  if (config.has_error()) {
    log::error("{}", config.error().message);
    return 2;
  }
  const auto pid_file = net::PidFile::acquire(config->run_dir() / "daemon.pid");
  if (pid_file.has_error()) {
    log::error("{}", pid_file.error().message);
    return 1;
  }
  return net::run_main([&](boost::asio::any_io_executor executor, net::Event& stop) {
    return daemon_body(*config, executor, stop);
  });
}

}  // namespace aurora_global::cli
