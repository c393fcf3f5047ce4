// The files that people and other processes write for us: link.toml, router.toml, region.toml,
// drill files, topology.json, and a backend of an order. Whatever is in them, reading ends with a
// value or with an error that has a sentence. The first byte says which kind the rest is.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "drill/drill_file.h"
#include "link/config.h"
#include "region/config.h"
#include "router/config.h"

namespace {

using namespace aurora_global;

template <typename T>
void require_sense(const Result<T>& result) {
  if (result.has_error() && result.error().message.empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (static_cast<char>(data[0])) {
    case 'l': require_sense(link::parse_link_config(text, "link.toml")); break;
    case 'r': require_sense(router::parse_router_config(text, "router.toml")); break;
    case 'g': require_sense(region::parse_region_config(text, "region.toml")); break;
    case 'd': require_sense(drill::parse_drill(text, "drill.toml")); break;
    case 't':
    case 'b': {
      const auto json = nlohmann::json::parse(text, nullptr, false);
      if (data[0] == 't') require_sense(router::parse_topology(json));
      if (data[0] == 'b') require_sense(router::parse_backend(json));
      break;
    }
    default: break;
  }
  return 0;
}
