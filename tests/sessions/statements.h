// Random SQL for the room that room.sql builds.
//
// A statement is a template of a table whose words in braces are filled in. Nothing in it depends
// on the clock, on process ids or on what else runs.
#pragma once

#include <array>
#include <string>

#include "messages.h"
#include "random.h"

namespace aurora_global::sessions {

enum class Kind {
  read,
  write,
  failing,
  transaction,
  setting,
  role,
  prepare,
  cursor,
  notify,
  lock,
  temporary,
  ddl,
  encoding,
  kCount,
};
constexpr std::size_t kKinds = static_cast<std::size_t>(Kind::kCount);

// A statement with parameters, as an application prepares it.
struct Prepared {
  std::string sql;
  std::string parameters;  // A letter each: i integer, t text.
};

class Statements {
 public:
  explicit Statements(Random& random);

  // As text that begins in UTF-8 and is put into the encoding that the client likely has.
  std::string one();
  std::string one(Kind kind);
  Prepared prepared();
  std::string value(char parameter);
  std::string copy_in();  // A COPY ... FROM STDIN, and in copy_rows() data for it.
  std::string copy_out();
  std::string copy_rows();

  // The client starts, or goes on, in this encoding.
  void note_encoding(std::string_view name) { encoding_ = name; }
  std::pair<std::string, std::string> startup_setting();

 private:
  std::string filled(std::string_view text);
  std::string word(std::string_view name);

  Random& random_;
  std::array<unsigned, kKinds> weights_{};
  std::string encoding_ = "UTF8";
};

}  // namespace aurora_global::sessions
