// Reads the members of a JSON object into typed variables, and remembers the first thing wrong.
//
// What comes from another daemon, from a file or from a socket is read through this: types are
// checked, texts and lists have limits, a name that is not known is refused by name. Members that
// are missing or null leave the variable as it is; members that nobody asks for are ignored, so
// that a newer daemon may say more. Nothing is thrown.
#pragma once

#include <concepts>
#include <initializer_list>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"

namespace aurora_global::model {

inline constexpr std::size_t kTextBytesMax = 16 * 1024;
inline constexpr std::size_t kListMax = 1000;

class Fields {
 public:
  using Json = nlohmann::json;

  // `what` names the object in the error. `json` must outlive this.
  Fields(const Json& json, std::string what) : json_(json), what_(std::move(what)) {
    if (!json.is_object()) fail("is no JSON object");
  }

  // Each of these must be there.
  Fields& require(std::initializer_list<const char*> keys) {
    for (const char* key : keys) {
      if (member(key) == nullptr) fail(std::string(key) + " is missing");
    }
    return *this;
  }

  template <typename T>
  Fields& get(const char* key, T& out, std::size_t most = 0) {
    if (const Json* value = member(key)) take(key, *value, out, most);
    return *this;
  }
  // A word of a closed list; `parse` gives an optional.
  template <typename Enum, typename Parse>
  Fields& get_named(const char* key, Enum& out, Parse parse) {
    std::string name;
    get(key, name);
    if (problem_.empty() && member(key) != nullptr) {
      if (const auto parsed = parse(name)) {
        out = *parsed;
      } else {
        fail(std::string(key) + " '" + name.substr(0, 60) + "' is not known to this version");
      }
    }
    return *this;
  }

  Result<void> finish() const {
    if (problem_.empty()) return ok();
    return make_error(ErrorKind::corrupt, what_ + ": " + problem_);
  }

 private:
  const Json* member(const char* key) const {
    if (!json_.is_object()) return nullptr;
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  void fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
  }
  void wrong(const char* key, const char* expected) {
    fail(std::string(key) + " is no " + expected);
  }

  void take(const char* key, const Json& value, std::string& out, std::size_t most) {
    if (!value.is_string()) return wrong(key, "text");
    const auto& text = value.get_ref<const std::string&>();
    if (text.size() > (most == 0 ? kTextBytesMax : most))
      return fail(std::string(key) + " is too long");
    out = text;
  }
  void take(const char* key, const Json& value, bool& out, std::size_t) {
    if (!value.is_boolean()) return wrong(key, "truth value");
    out = value.get<bool>();
  }
  void take(const char* key, const Json& value, double& out, std::size_t) {
    if (!value.is_number()) return wrong(key, "number");
    out = value.get<double>();
  }
  template <std::integral T>
  requires(!std::same_as<T, bool>) void take(const char* key, const Json& value, T& out,
                                             std::size_t) {
    if (value.is_number_unsigned()) {
      const auto number = value.get<std::uint64_t>();
      if (!std::in_range<T>(number)) return wrong(key, "number of that size");
      out = static_cast<T>(number);
    } else if (value.is_number_integer()) {
      const auto number = value.get<std::int64_t>();
      if (!std::in_range<T>(number)) return wrong(key, "number of that size");
      out = static_cast<T>(number);
    } else {
      wrong(key, "whole number");
    }
  }
  void take(const char* key, const Json& value, WallTime& out, std::size_t) {
    std::int64_t micros = 0;
    take(key, value, micros, 0);
    out = WallTime(std::chrono::microseconds(micros));
  }
  void take(const char* key, const Json& value, RegionId& out, std::size_t) {
    take(key, value, out.name, 100);
  }
  void take(const char* key, const Json& value, Epoch& out, std::size_t) {
    take(key, value, out.value, 0);
  }
  void take(const char* key, const Json& value, Lsn& out, std::size_t) {
    take(key, value, out.value, 0);
  }
  void take(const char*, const Json& value, Json& out, std::size_t) { out = value; }
  template <typename T>
  void take(const char* key, const Json& value, std::optional<T>& out, std::size_t most) {
    T inner{};
    take(key, value, inner, most);
    out = std::move(inner);
  }
  template <typename T>
  void take(const char* key, const Json& value, std::vector<T>& out, std::size_t most) {
    if (!value.is_array()) return wrong(key, "list");
    if (value.size() > (most == 0 ? kListMax : most))
      return fail(std::string(key) + " is too long");
    std::vector<T> all;
    for (const Json& one : value) take(key, one, all.emplace_back(), 0);
    out = std::move(all);
  }
  void take(const char* key, const Json& value, std::set<std::string>& out, std::size_t most) {
    std::vector<std::string> all;
    take(key, value, all, most);
    out = {all.begin(), all.end()};
  }
  template <typename T>
  void take(const char* key, const Json& value, std::map<std::string, T>& out, std::size_t most) {
    if (!value.is_object()) return wrong(key, "object");
    if (value.size() > (most == 0 ? kListMax : most))
      return fail(std::string(key) + " is too long");
    std::map<std::string, T> all;
    for (const auto& [name, one] : value.items()) take(key, one, all[name], 0);
    out = std::move(all);
  }
  template <typename A, typename B>
  void take(const char* key, const Json& value, std::pair<A, B>& out, std::size_t) {
    if (!value.is_array() || value.size() != 2) return wrong(key, "pair");
    take(key, value[0], out.first, kTextBytesMax);
    take(key, value[1], out.second, kTextBytesMax);
  }
  // A struct: its own read() says what it has.
  template <typename T>
  requires requires(Fields& fields, T& out) { read(fields, out); }
  void take(const char* key, const Json& value, T& out, std::size_t) {
    Fields inner(value, key);
    read(inner, out);
    if (!inner.problem_.empty()) fail(inner.what_ + ": " + inner.problem_);
  }

  const Json& json_;
  std::string what_;
  std::string problem_;
};

// A T of what a peer, a file or a socket says. Fails with `corrupt`, naming `what` and the member.
template <typename T>
Result<T> decode(const nlohmann::json& json, std::string what) {
  T value{};
  Fields fields(json, std::move(what));
  read(fields, value);
  TRY_VOID(fields.finish());
  return value;
}

// The same from text.
template <typename T>
Result<T> decode_text(std::string_view text, std::string what) {
  const auto json = parse_json(text);
  if (json.is_discarded()) return make_error(ErrorKind::corrupt, what + " is no JSON");
  return decode<T>(json, std::move(what));
}

// JSON as text; bytes that are no UTF-8 (of a server's message, say) become a replacement.
inline std::string text_of(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace aurora_global::model
