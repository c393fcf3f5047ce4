// Names and values in a start-up packet, read as PostgreSQL reads them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aurora_global::pgwire {

// Whether `text` is UTF-8: what a name has to be that a server can know.
bool is_utf8(std::string_view text);

// A name as PostgreSQL keeps it: at most 63 bytes, and no character of UTF-8 in two.
std::string kept_name(std::string_view name);

// A boolean in all of PostgreSQL's spellings; nullopt: it is none.
std::optional<bool> parse_bool(std::string_view value);

// For logs and JSON: what is no UTF-8 becomes a question mark.
std::string printable(std::string_view text);

}  // namespace aurora_global::pgwire
