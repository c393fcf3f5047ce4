// A store in memory that fails on demand.
#pragma once

#include <map>
#include <optional>

#include "region/store.h"

namespace aurora_global::region::testing {

class MemoryStore final : public Store {
 public:
  std::map<std::string, std::string> documents;
  std::vector<model::Event> noted;
  int puts = 0;
  std::optional<int> fail_put;  // The how manieth put() fails, counted from 0.

  Result<std::vector<Document>> load() override {
    std::vector<Document> all;
    all.reserve(documents.size());
    for (const auto& [name, text] : documents) all.push_back({name, text});
    return all;
  }
  net::Task<Result<void>> put(std::vector<Document> fresh,
                              std::vector<std::string> erased) override {
    if (puts++ == fail_put) co_return make_error(ErrorKind::exhausted, "the disk is full");
    for (Document& document : fresh) documents[document.name] = std::move(document.text);
    for (const std::string& name : erased) documents.erase(name);
    co_return ok();
  }
  net::Task<Result<void>> forget() override { co_return ok(); }
  net::Task<Result<void>> add_event(model::Event event) override {
    noted.push_back(std::move(event));
    co_return ok();
  }
  net::Task<Result<std::vector<model::Event>>> events(WallTime, WallTime) override {
    co_return noted;
  }
};

}  // namespace aurora_global::region::testing
