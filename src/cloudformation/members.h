// Reads the members of an object of a template, and remembers the first thing wrong.
//
// Texts may be written as numbers or truth values there and the other way round: "true", 1, "1".
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aurora_global::cloudformation {

// A scalar as text; nullopt for lists, objects and null.
std::optional<std::string> as_text(const nlohmann::json& value);
// The number that a text or a number says.
std::optional<double> as_number(const nlohmann::json& value);
std::optional<std::uint64_t> as_count(const nlohmann::json& value);

class TemplateMembers {
 public:
  // `path` is what messages name: "/Parameters/X". `object` outlives this.
  TemplateMembers(const nlohmann::json& object, std::string path);

  // Null if it is not there.
  const nlohmann::json* find(const char* name);
  TemplateMembers& text(const char* name, std::string& out, std::size_t bytes_max);
  TemplateMembers& text(const char* name, std::optional<std::string>& out, std::size_t bytes_max);
  TemplateMembers& texts(const char* name, std::vector<std::string>& out, std::size_t count_max);
  TemplateMembers& truth(const char* name, bool& out);
  TemplateMembers& number(const char* name, std::optional<double>& out);
  TemplateMembers& count(const char* name, std::optional<std::uint64_t>& out);
  TemplateMembers& object(const char* name, nlohmann::json& out);

  // The first thing wrong; also a member that nobody asked for.
  Result<void> finish();

 private:
  TemplateMembers& wrong(const char* name, std::string_view what);

  const nlohmann::json& object_;
  std::string path_;
  std::vector<std::string> asked_;
  std::optional<Error> problem_;
};

}  // namespace aurora_global::cloudformation
