// Pages of a list: NextToken is a place in it.
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "services/json_protocol.h"

namespace aurora_global::services::cloudformation {

class Page {
 public:
  Page(Members& members, std::size_t size)
      : from_(static_cast<std::size_t>(
            members.page_token("NextToken", "", "ValidationError").value_or(0))),
        size_(size) {}

  // The part of `all` that belongs to the page; `told` gets the token of the next one.
  template <typename T>
  std::vector<T> of(const std::vector<T>& all, nlohmann::json& told) const {
    const std::size_t begin = std::min(from_, all.size());
    const std::size_t end = std::min(begin + size_, all.size());
    if (end < all.size()) told["NextToken"] = std::to_string(end);
    return {all.begin() + static_cast<std::ptrdiff_t>(begin),
            all.begin() + static_cast<std::ptrdiff_t>(end)};
  }

 private:
  std::size_t from_;
  std::size_t size_;
};

}  // namespace aurora_global::services::cloudformation
