// `status`: every region asked, once or again each second.
#include <unistd.h>

#include <cstdio>

#include <algorithm>

#include "cli/command.h"
#include "cli/status_table.h"
#include "cli/words.h"
#include "net/control_socket.h"

namespace aurora_global::cli {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

// The routers are asked by themselves: what each session does is no concern of the daemons.
net::Task<void> collect_sessions(Connected& connected, json& regions,
                                 boost::asio::any_io_executor executor) {
  for (json& status : regions) {
    const RegionId region{status.value("region", "")};
    net::ControlClient router(executor, connected.home.run_dir(region) / "router.sock");
    const json question = {{"do", "sessions"}};
    const auto answer = co_await router.call(question, Deadline::in(2s));
    if (answer.has_value()) status["sessions"] = answer->value("sessions", json::array());
  }
}

net::Task<json> collect(Connected& connected, StatusOptions options,
                        boost::asio::any_io_executor executor) {
  json all = {{"home", connected.home.root().string()},
              {"global_cluster", connected.platform.global_cluster},
              {"regions", json::array()}};
  for (const RegionId& region : connected.platform.regions) {
    const auto status = co_await connected.at(region).platform_status(region, Deadline::in(2s));
    if (status.has_value()) {
      all["regions"].push_back(*status);
    } else {
      all["regions"].push_back({{"region", region.name}, {"error", status.error().message}});
    }
  }
  if (options.sessions) co_await collect_sessions(connected, all["regions"], executor);
  net::ControlClient link(executor, connected.home.link_dir() / "link.sock");
  const json question = {{"do", "status"}};
  const auto pairs = co_await link.call(question, Deadline::in(1s));
  if (pairs.has_value()) {
    all["link"] = pairs->at("pairs");
  } else {
    all["link"] = {{"error", pairs.error().message}};
  }
  co_return all;
}

void append_connections(std::string& out, const Connected& connected) {
  out += "\nconnect to the global writer endpoint of\n";
  for (const RegionId& region : connected.platform.regions) {
    out += "  " + region.name + "\n    " +
           connection_url(connected.home, connected.platform, region, kGlobalWriterHost) + "\n";
  }
}

// What is too long for a terminal that is drawn over is cut; more lines than it has would scroll.
std::string drawn_over(const std::string& text, TerminalSize terminal) {
  std::string out = "\033[H";
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (terminal.rows > 0 && ++lines >= terminal.rows) break;
    out += cut_line(text.substr(at, end - at), terminal.columns) + "\033[K\n";
    at = end + 1;
  }
  return out + "\033[J";  // Over what stood there, the rest erased: no flicker.
}

void show_table(const Connected& connected, const json& all, StatusOptions options) {
  const TerminalSize terminal = terminal_size(STDOUT_FILENO);
  std::string out = status_table(all) + status_warnings(all);
  if (options.watch && terminal.columns > 0) {
    out = drawn_over(out, terminal);
  } else {
    out = wrapped(out, terminal.columns);
    if (!options.watch) append_connections(out, connected);  // To be copied: in one piece.
  }
  std::fputs(out.c_str(), stdout);
}

net::Task<Result<void>> show_status(const Home& home, StatusOptions options,
                                    boost::asio::any_io_executor executor) {
  CO_TRY(Connected connected, connect_to(home, executor));
  for (bool first = true;; first = false) {
    const auto running = require_running(home, connected.platform);
    const json all = co_await collect(connected, options, executor);
    if (options.json) {
      std::printf("%s\n", printable(all).c_str());
    } else if (running.has_value()) {
      if (first && options.watch && isatty(STDOUT_FILENO) != 0) std::printf("\033[2J");
      show_table(connected, all, options);
    }
    // Nobody reads any more, or nothing can be written.
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) co_return ok();
    if (running.has_error() && !options.watch) co_return running;
    if (!options.watch) co_return ok();
    if (running.has_error()) std::printf("%s\n", running.error().message.c_str());
    co_await net::sleep_for(1s);
  }
}

}  // namespace

int status(const Home& home, StatusOptions options) {
  const auto shown = run_quietly(
      [&](boost::asio::any_io_executor executor) { return show_status(home, options, executor); });
  // Watching has no other end.
  if (shown.has_error() && options.watch && shown.error().kind == ErrorKind::cancelled) {
    if (isatty(STDOUT_FILENO) != 0) std::printf("\n");
    return exit_code_of(shown.error());
  }
  return shown.has_value() ? kExitOk : report(shown.error());
}

}  // namespace aurora_global::cli
