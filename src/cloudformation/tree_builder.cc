#include "cloudformation/tree_builder.h"

#include "cloudformation/errors.h"
#include "cloudformation/limits.h"

namespace aurora_global::cloudformation {

bool TreeBuilder::open(Json container) {
  if (open_.size() >= kNestingMax) return refuse("The template is nested too deeply");
  Json* placed = place(std::move(container));
  if (placed == nullptr) return false;
  open_.push_back(placed);
  has_key_ = false;
  return true;
}

bool TreeBuilder::close() {
  if (!problem_.empty()) return false;
  if (open_.empty() || has_key_) return refuse("A value is missing");
  open_.pop_back();
  return true;
}

bool TreeBuilder::key(std::string name) {
  if (!problem_.empty()) return false;
  if (!wants_key()) return refuse("A name is not expected here");
  if (open_.back()->contains(name)) return refuse("Duplicate name '" + shown(name) + "'");
  key_ = std::move(name);
  has_key_ = true;
  return true;
}

bool TreeBuilder::value(Json scalar) { return place(std::move(scalar)) != nullptr; }

bool TreeBuilder::wants_key() const {
  return !open_.empty() && open_.back()->is_object() && !has_key_;
}

bool TreeBuilder::refuse(std::string problem) {
  if (problem_.empty()) problem_ = std::move(problem);
  return false;
}

TreeBuilder::Json* TreeBuilder::place(Json value) {
  if (!problem_.empty()) return nullptr;
  if (open_.empty()) {
    if (has_root_) {
      refuse("There is more than one value");
      return nullptr;
    }
    has_root_ = true;
    root_ = std::move(value);
    return &root_;
  }
  Json& parent = *open_.back();
  if (parent.is_array()) {
    parent.push_back(std::move(value));
    return &parent.back();
  }
  if (!has_key_) {
    refuse("A name must be text");
    return nullptr;
  }
  has_key_ = false;
  return &(parent[key_] = std::move(value));
}

}  // namespace aurora_global::cloudformation
