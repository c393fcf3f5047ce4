#include "core/position.h"

#include <gtest/gtest.h>

namespace aurora_global::extension {
namespace {

TEST(Position, ReadsBackWhatItWrote) {
  for (const Position& position :
       {Position{}, Position{0x16'B374'D848, 0x1000, 3, 17, 0xffff'ffff'ffff'ffff, 16384,
                             pin_locks | pin_cursors}}) {
    EXPECT_EQ(decode_position(encode(position)), position);
  }
}

TEST(Position, RefusesEverythingElse) {
  for (const char* text :
       {"", "1", "1 2 3 4 5 6", "1 2 3 4 5 6 20", "1 2 3 4 5 6 1 ", "1  2 3 4 5 6 1",
        "-1 2 3 4 5 6 1", "1 2 100000000 4 5 6 1", "x 2 3 4 5 6 1"}) {
    EXPECT_EQ(decode_position(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace aurora_global::extension
