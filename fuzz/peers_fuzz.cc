// What other regions' daemons say: requests and answers. A daemon runs under simulated time with a
// model of everything outside; nothing that a peer says may end it. Lines: "?what body" is a
// request, "!body" an answer to whatever the daemon asks next.
#include <spdlog/spdlog.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/world.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aurora_global;
  spdlog::set_level(spdlog::level::off);
  static const sim::Beginning beginning = sim::make_beginning(2);
  constexpr std::size_t kSayingsMax = 20;
  std::vector<sim::Saying> sayings;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  while (!text.empty() && sayings.size() < kSayingsMax) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.empty()) continue;
    if (line[0] == '!') {
      sayings.push_back({true, "", std::string(line.substr(1))});
    } else if (const auto space = line.find(' '); line[0] == '?' && space != line.npos) {
      sayings.push_back(
          {false, std::string(line.substr(1, space - 1)), std::string(line.substr(space + 1))});
    }
  }
  if (!sayings.empty()) sim::converse(sayings, beginning);
  return 0;
}
