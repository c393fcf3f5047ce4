// Session settings (GUC variables) and the statements that carry them to another server.
//
// Pure: names and values in, SQL out.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace aurora_global::extension {

struct Setting {
  std::string value;
  bool local = false;    // Ends with the transaction.
  bool startup = false;  // Came with the client's start-up packet: RESET goes back to it.
  friend bool operator==(const Setting&, const Setting&) = default;
};
using Settings = std::map<std::string, Setting, std::less<>>;

// The statements that make a session with settings `from` have `to`.
std::vector<std::string> difference(const Settings& from, const Settings& to);

// Those of the start-up packet, and as the value of libpq's `options` that gives them to a new
// session.
Settings of_startup(const Settings& settings);
std::string startup_options(const Settings& settings);

// FNV-1a over names and values: equal settings have equal digests.
std::uint64_t digest(const Settings& settings);

// Settings as one line of text each, and back; what is malformed is left out.
std::string encode(const Settings& settings);
Settings decode(std::string_view text);

// An SQL literal (E'...'), right whatever standard_conforming_strings says.
std::string literal(std::string_view text);

// Settings that belong to one server or one transaction and never travel.
bool travels(std::string_view name);

}  // namespace aurora_global::extension
