// What a region daemon finds in its own state store, damaged in any way: it is refused with a
// sentence, or it is what the daemon goes on from. Documents are separated by a line of their own.
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "region/testing/memory_store.h"
#include "region/truth.h"

namespace {

using namespace aurora_global;
using namespace aurora_global::region;

constexpr std::string_view kBetween = "\n--\n";

}  // namespace

// "NAME TEXT", several of them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string all(data, data + size);
  std::vector<Store::Document> documents;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find(kBetween, at), all.size());
    const std::string one = all.substr(at, end - at);
    const std::size_t blank = std::min(one.find(' '), one.size());
    documents.push_back({one.substr(0, blank), one.substr(std::min(blank + 1, one.size()))});
    at = end + kBetween.size();
  }
  boost::asio::io_context context;
  testing::MemoryStore store;
  Truth truth(context.get_executor(), store, RegionId{"us-east-1"});
  const auto loaded = truth.load(documents);
  if (loaded.has_error()) {
    if (loaded.error().message.empty()) std::abort();
    return 0;
  }
  // Everything that asks it has an answer.
  (void)truth.duty();
  if (const auto* global = truth.own_global()) (void)truth.decider_of(*global);
  for (const auto& [name, global] : truth.now().globals) (void)truth.running_operation(name);
  return 0;
}
