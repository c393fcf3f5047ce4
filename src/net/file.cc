#include "net/file.h"

#include <fstream>

namespace aurora_global::net {

Result<std::string> read_file(const std::filesystem::path& file, std::size_t bytes_max) {
  std::ifstream in(file, std::ios::binary);
  std::string text;
  char piece[16 * 1024];
  while (in.read(piece, sizeof piece) || in.gcount() > 0) {
    text.append(piece, static_cast<std::size_t>(in.gcount()));
    if (text.size() > bytes_max) {
      return make_error(ErrorKind::exhausted,
                        file.string() + " is larger than " + std::to_string(bytes_max) + " bytes");
    }
  }
  // A folder opens, and fails at the first read.
  if (!in.eof() || in.bad()) {
    return make_error(ErrorKind::not_found, "cannot read " + file.string());
  }
  return text;
}

}  // namespace aurora_global::net
