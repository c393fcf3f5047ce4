// What recorded resources are kept in, in a test: in memory alone. The other regions have what the
// test says.
#pragma once

#include <set>

#include "services/cloudformation/recorded.h"
#include "services/testing/fake_services.h"

namespace aurora_global::services::cloudformation::testing {

class MemoryStore final : public Store {
 public:
  std::map<std::string, std::string> documents;
  net::Task<Result<void>> write(Write write) override {
    for (const std::string& key : write.remove) documents.erase(key);
    for (auto& [key, text] : write.put) documents[key] = text;
    co_return ok();
  }
  net::Task<Result<std::optional<std::string>>> read(std::string key) override {
    const auto found = documents.find(key);
    co_return found == documents.end() ? std::nullopt : std::optional(found->second);
  }
  net::Task<Result<std::vector<StoredEvent>>> events(std::string, std::int64_t, int) override {
    co_return std::vector<StoredEvent>();
  }
};

class FakeElsewhere final : public Elsewhere {
 public:
  std::set<std::string> ids;
  net::Task<Result<bool>> has(std::string physical_id) override {
    co_return ids.contains(physical_id);
  }
};

struct Recording {
  services::testing::FakeServices services;
  MemoryStore store;
  Records records{store};
  FakeElsewhere elsewhere;

  ProviderContext context() {
    return {.services = services, .records = &records, .elsewhere = &elsewhere};
  }
};

}  // namespace aurora_global::services::cloudformation::testing
