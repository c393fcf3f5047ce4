#include "pg/lexing.h"

extern "C" {
#include "parser/parser.h"
#include "utils/guc_tables.h"
}

namespace aurora_global::extension {
namespace {

constexpr const char* kSettings[] = {"standard_conforming_strings", "escape_string_warning",
                                     "backslash_quote", "client_encoding"};

struct Look {
  int encoding;
  int backslash;
  bool standard_conforming;
  bool escape_warning;
};
Look at_begin = {-1, 0, false, false};

Look look_now() {
  return {pg_get_client_encoding(), backslash_quote, standard_conforming_strings,
          escape_string_warning};
}

const char* bool_text(bool value) { return value ? "on" : "off"; }

const char* backslash_text(int value) {
  if (value == BACKSLASH_QUOTE_SAFE_ENCODING) return "safe_encoding";
  return bool_text(value == BACKSLASH_QUOTE_ON);
}

const char* text_of(const Look& look, const char* name) {
  if (strcmp(name, "client_encoding") == 0) return pg_encoding_to_char(look.encoding);
  if (strcmp(name, "backslash_quote") == 0) return backslash_text(look.backslash);
  return bool_text(strcmp(name, "escape_string_warning") == 0 ? look.escape_warning
                                                              : look.standard_conforming);
}

void add(SettingItems& items, const char* name, const char* value) {
  SettingItem item;
  item.name = name;
  item.value = value;
  item.local = true;
  items.push_back(std::move(item));
}

}  // namespace

void note_lexing() { at_begin = look_now(); }

const Lexing& lexing_of_message(bool behind_others) {
  static auto* lexing = new Lexing;
  const Look now = look_now();
  const Look then = behind_others && at_begin.encoding >= 0 ? at_begin : now;
  contained([&] {
    *lexing = {then.encoding, {}, {}};
    for (const char* name : kSettings) {
      const char* before = text_of(then, name);
      const char* present = text_of(now, name);
      if (strcmp(before, present) == 0) continue;
      add(lexing->then, name, before);
      add(lexing->now, name, present);
    }
  });
  return *lexing;
}

}  // namespace aurora_global::extension
