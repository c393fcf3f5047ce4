#include "net/file.h"

#include <gtest/gtest.h>

#include <fstream>

namespace aurora_global::net {
namespace {

TEST(File, IsReadWholeWithinTheLimit) {
  char place[] = "/tmp/aurora-global-file-XXXXXX";
  const std::filesystem::path home = mkdtemp(place);
  const std::string text = std::string(40'000, 'x') + std::string("\0\n", 2);
  std::ofstream(home / "file", std::ios::binary) << text;
  std::ofstream(home / "empty").flush();
  EXPECT_EQ(*read_file(home / "file"), text);
  EXPECT_EQ(*read_file(home / "file", text.size()), text);
  EXPECT_EQ(read_file(home / "file", text.size() - 1).error().kind, ErrorKind::exhausted);
  EXPECT_EQ(*read_file(home / "empty"), "");
  for (const auto& none : {home / "none", home}) {
    EXPECT_EQ(read_file(none).error().kind, ErrorKind::not_found) << none;
  }
  std::filesystem::remove_all(home);
}

}  // namespace
}  // namespace aurora_global::net
