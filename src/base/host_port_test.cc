#include "base/host_port.h"

#include <gtest/gtest.h>

namespace aurora_global {
namespace {

TEST(HostPort, IsSplitAtTheLastColon) {
  EXPECT_EQ(split_host_port("127.0.1.1:4566").host, "127.0.1.1");
  EXPECT_EQ(split_host_port("127.0.1.1:4566").port, "4566");
  EXPECT_EQ(split_host_port("[::1]:5432").host, "[::1]");
  EXPECT_EQ(split_host_port("db.example.com").host, "db.example.com");
  EXPECT_EQ(split_host_port("db.example.com").port, "");
}

}  // namespace
}  // namespace aurora_global
