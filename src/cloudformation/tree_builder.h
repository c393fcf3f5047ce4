// Puts a JSON value together from what a parser meets, within the limits of a template.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace aurora_global::cloudformation {

// Every function that adds something returns whether it was taken; after the first refusal,
// problem() says why and the tree is of no use.
class TreeBuilder {
 public:
  using Json = nlohmann::json;

  // Opens `container`, an empty list or object, as the next value.
  bool open(Json container);
  // Closes what was opened last.
  bool close();
  // The name of the next value. Only in an object that waits for one.
  bool key(std::string name);
  // A value with nothing in it.
  bool value(Json scalar);

  // The value that is open now is an object, and its next name has not been said.
  bool wants_key() const;
  // How many are open.
  std::size_t depth() const { return open_.size(); }

  const std::string& problem() const { return problem_; }
  bool refuse(std::string problem);
  Json take() { return std::move(root_); }

 private:
  Json* place(Json value);

  Json root_;
  std::vector<Json*> open_;  // Into root_: only the innermost ever grows.
  std::string key_;
  bool has_key_ = false;
  bool has_root_ = false;
  std::string problem_;
};

}  // namespace aurora_global::cloudformation
